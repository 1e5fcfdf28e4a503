"""Metrics against brute force over every voxel corner, and against shapes whose answer is known on paper."""

from __future__ import annotations

import itertools
import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.errors import GeometryError, InputError
from SAMAdaptLib.evaluation import metrics
from SAMAdaptLib.evaluation.metrics import evaluate, surface, surface_scores, weighted_percentile

OBLIQUE = tuple(np.linalg.qr(np.array([[1.0, 0.2, -0.3], [0.1, 1.0, 0.4], [0.5, -0.2, 1.0]]))[0].ravel())


def grid(size=(12, 10, 8), spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), direction=(1, 0, 0, 0, 1, 0, 0, 0, 1)):
    return Geometry(size=size, spacing=spacing, origin=origin, direction=np.reshape(direction, (3, 3)))


def labels(voxels, geometry=None, structures=()):
    voxels = np.asarray(voxels, np.uint8)
    return Labelmap(voxels, geometry or grid(size=voxels.shape[::-1]), structures)


def box(shape, low, high):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return mask


def ball(radius_mm, spacing, shape, centre_mm):
    axes = [(np.arange(n) + 0.5) * mm - c for n, mm, c in zip(shape, spacing, centre_mm, strict=True)]
    distance = sum(np.square(axis.reshape([-1 if a == b else 1 for b in range(3)])) for a, axis in enumerate(axes))
    return distance <= radius_mm**2


# The definition once more, as slow and plain as it can be said.


def brute_surface(mask, spacing):
    """{corner (indices): area}: every corner of the voxel grid, its surrounding voxels looked at one by one."""
    keep = [axis for axis in range(3) if mask.shape[axis] > 1] or [0]
    mask, spacing = mask.reshape([mask.shape[axis] for axis in keep]), [spacing[axis] for axis in keep]
    axes = range(mask.ndim)

    def voxel(index):
        inside = all(0 <= i < n for i, n in zip(index, mask.shape, strict=True))
        return bool(inside and mask[tuple(index)])

    found = {}
    for corner in itertools.product(*(range(n + 1) for n in mask.shape)):
        around = list(itertools.product(*((c - 1, c) for c in corner)))
        if len({voxel(index) for index in around}) == 1:
            continue
        squares = 0.0
        for axis in axes:
            pairs = [index for index in around if index[axis] == corner[axis]]
            cut = sum(voxel(i) != voxel([*i[:axis], i[axis] - 1, *i[axis + 1 :]]) for i in pairs)
            face = math.prod(spacing[other] for other in axes if other != axis)
            squares += (cut * face / len(pairs)) ** 2
        found[tuple(c * mm for c, mm in zip(corner, spacing, strict=True))] = math.sqrt(squares)
    return found


def brute_scores(first, second, spacing, tolerance):
    """NSD and HD95 with all pairs of distances."""
    sides = brute_surface(first, spacing), brute_surface(second, spacing)
    good = total = hd95 = 0.0
    for ours, theirs in (sides, sides[::-1]):
        nearest = sorted((min(math.dist(p, q) for q in theirs), area) for p, area in ours.items())
        whole, passed = sum(area for _, area in nearest), 0.0
        total += whole
        good += sum(area for distance, area in nearest if distance <= tolerance + 1e-6)
        for distance, area in nearest:
            passed += area
            if passed >= 0.95 * whole - 1e-9:
                hd95 = max(hd95, distance)
                break
    return good / total, hd95


@st.composite
def mask_pairs(draw):
    shape = draw(st.tuples(*[st.integers(1, 5)] * 3))
    bits = st.lists(st.booleans(), min_size=math.prod(shape), max_size=math.prod(shape))
    pair = [np.array(draw(bits)).reshape(shape) for _ in range(2)]
    for mask in pair:
        mask.ravel()[draw(st.integers(0, mask.size - 1))] = True
    return pair


