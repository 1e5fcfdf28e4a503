"""The paper's CNN head, in a size that one annotated volume can feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .base import ChannelNorm, HeadModule, Residual, conv_block, upsample


class CNNHead(HeadModule):
    """Standardised neck, 1x1 to ``width`` channels, a residual block at 64x64, one at 128x128; logits at 128x128."""

    type_name = "cnn"
    batch, crops = 16, 4
    steps = 600
    formerly = {"norm": "group"}

    def __init__(
        self, channels: Mapping[str, int], classes: int, width: int = 64, dropout: float = 0.4, norm: str = "cell"
    ) -> None:
        super().__init__(channels, classes)
        self.width, self.dropout, self.block_norm = width, dropout, norm
        self.norm = ChannelNorm(self.channels["neck"])
        self.reduce = nn.Sequential(
            nn.Dropout2d(dropout, inplace=True), conv_block(self.channels["neck"], width, 1, norm)
        )
        self.coarse = Residual(width, norm)
        self.refine = conv_block(width, width // 2, norm=norm)
        self.classify = nn.Conv2d(width // 2, classes, 1)

    def hyper(self) -> dict[str, Any]:
        return {**super().hyper(), "width": self.width, "dropout": self.dropout, "norm": self.block_norm}

    def normalizers(self) -> dict[str, ChannelNorm]:
        return {"neck": self.norm}

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        x = self.coarse(self.reduce(self.norm(features["neck"])))
        return self.classify(self.refine(upsample(x, 2 * x.shape[-1])))
