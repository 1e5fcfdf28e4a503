"""Many volumes: one after the other, by several processes on this machine, or on a Dask cluster.

    outcomes = run_many(jobs, workers=2, monitor=monitor, told=print)

Each job stands alone: one that fails is reported and the others finish; a process that is lost costs its job a
second try and nothing else; a result that is there already is computed again only if it was made otherwise than the
job would, or with ``overwrite`` (see ``resuming``). Results are written whole or not at all.
"""

from __future__ import annotations

import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from ..errors import Cancelled, InputError, MemoryExhausted, SAMAdaptError, WorkerError
from ..jobs.resuming import EQUAL, Found, judged
from ..jobs.specs import BenchmarkJob, Job, SegmentJob
from ..progress import EARLIER_RESULTS, ONE_OF_MANY, VOLUMES, Forwarding, Monitor, Silent
from ..utils.faults import described
from .client import Callbacks, JobHandle, JobState, WorkerClient

TRIES = 2
"""How often a job is begun when the process that runs it is lost."""

_PAUSE_SECONDS = 0.05


class OutcomeStatus(Enum):
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
    ending: OutcomeStatus
    result: dict[str, Any] | None = None
    error: SAMAdaptError | None = None
    found: Found | None = None


OutcomeCallback = Callable[[Outcome], object]
RunJob = Callable[[Job, Monitor], dict[str, Any]]
ClientFactory = Callable[[], WorkerClient]


def run_many(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    overwrite: bool = False,
    monitor: Monitor | None = None,
    told: OutcomeCallback | None = None,
    run: RunJob | None = None,
    client: ClientFactory | None = None,
) -> list[Outcome]:
    """Run ``jobs``; gives their outcomes in the same order. Never raises for a single job.

    ``workers`` above 1 starts so many processes here, each on one thread; ``scheduler`` is the address of a Dask
    scheduler whose workers see the same files. ``told`` hears each outcome as it comes. ``run`` and ``client``
    replace what runs a job here and what starts a process (for tests). On cancel, what has not begun is left.
    Raises InputError when two jobs write one file, or when the scheduler does not answer or has no workers,
    DependencyError when ``distributed`` is needed and missing.
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

    def __init__(self, jobs: Sequence[Job], monitor: Monitor, told: OutcomeCallback | None) -> None:
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
        self.monitor.progress(VOLUMES.text(), len(self._ended), len(self._jobs))

    def outcomes(self) -> list[Outcome]:
        return [
            self._ended.get(index) or Outcome(job, OutcomeStatus.CANCELLED, error=Cancelled())
            for index, job in enumerate(self._jobs)
        ]


# Here, one by one ---------------------------------------------------------------------------------------------------


def _one_by_one(jobs: Sequence[Job], open_jobs: Sequence[int], progress: _Progress, run: RunJob | None) -> None:
    if run is None:
        from ..jobs.runner import run_job

        run = run_job
    for index in open_jobs:
        if progress.monitor.cancelled():
            return
        monitor = progress.monitor
        if len(jobs) > 1:
            prefix = ONE_OF_MANY.text(number=index + 1, count=len(jobs), stage="")
            monitor = Forwarding(monitor, prefix, name_of(jobs[index]))
        progress.end(index, _attempt(jobs[index], monitor, run))


def _attempt(job: Job, monitor: Monitor, run: RunJob) -> Outcome:
    """Run a job in this process; every fault becomes an outcome."""
    try:
        return Outcome(job, OutcomeStatus.DONE, result=run(job, monitor))
    except Cancelled as error:
        return Outcome(job, OutcomeStatus.CANCELLED, error=error)
    except Exception as error:  # one bad volume must not stop the others
        return Outcome(job, OutcomeStatus.FAILED, error=described(error))


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
        progress.monitor.progress(EARLIER_RESULTS.text(), index, len(jobs))
        progress.found[index] = found
        if found.stays:
            progress.end(index, Outcome(job, OutcomeStatus.SKIPPED))
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
            self._progress.end(index, Outcome(handle.job, OutcomeStatus.DONE, result=handle.result))
        elif handle.state is JobState.CANCELLED:
            self._progress.end(index, Outcome(handle.job, OutcomeStatus.CANCELLED, error=handle.error))
        elif _is_lost(handle.error) and self._tries[index] < TRIES and not self._stopping:
            self._progress.monitor.warning(f"{name_of(handle.job)}: its process was lost; it is tried again.")
            self._queue.append(index)
        else:
            self._progress.end(index, Outcome(handle.job, OutcomeStatus.FAILED, error=handle.error))


def _is_lost(error: SAMAdaptError | None) -> bool:
    """The process died; that may be chance. Any other error would come again."""
    return isinstance(error, WorkerError | MemoryExhausted)


# On a cluster -------------------------------------------------------------------------------------------------------


def _on_cluster(jobs: Sequence[Job], open_jobs: Sequence[int], scheduler: str, progress: _Progress) -> None:
    """Hand the jobs to a Dask cluster: see ``cluster``."""
    from .cluster import run_on_cluster

    progress.count()
    for index, answer in run_on_cluster({index: jobs[index] for index in open_jobs}, scheduler, progress.monitor):
        if isinstance(answer, SAMAdaptError):
            progress.end(index, Outcome(jobs[index], OutcomeStatus.FAILED, error=answer))
        else:
            progress.end(index, Outcome(jobs[index], OutcomeStatus.DONE, result=answer))


# Paths --------------------------------------------------------------------------------------------------------------


def _output(job: Job) -> str | None:
    return getattr(job, "output", None)


def name_of(job: Job) -> str:
    """What one of many jobs is called: its volume's file, or the support of a benchmark."""
    if isinstance(job, BenchmarkJob):
        return "support " + ", ".join(" + ".join(support) for support in job.supports)
    return Path(getattr(job, "image", None) or _output(job) or job.kind).name


def _refuse_same_outputs(jobs: Sequence[Job]) -> None:
    seen: dict[str, Job] = {}
    for job in jobs:
        output = _output(job)
        if output is None:
            continue
        path = Path(output).absolute()
        key = unicodedata.normalize("NFC", str(path)).casefold()
        earlier = seen.setdefault(key, job)
        if earlier is not job and _one_file(Path(str(_output(earlier))).absolute(), path):
            msg = f"{name_of(earlier)} and {name_of(job)} would both be written to {output}."
            raise InputError(msg, "Give them names or folders of their own.")


def _one_file(one: Path, other: Path) -> bool:
    """Whether two paths that differ in case or in how accents are written mean one file, as on Windows and on macOS."""
    if one == other:
        return True
    try:
        if not one.parent.samefile(other.parent):
            return False
        with tempfile.TemporaryDirectory(dir=one.parent, prefix=".") as folder:
            (Path(folder) / one.name).touch()
            return (Path(folder) / other.name).exists()
    except OSError:  # no such folder, or a closed one: the job itself says so
        return False
