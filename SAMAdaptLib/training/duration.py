"""What a training takes at least on this computer: known, and said where it is long, before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import MemoryExhausted
from .budget import CLOSER_TYPE
from .candidates import sizes_of, untrained
from .fit import seconds_per_step

if TYPE_CHECKING:
    from ..encoders.base import Encoder
    from .dataset import StageData
    from .train import Session

PAINT_SECONDS = 0.02
"""What a view costs a head that needs no encoder."""

TOLERATED_DELAY = 1.3
"""A training that takes that many times its budget says so before it begins."""


class ExpectedDuration:
    """Of one training, from the paces that were measured on this computer."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fitting: dict[tuple[str, str], float] = {}

    def least_seconds(self, lesson: StageData, kinds: Sequence[str]) -> float:
        """What heads of these kinds take on a lesson at least."""
        encoder = self._session.encoder_for(lesson)
        cost = PAINT_SECONDS if encoder is None else encoder.seconds_per_slice()
        fitting = sum(self._least_fitting(kind, encoder) for kind in kinds)
        return self._session.budget.least_seconds(len(lesson.training), len(lesson.held_out), cost, fitting)

    def say(self) -> None:
        """Warn when this computer takes clearly longer than the budget is meant for."""
        session = self._session
        needed = self.least_seconds(session.lessons.first, session.types)
        if session.closer is not None:
            needed += self.least_seconds(session.closer, (CLOSER_TYPE,))
        elif session.completes:
            needed *= session.parts
        meant = session.budget.seconds
        if needed > TOLERATED_DELAY * meant:
            words = f"The budget {session.budget.name!r} is meant for about {_minutes(meant)}"
            session.monitor.warning(f"{words}; on this computer the training takes about {_minutes(needed)}.")

    def _least_fitting(self, kind: str, encoder: Encoder | None) -> float:
        """Seconds of a head's floor of steps; its untrained network is built once for that."""
        session = self._session
        key = (kind, "" if encoder is None else encoder.fingerprint)
        if key not in self._fitting:
            module = untrained(kind, encoder, len(session.structures) + 1)
            self._fitting[key] = 0.0
            with suppress(MemoryExhausted):  # then the processor does it, and says so when it does
                pace = seconds_per_step(module, sizes_of(encoder, module), session.device)
                self._fitting[key] = session.budget.least_steps(module.steps) * pace
        return self._fitting[key]


def _minutes(seconds: float) -> str:
    return f"{max(round(seconds / 60), 1)} min"
