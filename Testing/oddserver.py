"""A local server that behaves, request by request, as badly as a test says: see ``test_download_server``."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from SAMAdaptLib.encoders.weights import download

FILE = bytes(range(256)) * 400
"""What the server has: 102,400 bytes."""
SIZE = len(FILE)
DIGEST = hashlib.sha256(FILE).hexdigest()


@dataclass
class Request:
    """One request, and the means to answer it in any way; the connection is closed afterwards."""

    number: int
    path: str
    headers: dict[str, str]
    connection: socket.socket
    server: OddServer

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        return int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    @property
    def may_continue(self) -> bool:
        """Whether a range is asked for and ``If-Range`` names what is here."""
        known = self.headers.get("if-range")
        return "range" in self.headers and known in (None, self.server.etag, self.server.modified)

    def raw(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            self.connection.sendall(data)

    def head(self, status: str, *lines: str) -> None:
        tags = [f"ETag: {self.server.etag}"] * bool(self.server.etag)
        tags += [f"Last-Modified: {self.server.modified}"] * bool(self.server.modified)
        self.raw("\r\n".join([f"HTTP/1.1 {status}", *tags, *lines, "", ""]).encode("latin-1"))

    def file(self, content: bytes = FILE, sent: int | None = None) -> None:
        """Answer as a good server does, but close the connection after ``sent`` bytes of it."""
        start = self.start if self.may_continue else 0
        length = f"Content-Length: {len(content) - start}"
        if start:
            self.head("206 Partial Content", f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}", length)
        else:
            self.head("200 OK", length)
        self.raw(content[start:][:sent])

    def page(self, status: str, *lines: str, body: bytes = b"") -> None:
        self.head(status, f"Content-Length: {len(body)}", *lines)
        self.raw(body)

    def drip(self, data: bytes, seconds: float) -> None:
        """A byte each so many seconds, until nobody listens."""
        with contextlib.suppress(OSError):
            for byte in data:
                self.connection.sendall(bytes([byte]))
                if self.server.ended.wait(seconds):
                    return

    def silence(self, seconds: float = 5.0) -> None:
        self.server.ended.wait(seconds)

    def reset(self) -> None:
        """End the connection as a firewall does."""
        time.sleep(0.02)  # what was sent before should arrive
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Play = Callable[[Request], object]


@dataclass
class OddServer:
    """``play`` answers each request; ``asked`` holds the paths, ``ranges`` the ranges of the requests so far."""

    play: Play = Request.file
    etag: str = ""
    modified: str = ""
    address: str = ""
    requests: list[Request] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def ranges(self) -> list[int]:
        return [request.start for request in self.requests]

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(ConnectionError), connection:
            text = b""
            while b"\r\n\r\n" not in text:
                more = connection.recv(65536)
                if not more:
                    return
                text += more
                if text.startswith(b"\x16"):  # somebody wants encryption
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
            first, *lines = text.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            request = Request(len(self.requests) + 1, first.split()[1], headers, connection, self)
            self.requests.append(request)
            self.play(request)


@contextlib.contextmanager
def odd_server() -> Iterator[OddServer]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = OddServer()
        server.address = f"http://127.0.0.1:{listening.getsockname()[1]}/file.bin"
        threading.Thread(target=server.serve, args=(listening,), daemon=True).start()
        yield server
        server.ended.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddServer]:
    """The odd server, with no proxy before it; a second try follows at once."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download, "RETRY_SECONDS", 0.0)
    with odd_server() as server:
        yield server
