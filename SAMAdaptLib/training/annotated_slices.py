"""Annotated slices of cases, divided into training and held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features.sliced_volume import ImageSlice, SlicedVolume
from ..preprocessing.augmentation import IGNORED, AugmentationParams, render_labels
from ..preprocessing.labels import class_indices
from ..preprocessing.roi import RegionOfInterest, bounding_roi
from ..utils.sampling import evenly_spaced

if TYPE_CHECKING:
    from numpy.typing import NDArray


EMPTY_SHARE = 0.25
"""Slices without any structure make up at most this share of the training slices; they teach what is not there."""


SCRIBBLE_MARGIN = 0.25
"""How far beyond the box around all scribbles of a slice nothing is known, as a share of the box's sides."""


@dataclass(frozen=True)
class LabelledSlice:
    """A slice with its class indices (rows, columns) uint8: 0 background, 1.. structures, 255 not annotated."""

    content: ImageSlice
    classes: NDArray[np.uint8]

    def target(self, parameters: AugmentationParams, size: int) -> NDArray[np.uint8]:
        """Class indices of a view, (size, size)."""
        return render_labels(self.classes, self.content.frame, parameters, size)

    @property
    def present(self) -> frozenset[int]:
        """Indices of the structures on this slice."""
        return frozenset(int(value) for value in np.unique(self.classes) if 0 < value < IGNORED)


def annotated_slices(
    sliced: SlicedVolume,
    labels: NDArray[Any],
    values: Sequence[int],
    annotated_slices_only: bool,
    ignore_label: int | None,
) -> list[LabelledSlice]:
    """The slices of one case that teach something.

    ``labels``: (k, j, i) on the volume's grid. With ``annotated_slices_only``, slices without any label were not
    annotated and are left out; else they are background. Slices wholly of ``ignore_label`` are left out always; on the
    others what lies far from everything drawn is background (``close_scribbles``).
    """
    found = []
    for index in range(len(sliced)):
        raw = np.asarray(sliced.stack.slice(labels, index))
        if annotated_slices_only and not np.isin(raw, values).any():
            continue
        content = sliced.picture(index)
        classes = np.ascontiguousarray(class_indices(raw, values, ignore_label))
        if content.is_flat or (classes == IGNORED).all():
            continue
        found.append(LabelledSlice(content, close_scribbles(classes)))
    return found


def close_scribbles(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A scribbled slice with background where it is far from all scribbles, (rows, columns) uint8.

    Who scribbles draws the structures and some background around them, and nothing in the rest of the body: a head
    that never saw that rest finds structures all over it. A slice without drawn background is left as it is.
    """
    drawn = classes != IGNORED
    if drawn.all() or not (classes == 0).any():
        return classes
    unknown = np.zeros_like(drawn)
    unknown[tuple(_widened(np.flatnonzero(drawn.any(axis=1 - axis))) for axis in (0, 1))] = True
    return np.where(drawn | unknown, classes, np.uint8(0))


def _widened(places: NDArray[np.intp]) -> slice:
    """From the first to the last of ``places`` and a margin beyond."""
    margin = round(SCRIBBLE_MARGIN * (places[-1] - places[0] + 1))
    return slice(max(int(places[0]) - margin, 0), int(places[-1]) + margin + 1)


def split_held_out(
    slices: Sequence[LabelledSlice], share: float, least: int
) -> tuple[list[LabelledSlice], list[LabelledSlice]]:
    """Divide one case's slices into (training, held out): slices with a structure at even steps.

    ``share``: of them that is held out; none if there are fewer than ``least``.
    """
    drawn = [index for index, item in enumerate(slices) if item.present]
    if len(drawn) < least:
        return list(slices), []
    count = max(1, round(share * len(drawn)))
    chosen = {drawn[int((position + 0.5) * len(drawn) / count)] for position in range(count)}
    training = [item for index, item in enumerate(slices) if index not in chosen]
    return training, [slices[index] for index in sorted(chosen)]


def subsample_empty(slices: Sequence[LabelledSlice]) -> list[LabelledSlice]:
    """Keep all slices with a structure and an evenly spread few of the others."""
    full = [item for item in slices if item.present]
    empty = [item for item in slices if not item.present]
    keep = min(len(empty), max(1, round(EMPTY_SHARE / (1 - EMPTY_SHARE) * len(full))) if full else len(empty))
    return full + evenly_spaced(empty, keep)


def annotation_roi(slices: Sequence[LabelledSlice]) -> RegionOfInterest | None:
    """The extent of all structures on the annotated slices of one volume."""
    masks = ((item.classes > 0) & (item.classes != IGNORED) for item in slices)
    return bounding_roi(masks, slices[0].content.frame.spacing) if slices else None


def crop_to_roi(slices: Sequence[LabelledSlice], where: RegionOfInterest, side_mm: float) -> list[LabelledSlice]:
    """The annotated slices of one volume through the window."""
    return [
        replace(item, content=item.content.with_canvas(where.window(item.content.frame, side_mm))) for item in slices
    ]
