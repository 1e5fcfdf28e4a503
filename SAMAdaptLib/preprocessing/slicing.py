"""A volume as a stack of slices in a chosen plane, a square canvas for each, and the exact way back.

Slices are shown the way a radiologist expects, whatever the storage order (see ``DISPLAY``). A ``CanvasGeometry`` lays
a square canvas, as encoders want it, over a slice; ``canvas_to_slice`` and ``slice_to_canvas`` are the affine maps
between their pixel indices. Pixel centres lie at whole indices, so the edge of the first pixel is at -0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..data.geometry import Geometry
from ..data.image import Labelmap, Volume
from ..data.planes import PLANE_CHOICES
from ..errors import GeometryError, InputError
from .resampling import resample, within

ISOTROPIC_RATIO = 1.2
"""Axes whose spacings differ by less than this factor count as equally fine."""

DISPLAY = {
    "axial": ("S", "P", "L"),
    "coronal": ("P", "I", "L"),
    "sagittal": ("L", "I", "P"),
}
"""For each plane, the patient directions in which slices, rows and columns count up."""

_UNIT = {"L": (1, 0, 0), "P": (0, 1, 0), "S": (0, 0, 1), "R": (-1, 0, 0), "A": (0, -1, 0), "I": (0, 0, -1)}
_PLANE_OF_PATIENT_AXIS = ("sagittal", "coronal", "axial")

Bounds = Sequence[Sequence[int]]
"""Half-open voxel bounds ((i0, i1), (j0, j1), (k0, k1))."""


@dataclass(frozen=True)
class PlaneChoice:
    """A plane of a certain grid.

    ``axis`` is the storage axis (0 = i, 1 = j, 2 = k) along which slices follow each other; ``name`` the closest
    anatomical plane; ``acquisition`` is True when "auto" chose it because the grid is finer within it.
    """

    axis: int
    name: str
    acquisition: bool


def patient_axes(geometry: Geometry) -> tuple[int, int, int]:
    """For the storage axes i, j, k, the patient axis (0 = left-right, 1 = front-back, 2 = head-feet) of each.

    Axes are assigned jointly, so that each patient axis is taken once even on a steeply oblique grid.
    """
    weights = np.abs(geometry.direction)
    best = max(permutations(range(3)), key=lambda axes: sum(weights[axes[column], column] for column in range(3)))
    return best[0], best[1], best[2]


def resolve_plane(geometry: Geometry, plane: str = "auto") -> PlaneChoice:
    """The storage axis and name of ``plane`` on this grid.

    "auto" takes the plane of best in-plane resolution: its normal is the coarsest axis; among about equally coarse
    axes the axial normal is preferred. A grid of a single slice is read in the plane of that slice.
    Raises InputError for an unknown plane.
    """
    if plane not in PLANE_CHOICES:
        msg = f"The plane {plane!r} is unknown; it must be one of {', '.join(PLANE_CHOICES)}."
        raise InputError(msg)
    names = [_PLANE_OF_PATIENT_AXIS[axis] for axis in patient_axes(geometry)]
    if plane != "auto":
        return PlaneChoice(names.index(plane), plane, acquisition=False)
    coarse = _coarsest_axes(geometry)
    axis = min(coarse, key=lambda axis: ("axial", "coronal", "sagittal").index(names[axis]))
    return PlaneChoice(axis, names[axis], acquisition=len(coarse) < 3)


def _coarsest_axes(geometry: Geometry) -> list[int]:
    """Storage axes that may be the normal: a lone axis of one voxel, else the largest spacing and its near equals."""
    flat = [axis for axis in range(3) if geometry.size[axis] == 1]
    if len(flat) == 1:
        return flat
    largest = max(geometry.spacing)
    return [axis for axis in range(3) if geometry.spacing[axis] * ISOTROPIC_RATIO >= largest]


class SliceStack:
    """A grid as slices in display orientation; slices are views of the caller's arrays, not copies.

    ``plane`` is a word of ``PLANE_CHOICES`` or a ``PlaneChoice``. ``len()`` counts slices, ``shape`` is (rows, cols),
    ``spacing`` (row mm, col mm) the distance of neighbouring rows and of neighbouring columns, ``thickness_mm`` that
    of slices; ``plane`` is the anatomical name and ``choice`` the ``PlaneChoice``.
    """

    def __init__(self, grid: Volume | Labelmap | Geometry, plane: str | PlaneChoice = "auto") -> None:
        self.geometry = grid if isinstance(grid, Geometry) else grid.geometry
        self.choice = plane if isinstance(plane, PlaneChoice) else resolve_plane(self.geometry, plane)
        self.plane = self.choice.name
        self._axes = self._display_axes()
        self._flipped = tuple(
            float(np.dot(self.geometry.direction[:, axis], _UNIT[letter])) < 0
            for axis, letter in zip(self._axes, DISPLAY[self.plane], strict=True)
        )
        slices, rows, cols = (self.geometry.size[axis] for axis in self._axes)
        self._count = slices
        self.shape = (rows, cols)
        self.thickness_mm, row_mm, col_mm = (self.geometry.spacing[axis] for axis in self._axes)
        self.spacing = (row_mm, col_mm)

    def _display_axes(self) -> tuple[int, int, int]:
        """Storage axes (i, j, k = 0, 1, 2) of slices, rows and columns."""
        of_patient = {patient: storage for storage, patient in enumerate(patient_axes(self.geometry))}
        _, row, col = (of_patient[int(np.abs(_UNIT[letter]).argmax())] for letter in DISPLAY[self.plane])
        return self.choice.axis, row, col

    def __len__(self) -> int:
        return self._count

    def oriented(self, array: NDArray) -> NDArray:
        """A (slices, rows, cols) view of an array (k, j, i) on the stack's grid. Raises GeometryError if it is not."""
        if array.shape != self.geometry.shape:
            msg = f"An array of shape {array.shape} is not on this grid; {self.geometry.shape} (k, j, i) is needed."
            raise GeometryError(msg)
        view = array.transpose([2 - axis for axis in self._axes])
        return view[tuple(slice(None, None, -1) if flip else slice(None) for flip in self._flipped)]

    def stored(self, oriented: NDArray) -> NDArray:
        """A (k, j, i) view of a (slices, rows, cols) array; the inverse of ``oriented``."""
        if oriented.shape != (len(self), *self.shape):
            msg = f"Slices of shape {oriented.shape} do not make up this stack; {(len(self), *self.shape)} is needed."
            raise GeometryError(msg)
        view = oriented[tuple(slice(None, None, -1) if flip else slice(None) for flip in self._flipped)]
        return view.transpose(np.argsort([2 - axis for axis in self._axes]))

    def slice(self, array: NDArray, n: int) -> NDArray:
        """Slice ``n`` as a (rows, cols) view of an array (k, j, i), image or labels."""
        return self.oriented(array)[self._checked(n)]

    def put(self, array: NDArray, n: int, slice2d: NDArray) -> None:
        """Writes (rows, cols) values into slice ``n`` of an array (k, j, i); the inverse of ``slice``."""
        if np.shape(slice2d) != self.shape:
            msg = f"Slice {n} has the shape {self.shape} (rows, cols); the values have {np.shape(slice2d)}."
            raise GeometryError(msg)
        self.oriented(array)[self._checked(n)] = slice2d

    def _checked(self, n: int) -> int:
        if not 0 <= n < len(self):
            msg = f"Slice {n} does not exist; this {self.plane} stack has slices 0 to {len(self) - 1}."
            raise InputError(msg)
        return n

    def display_bounds(self, ijk_bounds: Bounds) -> tuple[range, range, range]:
        """Slices, rows and columns that half-open voxel bounds cover; bounds outside the grid are cut."""
        covered = []
        for axis, flip in zip(self._axes, self._flipped, strict=True):
            size = self.geometry.size[axis]
            first, last = (min(max(int(edge), 0), size) for edge in ijk_bounds[axis])
            covered.append(range(size - last, size - first) if flip else range(first, last))
        return covered[0], covered[1], covered[2]

    def ijk_bounds(self, slices: range, rows: range, cols: range) -> tuple[tuple[int, int], ...]:
        """The half-open voxel bounds of slices, rows and columns; the inverse of ``display_bounds``."""
        bounds = [(0, 0)] * 3
        for axis, flip, covered in zip(self._axes, self._flipped, (slices, rows, cols), strict=True):
            size = self.geometry.size[axis]
            bounds[axis] = (size - covered.stop, size - covered.start) if flip else (covered.start, covered.stop)
        return tuple(bounds)

    def slices_in(self, ijk_bounds: Bounds) -> range:
        """The slice numbers that half-open voxel bounds ((i0, i1), (j0, j1), (k0, k1)) touch."""
        return self.display_bounds(ijk_bounds)[0]

    def __repr__(self) -> str:
        rows, cols = self.shape
        return f"SliceStack({len(self)} {self.plane} slices of {rows} x {cols} pixels)"


