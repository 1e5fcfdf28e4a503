"""One connection to a server of files: opened within a time limit, read without ever keeping a cancel waiting.

A name that does not resolve, a server that is silent, and one that sends a byte a second all block the thread that
waits for them. So each waits in a thread of its own, and the thread that wants the answer looks at its monitor.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from typing import IO, Any
from urllib.parse import urlsplit

from ...errors import WeightsError
from ...progress import Monitor, raise_if_cancelled

HINT_PROXY = "Behind a proxy set https_proxy; where it replaces certificates, name its own in SSL_CERT_FILE."
HINT_FILTER = "Log in to this network with a browser if it asks for that; else a network filter answered in its place."
HINT_AGAIN = "Try again: it goes on from there."

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be others a moment later."""

_LONGEST_WAIT = 10.0
"""Seconds that a server may ask us to stay away."""

_ADVICE = {
    401: "The address needs a login that SAMAdapt does not have.",
    403: "The address is closed to this machine, or a network filter answered in its place.",
    404: "The file is no longer at that address.",
    407: "Set https_proxy to an address with the proxy's user and password.",
    410: "The file is no longer at that address.",
    511: HINT_FILTER,
}
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_LOOK_SECONDS = 0.05
_PACKET = 1 << 16
_AHEAD = 16
"""So many packets are read before the reader waits for them to be written."""


class BrokenError(Exception):
    """The connection broke; another one may help. ``wait``: seconds that the server asks for before that."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class RangeRefusedError(Exception):
    """The server has no such range (status 416)."""


def check_address(address: str) -> None:
    """Refuse everything but https (and http on this very machine, for tests) with a WeightsError."""
    parts = urlsplit(address)
    if (parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS):
        return
    msg = f"{address} is not an https address."
    raise WeightsError(msg, "Weights are fetched over https only.")


def opened(address: str, headers: Mapping[str, str], seconds: float, monitor: Monitor) -> Any:
    """The response to a request, its headers read, within ``seconds``.

    Raises BrokenError where another try may help, RangeRefusedError, WeightsError where neither; Cancelled.
    """
    request = urllib.request.Request(address, headers=dict(headers))
    opener = urllib.request.build_opener(_HttpsRedirects())
    try:
        return _within(seconds, lambda: opener.open(request, timeout=seconds), monitor)
    except urllib.error.HTTPError as error:
        raise _refusal(error) from error
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ConnectionResetError | http.client.RemoteDisconnected):
            raise BrokenError(plain(reason)) from error
        msg = f"No connection ({plain(reason)})."
        raise WeightsError(msg, HINT_PROXY) from error


class Body:
    """The bytes of a response as they come; a context manager.

    Closing does not wait for the server: the reader notices when it next hears from it, or at its time limit.
    """

    def __init__(self, response: Any) -> None:
        self._packets: queue.Queue[bytes | Exception] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._end: Exception | None = None
        threading.Thread(target=self._read, args=(response,), name="download", daemon=True).start()

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()

    def next(self) -> bytes:
        """What has come by now, b"" if nothing came for a moment. Raises BrokenError from the connection's end on."""
        if self._end is None:
            try:
                packet = self._packets.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                return b""
            if isinstance(packet, bytes):
                return packet
            self._end = packet
        raise BrokenError(plain(self._end)) from self._end

    def _read(self, response: Any) -> None:
        with contextlib.closing(response):
            try:
                # read1: what is there. read would wait until all of it is, byte by byte if need be.
                while packet := response.read1(_PACKET):
                    if not self._put(packet):
                        return
                self._put(ConnectionError("the connection was closed"))
            except Exception as error:
                self._put(error)

    def _put(self, packet: bytes | Exception) -> bool:
        """False once nobody wants it any more."""
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._packets.put(packet, timeout=_LOOK_SECONDS)
                return True
        return False


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never out of https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_address(newurl)
            if req.type == "https" and urlsplit(newurl).scheme != "https":
                text = f"{newurl} is not an https address."
                raise WeightsError(text, "A redirect from https must lead to https.")
        except WeightsError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _refusal(error: urllib.error.HTTPError) -> Exception:
    """What a status other than "here it is" means for us."""
    msg = f"The server answered {error.code} {plain(error.reason)}."
    later = error.headers.get("Retry-After", "").strip() if error.headers else ""
    error.close()
    if error.code == 416:
        return RangeRefusedError(msg)
    if error.code in RETRIED:
        return BrokenError(msg, min(float(later), _LONGEST_WAIT) if _is_number(later) else 0.0)
    return WeightsError(msg, _ADVICE.get(error.code, ""))


def _within(seconds: float, work: Callable[[], Any], monitor: Monitor) -> Any:
    """The response that ``work`` opens, or TimeoutError, or Cancelled. A response that comes too late is closed.

    A thread of its own, since resolving a name has no time limit, and connecting has one for each of a name's
    addresses.
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
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raise_if_cancelled(monitor)
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=_LOOK_SECONDS)
    msg = f"no answer within {seconds:.0f} s"
    raise TimeoutError(msg)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def length_told(headers: Message) -> int | None:
    """The length that a response's headers promise; None where there is none, or none that counts."""
    text = headers.get("Content-Length", "").strip()
    return int(text) if _is_number(text) and not headers.get("Transfer-Encoding") else None


def plain(words: object) -> str:
    """A stranger's words as one short line without control characters: they end up in terminals and logs."""
    text = str(words) or type(words).__name__
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:200]
