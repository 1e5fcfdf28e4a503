"""Which piece of a structure is kept."""

from __future__ import annotations

import numpy as np
import pytest

from SAMAdaptLib.inference.components import contact_fractions, is_single_component, keep_main_pieces


def scene() -> np.ndarray:
    """A heart of two touching parts (1 and 2), small; far off a larger mistake of part 1."""
    labels = np.zeros((4, 40, 40), np.uint8)
    labels[1:3, 10:16, 10:20] = 2
    labels[1:3, 16:20, 12:18] = 1
    labels[1:3, 30:39, 28:39] = 1
    return labels


def test_the_largest_piece_is_kept_where_nothing_touches() -> None:
    labels = scene()
    keep_main_pieces(labels, [1], {})
    assert (labels[1:3, 30:39, 28:39] == 1).all()
    assert not (labels[:, 16:20, 12:18] == 1).any()


def test_the_piece_beside_its_neighbour_wins_over_a_larger_mistake() -> None:
    heart, labels = scene(), scene()
    heart[:, 28:] = 0
    labels[:, 28:33] = 0
    assert (labels[:, 28:] == 1).sum() > 2 * (heart == 1).sum()
    keep_main_pieces(labels, [1, 2], contact_fractions(heart, [1, 2]))
    np.testing.assert_array_equal(labels, heart)


def test_the_enclosed_piece_wins_over_a_larger_one_that_is_only_leant_on() -> None:
    labels = np.zeros((3, 60, 60), np.uint8)
    labels[:, 5:25, 5:25] = 2
    labels[:, 8:22, 8:22] = 3
    labels[:, 25:28, 10:25] = 2
    labels[:, 28:50, 8:24] = 3
    assert (labels[:, 28:] == 3).sum() > (labels[:, :25] == 3).sum()
    before = labels.copy()
    keep_main_pieces(labels, [2, 3], {3: {2: 0.9}, 2: {3: 0.4}})
    np.testing.assert_array_equal(labels[:, :28], before[:, :28])
    assert not labels[:, 28:].any()
    keep_main_pieces(before, [2, 3], {})
    assert not (before[:, :25] == 3).any(), "without knowing of contact the larger one is kept"


def test_crumbs_beside_a_neighbour_do_not_displace_the_organ() -> None:
    labels = np.zeros((3, 40, 40), np.uint8)
    labels[:, 2:12, 2:30] = 2
    labels[1, 12, 5] = 1
    labels[:, 20:34, 5:15] = 1
    keep_main_pieces(labels, [1, 2], {1: {2: 0.3}, 2: {1: 0.1}})
    assert (labels[:, 20:34, 5:15] == 1).all()
    assert labels[1, 12, 5] == 0


def test_other_structures_are_left_alone() -> None:
    labels = scene()
    before = (labels == 2).copy()
    keep_main_pieces(labels, [1], {})
    np.testing.assert_array_equal(labels == 2, before)


def test_an_empty_structure_changes_nothing() -> None:
    labels = np.zeros((2, 5, 5), np.uint8)
    keep_main_pieces(labels, [1, 2], {1: {2: 0.3}})
    assert not labels.any()


def test_contact_is_found_from_both_sides_and_only_where_it_is() -> None:
    labels = scene()
    labels[1:3, 36:39, 2:5] = 7
    found = contact_fractions(labels, [1, 2, 7, 9])
    assert {value: sorted(others) for value, others in found.items()} == {1: [2], 2: [1], 7: [], 9: []}


def test_contact_is_the_share_of_the_voxels_beside_a_structure() -> None:
    labels = np.zeros((1, 12, 12), np.uint8)
    labels[0, 4:8, 4:8] = 1
    labels[0, 8, 4:8] = 2
    found = contact_fractions(labels, [1, 2])
    assert found == {1: {2: 4 / 16}, 2: {1: 4 / 10}}
    labels[0, 3:9, 3:9] = np.where(labels[0, 3:9, 3:9] == 1, 1, 2)
    assert contact_fractions(labels, [1, 2])[1] == {2: 1.0}, "enclosed, and corners do not count"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_which_piece_is_kept_does_not_depend_on_the_order_of_the_axes(axis: int) -> None:
    labels = scene()
    turned, expected = np.moveaxis(labels.copy(), 0, axis).copy(), {1: {2: 0.3}, 2: {1: 0.1}}
    keep_main_pieces(labels, [1, 2], expected)
    keep_main_pieces(turned, [1, 2], expected)
    np.testing.assert_array_equal(np.moveaxis(turned, axis, 0), labels)


def test_a_structure_that_fills_the_volume_has_no_surface_to_touch_with() -> None:
    labels = np.ones((3, 4, 5), np.uint8)
    assert contact_fractions(labels, [1, 2]) == {1: {}, 2: {}}


def test_a_thin_wall_that_breaks_off_in_the_last_slice_counts_as_single() -> None:
    wall = np.zeros((8, 30, 30), bool)
    wall[:7, 5:20, 5:20] = True
    wall[:7, 8:17, 8:17] = False
    wall[7, 23:27, 23:27] = wall[7, 24:27, 5:14] = True
    assert 0.95 < wall[:7].sum() / wall.sum() < 0.98
    assert is_single_component(wall)


def test_one_piece_with_crumbs_counts_as_single_and_two_halves_do_not() -> None:
    whole = np.zeros((3, 30, 30), bool)
    whole[:, 5:25, 5:25] = True
    whole[0, 0, 0] = True
    halves = np.zeros((3, 30, 30), bool)
    halves[:, 2:10, 2:10] = halves[:, 20:28, 20:28] = True
    assert is_single_component(whole)
    assert not is_single_component(halves)
    assert is_single_component(np.zeros((2, 2, 2), bool))
