"""NRRD headers that the reader inside SimpleITK must not be given: it writes what is wrong with a field into a buffer
of a thousand characters without looking, and the process dies, or worse."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError

LONGEST_FIELD = 500
"""Bytes of a line with a field. Kinds, sizes and directions of four axes take less than 300."""

LONGEST_HEADER = 64 * 1024 * 1024
"""Bytes of all lines; a segment's terminology is a few hundred."""

_MAGIC = b"NRRD"
_FREE = (b"#", b"content:")
"""How lines begin that hold whatever somebody wrote, and are read as they are; so are key-value pairs."""


def require_short_fields(path: Path) -> None:
    """Nothing for files of other kinds. Raises InputError where a field is longer than any can be; OSError."""
    with path.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            return
        stream.readline(LONGEST_FIELD)
        left = LONGEST_HEADER
        while left > 0 and (line := stream.readline(left)).strip():
            left -= len(line)
            is_pair = line.partition(b":")[2].startswith(b"=")
            if len(line) > LONGEST_FIELD and not (is_pair or line.startswith(_FREE)):
                msg = f"The header of {path} has a field of {len(line)} characters, at most {LONGEST_FIELD} make sense."
                raise InputError(msg, "The file is damaged: save it again with 3D Slicer.")
        if left <= 0:
            msg = f"The header of {path} does not end."
            raise InputError(msg, "The file is damaged: save it again with 3D Slicer.")
