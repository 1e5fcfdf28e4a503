"""Augmented views of annotated slices. Chance is drawn apart from its use: the same parameters give the same view."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from .slicing import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

ELASTIC_NODES = 6
"""Side of the grid of random displacements that an elastic deformation interpolates."""

IGNORED = 255
"""Target value of pixels without annotation: padding, and what a person left open."""


@dataclass(frozen=True)
class ViewParameters:
    """One drawn view. Lengths are fractions of the canvas, angles degrees, noise and blur on the 0..255 scale and
    in canvas pixels of a 1024 canvas. The defaults change nothing. There is no mirroring: bodies have sides."""

    rotation: float = 0.0
    scale: float = 1.0
    shift_rows: float = 0.0
    shift_columns: float = 0.0
    stretch: float = 1.0
    elastic: float = 0.0
    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for cache keys and records."""
        return asdict(self)

    @property
    def is_identity(self) -> bool:
        """True when the view is the slice as it is."""
        return self == ViewParameters()


@dataclass(frozen=True)
class ViewSettings:
    """Ranges that views are drawn from; the one documented default of each."""

    rotation: float = 50.0
    scale_low: float = 0.75
    scale_high: float = 1.4
    shift: float = 0.08
    stretch: float = 1.15
    elastic: float = 0.02
    gamma: float = 2.0
    contrast: float = 0.4
    brightness: float = 30.0
    blur: float = 4.0
    noise: float = 10.0

    def draw(self, chance: np.random.Generator) -> ViewParameters:
        """A random view; each ingredient beyond the affine map takes part in about half of them."""

        def sometimes(value: float, otherwise: float) -> float:
            return float(value) if chance.random() < 0.5 else otherwise

        def around_one(limit: float) -> float:
            return math.exp(chance.uniform(-math.log(limit), math.log(limit)))

        return ViewParameters(
            rotation=float(chance.uniform(-self.rotation, self.rotation)),
            scale=math.exp(chance.uniform(math.log(self.scale_low), math.log(self.scale_high))),
            shift_rows=float(chance.uniform(-self.shift, self.shift)),
            shift_columns=float(chance.uniform(-self.shift, self.shift)),
            stretch=sometimes(around_one(self.stretch), 1.0),
            elastic=sometimes(chance.uniform(0, self.elastic), 0.0),
            gamma=sometimes(around_one(self.gamma), 1.0),
            contrast=sometimes(chance.uniform(1 - self.contrast, 1 + self.contrast), 1.0),
            brightness=sometimes(chance.uniform(-self.brightness, self.brightness), 0.0),
            blur=sometimes(chance.uniform(0, self.blur), 0.0),
            noise=sometimes(chance.uniform(0, self.noise), 0.0),
            seed=int(chance.integers(2**31)),
        )


