"""One patient changed into others: structures of other sizes and of other grey values, drawn at random.

A head that learned from one patient takes small hearts for ventricle through and through where its own was dilated, and
muscle for blood where it is brighter than its own was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from .views import IGNORED, Swell, ViewParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

SWELLING = 1.8
"""By what factor a structure is blown up or shrunk at most: hearts of one size and shape are one patient's."""

MOST_SWELLS = 2
"""How many structures are blown up or shrunk in a view at most."""

ROOM = 0.5
"""Share of a slice's shorter side that a structure may reach across to be changed. Around what fills the picture, as a
brain's grey matter does, nothing could give way, and it is mostly told by its grey value."""

SHADE = 40.0
"""By how much of the 255 grey values a structure is brighter or darker at most."""

CHOICES = ("", "swells", "shades")
CHANCES = (0.2, 0.4, 0.4)
"""How often nothing, sizes or grey values change in a view. Not both: heads of hearts that learned from views in which
both did were hardly better than without any."""


@dataclass(frozen=True)
class Blob:
    """A structure on a slice, holes filled, as a round thing: its class index, its middle (pixels) and radius; and how
    far it reaches along rows or columns."""

    index: int
    row: float
    column: float
    radius_mm: float
    reach_mm: float

    def swell(self, chance: np.random.Generator) -> Swell:
        """Blown up or shrunk at random."""
        return Swell(self.row, self.column, self.radius_mm, math.exp(chance.uniform(-1, 1) * math.log(SWELLING)))


@dataclass(frozen=True)
class Variety:
    """What can be changed on an annotated slice: the structures that do not fill it.

    Nothing where a part of the slice is not annotated: sizes and edges are not known then.
    """

    blobs: tuple[Blob, ...] = ()

    @classmethod
    def of(cls, classes: NDArray[np.uint8], spacing: tuple[float, float]) -> Variety:
        """From class indices (rows, columns); ``spacing`` of rows and columns in mm."""
        if (classes == IGNORED).any():
            return cls()
        most_mm = ROOM * min(count * mm for count, mm in zip(classes.shape, spacing, strict=True))
        found = (_blob(classes, int(value), spacing) for value in np.unique(classes[classes > 0]))
        return cls(tuple(blob for blob in found if blob.reach_mm <= most_mm))

    def change(self, parameters: ViewParameters, chance: np.random.Generator) -> ViewParameters:
        """The view with other sizes, or other grey values, or as it is."""
        choice = str(chance.choice(CHOICES, p=CHANCES))
        if choice == "swells" and self.blobs:
            return replace(parameters, swells=self._swells(chance))
        if choice == "shades":
            return replace(parameters, shades=tuple((blob.index, _shade(chance)) for blob in self.blobs))
        return parameters

    def _swells(self, chance: np.random.Generator) -> tuple[Swell, ...]:
        count = int(chance.integers(1, MOST_SWELLS + 1))
        return tuple(self.blobs[int(chance.integers(len(self.blobs)))].swell(chance) for _ in range(count))


def _shade(chance: np.random.Generator) -> float:
    return float(chance.uniform(-SHADE, SHADE))


def _blob(classes: NDArray[np.uint8], index: int, spacing: tuple[float, float]) -> Blob:
    places = np.argwhere(ndimage.binary_fill_holes(classes == index))
    row, column = places.mean(axis=0)
    radius_mm = math.sqrt(len(places) * spacing[0] * spacing[1] / math.pi)
    reach_mm = ((np.ptp(places, axis=0) + 1) * spacing).max()
    return Blob(index, float(row), float(column), radius_mm, float(reach_mm))
