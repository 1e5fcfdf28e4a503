"""The files in which voxels travel between the panel's process and the worker: MetaImage, with a checksum.

Written and read in large plain pieces, during which Python lets other threads have the interpreter. SimpleITK's own
reading and writing would keep it for as long as they take, and with it the user interface; so would its import. The
worker reads and writes these files with SimpleITK like any other.

Two more fields of the header, which MetaImage allows, say what must lie there: ``SAMAdaptVoxels``, the CRC-32 of the
voxels in the file's own byte order, written by both sides; and ``SAMAdaptHeader``, that of all lines before it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...utils.files import require_length, write_all, write_atomically
from .written import inflated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..geometry import Geometry
    from ..image import Labelmap, Volume
    from ..structure import Structure

VOXELS_FIELD = "SAMAdaptVoxels"
HEADER_FIELD = "SAMAdaptHeader"

_PIECE_BYTES = 1 << 23
_TYPES = {"float32": "MET_FLOAT", "uint8": "MET_UCHAR", "uint16": "MET_USHORT"}
_ARRAYS = {name: array for array, name in _TYPES.items()}
_LONGEST_HEADER = 1 << 20
_DATA = b"ElementDataFile = LOCAL\n"
_AGAIN = "Run it again: the file was changed or cut off on its way, as on a full or failing disk."


def write_image(path: str | Path, image: Volume | Labelmap) -> None:
    """Write voxels and grid of a volume or a labelmap to an .mha file, for this user alone.

    Raises DiskFullError, or InputError.
    """
    raw = _bytes_of(image.voxels)
    header = _header(image.voxels, image.geometry)

    def fill(part: Path) -> None:
        with part.open("wb", buffering=0) as stream:
            write_all(stream, header)
            for at in range(0, len(raw), _PIECE_BYTES):
                write_all(stream, raw[at : at + _PIECE_BYTES])
        require_length(part, len(header) + len(raw))

    write_atomically(Path(path), fill, private=True, durable=False)


def checksum_of(voxels: NDArray) -> str:
    """What the field ``VOXELS_FIELD`` says of these voxels."""
    raw, checksum = _bytes_of(voxels), 0
    for at in range(0, len(raw), _PIECE_BYTES):
        checksum = zlib.crc32(raw[at : at + _PIECE_BYTES], checksum)
    return f"{checksum:08x}"


def require_unchanged(path: Path) -> None:
    """Raises InputError when an .mha file that carries checksums is not as it was written; others pass unjudged."""
    with path.open("rb") as stream:
        head, fields, compressed = _header_of(stream)
        _require_header(head, fields, path)
        if VOXELS_FIELD not in fields:
            return
        try:
            pieces = _pieces(stream)
            checksum = 0
            for piece in inflated(pieces) if compressed else pieces:
                checksum = zlib.crc32(piece, checksum)
        except zlib.error as error:
            msg = f"The file {path} is damaged ({error})."
            raise InputError(msg, _AGAIN) from error
        _require_voxels(checksum, fields, path)


def read_labels(path: str | Path, geometry: Geometry, structures: Sequence[Structure]) -> Labelmap:
    """The labelmap that SimpleITK or ``write_image`` put into an .mha file, on the grid that it was made for.

    Raises InputError when the file holds something else, more or less than was written.
    """
    from ..image import Labelmap

    path = Path(path)
    try:
        with path.open("rb") as stream:
            head, fields, compressed = _header_of(stream)
            kind = _kind(fields, path)
            _require_header(head, fields, path)
            pieces = _pieces(stream)
            array, checksum = _filled(inflated(pieces) if compressed else pieces, kind, path, geometry)
            _require_voxels(checksum, fields, path)
    except (OSError, zlib.error) as error:
        msg = f"The result {path} cannot be read ({getattr(error, 'strerror', None) or error})."
        raise InputError(msg, _AGAIN) from error
    return Labelmap(array, geometry, tuple(structures), name=path.name)


def _bytes_of(voxels: NDArray) -> memoryview:
    return memoryview(np.ascontiguousarray(voxels).reshape(-1).view(np.uint8).data)


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
        f"{VOXELS_FIELD} = {checksum_of(voxels)}",
    )
    text = "\n".join((*lines, "")).encode()
    return text + f"{HEADER_FIELD} = {zlib.crc32(text):08x}\n".encode() + _DATA


def _numbers(values: Sequence[float] | NDArray) -> str:
    return " ".join(repr(float(value)) for value in values)


def _header_of(stream: IO[bytes]) -> tuple[bytes, dict[str, str], bool]:
    """The header's bytes and fields, and whether the voxels are compressed; the stream then stands at the first."""
    head = stream.read(_LONGEST_HEADER)
    end = max(head.find(_DATA), 0)
    pairs = (line.partition("=") for line in head[:end].decode("latin-1").splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    stream.seek(end + len(_DATA))
    return head[:end], fields, fields.get("CompressedData") == "True"


def _kind(fields: dict[str, str], path: Path) -> np.dtype:
    kind = _ARRAYS.get(fields.get("ElementType", ""))
    if kind is None or fields.get("BinaryDataByteOrderMSB") == "True":
        msg = f"The result {path} is not a MetaImage of labels."
        raise InputError(msg)
    return np.dtype(kind).newbyteorder("<")


def _require_header(head: bytes, fields: dict[str, str], path: Path) -> None:
    """The lines before the header's own checksum must have it; SimpleITK writes none."""
    before, found, _ = head.partition(f"{HEADER_FIELD} =".encode())
    if found and f"{zlib.crc32(before):08x}" != fields[HEADER_FIELD]:
        msg = f"The header of {path} is not as it was written."
        raise InputError(msg, _AGAIN)


def _require_voxels(checksum: int, fields: dict[str, str], path: Path) -> None:
    expected = fields.get(VOXELS_FIELD)
    if expected is not None and expected != f"{checksum:08x}":
        msg = f"The voxels of {path} are not those that were written (checksum {checksum:08x}, expected {expected})."
        raise InputError(msg, _AGAIN)


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(_PIECE_BYTES), b"")


def _filled(pieces: Iterator[bytes], kind: np.dtype, path: Path, geometry: Geometry) -> tuple[NDArray, int]:
    """The voxels and their checksum."""
    array = np.empty(geometry.shape, kind)
    raw = array.reshape(-1).view(np.uint8).data
    done = checksum = 0
    for piece in pieces:
        if done + len(piece) > len(raw):
            msg = f"The result {path} has more than the {len(raw)} bytes that its volume has room for."
            raise InputError(msg)
        raw[done : done + len(piece)] = piece
        checksum = zlib.crc32(piece, checksum)
        done += len(piece)
    if done < len(raw):
        msg = f"The result {path} ends after {done} of {len(raw)} bytes."
        raise InputError(msg, "Is the disk full?")
    return array.astype(kind.newbyteorder("="), copy=False), checksum
