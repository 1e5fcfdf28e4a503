"""What an annotation says about shape and arrangement, learned from label maps alone: no picture, no encoder.

Label slices are turned, scaled, bent and bulged, then spoiled the way heads err on other patients (a structure taken
for another over a whole region, pieces lost, islands elsewhere); the prior learns to put them right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..networks.base import upsample
from ..networks.shape_prior import CELLS, FOLD, SLICES, WIDTHS, ShapePrior
from ..preprocessing.augmentation import IGNORED, AugmentationParams, AugmentationRanges, render_labels
from ..preprocessing.labels import class_indices
from ..preprocessing.resampling import sample_at
from ..progress import Monitor
from ..utils.devices import mixed_precision
from ..utils.timing import least_seconds, remembered
from .settings import PRIORS, PriorSettings
from .shape_refinement import stride

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..features.sliced_volume import SlicedVolume
    from ..preprocessing.slicing import CanvasGeometry

LEARNING_RATE = 3e-3

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


def label_stack(sliced: SlicedVolume, labels: NDArray[Any], values: Sequence[int]) -> LabelStack:
    """The annotation (k, j, i) of a case as a head of that plane and canvas sees it."""
    slices = [class_indices(np.asarray(sliced.stack.slice(labels, n)), values, None) for n in range(len(sliced))]
    return LabelStack(slices, sliced.stack.thickness_mm, sliced.frame)


def worth_learning(stacks: Sequence[LabelStack], settings: PriorSettings = PRIORS) -> bool:
    """True when there are enough slices with a structure."""
    return sum(bool(classes.any()) for stack in stacks for classes in stack.slices) >= settings.fewest_slices


def seconds_per_step(classes: int, settings: PriorSettings = PRIORS) -> float:
    """What one step of learning a prior costs here: measured, then remembered."""
    key = f"step of shape prior, {classes} classes, fold {FOLD}, widths {WIDTHS}"
    return remembered(key, lambda: _measure_step(classes, settings.stack_batch))


def train_shape_prior(
    stacks: Sequence[LabelStack],
    classes: int,
    *,
    steps: int,
    seed: int,
    monitor: Monitor,
    settings: PriorSettings = PRIORS,
) -> ShapePrior | None:
    """A prior of these annotations, in evaluation mode on the CPU; None when cancelled before the end.

    ``classes`` counts background too. Seeded, and leaves torch's own random state alone.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        labels, exists = deform(stacks, settings.stacks, seed)
        prior = ShapePrior(classes).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]

        def step(optimizer: torch.optim.Optimizer) -> None:
            drawn = torch.randint(len(labels), (settings.stack_batch,))
            _step(prior, optimizer, labels[drawn], exists[drawn])

        if not optimize(step, prior, steps, "Learning shapes", monitor):
            return None
    learned: ShapePrior = prior.eval()
    return learned


def optimize(
    step: Callable[[torch.optim.Optimizer], None], prior: nn.Module, steps: int, stage: str, monitor: Monitor
) -> bool:
    """Take ``steps`` steps of AdamW under a one-cycle rate, as priors learn; False when cancelled before the end."""
    optimizer = torch.optim.AdamW(prior.parameters(), lr=LEARNING_RATE, weight_decay=1e-3)
    total = max(steps, 10)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=total, pct_start=0.2)
    for done in range(steps):
        monitor.progress(stage, done, steps)
        if monitor.cancelled():
            return False
        step(optimizer)
        schedule.step()
    monitor.progress(stage, steps, steps)
    return True


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
    count, classes = truth.shape[:2]
    padded = nn.functional.pad(truth, (1, 1, 1, 1), mode="replicate")
    blurred = (truth + nn.functional.avg_pool2d(padded, 3, 1)) / 2
    logits = blurred * _uniform(count, 2.0, 7.0) + 0.7 * torch.randn(count, classes, 1, 1)
    logits = logits + _fields(count, classes)
    inside = (1 - truth[:, 0]).flatten(1) + 1e-4
    beside = torch.multinomial(torch.ones_like(inside), 1)
    cells = torch.cat([torch.multinomial(inside, 2, replacement=True), beside], dim=1)
    found = (logits + _blobs(cells, classes)).softmax(dim=1).unflatten(0, occupancies.shape[:2])
    return found * exists[:, :, None, None, None]


def _fields(count: int, classes: int) -> Tensor:
    """Smooth random fields (count, classes, CELLS, CELLS): coarse ones, each brought to the next finer grid."""
    foreground_more = torch.ones(classes, 1, 1)
    foreground_more[0] = 0.6
    total = torch.zeros(count, classes, 1, 1)
    for nodes, strength in FIELDS:
        field = torch.randn(count, classes, nodes, nodes) * _uniform(count, 0.0, strength) * foreground_more
        total = upsample(total, nodes) + field
    return upsample(total, CELLS)


def _step(prior: ShapePrior, optimizer: torch.optim.Optimizer, labels: Tensor, exists: Tensor) -> None:
    truth = occupancies_of(labels, prior.classes)
    found = corrupt(truth, exists)
    with mixed_precision(truth.device):
        logits = prior(found)
    loss = _loss(logits.float(), truth[:, SLICES // 2])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def _loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice without background, against occupancies (B, classes, CELLS, CELLS)."""
    log_probabilities = logits.log_softmax(dim=1)
    entropy = -(truth * log_probabilities).sum(dim=1).mean()
    probabilities = log_probabilities.exp()
    overlap = (probabilities * truth).sum(dim=(0, 2, 3))[1:]
    total = (probabilities**2 + truth**2).sum(dim=(0, 2, 3))[1:]
    shown = truth.sum(dim=(0, 2, 3))[1:] > 0
    dice = (2 * overlap + 1) / (total + 1)
    return entropy + (1 - dice[shown]).mean() if shown.any() else entropy


def _measure_step(classes: int, batch: int) -> float:
    trial = ShapePrior(classes).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(trial.parameters(), lr=1e-5)
    labels = torch.zeros((batch, SLICES, _PAINTED, _PAINTED), dtype=torch.uint8)
    return least_seconds(lambda: _step(trial, optimizer, labels, torch.ones(batch, SLICES)))


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


def _uniform(count: int, low: float, high: float) -> Tensor:
    return torch.empty(count, 1, 1, 1).uniform_(low, high)


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
