"""An annotation in the scene as a Labelmap on a volume's grid: segmentation nodes and label volumes.

As with volumes, ``capture_annotation`` copies what it needs on the main thread (or leaves ``copies`` to be gathered)
and ``AnnotationCapture.labelmap`` works anywhere. Segments may lie on any grid and under any transform: each voxel of
the volume takes the label that lies at its centre, so that equal grids are copied exactly. Surfaces are filled on the
volume's grid. The nodes are never changed: no representation, display node or colour table is added to them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...data.geometry import Geometry
from ...data.image import Labelmap, Volume, present_values
from ...data.matching import Labelling
from ...data.structure import LARGEST_VALUE, Structure, default_structure
from ...errors import InputError
from ...progress import Monitor, Silent, raise_if_cancelled
from ..transforms import NodeTransform, array_from_matrix, ijk_to_ras, name_of
from ..volume import check_volume, grid_of
from ..voxel_copy import VoxelCopy, gather_now
from .layers import ImageLayer, SurfaceLayer
from .segments import (
    BINARY,
    SURFACE,
    as_known,
    check_annotation,
    chosen_segments,
    one_line,
    structures_of_segments,
    titled,
    usable_source,
)

FRINGE = 0.05
"""Two segments may share up to this part of the smaller one (surfaces that touch do); the later one keeps it."""


class Layer(Protocol):
    """One source of labels: ``plane(k)`` gives the label values (j, i) at the centres of the volume's slice ``k``."""

    def plane(self, k: int) -> NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class Target:
    """The voxels that ask for labels: ``to_ras`` is the 4x4 from their indices to RAS in the frame of ``node``.

    ``node`` is a volume node, or None for the world; ``geometry`` is the grid that the labelmap will have.
    """

    name: str
    geometry: Geometry
    to_ras: NDArray[np.float64]
    node: Any = None

    @classmethod
    def of(cls, like: Any) -> Target:
        """From a volume node, a ``Volume`` or a ``Labelmap``. Raises InputError."""
        if isinstance(like, Volume | Labelmap):
            return cls(like.name, like.geometry, like.geometry.ras_matrix)
        check_volume(like)
        return cls(name_of(like), grid_of(like), ijk_to_ras(like), like)


@dataclass(frozen=True, eq=False)
class AnnotationCapture:
    """A copy of an annotation: its layers, and which label of which layer is which structure."""

    name: str
    volume_name: str
    geometry: Geometry
    structures: tuple[Structure, ...]
    layers: tuple[tuple[Layer, Mapping[int, int]], ...]
    copies: tuple[VoxelCopy, ...] = ()

    def labelmap(self, monitor: Monitor | None = None) -> Labelmap:
        """The labels on the volume's grid; structures without a voxel stay listed.

        Raises InputError when segments overlap by more than a fringe, or when none reaches the volume.
        """
        labelmap = Labelmap(self.voxels(monitor, np.uint16), self.geometry, self.structures, name=self.name)
        if not labelmap.values():
            msg = f"The chosen segments of {self.name!r} have no voxel on volume {self.volume_name!r}."
            raise InputError(msg, "Paint them, choose other segments, or choose the volume that they were drawn on.")
        return labelmap

    def voxels(self, monitor: Monitor | None = None, dtype: Any = None) -> NDArray[Any]:
        """The labels (k, j, i) on the volume's grid, all 0 where nothing is painted.

        ``dtype`` None: uint8 where that holds all label values, else uint16. Raises InputError when segments overlap
        by more than a fringe.
        """
        small = all(item.value <= np.iinfo(np.uint8).max for item in self.structures)
        merged = _Merged(self.geometry, dtype or (np.uint8 if small else np.uint16))
        monitor = monitor or Silent()
        for k in range(self.geometry.size[2]):
            raise_if_cancelled(monitor)
            for layer, values in self.layers:
                merged.add(k, _translated(layer.plane(k), values))
        merged.require_no_overlap(self, monitor)
        return merged.voxels


