"""The worker process and the side that talks to it: progress, cancel, death, and nothing left behind.

The worker under test is the real one; only what it runs is replaced: a ``ProbeJob`` whose ``encoder`` is the name of
one of the functions in ``BEHAVIOURS``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from SAMAdaptLib import jobfolder, wire
from SAMAdaptLib.client import Callbacks, JobFolder, JobHandle, JobState, WorkerClient
from SAMAdaptLib.errors import Cancelled, GeometryError, MemoryExhausted, SAMAdaptError, WorkerError
from SAMAdaptLib.jobs import ProbeJob, SegmentJob
from SAMAdaptLib.process import child_environment, explain_exit

BEHAVIOURS = """
import os, subprocess, sys, time
from SAMAdaptLib.errors import Cancelled, GeometryError

def quick(job, monitor):
    return {"pid": os.getpid(), "nan": float("nan")}

def noisy(job, monitor):
    print("python says this")
    os.write(1, b"C says this\\n")
    subprocess.run([sys.executable, "-c", "print('a child says this')"], check=True)
    return {"read": sys.stdin.read()}

def talkative(job, monitor):
    for done in range(4):
        monitor.progress("Encoding", done, 3)
    monitor.metric("loss", 1, 0.5)
    monitor.warning("careful")
    return {}

def obedient(job, monitor):
    monitor.progress("Waiting", 0, 1)
    while not monitor.cancelled():
        time.sleep(0.01)
    raise Cancelled

def trainer(job, monitor):
    monitor.progress("Training", 0, 1)
    while not monitor.cancelled():
        time.sleep(0.01)
    time.sleep(1.0)  # longer than the grace of these tests: it winds up
    return {"head": "best.samhead", "cancelled": True, "note": "Cancelled; kept."}

def stubborn(job, monitor):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    monitor.warning(str(child.pid))
    time.sleep(600)

def refusing(job, monitor):
    raise GeometryError("the grids differ", "resample")

def broken(job, monitor):
    return {}["nothing"]

def full(job, monitor):
    raise MemoryError

def leaving(job, monitor):
    sys.exit("bye")

def unspeakable(job, monitor):
    monitor.progress("x", 0, 1)
    return {"a": "b" * 20}

def dying(job, monitor):
    print("last words")
    os._exit(7)

def crashing(job, monitor):
    import ctypes
    ctypes.string_at(0)

def killed(job, monitor):
    import signal
    os.kill(os.getpid(), signal.SIGKILL)

def babbling(job, monitor):
    os.write(REAL_OUT, b"this is no word\\n")
    time.sleep(600)
"""

LAUNCHER = """
import subprocess, sys
code = subprocess.call(sys.argv[1:])
if code < 0:
    print("error: [python-real] exit abnormally - Report the problem.", file=sys.stderr, flush=True)
sys.exit(code if code >= 0 else 1)
"""
"""What Slicer's PythonSlicer is and does."""


@pytest.fixture
def worker_command(tmp_path: Path) -> list[str]:
    """Starts the real worker on the behaviours above."""
    script = tmp_path / "worker under test.py"
    script.write_text(
        BEHAVIOURS
        + textwrap.dedent("""
        if __name__ == "__main__":
            from SAMAdaptLib import worker
            REAL_OUT = os.dup(1)
            os._exit(worker.main(run=lambda job, monitor: globals()[job.encoder](job, monitor)))
        """),
        encoding="utf-8",
    )
    return [sys.executable, str(script)]


@pytest.fixture
def client(worker_command: list[str], empty_home: Path) -> Iterator[WorkerClient]:
    """A client with little patience, on the worker under test."""
    made = WorkerClient(worker_command, grace_seconds=0.5, wrap_up_seconds=10)
    yield made
    made.close()


def run(client: WorkerClient, behaviour: str, callbacks: Callbacks | None = None, **options) -> JobHandle:
    """Submit a job and wait for its end."""
    return client.wait(client.submit(ProbeJob(behaviour), callbacks, **options), timeout=60)


