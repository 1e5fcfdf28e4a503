"""Where a NIfTI file says its voxels lie: in two places, of which programs read one or the other.

A header may tell the grid twice, as qform (a rotation, with the spacings in pixdim) and as sform (any matrix). ITK,
and with it 3D Slicer, mostly takes the qform; nibabel, FSL, SPM and nnU-Net take the sform. Where both say the same
nothing is lost; where they do not, it has to be said which one is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import GeometryError
from ..geometry import Geometry
from .nifti_file import NiftiHeader

_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres of NIfTI's units of length: metre, millimetre, micrometre."""

_UNKNOWN_SPACING = (
    "{} does not say how large its voxels are along each axis (a pixdim of 0): 1 mm is taken there. Volumes, and "
    "what a head sees, may be quite wrong."
)

_ALIKE = 0.01
"""Spacings of pixdim and sform that differ by less than this fraction are the same, rounded."""


@dataclass(frozen=True)
class NiftiGrids:
    """The grids of a header: None where it does not tell one, or where that is none (sheared, zero)."""

    qform: Geometry | None
    sform: Geometry | None


@dataclass(frozen=True)
class Placement:
    """The grid to use, the other one that the file tells (None mostly), and what has to be said of it."""

    geometry: Geometry
    other: Geometry | None = None
    warnings: tuple[str, ...] = ()


def grids_of(header: NiftiHeader) -> NiftiGrids:
    """Both grids that a header tells. A qform without spacings is none where there is a sform."""
    codes = header.codes if header.is_nifti else (0, 0)
    sform = _grid(header, np.reshape(header.rows, (3, 4))) if codes[1] > 0 else None
    is_whole = sform is None or not lacks_spacing(header)
    return NiftiGrids(_grid(header, _quaternion_matrix(header)) if codes[0] > 0 and is_whole else None, sform)


def lacks_spacing(header: NiftiHeader) -> bool:
    """Whether the pixdim of an axis of several voxels is 0, of which ITK makes 1."""
    return any(size > 1 and pixdim == 0 for size, pixdim in zip(header.dims[:3], header.pixdim[1:4], strict=False))


def placement(header: NiftiHeader, read: Geometry) -> Placement:
    """Which grid a NIfTI image takes, given the one that ITK read from it; warnings name the file.

    What ITK read is kept where it is one of those that the header tells, so that an image lies where 3D Slicer puts
    it. Where it is none of them (ITK then takes the spacings from pixdim) the told one is used.
    """
    name, grids = header.path.name, grids_of(header)
    unknown = _UNKNOWN_SPACING.format(name) if lacks_spacing(header) and grids.sform is None else ""
    told = [grid for grid in (grids.qform, grids.sform) if grid is not None]
    if not told:
        said = f"{name} does not say where in the patient it lies (no qform, no sform)."
        placed = max(header.codes) > 0 and header.is_nifti
        unsaid = "" if placed else f"{said} Left and right, top and bottom cannot be known."
        return Placement(read, warnings=tuple(filter(None, (unsaid, unknown))))
    used = next((grid for grid in told if grid.same_grid(read)), None)
    geometry = read if used is not None else told[-1]
    other = next((grid for grid in told if not grid.same_grid(geometry)), None)
    warnings = _warnings(header, grids, geometry, other)
    return Placement(geometry, other, (*warnings, unknown) if unknown else warnings)


def _warnings(header: NiftiHeader, grids: NiftiGrids, used: Geometry, other: Geometry | None) -> tuple[str, ...]:
    name = header.path.name
    if other is not None:
        is_sform = grids.sform is not None and grids.sform.same_grid(used)
        which, rest = ("sform", "qform") if is_sform else ("qform", "sform")
        return (
            f"{name} says twice where it lies, and not the same: its {which} is used; its {rest} says "
            f"{used.difference(other)}. Programs that take the {rest} show the result there.",
        )
    if grids.sform is None and header.codes[1] > 0:
        return (f"The sform of {name} is sheared or damaged; its qform is used.",)
    if grids.sform is not None and not _spacings_agree(header, grids.sform):
        ours, told = (" x ".join(f"{part:.6g}" for part in values) for values in _spacings(header, grids.sform))
        return (f"{name} tells two voxel sizes: {ours} mm (sform), which is used, and {told} mm (pixdim).",)
    return ()


def _spacings(header: NiftiHeader, geometry: Geometry) -> tuple[tuple[float, ...], tuple[float, ...]]:
    factor = _factor(header)
    return geometry.spacing, tuple(abs(part) * factor for part in header.pixdim[1:4])


def _spacings_agree(header: NiftiHeader, geometry: Geometry) -> bool:
    used, told = _spacings(header, geometry)
    longer = zip(geometry.size, used, told, strict=True)  # a missing axis has no spacing that could be wrong
    return all(size == 1 or abs(one - two) <= _ALIKE * one for size, one, two in longer)


def _factor(header: NiftiHeader) -> float:
    return _MM.get(header.units & 7, 1.0)


def _grid(header: NiftiHeader, matrix: NDArray[np.float64]) -> Geometry | None:
    """The grid of a 3 x 4 matrix from voxel indices to RAS in the header's unit."""
    with np.errstate(all="ignore"):
        ijk_to_ras = np.vstack([matrix * _factor(header), [0, 0, 0, 1]])
    if not np.isfinite(ijk_to_ras).all():
        return None
    try:
        return Geometry.from_ras_matrix((*header.dims, 1, 1)[:3], ijk_to_ras)
    except GeometryError:
        return None


def _quaternion_matrix(header: NiftiHeader) -> NDArray[np.float64]:
    """The 3 x 4 matrix of a qform (nifti1.h, method 2)."""
    b, c, d, *offset = header.quaternion
    squared = 1.0 - (b * b + c * c + d * d)
    if squared < 1e-7:  # a half turn, rounded
        length = np.sqrt(b * b + c * c + d * d) or 1.0
        a, b, c, d = 0.0, b / length, c / length, d / length
    else:
        a = np.sqrt(squared)
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handed = -1.0 if header.pixdim[0] < 0 else 1.0
    spacing = np.array([abs(part) if part else 1.0 for part in header.pixdim[1:4]]) * [1.0, 1.0, handed]
    with np.errstate(all="ignore"):
        return np.column_stack([turn * spacing, offset])