def positions(frame: Frame, view: ViewParameters, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slice coordinates (row, column) that each pixel of a (size, size) canvas shows, both (size, size) float32.

    The view turns, scales and bends around the middle of the slice's content; pixel centres lie at integers.
    """
    step = np.arange(size, dtype=np.float32)
    middle_row, middle_column = _content_middle(frame, size)
    rows = (step - middle_row)[:, None] + np.zeros(size, np.float32)
    columns = (step - middle_column)[None, :] + np.zeros((size, 1), np.float32)
    if view.elastic:
        bend_rows, bend_columns = _elastic(view, size)
        rows, columns = rows + bend_rows, columns + bend_columns
    angle = math.radians(view.rotation)
    cosine, sine = math.cos(angle) / view.scale, math.sin(angle) / view.scale
    turned_rows = (cosine * rows - sine * columns) * view.stretch
    turned_columns = (sine * rows + cosine * columns) / view.stretch
    turned_rows += middle_row + view.shift_rows * size
    turned_columns += middle_column + view.shift_columns * size
    matrix = frame.canvas_to_slice(size).astype(np.float32)
    slice_rows = matrix[0, 0] * turned_rows + matrix[0, 1] * turned_columns + matrix[0, 2]
    slice_columns = matrix[1, 0] * turned_rows + matrix[1, 1] * turned_columns + matrix[1, 2]
    return slice_rows, slice_columns


def paint(picture: NDArray[np.float32], frame: Frame, view: ViewParameters, size: int) -> NDArray[np.float32]:
    """A view of a slice as the encoder gets it: (size, size) float32 in 0..255, NaN in the padding.

    ``picture`` is the slice (rows, columns), already on the 0..255 scale.
    """
    rows, columns = positions(frame, view, size)
    canvas = _sample(picture, rows, columns)
    return _shade(canvas, view)


def paint_labels(labels: NDArray[Any], frame: Frame, view: ViewParameters, size: int) -> NDArray[np.uint8]:
    """The labels (rows, columns) uint8 of the same view by nearest neighbour, (size, size); padding is IGNORED."""
    rows, columns = positions(frame, view, size)
    nearest_rows, nearest_columns = np.rint(rows).astype(np.int32), np.rint(columns).astype(np.int32)
    inside = (nearest_rows >= 0) & (nearest_columns >= 0)
    inside &= (nearest_rows < labels.shape[0]) & (nearest_columns < labels.shape[1])
    target = np.full((size, size), IGNORED, np.uint8)
    target[inside] = labels[nearest_rows[inside], nearest_columns[inside]]
    return target


def _content_middle(frame: Frame, size: int) -> tuple[float, float]:
    """Canvas coordinates of the middle of what the frame shows of the slice."""
    matrix = frame.canvas_to_slice(size)
    middle = []
    for axis in (0, 1):
        per_pixel, offset = matrix[axis, axis], matrix[axis, 2]
        low = max((-0.5 - offset) / per_pixel, -0.5)
        high = min((frame.shape[axis] - 0.5 - offset) / per_pixel, size - 0.5)
        middle.append((low + high) / 2)
    return middle[0], middle[1]


def _elastic(view: ViewParameters, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth random displacements in canvas pixels, both (size, size)."""
    chance = np.random.default_rng(view.seed)
    coarse = chance.normal(0, view.elastic * size, (2, ELASTIC_NODES, ELASTIC_NODES))
    where = np.linspace(0, ELASTIC_NODES - 1, size)
    spline = [
        ndimage.map_coordinates(np.eye(ELASTIC_NODES)[node], [where], order=3, mode="nearest")
        for node in range(ELASTIC_NODES)
    ]
    basis = np.stack(spline, axis=1).astype(np.float32)
    return basis @ coarse[0].astype(np.float32) @ basis.T, basis @ coarse[1].astype(np.float32) @ basis.T


def _sample(
    picture: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Bilinear; NaN beyond the outer edges of the border pixels."""
    height, width = picture.shape
    inside = (rows >= -0.5) & (rows <= height - 0.5) & (columns >= -0.5) & (columns <= width - 0.5)
    rows = np.clip(rows, 0, height - 1)
    columns = np.clip(columns, 0, width - 1)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    np.minimum(top, max(height - 2, 0), out=top)
    np.minimum(left, max(width - 2, 0), out=left)
    down, right = rows - top, columns - left
    flat = np.ascontiguousarray(picture, np.float32).ravel()
    start = top * width + left
    below, beside = (width if height > 1 else 0), (1 if width > 1 else 0)
    upper = flat[start] * (1 - right) + flat[start + beside] * right
    lower = flat[start + below] * (1 - right) + flat[start + below + beside] * right
    canvas = upper * (1 - down) + lower * down
    canvas[~inside] = np.nan
    return canvas


def _shade(canvas: NDArray[np.float32], view: ViewParameters) -> NDArray[np.float32]:
    """Grey values of a view: blur, contrast, brightness, gamma, noise; clipped to 0..255."""
    if view.blur:
        canvas = _blur(canvas, view.blur * canvas.shape[0] / 1024)
    if view.contrast != 1.0 or view.brightness:
        canvas = np.clip((canvas - 127.5) * view.contrast + 127.5 + view.brightness, 0, 255)
    if view.gamma != 1.0:
        canvas = 255 * np.power(np.clip(canvas, 0, 255) / 255, view.gamma)
    if view.noise:
        chance = np.random.default_rng(view.seed + 1)
        canvas = np.clip(canvas + view.noise * chance.standard_normal(canvas.shape, dtype=np.float32), 0, 255)
    return canvas.astype(np.float32, copy=False)


def _blur(canvas: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur that neither spreads nor loses the NaN of the padding."""
    padding = np.isnan(canvas)
    if not padding.any():
        return ndimage.gaussian_filter(canvas, sigma)
    weight = ndimage.gaussian_filter((~padding).astype(np.float32), sigma)
    blurred = ndimage.gaussian_filter(np.where(padding, 0, canvas), sigma) / np.maximum(weight, 1e-3)
    return np.where(padding, np.nan, blurred)
