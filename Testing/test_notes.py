"""What the program notes for itself, and settings from outside: damage is no fault, and never believed."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from SAMAdaptLib.encoders.weights.hashes import computed, remember, sha256_of
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.features.cache import FeatureCache
from SAMAdaptLib.utils import timing as pace
from SAMAdaptLib.utils.disk.notes import read_notes

DAMAGED = [
    b"",
    b"no json",
    b"[1, 2]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"a": 1',
    b'{"key": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_notes_count_as_missing(empty_home: Path, content: bytes) -> None:
    for place in ("weights/verified.json", "speed.json"):
        path = empty_home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        assert read_notes(path) == {}
    file = empty_home / "file"
    file.write_text("content")
    assert sha256_of(file) == computed(file)
    assert pace.remembered("thing", lambda: 2.0) == 2.0
    assert json.loads((empty_home / "weights" / "verified.json").read_text())
    assert json.loads((empty_home / "speed.json").read_text())


def test_notes_that_are_a_folder_a_pipe_or_endless_count_as_missing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "long").write_text('{"a": "' + "x" * (5 << 20) + '"}')
    if os.name != "nt":
        os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "long", "pipe", "nothing"):
        assert read_notes(tmp_path / name) == {}


@pytest.mark.parametrize(
    "sha256", [None, 5, {"sha256": "a" * 64}, ["a" * 64], "", "a" * 63, "A" * 64, "a" * 64 + "\n", "../" * 21 + "x"]
)
def test_a_hash_that_is_none_is_not_believed(empty_home: Path, sha256: object) -> None:
    file = empty_home / "file"
    empty_home.mkdir()
    file.write_text("content")
    memory = empty_home / "weights" / "verified.json"
    remember(file, "0" * 64)
    assert sha256_of(file) == "0" * 64, "what is noted is believed"
    noted = json.loads(memory.read_text())
    noted[str(file.resolve())]["sha256"] = sha256
    memory.write_text(json.dumps({**noted, "\0": {"sha256": "0" * 64}, "odd": {"a": {"b": {}}}}))
    assert sha256_of(file) == computed(file)
    assert list(json.loads(memory.read_text())) == [str(file.resolve())]


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-1", "0", "1e-300", "1e300", "true", "null", '"2"', "{}", "[[1]]", "9" * 400]
)
def test_a_pace_that_cannot_be_is_measured_again(empty_home: Path, text: str) -> None:
    pace.remembered("thing", lambda: 2.0)
    path = empty_home / "speed.json"
    (key,) = json.loads(path.read_text())
    for noted in (text, f"[{text}]", f"[{text}, {text}]"):
        path.write_text(f'{{"{key}": {noted}}}')
        assert pace.remembered("thing", lambda: 3.0) == 3.0
        assert json.loads(path.read_text())[key] == [3.0]


def test_a_pace_that_cannot_be_noted_is_used_all_the_same(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        msg = "No space left on device."
        raise InputError(msg)

    monkeypatch.setattr(pace, "write_content", full)
    assert pace.remembered("other", lambda: 2.0) == 2.0
    assert not (empty_home / "speed.json").exists()


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-3", "1e400", "1e12", "many", "5 GB", " "])
def test_a_limit_of_the_cache_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SAMADAPT_CACHE_GB", text)
    with pytest.raises(InputError, match="SAMADAPT_CACHE_GB is .* not a number of gigabytes from 0"):
        FeatureCache(tmp_path)


@pytest.mark.parametrize(("text", "limit"), [("0", 0), ("0.5", 5e8), ("20", 2e10), (" 3 ", 3e9)])
def test_a_limit_of_the_cache_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, limit: float
) -> None:
    monkeypatch.setenv("SAMADAPT_CACHE_GB", text)
    assert math.isclose(FeatureCache(tmp_path).limit_bytes, limit)
