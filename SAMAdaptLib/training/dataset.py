"""The training data: annotated cases as slices in a plane, divided into training and held-out ones, and as shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

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
from .config import METHOD, MethodSettings

if TYPE_CHECKING:
    from ..data.image import Labelmap
    from ..data.structure import Structure
    from .config import TrainingConfig


_ONE_NAME = (
    "Give it one name in all files (Segment Editor), say with --name N=NAME what the label value is, or export plain "
    "label files, which go by value."
)

Divided = tuple[list[LabelledSlice], list[LabelledSlice]]
"""The slices of one case that are learned from, and those that are held out."""


@dataclass(frozen=True)
class StageData:
    """What one stage learns from: slices, some of them held out, and the whole annotation as shapes.

    Attributes:
        side_mm: of the canvas that the stage sees.
        training: slices to learn from.
        held_out: slices to measure on.
        stacks: label slices that priors learn from; empty where slices or pixels were left open.
        pseudo_labelled: slices that nobody annotated, with what a head found on them; priors do not learn from them.
    """

    side_mm: float
    training: list[LabelledSlice] = field(default_factory=list)
    held_out: list[LabelledSlice] = field(default_factory=list)
    stacks: list[LabelStack] = field(default_factory=list)
    pseudo_labelled: list[LabelledSlice] = field(default_factory=list)


@dataclass(frozen=True)
class PseudoLabels:
    """What a head finds in a volume that nobody annotated.

    Attributes:
        slices: as a person might have annotated them; pixels of which the head is not sure are unknown.
        place: where all lies that it found.
    """

    slices: list[LabelledSlice]
    place: RegionOfInterest

    def in_roi(self, side_mm: float) -> list[LabelledSlice]:
        """The slices through a window of that side around all that was found."""
        return crop_to_roi(self.slices, self.place, side_mm)


@dataclass(frozen=True)
class TrainingData:
    """The cases as training sees them.

    Attributes:
        cases: as given.
        structures: what is learned, in the order of label values.
        plane: that the slices lie in.
        rules: of gray values, of each channel.
        anatomy: facts of each structure, see ``annotation``.
        whole: whether the annotation says something of every voxel.
        completed: whether a head filled in what the annotation had left open.
        coarse: whole slices.
        roi: windows around all structures; None if these take up most of the slices, or if the annotation was left
            open, unless there is an earlier head with such windows.
    """

    cases: Sequence[Case]
    structures: list[Structure]
    plane: PlaneRule
    rules: tuple[IntensityRule, ...]
    anatomy: list[dict[str, Any]]
    whole: bool
    completed: bool
    coarse: StageData
    roi: StageData | None

    @classmethod
    def of(
        cls,
        cases: Sequence[Case],
        config: TrainingConfig,
        method: MethodSettings = METHOD,
        roi_mm: float | None = None,
        completed: Sequence[Labelmap] | None = None,
    ) -> TrainingData:
        """What these cases teach.

        Args:
            cases: each with labels on the grid of its volume.
            config: plane, intensity rule, and what was left open.
            method: constants of the method.
            roi_mm: side of the windows of an earlier head, which are kept.
            completed: the labelmaps of the cases with what was left open filled in; then these are learned from, and
                what was drawn is held out all the same.

        Raises:
            InputError: if the annotation teaches nothing.
            GeometryError: if labels do not lie on the grid of their volume.
        """
        structures = _structures(cases, config.ignore_label)
        for case in cases:
            _require_same_grid(case)
        _require_as_many_channels(cases)
        values = [structure.value for structure in structures]
        closed = [not config.annotated_slices_only and _is_whole(case, config.ignore_label) for case in cases]
        drawn_whole = all(closed)
        whole = drawn_whole or completed is not None
        fullest = max(cases, key=lambda case: len(case.labelmap.values()))
        choice = plane_to_learn_in(fullest, structures, config.plane, drawn_whole)
        plane = PlaneRule(name=choice.name, acquisition=choice.acquisition)
        stacked = (SliceStack(case.volume.geometry, plane_for_volume(plane, case.volume)) for case in cases)
        plane = replace(plane, side_mm=shared_canvas_side(stacked))
        side_mm = plane.side_mm or 0.0
        rules = tuple(rule_for(channel, config.intensity) for channel in cases[0].volume.channels)

        def sliced(case: Case) -> SlicedVolume:
            return SlicedVolume(case.volume, plane_for_volume(plane, case.volume), rules, side_mm)

        divided: list[Divided] = []
        for case in cases:
            limits = config.annotated_slices_only, config.ignore_label
            drawn = annotated_slices(sliced(case), case.labelmap.voxels, values, *limits)
            divided.append(split_held_out(drawn, method.held_out_share, method.least_to_hold_out))
        taught = cases
        if completed is not None:
            taught = [replace(case, labelmap=labels) for case, labels in zip(cases, completed, strict=True)]
            filled = (annotated_slices(sliced(case), case.labelmap.voxels, values, False, None) for case in taught)
            divided = [_without(slices, checks) for slices, (_, checks) in zip(filled, divided, strict=True)]
        # Beside cases of which only some slices count, those that are whole still say what the structures look like.
        shaping = [case for case, is_whole in zip(taught, closed, strict=True) if whole or is_whole]
        anatomy = pieces(shaping or taught, structures, bool(shaping))
        stacks = [label_stack(sliced(case), case.labelmap.voxels, values) for case in shaping]
        stacks = stacks if worth_learning(stacks, method.priors) else []
        coarse = _stage_data(side_mm, divided, stacks)
        if not any(item.present for item in coarse.training):
            msg = "None of the annotated slices shows a structure on a picture that is not flat."
            raise InputError(msg, "Annotate at least one slice of one structure.")
        roi = _roi_data(side_mm, divided, stacks if whole else [], roi_mm, method)
        return cls(cases, structures, plane, rules, anatomy, whole, completed is not None, coarse, roi)

    @property
    def channel_count(self) -> int:
        """How many images of a body are looked at."""
        return len(self.rules)

    def with_pseudo_labels(self, found: Sequence[PseudoLabels]) -> TrainingData:
        """The same data, and what a head found in other volumes, for both stages."""
        coarse = [item for labels in found for item in subsample_empty(labels.slices)]
        data = replace(self, coarse=replace(self.coarse, pseudo_labelled=coarse))
        if self.roi is None:
            return data
        side_mm = self.roi.side_mm
        close = [item for labels in found for item in subsample_empty(labels.in_roi(side_mm))]
        return replace(data, roi=replace(self.roi, pseudo_labelled=close))


def _is_whole(case: Case, ignore_label: int | None) -> bool:
    """Whether no voxel of a case is unknown."""
    return ignore_label not in case.labelmap.values()


def _stage_data(side_mm: float, divided: Sequence[Divided], stacks: list[LabelStack]) -> StageData:
    """The slices of all cases; few of those without a structure are learned from."""
    data = StageData(side_mm, stacks=stacks)
    for ours, checks in divided:
        data.training.extend(subsample_empty(ours))
        data.held_out.extend(checks)
    return data


def _without(slices: Sequence[LabelledSlice], checks: list[LabelledSlice]) -> Divided:
    """``slices`` but for those that ``checks`` shows, and these as they are."""
    held_out = {item.content.identity["slice"] for item in checks}
    return [item for item in slices if item.content.identity["slice"] not in held_out], checks


def _roi_data(
    canvas_mm: float,
    divided: Sequence[Divided],
    stacks: Sequence[LabelStack],
    earlier_mm: float | None,
    method: MethodSettings,
) -> StageData | None:
    """The same slices and shapes through windows around each case's structures; None if that is not worth it."""
    extents = [annotation_roi([*ours, *checks]) for ours, checks in divided]
    side_mm = earlier_mm
    if side_mm is None and stacks:
        found = [place for place in extents if place is not None]
        side_mm = roi_side(found, canvas_mm, method.roi_margin, method.largest_roi)
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
    return _stage_data(side_mm, seen, windows)


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


def _require_as_many_channels(cases: Sequence[Case]) -> None:
    first, count = cases[0].volume, len(cases[0].volume.channels)
    for case in cases[1:]:
        if (other := len(case.volume.channels)) != count:
            here, there = case.volume.name or "a volume", first.name or "the first one"
            msg = f"{here} has {other} {'channel' if other == 1 else 'channels'}, and {there} has {count}."
            raise InputError(msg, "Give the same channels of all annotated volumes, in the same order.")


def _require_same_grid(case: Case) -> None:
    if not case.volume.geometry.same_grid(case.labelmap.geometry):
        difference = case.volume.geometry.difference(case.labelmap.geometry)
        msg = f"The labels of {case.volume.name or 'the volume'} do not lie on its grid: {difference}."
        raise GeometryError(msg, "Resample the labels to the image (--resample-labels).")
