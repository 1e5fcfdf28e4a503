"""One look at the slices of a volume: a head with its encoder and its prior, and class probabilities on canvases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..encoders import load_encoder, load_encoder_of, weights_hash
from ..errors import HeadFileError
from ..features.cache import FeatureCache
from ..features.extractor import PICTURE, FeatureExtractor, fitted_picture, picture_to_float
from ..preprocessing.augmentation import AugmentationParams
from ..preprocessing.resampling import resample
from ..preprocessing.slicing import CanvasGeometry, composed
from ..priors.refinement import refine
from ..priors.shape_refinement import Agreement, RefinementContext
from ..progress import Monitor, raise_if_cancelled
from ..utils.devices import mixed_precision, resolve_device
from ..utils.disk.slice_store import ProbabilitySlices
from ..utils.faults import out_of_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..encoders.base import Encoder
    from ..features.sliced_volume import ImageSlice, SlicedVolume
    from ..heads.head import Head


TEST_TIME_ZOOMS = (1.0, 0.85, 1.18)
"""Sides of the windows of test-time views, relative to the whole slice."""


class StagePredictor:
    """A head together with its encoder, cache and device. Raises HeadFileError when the encoder is another one."""

    def __init__(self, head: Head, encoder: Encoder | None, device: str, monitor: Monitor, store: FeatureCache) -> None:
        self.head = head
        self.device = resolve_device(device)
        self.monitor = monitor
        self.module = head.module.eval()
        self.agreement = Agreement(self.module.classes)
        """Between what the head found and its prior, in what was last put in shape."""
        if encoder is None and self.module.needs:
            encoder = load_encoder_of(head.card.encoder.name, head.card.input_size, device, monitor)
        if encoder is not None and self.module.needs:
            _require_encoder(head, encoder)
        self.encoder = encoder
        self.embedder = FeatureExtractor(encoder, self.module.needs, store)

    def canvases(
        self, pictures: Iterable[ImageSlice | None], count: int, stage: str, frames: Sequence[CanvasGeometry] = ()
    ) -> ProbabilitySlices:
        """Class probabilities (classes, s, s) on each slice's canvas; None where there is no picture or a flat one.

        ``count``: of slices, for the progress. ``frames``: windows to look through and average, the slice's own by
        default; all slices are on one grid.
        """
        done, coming = 0, iter(pictures)
        while group := list(islice(coming, self.embedder.batch)):
            raise_if_cancelled(self.monitor)
            self.monitor.progress(stage, done, count)
            done += len(group)
            shown = {
                index: content for index, content in enumerate(group) if content is not None and not content.is_flat
            }
            canvases = dict(zip(shown, self._together([*shown.values()], frames), strict=True))
            yield from map(canvases.get, range(len(group)))
        self.monitor.progress(stage, count, count)

    def _together(self, contents: Sequence[ImageSlice], frames: Sequence[CanvasGeometry]) -> list[NDArray[np.float32]]:
        """The canvas of each slice; what the cache lacks is encoded together."""
        windows = [frames or (content.frame,) for content in contents]
        seen = [content.with_canvas(frame) for content, own in zip(contents, windows, strict=True) for frame in own]
        views = [content.view(AugmentationParams(), self.encoder) for content in seen]
        found = map(self._probabilities, self.embedder.extract_features(views))
        return [
            self._canvas(content, [(frame, next(found)) for frame in own])
            for content, own in zip(contents, windows, strict=True)
        ]

    def _canvas(
        self, content: ImageSlice, found: Sequence[tuple[CanvasGeometry, NDArray[np.float32]]]
    ) -> NDArray[np.float32]:
        """(classes, s, s) mean over the frames that show a point of the slice's own, background in the padding."""
        if len(found) == 1:
            return _inside(found[0][1], content.frame)
        mean = np.nanmean([resample_between(content.frame, frame, canvas) for frame, canvas in found], axis=0)
        return _inside(mean, content.frame)

    def shaped(self, canvases: ProbabilitySlices, sliced: SlicedVolume) -> ProbabilitySlices:
        """The canvases as the head's priors would have them, where it has some."""
        self.agreement = Agreement(self.module.classes)
        for prior, scale_mm in self.head.priors:
            context = RefinementContext(len(sliced), sliced.stack.thickness_mm, scale_mm, self.agreement)
            canvases = refine(canvases, prior, context)
        return canvases

    def _probabilities(self, arrays: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Class probabilities of one view, (classes, s, s) on its canvas, from its features."""
        try:
            return self._asked(arrays)
        except RuntimeError as error:
            if self.device.type == "cpu" or not out_of_memory(error):
                raise
        self.monitor.warning(f"{self.device} has too little memory for the head: it goes on on the processor.")
        self.device = torch.device("cpu")
        return self._asked(arrays)

    def _asked(self, arrays: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        self.module = self.module.to(self.device)  # Here, not before: that alone may be too much for a device.
        features = {level: self._tensor(arrays[level]) for level in self.module.needs}
        small = arrays[PICTURE]
        if features:
            small = fitted_picture(small, min(maps.shape[-1] for maps in features.values()))
        picture = self._tensor(picture_to_float(small if small.ndim == 3 else small[None]))
        with torch.inference_mode(), mixed_precision(self.device):
            logits = self.module(features, picture)[0]
        canvas: NDArray[np.float32] = logits.float().softmax(dim=0).cpu().numpy()
        return canvas

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array)[None].to(self.device).float()


def zoomed(frame: CanvasGeometry) -> tuple[CanvasGeometry, ...]:
    """Windows around the middle of the slice's content at the test-time zooms."""
    middle = [count * mm / 2 for count, mm in zip(frame.shape, frame.spacing, strict=True)]
    windows = []
    for zoom in TEST_TIME_ZOOMS:
        side = frame.side_mm * zoom
        windows.append(frame if zoom == 1 else frame.window(middle[0] - side / 2, middle[1] - side / 2, side))
    return tuple(windows)


def resample_between(
    frame: CanvasGeometry, seen: CanvasGeometry, canvas: NDArray[np.float32], size: int = 0
) -> NDArray[np.float32]:
    """What a canvas over the window ``seen`` says at the points of ``frame``'s canvas; NaN beyond.

    ``size`` is the side of the result, by default that of the canvas.
    """
    size = size or canvas.shape[-1]
    affine = composed(seen.slice_to_canvas(canvas.shape[-1]), frame.canvas_to_slice(size))
    return resample(canvas, affine, (size, size), cval=np.nan)


def fill_background(canvas: NDArray[np.float32]) -> NDArray[np.float32]:
    """The canvas (classes, ...) with background for what no other class takes, NaN included. Changed in place."""
    np.nan_to_num(canvas, copy=False)
    canvas[0] = 1 - canvas[1:].sum(axis=0)
    return canvas


def _inside(canvas: NDArray[np.float32], frame: CanvasGeometry) -> NDArray[np.float32]:
    """The canvas with background in the padding, of which a head was never told anything and may say anything."""
    shown = frame.shows(canvas.shape[-1])
    result = np.where(shown, canvas, np.float32(0))
    result[0][~shown] = 1
    return result


def load_encoder_for(head: Head, name_or_path: str, device: str, monitor: Monitor) -> Encoder:
    """The encoder that somebody names for a head, at the head's input size. Raises HeadFileError for another one.

    That is told before the encoder is built: it may know no such size, and would speak of that alone.
    """
    found = weights_hash(name_or_path, monitor)
    if found:
        _require_weights(head, Path(name_or_path).stem, found)
    return load_encoder(name_or_path, device=device, monitor=monitor, input_size=head.card.input_size)


def _require_weights(head: Head, name: str, found: str) -> None:
    expected = head.card.encoder.sha256
    if found != expected:
        msg = (
            f"The head {head.card.name!r} was trained on {head.card.encoder.name} with weights {expected[:12]}..., "
            f"not on {name} with weights {found[:12]}...."
        )
        raise HeadFileError(msg, "Choose the encoder that the head names, or train a head on this one.")


def _require_encoder(head: Head, encoder: Encoder) -> None:
    _require_weights(head, encoder.name, encoder.sha256)
    trained = head.card.input_size
    if trained not in (None, encoder.input_size):
        msg = (
            f"The head {head.card.name!r} was trained on pictures of {trained} pixels a side, and this {encoder.name} "
            f"sees {encoder.input_size}."
        )
        raise HeadFileError(msg, f"Load the encoder with the input size {trained}.")
