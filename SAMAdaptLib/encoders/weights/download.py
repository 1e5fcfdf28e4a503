"""One file over https into a ``.part`` file: resumable, cancellable, with progress, behind a proxy too.

Proxies are those of the environment (``https_proxy``, ``no_proxy``, or the system's settings), as urllib reads them.
Beside an unfinished ``.part`` file lies a note (``.part.origin``) of the address and the version of the file there, so
that a file that changed in between is fetched from its beginning, not joined to the rest of another.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any

from ...errors import WeightsError
from ...progress import Monitor, raise_if_cancelled
from .connection import (
    HINT_AGAIN,
    HINT_FILTER,
    Body,
    BrokenError,
    RangeRefusedError,
    check_address,
    length_told,
    opened,
    plain,
)

CONNECT_SECONDS = 10.0
"""Patience with a silent server, until it answers and between two packets. Short, since other sources may follow."""
SLOW_SECONDS = 30.0
SLOW_BYTES = 1000.0
"""A server that sends fewer bytes a second than this, for so many seconds, is given up."""
ATTEMPTS = 4
RETRY_SECONDS = 0.5
_WRITTEN_AT_ONCE = 1 << 18
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)


def download(address: str, part: Path, size: int, monitor: Monitor, stage: str) -> None:
    """Complete ``part`` to the ``size`` bytes at ``address``, from where an earlier attempt stopped.

    A connection that breaks is taken up again a few times. Progress counts bytes. What arrived stays in ``part``
    when this raises WeightsError (with the reason) or Cancelled, so that the next call goes on from there; what
    cannot be continued, since the file at the address is another one now, is fetched from its beginning.
    """
    check_address(address)
    broken, wait = "", 0.0
    for attempt in range(ATTEMPTS):
        _wait(max(RETRY_SECONDS * attempt, wait), monitor)
        try:
            _go_on(address, part, size, monitor, stage)
            return
        except _OtherFileError as error:
            _start_anew(part)
            broken, wait = str(error), 0.0
        except BrokenError as error:
            broken, wait = str(error), error.wait
    msg = f"The transfer stopped at {_length(part)} of {size} bytes ({broken})."
    raise WeightsError(msg, HINT_AGAIN)


@contextlib.contextmanager
def alone(lock: Path, monitor: Monitor) -> Iterator[None]:
    """Hold ``lock`` so that one process at a time writes a ``.part`` file; the system lets go if that one dies."""
    with lock.open("a+b") as stream:
        while not _locked(stream):
            raise_if_cancelled(monitor)
            time.sleep(0.2)
        yield


class _OtherFileError(Exception):
    """What is in ``.part`` is not the beginning of what the server has."""


@dataclass(frozen=True)
class _Origin:
    """Where the beginning of a ``.part`` file came from, and which version of the file that was ("" where unknown)."""

    address: str
    etag: str = ""
    modified: str = ""

    @property
    def validator(self) -> str:
        """What ``If-Range`` may hold: a strong entity tag, else a date."""
        return self.etag if self.etag.startswith('"') else self.modified

    def differs_from(self, other: _Origin) -> bool:
        """Whether both name a version of the file at one address, and not the same one."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified))
        return self.address == other.address and any(a and b and a != b for a, b in pairs)


def _go_on(address: str, part: Path, size: int, monitor: Monitor, stage: str) -> None:
    """One connection. Raises BrokenError or _OtherFileError where a second one may help, WeightsError where not."""
    if _length(part) > size:
        _start_anew(part)
    have = _length(part)
    if have < size:
        _check_space(part, size - have)
        origin = _noted_origin(part, address)
        try:
            response = opened(address, _request_headers(have, origin), CONNECT_SECONDS, monitor)
        except RangeRefusedError as error:
            if not have:
                raise WeightsError(str(error)) from error
            raise _OtherFileError(str(error)) from error
        with contextlib.ExitStack() as on_refusal:
            on_refusal.callback(response.close)
            start = _start_of(response, address, have, size, origin)
            on_refusal.pop_all()
        with Body(response) as body:
            if start == 0:
                _note_origin(part, _origin_of(response.headers, address))
            _copy(body, part, start, size, monitor, stage)
    else:
        monitor.progress(stage, size, size)
    _origin_file(part).unlink(missing_ok=True)


