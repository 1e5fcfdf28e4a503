"""Fits one head to cached samples: the loss, the optimizer's loop, the held-out Dice, the best state kept."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import MemoryExhausted
from ..networks import PICTURE_HEADS, head_class
from ..networks.base import HeadModule, upsample
from ..preprocessing.augmentation import IGNORED
from ..progress import HELD_OUT_DICE, TRAINING, Monitor
from ..utils.devices import hardware, mixed_precision
from ..utils.faults import out_of_memory
from ..utils.timing import clock, least_seconds, remembered
from .loader import SampleLoader, invented_batch
from .samples import TrainingSample, sampling_weights

if TYPE_CHECKING:
    from ..encoders.base import Encoder
    from ..features.extractor import FeatureExtractor
    from .config import FitSettings

EVALUATIONS = 8
"""How often the held-out Dice is taken during a fit."""

NORMALIZER_SAMPLES = 48

LOOKED_AT = 8
"""Held-out canvases that go through a head at once."""

_WEIGHT_DECAY = 1e-3


@dataclass(frozen=True)
class HeldOutScore:
    """Dice on held-out slices by class index 1.., NaN for classes that are not on them."""

    dice: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the classes that occur; NaN when none does."""
        known = [value for value in self.dice if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")


@dataclass
class FitResult:
    """What a fit leaves: the best state by held-out Dice (the last one when nothing was held out)."""

    state: dict[str, Tensor]
    held_out: HeldOutScore | None
    steps: int
    planned: int = 0
    """Steps that were to be done; ``steps`` is less when the fit was cancelled or its time was over."""
    cancelled: bool = False

    curve: list[tuple[int, float, float | None]] = field(default_factory=list)
    """(step, loss, held-out Dice or None) at each evaluation."""

    @property
    def cut_short(self) -> bool:
        """Whether its time was over before its steps were done."""
        return self.steps < self.planned and not self.cancelled


def untrained(kind: str, encoder: Encoder | None, classes: int, pictures: int = 1) -> HeadModule:
    """A head of that kind for the features of ``encoder`` and pictures of so many channels; ``classes`` counts
    background too."""
    chosen = head_class(kind)
    levels = {level: encoder.levels[level] for level in chosen.needs} if encoder else {}
    options = chosen.options_for(min(level.size for level in levels.values())) if levels else {}
    if kind in PICTURE_HEADS and pictures > 1:
        options = {**options, "pictures": pictures}
    return chosen({name: level.channels for name, level in levels.items()}, classes, **options)


def sizes_of(encoder: Encoder | None, module: HeadModule) -> dict[str, int]:
    """Cells a side of the levels that ``module`` reads."""
    return {level: encoder.levels[level].size for level in module.needs} if encoder else {}


def channels_last(module: HeadModule) -> HeadModule:
    """``module`` (changed in place) with the memory order in which convolutions run fastest on processors."""
    converted: HeadModule = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return converted


def segmentation_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice without background, over annotated pixels.

    ``logits`` (B, K, h, w), ``targets`` (B, h, w) int64 with 255 where nothing is known. Dice is pooled over the
    batch; classes that the batch does not show are left out of it.
    """
    entropy = nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
    known = targets != IGNORED
    entropy = entropy / known.sum().clamp_min(1)
    classes = logits.shape[1]
    probabilities = logits.softmax(dim=1) * known[:, None]
    truth = nn.functional.one_hot(torch.where(known, targets, 0), classes).permute(0, 3, 1, 2) * known[:, None]
    overlap = (probabilities * truth).sum(dim=(0, 2, 3))[1:]
    total = (probabilities.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3)))[1:]
    shown = truth.sum(dim=(0, 2, 3))[1:] > 0
    dice = (2 * overlap + 1) / (total + 1)
    return entropy + (1 - dice[shown]).mean() if shown.any() else entropy


def held_out_dice(module: HeadModule, batches: SampleLoader, samples: Sequence[TrainingSample]) -> HeldOutScore | None:
    """Dice over all held-out slices together; None without any."""
    if not samples:
        return None
    classes = module.classes
    overlap, total, truth_count = np.zeros(classes), np.zeros(classes), np.zeros(classes)
    module.eval()
    with torch.inference_mode():
        for start in range(0, len(samples), LOOKED_AT):
            features, pictures, targets = batches.load(samples[start : start + LOOKED_AT])
            with mixed_precision(batches.device):
                logits = module(features, pictures)
            found = upsample(logits.float(), targets.shape[-1]).argmax(dim=1)
            known = targets != IGNORED
            for index in range(1, classes):
                ours, truth = (found == index) & known, targets == index
                overlap[index] += int((ours & truth).sum())
                total[index] += int(ours.sum() + truth.sum())
                truth_count[index] += int(truth.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        dice = np.where(truth_count > 0, 2 * overlap / total, np.nan)
    return HeldOutScore(tuple(float(value) for value in dice[1:]))


def set_normalizers(module: HeadModule, embedder: FeatureExtractor, samples: Sequence[TrainingSample]) -> None:
    """Give the head's standardising layers the statistics of (some of) the training features."""
    normalizers = module.normalizers()
    if not normalizers:
        return
    chosen = [samples[int(i)] for i in np.linspace(0, len(samples) - 1, min(len(samples), NORMALIZER_SAMPLES))]
    sums: dict[str, np.ndarray] = {}
    for sample in chosen:
        for level, array in embedder.features(sample.view).items():
            if level in normalizers:
                values = array.astype(np.float64).reshape(array.shape[0], -1)
                moments = np.stack([values.mean(axis=1), (values**2).mean(axis=1)])
                sums[level] = sums.get(level, 0) + moments / len(chosen)
    for level, (mean, square) in sums.items():
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        normalizers[level].set(torch.from_numpy(mean).float(), torch.from_numpy(deviation).float())


def seconds_per_step(
    module: HeadModule, sizes: Mapping[str, int], device: torch.device, settings: FitSettings
) -> float:
    """What one optimizer step costs here: measured on a copy that is thrown away, then remembered.

    ``sizes``: cells a side of each feature level. Raises MemoryExhausted when the device runs out of memory.
    """
    seen = f"{settings.batch} views, {settings.crops} crops, {sorted(sizes.items())} cells"
    key = f"step of {module.type_name} {sorted(module.hyper().items())}, {seen}, on {hardware(device)}"
    with _memory_watched(module, device):
        return remembered(key, lambda: _measure_step(module, sizes, device, settings))


def _measure_step(module: HeadModule, sizes: Mapping[str, int], device: torch.device, settings: FitSettings) -> float:
    trial = channels_last(copy.deepcopy(module).to(device)).train()
    optimizer = torch.optim.AdamW(trial.parameters(), lr=1e-5)
    batch = invented_batch(module, sizes, device, settings)
    return least_seconds(lambda: _step(trial, optimizer, *batch))


def fit_head(
    module: HeadModule,
    embedder: FeatureExtractor,
    training: Sequence[TrainingSample],
    held_out: Sequence[TrainingSample],
    *,
    steps: int,
    least_steps: int = 0,
    seed: int,
    device: torch.device,
    deadline: float,
    monitor: Monitor,
    settings: FitSettings,
) -> FitResult:
    """Train ``module`` in place for ``steps`` steps of AdamW under a one-cycle rate; the best state is returned.

    ``deadline``: ``clock.now()`` value after which the fit ends early, though not before ``least_steps``.
    Cancelling ends it too and keeps the best state so far. Raises MemoryExhausted when the device runs out of memory.
    """
    with _memory_watched(module, device):
        return _HeadTrainer(module, embedder, training, held_out, device, monitor, settings).run(
            steps, least_steps, seed, deadline
        )


@contextmanager
def _memory_watched(module: HeadModule, device: torch.device) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        msg = f"Training the {module.type_name} head does not fit into the memory of {device}."
        raise MemoryExhausted(msg, "Choose --device cpu, or a smaller head.") from error


def elapsed_steps(step: int, steps: int, begun: float, deadline: float, least_steps: int = 0) -> int:
    """How far a fit is, in steps: those done, or those that the time gone stands for where the deadline comes first.

    Where ``least_steps`` are to be done whatever the time, their share of them counts where it is less than that of
    the time.
    """
    allowed = deadline - begun
    share = (clock.now() - begun) / allowed if allowed > 0 else 1.0
    if step < least_steps:
        share = min(share, step / least_steps)
    return min(steps, max(step, int(steps * share)))


def _follow(schedule: torch.optim.lr_scheduler.OneCycleLR, gone: int) -> None:
    """Bring the learning rate to where it belongs after ``gone`` steps.

    A fit that its deadline ends early so runs through the whole cycle, in larger strides: one that is broken off at a
    high rate is worth little.
    """
    while schedule.last_epoch < gone:
        schedule.step()


class _HeadTrainer:
    """The state of one fit."""

    def __init__(  # type: ignore[no-untyped-def]
        self, module, embedder, training, held_out, device, monitor, settings
    ) -> None:
        self.module: HeadModule = channels_last(module.to(device))
        self.training: Sequence[TrainingSample] = training
        self.held_out: Sequence[TrainingSample] = held_out
        self.monitor: Monitor = monitor
        self.settings: FitSettings = settings
        self.batches = SampleLoader(module, embedder, device, settings.crops)
        self.result = FitResult(state=self._state(), held_out=None, steps=0)

    def run(self, steps: int, least_steps: int, seed: int, deadline: float) -> FitResult:
        self.result.planned = steps
        optimizer = torch.optim.AdamW(
            self.module.parameters(), lr=self.settings.learning_rate, weight_decay=_WEIGHT_DECAY
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.settings.learning_rate, total_steps=max(steps, 2), pct_start=0.2
        )
        chance = np.random.default_rng(seed)
        weights = sampling_weights(self.training)
        every = max(1, steps // EVALUATIONS)
        stage = TRAINING.text(name=self.module.type_name)
        loss = float("nan")
        begun = clock.now()
        for step in range(steps):
            self.monitor.progress(stage, elapsed_steps(step, steps, begun, deadline, least_steps), steps)
            stopped = self.monitor.cancelled()
            if stopped or (step >= least_steps and clock.now() > deadline):
                self.result.cancelled = stopped
                break
            drawn = chance.choice(len(self.training), self.settings.batch, p=weights)
            self.module.train()
            loss = _step(self.module, optimizer, *self.batches.draw([self.training[i] for i in drawn], chance))
            _follow(schedule, elapsed_steps(step + 1, steps, begun, deadline, least_steps))
            self.result.steps = step + 1
            self.monitor.metric("loss", step + 1, loss)
            if (step + 1) % every == 0 and step + 1 < steps:
                self._evaluate(loss)
        self.monitor.progress(stage, steps, steps)
        self._evaluate(loss)
        self.module.load_state_dict(self.result.state)
        self.module.eval()
        return self.result

    def _evaluate(self, loss: float) -> None:
        """Take the held-out Dice; keep the state when it is at least as good as the best so far."""
        found = held_out_dice(self.module, self.batches, self.held_out)
        step = self.result.steps
        if found is not None:
            self.monitor.metric(HELD_OUT_DICE, step, found.mean)
            for number, value in enumerate(found.dice, 1):
                self.monitor.metric(f"{HELD_OUT_DICE}/{number}", step, value)
        self.result.curve.append((step, loss, None if found is None else found.mean))
        best = self.result.held_out
        if found is None or best is None or not found.mean < best.mean:
            self.result.held_out, self.result.state = found, self._state()

    def _state(self) -> dict[str, Tensor]:
        return {key: value.detach().cpu().clone() for key, value in self.module.state_dict().items()}


def _step(
    module: HeadModule, optimizer: torch.optim.Optimizer, features: dict[str, Tensor], pictures: Tensor, targets: Tensor
) -> float:
    """One optimizer step; gives the loss."""
    with mixed_precision(targets.device):
        logits = module(features, pictures)
    loss = segmentation_loss(upsample(logits.float(), targets.shape[-1]), targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), 5.0)
    optimizer.step()
    return float(loss.detach())
