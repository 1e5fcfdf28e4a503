"""A volume's slices and the frozen encoder's features of them, encoded once, nearest to a given slice first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..encoders import load_encoder
from ..features.cache import FeatureCache
from ..features.extractor import PICTURE, FeatureExtractor
from ..features.sliced_volume import SlicedVolume
from ..preprocessing.augmentation import AugmentationParams
from ..preprocessing.intensity import rule_for
from ..progress import Monitor, Silent, raise_if_cancelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.image import Volume
    from ..encoders.base import Encoder
    from ..features.extractor import FeatureRequest
    from ..preprocessing.slicing import CanvasGeometry

LEVELS = ("neck", "mid", "fine")
"""Taken where the encoder has them."""

USUAL_SIZE = {"medsam_lite": 112, "mobile_sam": 448}
"""Pixels a side that an encoder sees of a slice where nothing else is asked for: the quickest that serves."""

MOST_BYTES = 384 * 2**20
"""Features that are held in memory; others are read from the cache again."""


class SliceFeatures:
    """A volume as a source of slices for the fit (see ``quick_fit.SliceSource``).

    The encoder is loaded at the first slice. Flat slices, of which there is nothing to encode, have the features of an
    empty picture. Raises InputError for an encoder or a plane that does not exist.
    """

    def __init__(
        self,
        volume: Volume,
        plane: str = "auto",
        encoder: str | Encoder = "medsam_lite",
        input_size: int | None = None,
        intensity: str = "auto",
        device: str = "auto",
        monitor: Monitor | None = None,
        store: FeatureCache | None = None,
    ) -> None:
        self.sliced = SlicedVolume(volume, plane, rule_for(volume, intensity))
        self.monitor = monitor or Silent()
        self._asked = (encoder, input_size, device)
        self._store = store
        self._embedder: FeatureExtractor | None = None
        self._held: OrderedDict[int, dict[str, NDArray[Any]]] = OrderedDict()
        self._bytes = 0
        self.known: set[int] = set()
        """Slices whose features are known to be here or in the cache."""

    @property
    def frame(self) -> CanvasGeometry:
        """The window that the features show: whole slices in the middle of a square."""
        return self.sliced.frame

    @property
    def thickness_mm(self) -> float:
        """From slice to slice."""
        return self.sliced.stack.thickness_mm

    def __len__(self) -> int:
        return len(self.sliced)

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded now if need be. Raises WeightsError and its kin."""
        encoder = self._ready().encoder
        if encoder is None:
            msg = "There is no encoder."
            raise RuntimeError(msg)
        return encoder

    def gray(self, index: int) -> NDArray[np.float32]:
        """A slice (rows, columns) on the 0..255 scale."""
        return self.sliced.picture(index).picture

    def has(self, index: int) -> bool:
        """Whether the features of a slice are known, here or in the cache."""
        if index in self.known:
            return True
        embedder, view = self._ready(), self._view(index)
        if all(embedder.store.has(view.key, name) for name in (*embedder.levels, PICTURE)):
            self.known.add(index)
        return index in self.known

    def features(self, index: int) -> Mapping[str, NDArray[Any]]:
        """{level: (channels, h, h) float16} of a slice, encoded now if need be."""
        if index in self._held:
            self._held.move_to_end(index)
            return self._held[index]
        found = self._ready().features(self._view(index))
        found.pop(PICTURE, None)
        self.known.add(index)
        self._hold(index, found)
        return found

    def missing(self) -> list[int]:
        """The slices whose features are not known yet."""
        return [index for index in range(len(self)) if not self.has(index)]

    def encode(self, start: int | None = None) -> Iterator[int]:
        """Encode what is missing, nearest to ``start`` first; after each slice its number. Raises Cancelled."""
        for index in outwards(len(self), start):
            if not self.has(index):
                raise_if_cancelled(self.monitor)
                self.features(index)
                yield index

    def _ready(self) -> FeatureExtractor:
        if self._embedder is None:
            chosen, input_size, device = self._asked
            if isinstance(chosen, str):
                size = input_size or USUAL_SIZE.get(chosen)
                chosen = load_encoder(chosen, device=device, monitor=self.monitor, input_size=size)
            levels = [level for level in LEVELS if level in chosen.levels]
            self._embedder = FeatureExtractor(chosen, levels or ["neck"], self._store or FeatureCache())
        return self._embedder

    def _view(self, index: int) -> FeatureRequest:
        return self.sliced.picture(index).view(AugmentationParams(), self._ready().encoder)

    def _hold(self, index: int, found: dict[str, NDArray[Any]]) -> None:
        self._held[index] = found
        self._bytes += sum(array.nbytes for array in found.values())
        while self._bytes > MOST_BYTES and len(self._held) > 1:
            _, gone = self._held.popitem(last=False)
            self._bytes -= sum(array.nbytes for array in gone.values())


def outwards(count: int, start: int | None = None) -> list[int]:
    """All of ``count`` numbers, nearest to ``start`` (default: the middle) first."""
    middle = count // 2 if start is None else min(max(start, 0), count - 1)
    return sorted(range(count), key=lambda index: (abs(index - middle), index))
