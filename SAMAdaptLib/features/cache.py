"""Features of views, encoded once and kept: a content-addressed cache on disk.

A key is the hash of everything that the features depend on (voxels, geometry, plane, intensity, view, encoder); what
is stored under it never changes, so two processes may share the folder without talking. Files are written under
another name and renamed, hence whole or absent.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import shutil
import struct
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..utils import paths as home
from ..utils.disk.leftovers import YOUNG_SECONDS, distance, sweep_parts
from ..utils.files import write_all, write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray


DEFAULT_LIMIT_GB = 20.0
_MOST_GB = 1e9
_TOUCH_AFTER_SECONDS = 60.0
_EVICT_TO = 0.9

_CLOCKS_APART_SECONDS = 24 * 3600.0
"""By how much the clocks of computers that share a folder may differ."""

_MARK = b"SAcrc32\n"
"""Stands behind an entry's array, before its CRC-32: 0.3 ms for a megabyte, and every changed byte shows."""

_TRAILER_BYTES = len(_MARK) + 4
_LONGEST_HEADER = 1 << 14


def content_key(parts: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of JSON-like ``parts``; equal parts give equal keys on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()


class FeatureCache:
    """Half-precision arrays by key and level, bounded in bytes; the longest unused go first.

    An entry is an .npy file with a checksum behind it, over its key, its level and every byte; what does not fit counts
    as absent. Folders and files are for this user alone.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int | None = None) -> None:
        self.folder = Path(folder) if folder is not None else home.folder("features")
        self.limit_bytes = _default_limit(self.folder) if limit_bytes is None else limit_bytes
        self._bytes: int | None = None  # counted at the first write: reading and hits need no look at every file

    def get(self, key: str, level: str) -> NDArray[Any] | None:
        """The array under ``key`` and ``level``, or None. A damaged file counts as absent and is removed."""
        path = self._path(key, level)
        try:
            array = _loaded(path, _seed(key, level))
            if distance(path.stat().st_mtime) > _TOUCH_AFTER_SECONDS:
                os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError):
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        return array

    def has(self, key: str, level: str) -> bool:
        """True when an array with a checksum lies under ``key`` and ``level``; ``get`` alone verifies it."""
        try:
            with self._path(key, level).open("rb", buffering=0) as stream:
                stream.seek(-_TRAILER_BYTES, os.SEEK_END)
                return stream.read(len(_MARK)) == _MARK
        except OSError:
            return False

    def put(self, key: str, level: str, array: NDArray[Any]) -> None:
        """Keep ``array``, floats as float16. An unwritable or full disk is not an error: nothing is kept then."""
        if array.dtype.kind == "f":
            array = np.clip(array, -65504, 65504).astype(np.float16)
        path = self._path(key, level)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            home.make_private(path.parent)
            save = partial(_save, array=array, seed=_seed(key, level))
            write_atomically(path, save, private=True, durable=False)
        except (OSError, InputError):
            return
        if self._bytes is None:
            self._sweep()
            self.size_bytes()
        else:
            self._bytes += array.nbytes
        if (self._bytes or 0) > self.limit_bytes:
            self._evict()

    def size_bytes(self) -> int:
        """Bytes in use, counted now."""
        total = sum(size for _, size, _ in self._entries())
        self._bytes = total
        return total

    def clear(self) -> int:
        """Remove everything; gives the number of bytes freed."""
        freed = 0
        self._sweep(young=0)
        for path, size, _ in self._entries():
            path.unlink(missing_ok=True)
            freed += size
        self._bytes = 0
        return freed

    def describe(self) -> dict[str, Any]:
        """Folder, bytes, limit and number of files, as JSON values."""
        entries = self._entries()
        return {
            "folder": str(self.folder),
            "bytes": sum(size for _, size, _ in entries),
            "limit_bytes": self.limit_bytes,
            "files": len(entries),
        }

    def _path(self, key: str, level: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.{level}.npy"

    def _entries(self) -> list[tuple[Path, int, float]]:
        """(path, bytes, last use) of every file, the oldest use first.

        A use in the future, by a clock that was wrong, counts as the oldest: it would else never go.
        """
        entries = []
        latest = time.time() + _CLOCKS_APART_SECONDS
        for path in self.folder.glob("??/[!.]*.npy"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process was faster
                continue
            entries.append((path, status.st_size, status.st_mtime if status.st_mtime <= latest else 0.0))
        return sorted(entries, key=lambda entry: entry[2])

    def _evict(self) -> None:
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        for path, size, _ in entries:
            if total <= self.limit_bytes * _EVICT_TO:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._bytes = total

    def _sweep(self, young: float = YOUNG_SECONDS) -> None:
        """Remove what killed processes left half-written."""
        for part in self.folder.glob("??"):
            sweep_parts(part, young, ours=True)


def _seed(key: str, level: str) -> int:
    """What the checksum of an entry begins with: an entry under another name is another entry."""
    return zlib.crc32(f"{key}.{level}".encode())


def _save(path: Path, array: NDArray[Any], seed: int) -> None:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    content.write(_MARK + struct.pack("<I", zlib.crc32(content.getbuffer(), seed)))
    with path.open("wb", buffering=0) as stream:
        write_all(stream, content.getbuffer())


def _loaded(path: Path, seed: int) -> NDArray[Any]:
    """The array in a file. Raises ValueError for one that is not as it was written, or has no checksum."""
    with path.open("rb", buffering=0) as stream:
        content = bytearray(os.fstat(stream.fileno()).st_size)
        whole = stream.readinto(content) == len(content) > _TRAILER_BYTES
    end = len(content) - _TRAILER_BYTES
    view = memoryview(content)
    if not whole or view[end:] != _MARK + struct.pack("<I", zlib.crc32(view[:end], seed)):
        msg = "its checksum does not fit"
        raise ValueError(msg)
    header = io.BytesIO(view[: min(end, _LONGEST_HEADER)])
    version = np.lib.format.read_magic(header)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(header)
    array = np.frombuffer(content, dtype, math.prod(shape), header.tell())
    return array.reshape(shape, order="F" if fortran else "C")


def _default_limit(folder: Path) -> int:
    """``SAMADAPT_CACHE_GB`` gigabytes, else 20, but never more than half of what the disk has left."""
    chosen = os.environ.get("SAMADAPT_CACHE_GB", "")
    try:
        gigabytes = float(chosen) if chosen else DEFAULT_LIMIT_GB
    except ValueError:
        gigabytes = math.nan
    if not 0 <= gigabytes <= _MOST_GB:
        msg = f"SAMADAPT_CACHE_GB is {chosen!r}, not a number of gigabytes from 0 to {_MOST_GB:g}."
        raise InputError(msg, "Set it to a number such as 20, or unset it.")
    limit = int(gigabytes * 1e9)
    if chosen:
        return limit
    existing = next((path for path in (folder, *folder.parents) if path.is_dir()), Path())
    return min(limit, shutil.disk_usage(existing).free // 2)


def fitted_side(side: int, cells: int) -> int:
    """The multiple of 2 * ``cells`` that is nearest to ``side``."""
    return 2 * cells * max(1, round(side / (2 * cells)))
