"""Planes, slices in display orientation, frames, and the exact way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from geometries import blobs, geometries, numbered, oblique_grid, turned
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import ndimage

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap, Volume, read_volume
from SAMAdaptLib.data.planes import PLANE_CHOICES
from SAMAdaptLib.errors import GeometryError, InputError
from SAMAdaptLib.preprocessing.slicing import (
    DISPLAY,
    CanvasGeometry,
    SliceStack,
    composed,
    inverted,
    patient_axes,
    render,
    resolve_plane,
    unrender,
)

LPS_OF = {"L": (1, 0, 0), "P": (0, 1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
NAMED_PLANE_CHOICES = PLANE_CHOICES[1:]

# --- planes ----------------------------------------------------------------------------------------------------------


def test_auto_takes_the_plane_of_best_resolution():
    choice = resolve_plane(Geometry((9, 9, 9), (1, 4, 1)))
    assert (choice.axis, choice.name, choice.acquisition) == (1, "coronal", True)


def test_auto_is_axial_on_about_isotropic_grids_whatever_the_storage_order():
    lia = np.array([[1, 0, 0], [0, 0, -1], [0, -1, 0]])
    choice = resolve_plane(Geometry((9, 9, 9), (1, 1.1, 1.15), direction=lia))
    assert (choice.axis, choice.name, choice.acquisition) == (1, "axial", False)


def test_auto_prefers_axial_among_two_equally_coarse_axes():
    assert resolve_plane(Geometry((9, 9, 9), (5, 1, 5))).name == "axial"
    assert resolve_plane(Geometry((9, 9, 9), (5, 5, 1))).name == "coronal"


def test_auto_reads_a_single_slice_in_its_own_plane():
    choice = resolve_plane(Geometry((9, 1, 9), (3, 1, 1)))
    assert (choice.axis, choice.name) == (1, "coronal")


def test_an_unknown_plane_is_refused():
    with pytest.raises(InputError, match="plane 'oblique' is unknown; it must be one of auto, axial"):
        resolve_plane(Geometry((2, 2, 2)), "oblique")


@given(geometries(), st.sampled_from(NAMED_PLANE_CHOICES))
def test_anatomical_planes_take_each_storage_axis_once(grid, plane):
    assert {resolve_plane(grid, name).axis for name in NAMED_PLANE_CHOICES} == {0, 1, 2}
    assert resolve_plane(grid, plane).name == plane


@given(geometries(largest_angle=20))
def test_on_slightly_turned_grids_each_axis_is_the_patient_axis_it_points_along(grid):
    closest = np.abs(grid.direction).argmax(axis=0)
    assume(sorted(closest) == [0, 1, 2])
    assert patient_axes(grid) == tuple(closest)


def test_a_steeply_oblique_grid_still_gets_three_different_axes():
    grid = Geometry((9, 9, 9), direction=turned((45, 40, 45)))
    assert sorted(patient_axes(grid)) == [0, 1, 2]


# --- slices ----------------------------------------------------------------------------------------------------------


@given(geometries(largest_angle=30), st.sampled_from(NAMED_PLANE_CHOICES))
def test_slices_rows_and_columns_run_the_way_the_display_convention_says(grid, plane):
    stack = SliceStack(grid, plane)
    positions = np.stack([stack.oriented(axis) for axis in position_arrays(grid)], axis=-1)
    for axis, letter in enumerate(DISPLAY[plane]):
        if positions.shape[axis] > 1:
            step = np.take(positions, 1, axis)[0, 0] - np.take(positions, 0, axis)[0, 0]
            assert np.dot(step, LPS_OF[letter]) > 0


def position_arrays(grid: Geometry) -> list[np.ndarray]:
    """The L, P and S positions of all voxels, each (k, j, i)."""
    k, j, i = np.indices(grid.shape)
    return list(np.moveaxis(grid.ijk_to_lps(np.stack([i, j, k], axis=-1)), -1, 0))


@given(geometries(), st.sampled_from(PLANE_CHOICES))
def test_shape_and_spacing_are_those_of_the_displayed_axes(grid, plane):
    stack = SliceStack(grid, plane)
    oriented = stack.oriented(numbered(grid))
    assert oriented.shape == (len(stack), *stack.shape)
    positions = np.stack([stack.oriented(axis) for axis in position_arrays(grid)], axis=-1)
    for axis, spacing in enumerate((stack.thickness_mm, *stack.spacing)):
        steps = np.linalg.norm(np.diff(positions, axis=axis), axis=-1)
        np.testing.assert_allclose(steps, spacing, rtol=1e-6, atol=1e-9)


@given(geometries(), st.sampled_from(PLANE_CHOICES))
def test_putting_back_each_slice_restores_the_array(grid, plane):
    stack, array = SliceStack(grid, plane), numbered(grid)
    copy = np.zeros_like(array)
    for n in range(len(stack)):
        stack.put(copy, n, stack.slice(array, n).copy())
    np.testing.assert_array_equal(copy, array)


@given(geometries(), st.sampled_from(PLANE_CHOICES))
def test_stored_undoes_oriented(grid, plane):
    stack, array = SliceStack(grid, plane), numbered(grid)
    np.testing.assert_array_equal(stack.stored(stack.oriented(array)), array)
    assert stack.stored(np.ascontiguousarray(stack.oriented(array))).shape == grid.shape


def test_a_slice_is_a_view_and_no_copy():
    array = numbered(oblique_grid())
    assert np.shares_memory(SliceStack(oblique_grid(), "sagittal").slice(array, 0), array)


def test_labels_and_images_are_sliced_alike():
    grid = oblique_grid()
    volume, labelmap = Volume(numbered(grid), grid), Labelmap(numbered(grid), grid)
    for plane in NAMED_PLANE_CHOICES:
        of_volume, of_labels = SliceStack(volume, plane), SliceStack(labelmap, plane)
        np.testing.assert_array_equal(of_volume.slice(volume.voxels, 1), of_labels.slice(labelmap.voxels, 1))


def test_arrays_of_another_grid_are_refused():
    stack = SliceStack(Geometry((4, 3, 2)), "axial")
    with pytest.raises(GeometryError, match=r"shape \(4, 3, 2\) is not on this grid; \(2, 3, 4\)"):
        stack.slice(np.zeros((4, 3, 2)), 0)
    with pytest.raises(GeometryError, match=r"Slice 0 has the shape \(3, 4\) \(rows, cols\); the values have \(4, 3\)"):
        stack.put(np.zeros((2, 3, 4)), 0, np.zeros((4, 3)))
    with pytest.raises(GeometryError, match=r"shape \(3, 2, 4\) do not make up this stack; \(2, 3, 4\)"):
        stack.stored(np.zeros((3, 2, 4)))


@pytest.mark.parametrize("n", [-1, 2])
def test_slices_that_do_not_exist_are_refused(n):
    stack = SliceStack(Geometry((4, 3, 2)), "axial")
    with pytest.raises(InputError, match=f"Slice {n} does not exist; this axial stack has slices 0 to 1"):
        stack.slice(np.zeros((2, 3, 4)), n)


@given(geometries(), st.sampled_from(PLANE_CHOICES), st.data())
def test_bounds_in_the_display_cover_the_same_voxels(grid, plane, data):
    bounds = []
    for size in grid.size:
        first = data.draw(st.integers(0, size - 1))
        bounds.append((first, data.draw(st.integers(first + 1, size))))
    stack = SliceStack(grid, plane)
    (i0, i1), (j0, j1), (k0, k1) = bounds
    inside = np.zeros(grid.shape, bool)
    inside[k0:k1, j0:j1, i0:i1] = True
    shown = np.zeros((len(stack), *stack.shape), bool)
    slices, rows, cols = stack.display_bounds(bounds)
    shown[slices.start : slices.stop, rows.start : rows.stop, cols.start : cols.stop] = True
    np.testing.assert_array_equal(stack.oriented(inside), shown)
    assert stack.ijk_bounds(slices, rows, cols) == tuple(bounds)
    assert stack.slices_in(bounds) == slices


def test_bounds_beyond_the_grid_are_cut():
    stack = SliceStack(Geometry((4, 3, 2)), "axial")
    assert stack.display_bounds(((-5, 99), (1, 99), (7, 9))) == (range(2, 2), range(1, 3), range(4))


# --- frames ----------------------------------------------------------------------------------------------------------


def frames() -> st.SearchStrategy[CanvasGeometry]:
    """Frames over slices of any scale whose pixels are at most four times as long as wide."""

    @st.composite
    def draw_frame(draw):
        shape = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
        scale = 10.0 ** draw(st.floats(-3, 3))
        spacing = (scale, scale * draw(st.floats(0.25, 4)))
        side = max(count * mm for count, mm in zip(shape, spacing, strict=True))
        return CanvasGeometry(shape, spacing, 0.0, 0.0, side)

    return draw_frame()


def test_the_frame_of_a_stack_shows_the_slice_at_the_top_left():
    stack = SliceStack(Geometry((10, 20, 3), (2, 0.5, 5)), "axial")
    assert CanvasGeometry.of(stack) == CanvasGeometry((20, 10), (0.5, 2), 0.0, 0.0, 20.0)


def test_the_first_canvas_pixel_and_the_first_slice_pixel_share_their_outer_edge():
    affine = CanvasGeometry((4, 4), (1, 1), 0, 0, 4).canvas_to_slice(8)
    np.testing.assert_allclose(affine @ [-0.5, -0.5, 1], [-0.5, -0.5])
    np.testing.assert_allclose(affine @ [7.5, 7.5, 1], [3.5, 3.5])


@given(frames(), st.integers(1, 64), st.floats(0.1, 3), st.floats(-1, 1), st.floats(-1, 1))
def test_slice_to_canvas_undoes_canvas_to_slice(frame, size, zoom, top, left):
    window = frame.window(top * frame.side_mm, left * frame.side_mm, zoom * frame.side_mm)
    back = composed(window.slice_to_canvas(size), window.canvas_to_slice(size))
    np.testing.assert_allclose(back, [[1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_inverted_and_composed_hold_for_turned_maps():
    affine = np.array([[0.5, -0.8, 3], [0.9, 0.4, -2]])
    np.testing.assert_allclose(composed(affine, inverted(affine)), [[1, 0, 0], [0, 1, 0]], atol=1e-12)


@pytest.mark.parametrize("side", [0, -1, np.inf, np.nan])
def test_a_frame_without_a_side_is_refused(side):
    with pytest.raises(GeometryError, match="finite side above 0 mm; it has corner"):
        CanvasGeometry((4, 4), (1, 1), 0, 0, side)


# --- there and back --------------------------------------------------------------------------------------------------


def within_one_voxel(found: np.ndarray, wanted: np.ndarray) -> bool:
    """True when no voxel of ``found`` differs but those that touch the border of ``wanted``."""
    square = np.ones((3, 3))
    grown = ndimage.binary_dilation(wanted, square)
    core = ndimage.binary_erosion(wanted, square, border_value=1)
    return bool((found <= grown).all() and (found >= core).all())


@given(frames(), st.integers(0, 1000), st.sampled_from((64, 128)))
def test_a_thresholded_canvas_comes_back_within_one_voxel(frame, seed, size):
    picture = blobs(frame.shape, seed)
    canvas = render(picture, frame.canvas_to_slice(size), size, cval=-1)
    back = unrender((canvas > 0).astype(np.float32)[None], frame)[0] > 0.5
    assert back.shape == frame.shape
    assert within_one_voxel(back, picture > 0)


@given(geometries(largest_size=12), st.sampled_from(NAMED_PLANE_CHOICES), st.integers(0, 1000))
def test_a_head_that_copies_a_threshold_reproduces_it_on_the_volumes_own_grid(grid, plane, seed):
    stack = SliceStack(grid, plane)
    row_mm, col_mm = stack.spacing
    assume(0.2 < row_mm / col_mm < 5)
    noise = np.random.default_rng(seed).normal(size=grid.shape)
    voxels = ndimage.gaussian_filter(noise, 1.5).astype(np.float32)
    result, frame = np.zeros(grid.shape, np.uint8), CanvasGeometry.of(stack)
    for n in range(len(stack)):
        canvas = render(stack.slice(voxels, n), frame.canvas_to_slice(128), 128)
        stack.put(result, n, unrender((canvas > 0).astype(np.float32)[None], frame)[0] > 0.5)
    labelmap = Labelmap(result, grid)
    assert labelmap.geometry == grid
    wanted = voxels > 0
    cube = np.ones((3, 3, 3))
    assert (labelmap.voxels <= ndimage.binary_dilation(wanted, cube)).all()
    assert (labelmap.voxels >= ndimage.binary_erosion(wanted, cube, border_value=1)).all()


def test_labels_survive_a_finer_canvas_exactly():
    labels = np.random.default_rng(0).integers(0, 5, (13, 7)).astype(np.float32)
    frame = CanvasGeometry((13, 7), (0.8, 1.1), 0, 0, 13 * 0.8)
    canvas = render(labels, frame.canvas_to_slice(64), 64, order=0, cval=0)
    np.testing.assert_array_equal(unrender(canvas, frame, order=0), labels)


def test_linear_ramps_survive_rendering_and_coming_back():
    rows, cols = np.indices((12, 9)).astype(np.float32)
    frame = CanvasGeometry((12, 9), (1.5, 1), 0, 0, 18)
    canvas = np.stack([render(ramp, frame.canvas_to_slice(256), 256, cval=0) for ramp in (rows, cols)])
    back = unrender(canvas, frame)
    np.testing.assert_allclose(back[0][1:-1, 1:-1], rows[1:-1, 1:-1], atol=1e-4)
    np.testing.assert_allclose(back[1][1:-1, 1:-1], cols[1:-1, 1:-1], atol=1e-4)


def test_a_canvas_of_another_size_lands_on_the_same_pixels():
    frame = CanvasGeometry((40, 30), (1, 1), 0, 0, 40)
    picture = blobs(frame.shape, 3)
    large = render(picture, frame.canvas_to_slice(160), 160, cval=0)
    small = large.reshape(80, 2, 80, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(unrender(small, frame), unrender(large, frame), atol=0.02)


def test_the_padding_of_the_canvas_is_nan_and_begins_at_the_slices_edge():
    frame = CanvasGeometry((4, 2), (1, 1), 0, 0, 4)
    canvas = render(np.ones((4, 2), np.float32), frame.canvas_to_slice(8), 8)
    assert np.isfinite(canvas[:, :4]).all()
    assert np.isnan(canvas[:, 4:]).all()


def test_the_canvas_knows_which_of_its_pixels_show_the_slice():
    frame = CanvasGeometry((4, 2), (1, 1), 0, 0, 4)
    assert frame.content(8) == (range(8), range(4))
    assert frame.window(2, -2, 4).content(8) == (range(4), range(4, 8))
    assert frame.window(90, 0, 4).content(8) == (range(0), range(4))


@given(frames(), st.sampled_from((5, 64)), st.floats(-0.5, 0.5), st.floats(0.5, 1.5))
def test_the_padding_never_bleeds_into_the_slice(frame, size, corner, zoom):
    frame = frame.window(corner * frame.side_mm, corner * frame.side_mm, zoom * frame.side_mm)
    canvas = render(np.ones(frame.shape, np.float32), frame.canvas_to_slice(size), size)
    assume(np.isfinite(canvas).any())
    back = unrender(canvas, frame, fill=1)
    np.testing.assert_array_equal(back, np.ones(frame.shape))


def test_a_window_that_sticks_out_is_padded_on_the_way_there_and_filled_on_the_way_back():
    frame = CanvasGeometry((4, 4), (1, 1), 0, 0, 4).window(2, -2, 4)
    canvas = render(np.ones((4, 4), np.float32), frame.canvas_to_slice(8), 8)
    assert np.isfinite(canvas[:4, 4:]).all()
    assert np.isnan(canvas[4:]).all()
    assert np.isnan(canvas[:, :4]).all()
    back = unrender(np.ones((1, 8, 8), np.float32), frame, fill=-1)
    expected = np.full((1, 4, 4), -1.0)
    expected[:, 2:, :2] = 1
    np.testing.assert_array_equal(back, expected)


# --- turned windows ---------------------------------------------------------------------------------------------------


@given(frames(), st.integers(1, 64), st.floats(-180, 180), st.floats(0.1, 3))
def test_a_turned_window_keeps_its_middle_and_its_way_back(frame, size, degrees, zoom):
    frame = frame.window(0.1 * frame.side_mm, -0.2 * frame.side_mm, zoom * frame.side_mm)
    turned_frame = frame.turned(degrees)
    middle = [(size - 1) / 2, (size - 1) / 2, 1]
    scale = max(frame.shape) + abs(frame.canvas_to_slice(size)).max() * size
    np.testing.assert_allclose(
        turned_frame.canvas_to_slice(size) @ middle, frame.canvas_to_slice(size) @ middle, atol=1e-9 * scale
    )
    there_and_back = composed(turned_frame.slice_to_canvas(size), turned_frame.canvas_to_slice(size))
    np.testing.assert_allclose(there_and_back, np.eye(3)[:2], atol=1e-6)
    assert turned_frame.turned(-degrees).turn == pytest.approx(0)


@given(frames(), st.sampled_from((5, 64)), st.floats(-180, 180), st.floats(-0.5, 0.5), st.floats(0.5, 1.5))
def test_a_turned_canvas_knows_which_of_its_pixels_show_the_slice(frame, size, degrees, corner, zoom):
    frame = frame.window(corner * frame.side_mm, corner * frame.side_mm, zoom * frame.side_mm).turned(degrees)
    canvas = render(np.ones(frame.shape, np.float32), frame.canvas_to_slice(size), size)
    assert (np.isfinite(canvas) != frame.shows(size)).mean() <= 2 / size  # at most where edges meet pixels' middles


@given(frames(), st.sampled_from((5, 64)), st.floats(-0.5, 0.5), st.floats(0.5, 1.5))
def test_rows_and_columns_tell_slice_from_padding_in_a_window_that_is_not_turned(frame, size, corner, zoom):
    frame = frame.window(corner * frame.side_mm, corner * frame.side_mm, zoom * frame.side_mm)
    rows, columns = frame.content(size)
    shown = np.zeros((size, size), bool)
    shown[rows.start : rows.stop, columns.start : columns.stop] = True
    np.testing.assert_array_equal(frame.shows(size), shown)


@given(st.floats(-180, 180), st.integers(0, 1000), st.floats(0.5, 2))
def test_a_slice_comes_back_upright_from_a_turned_window(degrees, seed, row_mm):
    frame = CanvasGeometry((40, 30), (row_mm, 1.0), 20 * row_mm - 50, -35, 100).turned(degrees)
    picture = blobs((40, 30), seed)
    canvas = render(picture, frame.canvas_to_slice(512), 512, cval=0)
    back = unrender(canvas, frame)
    assert np.abs(back - picture)[2:-2, 2:-2].max() < 0.1 * np.abs(picture).max()


def test_a_quarter_turn_shows_rows_as_columns():
    picture = np.arange(16, dtype=np.float32).reshape(4, 4)
    frame = CanvasGeometry((4, 4), (1, 1), 0, 0, 4)
    seen = render(picture, frame.turned(90).canvas_to_slice(4), 4, order=0)
    np.testing.assert_array_equal(seen, np.rot90(picture, -1))


# --- real volumes ----------------------------------------------------------------------------------------------------


def test_real_short_axis_hearts_show_what_is_superior_at_the_top(shared_data):
    for case in ("bssfp_01", "bssfp_04"):
        stack = SliceStack(read_volume(shared_data / "mscmr_bssfp" / "images" / f"{case}.nii.gz"))
        superior = stack.slice(position_arrays(stack.geometry)[2], len(stack) // 2)
        left = stack.slice(position_arrays(stack.geometry)[0], len(stack) // 2)
        assert stack.choice.acquisition
        assert superior[0, 0] > superior[-1, 0]
        assert left[0, 0] < left[0, -1]


def test_a_real_brain_stored_as_lia_is_shown_from_feet_to_head_with_the_face_up(shared_data):
    volume = read_volume(shared_data / "single" / "brain_image.nii.gz")
    stack = SliceStack(volume)
    assert (stack.plane, len(stack), stack.shape) == ("axial", 192, (224, 160))
    filled = [n for n in range(len(stack)) if stack.slice(volume.voxels, n).any()]
    areas = [np.count_nonzero(stack.slice(volume.voxels, n)) for n in (filled[5], filled[-5])]
    assert areas[0] < areas[1]  # the brain stem below is thinner than the vertex above


def test_grids_that_are_equal_but_for_storage_show_the_same_slices():
    grid = Geometry((6, 5, 4), (1, 1, 3))
    voxels = numbered(grid)
    swapped = replace(
        grid, size=(4, 6, 5), spacing=(3, 1, 1), origin=tuple(grid.ijk_to_lps((0, 0, 3))),
        direction=np.array([[0, 1, 0], [0, 0, 1], [-1, 0, 0]]),
    )  # fmt: skip
    stored = np.ascontiguousarray(voxels.transpose(1, 2, 0)[:, :, ::-1])
    for plane in PLANE_CHOICES:
        one, other = SliceStack(grid, plane), SliceStack(swapped, plane)
        np.testing.assert_array_equal(one.oriented(voxels), other.oriented(stored))
