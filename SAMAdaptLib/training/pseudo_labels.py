"""Learns from volumes without annotation: what a head finds in them is learned from like an annotation.

One patient shows one size and one contrast. A head that was trained on it finds much of the same structures in others
all the same, and its shape prior puts right a part of the rest. Students, which see pictures and no features, learn
from those answers as well. They have seen many patients then, and answer in place of the closer look, or, where there
is but one look, beside the heads of that. Priors stay as the annotation taught them: answers have mistakes in their
shapes. It may be done again with the students' own answers.

Three things keep a head from believing its own mistakes: volumes in which head and prior contradict each other are left
out, pixels of which the head is not sure are left open, and students that do worse on the held-out slices of the
annotated cases, the only truth at hand, are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled
from ..features.sliced_volume import plane_for_volume, slices_for_head
from ..heads.parts import NetworkSpec
from ..inference.cascade import CascadePredictor, argmax_labels
from ..inference.postprocessing import keep_main_components
from ..networks.ensemble import EnsembleHead
from ..networks.student import StudentHead
from ..preprocessing.augmentation import IGNORED
from ..preprocessing.labels import class_indices
from ..preprocessing.roi import bounding_roi
from ..preprocessing.slicing import SliceStack
from ..utils.sampling import evenly_spaced
from .annotated_slices import LabelledSlice
from .budget import budget_named
from .candidates import HeadCandidates
from .dataset import PseudoLabels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.io.volumes import Volume
    from ..heads.head import Head
    from ..networks.base import HeadModule
    from ..progress import Monitor
    from .budget import StageBudget
    from .context import TrainingContext

STUDENTS = ("student", "student")
"""Heads that learn from volumes without annotation, and answer together: each errs in its own way. From the answers of
one head in 20 hearts (ACDC) one alone had a Dice of 0.77 to 0.81, two together 0.84."""


def require_enough(unlabeled: Sequence[Volume], least: int, monitor: Monitor) -> Sequence[Volume]:
    """The volumes to learn from without annotation: all of them, or none with a warning if they are too few."""
    if not 0 < len(unlabeled) < least:
        return unlabeled
    monitor.warning(
        f"At least {least} volumes without annotation are needed to learn from them, {len(unlabeled)} came: "
        "only the annotation is learned from."
    )
    return ()


def self_train(head: Head, context: TrainingContext, stage: StageBudget, volumes: Sequence[Volume]) -> Head:
    """``head`` with students that learned from what it, or the students before them, found in ``volumes``; or as it is.

    The card's ``training["unlabeled"]`` counts the volumes that were learned from; 0 when ``head`` itself remains.
    ``stage``: the last one of the training that ``head`` came from. Cancelled: the best head so far, and its card says
    so.
    """
    best, method = head.noted(unlabeled=0), context.method
    least = (head.card.mean_dice or 0.0) - method.tolerated_loss
    chosen = _affordable(head, context, volumes)
    if len(chosen) < method.least_unlabeled:
        words = f"There is time to look through {len(chosen)} of the unlabelled volumes alone"
        context.monitor.warning(f"{words}, and {method.least_unlabeled} are needed; the head stays as it was.")
        return best
    for _ in range(context.budget.rounds):
        try:
            better, reason = _one_round(best, context, stage, chosen, least)
        except Cancelled:
            return best.noted(cancelled=True)
        if better is None:
            context.monitor.warning(reason)
            break
        best = better
    return best


def pseudo_label(head: Head, context: TrainingContext, volume: Volume) -> PseudoLabels | None:
    """What ``head`` finds in ``volume``; None when that is nothing, or head and prior contradict each other.

    Pieces that are not kept are background.
    """
    method, device = context.method, context.config.device
    predictor = CascadePredictor(head, context.encoder, device, context.monitor, context.store, method.cascade)
    sliced = slices_for_head(head.card, volume)
    seen, sure = [], np.zeros(volume.geometry.shape, bool)

    def on_slice(index: int, winner: NDArray[Any], probability: NDArray[np.float32]) -> None:
        seen.append(index)
        sliced.stack.put(sure, index, probability >= method.least_confidence)

    labels = argmax_labels(predictor.slices(sliced), sliced, head.card.values, on_slice)
    kept = labels.copy()
    keep_main_components(kept, head.card)
    agreement = predictor.agreement
    place = bounding_roi((found > 0 for found in sliced.stack.oriented(kept)), sliced.stack.spacing)
    if place is None or (agreement is not None and agreement < method.least_agreement):
        return None
    unsure, indices = ~sure & (kept == labels), class_indices(kept, head.card.values, None)
    indices[unsure] = IGNORED
    slices = [LabelledSlice(sliced.picture(n), sliced.stack.slice(indices, n)) for n in seen]
    return PseudoLabels(slices, place)


def _one_round(
    head: Head, context: TrainingContext, stage: StageBudget, volumes: Sequence[Volume], least: float
) -> tuple[Head | None, str]:
    """``head`` with students of what it finds; where nothing comes of it, or less than a held-out Dice of ``least``,
    None and why.

    Raises Cancelled when the students were not finished.
    """
    needed = context.method.least_unlabeled
    found = [labels for volume in volumes if (labels := pseudo_label(head, context, volume)) is not None]
    if len(found) < needed:
        words = f"Something was surely found in {len(found)} of {len(volumes)} unlabelled volumes alone"
        return None, f"{words}, {needed} are needed; the head stays as it was."
    students = _fit_students(context.with_pseudo_labels(found), stage.next_training())
    if students.card.training.cancelled:
        raise Cancelled
    after = students.card.mean_dice or 0.0
    if after < least:
        return None, f"Students of the unlabelled volumes were worse ({after:.3f}, {least:.3f} is needed): not kept."
    better = with_students(head, students.module)
    return better.noted(unlabeled=len(found), seconds=round(stage.seconds_gone, 1)), ""


def _fit_students(context: TrainingContext, stage: StageBudget) -> Head:
    """Heads that see gray values alone and learn from the cases and from pseudo-labels, for the last stage."""
    samples, checks = context.samples(context.roi or context.data.coarse, None, stage.limits)
    return HeadCandidates(context, stage, None, samples, checks).fit_ensemble(STUDENTS)


def with_students(head: Head, students: HeadModule) -> Head:
    """``head`` with students in place of its closer look, or, where it looks once, beside the heads of that look.

    There is always a head on frozen features: the first look, which says where students look, or members of the
    ensemble. Priors stay as they are. Eight hippocampi had a mean Dice of 0.76 with students alone and a prior of all
    answers, 0.79 with the annotation's prior, 0.81 beside the first heads; 20 hearts had 0.84 in all these ways.
    """
    if head.closer is not None and head.card.closer is not None:
        network = NetworkSpec.of(students.named())
        card = replace(head.card, closer=replace(head.card.closer, head=network, alone=True))
        return replace(head, card=card, closer=replace(head.closer, module=students, card=card.closer_card() or card))
    own = [part for part in head.module.parts() if not isinstance(part, StudentHead)]
    together = EnsembleHead.of([*own, *students.parts()])
    return replace(head, module=together, card=replace(head.card, head=NetworkSpec.of(together.named())))


def _affordable(head: Head, context: TrainingContext, volumes: Sequence[Volume]) -> list[Volume]:
    """As many of the volumes as can be encoded within the budget, evenly chosen."""
    if context.encoder is None:
        return list(volumes)
    slices = [len(SliceStack(volume.geometry, plane_for_volume(head.card.plane, volume))) for volume in volumes]
    cost = context.encoder.seconds_per_slice()
    if context.roi is not None:
        cost += (context.roi_encoder or context.encoder).seconds_per_slice()
    return evenly_spaced(volumes, budget_named(context.config.budget).unlabeled(slices, cost))
