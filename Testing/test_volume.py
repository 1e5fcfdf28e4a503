"""Files of volumes and labelmaps: what is read and written, and each refusal by its message."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import damaged, geometries, numbered, oblique_grid
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from listeners import Listener

from SAMAdaptLib.data.formats import WRITABLE, stem
from SAMAdaptLib.data.geometry import GRID_TOLERANCE, Geometry
from SAMAdaptLib.data.io.nifti_file import read_nifti_header, require_whole
from SAMAdaptLib.data.io.volumes import (
    Labelmap,
    Structure,
    Volume,
    ending_of,
    read_labelmap,
    read_volume,
    write_labelmap,
    write_volume,
)
from SAMAdaptLib.errors import GeometryError, InputError


@pytest.fixture
def volume() -> Volume:
    """A small volume on an oblique, unequal grid; each voxel has another value."""
    return Volume(numbered(oblique_grid()), oblique_grid(), "a volume")


@pytest.fixture
def labelmap() -> Labelmap:
    """Two structures on the same grid."""
    voxels = np.zeros(oblique_grid().shape, np.uint8)
    voxels[1:3, 1:4, 2:6] = 1
    voxels[3, 4, 6] = 3
    ventricle = Structure(1, "ventricle", (0.1, 0.25, 1.0))
    return Labelmap(voxels, oblique_grid(), (ventricle,), {1: 0.9}, "labels")


def write(path: Path, array: np.ndarray, geometry: Geometry | None = None, is_vector: bool = False) -> Path:
    """A file with this array, as other programs would write it."""
    image = sitk.GetImageFromArray(array, isVector=is_vector)
    sitk.WriteImage(geometry.onto_sitk(image) if geometry else image, str(path))
    return path


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [ending for ending in WRITABLE if ending != ".seg.nrrd"])
def test_a_written_volume_is_read_back(volume, tmp_path, ending):
    write_volume(volume, tmp_path / f"scan.v2{ending}")
    again = read_volume(tmp_path / f"scan.v2{ending}")
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    assert again.geometry.same_grid(volume.geometry, tolerance=1e-5)
    assert again.name == "scan.v2"


def single_precision_keeps(grid: Geometry) -> bool:
    """Whether the header of a NIfTI file can hold a grid: its numbers have 24 bits, which loses very thin voxels."""
    reach = np.abs(grid.corners_lps()).max() + np.linalg.norm(np.ptp(grid.corners_lps(), axis=0))
    return bool(reach * 2.0**-21 < GRID_TOLERANCE * min(grid.spacing))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(grid=geometries(), ending=st.sampled_from(WRITABLE))
def test_a_labelmap_of_any_geometry_is_read_back_on_its_grid(tmp_path, grid, ending):
    assume(not ending.startswith(".nii") or single_precision_keeps(grid))
    labels = Labelmap(numbered(grid) % 3, grid)
    write_labelmap(labels, tmp_path / f"labels{ending}")
    again = read_labelmap(tmp_path / f"labels{ending}", like=labels)
    np.testing.assert_array_equal(again.voxels, labels.voxels)
    assert again.geometry == grid


@pytest.mark.parametrize("ending", WRITABLE)
def test_writing_leaves_nothing_but_the_file(labelmap, tmp_path, ending):
    write_labelmap(labelmap, tmp_path / f"out{ending}")
    write_labelmap(labelmap, tmp_path / f"out{ending}")
    assert [path.name for path in tmp_path.iterdir()] == [f"out{ending}"]


def test_an_interrupted_writing_leaves_the_older_file_whole(labelmap, tmp_path, monkeypatch):
    target = tmp_path / "out.nrrd"
    target.write_bytes(b"older")

    def fails(image, path, **options):
        Path(path).write_bytes(b"half")
        msg = "Exception thrown\nITK ERROR: disk full"
        raise RuntimeError(msg)

    monkeypatch.setattr(sitk, "WriteImage", fails)
    with pytest.raises(InputError, match=r"out.nrrd cannot be written \(ITK ERROR: disk full\)"):
        write_labelmap(labelmap, target)
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["out", "out.png", "out.nhdr", "out.gz"])
def test_endings_that_cannot_be_written_are_refused(labelmap, tmp_path, name):
    with pytest.raises(InputError, match=f"'{name}' does not end in a format.*End it in one of .seg.nrrd, .nii.gz"):
        write_labelmap(labelmap, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_refused(labelmap, tmp_path):
    with pytest.raises(InputError, match=r"absent does not exist"):
        write_labelmap(labelmap, tmp_path / "absent" / "out.nrrd")


def test_a_volume_is_not_written_as_a_segmentation(volume, tmp_path):
    with pytest.raises(InputError, match=r"out.seg.nrrd has the ending of a segmentation"):
        write_volume(volume, tmp_path / "out.seg.nrrd")


def test_names_lose_their_whole_ending():
    assert stem("/a/ct.v2.NII.gz") == "ct.v2"
    assert stem("b.seg.nrrd") == "b"
    assert stem("c.dcm") == "c"
    assert ending_of("B.SEG.NRRD") == ".seg.nrrd"


def test_a_compressed_file_is_not_mistaken_for_its_uncompressed_neighbour(tmp_path):
    write(tmp_path / "a.nii", np.full((2, 3, 4), 1, np.uint8))
    write(tmp_path / "elsewhere.nii.gz", np.full((2, 3, 4), 2, np.uint8)).rename(tmp_path / "a.nii.gz")
    assert read_labelmap(tmp_path / "a.nii.gz").values() == (2,)
    assert read_labelmap(tmp_path / "a.nii").values() == (1,)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"absent.nii does not exist"):
        read_volume(tmp_path / "absent.nii")


def test_a_negative_spacing_is_refused_and_not_understood_in_one_of_two_ways(tmp_path):
    path = tmp_path / "a.mha"
    write_volume(Volume(numbered(oblique_grid()), oblique_grid()), path)
    header = path.read_bytes()
    start = header.index(b"ElementSpacing = ") + len(b"ElementSpacing = ")
    path.write_bytes(header[:start] + b"-" + header[start:])
    with pytest.raises(InputError, match="a.mha has a negative spacing"):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.txt"])
def test_a_file_that_is_no_image_is_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is no image")
    with pytest.raises(InputError, match="cannot be read as an image") as refusal:
        read_volume(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("lost", [4, 200])
@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (".nii", r"a.nii is cut off: it holds \d+ bytes of the 912 that its header announces"),
        (".nii.gz", "a.nii.gz is damaged or cut off"),
        (".nrrd", r"a.nrrd is cut off: it holds \d+ bytes of the 560 that its header announces"),
        (".mha", r"a.mha is cut off: it holds \d+ bytes of the 560 that its header announces"),
    ],
)
def test_a_file_that_lost_its_end_is_refused(volume, tmp_path, ending, message, lost):
    path = tmp_path / f"a{ending}"
    write_volume(volume, path)
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(InputError, match=message):
        read_volume(path)


def test_whole_nifti_files_of_unusual_make_are_read(volume, tmp_path):
    write_volume(volume, tmp_path / "a.nii")
    plain = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "padded.nii").write_bytes(plain + bytes(100))
    (tmp_path / "padded.nii.gz").write_bytes(gzip.compress(plain + bytes(100)))
    (tmp_path / "members.nii.gz").write_bytes(gzip.compress(plain[:400]) + gzip.compress(plain[400:]))
    for name in ("padded.nii", "padded.nii.gz", "members.nii.gz"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).voxels, volume.voxels)


@pytest.mark.parametrize("order", "<>")
def test_a_cut_off_nifti_2_file_is_refused(tmp_path, order):
    header = bytearray(544)
    struct.pack_into(f"{order}i", header, 0, 540)
    struct.pack_into(f"{order}h", header, 14, 16)
    struct.pack_into(f"{order}8q", header, 16, 3, 4, 5, 6, 1, 1, 1, 1)
    struct.pack_into(f"{order}q", header, 168, 544)
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(header) + bytes(239))
    with pytest.raises(InputError, match="holds 783 bytes of the 784 that its header announces"):
        require_whole(read_nifti_header(path))
    path.write_bytes(bytes(header) + bytes(240))
    assert require_whole(read_nifti_header(path)) is None


def test_files_of_colour_images_are_refused_before_their_voxels_are_read(tmp_path):
    path = write(tmp_path / "a.mha", np.zeros((2, 3, 4, 3), np.uint8), is_vector=True)
    with pytest.raises(InputError, match="a.mha has 3 numbers a voxel"):
        read_volume(path)


def test_files_with_several_time_points_are_refused(tmp_path):
    path = write(tmp_path / "a.nii.gz", np.zeros((5, 2, 3, 4), np.uint8))
    with pytest.raises(InputError, match="a.nii.gz holds 5 volumes, one after the other"):
        read_volume(path)
    with pytest.raises(InputError, match="a.nii.gz holds 5 volumes"):
        read_labelmap(path)


def test_repairs_of_a_file_are_told(tmp_path):
    sitk.WriteImage(damaged(5, np.nan), str(tmp_path / "a.mha"))
    listener = Listener()
    read_volume(tmp_path / "a.mha", monitor=listener)
    assert listener.warnings[0].startswith("a has 5 of 1000 voxels")
    with pytest.raises(InputError, match="a has 5 of 1000"):
        read_volume(tmp_path / "a.mha", repair=False)


def test_an_image_is_refused_as_labelmap(tmp_path):
    path = write(tmp_path / "a.mha", np.array([[[0.25, 0.5]]]))
    with pytest.raises(InputError, match="a.mha has 2 values that are not whole numbers"):
        read_labelmap(path)


def test_a_folder_is_refused_as_labelmap(tmp_path):
    with pytest.raises(InputError, match="is a folder; a labelmap is a single file"):
        read_labelmap(tmp_path)


def test_labels_that_are_asked_for_must_be_there(labelmap, tmp_path):
    write_labelmap(labelmap, tmp_path / "a.nii.gz")
    assert read_labelmap(tmp_path / "a.nii.gz", required=[1, 3]).values() == (1, 3)
    with pytest.raises(InputError, match="a.nii.gz lacks the label values 2, 4; it has 1, 3"):
        read_labelmap(tmp_path / "a.nii.gz", required=[1, 2, 4])


def test_labels_take_exactly_the_grid_of_their_image(volume, labelmap, tmp_path):
    write_labelmap(labelmap, tmp_path / "a.nii.gz")  # NIfTI rounds the grid to single precision
    assert read_labelmap(tmp_path / "a.nii.gz").geometry != volume.geometry
    assert read_labelmap(tmp_path / "a.nii.gz", like=volume).geometry == volume.geometry


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"size": (7, 5, 3)}, "size 7 x 5 x 4 instead of 7 x 5 x 3 voxels"),
        ({"spacing": (0.5, 0.7, 3.0)}, "spacing 0.5 x 0.7 x 3.1 instead of 0.5 x 0.7 x 3 mm"),
        ({"origin": (10, -20, 5)}, "origin 2 mm away"),
    ],
)
def test_labels_on_another_grid_are_refused_unless_resampled(labelmap, tmp_path, changed, difference):
    write_labelmap(labelmap, tmp_path / "a.mha")
    grid = replace(labelmap.geometry, **changed)
    like = Volume(numbered(grid), grid, "scan")
    with pytest.raises(GeometryError, match=f"a.mha does not lie on the grid of scan: {difference}.*resample"):
        read_labelmap(tmp_path / "a.mha", like=like)
    assert read_labelmap(tmp_path / "a.mha", like=like, resample=True).geometry == grid


def test_labels_that_lie_elsewhere_are_refused_even_when_resampled(labelmap, tmp_path):
    write_labelmap(labelmap, tmp_path / "a.mha")
    grid = replace(labelmap.geometry, origin=(1000, 0, 0))
    with pytest.raises(GeometryError, match="No label of a.mha lies within scan"):
        read_labelmap(tmp_path / "a.mha", like=Volume(numbered(grid), grid, "scan"), resample=True)


# --- real files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "labels", "axes", "count", "modality"),
    [
        ("single/brain_image.nii.gz", "single/brain_label.nii.gz", "LIA", 45, ""),
        ("single/example_ct_sm.nii.gz", "single/example_seg.nii.gz", "RAS", 41, "CT"),
        ("single/brain1_image.nrrd", "single/brain1_label.nrrd", "LAS", 1, ""),
        ("mscmr_bssfp/images/bssfp_01.nii.gz", "mscmr_bssfp/labels/bssfp_01.nii.gz", "PSP", 3, ""),
        ("hippocampus/images/hippocampus_001.nii.gz", "hippocampus/labels/hippocampus_001.nii.gz", "RAS", 2, ""),
    ],
)
def test_real_volumes_and_their_labels_share_a_grid(shared_data, image, labels, axes, count, modality):
    volume = read_volume(shared_data / image)
    labelmap = read_labelmap(shared_data / labels, like=volume)
    assert f"axes {axes}" in repr(volume)
    assert len(labelmap.values()) == count
    assert volume.modality == modality
