"""A labelmap in three dimensions: its surfaces as they are seen from one side, shaded. numpy and scipy alone.

Rays go through the volume in parallel; what is seen is the first point on each of them where a structure fills half of
the space. No graphics card, no window and no OpenGL are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

if TYPE_CHECKING:
    from ...data.image import Labelmap

SMOOTHING, SOFTNESS = 0.7, 1.3
"""Standard deviations, in points of the picture: by it steps between voxels are smoothed, and what is lit."""

MARGIN = 1.06
"""The side of the picture, in sides of what it shows."""

HIDDEN = 0.02
"""A structure that has less than this share of what is seen is hidden by the others: then they are cut open."""

_SAMPLE = 100_000
_AMBIENT, _SHINE = 0.34, 0.16
_LIGHT = np.array([-0.45, -0.62, -0.64])
"""Where the light comes from, in the picture: right, down and away from the eye are positive."""


@dataclass(frozen=True)
class Viewpoint:
    """From where a volume is seen: turned about the patient's long axis, from the front towards the left side, and
    raised above the horizon, both in degrees."""

    turn: float = 40.0
    raised: float = 22.0

    def axes(self) -> NDArray[np.float64]:
        """Right, down and away from the eye (rows) in the patient (LPS)."""
        turn, raised = np.deg2rad([self.turn, self.raised])
        toward_eye = np.array([np.sin(turn) * np.cos(raised), -np.cos(turn) * np.cos(raised), np.sin(raised)])
        right = np.array([np.cos(turn), np.sin(turn), 0.0])
        return np.stack([right, np.cross(-toward_eye, right), -toward_eye])


def surface_image(
    labelmap: Labelmap,
    pixels: int = 320,
    view: Viewpoint | None = None,
    *,
    side_mm: float | None = None,
    cut_open: bool | None = None,
) -> NDArray[np.uint8]:
    """The structures of a labelmap as RGBA (pixels, pixels, 4), transparent where none is seen.

    ``side_mm``: what the picture's side shows, None for what holds all of it, so that several can have one scale.
    ``cut_open`` takes away the quarter that faces the eye from above; None does so where a structure is hidden.
    """
    values = labelmap.values()
    if not values:
        return np.zeros((pixels, pixels, 4), np.uint8)
    view = view or Viewpoint()
    space = _Space.of(labelmap, pixels, view, side_mm or extent_mm(labelmap, view))
    cells = space.occupancy(labelmap, values)
    colors = np.array([next(s.color for s in labelmap.structures if s.value == value) for value in values])
    inside = cells.sum(axis=0) > 0.5
    if cut_open is None:
        seen = _seen(cells, inside)
        shares = np.bincount(seen[seen >= 0], minlength=len(values)) / max(1, int((seen >= 0).sum()))
        cut_open = bool(shares.min() < HIDDEN)
    if cut_open:
        inside &= ~space.facing_quarter()
    return _shaded(inside, _seen(cells, inside), colors)


def extent_mm(labelmap: Labelmap, view: Viewpoint | None = None) -> float:
    """The side of the picture that holds all structures as they are seen, in mm; 0 without any."""
    found = np.argwhere(labelmap.voxels > 0)
    if not len(found):
        return 0.0
    points = labelmap.geometry.ijk_to_lps(found[:: len(found) // _SAMPLE + 1, ::-1]) - _middle(labelmap, found)
    return 2 * MARGIN * float(np.abs(points @ (view or Viewpoint()).axes()[:2].T).max())


def _middle(labelmap: Labelmap, found: NDArray[np.int64]) -> NDArray[np.float64]:
    """The middle (LPS mm) of what was found, (count, 3) indices (k, j, i)."""
    return labelmap.geometry.ijk_to_lps((found.min(axis=0) + found.max(axis=0))[::-1] / 2)


@dataclass(frozen=True)
class _Space:
    """Points ``step`` mm apart, (down, right, away): ``center`` (LPS mm) lies in the middle of them."""

    axes: NDArray[np.float64]
    center: NDArray[np.float64]
    step: float
    pixels: int

    @classmethod
    def of(cls, labelmap: Labelmap, pixels: int, view: Viewpoint, side_mm: float) -> _Space:
        return cls(view.axes(), _middle(labelmap, np.argwhere(labelmap.voxels > 0)), side_mm / pixels, pixels)

    def occupancy(self, labelmap: Labelmap, values: tuple[int, ...]) -> NDArray[np.float32]:
        """How much of the space each structure fills, 0 to 1; (structures, down, right, away)."""
        geometry = labelmap.geometry
        # The rows of the picture's points go to voxel indices (k, j, i).
        to_ijk = np.linalg.inv(geometry.direction * geometry.spacing)
        columns = self.axes[[1, 0, 2]].T * self.step
        matrix = (to_ijk @ columns)[::-1]
        corner = self.center - columns @ np.full(3, (self.pixels - 1) / 2)
        offset = geometry.lps_to_ijk(corner)[::-1]
        shape = (self.pixels,) * 3
        parts = np.zeros((len(values), *shape), np.float32)
        for part, value in zip(parts, values, strict=True):
            mask = (labelmap.voxels == value).astype(np.float32)
            affine_transform(mask, matrix, offset, shape, part, order=1)
            gaussian_filter(part, SMOOTHING, output=part)
        return parts

    def facing_quarter(self) -> NDArray[np.bool_]:
        """The points above the middle, in front of it and on the eye's side (down, right, away)."""
        steps = (np.arange(self.pixels) - (self.pixels - 1) / 2) * self.step
        down, right, away = steps[:, None, None], steps[None, :, None], steps[None, None, :]
        place = [down * self.axes[1, n] + right * self.axes[0, n] + away * self.axes[2, n] for n in range(3)]
        side = np.sign(-self.axes[2, 0]) or 1.0
        quarter: NDArray[np.bool_] = (place[2] > 0) & (place[1] < 0) & (place[0] * side > -2 * self.step)
        return quarter


