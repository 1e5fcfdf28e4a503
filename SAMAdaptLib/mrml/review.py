"""The review of a result, kept with its segmentation node: which slices were edited or ticked since it was made."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.review import Review, slice_sums
from .annotated_slices import voxels_of
from .annotation import BINARY
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

    None where it has no review, or where that would take time: the segments overlap, lie on another grid, are large.
    """
    review, segmentation = review_of(node), node.GetSegmentation()
    if review is None or segmentation.GetNumberOfLayers(BINARY) > 1:
        return None
    if not segmentation.GetNumberOfLayers(BINARY):
        return review.edited({})
    image = segmentation.GetLayerDataObject(0, BINARY)
    if image.IsEmpty() or image.GetPointData().GetScalars() is None:
        return review.edited({})
    import vtk

    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    same_grid = np.allclose(array_from_matrix(matrix), ijk_to_ras(volume_node), atol=1e-4)
    if not same_grid or image.GetNumberOfPoints() > MOST_VOXELS:
        return None
    return review.edited(slice_sums(voxels_of(image), review.axis, image.GetExtent()[0::2]))
