"""Inference: a volume and a head in, a labelmap on the volume's own grid out; slice by slice in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .components import keep_main_pieces
from .devices import mixed_precision, resolve_device
from .doubts import doubts
from .embedding import PICTURE, Embedder, FeatureStore, picture_to_float
from .encoders import load_encoder
from .errors import HeadFileError, InputError
from .heads.file import Head
from .images import Labelmap
from .progress import Monitor, Silent, raise_if_cancelled
from .resampling import resample
from .reshaping import Agreement, reshaped, stride
from .samples import PictureSlice, SlicedVolume, plane_for, seen_by
from .slicing import Bounds, Frame, composed, resolve_plane, unrender
from .structure import Structure
from .views import ViewParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .encoders.base import Encoder
    from .volume import Volume

Probabilities = Iterator["NDArray[np.float32] | None"]
"""One (classes, rows, columns) array a slice, in slice order; None where nothing was looked at."""

TEST_TIME_ZOOMS = (1.0, 0.85, 1.18)
"""Sides of the windows of test-time views, relative to the whole slice."""

SMOOTHING = (0.25, 0.5, 0.25)
"""Weights of the slice before, the slice itself and the slice after."""


def segment(
    volume: Volume,
    head: Head,
    *,
    encoder: Encoder | None = None,
    device: str = "auto",
    plane: str | None = None,
    planes: str = "one",
    tta: bool = False,
    smoothing: bool = False,
    largest_component: bool | None = None,
    region: Bounds | None = None,
    monitor: Monitor | None = None,
    store: FeatureStore | None = None,
) -> Labelmap:
    """Segment ``volume`` with ``head``; a uint8 or uint16 labelmap on the volume's grid, with a confidence.

    What the head finds is put in shape by its prior, where it has one and looks in its own plane.

    ``plane``: another plane than the head's; ``planes="three"`` averages axial, sagittal and coronal. ``tta``
    averages views at several zooms. ``smoothing`` averages neighbouring slices. ``largest_component``: keep the
    largest piece of each structure; None keeps it where the training annotation was one piece. ``region``: voxels
    outside are background and are not computed. Confidence: mean probability of the chosen structure over its
    voxels. Where the head is likely to fail, ``monitor`` is warned (see ``doubts``). Raises HeadFileError when the
    encoder is not the one that the head was trained on, Cancelled.
    """
    predictor = Predictor(head, encoder, device, monitor or Silent(), store or FeatureStore())
    sliced = seen_by(head.card, volume, plane)
    frames = _zoomed(sliced.frame) if tta else (sliced.frame,)
    if planes == "three":
        others = [seen_by(head.card, volume, name) for name in ("axial", "sagittal", "coronal")]
        probabilities = _three_planes(predictor, sliced, others, tta, region)
    elif planes == "one":
        probabilities = predictor.slices(sliced, frames, region)
    else:
        msg = f"planes is {planes!r}; it must be 'one' or 'three'."
        raise InputError(msg)
    if smoothing:
        probabilities = _smoothed(probabilities)
    labels, confidence = _decide(probabilities, sliced, head)
    _restrict(labels, region)
    _keep_components(labels, head, largest_component)
    for doubt in doubts(head.card, volume, confidence, predictor.agreement.mean, whole=region is None):
        predictor.monitor.warning(doubt)
    structures = tuple(Structure.from_dict(_plain(structure)) for structure in head.card.structures)
    return Labelmap(labels, volume.geometry, structures, confidence=confidence)


def _plain(structure: dict[str, Any]) -> dict[str, Any]:
    return {key: structure[key] for key in ("value", "name", "color", "terminology") if key in structure}


class Predictor:
    """A head together with its encoder, cache and device."""

    def __init__(self, head: Head, encoder: Encoder | None, device: str, monitor: Monitor, store: FeatureStore) -> None:
        self.device = resolve_device(device)
        self.monitor = monitor
        self.module = head.module.to(self.device).eval()
        self.plane = head.card.plane
        self.agreement = Agreement(self.module.classes)
        self.prior, self.distance_mm = head.prior, float(head.card.shapes.get("distance_mm", 0.0))
        if encoder is None and self.module.needs:
            encoder = load_encoder(
                head.card.encoder["name"], device=device, monitor=monitor, input_size=head.card.input_size
            )
        if encoder is not None and self.module.needs:
            _require_encoder(head, encoder)
        self.encoder = encoder
        self.embedder = Embedder(encoder, self.module.needs, store)

    def slices(self, sliced: SlicedVolume, frames: Sequence[Frame], region: Bounds | None = None) -> Probabilities:
        """Class probabilities of each slice on its own pixels, averaged over ``frames`` and put in shape."""
        canvases = self._canvases(sliced, frames, region)
        if self.prior is not None and sliced.stack.plane == self._own_plane(sliced):
            canvases = reshaped(
                canvases, self.prior, stride(self.distance_mm, sliced.stack.thickness_mm), self.agreement
            )
        for canvas in canvases:
            yield None if canvas is None else unrender(canvas, sliced.frame, fill=0.0)

    def _own_plane(self, sliced: SlicedVolume) -> str:
        """The plane in which the head itself looks at that volume: its prior knows the shapes of no other."""
        volume = sliced.volume
        return resolve_plane(volume.geometry, plane_for(self.plane, volume)).name

    def _canvases(self, sliced: SlicedVolume, frames: Sequence[Frame], region: Bounds | None) -> Probabilities:
        """Class probabilities of each slice on the canvas over its whole."""
        wanted = sliced.stack.slices_in(region) if region is not None else range(len(sliced))
        stage = f"Segmenting {sliced.stack.plane} slices"
        for index in range(len(sliced)):
            raise_if_cancelled(self.monitor)
            self.monitor.progress(stage, index, len(sliced))
            content = sliced.picture(index) if index in wanted else None
            if content is None or content.is_flat:
                yield None
            else:
                yield _inside(self._average(content, frames), content.frame)
        self.monitor.progress(stage, len(sliced), len(sliced))

    def _average(self, content: PictureSlice, frames: Sequence[Frame]) -> NDArray[np.float32]:
        """(classes, s, s) mean over the frames that show a point of the canvas."""
        found = [(frame, self.probabilities(content.framed(frame))) for frame in frames]
        if len(found) == 1:
            return found[0][1]
        return np.nanmean([_onto(content.frame, frame, canvas) for frame, canvas in found], axis=0)

    def probabilities(self, content: PictureSlice) -> NDArray[np.float32]:
        """Class probabilities of one view, (classes, s, s) on its canvas."""
        arrays = self.embedder.features(content.view(ViewParameters(), self.encoder))
        features = {level: self._tensor(arrays[level]) for level in self.module.needs}
        picture = self._tensor(picture_to_float(arrays[PICTURE])[None])
        with torch.inference_mode(), mixed_precision(self.device):
            logits = self.module(features, picture)[0]
        canvas: NDArray[np.float32] = logits.float().softmax(dim=0).cpu().numpy()
        return canvas

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array)[None].to(self.device).float()


def _require_encoder(head: Head, encoder: Encoder) -> None:
    expected = head.card.encoder["sha256"]
    if encoder.sha256 != expected:
        msg = (
            f"The head {head.card.name!r} was trained on {head.card.encoder['name']} with weights {expected[:12]}..., "
            f"not on {encoder.name} with weights {encoder.sha256[:12]}...."
        )
        raise HeadFileError(msg, "Choose the encoder that the head names, or train a head on this one.")
    trained = head.card.input_size
    if trained not in (None, encoder.input_size):
        msg = (
            f"The head {head.card.name!r} was trained on pictures of {trained} pixels a side, and this {encoder.name} "
            f"sees {encoder.input_size}."
        )
        raise HeadFileError(msg, f"Load the encoder with the input size {trained}.")


def _inside(canvas: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """The canvas with background in the padding, of which a head was never told anything and may say anything."""
    rows, columns = frame.content(canvas.shape[-1])
    shown = (slice(None), slice(rows.start, rows.stop), slice(columns.start, columns.stop))
    result = np.zeros_like(canvas)
    result[0] = 1
    result[shown] = canvas[shown]
    return result


def _onto(frame: Frame, seen: Frame, canvas: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a canvas over the window ``seen`` says at the points of ``frame``'s canvas of the same size; NaN beyond."""
    size = canvas.shape[-1]
    affine = composed(seen.slice_to_canvas(size), frame.canvas_to_slice(size))
    return resample(canvas, affine, (size, size), cval=np.nan)