@settings(max_examples=60, deadline=None)
@given(mask_pairs(), st.tuples(*[st.sampled_from([0.5, 1.0, 1.7, 4.0])] * 3), st.sampled_from([0.0, 1.0, 2.0, 5.0]))
def test_surface_scores_equal_brute_force_on_any_masks_and_spacings(pair, spacing, tolerance):
    nsd, hd95 = surface_scores(*pair, spacing, tolerance, diagonal_mm=99.0)
    slow_nsd, slow_hd95 = brute_scores(*pair, spacing, tolerance)
    assert nsd == pytest.approx(slow_nsd, abs=1e-9)
    assert hd95 == pytest.approx(slow_hd95, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(mask_pairs())
def test_dice_counts_voxels(pair):
    ours, theirs = ({tuple(index) for index in np.argwhere(mask)} for mask in pair)
    assert metrics.dice_score(*pair) == pytest.approx(2 * len(ours & theirs) / (len(ours) + len(theirs)))


@settings(max_examples=25, deadline=None)
@given(mask_pairs(), st.tuples(*[st.sampled_from([1.0, 2.5])] * 3))
def test_evaluating_cropped_masks_gives_what_the_whole_volume_gives(pair, spacing):
    """The crop to the structure's box must not change the surface, whatever the box's thickness."""
    ours, theirs = (np.pad(mask, ((2, 1), (0, 3), (1, 2))) for mask in pair)
    geometry = grid(size=ours.shape[::-1], spacing=spacing[::-1])
    row = evaluate(labels(ours, geometry), labels(theirs, geometry), tolerance_mm=1.0).structures[0]
    slow_nsd, slow_hd95 = brute_scores(ours, theirs, spacing, 1.0)
    assert (row.nsd, row.hd95_mm) == (pytest.approx(slow_nsd, abs=1e-9), pytest.approx(slow_hd95, abs=1e-6))


# Known on paper.


def test_equal_masks_score_one_one_and_zero():
    mask = labels(box((8, 10, 12), (2, 2, 2), (6, 7, 9)))
    row = evaluate(mask, mask).structures[0]
    assert (row.dice, row.nsd, row.hd95_mm, row.state) == (1.0, 1.0, 0.0, "both")


def test_a_box_shifted_along_one_axis_has_the_dice_and_hd95_of_the_shift_in_mm():
    first, second = box((20, 30, 30), (5, 5, 5), (15, 25, 15)), box((20, 30, 30), (5, 5, 8), (15, 25, 18))
    geometry = grid(size=(30, 30, 20), spacing=(0.8, 1.0, 2.5))
    row = evaluate(labels(first, geometry), labels(second, geometry), tolerance_mm=1.0).structures[0]
    assert row.dice == pytest.approx(0.7)
    assert row.hd95_mm == pytest.approx(3 * 0.8)
    assert row.predicted_ml == pytest.approx(10 * 20 * 10 * 0.8 * 1.0 * 2.5 / 1000)


def test_spacing_moves_distances_and_not_dice():
    first, second = box((9, 9, 40), (3, 3, 5), (6, 6, 25)), box((9, 9, 40), (3, 3, 5), (6, 6, 35))
    near = evaluate(labels(first), labels(second)).structures[0]
    wide = grid(size=(40, 9, 9), spacing=(3.0, 1.0, 1.0))
    far = evaluate(labels(first, wide), labels(second, wide)).structures[0]
    assert far.dice == near.dice
    assert far.hd95_mm > 2 * near.hd95_mm


@pytest.mark.parametrize("tolerance, expected", [(2.9, 0.0), (3.1, 1.0)])
def test_plates_three_mm_apart_agree_only_beyond_three_mm(tolerance, expected):
    """Two full slabs that differ by three voxels in thickness on both sides: every other element is 3 mm away."""
    first, second = np.ones((1, 1, 40), bool), np.ones((1, 1, 40), bool)
    first[..., :10], first[..., 30:] = False, False
    second[..., :7], second[..., 33:] = False, False
    assert surface_scores(first, second, (1, 1, 1), tolerance, 99)[0] == expected


def test_concentric_balls_are_their_radii_apart():
    spacing = (2.0, 1.0, 0.8)
    small, large = (ball(radius, spacing, (40, 70, 90), (40, 35, 36)) for radius in (24.0, 30.0))
    nsd_below, hd95 = surface_scores(small, large, spacing, 4.0, 999)
    nsd_above, _ = surface_scores(small, large, spacing, 7.5, 999)
    assert hd95 == pytest.approx(6.0, abs=1.0)
    assert nsd_below < 0.05
    assert nsd_above == 1.0


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.7), (5.0, 1.2, 1.2)])
def test_the_area_of_a_ball_is_close_to_four_pi_r_squared(spacing):
    shape = tuple(int(70 / mm) for mm in spacing)
    mask = ball(30.0, spacing, shape, [n * mm / 2 for n, mm in zip(shape, spacing, strict=True)])
    assert 1.0 <= surface(mask, spacing)[1].sum() / (4 * math.pi * 30**2) <= 1.2


