"""The live preview as a user drives it: strokes in the Segment Editor, a preview that fills in, accepted or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from host import SlicerHost  # noqa: E402
from livepanelthings import FakeLive, LiveRunner, Painter, painted  # noqa: E402
from modulefixtures import *  # noqa: E402, F403

from SAMAdaptLib.errors import MemoryExhausted  # noqa: E402
from SAMAdaptLib.mrml.live.preview import PREVIEW_ATTRIBUTE  # noqa: E402
from SAMAdaptLib.mrml.selftest import POOL, WALL, addPhantom  # noqa: E402


class Desk:
    """The panel with a phantom in it, somebody who paints, and a worker that does as the test says."""

    def __init__(self, host: SlicerHost) -> None:
        self.host = host
        self.runner = LiveRunner()
        host.logic._runner = self.runner
        host.ui.trainCollapsibleButton.collapsed = False
        self.annotate = host.widget.panel.annotate
        self.live = self.annotate.live
        self.live._open_client = FakeLive
        host.widget._parameterNode.encoder = "tiny"
        self.person = Painter(host, self.annotate.editor)
        self.volume, self.truth = addPhantom("Patient A")

    def until(self, condition: Any, timeout: float = 10.0) -> None:
        self.host.spin(until=condition, timeout=timeout)

    def choose(self) -> dict[int, str]:
        self.segmentation = self.person.choose(self.volume)
        return self.person.add_segments(POOL, WALL)

    def paint(self, ids: dict[int, str], *slices: int) -> None:
        for n in slices:
            for value, segment_id in ids.items():
                mask = np.zeros_like(self.truth)
                mask[n] = self.truth[n] == value
                self.person.paint(segment_id, mask, self.volume)

    def previewed(self) -> bool:
        return self.live.state.complete and self.live.state.settled and self.live.state.painted

    @property
    def preview(self) -> Any:
        return self.live.link.preview.node if self.live.link is not None else None

    def shown(self) -> np.ndarray:
        """What the preview node shows, by label value."""
        return self.live.link.preview._voxels()


@pytest.fixture
def desk(a_host: SlicerHost) -> Desk:
    return Desk(a_host)


@pytest.fixture
def fill_unannotated(desk: Desk) -> Desk:
    """Two slices painted, the whole volume previewed."""
    desk.ids = desk.choose()
    desk.paint(desk.ids, 2, 6)
    desk.until(desk.previewed)
    desk.until(lambda: desk.preview is not None)
    desk.host.spin(timeout=0.2)
    return desk


def previews(scene: Any) -> int:
    nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    return sum(bool(node.GetAttribute(PREVIEW_ATTRIBUTE)) for node in nodes)


def test_choosing_the_volume_starts_the_encoding_by_itself_and_says_how_far_it_is(desk: Desk) -> None:
    desk.person.choose(desk.volume)
    desk.until(lambda: desk.runner.lives)
    desk.until(lambda: desk.live.state.fraction is not None)
    assert desk.live.state.phase.value == "encoding"
    assert not desk.host.find("liveProgressBar").isHidden()
    assert desk.runner.live.job.encoder == "tiny"
    desk.until(lambda: desk.live.state.phase.value == "ready")
    assert "Paint a structure" in desk.host.find("liveStatusLabel").text


def test_after_a_stroke_the_other_slices_fill_in_and_the_strokes_are_as_they_were(fill_unannotated: Desk) -> None:
    strokes = painted(fill_unannotated.segmentation, fill_unannotated.volume)
    assert set(np.flatnonzero(strokes.any(axis=(1, 2)))) == {2, 6}
    shown = fill_unannotated.shown()
    others = [n for n in range(len(shown)) if n not in (2, 6)]
    agreement = (shown[others] == fill_unannotated.truth[others]).mean()
    assert agreement > 0.9
    assert not shown[[2, 6]].any()  # one's own strokes are not covered


def test_the_preview_is_see_through_hidden_from_lists_and_not_saved(fill_unannotated: Desk, tmp_path: Path) -> None:
    node = fill_unannotated.preview
    assert node.GetHideFromEditors()
    assert node.GetDisplayNode().GetOpacity2DFill() < 0.5
    fill_unannotated.host.scene.SetURL(str(tmp_path / "scene.mrml"))
    fill_unannotated.host.scene.Commit()
    written = (tmp_path / "scene.mrml").read_text(encoding="utf-8")
    assert "live preview" not in written
    assert "Drawn" in written


def test_strokes_that_come_meanwhile_replace_the_running_fit(desk: Desk) -> None:
    ids = desk.choose()
    desk.paint(ids, 2)
    desk.until(lambda: desk.runner.lives and desk.runner.live.sent and desk.runner.live.state == "predicting")
    desk.runner.live.held = True
    desk.paint(ids, 7)
    assert not desk.live.state.settled
    assert desk.host.find("liveAcceptButton").enabled is False
    desk.until(lambda: len(desk.runner.live.sent) == 2)
    assert desk.runner.live.sent[1]["slices"] == [7]
    desk.runner.live.held = False
    desk.until(desk.previewed)
    assert desk.live.state.annotated == (2, 7)


def test_accept_writes_the_open_slices_in_one_undo_step_and_takes_the_preview_away(fill_unannotated: Desk) -> None:
    before = painted(fill_unannotated.segmentation, fill_unannotated.volume)
    fill_unannotated.host.click("liveAcceptButton")
    fill_unannotated.until(lambda: not fill_unannotated.live.wanted)
    after = painted(fill_unannotated.segmentation, fill_unannotated.volume)
    assert (after[[2, 6]] == before[[2, 6]]).all()
    assert (after == fill_unannotated.truth).mean() > 0.95
    assert previews(fill_unannotated.host.scene) == 0
    assert "one undo takes it back" in fill_unannotated.host.find("liveStatusLabel").text
    fill_unannotated.person.logic.Undo()
    assert (painted(fill_unannotated.segmentation, fill_unannotated.volume) == before).all()


def test_accept_this_slice_writes_that_slice_which_counts_as_annotated_then(fill_unannotated: Desk) -> None:
    fill_unannotated.live.jumpTo(4)
    fill_unannotated.until(lambda: fill_unannotated.live.state.visible == 4)
    fill_unannotated.host.click("liveAcceptSliceButton")
    fill_unannotated.until(lambda: 4 in fill_unannotated.live.state.annotated)
    drawn = painted(fill_unannotated.segmentation, fill_unannotated.volume)
    assert set(np.flatnonzero(drawn.any(axis=(1, 2)))) == {2, 4, 6}
    fill_unannotated.until(fill_unannotated.previewed)
    assert fill_unannotated.preview is not None


def test_only_between_annotated_slices_leaves_the_ends_alone(fill_unannotated: Desk) -> None:
    fill_unannotated.host.click("liveBetweenCheckBox")
    fill_unannotated.host.click("liveAcceptButton")
    fill_unannotated.until(lambda: not fill_unannotated.live.wanted)
    drawn = painted(fill_unannotated.segmentation, fill_unannotated.volume)
    assert set(np.flatnonzero(drawn.any(axis=(1, 2)))) == {2, 3, 4, 5, 6}


def test_turning_it_off_takes_the_preview_away_and_leaves_the_strokes(fill_unannotated: Desk) -> None:
    before = painted(fill_unannotated.segmentation, fill_unannotated.volume)
    fill_unannotated.host.click("liveLiveButton")
    fill_unannotated.host.spin(timeout=0.1)
    assert previews(fill_unannotated.host.scene) == 0
    assert fill_unannotated.runner.live.closed
    assert (painted(fill_unannotated.segmentation, fill_unannotated.volume) == before).all()


def test_next_slice_goes_to_the_one_that_it_is_least_sure_of(fill_unannotated: Desk) -> None:
    wanted = fill_unannotated.live.state.next
    fill_unannotated.host.click("liveNextButton")
    fill_unannotated.until(lambda: fill_unannotated.live.state.visible == wanted)
    assert f"Slice {wanted + 1} of 10" in fill_unannotated.host.find("liveSliceLabel").text
    assert wanted in fill_unannotated.runner.live.focused


def test_the_slider_moves_the_views_and_the_views_move_the_slider(fill_unannotated: Desk) -> None:
    slider = fill_unannotated.host.find("liveSliceSlider")
    slider.setValue(8)
    fill_unannotated.until(lambda: fill_unannotated.live.state.visible == 8)
    fill_unannotated.live._application.jumpToSlice((0.0, 0.0, 8.0 * 1))
    fill_unannotated.until(lambda: fill_unannotated.live.state.visible == 1)
    assert slider.value == 1


def test_nothing_here_makes_a_slice_count_and_is_kept_with_the_segmentation(fill_unannotated: Desk) -> None:
    fill_unannotated.live.jumpTo(9)
    fill_unannotated.host.click("liveEmptyButton")
    fill_unannotated.until(lambda: 9 in fill_unannotated.live.state.annotated)
    assert fill_unannotated.runner.live.sent[-1]["empty"] == (9,)
    assert "nothing here" in fill_unannotated.host.find("liveSliceLabel").text
    assert fill_unannotated.segmentation.GetAttribute("SAMAdapt.EmptySlices") == "axial:9"
    fill_unannotated.host.click("liveEmptyButton")
    fill_unannotated.until(lambda: 9 not in fill_unannotated.live.state.annotated)


def test_an_erased_stroke_counts_no_more(fill_unannotated: Desk) -> None:
    for segment_id in fill_unannotated.ids.values():
        mask = np.zeros_like(fill_unannotated.truth)
        mask[6] = 1
        fill_unannotated.person.paint(segment_id, mask, fill_unannotated.volume, erase=True)
    fill_unannotated.until(lambda: fill_unannotated.live.state.annotated == (2,))


def test_a_background_segment_makes_scribbles_of_the_strokes(desk: Desk) -> None:
    ids = desk.choose()
    segmentation = desk.segmentation.GetSegmentation()
    background = segmentation.AddEmptySegment("", "Background", (0.5, 0.5, 0.5))
    desk.paint(ids, 3)
    mask = np.zeros_like(desk.truth)
    mask[3, :5] = 1
    desk.person.paint(background, mask, desk.volume)
    desk.until(lambda: desk.runner.lives and desk.runner.live.sent)
    assert desk.runner.live.sent[-1]["background"] == 3
    desk.until(lambda: desk.preview is not None)
    names = [desk.preview.GetSegmentation().GetNthSegment(n).GetName() for n in range(2)]
    assert names == ["Pool", "Wall"]
    assert desk.preview.GetSegmentation().GetNumberOfSegments() == 2


def test_learn_hands_the_annotated_slices_to_the_training(fill_unannotated: Desk) -> None:
    fill_unannotated.host.click("liveLearnButton")
    fill_unannotated.until(lambda: fill_unannotated.runner.handles)
    job = fill_unannotated.runner.handle.job
    assert job.kind == "train"
    assert job.annotated_slices_only
    assert fill_unannotated.live.link is None
    assert previews(fill_unannotated.host.scene) == 0


def test_what_stands_for_background_or_must_not_count_is_no_structure_of_the_model(desk: Desk) -> None:
    ids = desk.choose()
    segmentation = desk.segmentation.GetSegmentation()
    extra = [segmentation.AddEmptySegment("", name) for name in ("Background", "Ignore")]
    desk.paint(ids, 3, 6)
    for column, segment_id in enumerate(extra):
        mask = np.zeros_like(desk.truth)
        mask[3, :5, 10 * column : 10 * column + 5] = 1
        desk.person.paint(segment_id, mask, desk.volume)
    desk.until(desk.previewed)
    desk.host.click("liveLearnButton")
    desk.until(lambda: desk.runner.handles)
    job = desk.runner.handle.job
    assert [item.name for item in job.structures] == ["Pool", "Wall"]
    assert job.ignore_label is not None


def test_learn_hands_scribbles_and_empty_slices_to_the_training_as_the_preview_had_them(desk: Desk) -> None:
    from SAMAdaptLib.data.io.volumes import read_volume

    ids = desk.choose()
    background = desk.segmentation.GetSegmentation().AddEmptySegment("", "Background", (0.5, 0.5, 0.5))
    desk.paint(ids, 3, 6)
    mask = np.zeros_like(desk.truth)
    mask[3, :5] = 1
    desk.person.paint(background, mask, desk.volume)
    desk.until(desk.previewed)
    desk.live.jumpTo(9)
    desk.until(lambda: desk.live.state.visible == 9)
    desk.host.click("liveEmptyButton")
    desk.until(lambda: desk.live.state.annotated == (3, 6, 9))
    desk.host.click("liveLearnButton")
    desk.until(lambda: desk.runner.handles)
    job = desk.runner.handle.job
    assert [item.name for item in job.structures] == ["Pool", "Wall"]
    assert not job.annotated_slices_only
    labels = read_volume(job.cases[0].labels).voxels
    unknown = labels == job.ignore_label
    drawn = desk.truth > 0
    assert np.flatnonzero(~unknown.all(axis=(1, 2))).tolist() == [3, 6, 9]
    assert not labels[9].any()
    assert (labels[3][mask[3] > 0] == 0).all()
    assert (unknown[6] == ~drawn[6]).all()
    assert (labels[6][drawn[6]] == desk.truth[6][drawn[6]]).all()


def test_another_job_has_the_worker_for_itself_and_the_preview_comes_back_after_it(
    fill_unannotated: Desk, a_head: Path
) -> None:
    panel = fill_unannotated.host.widget.panel
    panel.refresh()
    fill_unannotated.host.widget._parameterNode.inputVolume = fill_unannotated.volume
    panel.segment.chooseHead("Heart.samhead")
    assert not panel.segment.state().problem(), panel.segment.state().problem()
    panel.segment.run()
    assert fill_unannotated.live.state.phase.value == "waiting"
    assert [live.closed for live in fill_unannotated.runner.lives] == [True]
    fill_unannotated.until(lambda: fill_unannotated.runner.handles)
    panel.refresh()
    assert "Another job is running" in fill_unannotated.host.find("liveStatusLabel").text
    handle = fill_unannotated.runner.handle
    fill_unannotated.runner.tell(lambda: handle.hear_error(MemoryExhausted("No memory.", "Close something.")))
    fill_unannotated.until(lambda: len(fill_unannotated.runner.lives) == 2)
    fill_unannotated.until(fill_unannotated.previewed)
    assert fill_unannotated.live.state.annotated == (2, 6)


# --- what goes wrong ------------------------------------------------------------------------------------------------


def strokes_are_kept(desk: Desk, slices: tuple[int, ...] = (2, 6)) -> bool:
    drawn = painted(desk.segmentation, desk.volume)
    return tuple(np.flatnonzero(drawn.any(axis=(1, 2)))) == slices


def test_a_worker_that_ends_costs_the_preview_and_no_stroke(fill_unannotated: Desk) -> None:
    fill_unannotated.runner.tell(
        lambda: fill_unannotated.runner.live.end(MemoryExhausted("Memory ran out.", "Close something."))
    )
    fill_unannotated.until(lambda: fill_unannotated.live.state.phase.value == "failed")
    assert "Memory ran out" in fill_unannotated.host.find("liveStatusLabel").text
    assert previews(fill_unannotated.host.scene) == 0
    assert strokes_are_kept(fill_unannotated)
    assert fill_unannotated.host.find("liveLiveButton").text == "Start again"
    fill_unannotated.host.click("liveLiveButton")
    fill_unannotated.until(lambda: len(fill_unannotated.runner.lives) == 2)
    fill_unannotated.until(fill_unannotated.previewed)
    assert fill_unannotated.live.state.annotated == (2, 6)


def test_a_scene_that_is_closed_in_the_middle_of_a_fit_ends_it(desk: Desk) -> None:
    ids = desk.choose()
    desk.paint(ids, 2)
    desk.until(lambda: desk.runner.lives and desk.runner.live.state in ("fitting", "predicting"))
    desk.host.closeScene()
    desk.host.spin(timeout=0.3)
    assert desk.runner.live.closed
    assert previews(desk.host.scene) == 0
    assert not desk.live.wanted
    assert desk.host.faults == ()
    desk.host.widget._parameterNode.encoder = "tiny"
    desk.volume, desk.truth = addPhantom("Another")
    ids = desk.choose()
    desk.paint(ids, 1, 8)
    desk.until(desk.previewed)
    assert desk.live.state.annotated == (1, 8)


def test_a_volume_that_is_deleted_is_said_and_the_strokes_stay(fill_unannotated: Desk) -> None:
    before = fill_unannotated.segmentation.GetSegmentation().GetNumberOfSegments()
    fill_unannotated.host.scene.RemoveNode(fill_unannotated.volume)
    fill_unannotated.until(lambda: fill_unannotated.live.link is None)
    assert fill_unannotated.segmentation.GetSegmentation().GetNumberOfSegments() == before
    assert previews(fill_unannotated.host.scene) == 0
    assert "volume" in fill_unannotated.host.find("liveStatusLabel").text


def test_a_volume_that_is_changed_is_looked_at_anew(fill_unannotated: Desk) -> None:
    voxels = slicer.util.arrayFromVolume(fill_unannotated.volume)
    voxels += 5
    slicer.util.arrayFromVolumeModified(fill_unannotated.volume)
    fill_unannotated.until(lambda: len(fill_unannotated.runner.lives) == 2)
    fill_unannotated.until(fill_unannotated.previewed)
    assert fill_unannotated.runner.lives[0].closed


def test_a_segmentation_that_is_deleted_is_said(fill_unannotated: Desk) -> None:
    fill_unannotated.host.scene.RemoveNode(fill_unannotated.segmentation)
    fill_unannotated.until(lambda: not fill_unannotated.live.state.painted)
    assert fill_unannotated.live.segmentation is None
    assert fill_unannotated.preview is None
    assert fill_unannotated.host.faults == ()


def test_the_encoding_ends_when_the_user_goes_elsewhere_and_goes_on_when_they_come_back(desk: Desk) -> None:
    desk.person.choose(desk.volume)
    desk.until(lambda: desk.runner.lives)
    desk.host.select("SegmentEditor")
    desk.host.spin(timeout=0.1)
    assert desk.runner.live.closed
    assert not desk.person.editor.keys
    desk.host.select("SAMAdapt")
    desk.until(lambda: len(desk.runner.lives) == 2)


def test_one_structure_only_is_enough(desk: Desk) -> None:
    desk.segmentation = desk.person.choose(desk.volume)
    ids = desk.person.add_segments(POOL)
    desk.paint(ids, 4)
    desk.until(desk.previewed)
    desk.host.spin(timeout=0.3)
    assert set(np.unique(desk.shown())) == {0, 1}


def test_segments_that_overlap_are_said_and_painting_on_mends_it(desk: Desk) -> None:
    ids = desk.choose()
    desk.paint(ids, 2)
    desk.until(desk.previewed)
    copy = slicer.vtkSegment()
    copy.DeepCopy(desk.segmentation.GetSegmentation().GetSegment(ids[WALL]))
    copy.SetName("Twice")
    desk.segmentation.GetSegmentation().AddSegment(copy, "twice")
    desk.until(lambda: "overlap" in desk.host.find("liveStatusLabel").text)
    desk.segmentation.GetSegmentation().RemoveSegment("twice")
    desk.until(lambda: not desk.live.state.error)


def test_painting_in_another_direction_turns_the_slices(desk: Desk) -> None:
    desk.volume.SetSpacing(1.5, 1.5, 1.6)
    ids = desk.choose()
    mask = np.zeros_like(desk.truth)
    mask[:, :, 30] = desk.truth[:, :, 30] == WALL
    desk.person.paint(ids[WALL], mask, desk.volume)
    desk.until(lambda: len(desk.runner.lives) == 2)
    desk.until(desk.previewed)
    assert desk.runner.live.stack.plane == "sagittal"
    assert len(desk.live.state.annotated) == 1


def test_a_segmentation_on_a_turned_grid_gets_what_was_found_where_it_was_found(desk: Desk) -> None:
    import vtk

    turned = slicer.vtkOrientedImageData()
    turned.SetExtent(-20, 90, -20, 90, -5, 30)
    transform = vtk.vtkTransform()
    transform.Translate(30, 30, 0)
    transform.RotateZ(20)
    transform.Translate(-90, -90, 0)
    transform.Scale(1.3, 1.3, 4.0)
    turned.SetImageToWorldMatrix(transform.GetMatrix())
    desk.segmentation = desk.host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Turned")
    geometry = slicer.vtkSegmentationConverter.SerializeImageGeometry(turned)
    converter = slicer.vtkSegmentationConverter
    name = converter.GetReferenceImageGeometryParameterName()
    desk.segmentation.GetSegmentation().SetConversionParameter(name, geometry)
    desk.person.choose(desk.volume, desk.segmentation)
    ids = desk.person.add_segments(POOL, WALL)
    desk.paint(ids, 2, 6)
    desk.until(desk.previewed)
    before = painted(desk.segmentation, desk.volume)
    desk.until(lambda: desk.live.state.acceptProblem() == "")
    desk.host.click("liveAcceptButton")
    desk.until(lambda: not desk.live.wanted)
    after = painted(desk.segmentation, desk.volume)
    assert (after[before > 0] == before[before > 0]).all()
    inside = (desk.truth > 0).sum()
    wrong = (after != desk.truth).sum() / inside
    assert wrong < 0.25  # voxels of another grid cannot follow every border


def test_no_packages_are_said_and_nothing_starts(a_host: SlicerHost) -> None:
    a_host.widget.panel.services.packages.missing = lambda: ["torch"]
    desk = Desk(a_host)
    desk.person.choose(desk.volume)
    a_host.spin(timeout=0.2)
    assert desk.runner.lives == []
    assert "packages are missing" in a_host.find("liveStatusLabel").text


def test_weights_that_would_have_to_be_fetched_wait_for_a_click(desk: Desk) -> None:
    desk.host.widget._parameterNode.encoder = "mobile_sam"
    desk.person.choose(desk.volume)
    desk.host.spin(timeout=0.3)
    assert desk.runner.lives == []
    desk.host.click("liveLiveButton")
    desk.until(lambda: desk.runner.lives)


# --- the effect in Slicer's own Segment Editor ------------------------------------------------------------------------


def test_the_effect_is_in_the_segment_editor_and_goes_on_while_another_effect_paints(desk: Desk) -> None:
    desk.host.select("SegmentEditor")
    editor = slicer.util.getModuleWidget("SegmentEditor").editor
    assert "SAMAdapt" in editor.availableEffectNames()
    desk.person = Painter(desk.host, editor)
    desk.segmentation = desk.person.choose(desk.volume)
    ids = desk.person.add_segments(POOL, WALL)
    editor.setActiveEffectByName("SAMAdapt")
    desk.until(lambda: desk.runner.lives)
    editor.setActiveEffectByName("Paint")
    desk.paint(ids, 2, 6)
    desk.until(desk.previewed)
    editor.setActiveEffectByName("SAMAdapt")
    desk.until(lambda: desk.live.state.acceptProblem() == "")
    before = painted(desk.segmentation, desk.volume)
    desk.host.click("liveEffectAcceptButton")
    desk.until(lambda: not desk.live.wanted)
    assert (painted(desk.segmentation, desk.volume) == desk.truth).mean() > 0.95
    editor.undo()
    assert (painted(desk.segmentation, desk.volume) == before).all()


def test_the_effect_rests_when_the_segment_editor_is_left(desk: Desk) -> None:
    desk.host.select("SegmentEditor")
    editor = slicer.util.getModuleWidget("SegmentEditor").editor
    person = Painter(desk.host, editor)
    person.choose(desk.volume)
    editor.setActiveEffectByName("SAMAdapt")
    desk.until(lambda: desk.runner.lives)
    desk.host.select("Markups")
    desk.host.spin(timeout=0.1)
    assert desk.runner.live.closed
    desk.host.select("SegmentEditor")
    desk.until(lambda: len(desk.runner.lives) == 2)


def test_reloading_the_module_leaves_an_effect_that_works(desk: Desk) -> None:
    desk.host.select("SegmentEditor")
    editor = slicer.util.getModuleWidget("SegmentEditor").editor
    person = Painter(desk.host, editor)
    person.choose(desk.volume)
    editor.setActiveEffectByName("SAMAdapt")
    desk.until(lambda: desk.runner.lives)
    editor.setActiveEffectByName("")
    desk.host.select("SAMAdapt")
    desk.host.reload()
    desk.host.select("SegmentEditor")
    editor.setActiveEffectByName("SAMAdapt")
    desk.host.spin(timeout=0.2)
    assert desk.host.faults == ()


# --- volumes of all kinds ---------------------------------------------------------------------------------------------


def a_volume(shape: tuple[int, int, int], name: str = "Odd") -> Any:
    voxels = np.random.default_rng(1).normal(100, 8, shape).astype(np.float32)
    node = slicer.util.addVolumeFromArray(voxels, name=name)
    node.SetSpacing(1.0, 1.0, 3.0)
    return node


def paint_boxes(desk: Desk, volume: Any, ids: list[str], n: int) -> None:
    shape = slicer.util.arrayFromVolume(volume).shape
    for column, segment_id in enumerate(ids):
        mask = np.zeros(shape, np.uint8)
        mask[n, 2:8, column : column + 1] = 1
        desk.person.paint(segment_id, mask, volume)


def test_a_volume_of_one_slice_is_simply_right(desk: Desk) -> None:
    volume = a_volume((1, 24, 24))
    desk.segmentation = desk.person.choose(volume)
    ids = [desk.segmentation.GetSegmentation().AddEmptySegment("", "Spot")]
    paint_boxes(desk, volume, ids, 0)
    desk.until(desk.previewed)
    assert desk.host.find("liveCertaintyLabel").isHidden()
    desk.host.spin(timeout=0.3)
    assert desk.host.find("liveNextButton").enabled is False
    assert desk.host.faults == ()


def test_thirty_structures_are_all_previewed(desk: Desk) -> None:
    volume = a_volume((6, 40, 40))
    desk.segmentation = desk.person.choose(volume)
    segmentation = desk.segmentation.GetSegmentation()
    ids = [segmentation.AddEmptySegment("", f"Part {n}", (n / 30, 0.5, 0.5)) for n in range(30)]
    paint_boxes(desk, volume, ids, 3)
    desk.until(desk.previewed)
    desk.until(lambda: desk.preview is not None)
    assert desk.preview.GetSegmentation().GetNumberOfSegments() == 30


def test_a_thousand_slices_make_a_bar_and_the_next_one_is_found(desk: Desk) -> None:
    volume = a_volume((1000, 12, 12))
    desk.segmentation = desk.person.choose(volume)
    ids = [desk.segmentation.GetSegmentation().AddEmptySegment("", "Spot")]
    paint_boxes(desk, volume, ids, 500)
    desk.until(lambda: desk.runner.lives)
    desk.runner.live.encoded = 1000
    desk.runner.quick = 50
    desk.until(desk.previewed, timeout=60)
    assert len(desk.live.state.certainty) == 1000
    desk.host.click("liveNextButton")
    desk.until(lambda: desk.live.state.visible == desk.live.state.next)


def test_the_interface_hardly_ever_stands_still_while_somebody_paints(desk: Desk) -> None:
    """Measured in the main thread's own time, for the machine may be busy with other things."""
    import time

    longest, before = 0.0, desk.live._onTimeout

    volume = a_volume((60, 256, 256))
    desk.segmentation = desk.person.choose(volume)
    segmentation = desk.segmentation.GetSegmentation()
    ids = [segmentation.AddEmptySegment("", f"Part {n}") for n in range(8)]

    def timed() -> None:
        nonlocal longest
        start = time.thread_time()
        before()
        longest = max(longest, time.thread_time() - start)

    desk.live._timer.disconnect("timeout()", before)
    desk.live._timer.connect("timeout()", timed)
    desk.until(lambda: desk.runner.lives, timeout=30)
    desk.runner.live.encoded, desk.runner.live.costless = 60, True
    for n in (10, 30, 50):
        paint_boxes(desk, volume, ids, n)
        desk.host.spin(timeout=0.5)
    desk.until(desk.previewed, timeout=60)
    assert longest < 0.1
