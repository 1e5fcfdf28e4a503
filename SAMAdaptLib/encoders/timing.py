"""How long an encoder takes for one picture on this machine: measured in the first runs, then remembered."""

from __future__ import annotations

import time

import numpy as np

from ..utils.timing import remembered
from .base import Encoder

_ROUNDS = 2


def seconds_per_slice(encoder: Encoder, *where: str) -> float:
    """Seconds a picture at the neck, of as many at once as pay.

    ``where``: what else decides (device, runtime, threads).
    """
    return remembered("|".join((encoder.fingerprint, *where)), lambda: _measure(encoder))


def _measure(encoder: Encoder) -> float:
    """The least of a few rounds: other work on the machine only ever adds."""
    draw, count = np.random.default_rng(0), encoder.batch
    pictures = draw.uniform(0, 255, (count, encoder.input_size, encoder.input_size)).astype(np.float32)
    encoder.encode(pictures)
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        encoder.encode(pictures)
        times.append((time.perf_counter() - began) / count)
    return min(times)
