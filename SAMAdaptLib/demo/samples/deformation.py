"""Smooth random deformations that fold nothing: how one head differs from another.

A velocity field is drawn at the nodes of a coarse grid and followed for a unit of time (scaling and squaring), so that
the deformation can be inverted everywhere. Sizes are those that networks which work on real heads of many sites were
trained with (Billot et al., "SynthSeg", Medical Image Analysis 83 (2023) 102789, and the defaults of its generator).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter1d

NODE_MM = 25.0
"""Distance of the nodes: a 25th of the size of their label maps, which have voxels of a millimetre."""

VELOCITY_MM = 3.0
"""Standard deviation of the velocity at the nodes, their largest: the displacement in unit time."""

STEP_MM = 4.0
"""Distance of the points at which the deformation is kept. It is smooth over many of them."""

_SQUARINGS = 6
_QUANTUM_MM = 2.0**-16
"""Displacements are kept in multiples of this, so that the last bits in which processors differ are gone."""


@dataclass(frozen=True, eq=False)
class Deformation:
    """x -> x + displacement(x) within a box; beyond it, the displacement at its edge.

    ``displacement`` is float64 (3, z, y, x) in mm, its vectors (x, y, z), at points ``STEP_MM`` apart from ``origin``
    (x, y, z) in mm on.
    """

    displacement: NDArray[np.float64]
    origin: NDArray[np.float64]

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points (..., 3) in mm go."""
        return points + np.moveaxis(_sampled(self.displacement, (points - self.origin) / STEP_MM), 0, -1)


def random_deformation(
    rng: np.random.Generator,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    velocity_mm: float = VELOCITY_MM,
    node_mm: float = NODE_MM,
) -> Deformation:
    """A deformation of the box from ``low`` to ``high`` (x, y, z in mm), drawn from ``rng``."""
    count = np.ceil((np.asarray(high) - low) / STEP_MM).astype(int)[::-1] + 1
    velocity = velocity_mm * smooth_noise(rng, 3, tuple(count), node_mm / STEP_MM)
    where = np.moveaxis(np.indices(velocity.shape[1:], float)[::-1], 0, -1)
    field = velocity / 2**_SQUARINGS
    for _ in range(_SQUARINGS):
        field = field + _sampled(field, where + np.moveaxis(field, 0, -1) / STEP_MM)
    return Deformation(np.rint(field / _QUANTUM_MM) * _QUANTUM_MM, np.asarray(low, float))


def smooth_noise(rng: np.random.Generator, parts: int, shape: tuple[int, ...], node: float) -> NDArray[np.float64]:
    """Normal noise (parts, *shape) with one value for each node, ``node`` points apart, and a cubic spline between."""
    nodes = rng.standard_normal((parts, *(int(np.ceil((size - 1) / node)) + 4 for size in shape)))
    for axis, size in enumerate(shape, start=1):
        nodes = np.moveaxis(_spline(nodes, axis, (np.arange(size) / node) + 1.5), -1, axis)
    return nodes


def _spline(values: NDArray[np.float64], axis: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic spline through values along an axis, at places in points; the axis becomes the last one."""
    coefficients = np.moveaxis(spline_filter1d(values, axis=axis, mode="mirror"), axis, -1)
    first = np.floor(places).astype(int)
    part = places - first
    weights = ((1 - part) ** 3, 3 * part**3 - 6 * part**2 + 4, -3 * part**3 + 3 * part**2 + 3 * part + 1, part**3)
    last = coefficients.shape[-1] - 1
    taken = (np.clip(first + step - 1, 0, last) for step in range(4))
    return sum(weight / 6 * coefficients[..., index] for weight, index in zip(weights, taken, strict=True))


def _sampled(field: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each part of a field (parts, z, y, x) at places (..., 3) in points (x, y, z), linearly; (parts, ...)."""
    coordinates = np.moveaxis(places, -1, 0)[::-1]
    return np.stack([map_coordinates(part, coordinates, order=1, mode="nearest") for part in field])
