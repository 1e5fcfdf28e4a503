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

from .components import keep_marked_pieces
from .predictor import Predictor, decided
from .samples import seen_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .heads.file import Head
    from .images import Labelmap
    from .samples import Case, SlicedVolume
    from .training import Session


def completed(head: Head, session: Session) -> list[Labelmap]:
    """The labelmaps of the session's cases, filled in by ``head``; what was drawn stays. Raises Cancelled."""
    recipe = session.recipe
    predictor = Predictor(head, session.encoder, recipe.device, session.monitor, session.store)
    filled = []
    for case in session.lessons.cases:
        sliced = seen_by(head.card, case.volume)
        found = decided(predictor.slices(sliced, (sliced.frame,)), sliced, head.card.values)
        filled.append(filled_in(case, found, sliced, head.card.values, recipe.ignore_label))
    return filled


def filled_in(
    case: Case, found: NDArray[Any], sliced: SlicedVolume, values: Sequence[int], ignore_label: int | None
) -> Labelmap:
    """The annotation of ``case`` with ``found``, label values (k, j, i), where nothing is known.

    ``values``: of the structures. ``ignore_label``: of what is unknown; None: slices (those of ``sliced``) without a
    structure are. Of what was filled in, pieces that hold nothing drawn are left out.
    """
    drawn = case.labelmap.voxels
    marks = np.isin(drawn, values)
    if ignore_label is None:
        known = np.zeros(drawn.shape, bool)
        sliced.stack.oriented(known)[...] = sliced.stack.oriented(marks).any(axis=(1, 2), keepdims=True)
    else:
        known = drawn != ignore_label
    labels = np.where(known, drawn, found)
    keep_marked_pieces(labels, marks, values)
    structures = tuple(structure for structure in case.labelmap.structures if structure.value != ignore_label)
    return replace(case.labelmap, voxels=labels, structures=structures)
