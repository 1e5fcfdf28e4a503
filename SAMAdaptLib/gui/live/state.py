"""What is shown of a live annotation, and what it is asked to use: plain values, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from slicer.i18n import tr as _


class Phase(Enum):
    """Where a live annotation stands."""

    OFF = "off"
    WAITING = "waiting"
    READING = "reading"
    ENCODING = "encoding"
    FITTING = "fitting"
    PREDICTING = "predicting"
    READY = "ready"
    FAILED = "failed"


RUNNING = (Phase.READING, Phase.ENCODING, Phase.FITTING, Phase.PREDICTING, Phase.READY)


@dataclass(frozen=True)
class LiveSettings:
    """How the volume is looked at; the words of the job."""

    encoder: str
    input_size: int | None = None
    plane: str = "auto"
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class LiveState:
    """What the controls show. ``certainty`` is by slice, None where it is not known yet.

    ``settled``: the preview belongs to the newest strokes; ``complete``: on every slice. ``note`` is the last thing
    that was done, ``error`` what went wrong (rich text).
    """

    phase: Phase = Phase.OFF
    problem: str = ""
    note: str = ""
    error: str = ""
    details: str = ""
    fraction: float | None = None
    painted: bool = False
    settled: bool = False
    complete: bool = False
    accepting: bool = False
    certainty: Sequence[float | None] = ()
    annotated: Sequence[int] = ()
    empty: Sequence[int] = ()
    strokes: Sequence[int] = ()
    visible: int | None = None
    next: int | None = None
    solid: bool = False

    @property
    def running(self) -> bool:
        return self.phase in RUNNING

    def but(self, **changes: Any) -> LiveState:
        """The same with some values changed."""
        return replace(self, **changes)

    # What the buttons say -----------------------------------------------------------------------------------------

    def acceptProblem(self) -> str:
        """Why the preview cannot be accepted, "" when it can."""
        if not self.running:
            return _("Turn the live preview on first.")
        if not self.painted:
            return _("Paint a structure on a slice first.")
        if self.accepting:
            return _("The preview is being written.")
        return "" if self.settled and self.complete else _("Wait until the whole volume is previewed.")

    def acceptSliceProblem(self) -> str:
        """Why the visible slice cannot be accepted, "" when it can."""
        if not self.running or not self.painted or self.accepting:
            return self.acceptProblem()
        if self.visible is None:
            return _("Show the volume in a view of this direction.")
        if self.visible in self.annotated:
            return _("You annotated this slice yourself.")
        known = self.visible < len(self.certainty) and self.certainty[self.visible] is not None
        return "" if self.settled and known else _("Wait until this slice is previewed.")

    def emptyProblem(self) -> str:
        """Why the visible slice cannot be marked as showing nothing, "" when it can (or can be unmarked)."""
        if not self.running:
            return _("Turn the live preview on first.")
        if self.visible is None:
            return _("Show the volume in a view of this direction.")
        if self.visible in self.strokes and self.visible not in self.empty:
            return _("There are strokes on this slice.")
        return ""

    def nextProblem(self) -> str:
        """Why there is no next slice, "" when there is."""
        if not self.running:
            return _("Turn the live preview on first.")
        if not self.painted:
            return _("Paint a structure on a slice first.")
        return "" if self.next is not None else _("Every slice is annotated, or the preview is not ready yet.")

    def text(self) -> str:
        """One line on where it stands."""
        if self.phase is Phase.OFF:
            return self.problem or self.note
        if self.phase is Phase.WAITING:
            return _("Another job is running; the live preview goes on when it is over.")
        if self.phase is Phase.READING:
            return _("Reading the volume")
        if not self.painted and self.phase is not Phase.ENCODING:
            return _("Paint a structure on a slice: the preview follows.")
        words = {
            Phase.ENCODING: _("Looking at the slices"),
            Phase.FITTING: _("Learning from your strokes"),
            Phase.PREDICTING: _("Previewing"),
        }
        return words.get(self.phase, self._settledText())

    def _settledText(self) -> str:
        if self.note:
            return self.note
        if self.next is None:
            return _("The whole volume is previewed.")
        return _("The whole volume is previewed; it is least sure of slice {number}.").format(number=self.next + 1)
