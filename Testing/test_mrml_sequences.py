"""A sequence in a real MRML scene: all frames through one job, a sequence of segmentations that plays along."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import mrmlscenes as scenes
import slicer
from balls import ball_arrays, ball_head
from geometries import oblique_grid
from listeners import Listener
from mrmlfixtures import *  # noqa: F403  fixtures
from mrmlthings import add_roi

from SAMAdaptLib import mrml
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.errors import Cancelled, InputError
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.jobs.runner import run_job

SHIFTS = (0, 3, 6)
TIMES = ("0", "40", "80")
TURNED = oblique_grid()
GRID = Geometry((48, 40, 8), (1.2, 1.1, 5.0), (-10.0, 5.0, 30.0), TURNED.direction)


def a_frame(shift: int, grid: Geometry):
    """A volume node in no scene."""
    with scenes.a_scene() as elsewhere:
        volume = scenes.add_volume(elsewhere, ball_arrays(shift)[0], grid)
        frame = slicer.vtkMRMLScalarVolumeNode()
        frame.Copy(volume)
        frame.SetName(f"frame {shift}")
        image = slicer.vtkMRMLScalarVolumeNode.GetImageData(volume)
        own = image.NewInstance()
        own.DeepCopy(image)
        frame.SetAndObserveImageData(own)
    return frame


def a_cine(scene, grid: Geometry = GRID):
    """The proxy volume of a browser with three frames, in which a ball moves."""
    if not scene.GetTagByClassName("vtkMRMLSequenceBrowserNode"):  # the module makes the scene know these nodes
        logic = slicer.vtkSlicerSequencesLogic()
        logic.SetMRMLScene(scene)
        logic.SetMRMLScene(None)
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "cine")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("ms")
    for shift, time in zip(SHIFTS, TIMES, strict=True):
        sequence.SetDataNodeAtValue(a_frame(shift, grid), time)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "player")
    browser.AddSynchronizedSequenceNode(sequence)
    play(browser)
    return browser.GetProxyNode(sequence)


def play(browser, frame: int = 0) -> None:
    """What Slicer's module does when somebody moves the slider."""
    browser.SetSelectedItemNumber(frame)
    slicer.vtkSlicerSequencesLogic().UpdateProxyNodesFromSequences(browser)


def done(plan, folder: Path):
    folder.mkdir(exist_ok=True)
    files = SimpleNamespace(file=lambda name: str(folder / name))
    for _step in plan.gather():
        pass
    return plan.fetch(run_job(plan.prepare(files)))


@pytest.fixture
def head(tmp_path: Path, empty_home: Path) -> str:
    return str(save_head(ball_head(), tmp_path / "ball.samhead"))


def test_every_frame_is_segmented_and_shown_with_its_frame(scene, tmp_path: Path, head: str) -> None:
    volume = a_cine(scene)
    browser, _sequence = mrml.sequence_of(volume)
    plan = mrml.SequenceNodeJob.of(volume, head, name="hearts", device="cpu")
    placement = plan.show(done(plan, tmp_path / "job"))
    assert placement.node.IsA("vtkMRMLSegmentationNode")
    assert placement.sequence.GetNumberOfDataNodes() == 3
    assert [placement.sequence.GetNthIndexValue(number) for number in range(3)] == list(TIMES)
    assert (placement.sequence.GetIndexName(), placement.sequence.GetIndexUnit()) == ("time", "ms")
    assert browser.IsSynchronizedSequenceNode(placement.sequence)
    assert not placement.edited
    for number, shift in enumerate(SHIFTS):
        play(browser, number)
        assert not placement.edited
        proxy = browser.GetProxyNode(placement.sequence)
        found = mrml.read_labelmap_node(proxy, volume).voxels > 0
        truth = ball_arrays(shift)[1] > 0
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.75
        assert proxy.GetSegmentation().GetNthSegment(0).GetName() == "Ball"


def test_taking_it_back_leaves_the_scene_as_it_was(scene, tmp_path: Path, head: str) -> None:
    volume = a_cine(scene)
    browser, _ = mrml.sequence_of(volume)
    before = {scene.GetNthNode(number).GetID() for number in range(scene.GetNumberOfNodes())}
    plan = mrml.SequenceNodeJob.of(volume, head, device="cpu")
    placement = plan.show(done(plan, tmp_path / "job"))
    placement.undo()
    placement.undo()
    assert browser.GetNumberOfSynchronizedSequenceNodes(True) == 1
    left = {scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes())}
    assert not [node for node in left if node.GetID() not in before and node.IsA("vtkMRMLSegmentationNode")]


def test_a_volume_of_its_own_is_no_sequence(scene, head: str) -> None:
    alone = scenes.add_volume(scene, ball_arrays()[0], GRID)
    assert mrml.sequence_of(alone) is None
    assert mrml.sequence_of(None) is None
    with pytest.raises(InputError, match="not a frame of a sequence"):
        mrml.SequenceNodeJob.of(alone, head)
    target = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    with pytest.raises(InputError, match="do not fit into the segmentation 'mine'"):
        mrml.SequenceNodeJob.of(alone, head, into=target)


@pytest.mark.parametrize(("side", "doubted"), [(10.0, False), (400.0, True)])
def test_a_region_most_of_which_lies_beside_the_frames_is_spoken_of(
    scene, tmp_path: Path, head: str, side: float, doubted: bool
) -> None:
    volume, heard = a_cine(scene), Listener()
    roi = add_roi(scene, mrml.world_of_voxel(volume, (24, 20, 4)), (side, side, side))
    plan = mrml.SequenceNodeJob.of(volume, head, roi=roi)
    plan.prepare(SimpleNamespace(file=lambda name: str(tmp_path / name)), heard)
    assert bool([text for text in heard.warnings if "lies beside volume" in text]) is doubted


