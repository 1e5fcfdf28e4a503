"""What a whole head says of a volume: a first look at whole slices, then a closer one around what was found.

The closer look goes to the same window on all slices. Where both looks show a point, their mean counts, which the
prior of the closer one then puts in shape. Where it finds little of shape there, as when the first look went astray and
the window shows something else, the first look's answer stands.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from .anatomy import keep_pieces
from .closer import extent
from .looks import Look, Probabilities, background_beyond, onto
from .samples import plane_for
from .slicing import Bounds, Frame, resolve_plane, unrender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .embedding import FeatureStore
    from .encoders.base import Encoder
    from .heads.file import Head
    from .progress import Monitor
    from .samples import SlicedVolume


TRUSTED = 0.7
"""Agreement of the closer look with its prior below which the first look's answer stands."""


class Predictor:
    """A head with all its looks, ready to say what it finds in volumes."""

    def __init__(self, head: Head, encoder: Encoder | None, device: str, monitor: Monitor, store: FeatureStore) -> None:
        self.head, self.monitor = head, monitor
        self.first = Look(head, encoder, device, monitor, store)
        self.closer = None if head.closer is None else Look(head.closer, self.first.encoder, device, monitor, store)

    @property
    def agreement(self) -> float | None:
        """How far what was found so far and the prior agree, by the last look that was taken; None without a prior."""
        closer = None if self.closer is None else self.closer.agreement.mean
        return self.first.agreement.mean if closer is None else closer

    @property
    def classes(self) -> int:
        """Background included."""
        return self.first.module.classes

    def slices(self, sliced: SlicedVolume, frames: Sequence[Frame], region: Bounds | None = None) -> Probabilities:
        """Class probabilities of each slice on its own pixels, after all looks.

        ``frames``: windows for the first look to average. The first slice comes when all have been looked at.
        """
        if self.closer is None or not self._in_own_plane(sliced):
            yield from self.first_slices(sliced, frames, region)
            return
        with KeptCanvases(len(sliced)) as first, KeptCanvases(len(sliced)) as both:
            first.keep(self._first(sliced, frames, region))
            window = self._window(first, sliced)
            if window is not None:
                both.keep(self.closer.shaped(self._both(self.closer, first, sliced, window), sliced))
            agreement = self.closer.agreement.mean
            if window is None or (agreement is not None and agreement < TRUSTED):
                yield from _on_pixels(first, sliced.frame)
            else:
                yield from _on_pixels(both, window)

    def first_slices(
        self, sliced: SlicedVolume, frames: Sequence[Frame], region: Bounds | None = None
    ) -> Probabilities:
        """As ``slices``, after the first look alone."""
        return _on_pixels(self._first(sliced, frames, region), sliced.frame)

    def _first(self, sliced: SlicedVolume, frames: Sequence[Frame], region: Bounds | None) -> Probabilities:
        count, stage = len(sliced), f"Segmenting {sliced.stack.plane} slices"
        wanted = sliced.stack.slices_in(region) if region is not None else range(count)
        pictures = (sliced.picture(index) if index in wanted else None for index in range(count))
        canvases = self.first.canvases(pictures, count, stage, frames)
        return self.first.shaped(canvases, sliced) if self._in_own_plane(sliced) else canvases

    def _in_own_plane(self, sliced: SlicedVolume) -> bool:
        """Whether the head itself would look at that volume in this plane: it knows the shapes of no other."""
        volume = sliced.volume
        return sliced.stack.plane == resolve_plane(volume.geometry, plane_for(self.head.card.plane, volume)).name

    def _window(self, kept: KeptCanvases, sliced: SlicedVolume) -> Frame | None:
        """The window around the main pieces of what the first look found; None when it found nothing."""
        labels = decided(_on_pixels(kept, sliced.frame), sliced, self.head.card.values)
        keep_pieces(labels, self.head.card)
        found = extent((mask > 0 for mask in sliced.stack.oriented(labels)), sliced.stack.spacing)
        side_mm = 0.0 if self.head.closer is None else float(self.head.closer.card.plane["side_mm"])
        return None if found is None else found.window(sliced.frame, side_mm)

    def _both(self, closer: Look, kept: KeptCanvases, sliced: SlicedVolume, window: Frame) -> Probabilities:
        """On canvases over the window, the mean of what the first look kept and what the closer one finds."""
        count = len(sliced)
        pictures = (sliced.picture(index).framed(window) if index in kept else None for index in range(count))
        for index, own in enumerate(closer.canvases(pictures, count, "Looking closer")):
            earlier = kept.get(index)
            if own is None or earlier is None:
                yield None
                continue
            size = max(earlier.shape[-1], own.shape[-1])
            first = background_beyond(onto(window, sliced.frame, earlier, size))
            mean: NDArray[np.float32] = (first + background_beyond(onto(window, window, own, size))) / np.float32(2)
            yield mean


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


Hearer = Callable[[int, "NDArray[np.intp]", "NDArray[np.float32]"], None]
"""Hears of each slice that was looked at: its index, the most probable class of each pixel, and its probability."""


def decided(
    probabilities: Probabilities, sliced: SlicedVolume, values: Sequence[int], hear: Hearer | None = None
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


def _on_pixels(canvases: Iterable[NDArray[np.float32] | None], frame: Frame) -> Probabilities:
    """Canvases over ``frame`` as probabilities on the slices' own pixels; beyond the frame is background."""
    for canvas in canvases:
        yield None if canvas is None else background_beyond(unrender(canvas, frame, fill=0.0))
