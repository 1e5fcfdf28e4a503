"""What a live session found, into the scene: a see-through preview at first, strokes of their own once accepted.

The preview is a segmentation node that is hidden from lists and not saved; the user's segmentation is changed by
``Acceptance`` alone, which adds voxels and takes none away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.structure import Structure
from ...errors import Cancelled
from ...preprocessing.slicing import SliceStack
from ..annotation.layers import ImageLayer
from ..annotation.segments import BINARY
from ..segmentation import CroppedLabels, frame_of, oriented_image, show_3d
from ..transforms import (
    NodeTransform,
    array_from_matrix,
    ijk_to_ras,
    is_alive,
    matrix_from_array,
    name_of,
    require_alive,
)

PREVIEW_ATTRIBUTE = "SAMAdapt.Preview"
"""Segmentation nodes with this attribute are a live preview, not a result."""

FILL, OUTLINE, SOLID = 0.25, 0.8, 0.5
"""Opacity of the preview inside, along its border, and in 3D."""

_PIECE_VOXELS = 1 << 22
"""Voxels that the main thread clears or writes in one go."""

_FAST_SURFACE = "-0.5"
"""Slicer's smoothing factor for surfaces that are made in a moment (negative: while the voxels are still blocks)."""


class Preview:
    """The see-through node on ``volume_node``; it comes with the first ``show`` and goes with ``remove``."""

    def __init__(self, volume_node: Any, name: str) -> None:
        self._volume_node, self._name = volume_node, name
        self._node: Any = None
        self._structures: tuple[Structure, ...] = ()
        self._image: Any = None
        self._solid = False

    @property
    def node(self) -> Any:
        """The node, None while there is none."""
        return self._node if is_alive(self._node) else None

    def show(
        self,
        structures: Sequence[Structure],
        found: NDArray[Any],
        strokes: NDArray[Any],
        stack: SliceStack,
        slices: Iterable[int],
    ) -> None:
        """Write these slices of ``found`` (k, j, i), without what was painted itself. Main thread.

        Raises Cancelled when the volume went away or has another size now.
        """
        require_alive(self._volume_node, "The volume")
        if tuple(reversed(found.shape)) != tuple(self._volume_node.GetImageData().GetDimensions()):
            msg = f"Volume {name_of(self._volume_node)!r} has another size now."
            raise Cancelled(msg)
        self._make(tuple(structures), found)
        voxels = self._voxels()
        for n in slices:
            drawn = stack.slice(strokes, n)
            stack.put(voxels, n, np.where(drawn > 0, 0, stack.slice(found, n)))
        self._told()

    def clear(self) -> None:
        """Nothing is found any more, but more may come."""
        if self.node is not None and self._image is not None:
            self._voxels()[...] = 0
            self._told()

    def show_3d(self, shown: bool) -> None:
        """Show surfaces, made anew from what is found now, or take them away."""
        self._solid = shown
        if self.node is not None:
            if shown:
                show_3d(self._node, False)
            show_3d(self._node, shown)

    def remove(self) -> None:
        """Take it out of the scene. Harmless when it is gone."""
        node, self._node, self._image, self._structures = self.node, None, None, ()
        if node is not None:
            node.GetScene().RemoveNode(node)

    def preparing(self, dtype: Any = np.uint8) -> Iterator[None]:
        """Make room for the whole volume beforehand, piece by piece: the memory of a large one takes its time."""
        import slicer
        import vtk

        size = self._volume_node.GetImageData().GetDimensions()
        scalars = vtk.vtkUnsignedCharArray() if np.dtype(dtype).itemsize == 1 else vtk.vtkUnsignedShortArray()
        scalars.SetName("ImageScalars")
        scalars.SetNumberOfTuples(int(np.prod(size)))
        image = slicer.vtkOrientedImageData()
        image.SetDimensions(size)
        image.GetPointData().SetScalars(scalars)
        image.SetImageToWorldMatrix(matrix_from_array(ijk_to_ras(self._volume_node)))
        flat = _array_of(image).reshape(-1)
        for start in range(0, flat.size, _PIECE_VOXELS):
            flat[start : start + _PIECE_VOXELS] = 0
            yield
        self._image = image

    def _make(self, structures: tuple[Structure, ...], found: NDArray[Any]) -> None:
        if self.node is None:
            self._node, self._structures = None, ()
            self._add_node()
        if self._image is None or self._voxels().dtype != found.dtype or structures != self._structures:
            self._fill(structures, found)

    def _add_node(self) -> None:
        import slicer

        scene = self._volume_node.GetScene()
        node = slicer.vtkMRMLSegmentationNode()
        node.SetName(self._name)
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        node.SetUndoEnabled(False)
        node.SetAttribute(PREVIEW_ATTRIBUTE, "1")
        self._node = scene.AddNode(node)
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetOpacity2DFill(FILL)
        display.SetOpacity2DOutline(OUTLINE)
        display.SetOpacity3D(SOLID)
        node.SetAndObserveTransformNodeID(self._volume_node.GetTransformNodeID())
        segmentation = node.GetSegmentation()
        segmentation.SetSourceRepresentationName(BINARY)
        rule = slicer.vtkBinaryLabelmapToClosedSurfaceConversionRule
        segmentation.SetConversionParameter(rule.GetSmoothingFactorParameterName(), _FAST_SURFACE)

    def _fill(self, structures: tuple[Structure, ...], found: NDArray[Any]) -> None:
        """Segments for the structures, all on one image of the volume's size; what it showed stays."""
        import slicer

        if self._image is None or self._voxels().dtype != found.dtype:
            self._image = None
            for _step in self.preparing(found.dtype):
                pass
        segmentation = self._node.GetSegmentation()
        changes = self._node.StartModify()
        try:
            segmentation.RemoveAllSegments()
            for structure in structures:
                segment = slicer.vtkSegment()
                segment.SetName(structure.name)
                segment.SetColor(*structure.color)
                segment.SetLabelValue(structure.value)
                segment.AddRepresentation(BINARY, self._image)
                segmentation.AddSegment(segment)
        finally:
            self._node.EndModify(changes)
        self._structures = structures

    def _voxels(self) -> NDArray[Any]:
        return _array_of(self._image)

    def _told(self) -> None:
        """Whoever draws it looks again."""
        self._image.GetPointData().GetScalars().Modified()
        self._image.Modified()


