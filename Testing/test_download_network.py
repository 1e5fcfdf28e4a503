"""What networks, disks and other processes do to a download, and how soon it hears a cancel. All servers are local."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest
from listeners import Listener
from oddserver import *  # noqa: F403  fixtures
from oddserver import DIGEST, FILE, SIZE, OddServer, Request

from SAMAdaptLib.encoders.registry import EncoderEntry, Source
from SAMAdaptLib.encoders.weights import connection, download
from SAMAdaptLib.encoders.weights import store as weights
from SAMAdaptLib.errors import Cancelled, WeightsError
from SAMAdaptLib.utils.process import child_environment

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "file.part"


@pytest.fixture
def entry(server: OddServer, empty_home: Path) -> EncoderEntry:
    return EncoderEntry("small", "Small", "onnx", "small.onnx", SIZE, DIGEST, "", (Source("https", server.address),))


def fetch(address: str, part: Path, monitor: Listener | None = None) -> None:
    download.download(address, part, SIZE, monitor or Listener(), "Downloading")


def refused_port() -> int:
    """A port on this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


# ---- cancelling ----


def promise(request: Request) -> None:
    request.head("200 OK", f"Content-Length: {SIZE}")


def drips(request: Request) -> None:
    promise(request)
    request.drip(FILE, 0.3)


def stops_in_the_middle(request: Request) -> None:
    promise(request)
    request.raw(FILE[:5000])
    request.silence()


def fails(request: Request) -> None:
    request.page("503 Service Unavailable", "Retry-After: 10")


@pytest.mark.parametrize(
    "play",
    [Request.silence, lambda r: r.drip(b"HTTP/1.1 200 OK\r\n", 0.3), drips, stops_in_the_middle, fails],
    ids=["before the answer", "headers in drips", "a body in drips", "in the middle", "while it waits to try again"],
)
def test_a_cancel_is_noticed_at_once(play, server: OddServer, part: Path, monkeypatch) -> None:
    monkeypatch.setattr(download, "CONNECT_SECONDS", 10.0)
    monkeypatch.setattr(download, "SLOW_SECONDS", 30.0)
    server.play = play
    cancel_at = time.monotonic() + 0.4
    with pytest.raises(Cancelled):
        fetch(server.address, part, Listener(lambda _: time.monotonic() > cancel_at))
    assert time.monotonic() - cancel_at < 1
    assert len(server.requests) == 1
    assert not part.exists() or FILE.startswith(part.read_bytes())


def test_a_cancel_is_noticed_while_another_process_fetches_the_file(entry: EncoderEntry, empty_home: Path) -> None:
    lock = weights.folder("weights") / "small.onnx.lock"
    with download.alone(lock, Listener()):
        began = time.monotonic()
        with pytest.raises(Cancelled):
            weights.ensure(entry, Listener(lambda _: time.monotonic() - began > 0.3))
    assert time.monotonic() - began < 1.3


def test_nothing_goes_on_behind_a_cancel(server: OddServer, part: Path) -> None:
    server.play = drips
    with pytest.raises(Cancelled):
        fetch(server.address, part, Listener(lambda heard: bool(heard.steps)))
    length = part.stat().st_size
    until = time.monotonic() + 2
    while any(thread.name == "download" for thread in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.02)
    assert not [thread for thread in threading.enumerate() if thread.name == "download"]
    assert part.stat().st_size == length


# ---- names, ports, proxies, certificates ----


