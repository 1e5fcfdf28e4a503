"""Files that appear whole or not at all, and what is said when there is no room for them.

Every file that SAMAdapt writes comes through ``write_atomically``: written beside its target under a name of its own,
flushed to the disk, then renamed. Until then the older file stays what it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import DiskFullError, InputError, SAMAdaptError
from . import paths as home
from .disk.leftovers import part_name, sweep_parts
from .disk.safepaths import refuse_special

_FULL = {errno.ENOSPC, *(getattr(errno, name) for name in ("EDQUOT",) if hasattr(errno, name))}

TEMPORARY = "TEMP" if sys.platform == "win32" else "TMPDIR"
"""The variable that moves the folder of temporary files."""

_LITTLE_ROOM = 1 << 18
"""Bytes. A disk with less is full for our purposes: the smallest head takes about as much."""

_UNKNOWN = 1 << 62

_CANNOT_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EBADF}
"""What file systems say that know no flushing; everything else means that the bytes did not arrive."""

_swept: set[Path] = set()
"""Folders that this process has looked through for leftovers."""


def write_atomically(
    path: str | Path, write: Callable[[Path], object], *, private: bool = False, durable: bool = True
) -> None:
    """Let ``write`` fill a file beside ``path``, then give it that name in one step.

    The file exists, empty, when ``write`` is called, and has the endings of ``path``, since some writers go by them. A
    writer that does not notice a full disk must check what lies there itself and raise OSError. ``private``, and every
    file in a private folder of the home: nobody else may read it. ``durable``: on the disk before the older file goes;
    off for what can be computed again and is checked on reading. Raises DiskFullError when there is no room, InputError
    when the folder does not exist or cannot be written to; whatever else ``write`` raises passes through. Nothing is
    left behind.
    """
    path = Path(path)
    refuse_special(path)
    folder = path.parent
    if not folder.is_dir():
        msg = f"The folder {folder} does not exist."
        raise InputError(msg, "Create it first, or choose another place.")
    if durable and folder.absolute() not in _swept:
        _swept.add(folder.absolute())
        sweep_parts(folder)
    part = folder / part_name(path.name)
    try:
        _create(part, path, private or home.is_private(path))
        write(part)
        if durable:
            _flush(part)
        part.replace(path)
        if durable:
            _flush(folder)
    except Exception as error:
        full = lacks_room(error, folder)
        _remove(part)
        if full:
            raise disk_full(path) from error
        if not isinstance(error, OSError):
            raise
        msg = f"{path} cannot be written ({error.strerror or error})."
        raise InputError(msg, "Check the free space and the permissions of its folder.") from error
    finally:
        _remove(part)


def write_content(path: str | Path, content: bytes | str, *, private: bool = False, durable: bool = True) -> None:
    """Write bytes, or text as UTF-8, to ``path`` whole or not at all; raises as ``write_atomically`` does."""
    data = content.encode() if isinstance(content, str) else content

    def fill(part: Path) -> None:
        with part.open("wb", buffering=0) as stream:
            write_all(stream, data)
        require_length(part, len(data))

    write_atomically(path, fill, private=private, durable=durable)


def write_all(stream: IO[bytes], data: bytes | memoryview) -> None:
    """Write all of these bytes to an unbuffered stream, which may take fewer at once, as at the end of a disk."""
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]


def require_length(path: Path, length: int) -> None:
    """Raises OSError when a file that was just written does not have that many bytes."""
    found = path.stat().st_size
    if found != length:
        msg = f"only {found} of {length} bytes arrived"
        raise OSError(errno.EIO, msg, str(path))


def says_full(error: BaseException) -> bool:
    """Whether the system's error is that of a full disk or a used-up quota."""
    return isinstance(error, OSError) and error.errno in _FULL


def lacks_room(error: BaseException, folder: Path) -> bool:
    """Whether an exception of a writer means that the disk of ``folder`` is full; libraries seldom say so."""
    if isinstance(error, SAMAdaptError):
        return False
    if says_full(error):
        return True
    vague = not isinstance(error, OSError) or error.errno in (None, errno.EIO)
    return vague and isinstance(error, OSError | RuntimeError) and free_bytes(folder) < _LITTLE_ROOM


def disk_full(path: str | Path, needed: int | None = None) -> DiskFullError:
    """What to say when there is no room for ``path``; ``needed`` are bytes, if they are known."""
    path = Path(path)
    wanted = "" if needed is None else f" ({_amount(needed)})"
    msg = f"There is no room for {path}{wanted}: the disk of {path.parent} has {_amount(free_bytes(path.parent))} free."
    where = "move the folder with SAMADAPT_HOME" if home.is_within(path) else "choose another place"
    return DiskFullError(msg, f"Free some space there, or {where}. Nothing that was there has changed.")


def temporary_folder() -> Path:
    """Where the system keeps temporary files. Raises InputError when every such place is full or closed."""
    try:
        return Path(tempfile.gettempdir())
    except OSError as error:
        msg = f"No temporary file can be written ({error.strerror or error})."
        raise InputError(msg, f"Free some space there, or set {TEMPORARY} to a folder with room.") from error


def require_room(path: Path) -> None:
    """Raises DiskFullError when the disk of a file to come is full already: before hours of work, not after them."""
    if free_bytes(path.absolute().parent) < _LITTLE_ROOM:
        raise disk_full(path)


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written where ``folder`` lies; very many where the system does not say."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return _UNKNOWN
    return usage.free if usage.total else _UNKNOWN  # some remote file systems say 0 of 0


def open_private(path: str | Path, flags: int) -> int:
    """An opener for ``open``: what it creates is for this user alone, whatever the umask."""
    descriptor = os.open(path, flags, 0o600)
    with contextlib.suppress(OSError):
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o177:
            Path(path).chmod(0o600)
    return descriptor


def _amount(count: int) -> str:
    """Bytes for people."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _create(part: Path, path: Path, private: bool) -> None:
    """An empty file with the rights that the target will have: an older one's, or what the umask allows."""
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666))
    with contextlib.suppress(OSError):  # some file systems know no rights; a first file has no older one
        part.chmod(0o600 if private else stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR)


def _flush(path: Path) -> None:
    """Have the system put a file, or a folder's names, on the disk. Raises OSError when a file's bytes cannot go."""
    folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if not folder and error.errno not in _CANNOT_FLUSH:
            raise


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink(missing_ok=True)
