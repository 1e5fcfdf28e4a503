"""Contours between annotated slices: signed distances, moved along with their structure and blended.

The signed distance of a structure to its outline is interpolated between the annotated slices before and after, each
shifted so that the structure's middle moves in a straight line, where that lays the two outlines over each other
better. Where a structure is on one of the two only, it shrinks to nothing half way. Beyond the first and the last
annotated slice the nearest one's outline holds, and shrinks.

How far off such an outline may be is told with it: nothing at an annotated slice, most in the middle of a gap, where
its bend is not known. A fit that weighs distances by it may learn from wide gaps (an annotated slice left out) and be
right in narrow ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAR_MM = 60.0
"""Bound on signed distances, and that of a structure that is nowhere near."""

CLEARLY_BETTER = 1.02
"""A structure's outline is moved along where that raises the overlap of both by this factor."""

TAPER = 0.25
"""Millimetres by which an outline shrinks for each millimetre beyond the first or the last annotated slice."""


@dataclass(frozen=True)
class _Outline:
    """One structure on one slice: signed distance in mm (positive inside), and its middle in pixels of that."""

    distance: NDArray[np.float32]
    middle: NDArray[np.float64]


Outlines = dict[tuple[int, int], "list[_Outline | None]"]
"""What was found of annotated slices, by slice number and content: strokes change one slice at a time."""


class ContourInterpolator:
    """Signed distances of structures on slices that nobody annotated.

    ``classes``: class indices (rows, columns) of the annotated slices by slice number, 1.. structures, others not;
    ``count``: of structures; ``spacing``: mm of a row and of a column; ``thickness_mm``: between slices. ``reduce``
    brings (structures, rows, columns) onto another pixel grid of the same place, on which all is done then. ``kept``
    holds what was found for earlier annotations with the same ``reduce``, of ``most_kept`` slices at most.
    """

    def __init__(
        self,
        classes: Mapping[int, NDArray[np.uint8]],
        count: int,
        spacing: tuple[float, float],
        thickness_mm: float,
        reduce: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
        kept: Outlines | None = None,
        most_kept: int = 512,
    ) -> None:
        self.slices = sorted(classes)
        self.count, self.spacing, self.thickness_mm = count, spacing, thickness_mm
        self._classes, self._reduce = classes, reduce
        self._kept: Outlines = {} if kept is None else kept
        self._most_kept = most_kept
        self._moving: dict[tuple[int, int], list[bool]] = {}
        shape = next(iter(classes.values())).shape
        self._native = (int(shape[0]), int(shape[1]))
        self.shape = self._native if reduce is None else reduce(np.zeros((1, *shape), np.float32)).shape[1:]

    def distances(self, index: int, without: int | None = None) -> tuple[NDArray[np.float32], float]:
        """Signed distances (structures, rows, columns) in mm on slice ``index``, and how far off they may be in mm.

        ``without``: an annotated slice that is left out, as if it were not there. No slice left: all is far.
        """
        before = max((at for at in self.slices if at <= index and at != without), default=None)
        after = min((at for at in self.slices if at >= index and at != without), default=None)
        if before is None or after is None or before == after:
            nearest = after if before is None else before
            if nearest is None:
                return self._absent(), FAR_MM
            away = self.thickness_mm * abs(index - nearest)
            return self._held(nearest, away), away
        share = (index - before) / (after - before)
        pairs = zip(self._outlines(before), self._outlines(after), self._moves(before, after), strict=True)
        found = np.stack([self._between(first, second, share, moves) for first, second, moves in pairs])
        return found, self.thickness_mm * (index - before) * (after - index) / (after - before)

    def _outlines(self, index: int) -> list[_Outline | None]:
        classes = self._classes[index]
        key = (index, zlib.crc32(np.ascontiguousarray(classes).data))
        if key not in self._kept:
            while len(self._kept) >= self._most_kept:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = [self._outline(classes == number + 1) for number in range(self.count)]
        return self._kept[key]

    def _outline(self, mask: NDArray[np.bool_]) -> _Outline | None:
        rows, columns = np.nonzero(mask)
        if not rows.size:
            return None
        distance = signed_distance(mask, self.spacing)
        middle = np.array([rows.mean(), columns.mean()])
        if self._reduce is None:
            return _Outline(distance, middle)
        scale = np.divide(self.shape, self._native)
        return _Outline(self._reduce(distance[None])[0], (middle + 0.5) * scale - 0.5)

    def _moves(self, before: int, after: int) -> list[bool]:
        """Of each structure, whether its two outlines lie over each other better once their middles do."""
        if (before, after) not in self._moving:
            pairs = zip(self._outlines(before), self._outlines(after), strict=True)
            self._moving[before, after] = [_better_moved(first, second) for first, second in pairs]
        return self._moving[before, after]

    def _absent(self) -> NDArray[np.float32]:
        return np.full((self.count, *self.shape), -FAR_MM, np.float32)

    def _held(self, index: int, away_mm: float) -> NDArray[np.float32]:
        found = self._absent()
        for number, outline in enumerate(self._outlines(index)):
            if outline is not None:
                found[number] = outline.distance - np.float32(TAPER * away_mm)
        return found

    def _between(
        self, first: _Outline | None, second: _Outline | None, share: float, moves: bool
    ) -> NDArray[np.float32]:
        if first is not None and second is not None:
            middle = (1 - share) * first.middle + share * second.middle
            if not moves:
                return (1 - np.float32(share)) * first.distance + np.float32(share) * second.distance
            return np.asarray((1 - share) * _moved(first, middle) + share * _moved(second, middle), np.float32)
        outline, gone = (first, share) if first is not None else (second, 1 - share)
        if outline is None:
            return np.full(self.shape, -FAR_MM, np.float32)
        return outline.distance - np.float32(2 * gone * max(float(outline.distance.max()), 0.0))


