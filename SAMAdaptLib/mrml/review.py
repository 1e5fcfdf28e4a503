"""The review of a result, kept with its segmentation node: which slices were edited or ticked since it was made."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.review import Review, slice_sums
from .annotation.annotated_slices import voxels_of
from .annotation.segments import BINARY
from .transforms import array_from_matrix, ijk_to_ras

KEY = "SAMAdapt.Review"
"""The node's attribute."""

MOST_VOXELS = 16_000_000
"""Layers with more are not looked through in the main thread."""


def review_of(node: Any) -> Review | None:
    """The review of a segmentation node, None where no model made it."""
    return Review.from_json(node.GetAttribute(KEY)) if node.IsA("vtkMRMLSegmentationNode") else None


def keep_review(node: Any, review: Review | None) -> None:
    """Keep it with the node, and with the scene when that is saved; None forgets it."""
    if review is None:
        node.RemoveAttribute(KEY)
    else:
        node.SetAttribute(KEY, review.to_json())


def tick(node: Any, number: int, right: bool) -> None:
    """Note that a slice is right as it is, or that it is not said to be. ``number``: its index along the axis."""
    review = review_of(node)
    if review is not None:
        keep_review(node, review.with_tick(number, right))


def edited_slices(node: Any, volume_node: Any) -> frozenset[int] | None:
    """The slices that were edited since the result was made. Main thread, quick.

    None where it has no review, or where that would take time: the segments lie on another grid, or are large.
    """
    review, segmentation = review_of(node), node.GetSegmentation()
    if review is None:
        return None
    grid, layers = ijk_to_ras(volume_node), []
    for number in range(segmentation.GetNumberOfLayers(BINARY)):
        image = segmentation.GetLayerDataObject(number, BINARY)
        if image.IsEmpty() or image.GetPointData().GetScalars() is None:
            continue
        if not np.allclose(_to_ras(image), grid, atol=1e-4) or image.GetNumberOfPoints() > MOST_VOXELS:
            return None
        layers.append((image, _names(segmentation, number)))
    if not layers:
        return review.edited({})
    extents = np.array([image.GetExtent() for image, _names_of_labels in layers])
    low, high = extents[:, 0::2].min(axis=0), extents[:, 1::2].max(axis=0) + 1
    if np.prod(high - low, dtype=np.int64) > MOST_VOXELS:
        return None
    merged = np.zeros(tuple(reversed(high - low)), np.uint32)
    for image, names in layers:
        labels = review.numbered(voxels_of(image), names)
        part = tuple(slice(a - o, b + 1 - o) for a, b, o in zip(*_ends(image), low, strict=True))[::-1]
        np.copyto(merged[part], labels, where=labels > 0)
    return review.edited(slice_sums(merged, review.axis, low.tolist()))


def _ends(image: Any) -> tuple[Any, Any]:
    return image.GetExtent()[0::2], image.GetExtent()[1::2]


def _to_ras(image: Any) -> Any:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return array_from_matrix(matrix)


def _names(segmentation: Any, layer: int) -> dict[int, str]:
    """What the labels of a layer are; labels of no segment are nothing."""
    segments = [segmentation.GetSegment(each) for each in segmentation.GetSegmentIDsForLayer(layer, BINARY)]
    return {segment.GetLabelValue(): segment.GetName() for segment in segments}
