"""Jobs on a Dask cluster, whose workers have this library and see the same volumes; heads are sent with the jobs.

    for index, answer in run_on_cluster({0: job}, "tcp://HOST:PORT", monitor): ...

A worker that is lost costs what it was doing at that moment: the scheduler hands that to another. What a job came to
is fetched at once and let go on the cluster, since otherwise the loss of a worker would undo all that it ever did.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import dataclasses
import hashlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import Cancelled, DependencyError, HeadFileError, InputError, SAMAdaptError, WorkerError
from ..jobs.specs import Job, job_from_dict
from ..progress import Monitor, Silent, raise_if_cancelled
from ..utils.faults import described
from ..utils.files import write_content
from ..utils.process import ROOT
from .folder import JobFolder

CONNECT_SECONDS = 5.0
"""How long a scheduler may take to answer."""

NO_WORKER_SECONDS = 60.0
"""How long a cluster may be without any worker before a run is refused, or says that it waits."""

RETURN_SECONDS = 600.0
"""How long a run waits for workers to come back before it gives up what is left: a batch system, or a machine that has
too much to do, may take minutes to start others."""

RETRIES = 1
"""How often the cluster tries again what failed outside of a job, such as reading its words."""

_LOOK_SECONDS = 0.05
_COUNT_SECONDS = 1.0
_FETCH_SECONDS = 5.0
_HEAD_FIELDS = ("head", "start_from")
_START_WORKERS = "Start some: dask worker {scheduler} --nthreads 1 --nworkers N"

Answer = dict[str, Any] | SAMAdaptError
"""A job's result, or why there is none."""


def run_on_cluster(jobs: Mapping[int, Job], scheduler: str, monitor: Monitor) -> Iterator[tuple[int, Answer]]:
    """Yield each job's number and answer as they come. After a cancel, what has not ended has no answer.

    Raises InputError when the scheduler does not answer, or has no worker for NO_WORKER_SECONDS at the beginning;
    DependencyError without the package ``distributed``.
    """
    distributed = _distributed()
    sent, unreadable = _heads_of(jobs)
    yield from unreadable.items()
    with contextlib.suppress(Cancelled), _connected(distributed, scheduler, monitor) as cluster:
        _await_a_worker(cluster, scheduler, monitor)

        def begin(index: int) -> Any:
            # Each job carries its head along. As a task of its own, which others depend on, the head would be lost with
            # the workers that have it, and all jobs with the head.
            words = [(head.field, head.name, head.sha256) for head in sent[index]]
            data = [head.content for head in sent[index]]
            return cluster.submit(run_remotely, _absolute(jobs[index]), words, *data, pure=False, retries=RETRIES)

        yield from _answers(cluster, begin, list(sent), monitor)


# The workers' side --------------------------------------------------------------------------------------------------

_one_at_a_time = threading.Lock()
_received: JobFolder | None = None


def run_remotely(
    spec: dict[str, Any], heads: list[tuple[str, str, str]] | None = None, *contents: bytes
) -> dict[str, Any]:
    """What a cluster's worker runs: a job's dictionary in, ``{"result"}`` or ``{"error"}`` out; raises nothing.

    ``heads``: (the job's field, file name, SHA-256) of each of ``contents``. Errors travel as words, not as
    exceptions, so that the cluster tries again only what was lost. One job at a time runs in a process, however many
    threads Dask gives it: jobs share the process's random numbers, settings and memory.
    """
    from ..jobs.runner import run_job

    with _one_at_a_time:
        try:
            for (field, name, sha256), content in zip(heads or (), contents, strict=True):
                spec = {**spec, field: str(_stored(name, sha256, content))}
            return {"result": run_job(job_from_dict(spec), Silent())}
        except Exception as error:
            known = described(error)
            return {"error": {"code": known.code, "message": known.message, "hint": known.hint}}


def _stored(name: str, sha256: str, content: bytes) -> Path:
    """A head's file here, in a folder that goes with this process. Raises HeadFileError if it is not what was sent."""
    global _received
    if hashlib.sha256(content).hexdigest() != sha256:
        msg = f"The head {name} arrived on the cluster's worker with other content than was sent."
        raise HeadFileError(msg, "Try again.")
    if _received is None or not _received.path.is_dir():
        _received = JobFolder()
        atexit.register(_received.remove)
    path = _received.path / sha256[:16] / Path(name).name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        path.parent.mkdir(exist_ok=True)
        write_content(path, content)
    return path


