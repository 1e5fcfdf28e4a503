"""Reasons to doubt a result, in words: a head does not know when a volume is not of the kind that it learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..features.sliced_volume import plane_for_volume, slices_for_head
from ..heads.parts import MOST_SEEN
from ..preprocessing.intensity import GRAY_LIMITS
from ..preprocessing.slicing import SliceStack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.geometry import Geometry
    from ..data.image import Volume
    from ..features.sliced_volume import SlicedVolume
    from ..heads.card import HeadCard
    from ..heads.parts import PlaneRule, StructureFacts
    from ..preprocessing.slicing import Bounds

LEAST_AGREEMENT = 0.8
"""Mean Dice between what a head finds and what its shape prior makes of it, below which a result is doubted.

This and ``VOLUME_RATIO_LIMIT`` were set on 97 results of development cases (hearts, abdomens, hippocampi), some of them
mirrored, upside down or inverted, and on other kinds of volumes: 26 of the 27 with a Dice below 0.5 are doubted, 8 of
the others.
"""

VOLUME_RATIO_LIMIT = 5.0
"""How many times as large as the largest of the annotations, or as small as the smallest, a structure may be. Hearts of
one size and shape do not exist: ventricles that were found well had up to 3.5 times more or less."""

FINER = 3.0
"""How many times as fine or as coarse as in the training the pixels of a slice may be. Hearts of ACDC differ by 1.6;
what is farther apart than three times was imaged for something else, or has its unit wrong."""

FINER_SLICES = 6.0
"""The same for the distance of slices, which a head that looks at single slices minds less: CT is kept at 5 mm and at
1 mm."""

TOO_COARSE = 3.0
"""How many times as long as wide the pixels of a slice may be: planes across slices thicker than that show steps, not
shapes."""

QUANTILES = (5, 10, 25, 50, 75, 90, 95)
"""In percent: of the gray values by which volumes are compared."""

GRAY_DISTANCE = 0.22
"""How far apart, as a share of the range, the quantiles of the gray values may be on average from those of the closest
training volume. Of 1,267 pairs of one kind (hearts of two sources, hippocampi, abdomens in MR and CT, spines) the
farthest had 0.161; hearts, abdomens and spines had 0.286 and more from inverted ones of their kind."""

LEAST_CERTAINTY = 0.7
"""Mean probability of a structure's voxels below which its result is to be checked."""

DOUBTED_SHARE = 0.5
"""Expected share of wrongly labelled pixels from which on a slice may be to be checked. Along the borders of small
structures a head is unsure even where it is right, so that this alone says little: of two hippocampi that were found
with a Dice of 0.85 and 0.86, slices have 0.16 to 0.59, and those above 0.5 are 2 of 20 and 3 of 26, at the ends."""

DOUBTED_MORE = 2.0
"""How many times as doubtful as the median slice a slice must be to be checked: the odd ones are worth it."""

MOST_DOUBTED = 0.6
"""Median of the expected shares from which on it is the whole result that is to be checked, not some slices."""

NOT_FOUND = "Not found: "

_SAMPLE = 200_000


@dataclass(frozen=True)
class Verdict:
    """What to make of a result, for a person who has no reference.

    ``level``: "as_trained" (nothing speaks against it), "check" (look at ``slices``, or for ``reasons``) or "wrong"
    (it probably is). ``slices``: stretches (first, last) from 0, in the order of the volume. ``reasons``: English
    sentences.
    """

    level: str
    slices: tuple[tuple[int, int], ...] = ()
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {**asdict(self), "slices": [list(stretch) for stretch in self.slices], "reasons": list(self.reasons)}


def verdict(
    reasons: Sequence[str], names: Mapping[int, str], certainty: Mapping[int, float], doubt: Mapping[int, float]
) -> Verdict:
    """What to make of a result.

    ``reasons``: what ``quality_warnings`` found. ``names``: the structures, by label value; ``certainty``: the mean
    probability of those that were found. ``doubt``: for each slice that shows or may show something, the expected share
    of wrongly labelled pixels.

    A structure that is missing may be missing in the patient, so that alone asks for a look; all else that
    ``quality_warnings`` knows of speaks of another kind of volume or of another shape.
    """
    grave = [reason for reason in reasons if not reason.startswith(NOT_FOUND)]
    if grave or (names and not certainty):
        return Verdict("wrong", (), tuple(reasons))
    unsure = [value for value, share in certainty.items() if share < LEAST_CERTAINTY]
    said = [*reasons, *(f"The certainty of {names[value]} is {certainty[value]:.0%}." for value in unsure)]
    usual = float(np.median(list(doubt.values()))) if doubt else 0.0
    least = max(DOUBTED_SHARE, DOUBTED_MORE * usual)
    doubted = sorted(number for number, share in doubt.items() if share >= least)
    if usual >= MOST_DOUBTED:
        count = sum(share >= MOST_DOUBTED for share in doubt.values())
        said.append(f"{count} of {len(doubt)} slices are uncertain.")
        doubted = []
    if said or doubted:
        return Verdict("check", stretches(doubted), tuple(said))
    return Verdict("as_trained")


