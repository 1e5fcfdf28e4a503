"""What a live session must know of the scene: the strokes slice by slice, and which slice the user looks at.

``StrokeReader.capture`` looks at the scene (main thread, quick); ``StrokeReader.read`` does the rest in any thread.
The nodes are never changed, save for one attribute of the segmentation: the slices on which there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.geometry import Geometry
from ...data.planes import PLANES
from ...data.structure import Structure
from ...errors import InputError
from ...preprocessing.slicing import SliceStack
from ...progress import Monitor
from ..annotation.capture import AnnotationCapture, capture_annotation
from ..annotation.segments import SegmentInfo, segments_of
from ..transforms import NodeTransform, affine, array_from_matrix, ijk_to_ras
from ..volume import grid_of, world_of_voxel

EMPTY_ATTRIBUTE = "SAMAdapt.EmptySlices"
"""On a segmentation node: storage axis and numbers of the slices that the user marked as showing nothing."""

BACKGROUND_NAMES = frozenset({"background", "bg", "hintergrund", "fond"})
IGNORE_NAMES = frozenset({"ignore", "ignored", "unknown", "unlabelled", "unlabeled"})
"""What a segment is called that means no structure but background, or that its voxels say nothing."""


@dataclass(frozen=True, eq=False)
class Strokes:
    """An annotation as a live session takes it: ``labels`` (k, j, i), and by slice (rows, cols) what changed.

    ``structures`` are those to be found; ``background`` and ``ignore`` the label values of those that mean so;
    ``slices`` are those on which anything is painted.
    """

    labels: NDArray[Any]
    changed: dict[int, NDArray[Any]]
    structures: tuple[Structure, ...]
    background: int | None = None
    ignore: int | None = None
    segment_ids: dict[int, str] = field(default_factory=dict)
    slices: tuple[int, ...] = ()

    @property
    def painted(self) -> bool:
        """Whether there is any stroke that can be learned from."""
        return bool(self.labels.any())


def is_background(info: SegmentInfo) -> bool:
    """Whether a segment stands for the background; its name says so."""
    return info.name.strip().casefold() in BACKGROUND_NAMES


def is_ignored(info: SegmentInfo) -> bool:
    """Whether a segment marks what must not count; its name says so."""
    return info.name.strip().casefold() in IGNORE_NAMES


def ignored_name(annotations: Iterable[tuple[Any, Sequence[str] | None]]) -> str | None:
    """The name of the first segment that marks what must not count, among nodes with the ids of chosen segments."""
    for node, chosen in annotations:
        if node.IsA("vtkMRMLSegmentationNode"):
            for info in segments_of(node):
                if is_ignored(info) and (chosen is None or info.id in chosen):
                    return info.name
    return None


def background_names(node: Any) -> set[str]:
    """The names of a segmentation's segments that stand for the background; a label volume has none."""
    if not node.IsA("vtkMRMLSegmentationNode"):
        return set()
    return {info.name for info in segments_of(node) if is_background(info)}


class StrokeReader:
    """Reads one segmentation again and again on the grid of one volume; label values stay with the segments' names."""

    def __init__(self, stack: SliceStack) -> None:
        self.stack = stack
        self._values: dict[str, int] = {}
        self._before: NDArray[Any] | None = None
        self._captured: tuple[SegmentInfo, ...] = ()

    def capture(self, segmentation_node: Any, volume_node: Any) -> AnnotationCapture | None:
        """A look at the scene, its voxels still to be gathered; None where there is no segment. Raises InputError."""
        infos = segments_of(segmentation_node) if segmentation_node is not None else ()
        if not infos:
            return None
        names = {info.name for info in infos}
        known = {name: value for name, value in self._values.items() if name in names}
        capture = capture_annotation(segmentation_node, volume_node, values=known, later=True)
        self._values |= {item.name: item.value for item in capture.structures}
        self._captured = infos
        return capture

    def read(self, capture: AnnotationCapture | None, geometry: Geometry, monitor: Monitor | None = None) -> Strokes:
        """The strokes and what changed of them since the last time. Any thread. Raises InputError for overlaps."""
        if capture is None:
            return self._compared(np.zeros(geometry.shape, np.uint8), (), None, None, {})
        labels = capture.voxels(monitor)
        pairs = list(zip(self._captured, capture.structures, strict=True))
        background = next((item.value for info, item in pairs if is_background(info)), None)
        ignore = next((item.value for info, item in pairs if is_ignored(info)), None)
        found = tuple(item for _info, item in pairs if item.value not in (background, ignore))
        ids = {item.value: info.id for info, item in pairs}
        return self._compared(labels, found, background, ignore, ids)

    def forget(self) -> None:
        """The session is a new one: at the next reading all slices with strokes count as changed."""
        self._before = None

    def _compared(
        self,
        labels: NDArray[Any],
        structures: tuple[Structure, ...],
        background: int | None,
        ignore: int | None,
        ids: dict[int, str],
    ) -> Strokes:
        now = self.stack.oriented(labels)
        before = self.stack.oriented(self._before) if self._before is not None else None
        changed, drawn = {}, []
        for n in range(len(self.stack)):
            if now[n].any():
                drawn.append(n)
            if not np.array_equal(now[n], before[n]) if before is not None else now[n].any():
                changed[n] = np.ascontiguousarray(now[n])
        self._before = labels
        return Strokes(labels, changed, structures, background, ignore, ids, tuple(drawn))


