"""What an annotation says about shape and arrangement, learned from label maps alone: no picture, no encoder.

Label slices are turned, scaled, bent and bulged, then spoiled the way heads err on other patients (a structure taken
for another over a whole region, pieces lost, islands elsewhere); the prior learns to put them right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..networks.base import upsample
from ..networks.shape_prior import CELLS, FOLD, SLICES, WIDTHS, ShapePrior
from ..preprocessing.augmentation import IGNORED, AugmentationParams, AugmentationRanges, render_labels
from ..preprocessing.labels import class_indices
from ..preprocessing.resampling import sample_at
from ..progress import LEARNING_SHAPES
from ..utils.devices import mixed_precision
from .settings import PRIORS, PriorSettings
from .shape_refinement import stride
from .training import LabelStack, PriorTrainer, foreground_more, soft_dice, uniform, unsure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..features.sliced_volume import SlicedVolume
    from ..preprocessing.slicing import CanvasGeometry

DEFORMATION = AugmentationRanges(rotation=60.0, scale_low=0.65, scale_high=1.5, shift=0.15, stretch=1.25, elastic=0.03)
"""Wider than the views that heads learn from: nothing is encoded, and other patients differ more than views."""

BULGE = 0.45
"""How far a structure is blown up or shrunk within the others, at most."""

SLIP = 0.006
"""Standard deviation by which neighbouring slices slip against each other (breathing), as a share of the canvas."""

FIELDS = ((3, 2.0), (6, 2.5), (12, 2.0), (24, 1.0))
"""What label maps are spoiled with: nodes a side of random fields, and how strong they are at most, in logits."""

_PAINTED = 2 * CELLS
_EMPTY_SHARE = 0.1


def label_stack(sliced: SlicedVolume, labels: NDArray[Any], values: Sequence[int]) -> LabelStack:
    """The annotation (k, j, i) of a case as a head of that plane and canvas sees it."""
    slices = [class_indices(np.asarray(sliced.stack.slice(labels, n)), values, None) for n in range(len(sliced))]
    return LabelStack(slices, sliced.stack.thickness_mm, sliced.frame)


def worth_learning(stacks: Sequence[LabelStack], settings: PriorSettings = PRIORS) -> bool:
    """True when there are enough slices with a structure."""
    return sum(bool(classes.any()) for stack in stacks for classes in stack.slices) >= settings.fewest_slices


def seconds_per_step(classes: int, settings: PriorSettings = PRIORS) -> float:
    """What one step of training a prior costs here: measured, then remembered."""
    return ShapePriorTrainer(classes, settings).seconds_per_step()


class ShapePriorTrainer(PriorTrainer[ShapePrior]):
    """Trains the prior that sees three slices at a time."""

    stage = LEARNING_SHAPES

    @property
    def batch(self) -> int:
        return self.settings.stack_batch

    @property
    def timing(self) -> str:
        return f"step of shape prior, {self.classes} classes, fold {FOLD}, widths {WIDTHS}"

    def untrained(self) -> ShapePrior:
        return ShapePrior(self.classes).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]

    def deform(self, stacks: Sequence[LabelStack], seed: int) -> tuple[Tensor, Tensor]:
        return deform(stacks, self.settings.stacks, seed)

    def loss(self, prior: ShapePrior, labels: Tensor, exists: Tensor) -> Tensor:
        """Cross-entropy plus soft Dice without background."""
        occupancies = occupancies_of(labels, self.classes)
        found = corrupt(occupancies, exists)
        with mixed_precision(occupancies.device):
            logits = prior(found)
        truth = occupancies[:, SLICES // 2]
        log_probabilities = logits.float().log_softmax(dim=1)
        entropy = -(truth * log_probabilities).sum(dim=1).mean()
        shown = truth.sum(dim=(0, 2, 3))[1:] > 0
        dice = soft_dice(log_probabilities.exp(), truth)
        return entropy + (1 - dice[shown]).mean() if shown.any() else entropy

    def blank(self) -> tuple[Tensor, Tensor]:
        return torch.zeros((self.batch, SLICES, _PAINTED, _PAINTED), dtype=torch.uint8), torch.ones(self.batch, SLICES)


def deform(stacks: Sequence[LabelStack], count: int, seed: int) -> tuple[Tensor, Tensor]:
    """``count`` deformed triples of label slices: (count, SLICES, 2 * CELLS, 2 * CELLS) uint8, and which of the slices
    exist, (count, SLICES) float32. A middle slice mostly shows a structure; up and down are exchanged at random."""
    chance = np.random.default_rng(seed)
    places = [(stack, index) for stack in stacks for index in range(len(stack.slices))]
    full = [(stack, index) for stack, index in places if stack.slices[index].any()]
    empty = [(stack, index) for stack, index in places if not stack.slices[index].any()]
    labels = np.zeros((count, SLICES, _PAINTED, _PAINTED), np.uint8)
    exists = np.zeros((count, SLICES), np.float32)
    for row in range(count):
        chosen = empty if empty and (not full or chance.random() < _EMPTY_SHARE) else full
        stack, middle = chosen[int(chance.integers(len(chosen)))]
        step = stride(stack.distance_mm, stack.spacing_mm) * (1 if chance.random() < 0.5 else -1)
        view = DEFORMATION.draw(chance)
        bend = _bulges(render_labels(stack.slices[middle], stack.frame, view, _PAINTED), chance)
        for position, index in enumerate((middle - step, middle, middle + step)):
            if 0 <= index < len(stack.slices):
                slipped = view if position == SLICES // 2 else _slipped(view, chance)
                labels[row, position] = _bent(stack.slices[index], stack.frame, slipped, bend)
                exists[row, position] = 1
    return torch.from_numpy(labels), torch.from_numpy(exists)


def occupancies_of(labels: Tensor, classes: int) -> Tensor:
    """The share of each cell that each class takes: (B, SLICES, classes, CELLS, CELLS) float32, from label slices
    (B, SLICES, 2 * CELLS, 2 * CELLS)."""
    quarters = nn.functional.pixel_unshuffle(labels, _PAINTED // CELLS).unflatten(1, (SLICES, -1)).long()
    occupancies = torch.zeros(len(labels), SLICES, classes, CELLS, CELLS)
    return occupancies.scatter_add_(2, quarters, torch.full(quarters.shape, 1 / quarters.shape[2]))


def corrupt(occupancies: Tensor, exists: Tensor) -> Tensor:
    """What a head might have found in place of the truth; both (B, SLICES, classes, CELLS, CELLS).

    Smooth random fields of several sizes are added to the log-probabilities, then blobs of some class on and beside the
    structures. ``exists`` (B, SLICES): slices that do not exist become zero.
    """
    truth = occupancies.flatten(0, 1)
    padded = nn.functional.pad(truth, (1, 1, 1, 1), mode="replicate")
    logits = unsure(truth, nn.functional.avg_pool2d(padded, 3, 1))
    logits = logits + _fields(truth)
    inside = (1 - truth[:, 0]).flatten(1) + 1e-4
    beside = torch.multinomial(torch.ones_like(inside), 1)
    cells = torch.cat([torch.multinomial(inside, 2, replacement=True), beside], dim=1)
    found = (logits + _blobs(cells, truth.shape[1])).softmax(dim=1).unflatten(0, occupancies.shape[:2])
    return found * exists[:, :, None, None, None]


def _fields(truth: Tensor) -> Tensor:
    """Smooth random fields (B, classes, CELLS, CELLS): coarse ones, each brought to the next finer grid."""
    total = torch.zeros(*truth.shape[:2], 1, 1)
    for nodes, strength in FIELDS:
        field = torch.randn(*truth.shape[:2], nodes, nodes) * uniform(truth, 0.0, strength) * foreground_more(truth)
        total = upsample(total, nodes) + field
    return upsample(total, CELLS)


def _slipped(view: AugmentationParams, chance: np.random.Generator) -> AugmentationParams:
    rows, columns = chance.normal(0, SLIP, 2)
    return replace(view, shift_rows=view.shift_rows + rows, shift_columns=view.shift_columns + columns)


def _bulges(labels: NDArray[np.uint8], chance: np.random.Generator) -> NDArray[np.float32] | None:
    """Displacements (2, size, size) in pixels that blow up or shrink the middle of some structures; mostly a few."""
    present = [value for value in np.unique(labels) if 0 < value < IGNORED]
    if not present or chance.random() < 0.3:
        return None
    size = labels.shape[0]
    grid = np.arange(size, dtype=np.float32)
    total = np.zeros((2, size, size), np.float32)
    for _ in range(int(chance.integers(1, 4))):
        places = np.argwhere(labels == chance.choice(present))
        row, column = places.mean(axis=0) + chance.normal(0, 0.02 * size, 2)
        radius, power = chance.uniform(0.025, 0.08) * size, chance.uniform(-BULGE, BULGE)
        rows, columns = grid[:, None] - row, grid[None, :] - column
        weight = power * np.exp(-(rows**2 + columns**2) / (2 * radius**2))
        total += np.stack([weight * rows, weight * columns]).astype(np.float32)
    return total


def _bent(
    classes: NDArray[np.uint8], frame: CanvasGeometry, view: AugmentationParams, bend: NDArray[np.float32] | None
) -> NDArray[np.uint8]:
    """A label slice under a view and a bend, with background where nothing is known."""
    painted = render_labels(classes, frame, view, _PAINTED)
    if bend is not None:
        grid = np.arange(_PAINTED, dtype=np.float32)
        moved = sample_at(painted, grid[:, None] + bend[0], grid[None, :] + bend[1], order=0, cval=IGNORED)
        painted = moved.astype(np.uint8)
    return np.where(painted == IGNORED, np.uint8(0), painted)


def _blobs(cells: Tensor, classes: int) -> Tensor:
    """(B, classes, CELLS, CELLS): round bumps around the given cells (B, n), half of them left out, each of a random
    class."""
    count, number = cells.shape
    rows, columns = cells // CELLS, cells % CELLS
    grid = torch.arange(CELLS)
    squared = (grid[:, None] - rows[..., None, None]) ** 2 + (grid[None, :] - columns[..., None, None]) ** 2
    bumps = 6 * torch.exp(-squared / (2 * torch.empty(count, number, 1, 1).uniform_(2.0, 6.0) ** 2))
    shown = nn.functional.one_hot(torch.randint(classes, (count, number)), classes).float()
    shown = shown * (torch.rand(count, number, 1) < 0.5)
    return (shown.transpose(1, 2) @ bumps.flatten(2)).unflatten(2, (CELLS, CELLS))
