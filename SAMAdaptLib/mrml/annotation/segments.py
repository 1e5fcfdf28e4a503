"""The segments of a segmentation node: what they are called, which can serve as annotation, which are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...data.matching import Labelling, matched
from ...data.structure import LARGEST_VALUE, Structure
from ...errors import InputError
from ..transforms import is_alive, name_of

_ONE_NAME = "Give the structure one name and one terminology in all segmentations (Segment Editor)."

BINARY = "Binary labelmap"
SURFACE = "Closed surface"


@dataclass(frozen=True)
class SegmentInfo:
    """What the user interface lists of a segment. ``color`` is red, green, blue, 0..1."""

    id: str
    name: str
    color: tuple[float, float, float]
    terminology: str = ""


def segments_of(node: Any) -> tuple[SegmentInfo, ...]:
    """The segments of a segmentation node, in its order. Cheap."""
    segmentation = node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    return tuple(_info(segment_id, segmentation.GetSegment(segment_id)) for segment_id in ids)


def _info(segment_id: str, segment: Any) -> SegmentInfo:
    red, green, blue = (min(max(float(part), 0.0), 1.0) for part in segment.GetColor())
    name = one_line(segment.GetName()) or segment_id
    return SegmentInfo(segment_id, name, (red, green, blue), terminology_of(segment))


def one_line(text: str | None) -> str:
    """Text of a node without line breaks and what cannot be printed."""
    return " ".join("".join(part if part.isprintable() else " " for part in text or "").split())


def terminology_of(segment: Any) -> str:
    """A segment's terminology entry; empty where it is only the "Tissue" that Slicer gives to every new segment."""
    import slicer

    entry = _terminology_tag(segment)
    return "" if entry == _terminology_tag(slicer.vtkSegment()) else entry


def _terminology_tag(segment: Any) -> str:
    import slicer
    import vtk

    entry = vtk.reference("")
    segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
    return one_line(entry.get())


def check_annotation(node: Any) -> None:
    """Raise InputError, with reason and remedy, unless ``node`` can serve as an annotation. Cheap."""
    if node is None or not is_alive(node):
        msg = "No segmentation is chosen." if node is None else f"{name_of(node)!r} is not in the scene any more."
        raise InputError(msg, "Choose a segmentation, or make one in the Segment Editor.")
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        return
    if not node.IsA("vtkMRMLSegmentationNode"):
        msg = f"{name_of(node)!r} is a {node.GetClassName()}, not a segmentation."
        raise InputError(msg, "Choose a segmentation or a label volume.")
    segmentation = node.GetSegmentation()
    if not segmentation.GetNumberOfSegments():
        msg = f"Segmentation {name_of(node)!r} has no segments."
        raise InputError(msg, "Add one in the Segment Editor and paint it on some slices.")
    if usable_source(segmentation) is None:
        source = segmentation.GetSourceRepresentationName()
        msg = f"Segmentation {name_of(node)!r} holds only {source!r}, which cannot be read as voxels."
        raise InputError(msg, f"Create its {BINARY!r} in the module Segmentations, under Representations.")


def usable_source(segmentation: Any) -> str | None:
    """The representation to read: the source where that is possible, else one derived from it."""
    for name in (segmentation.GetSourceRepresentationName(), BINARY, SURFACE):
        if name in (BINARY, SURFACE) and segmentation.ContainsRepresentation(name):
            return name
    return None


def chosen_segments(node: Any, segment_ids: Sequence[str] | None) -> list[SegmentInfo]:
    """The segments with these ids, None for all. Raises InputError if there are none, or two of one name."""
    infos = {info.id: info for info in segments_of(node)}
    unknown = [segment_id for segment_id in segment_ids or () if segment_id not in infos]
    if unknown:
        msg = f"Segmentation {name_of(node)!r} has no segment {unknown[0]!r}; it has {', '.join(infos)}."
        raise InputError(msg, "Choose among those.")
    chosen = [infos[segment_id] for segment_id in (infos if segment_ids is None else segment_ids)]
    if not chosen:
        msg = f"No segment of {name_of(node)!r} is chosen."
        raise InputError(msg, "Choose at least one structure.")
    twins = [name for name, count in Counter(info.name for info in chosen).items() if count > 1]
    if twins:
        msg = f"Segmentation {name_of(node)!r} has several segments called {twins[0]!r}."
        raise InputError(msg, "Rename them, so that each structure has a name of its own.")
    return chosen


def structures_of_segments(infos: Sequence[SegmentInfo], values: Mapping[str, int]) -> tuple[Structure, ...]:
    """Segments as structures, under the label values of their names in ``values``, else the next free ones."""
    taken = set(values.values())
    free = (value for value in range(1, LARGEST_VALUE + 1) if value not in taken)
    return tuple(
        Structure(values[info.name] if info.name in values else next(free), info.name, info.color, info.terminology)
        for info in infos
    )


def labelling_of(node: Any, segment_ids: Sequence[str] | None = None) -> Labelling:
    """The structures of a segmentation node, numbered in its order. Cheap. Raises InputError for twins."""
    return Labelling(titled(node), structures_of_segments(chosen_segments(node, segment_ids), {}), by_name=True)


def segments_in(node: Any, known: Labelling) -> list[str]:
    """The ids of the segments of a node that are structures of ``known``. Cheap. Raises InputError."""
    here = labelling_of(node)
    values = {item.value for item in known.structures}
    match = matched(known, here, remedy=_ONE_NAME)
    pairs = zip(segments_of(node), here.structures, strict=True)
    return [info.id for info, item in pairs if match.values[item.value] in values]


def as_known(structures: Sequence[Structure], known: Labelling, here: Labelling) -> tuple[Structure, ...]:
    """The structures under value, name and colour of what they are in ``known``. Raises InputError."""
    match = matched(known, here, remedy=_ONE_NAME)
    common = {item.value: item for item in match.structures}
    return tuple(common[match.values[item.value]] for item in structures)


def titled(node: Any) -> str:
    """What messages call a segmentation node."""
    return f"segmentation {name_of(node)!r}"
