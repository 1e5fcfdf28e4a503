"""Annotated slices of cases, divided into training and held-out ones, and their views as training samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .embedding import PICTURE_SIZE, View, content_key
from .errors import InputError
from .intensity import IntensityRule, apply
from .slicing import Frame, SliceStack, resolve_plane
from .views import IGNORED, ViewParameters, ViewSettings, paint, paint_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .encoders.base import Encoder
    from .heads.card import HeadCard
    from .heads.parts import PlaneRule
    from .volume import Labelmap, Volume

HELD_OUT_SHARE = 0.15
"""Share of a case's annotated slices that are kept for validation."""

MINIMUM_TO_HOLD_OUT = 5
"""A case with fewer annotated slices gives all of them to training."""

EMPTY_SHARE = 0.25
"""Slices without any structure make up at most this share of the training slices; they teach what is not there."""


MOST_PAINTED = 1024
"""Pixels a side of a painted canvas above which a finer slice is painted no finer."""

SCRIBBLE_MARGIN = 0.25
"""How far beyond the box around all scribbles of a slice nothing is known, as a share of the box's sides."""

RUNGS = 4
"""Canvas sides per doubling."""


@dataclass(frozen=True)
class Case:
    """A volume with its annotation, on the same grid."""

    volume: Volume
    labelmap: Labelmap


@dataclass(frozen=True)
class PictureSlice:
    """One slice of a volume on the 0..255 scale, with all that its features depend on.

    ``picture``: (rows, columns) float32; ``identity``: JSON values that name the slice and its content.
    """

    picture: NDArray[np.float32]
    frame: Frame
    identity: dict[str, Any]

    def framed(self, frame: Frame) -> PictureSlice:
        """The same slice seen through another window."""
        return replace(self, frame=frame)

    @property
    def is_flat(self) -> bool:
        """True when there is nothing to see: one grey value throughout."""
        return float(self.picture.min()) == float(self.picture.max())

    def view(self, parameters: ViewParameters, encoder: Encoder | None) -> View:
        """This slice under ``parameters``, ready for the embedder of that encoder."""
        frame = self.frame
        size = PICTURE_SIZE if encoder is None else painted_side(frame, encoder.input_size)
        fingerprint = encoder.fingerprint if encoder is not None else ""
        window = [frame.top_mm, frame.left_mm, frame.side_mm, *([frame.turn] if frame.turn else [])]
        parts = {"window": window, "view": parameters.to_dict(), "encoder": fingerprint, "size": size}
        key = content_key({**self.identity, **parts})
        return View(key=key, paint=lambda: paint(self.picture, self.frame, parameters, size))


@dataclass(frozen=True)
class AnnotatedSlice:
    """A slice with its class indices (rows, columns) uint8: 0 background, 1.. structures, 255 not annotated."""

    content: PictureSlice
    classes: NDArray[np.uint8]

    def target(self, parameters: ViewParameters, size: int) -> NDArray[np.uint8]:
        """Class indices of a view, (size, size)."""
        return paint_labels(self.classes, self.content.frame, parameters, size)

    @property
    def present(self) -> frozenset[int]:
        """Indices of the structures on this slice."""
        return frozenset(int(value) for value in np.unique(self.classes) if 0 < value < IGNORED)


@dataclass(frozen=True)
class Sample:
    """One view of an annotated slice, as training draws it."""

    annotated: AnnotatedSlice
    parameters: ViewParameters
    view: View

    def target(self, size: int) -> NDArray[np.uint8]:
        """Class indices, (size, size)."""
        return self.annotated.target(self.parameters, size)


