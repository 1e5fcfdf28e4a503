"""The panels Train and Improve: cases, structures, the curve, the card of the new head, and training on from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulefixtures import offer_built_in
from modulethings import nothing_left, train_result  # noqa: E402

from SAMAdaptLib.errors import Cancelled  # noqa: E402


def idle(host: Any) -> bool:
    return host.widget.panel.services.desk.owner == ""


def begin(host: Any, runner: Any, button: str = "trainButton") -> Any:
    known = len(runner.handles)
    host.click(button)
    host.spin(until=lambda: len(runner.handles) > known)
    return runner.handle


def finish(host: Any, runner: Any, **changes: Any) -> None:
    runner.tell(lambda: runner.handle.hear_result(train_result(runner.handle.job, **changes)))
    host.spin(until=lambda: idle(host))


def test_the_rows_show_what_is_annotated(a_host: Any, a_case: Any) -> None:
    assert a_host.ui.casesTable.item(0, 2).text() == "10 of 10, whole"
    names = [a_host.ui.structuresTable.item(n, 0).text() for n in range(2)]
    assert names == ["Pool", "Wall"]


def test_the_count_follows_the_painting(a_host: Any, a_case: Any) -> None:
    import numpy as np

    volume, segmentation = a_case
    for n in range(2):
        segment = segmentation.GetSegmentation().GetNthSegmentID(n)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume)
        mask[3:] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), segmentation, segment, volume)
    a_host.widget.panel.refresh()
    assert a_host.ui.casesTable.item(0, 2).text() == "3 of 10, whole"


def test_a_click_trains_on_the_checked_structures(a_host: Any, a_runner: Any, a_case: Any) -> None:
    import qt

    a_host.ui.structuresTable.item(1, 0).setCheckState(qt.Qt.Unchecked)
    job = begin(a_host, a_runner).job
    assert [structure.name for structure in job.structures] == ["Pool"]
    assert Path(job.output).name == "Pool.samhead"
    assert (job.budget, job.head, job.encoder, job.annotated_slices_only) == ("balanced", "auto", "medsam_lite", False)
    finish(a_host, a_runner)


def test_without_a_structure_the_button_says_why(a_host: Any, a_case: Any) -> None:
    a_host.widget._parameterNode.excludedStructures = ["Pool", "Wall"]
    assert not a_host.ui.trainButton.enabled
    assert "at least one structure" in a_host.ui.trainButton.toolTip


def test_a_name_that_is_no_file_name_is_refused_before_the_click(a_host: Any, a_case: Any) -> None:
    a_host.widget._parameterNode.headName = "left/right"
    assert not a_host.ui.trainButton.enabled
    assert "/" in a_host.ui.trainButton.toolTip


def test_cases_of_one_structure_by_name_get_one_value(a_host: Any, a_runner: Any, a_case: Any) -> None:
    from SAMAdaptLib.data.io.volumes import read_labelmap
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    volume, labels = addPhantom("Patient B", 0, 1)
    second = addAnnotation(volume, labels, "B drawn")
    second.GetSegmentation().SetSegmentIndex(second.GetSegmentation().GetNthSegmentID(1), 0)
    a_host.click("addCaseButton")
    rows = a_host.widget._parameterNode.trainingCases
    rows[1].volume, rows[1].segmentation = volume, second
    a_host.widget.panel.refresh()
    assert a_host.ui.structuresTable.item(0, 1).text() == "2"
    job = begin(a_host, a_runner).job
    first, other = (read_labelmap(case.labels).voxels for case in job.cases)
    assert {structure.value: structure.name for structure in job.structures} == {1: "Pool", 2: "Wall"}
    assert (first == other).all()
    finish(a_host, a_runner)


def test_a_case_can_be_taken_out_but_the_last_row_stays(a_host: Any, a_case: Any) -> None:
    assert not a_host.ui.removeCaseButton.enabled
    a_host.click("addCaseButton")
    a_host.spin(timeout=0.05)
    assert a_host.ui.casesTable.rowCount == 2
    a_host.click("removeCaseButton")
    assert a_host.ui.casesTable.rowCount == 1
    assert a_host.widget._parameterNode.trainingCases[0].volume is a_case[0]


def test_a_node_deleted_from_the_scene_empties_its_cell(a_host: Any, a_case: Any) -> None:
    slicer.mrmlScene.RemoveNode(a_case[1])
    a_host.widget.panel.refresh()
    assert not a_host.ui.trainButton.enabled
    assert a_host.ui.trainButton.toolTip == "Select a volume and its segmentation."


def test_the_curve_and_its_words_are_live(a_host: Any, a_runner: Any, a_case: Any) -> None:
    handle = begin(a_host, a_runner)
    for step in range(1, 40):
        a_runner.tell(lambda step=step: handle.hear_metric("loss", step, 1 / step))
    a_runner.tell(lambda: handle.hear_metric("held-out Dice", 39, 0.81))
    a_runner.tell(lambda: handle.hear_metric("held-out Dice/2", 39, 0.77))
    a_runner.tell(lambda: handle.hear_progress("Training the cnn head", 40, 100, 9.0))
    a_host.spin(until=lambda: a_host.ui.curveLabel.visible)
    assert "Step 39: Dice 0.81 on held-out slices" in a_host.ui.trainMetricsLabel.text
    assert a_host.ui.trainMetricsLabel.text.endswith("Wall 0.77")
    assert a_host.widget.panel.train.curve.lastStep == 39
    finish(a_host, a_runner)
    assert a_host.ui.trainMetricsLabel.text == "Dice of the model on held-out slices: 0.90\nPool 0.95, Wall 0.85"


def test_each_network_of_a_training_has_a_line_of_its_own_in_the_curve(a_host: Any) -> None:
    curve = a_host.widget.panel.train.curve
    for step, value in ((20, 0.5), (40, 0.7), (20, 0.6), (60, 0.8), (60, float("nan"))):
        curve.add("held-out Dice", step, value)
    assert curve.lines == [[(20, 0.5), (40, 0.7)], [(20, 0.6), (60, 0.8)]]
    assert (curve.offsets, curve.lastStep) == ([0, 40], 100)


def test_the_curve_can_be_read_in_a_light_and_in_a_dark_theme(a_host: Any) -> None:
    import qt

    curve, label = a_host.widget.panel.train.curve, a_host.ui.curveLabel
    for step in (20, 40):
        curve.add("held-out Dice", step, 0.5)
    seen = []
    for base, text in ((qt.Qt.white, qt.Qt.black), (qt.Qt.black, qt.Qt.white)):
        palette = qt.QPalette(label.palette)
        palette.setColor(qt.QPalette.Base, qt.QColor(base))
        palette.setColor(qt.QPalette.Text, qt.QColor(text))
        label.setPalette(palette)
        curve.draw(now=True)
        image = label.pixmap.toImage()
        lightness = [image.pixelColor(x, y).lightness() for x in range(40, 180, 3) for y in range(10, 110, 2)]
        seen.append((min(lightness), max(lightness)))
    assert seen[0][0] < 130 < seen[0][1]  # something dark on white
    assert seen[1][0] < 100 < 150 < seen[1][1]  # something light on black


def test_the_new_head_shows_its_quality_and_is_one_click_from_use(a_host: Any, a_runner: Any, a_case: Any) -> None:
    begin(a_host, a_runner)
    finish(a_host, a_runner)
    text = a_host.ui.trainResultLabel.text
    assert all(word in text for word in ("Pool, Wall", "0.95", "0.85", "<b>0.90</b>", "1 min 10 s"))
    a_host.click("segmentWithItButton")
    assert a_host.ui.headSelector.currentText == "Pool, Wall"
    assert not a_host.ui.segmentCollapsibleButton.collapsed


def test_the_card_counts_the_unlabelled_volumes_that_were_learned_from(a_host: Any, a_runner: Any, a_case: Any) -> None:
    begin(a_host, a_runner)
    finish(a_host, a_runner, training={"slices": 8, "views": 48, "steps": 150, "unlabeled": 6})
    assert "unlabelled volumes that it learned from: 6" in a_host.ui.trainResultLabel.text


def test_a_cancelled_training_keeps_its_best_head(a_host: Any, a_runner: Any, a_case: Any, empty_home: Path) -> None:
    handle = begin(a_host, a_runner)
    a_host.click("trainButton")
    assert a_runner.cancelled == [handle]
    finish(a_host, a_runner, cancelled=True, note="Cancelled; the best model so far was kept.")
    assert a_host.ui.trainStatusLabel.text == "Cancelled; the best model so far was kept."
    assert [path.name for path in (empty_home / "heads").iterdir()] == ["Pool, Wall.samhead"]


def test_a_training_cancelled_early_leaves_nothing(a_host: Any, a_runner: Any, a_case: Any, empty_home: Path) -> None:
    handle = begin(a_host, a_runner)
    a_host.click("trainButton")
    a_runner.tell(lambda: handle.hear_error(Cancelled()))
    a_host.spin(until=lambda: idle(a_host))
    assert list((empty_home / "heads").iterdir()) == []
    assert nothing_left(empty_home)
    assert not a_host.ui.trainLiveFrame.visible


def test_overlapping_segments_are_refused_with_their_names(a_host: Any, a_runner: Any, a_case: Any) -> None:
    import numpy as np
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    volume, segmentation = a_case
    segment = segmentation.GetSegmentation().AddEmptySegment("", "All of it", (1, 1, 0))
    segmentation.GetSegmentation().SeparateSegmentLabelmap(segment)
    mask = np.ones(slicer.util.arrayFromVolume(volume).shape, np.uint8)
    image, matrix = slicer.vtkOrientedImageData(), vtk.vtkMatrix4x4()
    image.SetDimensions(*reversed(mask.shape))
    image.GetPointData().SetScalars(numpy_to_vtk(mask.ravel(), deep=True))
    volume.GetIJKToRASMatrix(matrix)
    image.SetImageToWorldMatrix(matrix)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, segmentation, segment, logic.MODE_REPLACE)
    a_host.widget.panel.refresh()
    a_host.click("trainButton")
    a_host.spin(until=lambda: idle(a_host))
    assert "overlap" in a_host.ui.trainStatusLabel.text
    assert a_runner.handles == []


def test_unlabelled_volumes_are_checked_and_go_along(a_host: Any, a_runner: Any, a_case: Any) -> None:
    from SAMAdaptLib.mrml.selftest import addPhantom

    other, _labels = addPhantom("Patient B", 2, 1)
    a_host.ui.unlabeledSelector.check(other)
    assert list(a_host.widget._parameterNode.unlabeledVolumes) == [other]
    assert len(begin(a_host, a_runner).job.unlabeled) == 1
    finish(a_host, a_runner)


def test_the_encoder_says_size_licence_and_whether_it_is_here(a_host: Any, a_case: Any) -> None:
    text = a_host.ui.encoderLabel.text
    assert all(word in text for word in ("39.4 MB", "Apache-2.0", "fetched at its first use"))


def test_the_row_is_filled_with_what_the_views_show(a_host: Any) -> None:
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    (first, labels), (second, _none) = addPhantom("Patient A"), addPhantom("Patient B", 2, 1)
    drawn = addAnnotation(first, labels, "A drawn")
    application = a_host.widget.panel.services.application
    application.showVolume(second)
    a_host.widget.panel.refresh()
    assert a_host.widget.panel.train.cases.cases() == []
    application.showVolume(first)
    a_host.widget.panel.refresh()
    assert a_host.widget.panel.train.cases.cases() == [(first, drawn)]


def test_a_row_that_somebody_has_emptied_stays_empty(a_host: Any, a_case: Any) -> None:
    a_host.widget.panel.services.application.showVolume(a_case[0])
    for column in range(2):
        a_host.ui.casesTable.cellWidget(0, column).setCurrentNode(None)
    a_host.widget.panel.refresh()
    assert a_host.widget.panel.train.cases.cases() == []


def thin_out(case: Any, every: int = 3) -> None:
    """Leave the annotation on one slice in ``every``."""
    import numpy as np

    volume, segmentation = case
    for n in range(2):
        segment = segmentation.GetSegmentation().GetNthSegmentID(n)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume).astype(np.uint8)
        mask[[k for k in range(len(mask)) if k % every]] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentation, segment, volume)


def test_gaps_between_annotated_slices_mean_that_the_others_were_left_out(
    a_host: Any, a_runner: Any, a_case: Any
) -> None:
    thin_out(a_case)
    a_host.widget.panel.refresh()
    assert a_host.ui.casesTable.item(0, 2).text() == "4 of 10, some"
    assert "left out" in a_host.ui.casesTable.item(0, 2).toolTip()
    assert begin(a_host, a_runner).job.annotated_slices_only
    finish(a_host, a_runner)


def test_the_choice_under_advanced_wins_over_what_was_found_out(a_host: Any, a_runner: Any, a_case: Any) -> None:
    from SAMAdaptLib.gui.parameters import Annotation

    thin_out(a_case)
    a_host.widget._parameterNode.annotation = Annotation.WHOLE
    assert a_host.ui.casesTable.item(0, 2).text() == "4 of 10, whole"
    assert not begin(a_host, a_runner).job.annotated_slices_only
    finish(a_host, a_runner)


def test_a_whole_volume_and_some_slices_of_another_are_told_apart(a_host: Any, a_runner: Any, a_case: Any) -> None:
    from SAMAdaptLib.data.io.volumes import read_labelmap
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    volume, labels = addPhantom("Patient B", 2, 1)
    second = addAnnotation(volume, labels, "B drawn")
    thin_out((volume, second))
    a_host.widget.panel.train.cases.add(volume, second)
    assert [a_host.ui.casesTable.item(row, 2).text() for row in range(2)] == [
        "10 of 10, whole",
        "4 of 10, some",
    ]
    job = begin(a_host, a_runner).job
    whole, some = (read_labelmap(case.labels).voxels for case in job.cases)
    assert not (whole == job.ignore_label).any()
    assert [k for k in range(10) if (some[k] == job.ignore_label).all()] == [1, 2, 4, 5, 7, 8]
    assert not job.annotated_slices_only
    finish(a_host, a_runner)


def test_who_has_only_a_model_that_came_along_gets_the_trained_one_chosen(
    a_host: Any, a_runner: Any, a_case: Any
) -> None:
    from SAMAdaptLib.heads.library import starter_heads

    offer_built_in(a_host, starter_heads()[0].parent)
    assert a_host.widget._parameterNode.head == starter_heads()[0].name
    begin(a_host, a_runner)
    finish(a_host, a_runner)
    assert a_host.widget._parameterNode.head == "Pool, Wall.samhead"


def test_the_training_time_is_what_it_took_on_this_computer(a_host: Any, a_runner: Any, a_case: Any) -> None:
    from SAMAdaptLib.gui.parameters import Budget

    assert Budget.FAST.label() == "Quick, about 2 min"
    a_host.widget._parameterNode.budget = Budget.FAST
    begin(a_host, a_runner)
    finish(a_host, a_runner, seconds=312.0)
    assert Budget.FAST.label() == "Quick, about 5 min"
    assert Budget.BALANCED.label() == "Standard, about 8 min"
    assert a_host.ui.budgetSelector.itemText(0) == "Quick, about 5 min"
    assert a_host.widget._parameterNode.budget is Budget.FAST


def test_who_has_no_model_begins_at_the_first_section_and_who_has_one_at_the_second(empty_home: Path) -> None:
    from host import SlicerHost
    from modulethings import write_head

    opened = []
    for _visit in range(2):
        with SlicerHost() as host:
            opened.append(
                (not host.ui.trainCollapsibleButton.collapsed, not host.ui.segmentCollapsibleButton.collapsed)
            )
        write_head(empty_home / "heads" / "Heart.samhead")
    assert opened == [(True, False), (False, True)]
