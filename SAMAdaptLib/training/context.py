"""What all stages of one training share: options, data, encoders, cache, device, monitor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..encoders import load_encoder
from ..encoders.sizes import input_size_for
from ..errors import MemoryExhausted
from ..features.cache import FeatureCache
from ..features.extractor import FeatureExtractor
from ..networks import head_class
from ..progress import Monitor
from ..utils.devices import resolve_device
from ..utils.sampling import evenly_spaced
from .budget import ROI_HEAD_TYPE, Budget, StageBudget, allows_second_stage, budget_named, candidates
from .config import METHOD, MethodSettings, TrainingConfig
from .dataset import PseudoLabels, StageData, TrainingData
from .fit import seconds_per_step, sizes_of, untrained
from .samples import TrainingSample, draw_samples, in_rounds

if TYPE_CHECKING:
    import torch

    from ..data.case import Case
    from ..data.image import Labelmap
    from ..encoders.base import Encoder
    from ..heads.head import Head

PAINT_SECONDS = 0.02
"""What a view costs a head that needs no encoder."""

TOLERATED_DELAY = 1.3
"""A training that takes that many times its budget says so before it begins."""

PSEUDO_LABELLED_VIEWS = 4
"""Views of each slice that has pseudo-labels."""


@dataclass(frozen=True)
class TrainingContext:
    """What was prepared from the cases, for all heads that are fitted on them.

    Attributes:
        config: the options, as given.
        name: of the head.
        budget: for this training; a part of the whole if volumes without annotation are to be learned from afterwards.
        data: what is learned from.
        encoder: of the coarse stage; None if its heads need none.
        roi_encoder: of the ROI stage, if that is another one.
        store: the feature cache.
        device: where heads are fitted.
        monitor: hears of progress.
        start_from: a head to go on from.
        method: constants of the method.
        channel_names: what the channels are called; empty where there is one.
        paces: seconds of an optimizer's step by type of head and encoder, as far as they were measured.
    """

    config: TrainingConfig
    name: str
    budget: Budget
    data: TrainingData
    encoder: Encoder | None
    roi_encoder: Encoder | None
    store: FeatureCache
    device: torch.device
    monitor: Monitor
    start_from: Head | None = None
    method: MethodSettings = METHOD
    channel_names: tuple[str, ...] = ()
    paces: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        cases: Sequence[Case],
        config: TrainingConfig,
        monitor: Monitor,
        store: FeatureCache,
        *,
        name: str = "",
        start_from: Head | None = None,
        self_trains: bool = False,
        method: MethodSettings = METHOD,
        channel_names: Sequence[str] = (),
    ) -> TrainingContext:
        """Prepare a training on these cases, encoders included.

        ``self_trains``: volumes without annotation will be learned from as well. Raises InputError, GeometryError.
        """
        earlier = start_from.closer if start_from is not None else None
        data = TrainingData.of(cases, config, method, None if earlier is None else earlier.card.plane.side_mm)
        whole = budget_named(config.budget)
        budget = whole.split_for_rounds() if self_trains else whole
        device = resolve_device(config.device)
        names = tuple(channel_names)
        context = cls(config, name, budget, data, None, None, store, device, monitor, start_from, method, names)
        if any(head_class(kind).needs for kind in context.kinds):
            encoder = context._load_encoder(data.coarse, start_from)
            _warn_of_another_encoder(start_from, encoder, monitor)
            roi_encoder = None if context.roi is None else context._load_encoder(context.roi, earlier)
            context = replace(context, encoder=encoder, roi_encoder=roi_encoder)
        return context

    def with_completed(self, labelmaps: Sequence[Labelmap]) -> TrainingContext:
        """The same training from nothing, with what the annotation had left open filled in."""
        data = TrainingData.of(self.data.cases, self.config, self.method, completed=labelmaps)
        return replace(self, data=data, start_from=None)

    def with_pseudo_labels(self, found: Sequence[PseudoLabels]) -> TrainingContext:
        """The same, with what a head found in other volumes to learn from."""
        return replace(self, data=self.data.with_pseudo_labels(found))

    @property
    def roi(self) -> StageData | None:
        """Data of the ROI stage; None if there is none: nothing to look at closer, or no time for it."""
        goes_on = self.start_from is not None and self.start_from.closer is not None
        return self.data.roi if goes_on or self._has_time else None

    @property
    def kinds(self) -> Sequence[str]:
        """Head types to try in the coarse stage."""
        kinds = candidates(self.config.head, self.budget, self.roi is not None or self.completes_labels)
        return kinds if self.encoder is None else _possible(kinds, self.encoder)

    @property
    def _has_time(self) -> bool:
        return allows_second_stage(self.config.head, self.budget)

    @property
    def levels(self) -> list[str]:
        """Feature levels that the heads read."""
        return sorted({level for kind in self.kinds for level in head_class(kind).needs})

    @property
    def completes_labels(self) -> bool:
        """Whether the first head is to fill in the annotation, so that another one learns from all of it."""
        return self._has_time and not self.data.whole and self.start_from is None

    @property
    def stages(self) -> int:
        """How many there will be at most."""
        return (1 if self.roi is None else 2) + 2 * self.completes_labels

    @property
    def trains_priors(self) -> bool:
        """Whether heads get priors, of such annotations as allow them."""
        return any(head_class(kind).shaped for kind in self.kinds)

    def encoder_of(self, data: StageData) -> Encoder | None:
        """The encoder that sees a stage's slices."""
        return self.encoder if data is self.data.coarse else self.roi_encoder or self.encoder

    def samples(
        self, data: StageData, encoder: Encoder | None, limits: Budget
    ) -> tuple[list[TrainingSample], list[TrainingSample]]:
        """Views of a stage's slices, as many as ``limits`` allow, and its held-out slices as they are."""
        cost, seed = _seconds_per_view(encoder), self.config.seed
        kept = evenly_spaced(data.training, limits.slices(len(data.training), cost))
        samples = draw_samples(kept, limits.views_per_slice(len(kept), cost), encoder, seed)
        samples += draw_samples(data.pseudo_labelled, PSEUDO_LABELLED_VIEWS, encoder, seed)
        return samples, draw_samples(data.held_out, 1, encoder, seed)

    def encoded_samples(
        self, data: StageData, stage: StageBudget, words: str
    ) -> tuple[list[TrainingSample], list[TrainingSample]]:
        """What ``samples`` returns, encoded; without some views if encoding is slower than it was measured.

        Raises Cancelled.
        """
        encoder = self.encoder_of(data)
        samples, checks = self.samples(data, encoder, stage.limits)
        rounds = [checks, *in_rounds(samples)]
        views = [sample.view for each in rounds for sample in each]
        needed = sum(map(len, rounds[: 1 + self.budget.least_views]))
        embedder = FeatureExtractor(encoder, self.levels, self.store)
        known = {
            view.key
            for view in embedder.cache_features_until(stage.encoding_deadline, views, needed, self.monitor, words)
        }
        return [sample for sample in samples if sample.view.key in known], checks

    def _load_encoder(self, data: StageData, earlier: Head | None) -> Encoder:
        """The encoder for a stage's slices, at the size that was asked for, that of ``earlier``, or the best one."""
        config, frame = self.config, data.training[0].content.frame
        size = config.input_size
        own_names = (config.encoder, Path(config.encoder).stem)  # the second is that of a file
        if size is None and earlier is not None and earlier.card.encoder.name in own_names:
            size = earlier.card.input_size
        elif size is None:
            budget, resolved = self.budget, frame.side_mm / min(frame.spacing)
            views = budget.worthwhile_pictures(len(data.training)) + len(data.held_out)
            seconds = budget.encoding_seconds / self.stages
            size = input_size_for(
                config.encoder, views, seconds, budget.patience, resolved, config.device, self.monitor
            )
        return load_encoder(config.encoder, device=config.device, monitor=self.monitor, input_size=size)