@dataclass(frozen=True)
class CanvasGeometry:
    """A square window, in mm, over a slice: what a canvas shows.

    ``shape`` (rows, cols) and ``spacing`` (row mm, col mm) are the slice's; ``top_mm`` and ``left_mm`` the window's
    corner measured from the slice's outer pixel edge; ``side_mm`` its side. It may stick out of the slice. ``turn``:
    degrees by which the window is then turned around its middle; what it shows appears turned the other way, as in a
    view of that rotation.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float]
    top_mm: float
    left_mm: float
    side_mm: float
    turn: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.top_mm, self.left_mm, self.turn]).all() and 0 < self.side_mm < np.inf):
            found = f"corner ({self.top_mm}, {self.left_mm}), side {self.side_mm} and turn {self.turn}"
            msg = f"A frame needs a finite corner and turn, and a finite side above 0 mm; it has {found}."
            raise GeometryError(msg)

    @classmethod
    def of(cls, stack: SliceStack) -> CanvasGeometry:
        """The smallest frame that shows a whole slice, its content at the top left (SAM pads bottom and right)."""
        side_mm = max(count * mm for count, mm in zip(stack.shape, stack.spacing, strict=True))
        return cls(stack.shape, stack.spacing, 0.0, 0.0, side_mm)

    def window(self, top_mm: float, left_mm: float, side_mm: float) -> CanvasGeometry:
        """Another window on the same slice, turned alike; mm are from the slice's corner, not from this frame's."""
        return replace(self, top_mm=float(top_mm), left_mm=float(left_mm), side_mm=float(side_mm))

    def turned(self, degrees: float) -> CanvasGeometry:
        """The same window turned by so many degrees more."""
        return replace(self, turn=self.turn + float(degrees))

    def canvas_to_slice(self, size: int) -> NDArray[np.float64]:
        """2x3 affine from pixel indices (row, col, 1) of a size x size canvas to slice pixel indices (row, col)."""
        affine = np.zeros((2, 3))
        for axis, corner_mm in enumerate((self.top_mm, self.left_mm)):
            affine[axis, axis] = self.side_mm / size / self.spacing[axis]
            affine[axis, 2] = (corner_mm + 0.5 * self.side_mm / size) / self.spacing[axis] - 0.5
        return composed(affine, turn_about((size - 1) / 2, self.turn)) if self.turn else affine

    def slice_to_canvas(self, size: int) -> NDArray[np.float64]:
        """2x3 affine from slice pixel indices to those of a size x size canvas; inverse of ``canvas_to_slice``."""
        return inverted(self.canvas_to_slice(size))

    def shows(self, size: int) -> NDArray[np.bool_]:
        """Which pixels of a size x size canvas show the slice; the rest is padding."""
        affine = self.canvas_to_slice(size)
        step = np.arange(size)
        inside = np.ones((size, size), bool)
        for (down, right, start), count in zip(affine, self.shape, strict=True):
            inside &= within(down * step[:, None] + right * step[None, :] + start, (-0.5, count - 0.5))
        return inside

    def content(self, size: int) -> tuple[range, range]:
        """Rows and columns of a size x size canvas that show the slice; the rest is padding. May be empty.

        All of them where the window is turned: then no rows and columns tell slice from padding.
        """
        if self.turn:
            return range(size), range(size)
        affine = self.canvas_to_slice(size)
        covered = []
        for axis, count in enumerate(self.shape):
            positions = affine[axis, axis] * np.arange(size) + affine[axis, 2]
            inside = np.flatnonzero(within(positions, (-0.5, count - 0.5)))
            covered.append(range(int(inside[0]), int(inside[-1]) + 1) if inside.size else range(0))
        return covered[0], covered[1]


def turn_about(middle: float, degrees: float) -> NDArray[np.float64]:
    """2x3 affine on pixel indices that turns by ``degrees`` about (middle, middle)."""
    angle = np.radians(degrees)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, middle - linear @ [middle, middle]])


def inverted(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 2x3 affine that undoes a 2x3 affine."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def composed(after: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 2x3 affine that applies ``before``, then ``after``."""
    return np.column_stack([after[:, :2] @ before[:, :2], after[:, :2] @ before[:, 2] + after[:, 2]])


