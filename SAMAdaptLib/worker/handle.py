"""What somebody who asked for a job holds while it runs, whoever runs it (the worker process or this one)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from ..errors import Cancelled, SAMAdaptError
from ..jobs.specs import Job
from .folder import JobFolder


class JobState(Enum):
    """Where a job stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def _ignore(*_: Any) -> None:
    pass


@dataclass
class Callbacks:
    """What to call while a job runs. All are called from ``poll()`` only, in the thread that polls.

    ``started(handle)``; ``progress(handle, stage, done, total, seconds_left or None)``;
    ``metric(handle, name, step, value or None)``; ``warning(handle, text)``; ``event(handle, about, data)`` what a job
    that stays open tells; ``finished(handle)`` exactly once, at the end in every outcome, before the job's private
    folder is removed.
    """

    started: Callable[[JobHandle], None] = _ignore
    progress: Callable[[JobHandle, str, int, int, float | None], None] = _ignore
    metric: Callable[[JobHandle, str, int, float | None], None] = _ignore
    warning: Callable[[JobHandle, str], None] = _ignore
    event: Callable[[JobHandle, str, dict[str, Any]], None] = _ignore
    finished: Callable[[JobHandle], None] = _ignore


@dataclass(eq=False)
class JobHandle:
    """One submitted job. Read it at will, from the polling thread; only its runner writes to it.

    ``result`` is the job's dictionary; a training cancelled after its first good state has one too (state CANCELLED,
    ``result["head"]`` is the best head so far). ``error`` is set in states FAILED and CANCELLED.
    """

    id: int
    job: Job
    callbacks: Callbacks = field(default_factory=Callbacks)
    folder: JobFolder | None = None
    _ask_to_cancel: Callable[[JobHandle], None] = field(default=_ignore, repr=False)
    _tell: Callable[[JobHandle, str, dict[str, Any]], None] = field(default=_ignore, repr=False)
    state: JobState = JobState.QUEUED
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    warnings: list[str] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: SAMAdaptError | None = None

    @property
    def finished(self) -> bool:
        return self.state in FINAL

    @property
    def fraction(self) -> float | None:
        """Of the present stage, 0..1; None while its length is unknown."""
        return min(self.done / self.total, 1.0) if self.total > 0 else None

    def cancel(self) -> None:
        """Ask the job to stop. ``finished`` comes from a later ``poll()``. Harmless when it is over already."""
        if not self.finished:
            self._ask_to_cancel(self)

    def tell(self, about: str, data: dict[str, Any]) -> None:
        """Tell something to a job that runs and stays open. One that waits or is over hears nothing."""
        if not self.finished:
            self._tell(self, about, data)

    def outcome(self) -> dict[str, Any]:
        """The result of a job that is over. Raises its error; ``Cancelled`` also where a head was kept."""
        if self.state is JobState.DONE and self.result is not None:
            return self.result
        raise self.error or Cancelled("The job is not over yet.")

    # What runners call ------------------------------------------------------------------------------------------

    def hear_started(self) -> None:
        if self.state is JobState.QUEUED:
            self.state = JobState.RUNNING
        self.callbacks.started(self)

    def hear_progress(self, stage: str, done: int, total: int, seconds_left: float | None) -> None:
        self.stage, self.done, self.total, self.seconds_left = stage, done, total, seconds_left
        self.callbacks.progress(self, stage, done, total, seconds_left)

    def hear_metric(self, name: str, step: int, value: float | None) -> None:
        self.callbacks.metric(self, name, step, value)

    def hear_warning(self, text: str) -> None:
        self.warnings.append(text)
        self.callbacks.warning(self, text)

    def hear_event(self, about: str, data: dict[str, Any]) -> None:
        self.callbacks.event(self, about, data)

    def hear_result(self, result: dict[str, Any]) -> None:
        if result.get("cancelled"):
            self.result = result
            self.end(JobState.CANCELLED, Cancelled(str(result.get("note") or "Cancelled.")))
        else:
            self.result = result
            self.end(JobState.DONE)

    def hear_error(self, error: SAMAdaptError) -> None:
        self.end(JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED, error)

    def end(self, state: JobState, error: SAMAdaptError | None = None) -> None:
        """Complete exactly once: state first, then ``finished``, then the folder goes, whatever ``finished`` does."""
        if self.finished:
            return
        self.state, self.error = state, error
        try:
            self.callbacks.finished(self)
        finally:
            self.drop_folder()

    def end_silently(self) -> None:
        """Cancelled because its runner closes: no callback, nothing left behind."""
        if not self.finished:
            self.state, self.error = JobState.CANCELLED, Cancelled()
        self.drop_folder()

    def drop_folder(self) -> None:
        if self.folder is not None:
            self.folder.remove()


class JobRunner(Protocol):
    """What the panel, the console and tests need of whoever runs jobs: ``WorkerClient`` or ``InProcessRunner``."""

    @property
    def busy(self) -> bool:
        """True while a job runs or waits."""

    def submit(self, job: Job, callbacks: Callbacks | None = None, folder: JobFolder | None = None) -> JobHandle:
        """Queue a job; it starts at the next ``poll``. ``folder`` is removed when the job is over."""

    def poll(self) -> bool:
        """Handle what happened since the last call, without waiting. Returns ``busy``."""

    def wait(self, handle: JobHandle, timeout: float | None = None, pause: Callable[[], object] = ...) -> JobHandle:
        """Poll until the job is over or ``timeout`` seconds went by, calling ``pause`` in between."""

    def close(self) -> None:
        """End everything; jobs not over are cancelled without callbacks."""


def poll_until_over(
    runner: JobRunner, handle: JobHandle, timeout: float | None, pause: Callable[[], object]
) -> JobHandle:
    """The loop of ``wait``, the same for every runner."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        runner.poll()
        if handle.finished or (deadline is not None and time.monotonic() >= deadline):
            return handle
        pause()
