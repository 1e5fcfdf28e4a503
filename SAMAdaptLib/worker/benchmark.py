"""The protocol support by support: one after the other, by several processes here, or on a Dask cluster.

Each support is a job of its own. What is finished lies beside the output until all are, so that a run that is begun
again computes only what is missing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import Cancelled
from ..jobs.path_checks import check_writable
from ..jobs.runner import answer
from ..jobs.specs import BenchmarkJob
from ..progress import Monitor, Silent
from ..utils.paths import make_private
from .pool import ClientFactory, Outcome, OutcomeCallback, OutcomeStatus, RunJob, run_many


def run_supports(
    job: BenchmarkJob,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    monitor: Monitor | None = None,
    told: OutcomeCallback | None = None,
    run: RunJob | None = None,
    client: ClientFactory | None = None,
) -> dict[str, Any]:
    """Run the protocol as ``run_job`` would, supports side by side; see ``run_many`` for the options.

    When a support fails, the others finish, and its error is raised; Cancelled when cancelled.
    """
    from ..jobs.benchmark import merge_results, save

    began, monitor = time.monotonic(), monitor or Silent()
    if job.output is not None:
        check_writable(job.output)
    folder = _parts_folder(job)
    # A cluster's workers see the folder of the output, but no temporary folder of this machine.
    to_files = job.output is not None or scheduler is None
    parts = [
        replace(job, supports=(support,), output=str(folder / f"support{number}.json") if to_files else None)
        for number, support in enumerate(job.supports, start=1)
    ]
    try:
        outcomes = run_many(
            parts, workers=workers, scheduler=scheduler, monitor=monitor, told=told, run=run, client=client
        )
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        if errors:
            raise Cancelled if monitor.cancelled() else errors[0]
        result = merge_results([_result_of(outcome) for outcome in outcomes])
    except BaseException:
        if job.output is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if job.output is not None:
        save(result, Path(job.output), monitor)
    shutil.rmtree(folder, ignore_errors=True)
    return answer(job, result, began, _warnings(outcomes))


def _parts_folder(job: BenchmarkJob) -> Path:
    """Where finished supports wait: beside the output, under a name that belongs to this very job."""
    if job.output is None:
        return Path(tempfile.mkdtemp(prefix="samadapt-"))  # for this user alone
    output = Path(job.output)
    spec = {**job.to_dict(), "version": __version__}
    fingerprint = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]
    folder = output.with_name(f".{output.stem}-{fingerprint}.parts")
    make_private(folder)
    return folder


def _result_of(outcome: Outcome) -> dict[str, Any]:
    """A finished support's result, which may be of an earlier run."""
    output = getattr(outcome.job, "output", None)
    if output is None:
        return outcome.result or {}
    result: dict[str, Any] = json.loads(Path(output).read_text(encoding="utf-8"))
    return result


def _warnings(outcomes: list[Outcome]) -> list[str]:
    done = [item.result for item in outcomes if item.ending is OutcomeStatus.DONE and item.result]
    return [text for result in done for text in result.get("warnings", ())]
