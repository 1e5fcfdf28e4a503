"""The panels Many volumes and Installation and storage."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import segment_result, write_head  # noqa: E402

from SAMAdaptLib.errors import Cancelled, InputError  # noqa: E402


def idle(host: Any) -> bool:
    return host.widget.panel.services.desk.owner == ""


@pytest.fixture
def a_cohort_host(a_host: Any, a_runner: Any, a_head: Path) -> Any:
    """Two volumes in the scene, the first with an annotation; a head; the panel open."""
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    first, labels = addPhantom("Patient A")
    addAnnotation(first, labels, "A drawn")
    addPhantom("Patient B", 2, 1)
    a_host.ui.cohortCollapsibleButton.collapsed = False
    a_host.widget.panel.refresh()
    a_host.spin(timeout=0.2)
    return a_host


def answer_all(host: Any, runner: Any, dice: float = 0.9) -> None:
    """Answer segmentations and comparisons until the panel is done."""
    answered = 0
    while True:
        host.spin(until=lambda: idle(host) or len(runner.handles) > answered)  # noqa: B023
        if len(runner.handles) == answered:
            return
        handle = runner.handles[answered]
        answered += 1
        if handle.job.kind == "segment":
            runner.tell(lambda: handle.hear_result(segment_result(handle.job)))  # noqa: B023
        else:
            facts = [{"value": 1, "name": "1", "dice": dice}, {"value": 2, "name": "2", "dice": dice}]
            runner.tell(lambda: handle.hear_result({"mean_dice": dice, "structures": facts}))  # noqa: B023
        host.spin(until=lambda: handle.finished)  # noqa: B023


def column(host: Any, number: int) -> list[str]:
    table = host.ui.cohortTable
    return [table.item(row, number).text() for row in range(table.rowCount)]


def test_a_folder_that_is_cleared_is_forgotten(a_cohort_host: Any, tmp_path: Path) -> None:
    edit = a_cohort_host.ui.cohortOutputPathLineEdit
    edit.currentPath = str(tmp_path)
    assert a_cohort_host.widget._parameterNode.cohortOutput == str(tmp_path)
    edit.currentPath = ""
    assert a_cohort_host.widget._parameterNode.cohortOutput == ""


def test_all_volumes_of_the_scene_are_segmented_and_compared_where_there_is_a_reference(
    a_cohort_host: Any, a_runner: Any
) -> None:
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    assert column(a_cohort_host, 1) == ["done", "done"]
    assert column(a_cohort_host, 2) == ["0.90", ""]
    assert [handle.job.kind for handle in a_runner.handles] == ["segment", "evaluate", "segment"]
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
    assert names == ["A drawn", "Patient A Heart", "Patient B Heart"]
    assert a_cohort_host.ui.cohortStatusLabel.text == "2 done, mean Dice 0.90 (volumes: 1)."


def test_results_of_the_scene_are_written_where_a_folder_is_given(
    a_cohort_host: Any, a_runner: Any, tmp_path: Path
) -> None:
    from SAMAdaptLib.data.io.volumes import read_labelmap

    a_cohort_host.widget._parameterNode.cohortOutput = str(tmp_path)
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert names == ["Patient A.seg.nrrd", "Patient B.seg.nrrd"]
    assert [s.name for s in read_labelmap(tmp_path / "Patient B.seg.nrrd").structures] == ["Pool", "Wall"]


def test_the_volume_that_was_trained_on_is_marked_and_left_out_of_the_mean(a_cohort_host: Any, a_runner: Any) -> None:
    first = slicer.mrmlScene.GetFirstNodeByName("Patient A")
    drawn = slicer.mrmlScene.GetFirstNodeByName("A drawn")
    a_cohort_host.widget.panel.train.cases.add(first, drawn)
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    assert column(a_cohort_host, 0) == ["Patient A (trained on)", "Patient B"]
    assert column(a_cohort_host, 2) == ["0.90", ""]
    assert a_cohort_host.ui.cohortStatusLabel.text == "2 done, without those that the model was trained on."


def test_the_model_can_be_chosen_in_the_section(a_cohort_host: Any, a_head: Path) -> None:
    write_head(a_head.parent / "Liver.samhead")
    a_cohort_host.widget.panel.refresh()
    a_cohort_host.choose("cohortHeadSelector", "Liver")
    assert a_cohort_host.widget._parameterNode.head == "Liver.samhead"
    assert a_cohort_host.ui.headSelector.currentText == "Liver"


def test_the_table_is_saved_for_a_spreadsheet(a_cohort_host: Any, a_runner: Any, tmp_path: Path) -> None:
    import csv

    assert not a_cohort_host.ui.cohortSaveButton.enabled
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    a_cohort_host.answer("getSaveFileName", str(tmp_path / "results"))
    a_cohort_host.click("cohortSaveButton")
    with (tmp_path / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["volume"], row["structure"]) for row in rows] == [
        ("Patient A", "Pool"),
        ("Patient A", "Wall"),
        ("Patient B", "Pool"),
        ("Patient B", "Wall"),
    ]
    assert (rows[0]["volume_ml"], rows[0]["certainty"], rows[0]["dice"]) == ("12.500", "0.9000", "0.9000")
    assert rows[2]["dice"] == ""
    assert "results.csv" in a_cohort_host.ui.cohortStatusLabel.text


def test_names_that_a_spreadsheet_would_compute_are_text() -> None:
    from SAMAdaptLib.evaluation.volume_table import StructureRow, csv_text

    text = csv_text([StructureRow("=cmd()", "Wand, links", 1.5, None, warnings=("Not found:\nx.",))])
    assert text.splitlines()[1] == '\'=cmd(),"Wand, links",1.500,,,0,Not found: x.'


def test_a_folder_dropped_on_the_section_is_what_is_segmented(
    a_cohort_host: Any, a_runner: Any, tmp_path: Path
) -> None:
    from SAMAdaptLib.data.io.volumes import write_volume
    from SAMAdaptLib.gui.parameters import CohortSource
    from SAMAdaptLib.mrml import capture_volume

    source = tmp_path / "scans"
    source.mkdir()
    write_volume(capture_volume(slicer.mrmlScene.GetFirstNodeByName("Patient A")).volume(), source / "one.nrrd")
    drop_on(a_cohort_host, "cohortCollapsibleButton", source)
    assert a_cohort_host.widget._parameterNode.cohortSource is CohortSource.FOLDER
    assert a_cohort_host.ui.cohortInputPathLineEdit.currentPath == str(source)
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    assert (tmp_path / "scans segmented" / "one.seg.nrrd").is_file()


def drop_on(host: Any, name: str, path: Path) -> None:
    """Drag a folder from the file manager onto a widget and let it go there."""
    from PySide6 import QtCore, QtGui, QtWidgets

    data = QtCore.QMimeData()
    data.setUrls([QtCore.QUrl.fromLocalFile(str(path))])
    widget, action = host._find(name), QtCore.Qt.DropAction.CopyAction
    buttons, keys = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier
    assert widget.acceptDrops()
    with warnings.catch_warnings():  # nobody but Qt makes such events
        warnings.simplefilter("ignore", DeprecationWarning)
        events = (
            QtGui.QDragEnterEvent(QtCore.QPoint(9, 9), action, data, buttons, keys),
            QtGui.QDropEvent(QtCore.QPointF(9, 9), action, data, buttons, keys),
        )
    for event in events:
        QtWidgets.QApplication.sendEvent(widget, event)
        assert event.isAccepted()


def test_the_time_left_is_that_of_all_volumes(a_cohort_host: Any, a_runner: Any) -> None:
    panel = a_cohort_host.widget.panel.cohort
    a_cohort_host.click("cohortButton")
    a_cohort_host.spin(until=lambda: a_runner.handles)
    panel._began -= 30
    handle = a_runner.handle
    a_runner.tell(lambda: handle.hear_progress("Segmenting axial slices", 5, 10, 3.0))
    a_cohort_host.spin(until=lambda: "min left" in a_cohort_host.ui.cohortStatusLabel.text)
    assert "Volume 1 of 2: Segmenting axial slices, 25 %, about 2 min left" in a_cohort_host.ui.cohortStatusLabel.text
    a_cohort_host.click("cohortButton")
    a_runner.tell(lambda: handle.hear_error(Cancelled()))
    a_cohort_host.spin(until=lambda: idle(a_cohort_host))


def test_a_folder_is_segmented_and_what_is_there_stays(a_cohort_host: Any, a_runner: Any, tmp_path: Path) -> None:
    from SAMAdaptLib.data.io.volumes import write_volume
    from SAMAdaptLib.gui.parameters import CohortSource
    from SAMAdaptLib.mrml import capture_volume

    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    output.mkdir()
    node = slicer.mrmlScene.GetFirstNodeByName("Patient A")
    write_volume(capture_volume(node).volume(), source / "one.nrrd")
    shutil.copy(source / "one.nrrd", source / "two.nrrd")
    (output / "two.seg.nrrd").write_text("precious")
    (source / "notes.txt").write_text("no volume")
    chosen = a_cohort_host.widget._parameterNode
    chosen.cohortSource, chosen.cohortInput, chosen.cohortOutput = CohortSource.FOLDER, str(source), str(output)
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    assert column(a_cohort_host, 0) == ["one.nrrd", "two.nrrd"]
    assert column(a_cohort_host, 1) == ["done", "there already"]
    assert (output / "two.seg.nrrd").read_text() == "precious"
    assert (output / "one.seg.nrrd").stat().st_size > 100
    tip = a_cohort_host.ui.cohortTable.item(1, 1).toolTip()
    assert tip == "It stays: it does not say what made it, and may be somebody's own work."


def test_warnings_of_a_row_are_its_tooltip_and_are_counted(a_cohort_host: Any, a_runner: Any) -> None:
    a_cohort_host.click("cohortButton")
    for number in range(3):
        a_cohort_host.spin(until=lambda: len(a_runner.handles) > number)  # noqa: B023
        handle = a_runner.handles[number]
        answer = segment_result(handle.job) | {"warnings": ["Not found: Wall."]} if number == 0 else None
        if handle.job.kind == "evaluate":
            answer = {"mean_dice": 0.9, "structures": []}
        a_runner.tell(lambda: handle.hear_result(answer or segment_result(handle.job)))  # noqa: B023
        a_cohort_host.spin(until=lambda: handle.finished)  # noqa: B023
    a_cohort_host.spin(until=lambda: idle(a_cohort_host))
    assert a_cohort_host.ui.cohortTable.item(0, 1).toolTip() == "Not found: Wall."
    assert "1 with warnings" in a_cohort_host.ui.cohortStatusLabel.text


def test_a_written_result_of_the_scene_is_replaced_unless_it_is_somebodys_own(
    a_cohort_host: Any, a_runner: Any, tmp_path: Path
) -> None:
    from SAMAdaptLib.data.io.volumes import read_labelmap, write_labelmap
    from SAMAdaptLib.data.provenance import Provenance

    a_cohort_host.widget._parameterNode.cohortOutput = str(tmp_path)
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    ours = read_labelmap(tmp_path / "Patient A.seg.nrrd")
    other = ours.with_structures([]).made_by(Provenance("old", "a" * 64, "tiny", "b" * 64))
    write_labelmap(other, tmp_path / "Patient A.seg.nrrd")
    (tmp_path / "Patient B.seg.nrrd").write_text("precious")
    a_runner.handles.clear()
    a_cohort_host.click("cohortButton")
    answer_all(a_cohort_host, a_runner)
    assert read_labelmap(tmp_path / "Patient A.seg.nrrd").structures == ours.structures
    assert (tmp_path / "Patient B.seg.nrrd").read_text() == "precious"
    assert "Patient B.seg.nrrd stays: it does not say" in a_cohort_host.ui.cohortTable.item(1, 1).toolTip()


def test_one_bad_volume_does_not_stop_the_others(a_cohort_host: Any, a_runner: Any) -> None:
    a_cohort_host.click("cohortButton")
    a_cohort_host.spin(until=lambda: a_runner.handles)
    a_runner.tell(lambda: a_runner.handles[0].hear_error(InputError("This volume is constant.")))
    a_cohort_host.spin(until=lambda: len(a_runner.handles) == 2)
    a_runner.tell(lambda: a_runner.handle.hear_result(segment_result(a_runner.handle.job)))
    a_cohort_host.spin(until=lambda: idle(a_cohort_host))
    assert column(a_cohort_host, 1) == ["failed", "done"]
    assert "constant" in a_cohort_host.ui.cohortTable.item(0, 1).toolTip()


def test_cancel_stops_after_what_is_finished(a_cohort_host: Any, a_runner: Any) -> None:
    a_cohort_host.click("cohortButton")
    a_cohort_host.spin(until=lambda: a_runner.handles)
    a_cohort_host.click("cohortButton")
    a_runner.tell(lambda: a_runner.handle.hear_error(Cancelled()))
    a_cohort_host.spin(until=lambda: idle(a_cohort_host))
    assert column(a_cohort_host, 1) == ["waiting", "waiting"]
    assert len(a_runner.handles) == 1


# Installation and storage -------------------------------------------------------------------------------------------


@pytest.fixture
def an_open_host(a_host: Any, a_runner: Any) -> Any:
    """Installation and storage unfolded."""
    a_host.ui.installationCollapsibleButton.collapsed = False
    a_host.spin(timeout=0.05)
    return a_host


def test_packages_and_weights_are_listed(an_open_host: Any) -> None:
    packages = an_open_host.ui.packagesTable
    assert packages.item(0, 0).text() == "torch"
    weights = an_open_host.ui.weightsTable
    assert [weights.item(0, column).text() for column in (1, 2)] == ["39.4 MB", "to fetch"]


def test_weights_in_a_folder_that_the_environment_names_are_here(
    a_host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from SAMAdaptLib.encoders.registry import ENTRIES

    with (tmp_path / "given.pth").open("wb") as file:
        file.truncate(ENTRIES["medsam_lite"].bytes)
    monkeypatch.setenv("SAMADAPT_WEIGHTS", str(tmp_path))
    a_host.ui.installationCollapsibleButton.collapsed = False
    a_host.spin(timeout=0.05)
    assert a_host.ui.weightsTable.item(0, 2).text() == "here"


def test_what_is_missing_is_said_at_the_top_and_blocks_the_work(a_host: Any, a_head: Path, a_volume: Any) -> None:
    a_host.widget.panel.services.packages.missing = lambda: ["torch", "safetensors>=0.4.3"]
    a_host.widget.panel.refresh()
    assert a_host.ui.setupFrame.visible
    assert "torch, safetensors" in a_host.ui.setupLabel.text
    assert "packages are missing" in a_host.ui.segmentButton.toolTip


def test_a_declined_installation_is_said_in_the_panel(an_open_host: Any) -> None:
    from SAMAdaptLib.errors import DependencyError

    packages = an_open_host.widget.panel.services.packages
    packages.missing = lambda: ["torch"]

    def decline() -> None:
        msg = "PyTorch was not installed."
        raise DependencyError(msg, "Click again.")

    packages.install = decline
    an_open_host.widget.panel.refresh()
    an_open_host.click("installButton")
    assert "PyTorch was not installed." in an_open_host.ui.installationStatusLabel.text


def test_weights_are_fetched_and_can_be_cancelled(an_open_host: Any, a_runner: Any) -> None:
    an_open_host.click("fetchWeightsButton")
    an_open_host.spin(until=lambda: a_runner.handles)
    assert (a_runner.handle.job.kind, a_runner.handle.job.encoder) == ("weights", "medsam_lite")
    an_open_host.click("fetchWeightsButton")
    a_runner.tell(lambda: a_runner.handle.hear_error(Cancelled()))
    an_open_host.spin(until=lambda: idle(an_open_host))
    assert an_open_host.ui.installationStatusLabel.text == "Cancelled."


def test_the_size_of_what_is_stored_is_counted_beside_the_user_interface(a_host: Any, empty_home: Path) -> None:
    (empty_home / "features" / "ab").mkdir(parents=True)
    (empty_home / "features" / "ab" / "one.npz").write_bytes(bytes(3_000_000))
    a_host.ui.installationCollapsibleButton.collapsed = False
    a_host.spin(until=lambda: "Features 3.0 MB" in a_host.ui.storageLabel.text)
    assert str(empty_home) in a_host.ui.storageLabel.text


def test_of_functions_in_threads_only_the_last_is_heard_and_none_that_failed(a_host: Any) -> None:
    from SAMAdaptLib.errors import InputError
    from SAMAdaptLib.gui.qt_background import QtBackgroundTask

    def fails() -> None:
        msg = "no"
        raise InputError(msg)

    heard: list[str] = []
    aside = QtBackgroundTask(heard.append)
    aside.start(lambda: "first")
    aside.start(lambda: "second")
    a_host.spin(until=lambda: heard)
    aside.start(fails)
    a_host.spin(timeout=0.2)
    aside.start(lambda: "after the end")
    aside.close()
    a_host.spin(timeout=0.2)
    assert heard == ["second"]


def test_the_feature_cache_is_cleared_on_request(an_open_host: Any, empty_home: Path) -> None:
    kept = empty_home / "features" / "ab" / "cd.neck.npy"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"0" * 5000)
    an_open_host.click("clearCacheButton")
    an_open_host.spin(until=lambda: idle(an_open_host))
    assert not kept.exists()
    assert an_open_host.ui.installationStatusLabel.text == "The feature cache is empty."


def test_the_device_is_asked_of_the_worker(an_open_host: Any, a_runner: Any) -> None:
    an_open_host.click("checkDeviceButton")
    an_open_host.spin(until=lambda: a_runner.handles)
    facts = {
        "devices": [{"device": "cpu", "name": "Xeon"}, {"device": "cuda:0", "name": "RTX"}],
        "recommended": {"device": "cuda:0"},
        "processor": {"cores": 8},
    }
    a_runner.tell(lambda: a_runner.handle.hear_result(facts))
    an_open_host.spin(until=lambda: idle(an_open_host))
    assert an_open_host.ui.deviceLabel.text == "Automatic means: cuda:0 (RTX)."
