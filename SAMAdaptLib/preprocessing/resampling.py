"""Reading an image at the pixels of another grid: bilinear or nearest, fast on one core.

Without rotation the map is separable and is done axis by axis; with rotation, pixels are gathered in bands that stay
in the processor's cache. Everything outside the source's outer pixel edges is ``cval``; within half a pixel of the
edge the border pixel's value holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

ANTIALIAS_ABOVE = 1.5
"""Source pixels a target pixel from which on the source is blurred before it is read."""

_BAND_PIXELS = 1 << 15


@dataclass(frozen=True)
class _Look:
    """How pixels are read: interpolation order, the outer edges of the source's rows and columns, the value beyond."""

    order: int
    row_edges: tuple[float, float]
    col_edges: tuple[float, float]
    cval: float

    def __post_init__(self) -> None:
        if self.order not in (0, 1):
            msg = f"The interpolation order must be 0 (nearest) or 1 (bilinear); it is {self.order}."
            raise InputError(msg)


def resample(
    image: NDArray,
    affine: NDArray[np.float64],
    shape: tuple[int, int],
    order: int = 1,
    cval: float = float("nan"),
    antialias: bool = False,
    readable: tuple[range, range] | None = None,
) -> NDArray[np.float32]:
    """float32 (..., *shape) values of ``image`` (..., h, w) at ``affine`` @ (row, col, 1) for each target pixel.

    ``affine`` is 2x3 from target to source pixel indices (row, col); ``order`` 1 is bilinear, 0 nearest. ``readable``
    names rows and columns of the source that continue over the others; those are then never read. Raises InputError
    for another order.
    """
    source = np.asarray(image, dtype=np.float32)
    rows, cols = readable or (range(source.shape[-2]), range(source.shape[-1]))
    look = _Look(order, _edges(source.shape[-2], rows.start), _edges(source.shape[-1], cols.start), cval)
    source = source[..., rows.start : rows.stop, cols.start : cols.stop]
    affine = affine - [[0, 0, rows.start], [0, 0, cols.start]]
    if order == 1 and antialias:
        source = _blurred(source, np.linalg.norm(affine[:, :2], axis=1))
    if affine[0, 1] == 0 and affine[1, 0] == 0:
        return _separable(source, affine, shape, look)
    planes = source.reshape(-1, *source.shape[-2:])
    out = np.empty((len(planes), *shape), np.float32)
    for target, plane in zip(out, planes, strict=True):
        _turned(plane, affine, target, look)
    return out.reshape(*source.shape[:-2], *shape)


def sample_at(
    plane: NDArray, rows: NDArray, cols: NDArray, order: int = 1, cval: float = float("nan")
) -> NDArray[np.float32]:
    """float32 values of one plane (h, w) at pixel indices ``rows`` and ``cols``, two arrays of one 2-D shape.

    For maps that are not affine. ``order`` and ``cval`` as in ``resample``. Raises InputError for another order.
    """
    source = np.ascontiguousarray(plane, dtype=np.float32)
    look = _Look(order, _edges(source.shape[0]), _edges(source.shape[1]), cval)
    out = np.empty(rows.shape, np.float32)
    for band in _bands(out.shape):
        out[band] = _gathered(source, rows[band], cols[band], look)
    return out


def within(positions: NDArray, edges: tuple[float, float]) -> NDArray[np.bool_]:
    """Which positions lie between two outer pixel edges, the edges included."""
    low, high = edges
    return (positions >= low) & (positions <= high)


def _edges(count: int, start: int = 0) -> tuple[float, float]:
    """The outer edges of ``count`` pixels when index 0 is pixel ``start``."""
    return -0.5 - start, count - 0.5 - start


def _blurred(source: NDArray[np.float32], steps: NDArray[np.float64]) -> NDArray[np.float32]:
    """The source smoothed along those of its last two axes on which a target pixel steps over several pixels."""
    sigmas = [(step - 1) / 2 if step > ANTIALIAS_ABOVE else 0.0 for step in steps]
    if not any(sigmas):
        return source
    from scipy.ndimage import gaussian_filter1d

    for axis, sigma in zip((-2, -1), sigmas, strict=True):
        if sigma and source.shape[axis] > 1:
            source = gaussian_filter1d(source, sigma, axis=axis, mode="nearest", truncate=3.0)
    return source


