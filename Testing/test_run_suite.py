"""The runner of all tests: what it puts together, what it says of failures, and of a process that died."""

from __future__ import annotations

from pathlib import Path

import pytest
import run_suite


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