def _seconds_per_view(encoder: Encoder | None) -> float:
    return PAINT_SECONDS if encoder is None else encoder.seconds_per_slice()


def least_seconds(context: TrainingContext, data: StageData, kinds: Sequence[str]) -> float:
    """What a stage with heads of these kinds takes at least."""
    encoder = context.encoder_of(data)
    fitting = sum(_least_fitting(context, kind, encoder) for kind in kinds)
    return context.budget.least_seconds(len(data.training), len(data.held_out), _seconds_per_view(encoder), fitting)


def warn_if_slow(context: TrainingContext) -> None:
    """Warn if this computer takes clearly longer than the budget is meant for."""
    needed = least_seconds(context, context.data.coarse, context.kinds)
    if context.roi is not None:
        needed += least_seconds(context, context.roi, (ROI_HEAD_TYPE,))
    elif context.completes_labels:
        needed *= context.stages
    meant = context.budget.seconds
    if needed > TOLERATED_DELAY * meant:
        words = f"The budget {context.budget.name!r} is meant for about {_minutes(meant)}"
        context.monitor.warning(f"{words}; on this computer the training takes about {_minutes(needed)}.")


def _least_fitting(context: TrainingContext, kind: str, encoder: Encoder | None) -> float:
    """Seconds of a head's floor of steps; its untrained network is built once for that."""
    key, settings = (kind, "" if encoder is None else encoder.fingerprint), context.method.fits[kind]
    if key not in context.paces:
        module = untrained(kind, encoder, len(context.data.structures) + 1, context.data.channel_count)
        context.paces[key] = 0.0
        with suppress(MemoryExhausted):  # then the processor does it, and says so when it does
            context.paces[key] = seconds_per_step(module, sizes_of(encoder, module), context.device, settings)
    return context.budget.least_steps(settings.steps) * context.paces[key]


def _minutes(seconds: float) -> str:
    return f"{max(round(seconds / 60), 1)} min"


def _warn_of_another_encoder(head: Head | None, encoder: Encoder, monitor: Monitor) -> None:
    """Warn if the head to start from looks through other weights: nothing of it is used then."""
    if head is None or not head.module.needs or head.card.encoder.sha256 == encoder.sha256:
        return
    monitor.warning(
        f"The head to start from was trained on {head.card.encoder.name}, not on {encoder.name}. So the training "
        f"begins anew: choose the encoder {head.card.encoder.name} to go on from it."
    )


def _possible(kinds: Sequence[str], encoder: Encoder) -> Sequence[str]:
    """The head types whose feature levels this encoder has; one that was asked for by name is left to fail clearly."""
    known = [kind for kind in kinds if set(head_class(kind).needs) <= set(encoder.levels)]
    return known if len(kinds) > 1 else kinds
