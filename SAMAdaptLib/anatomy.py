"""What cases say about anatomy beyond single pixels, and how a head gets to know it: pieces, contacts, shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .components import is_single, touching
from .shapes import learn_shapes

if TYPE_CHECKING:
    from .heads.file import Head
    from .progress import Monitor
    from .samples import Case
    from .shapes import LabelStack
    from .structure import Structure


def pieces(cases: Sequence[Case], structures: Sequence[Structure], whole: bool) -> list[dict[str, Any]]:
    """Whether each structure is one piece, and what it touches, as a card keeps it.

    Where slices or pixels were left open (not ``whole``), nothing can be said: False and nothing.
    """
    if not whole:
        return [{"single_component": False, "touches": []} for _ in structures]
    values = [structure.value for structure in structures]
    contacts = [touching(case.labelmap.voxels, values) for case in cases]
    return [
        {
            "single_component": all(is_single(case.labelmap.voxels == value) for case in cases),
            "touches": sorted(set.intersection(*(set(found[value]) for found in contacts))),
        }
        for value in values
    ]


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
        return replace(head, card=replace(head.card, training={**head.card.training, "cancelled": True}))
    shapes = {**prior.hyper(), "distance_mm": stacks[0].distance_mm}
    return replace(head, prior=prior, card=replace(head.card, shapes=shapes))


def taking_over(head: Head, earlier: Head) -> Head:
    """``head`` with the prior of ``earlier``, which may be none."""
    return replace(head, prior=earlier.prior, card=replace(head.card, shapes=earlier.card.shapes))
