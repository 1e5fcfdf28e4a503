"""The files in which voxels travel between the panel's process and the worker: MetaImage.

Written and read in large plain pieces, during which Python lets other threads have the interpreter. SimpleITK's own
reading and writing would keep it for as long as they take, and with it the user interface; so would its import. The
worker reads and writes these files with SimpleITK like any other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from .errors import InputError
from .files import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .geometry import Geometry
    from .images import Labelmap, Volume
    from .structure import Structure

_PIECE_BYTES = 1 << 23
_TYPES = {"float32": "MET_FLOAT", "uint8": "MET_UCHAR", "uint16": "MET_USHORT"}
_ARRAYS = {name: array for array, name in _TYPES.items()}
_LONGEST_HEADER = 4096
_DATA = b"ElementDataFile = LOCAL\n"
_ZLIB_OR_GZIP = 47


def write_image(path: str | Path, image: Volume | Labelmap) -> None:
    """Write voxels and grid of a volume or a labelmap to an .mha file. Raises InputError."""

    def fill(part: Path) -> None:
        with part.open("wb", buffering=0) as stream:
            stream.write(_header(image.voxels, image.geometry))
            raw = memoryview(np.ascontiguousarray(image.voxels).data).cast("B")
            for at in range(0, len(raw), _PIECE_BYTES):
                stream.write(raw[at : at + _PIECE_BYTES])

    write_whole(Path(path), fill)


def read_labels(path: str | Path, geometry: Geometry, structures: Sequence[Structure]) -> Labelmap:
    """The labelmap that SimpleITK or ``write_image`` put into an .mha file, on the grid that it was made for.

    Raises InputError when the file holds something else, more or less.
    """
    from .images import Labelmap

    path = Path(path)
    try:
        with path.open("rb") as stream:
            kind, compressed = _announced(stream, path)
            pieces = iter(lambda: stream.read(_PIECE_BYTES), b"")
            array = _filled(_inflated(pieces) if compressed else pieces, kind, path, geometry)
    except (OSError, zlib.error) as error:
        msg = f"The result {path} cannot be read ({getattr(error, 'strerror', None) or error})."
        raise InputError(msg) from error
    return Labelmap(array, geometry, tuple(structures), name=path.name)


def _header(voxels: NDArray, geometry: Geometry) -> bytes:
    """A MetaImage header. Directions are written axis by axis: i first."""
    kind = _TYPES.get(voxels.dtype.name)
    if kind is None:
        msg = f"Voxels of type {voxels.dtype} cannot be handed over; float32, uint8 and uint16 can."
        raise InputError(msg)
    lines = (
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = False",
        f"TransformMatrix = {_numbers(geometry.direction.T.ravel())}",
        f"Offset = {_numbers(geometry.origin)}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_numbers(geometry.spacing)}",
        f"DimSize = {' '.join(map(str, geometry.size))}",
        f"ElementType = {kind}",
    )
    return "\n".join((*lines, "")).encode() + _DATA


def _numbers(values: Sequence[float] | NDArray) -> str:
    return " ".join(repr(float(value)) for value in values)


def _announced(stream: IO[bytes], path: Path) -> tuple[np.dtype, bool]:
    """The type of the voxels and whether they are compressed; the stream then stands at the first of them."""
    head = stream.read(_LONGEST_HEADER)
    end = head.find(_DATA)
    pairs = (line.partition("=") for line in head[: max(end, 0)].decode("latin-1").splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    kind = _ARRAYS.get(fields.get("ElementType", ""))
    if kind is None or fields.get("BinaryDataByteOrderMSB") == "True":
        msg = f"The result {path} is not a MetaImage of labels."
        raise InputError(msg)
    stream.seek(end + len(_DATA))
    return np.dtype(kind).newbyteorder("<"), fields.get("CompressedData") == "True"


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """In pieces again: labels may shrink a thousandfold."""
    inflate = zlib.decompressobj(_ZLIB_OR_GZIP)
    for piece in pieces:
        while piece:
            yield inflate.decompress(piece, _PIECE_BYTES)
            piece = inflate.unconsumed_tail


def _filled(pieces: Iterator[bytes], kind: np.dtype, path: Path, geometry: Geometry) -> NDArray:
    array = np.empty(geometry.shape, kind)
    raw = memoryview(array.data).cast("B")
    done = 0
    for piece in pieces:
        if done + len(piece) > len(raw):
            msg = f"The result {path} has more than the {len(raw)} bytes that its volume has room for."
            raise InputError(msg)
        raw[done : done + len(piece)] = piece
        done += len(piece)
    if done < len(raw):
        msg = f"The result {path} ends after {done} of {len(raw)} bytes."
        raise InputError(msg, "Is the disk full?")
    return array.astype(kind.newbyteorder("="), copy=False)
