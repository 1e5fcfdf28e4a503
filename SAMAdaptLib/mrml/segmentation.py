"""A Labelmap into the scene as a segmentation node that lies on its volume, and out again.

``CroppedLabels`` is the part that takes time and knows no MRML: make it in any thread. ``place_labels`` puts it into
the scene on the main thread: a new node with a name of its own unless one is given, under the volume's transform and
in its subject-hierarchy folder, with names, colours and terminology of the structures and the volume as reference
geometry. ``Placement.undo`` takes it back. What made a result is said by the node's attributes ``SAMAdapt.Head`` (the
head's name) and ``SAMAdapt.Provenance`` (JSON), and by tags of its segments, which go into files along with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.image import Labelmap
from ..data.provenance import HEAD_HASH_KEY, HEAD_KEY, KEY, TOOL, Provenance
from ..data.review import Review
from ..data.structure import Structure
from ..errors import Cancelled, InputError
from .annotation.segments import BINARY, SURFACE
from .review import KEY as REVIEW_KEY
from .review import keep_review
from .transforms import NodeTransform, ijk_to_ras, is_alive, matrix_from_array, name_of, require_alive


@dataclass(frozen=True, eq=False)
class CroppedLabels:
    """Labels cut to where they are: ``voxels`` (k, j, i) begin at voxel ``start`` (i, j, k) of a grid of ``size``."""

    voxels: NDArray[Any]
    start: tuple[int, int, int]
    size: tuple[int, int, int]
    structures: tuple[Structure, ...]
    provenance: Provenance | None = None
    review: Review | None = None

    @classmethod
    def of(cls, labelmap: Labelmap, review: Review | None = None) -> CroppedLabels:
        """Cut a labelmap to the box of its labels; an empty one keeps no voxel. ``review``: goes with the result."""
        voxels = labelmap.voxels
        planes = np.flatnonzero([plane.any() for plane in voxels])
        if not planes.size:
            nothing = voxels[:0, :0, :0]
            return cls(nothing, (0, 0, 0), labelmap.geometry.size, labelmap.structures, labelmap.provenance, review)
        k0, k1 = int(planes[0]), int(planes[-1]) + 1
        flat = np.logical_or.reduce([plane > 0 for plane in voxels[k0:k1]])
        j0, j1 = _ends(flat.any(axis=1))
        i0, i1 = _ends(flat.any(axis=0))
        cut = np.ascontiguousarray(voxels[k0:k1, j0:j1, i0:i1])
        return cls(cut, (i0, j0, k0), labelmap.geometry.size, labelmap.structures, labelmap.provenance, review)


def _ends(present: NDArray[np.bool_]) -> tuple[int, int]:
    found = np.flatnonzero(present)
    return int(found[0]), int(found[-1]) + 1


@dataclass(eq=False)
class Placement:
    """What ``place_labels`` did: ``node`` holds the result in ``segment_ids`` (in the order of the structures)."""

    node: Any
    segment_ids: tuple[str, ...]
    created: bool
    _before: Any = None  # the segmentation as it was, where the node was there already
    _said: dict[str, str | None] = field(default_factory=dict)  # what its attributes said of its origin then

    def __post_init__(self) -> None:
        self._placed = self._held()

    @property
    def edited(self) -> bool:
        """Whether somebody has painted on the result since, or taken segments out or put some in."""
        return is_alive(self.node) and self._held() != self._placed

    def _held(self) -> tuple[Any, ...]:
        return contents(self.node)

    def undo(self) -> None:
        """Take the result back: a new node goes, an old one gets its former segments. Harmless when it is gone."""
        if not is_alive(self.node):
            return
        if self.created:
            self.node.GetScene().RemoveNode(self.node)
        else:
            self.node.GetSegmentation().DeepCopy(self._before)
            for key, text in self._said.items():
                _set_attribute(self.node, key, text)


def contents(node: Any) -> tuple[Any, ...]:
    """What painting changes: the layers' times, and the segments that there are."""
    segmentation = node.GetSegmentation()
    layers = (segmentation.GetLayerDataObject(n, BINARY) for n in range(segmentation.GetNumberOfLayers(BINARY)))
    segments = (segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments()))
    return tuple(layer.GetMTime() for layer in layers), tuple(segments)


