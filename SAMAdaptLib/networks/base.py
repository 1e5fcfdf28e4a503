"""What every head is: a small network from frozen features (and maybe the image) to logits.

A head knows no volume and no encoder: it sees features by level name and a picture of the view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class HeadModule(nn.Module):
    """Base of the trainable heads.

    ``channels`` maps level names to channel counts; ``classes`` counts background too. ``forward`` takes
    features {level: (B, C, h, w) float32} and the picture (B, pictures, p, p) float32, p about 256, with zero mean,
    roughly unit variance and 0 in the padding, and gives logits (B, classes, h', w') over the same square canvas.
    ``pictures`` counts the channels of the volume.
    """

    type_name: ClassVar[str] = ""
    needs: tuple[str, ...] = ("neck",)
    """Feature levels that the head reads."""
    loss_size: int = 128
    """Side of the grid on which logits are compared with the annotation."""
    formerly: ClassVar[Mapping[str, Any]] = {}
    """What hyper-parameters are that files from before their time do not name."""
    shaped: ClassVar[bool] = True
    """Whether a shape prior is learned for it; not for heads that are there for a quick answer or to compare with."""
    pictures: int = 1
    """Channels of the picture, for heads of ``PICTURE_HEADS``; others do not look at it."""

    def __init__(self, channels: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.channels = {level: int(channels[level]) for level in self.needs}
        self.classes = classes

    @classmethod
    def options_for(cls, cells: int) -> dict[str, Any]:
        """Arguments that a head on features of ``cells`` a side at the coarsest level needs beyond the usual ones."""
        return {}

    def parts(self) -> tuple[HeadModule, ...]:
        """The heads that this one consists of: itself, or an ensemble's members."""
        return (self,)

    def hyper(self) -> dict[str, Any]:
        """Arguments that rebuild this module, as JSON values."""
        return {"channels": self.channels, "classes": self.classes}

    def named(self) -> dict[str, Any]:
        """Its type and its hyper-parameters, as a card names a head."""
        return {"type": self.type_name, "hyper": self.hyper()}

    def normalizers(self) -> dict[str, ChannelNorm]:
        """The standardising layers by level, for ``training`` to set from its features."""
        return {}

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        raise NotImplementedError


class ChannelNorm(nn.Module):
    """Standardises each channel with fixed statistics of the training features.

    SAM's neck has a standard deviation near 0.09: unscaled, a linear probe learns nothing in hundreds of steps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def set(self, mean: Tensor, std: Tensor) -> None:
        """Take per-channel statistics, both (C,)."""
        self.mean.copy_(mean)
        self.std.copy_(std.clamp_min(1e-6))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean[:, None, None]).div_(self.std[:, None, None])  # in place: the tensor is our own


class CellNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each cell: what else there is on a canvas, or beyond a crop, does not
    count."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


NORMS = ("cell", "group")
"""Normalisations of a block: over the channels of a cell, or over groups of channels on the whole canvas."""


def conv_block(inputs: int, outputs: int, kernel: int = 3, norm: str = "group") -> nn.Sequential:
    """Convolution, normalisation (one of ``NORMS``), GELU; keeps the size."""
    if norm not in NORMS:
        msg = f"Unknown normalisation {norm!r}; it must be one of {', '.join(NORMS)}."
        raise ValueError(msg)
    groups = next(count for count in (8, 4, 2, 1) if outputs % count == 0)
    normalise = CellNorm(outputs) if norm == "cell" else nn.GroupNorm(groups, outputs)
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), normalise, nn.GELU())


class Residual(nn.Module):
    """Two convolutions around a shortcut; keeps channels and size."""

    def __init__(self, channels: int, norm: str = "group") -> None:
        super().__init__()
        self.body = nn.Sequential(*(conv_block(channels, channels, norm=norm) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def several(pictures: int) -> dict[str, int]:
    """The hyper-parameter ``pictures``, which heads that look at one channel do not name: theirs are older files."""
    return {"pictures": pictures} if pictures > 1 else {}


def upsample(x: Tensor, size: int) -> Tensor:
    """Bilinear to (..., size, size); as it is when it has that size."""
    if x.shape[-1] == size:
        return x
    return nn.functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
