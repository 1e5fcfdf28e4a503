"""Slicer's segmentation files: what we write, what we read back, and what Slicer's own files hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import geometries, numbered, oblique_grid
from hypothesis import given

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.seg_nrrd import (
    header_of,
    header_of_image,
    is_segmentation,
    parse_segments,
    placed_on,
    read_segmentation,
    reference_geometry,
)
from SAMAdaptLib.data.io.volumes import Labelmap, Structure, Volume, read_labelmap, write_labelmap
from SAMAdaptLib.data.structure import default_color
from SAMAdaptLib.errors import GeometryError, InputError

HEART = (
    "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure"
    "~SCT^80891009^Heart~^^~Anatomic codes - DICOM master list~^^~^^"
)


@pytest.fixture
def labelmap() -> Labelmap:
    """Three structures, one of which has no voxel, on an oblique grid."""
    voxels = np.zeros(oblique_grid().shape, np.uint8)
    voxels[1:3, 1:4, 2:6] = 1
    voxels[3, 4, 6] = 44
    structures = (
        Structure(1, "left ventricle äö \\n | &", (0.1, 0.25, 1.0), HEART),
        Structure(44, "tumour", (1.0, 0.0, 0.5)),
        Structure(9, "absent", (0.0, 1.0, 0.0)),
    )
    return Labelmap(voxels, oblique_grid(), structures, {1: 0.875})


def slicer_file(path: Path, layers: list[np.ndarray], segments: list[dict], geometry: Geometry, **header: str) -> Path:
    """A file as Slicer writes it: several layers make a vector image of kind "list"."""
    image = sitk.GetImageFromArray(np.stack(layers, axis=-1), isVector=True) if len(layers) > 1 else None
    image = image or sitk.GetImageFromArray(layers[0])
    geometry.onto_sitk(image)
    for number, fields in enumerate(segments):
        for key, value in fields.items():
            image.SetMetaData(f"Segment{number}_{key}", value)
    for key, value in header.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path))
    return path


def mask(*voxels: tuple[int, int, int], value: int = 1) -> np.ndarray:
    array = np.zeros(oblique_grid().shape, np.uint8)
    for voxel in voxels:
        array[voxel] = value
    return array


def test_names_colours_terminology_and_confidence_are_read_back(labelmap, tmp_path):
    write_labelmap(labelmap, tmp_path / "a.seg.nrrd")
    again = read_labelmap(tmp_path / "a.seg.nrrd")
    np.testing.assert_array_equal(again.voxels, labelmap.voxels)
    assert again.structures == labelmap.structures
    assert again.confidence == {1: 0.875}
    assert again.geometry.same_grid(labelmap.geometry, tolerance=1e-9)


def test_the_header_is_what_slicer_reads(labelmap):
    header = header_of(labelmap)
    assert header["Segment0_Name"] == "left ventricle äö \\n | &"
    assert header["Segment0_Color"] == "0.1 0.25 1"
    assert header["Segment0_LabelValue"] == "1"
    assert header["Segment0_Layer"] == "0"
    assert header["Segment0_Extent"] == "0 6 0 4 0 3"
    assert header["Segment0_Tags"] == f"TerminologyEntry:{HEART}|SAMAdapt.Confidence:0.8750|"
    assert header["Segment1_Tags"] == ""
    assert header["Segmentation_MasterRepresentation"] == "Binary labelmap"
    assert header["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"
    assert header["Segmentation_ReferenceImageExtentOffset"] == "0 0 0"


def test_a_bar_in_the_terminology_does_not_end_its_tag(labelmap):
    barred = labelmap.with_structures([Structure(1, "a", (1, 0, 0), "b|c")])
    assert header_of(barred)["Segment0_Tags"].startswith("TerminologyEntry:b/c|")


@given(geometries())
def test_the_reference_grid_is_read_back(grid):
    header = header_of(Labelmap(np.zeros(grid.shape, np.uint8), grid))
    assert reference_geometry(header).same_grid(grid, tolerance=1e-6)


def test_a_reference_grid_of_slicer_is_in_ras_and_may_start_beside_zero():
    numbers = "0.8;0;0;10;0;0.9;0;-20;0;0;2.5;30;0;0;0;1;2;15;0;11;-1;8;"
    grid = reference_geometry({"Segmentation_ConversionParameters": f"A|1|b&Reference image geometry|{numbers}|c&"})
    assert grid.size == (14, 12, 10)
    assert grid.spacing == (0.8, 0.9, 2.5)
    np.testing.assert_allclose(grid.origin, (-11.6, 20, 27.5))
    np.testing.assert_array_equal(grid.direction, np.diag([-1, -1, 1]))


@pytest.mark.parametrize("text", ["", "Reference image geometry|1;2;3;|", "Reference image geometry|a;b;|"])
def test_a_header_without_a_usable_reference_grid_has_none(text):
    assert reference_geometry({"Segmentation_ConversionParameters": text}) is None


def test_plain_labelmaps_are_no_segmentations():
    assert is_segmentation({"Segment0_Name": "a"})
    assert not is_segmentation({"NRRD_space": "left-posterior-superior", "Segmentation": "b"})


def test_layers_without_overlap_are_merged(tmp_path):
    segments = [
        {"ID": "a", "Name": "first", "Layer": "0", "LabelValue": "5"},
        {"ID": "b", "Name": "second", "Layer": "1", "LabelValue": "2"},
    ]
    layers = [mask((0, 0, 0), (1, 1, 1), value=5), mask((2, 2, 2), value=2)]
    labelmap = read_labelmap(slicer_file(tmp_path / "a.seg.nrrd", layers, segments, oblique_grid()))
    np.testing.assert_array_equal(labelmap.voxels, layers[0] + layers[1])
    assert [(structure.value, structure.name) for structure in labelmap.structures] == [(5, "first"), (2, "second")]


def test_segments_that_share_a_label_value_in_two_layers_are_numbered(tmp_path):
    segments = [{"Name": "first", "Layer": "0", "LabelValue": "1"}, {"Name": "second", "Layer": "1", "LabelValue": "1"}]
    layers = [mask((0, 0, 0)), mask((2, 2, 2))]
    labelmap = read_labelmap(slicer_file(tmp_path / "a.seg.nrrd", layers, segments, oblique_grid()))
    np.testing.assert_array_equal(labelmap.voxels, layers[0] + 2 * layers[1])
    assert [structure.name for structure in labelmap.structures] == ["first", "second"]


def test_files_of_old_versions_have_one_layer_a_segment_and_no_keys_for_it(tmp_path):
    segments = [{"Name": "first", "Color": "1 0 0"}, {"Name": "second", "Color": "0 1 0"}]
    layers = [mask((0, 0, 0)), mask((2, 2, 2))]
    labelmap = read_labelmap(slicer_file(tmp_path / "a.seg.nrrd", layers, segments, oblique_grid()))
    np.testing.assert_array_equal(labelmap.voxels, layers[0] + 2 * layers[1])
    assert labelmap.structures[1] == Structure(2, "second", (0, 1, 0))


def test_overlapping_segments_are_refused_by_name(tmp_path):
    segments = [{"Name": "liver", "Layer": "0", "LabelValue": "1"}, {"Name": "tumour", "Layer": "1", "LabelValue": "1"}]
    layers = [mask((0, 0, 0), (1, 1, 1)), mask((1, 1, 1), (2, 2, 2))]
    path = slicer_file(tmp_path / "a.seg.nrrd", layers, segments, oblique_grid())
    with pytest.raises(InputError, match="The segments 'liver' and 'tumour' of a.seg.nrrd overlap in 1 voxels"):
        read_labelmap(path)


def test_a_segment_in_a_missing_layer_is_refused(tmp_path):
    segments = [{"Name": "liver", "Layer": "3", "LabelValue": "1"}, {"Name": "b", "Layer": "1", "LabelValue": "1"}]
    path = slicer_file(tmp_path / "a.seg.nrrd", [mask(), mask()], segments, oblique_grid())
    with pytest.raises(InputError, match="Segment 'liver' of a.seg.nrrd lies in layer 3, which is missing"):
        read_labelmap(path)


@pytest.mark.parametrize("fields", [{"LabelValue": "one"}, {"Color": "1 0"}, {"Color": "red"}, {"Layer": ""}])
def test_damaged_segment_headers_are_refused(fields):
    with pytest.raises(InputError, match="a.seg.nrrd has a damaged segment header"):
        parse_segments({f"Segment0_{key}": value for key, value in fields.items()}, name="a.seg.nrrd")


def test_a_label_value_that_no_structure_may_have_is_refused(tmp_path):
    path = slicer_file(tmp_path / "a.seg.nrrd", [mask()], [{"LabelValue": "70000"}], oblique_grid())
    with pytest.raises(InputError, match="from 1 to 65535; it is 70000"):
        read_labelmap(path)


def test_what_a_header_leaves_out_gets_a_default():
    header = {"Segment0_ID": "a", "Segment1_ID": "b", "Segment1_LabelValue": "2", "Segment1_Color": "1.5 -1 0.5"}
    first, second = parse_segments(header)
    assert first.structure(1) == Structure(1, "Segment 1", default_color(1))
    assert second.structure(2) == Structure(2, "Segment 2", (1.0, 0.0, 0.5))


def test_line_breaks_in_a_name_become_blanks():
    assert parse_segments({"Segment0_Name": "left\n ventricle "})[0].name == "left ventricle"


def test_voxels_without_a_segment_become_structures_of_their_own(tmp_path):
    path = slicer_file(tmp_path / "a.seg.nrrd", [mask((0, 0, 0)) + mask((1, 1, 1), value=4)], [{}], oblique_grid())
    image = sitk.ReadImage(str(path))
    image.SetMetaData("Segment0_Name", "known")
    found = read_segmentation(sitk.GetArrayFromImage(image), oblique_grid(), header_of_image(image))
    assert [structure.name for structure in found.structures] == ["known", "Structure 4"]


def cropped(labelmap: Labelmap) -> Labelmap:
    """The part from voxel (2, 1, 1) on, as Slicer writes it with "Crop to minimum extent"."""
    grid = labelmap.geometry
    part = Geometry((5, 4, 3), grid.spacing, tuple(grid.ijk_to_lps((2, 1, 1))), grid.direction)
    return Labelmap(labelmap.voxels[1:, 1:, 2:], part, labelmap.structures, labelmap.confidence)


def test_a_cropped_segmentation_is_put_back_on_its_reference_grid(labelmap, tmp_path):
    image = cropped(labelmap).to_sitk()
    for key, value in header_of(labelmap).items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    again = read_labelmap(tmp_path / "a.seg.nrrd")
    assert again.geometry.same_grid(labelmap.geometry, tolerance=1e-6)
    np.testing.assert_array_equal(again.voxels, labelmap.voxels)


def test_a_cropped_segmentation_is_padded_to_the_grid_of_its_image(labelmap, tmp_path):
    write_labelmap(cropped(labelmap), tmp_path / "a.seg.nrrd")
    like = Volume(numbered(labelmap.geometry), labelmap.geometry)
    again = read_labelmap(tmp_path / "a.seg.nrrd", like=like)
    assert again.geometry == labelmap.geometry
    np.testing.assert_array_equal(again.voxels, labelmap.voxels)


def test_a_plain_labelmap_of_part_of_the_image_is_refused(labelmap, tmp_path):
    write_labelmap(cropped(labelmap), tmp_path / "a.nrrd")
    like = Volume(numbered(labelmap.geometry), labelmap.geometry, "scan")
    with pytest.raises(GeometryError, match="a.nrrd does not lie on the grid of scan: size 5 x 4 x 3 instead of"):
        read_labelmap(tmp_path / "a.nrrd", like=like)


def test_labels_beyond_the_image_are_not_silently_lost(labelmap):
    part = cropped(labelmap).geometry
    assert placed_on(labelmap, part) is not None
    assert placed_on(labelmap.with_array(np.ones_like(labelmap.voxels)), part) is None


def test_labels_between_the_voxels_of_the_image_are_not_padded(labelmap):
    grid = labelmap.geometry
    assert placed_on(labelmap, replace(grid, origin=tuple(grid.ijk_to_lps((0.4, 0, 0))))) is None


def test_a_segmentation_of_one_slice_is_read(tmp_path):
    grid = Geometry((5, 4, 1), (1, 1, 8))
    labels = Labelmap(numbered(grid) % 3, grid, (Structure(1, "one", (1, 0, 0)), Structure(2, "two", (0, 1, 0))))
    write_labelmap(labels, tmp_path / "a.seg.nrrd")
    again = read_labelmap(tmp_path / "a.seg.nrrd", like=labels)
    assert again.structures == labels.structures
    np.testing.assert_array_equal(again.voxels, labels.voxels)