# Ours ---------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Head:
    """A head file that a job names in ``field``."""

    field: str
    name: str
    sha256: str
    content: bytes = dataclasses.field(repr=False)


def _heads_of(jobs: Mapping[int, Job]) -> tuple[dict[int, list[_Head]], dict[int, SAMAdaptError]]:
    """The heads that each job needs, by its number, and those jobs whose head cannot be read, with the reason."""
    sent: dict[int, list[_Head]] = {}
    unreadable: dict[int, SAMAdaptError] = {}
    files: dict[str, bytes] = {}
    for index, job in jobs.items():
        try:
            sent[index] = [_read_head(name, path, files) for name, path in _head_paths(job).items()]
        except OSError as error:
            path = error.filename or "A head"
            unreadable[index] = InputError(f"{path} cannot be read ({error.strerror or error}).", "Check the path.")
    return sent, unreadable


def _head_paths(job: Job) -> dict[str, str]:
    fields = [item.name for item in dataclasses.fields(job) if item.name in _HEAD_FIELDS and item.metadata.get("path")]
    return {name: value for name in fields if (value := getattr(job, name)) is not None}


def _read_head(field: str, path: str, files: dict[str, bytes]) -> _Head:
    if path not in files:
        files[path] = Path(path).read_bytes()
    return _Head(field, Path(path).name, hashlib.sha256(files[path]).hexdigest(), files[path])


@contextlib.contextmanager
def _connected(distributed: Any, scheduler: str, monitor: Monitor) -> Iterator[Any]:
    """A client of the scheduler. Raises InputError; Cancelled while it is waited for."""
    kind = _within(CONNECT_SECONDS, lambda: _kind_of_node(distributed, scheduler), scheduler, monitor)
    if kind != "Scheduler":
        msg = f"{scheduler} is a Dask {str(kind).lower()}, not a scheduler."
        raise InputError(msg, "Give the address that `dask scheduler` prints when it starts.")
    try:
        cluster = distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:
        raise _no_scheduler(scheduler, error) from error
    try:
        yield cluster
    finally:
        with contextlib.suppress(Exception):  # a scheduler that is gone cannot be taken leave of
            cluster.close(timeout=_FETCH_SECONDS)


def _kind_of_node(distributed: Any, address: str) -> str:
    """What answers at the address. A client of something that is no part of Dask would wait for ever."""

    async def ask() -> str:
        security = distributed.security.Security()
        node = distributed.core.rpc(
            address, timeout=CONNECT_SECONDS, connection_args=security.get_connection_args("client")
        )
        try:
            return str((await node.identity())["type"])
        finally:
            await node.close_rpc()

    return asyncio.run(asyncio.wait_for(ask(), CONNECT_SECONDS))


def _within(seconds: float, ask: Any, scheduler: str, monitor: Monitor) -> Any:
    """What ``ask`` returns. In a thread of its own: looking up a name has no time limit, a cancel has none to lose."""
    answers: list[Any] = []

    def answer() -> None:
        try:
            answers.append(ask())
        except BaseException as error:
            answers.append(error)

    thread = threading.Thread(target=answer, name="scheduler", daemon=True)
    thread.start()
    until = time.monotonic() + seconds + 1
    while thread.is_alive() and time.monotonic() < until:
        raise_if_cancelled(monitor)
        thread.join(_LOOK_SECONDS)
    found = answers[0] if answers else TimeoutError(f"no answer within {seconds:g} s")
    if isinstance(found, BaseException):
        raise _no_scheduler(scheduler, found) from found
    return found


def _no_scheduler(scheduler: str, error: BaseException) -> InputError:
    words = " ".join(str(error).split())[:200] or f"no answer within {CONNECT_SECONDS:g} s"
    hint = "Check the address: `dask scheduler` prints it when it starts."
    if scheduler.startswith("tls:"):
        hint += " Certificates come from Dask's own settings (distributed.comm.tls)."
    return InputError(f"No Dask scheduler answers at {scheduler} ({words}).", hint)


