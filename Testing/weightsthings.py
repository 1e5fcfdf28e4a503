"""What the tests of weights share: a local server that misbehaves as asked, and a file that it offers."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from SAMAdaptLib.encoders.registry import EncoderEntry, Source
from SAMAdaptLib.encoders.weights import download

CONTENT = bytes(range(256)) * 4096 * 2
DIGEST = hashlib.sha256(CONTENT).hexdigest()


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
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(server.content) - 1}/{len(server.content)}"
            self._answer(206 if start else 200, headers)
            return self._send(body)

        def _answer(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def _send(self, body: bytes) -> None:
            self.close_connection = True
            with contextlib.suppress(ConnectionError):  # who cancels does not listen to the end
                self.wfile.write(body[: server.break_after])

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
