"""A volume node as the library's Volume: what is taken, what is refused and why.

Reading has two halves. ``capture_volume`` looks at the scene and copies voxels and matrices: call it on the main
thread; it takes a memory copy's time, or none with ``later``, when ``copies`` are to be gathered (``mrml_copy``).
``VolumeSnapshot.volume`` does the rest and knows no MRML: call it anywhere. The node is never changed.

Linear parent transforms that keep right angles are applied to the grid ("hardened" into the copy). Under any other
transform (sheared, warped) the voxels are taken on the grid on which they are stored: no voxel is interpolated, and
a result put under the same transform lies where the volume lies on the screen.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.channels import require_few, require_one_grid, together, words_of
from ..data.geometry import Geometry
from ..data.image import Volume
from ..errors import GeometryError, InputError
from ..progress import Monitor
from .transforms import NodeTransform, affine, array_from_matrix, ijk_to_ras, is_alive, name_of
from .voxel_copy import VoxelCopy, gather_now

HOUNSFIELD_UNIT = "[hnsf'U]"
ROI_STEPS = 9
"""Points along each edge of a region's box that are mapped when the way to the volume bends."""


@dataclass(frozen=True, eq=False)
class VolumeSnapshot:
    """A copy of what a volume node held: ``voxels`` (k, j, i) of the node's type, and the grid in LPS.

    Until its ``copies`` are gathered, the voxels are not there. ``more``: its further channels, whose copies are among
    its own.
    """

    name: str
    voxels: NDArray[Any]
    geometry: Geometry
    modality: str = ""
    copies: tuple[VoxelCopy, ...] = ()
    more: tuple[VolumeSnapshot, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Words for the files of its channels, by their names; empty where there is one."""
        return words_of([self.name, *(each.name for each in self.more)]) if self.more else ()

    def volume(self, monitor: Monitor | None = None) -> Volume:
        """The Volume, float32. Raises InputError for an image that cannot be used; a few bad voxels are repaired."""
        own = Volume.from_array(self.voxels, self.geometry, self.name, self.modality, monitor=monitor)
        return together(own, [each.volume(monitor) for each in self.more])


def check_volume(node: Any) -> None:
    """Raise InputError, with reason and remedy, unless ``node`` is a volume node that can be used. Cheap."""
    if node is None:
        msg = "No volume is chosen."
        raise InputError(msg, "Load a volume, or choose one in the list.")
    what = f"Volume {name_of(node)!r}"
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        msg = f"{name_of(node)!r} is a {node.GetClassName()}, not a volume."
        raise InputError(msg, "Choose a scalar volume.")
    if not is_alive(node):
        msg = f"{what} is not in the scene any more."
        raise InputError(msg, "Choose another volume.")
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        msg = f"{what} is a label volume, not an image."
        raise InputError(msg, "Choose the image that it belongs to; a label volume can serve as its annotation.")
    _check_image(node, what)


def _check_image(node: Any, what: str) -> None:
    image = node.GetImageData()
    scalars = image.GetPointData().GetScalars() if image is not None else None
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        msg = f"{what} has no voxels."
        raise InputError(msg, "Its file may have failed to load; load it again.")
    parts = scalars.GetNumberOfComponents()
    if parts != 1:
        msg = f"{what} has {parts} values a voxel (colour, vectors or frames), wanted 1."
        raise InputError(msg, "Make a scalar volume of it first, with the module Vector to Scalar Volume, say.")


def capture_volume(node: Any, later: bool = False) -> VolumeSnapshot:
    """A copy of a scalar volume node; of a sequence, the frame that is shown now. Main thread.

    Of a list of two or three nodes the others are the further channels of the first. With ``later`` its voxels are
    still to be gathered. Raises InputError and GeometryError with a remedy.
    """
    if isinstance(node, list | tuple):
        return _capture_channels(node, later)
    check_volume(node)
    copy = VoxelCopy(node.GetImageData(), f"Volume {name_of(node)!r}")
    capture = VolumeSnapshot(name_of(node), copy.voxels, grid_of(node), modality_of(node), (copy,))
    if not later:
        gather_now(capture.copies)
    return capture


def channel_nodes(node: Any) -> tuple[Any, ...]:
    """The nodes of a volume's channels, of what ``capture_volume`` takes: a node, or a list of them."""
    return tuple(node) if isinstance(node, list | tuple) else (node,)


def _capture_channels(nodes: Sequence[Any], later: bool) -> VolumeSnapshot:
    first, *others = (capture_volume(node, later) for node in nodes or (None,))
    require_few(f"Volume {first.name!r}", len(nodes))
    for number, (node, other) in enumerate(zip(nodes[1:], others, strict=True), 1):
        if any(node is before for before in nodes[:number]):
            msg = f"Volume {other.name!r} is given as two channels; each must be another one."
            raise InputError(msg, "Choose another volume, or leave it out.")
        require_one_grid(f"volume {first.name!r}", first.geometry, f"Volume {other.name!r}", other.geometry)
        bent = None in (_world_grid(nodes[0]), _world_grid(node))
        if bent and node.GetParentTransformNode() is not nodes[0].GetParentTransformNode():
            msg = f"Volume {other.name!r} is under another transform than volume {first.name!r}, which bends or shears."
            raise GeometryError(msg, "Put them under the same one, or resample them.")
    return replace(first, copies=tuple(copy for each in (first, *others) for copy in each.copies), more=tuple(others))


def read_volume_node(node: Any, monitor: Monitor | None = None) -> Volume:
    """The Volume of a scalar volume node, in one go, on its grid in the world.

    Raises InputError for a volume under a transform that leaves no right angles: on its own, such a volume cannot
    say where in the world it is.
    """
    check_volume(node)
    if _world_grid(node) is None:
        msg = f"Volume {name_of(node)!r} is under a transform that bends or shears it, so its voxels form no grid."
        hint = "Take it out of the transform, resample it, or use the module SAMAdapt's logic, which can follow it."
        raise InputError(msg, hint)
    return capture_volume(node).volume(monitor)


def _world_grid(node: Any) -> Geometry | None:
    """A volume node's grid with all transforms applied, None where that has no right angles."""
    world = NodeTransform.between(node, None).matrix
    if world is None:
        return None
    try:
        return Geometry.from_ras_matrix(node.GetImageData().GetDimensions(), world @ ijk_to_ras(node))
    except GeometryError:
        return None


def grid_of(node: Any) -> Geometry:
    """A volume node's grid: in the world where that has right angles, else in the node's own frame.

    Raises GeometryError when not even the stored grid has right angles.
    """
    grid = _world_grid(node)
    if grid is not None:
        return grid
    try:
        return Geometry.from_ras_matrix(node.GetImageData().GetDimensions(), ijk_to_ras(node))
    except GeometryError as error:
        msg = f"The grid of volume {name_of(node)!r} cannot be used: {error.message}"
        raise GeometryError(msg, "Resample it first, with Crop Volume (isotropic or interpolated), say.") from error


def modality_of(node: Any) -> str:
    """ "CT" or "MR" where the scene knows it (DICOM, or the unit of the voxels), else empty."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    known = hierarchy.GetItemAttribute(item, "DICOM.Modality") if item else ""
    units = node.GetVoxelValueUnits()
    if not known and units is not None and units.GetCodeValue() == HOUNSFIELD_UNIT:
        known = "CT"
    return known if known in ("CT", "MR") else ""


def world_of_voxel(node: Any, ijk: tuple[float, float, float]) -> tuple[float, float, float]:
    """Where a voxel of a volume node is on the screen: RAS mm in the world, all transforms applied."""
    x, y, z = NodeTransform.between(node, None)(affine(ijk_to_ras(node), [ijk]))[0]
    return float(x), float(y), float(z)


def fit_roi(roi_node: Any, volume_node: Any) -> None:
    """Put a new markups ROI around a volume, as it is in the world. Without this it has no size, and cannot be seen."""
    bounds = [0.0] * 6
    volume_node.GetRASBounds(bounds)
    low, high = np.array(bounds).reshape(3, 2).T
    roi_node.SetSize(*(high - low).tolist())
    roi_node.SetCenter(*((low + high) / 2).tolist())


def region_from_roi(roi_node: Any, volume_node: Any) -> tuple[int, int, int, int, int, int]:
    """The voxels of a volume whose centres lie in the box around a markups ROI: i0, i1, j0, j1, k0, k1.

    First included, last excluded, cut to the volume. A turned ROI gives the smallest box of voxels that holds it.
    Raises InputError when no voxel is left.
    """
    start, end = _span_of_roi(roi_node, volume_node)
    limit = np.array(volume_node.GetImageData().GetDimensions())
    first, last = np.clip(start, 0, limit), np.clip(end, 0, limit)
    if np.any(last <= first):
        msg = f"The region {name_of(roi_node)!r} holds no voxel of volume {name_of(volume_node)!r}."
        raise InputError(msg, "Move it onto the volume, or choose no region.")
    i0, j0, k0 = (int(value) for value in first)
    i1, j1, k1 = (int(value) for value in last)
    return i0, i1, j0, j1, k0, k1


def region_beyond(roi_node: Any, volume_node: Any) -> str:
    """What to say of a markups ROI most of which lies beside the volume, "" for others.

    ROIs are drawn generously: one that reaches beyond the volume a little is nothing to speak of.
    """
    start, end = _span_of_roi(roi_node, volume_node)
    limit = np.array(volume_node.GetImageData().GetDimensions())
    inside = np.clip(end, 0, limit) - np.clip(start, 0, limit)
    if np.all(2 * inside >= end - start):
        return ""
    names = name_of(roi_node), name_of(volume_node)
    return "Most of the region {!r} lies beside volume {!r}: only what lies within was looked at.".format(*names)


def _span_of_roi(roi_node: Any, volume_node: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First voxel and the one after the last (i, j, k) in the box around a markups ROI, also beside the volume."""
    size = roi_node.GetSize()
    steps = [np.linspace(-0.5, 0.5, ROI_STEPS) * length for length in size]
    box = np.array(list(itertools.product(*steps)))
    world = affine(array_from_matrix(roi_node.GetObjectToWorldMatrix()), box)
    own = NodeTransform.between(None, volume_node)(world)
    ijk = affine(np.linalg.inv(ijk_to_ras(volume_node)), own)
    first, last = np.ceil(ijk.min(axis=0) - 1e-6), np.floor(ijk.max(axis=0) + 1e-6) + 1
    return first.astype(np.int64), last.astype(np.int64)
