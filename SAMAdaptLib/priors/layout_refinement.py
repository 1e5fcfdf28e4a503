"""The arrangement prior at work: a head's probabilities with what the annotation taught about where structures lie.

As with the shape prior, finer probabilities are changed by how much the prior raises or lowers each class on its cells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..networks.layout_prior import GRID, LayoutPrior
from ..utils.disk.slice_store import ProbabilitySlices, SliceStore
from .shape_refinement import RefinementContext, apply_log_ratio, log_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

PASSES = 2
"""How often the prior looks: what the first time moved shows the second time where more belongs or does not."""

_LEAST_SHARE = 0.2
"""Share of a cell's weight that slices must have for it to be looked at."""


def refine_volume(canvases: ProbabilitySlices, prior: LayoutPrior, context: RefinementContext) -> ProbabilitySlices:
    """Canvases of class probabilities (classes, s, s), slice by slice, as the prior of the whole volume has them.

    A slice that is None stays None and counts as one that does not exist. The first slice comes when all are known.
    """
    count = context.count
    with SliceStore(count) as kept:
        kept.keep(canvases)
        there = [index in kept for index in range(count)]
        gather, spread = _weights(count, there, context.spacing_mm, context.scale_mm, prior.multiple)
        reach = (gather.sum(dim=1) > 0).float()
        change = torch.zeros(len(gather), prior.classes, GRID, GRID)
        for _ in range(PASSES):
            change += _change(prior, _cells(kept, gather, spread, change), reach)
        for index in range(count):
            fine = kept.get(index)
            yield None if fine is None else _changed(fine, spread[index], change).numpy()


def _weights(count: int, there: list[bool], spacing_mm: float, cell_mm: float, multiple: int) -> tuple[Tensor, Tensor]:
    """How cells are made of slices, (cells, slices) with rows that sum to 1, or to 0 where there is no slice; and how
    slices are made of cells, (slices, cells)."""
    cells = math.ceil(max(GRID, count * spacing_mm / cell_mm) / multiple) * multiple
    slices_mm = (np.arange(count) + 0.5 - count / 2) * spacing_mm
    cells_mm = (np.arange(cells) + 0.5 - cells / 2) * cell_mm
    apart = np.abs(cells_mm[:, None] - slices_mm)
    gather = np.clip(1 - apart / max(cell_mm, spacing_mm), 0, None) * np.asarray(there, float)
    share = gather.sum(axis=1, keepdims=True)
    gather = np.where(share > _LEAST_SHARE, gather / np.maximum(share, 1e-6), 0)
    spread = np.clip(1 - apart / cell_mm, 0, None).T * (gather.sum(axis=1) > 0)
    spread = spread / np.maximum(spread.sum(axis=1, keepdims=True), 1e-6)
    return torch.from_numpy(gather).float(), torch.from_numpy(spread).float()


def _cells(kept: SliceStore, gather: Tensor, spread: Tensor, change: Tensor) -> Tensor:
    """Occupancies of all cells, (cells, classes, PLACES, PLACES), of what is kept with ``change`` made to it."""
    total = torch.zeros_like(change)
    for index, fine in enumerate(kept):
        if fine is not None:
            here = nn.functional.adaptive_avg_pool2d(_changed(fine, spread[index], change), GRID)
            total += gather[:, index, None, None, None] * here
    return total


def _change(prior: LayoutPrior, cells: Tensor, reach: Tensor) -> Tensor:
    """By how much the logarithm of each class's probability is to rise, (cells, classes, PLACES, PLACES)."""
    shown = reach[:, None, None, None].expand(-1, 1, GRID, GRID)
    with torch.inference_mode():
        seen = torch.cat([cells, shown], dim=1).transpose(0, 1)
        expected = prior(seen[None])[0].softmax(dim=0).transpose(0, 1)
    return log_ratio(cells, expected) * reach[:, None, None, None]


def _changed(fine: NDArray[np.float32], spread: Tensor, change: Tensor) -> Tensor:
    """A slice's probabilities (classes, s, s) after a change on all cells, ``spread`` (cells,) telling its share."""
    return apply_log_ratio(torch.from_numpy(fine), torch.tensordot(spread, change, dims=1))
