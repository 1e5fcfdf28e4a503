"""Private folders for the volumes that travel between processes: made for one job, gone after it.

A folder holds a lock file that its owner keeps locked and has its name in; what nobody locks belongs to a process that
is gone, and ``remove_stale`` removes it. Locks, unlike process numbers, are never handed to somebody else; where a file
system knows no locks, the owner's number and the folder's age decide. Folders and files are for this user alone.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from ..errors import InputError
from ..utils.disk.leftovers import FORGOTTEN_SECONDS, distance, is_running, this_host
from ..utils.files import disk_full, open_private, says_full
from ..utils.paths import folder

_LOCK = "owner.lock"
_YOUNG_SECONDS = 60.0
"""A folder younger than this may be between its making and its locking."""

_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
"""Errors of locking that mean that somebody else has the lock; others, that there are no locks."""


class JobFolder:
    """A fresh folder under the home's ``jobs``; a context manager; ``remove`` may be called twice.

    Raises DiskFullError, or InputError when it cannot be made.
    """

    def __init__(self) -> None:
        jobs = folder("jobs")
        self._lock: IO[bytes] | None = None
        try:
            self.path = Path(tempfile.mkdtemp(prefix="job-", dir=jobs))
            self._lock = _locked(self.path / _LOCK)
        except OSError as error:
            if hasattr(self, "path"):
                self.remove()
            if says_full(error):
                raise disk_full(jobs / "a volume") from error
            msg = f"No folder for volumes can be made in {jobs} ({error.strerror or error})."
            raise InputError(msg, "Set SAMADAPT_HOME to a folder that you may write to.") from error

    def __enter__(self) -> JobFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def file(self, name: str) -> str:
        """The path of a file of that name in the folder (not created)."""
        return str(self.path / name)

    def remove(self) -> None:
        """Delete the folder and all that is in it; what a dying process still holds open is left to
        ``remove_stale``."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        shutil.rmtree(self.path, ignore_errors=True)


def remove_stale() -> int:
    """Remove the folders whose owners are gone. Returns how many; never raises over a folder it cannot remove."""
    removed = 0
    for path in sorted(folder("jobs").glob("job-*")):
        if path.is_dir() and _is_stale(path):
            shutil.rmtree(path, ignore_errors=True)
            removed += not path.exists()
    return removed


def _locked(path: Path) -> IO[bytes]:
    """The lock file, with the owner's name in it, locked. Raises OSError."""
    lock = open(path, "wb", buffering=0, opener=open_private)  # noqa: SIM115, PTH123  it is held; pathlib has no opener
    try:
        lock.write(
            f"\n{this_host()} {os.getpid()}".encode()
        )  # Windows locks the first byte, and nobody can read it then
        _try_lock(lock)
    except OSError:
        lock.close()
        raise
    return lock


def _is_stale(path: Path) -> bool:
    try:
        seconds = distance(path.stat().st_mtime)
        if seconds < _YOUNG_SECONDS:
            return False
        with (path / _LOCK).open("r+b", buffering=0) as lock:
            free = _try_lock(lock)
            return _is_deserted(lock, seconds) if free is None else free
    except FileNotFoundError:
        return True  # its lock went, or it never got one
    except OSError:
        return False


def _is_deserted(lock: IO[bytes], seconds: float) -> bool:
    """Where there are no locks: whether the owner, by what the file says, is gone."""
    lock.seek(1)
    host, _, process = lock.read(64).decode("ascii", errors="replace").partition(" ")
    if host == this_host() and process.isdecimal():
        return not is_running(int(process))
    return seconds > FORGOTTEN_SECONDS


def _try_lock(file: IO[bytes]) -> bool | None:
    """Lock a file without waiting; True if this process has it now, None where there are no locks.

    A lock ends with the file or its process.
    """
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _HELD else None
    return True
