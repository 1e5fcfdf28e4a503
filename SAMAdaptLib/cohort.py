"""Many volumes: one after the other, by several processes on this machine, or on a Dask cluster.

    outcomes = run_many(jobs, workers=2, monitor=monitor, told=print)

Each job stands alone: one that fails is reported and the others finish; a process that is lost costs its job a
second try and nothing else; a result that is there already is computed again only if it was made otherwise than the
job would, or with ``overwrite`` (see ``resuming``). Results are written whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from .client import Callbacks, JobHandle, JobState, WorkerClient
from .errors import Cancelled, DependencyError, InputError, MemoryExhausted, SAMAdaptError, WorkerError
from .faults import described
from .jobs import BenchmarkJob, Job, SegmentJob, job_from_dict
from .progress import Monitor, Silent
from .resuming import EQUAL, Found, judged

STAGE = "Volumes"
COMPARING = "Looking at what is there"
TRIES = 2
"""How often a job is begun when the process that runs it is lost."""

CONNECT_SECONDS = 15
"""How long a scheduler may take to answer."""

_PAUSE_SECONDS = 0.05


class Ending(Enum):
    """How a job of many ended."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Outcome:
    """One job of many: ``result`` when done, ``error`` when failed or cancelled, neither when skipped.

    ``found``: the result that was there before, and why it stayed or was made again.
    """

    job: Job
    ending: Ending
    result: dict[str, Any] | None = None
    error: SAMAdaptError | None = None
    found: Found | None = None


Told = Callable[[Outcome], object]
RunJob = Callable[[Job, Monitor], dict[str, Any]]
ClientFactory = Callable[[], WorkerClient]


def run_many(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    overwrite: bool = False,
    monitor: Monitor | None = None,
    told: Told | None = None,
    run: RunJob | None = None,
    client: ClientFactory | None = None,
) -> list[Outcome]:
    """Run ``jobs``; gives their outcomes in the same order. Never raises for a single job.

    ``workers`` above 1 starts so many processes here, each on one thread; ``scheduler`` is the address of a Dask
    scheduler whose workers see the same files. ``told`` hears each outcome as it comes. ``run`` and ``client``
    replace what runs a job here and what starts a process (for tests). On cancel, what has not begun is left.
    Raises InputError when two jobs write one file, DependencyError when ``distributed`` is needed and missing,
    WorkerError when the scheduler does not answer.
    """
    _refuse_same_outputs(jobs)
    progress = _Progress(jobs, monitor or Silent(), told)
    open_jobs = list(range(len(jobs))) if overwrite else _still_to_do(jobs, progress)
    if scheduler is not None:
        _on_cluster(jobs, open_jobs, scheduler, progress)
    elif workers > 1 and len(open_jobs) > 1:
        _by_processes(jobs, open_jobs, min(workers, len(open_jobs)), progress, client or _one_thread_worker)
    else:
        _one_by_one(jobs, open_jobs, progress, run)
    return progress.outcomes()


class _Progress:
    """Collects outcomes, tells them, and counts them for the monitor."""

    def __init__(self, jobs: Sequence[Job], monitor: Monitor, told: Told | None) -> None:
        self.monitor = monitor
        self._jobs = jobs
        self._told = told
        self._ended: dict[int, Outcome] = {}
        self.found: dict[int, Found] = {}

    def end(self, index: int, outcome: Outcome) -> None:
        outcome = replace(outcome, found=self.found.get(index))
        self._ended[index] = outcome
        if self._told is not None:
            self._told(outcome)
        self.count()

    def count(self) -> None:
        self.monitor.progress(STAGE, len(self._ended), len(self._jobs))

    def outcomes(self) -> list[Outcome]:
        return [
            self._ended.get(index) or Outcome(job, Ending.CANCELLED, error=Cancelled())
            for index, job in enumerate(self._jobs)
        ]


# Here, one by one ---------------------------------------------------------------------------------------------------


def _one_by_one(jobs: Sequence[Job], open_jobs: Sequence[int], progress: _Progress, run: RunJob | None) -> None:
    if run is None:
        from .runner import run_job

        run = run_job
    for index in open_jobs:
        if progress.monitor.cancelled():
            return
        monitor = progress.monitor if len(jobs) == 1 else _OneOfMany(progress.monitor, index, jobs)
        progress.end(index, _attempt(jobs[index], monitor, run))