def render(
    slice2d: NDArray, affine: NDArray[np.float64], size: int, order: int = 1, cval: float = float("nan")
) -> NDArray[np.float32]:
    """A float32 (size, size) canvas of a (rows, cols) slice.

    ``affine`` takes canvas pixel indices to slice pixel indices (``Frame.canvas_to_slice``, possibly composed with a
    view's rotation). ``order`` 1 is bilinear, and blurs first where the canvas is much coarser than the slice; 0 is
    the nearest pixel, for labels. Canvas pixels outside the slice's outer pixel edges become ``cval``.
    """
    return resample(slice2d, affine, (size, size), order=order, cval=cval, antialias=True)


def unrender(canvas: NDArray, frame: CanvasGeometry, order: int = 1, fill: float = 0.0) -> NDArray[np.float32]:
    """The way back: float32 (C, rows, cols) values at a slice's own pixels from a canvas (C, h, h).

    Each slice pixel reads the canvas at its own position, so values land on the slice's grid exactly; the canvas may
    have another size than the one that was rendered. What the canvas holds in the padding is never read. Pixels
    outside the frame's window become ``fill``. A canvas (h, h) gives (rows, cols).
    """
    size = canvas.shape[-1]
    rows, cols = frame.content(size)
    readable = (rows, cols) if rows and cols else None
    return resample(canvas, frame.slice_to_canvas(size), frame.shape, order=order, cval=fill, readable=readable)
