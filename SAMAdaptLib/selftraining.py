"""Learns from volumes without annotation: confident predictions become labels, the rest stays unknown.

A gate keeps the first head when the adapted one does worse on the held-out slices of the annotated cases: a head that
believes its own mistakes can collapse, and the annotated slices are the only truth at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .anatomy import taking_over
from .closer import annotated_extent, seen_closer
from .predictor import Predictor
from .samples import AnnotatedSlice, draw_samples, limit_empty, seen_by, spread
from .views import IGNORED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .heads.file import Head
    from .samples import Sample
    from .training import Session
    from .volume import Volume

CONFIDENT = 0.9
"""Pixels whose winning class has at least this probability are learned from."""

VIEWS = 3
"""Views of each pseudo-labelled slice."""

TOLERATED_LOSS = 0.02
"""Held-out Dice that adaptation may cost before the gate shuts."""

AT_MOST = 3
"""Pseudo-labelled slices per annotated one."""


def adapt(head: Head, session: Session, volumes: Sequence[Volume]) -> Head:
    """``head`` trained further on its own confident predictions in ``volumes``, or ``head`` when that does not help.

    The card's ``training["unlabeled"]`` counts the volumes, and is 0 when the gate kept the first head. Cancelled:
    ``head``, and its card says so.
    """
    found = [pseudo_labelled(head, volume, session) for volume in volumes]
    session.begin_part()
    pseudo = _views(found, session, len(session.lessons.first.training))
    if not pseudo:
        session.monitor.warning("Nothing was confidently found in the unlabelled volumes; the head stays as it was.")
        return head.noted(unlabeled=0)
    samples, checks = session.samples(session.lessons.first)
    session.types = tuple(part.type_name for part in head.module.parts())
    adapted = taking_over(session.best_of([*samples, *pseudo], checks, head), head)
    if session.closer is not None:
        closer = _views(_closer(found, session.closer.side_mm), session, len(session.closer.training))
        adapted = session.with_closer(adapted, head, closer)
    if adapted.card.training["cancelled"]:
        return head.noted(unlabeled=0, cancelled=True)
    before, after = head.card.mean_dice or 0.0, adapted.card.mean_dice or 0.0
    if checks and after < before - TOLERATED_LOSS:
        session.monitor.warning(f"Unlabelled volumes made it worse ({before:.3f} to {after:.3f}); they were not used.")
        return head.noted(unlabeled=0)
    return adapted.noted(unlabeled=len(volumes))


def _views(found: Sequence[Sequence[AnnotatedSlice]], session: Session, annotated: int) -> list[Sample]:
    """Encoded views of pseudo-labelled slices with a structure, not too many beside the annotated ones."""
    shown = [item for item in limit_empty([item for slices in found for item in slices]) if item.present]
    samples = draw_samples(spread(shown, AT_MOST * annotated), VIEWS, session.encoder, session.recipe.seed)
    session.embedder.prepare([sample.view for sample in samples], session.monitor, "Encoding unlabelled volumes")
    return samples


def _closer(found: Sequence[Sequence[AnnotatedSlice]], side_mm: float) -> list[list[AnnotatedSlice]]:
    """The pseudo-labelled slices of each volume through a window around what was found there."""
    places = [annotated_extent(slices) for slices in found]
    return [seen_closer(slices, place, side_mm) for slices, place in zip(found, places, strict=True) if place]


def pseudo_labelled(head: Head, volume: Volume, session: Session) -> list[AnnotatedSlice]:
    """The slices of ``volume`` with the head's confident predictions as annotation."""
    predictor = Predictor(head, session.encoder, session.recipe.device, session.monitor, session.store)
    sliced = seen_by(head.card, volume)
    found = []
    for index, probabilities in enumerate(predictor.slices(sliced, (sliced.frame,))):
        if probabilities is not None:
            found.append(AnnotatedSlice(sliced.picture(index), confident_classes(probabilities)))
    return found


def confident_classes(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(classes, rows, columns) probabilities to class indices, IGNORED where no class is probable enough."""
    classes = probabilities.argmax(axis=0).astype(np.uint8)
    classes[probabilities.max(axis=0) < CONFIDENT] = IGNORED
    return classes