class _Merged:
    """Layers put on top of one another; the later wins, and who lost to whom is counted."""

    def __init__(self, geometry: Geometry, dtype: Any) -> None:
        self.voxels = np.zeros(geometry.shape, dtype=dtype)
        self.lost: Counter[tuple[int, int]] = Counter()

    def add(self, k: int, labels: NDArray[np.uint16]) -> None:
        if not labels.any():
            return
        below = self.voxels[k]
        both = (below > 0) & (labels > 0)
        if both.any():
            pairs, counts = np.unique(np.stack([below[both], labels[both]]), axis=1, return_counts=True)
            for (under, over), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
                self.lost[under, over] += count
        np.copyto(below, labels, where=labels > 0, casting="same_kind")

    def require_no_overlap(self, capture: AnnotationCapture, monitor: Monitor) -> None:
        if not self.lost:
            return
        names = {structure.value: structure.name for structure in capture.structures}
        sizes = np.bincount(self.voxels.ravel(), minlength=max(names) + 1)
        for (under, over), count in self.lost.most_common():
            smaller = min(sizes[under] + count, sizes[over])
            text = f"Segments {names[under]!r} and {names[over]!r} of {capture.name!r} overlap in {count} voxels"
            if count > FRINGE * smaller:
                msg = f"{text}; a voxel can belong to one structure only."
                hint = "Leave one of them out, or subtract one from the other (Segment Editor, Logical operators)."
                raise InputError(msg, hint)
            monitor.warning(f"{text}; they were given to {names[over]!r}.")


def _translated(labels: NDArray[Any], values: Mapping[int, int]) -> NDArray[np.uint16]:
    """Label values of a layer (j, i) as structure values; what ``values`` lacks becomes 0."""
    low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
    if labels.dtype.kind not in "ui" or low < 0 or high > LARGEST_VALUE:
        out = np.zeros(labels.shape, dtype=np.uint16)
        for label, value in values.items():
            out[labels == label] = value
        return out
    table = np.zeros(int(high) + 1, dtype=np.uint16)  # one look at each voxel, however many structures there are
    for label, value in values.items():
        if 0 <= label <= high:
            table[label] = value
    return table[labels]


# --- segmentation nodes -------------------------------------------------------------------------------------------


def capture_annotation(
    node: Any,
    like: Any,
    segment_ids: Sequence[str] | None = None,
    values: Mapping[str, int] | None = None,
    later: bool = False,
    known: Labelling | None = None,
) -> AnnotationCapture:
    """A copy of an annotation, to be read on the grid of ``like``. Main thread.

    ``node`` is a segmentation node (``segment_ids``: which segments, None for all) or a label volume (whose labels
    become structures named by its colour table). ``like`` is a volume node, or a Volume or Labelmap that lies in the
    world. ``values`` gives label values by structure name; the others get the next free ones. ``known``: structures
    that are there already; what is one of them (see ``matching``) gets its value, name and colour. With
    ``later`` the voxels of a segmentation are still to be gathered. Raises InputError.
    """
    check_annotation(node)
    target = Target.of(like)
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        return _capture_label_volume(node, target, values or {}, known)
    infos = chosen_segments(node, segment_ids)
    structures = structures_of_segments(infos, values or {})
    if known is not None:
        structures = as_known(structures, known, Labelling(titled(node), structures, by_name=True))
    value_of = {info.id: structure.value for info, structure in zip(infos, structures, strict=True)}
    copies: list[VoxelCopy] = []
    layers = tuple(_layers(node, target, value_of, copies))
    if not later:
        gather_now(copies)
    return AnnotationCapture(name_of(node), target.name, target.geometry, structures, layers, tuple(copies))


def read_labelmap_node(
    node: Any, like: Any = None, segment_ids: Sequence[str] | None = None, values: Mapping[str, int] | None = None
) -> Labelmap:
    """The labelmap of a segmentation or label volume node in one go, on the grid of ``like``.

    ``like`` None: on the grid of the volume that the segmentation was drawn on, or of the label volume itself.
    The rest is as for ``capture_annotation``. Raises InputError and GeometryError with a remedy.
    """
    check_annotation(node)
    return capture_annotation(node, like if like is not None else _own_grid(node), segment_ids, values).labelmap()


def _own_grid(node: Any) -> Any:
    import slicer

    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        grid = grid_of(node)
        return Labelmap(np.zeros(grid.shape, dtype=np.uint8), grid, name=name_of(node))
    volume_node = node.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())
    if volume_node is None:
        msg = f"Segmentation {name_of(node)!r} does not know the volume that it was drawn on."
        raise InputError(msg, "Say which: give the volume, too.")
    return volume_node


