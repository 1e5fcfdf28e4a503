"""MRML nodes to ``Volume`` and ``Labelmap`` and back: the one door between the scene and the library.

    scene -> library    check_volume, capture_volume, read_volume_node, region_from_roi
                        check_annotation, segments_of, capture_annotation, read_labelmap_node
    library -> scene    CroppedLabels, place_labels (-> Placement, with undo), show_3d, fit_roi
    through a job       SegmentNodeJob, SequenceNodeJob, TrainNodeJob, gathered
    places and life     world_of_voxel, is_alive, require_alive, name_of

Functions that touch nodes belong to the main thread and are quick; what takes time hangs on the captures and on
``CroppedLabels.of`` and may run anywhere. Nothing here changes an input node, imports Qt or needs the application:
``slicer`` and ``vtk`` are imported inside functions, from Slicer or from the package slicer-core.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .annotation.capture import AnnotationCapture, capture_annotation, read_labelmap_node
    from .annotation.segments import SegmentInfo, check_annotation, segments_in, segments_of, terminology_of
    from .node_jobs import SegmentNodeJob, TrainNodeJob
    from .segmentation import CroppedLabels, Placement, place_labels, show_3d
    from .sequence_job import SequenceNodeJob, sequence_of
    from .transforms import NodeTransform, ijk_to_ras, is_alive, name_of, require_alive
    from .volume import (
        VolumeSnapshot,
        capture_volume,
        check_volume,
        fit_roi,
        grid_of,
        modality_of,
        read_volume_node,
        region_from_roi,
        world_of_voxel,
    )
    from .voxel_copy import gathered

_HOMES = {
    "annotation.capture": ("AnnotationCapture", "capture_annotation", "read_labelmap_node"),
    "annotation.segments": ("SegmentInfo", "check_annotation", "segments_in", "segments_of", "terminology_of"),
    "node_jobs": ("SegmentNodeJob", "TrainNodeJob"),
    "sequence_job": ("SequenceNodeJob", "sequence_of"),
    "segmentation": ("Placement", "CroppedLabels", "place_labels", "show_3d"),
    "transforms": ("NodeTransform", "ijk_to_ras", "is_alive", "name_of", "require_alive"),
    "volume": (
        "VolumeSnapshot",
        "capture_volume",
        "check_volume",
        "fit_roi",
        "grid_of",
        "modality_of",
        "read_volume_node",
        "region_from_roi",
        "world_of_voxel",
    ),
    "voxel_copy": ("gathered",),
}

__all__ = [
    "AnnotationCapture",
    "NodeTransform",
    "Placement",
    "CroppedLabels",
    "SegmentInfo",
    "SegmentNodeJob",
    "SequenceNodeJob",
    "TrainNodeJob",
    "VolumeSnapshot",
    "capture_annotation",
    "capture_volume",
    "check_annotation",
    "check_volume",
    "fit_roi",
    "gathered",
    "grid_of",
    "ijk_to_ras",
    "is_alive",
    "modality_of",
    "name_of",
    "place_labels",
    "read_labelmap_node",
    "read_volume_node",
    "region_from_roi",
    "require_alive",
    "segments_in",
    "segments_of",
    "sequence_of",
    "show_3d",
    "terminology_of",
    "world_of_voxel",
]


def __getattr__(name: str) -> object:
    """Load a name's file when it is asked for (PEP 562): files of this package are used from outside, too, and some
    must stay light."""
    for file, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{file}", __name__), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
