"""Completes an annotation that was left open: a first head answers for the pixels of its own volumes that nobody drew.

Scribbles, or one slice in ten, say nothing of whole shapes: no prior can be learned from them, nor whether a structure
is one piece, nor where to look closer. A head that learned from them fits its own volumes well, though. What it finds
there, where it hangs together with what was drawn, is learned from like an annotation. The slices that judge a head
stay as they were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features.sliced_volume import slices_for_head
from ..inference.cascade import CascadePredictor, argmax_labels
from ..inference.components import keep_marked_pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.case import Case
    from ..data.image import Labelmap
    from ..features.sliced_volume import SlicedVolume
    from ..heads.head import Head
    from .context import TrainingContext


def complete_labels(head: Head, context: TrainingContext) -> list[Labelmap]:
    """The labelmaps of the cases, filled in by ``head``; what was drawn stays. Raises Cancelled."""
    config = context.config
    predictor = CascadePredictor(
        head, context.encoder, config.device, context.monitor, context.store, context.method.cascade
    )
    filled = []
    for case in context.data.cases:
        sliced = slices_for_head(head.card, case.volume)
        found = argmax_labels(predictor.slices(sliced), sliced, head.card.values)
        known = drawn_in(case, sliced, head.card.values, config.annotated_slices_only, config.ignore_label)
        filled.append(fill_unannotated(case, known, found, head.card.values))
    return filled


def drawn_in(
    case: Case, sliced: SlicedVolume, values: Sequence[int], annotated_slices_only: bool, ignore_label: int | None
) -> NDArray[np.bool_]:
    """Where the annotation of ``case`` says something, (k, j, i).

    Not where it has ``ignore_label``; with ``annotated_slices_only`` only on slices (those of ``sliced``) that show one
    of the structures ``values``.
    """
    drawn = case.labelmap.voxels
    known = np.ones(drawn.shape, bool) if ignore_label is None else drawn != ignore_label
    if annotated_slices_only:
        shown = sliced.stack.oriented(np.isin(drawn, values)).any(axis=(1, 2), keepdims=True)
        sliced.stack.oriented(known)[...] &= shown
    return known


def fill_unannotated(case: Case, known: NDArray[np.bool_], found: NDArray[Any], values: Sequence[int]) -> Labelmap:
    """The annotation of ``case`` with ``found``, label values (k, j, i), where it is not ``known``.

    Of the structures ``values``, pieces that hold nothing drawn are left out.
    """
    drawn = case.labelmap.voxels
    labels = np.where(known, drawn, found)
    keep_marked_pieces(labels, known & np.isin(drawn, values), values)
    structures = tuple(structure for structure in case.labelmap.structures if structure.value in values)
    return replace(case.labelmap, voxels=labels, structures=structures)