def plane_of_one_slice(labels: NDArray[Any], geometry: Geometry) -> str | None:
    """The name of the plane in which strokes are one slice thick; None where that is none or more than one."""
    used = np.nonzero(labels)
    if not used[0].size:
        return None
    flat = [2 - axis for axis, places in enumerate(used) if np.ptp(places) == 0 and geometry.size[2 - axis] > 1]
    planes = (SliceStack(geometry, name) for name in ("axial", "sagittal", "coronal"))
    return next((stack.plane for stack in planes if flat == [stack.choice.axis]), None)


# --- slices on which there is nothing ------------------------------------------------------------------------------


def empty_slices(segmentation_node: Any, stack: SliceStack) -> tuple[int, ...]:
    """The slices of the stack that were marked as showing nothing."""
    axis, _colon, numbers = (segmentation_node.GetAttribute(EMPTY_ATTRIBUTE) or "").partition(":")
    if axis != stack.choice.name:
        return ()
    found = (int(text) for text in numbers.split(",") if text.strip().isdecimal())
    return tuple(sorted({n for n in found if n < len(stack)}))


def empty_planes(segmentation_node: Any, volume_node: Any) -> tuple[int, tuple[int, ...]] | None:
    """The storage axis (0 = i, 1 = j, 2 = k) and voxel indices along it of slices marked as showing nothing, if any."""
    for plane in PLANES:
        stack = stack_of(volume_node, plane)
        marked = empty_slices(segmentation_node, stack)
        if marked:
            rows, columns = (range(1), range(1))
            bounds = (stack.ijk_bounds(range(n, n + 1), rows, columns)[stack.choice.axis] for n in marked)
            return stack.choice.axis, tuple(sorted(low for low, _high in bounds))
    return None


def mark_empty(segmentation_node: Any, stack: SliceStack, slices: Iterable[int]) -> None:
    """Remember the slices that show nothing, with the segmentation; no slice at all takes the attribute away."""
    numbers = sorted(set(slices))
    if numbers:
        text = ",".join(map(str, numbers))
        segmentation_node.SetAttribute(EMPTY_ATTRIBUTE, f"{stack.choice.name}:{text}")
    else:
        segmentation_node.RemoveAttribute(EMPTY_ATTRIBUTE)


# --- views ----------------------------------------------------------------------------------------------------------


def slice_numbers(volume_node: Any, stack: SliceStack, slice_nodes: Sequence[Any]) -> list[int | None]:
    """For each slice view's node the slice of the stack that it shows; None where it shows another plane."""
    world_to_volume = NodeTransform.between(None, volume_node)
    from_ras = np.linalg.inv(ijk_to_ras(volume_node))
    axis = stack.choice.axis
    found: list[int | None] = []
    for node in slice_nodes:
        to_ras = array_from_matrix(node.GetSliceToRAS())
        ends = affine(from_ras, world_to_volume([to_ras[:3, 3], to_ras[:3, 3] + to_ras[:3, 2]]))
        normal = np.abs(ends[1] - ends[0]) * np.linalg.norm(ijk_to_ras(volume_node)[:3, :3], axis=0)
        at = int(np.rint(ends[0][axis]))
        facing = int(normal.argmax()) == axis
        found.append(_number(stack, axis, at) if facing and 0 <= at < len(stack) else None)
    return found


def _number(stack: SliceStack, axis: int, at: int) -> int:
    """The slice of the stack at a voxel index of its axis."""
    bounds = [(0, 1), (0, 1), (0, 1)]
    bounds[axis] = (at, at + 1)
    return stack.slices_in((bounds[0], bounds[1], bounds[2]))[0]


def world_of_slice(
    volume_node: Any, stack: SliceStack, n: int, shown: NDArray[Any] | None = None
) -> tuple[float, float, float]:
    """A point of slice ``n``, RAS mm in the world: in the middle of what ``shown`` (k, j, i) has there, if anything."""
    rows, cols = stack.shape
    spot = np.nonzero(stack.slice(shown, n)) if shown is not None else (np.empty(0), np.empty(0))
    row, col = (int(np.median(spot[0])), int(np.median(spot[1]))) if spot[0].size else (rows // 2, cols // 2)
    bounds = stack.ijk_bounds(range(n, n + 1), range(row, row + 1), range(col, col + 1))
    i, j, k = (low for low, _high in bounds)
    return world_of_voxel(volume_node, (i, j, k))


def stack_of(volume_node: Any, plane: str = "auto") -> SliceStack:
    """The slices of a volume node. Raises GeometryError for a grid that is none, InputError for an unknown plane."""
    if volume_node is None:
        msg = "No volume is chosen."
        raise InputError(msg, "Choose a source volume.")
    return SliceStack(grid_of(volume_node), plane)
