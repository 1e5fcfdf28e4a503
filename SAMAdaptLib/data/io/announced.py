"""Whether a file can hold what its header announces: asked before memory is taken for it.

Standard library only. A header of a hundred bytes can announce terabytes, and readers take the memory first. What is
stored plainly is compared with the file's length. What is compressed is compared with the most that its compression
can shrink; where much is announced and little is there, it is unpacked once and counted, and nothing is kept.
"""

from __future__ import annotations

import stat
import zlib
from pathlib import Path

from ...errors import InputError

MOST_DEFLATED = 1032
"""Deflate (gzip, zlib) makes a file at most this many times smaller."""

MOST_BZIPPED = 50_000
"""The like for bzip2: an empty volume of this many bytes takes about one."""

_TRUSTED_BYTES = 64 << 20
_TRUSTED_RATIO = 20
"""Less than this, or compressed less than that: believed without unpacking it twice."""

_PIECE_BYTES = 1 << 20
_ZLIB_OR_GZIP = 47
_AGAIN = "Copy or download it again."


def length_of(path: Path) -> int:
    """The length of a regular file in bytes. Raises InputError when it is missing, or a pipe or a device."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # a name may hold a NUL
        msg = f"The file {path} cannot be opened ({getattr(error, 'strerror', None) or error})."
        raise InputError(msg, "Check the path, and that all files of the volume lie together.") from error
    if not stat.S_ISREG(status.st_mode):
        msg = f"{path} is not a regular file."
        raise InputError(msg, "Give a file with a volume in it.")
    return status.st_size


def require_room(path: Path, held: int, needed: int) -> None:
    """Raises InputError unless a file that holds ``held`` bytes has the ``needed`` ones that its header announces."""
    if held < needed:
        msg = f"The file {path} is cut off: it holds {held} bytes of the {needed} that its header announces."
        raise InputError(msg, _AGAIN)


def require_shrinkable(path: Path, held: int, needed: int, most: int = MOST_DEFLATED) -> None:
    """Raises InputError when ``held`` compressed bytes cannot hold ``needed`` ones, whatever they are."""
    if needed > held * most:
        msg = f"The file {path} is cut off: its {held} compressed bytes cannot hold the {needed} of its header."
        raise InputError(msg, _AGAIN)


def require_inflatable(path: Path, start: int, needed: int) -> None:
    """Raises InputError unless the gzip or zlib data from byte ``start`` on may become ``needed`` bytes.

    For readers that notice themselves when data end too early: what is likely is believed.
    """
    held = max(length_of(path) - start, 0)
    require_shrinkable(path, held, needed)
    if needed > max(_TRUSTED_BYTES, _TRUSTED_RATIO * held):
        require_room(path, inflated_length(path, start, needed), needed)


def require_inflated(path: Path, start: int, needed: int, held: int) -> None:
    """Raises InputError unless the ``held`` bytes of gzip or zlib data from ``start`` on are sound and ``needed`` long.

    For readers that return whatever was in memory when data end too early.
    """
    require_shrinkable(path, held, needed)
    require_room(path, inflated_length(path, start, needed, held), needed)


def inflated_length(path: Path, start: int, enough: int, held: int | None = None) -> int:
    """How many bytes gzip or zlib data become, or some number above ``enough`` when there are more.

    Data of several gzip members are one. Checksums are verified on the way. Raises InputError for damaged data and
    for data without an end.
    """
    left = length_of(path) - start if held is None else held
    length, ended = 0, False
    inflate = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        with path.open("rb") as file:
            file.seek(start)
            piece = b""
            while length <= enough:
                if not piece:
                    piece = file.read(min(_PIECE_BYTES, left))
                    left -= len(piece)
                if not piece or (ended and not piece.strip(b"\0")):  # nothing, or padding after the last member
                    break
                if ended:
                    inflate, ended = zlib.decompressobj(_ZLIB_OR_GZIP), False
                length += len(inflate.decompress(piece, _PIECE_BYTES))
                ended = inflate.eof
                piece = inflate.unused_data if ended else inflate.unconsumed_tail
            length += 0 if ended or length > enough else len(inflate.flush())
    except zlib.error as error:
        raise _damaged(path, str(error)) from error
    if not (ended or inflate.eof) and length <= enough:
        raise _damaged(path, "its compressed data have no end")
    return length


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"The file {path} is damaged or cut off ({why}).", _AGAIN)
