"""Reading images at other pixels: the fast ways find what a slow and plain one finds."""

from __future__ import annotations

import numpy as np
import pytest
from geometries import blobs
from scipy import ndimage

from SAMAdaptLib.errors import InputError
from SAMAdaptLib.preprocessing.resampling import resample, sample_at
from SAMAdaptLib.preprocessing.slicing import CanvasGeometry, composed, render, unrender


def reference(picture: np.ndarray, affine: np.ndarray, size: int, order: int) -> np.ndarray:
    """What scipy finds at the same positions, border values continued."""
    rows, cols = np.indices((size, size))
    where = np.tensordot(affine[:, :2], np.stack([rows, cols]), 1) + affine[:, 2][:, None, None]
    return ndimage.map_coordinates(picture.astype(np.float64), where, order=order, mode="nearest")


AFFINES = [
    CanvasGeometry((31, 23), (1.0, 1.3), 0, 0, 31).canvas_to_slice(50),
    CanvasGeometry((31, 23), (1.0, 1.3), 3, 4, 9).canvas_to_slice(50),
    composed(
        CanvasGeometry((31, 23), (1.0, 1.3), 0, 0, 31).canvas_to_slice(50), np.array([[0.9, -0.3, 5], [0.4, 0.8, -3]])
    ),
]


@pytest.mark.parametrize("affine", AFFINES)
@pytest.mark.parametrize("order", [0, 1])
def test_rendering_finds_what_scipy_finds(affine, order):
    picture = blobs((31, 23), 5)
    canvas = render(picture, affine, 50, order=order)
    inside = np.isfinite(canvas)
    assert inside.any()
    np.testing.assert_allclose(canvas[inside], reference(picture, affine, 50, order)[inside], atol=1e-5)


def test_the_turned_and_the_straight_way_agree():
    picture, straight = blobs((31, 23), 6), AFFINES[0]
    barely_turned = straight + [[0, 1e-12, 0], [1e-12, 0, 0]]
    np.testing.assert_allclose(render(picture, barely_turned, 64), render(picture, straight, 64), atol=1e-5)


def test_values_at_given_positions_agree_with_the_affine_map():
    picture, affine = blobs((31, 23), 7), AFFINES[2]
    rows, cols = np.indices((40, 40))
    y, x = (line[0] * rows + line[1] * cols + line[2] for line in affine)
    np.testing.assert_allclose(sample_at(picture, y, x), render(picture, affine, 40), atol=1e-5)
    np.testing.assert_array_equal(sample_at(picture, y, x, order=0), render(picture, affine, 40, order=0))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_pictures_of_one_row_or_column_are_resampled(shape):
    picture = np.arange(9, dtype=np.float32)[: shape[0] * shape[1]].reshape(shape)
    frame = CanvasGeometry(shape, (1, 1), 0, 0, 9)
    for turn in (0.0, 1e-12):
        affine = frame.canvas_to_slice(18) + [[0, turn, 0], [turn, 0, 0]]
        canvas = render(picture, affine, 18)
        np.testing.assert_allclose(unrender(canvas, frame, fill=-1), picture, atol=0.26)


def test_a_much_coarser_canvas_shows_averages_and_no_aliases():
    stripes = np.tile(np.array([0, 1], np.float32), (64, 32))
    frame = CanvasGeometry((64, 64), (1, 1), 0, 0, 64)
    for turn in (0.0, 1e-12):
        affine = frame.canvas_to_slice(16) + [[0, turn, 0], [turn, 0, 0]]
        assert np.abs(render(stripes, affine, 16) - 0.5).max() < 0.1


def test_several_channels_are_resampled_alike():
    pictures = np.stack([blobs((31, 23), seed) for seed in range(6)]).reshape(2, 3, 31, 23)
    for affine in AFFINES:
        together = resample(pictures, affine, (20, 30), cval=0)
        assert together.shape == (2, 3, 20, 30)
        np.testing.assert_array_equal(together[1, 2], resample(pictures[1, 2], affine, (20, 30), cval=0))


def test_a_cubic_order_is_refused():
    with pytest.raises(InputError, match=r"must be 0 \(nearest\) or 1 \(bilinear\); it is 3"):
        render(np.zeros((2, 2)), np.eye(2, 3), 2, order=3)
    with pytest.raises(InputError, match="it is 3"):
        sample_at(np.zeros((2, 2)), np.zeros((1, 1)), np.zeros((1, 1)), order=3)
