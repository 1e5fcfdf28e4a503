"""The light model of a live session: a few small convolutions on frozen features, fitted in seconds.

What it sees of a pixel: the encoder's features at several depths (their main directions within the annotated slices),
the gray value, where the pixel lies, and how deep it lies within the contours that are interpolated between annotated
slices. These last are also its starting point: it begins as contour interpolation, and learns where the image knows
better. While it learns from an annotated slice, that slice's own contours are left out, so that it learns how far
contours can be trusted; they are weighed by how far off they may be, so that what was learned across wide gaps holds in
narrow ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .annotation import IGNORED
from .interpolation import ContourInterpolator, Outlines
from .work_grid import WorkGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..preprocessing.slicing import CanvasGeometry

FULL_STEPS, QUICK_STEPS = 100, 25
"""Steps of a fit from nothing, and of one that only has to show the visible slice soon, or goes on from an earlier."""

WIDTH = 24
DIRECTIONS = 32
"""Main directions of the features that are kept of each level."""

CROP, CROPS = 48, 6
"""Pixels a side of what is learned from at once, and how many of them a step."""

FARTHEST = 4.0
"""Bound on a feature direction, in deviations: other slices may show what no annotated one does."""

FIRST_TRUST = 3.0
"""In contours, as a fit begins."""

NOISE = 0.7
"""Spread of the noise that is added to each feature direction of a crop, and by which it is scaled: a few slices are
learned by heart otherwise. Chosen on four volumes; 0.1 and 1.0 were worse on all."""

LEARNING_RATE = 5e-3
WEIGHT_DECAY = 0.02
WARMING = 0.2
"""Share of the steps in which the learning rate rises."""

FOREGROUND_FRACTION = 0.75
"""Share of the crops that lie over a structure, each structure as often as the others."""

TRUST = 0.5
"""Share of how far off a contour may be that is added to a pixel, as the width of its edge."""

EVEN = 1.5
"""How far off contours may be, in pixels of the work grid, where half of the correction counts: it is no finer than
the grid, and near to an annotated slice contours are better. What to multiply it by was also looked for by holding
annotated slices out; that was worse than this constant, for only a few slices can be held out, across wider gaps."""

FINE_KEPT = 8
"""Annotated slices whose outlines are held at full resolution: those before and after, in both directions."""

DEEPEST = 4.0
"""Bound on how deep within a contour a pixel counts as, in widths of its edge."""

MOST_SLICES = 48
"""Annotated slices that are learned from, evenly spread; contours are interpolated from all of them."""

Features = Mapping[str, "NDArray[Any]"]


class SliceSource(Protocol):
    """Where the fit takes slices from."""

    @property
    def frame(self) -> CanvasGeometry:
        """The window that the features show."""

    @property
    def thickness_mm(self) -> float:
        """From slice to slice."""

    def __len__(self) -> int:
        """How many slices."""

    def gray(self, index: int) -> NDArray[np.float32]:
        """A slice (rows, columns) on the 0..255 scale."""

    def features(self, index: int) -> Features:
        """The features (channels, h, h) of each level, encoded now if need be."""


class Inputs:
    """What the model sees of slices, given an annotation.

    ``classes``: class indices (rows, columns) uint8 of the annotated slices; ``count``: of structures. ``contours``
    False leaves interpolated contours out, as where scribbles show no outlines.
    """

    def __init__(
        self,
        source: SliceSource,
        classes: Mapping[int, NDArray[np.uint8]],
        count: int,
        contours: bool = True,
        outlines: dict[WorkGrid, Outlines] | None = None,
    ) -> None:
        self.source, self.count, self.annotated = source, count, tuple(sorted(classes))
        structures = ((labels > 0) & (labels != IGNORED) for labels in classes.values())
        self.grid = WorkGrid.around(structures, source.frame)
        cut = {index: self.grid.cut(labels) for index, labels in classes.items()}
        self.targets = {index: self.grid.shrunk_classes(labels) for index, labels in cut.items()}
        kept = {} if outlines is None else outlines
        for other in [grid for grid in kept if grid != self.grid]:
            del kept[other]
        own = kept.setdefault(self.grid, {})
        frame = source.frame
        self.contours = ContourInterpolator(cut, count, frame.spacing, source.thickness_mm, self.grid.shrunk, own)
        self._fine = self.contours
        if self.grid.shape != self.grid.native:
            self._fine = ContourInterpolator(cut, count, frame.spacing, source.thickness_mm, most_kept=FINE_KEPT)
        self.with_contours = contours
        self._bases: dict[str, tuple[Tensor, Tensor]] = {}

    def learn_directions(self, indices: Sequence[int]) -> None:
        """Find the main directions of the features of these slices, within the grid."""
        found: dict[str, list[Tensor]] = {}
        for index in indices:
            for level, maps in self._levels(index).items():
                sampled = self.grid.sampled(maps).flatten(1)
                found.setdefault(level, []).append(sampled[:, :: max(1, sampled.shape[1] // 2000)])
        self._bases = {level: _main_directions(torch.cat(parts, dim=1)) for level, parts in found.items()}

    @property
    def directions(self) -> int:
        """How many channels are feature directions; they come first."""
        return sum(len(basis) for basis, _ in self._bases.values())

    def of(self, index: int, without: int | None = None) -> tuple[Tensor, Tensor]:
        """(channels, rows, columns) of a slice on the grid, and how deep within contours (1 + structures, ...)."""
        parts = []
        for level, maps in self._levels(index).items():
            basis, mean = self._bases[level]
            flat = (basis @ (maps.flatten(1) - mean)).clamp(-FARTHEST, FARTHEST)
            parts.append(self.grid.sampled(flat.reshape(len(basis), *maps.shape[1:])))
        gray = torch.from_numpy(self.grid.shrunk(self.grid.cut(self.source.gray(index))[None])) / 64 - 2
        depth = self._depth(index, without)
        parts += [
            gray,
            functional.avg_pool2d(gray[None], 5, 1, 2, count_include_pad=False)[0],
            self._place(index),
            depth,
        ]
        return torch.cat(parts), torch.cat([torch.zeros(1, *self.grid.shape), depth])

    def _levels(self, index: int) -> dict[str, Tensor]:
        found = self.source.features(index)
        return {level: torch.from_numpy(found[level].astype(np.float32)) for level in sorted(found)}

    def _depth(self, index: int, without: int | None) -> Tensor:
        """Signed distances in widths of their edges, bounded."""
        if not self.with_contours:
            return torch.zeros(self.count, *self.grid.shape)
        return torch.from_numpy(self._bounded(*self.contours.distances(index, without)))

    def fine_depth(self, index: int) -> tuple[NDArray[np.float32], float]:
        """The same at the pixels of the box (structures, rows, columns), and which share of a correction counts."""
        if not self.with_contours:
            return np.zeros((self.count, *self.grid.native), np.float32), 1.0
        distances, off_mm = self._fine.distances(index)
        return self._bounded(distances, off_mm), off_mm / (off_mm + EVEN * self.grid.pixel_mm)

    def _bounded(self, distances: NDArray[np.float32], off_mm: float) -> NDArray[np.float32]:
        width = self.grid.pixel_mm + TRUST * off_mm
        return np.clip(distances / np.float32(width), -DEEPEST, DEEPEST)

    def _place(self, index: int) -> Tensor:
        first, last = self.annotated[0], self.annotated[-1]
        along = (index - first) / (last - first) * 2 - 1 if last > first else 0.0
        rows, columns = self.grid.shape
        y = torch.linspace(-1, 1, rows)[:, None].expand(rows, columns)
        x = torch.linspace(-1, 1, columns)[None].expand(rows, columns)
        return torch.stack([y, x, torch.full((rows, columns), float(np.clip(along, -1, 1)))])


def _main_directions(samples: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix (directions, channels) onto the main directions of samples (channels, n), each of unit spread."""
    mean = samples.mean(dim=1, keepdim=True)
    spread = samples.std(dim=1, keepdim=True) + 1e-4
    standard = (samples - mean) / spread
    strength, directions = torch.linalg.eigh(standard @ standard.T / samples.shape[1])
    kept = min(DIRECTIONS, len(strength))
    # Directions that are weaker than a single channel are mostly noise, and stay as weak as they are.
    main = directions[:, -kept:] / strength[-kept:].clamp_min(1.0).sqrt()
    return (main / spread).T.contiguous(), mean


