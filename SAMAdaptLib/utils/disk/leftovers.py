"""Temporary files that a killed process left behind: known by their names, removed by their owner and their age.

A file on its way to its name is called ``.samadapt-HOST-PROCESS-CHANCE.part.ENDING``. It is a leftover when its
process is gone from this computer, or when nobody touched it for a week. A time in the future is as far from now as
one in the past: a clock that was wrong must not make a file immortal.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import sys
import time
import uuid
from functools import cache
from pathlib import Path

_NAME = re.compile(r"\.samadapt-([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}\.part(\..*)?", re.DOTALL)
_OLDER_NAME = re.compile(r"\..+-[0-9a-f]{8}\.part(\..*)?", re.DOTALL)
"""What earlier versions called such files; it says nothing of the owner."""

_LONGEST_ENDING = 24

YOUNG_SECONDS = 600.0
"""What was touched so lately may be in use, whatever is known of its owner (containers hide their processes)."""

FORGOTTEN_SECONDS = 7 * 24 * 3600.0
"""What nobody touched for so long is a leftover, whoever made it: no file takes a week to write."""


def part_name(name: str) -> str:
    """A new name for a file that is to become ``name``; it has the same ending, since some writers go by that."""
    ending = "".join(Path(name).suffixes[-2:])
    if len(os.fsencode(ending)) > _LONGEST_ENDING:
        ending = Path(name).suffix if len(os.fsencode(Path(name).suffix)) <= _LONGEST_ENDING else ""
    return f".samadapt-{this_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part{ending}"


def sweep_parts(folder: Path, young: float = YOUNG_SECONDS, ours: bool = False) -> int:
    """Remove the leftovers that lie directly in a folder. Returns how many; never raises over one that stays.

    ``ours``: nobody but SAMAdapt writes there, so that names of earlier versions may be trusted as well.
    """
    removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None and not (ours and _OLDER_NAME.fullmatch(entry.name)):
                continue
            host, process = (match[1], int(match[2])) if match else ("", 0)
            with contextlib.suppress(OSError):
                if _is_left(host, process, distance(entry.stat(follow_symlinks=False).st_mtime), young):
                    Path(entry.path).unlink()
                    removed += 1
    return removed


def distance(moment: float) -> float:
    """Seconds between a file's time and now, whichever comes first."""
    return abs(time.time() - moment)


def _is_left(host: str, process: int, seconds: float, young: float) -> bool:
    if seconds < young:
        return False
    return seconds > FORGOTTEN_SECONDS or (host == this_host() and not is_running(process))


@cache
def this_host() -> str:
    """Eight signs that stand for this computer and do not say its name."""
    return hashlib.sha256(platform.node().encode(errors="replace")).hexdigest()[:8]


def is_running(process: int) -> bool:
    """Whether a process of that number exists on this computer; True where that cannot be known."""
    if process <= 0:
        return False
    if sys.platform == "win32":
        return _is_running_windows(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _is_running_windows(process: int) -> bool:
    """There, a signal 0 would be Ctrl-C."""
    import ctypes

    query_limited_information, still_active, invalid_parameter = 0x1000, 259, 87
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(query_limited_information, False, process)
    if not handle:
        return bool(ctypes.get_last_error() != invalid_parameter)  # type: ignore[attr-defined]
    try:
        code = ctypes.c_ulong()
        return not kernel.GetExitCodeProcess(handle, ctypes.byref(code)) or code.value == still_active
    finally:
        kernel.CloseHandle(handle)
