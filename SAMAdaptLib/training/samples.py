"""Augmented views of annotated slices, as a training draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..features.cache import content_key
from ..features.extractor import FeatureRequest
from ..preprocessing.augmentation import AugmentationParams, AugmentationRanges
from .annotated_slices import LabelledSlice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..encoders.base import Encoder


@dataclass(frozen=True)
class TrainingSample:
    """One view of an annotated slice, as training draws it."""

    annotated: LabelledSlice
    parameters: AugmentationParams
    view: FeatureRequest

    def target(self, size: int) -> NDArray[np.uint8]:
        """Class indices, (size, size)."""
        return self.annotated.target(self.parameters, size)


def draw_samples(
    slices: Sequence[LabelledSlice],
    views: int,
    encoder: Encoder | None,
    seed: int,
    settings: AugmentationRanges | None = None,
) -> list[TrainingSample]:
    """Each slice as it is and under ``views - 1`` drawn views. The n-th view of a slice does not depend on how many
    slices or views there are, so that training with one case or a few views more pays for those alone."""
    settings = settings or AugmentationRanges()
    samples = []
    for item in slices:
        chance = np.random.default_rng([seed, int(content_key(item.content.identity)[:12], 16)])
        drawn = [AugmentationParams(), *(settings.draw(chance, item.content.channels) for _ in range(views - 1))]
        samples += [TrainingSample(item, parameters, item.content.view(parameters, encoder)) for parameters in drawn]
    return samples


def in_rounds(samples: Sequence[TrainingSample]) -> list[list[TrainingSample]]:
    """The first view of every slice, then every second one, and so on; the first of these lists is as long as there
    are slices."""
    rounds: list[list[TrainingSample]] = []
    seen: dict[int, int] = {}
    for sample in samples:
        count = seen.get(id(sample.annotated), 0)
        seen[id(sample.annotated)] = count + 1
        if count == len(rounds):
            rounds.append([])
        rounds[count].append(sample)
    return rounds


def sampling_weights(samples: Sequence[TrainingSample]) -> NDArray[np.float64]:
    """How often each sample is drawn: structures on few slices as often as those on many; sums to 1.

    A slice's weight is the sum over its structures of 1 / (slices with that structure), plus a little for all.
    """
    count: dict[int, int] = {}
    for sample in samples:
        for index in sample.annotated.present:
            count[index] = count.get(index, 0) + 1
    weights = [
        0.3 * max(len(count), 1) / len(samples) + sum(1 / count[i] for i in s.annotated.present) for s in samples
    ]
    return np.asarray(weights) / sum(weights)
