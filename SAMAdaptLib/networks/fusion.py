"""Our head: the neck for what a thing is, a finer level and the picture for where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .base import ChannelNorm, HeadModule, Residual, conv_block, several, upsample

CELL = 2
"""The picture enters, and the logits leave, in cells of 2x2 pixels, so that all convolutions run at 128x128."""


class FusionHead(HeadModule):
    """Several feature levels and an image-resolution branch; logits at 256x256.

    The coarse path alone already gives logits; the fine path adds a correction, and whole channels of it are dropped
    in training, so that the borders profit from it without the head learning one patient's grey values by heart.
    """

    type_name = "fusion"
    needs = ("neck", "fine")
    loss_size = 256
    formerly = {"norm": "group"}

    def __init__(
        self,
        channels: Mapping[str, int],
        classes: int,
        width: int = 64,
        fine: int = 24,
        dropout: float = 0.2,
        norm: str = "cell",
        pictures: int = 1,
    ) -> None:
        super().__init__(channels, classes)
        self.pictures = pictures
        self.width, self.fine, self.dropout, self.block_norm = width, fine, dropout, norm
        self.neck_norm = ChannelNorm(self.channels["neck"])
        self.fine_norm = ChannelNorm(self.channels["fine"])
        self.reduce = nn.Sequential(
            nn.Dropout2d(dropout / 2, inplace=True), conv_block(self.channels["neck"], width, 1, norm)
        )
        self.coarse = Residual(width, norm)
        self.middle = conv_block(width, width // 2, norm=norm)
        self.classify = nn.Conv2d(width // 2, classes, 1)
        self.fine_reduce = nn.Sequential(conv_block(self.channels["fine"], fine, 1, norm), nn.Dropout2d(dropout))
        self.image = nn.Sequential(conv_block(pictures * CELL * CELL, fine // 2, norm=norm), nn.Dropout2d(dropout))
        self.mix = conv_block(width // 2 + fine + fine // 2, fine, norm=norm)
        self.border = nn.Conv2d(fine, classes * CELL * CELL, 3, padding=1)

    def hyper(self) -> dict[str, Any]:
        own = {"width": self.width, "fine": self.fine, "dropout": self.dropout, "norm": self.block_norm}
        return {**super().hyper(), **own, **several(self.pictures)}

    def normalizers(self) -> dict[str, ChannelNorm]:
        return {"neck": self.neck_norm, "fine": self.fine_norm}

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        cells = nn.functional.pixel_unshuffle(image, CELL)
        size = cells.shape[-1]
        middle = self.middle(upsample(self.coarse(self.reduce(self.neck_norm(features["neck"]))), size))
        detail = upsample(self.fine_reduce(self.fine_norm(features["fine"])), size)
        mixed = self.mix(torch.cat([middle, detail, self.image(cells)], dim=1))
        border = nn.functional.pixel_shuffle(self.border(mixed), CELL)
        return upsample(self.classify(middle), border.shape[-1]) + border
