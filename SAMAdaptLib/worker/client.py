"""The side that talks to the worker process: starts it, hands it jobs one at a time, ends it when it must.

    client = WorkerClient()
    handle = client.submit(SegmentJob(...), Callbacks(finished=show))
    # a Qt timer calls client.poll() every 50 ms; a console calls client.wait(handle)

A reader thread only fills a queue; everything else, callbacks included, happens inside ``poll()`` in the owner's
thread, and nothing here waits except ``wait`` and ``close``. A worker that dies or will not stop costs its job and
no more: the next job starts another.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import Cancelled, MemoryExhausted, SAMAdaptError, WorkerError
from ..jobs.specs import Job
from ..utils.process import explain_exit
from . import protocol as wire
from .connection import WorkerConnection
from .folder import JobFolder, remove_stale
from .handle import Callbacks, JobHandle, JobRunner, JobState, poll_until_over
from .in_process import InProcessRunner, short_sleep

__all__ = ["Callbacks", "InProcessRunner", "JobFolder", "JobHandle", "JobRunner", "JobState", "WorkerClient"]

_HELLO_SECONDS = 90.0
_EVENT_SECONDS = 0.01
"""How long a poll may act on what jobs that stay open tell."""


class WorkerClient:
    """A ``JobRunner`` on a resident worker process.

    ``command`` starts the worker (default: this Python, ``-m SAMAdaptLib.worker.server``); ``environment`` is added to
    this process's; ``threads`` pins the worker's computations to that many. After a cancel the worker has
    ``grace_seconds`` to notice and then ``wrap_up_seconds`` to keep what it has (a training writes its best head);
    then its process tree is ended.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        threads: int | None = None,
        idle_minutes: float = 20.0,
        grace_seconds: float = 5.0,
        wrap_up_seconds: float = 30.0,
    ) -> None:
        self._command = list(command or (sys.executable, "-m", "SAMAdaptLib.worker"))
        self._command += ["--idle-minutes", str(idle_minutes)] + (["--threads", str(threads)] if threads else [])
        self._environment = dict(environment or {})
        self._grace, self._wrap_up = grace_seconds, wrap_up_seconds
        self._numbers = itertools.count(1)
        self._waiting: deque[JobHandle] = deque()
        self._dropped: deque[JobHandle] = deque()  # cancelled before they began; to be told by poll()
        self._current: JobHandle | None = None
        self._started = False  # the worker said that it began with the current job
        self._deadline: float | None = None
        self._link: WorkerConnection | None = None
        remove_stale()

    # What the owner calls ---------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while a job runs or waits."""
        return bool(self._current or self._waiting or self._dropped)

    @property
    def pid(self) -> int | None:
        """The process started last, if it is still there."""
        return self._link.pid if self._link else None

    def submit(self, job: Job, callbacks: Callbacks | None = None, folder: JobFolder | None = None) -> JobHandle:
        """Queue a job; it starts at a later ``poll``. ``folder`` is removed after ``finished``, in every outcome."""
        handle = JobHandle(next(self._numbers), job, callbacks or Callbacks(), folder, self._cancel, self._tell)
        self._waiting.append(handle)
        return handle

    def warm_up(self) -> None:
        """Start the worker before there is a job for it. A failure shows at the first job."""
        if self._link is None:
            self._try_to_start()

    def poll(self) -> bool:
        """Hear the worker, keep the deadlines, start the next job. Returns ``busy``. Never waits.

        An exception of a callback comes out of here; what it interrupted goes on at the next call.
        """
        while self._dropped:
            self._dropped.popleft().end(JobState.CANCELLED, Cancelled())
        self._read_messages()
        self._check_deadline()
        self._start_next()
        return self.busy

    def wait(
        self, handle: JobHandle, timeout: float | None = None, pause: Callable[[], object] = short_sleep
    ) -> JobHandle:
        """Poll until the job is over or ``timeout`` seconds went by; ``pause`` is called in between."""
        return poll_until_over(self, handle, timeout, pause)

    def close(self) -> None:
        """End the worker, in two seconds at most. Jobs not over are cancelled without callbacks."""
        link, self._link = self._link, None
        if link is not None:
            link.leave(patience=0.0 if self._current else 2.0)
        for handle in [self._current, *self._waiting, *self._dropped]:
            if handle is not None:
                handle.end_silently()
        self._current = None
        self._waiting.clear()
        self._dropped.clear()

    # Cancelling -------------------------------------------------------------------------------------------------

    def _cancel(self, handle: JobHandle) -> None:
        if handle in self._waiting:
            self._waiting.remove(handle)
            self._dropped.append(handle)
        elif handle is self._current and handle.state is not JobState.CANCELLING:
            handle.state = JobState.CANCELLING
            self._deadline = time.monotonic() + self._grace
            if self._link is not None:
                self._link.say(wire.Cancel(handle.id))

    def _check_deadline(self) -> None:
        if self._deadline is None or time.monotonic() < self._deadline:
            return
        if self._current is not None and self._current.state is JobState.CANCELLING:
            self._finish_and_drop(Cancelled())
        else:
            text = f"The worker did not answer within {_HELLO_SECONDS:.0f} s of its start."
            self._finish_and_drop(self._exit_error(text))

    def _tell(self, handle: JobHandle, about: str, data: dict[str, Any]) -> None:
        if handle is self._current and self._started and self._link is not None:
            self._link.say(wire.Tell(handle.id, about, data))

    # Hearing ----------------------------------------------------------------------------------------------------

    def _read_messages(self) -> None:
        enough = time.monotonic() + _EVENT_SECONDS
        while self._link is not None:
            try:
                word = self._link.next_word()
            except WorkerError as error:  # it speaks nonsense: it cannot be trusted with the next job either
                self._finish_and_drop(error)
                return
            if word is None:
                break
            self._act_on(word)
            if isinstance(word, wire.Event) and time.monotonic() > enough:
                return  # the rest at the next poll: a live preview must not hold up a user interface
        if self._link is not None and self._link.is_over():
            self._act_on_death()

    def _act_on(self, word: wire.Message) -> None:
        handle = self._current
        if isinstance(word, wire.Hello):
            self._act_on_hello(word)
        elif handle is None or getattr(word, "job", handle.id) != handle.id:
            return  # late words of a job that is over
        elif isinstance(word, wire.Started):
            self._started = True
            handle.hear_started()
        elif isinstance(word, wire.Progress):
            handle.hear_progress(word.stage, word.done, word.total, word.seconds_left)
        elif isinstance(word, wire.Metric):
            handle.hear_metric(word.name, word.step, word.value)
        elif isinstance(word, wire.Warned):
            handle.hear_warning(word.text)
        elif isinstance(word, wire.Event):
            handle.hear_event(word.about, word.data)
        elif isinstance(word, wire.Stopping):
            self._deadline = time.monotonic() + self._wrap_up
        elif isinstance(word, wire.Result):
            self._release().hear_result(word.result)
        elif isinstance(word, wire.Failed):
            self._release().hear_error(word.error())

    def _act_on_hello(self, hello: wire.Hello) -> None:
        if hello.protocol != wire.PROTOCOL:
            text = f"The worker speaks protocol {hello.protocol}, this side {wire.PROTOCOL}."
            self._finish_and_drop(WorkerError(text, "Two versions of SAMAdapt are mixed: restart, or reinstall it."))
        elif self._current is None or self._current.state is not JobState.CANCELLING:
            self._deadline = None

    def _act_on_death(self) -> None:
        """The pipe is closed and the process gone."""
        handle = self._current
        if handle is None:
            self._drop_link()  # it left because it was idle
        elif handle.state is JobState.CANCELLING:
            self._finish_and_drop(Cancelled())
        elif not self._started and self._link is not None and self._link.exited_cleanly:
            self._release()
            self._drop_link()
            self._waiting.appendleft(handle)  # it left just when the job came: another worker takes it
        else:
            self._finish_and_drop(self._exit_error("The worker process ended in the middle of the job."))

    def _exit_error(self, what: str) -> SAMAdaptError:
        """An error with the exit code, a guess and the last lines of the log."""
        link = self._link
        if link is None:
            return WorkerError(what)
        code = link.exit_code()
        tail = link.log_tail()
        log = f"Its log is {link.log}." + (f"\nIts last lines:\n{tail}" if tail else " It is empty.")
        if link.was_killed():
            message = f"{what} The system ended it ({explain_exit(code)}), most likely because memory ran out."
            return MemoryExhausted(message, f"Close other programs or choose a region of interest. {log}")
        return WorkerError(f"{what} ({explain_exit(code)})", log)

    # Starting and ending ----------------------------------------------------------------------------------------

    def _start_next(self) -> None:
        if self._current is not None or not self._waiting:
            return
        handle = self._current = self._waiting.popleft()
        self._started = False
        error = None if self._link else self._try_to_start()
        if error is not None or self._link is None:
            self._finish(error or WorkerError("The worker could not be started."))
            return
        if not self._link.greeted:
            self._deadline = time.monotonic() + _HELLO_SECONDS
        self._link.say(wire.Run(handle.id, handle.job.to_dict()))

    def _try_to_start(self) -> SAMAdaptError | None:
        try:
            self._link = WorkerConnection(self._command, self._environment)
        except SAMAdaptError as error:
            return error
        return None

    def _release(self) -> JobHandle:
        """The current job is over: forget it before its callbacks run, for they may submit the next one."""
        handle, self._current = self._current, None
        self._deadline = None
        if handle is None:
            msg = "No job is running."
            raise WorkerError(msg)
        return handle

    def _finish(self, error: SAMAdaptError) -> None:
        if self._current is not None:
            self._release().hear_error(error)

    def _finish_and_drop(self, error: SAMAdaptError) -> None:
        self._drop_link()  # first: a callback may submit the next job, and poll for it
        self._finish(error)

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        self._deadline = None
        if link is not None:
            link.end()
