"""NRRD files with an axis of frames, as Slicer's sequences are (.seq.nrrd): which axis that is, where the rest lies.

Slicer writes the axis of kind ``list`` last, and wrote it first for years. ITK makes one voxel of several numbers of
it, as of colours and vectors; here its kind decides. Segmentations, whose layers are such an axis too, and diffusion
weighted images, whose gradients are, are no sequences.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...errors import InputError
from ...utils.files import write_content
from ..geometry import Geometry
from ..io.image_file import grid_of_reader, require_positive_spacing
from ..io.nrrd_header import require_short_fields
from ..io.raster_header import Announced, nrrd_data, require_room_for
from ..io.seg_nrrd import is_segmentation
from .index import FrameIndex

_LIST_KINDS = ("list", "time")
_SPACE_KINDS = ("domain", "space")
_DIFFUSION = "DWMRI"
_LONGEST_HEADER = 4 << 20
_TYPES = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1", "uchar": "u1", "unsigned char": "u1", "uint8": "u1",
    "uint8_t": "u1", "short": "i2", "short int": "i2", "signed short": "i2", "signed short int": "i2", "int16": "i2",
    "int16_t": "i2", "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2",
    "uint16_t": "u2", "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4", "uint": "u4",
    "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4", "longlong": "i8", "long long": "i8", "long long int": "i8",
    "signed long long": "i8", "signed long long int": "i8", "int64": "i8", "int64_t": "i8", "ulonglong": "u8",
    "unsigned long long": "u8", "unsigned long long int": "u8", "uint64": "u8", "uint64_t": "u8", "float": "f4",
    "double": "f8",
}  # fmt: skip
_TOKEN = re.compile(r"\([^)]*\)|none", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class NrrdFrames:
    """``first``: the frames run fastest (the axis is the first of four), else slowest. ``pairs``: the key-value pairs.

    ``stored`` is the type of a voxel in the file; ``count`` frames of ``size`` (i, j, k).
    """

    path: Path
    data: Announced
    stored: np.dtype
    first: bool
    count: int
    size: tuple[int, int, int]
    fields: Mapping[str, str]
    pairs: Mapping[str, str]

    @property
    def _axis(self) -> int:
        return 0 if self.first else 3

    @property
    def index(self) -> FrameIndex:
        """What tells the frames apart."""
        axis = self._axis
        labels, units = (_quoted(self.fields.get(key, "")) for key in ("labels", "units"))
        words, kind = (self.pairs.get(f"axis {axis} index {part}", "") for part in ("values", "type"))
        return FrameIndex.read(self.count, words, _at(labels, axis), _at(units, axis), kind)

    def geometry(self) -> Geometry:
        """The grid of each frame, as ITK reads it from a file with that frame alone. Raises InputError, GeometryError.

        A header without directions has a grid of its own where it tells spacings.
        """
        lines = ["NRRD0004", "type: uchar", "dimension: 3", f"sizes: {' '.join(map(str, self.size))}"]
        lines += [f"{key}: {self.fields[key]}" for key in ("space", "space dimension") if key in self.fields]
        if directions := self.fields.get("space directions"):
            told = _TOKEN.findall(directions)
            lines.append(f"space directions: {' '.join(told[1:] if self.first else told[:-1])}")
        elif spacings := self.fields.get("spacings", "").split():
            lines.append(f"spacings: {' '.join(spacings[1:] if self.first else spacings[:-1])}")
        if origin := self.fields.get("space origin"):
            lines.append(f"space origin: {origin}")
        lines += ["kinds: domain domain domain", "endian: little", "encoding: raw", "", ""]
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder) / "header.nrrd"
            write_content(alone, "\n".join(lines))
            reader = sitk.ImageFileReader()
            reader.SetFileName(str(alone))
            try:
                reader.ReadImageInformation()
            except RuntimeError as error:
                msg = f"The header of {self.path} does not say where its frames lie."
                raise InputError(msg, "Save it again with 3D Slicer.") from error
            require_positive_spacing(reader, self.path)
            return grid_of_reader(reader)


def read_nrrd_frames(path: Path) -> NrrdFrames | None:
    """What an NRRD file with an axis of frames says; None for any other file. Raises InputError for a damaged one."""
    require_short_fields(path)
    fields, pairs = _header(path)
    if is_segmentation(pairs) or pairs.get("modality") == _DIFFUSION:
        return None
    kinds, sizes = fields.get("kinds", "").lower().split(), fields.get("sizes", "").split()
    if fields.get("dimension") != "4" or len(kinds) != 4 or len(sizes) != 4 or not all(map(str.isdigit, sizes)):
        return None
    first = kinds[0] in _LIST_KINDS
    space = kinds[1:] if first else kinds[:-1]
    if not (first or kinds[-1] in _LIST_KINDS) or any(kind not in _SPACE_KINDS for kind in space):
        return None
    require_room_for(path)
    data = nrrd_data(path)
    kind = _TYPES.get(" ".join(fields.get("type", "").lower().split()))
    if data is None or kind is None:
        return None
    if data.encoding not in ("raw", "deflate") or any(int(fields.get(key, 0)) for key in ("line skip", "lineskip")):
        msg = f"The frames of {path.name} are stored as {fields.get('encoding')!r}, which cannot be read one by one."
        raise InputError(msg, "Save it again with 3D Slicer, as raw or gzip.")
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    numbers = [int(size) for size in sizes]
    i, j, k = numbers[1:] if first else numbers[:-1]
    count = numbers[0] if first else numbers[-1]
    return NrrdFrames(path, data, np.dtype(order + kind), first, count, (i, j, k), fields, pairs)


def _header(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The fields and the key-value pairs of an NRRD file; none for other files."""
    with path.open("rb") as file:
        if file.read(4) != b"NRRD":
            return {}, {}
        raw = file.read(_LONGEST_HEADER)
    end = re.search(rb"\r?\n\r?\n", raw)
    fields, pairs = {}, {}
    for line in raw[: end.start() if end else len(raw)].decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        if value.startswith("="):
            pairs[key] = value[1:]
        else:
            fields[key.strip().lower()] = value.strip()
    return fields, pairs


def _quoted(text: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", found) for found in _QUOTED.findall(text)]


def _at(texts: list[str], axis: int) -> str:
    return texts[axis] if len(texts) == 4 else ""