def _layers(
    node: Any, target: Target, value_of: Mapping[str, int], copies: list[VoxelCopy]
) -> Iterator[tuple[Layer, Mapping[int, int]]]:
    """The layers; what must be gathered before they can be used is put into ``copies``."""
    segmentation = node.GetSegmentation()
    if usable_source(segmentation) == BINARY:
        yield from _image_layers(node, target, value_of, copies)
        return
    back = NodeTransform.between(node, target.node)
    for segment_id, value in value_of.items():
        surface = segmentation.GetSegment(segment_id).GetRepresentation(SURFACE)
        yield SurfaceLayer(surface, back, target.to_ras, target.geometry.size), {1: value}


def _image_layers(
    node: Any, target: Target, value_of: Mapping[str, int], copies: list[VoxelCopy]
) -> Iterator[tuple[Layer, Mapping[int, int]]]:
    """One layer for each labelmap that segments share, the way Slicer keeps them."""
    import vtk

    segmentation = node.GetSegmentation()
    way = NodeTransform.between(target.node, node)
    for n in range(segmentation.GetNumberOfLayers(BINARY)):
        image = segmentation.GetLayerDataObject(n, BINARY)
        ids = segmentation.GetSegmentIDsForLayer(n, BINARY)
        values = {segmentation.GetSegment(each).GetLabelValue(): value_of[each] for each in ids if each in value_of}
        if not values or image.GetPointData().GetScalars() is None or not image.GetNumberOfPoints():
            continue
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        start, to_ras = image.GetExtent()[0::2], array_from_matrix(matrix)
        copies.append(VoxelCopy(image, f"Segmentation {name_of(node)!r}"))
        yield ImageLayer(copies[-1].voxels, start, to_ras, way, target.to_ras, target.geometry.size), values


# --- label volumes ------------------------------------------------------------------------------------------------


def _capture_label_volume(
    node: Any, target: Target, values: Mapping[str, int], known: Labelling | None
) -> AnnotationCapture:
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        msg = f"Label volume {name_of(node)!r} has no voxels."
        raise InputError(msg, "Its file may have failed to load; load it again.")
    copy = VoxelCopy(image, f"Label volume {name_of(node)!r}")
    gather_now([copy])  # which structures there are, only the voxels know
    array = copy.voxels
    if not np.issubdtype(array.dtype, np.integer) or array.min() < 0 or array.max() > LARGEST_VALUE:
        wanted = f"wanted whole numbers, 0 to {LARGEST_VALUE}"
        msg = f"Label volume {name_of(node)!r} has values that are no labels ({wanted})."
        raise InputError(msg, "Is it an image? Then convert it in the module Volumes.")
    found = [_structure_of(node, int(value)) for value in present_values(array)]
    structures = _under_known_values(found, values)
    if known is not None:
        structures = as_known(found, known, Labelling(f"label volume {name_of(node)!r}", tuple(found)))
    way = NodeTransform.between(target.node, node)
    layer = ImageLayer(array, (0, 0, 0), ijk_to_ras(node), way, target.to_ras, target.geometry.size)
    renumbered = {old.value: new.value for old, new in zip(found, structures, strict=True)}
    return AnnotationCapture(name_of(node), target.name, target.geometry, structures, ((layer, renumbered),))


def _under_known_values(found: Sequence[Structure], values: Mapping[str, int]) -> tuple[Structure, ...]:
    """The structures under the values that their names have elsewhere; else under their own, where that is free."""
    taken = set(values.values())
    own = {item.value for item in found}
    free = (value for value in range(1, LARGEST_VALUE + 1) if value not in taken | own)
    out = []
    for item in found:
        value = values.get(item.name) or (item.value if item.value not in taken else next(free))
        out.append(Structure(value, item.name, item.color, item.terminology))
    return tuple(out)


def _structure_of(node: Any, value: int) -> Structure:
    display = node.GetDisplayNode()
    table = display.GetColorNode() if display is not None else None
    if table is None or value >= table.GetNumberOfColors():
        return default_structure(value)
    name = one_line(table.GetColorName(value))
    if not name or name == "(none)":
        return default_structure(value)
    color = [0.0, 0.0, 0.0, 0.0]
    table.GetColor(value, color)
    return Structure(value, name, (color[0], color[1], color[2]))
