"""One patient changed into others: structures blown up and shrunk, brighter and darker; labels go along."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from geometries import blobs
from hypothesis import given, settings
from hypothesis import strategies as st
from test_views import frame_of

from SAMAdaptLib.samples import AnnotatedSlice, PictureSlice
from SAMAdaptLib.variety import CHANCES, ROOM, SHADE, SWELLING, Variety
from SAMAdaptLib.views import IGNORED, Swell, ViewParameters, ViewSettings, paint, paint_labels, shaded


def disc(
    shape: tuple[int, int], middle: tuple[float, float], radius: float, spacing: tuple[float, float] = (1.0, 1.0)
) -> np.ndarray:
    rows, columns = np.indices(shape)
    down, right = (rows - middle[0]) * spacing[0], (columns - middle[1]) * spacing[1]
    return (down**2 + right**2 <= radius**2).astype(np.uint8)


def two_discs() -> np.ndarray:
    return disc((60, 60), (20, 20), 6.0) + 2 * disc((60, 60), (40, 40), 8.0)


def slice_of(classes: np.ndarray, picture: np.ndarray) -> AnnotatedSlice:
    return AnnotatedSlice(PictureSlice(picture, frame_of(classes.shape), {"volume": "one", "slice": 0}), classes)


def changes(classes: np.ndarray) -> list[ViewParameters]:
    """A view changed a few hundred times."""
    variety, chance = Variety.of(classes, (1.0, 1.0)), np.random.default_rng(0)
    return [variety.change(ViewParameters(rotation=12.0), chance) for _ in range(400)]


swells = st.builds(Swell, st.floats(20, 40), st.floats(15, 30), st.floats(4, 10), st.floats(1 / SWELLING, SWELLING))

# Other sizes ----------------------------------------------------------------------------------------------------------


@given(factor=st.floats(1 / SWELLING, SWELLING), row_mm=st.floats(0.7, 1.5))
@settings(max_examples=20, deadline=None)
def test_a_blown_up_disc_is_a_larger_disc_in_the_same_place_whatever_the_spacing(factor: float, row_mm: float) -> None:
    spacing = (row_mm, 1.0)
    labels = disc((90, 80), (45, 38), 12.0, spacing)
    (blob,) = Variety.of(labels, spacing).blobs
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
    ring = disc((70, 60), (30, 30), 14.0) - disc((70, 60), (30, 30), 9.0)
    (blob,) = Variety.of(ring, (1.0, 1.0)).blobs
    assert blob.radius_mm == pytest.approx(14.0, rel=0.05)


@given(side=st.integers(40, 80), share=st.floats(0.1, 0.9))
@settings(max_examples=30, deadline=None)
def test_what_fills_the_slice_has_no_room_to_grow(side: int, share: float) -> None:
    radius = share * side / 2
    found = Variety.of(disc((side, side + 20), (side / 2, side / 2), radius), (1.0, 1.0))
    if abs(share - ROOM) > 0.05:
        assert bool(found.blobs) == (share < ROOM)


def test_pieces_all_over_the_slice_are_no_round_thing() -> None:
    scattered = disc((60, 60), (8, 30), 4.0) | disc((60, 60), (52, 30), 4.0)
    assert Variety.of(scattered, (1.0, 1.0)).blobs == ()


def test_one_or_two_structures_change_their_size() -> None:
    drawn = [found for found in changes(two_discs()) if found.swells]
    assert {len(found.swells) for found in drawn} == {1, 2}
    factors = [swell.factor for found in drawn for swell in found.swells]
    assert 1 / SWELLING <= min(factors) < 0.7 < 1.4 < max(factors) <= SWELLING


# Other grey values ----------------------------------------------------------------------------------------------------


def test_a_shaded_structure_is_brighter_and_all_else_is_as_it_was() -> None:
    classes = two_discs()
    picture = np.full(classes.shape, 100, np.float32)
    found = shaded(picture, classes, ((1, 30.0), (2, -20.0)))
    assert (picture == 100).all()
    assert found[20, 20] == pytest.approx(130, abs=0.5)
    assert found[40, 40] == pytest.approx(80, abs=0.5)
    assert found[5, 50] == pytest.approx(100, abs=0.01)


@given(shade=st.floats(-SHADE, SHADE), level=st.floats(0, 255))
@settings(max_examples=30, deadline=None)
def test_grey_values_stay_within_their_range(shade: float, level: float) -> None:
    classes = two_discs()
    found = shaded(np.full(classes.shape, level, np.float32), classes, ((1, shade),))
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 255


def test_every_structure_of_a_slice_has_a_shade_of_its_own() -> None:
    drawn = [dict(found.shades) for found in changes(two_discs()) if found.shades]
    assert all(set(found) == {1, 2} and found[1] != found[2] for found in drawn)
    values = [shade for found in drawn for shade in found.values()]
    assert -SHADE <= min(values) < -0.8 * SHADE < 0.8 * SHADE < max(values) <= SHADE


def test_a_shaded_view_shows_the_structure_of_this_annotation_and_has_a_key_of_its_own() -> None:
    picture = np.full((60, 60), 100, np.float32)
    one, other = slice_of(two_discs(), picture), slice_of(two_discs()[::-1].copy(), picture)
    plain, bright = ViewParameters(), ViewParameters(shades=((1, 30.0),))
    assert one.view(plain, None).key == other.view(plain, None).key == one.content.view(plain, None).key
    assert len({one.view(plain, None).key, one.view(bright, None).key, other.view(bright, None).key}) == 3
    target = one.target(bright, 256)
    canvas = one.view(bright, None).paint()
    assert canvas[target == 1].mean() > 125
    assert canvas[target == 0].mean() < 101


def test_a_view_changes_sizes_or_grey_values_or_neither_and_is_else_as_it_was_drawn() -> None:
    drawn = changes(two_discs())
    assert not any(found.swells and found.shades for found in drawn)
    shares = [sum(bool(getattr(found, name)) for found in drawn) / len(drawn) for name in ("swells", "shades")]
    np.testing.assert_allclose(shares, CHANCES[1:], atol=0.08)
    assert {replace(found, swells=(), shades=()) for found in drawn} == {ViewParameters(rotation=12.0)}


# Where nothing is known -----------------------------------------------------------------------------------------------


def test_neither_sizes_nor_edges_are_guessed_from_scribbles() -> None:
    scribble = np.full((20, 20), IGNORED, np.uint8)
    scribble[8:10, 4:15] = 1
    scribble[0] = 0
    assert Variety.of(scribble, (1.0, 1.0)) == Variety()
    assert set(changes(scribble)) == {ViewParameters(rotation=12.0)}


def test_a_view_in_which_nothing_varies_has_the_key_that_it_had_before_anything_did() -> None:
    assert not {"swells", "shades"} & set(ViewParameters(rotation=3.0).to_dict())
    changed = ViewParameters(swells=(Swell(1.0, 2.0, 3.0, 1.5),), shades=((2, -7.5),)).to_dict()
    assert changed["swells"] == ({"row": 1.0, "column": 2.0, "radius_mm": 3.0, "factor": 1.5},)
    assert changed["shades"] == ((2, -7.5),)
