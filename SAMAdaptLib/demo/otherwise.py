"""What one would do otherwise: contours interpolated between slices, an annotation laid over another patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, distance_transform_edt

from ..data.io.volumes import Labelmap, Volume


def interpolated(labelmap: Labelmap, drawn: Sequence[int]) -> Labelmap:
    """The annotation of the ``drawn`` slices (along k), and between them of each structure what its contours become.

    Contours change evenly: the signed distance to them is interpolated (Raya and Udupa, IEEE Transactions on Medical
    Imaging 9 (1990) 32-42). Where structures meet, the one that reaches deeper has the pixel. Beyond the first and the
    last slice nothing is known.
    """
    result = np.zeros_like(labelmap.voxels)
    spacing = labelmap.geometry.spacing[1::-1]
    slices = sorted(drawn)
    values = labelmap.values()
    depths = {k: np.stack([_depth(labelmap.voxels[k] == value, spacing) for value in values]) for k in slices}
    table = np.array([0, *values], labelmap.voxels.dtype)
    for before, after in zip(slices, slices[1:], strict=False):
        for k in range(before + 1, after):
            part = (k - before) / (after - before)
            depth = (1 - part) * depths[before] + part * depths[after]
            result[k] = np.where(depth.max(axis=0) > 0, table[1 + depth.argmax(axis=0)], 0)
    result[slices] = labelmap.voxels[slices]
    return labelmap.with_array(result)


def laid_over(labelmap: Labelmap, own: Volume, other: Volume) -> Labelmap:
    """An annotation on the grid of another volume, the middles of what both show laid on each other (nearest voxel)."""
    shift = middle(own) - middle(other)
    source, target = labelmap.geometry, other.geometry
    corners = source.lps_to_ijk(target.ijk_to_lps(np.vstack([np.zeros(3), np.eye(3)])) + shift)
    matrix = (corners[1:] - corners[0]).T  # from (i, j, k) of the other grid to (i, j, k) of the own one
    moved = affine_transform(
        labelmap.voxels, matrix[::-1, ::-1], corners[0][::-1], target.shape, order=0, mode="grid-constant"
    )
    return Labelmap(moved, target, labelmap.structures, name=labelmap.name)


def middle(volume: Volume) -> NDArray[np.float64]:
    """The middle (LPS mm) of what is brighter than the volume is on average."""
    bright = volume.voxels > volume.voxels.mean()
    return volume.geometry.ijk_to_lps([part.mean() for part in np.nonzero(bright)[::-1]])


def _depth(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """How deep in the mask each pixel lies, in mm; below 0 outside of it."""
    if not mask.any():
        return np.full(mask.shape, -np.hypot(*np.multiply(mask.shape, spacing)))
    inner, outer = (distance_transform_edt(part, spacing) for part in (mask, ~mask))
    return np.asarray(inner - outer, float)
