"""What learns from the answers that a head on frozen features gives in volumes which nobody annotated."""

from __future__ import annotations

from torch import Tensor, nn

from .unet import UNetHead

CELL = 2
"""The picture enters in cells of 2x2 pixels: a window around what was found is fine enough so."""


class StudentHead(UNetHead):
    """A small U-Net on the picture alone, at 128x128. It sees no features.

    On one annotated volume it would learn little. With the answers of a head in many volumes it learns what they have
    in common and not what is wrong in each, for features mislead it nowhere, and its views cost no encoding.
    """

    type_name = "student"
    loss_size = 128

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        return super().forward(features, nn.functional.avg_pool2d(image, CELL))
