"""A monitor for tests: it keeps what it hears, and cancels when it is told to."""

from __future__ import annotations

from collections.abc import Callable

from SAMAdaptLib.progress import Silent


class Listener(Silent):
    """``steps``: what was told of progress, in order; ``asked``: how often whether to stop.

    It cancels once ``stop`` is true, or whenever ``stops``, which is given this listener, says so.
    """

    def __init__(self, stops: Callable[[Listener], bool] | None = None) -> None:
        self.warnings: list[str] = []
        self.steps: list[tuple[str, int, int]] = []
        self.asked = 0
        self.stop = False
        self._stops = stops

    @property
    def stages(self) -> list[str]:
        """The phrases of all steps, in order."""
        return [stage for stage, _, _ in self.steps]

    def progress(self, stage: str, done: int, total: int) -> None:
        self.steps.append((stage, done, total))

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def cancelled(self) -> bool:
        self.asked += 1
        return self.stop or (self._stops is not None and self._stops(self))
