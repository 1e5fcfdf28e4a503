"""A sequence in a real MRML scene: all frames through one job, a sequence of segmentations that plays along."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import mrmlscenes as scenes
import slicer
from balls import ball_arrays, ball_head
from geometries import oblique_grid
from mrmlfixtures import *  # noqa: F403  fixtures

from SAMAdaptLib import mrml
from SAMAdaptLib.data.geometry import Geometry
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
