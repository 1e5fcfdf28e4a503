"""Features of views by way of the cache: what it lacks is encoded now, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..encoders.input import resize
from ..encoders.loading import pinned_threads
from ..errors import InputError
from ..progress import ENCODING, Monitor, Silent, raise_if_cancelled
from ..utils.timing import clock
from .cache import FeatureCache, fitted_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..encoders.base import Encoder

PICTURE = "picture"
"""Name under which a view's small picture is kept beside its features."""


PICTURE_SIZE = 256

COLOURS = 3
"""Of an encoder's picture."""


_Painted: TypeAlias = "tuple[list[NDArray[np.float32]], list[NDArray[np.uint8]]]"


@dataclass(frozen=True)
class FeatureRequest:
    """One canvas to be encoded: its key and how to paint it when the cache does not have it.

    ``paint`` gives (S, S) float32 in 0..255 with NaN in the padding, (channels, S, S) of several channels.
    """

    key: str
    paint: Callable[[], NDArray[np.float32]]


class FeatureExtractor:
    """Features of views by way of the cache, from one encoder, at the asked levels."""

    def __init__(self, encoder: Encoder | None, levels: Sequence[str], store: FeatureCache) -> None:
        self.encoder = encoder
        self.levels = tuple(levels)
        self.store = store

    @property
    def batch(self) -> int:
        """How many views at once pay."""
        return 1 if self.encoder is None else self.encoder.batch

    def prepare(
        self, views: Iterable[FeatureRequest], monitor: Monitor | None = None, stage: str = ENCODING.text()
    ) -> int:
        """Encode what the cache lacks; gives the number encoded. Raises Cancelled between views."""
        missing = self._missing(views)
        return sum(len(batch) for batch in self._encoding(missing, monitor or Silent(), stage))

    def cache_features_until(
        self,
        deadline: float,
        views: Sequence[FeatureRequest],
        needed: int,
        monitor: Monitor,
        stage: str = ENCODING.text(),
    ) -> list[FeatureRequest]:
        """Encode what the cache lacks, in the order of ``views``; gives those whose features are known then.

        After ``deadline`` (``clock.now()``) only the first ``needed`` are still encoded. Raises Cancelled
        between views.
        """
        missing = self._missing(views)
        left = {view.key for view in missing}
        must = {view.key for view in views[:needed]}
        for batch in self._encoding(missing, monitor, stage):
            left.difference_update(view.key for view in batch)
            if clock.now() > deadline and not left & must:
                break
        return [view for view in views if view.key not in left]

    def features(self, view: FeatureRequest) -> dict[str, NDArray[Any]]:
        """{level: (C, h, w) float16, "picture": (256, 256) uint8} of one view, encoded now if need be.

        The picture of several channels is (channels, 256, 256).
        """
        return self.extract_features([view])[0]

    def extract_features(self, views: Sequence[FeatureRequest]) -> list[dict[str, NDArray[Any]]]:
        """As ``features``, of a few views; those that are not known go through the encoder together."""
        found = [{name: self.store.get(view.key, name) for name in (*self.levels, PICTURE)} for view in views]
        known = [{name: array for name, array in arrays.items() if array is not None} for arrays in found]
        missing = [index for index, arrays in enumerate(known) if len(arrays) < len(found[index])]
        if missing:
            unknown = [views[index] for index in missing]
            for index, arrays in zip(missing, self._encode(unknown, _painted(unknown)), strict=True):
                known[index] = arrays
        return known

    def _encoding(
        self, missing: Sequence[FeatureRequest], monitor: Monitor, stage: str
    ) -> Iterator[Sequence[FeatureRequest]]:
        """Encodes these views batch by batch, and gives each batch when its features are known.

        The next batch is painted while one is encoded, unless the program is to keep to one core.
        """
        size = self.batch
        batches = [missing[done : done + size] for done in range(0, len(missing), size)]
        with ThreadPoolExecutor(1, "painter") as painter:
            coming: Future[_Painted] | None = None
            for number, batch in enumerate(batches):
                raise_if_cancelled(monitor)
                monitor.progress(stage, number * size, len(missing))
                painted = _painted(batch) if coming is None else coming.result()
                ahead = number + 1 < len(batches) and pinned_threads() != 1
                coming = painter.submit(_painted, batches[number + 1]) if ahead else None
                self._encode(batch, painted)
                yield batch
        monitor.progress(stage, len(missing), len(missing))

    def _missing(self, views: Iterable[FeatureRequest]) -> list[FeatureRequest]:
        """Those that the cache lacks."""
        names = (*self.levels, PICTURE)
        return [view for view in views if not all(self.store.has(view.key, name) for name in names)]

    def _encode(self, views: Sequence[FeatureRequest], painted: _Painted) -> list[dict[str, NDArray[Any]]]:
        """Features of views that go through the encoder together; kept, and given back in their order."""
        canvases, pictures = painted
        found: list[dict[str, NDArray[Any]]] = [{PICTURE: picture} for picture in pictures]
        if self.levels and self.encoder is not None:
            for places in _by_side(canvases):
                coloured = np.stack([in_colours(canvases[place]) for place in places])
                encoded = self.encoder.encode(coloured, self.levels)
                for index, place in enumerate(places):
                    found[place].update({level: array[index].astype(np.float16) for level, array in encoded.items()})
        for view, arrays in zip(views, found, strict=True):
            for name, array in arrays.items():
                self.store.put(view.key, name, array)
        return found


