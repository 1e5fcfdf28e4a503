"""Canvases of a volume's slices, kept in a file while it is not known yet what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from .scratch import fetch, open_scratch, put

if TYPE_CHECKING:
    from numpy.typing import NDArray


ProbabilitySlices = Iterator["NDArray[np.float32] | None"]
"""One (classes, rows, columns) array a slice, in slice order; None where nothing was looked at."""


class SliceStore:
    """Canvases of a volume's slices in a temporary file, so that memory does not grow with the slices.

    Written and read by calls, not mapped into memory: only what is kept takes room, and a full disk is an error.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._known: set[int] = set()
        self._file = open_scratch()
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> SliceStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def keep(self, canvases: Iterable[NDArray[np.float32] | None]) -> None:
        """Keep the canvases (classes, s, s) of all slices; None: there is none. All are of one shape.

        Raises DiskFullError when the temporary folder has no room for them.
        """
        for index, canvas in enumerate(canvases):
            if canvas is None:
                continue
            self._shape = canvas.shape
            half = np.asarray(canvas, np.float16)
            put(self._file, index * half.nbytes, half)
            self._known.add(index)

    def __iter__(self) -> ProbabilitySlices:
        return (self.get(index) for index in range(self._count))

    def __contains__(self, index: int) -> bool:
        return index in self._known

    def get(self, index: int) -> NDArray[np.float32] | None:
        """The canvas of a slice, float32; None where none was kept."""
        if index not in self._known:
            return None
        half = np.dtype(np.float16)
        at = index * int(np.prod(self._shape)) * half.itemsize
        return fetch(self._file, at, self._shape, half).astype(np.float32)
