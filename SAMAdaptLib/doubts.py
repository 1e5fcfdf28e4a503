"""Reasons to doubt a result, in words: a head does not know when a volume is not of the kind that it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .heads.card import HeadCard
    from .images import Volume

LEAST_AGREEMENT = 0.75
"""Mean Dice between what a head finds and what its shape prior makes of it, below which a result is doubted.

Set on 20 hearts (ACDC) that no figure of the tables comes from, when slices were not looked at turned yet: 7 were
doubted, with a true Dice of 0.53 on average, among them all three below 0.5; the 13 others had 0.73, the least of them
0.60. Since slices are, most of those come out well: of 40 results on the same hearts, by two heads, one is doubted
(0.32), and two others are below 0.5. Abdomens (CHAOS): none of 5 was doubted (0.72 to 0.83); of 4 volumes of other
kinds 3 were, of 3 mirrored ones 1, of 3 upside down 1, and none of 3 with inverted contrast: most of these fail without
contradicting the shapes.
"""


def doubts(
    card: HeadCard, volume: Volume, found: Mapping[int, float], agreement: float | None, whole: bool = True
) -> list[str]:
    """Why the head of ``card`` is likely to have failed on ``volume``; empty when nothing speaks for it.

    ``found``: what was found, by label value. ``agreement``: between the head and its shape prior, None where it has
    none or found nothing. ``whole``: the whole volume was looked at.
    """
    reasons = []
    if card.modality and volume.modality and card.modality != volume.modality:
        reasons.append(f"The volume is {volume.modality}, and the head was trained on {card.modality}.")
    missing = [str(structure["name"]) for structure in card.structures if structure["value"] not in found]
    if missing and whole:
        reasons.append(f"Not found: {', '.join(missing)}.")
    if agreement is not None and agreement < LEAST_AGREEMENT:
        reasons.append(
            f"What the head found has little of the shapes that it was trained on (agreement {agreement:.2f}). "
            "The volume may differ too much from the training volume, in kind, contrast or orientation."
        )
    return reasons