def _array_of(image: Any) -> NDArray[Any]:
    """The scalars of a vtkImageData (k, j, i), not copied."""
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(tuple(reversed(image.GetDimensions())))


# --- accepting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Grid:
    """A grid of labels: ``size`` voxels (i, j, k) that begin at ``start``, and the way to RAS of the node's frame."""

    start: tuple[int, int, int]
    size: tuple[int, int, int]
    to_ras: NDArray[np.float64]


class Acceptance:
    """Adds what was found to the user's segments. Make it on the main thread, then

    ``prepare(accepted, strokes)`` in any thread, then ``write()`` on the main thread, a step for each structure.
    """

    def __init__(self, segmentation_node: Any, volume_node: Any) -> None:
        require_alive(segmentation_node, "The segmentation")
        require_alive(volume_node, "The volume")
        self._node, self._volume_node = segmentation_node, volume_node
        self._volume_to_ras = ijk_to_ras(volume_node)
        self._way = NodeTransform.between(segmentation_node, volume_node)
        self._own = _reference_grid(segmentation_node)
        self._painted = _painted_layers(segmentation_node) if self._own is not None else []
        self._added: list[tuple[int, CroppedLabels]] = []
        self._same = self._own is None or self._on_volume_grid(self._own)
        moved = frame_of(segmentation_node, volume_node) if self._same else np.eye(4)
        self._frame = moved @ (self._volume_to_ras if self._same or self._own is None else self._own.to_ras)
        self.voxels = 0

    def prepare(self, accepted: NDArray[Any], strokes: NDArray[Any], values: Iterable[int]) -> None:
        """What is to be added: voxels of ``accepted`` (k, j, i, on the volume's grid) that nobody painted."""
        fresh = np.where(strokes == 0, accepted, 0).astype(accepted.dtype)
        start = (0, 0, 0)
        if not self._same and self._own is not None:
            fresh, start = self._seen_from(self._own, fresh), self._own.start
        size = (fresh.shape[2], fresh.shape[1], fresh.shape[0])
        for value in values:
            mask = (fresh == value).astype(np.uint8)
            cut = _cut(mask, start, size)
            if cut is not None:
                self._added += [(value, slab) for slab in _slabs(cut)]
                self.voxels += int(np.count_nonzero(cut.voxels))

    def write(self, segment_ids: dict[int, str]) -> Iterator[None]:
        """Write it, a structure or a part of one at each step; segments that are gone are left out. Main thread."""
        import slicer

        logic = slicer.vtkSlicerSegmentationsModuleLogic
        for value, ready in self._added:
            require_alive(self._node, "The segmentation")
            segment_id = segment_ids.get(value, "")
            if self._node.GetSegmentation().GetSegment(segment_id) is not None:
                image = oriented_image(ready, self._frame)
                logic.SetBinaryLabelmapToSegment(
                    image, self._node, segment_id, logic.MODE_MERGE_MASK, image.GetExtent()
                )
            yield

    def _on_volume_grid(self, own: _Grid) -> bool:
        """Whether the voxels of the two grids coincide, however far each of them reaches."""
        matrix = self._way.matrix
        if matrix is None:
            return False
        step = np.linalg.inv(self._volume_to_ras) @ matrix @ own.to_ras
        shift = step[:3, 3]
        return bool(np.allclose(step[:3, :3], np.eye(3), atol=1e-3) and np.allclose(shift, np.rint(shift), atol=1e-2))

    def _seen_from(self, own: _Grid, fresh: NDArray[Any]) -> NDArray[Any]:
        """The labels at the voxels of the segmentation's own grid, without those that are painted there."""
        shifted = own.to_ras.copy()
        shifted[:3, 3] += own.to_ras[:3, :3] @ np.asarray(own.start, dtype=np.float64)
        layer = ImageLayer(fresh, (0, 0, 0), self._volume_to_ras, self._way, shifted, own.size)
        out = np.zeros((own.size[2], own.size[1], own.size[0]), fresh.dtype)
        for k in range(own.size[2]):
            out[k] = layer.plane(k)
        for start, painted in self._painted:
            to, source = _overlap(own, start, painted.shape)
            out[to][painted[source] > 0] = 0
        return out


