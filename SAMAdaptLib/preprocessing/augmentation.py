"""Augmented views of annotated slices. Chance is drawn apart from its use: the same parameters give the same view."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from .resampling import sample_at
from .slicing import CanvasGeometry, composed, render

if TYPE_CHECKING:
    from numpy.typing import NDArray

ELASTIC_NODES = 6
"""Side of the grid of random displacements that an elastic deformation interpolates."""

IGNORED = 255
"""Target value of pixels without annotation: padding, and what a person left open."""


@dataclass(frozen=True)
class Shading:
    """What a drawn view does to the grey values of one channel: see ``AugmentationParams``."""

    gamma: float = 1.0
    contrast: float = 1.0
    brightness: float = 0.0
    blur: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class AugmentationParams:
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
    more: tuple[Shading, ...] = ()
    """Grey values of further channels: scanners change one contrast and leave the other."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for cache keys and records."""
        found = asdict(self)
        if not self.more:
            del found["more"]
        return found

    def of_channel(self, channel: int) -> AugmentationParams:
        """The same view of a further channel, 1 or 2; where nothing was drawn for it, its grey values stay as they
        are."""
        own = self.more[channel - 1] if channel <= len(self.more) else Shading()
        return replace(self, **asdict(own), more=())


@dataclass(frozen=True)
class AugmentationRanges:
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

    def draw(self, chance: np.random.Generator, channels: int = 1) -> AugmentationParams:
        """A random view; each ingredient beyond the affine map takes part in about half of them.

        All channels are seen from one place; the grey values of each change on their own.
        """

        def sometimes(value: float, otherwise: float) -> float:
            return float(value) if chance.random() < 0.5 else otherwise

        def around_one(limit: float) -> float:
            return math.exp(chance.uniform(-math.log(limit), math.log(limit)))

        def shading() -> dict[str, Any]:
            return {
                "gamma": sometimes(around_one(self.gamma), 1.0),
                "contrast": sometimes(chance.uniform(1 - self.contrast, 1 + self.contrast), 1.0),
                "brightness": sometimes(chance.uniform(-self.brightness, self.brightness), 0.0),
                "blur": sometimes(chance.uniform(0, self.blur), 0.0),
                "noise": sometimes(chance.uniform(0, self.noise), 0.0),
            }

        view = AugmentationParams(
            rotation=float(chance.uniform(-self.rotation, self.rotation)),
            scale=math.exp(chance.uniform(math.log(self.scale_low), math.log(self.scale_high))),
            shift_rows=float(chance.uniform(-self.shift, self.shift)),
            shift_columns=float(chance.uniform(-self.shift, self.shift)),
            stretch=sometimes(around_one(self.stretch), 1.0),
            elastic=sometimes(chance.uniform(0, self.elastic), 0.0),
            **shading(),
            seed=int(chance.integers(2**31)),
        )
        return replace(view, more=tuple(Shading(**shading()) for _ in range(channels - 1))) if channels > 1 else view


def view_affine(frame: CanvasGeometry, view: AugmentationParams, size: int) -> NDArray[np.float64]:
    """2x3 affine from pixel indices (row, column, 1) of a (size, size) canvas to the slice's, without the bending.

    The view turns, scales and stretches around the middle of the slice's content.
    """
    middle = np.array(_content_middle(frame, size))
    angle = math.radians(view.rotation)
    cosine, sine = math.cos(angle) / view.scale, math.sin(angle) / view.scale
    linear = np.array([[view.stretch], [1 / view.stretch]]) * [[cosine, -sine], [sine, cosine]]
    shift = np.array([view.shift_rows, view.shift_columns]) * size
    return composed(frame.canvas_to_slice(size), np.column_stack([linear, middle + shift - linear @ middle]))