class QuickNetwork(nn.Module):
    """Three small convolutions that correct what contours say."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels, WIDTH, 1)
        self.first = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.leave = nn.Conv2d(WIDTH, classes, 1)
        self.trust = nn.Parameter(torch.tensor(FIRST_TRUST))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, seen: Tensor, depth: Tensor) -> Tensor:
        """Logits (N, classes, rows, columns)."""
        return self.correction(seen) + self.trust * depth

    def correction(self, seen: Tensor) -> Tensor:
        """What is added to contours (N, classes, rows, columns)."""
        inner = functional.gelu(self.enter(seen))
        inner = inner + functional.gelu(self.first(inner))
        found: Tensor = self.leave(functional.gelu(self.second(inner)))
        return found


@dataclass
class QuickModel:
    """A fitted network and what it needs to see slices."""

    inputs: Inputs
    network: QuickNetwork

    def probabilities(self, index: int) -> NDArray[np.float32]:
        """Class probabilities (1 + structures, rows, columns) of a slice, within the grid's box."""
        with torch.inference_mode():
            seen, _ = self.inputs.of(index)
            depth, share = self.inputs.fine_depth(index)
            logits = share * self.inputs.grid.grown(self.network.correction(seen[None])[0])
            logits[1:] += self.network.trust * torch.from_numpy(depth)
            return np.asarray(logits.softmax(dim=0).numpy())


