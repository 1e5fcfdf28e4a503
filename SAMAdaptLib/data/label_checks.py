"""Whether labels are really an image: many values, strewn about voxel by voxel.

A structure is a patch: nearly every voxel of it has a neighbour of the same value. In a gray image of 8 bits or more
hardly one has. Of labelmaps with twenty to a hundred structures half of the values or more are all patches; of
images of 8 bits and more (MR, CT) the middle value has less than a third of its voxels beside their like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

FEW_VALUES = 20
"""Up to so many values are labels whatever they look like: scribbles and tiny volumes may be strewn."""

IMAGE_PATCHINESS = 0.5
DOUBTFUL_PATCHINESS = 0.95


def refuse_image(labels: NDArray[Any], name: str, warn: Callable[[str], object]) -> None:
    """Raises InputError when labels (k, j, i) of a whole-numbered type are an image; doubts are told to ``warn``."""
    count, patchiness = patchiness_of(labels)
    if count <= FEW_VALUES or patchiness >= DOUBTFUL_PATCHINESS:
        return
    found = f"{name} has {count} different values up to {int(labels.max())}, strewn about as in an image"
    if patchiness < IMAGE_PATCHINESS:
        msg = f"{found}: it is no annotation."
        raise InputError(msg, "Choose the labels that belong to the image.")
    warn(f"{found}: is it an annotation?")


def patchiness_of(labels: NDArray[Any]) -> tuple[int, float]:
    """How many values other than 0 occur, and the median over them of which part of their voxels has a like neighbour.

    The part is 1 where there are few values, which are not looked at closer.
    """
    length = int(labels.max()) + 1
    counts, alike = np.zeros(length, np.int64), np.zeros(length, np.int64)
    for plane in labels:  # numpy counts in eight bytes a voxel
        counts += np.bincount(plane.ravel(), minlength=length)
    values = np.flatnonzero(counts[1:]) + 1
    if values.size <= FEW_VALUES:
        return int(values.size), 1.0
    for number, plane in enumerate(labels):
        same = np.zeros(plane.shape, bool)
        for axis in (0, 1):
            low, high = np.moveaxis(plane, axis, 0)[:-1], np.moveaxis(plane, axis, 0)[1:]
            twins = low == high
            np.moveaxis(same, axis, 0)[:-1] |= twins
            np.moveaxis(same, axis, 0)[1:] |= twins
        for other in (number - 1, number + 1):
            if 0 <= other < len(labels):
                same |= plane == labels[other]
        alike += np.bincount(plane[same], minlength=length)
    return int(values.size), float(np.median(alike[values] / counts[values]))
