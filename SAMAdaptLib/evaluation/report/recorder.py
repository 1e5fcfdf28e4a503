"""A monitor that remembers the curves it hears about and passes everything on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...progress import HELD_OUT_DICE, Forwarding, Monitor, Silent

Curves = dict[str, list[tuple[int, float]]]


class CurveRecorder(Forwarding):
    """Passes everything on; ``curves`` is ``{"loss": [(step, value), ...], ...}`` in the order heard."""

    def __init__(self, monitor: Monitor | None = None) -> None:
        super().__init__(monitor or Silent())
        self.curves: Curves = {}

    def metric(self, name: str, step: int, value: float) -> None:
        if "/" not in name:
            self.curves.setdefault(name, []).append((int(step), float(value)))
        super().metric(name, step, value)


def card_curves(training: Mapping[str, Any]) -> Curves:
    """Curves of a head's card, whose ``training["curve"]`` is ``[[step, loss, held-out Dice or None], ...]``."""
    curves: Curves = {}
    for step, loss, dice in training.get("curve", ()):
        if loss is not None:
            curves.setdefault("loss", []).append((int(step), float(loss)))
        if dice is not None:
            curves.setdefault(HELD_OUT_DICE, []).append((int(step), float(dice)))
    return curves