@pytest.fixture
def slow_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving a name takes three seconds."""
    real = socket.getaddrinfo

    def slow(*arguments, **options):
        time.sleep(3.0)
        return real(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)


def test_a_slow_look_up_of_a_name_is_given_up(slow_names, server: OddServer, part: Path, monkeypatch) -> None:
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(WeightsError, match="No connection .no answer within"):
        fetch("https://example.invalid/file", part)
    assert time.monotonic() - began < 2


def test_a_cancel_is_noticed_while_a_name_is_looked_up(slow_names, part: Path) -> None:
    began = time.monotonic()
    with pytest.raises(Cancelled):
        fetch("https://example.invalid/file", part, Listener(lambda _: time.monotonic() - began > 0.2))
    assert time.monotonic() - began < 1.2


def test_a_refused_connection_is_told_at_once(server: OddServer, part: Path) -> None:
    began = time.monotonic()
    with pytest.raises(WeightsError, match=r"No connection \(.*refused.*https_proxy"):
        fetch(f"http://127.0.0.1:{refused_port()}/file", part)
    assert time.monotonic() - began < 1
    assert not part.exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("407 Proxy Authentication Required", "Tunnel connection failed: 407.*https_proxy"),
        ("403 Forbidden", "Tunnel connection failed: 403"),
        ("502 Bad Gateway", "Tunnel connection failed: 502"),
    ],
)
def test_a_proxy_that_refuses_is_told_with_its_words(answer, words, server: OddServer, part: Path, monkeypatch) -> None:
    monkeypatch.setenv("https_proxy", server.address.removesuffix("/file.bin"))
    server.play = lambda request: request.page(answer)
    with pytest.raises(WeightsError, match=words):
        fetch("https://example.invalid/file", part)
    assert [request.path for request in server.requests] == ["example.invalid:443"]


def test_a_proxy_that_is_not_there_is_told(server: OddServer, part: Path, monkeypatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{refused_port()}")
    with pytest.raises(WeightsError, match=r"No connection \(.*refused.*https_proxy"):
        fetch("https://example.invalid/file", part)


def test_a_silent_proxy_is_given_up(server: OddServer, part: Path, monkeypatch) -> None:
    monkeypatch.setenv("https_proxy", server.address.removesuffix("/file.bin"))
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    server.play = Request.silence
    with pytest.raises(WeightsError, match="No connection .(no answer|timed out)"):
        fetch("https://example.invalid/file", part)


def test_a_server_without_encryption_is_not_spoken_to_over_https(server: OddServer, part: Path) -> None:
    with pytest.raises(WeightsError, match="No connection .*SSL"):
        fetch(server.address.replace("http:", "https:"), part)
    assert not part.exists()


def test_a_certificate_that_nobody_vouches_for_is_refused(server: OddServer, part: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def greet(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with pytest.raises(ssl.SSLError), connection:
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=greet, args=(listening,))
        thread.start()
        with pytest.raises(WeightsError, match="certificate verify failed.*SSL_CERT_FILE"):
            fetch(f"https://127.0.0.1:{listening.getsockname()[1]}/file", part)
        thread.join()


@pytest.mark.parametrize("to", ["http://localhost/x", "http://127.0.0.1:8080/x", "http://[::1]/x"])
def test_a_redirect_from_https_never_ends_on_this_machine_unencrypted(to: str) -> None:
    request = connection.urllib.request.Request("https://example.org/x")
    with pytest.raises(WeightsError, match="A redirect from https must lead to https"), open(os.devnull, "rb") as body:  # noqa: PTH123
        connection._HttpsRedirects().redirect_request(request, body, 302, "Found", None, to)


# ---- disks ----


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    server: OddServer, part: Path, monkeypatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 30, 1 << 30, 1000))
    part.write_bytes(FILE[:400])
    with pytest.raises(
        WeightsError, match=f"{SIZE - 400} more bytes are needed, 1000 are free.*SAMADAPT_HOME"
    ) as caught:
        fetch(server.address, part)
    assert f"The disk of {part.parent} is full" in str(caught.value)
    assert server.requests == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_that_fills_up_is_told_by_its_name(server: OddServer, part: Path) -> None:
    part.symlink_to("/dev/full")
    with pytest.raises(WeightsError, match=rf"The disk of {part.parent} is full \(No space left.*Free some space"):
        fetch(server.address, part)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk of .* is full"), (getattr(errno, "EDQUOT", errno.ENOSPC), "disk of .* is full"),
     (errno.EFBIG, "disk of .* is full"), (errno.EIO, r"file\.part cannot be written .Input/output error")],
)  # fmt: skip
def test_what_is_wrong_with_a_disk_is_told(number: int, words: str, server: OddServer, part: Path, monkeypatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WeightsError, match=words):
        fetch(server.address, part)


def test_a_full_disk_keeps_what_arrived_and_the_next_try_goes_on(entry: EncoderEntry, server: OddServer) -> None:
    if sys.platform == "win32":
        pytest.skip("sets a limit that POSIX has")
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
from SAMAdaptLib.encoders.weights import store as weights
from SAMAdaptLib.encoders.registry import EncoderEntry, Source
source = Source("https", "{server.address}")
try:
    weights.ensure(EncoderEntry("small", "", "onnx", "small.onnx", {SIZE}, "{DIGEST}", "", (source,)))
except Exception as error:
    print(error)
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=child_environment()
    )
    assert "The disk of " in found.stdout
    assert "is full (File too large)" in found.stdout
    assert weights.ensure(entry).read_bytes() == FILE
    assert server.ranges == [0, 50_000]


def test_a_folder_in_the_place_of_the_part_is_told(server: OddServer, part: Path) -> None:
    part.mkdir()
    with pytest.raises(WeightsError, match=r"file\.part cannot be written"):
        fetch(server.address, part)


def test_trouble_of_the_one_who_listens_is_not_taken_for_the_disks(server: OddServer, part: Path) -> None:
    class Gone(Listener):
        def progress(self, stage: str, done: int, total: int) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        fetch(server.address, part, Gone())


# ---- wrong files ----


def wrong(request: Request) -> None:
    request.file(bytes(SIZE))


def test_a_wrong_file_is_fetched_once_and_not_again(entry: EncoderEntry, server: OddServer, empty_home: Path) -> None:
    server.play = wrong
    with pytest.raises(WeightsError, match=f"expected SHA-256 {DIGEST}, found "):
        weights.ensure(entry)
    assert server.ranges == [0]
    assert [path.name for path in (empty_home / "weights").iterdir() if path.name != "verified.json"] == [
        "small.onnx.lock"
    ]


def test_a_wrong_rest_is_fetched_once_more_and_refused_when_it_is_wrong_twice(entry, server: OddServer) -> None:
    server.play = wrong
    begun = weights.folder("weights") / "small.onnx.part"
    begun.write_bytes(FILE[:1000])
    with pytest.raises(WeightsError, match=f"expected SHA-256 {DIGEST}, found "):
        weights.ensure(entry)
    assert server.ranges == [1000, 0]
    assert not begun.exists()
    server.play = Request.file
    assert weights.ensure(entry).read_bytes() == FILE


# ---- other processes ----


def test_a_download_that_was_killed_is_taken_up_by_another_process(entry, server: OddServer, empty_home: Path) -> None:
    def play(request: Request) -> None:
        if request.number > 1:
            return request.file()
        promise(request)
        request.raw(FILE[:30000])
        return request.silence(20)

    server.play, server.etag = play, '"one"'
    code = f"""
from SAMAdaptLib.encoders.weights import store as weights
from SAMAdaptLib.encoders.registry import EncoderEntry, Source
source = Source("https", "{server.address}")
weights.ensure(EncoderEntry("small", "", "onnx", "small.onnx", {SIZE}, "{DIGEST}", "", (source,)))
"""
    process = subprocess.Popen([sys.executable, "-c", code], env=child_environment())
    begun = empty_home / "weights" / "small.onnx.part"
    until = time.monotonic() + 30
    while not (begun.exists() and begun.stat().st_size == 30000) and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert weights.ensure(entry).read_bytes() == FILE
    assert server.ranges == [0, 30000]
    assert server.requests[1].headers["if-range"] == '"one"'
    assert sorted(path.suffix for path in begun.parent.iterdir()) == [".json", ".lock", ".onnx"]
