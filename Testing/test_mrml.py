"""Volume nodes and regions out of real MRML scenes."""

from __future__ import annotations

import numpy as np
import pytest
from listeners import Listener

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import mrmlscenes as scenes
import slicer
import vtk
from geometries import geometries, numbered, oblique_grid
from hypothesis import given, settings
from mrmlfixtures import *  # noqa: F403  fixtures
from mrmlthings import LPS, add_roi, every_grid, rigid, sheared

from SAMAdaptLib import mrml
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.errors import GeometryError, InputError
from SAMAdaptLib.mrml.transforms import array_from_matrix, matrix_from_array

# --- volumes --------------------------------------------------------------------------------------------------------


@every_grid
def test_a_volume_node_gives_its_voxels_on_its_grid(scene, grid):
    volume = mrml.read_volume_node(scenes.add_volume(scene, numbered(grid), grid, name="Heart"))
    assert np.array_equal(volume.voxels, numbered(grid))
    assert np.allclose(volume.geometry.matrix, grid.matrix, atol=1e-9)
    assert volume.name == "Heart"


@settings(max_examples=30, deadline=None)
@given(grid=geometries())
def test_any_grid_comes_through_exactly(grid):
    if np.prod(grid.size) == 1:
        return
    with scenes.a_scene() as scene:
        volume = mrml.read_volume_node(scenes.add_volume(scene, numbered(grid), grid))
        assert np.allclose(volume.geometry.matrix, grid.matrix, rtol=1e-12, atol=1e-9)
        assert np.array_equal(volume.voxels, numbered(grid))


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_every_voxel_type_is_read(scene, kind):
    array = (numbered(LPS) % 100).astype(kind)
    assert np.array_equal(mrml.read_volume_node(scenes.add_volume(scene, array, LPS)).voxels, array)


def test_reading_a_volume_leaves_node_and_scene_alone(scene):
    node = scenes.add_volume(scene, numbered(LPS), LPS)
    before = scenes.fingerprint(scene, node)
    captured = mrml.capture_volume(node)
    slicer.util.arrayFromVolume(node)[:] = -1
    assert captured.voxels.max() == numbered(LPS).max()
    assert scenes.fingerprint(scene, node) == before


def test_linear_transforms_are_applied_to_the_grid(scene):
    grid = oblique_grid()
    node = scenes.add_volume(scene, numbered(grid), grid)
    inner = scenes.add_transform(scene, rigid(), node)
    scenes.add_transform(scene, rigid((-40, 5, 80), (1, 2, 3)), inner)
    expected = rigid((-40, 5, 80), (1, 2, 3)) @ rigid() @ grid.ras_matrix
    assert np.allclose(mrml.read_volume_node(node).geometry.ras_matrix, expected, atol=1e-9)


def test_a_scaling_transform_changes_the_spacing(scene):
    node = scenes.add_volume(scene, numbered(LPS), LPS)
    scenes.add_transform(scene, np.diag([2.0, 2.0, 2.0, 1.0]), node)
    assert mrml.read_volume_node(node).geometry.spacing == pytest.approx((1.4, 1.8, 4.0))


@pytest.mark.parametrize("bend", ["shear", "warp"])
def test_a_bent_volume_is_taken_on_its_stored_grid_by_the_module(scene, bend):
    node = scenes.add_volume(scene, numbered(LPS), LPS)
    if bend == "shear":
        scenes.add_transform(scene, sheared(), node)
    else:
        scenes.add_warp(scene, node)
    captured = mrml.capture_volume(node)
    assert np.allclose(captured.geometry.matrix, LPS.matrix)
    with pytest.raises(InputError, match="bends or shears"):
        mrml.read_volume_node(node)


def test_a_stored_grid_without_right_angles_is_refused(scene):
    node = scenes.add_volume(scene, numbered(LPS), LPS)
    matrix = np.eye(4)
    matrix[0, 1] = 0.3
    node.SetIJKToRASMatrix(matrix_from_array(matrix))
    with pytest.raises(GeometryError, match="grid of volume 'MR' cannot be used.*right angles"):
        mrml.capture_volume(node)