def place_labels(
    labels: Labelmap | CroppedLabels, volume_node: Any, into: Any = None, name: str | None = None
) -> Placement:
    """Put labels on a volume's grid into the scene. Main thread.

    ``into`` None makes a node called ``name`` (made unique), else the segments of that segmentation node that have
    the structures' names are replaced, new ones added, and the others left alone. Raises Cancelled when a node went
    away or the volume changed its size meanwhile, InputError when ``into`` cannot take voxels.
    """
    ready = labels if isinstance(labels, CroppedLabels) else CroppedLabels.of(labels)
    _require_same_volume(ready, volume_node)
    if into is None:
        return _place_anew(ready, volume_node, name or f"{name_of(volume_node)} segmentation")
    return _place_into(ready, volume_node, into)


def node_of_labels(ready: CroppedLabels, volume_node: Any, name: str) -> tuple[Any, tuple[str, ...]]:
    """A segmentation node in no scene, such as a sequence takes, and the ids of its segments. Main thread.

    Raises Cancelled when the volume went away or changed its size meanwhile.
    """
    import slicer

    _require_same_volume(ready, volume_node)
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(name)
    node.GetSegmentation().SetSourceRepresentationName(BINARY)
    ids = _add_segments(node, ready, oriented_image(ready, ijk_to_ras(volume_node)))
    _say_what_made(node, ready, ids)
    return node, ids


def show_3d(node: Any, shown: bool = True) -> None:
    """Show or hide a segmentation's surfaces in the 3D views, making them when they are first asked for."""
    if shown:
        node.CreateClosedSurfaceRepresentation()
    elif node.GetSegmentation().ContainsRepresentation(SURFACE):
        node.RemoveClosedSurfaceRepresentation()


def _require_same_volume(ready: CroppedLabels, volume_node: Any) -> None:
    require_alive(volume_node, f"Volume {name_of(volume_node)!r}" if volume_node is not None else "The volume")
    image = volume_node.GetImageData()
    size = tuple(image.GetDimensions()) if image is not None else (0, 0, 0)
    if size != tuple(ready.size):
        msg = f"Volume {name_of(volume_node)!r} has {size} voxels now and had {ready.size}; the result is not shown."
        raise Cancelled(msg, "Segment it again.")


def _place_anew(ready: CroppedLabels, volume_node: Any, name: str) -> Placement:
    import slicer
    import vtk

    scene = volume_node.GetScene()
    scene.SaveStateForUndo(vtk.vtkCollection())  # remembers which nodes there are, copies none
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(scene.GenerateUniqueName(name))
    if scene.GetUndoFlag():
        node.SetUndoEnabled(True)
    _add_to_scene(scene, node, volume_node)
    changes = node.StartModify()
    try:
        ids = _add_segments(node, ready, oriented_image(ready, ijk_to_ras(volume_node)))
        _say_what_made(node, ready, ids)
    finally:
        node.EndModify(changes)
    return Placement(node, ids, created=True)


def _add_to_scene(scene: Any, node: Any, volume_node: Any) -> None:
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.GetSegmentation().SetSourceRepresentationName(BINARY)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    move_beside(node, volume_node)


