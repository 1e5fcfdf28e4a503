"""NIfTI files, looked at before ITK reads them: whether they are whole, and what ITK would not tell.

ITK reads a cut-off file without a word and fills in zeros, makes zeros of NaN, and of two places in the patient that
a header may tell it takes one. NIfTI-1, NIfTI-2 and Analyze in both byte orders, plain or compressed, in one file or
as a pair (.hdr and .img); other files pass unjudged.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .announced import inflated_length, length_of, require_inflatable, require_room

_GZIP_MAGIC = b"\x1f\x8b"
_AGAIN = "Copy or download it again."
_PIECE_BYTES = 1 << 24

_VERSIONS = {
    348: {
        "dims": ("8h", 40),
        "intent": ("h", 68),
        "datatype": ("h", 70),
        "bits": ("h", 72),
        "pixdim": ("8f", 76),
        "start": ("f", 108),
        "scaling": ("2f", 112),
        "units": ("B", 123),
        "codes": ("2h", 252),
        "quaternion": ("6f", 256),
        "rows": ("12f", 280),
        "magic": ("4s", 344),
    },
    540: {
        "dims": ("8q", 16),
        "intent": ("i", 504),
        "datatype": ("h", 12),
        "bits": ("h", 14),
        "pixdim": ("8d", 104),
        "start": ("q", 168),
        "scaling": ("2d", 176),
        "units": ("i", 500),
        "codes": ("2i", 344),
        "quaternion": ("6d", 352),
        "rows": ("12d", 400),
        "magic": ("4s", 4),
    },
}
"""For the header lengths of NIfTI-1 and NIfTI-2: type and place of each field."""

_BITS = {
    1: 1, 2: 8, 4: 16, 8: 32, 16: 32, 32: 64, 64: 64, 128: 24, 256: 8, 512: 16, 768: 32, 1024: 64, 1280: 64,
    1536: 128, 1792: 128, 2048: 256, 2304: 32,
}  # fmt: skip
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip


_VECTORS = frozenset({1004, 1005, 1006, 1007, 1009, 2003, 2004, 2005})
"""NIfTI's intents of several numbers a voxel: matrices, vectors, quaternions, colours, shapes."""


@dataclass(frozen=True)
class NiftiHeader:
    """What a header says, in its own words. ``data`` is the file with the voxels, the header's own or its pair's.

    ``dims`` counts voxels along each axis; ``intent`` says what the numbers are, 0 for just numbers; ``pixdim`` are the
    eight numbers of that name; ``codes`` those of qform and sform; ``quaternion`` b, c, d and the offset x, y, z;
    ``rows`` the 3 x 4 of the sform; ``units`` the code of the units of length and time; ``scaling`` slope and
    intercept; ``is_nifti`` False for Analyze.
    """

    path: Path
    data: Path
    order: str
    dims: tuple[int, ...]
    datatype: int
    bits: int
    start: int
    pixdim: tuple[float, ...]
    scaling: tuple[float, float]
    units: int
    codes: tuple[int, int]
    quaternion: tuple[float, ...]
    rows: tuple[float, ...]
    is_nifti: bool
    raw: bytes
    intent: int = 0

    @property
    def voxels(self) -> int:
        """How many numbers the data announce, all time points together."""
        return math.prod(self.dims)

    @property
    def is_known(self) -> bool:
        """Whether NIfTI knows its type of voxels."""
        return self.datatype in _BITS

    @property
    def bytes_needed(self) -> int:
        """The uncompressed length of the whole file with the voxels."""
        return self.start + self.voxels * _BITS.get(self.datatype, max(self.bits, 0)) // 8

    @property
    def frames(self) -> int:
        """How many volumes lie in it one after the other; 1 for a single one and for voxels of several numbers."""
        is_sequence = len(self.dims) >= 4 and max(self.dims[4:], default=1) == 1 and self.intent not in _VECTORS
        return self.dims[3] if is_sequence else 1

    def of_one_frame(self) -> NiftiHeader:
        """The header that a file with the first frame alone would have."""
        length = len(self.raw)
        kind, at = _VERSIONS[length]["dims"]
        own = bytearray(self.raw)
        struct.pack_into(self.order + kind, own, at, 3, *self.dims[:3], 1, 1, 1, 1)
        return replace(self, dims=self.dims[:3], raw=bytes(own))

    def as_single_file(self) -> bytes:
        """The header as that of a file that holds its voxels itself (none here), also where it is one of a pair."""
        length = len(self.raw)
        own = bytearray(self.raw)
        kind, at = _VERSIONS[length]["magic"]
        struct.pack_into(kind, own, at, b"n+1\0" if length == 348 else b"n+2\0")
        kind, at = _VERSIONS[length]["start"]
        struct.pack_into(self.order + kind, own, at, length + 4)
        return bytes(own) + bytes(4)


def read_nifti_header(path: Path) -> NiftiHeader | None:
    """The header of a NIfTI or Analyze file, given by any of its files; None for what is neither.

    Raises InputError for a file that cannot be opened, lacks its pair or has a header that cannot be.
    """
    header_path, data_path = _pair_of(path)
    length_of(header_path)
    raw = _beginning(header_path)
    for order in "<>":
        length = struct.unpack_from(f"{order}i", raw)[0] if len(raw) >= 4 else 0
        if length in _VERSIONS and len(raw) >= length:
            return _parsed(raw, length, order, header_path, data_path)
    return None


def require_whole(header: NiftiHeader) -> None:
    """Raises InputError when the file with the voxels ends before the last of them, or cannot hold so many."""
    data, needed = header.data, header.bytes_needed
    held = length_of(data)
    if not is_compressed(data):
        require_room(data, held, needed)
        return
    require_inflatable(data, 0, needed)
    if _told_length(data) != needed % (1 << 32):  # a quick check; what is longer or in several parts is counted
        inflated_length(data, 0, needed)


