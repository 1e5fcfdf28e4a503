"""What cases say about anatomy beyond single pixels: the plane to learn in, and facts of structures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..inference.components import contact_fractions, is_single_component
from ..preprocessing.slicing import SliceStack, resolve_plane

if TYPE_CHECKING:
    from ..data.case import Case
    from ..data.structure import Structure
    from ..preprocessing.slicing import PlaneChoice

CLEARLY_MORE = 1.25
"""How many times as many structures a slice of another plane must show on average to be preferred to an axial one."""


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
    found = [contact_fractions(case.labelmap.voxels, values) for case in cases]
    sizes_ml = [case.labelmap.volumes_ml() for case in cases]
    facts = []
    for value in values:
        touched = sorted(set.intersection(*(set(of_case[value]) for of_case in found)))
        share = {str(other): round(float(np.mean([case[value][other] for case in found])), 4) for other in touched}
        single = all(is_single_component(case.labelmap.voxels == value) for case in cases)
        ours_ml = [of_case[value] for of_case in sizes_ml if value in of_case]
        span_ml = [min(ours_ml), max(ours_ml)]
        facts.append({"single_component": single, "touches": touched, "contact": share, "ml": span_ml})
    return facts