def signed_distance(mask: NDArray[np.bool_], spacing: Sequence[float]) -> NDArray[np.float32]:
    """Distance in mm of each pixel to the outline of a mask (rows, columns), positive inside, within 60 mm."""
    if mask.all():
        return np.full(mask.shape, FAR_MM, np.float32)
    found = np.full(mask.shape, -FAR_MM, np.float32)
    if not mask.any():
        return found
    box = tuple(_reach(np.asarray(mask.any(axis=1 - axis)), round(FAR_MM / mm) + 2) for axis, mm in enumerate(spacing))
    near, half = mask[box], 0.5 * min(spacing)
    inside = ndimage.distance_transform_edt(near, sampling=spacing) - half
    outside = half - ndimage.distance_transform_edt(~near, sampling=spacing)
    found[box] = np.clip(np.where(near, inside, outside), -FAR_MM, FAR_MM)
    return found


def _reach(shown: NDArray[np.bool_], margin: int) -> slice:
    """From the first to the last place that is shown, and a margin."""
    places = np.flatnonzero(shown)
    return slice(max(int(places[0]) - margin, 0), int(places[-1]) + margin + 1)


def _better_moved(first: _Outline | None, second: _Outline | None) -> bool:
    """Many pieces that go different ways have a middle that says nothing of any of them."""
    if first is None or second is None:
        return False
    here = first.distance > 0
    stays = np.count_nonzero(here & (second.distance > 0))
    return bool(np.count_nonzero(here & (_moved(second, first.middle) > 0)) > CLEARLY_BETTER * stays)


def _moved(outline: _Outline, middle: NDArray[np.float64]) -> NDArray[np.float32]:
    """The distances moved so that the structure's middle lies there; bilinear, the border holds."""
    move = middle - outline.middle
    if not move.any():
        return outline.distance
    result = outline.distance
    for axis, by in enumerate(move):
        whole = int(np.floor(by))
        places = np.arange(result.shape[axis]) - whole
        near, far = (np.clip(places - more, 0, len(places) - 1) for more in (0, 1))
        part = np.float32(by - whole)
        result = (1 - part) * result.take(near, axis) + part * result.take(far, axis)
    return result
