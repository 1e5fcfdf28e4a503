"""Whether the voxels that an image writer was given lie on the disk: some writers do not notice a full one.

Read back in small pieces, whatever the file's size, and compared by length and checksum. Knows the formats that
``volume`` writes: NIfTI-1 and -2, NRRD and MetaImage, plain or compressed.
"""

from __future__ import annotations

import errno
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE_BYTES = 1 << 20
_LONGEST_HEADER = 1 << 22
_ZLIB_OR_GZIP = 47
_GZIP = b"\x1f\x8b"
_NIFTI_OFFSETS = {348: ("f", 108), 540: ("q", 168)}
"""Type and place of the voxels' offset, by the length of a NIfTI header."""

_NRRD_END = re.compile(rb"\r?\n\r?\n")
_META_END = re.compile(rb"ElementDataFile *= *LOCAL\r?\n")


def require_written(path: Path, voxels: NDArray) -> None:
    """Raises OSError when the file does not hold exactly these voxels, in this order and as this machine holds them."""
    expected = np.ascontiguousarray(voxels).reshape(-1).view(np.uint8)
    with path.open("rb") as stream:
        try:
            found, checksum = _measured(_voxels(stream))
        except (zlib.error, struct.error, ValueError) as error:
            raise OSError(errno.EIO, f"what was written cannot be read back: {error}", str(path)) from error
    if found != expected.size:
        raise OSError(errno.EIO, f"only {found} of {expected.size} bytes of voxels arrived", str(path))
    if checksum != zlib.crc32(expected.data):
        raise OSError(errno.EIO, "other voxels arrived than were written", str(path))


def inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decompressed zlib or gzip data, in pieces again: labels may shrink a thousandfold.

    Raises zlib.error for damaged data and for a stream that does not reach its end, where its own checksum stands.
    """
    inflate = zlib.decompressobj(_ZLIB_OR_GZIP)
    for piece in pieces:
        while piece and not inflate.eof:
            yield inflate.decompress(piece, PIECE_BYTES)
            piece = inflate.unconsumed_tail
    while not inflate.eof and (rest := inflate.decompress(b"", PIECE_BYTES)):
        yield rest
    if not inflate.eof:
        msg = "the compressed data end too early"
        raise zlib.error(msg)


def _measured(pieces: Iterator[bytes]) -> tuple[int, int]:
    """Length and CRC-32 of all pieces."""
    length, checksum = 0, 0
    for piece in pieces:
        length += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return length, checksum


def _voxels(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of the voxels of an open image file."""
    head = stream.read(_LONGEST_HEADER)
    stream.seek(0)
    if head.startswith(b"NRRD"):
        return _after(stream, head, _NRRD_END, re.search(rb"(?m)^encoding: *gz", head) is not None)
    if head.startswith(b"ObjectType"):
        return _after(stream, head, _META_END, re.search(rb"(?m)^CompressedData *= *True", head) is not None)
    pieces = _pieces(stream)
    return _after_nifti_header(inflated(pieces) if head.startswith(_GZIP) else pieces)


def _after(stream: IO[bytes], head: bytes, end: re.Pattern[bytes], compressed: bool) -> Iterator[bytes]:
    """What follows a header of text."""
    found = end.search(head)
    if found is None:
        msg = "its header does not end"
        raise ValueError(msg)
    stream.seek(found.end())
    return inflated(_pieces(stream)) if compressed else _pieces(stream)


def _after_nifti_header(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    while len(first) < 544 and (piece := next(pieces, b"")):
        first += piece
    kind, at = _NIFTI_OFFSETS.get(struct.unpack_from("=i", first)[0], ("f", 108))
    skipped = int(struct.unpack_from("=" + kind, first, at)[0])
    while len(first) < skipped and (piece := next(pieces, b"")):
        first += piece
    yield first[skipped:]
    yield from pieces


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(PIECE_BYTES), b"")
