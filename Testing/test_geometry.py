"""Grids: what they refuse, and that each conversion has its inverse."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import geometries, oblique_grid, turned
from hypothesis import given
from hypothesis import strategies as st

from SAMAdaptLib.data.geometry import Geometry, nearest_letter
from SAMAdaptLib.errors import GeometryError


@given(geometries(), st.tuples(*[st.floats(-10, 10)] * 3))
def test_lps_to_ijk_undoes_ijk_to_lps(grid, point):
    np.testing.assert_allclose(grid.lps_to_ijk(grid.ijk_to_lps(point)), point, atol=1e-6 + 1e-9 / min(grid.spacing))


@given(geometries())
def test_points_go_where_simpleitk_puts_them(grid):
    image = grid.onto_sitk(sitk.Image(grid.size, sitk.sitkUInt8))
    last = tuple(size - 1 for size in grid.size)
    expected = image.TransformIndexToPhysicalPoint(last)
    np.testing.assert_allclose(grid.ijk_to_lps(last), expected, atol=1e-6)


@given(geometries())
def test_the_matrix_and_the_ras_matrix_give_the_grid_back(grid):
    tolerance = 1e-6
    assert Geometry.from_matrix(grid.size, grid.matrix).same_grid(grid, tolerance)
    assert Geometry.from_ras_matrix(grid.size, grid.ras_matrix).same_grid(grid, tolerance)


@given(geometries())
def test_json_gives_an_equal_grid_with_an_equal_hash(grid):
    again = Geometry.from_dict(json.loads(json.dumps(grid.to_dict())))
    assert again == grid
    assert hash(again) == hash(grid)


@given(geometries())
def test_a_simpleitk_image_gives_an_equal_grid(grid):
    assert Geometry.from_sitk(grid.onto_sitk(sitk.Image(grid.size, sitk.sitkUInt8))) == grid


def test_the_ras_matrix_negates_the_first_two_axes_of_lps():
    grid = Geometry((2, 3, 4), (1, 2, 3), (10, 20, 30))
    np.testing.assert_array_equal(grid.ras_matrix, [[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]])


def test_the_array_shape_is_the_size_reversed():
    assert Geometry((2, 3, 4)).shape == (4, 3, 2)


def test_a_voxel_of_ten_by_ten_by_ten_mm_is_one_millilitre():
    assert Geometry((1, 1, 1), (10, 10, 10)).voxel_ml == pytest.approx(1.0)


def test_the_repr_tells_size_spacing_and_axes():
    grid = Geometry((160, 192, 224), (1, 1, 2.5), direction=np.array([[1, 0, 0], [0, 0, -1], [0, -1, 0]]))
    assert repr(grid) == "Geometry(160 x 192 x 224 voxels, 1 x 1 x 2.5 mm, axes LIA, origin 0, 0, 0)"


def test_each_patient_direction_has_its_letter():
    directions = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    assert "".join(nearest_letter(direction) for direction in directions) == "LRPASI"


def test_a_grid_cannot_be_changed():
    grid = oblique_grid()
    with pytest.raises(FrozenInstanceError):
        grid.spacing = (1, 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        grid.direction[0, 0] = 2


def test_a_grid_does_not_follow_the_array_it_was_made_from():
    direction = np.eye(3)
    grid = Geometry((2, 2, 2), direction=direction)
    direction[0, 0] = -1
    assert grid.direction[0, 0] == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": (2, 0, 2)}, "at least 1; it is 2 x 0 x 2"),
        ({"size": (2, 2.5, 2)}, "whole numbers"),
        ({"size": (2, 2)}, "size must be three finite numbers"),
        ({"spacing": (1, 1, 0)}, "between 0.0001 and 10000 mm; it is 1 x 1 x 0"),
        ({"spacing": (1, 1, -1)}, "it is 1 x 1 x -1"),
        ({"spacing": (1, 1, 2e4)}, "it is 1 x 1 x 20000"),
        ({"spacing": (1, 1, np.nan)}, "spacing must be three finite numbers"),
        ({"origin": (0, 0, np.inf)}, "origin must be three finite numbers"),
        ({"direction": np.eye(2)}, "finite 3x3 matrix"),
        ({"direction": np.full((3, 3), np.nan)}, "finite 3x3 matrix"),
        ({"direction": np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1.0]])}, "right angles and of unit length.*0.1"),
        ({"direction": np.diag([1, 1, 2.0])}, "off by 3"),
    ],
)
def test_what_is_no_grid_is_refused_with_the_value_found(changed, message):
    with pytest.raises(GeometryError, match=message):
        replace(Geometry((2, 2, 2)), **changed)


def test_a_sheared_matrix_is_refused():
    matrix = np.eye(4)
    matrix[0, 2] = 0.3
    with pytest.raises(GeometryError, match="right angles"):
        Geometry.from_matrix((2, 2, 2), matrix)


@pytest.mark.parametrize("matrix", [np.eye(3), np.full((4, 4), np.nan)])
def test_a_matrix_that_is_not_4x4_and_finite_is_refused(matrix):
    with pytest.raises(GeometryError, match="must be 4x4 and finite"):
        Geometry.from_matrix((2, 2, 2), matrix)


def test_a_matrix_with_a_zero_column_is_refused():
    with pytest.raises(GeometryError, match="it is 1 x 1 x 0"):
        Geometry.from_matrix((2, 2, 2), np.diag([1.0, 1, 0, 1]))


def test_a_document_without_a_key_is_refused_by_its_name():
    with pytest.raises(GeometryError, match="'origin' is missing"):
        Geometry.from_dict({"size": [1, 1, 1], "spacing": [1, 1, 1]})


OTHERS = [
    ({"size": (7, 5, 5)}, "size 7 x 5 x 5 instead of 7 x 5 x 4 voxels"),
    ({"spacing": (0.5, 0.7, 3.2)}, "spacing 0.5 x 0.7 x 3.2 instead of 0.5 x 0.7 x 3.1 mm"),
    ({"origin": (10.0, -20.0, 3.5)}, "origin 0.5 mm away"),
    ({"direction": turned((20, 25, 37), (2, 0, 1), (1, -1, 1))}, "directions turned by up to 1.9 degrees"),
]


@pytest.mark.parametrize(("changed", "difference"), OTHERS)
def test_grids_that_differ_in_one_property_differ_and_say_in_which(changed, difference):
    grid = oblique_grid()
    other = replace(grid, **changed)
    assert not grid.same_grid(other)
    assert not other.same_grid(grid)
    assert grid != other
    assert grid.difference(other).startswith(difference)
    assert ";" not in grid.difference(other)


@pytest.mark.parametrize("changed", [{"spacing": (1, 1, 2)}, {"direction": np.diag([1, 1, -1.0])}])
def test_grids_of_one_voxel_differ_in_spacing_and_direction_too(changed):
    grid = Geometry((1, 1, 1))
    assert not grid.same_grid(replace(grid, **changed))


def test_grids_that_differ_by_rounding_are_the_same():
    grid = oblique_grid()
    rounded = replace(grid, spacing=(0.5001, 0.7, 3.1), origin=(10.001, -20, 3))
    assert grid.same_grid(rounded)
    assert grid.same_grid(grid)
    assert grid.difference(grid) == "nothing"


def test_the_tolerance_is_a_part_of_the_finest_voxel():
    grid = Geometry((4, 4, 4), (0.1, 5, 5))
    moved = replace(grid, origin=(0, 0, 0.01))
    assert not grid.same_grid(moved)
    assert grid.same_grid(moved, tolerance=0.2)


@given(geometries(), st.tuples(*[st.integers(-3, 3)] * 3))
def test_a_part_of_a_grid_is_found_by_its_whole_offset(grid, offset):
    part = replace(grid, size=(2, 1, 3), origin=tuple(grid.ijk_to_lps(offset)))
    assert grid.offset_of(part) == offset


def test_a_grid_between_the_voxels_of_another_has_no_offset_in_it():
    grid = oblique_grid()
    assert grid.offset_of(replace(grid, origin=tuple(grid.ijk_to_lps((0.5, 0, 0))))) is None
    assert grid.offset_of(replace(grid, spacing=(0.6, 0.7, 3.1))) is None