def _separable(
    source: NDArray[np.float32], affine: NDArray[np.float64], shape: tuple[int, int], look: _Look
) -> NDArray[np.float32]:
    """Columns first, then rows: the last pass then writes whole contiguous rows."""
    row_positions = affine[0, 0] * np.arange(shape[0]) + affine[0, 2]
    col_positions = affine[1, 1] * np.arange(shape[1]) + affine[1, 2]
    columns = _along_rows(np.ascontiguousarray(np.swapaxes(source, -1, -2)), col_positions, look.order)
    out = _along_rows(np.ascontiguousarray(np.swapaxes(columns, -1, -2)), row_positions, look.order)
    out[..., ~within(row_positions, look.row_edges), :] = look.cval
    out[..., :, ~within(col_positions, look.col_edges)] = look.cval
    return out


def _along_rows(source: NDArray[np.float32], positions: NDArray[np.float64], order: int) -> NDArray[np.float32]:
    """(..., len(positions), w) rows of ``source`` (..., h, w) at fractional row positions, clamped to its rows."""
    last = source.shape[-2] - 1
    inside = np.clip(positions, 0, last)
    if order == 0:
        return source[..., np.floor(inside + 0.5).astype(np.intp), :]
    first = np.minimum(inside.astype(np.intp), max(last - 1, 0))
    weight = (inside - first).astype(np.float32)[:, None]
    out = source[..., first, :]
    step = source[..., np.minimum(first + 1, last), :]
    step -= out
    step *= weight
    out += step
    return out


def _turned(plane: NDArray[np.float32], affine: NDArray[np.float64], out: NDArray[np.float32], look: _Look) -> None:
    """Fills ``out`` (rows, cols) from one plane (h, w) under any affine."""
    plane = np.ascontiguousarray(plane)
    cols = np.arange(out.shape[1])
    for band in _bands(out.shape):
        rows = np.arange(band.start, band.stop)[:, None]
        y, x = (line[0] * rows + (line[1] * cols + line[2]) for line in affine)
        out[band] = _gathered(plane, y, x, look)


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of rows that cover an image of this shape, small enough for temporary arrays to stay in the cache."""
    rows, cols = shape
    step = max(1, _BAND_PIXELS // max(cols, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _gathered(plane: NDArray[np.float32], y: NDArray, x: NDArray, look: _Look) -> NDArray[np.float32]:
    values = _nearest_at(plane, y, x) if look.order == 0 else _bilinear_at(plane, y, x)
    values[~(within(y, look.row_edges) & within(x, look.col_edges))] = look.cval
    return values


def _nearest_at(plane: NDArray[np.float32], y: NDArray, x: NDArray) -> NDArray[np.float32]:
    height, width = plane.shape
    row = np.clip(np.floor(y + 0.5), 0, height - 1).astype(np.intp)
    col = np.clip(np.floor(x + 0.5), 0, width - 1).astype(np.intp)
    return plane.ravel().take(row * width + col)


def _bilinear_at(plane: NDArray[np.float32], y: NDArray, x: NDArray) -> NDArray[np.float32]:
    height, width = plane.shape
    flat = plane.ravel()
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    row = np.minimum(y.astype(np.intp), max(height - 2, 0))
    col = np.minimum(x.astype(np.intp), max(width - 2, 0))
    down, right = width * (height > 1), int(width > 1)
    dy, dx = (y - row).astype(np.float32), (x - col).astype(np.float32)
    corner = row * width + col
    upper = flat.take(corner)
    upper += (flat.take(corner + right) - upper) * dx
    corner += down
    lower = flat.take(corner)
    lower += (flat.take(corner + right) - lower) * dx
    lower -= upper
    lower *= dy
    upper += lower
    return upper
