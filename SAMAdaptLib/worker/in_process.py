"""Runs jobs in this process, behind the worker client's interface: for the console and for tests.

``poll()`` runs one waiting job from beginning to end; callbacks come straight from it. A callback may call
``handle.cancel()``.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import Cancelled, SAMAdaptError
from ..jobs.specs import Job
from ..progress import Monitor, TimeLeft
from .folder import JobFolder
from .handle import Callbacks, JobHandle, JobState, poll_until_over


def short_sleep() -> None:
    """What to do between two polls in a console."""
    time.sleep(0.02)


class InProcessRunner:
    """A ``JobRunner`` without a process. ``run(job, monitor) -> dict`` may be replaced in tests."""

    def __init__(self, run: Callable[[Job, Monitor], dict[str, Any]] | None = None) -> None:
        self._run = run
        self._numbers = itertools.count(1)
        self._waiting: deque[JobHandle] = deque()
        self._current: JobHandle | None = None

    @property
    def busy(self) -> bool:
        return bool(self._current or self._waiting)

    def submit(self, job: Job, callbacks: Callbacks | None = None, folder: JobFolder | None = None) -> JobHandle:
        """Queue a job; the next ``poll`` runs it."""
        handle = JobHandle(next(self._numbers), job, callbacks or Callbacks(), folder, _ask_to_cancel=self._cancel)
        self._waiting.append(handle)
        return handle

    def poll(self) -> bool:
        """Run the next waiting job, if none runs already (a callback may poll). Returns ``busy``."""
        if self._current is None and self._waiting:
            self._current = self._waiting.popleft()
            try:
                self._run_one(self._current)
            finally:
                self._current = None
        return self.busy

    def wait(
        self, handle: JobHandle, timeout: float | None = None, pause: Callable[[], object] = short_sleep
    ) -> JobHandle:
        """Poll until the job is over."""
        return poll_until_over(self, handle, timeout, pause)

    def close(self) -> None:
        """Forget what waits."""
        while self._waiting:
            self._waiting.popleft().end_silently()

    def _cancel(self, handle: JobHandle) -> None:
        handle.state = JobState.CANCELLING

    def _run_one(self, handle: JobHandle) -> None:
        if handle.state is JobState.CANCELLING:
            handle.end(JobState.CANCELLED, Cancelled())
            return
        handle.hear_started()
        try:
            result = self._runner()(handle.job, HandleMonitor(handle))
        except SAMAdaptError as error:
            handle.hear_error(error)
        except MemoryError:
            from ..utils.faults import described

            handle.hear_error(described(MemoryError()))
        except Exception as error:  # a fault of ours must end the job, too
            from ..utils.faults import described

            handle.hear_error(described(error))
        else:
            handle.hear_result(result)

    def _runner(self) -> Callable[[Job, Monitor], dict[str, Any]]:
        if self._run is None:
            from ..jobs.runner import run_job

            self._run = run_job
        return self._run


class HandleMonitor:
    """A monitor that speaks to a handle."""

    def __init__(self, handle: JobHandle) -> None:
        self._handle = handle
        self._time_left = TimeLeft()

    def progress(self, stage: str, done: int, total: int) -> None:
        self._handle.hear_progress(stage, done, total, self._time_left.estimate(stage, done, total))

    def metric(self, name: str, step: int, value: float) -> None:
        self._handle.hear_metric(name, step, value)

    def warning(self, text: str) -> None:
        self._handle.hear_warning(text)

    def cancelled(self) -> bool:
        return self._handle.state is JobState.CANCELLING
