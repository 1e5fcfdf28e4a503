"""What each frame of a DICOM file says of itself: where it lies, how large its pixels are, how values are rescaled.

A file of one picture is one frame. A file of many says it frame by frame in its functional groups (enhanced CT, MR,
PET, segmentations), or by one position and a list of offsets (radiotherapy doses). What is not said stays None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ...errors import GeometryError, InputError
from .file import DicomFile

_AGAIN = "Copy or export it again."


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture. ``position`` (3,) is the LPS mm of its first pixel's centre; ``orientation`` (2, 3) the unit
    vectors along a row and along a column; ``spacing`` mm between columns and between rows; ``thickness`` and
    ``between`` mm of the slice and from slice to slice; ``slope`` and ``intercept`` of its stored values.
    """

    file: DicomFile
    number: int
    position: NDArray[np.float64] | None
    orientation: NDArray[np.float64] | None
    spacing: tuple[float, float] | None
    thickness: float | None
    between: float | None
    slope: float = 1.0
    intercept: float = 0.0
    segment: int = 0

    @property
    def called(self) -> str:
        """For messages: the file, and which of its frames."""
        return self.file.path.name if self.file.frames == 1 else f"frame {self.number + 1} of {self.file.path.name}"


def frames_of(file: DicomFile) -> list[Frame]:
    """The frames of a file, in its order. Raises InputError for damaged numbers and for films without places."""
    groups = file.data.get("PerFrameFunctionalGroupsSequence")
    shared = _first(file.data.get("SharedFunctionalGroupsSequence")) or Dataset()
    if groups:
        if len(groups) != file.frames:
            msg = f"The DICOM file {file.path} is damaged: it describes {len(groups)} of its {file.frames} frames."
            raise InputError(msg, _AGAIN)
        return [_frame(file, number, group, shared) for number, group in enumerate(groups)]
    if file.frames == 1 and len(shared) == 0:
        return [_frame(file, 0, Dataset(), shared)]
    return _frames_by_offsets(file)


def _frames_by_offsets(file: DicomFile) -> list[Frame]:
    first = _frame(file, 0, Dataset(), Dataset())
    offsets = _numbers(file, file.data.get("GridFrameOffsetVector"), file.frames)
    if offsets is None or offsets[0] != 0 or first.position is None or first.orientation is None:
        msg = f"The DICOM file {file.path} has {file.frames} frames and does not say where each of them lies."
        raise GeometryError(msg, "If it is a volume, open it in 3D Slicer and save it as .nrrd; a film cannot be used.")
    scaling = _number(file, file.data.get("DoseGridScaling"))
    normal = np.cross(*first.orientation)
    return [
        Frame(
            file,
            number,
            first.position + offset * normal,
            first.orientation,
            first.spacing,
            None,
            None,
            scaling if scaling else first.slope,
            first.intercept,
        )
        for number, offset in enumerate(offsets)
    ]


def _frame(file: DicomFile, number: int, own: Dataset, shared: Dataset) -> Frame:
    def found(sequence: str, keyword: str) -> Any:
        for group in (own, shared):
            item = _first(group.get(sequence))
            if item is not None and item.get(keyword) not in (None, ""):
                return item.get(keyword)
        return file.data.get(keyword)

    axes = _numbers(file, found("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
    slope = _number(file, found("PixelValueTransformationSequence", "RescaleSlope"))
    intercept = _number(file, found("PixelValueTransformationSequence", "RescaleIntercept"))
    segment = found("SegmentIdentificationSequence", "ReferencedSegmentNumber")
    if slope == 0:
        msg = f"The DICOM file {file.path} has the rescale slope 0: all of its voxels would be equal."
        raise InputError(msg, _AGAIN)
    return Frame(
        file=file,
        number=number,
        position=_numbers(file, found("PlanePositionSequence", "ImagePositionPatient"), 3),
        orientation=None if axes is None else _unit_vectors(file, axes),
        spacing=_pixel_spacing(file, found),
        thickness=_length(file, found("PixelMeasuresSequence", "SliceThickness")),
        between=_length(file, found("PixelMeasuresSequence", "SpacingBetweenSlices")),
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        segment=int(segment) if isinstance(segment, int) else 0,
    )


def _pixel_spacing(file: DicomFile, found: Any) -> tuple[float, float] | None:
    """Between columns, then between rows: DICOM has them the other way round."""
    spacing = _numbers(file, found("PixelMeasuresSequence", "PixelSpacing"), 2)
    if spacing is None or min(spacing) <= 0:
        return None
    return float(spacing[1]), float(spacing[0])


def _unit_vectors(file: DicomFile, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    vectors = axes.reshape(2, 3)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if np.abs(lengths - 1).max() > 0.01 or abs(float(vectors[0] @ vectors[1])) > 0.01:
        msg = f"The axes in the DICOM file {file.path} are no unit vectors at right angles: {axes.tolist()}."
        raise GeometryError(msg, "Export it again, or resample it in 3D Slicer and save it as .nrrd.")
    return vectors / lengths


def _first(sequence: Any) -> Dataset | None:
    return sequence[0] if sequence is not None and len(sequence) > 0 else None


def _length(file: DicomFile, value: Any) -> float | None:
    number = _number(file, value)
    return abs(number) if number else None


def _number(file: DicomFile, value: Any) -> float | None:
    numbers = _numbers(file, None if value is None or value == "" else [value], 1)
    return None if numbers is None else float(numbers[0])


def _numbers(file: DicomFile, values: Sequence[Any] | None, count: int) -> NDArray[np.float64] | None:
    """So many finite numbers, None when there are none. Raises InputError for others."""
    if values is None or values == "":
        return None
    values = [values] if isinstance(values, int | float | str) else list(values)
    if not values:
        return None
    numbers = [_float(value) for value in values]
    if len(numbers) != count or not all(math.isfinite(value) for value in numbers):
        msg = f"The DICOM file {file.path} has damaged numbers where {count} are needed."
        raise InputError(msg, _AGAIN)
    return np.array(numbers)


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