def in_colours(canvas: NDArray[np.float32]) -> NDArray[np.float32]:
    """What an encoder is given of a canvas: channels are its colours, of two channels the third one is their mean.

    A canvas of one channel (S, S) stays gray; (channels, S, S) becomes (3, S, S).
    """
    if canvas.ndim == 2 or len(canvas) == COLOURS:
        return canvas
    return np.concatenate([canvas, canvas.mean(axis=0, keepdims=True)])


def _painted(views: Sequence[FeatureRequest]) -> _Painted:
    """The views' canvases, which differ in size where volumes differ in resolution, and small pictures."""
    canvases = [view.paint() for view in views]
    return canvases, [picture_of(canvas) for canvas in canvases]


def _by_side(canvases: Sequence[NDArray[np.float32]]) -> list[list[int]]:
    """The places of canvases of one size, for each size that there is: what can go through the encoder together."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, canvas in enumerate(canvases):
        places.setdefault(canvas.shape, []).append(place)
    return list(places.values())


def picture_of(canvas: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A view in small for image-resolution branches: (256, 256) uint8, 1..255 inside, 0 in the padding.

    Averages whole blocks of pixels, so fine detail is neither aliased nor lost. The side must be a multiple of 256.
    Of several channels it is (channels, 256, 256).
    """
    if canvas.ndim == 3:
        return np.stack([picture_of(channel) for channel in canvas])
    side = canvas.shape[0]
    block = side // PICTURE_SIZE
    if side % PICTURE_SIZE:
        msg = f"A canvas has {side} pixels a side; a multiple of {PICTURE_SIZE} is needed."
        raise InputError(msg)
    blocks = canvas.reshape(PICTURE_SIZE, block, PICTURE_SIZE, block)
    inside = ~np.isnan(blocks)
    count = inside.sum(axis=(1, 3))
    total = np.where(inside, blocks, 0).sum(axis=(1, 3), dtype=np.float32)
    mean = total / np.maximum(count, 1)
    return np.where(count * 2 >= block * block, 1 + np.round(mean * (254 / 255)), 0).astype(np.uint8)


def fitted_picture(picture: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """A view's small picture in about its size, with a whole number of pairs of pixels for each of ``cells`` a side.

    Heads cut crops between the cells of their features; of 64 cells each has 4 x 4 pixels, and the picture is left as
    it is.
    """
    side = fitted_side(picture.shape[-1], cells)
    if side == picture.shape[-1]:
        return picture
    values = np.where(picture == 0, np.float32(np.nan), picture.astype(np.float32))
    return np.nan_to_num(np.round(resize(values, side))).astype(np.uint8)


def picture_to_float(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What heads see of a picture: zero mean and about unit variance inside, 0 in the padding."""
    values: NDArray[np.float32] = (picture.astype(np.float32) - np.float32(128)) / np.float32(64)
    values[picture == 0] = 0
    return values
