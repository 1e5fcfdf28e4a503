"""Small synthetic cases: bright and dark balls in noise, with their labels, on any grid."""

from __future__ import annotations

import numpy as np

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.data.structure import Structure

STRUCTURES = (Structure(2, "Bright", (1.0, 0.2, 0.2)), Structure(5, "Dark", (0.2, 0.4, 1.0)))


UNKNOWN = 9
"""The label of what a scribbled annotation leaves open."""


def two_balls(geometry: Geometry | None = None, seed: int = 0, shift: float = 0.0) -> Case:
    """A volume with a bright ball (label 2) and a dark one (label 5) in a grey body; ``shift`` moves both."""
    geometry = geometry or Geometry((40, 36, 8), (1.0, 1.1, 3.0))
    chance = np.random.default_rng(seed)
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, count) for count in geometry.shape), indexing="ij")
    bright = (i + 0.4 - shift) ** 2 + j**2 + (0.35 * k) ** 2 < 0.3**2
    dark = (i - 0.4 - shift) ** 2 + j**2 + (0.35 * k) ** 2 < 0.3**2
    voxels = 100 + 80 * bright - 80 * dark + chance.normal(0, 3, geometry.shape)
    labels = np.where(bright, 2, np.where(dark, 5, 0)).astype(np.uint8)
    return Case(Volume(voxels.astype(np.float32), geometry, name="phantom"), Labelmap(labels, geometry, STRUCTURES))


def scribbled(case: Case) -> Case:
    """One oblique line in four of what was annotated, and of the background around it; the rest is unknown."""
    _, j, i = np.indices(case.labelmap.voxels.shape)
    labels = np.where((i + j) % 4 == 0, case.labelmap.voxels, UNKNOWN).astype(np.uint8)
    return Case(case.volume, Labelmap(labels, case.volume.geometry, case.labelmap.structures))


def dice(found: Labelmap, truth: Labelmap, value: int) -> float:
    """Dice of one label value; both on the same grid."""
    ours, theirs = found.voxels == value, truth.voxels == value
    return 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())
