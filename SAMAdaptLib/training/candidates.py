"""Heads tried on the same samples: fitted one after the other, each in its share of the time, and put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..errors import MemoryExhausted
from ..features.extractor import FeatureExtractor
from ..heads.head import Head
from ..networks.ensemble import EnsembleHead
from ..utils.timing import clock
from .fit import FitResult, fit_head, held_out_dice, seconds_per_step, set_normalizers, sizes_of, untrained
from .loader import SampleLoader
from .model_card import build_card

if TYPE_CHECKING:
    from ..data.structure import Structure
    from ..encoders.base import Encoder
    from ..networks.base import HeadModule
    from ..progress import Monitor
    from .budget import StageBudget
    from .context import TrainingContext
    from .samples import TrainingSample

_OVERTIME = 1.15


class HeadCandidates:
    """Fits heads on these samples, whose features ``encoder`` makes; ``checks`` are the held-out ones.

    ``start_from``: go on from that head if it fits.
    """

    def __init__(
        self,
        context: TrainingContext,
        stage: StageBudget,
        encoder: Encoder | None,
        samples: Sequence[TrainingSample],
        checks: Sequence[TrainingSample],
        start_from: Head | None = None,
    ) -> None:
        self.context, self.stage, self.encoder, self.start_from = context, stage, encoder, start_from
        self.samples, self.checks, self.device = samples, checks, context.device
        self.embedder = FeatureExtractor(encoder, context.levels, context.store)

    def fit_and_select(self, kinds: Sequence[str]) -> Head:
        """A head of each kind; several answer together unless one alone is clearly better.

        Slices of the annotated volume itself say little about other volumes: between heads that differ by less than
        ``selection_margin`` on them, the mean of all is the safer choice.
        """
        heads = self._each(kinds)
        best = max(heads, key=lambda head: head.card.mean_dice or 0)
        if len(heads) == 1 or heads[-1].card.training.cancelled:
            return best
        together = self._together(heads)
        margin = self.context.method.selection_margin
        return best if (best.card.mean_dice or 0) > (together.card.mean_dice or 0) + margin else together

    def fit_ensemble(self, kinds: Sequence[str]) -> Head:
        """A head of each kind, and all answer together; when cancelled, the one that was not finished."""
        heads = self._each(kinds)
        return heads[-1] if heads[-1].card.training.cancelled else self._together(heads)

    def new_module(self, kind: str) -> HeadModule:
        """A head of that kind as its fit begins."""
        context, encoder = self.context, self.encoder
        module = untrained(kind, encoder, len(context.data.structures) + 1, context.data.channel_count)
        earlier = self.start_from and _earlier(self.start_from, module, encoder, context.data.structures)
        if earlier:
            module.load_state_dict(earlier.state_dict())
            return module
        set_normalizers(module, self.embedder, self.samples)
        if kind == "autosam" and encoder is not None:
            _start_from_sam(module, encoder, context.monitor)
        return module

    def _each(self, kinds: Sequence[str]) -> list[Head]:
        """A head of each kind, in an even share of the time that is left; the last one may be cancelled.

        Those of the same kind begin differently.
        """
        heads: list[Head] = []
        for position, kind in enumerate(kinds):
            share = self.stage.seconds_left / (len(kinds) - position)
            heads.append(self._fit(kind, share, self.context.config.seed + kinds[:position].count(kind)))
            if heads[-1].card.training.cancelled:
                break
        return heads

    def _together(self, heads: Sequence[Head]) -> Head:
        """The ensemble of fitted heads, with a card of its own."""
        module, device = EnsembleHead.of([head.module for head in heads]), self.device
        found = held_out_dice(module.to(device), SampleLoader(module, self._embedder(module), device), self.checks)
        together = self._head(module, FitResult({}, found, sum(head.card.training.steps or 0 for head in heads)))
        return together.noted(cut_short=True) if any(head.cut_short for head in heads) else together

    def _fit(self, kind: str, seconds: float, seed: int) -> Head:
        """Fit one head; on the processor, where the device has too little memory for it."""
        try:
            return self._fit_here(kind, seconds, seed)
        except MemoryExhausted:
            if self.device.type == "cpu":
                raise
        words = f"{self.device} has too little memory to train the {kind} head: the processor does it."
        self.context.monitor.warning(words)
        self.device = torch.device("cpu")
        return self._fit_here(kind, seconds, seed)

    def _fit_here(self, kind: str, seconds: float, seed: int) -> Head:
        budget, monitor = self.context.budget, self.context.monitor
        settings = self.context.method.fits[kind]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.new_module(kind)
            began = clock.now()
            embedder = self._embedder(module)
            pace = seconds_per_step(module, sizes_of(self.encoder, module), self.device, settings)
            least = budget.least_steps(settings.steps)
            torch.manual_seed(seed)
            result = fit_head(
                module,
                embedder,
                self.samples,
                self.checks,
                steps=budget.steps(settings.steps, seconds, pace),
                least_steps=least,
                seed=seed,
                device=self.device,
                deadline=began + _OVERTIME * max(seconds, 10.0, least * pace),
                monitor=monitor,
                settings=settings,
            )
        if result.cut_short:
            monitor.warning(_cut_short(kind, result))
        return self._head(module, result)

    def _embedder(self, module: HeadModule) -> FeatureExtractor:
        """That of the encoder, or for a head that needs no features one that asks for none."""
        return self.embedder if module.needs else FeatureExtractor(None, (), self.context.store)

    def _head(self, module: HeadModule, result: FitResult) -> Head:
        seconds = self.stage.seconds_gone
        card = build_card(self.context, self.encoder, module, result, self.samples, len(self.checks), seconds)
        return Head(card=card, module=module.cpu().eval())


def _cut_short(kind: str, result: FitResult) -> str:
    words = f"Training the {kind} head ended after {result.steps} of {result.planned} steps, since its time was over"
    return f"{words}: it may be worse than it could be. Train again with a larger budget, or on a less busy computer."


def _earlier(
    head: Head, module: HeadModule, encoder: Encoder | None, structures: Sequence[Structure]
) -> HeadModule | None:
    """The part of ``head`` that ``module`` can go on from: same type, encoder weights and structures; or None."""
    if head.card.encoder.sha256 != (encoder.sha256 if encoder else ""):
        return None
    if head.card.values != [structure.value for structure in structures]:
        return None
    alike = (part for part in head.module.parts() if part.type_name == module.type_name)
    return next((part for part in alike if part.hyper() == module.hyper()), None)


def _start_from_sam(module: HeadModule, encoder: Encoder, monitor: Monitor) -> None:
    """Give an AutoSAM head SAM's own decoder where the encoder has one to give."""
    state = {key: torch.from_numpy(np.array(value)) for key, value in encoder.decoder_state().items()}
    if state:
        module.start_from_sam(state)  # type: ignore[operator]
    else:
        monitor.warning("This encoder brings no SAM decoder: the autosam head starts from random weights.")
