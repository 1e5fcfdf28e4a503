"""What a training leaves on the card of its head: how it was made, and how good it is on held-out slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..heads.card import SCHEMA_OF_CHANNELS, HeadCard
from ..heads.parts import ChannelFacts, EncoderRef, IntensityFacts, NetworkSpec, Quality, StructureFacts, TrainingRecord
from ..utils.plaintext import LONGEST_NAME, cleaned

if TYPE_CHECKING:
    from ..data.structure import Structure
    from ..encoders.base import Encoder
    from ..networks.base import HeadModule
    from .context import TrainingContext
    from .fit import FitResult
    from .samples import TrainingSample


def build_card(
    context: TrainingContext,
    encoder: Encoder | None,
    module: HeadModule,
    result: FitResult,
    samples: Sequence[TrainingSample],
    held_out_slices: int,
    seconds: float,
) -> HeadCard:
    """The card of ``module``, which a fit on ``samples`` left, ``seconds`` after the training began."""
    data = context.data
    return HeadCard(
        name=cleaned(context.name, LONGEST_NAME),
        head=NetworkSpec.of(module.named()),
        encoder=_encoder(encoder, module),
        plane=data.plane,
        intensity=IntensityFacts.of(data.rules[0].to_dict()),
        **_channels(context),
        modality=cleaned(data.cases[0].volume.modality, LONGEST_NAME),
        structures=tuple(
            StructureFacts.of({**structure.to_dict(), **facts})
            for structure, facts in zip(data.structures, data.anatomy, strict=True)
        ),
        training=_training(context, module, result, samples, seconds),
        quality=_quality(data.structures, result, held_out_slices),
    )


def _channels(context: TrainingContext) -> dict[str, Any]:
    """What the card says of several channels; of one it says nothing more."""
    data, names = context.data, context.channel_names
    if len(data.rules) == 1:
        return {}
    facts = tuple(
        ChannelFacts(
            name=cleaned(name, LONGEST_NAME),
            intensity=IntensityFacts.of(rule.to_dict()),
            modality=cleaned(channel.modality, LONGEST_NAME),
        )
        for name, rule, channel in zip(names, data.rules, data.cases[0].volume.channels, strict=True)
    )
    return {"channels": facts, "schema": SCHEMA_OF_CHANNELS}


def _training(
    context: TrainingContext, module: HeadModule, result: FitResult, samples: Sequence[TrainingSample], seconds: float
) -> TrainingRecord:
    config = context.config
    return TrainingRecord.of(
        {
            "cases": len(context.data.cases),
            "slices": len({id(sample.annotated) for sample in samples}),
            "views": len(samples),
            "steps": result.steps,
            "seconds": round(seconds, 1),
            "seed": config.seed,
            "budget": context.budget.name,
            "trainable_parameters": sum(p.numel() for p in module.parameters() if p.requires_grad),
            "annotated_slices_only": config.annotated_slices_only,
            "scribbles": config.ignore_label is not None,
            **({"completed": True} if context.data.completed else {}),
            "version": __version__,
            "cancelled": result.cancelled,
            **({"cut_short": True} if result.cut_short else {}),
            "curve": [[step, _rounded(loss), _rounded(dice)] for step, loss, dice in result.curve],
        }
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 4)


def _encoder(encoder: Encoder | None, module: HeadModule) -> EncoderRef:
    """The encoder as the card names it; feature levels as [channels, size]."""
    if encoder is None:
        return EncoderRef(name="none", sha256="", levels={}, input_size=None)
    levels = {level: (int(encoder.levels[level].channels), int(encoder.levels[level].size)) for level in module.needs}
    name = cleaned(encoder.name, LONGEST_NAME).translate({ord(sign): "_" for sign in "/\\"})
    return EncoderRef(name=name, sha256=encoder.sha256, levels=levels, input_size=int(encoder.input_size))


def _quality(structures: Sequence[Structure], result: FitResult, slices: int) -> Quality:
    """Held-out Dice as the card keeps it; nulls where nothing was held out."""
    if result.held_out is None:
        return Quality(dice={}, mean_dice=None, held_out_slices=0)
    dice = [_rounded(value) for value in result.held_out.dice]
    return Quality(
        dice={str(structure.value): value for structure, value in zip(structures, dice, strict=True)},
        mean_dice=_rounded(result.held_out.mean),
        held_out_slices=slices,
    )
