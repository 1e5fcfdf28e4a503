"""Whether a NIfTI file is whole: ITK reads a cut-off one without a word and fills in zeros.

Standard library only. NIfTI-1 and NIfTI-2 in both byte orders, plain or compressed; other files pass unjudged.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

from .errors import InputError

_CHUNK_BYTES = 1 << 20

_GZIP_MAGIC = b"\x1f\x8b"

_FIELDS = {
    348: (("8h", 40), ("h", 72), ("f", 108)),
    540: (("8q", 16), ("h", 14), ("q", 168)),
}
"""For the header lengths of NIfTI-1 and NIfTI-2: type and place of dim, bitpix and vox_offset."""


def require_whole_nifti(path: Path) -> None:
    """Raises InputError when a .nii or .nii.gz file ends before its last voxel or its compressed data are damaged."""
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC  # by content: ITK reads misnamed files too
    try:
        with gzip.open(path, "rb") if compressed else path.open("rb") as file:
            needed = _bytes_needed(file.read(540))
        if needed is None or (compressed and _told_length(path) == needed % (1 << 32)):
            return
        found = _uncompressed_length(path) if compressed else path.stat().st_size
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        msg = f"The file {path} is damaged or cut off ({error})."
        raise InputError(msg, "Copy or download it again.") from error
    if found < needed:
        msg = f"The file {path} is cut off: it holds {found} bytes of the {needed} that its header announces."
        raise InputError(msg, "Copy or download it again.")


def _bytes_needed(header: bytes) -> int | None:
    """The length of the whole file by its header, or None for a header that is not NIfTI."""
    for order in "<>":
        length = struct.unpack_from(f"{order}i", header)[0] if len(header) >= 4 else 0
        if length in _FIELDS and len(header) >= length:
            fields = [struct.unpack_from(order + kind, header, at) for kind, at in _FIELDS[length]]
            dims, (bits,), (start,) = fields
            return int(start) + math.prod(max(dim, 1) for dim in dims[1 : dims[0] + 1]) * bits // 8
    return None


def _told_length(path: Path) -> int:
    """The uncompressed length, modulo 2^32, that the last bytes of a compressed file tell: a quick check."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        return int(struct.unpack("<I", file.read(4))[0])


def _uncompressed_length(path: Path) -> int:
    """The true uncompressed length, checksums verified."""
    length = 0
    with gzip.open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            length += len(chunk)
    return length
