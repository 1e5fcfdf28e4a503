"""Where a closer look goes: a window, of a fixed side in mm, around all that was annotated or found in a volume.

A heart fills a tenth of its picture; seen closer, a ventricle's wall is several of the encoder's cells wide.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .slicing import CanvasGeometry

STEPS = 8
"""Windows begin at whole eighths of their side: what was found lies elsewhere by a few mm after every training, and the
features of a window that stays where it was are known already."""

_OUTLIERS = 0.01
"""Share of the pixels at either end that say nothing of where a structure lies."""


@dataclass(frozen=True)
class RegionOfInterest:
    """The box around all structures on all slices of a volume: its middle (row, column) from the slice's corner, and
    its larger side, in mm."""

    middle_mm: tuple[float, float]
    side_mm: float

    def window(self, frame: CanvasGeometry, side_mm: float) -> CanvasGeometry:
        """The window of that side around this middle, or a little beside it, on the slices of ``frame``."""
        step = side_mm / STEPS
        top, left = (round((middle - side_mm / 2) / step) * step for middle in self.middle_mm)
        return frame.window(top, left, side_mm)


def bounding_roi(masks: Iterable[NDArray[np.bool_]], spacing: tuple[float, float]) -> RegionOfInterest | None:
    """The extent of what is True in the slices (rows, columns) of a volume; None when nothing is.

    ``spacing``: distance of rows and of columns in mm. The outermost few pixels are left out.
    """
    rows: NDArray[Any] | int = 0
    columns: NDArray[Any] | int = 0
    for mask in masks:
        rows, columns = rows + mask.sum(axis=1), columns + mask.sum(axis=0)
    if not np.any(rows):
        return None
    (top, bottom), (left, right) = _span(np.asarray(rows)), _span(np.asarray(columns))
    middle = ((top + bottom + 1) / 2 * spacing[0], (left + right + 1) / 2 * spacing[1])
    return RegionOfInterest(middle, max((bottom - top + 1) * spacing[0], (right - left + 1) * spacing[1]))


def roi_side(
    regions: Iterable[RegionOfInterest], canvas_mm: float, margin: float, largest_share: float
) -> float | None:
    """The side of the windows on volumes with these regions, in mm; None if they show hardly more than the canvas.

    Args:
        regions: the box around all structures of each volume.
        canvas_mm: side of the canvas that shows whole slices.
        margin: side of the window over the largest side of the boxes.
        largest_share: of the canvas's side that the window's may be.
    """
    side = margin * max((found.side_mm for found in regions), default=canvas_mm)
    return side if side <= largest_share * canvas_mm else None


def _span(counts: NDArray[Any]) -> tuple[int, int]:
    """First and last index between which all but the outermost few of ``counts`` lie."""
    share = np.cumsum(counts) / counts.sum()
    return int(np.searchsorted(share, _OUTLIERS)), int(np.searchsorted(share, 1 - _OUTLIERS))
