"""What annotated cases teach: the plane and the intensities to look at them in, slices to learn from, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..data.case import Case
from ..data.matching import Labelling, matched
from ..errors import GeometryError, InputError
from ..features.sliced_volume import SlicedVolume, plane_for_volume, shared_canvas_side
from ..heads.parts import PlaneRule
from ..preprocessing.intensity import IntensityRule, rule_for
from ..preprocessing.roi import RegionOfInterest, roi_side
from ..preprocessing.slicing import SliceStack
from ..priors.shape_training import label_stack, worth_learning
from ..priors.training import LabelStack
from .annotated_slices import (
    LabelledSlice,
    annotated_slices,
    annotation_roi,
    crop_to_roi,
    split_held_out,
    subsample_empty,
)
from .annotation import pieces, plane_to_learn_in

if TYPE_CHECKING:
    from ..data.image import Labelmap
    from ..data.structure import Structure


_ONE_NAME = (
    "Give it one name in all files (Segment Editor), say with --name N=NAME what the label value is, or export plain "
    "label files, which go by value."
)

Divided = tuple[list[LabelledSlice], list[LabelledSlice]]
"""The slices of one case that are learned from, and those that are held out."""


@dataclass(frozen=True)
class StageData:
    """What one look learns from: slices, some of them held out, and the whole annotation as shapes.

    ``side_mm``: of the canvas that it sees. ``stacks`` is empty where slices or pixels were left open.
    ``pseudo_labelled``: slices that nobody annotated, with what a head found on them; shapes are learned from
    annotations alone.
    """

    side_mm: float
    training: list[LabelledSlice] = field(default_factory=list)
    held_out: list[LabelledSlice] = field(default_factory=list)
    stacks: list[LabelStack] = field(default_factory=list)
    pseudo_labelled: list[LabelledSlice] = field(default_factory=list)


@dataclass(frozen=True)
class PseudoLabels:
    """What a head finds in a volume that nobody annotated.

    ``slices``: as a person might have annotated them, pixels of which the head is not sure left open. ``place``: where
    all lies that it found.
    """

    slices: list[LabelledSlice]
    place: RegionOfInterest

    def through(self, side_mm: float) -> list[LabelledSlice]:
        """The slices through a window of that side around all that was found."""
        return crop_to_roi(self.slices, self.place, side_mm)


class TrainingData:
    """The cases as training sees them: ``first`` for whole slices, ``closer`` for a window around all structures.

    ``completed``: the labelmaps of the cases with what was left open filled in; then these are learned from, and what
    was drawn is held out all the same. ``closer`` is None where the structures take up most of the slices, or where the
    annotation was left open; with ``closer_mm``, the side of an earlier head's windows, it is there in any case. Raises
    InputError when the annotation teaches nothing, GeometryError when labels do not lie on their volume's grid.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        plane: str,
        intensity: str,
        annotated_slices_only: bool,
        ignore_label: int | None,
        closer_mm: float | None = None,
        completed: Sequence[Labelmap] | None = None,
    ) -> None:
        self.cases = cases
        self.structures = _structures(cases, ignore_label)
        self.values = [structure.value for structure in self.structures]
        for case in cases:
            _require_same_grid(case)
        unknown = any(ignore_label in case.labelmap.values() for case in cases)
        drawn_whole = not (annotated_slices_only or unknown)
        self.whole = drawn_whole or completed is not None
        fullest = max(cases, key=lambda case: len(case.labelmap.values()))
        choice = plane_to_learn_in(fullest, self.structures, plane, drawn_whole)
        self.plane = PlaneRule(name=choice.name, acquisition=choice.acquisition)
        side_mm = shared_canvas_side(self._stack(case) for case in cases)
        self.plane = replace(self.plane, side_mm=side_mm)
        self.rule: IntensityRule = rule_for(cases[0].volume, intensity)
        divided = [split_held_out(slices) for slices in self._slices(cases, annotated_slices_only, ignore_label)]
        taught = cases
        if completed is not None:
            taught = [replace(case, labelmap=labels) for case, labels in zip(cases, completed, strict=True)]
            filled = self._slices(taught, False, None)
            divided = [_without(slices, checks) for slices, (_, checks) in zip(filled, divided, strict=True)]
        self.anatomy = pieces(taught, self.structures, self.whole)
        stacks = self._stacks(taught)
        self.first = _lesson(side_mm, divided, stacks)
        if not any(item.present for item in self.first.training):
            msg = "None of the annotated slices shows a structure on a picture that is not flat."
            raise InputError(msg, "Annotate at least one slice of one structure.")
        self.closer = _closer(side_mm, divided, stacks, closer_mm)

    def add_pseudo_labels(self, answers: Sequence[PseudoLabels]) -> None:
        """Learn from what a head found in other volumes as well, in both looks."""
        for answer in answers:
            self.first.pseudo_labelled.extend(subsample_empty(answer.slices))
            if self.closer is not None:
                self.closer.pseudo_labelled.extend(subsample_empty(answer.through(self.closer.side_mm)))

    def _stack(self, case: Case) -> SliceStack:
        return SliceStack(case.volume.geometry, plane_for_volume(self.plane, case.volume))

    def _sliced(self, case: Case) -> SlicedVolume:
        return SlicedVolume(
            case.volume, plane_for_volume(self.plane, case.volume), self.rule, self.plane.side_mm or 0.0
        )

    def _slices(self, cases: Sequence[Case], slices_only: bool, ignore_label: int | None) -> list[list[LabelledSlice]]:
        return [
            annotated_slices(self._sliced(case), case.labelmap.voxels, self.values, slices_only, ignore_label)
            for case in cases
        ]

    def _stacks(self, cases: Sequence[Case]) -> list[LabelStack]:
        """The annotations as shapes, where they are whole and there are enough slices."""
        if not self.whole:
            return []
        stacks = [label_stack(self._sliced(case), case.labelmap.voxels, self.values) for case in cases]
        return stacks if worth_learning(stacks) else []


