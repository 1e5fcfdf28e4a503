"""Which slices of a volume are most worth annotating: where a head is least sure of what it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..features.cache import FeatureCache
from ..features.sliced_volume import slices_for_head
from ..progress import Monitor, Silent
from .cascade import CascadePredictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.io.volumes import Volume
    from ..heads.head import Head
    from ..preprocessing.slicing import SliceStack

DOUBTFUL = 0.25
"""A pixel with at least this probability of being labelled wrongly counts for where on the slice to look."""

LITTLE = 0.3
"""Slices with less than this part of the mean size are where structures end."""

NAMED_SHARE = 0.5
"""Structures with at least this part of the most doubtful one's doubt are named."""

MEAN_SHARE = 0.25
"""Part of the mean structure size that is added to every slice's, so that a speck does not win by its smallness."""

APART_SHARE = 0.1
"""Suggestions are at least this part of the stack apart: neighbours show the same."""


@dataclass(frozen=True)
class Suggestion:
    """A slice worth annotating.

    ``slice``, ``slices``: its number from 0, and of how many, in display order of ``plane``; ``ijk``: the voxel to
    look at; ``doubt``: expected share of wrongly labelled structure pixels, 0..1; ``structures``: whom it concerns.
    """

    plane: str
    slice: int
    slices: int
    ijk: tuple[int, int, int]
    doubt: float
    structures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {**asdict(self), "ijk": list(self.ijk), "structures": list(self.structures)}


@dataclass(frozen=True)
class _Look:
    """What one slice told: expected wrong pixels, expected structure pixels, doubt by class, where to look."""

    slice: int
    wrong: float
    size: float
    classes: NDArray[np.float64]
    pixel: tuple[int, int]


def suggest_slices(
    volume: Volume, head: Head, *, count: int = 5, device: str = "auto", monitor: Monitor | None = None
) -> list[Suggestion]:
    """At most ``count`` slices, the most doubtful first. Raises InputError, HeadFileError, Cancelled."""
    if count < 1:
        msg = f"At least one slice must be asked for, not {count}."
        raise InputError(msg)
    predictor = CascadePredictor(head, None, device, monitor or Silent(), FeatureCache())
    sliced = slices_for_head(head.card, volume)
    found = enumerate(predictor.slices(sliced))
    looks = [_look(index, probabilities) for index, probabilities in found if probabilities is not None]
    names = [structure.name for structure in head.card.structures]
    return [_suggestion(look, doubt, sliced.stack, names) for look, doubt in _chosen(looks, count, len(sliced))]


class DoubtBySlice:
    """Which slices of a result are doubtful, found while it is made: ``hear`` is a
    ``SliceCallback``."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._looks: list[_Look] = []

    def hear(self, index: int, winner: NDArray[np.intp], probability: NDArray[np.float32]) -> None:
        """Take one slice: the class of each pixel and its probability, (rows, columns)."""
        wrong = 1 - probability
        classes = np.bincount(winner.ravel(), wrong.ravel(), self._classes)[1:].astype(np.float64)
        size = float(np.count_nonzero(winner))
        self._looks.append(_Look(index, float(wrong.sum(dtype=np.float64)), size, classes, _middle(wrong)))

    def shares(self) -> dict[int, float]:
        """The expected share of wrongly labelled pixels of each slice, but for those that show little of a structure:
        where it ends, a few pixels are always doubtful."""
        shown = [look.size for look in self._looks if look.size]
        least = LITTLE * float(np.mean(shown)) if shown else 0.0
        return {look.slice: min(doubt, 1.0) for look, doubt in _doubts(self._looks) if look.size and look.size >= least}

    def places(self, stack: SliceStack, slices: Sequence[int]) -> list[list[int]]:
        """The voxel (i, j, k) to look at on each of these slices."""
        looks = {look.slice: look for look in self._looks}
        return [list(_suggestion(looks[number], 0.0, stack, ()).ijk) for number in slices]

    def suggestions(self, stack: SliceStack, names: Sequence[str], count: int = 5) -> list[Suggestion]:
        """The most doubtful slices, as ``suggest_slices`` finds them."""
        return [_suggestion(look, doubt, stack, names) for look, doubt in _chosen(self._looks, count, len(stack))]


def _look(index: int, probabilities: NDArray[np.float32]) -> _Look:
    """Sum up the class probabilities (classes, rows, columns) of a slice."""
    wrong = 1 - probabilities.max(axis=0)
    classes = np.minimum(probabilities[1:], 1 - probabilities[1:]).sum(axis=(1, 2), dtype=np.float64)
    size = float((1 - probabilities[0]).sum(dtype=np.float64))
    return _Look(index, float(wrong.sum(dtype=np.float64)), size, classes, _middle(wrong))


def _middle(wrong: NDArray[np.float32]) -> tuple[int, int]:
    """Row and column in the middle of the doubtful pixels, or of the most doubtful one."""
    rows, columns = np.nonzero(wrong >= DOUBTFUL)
    if not rows.size:
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        return int(row), int(column)
    return int(np.median(rows)), int(np.median(columns))


def _chosen(looks: Sequence[_Look], count: int, slices: int) -> list[tuple[_Look, float]]:
    """The most doubtful slices that keep their distance, with their doubt."""
    doubts = _doubts(looks)
    apart = max(1, round(APART_SHARE * slices))
    kept: list[tuple[_Look, float]] = []
    for look, doubt in sorted(doubts, key=lambda pair: -pair[1]):
        if all(abs(look.slice - other.slice) >= apart for other, _ in kept):
            kept.append((look, doubt))
        if len(kept) == count:
            break
    return kept


def _doubts(looks: Sequence[_Look]) -> list[tuple[_Look, float]]:
    """Each slice with its doubt: expected wrong pixels by expected structure pixels."""
    if not looks:
        return []
    extra = MEAN_SHARE * float(np.mean([look.size for look in looks]))
    return [(look, look.wrong / max(look.size + extra, 1e-6)) for look in looks]


def _suggestion(look: _Look, doubt: float, stack: SliceStack, names: Sequence[str]) -> Suggestion:
    row, column = look.pixel
    bounds = stack.ijk_bounds(*(range(at, at + 1) for at in (look.slice, row, column)))
    most = look.classes.max() if look.classes.size else 0.0
    order = np.argsort(-look.classes)
    named = tuple(names[n] for n in order if names and most > 0 and look.classes[n] >= NAMED_SHARE * most)
    i, j, k = (first for first, _last in bounds)
    return Suggestion(stack.plane, look.slice, len(stack), (i, j, k), round(min(doubt, 1.0), 4), named)
