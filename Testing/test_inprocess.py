"""Jobs that run in this process: the same interface as the worker's, for where there can be no other process."""

from __future__ import annotations

import pytest

from SAMAdaptLib.errors import Cancelled, MemoryExhausted, SAMAdaptError
from SAMAdaptLib.jobs.specs import ProbeJob
from SAMAdaptLib.worker import handle as handles
from SAMAdaptLib.worker.client import Callbacks, InProcessRunner, JobState, WorkerClient


def test_the_runner_in_this_process_has_the_same_interface() -> None:
    names = [name for name in vars(handles.JobRunner) if not name.startswith("_")]
    assert names
    assert all(hasattr(kind, name) for kind in (WorkerClient, InProcessRunner) for name in names)


def test_a_job_in_this_process_tells_the_same_story() -> None:
    def work(job, monitor) -> dict:
        monitor.progress("Encoding", 1, 2)
        monitor.warning("careful")
        return {"job": job.kind}

    heard: list[tuple] = []
    runner = InProcessRunner(work)
    callbacks = Callbacks(
        progress=lambda handle, *facts: heard.append(facts), finished=lambda h: heard.append((h.state,))
    )
    handle = runner.wait(runner.submit(ProbeJob(), callbacks))
    assert heard == [("Encoding", 1, 2, None), (JobState.DONE,)]
    assert handle.outcome() == {"job": "probe"}
    assert handle.warnings == ["careful"]


def test_a_callback_can_cancel_a_job_in_this_process() -> None:
    def work(job, monitor) -> dict:
        monitor.progress("Encoding", 1, 2)
        if monitor.cancelled():
            raise Cancelled
        return {}

    runner = InProcessRunner(work)
    handle = runner.wait(runner.submit(ProbeJob(), Callbacks(progress=lambda handle, *_: handle.cancel())))
    assert handle.state is JobState.CANCELLED


@pytest.mark.parametrize(("error", "kind"), [(KeyError("x"), SAMAdaptError), (MemoryError(), MemoryExhausted)])
def test_a_fault_in_this_process_ends_the_job_and_not_the_runner(error: BaseException, kind: type) -> None:
    def work(job, monitor) -> dict:
        raise error

    runner = InProcessRunner(work)
    handle = runner.wait(runner.submit(ProbeJob()))
    assert type(handle.error) is kind
    assert not runner.busy


def test_a_waiting_job_in_this_process_is_cancelled_without_being_begun() -> None:
    runner = InProcessRunner(lambda job, monitor: pytest.fail("it ran"))
    handle = runner.submit(ProbeJob())
    handle.cancel()
    runner.wait(handle)
    assert handle.state is JobState.CANCELLED
