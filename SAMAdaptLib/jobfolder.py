"""Private folders for the volumes that travel between processes: made for one job, gone after it.

A folder holds a lock file that its owner keeps locked; what nobody locks belongs to a process that is gone, and
``sweep`` removes it. Locks, unlike process numbers, are never handed to somebody else.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

from .home import folder

_LOCK = "owner.lock"
_YOUNG_SECONDS = 60.0
"""A folder younger than this may be between its making and its locking."""


class JobFolder:
    """A fresh folder under the home's ``jobs``; a context manager; ``remove`` may be called twice."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="job-", dir=folder("jobs")))
        self._lock: IO[bytes] | None = (self.path / _LOCK).open("wb")
        _try_lock(self._lock)

    def __enter__(self) -> JobFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def file(self, name: str) -> str:
        """The path of a file of that name in the folder (not created)."""
        return str(self.path / name)

    def remove(self) -> None:
        """Delete the folder and all that is in it; what a dying process still holds open is left to ``sweep``."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        shutil.rmtree(self.path, ignore_errors=True)


def sweep() -> int:
    """Remove the folders whose owners are gone. Returns how many; never raises over a folder it cannot remove."""
    removed = 0
    for path in sorted(folder("jobs").glob("job-*")):
        if path.is_dir() and _is_stale(path):
            shutil.rmtree(path, ignore_errors=True)
            removed += not path.exists()
    return removed


def _is_stale(path: Path) -> bool:
    try:
        if time.time() - path.stat().st_mtime < _YOUNG_SECONDS:
            return False
        with (path / _LOCK).open("r+b") as lock:
            return _try_lock(lock)
    except FileNotFoundError:
        return True  # its lock went, or it never got one
    except OSError:
        return False


def _try_lock(file: IO[bytes]) -> bool:
    """Lock a file without waiting; True if this process has it now. A lock ends with the file or its process."""
    if os.name == "nt":
        return _try_lock_windows(file)
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _try_lock_windows(file: IO[bytes]) -> bool:
    import msvcrt

    try:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
