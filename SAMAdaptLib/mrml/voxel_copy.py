"""Voxels copied out of the scene piece by piece, so that nobody waits for a large volume.

Only the main thread may read what lies in the scene, and a copy of a CT takes it half a second. ``VoxelCopy`` is
made at once; ``gather`` then copies a little between one event of the user interface and the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

_PIECE_BYTES = 1 << 20


class VoxelCopy:
    """A copy of the scalars of a vtkImageData: ``voxels`` (k, j, i) in their own type, whole once gathered."""

    def __init__(self, image: Any, what: str) -> None:
        flat = _flat(image)
        self.voxels: NDArray[Any] = np.empty(tuple(reversed(image.GetDimensions())), flat.dtype)
        self._image, self._what, self._done = image, what, 0
        self._state = _state(image)

    def gather(self) -> Iterator[None]:
        """Copy what is still missing, a piece at each step. Main thread. Raises InputError when the image changed."""
        target = self.voxels.reshape(-1)
        step = max(1, _PIECE_BYTES // target.itemsize)
        while self._done < target.size:
            if _state(self._image) != self._state:
                msg = f"{self._what} was changed while it was being read."
                raise InputError(msg, "Try again.")
            piece = slice(self._done, self._done + step)
            target[piece] = _flat(self._image)[piece]  # looked up anew: between two steps its memory may have moved
            self._done = min(target.size, self._done + step)
            yield
        self._image = None


def gathered(copies: Iterable[VoxelCopy]) -> Iterator[None]:
    """The steps of several copies, one after the other."""
    for copy in copies:
        yield from copy.gather()


def gather_now(copies: Iterable[VoxelCopy]) -> None:
    """All of it at once. Main thread."""
    for _step in gathered(copies):
        pass


def _flat(image: Any) -> NDArray[Any]:
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars())


def _state(image: Any) -> tuple[Any, ...]:
    """What differs once somebody has changed the voxels, or put others in their place."""
    scalars = image.GetPointData().GetScalars()
    return image.GetDimensions(), scalars is not None and (scalars.GetMTime(), scalars.GetNumberOfTuples())
