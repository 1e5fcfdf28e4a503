"""DICOM segmentations as labels: each segment in its place, with its name; as images they are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomthings import GRID, MIDDLE, a_slice, item, one, save, segmentation
from geometries import numbered, oblique_grid, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
from SAMAdaptLib.errors import GeometryError, InputError

NAMES = {1: "Ball", 2: "Hole"}


def masks(grid: Geometry = GRID) -> dict[int, np.ndarray]:
    """Ball on the lower half of the slices, but for the first; Hole on the upper half."""
    ball, hole = np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    half = grid.size[2] // 2
    ball[1:half, 1:3, 1:4] = True
    hole[half:, 2:5, 3:6] = True
    return {1: ball, 2: hole}


def labels_of(found: dict[int, np.ndarray]) -> np.ndarray:
    return sum(value * mask for value, mask in found.items())


def an_image(grid: Geometry = GRID) -> Volume:
    return Volume(numbered(grid), grid, "scan")


def written(tmp_path: Path, dataset: pydicom.Dataset) -> Path:
    return save(dataset, tmp_path / "a.seg.dcm")


def test_segments_keep_their_slices_numbers_and_names(tmp_path):
    path = written(tmp_path, segmentation(masks(), names=NAMES))
    labels = read_labelmap(path, like=an_image())
    assert labels.geometry == GRID
    np.testing.assert_array_equal(labels.voxels, labels_of(masks()))
    assert [(item.value, item.name) for item in labels.structures] == [(1, "Ball"), (2, "Hole")]


def test_on_its_own_it_covers_the_slices_that_have_frames(tmp_path):
    labels = read_labelmap(written(tmp_path, segmentation(masks())))
    assert labels.geometry.size == (7, 5, 5)
    assert labels.geometry.origin == (-20, -30, 14)


def test_an_oblique_grid_is_met(tmp_path):
    grid = Geometry((7, 6, 8), (0.7, 0.9, 3.3), (12, -7, 30), turned((20, 25, 35), (2, 0, 1)))
    labels = read_labelmap(written(tmp_path, segmentation(masks(grid), grid)), like=an_image(grid))
    np.testing.assert_array_equal(labels.voxels, labels_of(masks(grid)))


def test_slices_between_that_have_no_frame_are_empty(tmp_path):
    ball = np.zeros(GRID.shape, bool)
    ball[[0, 2, 5], 1, 1] = True
    labels = read_labelmap(written(tmp_path, segmentation({7: ball})), like=an_image())
    np.testing.assert_array_equal(labels.voxels, ball * 7)


@pytest.mark.parametrize("where", [0, MIDDLE, 5])
def test_a_single_slice_is_put_into_its_place(tmp_path, where):
    ball = np.zeros(GRID.shape, bool)
    ball[where, 1:3, 1:3] = True
    labels = read_labelmap(written(tmp_path, segmentation({1: ball})), like=an_image())
    np.testing.assert_array_equal(labels.voxels, ball)


@pytest.mark.parametrize("where", [0, MIDDLE, 5])
def test_a_frame_off_the_slices_is_refused(tmp_path, where):
    dataset = segmentation({1: np.ones(GRID.shape)})
    position = dataset.PerFrameFunctionalGroupsSequence[where].PlanePositionSequence[0].ImagePositionPatient
    position[0] += 2
    with pytest.raises(GeometryError, match="lies .* mm away from its place"):
        read_labelmap(written(tmp_path, dataset))


@pytest.mark.parametrize("where", [0, MIDDLE, 5])
def test_a_frame_without_a_place_is_refused(tmp_path, where):
    dataset = segmentation({1: np.ones(GRID.shape)})
    del dataset.PerFrameFunctionalGroupsSequence[where].PlanePositionSequence
    with pytest.raises(GeometryError, match=f"do not say where they lie .*frame {where + 1} of a.seg.dcm"):
        read_labelmap(written(tmp_path, dataset))


def test_frames_that_are_worlds_apart_take_no_memory(tmp_path):
    dataset = segmentation({1: np.ones(GRID.shape)})
    dataset.PerFrameFunctionalGroupsSequence[5].PlanePositionSequence[0].ImagePositionPatient[2] = 4e9 + 10
    with pytest.raises(GeometryError, match="slices apart"):
        read_labelmap(written(tmp_path, dataset))


def test_segments_that_overlap_are_refused_with_their_names(tmp_path):
    both = {1: np.ones(GRID.shape), 2: np.ones(GRID.shape)}
    with pytest.raises(InputError, match="The segments 'Ball' and 'Hole' of a.seg.dcm overlap"):
        read_labelmap(written(tmp_path, segmentation(both, names=NAMES)))


def test_a_fractional_segmentation_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a fractional segmentation"):
        read_labelmap(written(tmp_path, segmentation(masks(), kind="FRACTIONAL")))


def test_a_segment_that_is_not_described_is_refused(tmp_path):
    dataset = segmentation(masks())
    del dataset.SegmentSequence[1]
    with pytest.raises(InputError, match="has a frame of segment 2, which it does not describe"):
        read_labelmap(written(tmp_path, dataset))


@pytest.mark.parametrize("lost", [1, 10, 300])
def test_a_segmentation_that_is_cut_off_is_refused(tmp_path, lost):
    path = written(tmp_path, segmentation(masks()))
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(InputError, match="cut off|damaged"):
        read_labelmap(path)


def test_a_labelmap_segmentation_is_read_by_its_values(tmp_path):
    dataset = segmentation({1: np.ones(GRID.shape)}, kind="LABELMAP")
    dataset.PixelData = labels_of(masks()).astype(np.uint8).tobytes()
    dataset.SegmentSequence = pydicom.Sequence(
        [item(SegmentNumber=number, SegmentLabel=name) for number, name in {0: "Background", **NAMES}.items()]
    )
    labels = read_labelmap(written(tmp_path, dataset), like=an_image())
    np.testing.assert_array_equal(labels.voxels, labels_of(masks()))
    assert [structure.name for structure in labels.structures] == ["Ball", "Hole"]


def test_colour_and_terminology_come_along(tmp_path):
    dataset = segmentation(masks(), names=NAMES)
    first = dataset.SegmentSequence[0]
    first.RecommendedDisplayCIELabValue = [34885, 53484, 50171]  # pure red
    first.SegmentedPropertyCategoryCodeSequence = one(
        CodeValue="123037004", CodingSchemeDesignator="SCT", CodeMeaning="Anatomical Structure"
    )
    first.SegmentedPropertyTypeCodeSequence = one(
        CodeValue="10200004", CodingSchemeDesignator="SCT", CodeMeaning="Liver"
    )
    structure = read_labelmap(written(tmp_path, dataset)).structures[0]
    assert structure.color == pytest.approx((1, 0, 0), abs=0.02)
    assert "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~" in structure.terminology


def test_a_segmentation_of_another_image_is_refused(tmp_path):
    path = written(tmp_path, segmentation(masks()))
    with pytest.raises(GeometryError, match="does not lie on the grid of scan"):
        read_labelmap(path, like=an_image(oblique_grid()))


def test_a_segmentation_is_no_image_and_an_image_no_segmentation(tmp_path):
    with pytest.raises(InputError, match="is a DICOM segmentation, not an image"):
        read_volume(written(tmp_path, segmentation(masks())))
    with pytest.raises(InputError, match="is a DICOM image, not a segmentation"):
        read_labelmap(save(a_slice(GRID, 0), tmp_path / "image.dcm"))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_segmentation_is_a_fault_of_ours(tmp_path_factory, data):
    path = written(tmp_path_factory.mktemp("damaged"), segmentation(masks()))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(132, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    try:
        labels = read_labelmap(path)
    except InputError as error:
        assert error.message
    else:
        assert isinstance(labels, Labelmap)
