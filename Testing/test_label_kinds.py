"""Labels that are none: an image, a segmentation in an image's place, fractions; and labels that are nearly whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import numbered
from listeners import Listener
from scipy import ndimage

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume, write_labelmap
from SAMAdaptLib.data.label_checks import patchiness_of, refuse_image
from SAMAdaptLib.errors import InputError

SHAPE = (8, 48, 56)
ENDINGS = pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])


def gray(levels: int) -> np.ndarray:
    """A smooth picture with some noise, as a scanner makes it."""
    chance = np.random.default_rng(1)
    smooth = ndimage.gaussian_filter(chance.normal(size=SHAPE), 3)
    picture = smooth / np.abs(smooth).max() + chance.normal(0, 0.05, SHAPE)
    picture -= picture.min()
    return np.rint(picture / picture.max() * (levels - 1)).astype(np.uint16)


def parcels(count: int) -> np.ndarray:
    """Every voxel belongs to the nearest of some points: a brain's parcels."""
    points = np.random.default_rng(2).integers(0, SHAPE, (count, 3))
    seeds = np.zeros(SHAPE, np.uint16)
    seeds[tuple(points.T)] = np.arange(1, count + 1)
    nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    return seeds[tuple(nearest)]


def write(path: Path, array: np.ndarray) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    return path


@ENDINGS
@pytest.mark.parametrize("levels", [128, 256, 800])
def test_an_image_in_the_place_of_labels_is_refused(tmp_path, ending, levels):
    path = write(tmp_path / f"a{ending}", gray(levels))
    with pytest.raises(InputError, match=rf"a{ending} has \d+ different values up to {levels - 1}, strewn about"):
        read_labelmap(path)


def test_a_gray_image_with_few_levels_is_told(tmp_path):
    listener = Listener()
    labels = read_labelmap(write(tmp_path / "a.nrrd", gray(40)), monitor=listener)
    assert len(labels.values()) > 20
    assert "is it an annotation?" in listener.warnings[0]


@pytest.mark.parametrize("count", [3, 40, 150])
def test_many_structures_are_no_image(count):
    listener = Listener()
    labels = parcels(count)
    assert patchiness_of(labels) == (count, 1.0)
    refuse_image(labels, "parcels", listener.warning)
    assert not listener.warnings


def test_lines_and_scribbles_of_many_structures_are_no_image():
    labels = np.zeros(SHAPE, np.uint8)
    for value in range(1, 31):
        labels[value % 8, value + 5, 5:45] = value
    assert patchiness_of(labels)[1] == 1.0


def test_real_labels_pass_and_real_images_do_not(shared_data):
    for name in ("brain_label", "example_seg", "example_seg_mr"):
        assert read_labelmap(shared_data / "single" / f"{name}.nii.gz").values()
    with pytest.raises(InputError, match="strewn about as in an image"):
        read_labelmap(shared_data / "chaos_t2" / "images" / "chaos_08.nii.gz")


def test_a_segmentation_in_the_place_of_an_image_is_refused(tmp_path):
    labels = Labelmap(np.ones((2, 3, 4), np.uint8), Geometry((4, 3, 2)))
    write_labelmap(labels, tmp_path / "a.seg.nrrd")
    (tmp_path / "renamed.nrrd").write_bytes((tmp_path / "a.seg.nrrd").read_bytes())
    for name in ("a.seg.nrrd", "renamed.nrrd"):
        with pytest.raises(InputError, match=f"{name} is a segmentation, not an image"):
            read_volume(tmp_path / name)


@pytest.mark.parametrize("key", ["Segmentation_MasterRepresentation", "Segmentation_SourceRepresentation"])
def test_a_fractional_segmentation_is_refused(tmp_path, key):
    image = sitk.GetImageFromArray((numbered(Geometry((4, 3, 2))) * 4).astype(np.uint8))
    image.SetMetaData(key, "Fractional labelmap")
    image.SetMetaData("Segment0_Name", "Ball")
    sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    with pytest.raises(InputError, match="a.seg.nrrd is a fractional segmentation.* Convert it to a binary labelmap"):
        read_labelmap(tmp_path / "a.seg.nrrd")


@ENDINGS
@pytest.mark.parametrize("where", [0, 4, 7])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_labels_that_are_nearly_whole_are_rounded_and_others_refused(tmp_path, ending, where, kind):
    labels = parcels(3).astype(kind)
    labels[where] -= kind(0.009)
    labels[0, 0, 0] = 0
    assert read_labelmap(write(tmp_path / f"a{ending}", labels)).values() == (1, 2, 3)
    labels[where, 3, 3] = 0.98
    with pytest.raises(InputError, match=r"has 1 values that are not whole numbers \(the first is 0.98\)"):
        read_labelmap(write(tmp_path / f"a{ending}", labels))
