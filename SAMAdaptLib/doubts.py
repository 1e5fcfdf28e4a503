"""Reasons to doubt a result, in words: a head does not know when a volume is not of the kind that it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .heads.card import HeadCard
    from .heads.parts import StructureFacts
    from .images import Volume

LEAST_AGREEMENT = 0.8
"""Mean Dice between what a head finds and what its shape prior makes of it, below which a result is doubted.

This and ``SIZES`` were set on 97 results of development cases (hearts, abdomens, hippocampi), some of them mirrored,
upside down or inverted, and on other kinds of volumes: 26 of the 27 with a Dice below 0.5 are doubted, 8 of the others.
"""

SIZES = 5.0
"""How many times as large as the largest of the annotations, or as small as the smallest, a structure may be. Hearts of
one size and shape do not exist: ventricles that were found well had up to 3.5 times more or less."""


def doubts(
    card: HeadCard, volume: Volume, found_ml: Mapping[int, float], agreement: float | None, whole: bool = True
) -> list[str]:
    """Why the head of ``card`` is likely to have failed on ``volume``; empty when nothing speaks for it.

    ``found_ml``: the size of each structure that was found, by label value. ``agreement``: between the head and its
    shape prior, None where it has none or found nothing. ``whole``: the whole volume was looked at.
    """
    reasons = []
    if card.modality and volume.modality and card.modality != volume.modality:
        reasons.append(f"The volume is {volume.modality}, and the head was trained on {card.modality}.")
    if whole:
        missing = [structure.name for structure in card.structures if structure.value not in found_ml]
        if missing:
            reasons.append(f"Not found: {', '.join(missing)}.")
        reasons += [words for structure in card.structures if (words := _odd_size(structure, found_ml))]
    if agreement is not None and agreement < LEAST_AGREEMENT:
        reasons.append(
            f"What the head found has little of the shapes that it was trained on (agreement {agreement:.2f}). "
            "The volume may differ too much from the training volume, in kind, contrast or orientation."
        )
    return reasons


def _odd_size(structure: StructureFacts, found_ml: Mapping[int, float]) -> str:
    """What is odd about the size of a structure, where its size in the annotations is known; mostly nothing."""
    here = found_ml.get(structure.value)
    if not here or not structure.ml:
        return ""
    least, most = structure.ml
    if least / SIZES <= here <= most * SIZES:
        return ""
    trained = f"{least:.3g} ml" if least == most else f"{least:.3g} to {most:.3g} ml"
    return f"{structure.name} has {here:.3g} ml; in the training it had {trained}."
