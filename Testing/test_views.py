"""Views: the same parameters give the same picture, and labels move with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from geometries import blobs
from hypothesis import given, settings
from hypothesis import strategies as st

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.preprocessing.augmentation import (
    IGNORED,
    AugmentationParams,
    AugmentationRanges,
    render_image,
    render_labels,
)
from SAMAdaptLib.preprocessing.slicing import CanvasGeometry, SliceStack, render, unrender

PICTURE = 127 + 20 * blobs((60, 40), 3)


def frame_of(shape: tuple[int, int], spacing: tuple[float, float] = (1.0, 1.0)) -> CanvasGeometry:
    rows, columns = shape
    return CanvasGeometry.of(SliceStack(Geometry((columns, rows, 1), (spacing[1], spacing[0], 5.0)), "axial"))


def test_a_view_that_changes_nothing_is_the_rendered_slice() -> None:
    frame = frame_of(PICTURE.shape, (1.0, 1.7))
    ours = render_image(PICTURE, frame, AugmentationParams(), 256)
    rendered = render(PICTURE, frame.canvas_to_slice(256), 256)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(rendered))
    np.testing.assert_allclose(np.nan_to_num(ours), np.nan_to_num(rendered), atol=0.01)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_view_that_hardly_bends_is_the_view_that_does_not(seed: int) -> None:
    """The two ways to sample, by an affine map and by positions, agree."""
    geometric = AugmentationRanges(gamma=1.0001, contrast=0, brightness=0, blur=0, noise=0)
    drawn = replace(geometric.draw(np.random.default_rng(seed)), elastic=0.0)
    frame = frame_of(PICTURE.shape, (1.0, 1.7))
    straight, bent = (render_image(PICTURE, frame, view, 128) for view in (drawn, replace(drawn, elastic=1e-9)))
    both = ~np.isnan(straight) & ~np.isnan(bent)
    assert (np.isnan(straight) == np.isnan(bent)).mean() > 0.99
    np.testing.assert_allclose(straight[both], bent[both], atol=0.1)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_the_same_parameters_give_the_same_view(seed: int) -> None:
    drawn = AugmentationRanges().draw(np.random.default_rng(seed))
    again = AugmentationRanges().draw(np.random.default_rng(seed))
    frame = frame_of(PICTURE.shape)
    assert drawn == again
    np.testing.assert_array_equal(render_image(PICTURE, frame, drawn, 128), render_image(PICTURE, frame, again, 128))


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_view_stays_on_the_grey_scale_and_pads_with_nan(seed: int) -> None:
    drawn = AugmentationRanges().draw(np.random.default_rng(seed))
    canvas = render_image(PICTURE, frame_of(PICTURE.shape), drawn, 128)
    inside = canvas[~np.isnan(canvas)]
    assert inside.size > 0
    assert inside.min() >= 0
    assert inside.max() <= 255


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_labels_move_with_the_picture(seed: int) -> None:
    """A picture of its own labels, seen through a purely geometric view, thresholds back to the viewed labels."""
    drawn = AugmentationRanges(gamma=1.0001, contrast=0, brightness=0, blur=0, noise=0).draw(
        np.random.default_rng(seed)
    )
    labels = (blobs((60, 40), 5) > 0).astype(np.uint8)
    frame = frame_of(labels.shape)
    canvas = render_image(200 * labels.astype(np.float32), frame, drawn, 256)
    target = render_labels(labels, frame, drawn, 256)
    known = (target != IGNORED) & ~np.isnan(canvas)
    assert ((canvas > 100) == (target == 1))[known].mean() > 0.97


def test_padding_of_a_target_is_ignored() -> None:
    target = render_labels(np.ones((60, 40), np.uint8), frame_of((60, 40)), AugmentationParams(), 60)
    assert (target[:, :40] == 1).all()
    assert (target[:, 40:] == IGNORED).all()


def test_zooming_in_makes_things_larger() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[24:40, 24:40] = 1
    frame = frame_of(labels.shape)
    as_is = (render_labels(labels, frame, AugmentationParams(), 128) == 1).sum()
    zoomed = (render_labels(labels, frame, AugmentationParams(scale=1.5), 128) == 1).sum()
    assert zoomed == pytest.approx(2.25 * as_is, rel=0.1)


def test_no_view_mirrors() -> None:
    """A left half stays on the left for every drawn rotation: bodies have sides."""
    labels = np.zeros((64, 64), np.uint8)
    labels[:, :20] = 1
    for seed in range(30):
        drawn = AugmentationRanges().draw(np.random.default_rng(seed))
        target = render_labels(labels, frame_of(labels.shape), drawn, 64)
        columns = np.nonzero(target == 1)[1]
        assert columns.mean() < 32


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (1, 1)])
def test_slices_of_one_row_or_column_can_be_viewed(shape: tuple[int, int]) -> None:
    canvas = render_image(np.full(shape, 50, np.float32), frame_of(shape), AugmentationParams(rotation=10), 64)
    assert np.nanmax(canvas) == pytest.approx(50)


@given(degrees=st.floats(-180, 180))
@settings(max_examples=20, deadline=None)
def test_a_turned_window_shows_what_a_view_of_that_rotation_shows(degrees: float) -> None:
    frame = frame_of(PICTURE.shape, (1.0, 1.5))
    frame = frame.window(*(count * mm / 2 - 50 for count, mm in zip(PICTURE.shape, frame.spacing, strict=True)), 100)
    by_window = render_image(PICTURE, frame.turned(degrees), AugmentationParams(), 128)
    by_view = render_image(PICTURE, frame, AugmentationParams(rotation=degrees), 128)
    both = ~np.isnan(by_window) & ~np.isnan(by_view)
    assert both.mean() > 0.3
    np.testing.assert_allclose(by_window[both], by_view[both], atol=1e-2)


def test_a_painted_slice_comes_back_on_its_own_pixels() -> None:
    frame = frame_of(PICTURE.shape, (1.0, 1.7))
    back = unrender(np.nan_to_num(render_image(PICTURE, frame, AugmentationParams(), 1024))[None], frame)[0]
    assert back.shape == PICTURE.shape
    assert np.abs(back - PICTURE)[1:-1, 1:-1].max() < 2.0
