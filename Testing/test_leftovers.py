"""What killed processes left: known by its name, removed by owner and age, whatever the clock said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from SAMAdaptLib.features.cache import FeatureCache
from SAMAdaptLib.utils import files
from SAMAdaptLib.utils.disk import leftovers
from SAMAdaptLib.utils.disk.leftovers import is_running, part_name, sweep_parts, this_host
from SAMAdaptLib.utils.files import write_content
from SAMAdaptLib.utils.paths import folder
from SAMAdaptLib.worker import connection as workerlink
from SAMAdaptLib.worker import folder as jobfolder
from SAMAdaptLib.worker.folder import JobFolder

HOUR, WEEK = 3600.0, 7 * 24 * 3600.0


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that is over."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left(place: Path, process: int, age: float, host: str = "") -> Path:
    """A half-written file that a process touched so many seconds ago; a negative age is in the future."""
    path = place / f".samadapt-{host or this_host()}-{process}-0123abcd.part.nii.gz"
    path.write_bytes(b"half of somebody's head")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.mark.parametrize("age", [HOUR, -HOUR, -10 * WEEK])
def test_what_a_dead_process_left_goes_whatever_its_date(tmp_path: Path, gone: int, age: float) -> None:
    path = left(tmp_path, gone, age)
    assert sweep_parts(tmp_path) == 1
    assert not path.exists()


@pytest.mark.parametrize("age", [0.0, HOUR, -HOUR])
def test_what_a_living_process_writes_stays(tmp_path: Path, age: float) -> None:
    assert left(tmp_path, os.getpid(), age).exists()
    assert sweep_parts(tmp_path) == 0


def test_what_was_touched_just_now_stays_whoever_made_it(tmp_path: Path, gone: int) -> None:
    left(tmp_path, gone, 1.0)
    assert sweep_parts(tmp_path) == 0


@pytest.mark.parametrize(("age", "removed"), [(HOUR, 0), (-HOUR, 0), (2 * WEEK, 1), (-2 * WEEK, 1)])
def test_what_another_computer_writes_stays_for_a_week(tmp_path: Path, gone: int, age: float, removed: int) -> None:
    left(tmp_path, gone, age, host="00000000")
    assert sweep_parts(tmp_path) == removed


def test_nobody_elses_files_are_touched(tmp_path: Path, gone: int) -> None:
    names = ["a.part", ".samadapt-notes.part", f".samadapt-{this_host()}-{gone}-0123abcd.nii", "sam_vit_b.pth.part"]
    for name in names:
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    assert sweep_parts(tmp_path) == 0
    assert sweep_parts(tmp_path / "absent") == 0


def test_names_of_earlier_versions_go_after_a_week_where_nobody_else_writes(tmp_path: Path) -> None:
    path = tmp_path / ".0123-89abcdef.part.neck.npy"
    path.write_bytes(b"half")
    assert sweep_parts(tmp_path, ours=True) == 0
    os.utime(path, (0, 0))
    assert (sweep_parts(tmp_path), sweep_parts(tmp_path, ours=True)) == (0, 1)


@pytest.mark.parametrize("name", ["a.nii.gz", "r.seg.nrrd", "x" * 250, "Müller." + "y" * 200, "a.b.c.d.mha", ".hidden"])
def test_names_on_the_way_are_short_say_nothing_and_keep_the_ending(name: str) -> None:
    made = part_name(name)
    assert len(made) < 80
    assert "Müller" not in made and platform_name() not in made
    assert made.endswith((".nii.gz", ".seg.nrrd", ".mha", ".part"))
    assert part_name(name) != made


def platform_name() -> str:
    import platform

    return platform.node() or "no name"


def test_the_living_and_the_dead_are_told_apart(gone: int) -> None:
    assert is_running(os.getpid())
    assert not is_running(gone)
    assert not is_running(0)


def test_the_next_writing_in_a_folder_sweeps_it(tmp_path: Path, gone: int, monkeypatch) -> None:
    monkeypatch.setattr(files, "_swept", set())
    path = left(tmp_path, gone, HOUR)
    write_content(tmp_path / "a.json", "text")
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="ends a process by a signal")
def test_a_process_killed_while_it_writes_leaves_one_file_that_the_next_removes(tmp_path: Path, monkeypatch) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from SAMAdaptLib.utils import files\n"
        "half = lambda part: (part.write_bytes(b'half'), os.kill(os.getpid(), signal.SIGKILL))\n"
        "files.write_atomically(Path(sys.argv[1]), half)"
    )
    (tmp_path / "r.nii").write_bytes(b"older")
    root = Path(files.__file__).parents[2]
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "r.nii")], cwd=root, check=False)
    assert (tmp_path / "r.nii").read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(files, "_swept", set())
    monkeypatch.setattr(leftovers, "distance", lambda _: HOUR)
    write_content(tmp_path / "other.json", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.json", "r.nii"]


def test_the_cache_is_swept_at_the_first_writing_and_counts_no_halves(tmp_path: Path, gone: int) -> None:
    store = FeatureCache(tmp_path, limit_bytes=10**6)
    (tmp_path / "ab").mkdir()
    old, mine = left(tmp_path / "ab", gone, HOUR), left(tmp_path / "ab", os.getpid(), 0.0)
    assert store.describe()["files"] == 0
    store.put("abcd", "neck", np.zeros(3, np.float32))
    assert (old.exists(), mine.exists()) == (False, True)
    left(tmp_path / "ab", gone, 1.0)
    store.clear()
    assert list(tmp_path.rglob("*.part*")) == [mine]


@pytest.mark.parametrize("age", [HOUR, -HOUR, -10 * WEEK])
def test_a_job_folder_dated_in_the_future_goes_when_its_owner_is_gone(empty_home: Path, age: float) -> None:
    dead, living = JobFolder(), JobFolder()
    assert dead._lock is not None
    dead._lock.close()  # as the system does when a process ends
    for each in (dead, living):
        os.utime(each.path, (time.time() - age, time.time() - age))
    assert jobfolder.remove_stale() == 1
    assert (dead.path.exists(), living.path.exists()) == (False, True)
    living.remove()


def test_without_locks_the_owners_number_decides(empty_home: Path, gone: int, monkeypatch) -> None:
    dead, living = JobFolder(), JobFolder()
    for each, process in ((dead, gone), (living, os.getpid())):
        assert each._lock is not None
        each._lock.close()
        (each.path / "owner.lock").write_text(f"\n{this_host()} {process}")
        os.utime(each.path, (0, 0))
    monkeypatch.setattr(jobfolder, "_try_lock", lambda _: None)
    assert jobfolder.remove_stale() == 1
    assert (dead.path.exists(), living.path.exists()) == (False, True)


def test_logs_dated_in_the_future_do_not_push_out_todays(empty_home: Path, gone: int) -> None:
    logs = folder("logs")
    for number in range(10):
        (logs / f"worker-2099010{number}-000000-{gone}-1.log").write_text("future")
        os.utime(logs / f"worker-2099010{number}-000000-{gone}-1.log", (4e9, 4e9))
    todays = logs / f"worker-20260101-000000-{gone}-1.log"
    todays.write_text("today")
    living = logs / f"worker-19990101-000000-{os.getppid()}-1.log"
    living.write_text("of somebody who is there")
    os.utime(living, (0, 0))
    workerlink._new_log()
    assert todays.exists() and living.exists()
    assert len(list(logs.iterdir())) <= 10
