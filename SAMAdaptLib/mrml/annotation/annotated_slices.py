"""How many slices of a volume an annotation touches: a quick look for the user interface, without resampling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...preprocessing.slicing import SliceStack
from ..transforms import NodeTransform, affine, array_from_matrix, ijk_to_ras
from ..volume import grid_of
from .segments import BINARY, SURFACE

SINGLE_SHARE = 0.5
"""Share of annotated slices without annotated neighbours from which on slices were drawn one by one."""


@dataclass(frozen=True)
class Coverage:
    """How many slices of ``total`` along ``axis`` (0 = i, 1 = j, 2 = k) are annotated.

    ``gaps``: some between them are not, as when a person annotates slices here and there.
    """

    annotated: int
    total: int
    axis: int
    gaps: bool


def coverage(node: Any, volume_node: Any) -> Coverage:
    """What is annotated, and whether the whole volume was: there are no gaps then. Main thread.

    Slices are those that ``auto`` cuts; on a grid as fine in all directions those of another plane where single slices
    were drawn in it. Raises GeometryError for a volume whose grid is none.
    """
    own = SliceStack(grid_of(volume_node))
    first = _coverage(node, volume_node, own.choice.axis, len(own))
    if own.choice.acquisition or first[0].gaps:
        return first[0]
    sizes = grid_of(volume_node).size
    others = [_coverage(node, volume_node, axis, sizes[axis]) for axis in range(3) if axis != own.choice.axis]
    single = [found for found, share in others if found.gaps and share >= SINGLE_SHARE]
    return single[0] if single else first[0]


def _coverage(node: Any, volume_node: Any, axis: int, total: int) -> tuple[Coverage, float]:
    """Along one axis, with the share of annotated slices that have no annotated neighbour."""
    hit = _hit(node, volume_node, axis, total)
    alone = sum(at - 1 not in hit and at + 1 not in hit for at in hit)
    gaps = bool(hit) and len(hit) < max(hit) - min(hit) + 1
    return Coverage(len(hit), total, axis, gaps), alone / max(len(hit), 1)


def annotated_slices(node: Any, volume_node: Any) -> tuple[int, int]:
    """Slices of the volume (cut as ``auto`` does) on which the annotation has anything, and all slices.

    ``node`` is a segmentation or label volume node. Main thread. An annotation on a grid that is turned against the
    volume's is counted by the middles of its planes. Raises GeometryError for a volume whose grid is none.
    """
    stack = SliceStack(grid_of(volume_node))
    return len(_hit(node, volume_node, stack.choice.axis, len(stack))), len(stack)


def _hit(node: Any, volume_node: Any, axis: int, total: int) -> set[int]:
    """Indices of the annotated slices along an axis of the volume."""
    to_volume = NodeTransform.between(node, volume_node)
    from_ras = np.linalg.inv(ijk_to_ras(volume_node))
    hit: set[int] = set()
    for points in _planes(node, volume_node, axis):
        positions = affine(from_ras, to_volume(points))[:, axis]
        hit.update(int(at) for at in np.rint(positions) if 0 <= at < total)
    return hit


def _planes(node: Any, volume_node: Any, axis: int) -> Iterator[NDArray[np.float64]]:
    """Middles (N, 3), in the frame of ``node``, of those planes of each layer that hold a label."""
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        yield _middles(voxels_of(node.GetImageData()), (0, 0, 0), ijk_to_ras(node), volume_node, axis)
        return
    import vtk

    segmentation = node.GetSegmentation()
    if not segmentation.ContainsRepresentation(BINARY):
        yield from _surfaces(segmentation, ijk_to_ras(volume_node), axis)
        return
    for n in range(segmentation.GetNumberOfLayers(BINARY)):
        image = segmentation.GetLayerDataObject(n, BINARY)
        if image.IsEmpty() or image.GetPointData().GetScalars() is None:
            continue
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        yield _middles(voxels_of(image), image.GetExtent()[0::2], array_from_matrix(matrix), volume_node, axis)


def voxels_of(image: Any) -> NDArray[Any]:
    """The scalars of a vtkImageData (k, j, i), not copied."""
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(tuple(reversed(image.GetDimensions())))


def _middles(
    labels: NDArray[Any], start: tuple[int, ...], to_ras: NDArray[np.float64], volume_node: Any, axis: int
) -> NDArray[np.float64]:
    """Of the layer's planes that run most along the volume's slices."""
    normal = np.linalg.inv(ijk_to_ras(volume_node))[axis, :3] @ to_ras[:3, :3]
    own = int(np.abs(normal).argmax())
    present = np.flatnonzero([plane.any() for plane in np.moveaxis(labels, 2 - own, 0)])
    middle = (np.array(labels.shape[::-1]) - 1) / 2 + np.asarray(start)
    points = np.tile(middle, (len(present), 1))
    points[:, own] = present + start[own]
    return affine(to_ras, points)


def _surfaces(segmentation: Any, to_ras: NDArray[np.float64], axis: int) -> Iterator[NDArray[np.float64]]:
    """Points one slice apart between the ends of each closed surface, along the volume's slice normal."""
    step = to_ras[:3, axis]
    for n in range(segmentation.GetNumberOfSegments()):
        surface = segmentation.GetNthSegment(n).GetRepresentation(SURFACE)
        if surface is None or not surface.GetNumberOfPoints():
            continue
        bounds = np.asarray(surface.GetBounds()).reshape(3, 2)
        reach = np.abs(step) @ (bounds[:, 1] - bounds[:, 0]) / (step @ step)
        shifts = np.arange(np.ceil(reach)) - (np.ceil(reach) - 1) / 2
        yield bounds.mean(axis=1) + shifts[:, None] * step
