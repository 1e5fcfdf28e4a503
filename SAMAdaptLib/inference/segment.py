"""Inference: a volume and a head in, a labelmap on the volume's own grid out; slice by slice in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.image import Labelmap
from ..data.planes import PLANES
from ..features.cache import FeatureCache
from ..features.sliced_volume import SlicedVolume, slices_for_head
from ..heads.card import provenance_of, structures_of
from ..preprocessing.slicing import Bounds
from ..progress import Monitor, Silent
from ..utils.disk.scratch import scratch_array
from .cascade import CascadePredictor, argmax_labels
from .config import CASCADE, CascadeSettings, InferenceConfig
from .postprocessing import keep_main_components
from .quality_control import check_planes, check_region, looks_of, quality_warnings, verdict
from .slice_suggestion import DoubtBySlice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.io.volumes import Volume
    from ..encoders.base import Encoder
    from ..heads.card import HeadCard
    from ..heads.head import Head
    from ..utils.disk.slice_store import ProbabilitySlices
    from .cascade import SliceCallback

SMOOTHING = (0.25, 0.5, 0.25)
"""Weights of the slice before, the slice itself and the slice after."""


def segment(
    volume: Volume,
    head: Head,
    config: InferenceConfig | None = None,
    *,
    encoder: Encoder | None = None,
    region: Bounds | None = None,
    monitor: Monitor | None = None,
    store: FeatureCache | None = None,
    cascade: CascadeSettings = CASCADE,
    certainty_map: NDArray[np.float32] | None = None,
    **options: Any,
) -> Labelmap:
    """Segment ``volume`` with ``head``; a uint8 or uint16 labelmap on the volume's grid, with a confidence.

    In the head's own plane what it finds is put in shape by its prior, and looked at closer, as far as it knows how;
    turned, too, where that finds little of shape. Confidence: mean probability of the chosen structure over its voxels.
    Where the head is likely to fail, ``monitor`` is warned (see ``quality_warnings``); the ``assessment`` has the
    verdict and the most doubtful slices.

    Args:
        volume: what to segment.
        head: what finds the structures.
        config: the options; None: the defaults.
        encoder: that the head was trained on; None loads it.
        region: (first, last) voxel along i, j, k; those outside are background and are not computed.
        monitor: hears of progress, and may cancel.
        store: the feature cache.
        cascade: constants of the method.
        certainty_map: (k, j, i) on the volume's grid; it is filled with the probability of what was chosen, 0..1.
        options: fields of ``config`` that are to be others.

    Raises:
        InputError: if the region lies beside the volume, if a plane runs across slices that are much thicker than
            their pixels are wide, or if an option is not possible.
        HeadFileError: if the encoder is not the one that the head was trained on.
        Cancelled: if the monitor asks for it.
    """
    config = replace(config or InferenceConfig(), **options)
    card = head.card
    beyond = "" if region is None else check_region(region, volume.geometry)
    own = slices_for_head(card, volume)  # its limits of gray values are found in all voxels: not twice
    sliced = own if config.plane is None else slices_for_head(card, volume, config.plane)
    names = PLANES if config.planes == "three" else ()
    others = [slices_for_head(card, volume, name) for name in names]
    foreign = check_planes(own, others or [sliced])
    stores = store or FeatureCache()
    predictor = CascadePredictor(head, encoder, config.device, monitor or Silent(), stores, cascade)
    probabilities = _probabilities(predictor, sliced, others, config, region)
    certainty, doubtful = _Certainty(predictor.classes), DoubtBySlice(predictor.classes)
    callbacks: list[SliceCallback] = [certainty.hear, doubtful.hear]
    if certainty_map is not None:
        callbacks.append(_into(certainty_map, sliced))
    labels = argmax_labels(probabilities, sliced, card.values, _all(callbacks))
    confidence = certainty.of(card.values)
    _restrict(labels, region)
    keep_main_components(labels, card, config.largest_component)
    made_by = provenance_of(card, head.sha256, config.decisive(region), voxels_sha256=volume.content_hash())
    result = Labelmap(labels, volume.geometry, structures_of(card), confidence=confidence, provenance=made_by)
    reasons = quality_warnings(card, volume, result.volumes_ml(), predictor.agreement, region is None, looks_of(own))
    for doubt in [*filter(None, (beyond, foreign)), *head.reservations(), *reasons]:
        predictor.monitor.warning(doubt)
    result.assessment.update(_assessment(card, sliced, reasons, confidence, doubtful))
    return result


def _assessment(
    card: HeadCard, sliced: SlicedVolume, reasons: Sequence[str], confidence: dict[int, float], doubtful: DoubtBySlice
) -> dict[str, Any]:
    """The verdict on a result, the voxels to look at, and the most doubtful slices; JSON-safe."""
    names = {structure.value: structure.name for structure in card.structures}
    found = verdict(reasons, names, confidence, doubtful.shares())
    at = doubtful.places(sliced.stack, [first for first, _last in found.slices])
    suggestions = doubtful.suggestions(sliced.stack, list(names.values()))
    return {"verdict": {**found.to_dict(), "at": at}, "doubtful": [item.to_dict() for item in suggestions]}


def _all(callbacks: Sequence[SliceCallback]) -> SliceCallback:
    def on_slice(index: int, winner: NDArray[np.intp], probability: NDArray[np.float32]) -> None:
        for callback in callbacks:
            callback(index, winner, probability)

    return on_slice


def _into(certainty_map: NDArray[np.float32], sliced: SlicedVolume) -> SliceCallback:
    """Slices that were not looked at, being flat or outside of the region, stay as they are."""

    def on_slice(index: int, _winner: NDArray[np.intp], probability: NDArray[np.float32]) -> None:
        sliced.stack.slice(certainty_map, index)[...] = probability

    return on_slice


def _probabilities(
    predictor: CascadePredictor,
    sliced: SlicedVolume,
    others: Sequence[SlicedVolume],
    config: InferenceConfig,
    region: Bounds | None,
) -> ProbabilitySlices:
    """Of the slices, or of those in ``others`` together, smoothed if that is asked for."""
    if others:
        found = _three_planes(predictor, sliced, others, config.tta, region)
    else:
        found = predictor.slices(sliced, config.tta, region)
    return _smoothed(found) if config.smoothing else found


def _three_planes(
    predictor: CascadePredictor, sliced: SlicedVolume, others: Sequence[SlicedVolume], tta: bool, region: Bounds | None
) -> ProbabilitySlices:
    """The mean of the probabilities in three planes, kept in a file so that memory stays bounded."""
    classes = predictor.classes
    shape = sliced.volume.geometry.shape
    with scratch_array((classes, *shape), np.float32) as total:
        for other in others:
            for index, found in enumerate(predictor.first_slices(other, tta, region)):
                if found is not None:
                    for channel in range(classes):
                        other.stack.slice(total[channel], index)[...] += found[channel] / len(others)
        for index in range(len(sliced)):
            stacked = np.stack([sliced.stack.slice(total[channel], index) for channel in range(classes)])
            yield stacked if stacked.any() else None


def _smoothed(probabilities: Iterable[NDArray[np.float32] | None]) -> ProbabilitySlices:
    """Each slice averaged with its neighbours; slices without probabilities are neither changed nor used."""
    before: NDArray[np.float32] | None = None
    here: NDArray[np.float32] | None = None
    started = False
    for after in probabilities:
        if started:
            yield _mean(before, here, after)
            before = here
        here, started = after, True
    if started:
        yield _mean(before, here, None)


def _mean(
    before: NDArray[np.float32] | None, here: NDArray[np.float32] | None, after: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    if here is None:
        return None
    parts = [(w, p) for w, p in zip(SMOOTHING, (before, here, after), strict=True) if p is not None]
    weight = sum(w for w, _ in parts)
    return np.asarray(sum(w / weight * p for w, p in parts), np.float32)


class _Certainty:
    """The mean probability of each class over the pixels for which it was chosen."""

    def __init__(self, classes: int) -> None:
        self._total, self._count = np.zeros(classes), np.zeros(classes, np.int64)

    def hear(self, index: int, winner: NDArray[np.intp], probability: NDArray[np.float32]) -> None:
        """Take one slice: the class of each pixel and its probability."""
        classes = len(self._count)
        self._total += np.bincount(winner.ravel(), probability.ravel(), classes)
        self._count += np.bincount(winner.ravel(), minlength=classes)

    def of(self, values: Sequence[int]) -> dict[int, float]:
        """By label value; ``values`` are those of classes 1, 2, .... Structures that were not found are missing."""
        found = zip(values, self._total[1:], self._count[1:], strict=True)
        return {value: round(float(total / count), 4) for value, total, count in found if count}


def _restrict(labels: NDArray[Any], region: Bounds | None) -> None:
    """Make everything outside the region background."""
    if region is None:
        return
    inside = np.zeros(labels.shape, bool)
    (i0, i1), (j0, j1), (k0, k1) = ((max(int(low), 0), int(high)) for low, high in region)
    inside[k0:k1, j0:j1, i0:i1] = True
    labels[~inside] = 0
