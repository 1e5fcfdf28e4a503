"""Frames of a DICOM image put upon one another: the grid that their own tags tell, or why they make none.

Nothing is made up. Places and sizes that are not known, that differ from slice to slice or that leave gaps are
refused; of a single picture, which needs no place beside another, they are said in a warning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...errors import GeometryError
from ..geometry import Geometry
from .frames import Frame

POSITION_TOLERANCE = 0.1
"""A slice may lie this fraction of the slice distance away from where an even, upright stack puts it."""

ORIENTATION_TOLERANCE = 2e-3
"""How far the axes of two slices of one stack may be apart, in any of their numbers."""

SPACING_TOLERANCE = 1e-3
"""By which fraction the pixel sizes of two slices of one stack may differ."""

_Known = TypeVar("_Known")
_WIDER = 1.5
"""Slices so many times further apart than their header says are worth a word."""

_REGULARIZE = "Load it into 3D Slicer with acquisition geometry regularization and export it."
_EXPORT = "Export the series again with all of its geometry, or as NIfTI or NRRD."
_SEPARATE = "Move the slices that belong together into a folder of their own."


@dataclass(frozen=True)
class Stack:
    """Frames in the order of their slices, their grid, and what has to be said of it."""

    frames: tuple[Frame, ...]
    geometry: Geometry
    warnings: tuple[str, ...] = ()


def stacked(frames: Sequence[Frame], what: str) -> Stack:
    """The stack of frames that are one image; ``what`` names it in messages ("the DICOM series in /data").

    Raises GeometryError when slices differ in size, spacing or orientation, do not say where they lie, or are
    missing, repeated or tilted.
    """
    if len(frames) == 1:
        return _single(frames[0], what)
    require_alike(frames, what)
    return _even(frames, what)


def require_alike(frames: Sequence[Frame], what: str) -> None:
    """Raises GeometryError unless all slices say where they lie, and have one size, spacing and orientation."""
    _require_one(frames, what, "different sizes", lambda frame: frame.file.shape)
    _require_known(frames, what)
    _require_like(frames, what, "orientations", lambda f: f.orientation, lambda a, b: np.abs(a - b).max(), 3)
    _require_like(frames, what, "pixel spacings", lambda f: np.array(f.spacing), _relative, 5)


def known(value: _Known | None) -> _Known:
    """A tag of a slice that ``require_alike`` has seen."""
    if value is None:
        msg = "A slice lost a tag that it had."
        raise GeometryError(msg, _EXPORT)
    return value


def _even(frames: Sequence[Frame], what: str) -> Stack:
    normal = np.cross(*known(frames[0].orientation))
    ordered = sorted(frames, key=lambda frame: float(known(frame.position) @ normal))
    first, last = known(ordered[0].position), known(ordered[-1].position)
    distance = float((last - first) @ normal) / (len(ordered) - 1)
    if distance <= 0:
        msg = f"All {len(ordered)} slices of {what} lie at one place."
        raise GeometryError(msg, "A film or a time series cannot be used; export one volume of it.")
    row, column = known(ordered[0].orientation)
    rows, columns = ordered[0].file.shape
    spacing = (*known(ordered[0].spacing), distance)
    directions = np.column_stack([row, column, normal])
    geometry = Geometry((columns, rows, len(ordered)), spacing, _three(first), directions)
    for number, frame in enumerate(ordered):
        expected = geometry.ijk_to_lps((0, 0, number))
        away = float(np.linalg.norm(known(frame.position) - expected))
        if away > POSITION_TOLERANCE * distance:
            msg = (
                f"Slice {number + 1} of {len(ordered)} of {what} lies {away:.3g} mm away from its place in an even "
                f"stack: slices are missing, repeated or tilted."
            )
            raise GeometryError(msg, _REGULARIZE)
    return Stack(tuple(ordered), geometry, _said(ordered, distance, what))


def _said(frames: Sequence[Frame], distance: float, what: str) -> tuple[str, ...]:
    found = []
    between = min((frame.between for frame in frames if frame.between), default=None)
    if between is not None and distance > _WIDER * between:
        found.append(
            f"The slices of {what} lie {distance:.4g} mm apart, which is used; their headers say {between:.4g} mm. "
            "Are slices missing?"
        )
    places = {frame.file.text("FrameOfReferenceUID") for frame in frames}
    if len(places) > 1:
        found.append(f"The slices of {what} have {len(places)} different frames of reference: did the patient move?")
    return tuple(found)


def _single(frame: Frame, what: str) -> Stack:
    unknown = []
    if frame.position is None:
        unknown.append("where it lies (0, 0, 0 is taken)")
    if frame.orientation is None:
        unknown.append("how it is turned (axial is taken)")
    if frame.spacing is None:
        unknown.append("how large its pixels are (1 mm is taken)")
    thickness = frame.thickness or frame.between
    if thickness is None:
        unknown.append("how thick it is (1 mm is taken)")
    axes = frame.orientation if frame.orientation is not None else np.eye(3)[:2]
    spacing = (*(frame.spacing or (1.0, 1.0)), thickness or 1.0)
    rows, columns = frame.file.shape
    origin = (0.0, 0.0, 0.0) if frame.position is None else _three(frame.position)
    geometry = Geometry((columns, rows, 1), spacing, origin, np.column_stack([*axes, np.cross(*axes)]))
    if not unknown:
        return Stack((frame,), geometry)
    said = f"{what[0].upper()}{what[1:]} does not say {', '.join(unknown)}: do not rely on places and volumes."
    return Stack((frame,), geometry, (said,))


def _three(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _require_known(frames: Sequence[Frame], what: str) -> None:
    for told, missing in (
        ("where they lie (ImagePositionPatient)", [f for f in frames if f.position is None]),
        ("how they are turned (ImageOrientationPatient)", [f for f in frames if f.orientation is None]),
        ("how large their pixels are (PixelSpacing)", [f for f in frames if f.spacing is None]),
    ):
        if missing:
            msg = f"{len(missing)} of {len(frames)} slices of {what} do not say {told}; {missing[0].called} is one."
            raise GeometryError(msg, _EXPORT)


def _require_one(frames: Sequence[Frame], what: str, differ: str, of: Callable[[Frame], Hashable]) -> None:
    usual = Counter(of(frame) for frame in frames).most_common(1)[0][0]
    odd = next((frame for frame in frames if of(frame) != usual), None)
    if odd is not None:
        msg = f"The slices of {what} have {differ}: {odd.called} has {of(odd)}, others {usual}."
        raise GeometryError(msg, _SEPARATE)


def _require_like(
    frames: Sequence[Frame],
    what: str,
    differ: str,
    of: Callable[[Frame], np.ndarray | None],
    apart: Callable[[np.ndarray, np.ndarray], float],
    digits: int,
) -> None:
    """Raises GeometryError naming a slice that is unlike most."""
    tolerance = ORIENTATION_TOLERANCE if differ == "orientations" else SPACING_TOLERANCE
    values = [np.asarray(of(frame)) for frame in frames]
    common = Counter(tuple(np.round(value, digits).ravel() + 0.0) for value in values).most_common(1)[0][0]
    usual = next(value for value in values if tuple(np.round(value, digits).ravel() + 0.0) == common)
    odd = [frame for frame, value in zip(frames, values, strict=True) if apart(value, usual) > tolerance]
    if odd:
        is_one = f"{odd[0].called} has {np.round(np.asarray(of(odd[0])).ravel(), 4).tolist()}"
        most = np.round(usual.ravel(), 4).tolist()
        msg = f"The slices of {what} have different {differ}: {is_one}, others {most}."
        raise GeometryError(msg, _SEPARATE)


def _relative(one: np.ndarray, two: np.ndarray) -> float:
    return float((np.abs(one - two) / two).max())
