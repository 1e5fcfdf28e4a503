"""How a file of weights comes over the network: checked, resumed, refused, cancelled. All servers are local."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from listeners import Listener
from weightsthings import *  # noqa: F403  fixtures
from weightsthings import CONTENT, DIGEST, Server

from SAMAdaptLib.encoders.registry import EncoderEntry, Source
from SAMAdaptLib.encoders.weights import download
from SAMAdaptLib.encoders.weights import store as weights
from SAMAdaptLib.errors import Cancelled, WeightsError


def test_a_file_is_fetched_checked_and_named(entry: EncoderEntry, empty_home: Path):
    listener = Listener()
    path = weights.ensure(entry, listener)
    assert path == empty_home / "weights" / "small.onnx" and path.read_bytes() == CONTENT
    assert not path.with_name("small.onnx.part").exists()
    downloading = [(done, total) for stage, done, total in listener.steps if stage == "Downloading small"]
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
        weights.ensure(entry, Listener(lambda heard: any(done >= 600_000 for _, done, _ in heard.steps)))
    assert 600_000 <= part.stat().st_size < len(CONTENT)
    assert weights.ensure(entry).read_bytes() == CONTENT


def test_cancelling_is_heard_while_the_server_is_silent(entry: EncoderEntry, server: Server):
    server.silent = 3.0

    began = time.monotonic()
    with pytest.raises(Cancelled):
        weights.ensure(entry, Listener(lambda _: bool(server.asked)))
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
from SAMAdaptLib.encoders.weights import store as weights
from SAMAdaptLib.encoders.registry import EncoderEntry, Source
source = Source("https", "{server.address}")
print(weights.ensure(EncoderEntry("small", "", "onnx", "small.onnx", {len(CONTENT)}, "{DIGEST}", "", (source,))))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(weights.__file__).parents[3])}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=60)[0].strip() for process in both]
    assert answers == [str(empty_home / "weights" / "small.onnx")] * 2
    assert len(server.asked) == 1
