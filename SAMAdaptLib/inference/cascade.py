"""What a whole head says of a volume: a first look at whole slices, then a closer one around what was found.

The closer look goes to the same window on all slices. Where both looks show a point, their mean counts, which the
prior of the closer one then puts in shape. Where it finds little of shape there, as when the first look went astray and
the window shows something else, the first look's answer stands.

How much of shape is found also tells how a volume lies: hearts are imaged at angles that differ by more than a quarter
turn, which a head that learned from one of them does not follow. Where it is not sure, it looks at the slices turned as
well, and the turn counts in which most of shape is found. There is no mirroring: bodies have sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..encoders import at_size
from ..features.sliced_volume import plane_for_volume
from ..preprocessing.roi import bounding_roi
from ..preprocessing.slicing import Bounds, CanvasGeometry, resolve_plane, unrender
from ..progress import ROI_STAGE, SEGMENTING_IN, TURNED
from ..utils.disk.slice_store import ProbabilitySlices, SliceStore
from .config import CASCADE, CascadeSettings
from .postprocessing import keep_main_components
from .stage import StagePredictor, fill_background, resample_between, zoomed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..encoders.base import Encoder
    from ..features.cache import FeatureCache
    from ..features.sliced_volume import SlicedVolume
    from ..heads.head import Head
    from ..progress import Monitor


@dataclass(frozen=True)
class CascadeResult:
    """What was found in a volume seen in one way.

    ``frame``: what the first look saw of each slice; ``window``: what the closer one did, None where there was nothing
    to look at closer. ``agreement``: of the last look that was taken with its prior, ``closer`` that of the closer one.
    """

    frame: CanvasGeometry
    first: SliceStore
    window: CanvasGeometry | None
    both: SliceStore
    agreement: float | None
    closer: float | None

    @property
    def of_shape(self) -> float:
        """How much of shape was found, 0 to 1."""
        return self.closer or 0.0

    def answer(self, least_agreement: float) -> ProbabilitySlices:
        """Class probabilities of each slice on its own pixels; of the first look where the closer one agrees less."""
        if self.window is None or (self.closer is not None and self.closer < least_agreement):
            return _on_pixels(self.first, self.frame)
        return _on_pixels(self.both, self.window)


class CascadePredictor:
    """A head with all its looks, ready to say what it finds in volumes."""

    def __init__(
        self,
        head: Head,
        encoder: Encoder | None,
        device: str,
        monitor: Monitor,
        store: FeatureCache,
        settings: CascadeSettings = CASCADE,
    ) -> None:
        self.head, self.monitor, self.settings = head, monitor, settings
        self.first = StagePredictor(head, encoder, device, monitor, store)
        self.closer = None
        if head.closer is not None:
            own = self.first.encoder  # the same weights for both, wherever they are from
            closer = None if own is None else at_size(own, head.closer.card.input_size, monitor)
            self.closer = StagePredictor(head.closer, closer, device, monitor, store)
        self._best: float | None = None

    @property
    def agreement(self) -> float | None:
        """How far what was found in the last volume and the prior agree, by the last look; None without a prior."""
        return self.first.agreement.mean if self._best is None else self._best

    @property
    def classes(self) -> int:
        """Background included."""
        return self.first.module.classes

    def slices(self, sliced: SlicedVolume, zooms: bool = False, region: Bounds | None = None) -> ProbabilitySlices:
        """Class probabilities of each slice on its own pixels, after all looks.

        ``zooms``: the first look averages views at several zooms. The first slice comes when all were looked at.
        """
        self._best, settings = None, self.settings
        if self.closer is None or not self._in_own_plane(sliced):
            yield from self.first_slices(sliced, zooms, region)
            return
        with ExitStack() as kept:
            upright = self._seen(self.closer, sliced, sliced.frame, zooms, region, kept)
            unsure = upright.of_shape < settings.rotate_below_agreement and self.closer.head.prior is not None
            frames = (sliced.frame.turned(turn) for turn in settings.rotations_deg if unsure)
            turned = [self._seen(self.closer, sliced, frame, zooms, region, kept) for frame in frames]
            best = max((upright, *turned), key=lambda seen: seen.of_shape)
            if best.of_shape < upright.of_shape + settings.rotation_margin:
                best = upright
            self._best = best.agreement
            yield from best.answer(settings.min_roi_agreement)

    def first_slices(
        self, sliced: SlicedVolume, zooms: bool = False, region: Bounds | None = None
    ) -> ProbabilitySlices:
        """As ``slices``, after the first look alone."""
        return _on_pixels(self._first(sliced, sliced.frame, zooms, region), sliced.frame)

    def _seen(
        self,
        closer: StagePredictor,
        sliced: SlicedVolume,
        frame: CanvasGeometry,
        zooms: bool,
        region: Bounds | None,
        kept: ExitStack,
    ) -> CascadeResult:
        """Both looks at a volume, the first one through ``frame``; canvases are kept until ``kept`` is closed."""
        first, both = (kept.enter_context(SliceStore(len(sliced))) for _ in range(2))
        first.keep(self._first(sliced, frame, zooms, region))
        window = self._window(first, sliced, frame)
        if window is None:
            return CascadeResult(frame, first, None, both, self.first.agreement.mean, None)
        both.keep(closer.shaped(self._both(closer, first, sliced, frame, window), sliced))
        found = closer.agreement.mean
        return CascadeResult(frame, first, window, both, self.first.agreement.mean if found is None else found, found)

    def _first(
        self, sliced: SlicedVolume, frame: CanvasGeometry, zooms: bool, region: Bounds | None
    ) -> ProbabilitySlices:
        count, stage = len(sliced), _said(SEGMENTING_IN[sliced.stack.plane].text(), frame)
        wanted = sliced.stack.slices_in(region) if region is not None else range(count)
        pictures = (sliced.picture(index).with_canvas(frame) if index in wanted else None for index in range(count))
        canvases = self.first.canvases(pictures, count, stage, zoomed(frame) if zooms else ())
        return self.first.shaped(canvases, sliced) if self._in_own_plane(sliced) else canvases

    def _in_own_plane(self, sliced: SlicedVolume) -> bool:
        """Whether the head itself would look at that volume in this plane: it knows the shapes of no other."""
        volume = sliced.volume
        return sliced.stack.plane == resolve_plane(volume.geometry, plane_for_volume(self.head.card.plane, volume)).name

    def _window(self, kept: SliceStore, sliced: SlicedVolume, frame: CanvasGeometry) -> CanvasGeometry | None:
        """The window around the main pieces of what the first look found; None when it found nothing."""
        labels = argmax_labels(_on_pixels(kept, frame), sliced, self.head.card.values)
        keep_main_components(labels, self.head.card)
        found = bounding_roi((mask > 0 for mask in sliced.stack.oriented(labels)), sliced.stack.spacing)
        side_mm = 0.0 if self.head.closer is None else self.head.closer.card.plane.side_mm or 0.0
        return None if found is None else found.window(frame, side_mm)

    def _both(
        self,
        closer: StagePredictor,
        kept: SliceStore,
        sliced: SlicedVolume,
        frame: CanvasGeometry,
        window: CanvasGeometry,
    ) -> ProbabilitySlices:
        """On canvases over the window, the mean of what the first look kept and what the closer one finds; or what that
        finds alone, where it knows better."""
        count, alone = len(sliced), self.head.card.closer is not None and self.head.card.closer.alone
        pictures = (sliced.picture(index).with_canvas(window) if index in kept else None for index in range(count))
        for index, own in enumerate(closer.canvases(pictures, count, _said(ROI_STAGE.text(), window))):
            earlier = kept.get(index)
            if own is None or earlier is None:
                yield None
                continue
            size = max(earlier.shape[-1], own.shape[-1])
            found = fill_background(resample_between(window, window, own, size))
            if not alone:
                found = (fill_background(resample_between(window, frame, earlier, size)) + found) / np.float32(2)
            yield found


def _said(stage: str, frame: CanvasGeometry) -> str:
    return TURNED.text(stage=stage, degrees=f"{frame.turn:.0f}") if frame.turn else stage


SliceCallback = Callable[[int, "NDArray[np.intp]", "NDArray[np.float32]"], None]
"""Hears of each slice that was looked at: its index, the most probable class of each pixel, and its probability."""


def argmax_labels(
    probabilities: ProbabilitySlices, sliced: SlicedVolume, values: Sequence[int], hear: SliceCallback | None = None
) -> NDArray[Any]:
    """The most probable class of each voxel as label values (k, j, i); ``values`` are those of classes 1, 2, ...."""
    table = np.asarray([0, *values])
    labels = np.zeros(sliced.volume.geometry.shape, np.uint8 if table.max() < 256 else np.uint16)
    for index, found in enumerate(probabilities):
        if found is None:
            continue
        winner = found.argmax(axis=0)
        sliced.stack.put(labels, index, table[winner].astype(labels.dtype))
        if hear is not None:
            hear(index, winner, found.max(axis=0))
    return labels


def _on_pixels(canvases: Iterable[NDArray[np.float32] | None], frame: CanvasGeometry) -> ProbabilitySlices:
    """Canvases over ``frame`` as probabilities on the slices' own pixels; beyond the frame is background."""
    for canvas in canvases:
        yield None if canvas is None else fill_background(unrender(canvas, frame, fill=0.0))
