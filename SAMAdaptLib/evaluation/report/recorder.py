"""A monitor that remembers the curves it hears about and passes everything on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...progress import Monitor, Silent

Curves = dict[str, list[tuple[int, float]]]


class CurveRecorder:
    """Wraps another monitor; ``curves`` is ``{"loss": [(step, value), ...], ...}`` in the order heard."""

    def __init__(self, monitor: Monitor | None = None) -> None:
        self._monitor = monitor or Silent()
        self.curves: Curves = {}

    def progress(self, stage: str, done: int, total: int) -> None:
        self._monitor.progress(stage, done, total)

    def metric(self, name: str, step: int, value: float) -> None:
        if "/" not in name:
            self.curves.setdefault(name, []).append((int(step), float(value)))
        self._monitor.metric(name, step, value)

    def warning(self, text: str) -> None:
        self._monitor.warning(text)

    def cancelled(self) -> bool:
        return self._monitor.cancelled()


def card_curves(training: Mapping[str, Any]) -> Curves:
    """Curves of a head's card, whose ``training["curve"]`` is ``[[step, loss, held-out Dice or None], ...]``."""
    curves: Curves = {}
    for step, loss, dice in training.get("curve", ()):
        if loss is not None:
            curves.setdefault("loss", []).append((int(step), float(loss)))
        if dice is not None:
            curves.setdefault("held-out Dice", []).append((int(step), float(dice)))
    return curves
