"""Pictures of slices as an encoder's input: size, colour, normalisation, padding.

A canvas is float32 on the scale 0..255, gray (S, S) or coloured (3, S, S); NaN marks padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ..errors import InputError

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
INPUT_RULES = ("sam", "unit")
"""``sam``: minus mean, by standard deviation of ImageNet's colours. ``unit``: each picture stretched to [0, 1], as
MedSAM was trained."""


def check_canvases(canvases: np.ndarray, name: str) -> np.ndarray:
    """``canvases`` as float32; InputError if they are not (N, S, S) or (N, 3, S, S)."""
    array = np.asarray(canvases, dtype=np.float32)
    square = array.ndim in (3, 4) and array.shape[-1] == array.shape[-2] > 0
    if not square or (array.ndim == 4 and array.shape[1] != 3):
        msg = f"The encoder {name} was given pictures of shape {array.shape}."
        raise InputError(msg, "It needs (N, S, S) or (N, 3, S, S).")
    return array


def prepared(canvases: np.ndarray, size: int, rule: str) -> Iterator[np.ndarray]:
    """Network inputs (3, size, size) float32, one after the other, so that memory does not grow with N."""
    for canvas in canvases:
        yield normalise(resize(canvas, size), rule)


def normalise(canvas: np.ndarray, rule: str) -> np.ndarray:
    """Apply an input rule to a canvas (S, S) or (3, S, S); gives (3, S, S) float32 with finite padding."""
    colours = canvas if canvas.ndim == 3 else canvas[None]
    padding = np.isnan(colours)
    if rule == "sam":
        return _standardised(colours, padding)
    if rule != "unit":
        msg = f"{rule!r} is no input rule."
        raise InputError(msg, f"Choose one of {', '.join(INPUT_RULES)}.")
    result = np.where(padding, np.float32(0), _stretched(colours, padding))
    return np.ascontiguousarray(np.broadcast_to(result, (3, *result.shape[1:])), dtype=np.float32)


def _standardised(colours: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Minus mean, by deviation of each colour, 0 in the padding; in place, colour by colour: a third of the time."""
    result = np.empty((3, *colours.shape[1:]), np.float32)
    for index, (mean, deviation) in enumerate(zip(PIXEL_MEAN, PIXEL_STD, strict=True)):
        given = min(index, len(colours) - 1)
        np.subtract(colours[given], np.float32(mean), out=result[index])
        np.divide(result[index], np.float32(deviation), out=result[index])
        np.copyto(result[index], np.float32(0), where=padding[given])
    return result


def _stretched(colours: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Least value to 0, greatest to 1; a constant picture becomes 0. Padding takes no part."""
    if padding.all():
        return np.zeros_like(colours)
    low, high = np.nanmin(colours), np.nanmax(colours)
    return (colours - low) / max(float(high - low), 1e-8)


def resize(canvas: np.ndarray, size: int) -> np.ndarray:
    """Bilinear, antialiased when it shrinks; (..., S, S) to (..., size, size).

    Padding stays padding: a pixel that gets less than half of its weight from content is NaN.
    """
    if canvas.shape[-1] == size:
        return canvas
    matrix = _resize_matrix(canvas.shape[-1], size)
    content = np.isfinite(canvas)
    if content.all():
        return matrix @ canvas @ matrix.T
    weight = matrix @ content.astype(np.float32) @ matrix.T
    values = matrix @ np.where(content, canvas, np.float32(0)) @ matrix.T
    return np.where(weight < 0.5, np.float32(np.nan), values / np.maximum(weight, np.float32(0.5)))


@lru_cache(maxsize=8)
def _resize_matrix(old: int, new: int) -> np.ndarray:
    """Weights (new, old) of a triangular filter between pixel centres; each row sums to 1."""
    scale = old / new
    centres = (np.arange(new) + 0.5) * scale - 0.5
    distance = np.abs(centres[:, None] - np.arange(old)[None, :])
    weights = np.maximum(0.0, 1.0 - distance / max(scale, 1.0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
