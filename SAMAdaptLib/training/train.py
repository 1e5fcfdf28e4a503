"""Training: annotated cases in, a head out.

A head is fitted on whole slices, then one on the region of interest that holds all structures. If the annotation left
pixels open, the first head fills them in and all is done again. Last, students learn from volumes without annotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..data.channels import kinds_of, require_channels
from ..data.matching import Labelling
from ..errors import Cancelled
from ..features.cache import FeatureCache
from ..heads.card import structures_of
from ..heads.head import Head
from ..heads.parts import RoiSpec
from ..inference.quality_control import coarse_to_learn_in, seen_in
from ..priors.attach import attach_layout_prior, attach_shape_prior
from ..priors.layout_training import seconds_per_step as layout_pace
from ..priors.shape_training import seconds_per_step as shape_pace
from ..progress import Monitor, Silent
from ..utils.timing import clock
from . import config as constants
from .budget import ROI_HEAD_TYPE, StageBudget
from .candidates import HeadCandidates
from .config import MethodSettings, TrainingConfig
from .context import TrainingContext, least_seconds, warn_if_slow
from .dataset import StageData, under_one_labelling
from .label_completion import complete_labels
from .pseudo_labels import require_enough, self_train

if TYPE_CHECKING:
    from ..data.case import Case
    from ..data.io.volumes import Volume

Fitted = tuple[Head, StageBudget]
"""A head, and the stage in which it was fitted."""


def train(
    cases: Sequence[Case],
    config: TrainingConfig | None = None,
    *,
    unlabeled: Sequence[Volume] = (),
    name: str = "",
    monitor: Monitor | None = None,
    start_from: Head | None = None,
    store: FeatureCache | None = None,
    method: MethodSettings | None = None,
    channel_names: Sequence[str] = (),
    **options: Any,
) -> Head:
    """Train a head on annotated volumes.

    Args:
        cases: volumes with labelmaps on their own grids; structures are matched by name where they have names of their
            own, else by label value (see ``matching``), with those of ``start_from`` as well. All have as many
            channels, in the same order.
        config: the options; None: the defaults.
        unlabeled: volumes whose confident predictions are learned from as well, if there are enough.
        name: of the head.
        monitor: hears of progress, and may cancel. Cancelled while encoding: raises Cancelled. Cancelled while
            training: the best head so far is returned and its card says so.
        start_from: go on from this head if it fits.
        store: the feature cache.
        method: constants of the method, if they are to be others than ``METHOD``.
        channel_names: what the channels are, for the card; empty: the kinds that the names of the first volume tell.
        options: fields of ``config`` that are to be others.

    Raises:
        InputError: if the annotation teaches nothing, or an option is not possible.
        GeometryError: if grids differ.
        Cancelled: if the monitor asks for it before there is a head.
    """
    config = replace(config or TrainingConfig(), **options)
    monitor = monitor or Silent()
    method = method or constants.METHOD
    names = _channel_names(cases, unlabeled, start_from, channel_names)
    others = require_enough(unlabeled, method.least_unlabeled, monitor)
    cases = under_one_labelling(cases, config.ignore_label, _labelling_of(start_from))
    _warn_of_other_structures(start_from, cases, config.ignore_label, monitor)
    began = clock.now()
    context = TrainingContext.of(
        cases,
        config,
        monitor,
        store or FeatureCache(),
        name=name,
        start_from=start_from,
        self_trains=bool(others),
        method=method,
        channel_names=names,
    )
    for words in coarse_to_learn_in(context.data.plane, [case.volume for case in cases]):
        monitor.warning(words)
    warn_if_slow(context)
    head, stage = fit_stages(context, StageBudget.of(context.budget, context.stages, began))
    if context.completes_labels and not head.card.training.cancelled:
        context, head, stage = _fit_again(context, stage, head)
    if others and not head.card.training.cancelled:
        head = self_train(head, context, stage, others)
    return head.noted(seen=seen_in(head.card, [*(case.volume for case in cases), *others]))


# The stages ---------------------------------------------------------------------------------------------------------


def fit_stages(context: TrainingContext, budget: StageBudget) -> Fitted:
    """The head of the coarse stage, with one for the ROI stage if there is one. Raises Cancelled while encoding."""
    head, stage = _coarse_stage(context, budget)
    if context.roi is None or head.card.training.cancelled:
        return head, stage
    return _roi_stage(context, stage, context.roi, head)


def _coarse_stage(context: TrainingContext, budget: StageBudget) -> Fitted:
    """Heads on whole slices."""
    data = context.data.coarse
    stage = _next_stage(context, budget, data, context.kinds)
    samples, checks = context.encoded_samples(data, stage, "Encoding views")
    candidates = HeadCandidates(context, stage, context.encoder, samples, checks, context.start_from)
    head = candidates.fit_and_select(context.kinds)
    return _with_priors(context, stage, data, head, context.start_from), stage


def _roi_stage(context: TrainingContext, budget: StageBudget, data: StageData, head: Head) -> Fitted:
    """``head`` with one for the region of interest; as it is if that was cancelled, and its card says so."""
    stage = _next_stage(context, budget, data, (ROI_HEAD_TYPE,))
    encoder, earlier = context.encoder_of(data), context.start_from and context.start_from.closer
    try:
        samples, checks = context.encoded_samples(data, stage, "Encoding closer views")
    except Cancelled:
        return head.noted(cancelled=True), stage
    fitted = HeadCandidates(context, stage, encoder, samples, checks, earlier).fit_and_select((ROI_HEAD_TYPE,))
    roi_head = _with_priors(context, stage, data, fitted, earlier)
    if roi_head.card.training.cancelled:
        return head.noted(cancelled=True), stage
    differs = roi_head.card.input_size != head.card.input_size
    spec = RoiSpec(
        side_mm=data.side_mm,
        head=roi_head.card.head,
        shapes=roi_head.card.shapes,
        encoder=roi_head.card.encoder if differs else None,
    )
    card = replace(head.card, closer=spec)
    both = Head(card, head.module, head.prior, replace(roi_head, card=card.closer_card() or card))
    either = {"cut_short": True} if head.cut_short or roi_head.cut_short else {}
    return both.noted(seconds=round(stage.seconds_gone, 1), **either), stage


def _fit_again(context: TrainingContext, stage: StageBudget, head: Head) -> tuple[TrainingContext, Head, StageBudget]:
    """The training on the annotation that ``head`` filled in, in what is left of the time; as given, and noted, when
    cancelled."""
    try:
        again = context.with_completed(complete_labels(head, context))
        better, last = fit_stages(again, replace(stage, stages=again.stages))
    except Cancelled:
        return context, head.noted(cancelled=True), stage
    if better.card.training.cancelled:
        return context, head.noted(cancelled=True), stage
    return again, better, last


def _with_priors(
    context: TrainingContext, stage: StageBudget, data: StageData, head: Head, earlier: Head | None
) -> Head:
    """``head``, which sees slices as the stage does, with priors of its data if these allow them."""
    if head.card.training.cancelled:
        return head
    seed, monitor, priors = context.config.seed, context.monitor, context.method.priors
    plane = replace(head.card.plane, side_mm=data.side_mm)
    head = replace(head, card=replace(head.card, plane=plane))
    stacks = data.stacks if context.trains_priors else []
    head = attach_shape_prior(head, stacks, earlier, stage.shape_steps, seed, monitor, priors)
    if data is context.data.coarse:
        head = attach_layout_prior(head, stacks, stage.layout_steps, seed, monitor, priors)
    return head.noted(seconds=round(stage.seconds_gone, 1))


def _next_stage(context: TrainingContext, budget: StageBudget, data: StageData, kinds: Sequence[str]) -> StageBudget:
    """The budget of the stage that begins now, on these data with heads of these kinds."""
    least, classes = least_seconds(context, data, kinds), len(context.data.structures) + 1
    if not (context.trains_priors and context.data.coarse.stacks):
        return budget.next_stage(least)
    priors = context.method.priors
    layout = layout_pace(classes, priors) if context.data.roi is None else None
    return budget.next_stage(least, shape_pace(classes, priors), layout)


# What is said before ------------------------------------------------------------------------------------------------


def _channel_names(
    cases: Sequence[Case], unlabeled: Sequence[Volume], head: Head | None, given: Sequence[str]
) -> tuple[str, ...]:
    """What the channels are called, empty where there is one. Raises InputError for other volumes or an earlier head
    with more or fewer."""
    channels = cases[0].volume.channels if cases else ()
    names = tuple(given) or (kinds_of([channel.name for channel in channels]) if len(channels) > 1 else ())
    if cases and head is not None:
        require_channels(head.card.channel_names, cases[0].volume, f"The head to start from, {head.card.name!r},")
        names = head.card.channel_names
    for volume in [*(case.volume for case in cases[:1]), *unlabeled]:
        require_channels(names, volume, "This training")
    return names if len(channels) > 1 else ()


def _labelling_of(head: Head | None) -> Labelling | None:
    if head is None:
        return None
    return Labelling(f"the head {head.card.name or 'to start from'}", structures_of(head.card))


def _warn_of_other_structures(
    head: Head | None, cases: Sequence[Case], ignore_label: int | None, monitor: Monitor
) -> None:
    """Warn if the cases show other structures than the head to start from knows: nothing of it is used then."""
    if head is None:
        return
    for words in head.reservations():
        monitor.warning(words)
    shown = {value for case in cases for value in case.labelmap.values()} - {ignore_label}
    if shown and shown != set(head.card.values):
        knows = ", ".join(item.name for item in structures_of(head.card))
        names = {item.value: item.name for case in cases for item in case.labelmap.structures}
        here = ", ".join(names[value] for value in sorted(shown))
        monitor.warning(
            f"The head to start from knows {knows}; annotated is {here}. So the training begins anew: annotate the "
            "same structures to go on from it."
        )
