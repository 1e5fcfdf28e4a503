"""The shape prior at work: a head's probabilities with what the annotation taught about shape and arrangement in them.

The prior looks at a coarse grid. The head's own finer probabilities are changed by how much the prior raises or lowers
each class there, so that borders stay as sharp as the head drew them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..networks.base import upsample
from ..networks.shape_prior import ShapePrior, coarse
from ..utils.disk.slice_store import ProbabilitySlices

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOFTENING = 0.02
"""Added to probabilities before their ratio is taken: the prior may change much, but not decide alone."""

_LEAST = 1e-4


def stride(distance_mm: float, spacing_mm: float) -> int:
    """How many slices further the neighbour at about ``distance_mm`` is; at least the next one."""
    return max(1, round(distance_mm / spacing_mm))


class Agreement:
    """How far what the head found and what the prior made of it are the same, class by class, over all slices."""

    def __init__(self, classes: int) -> None:
        self._both, self._sum = np.zeros(classes, np.int64), np.zeros(classes, np.int64)

    def add(self, before: NDArray[np.float32], after: NDArray[np.float32]) -> None:
        """Take one slice's probabilities (classes, s, s), before and after."""
        first, second = before.argmax(axis=0), after.argmax(axis=0)
        classes = len(self._both)
        self._both += np.bincount(first[first == second], minlength=classes)
        self._sum += np.bincount(first.ravel(), minlength=classes) + np.bincount(second.ravel(), minlength=classes)

    @property
    def mean(self) -> float | None:
        """Mean Dice of the structures that either found; None when neither found any."""
        found = self._sum[1:] > 0
        return float((2 * self._both[1:][found] / self._sum[1:][found]).mean()) if found.any() else None


@dataclass(frozen=True)
class RefinementContext:
    """What a prior has to know of the slices that it refines.

    Attributes:
        count: Number of slices.
        spacing_mm: Distance from one slice to the next.
        scale_mm: The prior's own unit: between the slices that a shape prior compares, or the side of the cells of a
            layout prior.
        agreement: Is told of every change that a shape prior makes.
    """

    count: int
    spacing_mm: float
    scale_mm: float
    agreement: Agreement


def refine_slices(canvases: ProbabilitySlices, prior: ShapePrior, context: RefinementContext) -> ProbabilitySlices:
    """Canvases of class probabilities (classes, s, s), slice by slice, as the prior would have them.

    A slice that is None stays None and counts as one that does not exist. Holds 2 * ``stride`` + 1 slices at a time.
    """
    step = stride(context.scale_mm, context.spacing_mm)
    window: deque[_Found | None] = deque([None] * step, maxlen=2 * step + 1)
    for canvas in chain(canvases, [None] * step):
        window.append(None if canvas is None else _Found.of(canvas))
        if len(window) == window.maxlen:
            here = window[step]
            if here is None:
                yield None
                continue
            corrected = _corrected(prior, window[0], here, window[-1])
            context.agreement.add(here.fine.numpy(), corrected)
            yield corrected


@dataclass(frozen=True)
class _Found:
    """What a head found on a slice: probabilities (classes, s, s), and their means over the prior's cells."""

    fine: Tensor
    cells: Tensor

    @classmethod
    def of(cls, canvas: NDArray[np.float32]) -> _Found:
        fine = torch.from_numpy(canvas)
        return cls(fine, coarse(fine))


def _corrected(prior: ShapePrior, before: _Found | None, here: _Found, after: _Found | None) -> NDArray[np.float32]:
    """One slice's probabilities, raised and lowered by what the prior makes of the coarse ones."""
    missing = torch.zeros_like(here.cells)
    around = [missing if found is None else found.cells for found in (before, here, after)]
    with torch.inference_mode():
        expected = prior(torch.stack(around)[None])[0].softmax(dim=0)
        result: NDArray[np.float32] = apply_log_ratio(here.fine, log_ratio(here.cells, expected)).numpy()
    return result


def log_ratio(cells: Tensor, expected: Tensor) -> Tensor:
    """By how much the logarithm of each class's probability is to rise where a prior expects this of these cells."""
    return ((expected + SOFTENING) / (cells + SOFTENING)).log()


def apply_log_ratio(fine: Tensor, change: Tensor) -> Tensor:
    """A slice's probabilities (classes, s, s) after such a rise on cells (classes, c, c)."""
    return (fine.clamp_min(_LEAST).log() + upsample(change[None], fine.shape[-1])[0]).softmax(dim=0)