def _zoomed(frame: Frame) -> tuple[Frame, ...]:
    """Windows around the middle of the slice's content at the test-time zooms."""
    middle = [count * mm / 2 for count, mm in zip(frame.shape, frame.spacing, strict=True)]
    zoomed = []
    for zoom in TEST_TIME_ZOOMS:
        side = frame.side_mm * zoom
        zoomed.append(frame if zoom == 1 else frame.window(middle[0] - side / 2, middle[1] - side / 2, side))
    return tuple(zoomed)


def _three_planes(
    predictor: Predictor, sliced: SlicedVolume, others: Sequence[SlicedVolume], tta: bool, region: Bounds | None
) -> Probabilities:
    """The mean of the probabilities in three planes, kept in a file so that memory stays bounded."""
    classes = predictor.module.classes
    shape = sliced.volume.geometry.shape
    with tempfile.TemporaryFile() as file:
        total = np.memmap(file, np.float32, "w+", shape=(classes, *shape))
        for other in others:
            frames = _zoomed(other.frame) if tta else (other.frame,)
            for index, found in enumerate(predictor.slices(other, frames, region)):
                if found is not None:
                    for channel in range(classes):
                        other.stack.slice(total[channel], index)[...] += found[channel] / len(others)
        for index in range(len(sliced)):
            stacked = np.stack([sliced.stack.slice(total[channel], index) for channel in range(classes)])
            yield stacked if stacked.any() else None
        del total