def _request_headers(have: int, origin: _Origin) -> dict[str, str]:
    headers = {"User-Agent": "SAMAdapt", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if origin.validator:
            headers["If-Range"] = origin.validator
    return headers


def _start_of(response: Any, address: str, have: int, size: int, origin: _Origin) -> int:
    """The place in the file of the response's first byte: 0 or ``have``.

    Raises WeightsError when it is not the file of ``size`` bytes, _OtherFileError when it does not continue ``part``.
    """
    if response.status not in (http.client.OK, http.client.PARTIAL_CONTENT):
        msg = f"The server answered {response.status} {plain(response.reason)}."
        raise WeightsError(msg)
    if response.headers.get_content_type() == "text/html":
        msg = f"{address} answered with a web page instead of the file of {size} bytes."
        raise WeightsError(msg, HINT_FILTER)
    told = length_told(response.headers)
    if response.status == http.client.OK or not have:
        _check_length(address, response.headers, told, size)
        return 0
    if origin.differs_from(_origin_of(response.headers, address)):
        msg = "the file at the address was changed"
        raise _OtherFileError(msg)
    place = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if place is not None and place[3] != "*" and int(place[3]) != size:
        _check_length(address, response.headers, int(place[3]), size)
    continues = int(place[1]) == have if place else told == size - have
    if not continues:
        msg = "the server sent another part of the file than was asked for"
        raise _OtherFileError(msg)
    return have


def _check_length(address: str, headers: Message, told: int | None, size: int) -> None:
    """A file of another length is another file: say so before fetching it. Compressed on the way it could be any."""
    coding = plain(headers.get("Content-Encoding", "identity")).lower()
    if coding != "identity" and told != size:
        msg = f"{address} comes compressed ({coding}), which was not asked for."
        raise WeightsError(msg, "Something between here and the server changes files: try another network.")
    if told is not None and told != size:
        msg = f"{address} has {told} bytes, expected {size}."
        raise WeightsError(msg, f"The file at that address was changed. {HINT_FILTER}")


def _copy(body: Body, part: Path, start: int, size: int, monitor: Monitor, stage: str) -> None:
    done, pace = start, _Pace()
    with _writing(part):
        # Unbuffered, so that a full disk shows at the write that did not fit and not once more when the file is closed.
        stream = part.open("r+b" if start else "wb", buffering=0)
    with stream:
        stream.seek(start)
        while done < size:
            raise_if_cancelled(monitor)
            chunk = _gathered(body, size - done)
            pace.check(len(chunk), done)
            if chunk:
                _write(stream, chunk, part)
                done += len(chunk)
                monitor.progress(stage, done, size)
        with _writing(part):
            os.fsync(stream.fileno())


def _write(stream: Any, chunk: bytes, part: Path) -> None:
    rest = memoryview(chunk)
    with _writing(part):
        while rest:
            rest = rest[stream.write(rest) :]


def _gathered(body: Body, most: int) -> bytes:
    """What has come, at most ``most`` bytes: some packets at once, so that a fast server does not cost a word each."""
    packets: list[bytes] = []
    length = 0
    while length < min(most, _WRITTEN_AT_ONCE):
        try:
            packet = body.next()
        except BrokenError:
            if not packets:
                raise
            break  # The next call raises it again, once this is written.
        if not packet:
            break
        packets.append(packet)
        length += len(packet)
    return b"".join(packets)[:most]


class _Pace:
    """Gives up a server that sends next to nothing, which no time limit on a single packet would notice."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._since, self._bytes = time.monotonic(), 0

    def check(self, count: int, done: int) -> None:
        """Note ``count`` more bytes; ``done`` is for the words. Raises WeightsError when there were too few of late."""
        self._bytes += count
        seconds = time.monotonic() - self._since
        if seconds < SLOW_SECONDS:
            return
        if self._bytes < SLOW_BYTES * SLOW_SECONDS:
            msg = f"The server is too slow: {self._bytes} bytes in {seconds:.0f} s, {done} in all."
            raise WeightsError(msg, HINT_AGAIN)
        self._begin()


# The files ----------------------------------------------------------------------------------------------------------


def _origin_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.origin")


def _origin_of(headers: Message, address: str) -> _Origin:
    """What the server says of the version that it sends."""
    etag, modified = (headers.get(name, "").strip() for name in ("ETag", "Last-Modified"))
    return _Origin(address, *(text if _may_be_a_header(text) else "" for text in (etag, modified)))


def _noted_origin(part: Path, address: str) -> _Origin:
    """What is noted of the beginning in ``part``. A note of another address says nothing about this one's versions."""
    try:
        facts = json.loads(_origin_file(part).read_text(encoding="utf-8"))
        origin = _Origin(**facts)
    except (OSError, ValueError, TypeError, RecursionError):
        return _Origin(address)
    if origin.address != address or not all(_may_be_a_header(text) for text in (origin.etag, origin.modified)):
        return _Origin(address)
    return origin


def _note_origin(part: Path, origin: _Origin) -> None:
    with _writing(part):
        _origin_file(part).write_text(json.dumps(asdict(origin)), encoding="utf-8")


def _may_be_a_header(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and len(text) <= 200


def _start_anew(part: Path) -> None:
    with _writing(part):
        part.unlink(missing_ok=True)


def _check_space(part: Path, wanted: int) -> None:
    """Say that the disk is too small before an hour of fetching, where the system tells."""
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(part.parent).free
        if free < wanted:
            raise _disk_full(part, f"{wanted} more bytes are needed, {free} are free")


@contextlib.contextmanager
def _writing(part: Path) -> Iterator[None]:
    """Trouble with the files in words; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(part, error.strerror or "no space left") from error
        msg = f"{part} cannot be written ({error.strerror or error})."
        raise WeightsError(msg, "Check the permissions, or move the folder with SAMADAPT_HOME.") from error


def _disk_full(part: Path, reason: str) -> WeightsError:
    msg = f"The disk of {part.parent} is full ({reason})."
    return WeightsError(msg, "Free some space, or move the folder to another disk with SAMADAPT_HOME.")


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _wait(seconds: float, monitor: Monitor) -> None:
    """Sleep, but notice a cancel at once."""
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
