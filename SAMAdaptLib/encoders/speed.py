"""How long an encoder takes for one picture on this machine: measured in the first runs, then remembered."""

from __future__ import annotations

import time

import numpy as np

from ..pace import remembered
from .base import Encoder

_ROUNDS = 3


def seconds_per_slice(encoder: Encoder, *where: str) -> float:
    """Seconds for one picture at the neck. ``where``: what else decides (device, runtime, threads)."""
    return remembered("|".join((encoder.fingerprint, *where)), lambda: _measure(encoder))


def _measure(encoder: Encoder) -> float:
    """The least of a few rounds: other work on the machine only ever adds."""
    draw = np.random.default_rng(0)
    picture = draw.uniform(0, 255, (1, encoder.input_size, encoder.input_size)).astype(np.float32)
    encoder.encode(picture)
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        encoder.encode(picture)
        times.append(time.perf_counter() - began)
    return min(times)
