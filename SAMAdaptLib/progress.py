"""How long work speaks: one small protocol for terminal, worker, widget and silence.

Library functions take a ``Monitor`` and call it between slices or steps. They never print, know no Qt and no
progress bar. A monitor decides what to do with what it hears.
"""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

from .errors import Cancelled


@runtime_checkable
class Monitor(Protocol):
    """Hears about progress and says whether to stop."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """``done`` of ``total`` units of ``stage`` are finished (``stage`` is a short English phrase)."""

    def metric(self, name: str, step: int, value: float) -> None:
        """One point of a curve, such as the loss at a training step.

        A name with a slash ("held-out Dice/2") is a part of what is before it: of structure 2, say. May be NaN.
        """

    def warning(self, text: str) -> None:
        """Something the user should know that does not stop the work."""

    def cancelled(self) -> bool:
        """True once the user asked to stop. Cheap; called often."""


class Silent:
    """A monitor that ignores everything and never cancels."""

    def progress(self, stage: str, done: int, total: int) -> None:
        pass

    def metric(self, name: str, step: int, value: float) -> None:
        pass

    def warning(self, text: str) -> None:
        pass

    def cancelled(self) -> bool:
        return False


def raise_if_cancelled(monitor: Monitor) -> None:
    """Raise ``Cancelled`` if the monitor asks to stop."""
    if monitor.cancelled():
        raise Cancelled()


class TimeLeft:
    """Estimates the seconds left of a stage from the pace of its finished units."""

    def __init__(self) -> None:
        self._stage = ""
        self._began = 0.0
        self._first = 0

    def estimate(self, stage: str, done: int, total: int) -> float | None:
        """Seconds left, or None while there is nothing to judge by."""
        now = time.monotonic()
        if stage != self._stage or done < self._first:
            self._stage, self._began, self._first = stage, now, done
            return None
        finished = done - self._first
        if finished <= 0:
            return None
        return (now - self._began) / finished * max(total - done, 0)