def _seen(cells: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which structure each point of the picture (down, right) shows, by number; -1 for none."""
    down, right = np.nonzero(inside.any(axis=2))
    seen = np.full(inside.shape[:2], -1)
    seen[down, right] = cells[:, down, right, inside.argmax(axis=2)[down, right]].argmax(axis=0)
    return seen


def _shaded(inside: NDArray[np.bool_], seen: NDArray[np.int64], colors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The picture (RGBA) of what is inside, each point in the colour of what it shows."""
    down, right = np.nonzero(seen >= 0)
    normal = _normals(
        gaussian_filter(inside.astype(np.float32), SOFTNESS), down, right, inside.argmax(axis=2)[down, right]
    )
    lit = np.clip(normal @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    facing = np.clip(-normal[:, 2], 0, 1)
    brightness = _AMBIENT + (1 - _AMBIENT) * (0.75 * lit + 0.25 * facing)
    color = colors[seen[down, right]] * brightness[:, None] + _SHINE * lit[:, None] ** 12
    image = np.zeros((*seen.shape, 4), np.uint8)
    image[down, right, :3] = np.rint(255 * np.clip(color, 0, 1))
    image[down, right, 3] = 255
    return image


def _normals(
    filled: NDArray[np.float32], down: NDArray[np.int64], right: NDArray[np.int64], away: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Unit vectors (count, 3: right, down, away) that point out of what is filled."""
    last = np.array(filled.shape) - 1
    place = np.stack([down, right, away])
    slopes = []
    for axis in (1, 0, 2):
        step = np.zeros((3, 1), int)
        step[axis] = 1
        after, before = (np.clip(place + sign * step, 0, last[:, None]) for sign in (2, -2))
        slopes.append(filled[tuple(before)] - filled[tuple(after)])
    vectors = np.stack(slopes, axis=-1).astype(float)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
