"""What cases say about anatomy beyond single pixels, and how a head gets to know it: planes, pieces, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrangement import learn_arrangement
from .components import contacts, is_single, keep_main_pieces
from .heads.arrangement import PLACES
from .heads.parts import ArrangementSpec, ShapeSpec
from .shapes import learn_shapes
from .slicing import SliceStack, resolve_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .heads.card import HeadCard
    from .heads.file import Head
    from .heads.parts import StructureFacts
    from .progress import Monitor
    from .samples import Case
    from .shapes import LabelStack
    from .slicing import PlaneChoice
    from .structure import Structure

CLEARLY_MORE = 1.25
"""How many times as many structures a slice of another plane must show on average to be preferred to an axial one."""

FORMER_CONTACT = 0.2
"""What share of its surface a structure touches another with, where a head from before that was kept only says that it
does."""

SINGLE_SLICES = 0.5
"""Share of annotated voxels beside a slice without annotation from which on slices were drawn one by one."""


def plane_to_learn_in(case: Case, structures: Sequence[Structure], plane: str, whole: bool) -> PlaneChoice:
    """``plane`` on the grid of ``case``; what "auto" means there follows from the annotation, too.

    Where slices were left open (not ``whole``) it is the plane in which a person drew slice by slice. On a grid as
    fine in all directions it is the one whose slices show most structures at once: vertebrae, which only their order
    tells apart, can be named in a sagittal slice and in no axial one. Otherwise the plane of best in-plane resolution.
    """
    choice = resolve_plane(case.volume.geometry, plane)
    if plane != "auto" or (whole and choice.acquisition):
        return choice
    measure, least, times = (_shown_together, 0.0, CLEARLY_MORE) if whole else (_apart, SINGLE_SLICES, 2.0)
    found = {name: measure(case, structures, name) for name in ("axial", "coronal", "sagittal")}
    best = max(found, key=lambda name: found[name])
    clear = found[best] >= max(least, times * found[choice.name])
    return resolve_plane(case.volume.geometry, best) if clear else choice


def _shown_together(case: Case, structures: Sequence[Structure], plane: str) -> float:
    """How many structures a slice of that plane shows on average, where it shows any."""
    labels = SliceStack(case.volume.geometry, plane).oriented(case.labelmap.voxels)
    counts = sum((labels == structure.value).any(axis=(1, 2)).astype(int) for structure in structures)
    return float(np.mean(counts[counts > 0]))


def _apart(case: Case, structures: Sequence[Structure], plane: str) -> float:
    """Share of the voxels with a structure that have none before or behind them in that plane: 1 on single slices."""
    labels = SliceStack(case.volume.geometry, plane).oriented(case.labelmap.voxels)
    drawn = np.pad(np.isin(labels, [structure.value for structure in structures]), ((1, 1), (0, 0), (0, 0)))
    inner = drawn[:-2] & drawn[1:-1] & drawn[2:]
    return 1 - float(inner.sum() / drawn.sum())


def pieces(cases: Sequence[Case], structures: Sequence[Structure], whole: bool) -> list[dict[str, Any]]:
    """Whether each structure is one piece, what it touches, and how large it is, as a card keeps it.

    Where slices or pixels were left open (not ``whole``), nothing can be said: False and nothing.
    """
    if not whole:
        return [{"single_component": False, "touches": [], "contact": {}, "ml": []} for _ in structures]
    values = [structure.value for structure in structures]
    found = [contacts(case.labelmap.voxels, values) for case in cases]
    sizes_ml = [case.labelmap.volumes_ml() for case in cases]
    facts = []
    for value in values:
        touched = sorted(set.intersection(*(set(of_case[value]) for of_case in found)))
        share = {str(other): round(float(np.mean([case[value][other] for case in found])), 4) for other in touched}
        single = all(is_single(case.labelmap.voxels == value) for case in cases)
        ours_ml = [of_case[value] for of_case in sizes_ml if value in of_case]
        span_ml = [min(ours_ml), max(ours_ml)]
        facts.append({"single_component": single, "touches": touched, "contact": share, "ml": span_ml})
    return facts


def keep_pieces(labels: NDArray[Any], card: HeadCard, wanted: bool | None = None) -> None:
    """Keep the main piece of each structure in ``labels`` (k, j, i), in place.

    ``wanted`` None: of those structures that were one piece in the annotation.
    """
    structures = card.structures
    singles = [s.value for s in structures if (s.single_component if wanted is None else wanted)]
    keep_main_pieces(labels, singles, {s.value: _contact(s) for s in structures})


def _contact(structure: StructureFacts) -> dict[int, float]:
    """What share of a structure's surface touches which others, as its card has it."""
    if structure.contact is None:
        return dict.fromkeys(structure.touches, FORMER_CONTACT)
    return {int(other): share for other, share in structure.contact.items()}


def in_shape(
    head: Head, stacks: Sequence[LabelStack], earlier: Head | None, steps: int, seed: int, monitor: Monitor
) -> Head:
    """``head`` with a shape prior of ``stacks``.

    Without stacks, as when a few corrected slices are all that is new, the prior of ``earlier`` serves on where it is
    of the same structures and the same look at volumes. Cancelled: ``head`` without a prior, and its card says so.
    """
    if not stacks:
        if earlier is None or (earlier.card.values, earlier.card.plane) != (head.card.values, head.card.plane):
            return head
        return taking_over(head, earlier)
    prior = learn_shapes(stacks, len(head.card.structures) + 1, steps=steps, seed=seed, monitor=monitor)
    if prior is None:
        return head.noted(cancelled=True)
    shapes = ShapeSpec.of({**prior.hyper(), "distance_mm": stacks[0].distance_mm})
    return replace(head, prior=prior, card=replace(head.card, shapes=shapes))


def arranged(head: Head, stacks: Sequence[LabelStack], steps: int, seed: int, monitor: Monitor) -> Head:
    """``head`` with an arrangement prior of ``stacks``, where there are stacks and steps.

    Its cells are too coarse for what fills a small part of the canvas: hearts came out worse with it. Cancelled:
    without one, and the card says so.
    """
    if not (stacks and steps) or head.card.training.cancelled:
        return head
    arrangement = learn_arrangement(stacks, len(head.card.structures) + 1, steps=steps, seed=seed, monitor=monitor)
    if arrangement is None:
        return head.noted(cancelled=True)
    facts = ArrangementSpec.of({**arrangement.hyper(), "cell_mm": stacks[0].frame.side_mm / PLACES})
    return replace(head, arrangement=arrangement, card=replace(head.card, arrangement=facts))


def taking_over(head: Head, earlier: Head) -> Head:
    """``head`` with the priors of ``earlier``, which may be none."""
    card = replace(head.card, shapes=earlier.card.shapes, arrangement=earlier.card.arrangement)
    return replace(head, prior=earlier.prior, arrangement=earlier.arrangement, card=card)
