"""One file over https into a ``.part`` file: resumable, cancellable, with progress, behind a proxy too.

Proxies are those of the environment (``https_proxy``, ``no_proxy``, or the system's settings), as urllib reads them.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ..errors import WeightsError
from ..progress import Monitor, raise_if_cancelled

CONNECT_SECONDS = 10.0
"""Patience with a silent server, until it answers and between two packets. Short, since other sources may follow."""
ATTEMPTS = 4
RETRY_SECONDS = 0.5
_CHUNK = 1 << 18
_HERE = ("localhost", "127.0.0.1", "::1")


def download(address: str, part: Path, size: int, monitor: Monitor, stage: str) -> None:
    """Complete ``part`` to the ``size`` bytes at ``address``, from where an earlier attempt stopped.

    A connection that breaks is taken up again a few times. Progress counts bytes. What arrived stays in ``part``
    when this raises WeightsError (with the reason) or Cancelled, so that the next call goes on from there.
    """
    check_address(address)
    broken = ""
    for attempt in range(ATTEMPTS):
        _wait(RETRY_SECONDS * attempt, monitor)
        try:
            _go_on(address, part, size, monitor, stage)
            return
        except _BrokenError as error:
            broken = str(error)
    msg = f"The transfer stopped at {_length(part)} of {size} bytes ({broken})."
    raise WeightsError(msg, "Try again: it goes on from there.")


def check_address(address: str) -> None:
    """Refuse everything but https (and http on this very machine, for tests) with a WeightsError."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE):
        return
    msg = f"{address} is not an https address."
    raise WeightsError(msg, "Weights are fetched over https only.")


@contextlib.contextmanager
def alone(lock: Path, monitor: Monitor) -> Iterator[None]:
    """Hold ``lock`` so that one process at a time writes a ``.part`` file; the system lets go if that one dies."""
    with lock.open("a+b") as stream:
        while not _locked(stream):
            raise_if_cancelled(monitor)
            time.sleep(0.2)
        yield


class _BrokenError(Exception):
    """The connection broke; it may be worth another try."""


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never out of https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_address(newurl)
        except WeightsError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _go_on(address: str, part: Path, size: int, monitor: Monitor, stage: str) -> None:
    """One connection. Raises _BrokenError where a second one may help, WeightsError where not."""
    have = _length(part)
    if have > size:
        part.unlink()
        have = 0
    if have == size:
        monitor.progress(stage, size, size)
        return
    with _opened(address, have, monitor) as response:
        start = have if response.status == http.client.PARTIAL_CONTENT else 0
        _check_length(address, response, start, size)
        _copy(response, part, start, size, monitor, stage)


def _opened(address: str, start: int, monitor: Monitor) -> Any:
    """The response to a request for the bytes from ``start`` on."""
    headers = {"User-Agent": "SAMAdapt", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(address, headers=headers)
    opener = urllib.request.build_opener(_HttpsRedirects())
    try:
        return _within(CONNECT_SECONDS, lambda: opener.open(request, timeout=CONNECT_SECONDS), monitor)
    except urllib.error.HTTPError as error:
        msg = f"The server answered {error.code} {error.reason}."
        error.close()
        if error.code >= 500:
            raise _BrokenError(msg) from error
        raise WeightsError(msg) from error
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ConnectionResetError | http.client.RemoteDisconnected):
            raise _BrokenError(str(reason)) from error
        hint = "Behind a proxy set https_proxy; where it replaces certificates, name its own in SSL_CERT_FILE."
        msg = f"No connection ({reason})."
        raise WeightsError(msg, hint) from error


def _within(seconds: float, work: Callable[[], Any], monitor: Monitor) -> Any:
    """The response that ``work`` opens, or TimeoutError; hears a cancel meanwhile.

    A thread of its own, since resolving a name has no time limit, and connecting has one for each of a name's
    addresses. A response that comes too late is closed.
    """
    answers: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()
    given_up = threading.Event()

    def answer() -> None:
        try:
            response = work()
        except Exception as error:
            answers.put((None, error))
            return
        answers.put((response, None))
        if given_up.is_set():
            response.close()

    threading.Thread(target=answer, name="connect", daemon=True).start()
    try:
        response, error = _awaited(answers, seconds, monitor)
    except BaseException:
        given_up.set()
        raise
    if error is not None:
        raise error
    return response


def _awaited(answers: queue.SimpleQueue[Any], seconds: float, monitor: Monitor) -> Any:
    """The first of ``answers``, or TimeoutError, or Cancelled."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raise_if_cancelled(monitor)
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=0.05)
    msg = f"no answer within {seconds:.0f} s"
    raise TimeoutError(msg)


def _check_length(address: str, response: Any, start: int, size: int) -> None:
    """A file of another length is another file: say so before fetching it."""
    told = response.headers.get("Content-Length")
    if told is not None and told.isdigit() and start + int(told) != size:
        msg = f"{address} has {start + int(told)} bytes, expected {size}."
        raise WeightsError(msg, "The file at that address was changed, or a network filter answered in its place.")


def _copy(response: Any, part: Path, start: int, size: int, monitor: Monitor, stage: str) -> None:
    done = start
    try:
        with part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            stream.truncate()
            while done < size:
                raise_if_cancelled(monitor)
                chunk = _received(response, min(_CHUNK, size - done))
                stream.write(chunk)
                done += len(chunk)
                monitor.progress(stage, done, size)
    except OSError as error:
        msg = f"{part} cannot be written ({error.strerror or error})."
        raise WeightsError(msg, "Check the free space, or move the folder with SAMADAPT_HOME.") from error


def _received(response: Any, most: int) -> bytes:
    """At least one byte. Raises _BrokenError when the connection ends or stays silent."""
    try:
        chunk: bytes = response.read(most)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(str(error) or type(error).__name__) from error
    if not chunk:
        msg = "the connection was closed"
        raise _BrokenError(msg)
    return chunk


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _wait(seconds: float, monitor: Monitor) -> None:
    """Sleep, but hear a cancel at once."""
    until = time.monotonic() + seconds
    raise_if_cancelled(monitor)
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
        raise_if_cancelled(monitor)


def _locked(stream: IO[bytes]) -> bool:
    """Try to lock the open file for this process; False while another holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
