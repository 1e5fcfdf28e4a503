"""What cases say about anatomy beyond single pixels, and how a head gets to know it: planes, pieces, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..heads.parts import ArrangementSpec, ShapeSpec
from ..networks.layout_prior import GRID
from .layout_training import LayoutPriorTrainer
from .settings import PRIORS, PriorSettings
from .shape_training import ShapePriorTrainer

if TYPE_CHECKING:
    from ..heads.head import Head
    from ..progress import Monitor
    from .training import LabelStack


def attach_shape_prior(
    head: Head,
    stacks: Sequence[LabelStack],
    earlier: Head | None,
    steps: int,
    seed: int,
    monitor: Monitor,
    settings: PriorSettings = PRIORS,
) -> Head:
    """``head`` with a shape prior of ``stacks``.

    Without stacks, as when a few corrected slices are all that is new, the prior of ``earlier`` serves on where it is
    of the same structures and the same look at volumes. Cancelled: ``head`` without a prior, and its card says so.
    """
    if not stacks:
        if earlier is None or (earlier.card.values, earlier.card.plane) != (head.card.values, head.card.plane):
            return head
        return taking_over(head, earlier)
    trainer = ShapePriorTrainer(len(head.card.structures) + 1, settings)
    prior = trainer.train(stacks, steps=steps, seed=seed, monitor=monitor)
    if prior is None:
        return head.noted(cancelled=True)
    shapes = ShapeSpec.of({**prior.hyper(), "distance_mm": stacks[0].distance_mm})
    return replace(head, prior=prior, card=replace(head.card, shapes=shapes))


def attach_layout_prior(
    head: Head,
    stacks: Sequence[LabelStack],
    steps: int,
    seed: int,
    monitor: Monitor,
    settings: PriorSettings = PRIORS,
) -> Head:
    """``head`` with an arrangement prior of ``stacks``, where there are stacks and steps.

    Its cells are too coarse for what fills a small part of the canvas: hearts came out worse with it. Cancelled:
    without one, and the card says so.
    """
    if not (stacks and steps) or head.card.training.cancelled:
        return head
    trainer = LayoutPriorTrainer(len(head.card.structures) + 1, settings)
    arrangement = trainer.train(stacks, steps=steps, seed=seed, monitor=monitor)
    if arrangement is None:
        return head.noted(cancelled=True)
    facts = ArrangementSpec.of({**arrangement.hyper(), "cell_mm": stacks[0].frame.side_mm / GRID})
    return replace(head, arrangement=arrangement, card=replace(head.card, arrangement=facts))


def taking_over(head: Head, earlier: Head) -> Head:
    """``head`` with the priors of ``earlier``, which may be none."""
    card = replace(head.card, shapes=earlier.card.shapes, arrangement=earlier.card.arrangement)
    return replace(head, prior=earlier.prior, arrangement=earlier.arrangement, card=card)
