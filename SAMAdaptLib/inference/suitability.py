"""Whether a head suits a volume, said before it is used: which of several is worth a try, and what speaks against it.

By what the head's card says of its training: modality, size of pixels and slices, what is bright and dark, how much
was seen at once and how large the structures were. A head that looks as if it suited can still fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..features.sliced_volume import SlicedVolume, slices_for_head
from .quality_control import VOLUME_RATIO_LIMIT, gray_distance, looks_of, unfamiliar, wrong_modality

if TYPE_CHECKING:
    from ..data.image import Volume
    from ..heads.card import HeadCard

WIDER = 2.0
"""How many times as wide as in the training the slices may be. The largest of the hearts of ACDC is 1.5 times as wide
as the smallest; what shows twice as much was not cut out as the training volumes were."""


@dataclass(frozen=True)
class Suitability:
    """``against``: sentences on what speaks against a head, empty when nothing does. ``known``: its card says what its
    training volumes looked like. ``apart``: how far the volume's grey values are from theirs, 0 to 1."""

    against: tuple[str, ...]
    known: bool
    apart: float = 0.0

    @property
    def fits(self) -> bool:
        """Nothing speaks against it, and it is known what would."""
        return self.known and not self.against

    @property
    def rank(self) -> tuple[bool, int, float]:
        """The lower, the better: what fits first, of these the closest to the training."""
        return not self.fits, len(self.against), self.apart

    @property
    def text(self) -> str:
        """All of it in a sentence or more."""
        if self.against:
            return " ".join(self.against)
        if not self.known:
            return "The head does not say what its training volumes looked like: whether it suits shows in the result."
        return "The volume looks as those did that the head was trained on."


def suitability(card: HeadCard, volume: Volume) -> Suitability:
    """What the card of a head lets expect of it on a volume, before anything is segmented. Takes a moment."""
    if card.channel_count != len(volume.channels):
        return Suitability((_other_channels(card, volume),), bool(card.seen), 1.0)
    against = wrong_modality(card, volume)
    sliced = slices_for_head(card, volume)
    looks = looks_of(sliced)
    against += unfamiliar(card, looks)
    against += _wrong_extent(card, sliced)
    here = (looks["gray"], *looks.get("more", ()))
    each = ([gray_distance(*pair) for pair in zip(seen.grays, here, strict=False)] for seen in card.seen)
    apart = min((sum(distances) / len(distances) for distances in each), default=0.0)
    return Suitability(tuple(against), bool(card.seen), apart)


def best_first(cards: Iterable[HeadCard], volume: Volume) -> list[tuple[HeadCard, Suitability]]:
    """The heads with what is to be expected of them: those that fit first, of these the closest to the training."""
    judged = [(card, suitability(card, volume)) for card in cards]
    return sorted(judged, key=lambda pair: pair[1].rank)


def _other_channels(card: HeadCard, volume: Volume) -> str:
    needs = f"{card.channel_count} channels ({', '.join(card.channel_names)})" if card.channels else "one image"
    return f"The head looks at {needs}, and the volume has {len(volume.channels)}."


def _wrong_extent(card: HeadCard, sliced: SlicedVolume) -> list[str]:
    """What is to say of how much the volume shows: far more than the training volumes, or less than a structure."""
    wide = max(np.multiply(sliced.stack.shape, sliced.stack.spacing))
    reasons = []
    if card.plane.side_mm and wide > WIDER * card.plane.side_mm:
        reasons.append(
            f"The volume's slices are {wide:.0f} mm wide; in the training they were {card.plane.side_mm:.0f} mm at "
            "most: cut out the part that is to be looked at."
        )
    geometry = sliced.volume.geometry
    whole_ml = geometry.voxel_ml * float(np.prod(geometry.size))
    larger = [each.name for each in card.structures if each.ml and each.ml[0] / VOLUME_RATIO_LIMIT > whole_ml]
    if larger:
        reasons.append(f"The volume is too small to hold what the head looks for ({', '.join(larger)}).")
    return reasons
