"""A button that becomes Cancel, with a bar and a line of text below it: the same in every panel."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from ...errors import Cancelled, SAMAdaptError
from .. import formatting as texts
from .. import worker_words

_STEPS = 1000


class ProgressView:
    """Shows one order. ``frame`` holds ``bar`` and ``label``; it is hidden until there is something to say."""

    def __init__(self, button: Any, frame: Any, bar: Any, label: Any) -> None:
        self._button, self._frame, self._bar, self._label = button, frame, bar, label
        self._idleText = button.text if button is not None else ""
        self._warnings: list[str] = []
        self._frame.visible = False

    def begin(self) -> None:
        """The order was taken."""
        self._warnings, self._standing = [], _("Preparing")
        self._tell()
        self._label.toolTip = ""
        self._bar.setRange(0, 0)
        self._bar.visible = True
        self._frame.visible = True

    def show(self, stage: str, fraction: float | None, secondsLeft: float | None) -> None:
        """Where it stands; a bar that runs to and fro while the length is unknown."""
        if fraction is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, _STEPS)
            self._bar.setValue(round(_STEPS * fraction))
        self._standing = texts.stage(stage, fraction, secondsLeft)
        self._tell()

    def warn(self, text: str) -> None:
        """Something that is worth knowing while it runs: below where it stands, to the end."""
        words = worker_words.warning(text)
        if words not in self._warnings:
            self._warnings.append(words)
            self._tell()

    def _tell(self) -> None:
        self._label.setText(texts.asText("\n".join([self._standing, *self._warnings])))

    def end(self, text: str = "") -> None:
        """It is over; ``text`` stays below the button."""
        self._bar.visible = False
        self._frame.visible = bool(text)
        self._label.setText(text)
        self._label.toolTip = ""

    def fail(self, error: SAMAdaptError) -> None:
        """It failed or was cancelled: said in the panel, without a popup."""
        self.end(texts.asText(str(error)) if isinstance(error, Cancelled) else texts.failure(error))
        self._label.toolTip = texts.details(error)

    def setButton(self, running: bool, cancelling: bool, problem: str, ready: str, cancelTip: str) -> None:
        """The button's face: what it does, or why it cannot."""
        if running:
            self._button.text = _("Cancelling...") if cancelling else _("Cancel")
            self._button.enabled = not cancelling
            self._button.toolTip = cancelTip
        else:
            self._button.text = self._idleText
            self._button.enabled = not problem
            self._button.toolTip = problem or ready
