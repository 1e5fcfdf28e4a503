"""Many volumes: one bad one is reported, a lost process costs a second try, what is there is not computed again."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from listeners import Listener

from SAMAdaptLib.errors import Cancelled, InputError, WorkerError
from SAMAdaptLib.jobs.specs import SegmentJob
from SAMAdaptLib.worker.client import WorkerClient
from SAMAdaptLib.worker.pool import Outcome, run_many

WORK = '''
import os, time
from pathlib import Path
from SAMAdaptLib.errors import Cancelled, InputError

def work(job, monitor):
    """What a test asks for is in the image's name."""
    monitor.progress("Segmenting", 0, 1)
    lost = Path(job.output + ".lost")
    if "bad" in job.image:
        raise InputError(f"{job.image} is constant.", "Export it again.")
    if "slow" in job.image:
        while not monitor.cancelled():
            time.sleep(0.01)
        raise Cancelled
    if "mortal" in job.image or ("unlucky" in job.image and not lost.exists()):
        lost.write_text("")
        os._exit(9)
    monitor.warning("careful")
    Path(job.output).write_text("labels")
    time.sleep(0.2)
    return {"output": job.output, "seconds": 1.0, "pid": os.getpid(), "threads": os.environ.get("OMP_NUM_THREADS")}
'''


@pytest.fixture
def work() -> Callable:
    """The function above."""
    names: dict = {}
    exec(WORK, names)  # the same text runs in worker processes
    return names["work"]


@pytest.fixture
def client(tmp_path: Path, empty_home: Path) -> Callable[[], WorkerClient]:
    """Starts real workers that run the function above."""
    script = tmp_path / "worker.py"
    script.write_text(
        WORK
        + textwrap.dedent("""
        if __name__ == "__main__":
            from SAMAdaptLib.worker import server as worker
            os._exit(worker.main(run=work))
        """)
    )
    return lambda: WorkerClient([sys.executable, str(script)], threads=1, grace_seconds=1)


def jobs_for(folder: Path, *images: str) -> list[SegmentJob]:
    return [SegmentJob(image, "h.samhead", str(folder / f"{image}.seg.nrrd")) for image in images]


def endings(outcomes: list[Outcome]) -> list[str]:
    return [outcome.ending.value for outcome in outcomes]


# One by one ---------------------------------------------------------------------------------------------------------


def test_a_bad_volume_is_reported_and_the_others_finish(tmp_path: Path, work: Callable) -> None:
    told: list[Outcome] = []
    outcomes = run_many(jobs_for(tmp_path, "a", "bad", "b"), run=work, told=told.append)
    assert endings(outcomes) == ["done", "failed", "done"]
    assert str(outcomes[1].error) == "bad is constant. Export it again."
    assert told == outcomes


def test_a_fault_of_ours_costs_one_volume_only(tmp_path: Path, work: Callable) -> None:
    def faulty(job, monitor) -> dict:
        return {}["nothing"] if job.image == "a" else work(job, monitor)

    outcomes = run_many(jobs_for(tmp_path, "a", "b"), run=faulty)
    assert endings(outcomes) == ["failed", "done"]
    assert outcomes[0].error is not None
    assert outcomes[0].error.exit_status == 1


def test_what_is_written_is_not_computed_again(tmp_path: Path, work: Callable) -> None:
    jobs = jobs_for(tmp_path, "a", "b")
    Path(jobs[0].output).write_text("kept")
    assert endings(run_many(jobs, run=work)) == ["skipped", "done"]
    assert Path(jobs[0].output).read_text() == "kept"


def test_what_is_written_is_computed_again_when_asked_for(tmp_path: Path, work: Callable) -> None:
    jobs = jobs_for(tmp_path, "a")
    Path(jobs[0].output).write_text("old")
    assert endings(run_many(jobs, run=work, overwrite=True)) == ["done"]
    assert Path(jobs[0].output).read_text() == "labels"


def test_progress_says_which_volume_it_speaks_of(tmp_path: Path, work: Callable) -> None:
    monitor = Listener()
    run_many(jobs_for(tmp_path, "a", "b"), run=work, monitor=monitor)
    assert monitor.steps == [
        ("[1/2] Segmenting", 0, 1),
        ("Volumes", 1, 2),
        ("[2/2] Segmenting", 0, 1),
        ("Volumes", 2, 2),
    ]
    assert monitor.warnings == ["a: careful", "b: careful"]


def test_a_cancel_leaves_what_has_not_begun(tmp_path: Path, work: Callable) -> None:
    monitor = Listener()

    def stop(outcome: Outcome) -> None:
        monitor.stop = True

    outcomes = run_many(jobs_for(tmp_path, "a", "b", "c"), run=work, monitor=monitor, told=stop)
    assert endings(outcomes) == ["done", "cancelled", "cancelled"]
    assert isinstance(outcomes[2].error, Cancelled)


def test_two_volumes_for_one_file_are_refused_before_any_work(tmp_path: Path) -> None:
    jobs = [SegmentJob(image, "h", str(tmp_path / "same.nrrd")) for image in ("x/a.nii", "y/a.nii")]
    with pytest.raises(InputError, match=r"a\.nii and a\.nii would both be written to"):
        run_many(jobs, run=pytest.fail)


SPELLINGS = [("Mueller.nrrd", "mueller.nrrd"), ("M\u00fcller.nrrd", "Mu\u0308ller.nrrd")]


@pytest.mark.parametrize("names", SPELLINGS, ids=["case", "accents"])
def test_names_that_the_disk_takes_for_one_are_refused(tmp_path: Path, names: tuple[str, str], monkeypatch) -> None:
    jobs = [SegmentJob(f"{number}.nii", "h", str(tmp_path / name)) for number, name in enumerate(names)]
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path.name in names or exists(path))
    with pytest.raises(InputError, match=r"0\.nii and 1\.nii would both be written to"):
        run_many(jobs, run=pytest.fail)
    assert list(tmp_path.iterdir()) == []


def test_names_that_the_disk_tells_apart_are_two(tmp_path: Path, work: Callable) -> None:
    (tmp_path / "probe").touch()
    if (tmp_path / "PROBE").exists():
        pytest.skip("this disk does not tell upper from lower case")
    (tmp_path / "probe").unlink()
    jobs = [SegmentJob("1.nii", "h", str(tmp_path / name)) for name in SPELLINGS[0]]
    assert endings(run_many(jobs, run=work)) == ["done", "done"]
    jobs = [SegmentJob("1.nii", "h", str(tmp_path / "nowhere" / name)) for name in SPELLINGS[0]]
    assert endings(run_many(jobs, run=work)) == ["failed", "failed"], "no folder, no two names for one file"


# By processes -------------------------------------------------------------------------------------------------------


def test_two_processes_of_one_thread_each_share_the_work(tmp_path: Path, client: Callable) -> None:
    monitor = Listener()
    outcomes = run_many(jobs_for(tmp_path, *"abcdef"), workers=2, client=client, monitor=monitor)
    results = [outcome.result for outcome in outcomes if outcome.result]
    assert endings(outcomes) == ["done"] * 6
    assert len({result["pid"] for result in results}) == 2
    assert {result["threads"] for result in results} == {"1"}
    assert monitor.steps[-1] == ("Volumes", 6, 6)
    assert "a: careful" in monitor.warnings


def test_a_lost_process_costs_its_volume_a_second_try_and_nothing_else(tmp_path: Path, client: Callable) -> None:
    monitor = Listener()
    outcomes = run_many(jobs_for(tmp_path, "a", "unlucky", "bad", "b"), workers=2, client=client, monitor=monitor)
    assert endings(outcomes) == ["done", "done", "failed", "done"]
    assert "unlucky: its process was lost; it is tried again." in monitor.warnings


def test_a_volume_that_kills_every_process_is_given_up(tmp_path: Path, client: Callable) -> None:
    outcomes = run_many(jobs_for(tmp_path, "mortal", "a"), workers=2, client=client)
    assert endings(outcomes) == ["failed", "done"]
    assert isinstance(outcomes[0].error, WorkerError)
    assert "exit code 9" in str(outcomes[0].error)


def test_a_cancel_reaches_the_processes(tmp_path: Path, client: Callable) -> None:
    monitor = Listener()

    def stop(outcome: Outcome) -> None:
        monitor.stop = True

    outcomes = run_many(jobs_for(tmp_path, "slow", "a", "slower"), workers=2, client=client, monitor=monitor, told=stop)
    assert endings(outcomes) == ["cancelled", "done", "cancelled"]
