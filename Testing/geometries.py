"""Grids, images and a listener that tests draw or share."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from SAMAdaptLib.data.geometry import Geometry


def turned(angles_degrees: tuple[float, float, float], axes: tuple[int, int, int] = (0, 1, 2), flips=(1, 1, 1)):
    """A 3x3 direction matrix: permuted and flipped axes, then turned around x, y, z."""
    return Rotation.from_euler("xyz", angles_degrees, degrees=True).as_matrix()[:, list(axes)] * flips


def oblique_grid() -> Geometry:
    """Unequal sizes and spacings, permuted, flipped and oblique axes: nothing about it is symmetric."""
    return Geometry((7, 5, 4), (0.5, 0.7, 3.1), (10.0, -20.0, 3.0), turned((20, 25, 35), (2, 0, 1), (1, -1, 1)))


@st.composite
def geometries(draw, largest_size: int = 7, largest_angle: float = 180.0) -> Geometry:
    """Any grid: spacings 1e-3..1e3 mm, any axis order, flips and rotation, single slices included."""
    size = draw(st.tuples(*[st.integers(1, largest_size)] * 3))
    exponents = draw(st.tuples(*[st.floats(-3, 3)] * 3))
    origin = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    angles = draw(st.tuples(*[st.floats(-largest_angle, largest_angle)] * 3))
    axes = draw(st.permutations(range(3)))
    flips = draw(st.tuples(*[st.sampled_from((-1, 1))] * 3))
    return Geometry(size, tuple(10.0**e for e in exponents), origin, turned(angles, tuple(axes), flips))


def numbered(geometry: Geometry) -> np.ndarray:
    """float32 (k, j, i) with another value in each voxel."""
    return np.arange(np.prod(geometry.size), dtype=np.float32).reshape(geometry.shape)


def damaged(count: int, value: float, total: int = 1000) -> sitk.Image:
    """An image of 10 x 10 x 10 voxels 0, 1, 2, ..., the first ``count`` of which are ``value``."""
    array = np.arange(total, dtype=np.float64).reshape(10, 10, 10)
    array.ravel()[:count] = value
    return sitk.GetImageFromArray(array)


def blobs(shape: tuple[int, int], seed: int) -> np.ndarray:
    """A smooth picture with values on both sides of zero, float32."""
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 2).astype(np.float32)
