"""A U-Net from scratch: the baseline that every frozen-encoder head is measured against. It sees no features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, cat, nn

from .base import HeadModule, conv_block, several, upsample


class UNetHead(HeadModule):
    """Four resolutions, two convolutions each, on the 256x256 picture alone; logits at 256x256."""

    type_name = "unet"
    shaped = False
    needs = ()
    loss_size = 256

    def __init__(self, channels: Mapping[str, int], classes: int, width: int = 16, pictures: int = 1) -> None:
        super().__init__(channels, classes)
        self.width, self.pictures = width, pictures
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList(
            nn.Sequential(conv_block(inputs, outputs), conv_block(outputs, outputs))
            for inputs, outputs in zip([pictures, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.Sequential(conv_block(deep + shallow, shallow), conv_block(shallow, shallow))
            for deep, shallow in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.classify = nn.Conv2d(width, classes, 1)

    def hyper(self) -> dict[str, Any]:
        return {**super().hyper(), "width": self.width, **several(self.pictures)}

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        kept = []
        x = image
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        for block, skip in zip(self.up, kept[-2::-1], strict=True):
            x = block(cat([upsample(x, skip.shape[-1]), skip], dim=1))
        return self.classify(x)
