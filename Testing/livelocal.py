"""Live sessions in this process, behind the runner's interface: what tests of the client use in place of a worker.

    live = LiveClient(LocalLiveRunner(), LiveJob(image="mr.nii.gz"), geometry)

Each ``poll()`` does one unit of work: a slice encoded, a fit, a slice predicted.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from SAMAdaptLib.errors import Cancelled, SAMAdaptError
from SAMAdaptLib.utils.faults import described
from SAMAdaptLib.worker.handle import Callbacks, JobHandle, JobState, poll_until_over
from SAMAdaptLib.worker.in_process import HandleMonitor, short_sleep

if TYPE_CHECKING:
    from SAMAdaptLib.jobs.specs import Job
    from SAMAdaptLib.live.serve import LiveServer
    from SAMAdaptLib.live.session import LiveSession
    from SAMAdaptLib.progress import Monitor
    from SAMAdaptLib.worker.folder import JobFolder


class LocalLiveRunner:
    """A ``JobRunner`` for live jobs alone. ``open_session(job, monitor)`` may be replaced in tests."""

    def __init__(self, open_session: Callable[[Any, Monitor], LiveSession] | None = None) -> None:
        self._open_session = open_session
        self._numbers = itertools.count(1)
        self._handle: JobHandle | None = None
        self._line: _Line | None = None
        self._server: LiveServer | None = None

    @property
    def busy(self) -> bool:
        """True while a session is open."""
        return self._handle is not None

    def submit(self, job: Job, callbacks: Callbacks | None = None, folder: JobFolder | None = None) -> JobHandle:
        """Open a session at the next poll; one that is open is closed."""
        if self._handle is not None:
            self._handle.end(JobState.CANCELLED, Cancelled())
        handle = JobHandle(next(self._numbers), job, callbacks or Callbacks(), folder, _cancel, self._tell)
        self._handle, self._line, self._server = handle, _Line(handle), None
        return handle

    def poll(self) -> bool:
        """One unit of work. Returns ``busy``."""
        handle, line = self._handle, self._line
        if handle is None or line is None:
            return False
        try:
            if self._server is None:
                self._server = self._opened(handle, line)
            else:
                self._server.step()
        except Cancelled:
            self._over(handle)
            handle.hear_result({"closed": True})
        except SAMAdaptError as error:
            self._over(handle)
            handle.hear_error(error)
        except Exception as error:  # a fault of ours must end the session, too
            self._over(handle)
            handle.hear_error(described(error))
        return self.busy

    def wait(
        self, handle: JobHandle, timeout: float | None = None, pause: Callable[[], object] = short_sleep
    ) -> JobHandle:
        """Poll until the session is over."""
        return poll_until_over(self, handle, timeout, pause)

    def close(self) -> None:
        """Forget the session."""
        if self._handle is not None:
            self._handle.end_silently()
            self._over(self._handle)

    def _opened(self, handle: JobHandle, line: _Line) -> LiveServer:
        from SAMAdaptLib.live.serve import LiveServer

        monitor = HandleMonitor(handle)
        if monitor.cancelled():
            raise Cancelled
        handle.hear_started()
        from SAMAdaptLib.jobs.live import open_live

        opening: Callable[[Any, Monitor], LiveSession] = self._open_session or open_live
        session = opening(handle.job, monitor)
        return LiveServer(session, line, monitor, getattr(handle.job, "start", None))

    def _tell(self, handle: JobHandle, about: str, data: dict[str, Any]) -> None:
        if handle is self._handle and self._line is not None:
            self._line.told.append((about, data))

    def _over(self, handle: JobHandle) -> None:
        if handle is self._handle:
            self._handle = self._line = self._server = None


class _Line:
    """See ``live.serve.Line``; nobody else can say anything while it waits, so it does not."""

    def __init__(self, handle: JobHandle) -> None:
        self.told: deque[tuple[str, dict[str, Any]]] = deque()
        self._handle = handle

    def receive(self, seconds: float) -> tuple[str, Mapping[str, Any]] | None:
        return self.told.popleft() if self.told else None

    def send(self, about: str, data: Mapping[str, Any]) -> None:
        self._handle.hear_event(about, dict(data))


def _cancel(handle: JobHandle) -> None:
    handle.state = JobState.CANCELLING
