"""Simulated patients: a labelled volume bent into another head, lying elsewhere, seen by another scanner.

What differs from patient to patient, and how much:

- the shape: ``deformation``, and 6 % of size along each axis, so that volumes lie within 16 % of the template's, as
  brains of young adults do (1173 to 1626 ml in Filipek et al., Cerebral Cortex 4 (1994) 344-360);
- the position: turned by up to 8 degrees about each axis and up to 20 mm away; the slices tilted by up to 15 degrees;
- the scanner: size of voxels, contrast, and noise and shading as BrainWeb offers them (Cocosco et al., 1997: noise of 1
  to 9 % of the brightest tissue, Rician; shading of 20 and 40 %).

They are no patients, and are called simulated wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, maximum_filter

from ...data.geometry import Geometry
from ...data.image import Labelmap, Volume
from ...errors import InputError
from .deformation import Deformation, random_deformation, smooth_noise

SIZE = 0.06
TURN_DEG, TILT_DEG, SHIFT_MM = 8.0, 15.0, 20.0
PIXELS_MM, SLICES_MM = (0.9, 1.2), (2.0, 4.0)
NOISE, SHADING = (0.02, 0.05), (0.2, 0.4)
GAMMA = 0.2
"""Contrast: grey values to the power of 2 to this, at most, either way."""

TISSUE_SHIFT = 0.06
"""By how much of the brightest tissue's value a tissue becomes brighter or darker, standard deviation."""

SHADING_MM = 70.0
"""Distance of the nodes of the shading: slowly varying, not linear."""

MARGIN_MM = 12.0
"""Around the structures in a slice. The rest of it is cut off, and so are slices that show none, as in the template: a
model that learned from no empty slice cannot know what noise is."""

_PROFILE_MM = 0.75
"""A slice averages what lies within its thickness, sampled at least so densely."""

_REACH_MM = 15.0
"""What is looked at around what the template shows: farther away a deformation takes nothing."""

_QUANTUM = 2.0**-20
"""Mixtures are rounded to this before they are compared, so that last bits do not decide."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulated patient: ``volume``, its ``labelmap``, and the anatomy behind them.

    ``to_template`` turns a point of the patient (LPS mm, homogeneous 4x4) into one of the head that ``deformation``
    then takes to the template.
    """

    volume: Volume
    labelmap: Labelmap
    to_template: NDArray[np.float64]
    deformation: Deformation


def simulate(volume: Volume, labelmap: Labelmap, seed: int, name: str = "") -> Simulated:
    """Another patient of the kind that ``labelmap`` shows in ``volume``; the same one for the same seed.

    Image and labels are taken from the template at the same points: the image linearly, the labels as the structure
    that fills most of the voxel. Grey values are whole numbers from 0 on. Raises InputError without any label and when
    the two lie on different grids.
    """
    if not labelmap.geometry.same_grid(volume.geometry) or not labelmap.values():
        msg = "A patient can be simulated from a volume with labels on its grid; here are none."
        raise InputError(msg, "Use a volume and its annotation.")
    rng = np.random.default_rng(seed)
    low, high = _extent(labelmap)
    center = (low + high) / 2
    deformation = random_deformation(rng, low - MARGIN_MM, high + MARGIN_MM)
    size = 1 + rng.uniform(-SIZE, SIZE, 3)
    turned = rotation(rng.uniform(-TURN_DEG, TURN_DEG, 3))
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(1 / size) @ turned.T
    matrix[:3, 3] = center - matrix[:3, :3] @ (center + rng.uniform(-SHIFT_MM, SHIFT_MM, 3))
    grid = _grid(rng, np.asarray(np.linalg.inv(matrix), float), low, high)
    patient = _Sampling(volume, labelmap, matrix, deformation)
    gray, mixture = patient.on(grid)
    labels = _most_of(mixture, (0, *labelmap.values()))
    voxels = _as_scanned(rng, gray, mixture, labels, grid)
    box = _box(labels > 0, grid)
    cut = Geometry(
        tuple(part.stop - part.start for part in box[::-1]),
        grid.spacing,
        tuple(grid.ijk_to_lps([part.start for part in box[::-1]])),
        grid.direction,
    )
    return Simulated(
        Volume(voxels[box].astype(np.float32), cut, name, volume.modality),
        Labelmap(labels[box], cut, labelmap.structures, name=name),
        matrix,
        deformation,
    )