def test_the_area_of_a_plane_through_the_volume_is_exact():
    _, area = surface(box((6, 7, 8), (0, 0, 0), (3, 7, 8)), (2.0, 3.0, 0.5))
    interior = area[np.isclose(area, 1.5)]
    assert interior.size >= 6 * 7
    assert area.max() < 1.5 + 12.0


def test_a_single_slice_is_measured_by_its_contours():
    """Otherwise the two flat sides, which always agree, would hide every error."""
    first, second = box((1, 40, 40), (0, 5, 5), (1, 15, 35)), box((1, 40, 40), (0, 25, 5), (1, 35, 35))
    geometry = grid(size=(40, 40, 1), spacing=(1, 1, 5))
    row = evaluate(labels(first, geometry), labels(second, geometry), tolerance_mm=2).structures[0]
    assert row.nsd == 0.0
    _, length = surface(first, (5, 1, 1))
    assert length.sum() == pytest.approx(2 * (10 + 30), rel=0.05)


def test_a_single_voxel_volume_can_be_compared():
    one = labels(np.ones((1, 1, 1)))
    assert evaluate(one, one).structures[0].dice == 1.0


def test_weighted_percentile_is_the_smallest_value_that_covers_the_share():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 90.0, 5.0])
    assert weighted_percentile(values, weights, 50) == 1.0
    assert weighted_percentile(values, weights, 95) == 2.0
    assert weighted_percentile(values, weights, 100) == 3.0


def test_a_few_outliers_do_not_move_hd95_and_more_than_five_percent_do():
    block = box((30, 30, 60), (5, 5, 5), (25, 25, 25))
    speck, island = block.copy(), block.copy()
    speck[15, 15, 55] = True
    island[10:20, 10:20, 45:55] = True
    assert surface_scores(block, speck, (1, 1, 1), 2, 99)[1] == 0.0
    assert surface_scores(block, island, (1, 1, 1), 2, 99)[1] > 15


def test_oblique_directions_and_origins_do_not_change_scores():
    first, second = box((8, 10, 12), (1, 2, 2), (6, 7, 9)), box((8, 10, 12), (2, 2, 3), (7, 8, 9))
    plain = grid(spacing=(0.7, 1.3, 4.0))
    turned = grid(spacing=(0.7, 1.3, 4.0), origin=(-30, 5, 99), direction=OBLIQUE)
    straight, oblique = (evaluate(labels(first, g), labels(second, g)).to_dict() for g in (plain, turned))
    assert straight == oblique


# Empty structures.


def test_absent_from_both_has_no_score_and_enters_no_mean():
    voxels = box((8, 10, 12), (2, 2, 2), (6, 7, 9)).astype(np.uint8)
    result = evaluate(labels(voxels), labels(voxels), values=[1, 2])
    absent = result.structures[1]
    assert math.isnan(absent.dice) and math.isnan(absent.nsd) and math.isnan(absent.hd95_mm)
    assert (absent.state, absent.predicted_ml, absent.reference_ml) == ("absent", 0.0, 0.0)
    assert (result.mean_dice, result.mean_nsd, result.mean_hd95_mm) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize("missed", [True, False])
def test_present_in_one_only_scores_zero_and_the_diagonal(missed):
    full, empty = labels(box((8, 10, 12), (2, 2, 2), (6, 7, 9))), labels(np.zeros((8, 10, 12)))
    row = evaluate(*((empty, full) if missed else (full, empty))).structures[0]
    assert (row.dice, row.nsd) == (0.0, 0.0)
    assert row.hd95_mm == pytest.approx(math.sqrt(8**2 + 10**2 + 12**2))
    assert row.state == ("missed" if missed else "extra")


def test_json_has_null_and_no_nan():
    empty = labels(np.zeros((8, 10, 12)))
    result = evaluate(empty, empty, values=[3])
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert json.loads(text)["structures"][0]["dice"] is None
    assert json.loads(text)["mean_dice"] is None
    assert result.by_value("nsd") == {"3": None}


