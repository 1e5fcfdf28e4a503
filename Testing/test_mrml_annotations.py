"""Annotations out of real MRML scenes: segmentations and label volumes, on any grid, under any transform."""

from __future__ import annotations

import numpy as np
import pytest
from listeners import Listener

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import mrmlscenes as scenes
import slicer
import vtk
from geometries import numbered, oblique_grid, turned
from mrmlfixtures import *  # noqa: F403  fixtures
from mrmlthings import LPS, add_surfaces, every_grid, rigid, two_masks

from SAMAdaptLib import mrml
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.errors import InputError


@every_grid
@pytest.mark.parametrize("shared", [False, True], ids=["layers", "one layer"])
def test_segments_on_the_volumes_grid_are_copied_exactly(scene, grid, shared):
    volume = scenes.add_volume(scene, numbered(grid), grid)
    masks = two_masks(grid)
    labelmap = mrml.read_labelmap_node(scenes.add_segmentation(scene, masks, grid, shared=shared), volume)
    assert np.array_equal(labelmap.voxels, masks["Left ventricle"] + 2 * masks["Myocardium"])
    assert [item.name for item in labelmap.structures] == list(masks)
    assert labelmap.structures[1].color == pytest.approx((0.2, 0.8, 0.25))
    assert labelmap.geometry == mrml.read_volume_node(volume).geometry


def test_reading_an_annotation_leaves_nodes_and_scene_alone(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    before = scenes.fingerprint(scene, volume, drawn)
    mrml.read_labelmap_node(drawn, volume)
    assert scenes.fingerprint(scene, volume, drawn) == before


@pytest.mark.parametrize(
    "other",
    [
        Geometry((31, 23, 12), (0.31, 0.43, 1.3), (-4.02, 3.03, 4.04)),
        Geometry((5, 4, 3), (1.9, 2.3, 4.7), (-3.11, 4.21, 5.13)),
        Geometry((20, 20, 20), (0.61, 0.67, 0.71), (-4.0, 3.0, 4.5), turned((10, 20, 30), (1, 0, 2), (-1, 1, 1))),
    ],
    ids=["finer", "coarser", "turned"],
)
def test_segments_on_another_grid_are_looked_up_as_slicers_export_does(scene, other):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(other), other)
    ours = mrml.read_labelmap_node(drawn, volume).voxels
    assert ours.any()
    assert np.array_equal(ours, scenes.exported_by_slicer(scene, drawn, volume))


