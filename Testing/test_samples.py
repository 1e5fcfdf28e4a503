"""Which slices teach, how they are divided, and at which scale heads look."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import two_balls

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.features.sliced_volume import SlicedVolume, plane_for_volume, shared_canvas_side
from SAMAdaptLib.heads.parts import PlaneRule
from SAMAdaptLib.preprocessing.augmentation import IGNORED
from SAMAdaptLib.preprocessing.intensity import rule_for
from SAMAdaptLib.preprocessing.labels import class_indices
from SAMAdaptLib.preprocessing.slicing import SliceStack
from SAMAdaptLib.training.annotated_slices import (
    LabelledSlice,
    annotated_slices,
    close_scribbles,
    split_held_out,
    subsample_empty,
)
from SAMAdaptLib.training.config import METHOD
from SAMAdaptLib.training.samples import draw_samples, in_rounds, sampling_weights
from SAMAdaptLib.utils.sampling import evenly_spaced

VALUES = [2, 5]


def slices_of(geometry: Geometry | None = None, only_annotated: bool = False) -> list[LabelledSlice]:
    case = two_balls(geometry)
    sliced = SlicedVolume(case.volume, "auto", rule_for(case.volume))
    return annotated_slices(sliced, case.labelmap.voxels, VALUES, only_annotated, None)


def stack(side: int, spacing: float) -> SliceStack:
    return SliceStack(Geometry((side, side // 2, 3), (spacing, spacing, 10.0)))


def test_label_values_become_class_indices_and_the_ignored_one_255() -> None:
    labels = np.array([[0, 2, 5, 9, 4]], np.uint8)
    np.testing.assert_array_equal(class_indices(labels, VALUES, 4), [[0, 1, 2, 0, IGNORED]])


def test_what_is_far_from_all_scribbles_is_background_and_what_is_near_stays_unknown() -> None:
    classes = np.full((40, 60), IGNORED, np.uint8)
    classes[20, 20:28] = 1
    classes[16, 16:32] = 0
    closed = close_scribbles(classes)
    assert closed[20, 20] == 1 and closed[16, 16] == 0
    assert closed[18, 24] == IGNORED and closed[15, 12] == IGNORED and closed[21, 35] == IGNORED
    assert (closed[:15] == 0).all() and (closed[22:] == 0).all()
    assert (closed[:, :12] == 0).all() and (closed[:, 36:] == 0).all()


@pytest.mark.parametrize("background", [False, True])
def test_slices_without_drawn_background_or_without_gaps_stay_as_they_are(background: bool) -> None:
    classes = np.full((10, 10), 0 if background else IGNORED, np.uint8)
    classes[4:6, 4:6] = 1
    assert np.array_equal(close_scribbles(classes), classes)


def test_more_structures_than_a_head_holds_are_refused() -> None:
    with pytest.raises(InputError, match="300 structures were asked for; a head holds at most 254"):
        class_indices(np.zeros((2, 2), np.uint16), range(1, 301), None)


def test_empty_slices_are_background_unless_only_annotated_ones_count() -> None:
    assert len(slices_of()) == 8
    drawn = slices_of(only_annotated=True)
    assert 0 < len(drawn) < 8
    assert all(item.present for item in drawn)


def test_held_out_slices_are_not_trained_on_and_show_structures() -> None:
    slices = slices_of(Geometry((40, 36, 30), (1.0, 1.1, 3.0)))
    training, held_out = split_held_out(slices, METHOD.held_out_share, METHOD.least_to_hold_out)
    assert len(training) + len(held_out) == len(slices)
    assert held_out
    assert all(item.present for item in held_out)
    assert not {id(item) for item in training} & {id(item) for item in held_out}


def test_a_case_with_few_annotated_slices_keeps_them_all_for_training() -> None:
    few = slices_of(only_annotated=True)[:4]
    assert split_held_out(few, METHOD.held_out_share, METHOD.least_to_hold_out) == (few, [])


def test_empty_slices_stay_a_minority() -> None:
    slices = slices_of(Geometry((40, 36, 60), (1.0, 1.1, 3.0)))
    kept = subsample_empty(slices)
    empty = sum(not item.present for item in kept)
    assert sum(bool(item.present) for item in kept) == sum(bool(item.present) for item in slices)
    assert 0 < empty <= len(kept) * 0.3


def test_spreading_keeps_the_order_and_the_count() -> None:
    assert evenly_spaced(range(10), 3) == [1, 5, 8]
    assert evenly_spaced(range(3), 10) == [0, 1, 2]


def test_more_views_keep_the_earlier_ones_so_that_they_are_not_encoded_again() -> None:
    slices = slices_of()[:2]
    few = {sample.view.key for sample in draw_samples(slices, 3, None, seed=1)}
    many = {sample.view.key for sample in draw_samples(slices, 6, None, seed=1)}
    assert len(few) == 6
    assert few < many
    as_they_are = {sample.view.key for sample in draw_samples(slices, 1, None, seed=1)}
    assert few & {sample.view.key for sample in draw_samples(slices, 3, None, seed=2)} == as_they_are


def test_every_slice_is_seen_once_before_any_is_seen_again() -> None:
    slices = slices_of()
    often, seldom = draw_samples(slices[:2], 3, None, seed=0), draw_samples(slices[2:3], 2, None, seed=0)
    rounds = ([often[0], often[3], seldom[0]], [often[1], often[4], seldom[1]], [often[2], often[5]])
    found = in_rounds([*often, *seldom])
    assert [[sample.view for sample in each] for each in found] == [[s.view for s in each] for each in rounds]
    assert in_rounds([]) == []


def test_a_structure_on_few_slices_is_drawn_as_often_as_one_on_many() -> None:
    content = slices_of()[0].content
    shape = content.picture.shape

    def showing(value: int) -> LabelledSlice:
        return LabelledSlice(content, np.full(shape, value, np.uint8))

    common, rare, empty = [showing(1)] * 9, [showing(2)], [showing(0)] * 2
    weights = sampling_weights(draw_samples([*common, *rare, *empty], 1, None, seed=0))
    assert weights.sum() == pytest.approx(1)
    assert weights[:9].sum() == pytest.approx(weights[9], rel=0.5)
    assert weights[10] < weights[0]


def test_the_canvas_side_holds_every_slice_and_is_shared_by_similar_volumes() -> None:
    sides = [shared_canvas_side([stack(256, spacing)]) for spacing in (1.32, 1.37, 1.45, 1.5625)]
    assert sides == [pytest.approx(400.0)] * 4
    assert shared_canvas_side([stack(256, 1.3), stack(256, 1.7)]) >= 256 * 1.7


@pytest.mark.parametrize("mm", [1e-3, 0.3, 7.0, 99.9, 400.0, 1234.5])
def test_no_canvas_is_much_larger_than_needed(mm: float) -> None:
    side = shared_canvas_side([SliceStack(Geometry((10, 10, 1), (mm / 10, mm / 10, 1.0)))])
    assert mm * (1 - 1e-6) <= side <= mm * 1.2


def test_a_small_slice_lies_in_the_middle_of_a_large_canvas_at_true_scale() -> None:
    volume = Volume(
        np.random.default_rng(0).normal(size=(2, 30, 20)).astype(np.float32), Geometry((20, 30, 2), (1, 1, 4))
    )
    sliced = SlicedVolume(volume, "axial", rule_for(volume), side_mm=60.0)
    assert sliced.frame.side_mm == 60.0
    assert (sliced.frame.top_mm, sliced.frame.left_mm) == (-15.0, -20.0)


def test_a_head_of_the_acquisition_plane_follows_each_volumes_own() -> None:
    rule = PlaneRule(name="axial", acquisition=True)
    sagittal = Volume(
        np.random.default_rng(0).normal(size=(20, 20, 4)).astype(np.float32), Geometry((4, 20, 20), (5, 1, 1))
    )
    cube = Volume(np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32), Geometry((9, 9, 9)))
    assert SliceStack(sagittal, plane_for_volume(rule, sagittal)).plane == "sagittal"
    assert plane_for_volume(rule, cube) == "axial"
    assert plane_for_volume(PlaneRule(name="coronal", acquisition=False), sagittal) == "coronal"