@dataclass
class QuickFit:
    """A fit in steps, so that it can be stopped or replaced between any two.

    ``seed`` decides all chance: the same annotation gives the same model. ``start``: a network to go on from, where it
    fits the inputs.
    """

    inputs: Inputs
    steps: int = FULL_STEPS
    seed: int = 0
    start: QuickNetwork | None = None
    _draw: np.random.Generator = field(init=False)

    def run(self, go_on: Callable[[int, int], bool] = lambda done, total: True) -> QuickModel | None:
        """The fitted model; None when ``go_on(done, total)``, asked before each step, says no."""
        self._draw = np.random.default_rng(self.seed)
        inputs = self.inputs
        indices = _evenly(inputs.annotated, MOST_SLICES)
        if not inputs._bases:
            inputs.learn_directions(indices)
        seen, depth, targets = self._material(indices)
        network = self._network(seen.shape[1])
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, LEARNING_RATE, total_steps=self.steps, pct_start=max(WARMING, 2 / self.steps)
        )
        places = _places(targets)
        for step in range(self.steps):
            if not go_on(step, self.steps):
                return None
            batch = [self._crop(places, targets) for _ in range(CROPS)]
            parts = [torch.stack([array[n, ..., r, c] for n, r, c in batch]) for array in (seen, depth, targets)]
            loss = _loss(network(self._noisy(parts[0]), parts[1]), parts[2])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        return QuickModel(inputs, network.eval())

    def _noisy(self, seen: Tensor) -> Tensor:
        """Crops (N, channels, ...) with other feature values, the same all over a crop."""
        count = self.inputs.directions
        draw = self._draw.standard_normal((2, len(seen), count, 1, 1), dtype=np.float32) * np.float32(NOISE)
        scaled = seen[:, :count] * torch.from_numpy(1 + draw[0]) + torch.from_numpy(draw[1])
        return torch.cat([scaled, seen[:, count:]], dim=1)

    def _material(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        pairs = [self.inputs.of(index, without=index) for index in indices]
        targets = torch.from_numpy(np.stack([self.inputs.targets[index] for index in indices]).astype(np.int64))
        return torch.stack([pair[0] for pair in pairs]), torch.stack([pair[1] for pair in pairs]), targets

    def _network(self, channels: int) -> QuickNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = QuickNetwork(channels, self.inputs.count + 1)
        if self.start is not None and self.start.enter.weight.shape == network.enter.weight.shape:
            state = self.start.state_dict()
            if state["leave.weight"].shape == network.leave.weight.shape:
                network.load_state_dict(state)
        return network.train()

    def _crop(
        self, places: Sequence[Sequence[tuple[int, NDArray[np.intp]]]], targets: Tensor
    ) -> tuple[int, slice, slice]:
        """The number of a slice, rows and columns."""
        rows, columns = targets.shape[1:]
        height, width = min(CROP, rows), min(CROP, columns)
        if places and self._draw.random() < FOREGROUND_FRACTION:
            shown = places[int(self._draw.integers(len(places)))]
            number, at = shown[int(self._draw.integers(len(shown)))]
            row, column = at[self._draw.integers(len(at))]
            top = int(np.clip(row - self._draw.integers(height), 0, rows - height))
            left = int(np.clip(column - self._draw.integers(width), 0, columns - width))
        else:
            number = int(self._draw.integers(len(targets)))
            top, left = (int(self._draw.integers(n + 1)) for n in (rows - height, columns - width))
        return number, slice(top, top + height), slice(left, left + width)


def warm_up() -> None:
    """Have PyTorch load what it loads at the first step of a fit, which takes a second or two."""
    network = QuickNetwork(2, 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    _loss(network(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)), torch.zeros(1, 4, 4, dtype=torch.int64)).backward()
    optimizer.step()


def _evenly(items: Sequence[int], count: int) -> list[int]:
    if len(items) <= count:
        return list(items)
    return [items[round(at)] for at in np.linspace(0, len(items) - 1, count)]


def _places(targets: Tensor) -> list[list[tuple[int, NDArray[np.intp]]]]:
    """For each structure that is shown, the slices (by number) that show it, and where."""
    found: dict[int, list[tuple[int, NDArray[np.intp]]]] = {}
    for number, target in enumerate(targets.numpy()):
        for value in np.unique(target):
            if 0 < value < IGNORED:
                found.setdefault(int(value), []).append((number, np.argwhere(target == value)))
    return [found[value] for value in sorted(found)]


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy and Dice of the structures that are shown, over known pixels."""
    known = targets != IGNORED
    classes = torch.where(known, targets, 0)
    crossed = functional.cross_entropy(logits, classes, reduction="none")
    entropy = (crossed * known).sum() / known.sum().clamp_min(1)
    wanted = functional.one_hot(classes, logits.shape[1]).permute(0, 3, 1, 2).float() * known[:, None]
    given = logits.softmax(dim=1) * known[:, None]
    shared, both = (given * wanted).sum(dim=(0, 2, 3))[1:], (given + wanted).sum(dim=(0, 2, 3))[1:]
    shown = wanted.sum(dim=(0, 2, 3))[1:] > 0
    dice = 1 - (2 * shared + 1) / (both + 1)
    return entropy + (dice * shown).sum() / shown.sum().clamp_min(1)
