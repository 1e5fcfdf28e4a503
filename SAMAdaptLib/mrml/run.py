"""A training or segmentation of nodes on its way: files, job, result in the scene, whoever keeps it going. No Qt."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..errors import Cancelled, SAMAdaptError
from ..jobs.specs import Job
from ..progress import READING_RESULT, READING_SCENE, STARTING, WRITING_VOLUMES, Forwarding, Monitor, Silent
from ..utils.background import BackgroundTask
from ..utils.faults import described
from ..worker.folder import JobFolder
from ..worker.handle import Callbacks, JobHandle, JobRunner
from ..worker.in_process import short_sleep

_GATHER_SECONDS = 0.015

PATIENCE_SECONDS = 6.0
"""How long an interrupted or abandoned run may take to wind up; the worker's own patience with a cancel is 5."""


class Plan(Protocol):
    """What is done where: ``gather`` on the main thread, the rest in a thread, touching neither nodes nor widgets."""

    @property
    def gather(self) -> Callable[[], Iterator[None]]:
        """Copies from the scene what the files need, in steps of a millisecond or so."""

    @property
    def prepare(self) -> Callable[[JobFolder, Monitor], Job | None]:
        """Writes the input files and gives the job, or None when there is nothing more to do."""

    @property
    def fetch(self) -> Callable[[dict[str, Any]], Any]:
        """Reads the result files of a job's result."""


class Run:
    """One training or segmentation on its way; belongs to the main thread.

    Voxels are gathered inside ``poll``, files are written and read in a thread, the job runs wherever the runner runs
    it (``runner()`` is called when it is ready to), and ``deliver(facts, fetched)`` brings the result into the scene
    inside ``poll``. ``result`` is what ``deliver`` gives once ``finished``, or ``error`` says why not. A cancelled
    training that kept a head has both. ``heard`` is called for what the runner tells.
    """

    def __init__(
        self,
        plan: Plan,
        runner: Callable[[], JobRunner],
        deliver: Callable[[dict[str, Any], Any], Any],
        heard: Callbacks | None = None,
    ) -> None:
        self.facts: dict[str, Any] = {}
        self.result: Any = None
        self.error: SAMAdaptError | None = None
        self.finished = False
        self.cancelled = False
        self.stage = READING_SCENE.text()
        self.fraction: float | None = None
        self.secondsLeft: float | None = None
        self.warnings: list[str] = []
        self._plan, self._obtain, self._deliver, self._heard = plan, runner, deliver, heard or Callbacks()
        self._runner: JobRunner | None = None
        self._handle: JobHandle | None = None
        self._sweeper: threading.Thread | None = None
        self._folder = JobFolder()
        self._errand: BackgroundTask | None = None
        self._gathering: Iterator[None] | None = plan.gather()

    @property
    def filing(self) -> bool:
        """Whether a thread of this process writes or reads files just now."""
        return self._errand is not None

    @property
    def sweeping(self) -> bool:
        """Whether a thread still deletes the files of a run that is over."""
        return self._sweeper is not None and self._sweeper.is_alive()

    def cancel(self) -> None:
        """Ask it to stop; a later ``poll`` finishes it. Harmless when it is over."""
        self.cancelled = True
        if self._handle is not None:
            self._handle.cancel()

    def poll(self) -> bool:
        """Go on as far as possible without waiting. Returns True until it is finished. Never raises."""
        if self.finished:
            return False
        try:
            self._advance()
        except Exception as error:  # whatever it is, the run must end and its files must go
            if not isinstance(error, SAMAdaptError):
                logging.exception("SAMAdapt: a job's result could not be used")
            self._end(described(error))
        return not self.finished

    def wait(self, timeout: float | None = None, pause: Callable[[], object] = short_sleep) -> Any:
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
        finally:
            self.settle()
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
        self.settle()

    def settle(self) -> None:
        """Wait until the files of a run that is over are gone, a few seconds at most."""
        if self._sweeper is not None:
            self._sweeper.join(PATIENCE_SECONDS)

    def _poll_until(self, deadline: float | None, pause: Callable[[], object]) -> None:
        while self.poll() and (deadline is None or time.monotonic() < deadline):
            pause()

    def _advance(self) -> None:
        if self._runner is not None:
            self._runner.poll()
        if self.finished:
            return  # what was heard ended it
        if self._gathering is not None:
            self._gather(self._gathering)
        elif self._errand is not None:
            if self._errand.finished:
                errand, self._errand = self._errand, None
                self._after(errand)
        elif self._handle is not None and self._handle.finished:
            self._collect(self._handle)

    def _gather(self, steps: Iterator[None]) -> None:
        """As many steps as a user interface does not notice; after the last one the files are written."""
        end = time.monotonic() + _GATHER_SECONDS
        for _step in steps:
            if self.cancelled:
                self._end(Cancelled())
                return
            if time.monotonic() > end:
                return
        self._gathering = None
        self.stage = WRITING_VOLUMES.text()
        self._errand = BackgroundTask(lambda: self._plan.prepare(self._folder, _RunMonitor(self)))

    def _after(self, errand: BackgroundTask) -> None:
        """The files are written, or read."""
        if errand.error is not None:
            self._end(errand.error)
        elif self._handle is not None:
            self._finish(errand.value, self._handle.error)
        elif self.cancelled:
            self._end(Cancelled())
        elif errand.value is None:
            self._finish(None, None)
        else:
            self.stage = STARTING.text()
            self._runner = self._obtain()
            self._handle = self._runner.submit(errand.value, self._callbacks())

    def _collect(self, handle: JobHandle) -> None:
        if handle.result is None:
            self._end(handle.error or Cancelled())
            return
        self.facts = handle.result
        self.stage, self.fraction, self.secondsLeft = READING_RESULT.text(), None, None
        self._errand = BackgroundTask(lambda: self._plan.fetch(self.facts))

    def _finish(self, fetched: Any, error: SAMAdaptError | None) -> None:
        self.result = self._deliver(self.facts, fetched)
        self._end(error)

    def _callbacks(self) -> Callbacks:
        def progress(handle: JobHandle, stage: str, done: int, total: int, left: float | None) -> None:
            self.stage, self.fraction, self.secondsLeft = stage, handle.fraction, left
            self._heard.progress(handle, stage, done, total, left)

        def warning(handle: JobHandle, text: str) -> None:
            self.warnings.append(text)
            self._heard.warning(handle, text)

        return Callbacks(progress=progress, metric=self._heard.metric, warning=warning)

    def _end(self, error: SAMAdaptError | None) -> None:
        """Over. The files go in a thread: some file systems take their time over large ones."""
        self.error = error
        self.finished = True
        self._sweeper = threading.Thread(target=self._folder.remove, name="SAMAdapt sweeper")
        self._sweeper.start()


class _RunMonitor(Forwarding):
    """The monitor of the thread that writes the files: keeps warnings for the run, says when to stop."""

    def __init__(self, run: Run) -> None:
        super().__init__(Silent())
        self._run, self.warnings = run, run.warnings

    def cancelled(self) -> bool:
        return self._run.cancelled