def render_image(
    picture: NDArray[np.float32], frame: CanvasGeometry, view: AugmentationParams, size: int
) -> NDArray[np.float32]:
    """A view of a slice as the encoder gets it: (size, size) float32 in 0..255, NaN in the padding.

    ``picture`` is the slice (rows, columns), already on the 0..255 scale. Of several channels (channels, rows, columns)
    each is looked at from the same place, and shaded and given noise on its own: (channels, size, size).
    """
    if picture.ndim == 3:
        views = [view if channel == 0 else view.of_channel(channel) for channel in range(len(picture))]
        looks = [_look(own, frame, view, size, order=1, outside=math.nan) for own in picture]
        return np.stack([_shade(look, own, index) for index, (look, own) in enumerate(zip(looks, views, strict=True))])
    return _shade(_look(picture, frame, view, size, order=1, outside=math.nan), view)


def render_labels(
    labels: NDArray[Any], frame: CanvasGeometry, view: AugmentationParams, size: int
) -> NDArray[np.uint8]:
    """The labels (rows, columns) uint8 of the same view by nearest neighbour, (size, size); padding is IGNORED."""
    return _look(labels, frame, view, size, order=0, outside=IGNORED).astype(np.uint8)


def _look(
    picture: NDArray[Any], frame: CanvasGeometry, view: AugmentationParams, size: int, order: int, outside: float
) -> NDArray[np.float32]:
    """What a view shows of a slice, before its grey values change."""
    affine = view_affine(frame, view, size)
    if not view.elastic:
        return render(picture, affine, size, order=order, cval=outside)
    bend_rows, bend_columns = _elastic(view, size)
    step = np.arange(size, dtype=np.float32)
    rows, columns = step[:, None] + bend_rows, step[None, :] + bend_columns
    turn = affine.astype(np.float32)
    slice_rows = turn[0, 0] * rows + turn[0, 1] * columns + turn[0, 2]
    slice_columns = turn[1, 0] * rows + turn[1, 1] * columns + turn[1, 2]
    return sample_at(picture, slice_rows, slice_columns, order=order, cval=outside)


def _content_middle(frame: CanvasGeometry, size: int) -> tuple[float, float]:
    """Canvas coordinates of the middle of what the frame shows of the slice."""
    rows, columns = (
        (max(start, -0.5) + min(stop, size - 0.5)) / 2 for start, stop in zip(*_slice_edges(frame, size), strict=True)
    )
    return rows, columns


def _slice_edges(frame: CanvasGeometry, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Canvas coordinates (row, column) of the slice's outer edges, first and last."""
    rows, columns = ((-0.5, count - 0.5) for count in frame.shape)
    corners = frame.slice_to_canvas(size) @ np.array([[row, column, 1] for row in rows for column in columns]).T
    return corners.min(axis=1), corners.max(axis=1)


def _elastic(view: AugmentationParams, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth random displacements in canvas pixels, both (size, size): cubic splines through a coarse random grid."""
    chance = np.random.default_rng(view.seed)
    coarse = chance.normal(0, view.elastic * size, (2, ELASTIC_NODES, ELASTIC_NODES)).astype(np.float32)
    where = np.linspace(0, ELASTIC_NODES - 1, size)
    nodes = np.eye(ELASTIC_NODES)
    basis = np.stack([ndimage.map_coordinates(node, [where], order=3, mode="nearest") for node in nodes], axis=1)
    basis = basis.astype(np.float32)
    return basis @ coarse[0] @ basis.T, basis @ coarse[1] @ basis.T


def _shade(canvas: NDArray[np.float32], view: AugmentationParams, channel: int = 0) -> NDArray[np.float32]:
    """Grey values of a view: blur, contrast, brightness, gamma, noise; clipped to 0..255."""
    if view.blur:
        canvas = _blur(canvas, view.blur * canvas.shape[0] / 1024)
    if view.contrast != 1.0 or view.brightness:
        canvas = np.clip((canvas - 127.5) * view.contrast + 127.5 + view.brightness, 0, 255)
    if view.gamma != 1.0:
        canvas = 255 * np.power(np.clip(canvas, 0, 255) / 255, view.gamma)
    if view.noise:
        chance = np.random.default_rng(view.seed + 1 + channel)
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
