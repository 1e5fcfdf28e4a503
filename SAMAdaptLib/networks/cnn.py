"""The paper's CNN head, in a size that one annotated volume can feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .base import ChannelNorm, HeadModule, Residual, conv_block, upsample


class CNNHead(HeadModule):
    """Standardised neck, 1x1 to ``width`` channels, a residual block on its cells, a convolution on ``scale`` times as
    many a side, which is where its logits are."""

    type_name = "cnn"
    formerly = {"norm": "group", "scale": 2}

    def __init__(
        self,
        channels: Mapping[str, int],
        classes: int,
        width: int = 64,
        dropout: float = 0.4,
        norm: str = "cell",
        scale: int = 2,
    ) -> None:
        super().__init__(channels, classes)
        self.width, self.dropout, self.block_norm, self.scale = width, dropout, norm, scale
        self.norm = ChannelNorm(self.channels["neck"])
        self.reduce = nn.Sequential(
            nn.Dropout2d(dropout, inplace=True), conv_block(self.channels["neck"], width, 1, norm)
        )
        self.coarse = Residual(width, norm)
        self.refine = conv_block(width, width // 2, norm=norm)
        self.classify = nn.Conv2d(width // 2, classes, 1)

    @classmethod
    def options_for(cls, cells: int) -> dict[str, Any]:
        return {"scale": max(2, cls.loss_size // cells)}

    def hyper(self) -> dict[str, Any]:
        own = {"width": self.width, "dropout": self.dropout, "norm": self.block_norm, "scale": self.scale}
        return {**super().hyper(), **own}

    def normalizers(self) -> dict[str, ChannelNorm]:
        return {"neck": self.norm}

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        x = self.coarse(self.reduce(self.norm(features["neck"])))
        return self.classify(self.refine(upsample(x, self.scale * x.shape[-1])))