def test_what_is_no_usable_volume_is_refused_with_a_remedy(scene):
    color = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photo")
    image = vtk.vtkImageData()
    image.SetDimensions(3, 3, 3)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    color.SetAndObserveImageData(image)
    gone = scenes.add_volume(scene, numbered(LPS), LPS, name="Gone")
    scene.RemoveNode(gone)
    labels = scenes.add_volume(scene, numbered(LPS).astype("int16"), LPS, "Labels", "LabelMap")
    refused = {
        "No volume is chosen": None,
        "'Drawn' is a vtkMRMLSegmentationNode, not a volume": scenes.add_segmentation(scene, {}, LPS),
        "'Labels' is a label volume": labels,
        "'Photo' has 3 values a voxel": color,
        "'Nothing' has no voxels": scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Nothing"),
        "'Gone' is not in the scene": gone,
    }
    for words, node in refused.items():
        with pytest.raises(InputError, match=words) as caught:
            mrml.check_volume(node)
        assert caught.value.hint


def test_a_constant_volume_is_refused(scene):
    with pytest.raises(InputError, match="constant"):
        mrml.read_volume_node(scenes.add_volume(scene, np.ones(LPS.shape, np.int16), LPS))


def test_a_few_broken_voxels_are_repaired_and_told(scene):
    array = numbered(LPS)
    array[0, 0, :2] = np.nan
    heard = Listener()
    volume = mrml.read_volume_node(scenes.add_volume(scene, array, LPS), heard)
    assert np.isfinite(volume.voxels).all()
    assert "2 of 720" in heard.warnings[0]


def test_the_modality_comes_from_dicom_or_from_the_units(scene):
    node = scenes.add_volume(scene, numbered(LPS), LPS)
    assert mrml.modality_of(node) == ""
    hierarchy = scenes.hierarchy_of(scene)
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(node), "DICOM.Modality", "MR")
    assert mrml.capture_volume(node).modality == "MR"
    other = scenes.add_volume(scene, numbered(LPS), LPS)
    units = slicer.vtkCodedEntry()
    units.SetValueSchemeMeaning("[hnsf'U]", "UCUM", "Hounsfield unit")
    other.SetVoxelValueUnits(units)
    assert mrml.capture_volume(other).modality == "CT"


def test_a_voxel_is_where_the_screen_shows_it(scene):
    grid = oblique_grid()
    node = scenes.add_volume(scene, numbered(grid), grid)
    scenes.add_transform(scene, rigid(), node)
    expected = rigid() @ grid.ras_matrix @ [1, 2, 3, 1]
    assert mrml.world_of_voxel(node, (1, 2, 3)) == pytest.approx(tuple(expected[:3]))


# --- regions --------------------------------------------------------------------------------------------------------


def test_a_region_holds_the_voxels_whose_centres_lie_in_the_box(scene):
    grid = Geometry((20, 30, 10), (1.0, 1.0, 2.0), direction=np.diag([-1.0, -1.0, 1.0]))
    volume = scenes.add_volume(scene, numbered(grid), grid)
    roi = add_roi(scene, (5.0, 10.0, 6.0), (4.0, 6.0, 8.2))
    assert mrml.region_from_roi(roi, volume) == (3, 8, 7, 14, 1, 6)


def test_a_turned_region_gives_the_box_around_it_cut_to_the_volume(scene):
    grid = Geometry((20, 30, 10), (1.0, 1.0, 2.0), direction=np.diag([-1.0, -1.0, 1.0]))
    volume = scenes.add_volume(scene, numbered(grid), grid)
    roi = add_roi(scene, (0.0, 0.0, 0.0), (4.0, 4.0, 100.0))
    scenes.add_transform(scene, rigid((0, 0, 45), (10.0, 10.0, 0.0)), roi)
    assert mrml.region_from_roi(roi, volume) == (8, 13, 8, 13, 0, 10)


