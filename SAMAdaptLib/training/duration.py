"""What a training takes at least on this computer: known, and said where it is long, before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import MemoryExhausted
from .budget import ROI_HEAD_TYPE
from .context import seconds_per_view
from .fit import seconds_per_step, sizes_of, untrained

if TYPE_CHECKING:
    from ..encoders.base import Encoder
    from .context import TrainingContext
    from .dataset import StageData

TOLERATED_DELAY = 1.3
"""A training that takes that many times its budget says so before it begins."""


def least_seconds(context: TrainingContext, data: StageData, kinds: Sequence[str]) -> float:
    """What a stage with heads of these kinds takes at least."""
    encoder = context.encoder_of(data)
    fitting = sum(_least_fitting(context, kind, encoder) for kind in kinds)
    return context.budget.least_seconds(len(data.training), len(data.held_out), seconds_per_view(encoder), fitting)


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
        module = untrained(kind, encoder, len(context.data.structures) + 1)
        context.paces[key] = 0.0
        with suppress(MemoryExhausted):  # then the processor does it, and says so when it does
            context.paces[key] = seconds_per_step(module, sizes_of(encoder, module), context.device, settings)
    return context.budget.least_steps(settings.steps) * context.paces[key]


def _minutes(seconds: float) -> str:
    return f"{max(round(seconds / 60), 1)} min"
