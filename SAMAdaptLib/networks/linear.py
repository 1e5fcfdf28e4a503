"""The paper's linear head: one 1x1 convolution on the standardised neck, nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .base import ChannelNorm, HeadModule


class LinearHead(HeadModule):
    """A true linear probe, (256 + 1) x classes parameters; logits at the neck's 64x64."""

    type_name = "linear"
    shaped = False
    loss_size = 64

    def __init__(self, channels: Mapping[str, int], classes: int) -> None:
        super().__init__(channels, classes)
        self.norm = ChannelNorm(self.channels["neck"])
        self.classify = nn.Conv2d(self.channels["neck"], classes, 1)

    def normalizers(self) -> dict[str, ChannelNorm]:
        return {"neck": self.norm}

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        """Standardising is folded into the weights: a pass over all features would cost more than the head itself."""
        x = features["neck"]
        weight = self.classify.weight / self.norm.std[:, None, None]
        shift = weight.flatten(1) @ self.norm.mean
        with torch.autocast(x.device.type, enabled=False):  # Raw features, whose mean is not zero, are not rounded.
            return nn.functional.conv2d(x, weight, self.classify.bias) - shift[:, None, None]
