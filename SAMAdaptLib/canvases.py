"""Canvases of a volume's slices, kept in a file while it is not known yet what becomes of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .looks import Probabilities


class KeptCanvases:
    """Canvases of a volume's slices in a temporary file, so that memory does not grow with the slices."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._known: set[int] = set()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  closed on leaving
        self._values: NDArray[np.float16] | None = None

    def __enter__(self) -> KeptCanvases:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._values = None
        self._file.close()

    def keep(self, canvases: Iterable[NDArray[np.float32] | None]) -> None:
        """Keep the canvases (classes, s, s) of all slices; None: there is none. All are of one shape."""
        for index, canvas in enumerate(canvases):
            if canvas is None:
                continue
            if self._values is None:
                self._values = np.memmap(self._file, np.float16, "w+", shape=(self._count, *canvas.shape))
            self._values[index] = canvas
            self._known.add(index)

    def __iter__(self) -> Probabilities:
        return (self.get(index) for index in range(self._count))

    def __contains__(self, index: int) -> bool:
        return index in self._known

    def get(self, index: int) -> NDArray[np.float32] | None:
        """The canvas of a slice, float32; None where none was kept."""
        if self._values is None or index not in self._known:
            return None
        return np.asarray(self._values[index], np.float32)
