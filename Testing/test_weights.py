"""Files of weights that the user has, and what is remembered of them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from listeners import Listener
from weightsthings import *  # noqa: F403  fixtures
from weightsthings import CONTENT, DIGEST, Server

from SAMAdaptLib.encoders.registry import EncoderEntry
from SAMAdaptLib.encoders.weights import hashes
from SAMAdaptLib.encoders.weights import store as weights
from SAMAdaptLib.errors import WeightsError

# ---- files that the user has ----


@pytest.mark.parametrize("as_folder", [True, False])
def test_the_users_file_is_used_in_place_whatever_its_name(as_folder: bool, entry, server, tmp_path: Path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "download (1).bin").write_bytes(CONTENT)
    (mine / "another.bin").write_bytes(bytes(len(CONTENT)))
    place = mine if as_folder else mine / "download (1).bin"
    monkeypatch.setenv("SAMADAPT_WEIGHTS", str(place))
    assert weights.ensure(entry) == mine / "download (1).bin"
    monkeypatch.delenv("SAMADAPT_WEIGHTS")
    assert weights.ensure(entry, source_override=place) == mine / "download (1).bin"
    assert server.asked == []


def test_a_wrong_file_in_the_environment_warns_and_the_next_source_serves(entry, tmp_path: Path, monkeypatch):
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(bytes(len(CONTENT)))
    monkeypatch.setenv("SAMADAPT_WEIGHTS", str(wrong))
    listener = Listener()
    assert weights.ensure(entry, listener).read_bytes() == CONTENT
    assert f"expected {DIGEST}" in listener.warnings[0] and str(wrong) in listener.warnings[0]


def test_a_wrong_file_named_for_this_call_is_refused_and_nothing_else_is_tried(entry, server, tmp_path: Path):
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"short")
    with pytest.raises(WeightsError, match=rf"wrong\.onnx is not the weights of small: expected SHA-256 {DIGEST}"):
        weights.ensure(entry, source_override=wrong)
    with pytest.raises(WeightsError, match=r"There is no file or folder .*away"):
        weights.ensure(entry, source_override=tmp_path / "away")
    with pytest.raises(WeightsError, match=r"No file in the folder .* is the weights of small \(2097152 bytes\)"):
        weights.ensure(entry, source_override=tmp_path)
    assert server.asked == []


def test_a_place_in_the_environment_that_is_not_there_is_told(entry, server: Server, monkeypatch):
    monkeypatch.setenv("SAMADAPT_WEIGHTS", "/nowhere/at/all")
    server.status, server.failures = 404, -1
    with pytest.raises(WeightsError, match="/nowhere/at/all: does not exist"):
        weights.ensure(entry)


def test_a_damaged_file_in_the_cache_is_replaced(entry: EncoderEntry):
    path = weights.ensure(entry)
    path.write_bytes(bytes(len(CONTENT)))
    assert weights.locate(entry) is None
    listener = Listener()
    assert weights.ensure(entry, listener).read_bytes() == CONTENT
    assert "Not used as the weights of small" in listener.warnings[0]


def test_importing_a_file_knows_it_by_its_hash_and_copies_it(entry, empty_home: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("SAMAdaptLib.encoders.registry._ALL", (entry,))
    mine = tmp_path / "anything.bin"
    mine.write_bytes(CONTENT)
    assert weights.import_file(mine) is entry and weights.import_file(mine) is entry
    assert (empty_home / "weights" / "small.onnx").read_bytes() == CONTENT and mine.exists()


def test_importing_an_unknown_file_tells_its_hash_and_another_way(tmp_path: Path, empty_home: Path):
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"my own")
    digest = hashlib.sha256(b"my own").hexdigest()
    with pytest.raises(WeightsError, match=rf"mine\.pth is none of the known .* {digest}.*by its path"):
        weights.import_file(mine)
    with pytest.raises(WeightsError, match=r"away\.pth cannot be read"):
        weights.import_file(tmp_path / "away.pth")


# ---- hashes ----


def test_a_hash_is_computed_once_for_an_unchanged_file(tmp_path: Path, empty_home: Path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    calls = []
    real = hashes.computed
    monkeypatch.setattr(hashes, "computed", lambda *arguments: calls.append(1) or real(*arguments))
    assert hashes.sha256_of(path) == hashes.sha256_of(path) == DIGEST
    assert len(calls) == 1
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(1, 1))
    assert hashes.sha256_of(path) != DIGEST and len(calls) == 2


@pytest.mark.parametrize("memory", ["", "[]", "{", '{"x": 3}', "\u00ff"])
def test_a_damaged_memory_of_hashes_is_ignored(memory: str, tmp_path: Path, empty_home: Path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    (empty_home / "weights").mkdir(parents=True)
    (empty_home / "weights" / "verified.json").write_text(memory, encoding="latin-1")
    assert hashes.sha256_of(path) == DIGEST


def test_files_that_are_gone_are_forgotten(tmp_path: Path, empty_home: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        path.write_bytes(b"abc")
        hashes.sha256_of(path)
        if path is first:
            path.unlink()
    known = json.loads((empty_home / "weights" / "verified.json").read_text(encoding="utf-8"))
    assert list(known) == [str(second.resolve())]
