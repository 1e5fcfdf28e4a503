"""The runner of all tests: what it puts together, what it says of failures, and of a process that died."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import run_suite
from workerthings import dies


def test_groups_hold_every_file_once_and_the_longest_begins() -> None:
    seconds = {"a": 100.0, "b": 50.0, "c": 8.0, "d": 59.0}
    groups = list(run_suite.grouped(["a", "b", "c", "d", "new"], seconds))
    assert sorted(name for group in groups for name in group) == ["a", "b", "c", "d", "new"]
    assert groups[0] == ["a"]
    for group in groups[1:]:
        assert sum(seconds.get(name, run_suite.UNKNOWN_SECONDS) for name in group) <= run_suite.GROUP_SECONDS


def test_the_list_of_durations_names_files_that_exist() -> None:
    assert set(run_suite._known_seconds()) <= set(run_suite._files())


def in_groups(monkeypatch: pytest.MonkeyPatch, folder: Path, **files: str) -> int:
    """The exit status for a folder of such test files, one a group."""
    names = []
    for name, text in files.items():
        path = folder / f"test_{name}.py"
        path.write_text(text, encoding="utf-8")
        names.append(str(path))
    monkeypatch.setattr(run_suite, "_files", lambda: names)
    monkeypatch.setattr(run_suite, "GROUP_SECONDS", 1.0)
    return run_suite.main([])


GOOD = "def test_good():\n    assert True\n"


def test_what_passes_is_counted_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skipped = "import pytest\ndef test_later():\n    pytest.skip('not yet')\n"
    assert in_groups(monkeypatch, tmp_path, one=GOOD, two=GOOD + skipped) == 0
    said = capsys.readouterr().out
    assert "== 2 passed, 1 skipped in" in said
    assert "[2/2] ok" in said
    assert "[1/2] ok" in said
    assert re.search(r"in \d+ s, [1-9]\d* s of processor time", said)


def test_a_failure_is_shown_whole_and_named_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "def test_bad():\n    assert 6 * 7 == 41\n"
    assert in_groups(monkeypatch, tmp_path, one=GOOD, two=bad) == 1
    said = capsys.readouterr().out
    assert "assert (6 * 7) == 41" in said
    assert "== 1 failed, 1 passed in" in said


def test_a_file_that_cannot_be_imported_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_groups(monkeypatch, tmp_path, one="import no_such_module\n") == 1
    assert "no_such_module" in capsys.readouterr().out


def test_a_process_that_dies_fails_and_its_files_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = "import os\ndef test_dead():\n    os._exit(41)\n"
    assert in_groups(monkeypatch, tmp_path, one=GOOD, two=dead) == 1
    said = capsys.readouterr().out
    assert f"DIED with exit status 41: {tmp_path / 'test_two.py'}" in said


def test_little_memory_has_room_for_fewer_groups_and_always_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(8)), raising=False)
    for free, lanes in ((None, 8), (1000.0, 1), (2000.0, 1), (3.5 * run_suite.GROUP_MB, 3), (1e6, 8)):
        monkeypatch.setattr(run_suite, "free_mb", lambda free=free: free)
        assert run_suite.lanes_here() == lanes


def test_free_memory_is_what_the_system_says(tmp_path: Path) -> None:
    told = tmp_path / "meminfo"
    assert run_suite.free_mb(told) is None
    told.write_text("MemTotal:  8000000 kB\nMemFree:  1 kB\nMemAvailable:    2097152 kB\n", encoding="utf-8")
    assert run_suite.free_mb(told) == 2048


@pytest.mark.skipif(os.name != "posix", reason="signals of a POSIX system")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_groups_and_what_they_began(tmp_path: Path, how: signal.Signals) -> None:
    """The test that runs began a process that would stay for a minute."""
    (tmp_path / "test_long.py").write_text(
        "import pathlib, subprocess, sys, time\n"
        "def test_long():\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "    pathlib.Path(__file__).with_name('child').write_text(str(child.pid))\n"
        "    time.sleep(60)\n",
        encoding="utf-8",
    )
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in a shell's background
        f"import sys; sys.path.insert(0, {str(run_suite.HERE)!r})\n"
        f"import run_suite; run_suite._files = lambda: [{str(tmp_path / 'test_long.py')!r}]\n"
        "sys.exit(run_suite.main([]))\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    noted = tmp_path / "child"
    wait_until(lambda: noted.is_file() and noted.read_text(encoding="utf-8"))
    runner.send_signal(how)
    assert runner.communicate(timeout=60)[0].endswith("interrupted\n")
    assert runner.returncode == run_suite.INTERRUPTED
    assert dies(int(noted.read_text(encoding="utf-8")))


def wait_until(so: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until
        time.sleep(0.05)
