"""How priors are trained, whatever they look at: label maps are deformed, corrupted, and the network repairs them.

A denoising autoencoder after Larrazabal et al. (see ``networks.shape_prior``), for slices in ``shape_training`` and for
whole volumes in ``layout_training``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..networks.shape_prior import CELLS
from ..progress import Monitor, Stage
from ..utils.timing import least_seconds, remembered
from .settings import PRIORS, PriorSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..preprocessing.slicing import CanvasGeometry

LEARNING_RATE = 3e-3


@dataclass(frozen=True)
class LabelStack:
    """The annotation of a volume as slices: class indices (rows, columns) uint8 each, their distance, their frame."""

    slices: Sequence[NDArray[np.uint8]]
    spacing_mm: float
    frame: CanvasGeometry

    @property
    def distance_mm(self) -> float:
        """How far apart slices are that say something of each other: one slice, or a cell where slices are thin."""
        return max(self.spacing_mm, self.frame.side_mm / CELLS)


P = TypeVar("P", bound=nn.Module)


class PriorTrainer(ABC, Generic[P]):
    """Trains one kind of prior for so many ``classes``, background included."""

    stage: ClassVar[Stage]

    def __init__(self, classes: int, settings: PriorSettings = PRIORS) -> None:
        self.classes, self.settings = classes, settings

    @property
    @abstractmethod
    def batch(self) -> int:
        """Examples in one step."""

    @property
    @abstractmethod
    def timing(self) -> str:
        """What the seconds of a step are remembered under."""

    @abstractmethod
    def untrained(self) -> P:
        """A new prior, in training mode."""

    @abstractmethod
    def deform(self, stacks: Sequence[LabelStack], seed: int) -> tuple[Tensor, Tensor]:
        """Deformed label maps, and where each of them exists; examples along the first axis of both."""

    @abstractmethod
    def loss(self, prior: P, labels: Tensor, exists: Tensor) -> Tensor:
        """How far the prior is from repairing what was made of these examples."""

    @abstractmethod
    def blank(self) -> tuple[Tensor, Tensor]:
        """A batch without content, to measure the time of a step with."""

    def train(self, stacks: Sequence[LabelStack], *, steps: int, seed: int, monitor: Monitor) -> P | None:
        """A prior of these annotations, in evaluation mode on the CPU; None when cancelled before the end.

        Seeded, and leaves torch's own random state alone.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            labels, exists = self.deform(stacks, seed)
            prior = self.untrained()
            optimizer = torch.optim.AdamW(prior.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
            total = max(steps, 10)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=total, pct_start=0.2)
            for done in range(steps):
                monitor.progress(self.stage.text(), done, steps)
                if monitor.cancelled():
                    return None
                drawn = torch.randint(len(labels), (self.batch,))
                self.step(prior, optimizer, labels[drawn], exists[drawn])
                schedule.step()
            monitor.progress(self.stage.text(), steps, steps)
        return prior.eval()

    def step(self, prior: P, optimizer: torch.optim.Optimizer, labels: Tensor, exists: Tensor) -> None:
        """One step of the optimizer on a batch of examples."""
        loss = self.loss(prior, labels, exists)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def seconds_per_step(self) -> float:
        """What one step costs here: measured, then remembered."""
        return remembered(self.timing, self._measure)

    def _measure(self) -> float:
        trial = self.untrained()
        optimizer = torch.optim.AdamW(trial.parameters(), lr=1e-5)
        examples = self.blank()
        return least_seconds(lambda: self.step(trial, optimizer, *examples))


def soft_dice(probabilities: Tensor, truth: Tensor) -> Tensor:
    """The soft Dice of each structure over a batch, (classes - 1,); both (B, classes, ...)."""
    axes = (0, *range(2, truth.ndim))
    overlap = (probabilities * truth).sum(dim=axes)[1:]
    total = (probabilities**2 + truth**2).sum(dim=axes)[1:]
    return (2 * overlap + 1) / (total + 1)


def uniform(like: Tensor, low: float, high: float) -> Tensor:
    """A random number for each example of a batch (B, ...), to be multiplied with it."""
    return torch.empty(len(like), *(1,) * (like.ndim - 1)).uniform_(low, high)


def unsure(truth: Tensor, blurred: Tensor) -> Tensor:
    """Logits (B, classes, ...) as of a model that is more or less sure of the truth, and prefers some classes.

    ``blurred``: the truth averaged over neighbouring cells.
    """
    shape = (*truth.shape[:2], *(1,) * (truth.ndim - 2))
    return (truth + blurred) / 2 * uniform(truth, 2.0, 7.0) + 0.7 * torch.randn(shape)


def foreground_more(truth: Tensor) -> Tensor:
    """Weights of the classes (classes, 1, ...): what is added to the background is less."""
    weights = torch.ones(truth.shape[1], *(1,) * (truth.ndim - 2))
    weights[0] = 0.6
    return weights
