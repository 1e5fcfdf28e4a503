"""What an annotation says about where structures lie to each other, learned from label maps alone.

The whole annotation, on coarse cells, is turned, scaled, sheared and bent in space, cut off above or below as fields of
view are, and some structures are blown up or shrunk; then it is spoiled as heads err on other patients: regions taken
for another structure, over many slices. The prior learns to put that right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..networks.layout_prior import GRID, LayoutPrior
from ..preprocessing.augmentation import IGNORED, AugmentationParams, render_labels
from ..progress import LEARNING_LAYOUT
from .settings import PRIORS, PriorSettings
from .training import PriorTrainer, foreground_more, soft_dice, uniform, unsure

if TYPE_CHECKING:
    from .training import LabelStack

TURN = 0.45
"""Radians by which a volume is turned about the axis across its slices, at most."""

SCALE, STRETCH = math.log(1.4), math.log(1.2)
"""Logarithms of the factors by which it is scaled within and across slices, and stretched, at most."""

SHIFT, SHEAR = 0.15, 0.15
"""By how much it is moved, and how far slices slip over its length, at most: in halves of the canvas."""

BEND, BEND_NODES = (0.06, 0.06, 0.08), 5
"""Standard deviation of a bend's displacements along columns, rows and slices, in halves of the canvas; its nodes."""

SWELL = 0.6
"""Logarithm of the factor by which a structure is blown up or shrunk, at most."""

CUT = 0.3
"""Share of the slices that half of the volumes lack at either end, at most."""

FIELDS = ((2, 3.0), (3, 3.0), (5, 2.5), (8, 2.0), (GRID, 1.0))
"""What volumes are spoiled with: nodes a side of random fields, and how strong they are at most, in logits."""

_FINER = 4


@dataclass(frozen=True)
class Source:
    """An annotation on a canvas of finer cells: occupancies (1, classes, slices, s, s); half its length, in halves of
    the canvas; and of each structure its middle and its extent, (3,) along columns, rows and slices, in the same unit.
    """

    occupancies: Tensor
    half_length: float
    places: tuple[tuple[Tensor, Tensor], ...]


def seconds_per_step(classes: int, settings: PriorSettings = PRIORS) -> float:
    """What one step of training a prior costs here: measured, then remembered."""
    return LayoutPriorTrainer(classes, settings).seconds_per_step()


class LayoutPriorTrainer(PriorTrainer[LayoutPrior]):
    """Trains the prior that sees a whole volume on coarse cells."""

    stage = LEARNING_LAYOUT

    @property
    def batch(self) -> int:
        return self.settings.volume_batch

    @property
    def timing(self) -> str:
        return f"step of arrangement prior, {self.classes} classes"

    def untrained(self) -> LayoutPrior:
        return LayoutPrior(self.classes).train()

    def deform(self, stacks: Sequence[LabelStack], seed: int) -> tuple[Tensor, Tensor]:
        return deform([source_of(stack, self.classes) for stack in stacks], self.settings.volumes)

    def loss(self, prior: LayoutPrior, labels: Tensor, exists: Tensor) -> Tensor:
        """Cross-entropy plus soft Dice without background, where the volumes reach."""
        found = torch.cat([corrupt(labels) * exists, exists.expand(-1, -1, -1, GRID, GRID)], dim=1)
        log_probabilities = prior(found).log_softmax(dim=1)
        entropy = -(labels * log_probabilities * exists).sum() / (exists.sum() * GRID**2)
        loss: Tensor = entropy + (1 - soft_dice(log_probabilities.exp() * exists, labels * exists)).mean()
        return loss

    def blank(self) -> tuple[Tensor, Tensor]:
        truth = torch.full((self.batch, self.classes, GRID, GRID, GRID), 1 / self.classes)
        return truth, torch.ones(self.batch, 1, GRID, 1, 1)


def deform(sources: Sequence[Source], count: int) -> tuple[Tensor, Tensor]:
    """``count`` deformed volumes, (count, classes, PLACES, PLACES, PLACES) float32, and where each of them reaches,
    (count, 1, PLACES, 1, 1)."""
    volumes, reach = [], []
    for _ in range(count):
        source = sources[int(torch.randint(len(sources), (1,)))]
        where = _swollen(_bent(_turned(_grid())), source)
        along = torch.tensor([1.0, 1.0, 1 / source.half_length])
        found = nn.functional.grid_sample(source.occupancies, (where * along)[None], align_corners=False)[0]
        found[0] = 1 - found[1:].sum(dim=0)
        volumes.append(found)
        reach.append(_cut((where[..., 2].mean(dim=(1, 2)).abs() < source.half_length).float()))
    return torch.stack(volumes), torch.stack(reach)[:, None, :, None, None]