def stretches(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Ascending numbers as stretches (first, last) of neighbours."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)


def looks_of(sliced: SlicedVolume) -> dict[str, Any]:
    """How a volume looks to a head: ``spacing_mm`` (rows, columns, slices) and ``gray``, quantiles of its gray values
    (0 to 255, at ``QUANTILES``); ``more``: those of further channels, where there are some."""
    first, *more = ([round(float(value)) for value in found] for found in _quantiles(sliced))
    spacing = (*sliced.stack.spacing, sliced.stack.thickness_mm)
    looks: dict[str, Any] = {"spacing_mm": [round(float(mm), 4) for mm in spacing], "gray": first}
    return {**looks, "more": more} if more else looks


def _quantiles(sliced: SlicedVolume) -> list[NDArray[np.float64]]:
    """Of the gray values of each channel."""
    step = sliced.volume.voxels.size // _SAMPLE | 1
    channels = enumerate(sliced.volume.channels)
    return [np.percentile(sliced.gray(each.voxels.ravel()[::step], index), QUANTILES) for index, each in channels]


def gray_distance(seen: Sequence[float], here: Sequence[float]) -> float:
    """How far the quantiles of gray values are apart on average, as a share of the range."""
    apart = np.abs(np.asarray(here, float) - np.asarray(seen, float)).mean()
    return float(apart / (GRAY_LIMITS[1] - GRAY_LIMITS[0]))


def seen_in(card: HeadCard, volumes: Iterable[Volume]) -> list[dict[str, Any]]:
    """How the volumes that a head learned from look to it, for its card."""
    return [looks_of(slices_for_head(card, volume)) for volume, _ in zip(volumes, range(MOST_SEEN), strict=False)]


def unfamiliar(card: HeadCard, looks: Mapping[str, Any]) -> list[str]:
    """What the head of ``card`` has seen nothing like; empty where its card does not say what it has seen."""
    seen = card.seen
    if not seen:
        return []
    reasons = []
    kinds = (("pixels are {:.3g} mm wide", (0, 1), FINER), ("slices are {:.3g} mm apart", (2,), FINER_SLICES))
    for words, axes, factor in kinds:
        known = [each.spacing_mm[axis] for each in seen for axis in axes]
        least, most = min(known), max(known)
        odd = [mm for axis in axes if not least / factor <= (mm := looks["spacing_mm"][axis]) <= most * factor]
        if odd:
            trained = f"{least:.3g} mm" if least == most else f"{least:.3g} to {most:.3g} mm"
            reasons.append(f"The volume's {words.format(odd[0])}; in the training that was {trained}.")
    names = [f"channel {name} of the volume" for name in card.channel_names] or ["volume"]
    for index, (name, here) in enumerate(zip(names, (looks["gray"], *looks.get("more", ())), strict=False)):
        if min(gray_distance(each.grays[index], here) for each in seen) <= GRAY_DISTANCE:
            continue
        reasons.append(
            f"The {name} is bright and dark in quite other parts than any that the head was trained on: it may be of "
            "another kind, inverted, or cut out of a larger one."
        )
    return reasons


def check_planes(own: SlicedVolume, others: Sequence[SlicedVolume]) -> str:
    """What to say of planes in which a head is to look at a volume besides its ``own``, "" when there are none.

    Raises InputError where such a plane runs across slices much thicker than their pixels are wide.
    """
    foreign = [other.stack for other in others if other.stack.choice.axis != own.stack.choice.axis]
    for stack in foreign:
        if is_coarse(stack):
            msg = (
                f"The pixels of {stack.plane} slices of {own.volume.name or 'this volume'} are {_sides(stack)}: its "
                f"own slices are too thick for the head, which learned from {own.stack.plane} ones, to see them so."
            )
            raise InputError(msg, "Look in one direction, in the plane of the head (the standard settings).")
    if not foreign:
        return ""
    names = " and ".join(stack.plane for stack in foreign)
    return (
        f"The head learned from {own.stack.plane} slices and looked at {names} ones, in which it mostly finds less. "
        "Compare with the result of one direction, in the plane of the head."
    )


def is_coarse(stack: SliceStack) -> bool:
    """Whether its plane runs across slices much thicker than their pixels are wide."""
    return max(stack.spacing) > TOO_COARSE * min(stack.spacing)


def coarse_to_learn_in(plane: PlaneRule, volumes: Iterable[Volume]) -> list[str]:
    """What to say of volumes that ``plane`` resolves badly, before their slices are learned from; mostly nothing."""
    stacks = [(volume.name, SliceStack(volume.geometry, plane_for_volume(plane, volume))) for volume in volumes]
    return [
        f"The pixels of {stack.plane} slices of {name or 'a volume'} are {_sides(stack)}: what lies between its own "
        "slices is hardly seen in them. The plane 'auto' takes the best resolved one."
        for name, stack in stacks
        if is_coarse(stack)
    ]


def _sides(stack: SliceStack) -> str:
    return f"{min(stack.spacing):.3g} x {max(stack.spacing):.3g} mm"


def check_region(region: Bounds, geometry: Geometry) -> str:
    """What to say of a region of interest that reaches beyond the volume, "" when it does not.

    ``region``: half-open voxel bounds ((i0, i1), (j0, j1), (k0, k1)). Raises InputError when it misses the volume.
    """
    beyond = []
    for axis, (first, last), size in zip("ijk", region, geometry.size, strict=True):
        if first >= size or last <= 0:
            shape = " x ".join(map(str, geometry.size))
            msg = f"The region lies beside the volume: {axis} {first} to {last}, and it has {shape} voxels (i, j, k)."
            raise InputError(msg, "Give voxels that the volume has, or no region.")
        if first < 0 or last > size:
            beyond.append(f"{axis} {first} to {last} of {size}")
    if not beyond:
        return ""
    return f"The region reaches beyond the volume ({', '.join(beyond)}): only what lies within was looked at."


def quality_warnings(
    card: HeadCard,
    volume: Volume,
    found_ml: Mapping[int, float],
    agreement: float | None,
    whole: bool = True,
    looks: Mapping[str, Any] | None = None,
) -> list[str]:
    """Why the head of ``card`` is likely to have failed on ``volume``; empty when nothing speaks for it.

    ``found_ml``: the size of each structure that was found, by label value. ``agreement``: between the head and its
    shape prior, None where it has none or found nothing. ``whole``: the whole volume was looked at. ``looks``: how the
    volume looks to the head.
    """
    reasons = wrong_modality(card, volume)
    if looks is not None:
        reasons += unfamiliar(card, looks)
    if not whole and not found_ml:
        reasons.append("Nothing was found in the region.")
    if whole:
        missing = [structure.name for structure in card.structures if structure.value not in found_ml]
        if missing:
            reasons.append(f"{NOT_FOUND}{', '.join(missing)}.")
        reasons += [words for structure in card.structures if (words := _odd_size(structure, found_ml))]
    if agreement is not None and agreement < LEAST_AGREEMENT:
        reasons.append(
            f"What the head found has little of the shapes that it was trained on (agreement {agreement:.2f}). "
            "The volume may differ too much from the training volume, in kind, contrast or orientation."
        )
    return reasons


def wrong_modality(card: HeadCard, volume: Volume) -> list[str]:
    """What to say of channels of another modality than those of the training; mostly nothing."""
    pairs = zip(card.modalities, volume.channels, card.channel_names or ("",), strict=False)
    return [
        f"The {f'channel {name}' if name else 'volume'} is {channel.modality}, and the head was trained on {trained}."
        for trained, channel, name in pairs
        if trained and channel.modality and trained != channel.modality
    ]


def _odd_size(structure: StructureFacts, found_ml: Mapping[int, float]) -> str:
    """What is odd about the size of a structure, where its size in the annotations is known; mostly nothing."""
    here = found_ml.get(structure.value)
    if not here or not structure.ml:
        return ""
    least, most = structure.ml
    if least / VOLUME_RATIO_LIMIT <= here <= most * VOLUME_RATIO_LIMIT:
        return ""
    trained = f"{least:.3g} ml" if least == most else f"{least:.3g} to {most:.3g} ml"
    return f"{structure.name} has {here:.3g} ml; in the training it had {trained}."