def poll_until(client: WorkerClient, true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        client.poll()
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """True while the process runs (one that only waits to be reaped does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def dies(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


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


# Cancel -------------------------------------------------------------------------------------------------------------


def test_a_cancelled_job_ends_and_the_process_stays(client: WorkerClient) -> None:
    before = run(client, "quick").outcome()["pid"]
    handle = client.submit(ProbeJob("obedient"))
    poll_until(client, lambda: handle.stage == "Waiting")
    handle.cancel()
    assert handle.state is JobState.CANCELLING
    client.wait(handle, timeout=10)
    assert handle.state is JobState.CANCELLED
    with pytest.raises(Cancelled):
        handle.outcome()
    assert run(client, "quick").outcome()["pid"] == before


def test_a_waiting_job_is_cancelled_without_being_begun(client: WorkerClient) -> None:
    ended: list[JobHandle] = []
    first = client.submit(ProbeJob("quick"))
    second = client.submit(ProbeJob("dying"), Callbacks(started=pytest.fail, finished=ended.append))
    second.cancel()
    assert not ended
    client.wait(first, timeout=30)
    assert second.state is JobState.CANCELLED
    assert ended == [second]


def test_cancelling_twice_or_after_the_end_does_no_harm(client: WorkerClient) -> None:
    handle = run(client, "quick")
    handle.cancel()
    assert handle.state is JobState.DONE


def test_a_training_that_is_cancelled_has_time_to_keep_its_head(client: WorkerClient) -> None:
    handle = client.submit(ProbeJob("trainer"))
    poll_until(client, lambda: handle.stage == "Training")
    handle.cancel()
    client.wait(handle, timeout=20)
    assert handle.state is JobState.CANCELLED
    assert handle.result is not None
    assert handle.result["head"] == "best.samhead"


def test_a_job_that_will_not_stop_is_ended_with_all_that_it_started(client: WorkerClient) -> None:
    handle = client.submit(ProbeJob("stubborn"))
    poll_until(client, lambda: bool(handle.warnings))
    grandchild, worker = int(handle.warnings[0]), client.pid
    assert worker is not None
    handle.cancel()
    began = time.monotonic()
    client.wait(handle, timeout=10)
    assert handle.state is JobState.CANCELLED
    assert time.monotonic() - began < 3
    assert dies(worker)
    assert dies(grandchild)
    assert run(client, "quick").outcome()["pid"] != worker


@pytest.mark.skipif(sys.platform == "win32", reason="stands in for Slicer's launcher on POSIX")
def test_the_process_behind_a_launcher_is_ended_too(worker_command: list[str], empty_home: Path) -> None:
    client = WorkerClient([sys.executable, "-c", LAUNCHER, *worker_command], grace_seconds=0.5)
    real = run(client, "quick").outcome()["pid"]
    assert real != client.pid
    handle = client.submit(ProbeJob("stubborn"))
    poll_until(client, lambda: bool(handle.warnings))
    handle.cancel()
    client.wait(handle, timeout=10)
    assert dies(real)
    client.close()


# Coming and going ---------------------------------------------------------------------------------------------------


def test_closing_ends_the_process_and_cancels_without_callbacks(client: WorkerClient) -> None:
    folder = JobFolder()
    running = client.submit(ProbeJob("stubborn"), Callbacks(finished=pytest.fail), folder)
    waiting = client.submit(ProbeJob("quick"), Callbacks(finished=pytest.fail))
    poll_until(client, lambda: bool(running.warnings))
    worker, grandchild = client.pid, int(running.warnings[0])
    assert worker is not None
    client.close()
    assert running.state is waiting.state is JobState.CANCELLED
    assert not folder.path.exists()
    assert dies(worker)
    assert dies(grandchild)
    assert not client.busy


def test_a_worker_leaves_when_its_owner_is_gone(worker_command: list[str], empty_home: Path) -> None:
    process = subprocess.Popen(
        worker_command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert wire.decode(process.stdout.readline().decode(), wire.FROM_WORKER) == wire.Hello(
        wire.PROTOCOL, "0.1.0", process.pid
    )
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_busy_worker_does_not_outlive_its_owner(worker_command: list[str], empty_home: Path, tmp_path: Path) -> None:
    owner = tmp_path / "owner.py"
    owner.write_text(
        textwrap.dedent(f"""
        import time
        from SAMAdaptLib.client import WorkerClient
        from SAMAdaptLib.jobs import ProbeJob
        client = WorkerClient({worker_command!r})
        handle = client.submit(ProbeJob("obedient"))
        while handle.stage != "Waiting":
            client.poll()
        print(client.pid, flush=True)
        time.sleep(600)
        """)
    )
    process = subprocess.Popen([sys.executable, str(owner)], stdout=subprocess.PIPE, env=child_environment())
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert dies(worker)


def test_an_idle_worker_leaves_and_the_next_job_starts_another(worker_command: list[str], empty_home: Path) -> None:
    client = WorkerClient(worker_command, idle_minutes=0.3 / 60)
    first = run(client, "quick").outcome()["pid"]
    assert dies(first)
    assert run(client, "quick").outcome()["pid"] != first
    client.close()


def test_a_worker_may_be_started_ahead(client: WorkerClient) -> None:
    client.warm_up()
    ahead = client.pid
    assert run(client, "quick").outcome()["pid"] == ahead


def test_the_real_worker_answers_a_probe(empty_home: Path) -> None:
    client = WorkerClient()
    handle = client.wait(client.submit(ProbeJob("tiny", measure=False)), timeout=60)
    client.close()
    assert handle.outcome()["samadapt"] == "0.1.0"
    assert handle.outcome()["packages"]["numpy"]


def test_the_real_worker_segments_a_volume_that_travels_as_a_file(tmp_path: Path, empty_home: Path) -> None:
    from balls import ball_head, write_ball

    from SAMAdaptLib.heads.file import save_head
    from SAMAdaptLib.volume import read_labelmap

    head = str(save_head(ball_head(), tmp_path / "ball.samhead"))
    stages, values = set(), []
    callbacks = Callbacks(
        progress=lambda handle, stage, *_: stages.add(stage),
        finished=lambda handle: values.extend(read_labelmap(handle.job.output).values()),
    )
    client, folder = WorkerClient(), JobFolder()
    image, _ = write_ball(folder.path)
    job = SegmentJob(image, head, folder.file("labels.mha"))
    handle = client.wait(client.submit(job, callbacks, folder), timeout=90)
    client.close()
    assert handle.outcome()["structures"][0]["name"] == "Ball"
    assert stages == {"Segmenting axial slices"}
    assert values == [1]
    assert not folder.path.exists()


def test_few_logs_are_kept(client: WorkerClient, empty_home: Path) -> None:
    logs = empty_home / "logs"
    logs.mkdir(parents=True)
    for number in range(30):
        (logs / f"worker-20000101-0000{number:02d}.log").write_text("old")
    run(client, "quick")
    assert len(list(logs.glob("worker-*.log"))) == 10


# Job folders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["quick", "refusing", "dying"])
def test_the_private_folder_lives_until_the_job_is_told_and_not_longer(client: WorkerClient, behaviour: str) -> None:
    folder = JobFolder()
    volume = Path(folder.file("image.mha"))
    volume.write_bytes(b"voxels")
    seen: list[bool] = []
    run(client, behaviour, Callbacks(finished=lambda handle: seen.append(volume.exists())), folder=folder)
    assert seen == [True]
    assert not folder.path.exists()


def test_folders_of_the_living_are_kept_and_those_of_the_dead_swept(empty_home: Path, monkeypatch) -> None:
    monkeypatch.setattr(jobfolder, "_YOUNG_SECONDS", -1.0)
    mine = JobFolder()
    dead = JobFolder()
    assert dead._lock is not None
    dead._lock.close()  # as the system does when a process ends
    without_lock = empty_home / "jobs" / "job-torn"
    without_lock.mkdir()
    assert jobfolder.sweep() == 2
    assert mine.path.exists()
    assert not dead.path.exists()
    mine.remove()
    mine.remove()
    assert not mine.path.exists()


def test_a_fresh_folder_is_never_swept(empty_home: Path) -> None:
    (empty_home / "jobs" / "job-new").mkdir(parents=True)
    assert jobfolder.sweep() == 0


def test_a_new_client_sweeps(empty_home: Path, monkeypatch) -> None:
    monkeypatch.setattr(jobfolder, "_YOUNG_SECONDS", -1.0)
    left = empty_home / "jobs" / "job-left"
    left.mkdir(parents=True)
    WorkerClient(["unused"])
    assert not left.exists()


def test_exit_codes_are_told_in_words() -> None:
    assert explain_exit(3) == "exit code 3"
    assert explain_exit(None) == "still running"
    assert explain_exit(-signal.SIGTERM) == "ended by signal SIGTERM"