# Which structures, and by which name.


def test_declared_structures_are_compared_even_where_nothing_is_labelled():
    full = labels(box((8, 10, 12), (2, 2, 2), (6, 7, 9)), structures=(Structure(1, "Liver", (1, 0, 0)),))
    with_two = labels(np.zeros((8, 10, 12)), structures=(Structure(2, "Spleen", (0, 1, 0)),))
    rows = evaluate(with_two, full).structures
    assert [(row.value, row.name, row.state) for row in rows] == [(1, "Liver", "missed"), (2, "Spleen", "absent")]


def test_a_given_name_wins_over_a_default_one():
    voxels = box((8, 10, 12), (2, 2, 2), (6, 7, 9))
    named = labels(voxels, structures=(Structure(1, "Liver", (1, 0, 0)),))
    unnamed = labels(voxels, structures=(Structure(1, "Structure 1", (0, 1, 0)),))
    assert evaluate(named, unnamed).structures[0].name == "Liver"
    assert evaluate(unnamed, named).structures[0].name == "Liver"


def test_only_the_asked_values_are_compared_in_order():
    voxels = np.zeros((8, 10, 12), np.uint8)
    voxels[:2], voxels[2:4], voxels[4:6] = 1, 2, 5
    assert [row.value for row in evaluate(labels(voxels), labels(voxels), values=[5, 1]).structures] == [1, 5]


# Refusals.


@pytest.mark.parametrize(
    "other, words",
    [
        (grid(size=(12, 10, 9)), "size 12 x 10 x 9 instead of 12 x 10 x 8 voxels"),
        (grid(spacing=(1, 1, 1.01)), "spacing 1 x 1 x 1.01 instead of 1 x 1 x 1 mm"),
        (grid(origin=(0, 3, 4)), "origin 5 mm away"),
        (grid(direction=(0, -1, 0, 1, 0, 0, 0, 0, 1)), "directions turned by up to 90 degrees"),
    ],
)
def test_grids_that_differ_in_just_one_thing_are_refused_by_its_name(other, words):
    here, there = labels(np.ones((8, 10, 12))), Labelmap(np.ones(other.size[::-1], np.uint8), other, ())
    with pytest.raises(GeometryError) as caught:
        evaluate(there, here)
    assert words in caught.value.message
    assert ";" not in caught.value.message
    assert "Resample" in caught.value.hint


def test_grids_equal_but_for_rounding_are_compared():
    near = grid(spacing=(1, 1, 1.000001), origin=(0, 0, 1e-5))
    voxels = np.ones((8, 10, 12), np.uint8)
    assert evaluate(Labelmap(voxels, near, ()), labels(voxels)).mean_dice == 1.0


@pytest.mark.parametrize("tolerance", [-1.0, math.nan, math.inf])
def test_a_tolerance_that_is_no_distance_is_refused(tolerance):
    full = labels(np.ones((2, 2, 2)))
    with pytest.raises(InputError, match="surface tolerance is"):
        evaluate(full, full, tolerance_mm=tolerance)


def test_nothing_to_compare_is_refused():
    empty = labels(np.zeros((2, 2, 2)))
    with pytest.raises(InputError, match="nothing to compare"):
        evaluate(empty, empty)


def test_the_background_is_no_structure():
    full = labels(np.ones((2, 2, 2)))
    with pytest.raises(InputError, match="Label value 0 cannot be compared"):
        evaluate(full, full, values=[0, 1])


def test_a_large_ct_with_thirteen_labels_takes_seconds():
    rng, voxels = np.random.default_rng(0), np.zeros((100, 512, 512), np.uint8)
    for value in range(1, 14):
        k, j, i = (int(rng.integers(0, n - w)) for n, w in zip(voxels.shape, (40, 140, 140), strict=True))
        voxels[k : k + 40, j : j + 140, i : i + 140][ball(60, (2.5, 0.8, 0.8), (40, 140, 140), (50, 56, 56))] = value
    geometry = grid(size=(512, 512, 100), spacing=(0.8, 0.8, 2.5))
    began = time.monotonic()
    result = evaluate(labels(np.roll(voxels, (1, 3, 2), (0, 1, 2)), geometry), labels(voxels, geometry))
    assert time.monotonic() - began < 20
    assert result.mean_dice > 0.9
