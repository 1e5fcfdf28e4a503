"""What a live session shows of a slice, how sure it is of it, and what becomes of it when it is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..preprocessing.slicing import SliceStack

ACCEPTABLE = ("all", "slice", "between")

APART_SHARE = 0.02
"""The next slice to annotate is more than this part of the stack away from annotated ones, where one is."""


@dataclass(frozen=True)
class PreviewSlice:
    """A slice as the session would have it.

    ``slice``: its number in the stack; ``labels``: label values (rows, columns) uint8 or uint16, strokes included;
    ``certainty``: 0..1, the expected Dice of its structures with what a person would draw, 1 for an annotated slice.
    ``source``: ``"strokes"``, ``"contours"`` (interpolated, while the slice's features are not known) or ``"fit"``.
    """

    slice: int
    labels: NDArray[Any]
    certainty: float
    source: str = "fit"


def certainty_of(probabilities: NDArray[np.float32], typical: float) -> float:
    """The expected Dice of a slice's most probable classes, 0..1.

    ``probabilities``: (classes, rows, columns). ``typical``: structure pixels of an annotated slice; a fraction of
    them is added, so that a speck is not counted as a slice that is all wrong.
    """
    best = probabilities.max(axis=0)
    chosen = probabilities.argmax(axis=0) > 0
    right = float(best[chosen].sum(dtype=np.float64))
    expected = float((1 - probabilities[0]).sum(dtype=np.float64))
    extra = 0.25 * typical
    return min(1.0, (2 * right + extra) / (float(chosen.sum()) + expected + extra + 1e-6))


def next_slice(certainty: Sequence[float | None], annotated: Sequence[int]) -> int | None:
    """The slice that the preview is least sure of; None when all are annotated or nothing is known yet."""
    apart = APART_SHARE * len(certainty)
    known = [(value, index) for index, value in enumerate(certainty) if value is not None and index not in annotated]
    far = [item for item in known if all(abs(item[1] - other) > apart for other in annotated)]
    return min(far or known)[1] if known else None


@dataclass(frozen=True)
class Acceptance:
    """What may become of a preview.

    ``annotated``: slices that somebody annotated; ``open_slices``: those among them that are not known as a whole
    (scribbles). ``previewed``: which slices of the preview are there.
    """

    stack: SliceStack
    annotated: Sequence[int]
    previewed: Sequence[bool] | NDArray[np.bool_]
    open_slices: Sequence[int] = ()

    def applied(
        self, labels: NDArray[Any], preview: NDArray[Any], what: str = "all", index: int | None = None
    ) -> NDArray[Any]:
        """The labels (k, j, i) with the preview where nobody annotated; ``labels`` is not changed.

        ``what``: ``"all"`` slices, the one ``"slice"`` ``index``, or those ``"between"`` the first and the last
        annotated one. What was painted stays as it is; on open slices the rest is filled. Raises InputError.
        """
        result = np.array(labels, dtype=np.result_type(labels.dtype, preview.dtype))
        for number in self._chosen(what, index):
            if not self.previewed[number]:
                continue
            found, own = self.stack.slice(preview, number), self.stack.slice(result, number)
            if number not in self.annotated:
                own[...] = found
            elif number in self.open_slices:
                own[...] = np.where(own == 0, found, own)
        return result

    def _chosen(self, what: str, index: int | None) -> range:
        if what not in ACCEPTABLE:
            msg = f"{what!r} cannot be accepted; it must be one of {', '.join(ACCEPTABLE)}."
            raise InputError(msg)
        count = len(self.stack)
        if what == "all":
            return range(count)
        if what == "between":
            return range(min(self.annotated, default=0), max(self.annotated, default=-1) + 1)
        if index is None or not 0 <= index < count:
            msg = f"Slice {index} does not exist; the volume has slices 0 to {count - 1}."
            raise InputError(msg)
        return range(index, index + 1)