def _lesson(side_mm: float, divided: Sequence[Divided], stacks: list[LabelStack]) -> StageData:
    """The slices of all cases; few of those without a structure are learned from."""
    lesson = StageData(side_mm, stacks=stacks)
    for ours, checks in divided:
        lesson.training.extend(subsample_empty(ours))
        lesson.held_out.extend(checks)
    return lesson


def _without(slices: Sequence[LabelledSlice], checks: list[LabelledSlice]) -> Divided:
    """``slices`` but for those that ``checks`` shows, and these as they are."""
    held_out = {item.content.identity["slice"] for item in checks}
    return [item for item in slices if item.content.identity["slice"] not in held_out], checks


def _closer(
    canvas_mm: float, divided: Sequence[Divided], stacks: Sequence[LabelStack], earlier_mm: float | None
) -> StageData | None:
    """The same slices and shapes through windows around each case's structures; None where that is not worth it."""
    extents = [annotation_roi([*ours, *checks]) for ours, checks in divided]
    side_mm = earlier_mm
    if side_mm is None and stacks:
        side_mm = roi_side([place for place in extents if place is not None], canvas_mm)
    if side_mm is None:
        return None
    seen = [
        (crop_to_roi(ours, place, side_mm), crop_to_roi(checks, place, side_mm))
        for (ours, checks), place in zip(divided, extents, strict=True)
        if place
    ]
    windows = [
        replace(stack, frame=place.window(stack.frame, side_mm))
        for stack, place in zip(stacks, extents, strict=False)
        if place
    ]
    return _lesson(side_mm, seen, windows)


def _structures(cases: Sequence[Case], ignore_label: int | None) -> list[Structure]:
    """The structures that are drawn in at least one case, by value. Raises InputError when there is none."""
    if not cases:
        msg = "No annotated volume was given."
        raise InputError(msg, "Give at least one image with its labels.")
    known: dict[int, Structure] = {}
    for case in cases:
        present = set(case.labelmap.values()) - {ignore_label}
        for structure in case.labelmap.structures:
            if structure.value in present:
                known.setdefault(structure.value, structure)
    if not known:
        msg = f"The labels of {cases[0].volume.name or 'the first volume'} hold no structure, only background."
        raise InputError(msg, "Annotate at least one structure, or choose another label file.")
    return [known[value] for value in sorted(known)]


def under_one_labelling(
    cases: Sequence[Case], ignore_label: int | None = None, start: Labelling | None = None
) -> list[Case]:
    """The cases with one label value and one name for each structure, whatever they have in each file.

    The first case's values count, or those of ``start``, a head to go on from. ``ignore_label`` is no structure.
    Raises InputError for a contradiction.
    """
    known, merged = start, []
    for number, case in enumerate(cases, start=1):
        labelmap = case.labelmap
        place = f"case {number} ({labelmap.name or case.volume.name or 'unnamed'})"
        present = set(labelmap.values()) - {ignore_label}
        drawn = Labelling(place, tuple(item for item in labelmap.structures if item.value in present))
        if known is None:
            known = drawn
            merged.append(case)
            continue
        match = matched(known, drawn, taken=() if ignore_label is None else (ignore_label,), remedy=_ONE_NAME)
        known = known.joined(drawn, match)
        common = {item.value: item for item in known.structures}
        structures = [common[value] for value in match.values.values()]
        if match.same_values and structures == list(drawn.structures):
            merged.append(case)
        else:
            merged.append(replace(case, labelmap=labelmap.renumbered(match.values, structures)))
    return merged if known is None else [_named_as(case, known, ignore_label) for case in merged]


def _named_as(case: Case, known: Labelling, ignore_label: int | None) -> Case:
    """The case with the common names: a plain label file takes those of another case."""
    labels, common = case.labelmap, {item.value: item for item in known.structures}
    drawn = set(labels.values()) - {ignore_label}
    structures = tuple(common.get(item.value, item) if item.value in drawn else item for item in labels.structures)
    return case if structures == labels.structures else replace(case, labelmap=labels.with_structures(structures))


def _require_same_grid(case: Case) -> None:
    if not case.volume.geometry.same_grid(case.labelmap.geometry):
        difference = case.volume.geometry.difference(case.labelmap.geometry)
        msg = f"The labels of {case.volume.name or 'the volume'} do not lie on its grid: {difference}."
        raise GeometryError(msg, "Resample the labels to the image (--resample-labels).")