def test_a_frame_on_another_grid_is_named(scene, head: str) -> None:
    volume = a_cine(scene)
    _, sequence = mrml.sequence_of(volume)
    other = Geometry(GRID.size, GRID.spacing, (0.0, 0.0, 0.0), GRID.direction)
    sequence.SetDataNodeAtValue(a_frame(1, other), "120")
    with pytest.raises(InputError, match="Frame 4 of 'cine' lies on another grid"):
        mrml.SequenceNodeJob.of(volume, head)


@pytest.mark.parametrize("gone", ["volume", "sequence", "browser", "a frame"])
def test_what_goes_away_meanwhile_makes_it_a_polite_no(scene, tmp_path: Path, head: str, gone: str) -> None:
    volume = a_cine(scene)
    browser, sequence = mrml.sequence_of(volume)
    plan = mrml.SequenceNodeJob.of(volume, head, device="cpu")
    fetched = done(plan, tmp_path / "job")
    if gone == "a frame":
        sequence.RemoveDataNodeAtValue("40")
    else:
        scene.RemoveNode({"volume": volume, "sequence": sequence, "browser": browser}[gone])
    with pytest.raises(Cancelled):
        plan.show(fetched)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_the_frames_are_only_read(scene, tmp_path: Path, head: str) -> None:
    volume = a_cine(scene)
    _, sequence = mrml.sequence_of(volume)
    plan = mrml.SequenceNodeJob.of(volume, head, device="cpu")
    plan.show(done(plan, tmp_path / "job"))
    for number, shift in enumerate(SHIFTS):
        np.testing.assert_array_equal(
            slicer.util.arrayFromVolume(sequence.GetNthDataNode(number)), ball_arrays(shift)[0]
        )


def test_a_corrected_frame_stays_corrected_when_others_are_looked_at(scene, tmp_path: Path, head: str) -> None:
    volume = a_cine(scene)
    browser, _ = mrml.sequence_of(volume)
    plan = mrml.SequenceNodeJob.of(volume, head, device="cpu")
    placement = plan.show(done(plan, tmp_path / "job"))
    proxy, others = placement.node, mrml.read_labelmap_node(placement.node, volume).voxels
    painted = np.zeros(GRID.shape, np.uint8)
    painted[1:3, 2:6, 2:6] = 1
    mrml.place_labels(Labelmap(painted, GRID, [Structure(1, "Ball", (1, 0, 0))]), volume, into=proxy)
    play(browser, 1)
    assert not np.array_equal(mrml.read_labelmap_node(proxy, volume).voxels, painted)
    play(browser, 0)
    np.testing.assert_array_equal(mrml.read_labelmap_node(proxy, volume).voxels > 0, painted > 0)
    assert others.any()
    assert placement.edited


def test_a_result_brings_no_more_nodes_than_one_of_a_single_frame_and_its_sequence(
    scene, tmp_path: Path, head: str
) -> None:
    volume = a_cine(scene)
    before = kinds_in(scene)
    plan = mrml.SequenceNodeJob.of(volume, head, name="hearts", device="cpu")
    placement = plan.show(done(plan, tmp_path / "job"))
    new = kinds_in(scene) - before
    assert new["vtkMRMLSegmentationNode"] == new["vtkMRMLSegmentationDisplayNode"] == new["vtkMRMLSequenceNode"] == 1
    names = {placement.sequence.GetNthDataNode(number).GetName() for number in range(3)}
    assert names == {placement.sequence.GetName()} == {"hearts"}


def test_every_frame_of_a_result_says_what_made_it(scene, tmp_path: Path, head: str) -> None:
    volume = a_cine(scene)
    plan = mrml.SequenceNodeJob.of(volume, head, device="cpu")
    placement = plan.show(done(plan, tmp_path / "job"))
    for number in range(3):
        node = placement.sequence.GetNthDataNode(number)
        assert node.GetAttribute("SAMAdapt.Head") == "ball"
        assert '"labels_sha256"' in node.GetAttribute("SAMAdapt.Provenance")


def test_a_volume_that_became_another_one_leaves_nothing_half_done(scene, tmp_path: Path, head: str) -> None:
    volume = a_cine(scene)
    plan = mrml.SequenceNodeJob.of(volume, head, device="cpu")
    fetched = done(plan, tmp_path / "job")
    before = kinds_in(scene)
    volume.SetAndObserveImageData(scenes.add_volume(scene, np.zeros((2, 2, 2), np.float32), GRID).GetImageData())
    with pytest.raises(Cancelled):
        plan.show(fetched)
    new = kinds_in(scene) - before
    assert not {name for name in new if "Seg" in name or "Sequence" in name}


def test_the_logic_segments_all_frames_from_a_script(scene, empty_home: Path, head: str) -> None:
    from SAMAdaptLib.mrml.logic import SlicerLogic
    from SAMAdaptLib.worker.in_process import InProcessRunner

    volume = a_cine(scene)
    logic = SlicerLogic(InProcessRunner())
    node = logic.segment(volume, head, allFrames=True, device="cpu")
    assert node.IsA("vtkMRMLSegmentationNode")
    browser, _ = mrml.sequence_of(volume)
    assert browser.GetSequenceNode(node).GetNumberOfDataNodes() == 3
    logic.close()


def kinds_in(scene) -> Counter[str]:
    """How many nodes of each kind there are."""
    return Counter(scene.GetNthNode(number).GetClassName() for number in range(scene.GetNumberOfNodes()))
