"""The worker process and the side that talks to it: cancelling, coming and going, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from workerthings import *  # noqa: F403  fixtures
from workerthings import LAUNCHER, dies, poll_until, run

from SAMAdaptLib.errors import Cancelled
from SAMAdaptLib.jobs.specs import ProbeJob, SegmentJob
from SAMAdaptLib.utils.process import child_environment, explain_exit
from SAMAdaptLib.worker import folder as jobfolder
from SAMAdaptLib.worker import protocol as wire
from SAMAdaptLib.worker.client import Callbacks, JobFolder, JobHandle, JobState, WorkerClient

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
        from SAMAdaptLib.worker.client import WorkerClient
        from SAMAdaptLib.jobs.specs import ProbeJob
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

    from SAMAdaptLib.data.io.volumes import read_labelmap
    from SAMAdaptLib.heads.head import save_head

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
    assert jobfolder.remove_stale() == 2
    assert mine.path.exists()
    assert not dead.path.exists()
    mine.remove()
    mine.remove()
    assert not mine.path.exists()


def test_a_fresh_folder_is_never_swept(empty_home: Path) -> None:
    (empty_home / "jobs" / "job-new").mkdir(parents=True)
    assert jobfolder.remove_stale() == 0


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