class _OneOfMany:
    """One job's monitor: says which of the many it speaks of."""

    def __init__(self, monitor: Monitor, index: int, jobs: Sequence[Job]) -> None:
        self._monitor = monitor
        self._prefix, self._name = f"[{index + 1}/{len(jobs)}] ", name_of(jobs[index])
        self.metric, self.cancelled = monitor.metric, monitor.cancelled

    def progress(self, stage: str, done: int, total: int) -> None:
        self._monitor.progress(self._prefix + stage, done, total)

    def warning(self, text: str) -> None:
        self._monitor.warning(f"{self._name}: {text}")


def _attempt(job: Job, monitor: Monitor, run: RunJob) -> Outcome:
    """Run a job in this process; every fault becomes an outcome."""
    try:
        return Outcome(job, Ending.DONE, result=run(job, monitor))
    except Cancelled as error:
        return Outcome(job, Ending.CANCELLED, error=error)
    except Exception as error:  # one bad volume must not stop the others
        return Outcome(job, Ending.FAILED, error=described(error))


# What is there already ----------------------------------------------------------------------------------------------


def _still_to_do(jobs: Sequence[Job], progress: _Progress) -> list[int]:
    """The jobs that have no result yet, or one that was made otherwise; the others are skipped."""
    todo = []
    for index, job in enumerate(jobs):
        if progress.monitor.cancelled():
            return []
        found = _what_is_there(job)
        if found is None:
            todo.append(index)
            continue
        progress.monitor.progress(COMPARING, index, len(jobs))
        progress.found[index] = found
        if found.stays:
            progress.end(index, Outcome(job, Ending.SKIPPED))
        else:
            todo.append(index)
    return todo


def _what_is_there(job: Job) -> Found | None:
    if isinstance(job, SegmentJob):
        return judged(job)
    output = _output(job)
    return Found(True, EQUAL) if output is not None and Path(output).is_file() else None


# Here, by several processes -----------------------------------------------------------------------------------------


def _one_thread_worker() -> WorkerClient:
    return WorkerClient(threads=1)


def _by_processes(
    jobs: Sequence[Job], open_jobs: Sequence[int], workers: int, progress: _Progress, client: ClientFactory
) -> None:
    """Each process takes the next open job. A job whose process was lost goes back to the queue, once."""
    pool = _Pool([client() for _ in range(workers)], jobs, list(open_jobs), progress)
    try:
        while pool.step():
            time.sleep(_PAUSE_SECONDS)
    finally:
        pool.close()


class _Pool:
    """Clients, and which of the jobs each of them has."""

    def __init__(self, clients: list[WorkerClient], jobs: Sequence[Job], queue: list[int], progress: _Progress) -> None:
        self._clients, self._jobs, self._queue, self._progress = clients, jobs, queue, progress
        self._running: dict[WorkerClient, tuple[int, JobHandle]] = {}
        self._tries: dict[int, int] = {}
        self._stopping = False

    def step(self) -> bool:
        """Move everything on a little. False when nothing is left to do."""
        if self._progress.monitor.cancelled() and not self._stopping:
            self._stopping = True
            self._queue.clear()
            for _, handle in self._running.values():
                handle.cancel()
        for client in self._clients:
            if client not in self._running and self._queue:
                self._begin(client, self._queue.pop(0))
            client.poll()
            if client in self._running and self._running[client][1].finished:
                self._end(*self._running.pop(client))
        return bool(self._running or self._queue)

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _begin(self, client: WorkerClient, index: int) -> None:
        self._tries[index] = self._tries.get(index, 0) + 1
        warn = Callbacks(warning=lambda handle, text: self._progress.monitor.warning(f"{name_of(handle.job)}: {text}"))
        self._running[client] = (index, client.submit(self._jobs[index], warn))

    def _end(self, index: int, handle: JobHandle) -> None:
        if handle.state is JobState.DONE:
            self._progress.end(index, Outcome(handle.job, Ending.DONE, result=handle.result))
        elif handle.state is JobState.CANCELLED:
            self._progress.end(index, Outcome(handle.job, Ending.CANCELLED, error=handle.error))
        elif _is_lost(handle.error) and self._tries[index] < TRIES and not self._stopping:
            self._progress.monitor.warning(f"{name_of(handle.job)}: its process was lost; it is tried again.")
            self._queue.append(index)
        else:
            self._progress.end(index, Outcome(handle.job, Ending.FAILED, error=handle.error))


