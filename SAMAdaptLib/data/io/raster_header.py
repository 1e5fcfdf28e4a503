"""Headers of NRRD and MetaImage files: how many bytes they announce, and where these should be.

Standard library only. ``require_room_for`` is asked before SimpleITK reads such a file, which takes the memory that
the header asks for before it looks whether the file has so much.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ..formats import META_ENDINGS, NRRD_ENDINGS
from .announced import MOST_BZIPPED, length_of, require_inflated, require_room, require_shrinkable

_LONGEST_HEADER = 4 << 20
_MOST = 1 << 48
_LEAST_TEXT = 2
"""A number written as text takes a digit and a blank."""

_NRRD_TYPES = {
    "signed char": 1, "int8": 1, "int8_t": 1, "uchar": 1, "unsigned char": 1, "uint8": 1, "uint8_t": 1,
    "short": 2, "short int": 2, "signed short": 2, "signed short int": 2, "int16": 2, "int16_t": 2,
    "ushort": 2, "unsigned short": 2, "unsigned short int": 2, "uint16": 2, "uint16_t": 2,
    "int": 4, "signed int": 4, "int32": 4, "int32_t": 4, "uint": 4, "unsigned int": 4, "uint32": 4, "uint32_t": 4,
    "longlong": 8, "long long": 8, "long long int": 8, "signed long long": 8, "signed long long int": 8, "int64": 8,
    "int64_t": 8, "ulonglong": 8, "unsigned long long": 8, "unsigned long long int": 8, "uint64": 8, "uint64_t": 8,
    "float": 4, "double": 8,
}  # fmt: skip
_META_TYPES = {
    "CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "LONG": 4, "ULONG": 4, "LONG_LONG": 8,
    "ULONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Announced:
    """The voxels of a header: how many there are, of how many bytes each, and how they are stored, in which file.

    ``encoding`` is "raw", "text", "hex", "deflate" or "bzip2"; ``start`` the first byte of the data; ``packed`` how
    many bytes of compressed data there are, 0 where all that follow are.
    """

    voxels: int
    voxel_bytes: int
    encoding: str
    data: Path
    start: int
    packed: int = 0


def require_room_for(path: Path) -> None:
    """Raises InputError when an NRRD or MetaImage header announces more than its data file can hold.

    Other files pass, and so do volumes in several data files, which their readers open one by one.
    """
    name = path.name.lower()
    if not name.endswith((*NRRD_ENDINGS, *META_ENDINGS)):
        return
    read: Callable[[Path], Announced | None] = nrrd_data if name.endswith(NRRD_ENDINGS) else meta_data
    length_of(path)
    announced = read(path)
    if announced is not None:
        _require(announced)


def _require(announced: Announced) -> None:
    data, needed = announced.data, announced.voxels * announced.voxel_bytes
    held = max(length_of(data) - announced.start, 0)
    if announced.encoding == "deflate":
        require_inflated(data, announced.start, needed, min(held, announced.packed or held))
    elif announced.encoding == "bzip2":
        require_shrinkable(data, held, needed, MOST_BZIPPED)
    elif announced.encoding == "text":
        require_room(data, held + 1, announced.voxels * _LEAST_TEXT)  # after the last number there is no blank
    else:
        require_room(data, held, needed * 2 if announced.encoding == "hex" else needed)


# NRRD ---------------------------------------------------------------------------------------------------------------


def nrrd_data(path: Path) -> Announced | None:
    """What an NRRD header announces; None for other files, and for voxels in several files. Raises InputError."""
    with path.open("rb") as file:
        if file.read(4) != b"NRRD":
            return None
        raw = b"NRRD" + file.read(_LONGEST_HEADER)
    end = re.search(rb"\r?\n\r?\n", raw)
    header = raw[: end.start()] if end else raw
    fields = {}
    for line in header.decode("latin-1").splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            fields[key.strip().lower()] = value.strip()
    detached = fields.get("data file") or fields.get("datafile")
    if detached is not None and (len(detached.split()) > 1 or detached.upper() == "LIST"):
        return None
    if fields.get("type") == "block":
        raise _damaged(path, "its voxels are blocks of bytes")
    encoding = _nrrd_encoding(fields.get("encoding", "raw").lower())
    skipped = _whole(path, fields.get("byte skip") or fields.get("byteskip") or "0", least=-1)
    start = 0 if detached else (end.end() if end else len(raw))
    return Announced(
        voxels=math.prod(_wholes(path, fields.get("sizes", ""))),
        voxel_bytes=_NRRD_TYPES.get(" ".join(fields.get("type", "").lower().split()), 1),
        encoding=encoding,
        data=_beside(path, detached) if detached else path,
        start=start + (max(skipped, 0) if encoding == "raw" else 0),
    )


def _nrrd_encoding(word: str) -> str:
    known = {"gzip": "deflate", "gz": "deflate", "bzip2": "bzip2", "bz2": "bzip2", "hex": "hex"}
    return "text" if word in ("text", "txt", "ascii") else known.get(word, "raw")


# MetaImage ----------------------------------------------------------------------------------------------------------


def meta_data(path: Path) -> Announced | None:
    """The like for a MetaImage header."""
    with path.open("rb") as file:
        raw = file.read(_LONGEST_HEADER)
    fields, start = {}, 0
    for match in re.finditer(rb"[ \t]*(\w+)[ \t]*=[ \t]*([^\r\n]*)\r?\n?", raw):
        key, value = match[1].decode("latin-1"), match[2].decode("latin-1").strip()
        fields[key] = value
        start = match.end()
        if key == "ElementDataFile":
            break
    else:
        return None
    place = fields["ElementDataFile"]
    if place.split()[0:1] == ["LIST"] or "%" in place:
        return None
    local = place.upper() in ("LOCAL", "")
    data = path if local else _beside(path, place)
    kind = fields.get("ElementType", "").removeprefix("MET_").removesuffix("_ARRAY")
    channels = _wholes(path, fields.get("ElementNumberOfChannels", "1"))
    is_text = fields.get("BinaryData", "True").lower() == "false"
    skipped = 0 if local else max(_whole(path, fields.get("HeaderSize", "0"), least=-1), 0)
    compressed = fields.get("CompressedData", "False").lower() == "true"
    # Without it MetaImage's reader returns whatever was in memory.
    packed = _whole(path, fields.get("CompressedDataSize", ""), least=1) if compressed else 0
    return Announced(
        voxels=math.prod(_wholes(path, fields.get("DimSize", ""))) * math.prod(channels),
        voxel_bytes=_META_TYPES.get(kind, 1),
        encoding="deflate" if compressed else "text" if is_text else "raw",
        data=data,
        start=start if local else skipped,
        packed=packed,
    )


# Both ---------------------------------------------------------------------------------------------------------------


def _beside(path: Path, name: str) -> Path:
    """The data file of a header, which names it relative to itself in the file system's own bytes."""
    try:
        return path.parent / os.fsdecode(name.encode("latin-1"))
    except UnicodeDecodeError:  # where names are no bytes
        return path.parent / name


def _wholes(path: Path, text: str) -> list[int]:
    numbers = [_whole(path, part, least=1) for part in text.split()]
    if not numbers:
        raise _damaged(path, "it does not say how many voxels there are")
    return numbers


def _whole(path: Path, text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise _damaged(path, f"{text[:40]!r} is not a whole number") from error
    if not least <= number < _MOST:
        raise _damaged(path, f"it says {text[:40]} where {least} or more is possible")
    return number


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"The header of {path} is damaged: {why}.", "Copy or download it again.")
