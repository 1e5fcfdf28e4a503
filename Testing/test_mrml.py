"""Volume nodes and annotations out of real MRML scenes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import mrmlscenes as scenes
import slicer
import vtk
from geometries import geometries, numbered, oblique_grid, turned
from hypothesis import given, settings

from SAMAdaptLib import mrml
from SAMAdaptLib.errors import GeometryError, InputError
from SAMAdaptLib.geometry import Geometry
from SAMAdaptLib.mrml_frames import array_from_matrix, matrix_from_array
from SAMAdaptLib.progress import Silent

LIA = Geometry((9, 8, 7), (1.0, 1.0, 1.0), (5.0, 6.0, 7.0), turned((0, 0, 0), (0, 2, 1), (1, -1, -1)))
RAS = Geometry((6, 11, 5), (0.8, 0.8, 4.0), (-30.0, 40.0, 12.0), turned((0, 0, 0), (0, 1, 2), (-1, -1, 1)))
LPS = Geometry((12, 10, 6), (0.7, 0.9, 2.0), (-3.0, 4.0, 5.0))
SINGLE_SLICE = Geometry((10, 14, 1), (0.5, 0.5, 8.0), (1.0, 2.0, 3.0), turned((5, 0, 10)))
GRIDS = {"oblique": oblique_grid(), "LIA": LIA, "RAS": RAS, "LPS": LPS, "single slice": SINGLE_SLICE}

every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())


@pytest.fixture
def scene():
    with scenes.a_scene() as fresh:
        yield fresh


def rigid(angles=(10, 20, 30), shift=(3.0, -7.0, 11.0)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = turned(angles)
    matrix[:3, 3] = shift
    return matrix


def sheared() -> np.ndarray:
    matrix = rigid()
    matrix[:3, :3] = matrix[:3, :3] @ [[1, 0.2, 0], [0, 1, 0], [0, 0, 1.1]]
    return matrix


class Heard(Silent):
    def __init__(self):
        self.warnings = []

    def warning(self, text):
        self.warnings.append(text)


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
    heard = Heard()
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


def add_roi(scene, centre, size):
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
    roi.SetSize(*size)
    roi.SetCenter(*centre)
    return roi


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


# --- annotations ----------------------------------------------------------------------------------------------------


def two_masks(grid: Geometry) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5).integers(0, 3, grid.shape)
    return {"Left ventricle": draw == 1, "Myocardium": draw == 2}


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
    heard = Heard()
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


def add_surfaces(scene, **balls):
    """A segmentation whose source is closed surfaces: spheres of (centre in RAS, radius)."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    for name, (centre, radius) in balls.items():
        sphere = vtk.vtkSphereSource()
        sphere.SetCenter(*centre)
        sphere.SetRadius(radius)
        sphere.SetThetaResolution(40)
        sphere.SetPhiResolution(40)
        sphere.Update()
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.AddRepresentation("Closed surface", sphere.GetOutput())
        node.GetSegmentation().AddSegment(segment)
    return node


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


def test_matrices_go_to_vtk_and_back():
    matrix = rigid() @ np.diag([0.7, 0.8, 3.0, 1.0])
    assert np.array_equal(array_from_matrix(matrix_from_array(matrix)), matrix)


@pytest.mark.parametrize("which", ["single/brain_image*", "mscmr_bssfp/images/*", "acdc/images/*", "btcv_ct/images/*"])
def test_real_volumes_as_slicer_reads_them_lie_where_we_read_them(scene, shared_data, which):
    from SAMAdaptLib.volume import read_volume

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