def move_beside(node: Any, volume_node: Any) -> None:
    """Put a node into its volume's folder of the subject hierarchy."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volume_node.GetScene())
    beside = hierarchy.GetItemByDataNode(volume_node) if hierarchy is not None else 0
    if beside:
        _move_to_folder(hierarchy, node, hierarchy.GetItemParent(beside))


def _move_to_folder(hierarchy: Any, node: Any, folder_item: int) -> None:
    item = hierarchy.GetItemByDataNode(node)
    if item:
        hierarchy.SetItemParent(item, folder_item)
    else:  # without the application nobody makes items for new nodes
        hierarchy.CreateItem(folder_item, node)


def _place_into(ready: CroppedLabels, volume_node: Any, node: Any) -> Placement:
    import slicer

    require_alive(node, f"Segmentation {name_of(node)!r}")
    segmentation = node.GetSegmentation()
    if segmentation.GetNumberOfSegments() and segmentation.GetSourceRepresentationName() != BINARY:
        source = segmentation.GetSourceRepresentationName()
        msg = f"Segmentation {name_of(node)!r} holds {source!r}; results are {BINARY!r}."
        raise InputError(msg, "Choose another segmentation, or none for a new one.")
    to_ras = frame_of(node, volume_node) @ ijk_to_ras(volume_node)
    node.GetScene().SaveStateForUndo(node)
    before = slicer.vtkSegmentation()
    before.DeepCopy(segmentation)
    said = {key: node.GetAttribute(key) for key in (HEAD_KEY, KEY, REVIEW_KEY)}
    _make_displayable(node, volume_node)
    changes = node.StartModify()
    try:
        ids = _replace_segments(node, ready, to_ras)
        _say_what_made(node, ready, ids)
    finally:
        node.EndModify(changes)
    return Placement(node, ids, created=False, _before=before, _said=said)


def _say_what_made(node: Any, ready: CroppedLabels, segment_ids: Sequence[str]) -> None:
    """Tags for the segments of a result, attributes for a node that holds nothing else."""
    segmentation, made = node.GetSegmentation(), ready.provenance
    if made is not None:
        for segment_id in segment_ids:
            segmentation.GetSegment(segment_id).SetTag(HEAD_KEY, made.head)
            segmentation.GetSegment(segment_id).SetTag(HEAD_HASH_KEY, made.head_sha256)
    if made is not None and segmentation.GetNumberOfSegments() == len(segment_ids):
        _set_attribute(node, HEAD_KEY, made.head or TOOL)
        _set_attribute(node, KEY, made.to_json())
    else:
        _set_attribute(node, KEY, None)  # it would speak of the former content
    keep_review(node, ready.review if segmentation.GetNumberOfSegments() == len(segment_ids) else None)


def _set_attribute(node: Any, key: str, text: str | None) -> None:
    if text is None:
        node.RemoveAttribute(key)
    else:
        node.SetAttribute(key, text)


def _make_displayable(node: Any, volume_node: Any) -> None:
    """A node fresh from a node selector has neither reference grid nor display."""
    import slicer

    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    if not node.GetSegmentation().GetNumberOfSegments():
        node.GetSegmentation().SetSourceRepresentationName(BINARY)
    if node.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()) is None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)


def frame_of(node: Any, volume_node: Any) -> NDArray[np.float64]:
    """4x4 from the volume's frame to the segmentation's. Raises InputError when a warp lies between."""
    matrix = NodeTransform.between(volume_node, node).matrix
    if matrix is None:
        msg = f"A non-linear transform lies between {name_of(node)!r} and volume {name_of(volume_node)!r}."
        raise InputError(msg, "Put both under the same transform, or choose a new segmentation.")
    return matrix


def oriented_image(ready: CroppedLabels, to_ras: NDArray[np.float64]) -> Any:
    """A vtkOrientedImageData of the labels that keeps their place on the volume's grid, or None for no labels."""
    import slicer
    from vtk.util.numpy_support import numpy_to_vtk

    if not ready.voxels.size:
        return None
    image = slicer.vtkOrientedImageData()
    extent = [
        edge
        for first, length in zip(ready.start, reversed(ready.voxels.shape), strict=True)
        for edge in (first, first + length - 1)
    ]
    image.SetExtent(extent)
    scalars = numpy_to_vtk(ready.voxels.ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    image.SetImageToWorldMatrix(matrix_from_array(to_ras))
    return image


def _add_segments(node: Any, ready: CroppedLabels, image: Any, only: Sequence[int] | None = None) -> tuple[str, ...]:
    """One segment a structure, all sharing one labelmap, as Slicer's own import does."""
    segmentation = node.GetSegmentation()
    ids = []
    for structure in ready.structures:
        if only is not None and structure.value not in only:
            continue
        segment = _segment_of(structure)
        if image is not None:
            segment.SetLabelValue(structure.value)
            segment.AddRepresentation(BINARY, image)
        segmentation.AddSegment(segment)
        ids.append(segmentation.GetSegmentIdBySegment(segment))
    return tuple(ids)


def _segment_of(structure: Structure) -> Any:
    import slicer

    segment = slicer.vtkSegment()
    segment.SetName(structure.name)
    segment.SetColor(*structure.color)
    if structure.terminology:
        segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), structure.terminology)
    return segment


def _replace_segments(node: Any, ready: CroppedLabels, to_ras: NDArray[np.float64]) -> tuple[str, ...]:
    import slicer

    segmentation = node.GetSegmentation()
    ids: dict[int, str] = {}
    for structure in ready.structures:
        segment_id = segmentation.GetSegmentIdBySegmentName(structure.name)
        if not segment_id:
            continue
        mask = CroppedLabels((ready.voxels == structure.value).astype(np.uint8), ready.start, ready.size, ())
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        segmentation.ClearSegment(segment_id)
        if mask.voxels.any():
            logic.SetBinaryLabelmapToSegment(oriented_image(mask, to_ras), node, segment_id, logic.MODE_REPLACE)
        ids[structure.value] = segment_id
    fresh = [structure.value for structure in ready.structures if structure.value not in ids]
    new_ids = _add_segments(node, ready, oriented_image(ready, to_ras), fresh) if fresh else ()
    ids.update(zip(fresh, new_ids, strict=True))
    return tuple(ids[structure.value] for structure in ready.structures)
