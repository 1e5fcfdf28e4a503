"""Views: the same parameters give the same picture, and labels move with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from geometries import blobs
from hypothesis import given, settings
from hypothesis import strategies as st

from SAMAdaptLib import views
from SAMAdaptLib.geometry import Geometry
from SAMAdaptLib.slicing import Frame, SliceStack, render, unrender
from SAMAdaptLib.views import (
    IGNORED,
    SWELLING,
    Swell,
    ViewParameters,
    ViewSettings,
    draw_swells,
    paint,
    paint_labels,
)

PICTURE = 127 + 20 * blobs((60, 40), 3)


def frame_of(shape: tuple[int, int], spacing: tuple[float, float] = (1.0, 1.0)) -> Frame:
    rows, columns = shape
    return Frame.of(SliceStack(Geometry((columns, rows, 1), (spacing[1], spacing[0], 5.0)), "axial"))


def test_a_view_that_changes_nothing_is_the_rendered_slice() -> None:
    frame = frame_of(PICTURE.shape, (1.0, 1.7))
    ours = paint(PICTURE, frame, ViewParameters(), 256)
    rendered = render(PICTURE, frame.canvas_to_slice(256), 256)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(rendered))
    np.testing.assert_allclose(np.nan_to_num(ours), np.nan_to_num(rendered), atol=0.01)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_view_that_hardly_bends_is_the_view_that_does_not(seed: int) -> None:
    """The two ways to sample, by an affine map and by positions, agree."""
    geometric = ViewSettings(gamma=1.0001, contrast=0, brightness=0, blur=0, noise=0)
    drawn = replace(geometric.draw(np.random.default_rng(seed)), elastic=0.0)
    frame = frame_of(PICTURE.shape, (1.0, 1.7))
    straight, bent = (paint(PICTURE, frame, view, 128) for view in (drawn, replace(drawn, elastic=1e-9)))
    both = ~np.isnan(straight) & ~np.isnan(bent)
    assert (np.isnan(straight) == np.isnan(bent)).mean() > 0.99
    np.testing.assert_allclose(straight[both], bent[both], atol=0.1)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_the_same_parameters_give_the_same_view(seed: int) -> None:
    drawn = ViewSettings().draw(np.random.default_rng(seed))
    again = ViewSettings().draw(np.random.default_rng(seed))
    frame = frame_of(PICTURE.shape)
    assert drawn == again
    np.testing.assert_array_equal(paint(PICTURE, frame, drawn, 128), paint(PICTURE, frame, again, 128))


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_view_stays_on_the_grey_scale_and_pads_with_nan(seed: int) -> None:
    drawn = ViewSettings().draw(np.random.default_rng(seed))
    canvas = paint(PICTURE, frame_of(PICTURE.shape), drawn, 128)
    inside = canvas[~np.isnan(canvas)]
    assert inside.size > 0
    assert inside.min() >= 0
    assert inside.max() <= 255


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_labels_move_with_the_picture(seed: int) -> None:
    """A picture of its own labels, seen through a purely geometric view, thresholds back to the viewed labels."""
    drawn = ViewSettings(gamma=1.0001, contrast=0, brightness=0, blur=0, noise=0).draw(np.random.default_rng(seed))
    labels = (blobs((60, 40), 5) > 0).astype(np.uint8)
    frame = frame_of(labels.shape)
    canvas = paint(200 * labels.astype(np.float32), frame, drawn, 256)
    target = paint_labels(labels, frame, drawn, 256)
    known = (target != IGNORED) & ~np.isnan(canvas)
    assert ((canvas > 100) == (target == 1))[known].mean() > 0.97


def test_padding_of_a_target_is_ignored() -> None:
    target = paint_labels(np.ones((60, 40), np.uint8), frame_of((60, 40)), ViewParameters(), 60)
    assert (target[:, :40] == 1).all()
    assert (target[:, 40:] == IGNORED).all()


def test_zooming_in_makes_things_larger() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[24:40, 24:40] = 1
    frame = frame_of(labels.shape)
    as_is = (paint_labels(labels, frame, ViewParameters(), 128) == 1).sum()
    zoomed = (paint_labels(labels, frame, ViewParameters(scale=1.5), 128) == 1).sum()
    assert zoomed == pytest.approx(2.25 * as_is, rel=0.1)


def test_no_view_mirrors() -> None:
    """A left half stays on the left for every drawn rotation: bodies have sides."""
    labels = np.zeros((64, 64), np.uint8)
    labels[:, :20] = 1
    for seed in range(30):
        drawn = ViewSettings().draw(np.random.default_rng(seed))
        target = paint_labels(labels, frame_of(labels.shape), drawn, 64)
        columns = np.nonzero(target == 1)[1]
        assert columns.mean() < 32


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (1, 1)])
def test_slices_of_one_row_or_column_can_be_viewed(shape: tuple[int, int]) -> None:
    canvas = paint(np.full(shape, 50, np.float32), frame_of(shape), ViewParameters(rotation=10), 64)
    assert np.nanmax(canvas) == pytest.approx(50)


def test_a_painted_slice_comes_back_on_its_own_pixels() -> None:
    frame = frame_of(PICTURE.shape, (1.0, 1.7))
    back = unrender(np.nan_to_num(paint(PICTURE, frame, ViewParameters(), 1024))[None], frame)[0]
    assert back.shape == PICTURE.shape
    assert np.abs(back - PICTURE)[1:-1, 1:-1].max() < 2.0


# Structures of other sizes ------------------------------------------------------------------------------------------


def disc(
    shape: tuple[int, int], middle: tuple[float, float], radius: float, spacing: tuple[float, float]
) -> np.ndarray:
    rows, columns = np.indices(shape)
    down, right = (rows - middle[0]) * spacing[0], (columns - middle[1]) * spacing[1]
    return (down**2 + right**2 <= radius**2).astype(np.uint8)


swells = st.builds(Swell, st.floats(20, 40), st.floats(15, 30), st.floats(4, 10), st.floats(1 / SWELLING, SWELLING))


@given(factor=st.floats(1 / SWELLING, SWELLING), row_mm=st.floats(0.7, 1.5))
@settings(max_examples=20, deadline=None)
def test_a_blown_up_disc_is_a_larger_disc_in_the_same_place_whatever_the_spacing(factor: float, row_mm: float) -> None:
    spacing = (row_mm, 1.0)
    labels = disc((90, 80), (45, 38), 12.0, spacing)
    (blob,) = views.blobs(labels, spacing)
    assert (blob.row, blob.column) == pytest.approx((45, 38), abs=0.1)
    assert blob.radius_mm == pytest.approx(12.0, rel=0.05)
    view = ViewParameters(swells=(Swell(blob.row, blob.column, blob.radius_mm, factor),))
    frame = frame_of(labels.shape, spacing)
    before, after = (paint_labels(labels, frame, parameters, 512) == 1 for parameters in (ViewParameters(), view))
    assert after.sum() == pytest.approx(factor**2 * before.sum(), rel=0.1)
    middles = [np.argwhere(mask).mean(axis=0) for mask in (before, after)]
    np.testing.assert_allclose(*middles, atol=2.5)


@given(swell=swells)
@settings(max_examples=30, deadline=None)
def test_what_lies_far_from_a_blown_up_structure_stays_where_it_is(swell: Swell) -> None:
    rows, columns = np.meshgrid(np.arange(64, dtype=np.float32), np.arange(48, dtype=np.float32), indexing="ij")
    found = swell.origins(rows, columns, (1.0, 1.0))
    distance = np.hypot(rows - swell.row, columns - swell.column)
    far = distance > 3.01 * swell.radius_mm * max(1.0, swell.factor)
    for ours, place in zip(found, (rows, columns), strict=True):
        np.testing.assert_array_equal(ours[far], place[far])


@given(swell=swells)
@settings(max_examples=30, deadline=None)
def test_nothing_is_folded_over_when_a_structure_is_blown_up(swell: Swell) -> None:
    """Along every ray from the middle, what is seen farther out comes from farther out, without a jump."""
    steps = np.linspace(0.01, 40, 400, dtype=np.float32)
    rows, columns = swell.origins(swell.row + steps, np.full_like(steps, swell.column), (1.0, 1.0))
    source = np.hypot(rows - swell.row, columns - swell.column)
    assert (np.diff(source) > 0).all()
    assert np.diff(source).max() < 3 * (steps[1] - steps[0])


@given(swell=swells, seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_labels_swell_with_the_picture(swell: Swell, seed: int) -> None:
    geometric = ViewSettings(gamma=1.0001, contrast=0, brightness=0, blur=0, noise=0)
    drawn = replace(geometric.draw(np.random.default_rng(seed)), swells=(swell, replace(swell, row=swell.row - 9)))
    labels = (blobs((60, 40), 5) > 0).astype(np.uint8)
    frame = frame_of(labels.shape, (1.0, 1.3))
    canvas = paint(200 * labels.astype(np.float32), frame, drawn, 256)
    target = paint_labels(labels, frame, drawn, 256)
    known = (target != IGNORED) & ~np.isnan(canvas)
    assert ((canvas > 100) == (target == 1))[known].mean() > 0.97


def test_a_ring_counts_as_the_disc_that_it_encloses() -> None:
    ring = disc((60, 60), (30, 30), 15.0, (1.0, 1.0)) - disc((60, 60), (30, 30), 9.0, (1.0, 1.0))
    (blob,) = views.blobs(ring, (1.0, 1.0))
    assert blob.radius_mm == pytest.approx(15.0, rel=0.05)


def test_sizes_are_not_guessed_from_scribbles() -> None:
    scribble = np.full((20, 20), IGNORED, np.uint8)
    scribble[8:10, 4:15] = 1
    scribble[0] = 0
    assert views.blobs(scribble, (1.0, 1.0)) == []
    assert draw_swells([], np.random.default_rng(0)) == ()


def test_none_one_or_two_structures_change_their_size() -> None:
    shown = views.blobs(
        disc((60, 60), (20, 20), 6.0, (1.0, 1.0)) + 2 * disc((60, 60), (40, 40), 8.0, (1.0, 1.0)), (1, 1)
    )
    chance = np.random.default_rng(0)
    drawn = [draw_swells(shown, chance) for _ in range(300)]
    assert {len(found) for found in drawn} == {0, 1, 2}
    factors = [swell.factor for found in drawn for swell in found]
    assert 1 / SWELLING <= min(factors) < 0.7 < 1.4 < max(factors) <= SWELLING


def test_a_view_without_swells_has_the_key_that_it_had_before_there_were_any() -> None:
    assert "swells" not in ViewParameters(rotation=3.0).to_dict()
    swollen = ViewParameters(swells=(Swell(1.0, 2.0, 3.0, 1.5),)).to_dict()
    assert swollen["swells"] == ({"row": 1.0, "column": 2.0, "radius_mm": 3.0, "factor": 1.5},)