def _await_a_worker(cluster: Any, scheduler: str, monitor: Monitor) -> None:
    began = time.monotonic()
    while not (threads := _threads_of_workers(cluster)):
        raise_if_cancelled(monitor)
        if time.monotonic() - began > NO_WORKER_SECONDS:
            msg = f"The Dask scheduler {scheduler} has had no worker for {NO_WORKER_SECONDS:g} s."
            hint = f"{_START_WORKERS.format(scheduler=scheduler)}; or wait until your site's queue has."
            raise InputError(msg, hint)
        time.sleep(_LOOK_SECONDS)
    if most := max((count for count in threads.values() if count > 1), default=0):
        text = f"Workers of the cluster have {most} threads each, and do one job at a time all the same."
        monitor.warning(f"{text} Start processes instead: --nthreads 1 --nworkers {most}.")


def _threads_of_workers(cluster: Any) -> dict[str, int]:
    """The workers' addresses and threads; none while the scheduler does not answer."""
    try:
        return dict(cluster.nthreads())
    except Exception:
        return {}


def _answers(
    cluster: Any, begin: Callable[[int], Any], waiting: list[int], monitor: Monitor
) -> Iterator[tuple[int, Answer]]:
    """Answers as they come; on a cancel the jobs that have not begun are withdrawn.

    No more jobs are handed over than there are workers. Dask would give a worker several to wait behind the one that
    it does, and blame all of them when that one is the worker's death.
    """
    workers = _Workers(cluster)
    running: dict[Any, int] = {}
    warned = False
    while running or waiting:
        if monitor.cancelled():
            cluster.cancel(list(running))
            return
        while waiting and len(running) < max(workers.count(), 1):
            index = waiting.pop(0)
            try:
                running[begin(index)] = index
            except Exception:  # the client closed itself: the scheduler did not come back
                yield index, _scheduler_lost()
        for future in [each for each in running if each.done()]:
            answer = _answer_of(future)
            if answer is not None:
                yield running.pop(future), answer
                future.release()
        without = workers.seconds_without()
        if without > NO_WORKER_SECONDS and not warned:
            warned = True
            monitor.warning(f"The cluster has no worker any more; one is waited for, {RETURN_SECONDS:g} s at most.")
        if without > RETURN_SECONDS:
            hint = "See the logs of the scheduler and its workers; what is done is not computed again."
            for index in (*running.values(), *waiting):
                yield index, WorkerError(f"The cluster has had no worker for {RETURN_SECONDS:g} s.", hint)
            return
        warned = warned and without > 0
        time.sleep(_LOOK_SECONDS)


class _Workers:
    """How many workers there are, asked once a second."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._count, self._asked, self._seen = 0, -math.inf, time.monotonic()

    def count(self) -> int:
        now = time.monotonic()
        if now - self._asked >= _COUNT_SECONDS:
            self._count, self._asked = len(_threads_of_workers(self._cluster)), now
            self._seen = now if self._count else self._seen
        return self._count

    def seconds_without(self) -> float:
        """How long there has been none."""
        return 0.0 if self.count() else time.monotonic() - self._seen


def _answer_of(future: Any) -> Answer | None:
    """What a future that is done came to; None if it was lost just now with the worker that kept it."""
    if future.status == "cancelled":  # not by us: we would not ask any more
        return _scheduler_lost()
    if future.status == "error":  # run_remotely raises nothing: workers were lost, time and again, or cannot start
        error = future.exception()
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        hint = "See the logs of its workers; they need this library (PYTHONPATH) and what it needs."
        return WorkerError(f"The cluster could not run it ({words}).", hint)
    try:
        answer = future.result(timeout=_FETCH_SECONDS)
    except Exception:  # the scheduler has it computed again, or tells the future how it ended
        return None
    if "error" in answer:
        from .protocol import Failed

        return Failed(0, **answer["error"]).error()
    result: dict[str, Any] = answer["result"]
    return result


def _scheduler_lost() -> WorkerError:
    return WorkerError("The Dask scheduler was lost.", "See its log; what is done is not computed again.")


def _absolute(job: Job) -> dict[str, Any]:
    """The job for a process with another working folder."""
    spec = job.to_dict()
    for item in dataclasses.fields(job):
        value = getattr(job, item.name)
        if item.metadata.get("path") and isinstance(value, str):
            spec[item.name] = str(Path(value).absolute())
    return spec


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        msg = "A Dask cluster needs the Python package distributed, which is not installed."
        pins = ROOT / "requirements" / "cluster.txt"
        what = f"-r {pins}" if pins.is_file() else "distributed"
        raise DependencyError(msg, f"Run: {sys.executable} -m pip install {what}") from error
    return distributed