def test_a_segmentation_that_covers_part_of_the_volume_is_padded(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    part = Geometry((4, 3, 2), LPS.spacing, tuple(LPS.ijk_to_lps((5, 6, 3))), LPS.direction)
    labelmap = mrml.read_labelmap_node(scenes.add_segmentation(scene, {"A": np.ones(part.shape)}, part), volume)
    expected = np.zeros(LPS.shape)
    expected[3:5, 6:9, 5:9] = 1
    assert np.array_equal(labelmap.voxels, expected)


def test_a_segmentation_larger_than_the_volume_is_cut(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    around = Geometry((18, 13, 9), LPS.spacing, tuple(LPS.ijk_to_lps((-2, -1, -3))), LPS.direction)
    masks = two_masks(around)
    labelmap = mrml.read_labelmap_node(scenes.add_segmentation(scene, masks, around), volume)
    whole = masks["Left ventricle"] + 2 * masks["Myocardium"]
    assert np.array_equal(labelmap.voxels, whole[3:9, 1:11, 2:14])


@pytest.mark.parametrize("moved", ["both", "volume", "segmentation"])
def test_transforms_between_volume_and_segmentation_are_followed(scene, moved):
    grid = oblique_grid()
    masks = two_masks(grid)
    volume = scenes.add_volume(scene, numbered(grid), grid)
    matrix = rigid()
    drawn_on = grid
    if moved == "volume":
        drawn_on = Geometry.from_ras_matrix(grid.size, matrix @ grid.ras_matrix)
    elif moved == "segmentation":
        drawn_on = Geometry.from_ras_matrix(grid.size, np.linalg.inv(matrix) @ grid.ras_matrix)
    drawn = scenes.add_segmentation(scene, masks, drawn_on)
    scenes.add_transform(scene, matrix, *{"both": (volume, drawn), "volume": (volume,)}.get(moved, (drawn,)))
    labelmap = mrml.read_labelmap_node(drawn, volume)
    assert np.array_equal(labelmap.voxels, masks["Left ventricle"] + 2 * masks["Myocardium"])


def test_under_one_warp_segments_are_copied_exactly(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    masks = two_masks(LPS)
    drawn = scenes.add_segmentation(scene, masks, LPS)
    scenes.add_warp(scene, volume, drawn)
    labelmap = mrml.read_labelmap_node(drawn, volume)
    assert np.array_equal(labelmap.voxels, masks["Left ventricle"] + 2 * masks["Myocardium"])


@pytest.mark.parametrize("warped", ["volume", "segmentation"])
def test_a_warp_between_volume_and_segmentation_is_followed_point_by_point(scene, warped):
    grid = Geometry((24, 22, 12), (2.0, 2.0, 4.0), (-24.0, -22.0, -24.0))
    mask = scenes.ball(grid)
    volume, drawn = scenes.add_volume(scene, numbered(grid), grid), scenes.add_segmentation(scene, {"A": mask}, grid)
    warp = scenes.add_warp(scene, volume if warped == "volume" else drawn)
    labelmap = mrml.capture_annotation(drawn, volume)
    warp.SetAndObserveTransformToParent(vtk.vtkTransform())  # what happens after the capture does not count
    labelmap = labelmap.labelmap()

    again = scenes.add_warp(scene, volume if warped == "volume" else drawn)
    agreed = 0
    for k, j, i in np.ndindex(grid.shape):
        point = (grid.ras_matrix @ [i, j, k, 1])[:3]
        node, method = (again, "GetTransformToWorld") if warped == "volume" else (again, "GetTransformFromWorld")
        transform = vtk.vtkGeneralTransform()
        getattr(node, method)(transform)
        index = np.linalg.inv(grid.ras_matrix) @ [*transform.TransformPoint(point), 1]
        x, y, z = np.rint(index[:3]).astype(int)
        inside = 0 <= x < grid.size[0] and 0 <= y < grid.size[1] and 0 <= z < grid.size[2]
        agreed += bool(labelmap.voxels[k, j, i]) == bool(inside and mask[z, y, x])
    assert agreed == mask.size
    assert not np.array_equal(labelmap.voxels, mask)


def test_overlapping_segments_are_refused_by_name(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    liver = scenes.ball(LPS, part=0.45)
    drawn = scenes.add_segmentation(scene, {"Liver": liver, "Tumor": scenes.ball(LPS, part=0.2)}, LPS)
    with pytest.raises(InputError, match=r"'Liver' and 'Tumor' of 'Drawn' overlap in \d+ voxels") as caught:
        mrml.read_labelmap_node(drawn, volume)
    assert "Logical operators" in caught.value.hint
    only = [info.id for info in mrml.segments_of(drawn) if info.name == "Liver"]
    assert np.array_equal(mrml.read_labelmap_node(drawn, volume, only).voxels, liver)


def test_segments_that_merely_touch_are_told_apart_with_a_warning(scene):
    grid = Geometry((40, 20, 5))
    left, right = np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    left[:, :, :21], right[:, :, 20:] = True, True
    volume = scenes.add_volume(scene, numbered(grid), grid)
    heard = Listener()
    capture = mrml.capture_annotation(scenes.add_segmentation(scene, {"L": left, "R": right}, grid), volume)
    labelmap = capture.labelmap(heard)
    assert (labelmap.voxels[:, :, 20] == 2).all()
    assert heard.warnings == ["Segments 'L' and 'R' of 'Drawn' overlap in 100 voxels; they were given to 'R'."]


def test_an_empty_segment_stays_listed_without_voxels(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, {"A": scenes.ball(LPS)}, LPS)
    drawn.GetSegmentation().AddEmptySegment("", "Later")
    labelmap = mrml.read_labelmap_node(drawn, volume)
    assert [item.name for item in labelmap.structures] == ["A", "Later"]
    assert labelmap.values() == (1,)


def test_an_annotation_without_a_voxel_on_the_volume_is_refused(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    away = Geometry((3, 3, 3), origin=(900.0, 0.0, 0.0))
    elsewhere = scenes.add_segmentation(scene, {"A": np.ones(away.shape)}, away, name="Elsewhere")
    with pytest.raises(InputError, match="segments of 'Elsewhere' have no voxel on volume 'MR'"):
        mrml.read_labelmap_node(elsewhere, volume)
    empty = scenes.add_segmentation(scene, {}, LPS, name="Empty")
    with pytest.raises(InputError, match="'Empty' has no segments"):
        mrml.check_annotation(empty)
    empty.GetSegmentation().AddEmptySegment("", "A")
    with pytest.raises(InputError, match="have no voxel"):
        mrml.read_labelmap_node(empty, volume)


def test_what_is_no_annotation_is_refused(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    gone = scenes.add_segmentation(scene, {}, LPS, name="Gone")
    scene.RemoveNode(gone)
    refused = {"No segmentation is chosen": None, "not a segmentation": volume, "'Gone' is not in the scene": gone}
    for words, node in refused.items():
        with pytest.raises(InputError, match=words):
            mrml.check_annotation(node)


def test_segments_are_chosen_and_numbered_as_asked(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    masks = {"A": scenes.ball(LPS, (0.2, 0.5, 0.5), 0.15), "B": scenes.ball(LPS, (0.8, 0.5, 0.5), 0.15)}
    drawn = scenes.add_segmentation(scene, masks, LPS)
    first, second = mrml.segments_of(drawn)
    capture = mrml.capture_annotation(drawn, volume, [second.id], {"B": 7, "C": 1})
    assert [(item.value, item.name) for item in capture.structures] == [(7, "B")]
    assert np.array_equal(capture.labelmap().voxels, 7 * masks["B"])
    assert mrml.capture_annotation(drawn, volume, None, {"B": 1}).structures[0].value == 2
    with pytest.raises(InputError, match="no segment 'X'"):
        mrml.capture_annotation(drawn, volume, ["X"])
    with pytest.raises(InputError, match="No segment of 'Drawn' is chosen"):
        mrml.capture_annotation(drawn, volume, [])


def test_two_segments_of_one_name_are_refused(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    drawn.GetSegmentation().GetNthSegment(1).SetName("Left ventricle")
    with pytest.raises(InputError, match="several segments called 'Left ventricle'"):
        mrml.capture_annotation(drawn, volume)


def test_terminology_is_kept_and_slicers_default_is_none(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    entry = "Ctx~SCT^123^Organ~SCT^456^Liver~^^~Anatomic~^^~^^"
    drawn.GetSegmentation().GetNthSegment(0).SetTerminology(entry)
    structures = mrml.read_labelmap_node(drawn, volume).structures
    assert [item.terminology for item in structures] == [entry, ""]


def test_closed_surfaces_are_filled_on_the_volumes_grid_as_slicer_does(scene):
    grid = Geometry((40, 36, 20), (1.0, 1.1, 2.0), (-20.3, -20.1, -20.2), turned((10, 5, 20)))
    volume = scenes.add_volume(scene, numbered(grid), grid)
    surfaces = add_surfaces(scene, A=((0, 0, 0), 7.03), B=((-14, 3, 2), 4.02))
    before = scenes.fingerprint(scene, volume, surfaces)
    ours = mrml.read_labelmap_node(surfaces, volume).voxels
    assert scenes.fingerprint(scene, volume, surfaces) == before
    assert (ours == 1).sum() * grid.voxel_ml == pytest.approx(4 / 3 * np.pi * 7.03**3 / 1000, rel=0.05)
    surfaces.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    slicers = scenes.exported_by_slicer(scene, surfaces, volume)
    assert (ours != slicers).sum() <= 0.01 * (slicers > 0).sum()


def test_closed_surfaces_follow_transforms(scene):
    grid = Geometry((40, 36, 20), (1.0, 1.1, 2.0), (-20.3, -20.1, -20.2), turned((10, 5, 20)))
    volume, surfaces = scenes.add_volume(scene, numbered(grid), grid), add_surfaces(scene, A=((1, 2, 3), 8.0))
    plain = mrml.read_labelmap_node(surfaces, volume).voxels
    scenes.add_transform(scene, rigid(), volume, surfaces)
    assert np.array_equal(mrml.read_labelmap_node(surfaces, volume).voxels, plain)
    surfaces.SetAndObserveTransformNodeID(None)
    assert not np.array_equal(mrml.read_labelmap_node(surfaces, volume).voxels, plain)


def test_a_representation_that_cannot_be_read_is_refused(scene):
    drawn = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Contours")
    drawn.GetSegmentation().SetSourceRepresentationName("Planar contour")
    segment = slicer.vtkSegment()
    segment.AddRepresentation("Planar contour", vtk.vtkPolyData())
    drawn.GetSegmentation().AddSegment(segment, "A")
    with pytest.raises(InputError, match="holds only 'Planar contour'") as caught:
        mrml.check_annotation(drawn)
    assert "module Segmentations" in caught.value.hint


def test_a_label_volume_serves_as_annotation_with_its_colour_tables_names(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    array = np.zeros(LPS.shape, np.int16)
    array[1, 2, 3:6], array[2, 3, 4:8] = 2, 5
    labels = scenes.add_volume(scene, array, LPS, "Labels", "LabelMap")
    assert [item.name for item in mrml.read_labelmap_node(labels, volume).structures] == ["Structure 2", "Structure 5"]
    colors = scenes.add_color_tables(scene)
    table = scene.AddNewNodeByClass("vtkMRMLColorTableNode", "Table")
    table.SetTypeToUser()
    table.SetNumberOfColors(6)
    table.SetColor(5, "spleen", 0.1, 0.2, 0.3, 1.0)
    labels.CreateDefaultDisplayNodes()
    labels.GetDisplayNode().SetAndObserveColorNodeID(table.GetID())
    labelmap = mrml.read_labelmap_node(labels, volume)
    assert np.array_equal(labelmap.voxels, array)
    assert labelmap.structures[1].name == "spleen"
    assert labelmap.structures[1].color == pytest.approx((0.1, 0.2, 0.3), abs=0.01)
    colors.SetMRMLScene(None)
    renumbered = mrml.capture_annotation(labels, volume, values={"spleen": 2})
    assert [item.value for item in renumbered.structures] == [1, 2]
    assert np.array_equal(renumbered.labelmap().voxels, np.select([array == 2, array == 5], [1, 2]))


def test_without_a_volume_a_segmentation_takes_the_one_it_was_drawn_on(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    masks = two_masks(LPS)
    drawn = scenes.add_segmentation(scene, masks, LPS)
    with pytest.raises(InputError, match="does not know the volume"):
        mrml.read_labelmap_node(drawn)
    drawn.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    assert mrml.read_labelmap_node(drawn).geometry.same_grid(LPS)
    like = mrml.read_volume_node(volume)
    assert np.array_equal(mrml.read_labelmap_node(drawn, like).voxels, mrml.read_labelmap_node(drawn).voxels)