def rotation(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix (3, 3) that turns about x, then y, then z."""
    result = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        turn = np.eye(3)
        first, second = (other for other in range(3) if other != axis)
        sine = np.sin(angle) * (-1) ** axis
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = -sine, sine
        result = turn @ result
    return result


@dataclass(frozen=True)
class _Sampling:
    """How a patient's voxels are read from the template."""

    volume: Volume
    labelmap: Labelmap
    matrix: NDArray[np.float64]
    deformation: Deformation

    def on(self, grid: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Grey values (k, j, i) and, for background and each structure, its share of each voxel (classes, k, j, i)."""
        values = self.labelmap.values()
        gray = self.volume.voxels - self.volume.voxels.min()
        source = np.stack([gray, *(self.labelmap.voxels == value for value in values)]).astype(np.float32)
        reach = self._reach()
        near = np.pad((source != 0).any(axis=0), [(count, count) for count in reach])
        near = maximum_filter(near, tuple(2 * reach + 1), mode="constant")
        sums = np.zeros((len(source), *grid.shape))
        offsets = list(_profile(grid))
        for slab, offset in product(range(grid.shape[0]), offsets):  # a slice at a time: all would need gigabytes
            shown, coordinates = self._template_voxels(grid, slab, offset, near)
            for target, part in zip(sums[:, slab], source, strict=True):
                target[shown] += map_coordinates(part, coordinates, np.float64, order=1, mode="grid-constant")
        sums /= len(offsets)
        shares = np.rint(sums[1:] / _QUANTUM) * _QUANTUM
        return sums[0], np.concatenate([1 - shares.sum(axis=0, keepdims=True), shares])

    def _reach(self) -> NDArray[np.int64]:
        """``_REACH_MM`` in voxels of the template (k, j, i)."""
        return np.ceil(_REACH_MM / np.array(self.volume.geometry.spacing[::-1])).astype(int)

    def _template_voxels(
        self, grid: Geometry, slab: int, offset: NDArray[np.float64], near: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which voxels (j, i) of a slice, moved by part of a voxel, lie ``near`` what the template shows, and the
        template's indices (k, j, i) of these (3, count)."""
        j, i = np.indices(grid.shape[1:], float)
        points = _moved(self.matrix, grid.ijk_to_lps(np.stack([i, j, np.full_like(i, slab)], -1) + offset))
        own = self.volume.geometry
        k, j, i = np.moveaxis(np.rint(own.lps_to_ijk(points)).astype(int)[..., ::-1] + self._reach(), -1, 0)
        within = (k >= 0) & (j >= 0) & (i >= 0) & (k < near.shape[0]) & (j < near.shape[1]) & (i < near.shape[2])
        shown = np.zeros(within.shape, bool)
        shown[within] = near[k[within], j[within], i[within]]
        return shown, own.lps_to_ijk(self.deformation(points[shown])).T[::-1]


def _profile(grid: Geometry) -> Iterator[NDArray[np.float64]]:
    """Offsets (i, j, k) in voxels, evenly within a voxel, as many along each axis as it is thick."""
    counts = [int(np.ceil(mm / _PROFILE_MM / 2)) for mm in grid.spacing]
    for place in product(*(range(count) for count in counts)):
        yield (np.array(place) + 0.5) / counts - 0.5


def _moved(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points, float) @ matrix[:3, :3].T + matrix[:3, 3]


def _extent(labelmap: Labelmap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box (LPS mm) that holds every labelled voxel."""
    found = np.argwhere(labelmap.voxels > 0)
    low, high = found.min(axis=0)[::-1], found.max(axis=0)[::-1]
    corners = labelmap.geometry.ijk_to_lps(list(product(*zip(low, high, strict=True))))
    return corners.min(axis=0), corners.max(axis=0)


def _grid(
    rng: np.random.Generator, from_template: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> Geometry:
    """A scanner's grid around the box, which lies in the patient by ``from_template``: tilted axial slices."""
    direction = rotation(rng.uniform(-TILT_DEG, TILT_DEG, 3) * (1, 0.4, 0.4))  # mostly as a chin is raised or lowered
    pixel, thickness = round(rng.uniform(*PIXELS_MM), 2), round(rng.uniform(*SLICES_MM), 1)
    spacing = np.array([pixel, pixel, thickness])
    corners = _moved(from_template, np.array(list(product(*zip(low, high, strict=True))))) @ direction
    first = np.floor((corners.min(axis=0) - 2 * MARGIN_MM) / spacing) * spacing
    size = np.ceil((corners.max(axis=0) + 2 * MARGIN_MM - first) / spacing).astype(int)
    return Geometry(tuple(size), tuple(spacing), tuple(np.round(direction @ first, 3)), np.round(direction, 9))


def _most_of(mixture: NDArray[np.float64], values: tuple[int, ...]) -> NDArray[np.uint16]:
    return np.asarray(values, np.uint16)[mixture.argmax(axis=0)]


def _as_scanned(
    rng: np.random.Generator,
    gray: NDArray[np.float64],
    mixture: NDArray[np.float64],
    labels: NDArray[np.uint16],
    grid: Geometry,
) -> NDArray[np.float64]:
    """The grey values (k, j, i) with another contrast, shading and noise, in whole numbers."""
    tissue = labels > 0
    brightest = max(float(gray[labels == value].mean()) for value in np.unique(labels[tissue]))
    shifts = rng.normal(0, TISSUE_SHIFT, len(mixture) - 1)
    clean = np.clip(gray / brightest + np.tensordot(shifts, mixture[1:], 1), 0, None)
    clean **= 2.0 ** rng.uniform(-GAMMA, GAMMA)
    shading = smooth_noise(rng, 1, grid.shape, SHADING_MM / float(np.mean(grid.spacing)))[0]
    shading -= (shading[tissue].max() + shading[tissue].min()) / 2
    clean *= 1 + shading / np.ptp(shading[tissue]) * rng.uniform(*SHADING)
    level = rng.uniform(*NOISE)
    real, imaginary = rng.normal(0, level, (2, *grid.shape))
    return np.rint(np.hypot(np.clip(clean, 0, None) + real, imaginary) * rng.uniform(300, 1500))


def _box(mask: NDArray[np.bool_], grid: Geometry) -> tuple[slice, slice, slice]:
    """The part of the grid (k, j, i) that holds the mask with a margin."""
    found = np.argwhere(mask)
    margin = np.ceil(MARGIN_MM / np.array(grid.spacing[::-1])).astype(int) * (0, 1, 1)
    first = np.maximum(found.min(axis=0) - margin, 0)
    last = np.minimum(found.max(axis=0) + 1 + margin, mask.shape)
    k, j, i = (slice(int(start), int(stop)) for start, stop in zip(first, last, strict=True))
    return k, j, i