def _reference_grid(node: Any) -> _Grid | None:
    """The grid that Slicer paints a segmentation on, None where it has none yet."""
    import slicer
    import vtk

    converter = slicer.vtkSegmentationConverter
    text = node.GetSegmentation().GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image = slicer.vtkOrientedImageData()
    if not text or not converter.DeserializeImageGeometry(text, image, False):
        return None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    extent = image.GetExtent()
    low, high = extent[0::2], extent[1::2]
    if any(last < first for first, last in zip(low, high, strict=True)):
        return None
    size = tuple(last - first + 1 for first, last in zip(low, high, strict=True))
    return _Grid((low[0], low[1], low[2]), (size[0], size[1], size[2]), array_from_matrix(matrix))


def _painted_layers(node: Any) -> list[tuple[tuple[int, int, int], NDArray[Any]]]:
    """Copies of a segmentation's layers, each with its first voxel (i, j, k)."""
    from vtk.util.numpy_support import vtk_to_numpy

    found = []
    segmentation = node.GetSegmentation()
    for n in range(segmentation.GetNumberOfLayers(BINARY)):
        image = segmentation.GetLayerDataObject(n, BINARY)
        scalars = image.GetPointData().GetScalars()
        if scalars is not None and image.GetNumberOfPoints():
            i, j, k = image.GetExtent()[0::2]
            array = vtk_to_numpy(scalars).reshape(tuple(reversed(image.GetDimensions()))).copy()
            found.append(((i, j, k), array))
    return found


def _overlap(
    grid: _Grid, start: tuple[int, int, int], shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where an array (k, j, i) that begins at ``start`` lies in the grid, and the part of it that does."""
    to, source = [], []
    for axis in (2, 1, 0):
        length = shape[2 - axis]
        first = max(start[axis], grid.start[axis])
        last = max(first, min(start[axis] + length, grid.start[axis] + grid.size[axis]))
        to.append(slice(first - grid.start[axis], last - grid.start[axis]))
        source.append(slice(first - start[axis], last - start[axis]))
    return tuple(to), tuple(source)


def _cut(mask: NDArray[np.uint8], start: tuple[int, int, int], size: tuple[int, int, int]) -> CroppedLabels | None:
    """The box of a mask (k, j, i) that begins at ``start``, None for an empty one."""
    planes = np.flatnonzero(mask.any(axis=(1, 2)))
    if not planes.size:
        return None
    k0, k1 = int(planes[0]), int(planes[-1]) + 1
    flat = np.any(mask[k0:k1], axis=0)
    rows, cols = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    j0, j1, i0, i1 = int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1
    box = np.ascontiguousarray(mask[k0:k1, j0:j1, i0:i1])
    return CroppedLabels(box, (i0 + start[0], j0 + start[1], k0 + start[2]), size, ())


def _slabs(ready: CroppedLabels) -> Iterator[CroppedLabels]:
    """The same in parts of whole planes that are quickly written."""
    depth, height, width = ready.voxels.shape
    planes = max(1, _PIECE_VOXELS // (height * width))
    i, j, k = ready.start
    for first in range(0, depth, planes):
        part = ready.voxels[first : first + planes]
        if part.any():
            yield CroppedLabels(part, (i, j, k + first), ready.size, ())