def nifti_voxels(header: NiftiHeader) -> NDArray | None:
    """The voxels (k, j, i), scaled as the header says, NaN and infinity among them, checksums of gzip verified.

    None for types that are no real numbers, and for images of more than three dimensions that are longer than 1.
    Raises InputError when the data are damaged or end too early.
    """
    kind = _TYPES.get(header.datatype)
    size = (*header.dims, 1, 1)[:3]
    if kind is None or math.prod(size) != header.voxels:
        return None
    array = np.empty(header.voxels, np.dtype(header.order + kind))
    _fill(memoryview(array.view(np.uint8).data), header)
    return scaled(array.reshape(size[::-1]), header)


def stored_type(header: NiftiHeader) -> np.dtype | None:
    """The type of a voxel in the file, None for types that are no real numbers."""
    kind = _TYPES.get(header.datatype)
    return None if kind is None else np.dtype(header.order + kind)


def fill_frames(room: NDArray, header: NiftiHeader) -> None:
    """Read all voxels as they are stored into ``room``, an array of that type. Raises InputError for damaged data."""
    _fill(memoryview(room.reshape(-1).view(np.uint8).data), header)


def scaled(stored: NDArray, header: NiftiHeader) -> NDArray:
    """Voxels in the order of bytes of this machine, scaled as the header says."""
    own = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    slope, intercept = header.scaling
    is_scaled = slope != 0 and math.isfinite(slope) and math.isfinite(intercept) and (slope, intercept) != (1, 0)
    if not header.is_nifti or not is_scaled:
        return own
    exact = np.float32 if own.dtype.itemsize <= 2 or own.dtype == np.float32 else np.float64
    scaled_up: NDArray = own.astype(exact)
    scaled_up *= slope
    scaled_up += intercept
    return scaled_up


def _fill(room: memoryview, header: NiftiHeader) -> None:
    """Reads the voxels' bytes. Compressed data are read on to their end, where their checksum is."""
    compressed = is_compressed(header.data)
    try:
        with gzip.open(header.data, "rb") if compressed else header.data.open("rb") as file:
            file.seek(header.start)
            done = 0
            while done < len(room):
                piece = file.read(min(_PIECE_BYTES, len(room) - done))
                if not piece:
                    require_room(header.data, header.start + done, header.bytes_needed)
                room[done : done + len(piece)] = piece
                done += len(piece)
            if compressed:
                file.read(1 << 16)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(header.data, error) from error


def _pair_of(path: Path) -> tuple[Path, Path]:
    """The file with the header and the one with the voxels: one and the same unless it is a pair."""
    name = path.name.lower()
    if name.endswith(".hdr"):
        return path, _sibling(path, path.name[:-4], (".img", ".img.gz"))
    for ending in (".img.gz", ".img"):
        if name.endswith(ending):
            return _sibling(path, path.name[: -len(ending)], (".hdr",)), path
    return path, path


def _sibling(path: Path, stem: str, endings: tuple[str, ...]) -> Path:
    found = [path.with_name(stem + each) for ending in endings for each in (ending, ending.upper())]
    for candidate in found:
        if candidate.exists():
            return candidate
    msg = f"The file {path} is one half of a pair; {found[0].name} is not beside it."
    raise InputError(msg, "Copy both files into one folder.")


def _beginning(path: Path) -> bytes:
    try:
        with gzip.open(path, "rb") if is_compressed(path) else path.open("rb") as file:
            return file.read(540)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from error


def _parsed(raw: bytes, length: int, order: str, path: Path, data: Path) -> NiftiHeader:
    fields = {name: struct.unpack_from(order + kind, raw, at) for name, (kind, at) in _VERSIONS[length].items()}
    count, *dims = fields["dims"]
    start = float(fields["start"][0])
    if not 1 <= count <= 7 or min(dims[:count]) < 0 or dims[0] < 1 or not abs(start) < 1 << 62:
        msg = f"The header of {path} is damaged: dimensions {count} ({dims}), voxels from byte {start:g} on."
        raise InputError(msg, _AGAIN)
    magic = fields["magic"][0]
    is_nifti = magic[:3] in (b"n+1", b"ni1", b"n+2", b"ni2")
    told = list(fields["pixdim"][1:4])
    if is_nifti:
        told += fields["quaternion"] if fields["codes"][0] > 0 else ()
        told += fields["rows"] if fields["codes"][1] > 0 else ()
    if not all(math.isfinite(number) for number in told):
        msg = f"The header of {path} is damaged: numbers that say where the voxels lie are not finite."
        raise InputError(msg, _AGAIN)
    return NiftiHeader(
        path=path,
        data=data,
        order=order,
        dims=tuple(max(dim, 1) for dim in dims[:count]),
        datatype=fields["datatype"][0],
        bits=fields["bits"][0],
        start=max(int(start), length if path == data else 0),
        pixdim=fields["pixdim"],
        scaling=fields["scaling"],
        units=fields["units"][0],
        codes=fields["codes"],
        quaternion=fields["quaternion"],
        rows=fields["rows"],
        is_nifti=is_nifti,
        raw=raw[:length],
        intent=fields["intent"][0] if is_nifti else 0,
    )


def is_compressed(path: Path) -> bool:
    """Whether a file is compressed with gzip."""
    with path.open("rb") as file:  # by content: ITK reads misnamed files too
        return file.read(2) == _GZIP_MAGIC


def _told_length(path: Path) -> int:
    """The uncompressed length, modulo 2^32, that the last bytes of a compressed file tell."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        return int(struct.unpack("<I", file.read(4))[0])


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"The file {path} is damaged or cut off ({error}).", _AGAIN)