class SlicedVolume:
    """A volume as pictures: the plane and the intensity rule applied.

    ``side_mm``: side of the canvas. A head looks at all volumes at the millimetres a pixel of its training volumes,
    so that organs have one size; a slice that does not fit gets a canvas as large as it needs.
    """

    def __init__(self, volume: Volume, plane: str, rule: IntensityRule, side_mm: float = 0.0) -> None:
        self.volume = volume
        self.stack = SliceStack(volume.geometry, plane)
        self.frame = centred_frame(self.stack, side_mm)
        self._limits = rule.limits(volume.voxels)
        self._identity = {
            "volume": volume.content_hash(),
            "plane": self.stack.plane,
            "intensity": rule.to_dict(),
        }

    def __len__(self) -> int:
        return len(self.stack)

    def gray(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The 0..255 gray values of some of the volume's values."""
        return apply(values, self._limits)

    def picture(self, index: int) -> PictureSlice:
        """Slice ``index`` in the plane's display orientation."""
        raw = np.asarray(self.stack.slice(self.volume.voxels, index), np.float32)
        picture = np.ascontiguousarray(apply(raw, self._limits), np.float32)
        return PictureSlice(picture, self.frame, {**self._identity, "slice": index})


def painted_side(frame: Frame, input_size: int) -> int:
    """The side in pixels of the canvas that a slice is painted on for an encoder that sees ``input_size`` of them.

    Whole multiples of the heads' small picture: enough for what the encoder sees and, up to ``MOST_PAINTED``, for what
    the slice resolves, so that shrinking it afterwards averages pixels and skips none.
    """
    resolved = min(frame.side_mm / min(frame.spacing), MOST_PAINTED)
    return PICTURE_SIZE * math.ceil(max(input_size, resolved - 0.5) / PICTURE_SIZE)


def centred_frame(stack: SliceStack, side_mm: float = 0.0) -> Frame:
    """A frame of at least ``side_mm`` that shows whole slices in its middle."""
    whole = Frame.of(stack)
    side = max(whole.side_mm, side_mm)
    rows_mm, columns_mm = (count * mm for count, mm in zip(stack.shape, stack.spacing, strict=True))
    return whole.window((rows_mm - side) / 2, (columns_mm - side) / 2, side)


def canvas_side(stacks: Iterable[SliceStack]) -> float:
    """The side in mm of a canvas for all of these stacks: a rung of a ladder, so that heads share features.

    Rungs are 100 mm times powers of 2^(1/4). Two heads of one anatomy mostly stand on the same rung, and a volume that
    was encoded for one of them is not encoded again for the other.
    """
    largest = max(Frame.of(stack).side_mm for stack in stacks)
    rung = math.ceil(RUNGS * math.log2(largest / 100) - 1e-6)
    return 100.0 * 2.0 ** (rung / RUNGS)


def plane_for(card_plane: PlaneRule, volume: Volume) -> str:
    """The plane in which a head with ``card_plane`` looks at ``volume``.

    A head trained in the acquisition plane follows each volume's own; where a volume has none (isotropic voxels) the
    anatomical plane of the training volume serves.
    """
    if card_plane.acquisition and resolve_plane(volume.geometry, "auto").acquisition:
        return "auto"
    return card_plane.name


def seen_by(card: HeadCard, volume: Volume, plane: str | None = None) -> SlicedVolume:
    """``volume`` as the head of that card looks at it, or in another ``plane``."""
    rule, side_mm = IntensityRule.from_dict(card.intensity), card.plane.side_mm or 0.0
    return SlicedVolume(volume, plane or plane_for(card.plane, volume), rule, side_mm)


def class_indices(labels: NDArray[Any], values: Sequence[int], ignore_label: int | None) -> NDArray[np.uint8]:
    """Label values to class indices: position in ``values`` + 1; other values are background, ``ignore_label`` 255."""
    if len(values) >= IGNORED:
        msg = f"{len(values)} structures were asked for; a head holds at most {IGNORED - 1}."
        raise InputError(msg, "Choose fewer structures.")
    table = np.zeros(max(int(labels.max(initial=0)), *values, ignore_label or 0) + 1, np.uint8)
    for index, value in enumerate(values):
        table[value] = index + 1
    if ignore_label is not None:
        table[ignore_label] = IGNORED
    return table[labels]


def annotated_slices(
    sliced: SlicedVolume,
    labels: NDArray[Any],
    values: Sequence[int],
    annotated_slices_only: bool,
    ignore_label: int | None,
) -> list[AnnotatedSlice]:
    """The slices of one case that teach something.

    ``labels``: (k, j, i) on the volume's grid. With ``annotated_slices_only``, slices without any label were not
    annotated and are left out; else they are background. Slices wholly of ``ignore_label`` are left out always; on the
    others what lies far from everything drawn is background (``closed_off``).
    """
    found = []
    for index in range(len(sliced)):
        raw = np.asarray(sliced.stack.slice(labels, index))
        if annotated_slices_only and not np.isin(raw, values).any():
            continue
        content = sliced.picture(index)
        classes = np.ascontiguousarray(class_indices(raw, values, ignore_label))
        if content.is_flat or (classes == IGNORED).all():
            continue
        found.append(AnnotatedSlice(content, closed_off(classes)))
    return found


def closed_off(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A scribbled slice with background where it is far from all scribbles, (rows, columns) uint8.

    Who scribbles draws the structures and some background around them, and nothing in the rest of the body: a head
    that never saw that rest finds structures all over it. A slice without drawn background is left as it is.
    """
    drawn = classes != IGNORED
    if drawn.all() or not (classes == 0).any():
        return classes
    unknown = np.zeros_like(drawn)
    unknown[tuple(_widened(np.flatnonzero(drawn.any(axis=1 - axis))) for axis in (0, 1))] = True
    return np.where(drawn | unknown, classes, np.uint8(0))


def _widened(places: NDArray[np.intp]) -> slice:
    """From the first to the last of ``places`` and a margin beyond."""
    margin = round(SCRIBBLE_MARGIN * (places[-1] - places[0] + 1))
    return slice(max(int(places[0]) - margin, 0), int(places[-1]) + margin + 1)


def hold_out(slices: Sequence[AnnotatedSlice]) -> tuple[list[AnnotatedSlice], list[AnnotatedSlice]]:
    """Divide one case's slices into (training, held out): slices with a structure at even steps."""
    drawn = [index for index, item in enumerate(slices) if item.present]
    if len(drawn) < MINIMUM_TO_HOLD_OUT:
        return list(slices), []
    count = max(1, round(HELD_OUT_SHARE * len(drawn)))
    chosen = {drawn[int((position + 0.5) * len(drawn) / count)] for position in range(count)}
    training = [item for index, item in enumerate(slices) if index not in chosen]
    return training, [slices[index] for index in sorted(chosen)]


def limit_empty(slices: Sequence[AnnotatedSlice]) -> list[AnnotatedSlice]:
    """Keep all slices with a structure and an evenly spread few of the others."""
    full = [item for item in slices if item.present]
    empty = [item for item in slices if not item.present]
    keep = min(len(empty), max(1, round(EMPTY_SHARE / (1 - EMPTY_SHARE) * len(full))) if full else len(empty))
    return full + spread(empty, keep)


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """``count`` of the items, evenly spaced."""
    if count >= len(items):
        return list(items)
    return [items[int((position + 0.5) * len(items) / count)] for position in range(count)]


def draw_samples(
    slices: Sequence[AnnotatedSlice],
    views: int,
    encoder: Encoder | None,
    seed: int,
    settings: ViewSettings | None = None,
) -> list[Sample]:
    """Each slice as it is and under ``views - 1`` drawn views. The n-th view of a slice does not depend on how many
    slices or views there are, so that training with one case or a few views more pays for those alone."""
    settings = settings or ViewSettings()
    samples = []
    for item in slices:
        chance = np.random.default_rng([seed, int(content_key(item.content.identity)[:12], 16)])
        drawn = [ViewParameters(), *(settings.draw(chance) for _ in range(views - 1))]
        samples += [Sample(item, parameters, item.content.view(parameters, encoder)) for parameters in drawn]
    return samples


def in_rounds(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The first view of every slice, then every second one, and so on; the first of these lists is as long as there
    are slices."""
    rounds: list[list[Sample]] = []
    seen: dict[int, int] = {}
    for sample in samples:
        count = seen.get(id(sample.annotated), 0)
        seen[id(sample.annotated)] = count + 1
        if count == len(rounds):
            rounds.append([])
        rounds[count].append(sample)
    return rounds


def sampling_weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
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
