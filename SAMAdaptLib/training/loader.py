"""What an optimizer's step sees: the features and targets of samples, whole or in small crops.

A head's own convolutions see a few cells around each; what lies farther off is in the features already. Small crops of
many views so teach as much as whole canvases do, in a fraction of the time, and more evenly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..features.cache import fitted_side
from ..features.extractor import PICTURE, PICTURE_SIZE, FeatureExtractor, fitted_picture, picture_to_float
from ..preprocessing.augmentation import IGNORED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..networks.base import HeadModule
    from .config import FitSettings
    from .samples import TrainingSample

REMEMBERED_BYTES = 1_500_000_000
"""Features and targets that a fit keeps in memory, at most."""

CROP_CELLS = 16
"""Side of a crop in cells of a neck that has 64 a side; of a smaller neck the same share of the canvas."""

FOREGROUND_FRACTION = 0.5
"""Share of the crops that lie on a structure; the others lie anywhere where something is known."""


@dataclass(frozen=True)
class _CachedSample:
    """What is remembered of a sample: arrays (h, w, C) by level, the target (s, s), and where crops may lie.

    ``units``: into how many parts the canvas's side is divided so that all arrays are cut between their elements.
    ``places``: for each structure, and last for all that is known, the units (row, column) that show it.
    """

    arrays: dict[str, NDArray[Any]]
    target: NDArray[np.uint8]
    units: int
    places: list[NDArray[np.intp]]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (*self.arrays.values(), self.target, *self.places))


class SampleLoader:
    """Reads samples into tensors on a device, and remembers them as far as memory allows.

    A sample is drawn dozens of times in a fit; reading its features, bringing their channels into the order that
    convolutions want, and painting its target each time would cost more than the optimizer's step.
    """

    def __init__(self, module: HeadModule, embedder: FeatureExtractor, device: torch.device, crops: int = 0) -> None:
        self.module, self.embedder, self.device, self.crops = module, embedder, device, crops
        self._known: dict[str, _CachedSample] = {}
        self._bytes = 0

    def load(self, samples: Sequence[TrainingSample]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Features {level: (B, C, h, w)}, pictures (B, channels, p, p) and targets (B, s, s) int64.

        p is about 256 and s about the head's ``loss_size``: whole multiples of the coarsest features' side.
        """
        known = [self._read(sample) for sample in samples]
        return self._tensors([item.arrays for item in known], [item.target for item in known])

    def draw(
        self, samples: Sequence[TrainingSample], chance: np.random.Generator
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """What the head learns from in one step: as ``load``, or the head's number of crops of each sample."""
        if not self.crops:
            return self.load(samples)
        arrays, targets = [], []
        for sample in samples:
            known = self._read(sample)
            for _ in range(self.crops):
                cut = _crop(known, chance)
                arrays.append({level: cut.of(array) for level, array in known.arrays.items()})
                targets.append(cut.of(known.target))
        return self._tensors(arrays, targets)

    def _read(self, sample: TrainingSample) -> _CachedSample:
        known = self._known.get(sample.view.key)
        if known is None:
            features = self.embedder.features(sample.view)
            arrays = {name: np.ascontiguousarray(features[name].transpose(1, 2, 0)) for name in self.module.needs}
            cells = min((array.shape[0] for array in arrays.values()), default=self.module.loss_size)
            picture = fitted_picture(features[PICTURE], cells) if self.module.needs else features[PICTURE]
            arrays[PICTURE] = picture[..., None] if picture.ndim == 2 else np.moveaxis(picture, 0, -1)
            target = sample.target(cells * max(1, round(self.module.loss_size / cells)))
            units = gcd(*(array.shape[0] for array in (*arrays.values(), target)))
            known = _CachedSample(arrays, target, units, _foreground_cells(target, units) if self.crops else [])
            if self._bytes + known.nbytes <= REMEMBERED_BYTES:
                self._known[sample.view.key] = known
                self._bytes += known.nbytes
        return known

    def _tensors(
        self, arrays: Sequence[Mapping[str, NDArray[Any]]], targets: Sequence[NDArray[np.uint8]]
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        features = {level: self._stack([item[level] for item in arrays]) for level in self.module.needs}
        pictures = self._stack([picture_to_float(item[PICTURE]) for item in arrays])
        return features, pictures, torch.from_numpy(np.stack(targets).astype(np.int64)).to(self.device)

    def _stack(self, arrays: Sequence[NDArray[Any]]) -> Tensor:
        """(B, C, h, w) float32 with channels last in memory, from arrays (h, w, C)."""
        return torch.from_numpy(np.stack(arrays)).to(self.device, torch.float32).permute(0, 3, 1, 2)


def invented_batch(
    module: HeadModule, sizes: Mapping[str, int], device: torch.device, settings: FitSettings
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """A batch as ``SampleLoader.draw`` makes them, of noise, to measure with; ``sizes``: cells a side of each level."""
    cells = min((sizes[level] for level in module.needs), default=module.loss_size)
    count, share = settings.batch * max(settings.crops, 1), 1.0
    if settings.crops:
        share = min(max(round(CROP_CELLS / 64 * cells), 1) / cells, 1.0)
    chance = np.random.default_rng(0)

    def noise(channels: int, side: int) -> Tensor:
        side = max(round(share * side), 1)
        made = torch.from_numpy(chance.standard_normal((count, side, side, channels), dtype=np.float32))
        return made.to(device).permute(0, 3, 1, 2)

    features = {level: noise(module.channels[level], sizes[level]) for level in module.needs}
    picture = fitted_side(PICTURE_SIZE, cells) if module.needs else PICTURE_SIZE
    target = round(share * cells * max(1, round(module.loss_size / cells)))
    classes = torch.from_numpy(chance.integers(0, module.classes, (count, target, target)))
    return features, noise(module.pictures, picture), classes.to(device)


def _foreground_cells(target: NDArray[np.uint8], units: int) -> list[NDArray[np.intp]]:
    """The units (row, column) that show each structure, and last those where something is known (else all)."""
    side = target.shape[0] // units
    blocks = target.reshape(units, side, units, side)
    shown = [(blocks == index).any(axis=(1, 3)) for index in np.unique(target) if 0 < index < IGNORED]
    known = (blocks != IGNORED).any(axis=(1, 3))
    return [np.argwhere(mask) for mask in (*shown, known if known.any() else ~known)]


@dataclass(frozen=True)
class _Crop:
    """A square part of a canvas, in units of which there are ``units`` a side."""

    top: int
    left: int
    side: int
    units: int

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """That part of an array over the whole canvas."""
        size = array.shape[0] // self.units
        top, left, side = self.top * size, self.left * size, self.side * size
        return array[top : top + side, left : left + side]


def _crop(known: _CachedSample, chance: np.random.Generator) -> _Crop:
    """A crop around a random place: of a random structure, or of all that is known."""
    units = known.units
    side = min(max(round(CROP_CELLS / 64 * units), 1), units)
    *structures, anywhere = known.places
    on_structure = structures and chance.random() < FOREGROUND_FRACTION
    among = structures[int(chance.integers(len(structures)))] if on_structure else anywhere
    middle = among[int(chance.integers(len(among)))]
    jitter = chance.integers(-side // 4, side // 4 + 1, 2)
    top, left = np.clip(middle - side // 2 + jitter, 0, units - side)
    return _Crop(int(top), int(left), side, units)
