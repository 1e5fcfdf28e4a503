"""What a live annotation watches in the scene: strokes, the volume's voxels and place, and the slice that is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import slicer

if TYPE_CHECKING:
    from ...preprocessing.slicing import SliceStack

STROKE_EVENTS = ("SourceRepresentationModified", "SegmentAdded", "SegmentRemoved", "SegmentModified")


class StrokeWatch:
    """Calls ``heard`` whenever one segmentation is painted on."""

    def __init__(self, heard: Callable[[Any, Any], None]) -> None:
        self._heard = heard
        self._tags: list[tuple[Any, int]] = []

    def observe(self, segmentation: Any) -> None:
        """Watch this one from now on, and no other; None: none."""
        for node, tag in self._tags:
            node.RemoveObserver(tag)
        self._tags = []
        if segmentation is not None:
            for name in STROKE_EVENTS:
                event = getattr(slicer.vtkSegmentation, name)
                self._tags.append((segmentation, segmentation.AddObserver(event, self._heard)))


def signature(volume: Any) -> tuple[Any, ...]:
    """What differs once somebody has put other voxels into a volume, or moved it."""
    from ...mrml import ijk_to_ras

    image = volume.GetImageData()
    scalars = image.GetPointData().GetScalars() if image is not None else None
    transform = volume.GetParentTransformNode()
    return (
        None if scalars is None else (image.GetDimensions(), scalars.GetMTime()),
        ijk_to_ras(volume).tobytes(),
        None if transform is None else (transform.GetID(), transform.GetTransformToWorldMTime()),
    )


def visible_slice(volume: Any, stack: SliceStack) -> int | None:
    """The slice of the stack that the first view of its direction shows."""
    from ...mrml.live.strokes import slice_numbers

    seen = slice_numbers(volume, stack, slicer.util.getNodesByClass("vtkMRMLSliceNode"))
    return next((n for n in seen if n is not None), None)
