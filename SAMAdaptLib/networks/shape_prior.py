"""The shape prior: a small network that knows what an annotation looks like, and nothing of any picture.

A head learned from one patient may take the left ventricle of the next one for the right, because it is darker there;
the ring around it and the slices above and below say what it is. The prior sees class probabilities alone, so the
contrast of a picture cannot mislead it.

The idea is that of Larrazabal et al., "Post-DAE: Anatomically Plausible Segmentation via Post-Processing with
Denoising Autoencoders" (IEEE TMI 2020); here it is learned from one volume and sees neighbouring slices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from .base import conv_block, upsample

CELLS = 64
"""Side of the coarse grid over the canvas on which shapes are looked at."""

SLICES = 3
"""A slice, the one before and the one after it."""

FOLD, WIDTHS = 2, (32, 48, 64)
"""Cells a side that enter as channels, and channels by depth."""

FORMERLY = {"fold": 1, "widths": (16, 32, 48, 64)}
"""What hyper-parameters are that files from before their time do not name."""


class ShapePrior(nn.Module):
    """A U-Net from the occupancies of three slices to logits of the middle one.

    ``forward`` takes (B, SLICES, classes, CELLS, CELLS): the share of each cell that each class takes, all zero for a
    slice that does not exist. It gives (B, classes, CELLS, CELLS).
    """

    def __init__(self, classes: int, fold: int = FOLD, widths: Sequence[int] = WIDTHS) -> None:
        """``fold``: side of the blocks of cells that enter as channels, and leave so, to convolve on a coarser grid:
        half of the time, and as good. ``widths``: channels by depth."""
        super().__init__()
        self.classes, self.fold, self.widths = classes, fold, tuple(widths)
        first = self.widths[0]
        self.enter = conv_block(SLICES * classes * fold**2, first)
        self.down = nn.ModuleList(
            nn.Sequential(nn.AvgPool2d(2), conv_block(above, below), conv_block(below, below))
            for above, below in pairwise(self.widths)
        )
        self.up = nn.ModuleList(conv_block(above + below, above) for below, above in pairwise(self.widths[::-1]))
        self.classify = nn.Conv2d(first, classes * fold**2, 1)

    def hyper(self) -> dict[str, Any]:
        """Arguments that rebuild this module, as JSON values."""
        return {"classes": self.classes, "fold": self.fold, "widths": list(self.widths)}

    def forward(self, occupancies: Tensor) -> Tensor:
        folded = nn.functional.pixel_unshuffle(occupancies.flatten(1, 2), self.fold)
        x = self.enter(folded.contiguous(memory_format=torch.channels_last))
        kept = []
        for block in self.down:
            kept.append(x)
            x = block(x)
        for block, skip in zip(self.up, reversed(kept), strict=True):
            x = block(torch.cat([upsample(x, skip.shape[-1]), skip], dim=1))
        return nn.functional.pixel_shuffle(self.classify(x), self.fold)


def shape_prior(facts: Mapping[str, Any]) -> ShapePrior:
    """An untrained prior as a card describes it."""
    facts = {**FORMERLY, **facts}
    return ShapePrior(facts["classes"], facts["fold"], facts["widths"])


def coarse(canvases: Tensor) -> Tensor:
    """Occupancies (..., CELLS, CELLS) of finer canvases (..., s, s); s is a multiple of CELLS, or smaller."""
    size = canvases.shape[-1]
    if size <= CELLS:
        return upsample(canvases, CELLS)
    flat = canvases.reshape(-1, 1, size, size)
    return nn.functional.adaptive_avg_pool2d(flat, CELLS).reshape(*canvases.shape[:-2], CELLS, CELLS)
