"""Several heads that answer as one: the mean of their probabilities.

A head learned from one patient errs in its own way on the next one; the mean of heads that see the features
differently errs less than any of them can be trusted to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from . import build_head
from .base import HeadModule, upsample


class EnsembleHead(HeadModule):
    """Trained members side by side; logits are the log of their mean probability, at the finest member's grid.

    ``members``: ``{"type", "hyper"}`` of each. An ensemble is put together from fitted members, never fitted itself.
    """

    type_name = "ensemble"

    def __init__(self, channels: Mapping[str, int], classes: int, members: Sequence[Mapping[str, Any]]) -> None:
        built = [build_head(str(member["type"]), member["hyper"]) for member in members]
        self.needs = tuple(sorted({level for member in built for level in member.needs}))
        super().__init__(channels, classes)
        self.loss_size = max(member.loss_size for member in built)
        self.members = nn.ModuleList(built)

    @classmethod
    def of(cls, members: Sequence[HeadModule]) -> EnsembleHead:
        """An ensemble of these fitted heads, with copies of their weights."""
        channels = {level: count for member in members for level, count in member.channels.items()}
        ensemble = cls(channels, members[0].classes, [member.named() for member in members])
        for ours, given in zip(ensemble.members, members, strict=True):
            ours.load_state_dict(given.state_dict())
        return ensemble

    def hyper(self) -> dict[str, Any]:
        return {**super().hyper(), "members": [member.named() for member in self.parts()]}

    def parts(self) -> tuple[HeadModule, ...]:
        return tuple(member for member in self.members if isinstance(member, HeadModule))

    def forward(self, features: dict[str, Tensor], image: Tensor) -> Tensor:
        each = [upsample(member(features, image).float(), self.loss_size).softmax(dim=1) for member in self.members]
        return torch.stack(each).mean(dim=0).clamp_min(1e-7).log()
