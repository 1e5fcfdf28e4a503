"""Which slices of a result to look at: the worst, a middling and the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...data.image import Labelmap
    from ...preprocessing.slicing import SliceStack

BY_DICE = ("worst", "median", "best")
BY_CERTAINTY = ("least sure", "median", "most sure")


def by_dice(result: Labelmap, reference: Labelmap) -> Callable[[SliceStack], Mapping[int, str]]:
    """A choice for ``overlay_figure``: slices by their mean Dice over the structures that either of both shows."""

    def choose(stack: SliceStack) -> Mapping[int, str]:
        scores = {number: slice_dice(stack, result, reference, number) for number in range(len(stack))}
        known = {number: score for number, score in scores.items() if score is not None}
        return {number: f"{word}, Dice {known[number]:.2f}" for number, word in _spread(known, BY_DICE).items()}

    return choose


def by_certainty(result: Labelmap, certainty: NDArray[np.float32]) -> Callable[[SliceStack], Mapping[int, str]]:
    """A choice for ``overlay_figure``: slices by the mean certainty, 0..1 (k, j, i), where a structure was found."""

    def choose(stack: SliceStack) -> Mapping[int, str]:
        known = {}
        for number in range(len(stack)):
            found = stack.slice(result.voxels, number) > 0
            if found.any():
                known[number] = float(stack.slice(certainty, number)[found].mean())
        return {number: f"{word}, {known[number]:.2f}" for number, word in _spread(known, BY_CERTAINTY).items()}

    return choose


def slice_dice(stack: SliceStack, result: Labelmap, reference: Labelmap, number: int) -> float | None:
    """The mean Dice of one slice over the structures that it shows in either; None when it shows none."""
    ours, theirs = (stack.slice(labelmap.voxels, number) for labelmap in (result, reference))
    values = np.union1d(ours, theirs)
    scores = [
        2 * np.count_nonzero((ours == value) & (theirs == value)) / (np.sum(ours == value) + np.sum(theirs == value))
        for value in values[values > 0]
    ]
    return float(np.mean(scores)) if scores else None


def _spread(scores: Mapping[int, float], words: tuple[str, str, str]) -> dict[int, str]:
    """The lowest, the middle and the highest; fewer where there are fewer."""
    order = sorted(scores, key=lambda number: (scores[number], number))
    if not order:
        return {}
    places = dict(zip((order[0], order[len(order) // 2], order[-1]), words, strict=True))
    return places if len(order) > 2 else {order[0]: words[0], order[-1]: words[2]}
