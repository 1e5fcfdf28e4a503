"""The arrangement prior: a small network that knows where in a body structures lie to each other, all slices at once.

Three slices do not tell how far a liver reaches down: what is as grey as it, and lies where it lay above, looks like
more of it. The whole volume tells, by where the kidneys are. The prior sees class probabilities alone, on cells so
coarse that a volume is a few thousand of them.

As with the shape prior, the idea is that of Larrazabal et al., "Post-DAE: Anatomically Plausible Segmentation via
Post-Processing with Denoising Autoencoders" (IEEE TMI 2020), learned from one volume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

GRID = 16
"""Cells along each side of the canvas."""

WIDTHS = (32, 48, 64)
"""Channels by depth."""


class LayoutPrior(nn.Module):
    """A U-Net in space from occupancies to logits.

    ``forward`` takes (B, classes + 1, Z, PLACES, PLACES) with Z a multiple of ``multiple``: the share of each cell that
    each class takes, and 1 where the volume reaches; all is zero beyond. It gives (B, classes, Z, PLACES, PLACES).
    """

    def __init__(self, classes: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.classes, self.widths = classes, tuple(widths)
        first = self.widths[0]
        self.enter = nn.Sequential(_block(classes + 1, first), _block(first, first))
        self.down = nn.ModuleList(
            nn.Sequential(nn.AvgPool3d(2), _block(above, below), _block(below, below))
            for above, below in pairwise(self.widths)
        )
        self.up = nn.ModuleList(_block(above + below, above) for below, above in pairwise(self.widths[::-1]))
        self.classify = nn.Conv3d(first, classes, 1)

    @property
    def multiple(self) -> int:
        """What the number of cells along the slices is a multiple of."""
        return int(2 ** (len(self.widths) - 1))

    def hyper(self) -> dict[str, Any]:
        """Arguments that rebuild this module, as JSON values."""
        return {"classes": self.classes, "widths": list(self.widths)}

    def forward(self, occupancies: Tensor) -> Tensor:
        x = self.enter(occupancies)
        kept = []
        for block in self.down:
            kept.append(x)
            x = block(x)
        for block, skip in zip(self.up, reversed(kept), strict=True):
            x = nn.functional.interpolate(x, size=skip.shape[2:], mode="trilinear")
            x = block(torch.cat([x, skip], dim=1))
        logits: Tensor = self.classify(x)
        return logits


def arrangement_prior(facts: Mapping[str, Any]) -> LayoutPrior:
    """An untrained prior as a card describes it."""
    return LayoutPrior(facts["classes"], facts["widths"])


def _block(inputs: int, outputs: int) -> nn.Sequential:
    groups = next(count for count in (4, 2, 1) if outputs % count == 0)
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1), nn.GroupNorm(groups, outputs), nn.ReLU())
