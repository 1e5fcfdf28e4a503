"""A very small encoder without weights files, for tests and self-tests: it needs no network and milliseconds a slice.

Three convolutions with seeded weights over a shrunken picture. Some channels carry the intensity itself, so that a
head can learn a threshold from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError
from ..progress import Monitor, Silent
from . import input as canvas
from . import timing as speed
from .base import INPUT_SIZE, Level, check_levels, fingerprint

_FINE_CHANNELS, _NECK_CHANNELS = 16, 32


class TinyEncoder:
    """See ``base.Encoder``. The same seed gives the same features on every machine to 1e-5."""

    name = "tiny"
    device = "cpu"
    batch = 1

    def __init__(self, seed: int = 0, input_size: int | None = None) -> None:
        """``input_size``: a multiple of 16 pixels; the maps have a cell for each 16 or 8 of them, as SAM's."""
        size = INPUT_SIZE if input_size is None else input_size
        if size % 16 or not 64 <= size <= 4 * INPUT_SIZE:
            msg = f"The encoder tiny cannot work on pictures of {size} pixels a side."
            raise InputError(msg, "Choose a multiple of 16 from 64 on.")
        self.input_size = size
        self.monitor: Monitor = Silent()
        neck, fine = Level(_NECK_CHANNELS, size // 16), Level(_FINE_CHANNELS, size // 8)
        self.levels: Mapping[str, Level] = {"neck": neck, "fine": fine}
        draw = np.random.default_rng(seed)
        self._kernels = [_kernels(draw, 1, _FINE_CHANNELS), _kernels(draw, _FINE_CHANNELS, _NECK_CHANNELS)]
        content = b"".join(kernel.tobytes() for kernel in self._kernels)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.fingerprint = fingerprint(self.sha256, "fp32", "sam", self.input_size)

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """See ``base.Encoder.encode``."""
        asked = check_levels(levels, self.levels, self.name)
        pictures = canvas.check_canvases(canvases, self.name)
        result = {level: _empty(len(pictures), self.levels[level]) for level in asked}
        for index, picture in enumerate(pictures):
            for level, features in self._features(picture).items():
                if level in result:
                    result[level][index] = features
        return result

    def _features(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        small = canvas.resize(picture, self.input_size // 4)
        gray = canvas.normalise(small, "sam").mean(axis=0, keepdims=True)
        fine = _halving_convolution(gray, self._kernels[0])
        return {"fine": fine, "neck": _halving_convolution(fine, self._kernels[1])}

    def seconds_per_slice(self) -> float:
        """See ``base.Encoder.seconds_per_slice``."""
        return speed.seconds_per_slice(self, self.device)

    def decoder_state(self, monitor: Monitor | None = None) -> dict[str, np.ndarray]:
        """Empty: this encoder has no decoder."""
        return {}


def tiny_encoder(seed: int = 0) -> TinyEncoder:
    """The tiny encoder with weights drawn from ``seed``."""
    return TinyEncoder(seed)


def _empty(count: int, level: Level) -> np.ndarray:
    return np.empty((count, level.channels, level.size, level.size), dtype=np.float32)


def _kernels(draw: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Kernels (outputs, inputs, 3, 3). The first two outputs carry the intensity, averaged: above and below zero."""
    kernels = draw.normal(scale=(2.0 / (9 * inputs)) ** 0.5, size=(outputs, inputs, 3, 3)).astype(np.float32)
    kernels[:2] = 0.0
    kernels[0, 0] = 1 / 9
    if inputs == 1:
        kernels[1, 0] = -1 / 9
    else:
        kernels[1, 1] = 1 / 9
    return kernels


def _halving_convolution(maps: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """3x3 convolution at half the resolution, then ReLU; (C, 2h, 2w) to (C', h, w)."""
    channels, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    taps = [padded[:, row : row + height : 2, column : column + width : 2] for row in range(3) for column in range(3)]
    columns = np.stack(taps, axis=1).reshape(channels * 9, -1)
    result = kernels.reshape(len(kernels), -1) @ columns
    return np.maximum(result, 0.0).reshape(len(kernels), height // 2, width // 2)
