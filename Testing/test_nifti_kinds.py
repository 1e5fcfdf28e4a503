"""NIfTI of every kind: places that disagree, NaN, pairs, scale factors; images and labels alike."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import numbered, oblique_grid
from hypothesis import given, settings
from hypothesis import strategies as st
from listeners import Listener
from niftithings import qform_of, sform_of, write_nifti

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.data.io.nifti_file import read_nifti_header
from SAMAdaptLib.data.io.nifti_grid import grids_of
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume, write_volume
from SAMAdaptLib.errors import GeometryError, InputError

GRID = Geometry((7, 5, 6), (1.5, 1.2, 4.0), (-20.0, -30.0, 10.0))
MOVED = replace(GRID, origin=(-30.0, -25.0, 13.0))
IMAGE = numbered(GRID)


def read(path: Path) -> tuple[Volume, list[str]]:
    listener = Listener()
    return read_volume(path, monitor=listener), listener.warnings


def labels_array() -> np.ndarray:
    array = np.zeros(GRID.shape, np.uint8)
    array[2:4, 1:3, 2:5] = 1
    array[4, 3, 5] = 2
    return array


def both(qform: Geometry, sform: Geometry, codes: tuple[int, int] = (1, 2)) -> dict:
    return {**qform_of(qform), "rows": sform_of(sform), "codes": codes}


# --- how large its voxels are -----------------------------------------------------------------------------------------


def unsized(grid: Geometry, codes: tuple[int, int]) -> dict:
    """What tells of a grid, but for the distance of its rows: a pixdim of 0."""
    told = both(grid, grid, codes)
    return {**told, "pixdim": (*told["pixdim"][:2], 0.0, *told["pixdim"][3:])}


@pytest.mark.parametrize("codes", [(1, 0), (0, 0)], ids=["qform", "neither"])
def test_a_spacing_that_is_not_told_is_not_made_up_in_silence(tmp_path, codes):
    volume, warnings = read(write_nifti(tmp_path / "a.nii", IMAGE, **unsized(GRID, codes)))
    assert volume.geometry.spacing == (1.5, 1.0, 4.0)
    assert "a.nii does not say how large its voxels are along each axis" in warnings[-1]


@pytest.mark.parametrize("codes", [(0, 1), (1, 1)], ids=["sform", "both"])
def test_a_spacing_that_the_sform_alone_tells_is_taken_from_there(tmp_path, codes):
    volume, warnings = read(write_nifti(tmp_path / "a.nii", IMAGE, **unsized(GRID, codes)))
    assert volume.geometry.same_grid(GRID, tolerance=1e-3)
    assert warnings == [
        "a.nii tells two voxel sizes: 1.5 x 1.2 x 4 mm (sform), which is used, and 1.5 x 0 x 4 mm (pixdim)."
    ]


def test_an_axis_of_one_voxel_needs_no_spacing(tmp_path):
    flat = replace(GRID, size=(7, 1, 6))
    _, warnings = read(write_nifti(tmp_path / "a.nii", numbered(flat), **unsized(flat, (1, 0))))
    assert not warnings


# --- where it lies ---------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(angles=st.tuples(*[st.floats(-180, 180)] * 3), flips=st.tuples(*[st.sampled_from((-1, 1))] * 3))
def test_both_grids_of_a_header_are_those_that_itk_wrote(tmp_path_factory, angles, flips):
    from geometries import turned

    grid = Geometry((3, 4, 5), (0.5, 0.7, 3.1), (10, -20, 3), turned(angles, (2, 0, 1), flips))
    path = tmp_path_factory.mktemp("grids") / "a.nii"
    write_volume(Volume(numbered(grid), grid), path)
    header = read_nifti_header(path)
    assert header is not None
    found = grids_of(header)
    # Three 32-bit numbers hold a turn: near half a turn the fourth is a root of nearly nothing, good to 3e-4.
    assert found.qform is not None and found.qform.same_grid(grid, tolerance=0.05)
    assert found.sform is not None and found.sform.same_grid(grid, tolerance=0.01)
    volume, warnings = read(path)
    assert volume.geometry.same_grid(grid, tolerance=1e-3)
    assert not warnings


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr"])
def test_two_places_that_disagree_are_told_with_the_one_that_is_used(tmp_path, ending):
    volume, warnings = read(write_nifti(tmp_path / f"a{ending}", IMAGE, **both(GRID, MOVED)))
    assert volume.geometry.same_grid(GRID)
    assert volume.other_geometry is not None and volume.other_geometry.same_grid(MOVED)
    assert len(warnings) == 1
    assert "says twice where it lies, and not the same: its qform is used" in warnings[0]
    assert "its sform says origin 11.58 mm away" in warnings[0]


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (1, 4), (3, 2)])
def test_the_place_that_is_told_as_used_is_the_one_that_itk_and_slicer_take(tmp_path, codes):
    path = write_nifti(tmp_path / "a.nii", IMAGE, **both(GRID, MOVED, codes))
    volume, warnings = read(path)
    assert volume.geometry.same_grid(Geometry.from_sitk(sitk.ReadImage(str(path))))
    used = "sform" if volume.geometry.same_grid(MOVED) else "qform"
    assert f"its {used} is used" in warnings[0]


def test_two_places_that_agree_need_no_word(tmp_path):
    volume, warnings = read(write_nifti(tmp_path / "a.nii", IMAGE, **both(GRID, GRID)))
    assert volume.geometry.same_grid(GRID)
    assert volume.other_geometry is None
    assert not warnings


def test_a_sheared_sform_beside_a_sound_qform_is_told(tmp_path):
    rows = np.reshape(sform_of(GRID), (3, 4)).copy()
    rows[0, 1] = 0.7
    _, warnings = read(write_nifti(tmp_path / "a.nii", IMAGE, **both(GRID, GRID) | {"rows": tuple(rows.ravel())}))
    assert warnings == ["The sform of a.nii is sheared or damaged; its qform is used."]


def test_voxel_sizes_come_from_the_sform_where_pixdim_disagrees(tmp_path, capfd):
    volume, warnings = read(write_nifti(tmp_path / "a.nii.gz", IMAGE, rows=sform_of(GRID), codes=(0, 1)))
    assert volume.geometry.same_grid(GRID)
    assert warnings == [
        "a.nii.gz tells two voxel sizes: 1.5 x 1.2 x 4 mm (sform), which is used, and 1 x 1 x 1 mm (pixdim)."
    ]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", [".nii", ".hdr"])
def test_a_file_that_does_not_say_where_it_lies_is_told(tmp_path, ending):
    fields = {"pixdim": (1.0, 1.5, 1.2, 4.0, 1, 1, 1, 1)} | ({"magic": bytes(4)} if ending == ".hdr" else {})
    volume, warnings = read(write_nifti(tmp_path / f"a{ending}", IMAGE, **fields))
    assert volume.geometry.spacing == pytest.approx((1.5, 1.2, 4.0))
    assert "does not say where in the patient it lies" in warnings[0]


def test_metres_and_micrometres_are_millimetres_in_the_end(tmp_path):
    small = replace(GRID, spacing=(0.0015, 0.0012, 0.004), origin=(-0.02, -0.03, 0.01))
    volume, warnings = read(write_nifti(tmp_path / "a.nii", IMAGE, **both(small, small), units=1))
    assert volume.geometry.same_grid(GRID, tolerance=1e-3)
    assert not warnings


# --- labels on either place ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resample", [False, True])
def test_labels_on_the_second_place_of_the_image_belong_voxel_to_voxel(tmp_path, resample):
    image, _ = read(write_nifti(tmp_path / "a.nii", IMAGE, **both(GRID, MOVED)))
    path = write_nifti(tmp_path / "labels.nii", labels_array(), rows=sform_of(MOVED), codes=(0, 2))
    listener = Listener()
    labels = read_labelmap(path, like=image, resample=resample, monitor=listener)
    assert labels.geometry == image.geometry
    np.testing.assert_array_equal(labels.voxels, labels_array())
    assert any("is taken voxel for voxel as drawn on a" in text for text in listener.warnings)


@pytest.mark.parametrize("resample", [False, True])
def test_labels_with_two_places_fit_an_image_with_one_of_them(tmp_path, resample):
    path = write_nifti(tmp_path / "labels.nii", labels_array(), **both(GRID, MOVED))
    labels = read_labelmap(path, like=Volume(IMAGE, MOVED, "scan"), resample=resample)
    np.testing.assert_array_equal(labels.voxels, labels_array())


@pytest.mark.parametrize("who", ["image", "labels"])
def test_labels_are_not_resampled_where_the_place_is_not_known(tmp_path, who):
    elsewhere = replace(GRID, origin=(-22.0, -30.0, 10.0))
    fields = both(GRID, MOVED)
    plain = {"rows": sform_of(elsewhere), "codes": (0, 1), "pixdim": qform_of(GRID)["pixdim"]}
    image, _ = read(write_nifti(tmp_path / "a.nii", IMAGE, **(fields if who == "image" else plain)))
    path = write_nifti(tmp_path / "labels.nii", labels_array(), **(plain if who == "image" else fields))
    with pytest.raises(GeometryError, match=f"of {'a' if who == 'image' else 'labels.nii'} tells two places"):
        read_labelmap(path, like=image, resample=True)
    with pytest.raises(GeometryError, match="does not lie on the grid"):
        read_labelmap(path, like=image)


def test_resampling_is_told_with_how_far_it_went(tmp_path):
    path = write_nifti(tmp_path / "labels.nii", labels_array(), **both(GRID, GRID))
    listener = Listener()
    image = Volume(IMAGE, replace(GRID, origin=(-18.5, -30, 10)), "scan")
    read_labelmap(path, like=image, resample=True, monitor=listener)
    assert listener.warnings == ["labels.nii was resampled onto the grid of scan (origin 1.5 mm away)."]


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr"])
@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "uint16", "int32", "float32", "float64"])
def test_voxels_are_those_that_simpleitk_reads(tmp_path, kind, ending, order):
    array = (np.arange(IMAGE.size).reshape(GRID.shape) % 100 + 1).astype(kind)
    path = write_nifti(tmp_path / f"a{ending}", array, order, **both(GRID, GRID), scaling=(0.5, -3.0))
    volume, warnings = read(path)
    np.testing.assert_allclose(volume.voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(path))), rtol=1e-6)
    assert not warnings


@pytest.mark.parametrize("scaling", [(0.0, 5.0), (float("nan"), 0.0), (1.0, 0.0)])
def test_a_scale_factor_that_is_none_changes_nothing(tmp_path, scaling):
    volume, _ = read(write_nifti(tmp_path / "a.nii", IMAGE, **both(GRID, GRID), scaling=scaling))
    np.testing.assert_array_equal(volume.voxels, IMAGE)


@pytest.mark.parametrize("where", [0, 3, 5])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr"])
def test_a_few_bad_voxels_are_repaired_with_a_word_and_never_zero(tmp_path, ending, value, where):
    array = IMAGE - 1024
    array[where, 2, 3] = value
    volume, warnings = read(write_nifti(tmp_path / f"a{ending}", array, **both(GRID, GRID)))
    finite = array[np.isfinite(array)]
    assert volume.voxels[where, 2, 3] == (finite.max() if value == np.inf else finite.min())
    assert warnings[0].startswith("a has 1 of 210 voxels that are not finite numbers. They were set to ")


def test_many_bad_voxels_are_refused(tmp_path):
    array = IMAGE.copy()
    array[:, :, :2] = np.nan
    with pytest.raises(InputError, match="a has 60 of 210 voxels that are not finite numbers"):
        read(write_nifti(tmp_path / "a.nii.gz", array, **both(GRID, GRID)))


@pytest.mark.parametrize("where", [0, 3, 5])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_labels_with_nan_are_refused(tmp_path, where, kind):
    array = labels_array().astype(kind)
    array[where, 0, 0] = np.nan
    with pytest.raises(InputError, match=r"has 1 values that are not whole numbers \(the first is nan\)"):
        read_labelmap(write_nifti(tmp_path / "a.nii.gz", array, **both(GRID, GRID)))


def test_labels_that_a_scale_factor_rounded_are_whole_again(tmp_path):
    thousand = labels_array().astype(np.int16) * 1000
    array = np.where(thousand > 0, thousand - 1, 0).astype(np.int16)
    path = write_nifti(tmp_path / "a.nii", array, **both(GRID, GRID), scaling=(0.001, 0.0))
    np.testing.assert_array_equal(read_labelmap(path).voxels, labels_array())


@pytest.mark.parametrize("broken", ["pixdim", "quaternion", "rows"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_place_that_is_no_number_is_refused(tmp_path, broken, value):
    fields = both(GRID, GRID)
    fields[broken] = (fields[broken][0], value, *fields[broken][2:])
    with pytest.raises(InputError, match="numbers that say where the voxels lie are not finite"):
        read(write_nifti(tmp_path / "a.nii", IMAGE, **fields))


@pytest.mark.parametrize(
    ("datatype", "said"),
    [(9999, "a type"), (32, "2 numbers a voxel"), (1536, "cannot be read"), (128, "3 numbers a voxel")],
)
def test_voxels_that_are_no_real_numbers_are_refused(tmp_path, datatype, said):
    path = write_nifti(tmp_path / "a.nii", np.zeros((4, 5, 6, 7)), datatype=datatype, dims=(3, 7, 6, 5, 1, 1, 1, 1))
    with pytest.raises(InputError, match=said):
        read(path)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["a.hdr", "a.img"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_pair_is_one_volume_by_either_of_its_files(tmp_path, asked, compressed):
    write_nifti(tmp_path / "a.hdr", IMAGE, **both(GRID, GRID))
    if compressed:
        raw = (tmp_path / "a.img").read_bytes()
        (tmp_path / "a.img").unlink()
        (tmp_path / "a.img.gz").write_bytes(gzip.compress(raw))
        asked = asked.replace(".img", ".img.gz")
    volume, _ = read(tmp_path / asked)
    assert (volume.name, volume.geometry.size) == ("a", GRID.size)
    np.testing.assert_array_equal(volume.voxels, IMAGE)


@pytest.mark.parametrize("read_it", [read_volume, read_labelmap])
@pytest.mark.parametrize("asked", ["a.hdr", "a.img"])
@pytest.mark.parametrize("kept", [0, 100, 839])
def test_a_pair_that_is_cut_off_is_refused(tmp_path, read_it, asked, kept):
    write_nifti(tmp_path / "a.hdr", IMAGE, **both(GRID, GRID))
    (tmp_path / "a.img").write_bytes((tmp_path / "a.img").read_bytes()[:kept])
    with pytest.raises(InputError, match=rf"a.img is cut off: it holds {kept} bytes of the 840"):
        read_it(tmp_path / asked)


@pytest.mark.parametrize(("left", "missing"), [("a.hdr", "a.img"), ("a.img", "a.hdr")])
def test_half_a_pair_is_refused(tmp_path, left, missing):
    write_nifti(tmp_path / "a.hdr", IMAGE)
    (tmp_path / missing).unlink()
    with pytest.raises(InputError, match=f"is one half of a pair; {missing} is not beside it"):
        read(tmp_path / left)


def test_compressed_voxels_that_were_changed_on_disk_are_refused(tmp_path):
    """The last bytes of gzip hold a checksum; who reads just the voxels never looks at it."""
    path = write_nifti(tmp_path / "a.nii.gz", IMAGE, **both(GRID, GRID))
    raw = bytearray(path.read_bytes())
    raw[-8] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="is damaged or cut off"):
        read(path)


def test_a_twin_beside_a_compressed_file_is_not_mistaken_for_it(tmp_path):
    write_nifti(tmp_path / "a.nii", np.ones((2, 2, 2), np.float32))
    volume, _ = read(write_nifti(tmp_path / "a.nii.gz", IMAGE, **both(GRID, GRID)))
    np.testing.assert_array_equal(volume.voxels, IMAGE)


def test_what_is_named_as_nifti_and_is_something_else_is_refused_and_its_twin_not_taken(tmp_path):
    """ITK, asked for x.nii.gz that it cannot read beside x.nii, silently reads x.nii."""
    write_nifti(tmp_path / "a.nii", np.ones((2, 2, 2), np.float32))
    (tmp_path / "a.nii.gz").write_bytes(b"<html>404 Not Found</html>" * 100)
    with pytest.raises(InputError, match="cannot be read as an image .it is named as NIfTI and holds something else"):
        read(tmp_path / "a.nii.gz")


def test_an_oblique_volume_comes_back_as_it_was_written(tmp_path):
    volume = Volume(numbered(oblique_grid()), oblique_grid(), "scan")
    write_volume(volume, tmp_path / "a.nii.gz")
    again, warnings = read(tmp_path / "a.nii.gz")
    assert again.geometry.same_grid(oblique_grid(), tolerance=1e-3)
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    assert not warnings
