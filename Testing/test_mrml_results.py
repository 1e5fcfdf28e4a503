"""Labelmaps into real MRML scenes, and plans that go from nodes to a job and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import mrmlscenes as scenes
import slicer
from geometries import geometries, numbered, oblique_grid
from hypothesis import given, settings
from mrmlfixtures import *  # noqa: F403  fixtures
from mrmlthings import GRIDS, LPS, add_roi, add_surfaces, every_grid, rigid, two_masks

from SAMAdaptLib import mrml
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.data.provenance import HEAD_HASH_KEY, HEAD_KEY, KEY, Provenance
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.errors import Cancelled, InputError

TERMINOLOGY = "Ctx~SCT^123^Organ~SCT^456^Liver~^^~Anatomic~^^~^^"
LV = Structure(2, "Left ventricle", (0.9, 0.1, 0.2), TERMINOLOGY)
RV = Structure(1, "Right ventricle", (0.1, 0.5, 0.75))
ABSENT = Structure(9, "Aorta", (0.0, 0.0, 1.0))
VALUES = {item.name: item.value for item in (LV, RV, ABSENT)}


def some_labels(grid: Geometry, seed: int = 3) -> Labelmap:
    voxels = np.random.default_rng(seed).integers(0, 3, grid.shape).astype(np.uint8)
    voxels.ravel()[0] = 2
    return Labelmap(voxels, grid, [LV, RV, ABSENT])


def seen(placement, volume) -> np.ndarray:
    """What Slicer itself finds of a placement at the volume's voxels, in the values of ``some_labels``."""
    found = np.zeros(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    for segment_id, structure in zip(placement.segment_ids, (LV, RV, ABSENT), strict=True):
        mask = scenes.exported_by_slicer(volume.GetScene(), placement.node, volume, segment_id)
        found[mask > 0] = structure.value
    return found


# --- a new node -----------------------------------------------------------------------------------------------------


@every_grid
def test_a_labelmap_comes_back_exactly(scene, grid):
    volume = scenes.add_volume(scene, numbered(grid), grid)
    labels = some_labels(grid)
    placement = mrml.place_labels(labels, volume)
    assert np.array_equal(mrml.read_labelmap_node(placement.node, volume, values=VALUES).voxels, labels.voxels)
    assert np.array_equal(seen(placement, volume), labels.voxels)


@settings(max_examples=30, deadline=None)
@given(grid=geometries())
def test_a_labelmap_on_any_grid_comes_back_exactly(grid):
    with scenes.a_scene() as scene:
        volume = scenes.add_volume(scene, numbered(grid), grid)
        labels = some_labels(grid)
        placement = mrml.place_labels(labels, volume)
        again = mrml.read_labelmap_node(placement.node, volume, values=VALUES)
        assert np.array_equal(again.voxels, labels.voxels)


def test_names_colours_and_terminology_are_those_of_the_structures(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    placement = mrml.place_labels(some_labels(LPS), volume)
    infos = mrml.segments_of(placement.node)
    assert [(info.name, info.terminology) for info in infos] == [(s.name, s.terminology) for s in (LV, RV, ABSENT)]
    assert [info.color for info in infos] == [pytest.approx(s.color) for s in (LV, RV, ABSENT)]
    assert [info.id for info in infos] == list(placement.segment_ids)


def test_the_volume_is_the_reference_geometry_and_stays_untouched(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    before = scenes.fingerprint(scene, volume)[1:]
    node = mrml.place_labels(some_labels(LPS), volume).node
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReference(role) is volume
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    image = slicer.vtkOrientedImageData()
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image)
    assert image.GetDimensions() == LPS.size
    assert scenes.fingerprint(scene, volume)[1:] == before
    assert node.GetDisplayNode() is not None


def test_the_segmentation_lies_in_the_volumes_folder(scene):
    hierarchy = scenes.hierarchy_of(scene)
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    study = hierarchy.CreateStudyItem(hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Patient"), "Study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    node = mrml.place_labels(some_labels(LPS), volume).node
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def test_each_result_gets_a_name_of_its_own_and_leaves_the_others_alone(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    first = mrml.place_labels(some_labels(LPS), volume)
    second = mrml.place_labels(some_labels(LPS, seed=4), volume)
    third = mrml.place_labels(some_labels(LPS, seed=4), volume, name="Heart")
    names = [placement.node.GetName() for placement in (first, second, third)]
    assert names == ["MR segmentation", "MR segmentation_1", "Heart"]
    assert np.array_equal(seen(first, volume), some_labels(LPS).voxels)


@pytest.mark.parametrize("bend", ["linear", "warp"])
def test_under_a_transform_the_result_lies_on_the_volume(scene, bend):
    grid = oblique_grid()
    volume = scenes.add_volume(scene, numbered(grid), grid)
    transform = scenes.add_transform(scene, rigid(), volume) if bend == "linear" else scenes.add_warp(scene, volume)
    labels = Labelmap(some_labels(grid).voxels, mrml.capture_volume(volume).geometry, [LV, RV, ABSENT])
    placement = mrml.place_labels(labels, volume)
    assert placement.node.GetTransformNodeID() == transform.GetID()
    assert np.array_equal(seen(placement, volume), labels.voxels)


def test_a_transform_that_moves_meanwhile_takes_the_result_along(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    labels = some_labels(LPS)
    scenes.add_transform(scene, rigid(), volume)
    placement = mrml.place_labels(labels, volume)
    assert np.array_equal(seen(placement, volume), labels.voxels)


def test_a_result_without_any_label_makes_empty_segments(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    placement = mrml.place_labels(Labelmap(np.zeros(LPS.shape, np.uint8), LPS, [LV, RV, ABSENT]), volume)
    assert [info.name for info in mrml.segments_of(placement.node)] == [LV.name, RV.name, ABSENT.name]
    assert not seen(placement, volume).any()


def test_labels_above_255_keep_their_values(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    voxels = np.where(scenes.ball(LPS), 40000, 0)
    placement = mrml.place_labels(Labelmap(voxels, LPS, [Structure(40000, "A", (1, 0, 0))]), volume)
    assert np.array_equal(mrml.read_labelmap_node(placement.node, volume).voxels, scenes.ball(LPS))


def test_ready_labels_are_cut_to_their_box():
    voxels = np.zeros(LPS.shape, np.uint8)
    voxels[2, 3:5, 6] = 1
    ready = mrml.CroppedLabels.of(Labelmap(voxels, LPS))
    assert (ready.start, ready.voxels.shape, ready.size) == ((6, 3, 2), (1, 2, 1), LPS.size)


def test_surfaces_are_shown_on_request_and_hidden_again(scene):
    grid = Geometry((20, 20, 20))
    volume = scenes.add_volume(scene, numbered(grid), grid)
    node = mrml.place_labels(Labelmap(scenes.ball(grid), grid, [Structure(1, "A", (1, 0, 0))]), volume).node
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")
    mrml.show_3d(node)
    surface = node.GetSegmentation().GetNthSegment(0).GetRepresentation("Closed surface")
    assert surface.GetNumberOfPoints() > 100
    mrml.show_3d(node, False)
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")


# --- undo -----------------------------------------------------------------------------------------------------------


def test_undo_removes_a_new_node_and_is_harmless_twice(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    placement = mrml.place_labels(some_labels(LPS), volume)
    placement.undo()
    placement.undo()
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == count
    assert mrml.is_alive(volume)


def test_the_scenes_own_undo_takes_a_new_node_back(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    scene.SetUndoOn()
    placement = mrml.place_labels(some_labels(LPS), volume)
    assert scene.GetNumberOfUndoLevels() == 1
    scene.Undo()
    assert not mrml.is_alive(placement.node)
    assert mrml.is_alive(volume)
    scene.SetUndoOff()


# --- into a node that is there --------------------------------------------------------------------------------------


def test_into_a_segmentation_only_segments_of_the_same_names_are_replaced(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    other = np.zeros(LPS.shape, bool)
    other[0, 0, 1:4] = True
    drawn = scenes.add_segmentation(scene, {"Mine": other, LV.name: scenes.ball(LPS)}, LPS, shared=True)
    labels = some_labels(LPS)  # on some voxels of Mine, too
    mine, old = (info.id for info in mrml.segments_of(drawn))
    placement = mrml.place_labels(labels, volume, into=drawn)
    assert placement.segment_ids[0] == old
    assert [info.name for info in mrml.segments_of(drawn)] == ["Mine", LV.name, RV.name, ABSENT.name]
    assert np.array_equal(scenes.exported_by_slicer(scene, drawn, volume, mine) > 0, other)
    assert np.array_equal(seen(placement, volume), labels.voxels)
    placement.undo()
    restored = mrml.read_labelmap_node(drawn, volume)
    assert [item.name for item in restored.structures] == ["Mine", LV.name]
    assert np.array_equal(restored.voxels > 0, other | scenes.ball(LPS))


def test_into_an_empty_segmentation_of_a_selector_all_is_set_up(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    fresh = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Chosen")
    placement = mrml.place_labels(some_labels(LPS), volume, into=fresh)
    assert placement.node is fresh
    assert fresh.GetNodeReference(fresh.GetReferenceImageGeometryReferenceRole()) is volume
    assert np.array_equal(seen(placement, volume), some_labels(LPS).voxels)
    placement.undo()
    assert fresh.GetSegmentation().GetNumberOfSegments() == 0


def test_a_structure_that_is_not_found_any_more_empties_its_segment(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    first = mrml.place_labels(some_labels(LPS), volume)
    none = Labelmap(np.zeros(LPS.shape, np.uint8), LPS, [LV, RV, ABSENT])
    again = mrml.place_labels(none, volume, into=first.node)
    assert again.segment_ids == first.segment_ids
    assert not seen(again, volume).any()


def test_into_a_segmentation_under_another_transform_the_result_still_lies_on_the_volume(scene):
    grid = oblique_grid()
    volume = scenes.add_volume(scene, numbered(grid), grid)
    target = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Chosen")
    scenes.add_transform(scene, rigid(), volume)
    scenes.add_transform(scene, rigid((5, -50, 3), (9, 8, 7)), target)
    labels = Labelmap(some_labels(grid).voxels, mrml.capture_volume(volume).geometry, [LV, RV, ABSENT])
    placement = mrml.place_labels(labels, volume, into=target)
    assert np.array_equal(mrml.read_labelmap_node(target, volume, values=VALUES).voxels, labels.voxels)
    assert placement.node.GetTransformNodeID() != volume.GetTransformNodeID()


def test_segmentations_that_cannot_take_the_result_are_refused_unchanged(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    surfaces = add_surfaces(scene, A=((1, 2, 3), 8.0))
    before = scenes.fingerprint(scene, surfaces)
    with pytest.raises(InputError, match="'Surfaces' holds 'Closed surface'"):
        mrml.place_labels(some_labels(LPS), volume, into=surfaces)
    assert scenes.fingerprint(scene, surfaces) == before
    warped = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Warped")
    scenes.add_warp(scene, warped)
    with pytest.raises(InputError, match="non-linear transform lies between 'Warped' and volume 'MR'"):
        mrml.place_labels(some_labels(LPS), volume, into=warped)


# --- what made it ---------------------------------------------------------------------------------------------------


def made_by(head: str) -> Provenance:
    return Provenance(head, head[0] * 64, "tiny", "b" * 64, {"tta": False}, "c" * 64)


def tag(node, segment_id: str, key: str) -> str | None:
    import vtk

    text = vtk.reference("")
    return text.get() if node.GetSegmentation().GetSegment(segment_id).GetTag(key, text) else None


def test_a_new_node_and_its_segments_say_what_made_them(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    placement = mrml.place_labels(some_labels(LPS).made_by(made_by("heart")), volume)
    assert placement.node.GetAttribute("SAMAdapt.Head") == "heart"
    assert Provenance.from_json(placement.node.GetAttribute(KEY)) == made_by("heart")
    assert [tag(placement.node, each, HEAD_KEY) for each in placement.segment_ids] == ["heart"] * 3
    assert tag(placement.node, placement.segment_ids[0], HEAD_HASH_KEY) == "h" * 64


def test_a_result_of_unknown_origin_says_nothing(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    node = mrml.place_labels(some_labels(LPS), volume).node
    assert (node.GetAttribute("SAMAdapt.Head"), node.GetAttribute(KEY)) == (None, None)


def test_beside_drawn_segments_only_those_of_the_result_say_what_made_them(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    other = np.zeros(LPS.shape, bool)
    other[0, 0, 1:4] = True
    drawn = scenes.add_segmentation(scene, {"Mine": other}, LPS, shared=True)
    (mine,) = (info.id for info in mrml.segments_of(drawn))
    placement = mrml.place_labels(some_labels(LPS).made_by(made_by("heart")), volume, into=drawn)
    assert (drawn.GetAttribute("SAMAdapt.Head"), drawn.GetAttribute(KEY)) == (None, None)
    assert tag(drawn, mine, HEAD_KEY) is None
    assert tag(drawn, placement.segment_ids[0], HEAD_KEY) == "heart"


def test_a_result_in_the_place_of_another_says_what_made_it_until_it_is_taken_back(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    node = mrml.place_labels(some_labels(LPS).made_by(made_by("heart")), volume).node
    again = mrml.place_labels(some_labels(LPS, 4).made_by(made_by("liver")), volume, into=node)
    assert node.GetAttribute("SAMAdapt.Head") == "liver"
    assert Provenance.from_json(node.GetAttribute(KEY)) == made_by("liver")
    again.undo()
    assert node.GetAttribute("SAMAdapt.Head") == "heart"
    assert Provenance.from_json(node.GetAttribute(KEY)) == made_by("heart")
    assert tag(node, again.segment_ids[0], HEAD_KEY) == "heart"


# --- what went away meanwhile ---------------------------------------------------------------------------------------


def test_nodes_that_went_away_cancel_the_result_politely(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    target = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Chosen")
    scene.RemoveNode(target)
    with pytest.raises(Cancelled, match="'Chosen' was removed from the scene"):
        mrml.place_labels(some_labels(LPS), volume, into=target)
    slicer.util.updateVolumeFromArray(volume, np.zeros((3, 3, 3), np.float32))
    with pytest.raises(Cancelled, match=r"'MR' has \(3, 3, 3\) voxels now"):
        mrml.place_labels(some_labels(LPS), volume)
    scene.RemoveNode(volume)
    with pytest.raises(Cancelled, match="'MR' was removed from the scene"):
        mrml.place_labels(some_labels(LPS), volume)
    other = scenes.add_volume(scene, numbered(LPS), LPS)
    scene.Clear(True)
    with pytest.raises(Cancelled, match="removed"):
        mrml.place_labels(some_labels(LPS), other)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


# --- plans ----------------------------------------------------------------------------------------------------------


class Folder:
    """A job folder's face over a plain one."""

    def __init__(self, path):
        self.path = path

    def file(self, name):
        return str(self.path / name)


def test_a_segmentation_plan_hands_over_the_volume_and_brings_the_labels_back(scene, tmp_path):
    from SAMAdaptLib.data.io.metaimage import write_image
    from SAMAdaptLib.data.io.volumes import read_volume

    grid = GRIDS["oblique"]
    volume = scenes.add_volume(scene, numbered(grid), grid)
    roi = add_roi(scene, mrml.world_of_voxel(volume, (3, 2, 1)), (1.2, 1.2, 1.2))
    from balls import ball_head

    from SAMAdaptLib.heads.head import save_head

    head = str(save_head(ball_head(), tmp_path / "x.samhead"))
    plan = mrml.SegmentNodeJob.of(volume, head, roi=roi, name="Mine", tta=True, device="cpu")
    job = plan.prepare(Folder(tmp_path))
    assert (job.head, job.tta, job.device, job.region) == (head, True, "cpu", mrml.region_from_roi(roi, volume))
    sent = read_volume(job.image)
    assert sent.geometry.same_grid(grid)
    assert np.array_equal(sent.voxels, numbered(grid))

    labels = some_labels(grid)
    write_image(job.output, labels)
    facts = {"output": job.output, "structures": [structure.to_dict() for structure in labels.structures]}
    facts["provenance"] = replace(made_by("heart"), file_sha256="f" * 64).to_dict()
    placement = plan.show(plan.fetch(facts))
    said = Provenance.from_json(placement.node.GetAttribute(KEY))
    assert said == made_by("heart"), "the job's own file means nothing to others"
    assert placement.node.GetName() == "Mine"
    assert np.array_equal(seen(placement, volume), labels.voxels)


@pytest.mark.parametrize(("side", "doubted"), [(2.0, False), (40.0, True)])
def test_a_region_most_of_which_lies_beside_the_volume_is_spoken_of(scene, tmp_path, side, doubted):
    from listeners import Listener

    grid = GRIDS["LPS"]
    volume = scenes.add_volume(scene, numbered(grid), grid)
    roi = add_roi(scene, mrml.world_of_voxel(volume, (3, 2, 1)), (side, side, side))
    heard = Listener()
    mrml.SegmentNodeJob.of(volume, "x.samhead", roi=roi).prepare(Folder(tmp_path), heard)
    words = "Most of the region 'Box' lies beside volume 'MR': only what lies within was looked at."
    assert heard.warnings == [words] * doubted


def test_cases_of_a_plan_are_matched_by_name_and_terminology_and_contradictions_refused(scene, tmp_path):
    from SAMAdaptLib.data.io.volumes import read_labelmap

    def drawn(names, terms=None):
        masks = dict(zip(names, two_masks(LPS).values(), strict=True))
        node = scenes.add_segmentation(scene, masks, LPS, " and ".join(names))
        for segment, entry in zip(mrml.segments_of(node), terms or (), strict=False):
            tag_name = slicer.vtkSegment.GetTerminologyEntryTagName()
            node.GetSegmentation().GetSegment(segment.id).SetTag(tag_name, entry)
        return scenes.add_volume(scene, numbered(LPS), LPS), node, None

    first = drawn(["Liver", "Spleen"], [TERMINOLOGY])
    swapped = drawn(["spleen", "LIVER"])
    plan = mrml.TrainNodeJob.of([first, swapped], "x.samhead")
    assert [(item.value, item.name) for item in plan.structures] == [(1, "Liver"), (2, "Spleen")]
    labels = [read_labelmap(case.labels).voxels for case in plan.prepare(Folder(tmp_path)).cases]
    assert np.array_equal(labels[1], np.choose(labels[0], [0, 2, 1]))
    renamed = mrml.TrainNodeJob.of([first, drawn(["Leber", "Spleen"], [TERMINOLOGY])], "x.samhead")
    assert [item.name for item in renamed.structures] == ["Liver", "Spleen"]
    other = drawn(["Liver", "Milz"], [TERMINOLOGY.replace("456", "457")])
    words = "'Liver' is one thing in segmentation 'Liver and Spleen' .* and another in segmentation 'Liver and Milz'"
    with pytest.raises(InputError, match=words):
        mrml.TrainNodeJob.of([first, other], "x.samhead")


def test_a_plan_that_goes_on_from_a_head_takes_its_label_values(scene, tmp_path):
    from balls import ball_head

    from SAMAdaptLib.data.io.volumes import read_labelmap
    from SAMAdaptLib.heads.head import save_head

    head = ball_head()
    structures = [{"value": 7, "name": "Myocardium"}, {"value": 3, "name": "left ventricle"}]
    network = {"type": "linear", "hyper": {"channels": {"neck": 32}, "classes": 3}}
    card = replace(head.card, structures=structures, head=network)
    path = save_head(replace(head, card=card), tmp_path / "h.samhead")
    case = (scenes.add_volume(scene, numbered(LPS), LPS), scenes.add_segmentation(scene, two_masks(LPS), LPS), None)
    plan = mrml.TrainNodeJob.of([case], "x.samhead", start_from=str(path))
    assert {item.name: item.value for item in plan.structures} == {"Myocardium": 7, "left ventricle": 3}
    job = plan.prepare(Folder(tmp_path))
    assert read_labelmap(job.cases[0].labels).values() == (3, 7)
    masks = dict(zip(["Cube", "Myocardium"], two_masks(LPS).values(), strict=True))
    other = (case[0], scenes.add_segmentation(scene, masks, LPS), None)
    plan = mrml.TrainNodeJob.of([other], "x.samhead", start_from=str(path))
    assert {item.name: item.value for item in plan.structures} == {"Myocardium": 7, "Cube": 1}


def test_a_training_plan_gives_one_value_to_one_name_over_all_cases(scene, tmp_path):
    from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume

    masks = two_masks(LPS)
    swapped = dict(reversed(masks.items()))
    cases = []
    for number, drawn in enumerate((masks, swapped)):
        volume = scenes.add_volume(scene, numbered(LPS) + number, LPS)
        cases.append((volume, scenes.add_segmentation(scene, drawn, LPS), None))
    bare = scenes.add_volume(scene, numbered(LPS), LPS)
    plan = mrml.TrainNodeJob.of(cases, tmp_path / "x.samhead", unlabeled=[bare], budget="fast")
    assert [(item.value, item.name) for item in plan.structures] == [(1, "Left ventricle"), (2, "Myocardium")]
    job = plan.prepare(Folder(tmp_path))
    assert (job.budget, job.ignore_label, len(job.unlabeled)) == ("fast", None, 1)
    assert [(item.value, item.name, item.color) for item in job.structures] == [
        (item.value, item.name, item.color) for item in plan.structures
    ]
    expected = masks["Left ventricle"] + 2 * masks["Myocardium"]
    for number, case in enumerate(job.cases):
        image = read_volume(case.image)
        assert image.voxels.min() == number
        assert np.array_equal(read_labelmap(case.labels, like=image).voxels, expected)


def test_a_segment_can_mark_what_must_not_count(scene, tmp_path):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    plan = mrml.TrainNodeJob.of([(volume, drawn, None)], "x.samhead", ignored_segment="Myocardium")
    job = plan.prepare(Folder(tmp_path))
    assert job.ignore_label == 2
    assert [item.name for item in job.structures] == ["Left ventricle"]
    with pytest.raises(InputError, match="No segment is called 'Open'; there are Left ventricle, Myocardium"):
        mrml.TrainNodeJob.of([(volume, drawn, None)], "x.samhead", ignored_segment="Open")


def test_a_structure_that_is_painted_nowhere_is_refused(scene, tmp_path):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    drawn.GetSegmentation().AddEmptySegment("", "Later")
    with pytest.raises(InputError, match="Nothing is painted of 'Later' in any case"):
        mrml.TrainNodeJob.of([(volume, drawn, None)], "x.samhead").prepare(Folder(tmp_path))


def test_plans_refuse_on_the_spot_what_cannot_work(scene):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    with pytest.raises(InputError, match="only go into a segmentation"):
        mrml.SegmentNodeJob.of(volume, "x.samhead", into=volume)
    with pytest.raises(InputError, match="No volume is chosen"):
        mrml.SegmentNodeJob.of(None, "x.samhead")
    with pytest.raises(InputError, match="No segmentation is chosen"):
        mrml.TrainNodeJob.of([(volume, None, None)], "x.samhead")
