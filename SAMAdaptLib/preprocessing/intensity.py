"""From voxel values to the 0..255 gray values that encoders are made for.

A rule travels with the head and is applied to each volume anew: a percentile window adapts to the volume (MR and
anything unknown), a fixed window is in the volume's own units (HU for CT), "none" takes values as 0..255 already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.image import Volume
from ..errors import InputError

KINDS = ("percentile", "window", "none")

GRAY_LIMITS = (0.0, 255.0)
"""The range of gray values that encoders expect."""

DEFAULT_PERCENTILES = (0.5, 99.5)

PRESETS = {
    "ct-soft-tissue": (-160.0, 240.0),
    "ct-lung": (-1350.0, 150.0),
    "ct-bone": (-500.0, 1300.0),
    "ct-brain": (0.0, 80.0),
    "ct-abdomen": (-150.0, 250.0),
}
"""Window edges in HU."""

SAMPLE_VOXELS = 4_000_000
"""Percentiles of larger volumes are taken from an even sample of about this many voxels."""


@dataclass(frozen=True)
class IntensityRule:
    """How a volume's values become gray values.

    ``kind`` is one of ``KINDS``; ``low`` and ``high`` are percentiles 0..100 ("percentile"), window edges in the
    volume's units ("window"), or unused ("none"). Raises InputError.
    """

    kind: str
    low: float = GRAY_LIMITS[0]
    high: float = GRAY_LIMITS[1]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            msg = f"The intensity rule {self.kind!r} is unknown; it must be one of {', '.join(KINDS)}."
            raise InputError(msg)
        if not (_is_number(self.low) and _is_number(self.high) and self.low < self.high):
            msg = f"An intensity rule needs a finite low below a finite high; they are {self.low!r} and {self.high!r}."
            raise InputError(msg)
        if self.kind == "percentile" and not 0 <= self.low < self.high <= 100:
            msg = f"Percentiles must lie between 0 and 100; they are {self.low:g} and {self.high:g}."
            raise InputError(msg)

    def limits(self, voxels: NDArray) -> tuple[float, float]:
        """The values of ``voxels`` (k, j, i) that become gray 0 and gray 255; the second is always larger.

        Percentiles leave out planes that are zero throughout (padding), along every axis.
        """
        if self.kind == "percentile":
            return _percentile_limits(np.asarray(voxels), self.low, self.high)
        return (self.low, self.high) if self.kind == "window" else GRAY_LIMITS

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: kind, low, high."""
        return {"kind": self.kind, "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> IntensityRule:
        """The rule that ``to_dict`` wrote. Raises InputError."""
        if not isinstance(document, Mapping) or not {"kind", "low", "high"} <= set(document):
            msg = f"An intensity rule needs kind, low and high; this one is {document!r}."
            raise InputError(msg)
        return cls(document["kind"], document["low"], document["high"])


def apply(values: NDArray, limits: tuple[float, float]) -> NDArray[np.float32]:
    """float32 gray values 0..255 of any array; ``limits`` become 0 and 255, what lies beyond is clipped, NaN stays."""
    low, high = limits
    scale = (GRAY_LIMITS[1] - GRAY_LIMITS[0]) / (high - low)
    gray = np.subtract(values, np.float32(low), dtype=np.float32)
    gray *= np.float32(scale)
    return np.clip(gray, *GRAY_LIMITS, out=gray)


def rule_for(volume: Volume, text: str = "auto") -> IntensityRule:
    """The rule that ``text`` asks for on this volume.

    "auto" is ct-soft-tissue for CT and percentiles otherwise; "percentile" or "percentile:1,99"; "window:LEVEL,WIDTH"
    in the volume's units; a name of ``PRESETS``; "none". Raises InputError.
    """
    kind, _, arguments = text.strip().lower().partition(":")
    if kind == "auto" and not arguments:
        kind = "ct-soft-tissue" if volume.modality == "CT" else "percentile"
    if kind in PRESETS and not arguments:
        return IntensityRule("window", *PRESETS[kind])
    if kind == "none" and not arguments:
        return IntensityRule("none")
    if kind == "percentile":
        return IntensityRule("percentile", *(_two_numbers(text, arguments) if arguments else DEFAULT_PERCENTILES))
    if kind == "window":
        level, width = _two_numbers(text, arguments)
        return IntensityRule("window", level - width / 2, level + width / 2)
    msg = f"The intensity rule {text!r} is unknown."
    known = ", ".join(("auto", "percentile", "percentile:LOW,HIGH", "window:LEVEL,WIDTH", *PRESETS, "none"))
    raise InputError(msg, f"Use one of {known}.")


def _two_numbers(text: str, arguments: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in arguments.split(","))
    except ValueError:
        msg = f"The intensity rule {text!r} needs two numbers after the colon, as in percentile:1,99 or window:40,400."
        raise InputError(msg) from None
    return first, second


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _percentile_limits(voxels: NDArray, low: float, high: float) -> tuple[float, float]:
    sample = _evenly_sampled(_without_padding(voxels))
    bottom, top = (float(value) for value in np.percentile(sample, (low, high)))
    if top <= bottom:  # nearly all voxels are equal: what stands out is beyond the percentiles
        bottom, top = float(voxels.min()), float(voxels.max())
    return (bottom, top) if top > bottom else (bottom, bottom + 1.0)


def _without_padding(voxels: NDArray) -> NDArray:
    """The array without planes, along any axis, that are zero throughout; itself when nothing but zero is there."""
    filled = voxels != 0
    kept = [np.flatnonzero(filled.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    if not all(len(indices) for indices in kept):
        return voxels
    for axis, indices in enumerate(kept):
        if len(indices) < voxels.shape[axis]:
            voxels = voxels.take(indices, axis=axis)
    return voxels


def _evenly_sampled(voxels: NDArray) -> NDArray:
    """About ``SAMPLE_VOXELS`` values, always the same ones, from all over the array."""
    if voxels.size <= SAMPLE_VOXELS:
        return voxels.ravel()
    # An odd stride walks across rows instead of down a few columns.
    return voxels.ravel()[:: voxels.size // SAMPLE_VOXELS | 1]
