"""A volume as gray slices in a plane: what an encoder is shown of it, and what its features depend on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.channels import require_channels
from ..preprocessing.augmentation import AugmentationParams, render_image
from ..preprocessing.intensity import IntensityRule, apply
from ..preprocessing.slicing import CanvasGeometry, SliceStack
from .cache import content_key
from .extractor import PICTURE_SIZE, FeatureRequest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.geometry import Geometry
    from ..data.image import Labelmap, Volume
    from ..encoders.base import Encoder
    from ..heads.card import HeadCard
    from ..heads.parts import PlaneRule

MOST_PAINTED = 1024
"""Pixels a side of a painted canvas above which a finer slice is painted no finer."""


SIDES_PER_OCTAVE = 4
"""Canvas sides per doubling."""


@dataclass(frozen=True)
class ImageSlice:
    """One slice of a volume on the 0..255 scale, with all that its features depend on.

    ``picture``: (rows, columns) float32, or (channels, rows, columns) of several channels; ``identity``: JSON values
    that name the slice and its content.
    """

    picture: NDArray[np.float32]
    frame: CanvasGeometry
    identity: dict[str, Any]

    def with_canvas(self, frame: CanvasGeometry) -> ImageSlice:
        """The same slice seen through another window."""
        return replace(self, frame=frame)

    @property
    def channels(self) -> int:
        """How many there are."""
        return len(self.picture) if self.picture.ndim == 3 else 1

    @property
    def is_flat(self) -> bool:
        """True when there is nothing to see: one grey value throughout, in each channel."""
        channels = self.picture if self.picture.ndim == 3 else (self.picture,)
        return all(float(channel.min()) == float(channel.max()) for channel in channels)

    def view(self, parameters: AugmentationParams, encoder: Encoder | None) -> FeatureRequest:
        """This slice under ``parameters``, ready for the embedder of that encoder."""
        frame = self.frame
        size = PICTURE_SIZE if encoder is None else painted_side(frame, encoder.input_size)
        fingerprint = encoder.fingerprint if encoder is not None else ""
        window = [frame.top_mm, frame.left_mm, frame.side_mm, *([frame.turn] if frame.turn else [])]
        parts = {"window": window, "view": parameters.to_dict(), "encoder": fingerprint, "size": size}
        key = content_key({**self.identity, **parts})
        return FeatureRequest(key=key, paint=lambda: render_image(self.picture, self.frame, parameters, size))


class SlicedVolume:
    """A volume as pictures: the plane and the intensity rule applied, a rule for each of its channels or one for all.

    ``side_mm``: side of the canvas. A head looks at all volumes at the millimetres a pixel of its training volumes,
    so that organs have one size; a slice that does not fit gets a canvas as large as it needs.
    """

    def __init__(
        self, volume: Volume, plane: str, rule: IntensityRule | Sequence[IntensityRule], side_mm: float = 0.0
    ) -> None:
        self.volume = volume
        self.stack = SliceStack(volume.geometry, plane)
        self.frame = centred_frame(self.stack, side_mm)
        channels = volume.channels
        rules = [rule] * len(channels) if isinstance(rule, IntensityRule) else list(rule)
        self._limits = [own.limits(channel.voxels) for own, channel in zip(rules, channels, strict=True)]
        described = [own.to_dict() for own in rules]
        self._identity = {
            "volume": volume.content_hash(),
            "plane": self.stack.plane,
            "intensity": described if len(described) > 1 else described[0],
        }

    def __len__(self) -> int:
        return len(self.stack)

    def gray(self, values: NDArray[np.float32], channel: int = 0) -> NDArray[np.float32]:
        """The 0..255 gray values of some of a channel's values."""
        return apply(values, self._limits[channel])

    def picture(self, index: int) -> ImageSlice:
        """Slice ``index`` in the plane's display orientation."""
        pictures = [
            apply(np.asarray(self.stack.slice(channel.voxels, index), np.float32), limits)
            for channel, limits in zip(self.volume.channels, self._limits, strict=True)
        ]
        picture = pictures[0] if len(pictures) == 1 else np.stack(pictures)
        return ImageSlice(np.ascontiguousarray(picture, np.float32), self.frame, {**self._identity, "slice": index})


def painted_side(frame: CanvasGeometry, input_size: int) -> int:
    """The side in pixels of the canvas that a slice is painted on for an encoder that sees ``input_size`` of them.

    Whole multiples of the heads' small picture: enough for what the encoder sees and, up to ``MOST_PAINTED``, for what
    the slice resolves, so that shrinking it afterwards averages pixels and skips none.
    """
    resolved = min(frame.side_mm / min(frame.spacing), MOST_PAINTED)
    return PICTURE_SIZE * math.ceil(max(input_size, resolved - 0.5) / PICTURE_SIZE)


def centred_frame(stack: SliceStack, side_mm: float = 0.0) -> CanvasGeometry:
    """A frame of at least ``side_mm`` that shows whole slices in its middle."""
    whole = CanvasGeometry.of(stack)
    side = max(whole.side_mm, side_mm)
    rows_mm, columns_mm = (count * mm for count, mm in zip(stack.shape, stack.spacing, strict=True))
    return whole.window((rows_mm - side) / 2, (columns_mm - side) / 2, side)


def shared_canvas_side(stacks: Iterable[SliceStack]) -> float:
    """The side in mm of a canvas for all of these stacks: a rung of a ladder, so that heads share features.

    Rungs are 100 mm times powers of 2^(1/4). Two heads of one anatomy mostly stand on the same rung, and a volume that
    was encoded for one of them is not encoded again for the other.
    """
    largest = max(CanvasGeometry.of(stack).side_mm for stack in stacks)
    rung = math.ceil(SIDES_PER_OCTAVE * math.log2(largest / 100) - 1e-6)
    return 100.0 * 2.0 ** (rung / SIDES_PER_OCTAVE)


def plane_for_volume(card_plane: PlaneRule, volume: Volume | Labelmap | Geometry) -> str:
    """The plane in which a head with ``card_plane`` looks at ``volume``, or at one of that grid.

    A head trained in the acquisition plane follows each volume's own; where a volume has none (isotropic voxels) the
    anatomical plane of the training volume serves.
    """
    if card_plane.acquisition and SliceStack(volume).choice.acquisition:
        return "auto"
    return card_plane.name


def slices_for_head(card: HeadCard, volume: Volume, plane: str | None = None) -> SlicedVolume:
    """``volume`` as the head of that card looks at it, or in another ``plane``.

    Raises InputError for a volume with more or fewer channels than the head looks at.
    """
    require_channels(card.channel_names, volume, f"The head {card.name!r}")
    rules, side_mm = [IntensityRule.from_dict(facts) for facts in card.intensities], card.plane.side_mm or 0.0
    return SlicedVolume(volume, plane or plane_for_volume(card.plane, volume), rules, side_mm)