def corrupt(volumes: Tensor) -> Tensor:
    """What a head might have found in place of the truth; both (B, classes, PLACES, PLACES, PLACES).

    Smooth random fields of several sizes are added to the log-probabilities, less of them to the background's.
    """
    logits = unsure(volumes, nn.functional.avg_pool3d(volumes, 3, 1, 1))
    for nodes, strength in FIELDS:
        field = nn.functional.interpolate(
            torch.randn(*volumes.shape[:2], nodes, nodes, nodes), size=volumes.shape[2:], mode="trilinear"
        )
        logits = logits + field * uniform(volumes, 0.0, strength) * foreground_more(volumes)
    return logits.softmax(dim=1)


def source_of(stack: LabelStack, classes: int) -> Source:
    """The annotation of a case on coarse cells; ``classes`` counts background too."""
    side = GRID * _FINER
    painted = [render_labels(labels, stack.frame, AugmentationParams(), side) for labels in stack.slices]
    labels = torch.stack([torch.from_numpy(canvas).long() for canvas in painted])
    labels[labels == IGNORED] = 0
    fine = nn.functional.one_hot(labels, classes).permute(3, 0, 1, 2).float()
    half_length = len(stack.slices) * stack.spacing_mm / stack.frame.side_mm
    places = tuple(_place(mask, half_length) for mask in fine[1:] if mask.any())
    occupancies = nn.functional.avg_pool3d(fine[None], (1, _FINER // 2, _FINER // 2))
    return Source(occupancies, half_length, places)


def _place(mask: Tensor, half_length: float) -> tuple[Tensor, Tensor]:
    """Middle and extent of a structure (slices, s, s)."""
    found = mask.nonzero().float().flip(1)
    count = torch.tensor(mask.shape).flip(0)
    unit = torch.tensor([1.0, 1.0, half_length])
    extent = (found.max(dim=0).values - found.min(dim=0).values + 1) / count * unit
    return ((found.mean(dim=0) + 0.5) / count * 2 - 1) * unit, extent


def _grid() -> Tensor:
    """Middles of the cells, (PLACES, PLACES, PLACES, 3), from -1 to 1: along columns, rows and slices."""
    middles = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
    slices, rows, columns = torch.meshgrid(middles, middles, middles, indexing="ij")
    return torch.stack([columns, rows, slices], dim=-1)


def _turned(where: Tensor) -> Tensor:
    """Places (..., 3) turned about the axis across the slices, scaled, stretched, sheared and moved at random."""
    angle = _between(TURN)
    scale, along, stretch = (math.exp(_between(limit)) for limit in (SCALE, SCALE, STRETCH))
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    turn = torch.tensor(
        [
            [cosine / stretch, sine / stretch, _between(SHEAR) / along],
            [-sine * stretch, cosine * stretch, _between(SHEAR) / along],
            [0.0, 0.0, 1 / along],
        ]
    )
    return where @ turn.T + torch.tensor([_between(SHIFT) for _ in range(3)])


def _bent(where: Tensor) -> Tensor:
    strength = float(torch.rand(1)) * 1.2
    nodes = torch.randn(1, 3, BEND_NODES, BEND_NODES, BEND_NODES) * torch.tensor(BEND).view(1, 3, 1, 1, 1) * strength
    bend = nn.functional.interpolate(nodes, size=where.shape[:3], mode="trilinear", align_corners=True)[0]
    return where + bend.permute(1, 2, 3, 0)


def _swollen(where: Tensor, source: Source) -> Tensor:
    """Up to two structures blown up or shrunk; what lies around gives way."""
    for _ in range(int(torch.randint(3, (1,))) if source.places else 0):
        middle, extent = source.places[int(torch.randint(len(source.places), (1,)))]
        distance = ((where - middle) / extent).norm(dim=-1, keepdim=True)
        shrink = math.exp(-_between(SWELL)) - 1
        where = middle + (where - middle) * (1 + shrink * torch.exp(-(distance**4)))
    return where


def _cut(reach: Tensor) -> Tensor:
    """Half of them reach less far, at either end."""
    if float(torch.rand(1)) < 0.5:
        return reach
    there = reach.nonzero()[:, 0]
    first, last = (int(float(torch.rand(1)) * CUT * len(there)) for _ in range(2))
    shorter = torch.zeros_like(reach)
    shorter[there[first : len(there) - last]] = 1
    return shorter


def _between(limit: float) -> float:
    return float(torch.empty(1).uniform_(-limit, limit))