def _is_lost(error: SAMAdaptError | None) -> bool:
    """The process died; that may be chance. Any other error would come again."""
    return isinstance(error, WorkerError | MemoryExhausted)


# On a cluster -------------------------------------------------------------------------------------------------------


def _on_cluster(jobs: Sequence[Job], open_jobs: Sequence[int], scheduler: str, progress: _Progress) -> None:
    """Hand the jobs to a Dask cluster. Its workers must have this library and see the same paths."""
    distributed = _distributed()
    try:
        cluster = distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        msg = f"The Dask scheduler {scheduler} does not answer ({error})."
        raise WorkerError(msg, "Check the address; `dask scheduler` prints it when it starts.") from error
    with cluster:
        futures = {
            cluster.submit(run_remotely, _absolute(jobs[index]), pure=False, retries=TRIES - 1): index
            for index in open_jobs
        }
        progress.count()
        _collect(jobs, futures, progress)


def _collect(jobs: Sequence[Job], futures: dict[Any, int], progress: _Progress) -> None:
    """Outcomes as they come; on cancel the jobs that have not begun are withdrawn."""
    waiting = set(futures)
    while waiting:
        if progress.monitor.cancelled():
            for future in waiting:
                future.cancel()
            return
        ended = {future for future in waiting if future.done()}
        for future in ended:
            progress.end(futures[future], _outcome_of(jobs[futures[future]], future))
        waiting -= ended
        if waiting:
            time.sleep(_PAUSE_SECONDS)


def _outcome_of(job: Job, future: Any) -> Outcome:
    if future.status == "cancelled":
        return Outcome(job, Ending.CANCELLED, error=Cancelled())
    error = future.exception()
    if error is not None:  # run_remotely raises nothing: the worker itself was lost, time and again, or cannot start
        text = f"The cluster could not run it ({type(error).__name__}: {' '.join(str(error).split())[:200]})."
        return Outcome(job, Ending.FAILED, error=WorkerError(text, "See the logs of its workers."))
    answer = future.result()
    if "error" in answer:
        from .wire import Failed

        return Outcome(job, Ending.FAILED, error=Failed(0, **answer["error"]).error())
    return Outcome(job, Ending.DONE, result=answer["result"])


def run_remotely(spec: dict[str, Any]) -> dict[str, Any]:
    """What a cluster's worker runs: a job's dictionary in, ``{"result"}`` or ``{"error"}`` out; raises nothing.

    Errors travel as words, not as exceptions, so that the cluster tries again only what was lost.
    """
    from .runner import run_job

    try:
        return {"result": run_job(job_from_dict(spec), Silent())}
    except Exception as error:
        known = described(error)
        return {"error": {"code": known.code, "message": known.message, "hint": known.hint}}


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        msg = "A Dask cluster needs the Python package distributed, which is not installed."
        raise DependencyError(msg, "pip install distributed") from error
    return distributed


# Paths --------------------------------------------------------------------------------------------------------------


def _absolute(job: Job) -> dict[str, Any]:
    """The job for a process with another working folder."""
    import dataclasses

    spec = job.to_dict()
    for item in dataclasses.fields(job):
        value = spec[item.name]
        if item.metadata.get("path") and isinstance(value, str):
            spec[item.name] = str(Path(value).absolute())
    return spec


def _output(job: Job) -> str | None:
    return getattr(job, "output", None)


def name_of(job: Job) -> str:
    """What one of many jobs is called: its volume's file, or the support of a benchmark."""
    if isinstance(job, BenchmarkJob):
        return "support " + ", ".join(" + ".join(support) for support in job.supports)
    return Path(getattr(job, "image", None) or _output(job) or job.kind).name


def _refuse_same_outputs(jobs: Sequence[Job]) -> None:
    seen: dict[Path, Job] = {}
    for job in jobs:
        output = _output(job)
        if output is None:
            continue
        path = Path(output).absolute()
        if path in seen:
            msg = f"{name_of(seen[path])} and {name_of(job)} would both be written to {output}."
            raise InputError(msg, "Give them names or folders of their own.")
        seen[path] = job
