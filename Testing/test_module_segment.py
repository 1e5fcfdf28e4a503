"""The panel Segment: one click, a result in the scene; every way to stop, fail or lose a node on the way."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import STRUCTURES, nothing_left, segment_result, write_head  # noqa: E402

from SAMAdaptLib.errors import Cancelled, WorkerError  # noqa: E402


def idle(host: Any) -> bool:
    return host.widget.panel.services.desk.owner == ""


def begin(host: Any, runner: Any) -> Any:
    """Click Segment and wait until the worker has the job."""
    host.widget.panel.refresh()
    known = len(runner.handles)
    host.click("segmentButton")
    host.spin(until=lambda: len(runner.handles) > known)
    return runner.handle


def finish(host: Any, runner: Any) -> None:
    runner.tell(lambda: runner.handle.hear_result(segment_result(runner.handle.job)))
    host.spin(until=lambda: idle(host))


@pytest.fixture
def a_ready_host(a_host: Any, a_runner: Any, a_head: Path, a_volume: Any) -> Any:
    """One click away from a segmentation."""
    a_host.widget.panel.refresh()
    return a_host


def test_one_click_puts_a_named_and_coloured_segmentation_into_the_scene(
    a_ready_host: Any, a_runner: Any, a_volume: Any
) -> None:
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegment(n).GetName() for n in range(2)] == ["Pool", "Wall"]
    assert segmentation.GetNthSegment(0).GetColor() == pytest.approx((0.9, 0.3, 0.25), abs=0.01)
    assert node.GetNodeReference("referenceImageGeometryRef") is a_volume
    assert node.GetName() == "Patient A Heart"
    assert a_ready_host.ui.segmentResultTable.item(0, 1).text() == "12.5"
    assert a_ready_host.ui.segmentResultTable.item(0, 2).text() == "90 %"


def test_the_button_becomes_cancel_and_back(a_ready_host: Any, a_runner: Any) -> None:
    assert a_ready_host.ui.segmentButton.text == "Segment"
    begin(a_ready_host, a_runner)
    assert a_ready_host.ui.segmentButton.text == "Cancel"
    assert not a_ready_host.ui.trainButton.enabled
    finish(a_ready_host, a_runner)
    assert a_ready_host.ui.segmentButton.text == "Segment"


def test_the_timer_goes_on_until_the_files_are_gone(
    a_ready_host: Any, a_runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without it nobody would let the thread that deletes them have the interpreter.
    from SAMAdaptLib.worker.folder import JobFolder

    remove, slow = JobFolder.remove, threading.Event()
    monkeypatch.setattr(JobFolder, "remove", lambda folder: slow.wait(20) and remove(folder))
    timer = a_ready_host.widget.panel.services.desk._timer
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    a_ready_host.spin(timeout=0.2)
    assert timer.active
    slow.set()
    a_ready_host.spin(until=lambda: not timer.active)
    assert not timer.active


def test_the_thread_that_writes_files_gets_a_fair_share_of_the_interpreter(
    a_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Slicer's main thread gives the lock away only while it sleeps; the stand-in's gives it away all the time.
    from SAMAdaptLib.gui import job_queue as desks

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(desks, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    desk = a_host.widget.panel.services.desk
    desk.start(desks.JobRequest("test", lambda _folder, _monitor: time.sleep(0.6)))
    began = time.perf_counter()
    a_host.spin(until=lambda: not desk.owner)
    assert sum(slept) > 0.1 * (time.perf_counter() - began)
    assert max(slept) < 0.02  # nobody notices


def test_progress_has_a_stage_a_number_and_the_time_left(a_ready_host: Any, a_runner: Any) -> None:
    handle = begin(a_ready_host, a_runner)
    a_runner.tell(lambda: handle.hear_progress("segmenting axial slices", 4, 10, 42.0))
    a_ready_host.spin(until=lambda: a_ready_host.ui.segmentProgressBar.value == 400)
    assert a_ready_host.ui.segmentStatusLabel.text == "Segmenting axial slices, 40 %, about 40 s left"
    finish(a_ready_host, a_runner)


def test_a_second_run_makes_a_second_segmentation(a_ready_host: Any, a_runner: Any) -> None:
    for _run in range(2):
        begin(a_ready_host, a_runner)
        finish(a_ready_host, a_runner)
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert [node.GetName() for node in nodes] == ["Patient A Heart", "Patient A Heart_1"]
    assert a_ready_host.messages == []


def test_a_chosen_output_takes_the_result_and_keeps_its_other_segments(a_ready_host: Any, a_runner: Any) -> None:
    target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    target.GetSegmentation().AddEmptySegment("", "Other", (0, 0, 1))
    a_ready_host.widget._parameterNode.outputSegmentation = target
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    names = [target.GetSegmentation().GetNthSegment(n).GetName() for n in range(3)]
    assert names == ["Other", "Pool", "Wall"]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


def test_advanced_choices_reach_the_job(a_ready_host: Any, a_runner: Any) -> None:
    from SAMAdaptLib.gui.parameters import Component, Device, Planes, SegmentPlane

    chosen = a_ready_host.widget._parameterNode
    chosen.plane, chosen.planes, chosen.device = SegmentPlane.SAGITTAL, Planes.THREE, Device.CPU
    chosen.component, chosen.testTimeViews, chosen.smoothing = Component.LARGEST, True, True
    job = begin(a_ready_host, a_runner).job
    assert (job.plane, job.planes, job.device) == ("sagittal", "three", "cpu")
    assert (job.largest_component, job.tta, job.smoothing) == (True, True, True)
    finish(a_ready_host, a_runner)


def test_a_region_reaches_the_job_in_voxels(a_ready_host: Any, a_runner: Any) -> None:
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetSize(30, 30, 40)
    roi.SetCenter(-45, -45, 36)
    a_ready_host.widget._parameterNode.region = roi
    region = begin(a_ready_host, a_runner).job.region
    assert region == (20, 41, 20, 41, 2, 8)
    finish(a_ready_host, a_runner)


def test_a_region_made_with_the_selector_begins_around_the_volume(
    a_ready_host: Any, a_runner: Any, a_volume: Any
) -> None:
    a_ready_host.ui.segmentAdvancedGroupBox.collapsed = False
    a_ready_host.choose("regionSelector", "Create new MarkupsROI")
    roi = a_ready_host.widget._parameterNode.region
    bounds = [0.0] * 6
    a_volume.GetRASBounds(bounds)
    made = [0.0] * 6
    roi.GetRASBounds(made)
    assert made == pytest.approx(bounds)
    size = a_volume.GetImageData().GetDimensions()
    assert begin(a_ready_host, a_runner).job.region == (0, size[0], 0, size[1], 0, size[2])
    finish(a_ready_host, a_runner)


def test_a_region_beside_the_volume_is_refused_in_the_panel(a_ready_host: Any, a_runner: Any) -> None:
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Far")
    roi.SetSize(10, 10, 10)
    roi.SetCenter(900, 900, 900)
    a_ready_host.widget._parameterNode.region = roi
    a_ready_host.click("segmentButton")
    assert "holds no voxel" in a_ready_host.ui.segmentStatusLabel.text
    assert a_runner.handles == []


def test_a_failure_is_said_in_the_panel_with_its_remedy(a_ready_host: Any, a_runner: Any) -> None:
    handle = begin(a_ready_host, a_runner)
    a_runner.tell(lambda: handle.hear_error(WorkerError("The worker died.", "Try again.")))
    a_ready_host.spin(until=lambda: idle(a_ready_host))
    assert "The worker died." in a_ready_host.ui.segmentStatusLabel.text
    assert "Try again." in a_ready_host.ui.segmentStatusLabel.text
    assert a_ready_host.ui.segmentButton.enabled


def test_cancel_before_the_worker_has_the_job_leaves_nothing(
    a_ready_host: Any, a_runner: Any, empty_home: Path
) -> None:
    a_ready_host.click("segmentButton")
    a_ready_host.click("segmentButton")
    a_ready_host.spin(until=lambda: idle(a_ready_host))
    assert a_runner.handles == []
    assert a_ready_host.ui.segmentStatusLabel.text == "Cancelled."
    assert nothing_left(empty_home)


def test_cancel_while_the_worker_runs_leaves_nothing(a_ready_host: Any, a_runner: Any, empty_home: Path) -> None:
    handle = begin(a_ready_host, a_runner)
    a_ready_host.click("segmentButton")
    assert a_ready_host.ui.segmentButton.text == "Cancelling..."
    assert not a_ready_host.ui.segmentButton.enabled
    assert a_runner.cancelled == [handle]
    a_runner.tell(lambda: handle.hear_error(Cancelled()))
    a_ready_host.spin(until=lambda: idle(a_ready_host))
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert nothing_left(empty_home)
    assert a_ready_host.ui.segmentButton.enabled


def test_a_volume_removed_meanwhile_makes_a_polite_no(a_ready_host: Any, a_runner: Any, a_volume: Any) -> None:
    begin(a_ready_host, a_runner)
    slicer.mrmlScene.RemoveNode(a_volume)
    finish(a_ready_host, a_runner)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert "removed from the scene" in a_ready_host.ui.segmentStatusLabel.text


def test_a_result_belongs_to_its_own_volume_whatever_is_selected_by_then(
    a_ready_host: Any, a_runner: Any, a_volume: Any
) -> None:
    from SAMAdaptLib.mrml.selftest import addPhantom

    begin(a_ready_host, a_runner)
    other, _labels = addPhantom("Patient B", shift=2)
    a_ready_host.widget._parameterNode.inputVolume = other
    finish(a_ready_host, a_runner)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert node.GetNodeReference("referenceImageGeometryRef") is a_volume
    assert node.GetName().startswith("Patient A")


def test_3d_is_shown_on_request_only(a_ready_host: Any, a_runner: Any) -> None:
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")
    a_ready_host.click("show3DButton")
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")
    a_ready_host.click("show3DButton")
    assert not node.GetSegmentation().ContainsRepresentation("Closed surface")


def test_the_result_opens_in_the_segment_editor(a_ready_host: Any, a_runner: Any, a_volume: Any) -> None:
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    opened = []
    application = a_ready_host.widget.panel.services.application
    application.openSegmentEditor = lambda *nodes: opened.append(nodes)
    a_ready_host.click("segmentEditorButton")
    assert opened == [(slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode"), a_volume)]


def test_undo_takes_a_new_result_back(a_ready_host: Any, a_runner: Any) -> None:
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    a_ready_host.click("show3DButton")  # is no editing
    a_ready_host.click("undoButton")
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert not a_ready_host.ui.segmentResultFrame.visible
    assert a_ready_host.ui.segmentStatusLabel.text == "The result was removed."
    assert a_ready_host.messages == []


def test_undo_gives_a_chosen_output_its_former_segments(a_ready_host: Any, a_runner: Any, a_volume: Any) -> None:
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    _volume, labels = addPhantom("Patient A")
    drawn = addAnnotation(a_volume, labels, "Drawn")
    before = [drawn.GetSegmentation().GetNthSegment(n).GetName() for n in range(2)]
    a_ready_host.widget._parameterNode.outputSegmentation = drawn
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    a_ready_host.click("undoButton")
    segmentation = drawn.GetSegmentation()
    assert [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())] == before


@pytest.mark.parametrize("agreed", [True, False])
def test_undo_asks_before_it_takes_corrections_back(agreed: bool, a_ready_host: Any, a_runner: Any) -> None:
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    segmentation = node.GetSegmentation()
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.ones((4, 4, 4), np.uint8), node, segmentation.GetNthSegmentID(0), a_ready_host.ui.inputSelector.currentNode()
    )
    application = a_ready_host.widget.panel.services.application
    asked = []
    application.confirm = lambda text, title: asked.append(text) or agreed
    a_ready_host.click("undoButton")
    assert "edited" in asked[0]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == (0 if agreed else 1)


def test_the_first_head_is_chosen_and_its_tooltip_tells_all(a_host: Any, a_head: Path) -> None:
    a_host.widget.panel.refresh()
    assert a_host.ui.headSelector.currentText == "Heart"
    tip = a_host.ui.headSelector.toolTip
    assert all(word in tip for word in ("Pool, Wall", "MR", "tiny", "0.90"))


def test_a_head_that_is_not_here_is_said_and_kept(a_host: Any, a_volume: Any, a_head: Path) -> None:
    a_host.widget._parameterNode.head = "Elsewhere.samhead"
    a_host.widget.panel.refresh()
    assert "not on this computer" in a_host.ui.headSelector.currentText
    assert a_host.ui.segmentButton.toolTip == "Select a model."
    assert a_host.widget._parameterNode.head == "Elsewhere.samhead"


def test_a_bad_head_file_is_listed_with_the_reason_and_hides_no_other(a_host: Any, a_head: Path) -> None:
    (a_head.parent / "Bad.samhead").write_bytes(b"no head")
    write_head(a_head.parent / "Evil.samhead", structures=(("<img src='file:////a'>\x1b[2J", 1, (1, 0, 0)),))
    panel, selector = a_host.widget.panel, a_host.ui.headSelector
    panel.refresh()
    names = [selector.itemText(n) for n in range(selector.count)]
    assert names == ["Heart", "Bad (cannot be used)", "Evil (cannot be used)"]
    selector.setCurrentIndex(1)
    panel.refresh()
    assert "not a head file" in a_host.ui.headLabel.text
    assert panel.segment.head() is None
    assert panel.segment.state().missing == "This model cannot be used; select another one."
    selector.setCurrentIndex(0)
    panel.refresh()
    assert a_host.ui.headLabel.text.startswith("Finds Pool, Wall.")


def test_names_of_strangers_are_text_in_labels_and_tooltips(a_host: Any, a_head: Path) -> None:
    evil = "<img src='file:////evil/x.png'>"
    write_head(a_head, structures=((evil, 1, (1, 0, 0)),))
    a_host.widget.panel.refresh()
    shown = (a_host.ui.headLabel.text, a_host.ui.headSelector.toolTip)
    assert all("&lt;img" in text and "<img" not in text for text in shown)


def test_heads_are_imported_exported_renamed_and_deleted(a_host: Any, empty_home: Path, tmp_path: Path) -> None:
    panel = a_host.widget.panel
    menu = panel.segment.menu
    a_host.answer("getOpenFileName", str(write_head(tmp_path / "Liver.samhead")))
    menu.importAction.trigger()
    assert a_host.ui.headSelector.currentText == "Liver"
    a_host.answer("getSaveFileName", str(tmp_path / "copy"))
    menu.exportAction.trigger()
    assert (tmp_path / "copy.samhead").read_bytes() == (empty_home / "heads" / "Liver.samhead").read_bytes()
    panel.services.application.askText = lambda *_: "Liver CT"
    menu.renameAction.trigger()
    assert a_host.ui.headSelector.currentText == "Liver CT"
    menu.deleteAction.trigger()
    assert not list((empty_home / "heads").iterdir())
    assert not menu.exportAction.enabled


def test_a_head_is_saved_with_the_scene_and_taken_from_it_when_asked(a_host: Any, a_head: Path) -> None:
    panel = a_host.widget.panel
    panel.refresh()
    assert not panel.segment.menu.takeAction.enabled
    panel.segment.menu.keepAction.trigger()
    content = a_head.read_bytes()
    a_head.unlink()
    panel.refresh()
    assert "not on this computer" in a_host.ui.headSelector.currentText
    asked: list[str] = []
    panel.services.application.confirm = lambda text, title: asked.append(text) or len(asked) > 1
    panel.segment.menu.takeAction.trigger()
    assert not a_head.exists()
    panel.segment.menu.takeAction.trigger()
    assert a_head.read_bytes() == content
    assert a_host.ui.headSelector.currentText == "Heart"
    assert all("Heart" in text for text in asked)


def test_a_head_file_that_is_dropped_on_the_application_comes_into_the_library(
    a_host: Any, a_head: Path, tmp_path: Path
) -> None:
    dropped = write_head(tmp_path / "Liver.samhead", name="Liver")
    for _again in range(2):
        slicer.util.loadNodeFromFile(dropped)
        assert a_host.ui.headSelector.currentText == "Liver"
    assert sorted(path.name for path in a_head.parent.iterdir()) == ["Heart.samhead", "Liver.samhead"]
    (tmp_path / "no.samhead").write_bytes(b"nothing")
    with pytest.raises(RuntimeError, match="not a head file"):
        slicer.util.loadNodeFromFile(tmp_path / "no.samhead")


def test_a_file_that_is_no_head_is_refused_by_the_import(a_host: Any, tmp_path: Path) -> None:
    (tmp_path / "no.samhead").write_bytes(b"nothing")
    a_host.answer("getOpenFileName", str(tmp_path / "no.samhead"))
    a_host.widget.panel.segment.menu.importAction.trigger()
    assert "not a head file" in a_host.messages[-1].text


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ({"level": "as_trained", "slices": [], "reasons": []}, "Looks as in the training."),
        (
            {"level": "check", "slices": [[11, 14], [19, 19]], "reasons": [], "at": [[1, 2, 11], [1, 2, 19]]},
            'Check <a href="voxel:1,2,11">slices 12 to 15</a>, <a href="voxel:1,2,19">slice 20</a>.',
        ),
        (
            {
                "level": "wrong",
                "slices": [],
                "reasons": ["The volume is CT, and the head was trained on <MR>."],
                "at": [],
            },
            "Probably wrong.</b> The volume is CT, and the model was trained on &lt;MR&gt;.",
        ),
    ],
)
def test_one_sentence_says_what_to_make_of_the_result(
    verdict: dict[str, Any], said: str, a_ready_host: Any, a_runner: Any
) -> None:
    begin(a_ready_host, a_runner)
    answer = segment_result(a_runner.handle.job) | {"verdict": verdict, "warnings": verdict["reasons"]}
    a_runner.tell(lambda: a_runner.handle.hear_result(answer))
    a_ready_host.spin(until=lambda: idle(a_ready_host))
    assert said in a_ready_host.ui.segmentVerdictLabel.text
    assert "CT" not in a_ready_host.ui.segmentStatusLabel.text  # said once


def test_a_slice_that_the_verdict_names_is_one_click_away(a_ready_host: Any, a_runner: Any) -> None:
    jumps = []
    a_ready_host.widget.panel.services.application.jumpTo = lambda world, node: jumps.append(world)
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    for link in ("voxel:20,30,6", "voxel:1,2", "file:///etc"):
        a_ready_host.widget.panel.segment._onLink(link)
    assert jumps == [(-30.0, -45.0, 48.0)]


def test_the_views_show_the_volume_with_its_result_and_no_other_patients_annotation(
    a_ready_host: Any, a_runner: Any, a_volume: Any
) -> None:
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    other, labels = addPhantom("Patient B", shift=2)
    drawn = addAnnotation(other, labels, "B drawn")
    a_ready_host.widget.panel.services.application.showVolume(other)
    begin(a_ready_host, a_runner)
    finish(a_ready_host, a_runner)
    composite = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    assert composite.GetBackgroundVolumeID() == a_volume.GetID()
    result = slicer.mrmlScene.GetFirstNodeByName("Patient A Heart")
    assert (result.GetDisplayNode().GetVisibility(), drawn.GetDisplayNode().GetVisibility()) == (1, 0)


def test_until_the_worker_speaks_it_is_said_what_is_being_done_and_for_how_long(
    a_ready_host: Any, a_runner: Any, empty_home: Path
) -> None:
    from SAMAdaptLib.utils.timing import note_duration

    note_duration("preparing segment", 30.0)
    begin(a_ready_host, a_runner)
    label = a_ready_host.ui.segmentStatusLabel
    a_ready_host.spin(until=lambda: "Starting the computation" in label.text)
    assert label.text == "Starting the computation, about 30 s left"
    finish(a_ready_host, a_runner)


# Sequences ----------------------------------------------------------------------------------------------------------


def test_all_frames_of_a_sequence_become_a_sequence_of_segmentations(
    a_ready_host: Any, a_runner: Any, a_volume: Any
) -> None:
    from test_mrml_sequences import SHIFTS, a_cine

    from SAMAdaptLib.data.geometry import Geometry
    from SAMAdaptLib.data.sequence.index import FrameIndex
    from SAMAdaptLib.data.sequence.writing import write_frames
    from SAMAdaptLib.data.structure import Structure
    from SAMAdaptLib.mrml import sequence_of

    box = a_ready_host.ui.allFramesCheckBox
    assert box.isHidden()  # the volume is one of its own
    cine = a_cine(slicer.mrmlScene)
    a_ready_host.widget._parameterNode.inputVolume = cine
    a_ready_host.widget.panel.refresh()
    assert not box.isHidden()
    box.checked = True
    begin(a_ready_host, a_runner)
    job = a_runner.handle.job
    structures = [Structure(value, name, color).to_dict() for name, value, color in STRUCTURES]
    facts = [{**item, "volume_ml": 12.5, "confidence": 0.9} for item in structures]
    doubt = {"level": "check", "slices": [[3, 3]], "at": [[5, 6, 3]], "reasons": []}
    frames = [{"frame": number, "verdict": doubt if number == 1 else {"level": "as_trained"}} for number in range(3)]
    result = {"kind": "segment", "output": job.output, "structures": facts, "seconds": 1.5, "warnings": []}
    result |= {"frames": frames, "verdict": dict(doubt)}
    grid = Geometry((48, 40, 8), (1.2, 1.1, 5.0))
    labels = np.stack([np.full(grid.shape, 1 + number % 2, np.uint8) for number in range(len(SHIFTS))])
    write_frames(Path(job.output), labels, grid, FrameIndex.counted(len(labels)))
    a_runner.tell(lambda: a_runner.handle.hear_progress("Frame 2 of 3: Segmenting axial slices", 1500, 3000, 42.0))
    a_ready_host.spin(until=lambda: a_ready_host.ui.segmentProgressBar.value == 500)
    said = a_ready_host.ui.segmentStatusLabel.text
    assert said == "Frame 2 of 3: Segmenting axial slices, 50 %, about 40 s left"
    a_runner.tell(lambda: a_runner.handle.hear_result(result))
    a_ready_host.spin(until=lambda: idle(a_ready_host))
    assert "Means over 3 frames:" in a_ready_host.ui.segmentResultLabel.text
    assert a_ready_host.ui.segmentVerdictLabel.text.startswith("Frame 2: ")
    a_ready_host.widget.panel.segment._onLink("voxel:5,6,3")
    assert sequence_of(cine)[0].GetSelectedItemNumber() == 1
    nodes = slicer.mrmlScene.GetNodesByClass("vtkMRMLSequenceNode")
    nodes.UnRegister(None)
    results = [nodes.GetItemAsObject(number) for number in range(nodes.GetNumberOfItems())]
    (sequence,) = [node for node in results if node.GetName() != "cine"]
    assert sequence.GetNumberOfDataNodes() == len(SHIFTS)
    assert not a_ready_host.ui.segmentResultFrame.isHidden()
    a_ready_host.click("undoButton")
    assert not slicer.mrmlScene.IsNodePresent(sequence)


def test_all_frames_that_are_cancelled_leave_the_browser_as_it_was(
    a_ready_host: Any, a_runner: Any, empty_home: Path
) -> None:
    from test_mrml_sequences import a_cine, kinds_in

    from SAMAdaptLib.mrml import sequence_of

    cine = a_cine(slicer.mrmlScene)
    chosen = a_ready_host.widget._parameterNode
    chosen.inputVolume, chosen.allFrames = cine, True
    handle, before = begin(a_ready_host, a_runner), kinds_in(slicer.mrmlScene)
    a_ready_host.click("segmentButton")
    a_runner.tell(lambda: handle.hear_error(Cancelled()))
    a_ready_host.spin(until=lambda: idle(a_ready_host))
    assert kinds_in(slicer.mrmlScene) == before
    assert sequence_of(cine)[0].GetNumberOfSynchronizedSequenceNodes(True) == 1
    assert nothing_left(empty_home)
