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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import home
from .encoders.canvas import resize
from .encoders.loading import pinned_threads
from .errors import InputError
from .files import write_all, write_whole
from .leftovers import YOUNG_SECONDS, distance, sweep_parts
from .pace import clock
from .progress import Monitor, Silent, raise_if_cancelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .encoders.base import Encoder

PICTURE = "picture"
"""Name under which a view's small picture is kept beside its features."""

PICTURE_SIZE = 256
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


class FeatureStore:
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
            write_whole(path, save, private=True, durable=False)
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


_Painted: TypeAlias = "tuple[NDArray[np.float32], list[NDArray[np.uint8]]]"


@dataclass(frozen=True)
class View:
    """One canvas to be encoded: its key and how to paint it when the cache does not have it.

    ``paint`` gives (S, S) float32 in 0..255 with NaN in the padding.
    """

    key: str
    paint: Callable[[], NDArray[np.float32]]


class Embedder:
    """Features of views by way of the cache, from one encoder, at the asked levels."""

    def __init__(self, encoder: Encoder | None, levels: Sequence[str], store: FeatureStore) -> None:
        self.encoder = encoder
        self.levels = tuple(levels)
        self.store = store

    @property
    def batch(self) -> int:
        """How many views at once pay."""
        return 1 if self.encoder is None else self.encoder.batch

    def prepare(self, views: Iterable[View], monitor: Monitor | None = None, stage: str = "Encoding") -> int:
        """Encode what the cache lacks; gives the number encoded. Raises Cancelled between views."""
        missing = self._missing(views)
        return sum(len(batch) for batch in self._encoding(missing, monitor or Silent(), stage))

    def prepare_until(
        self, deadline: float, views: Sequence[View], needed: int, monitor: Monitor, stage: str = "Encoding"
    ) -> list[View]:
        """Encode what the cache lacks, in the order of ``views``; gives those whose features are known then.

        After ``deadline`` (``clock.now()``) only the first ``needed`` are still encoded. Raises Cancelled
        between views.
        """
        missing = self._missing(views)
        left = {view.key for view in missing}
        must = {view.key for view in views[:needed]}
        for batch in self._encoding(missing, monitor, stage):
            left.difference_update(view.key for view in batch)
            if clock.now() > deadline and not left & must:
                break
        return [view for view in views if view.key not in left]

    def features(self, view: View) -> dict[str, NDArray[Any]]:
        """{level: (C, h, w) float16, "picture": (256, 256) uint8} of one view, encoded now if need be."""
        return self.features_of([view])[0]

    def features_of(self, views: Sequence[View]) -> list[dict[str, NDArray[Any]]]:
        """As ``features``, of a few views; those that are not known go through the encoder together."""
        found = [{name: self.store.get(view.key, name) for name in (*self.levels, PICTURE)} for view in views]
        known = [{name: array for name, array in arrays.items() if array is not None} for arrays in found]
        missing = [index for index, arrays in enumerate(known) if len(arrays) < len(found[index])]
        if missing:
            unknown = [views[index] for index in missing]
            for index, arrays in zip(missing, self._encode(unknown, _painted(unknown)), strict=True):
                known[index] = arrays
        return known

    def _encoding(self, missing: Sequence[View], monitor: Monitor, stage: str) -> Iterator[Sequence[View]]:
        """Encodes these views batch by batch, and gives each batch when its features are known.

        The next batch is painted while one is encoded, unless the program is to keep to one core.
        """
        size = self.batch
        batches = [missing[done : done + size] for done in range(0, len(missing), size)]
        with ThreadPoolExecutor(1, "painter") as painter:
            coming: Future[_Painted] | None = None
            for number, batch in enumerate(batches):
                raise_if_cancelled(monitor)
                monitor.progress(stage, number * size, len(missing))
                painted = _painted(batch) if coming is None else coming.result()
                ahead = number + 1 < len(batches) and pinned_threads() != 1
                coming = painter.submit(_painted, batches[number + 1]) if ahead else None
                self._encode(batch, painted)
                yield batch
        monitor.progress(stage, len(missing), len(missing))

    def _missing(self, views: Iterable[View]) -> list[View]:
        """Those that the cache lacks."""
        names = (*self.levels, PICTURE)
        return [view for view in views if not all(self.store.has(view.key, name) for name in names)]

    def _encode(self, views: Sequence[View], painted: _Painted) -> list[dict[str, NDArray[Any]]]:
        """Features of views that go through the encoder together; kept, and given back in their order."""
        canvases, pictures = painted
        found: list[dict[str, NDArray[Any]]] = [{PICTURE: picture} for picture in pictures]
        if self.levels and self.encoder is not None:
            encoded = self.encoder.encode(canvases, self.levels)
            for index, arrays in enumerate(found):
                arrays.update({level: array[index].astype(np.float16) for level, array in encoded.items()})
        for view, arrays in zip(views, found, strict=True):
            for name, array in arrays.items():
                self.store.put(view.key, name, array)
        return found


def _painted(views: Sequence[View]) -> _Painted:
    """The views' canvases (N, S, S), and the small picture of each."""
    canvases = np.stack([view.paint() for view in views])
    return canvases, [picture_of(canvas) for canvas in canvases]


def picture_of(canvas: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A view in small for image-resolution branches: (256, 256) uint8, 1..255 inside, 0 in the padding.

    Averages whole blocks of pixels, so fine detail is neither aliased nor lost. The side must be a multiple of 256.
    """
    side = canvas.shape[0]
    block = side // PICTURE_SIZE
    if side % PICTURE_SIZE:
        msg = f"A canvas has {side} pixels a side; a multiple of {PICTURE_SIZE} is needed."
        raise InputError(msg)
    blocks = canvas.reshape(PICTURE_SIZE, block, PICTURE_SIZE, block)
    inside = ~np.isnan(blocks)
    count = inside.sum(axis=(1, 3))
    total = np.where(inside, blocks, 0).sum(axis=(1, 3), dtype=np.float32)
    mean = total / np.maximum(count, 1)
    return np.where(count * 2 >= block * block, 1 + np.round(mean * (254 / 255)), 0).astype(np.uint8)


def fitted_side(side: int, cells: int) -> int:
    """The multiple of 2 * ``cells`` that is nearest to ``side``."""
    return 2 * cells * max(1, round(side / (2 * cells)))


def fitted_picture(picture: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """A view's small picture in about its size, with a whole number of pairs of pixels for each of ``cells`` a side.

    Heads cut crops between the cells of their features; of 64 cells each has 4 x 4 pixels, and the picture is left as
    it is.
    """
    side = fitted_side(picture.shape[0], cells)
    if side == picture.shape[0]:
        return picture
    values = np.where(picture == 0, np.float32(np.nan), picture.astype(np.float32))
    return np.nan_to_num(np.round(resize(values, side))).astype(np.uint8)


def picture_to_float(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What heads see of a picture: zero mean and about unit variance inside, 0 in the padding."""
    values: NDArray[np.float32] = (picture.astype(np.float32) - np.float32(128)) / np.float32(64)
    values[picture == 0] = 0
    return values
