"""A training or segmentation of nodes on its way: files, job, result in the scene, whoever keeps it going. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .errand import Errand
from .errors import Cancelled, SAMAdaptError
from .faults import described
from .handles import Callbacks, JobHandle, JobRunner
from .inprocess import nap
from .jobfolder import JobFolder
from .progress import Silent

PATIENCE_SECONDS = 6.0
"""How long an interrupted or abandoned run may take to wind up; the worker's own patience with a cancel is 5."""


class Run:
    """One training or segmentation on its way; belongs to the main thread.

    Files are written and read in a thread, the job runs wherever the runner runs it, and the result enters the scene
    inside ``poll``. ``result`` is the head or the segmentation node once ``finished``, or ``error`` says why not. A
    cancelled training that kept a head has both.
    """

    def __init__(self, plan: Any, runner: JobRunner, deliver: Callable[[dict[str, Any], Any], Any]) -> None:
        self.facts: dict[str, Any] = {}
        self.result: Any = None
        self.error: SAMAdaptError | None = None
        self.finished = False
        self.stage = "Reading the scene"
        self.fraction: float | None = None
        self.secondsLeft: float | None = None
        self.warnings: list[str] = []
        self._plan, self._runner, self._deliver = plan, runner, deliver
        self._folder: JobFolder | None = JobFolder()
        self._handle: JobHandle | None = None
        self._cancelled = False
        self._errand: Errand | None = Errand(lambda: plan.prepare(self._folder, _Listener(self)))

    def cancel(self) -> None:
        """Ask it to stop; a later ``poll`` finishes it. Harmless when it is over."""
        self._cancelled = True
        if self._handle is not None:
            self._handle.cancel()

    def poll(self) -> bool:
        """Go on as far as possible without waiting. Returns True until it is finished. Never raises."""
        if self.finished:
            return False
        try:
            self._advance()
        except Exception as error:  # whatever it is, the run must end and its files must go
            self._end(described(error))
        return not self.finished

    def wait(self, timeout: float | None = None, pause: Callable[[], object] = nap) -> Any:
        """Poll until it is finished and return ``result``. Raises its error, Cancelled included.

        When ``timeout`` seconds go by first, returns None. ``pause`` is called in between. An interrupt from the
        keyboard cancels the run.
        """
        try:
            self._poll_until(None if timeout is None else time.monotonic() + timeout, pause)
        except KeyboardInterrupt:
            self.cancel()
            self._poll_until(time.monotonic() + PATIENCE_SECONDS, pause)
            raise
        if self.error is not None:
            raise self.error
        return self.result

    def abandon(self) -> None:
        """End it now: its runner is closed. Waits for a file that is just being written, a few seconds at most."""
        self.cancel()
        if self._errand is not None:
            self._errand.join(PATIENCE_SECONDS)
        if not self.finished:
            self._end(Cancelled())

    def _poll_until(self, deadline: float | None, pause: Callable[[], object]) -> None:
        while self.poll() and (deadline is None or time.monotonic() < deadline):
            pause()

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def _advance(self) -> None:
        self._runner.poll()
        if self._errand is not None:
            if self._errand.finished:
                errand, self._errand = self._errand, None
                self._after(errand)
        elif self._handle is not None and self._handle.finished:
            self._collect(self._handle)

    def _after(self, errand: Errand) -> None:
        """The files are written, or read."""
        if errand.error is not None:
            self._end(errand.error)
        elif self._handle is None and self._cancelled:
            self._end(Cancelled())
        elif self._handle is None:
            self._handle = self._runner.submit(errand.value, self._callbacks())
        else:
            self.result = self._deliver(self.facts, errand.value)
            self._end(self._handle.error)

    def _collect(self, handle: JobHandle) -> None:
        if handle.result is None:
            self._end(handle.error or Cancelled())
            return
        self.facts = handle.result
        self._errand = Errand(lambda: self._plan.fetch(self.facts))

    def _callbacks(self) -> Callbacks:
        def heard(handle: JobHandle, stage: str, _done: int, _total: int, left: float | None) -> None:
            self.stage, self.fraction, self.secondsLeft = stage, handle.fraction, left

        return Callbacks(progress=heard, warning=lambda _handle, text: self.warnings.append(text))

    def _end(self, error: SAMAdaptError | None) -> None:
        self.error = error
        self.finished = True
        if self._folder is not None:
            self._folder.remove()
            self._folder = None


class _Listener(Silent):
    """The monitor of the thread that writes the files: takes warnings, says when to stop."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def warning(self, text: str) -> None:
        self._run.warnings.append(text)

    def cancelled(self) -> bool:
        return self._run.cancelled