def test_a_region_follows_the_volume_through_its_transform(scene):
    grid = Geometry((20, 30, 10), (1.0, 1.0, 2.0), direction=np.diag([-1.0, -1.0, 1.0]))
    volume = scenes.add_volume(scene, numbered(grid), grid)
    roi = add_roi(scene, (5.0, 10.0, 6.0), (4.0, 6.0, 8.2))
    scenes.add_transform(scene, rigid(), volume, roi)
    assert mrml.region_from_roi(roi, volume) == (3, 8, 7, 14, 1, 6)


def test_a_region_beside_the_volume_is_refused(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    with pytest.raises(InputError, match="'Box' holds no voxel of volume 'MR'"):
        mrml.region_from_roi(add_roi(scene, (500, 0, 0), (4, 4, 4)), volume)


def test_matrices_go_to_vtk_and_back():
    matrix = rigid() @ np.diag([0.7, 0.8, 3.0, 1.0])
    assert np.array_equal(array_from_matrix(matrix_from_array(matrix)), matrix)


@pytest.mark.parametrize("which", ["single/brain_image*", "mscmr_bssfp/images/*", "acdc/images/*", "btcv_ct/images/*"])
def test_real_volumes_as_slicer_reads_them_lie_where_we_read_them(scene, shared_data, which):
    from SAMAdaptLib.data.io.volumes import read_volume

    path = next(iter(sorted(shared_data.glob(which))), None)
    if path is None:
        pytest.skip(f"no {which} among the real volumes")
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Real")
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    storage.SetCenterImage(False)
    assert storage.ReadData(node)
    ours, seen = read_volume(path), mrml.read_volume_node(node)
    # Slicer may keep the slices in another order than the file: the same values must lie in the same places.
    here = np.random.default_rng(0).integers(0, seen.geometry.size, (5000, 3))
    there = ours.geometry.lps_to_ijk(seen.geometry.ijk_to_lps(here))
    assert np.abs(there - np.rint(there)).max() < 1e-3
    found = ours.voxels[tuple(np.rint(there).astype(int).T[::-1])]
    assert np.array_equal(seen.voxels[tuple(here.T[::-1])], found)
    assert found.std() > 0


# --- copying piece by piece ---------------------------------------------------------------------------------------


def a_large_volume(scene):
    """A volume of several pieces."""
    grid = Geometry((160, 150, 90), (1, 1, 1))
    return scenes.add_volume(scene, numbered(grid).astype("int16"), grid)


def test_a_volume_is_gathered_in_small_steps(scene):
    node = a_large_volume(scene)
    capture = mrml.capture_volume(node, later=True)
    assert len(list(mrml.gathered(capture.copies))) == 5  # of a megabyte at most
    assert np.array_equal(capture.voxels, slicer.util.arrayFromVolume(node))
    assert list(mrml.gathered(capture.copies)) == []


def test_a_volume_changed_between_two_steps_is_refused(scene):
    node = a_large_volume(scene)
    steps = mrml.gathered(mrml.capture_volume(node, later=True).copies)
    next(steps)
    slicer.util.arrayFromVolumeModified(node)
    with pytest.raises(InputError, match="'MR' was changed while it was being read. Try again"):
        list(steps)


@pytest.mark.parametrize("size", [(7, 6, 5), (300, 300, 30)])
def test_voxels_put_in_place_of_others_between_two_steps_are_noticed(scene, size):
    node = a_large_volume(scene)
    steps = mrml.gathered(mrml.capture_volume(node, later=True).copies)
    next(steps)
    slicer.util.updateVolumeFromArray(node, np.zeros(size[::-1], np.int16))
    with pytest.raises(InputError, match="was changed while it was being read"):
        list(steps)


def test_an_annotation_is_gathered_with_its_volume(scene):
    grid = Geometry((160, 150, 90), (1, 1, 1))
    volume = scenes.add_volume(scene, numbered(grid), grid)
    mask = np.zeros(grid.shape, np.uint8)
    mask[10:80, 20:140, 30:150] = 1
    node = scenes.add_segmentation(scene, {"Block": mask}, grid)
    capture = mrml.capture_annotation(node, volume, later=True)
    assert len(list(mrml.gathered(capture.copies))) >= 1
    assert np.array_equal(capture.labelmap().voxels, mask)
