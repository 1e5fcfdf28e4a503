"""DICOM segmentations (SEG) as labelmaps, with the names, colours and terminology of their segments.

A file holds one frame for each slice and segment; frames without a voxel may be left out. ITK piles the frames up and
knows no segments, so they are put in their places here: each by its own position and segment number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ...errors import GeometryError, InputError
from ..geometry import Geometry
from ..image import Labelmap
from ..structure import LARGEST_VALUE, Structure, default_color
from .file import LABELMAP_SEGMENTATION, DicomFile, read_dicom, reading_dicom
from .frames import Frame, frames_of
from .pixels import pixel_bytes, stored_values
from .stack import POSITION_TOLERANCE, known, require_alike

_REMEDY = "Open it in 3D Slicer and save it as .seg.nrrd."
_MOST_SLICES = 1 << 14

_CONTEXT = "Segmentation category and type - DICOM master list"
_REGIONS = "Anatomic codes - DICOM master list"
_WHITE = np.array([0.9505, 1.0, 1.089])
_SRGB_FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def read_dicom_segmentation(path: Path) -> Labelmap:
    """The labelmap in a DICOM SEG; label values are the segments' numbers. It covers the slices that have frames.

    Raises InputError for fractional segmentations and segments that overlap, GeometryError for frames that make no
    grid.
    """
    with reading_dicom(path):
        return _labelmap(path)


def _labelmap(path: Path) -> Labelmap:
    file = read_dicom(path)
    if not file.is_segmentation:
        msg = f"{path} is a DICOM image, not a segmentation."
        raise InputError(msg, "Choose a DICOM segmentation, .seg.nrrd, NIfTI, NRRD or MHA file with labels.")
    kind = file.text("SegmentationType")
    if kind == "FRACTIONAL":
        msg = f"{path.name} is a fractional segmentation: its voxels belong to a structure in part."
        raise InputError(msg, "Convert it to a binary one, in 3D Slicer's Segmentations module, say.")
    described = file.data.get("SegmentSequence") or ()
    structures = [_structure(item, path) for item in described if item.get("SegmentNumber") != 0]  # 0: background
    frames = frames_of(file)
    geometry, slices = _lattice(frames, path)
    is_labelmap = kind == "LABELMAP" or file.kind == LABELMAP_SEGMENTATION
    masks = stored_values(file) if is_labelmap else _binary(file)
    values = {structure.value for structure in structures}
    largest = max(values, default=0)
    voxels = np.zeros(geometry.shape, np.uint8 if largest <= 255 else np.uint16)
    for frame, slice_, mask in zip(frames, slices, masks, strict=True):
        if is_labelmap:
            voxels[slice_] = np.where(np.isin(mask, list(values)), mask, 0)
        else:
            _put(voxels[slice_], mask, frame, structures, path)
    return Labelmap(voxels, geometry, tuple(structures), name=path.name)


def _put(plane: NDArray, mask: NDArray, frame: Frame, structures: Sequence[Structure], path: Path) -> None:
    """Gives the voxels of a frame to its segment. Raises InputError where another one has them."""
    names = {structure.value: structure.name for structure in structures}
    if frame.segment not in names:
        msg = f"{path.name} has a frame of segment {frame.segment}, which it does not describe."
        raise InputError(msg, _REMEDY)
    taken = plane[mask & (plane != 0) & (plane != frame.segment)]
    if taken.size:
        msg = (
            f"The segments {names[int(taken[0])]!r} and {names[frame.segment]!r} of {path.name} overlap; each voxel "
            "may belong to one structure only."
        )
        raise InputError(msg, "Subtract one from the other (Segment Editor > Logical operators) and save again.")
    plane[mask] = frame.segment


def _binary(file: DicomFile) -> NDArray[np.bool_]:
    """The masks (frame, row, column) of frames with a bit a voxel, packed without gaps, or a byte a voxel."""
    if file.number("BitsAllocated") != 1:
        return stored_values(file) != 0
    if file.length is None:
        msg = f"{file.path.name} holds compressed bits, which cannot be read."
        raise InputError(msg, _REMEDY)
    count = file.frames * file.shape[0] * file.shape[1]
    packed = np.frombuffer(pixel_bytes(file, -(-count // 8)), np.uint8)
    return np.unpackbits(packed, count=count, bitorder="little").astype(bool).reshape(file.frames, *file.shape)


# Places -------------------------------------------------------------------------------------------------------------


def _lattice(frames: Sequence[Frame], path: Path) -> tuple[Geometry, list[int]]:
    """The grid from the first slice that has a frame to the last, and the slice of each frame."""
    what = f"the DICOM segmentation {path}"
    require_alike(frames, what)
    row, column = known(frames[0].orientation)
    normal = np.cross(row, column)
    heights = np.array([float(known(frame.position) @ normal) for frame in frames])
    distance = _slice_distance(np.unique(np.round(heights, 4)), frames[0], what)
    slices = [round(height) for height in (heights - heights.min()) / distance]
    if max(slices) >= _MOST_SLICES:
        msg = f"The frames of {what} lie {max(slices)} slices apart."
        raise GeometryError(msg, _REMEDY)
    origin = known(frames[int(heights.argmin())].position)
    rows, columns = frames[0].file.shape
    x, y = known(frames[0].spacing)
    directions = np.column_stack([row, column, normal])
    geometry = Geometry((columns, rows, max(slices) + 1), (x, y, distance), tuple(origin.tolist()), directions)
    for frame, slice_ in zip(frames, slices, strict=True):
        away = float(np.linalg.norm(known(frame.position) - geometry.ijk_to_lps((0, 0, slice_))))
        if away > POSITION_TOLERANCE * distance:
            msg = f"Frame {frame.number + 1} of {what} lies {away:.3g} mm away from its place in an even stack."
            raise GeometryError(msg, _REMEDY)
    return geometry, slices


def _slice_distance(places: NDArray[np.float64], frame: Frame, what: str) -> float:
    """From slice to slice, in mm: what is told, if all frames lie on such slices, else the least that is found."""
    steps = np.diff(places)
    told = frame.between or (None if steps.size else frame.thickness)
    if told is None and not steps.size:
        msg = f"{what[0].upper()}{what[1:]} has one slice and does not say how thick it is."
        raise GeometryError(msg, _REMEDY)
    if told is None or (steps.size and np.abs(steps / told - np.rint(steps / told)).max() > POSITION_TOLERANCE):
        return float(steps.min())
    return told


# Names --------------------------------------------------------------------------------------------------------------


def _structure(item: Dataset, path: Path) -> Structure:
    number = item.get("SegmentNumber")
    if not isinstance(number, int) or not 1 <= number <= LARGEST_VALUE:
        msg = f"{path.name} describes a segment without a usable number."
        raise InputError(msg, _REMEDY)
    name = "".join(sign for sign in str(item.get("SegmentLabel") or "") if sign.isprintable()).strip()
    color = _color(item.get("RecommendedDisplayCIELabValue")) or default_color(number)
    return Structure(number, name or f"Segment {number}", color, _terminology(item))


def _terminology(item: Dataset) -> str:
    """Slicer's text of the segment's codes, "" when it has none."""
    category = _code(item.get("SegmentedPropertyCategoryCodeSequence"))
    kind = _code(item.get("SegmentedPropertyTypeCodeSequence"))
    if not category or not kind:
        return ""
    inner = (item.get("SegmentedPropertyTypeCodeSequence") or [Dataset()])[0]
    modifier = _code(inner.get("SegmentedPropertyTypeModifierCodeSequence")) or "^^"
    region = _code(item.get("AnatomicRegionSequence")) or "^^"
    return "~".join((_CONTEXT, category, kind, modifier, _REGIONS, region, "^^"))


def _code(sequence: Any) -> str:
    """``scheme^value^meaning`` of a sequence's first code, "" without one."""
    if not sequence:
        return ""
    parts = (sequence[0].get(key) for key in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning"))
    words = ["".join(c for c in str(part or "") if c.isprintable() and c not in "^~|") for part in parts]
    return "^".join(words) if all(words) else ""


def _color(lab: Any) -> tuple[float, float, float] | None:
    """Red, green, blue 0..1 of DICOM's CIELab (three 16-bit numbers), None for what is none."""
    try:
        lightness, a, b = (int(part) / 65535 for part in lab)
    except (TypeError, ValueError):
        return None
    y = (lightness * 100 + 16) / 116
    cube = np.array([y + (a * 255 - 128) / 500, y, y - (b * 255 - 128) / 200])
    xyz = _WHITE * np.where(cube > 6 / 29, cube**3, 3 * (6 / 29) ** 2 * (cube - 4 / 29))
    linear = np.clip(_SRGB_FROM_XYZ @ xyz, 0, 1)
    red, green, blue = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return float(red), float(green), float(blue)
