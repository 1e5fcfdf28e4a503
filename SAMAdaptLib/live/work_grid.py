"""The part of the slices around all that is drawn, at a resolution that is quick to work at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..preprocessing.slicing import CanvasGeometry

MOST_PIXELS = 96
"""Of the side of a square work grid; another one has about as many pixels in all."""

LEAST_PIXELS = 8
MARGIN = 0.2
"""Around the box of all that is drawn, as a share of its side: structures may be larger on other slices."""

LEAST_MARGIN = 8
"""Pixels of the slice."""


@dataclass(frozen=True)
class WorkGrid:
    """Rows and columns of the slices (``box``), and a grid of ``shape`` (rows, columns) pixels over them.

    ``frame`` is the window of the slices that features show.
    """

    box: tuple[range, range]
    shape: tuple[int, int]
    frame: CanvasGeometry

    @classmethod
    def around(cls, masks: Iterable[NDArray[np.bool_]], frame: CanvasGeometry) -> WorkGrid:
        """The grid around all that these masks (rows, columns) show; over whole slices where they show nothing."""
        shown = np.zeros(frame.shape, bool)
        for mask in masks:
            shown |= mask
        if not shown.any():
            shown[...] = True
        box = _grown(np.asarray(shown.any(axis=1))), _grown(np.asarray(shown.any(axis=0)))
        millimetres = [len(part) * mm for part, mm in zip(box, frame.spacing, strict=True)]
        # Pixels of the grid are about square, and no finer than the finer of the slice's two spacings.
        pixel_mm = max(math.sqrt(millimetres[0] * millimetres[1]) / MOST_PIXELS, min(frame.spacing))
        rows, columns = (max(LEAST_PIXELS, round(mm / pixel_mm)) for mm in millimetres)
        return cls(box, (rows, columns), frame)

    @property
    def native(self) -> tuple[int, int]:
        """Rows and columns of the slices in the box."""
        rows, columns = self.box
        return len(rows), len(columns)

    @property
    def pixel_mm(self) -> float:
        """The longer side of a pixel of the grid."""
        sides = (count * mm for count, mm in zip(self.native, self.frame.spacing, strict=True))
        return max(mm / pixels for mm, pixels in zip(sides, self.shape, strict=True))

    def cut(self, array: NDArray[Any]) -> NDArray[Any]:
        """The box of slices (..., rows, columns)."""
        rows, columns = self.box
        return array[..., rows.start : rows.stop, columns.start : columns.stop]

    def shrunk(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (channels, rows, columns) of the box at the pixels of the grid, averaged where it is coarser."""
        tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32))[None]
        coarser = any(pixels < count for pixels, count in zip(self.shape, values.shape[1:], strict=True))
        found = functional.interpolate(tensor, self.shape, mode="bilinear", align_corners=False, antialias=coarser)
        return np.asarray(found[0].numpy())

    def shrunk_classes(self, classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Class indices (rows, columns) of the box at the pixels of the grid, nearest pixel."""
        rows, columns = (
            np.minimum(((np.arange(pixels) + 0.5) * count / pixels).astype(np.intp), count - 1)
            for pixels, count in zip(self.shape, classes.shape, strict=True)
        )
        return classes[np.ix_(rows, columns)]

    def grown(self, values: Tensor) -> Tensor:
        """Values (channels, rows, columns) of the grid at the pixels of the box."""
        return functional.interpolate(values[None], self.native, mode="bilinear", align_corners=False)[0]

    def sampled(self, maps: Tensor) -> Tensor:
        """Feature maps (channels, h, h) of the frame's canvas at the pixels of the grid."""
        found = functional.grid_sample(
            maps[None], self._places(), mode="bilinear", padding_mode="border", align_corners=False
        )
        return found[0]

    def _places(self) -> Tensor:
        """(1, rows, columns, 2): x and y of each pixel in the frame's canvas, whose edges lie at -1 and 1."""
        affine = self.frame.slice_to_canvas(2)
        lines = []
        for axis, (part, pixels) in enumerate(zip(self.box, self.shape, strict=True)):
            at = part.start + (np.arange(pixels) + 0.5) * len(part) / pixels - 0.5
            lines.append((2 * (affine[axis, axis] * at + affine[axis, 2]) + 1) / 2 - 1)
        y, x = np.meshgrid(*lines, indexing="ij")
        return torch.from_numpy(np.stack([x, y], axis=-1).astype(np.float32))[None]


def _grown(shown: NDArray[np.bool_]) -> range:
    places = np.flatnonzero(shown)
    margin = max(LEAST_MARGIN, round(MARGIN * (places[-1] - places[0] + 1)))
    return range(max(int(places[0]) - margin, 0), min(int(places[-1]) + 1 + margin, len(shown)))
