"""The list of encoders: with size, licence, and whether the weights are here."""

from __future__ import annotations

from html import escape
from typing import Any

from slicer.i18n import tr as _

from ..encoders.registry import ENTRIES, EncoderEntry
from ..encoders.weights import seems_here
from . import texts


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
                self._parameters.encoder = name


def description(entry: EncoderEntry | None) -> str:
    """One line: size, licence, here or to be fetched."""
    if entry is None or not entry.file:
        return ""
    state = _("on this computer") if seems_here(entry) else _("fetched at its first use")
    return _("{size}, {licence}, {state}").format(
        size=texts.size(entry.bytes), licence=escape(entry.licence), state=state
    )
