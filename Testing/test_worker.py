"""The worker process and the side that talks to it: work, progress, errors and death."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from workerthings import *  # noqa: F403  fixtures
from workerthings import LAUNCHER, run

from SAMAdaptLib.errors import GeometryError, MemoryExhausted, SAMAdaptError, WorkerError
from SAMAdaptLib.jobs.specs import ProbeJob
from SAMAdaptLib.worker import protocol as wire
from SAMAdaptLib.worker.client import Callbacks, JobFolder, JobHandle, JobState, WorkerClient

# Work ---------------------------------------------------------------------------------------------------------------


def test_a_result_arrives_and_the_process_stays_for_the_next_job(client: WorkerClient) -> None:
    first, second = run(client, "quick"), run(client, "quick")
    assert first.state is second.state is JobState.DONE
    assert first.outcome()["pid"] == second.outcome()["pid"] != os.getpid()
    assert first.outcome()["nan"] is None


def test_progress_metrics_and_warnings_are_heard_in_order(client: WorkerClient) -> None:
    heard: list[tuple] = []
    callbacks = Callbacks(
        started=lambda handle: heard.append(("started",)),
        progress=lambda handle, stage, done, total, left: heard.append((stage, done, total)),
        metric=lambda handle, name, step, value: heard.append((name, step, value)),
        warning=lambda handle, text: heard.append((text,)),
        finished=lambda handle: heard.append((handle.state,)),
    )
    handle = run(client, "talkative", callbacks)
    assert heard[:2] == [("started",), ("Encoding", 0, 3)]
    assert heard[-4:] == [("Encoding", 3, 3), ("loss", 1, 0.5), ("careful",), (JobState.DONE,)]
    assert (handle.stage, handle.fraction, handle.warnings) == ("Encoding", 1.0, ["careful"])


def test_what_libraries_print_goes_to_the_log_and_not_between_the_words(client: WorkerClient, empty_home: Path) -> None:
    handle = run(client, "noisy")
    assert handle.outcome() == {"read": ""}
    log = next((empty_home / "logs").glob("worker-*.log")).read_text()
    for words in ("python says this", "C says this", "a child says this"):
        assert words in log


def test_callbacks_come_from_poll_alone(client: WorkerClient) -> None:
    heard: list[str] = []
    handle = client.submit(ProbeJob("quick"), Callbacks(finished=lambda handle: heard.append("finished")))
    client.poll()
    time.sleep(1.5)
    assert not heard
    client.wait(handle, timeout=30)
    assert heard == ["finished"]


def test_jobs_run_one_at_a_time_in_the_order_given(client: WorkerClient) -> None:
    ended: list[int] = []
    callbacks = Callbacks(finished=lambda handle: ended.append(handle.id))
    asked = [client.submit(ProbeJob("quick"), callbacks) for _ in range(3)]
    client.poll()
    assert [handle.state for handle in asked[1:]] == [JobState.QUEUED, JobState.QUEUED]
    client.wait(asked[-1], timeout=30)
    assert ended == [handle.id for handle in asked]
    assert not client.busy


def test_a_callback_that_fails_is_heard_and_costs_nothing_else(client: WorkerClient, empty_home: Path) -> None:
    def fail(handle: JobHandle) -> None:
        msg = "the widget is gone"
        raise RuntimeError(msg)

    folder = JobFolder()
    handle = client.submit(ProbeJob("quick"), Callbacks(finished=fail), folder)
    with pytest.raises(RuntimeError, match="the widget is gone"):
        client.wait(handle, timeout=30)
    assert handle.state is JobState.DONE
    assert not folder.path.exists()
    assert run(client, "quick").state is JobState.DONE


def test_a_callback_may_submit_and_await_the_next_job(client: WorkerClient) -> None:
    inner: list[JobHandle] = []
    run(client, "dying", Callbacks(finished=lambda handle: inner.append(run(client, "quick"))))
    assert inner[0].state is JobState.DONE


# Errors -------------------------------------------------------------------------------------------------------------


def test_an_error_arrives_as_what_it_was_and_the_worker_goes_on(client: WorkerClient) -> None:
    handle = run(client, "refusing")
    assert handle.state is JobState.FAILED
    with pytest.raises(GeometryError, match="the grids differ resample"):
        handle.outcome()
    assert run(client, "quick").state is JobState.DONE


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        ("broken", SAMAdaptError, "KeyError: 'nothing'"),
        ("full", MemoryExhausted, "does not fit into the memory"),
        ("leaving", SAMAdaptError, "SystemExit: bye"),
    ],
)
def test_no_exception_of_a_job_ends_the_worker(client: WorkerClient, behaviour: str, kind: type, words: str) -> None:
    handle = run(client, behaviour)
    assert type(handle.error) is kind
    assert words in str(handle.error)
    assert run(client, "quick").state is JobState.DONE


def test_a_dead_worker_leaves_its_exit_code_and_last_lines(client: WorkerClient) -> None:
    handle = run(client, "dying")
    assert handle.state is JobState.FAILED
    assert type(handle.error) is WorkerError
    assert "exit code 7" in handle.error.message
    assert "last words" in handle.error.hint
    assert run(client, "quick").state is JobState.DONE


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_crash_in_native_code_tells_where(client: WorkerClient) -> None:
    handle = run(client, "crashing")
    assert "SIGSEGV" in str(handle.error)
    assert "in crashing" in str(handle.error)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_worker_that_the_system_kills_is_told_as_lack_of_memory(client: WorkerClient) -> None:
    handle = run(client, "killed")
    assert type(handle.error) is MemoryExhausted
    assert "SIGKILL" in handle.error.message


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize(("behaviour", "kind"), [("killed", MemoryExhausted), ("crashing", WorkerError)])
def test_a_launcher_that_hides_the_signal_does_not_hide_the_reason(
    behaviour: str, kind: type, worker_command: list[str], empty_home: Path
) -> None:
    client = WorkerClient([sys.executable, "-c", LAUNCHER, *worker_command])
    assert type(run(client, behaviour).error) is kind
    client.close()


def test_a_worker_that_cannot_be_started_says_why(empty_home: Path) -> None:
    client = WorkerClient(["/there/is/no/python"])
    handle = run(client, "quick")
    assert handle.state is JobState.FAILED
    assert "could not be started (/there/is/no/python: " in str(handle.error)


def test_a_worker_that_dies_at_its_start_shows_what_it_wrote(empty_home: Path) -> None:
    client = WorkerClient([sys.executable, "-c", "raise SystemExit('no module named so and so')"])
    handle = run(client, "quick")
    assert "exit code 1" in str(handle.error)
    assert "no module named so and so" in str(handle.error)


def test_a_worker_that_babbles_is_ended(client: WorkerClient) -> None:
    handle = run(client, "babbling")
    assert type(handle.error) is WorkerError
    assert "this is no word" in str(handle.error)
    assert run(client, "quick").state is JobState.DONE


def test_a_worker_of_another_protocol_is_refused(empty_home: Path) -> None:
    line = wire.encode(wire.Hello(wire.PROTOCOL + 1, "9.9", 1))
    client = WorkerClient([sys.executable, "-c", f"import time; print({line!r}, flush=True); time.sleep(60)"])
    handle = run(client, "quick")
    assert f"speaks protocol {wire.PROTOCOL + 1}" in str(handle.error)
    client.close()
