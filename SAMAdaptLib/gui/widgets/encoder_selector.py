"""The list of encoders: with size, licence, and whether the weights are here."""

from __future__ import annotations

from html import escape
from typing import Any

from slicer.i18n import tr as _

from ...encoders.registry import ENTRIES, EncoderEntry
from ...encoders.weights.store import seems_here
from .. import formatting as texts


def shownEntries() -> list[EncoderEntry]:
    """The encoders to choose from."""
    return [entry for entry in ENTRIES.values() if not entry.hidden]


class EncoderSelector:
    """A combo box bound to ``parameters.encoder``, and a line about the choice."""

    def __init__(self, selector: Any, label: Any) -> None:
        self._selector, self._label = selector, label
        self._parameters: Any = None
        for entry in shownEntries():
            selector.addItem(entry.title, entry.name)
        selector.connect("currentIndexChanged(int)", self._onChanged)

    def setParameters(self, parameters: Any) -> None:
        self._parameters = parameters

    def refresh(self) -> None:
        """Show the choice; one that is not in the list (a test's, a path) is added to it."""
        if self._parameters is None:
            return
        name = self._parameters.encoder
        if self._selector.findData(name) < 0:
            self._selector.addItem(name, name)
        self._selector.setCurrentIndex(self._selector.findData(name))
        self._label.setText(description(ENTRIES.get(name)))

    def _onChanged(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            name = str(self._selector.itemData(index))
            if self._parameters.encoder != name:
                self._parameters.inputSize = 0  # the sizes of one encoder are not those of another
                self._parameters.encoder = name


class InputSizeSelector:
    """A combo box bound to ``parameters.inputSize``: the sizes that the chosen encoder fits best, 0 for automatic."""

    def __init__(self, selector: Any) -> None:
        self._selector = selector
        self._parameters: Any = None
        self._filling = False
        self._shown: list[int] = []
        selector.connect("currentIndexChanged(int)", self._onChanged)

    def setParameters(self, parameters: Any) -> None:
        self._parameters = parameters

    def refresh(self) -> None:
        """The choices of the present encoder; a size that a script chose is added to them."""
        if self._parameters is None:
            return
        entry, chosen = ENTRIES.get(self._parameters.encoder), self._parameters.inputSize
        sizes = sorted({0, chosen, *(entry.sizes if entry is not None else ())})
        self._filling = True
        try:
            if sizes != self._shown:
                self._shown = sizes
                self._selector.clear()
                for size in sizes:
                    self._selector.addItem(_("{size} pixels").format(size=size) if size else _("Automatic"), size)
            self._selector.setCurrentIndex(self._selector.findData(chosen))
        finally:
            self._filling = False
        self._selector.enabled = len(sizes) > 1
        self._selector.toolTip = (
            _("Pixels a side of what the encoder sees. Fewer are quicker; automatic goes by time and by the slices.")
            if len(sizes) > 1
            else _("This encoder sees slices at a size of its own.")
        )

    def _onChanged(self, index: int) -> None:
        if self._parameters is not None and not self._filling and index >= 0:
            size = int(self._selector.itemData(index))
            if self._parameters.inputSize != size:
                self._parameters.inputSize = size


def description(entry: EncoderEntry | None) -> str:
    """One line: size, licence, here or to be fetched."""
    if entry is None or not entry.file:
        return ""
    state = _("on this computer") if seems_here(entry) else _("fetched at its first use")
    return _("{size}, {licence}, {state}").format(
        size=texts.size(entry.bytes), licence=escape(entry.licence), state=state
    )