def _smoothed(probabilities: Iterable[NDArray[np.float32] | None]) -> Probabilities:
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


@dataclass
class _Certainty:
    """Running mean of the chosen class's probability."""

    total: float = 0.0
    count: int = 0


def _decide(
    probabilities: Iterable[NDArray[np.float32] | None], sliced: SlicedVolume, head: Head
) -> tuple[NDArray[Any], dict[int, float]]:
    """The most probable class of each voxel as label values (k, j, i), and the confidence of each structure."""
    values = np.asarray([0, *head.card.values])
    labels = np.zeros(sliced.volume.geometry.shape, np.uint8 if values.max() < 256 else np.uint16)
    certainty = {int(value): _Certainty() for value in values[1:]}
    for index, found in enumerate(probabilities):
        if found is None:
            continue
        winner = found.argmax(axis=0)
        sliced.stack.put(labels, index, values[winner].astype(labels.dtype))
        chosen = found.max(axis=0)
        for channel, value in enumerate(values):
            if channel:
                mask = winner == channel
                certainty[int(value)].total += float(chosen[mask].sum())
                certainty[int(value)].count += int(mask.sum())
    return labels, {value: round(c.total / c.count, 4) for value, c in certainty.items() if c.count}


def _restrict(labels: NDArray[Any], region: Bounds | None) -> None:
    """Make everything outside the region background."""
    if region is None:
        return
    inside = np.zeros(labels.shape, bool)
    (i0, i1), (j0, j1), (k0, k1) = ((max(int(low), 0), int(high)) for low, high in region)
    inside[k0:k1, j0:j1, i0:i1] = True
    labels[~inside] = 0


def _keep_components(labels: NDArray[Any], head: Head, wanted: bool | None) -> None:
    """Keep one piece of the structures that are one piece, in place."""
    structures = head.card.structures
    singles = [s["value"] for s in structures if (s.get("single_component", False) if wanted is None else wanted)]
    keep_main_pieces(labels, singles, {s["value"]: s.get("touches", []) for s in structures})
