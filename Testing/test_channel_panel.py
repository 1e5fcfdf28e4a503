"""Channels in the scene and in the panel: chosen or found by name, and asked for by a model that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import mrmlscenes as scenes  # noqa: E402
import slicer  # noqa: E402
from geometries import geometries, numbered  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import segment_result, train_result, write_head  # noqa: E402
from mrmlfixtures import *  # noqa: E402, F403  fixtures
from mrmlthings import LPS, rigid, sheared  # noqa: E402

from SAMAdaptLib import mrml  # noqa: E402
from SAMAdaptLib.data.channels import first_by_names, kinds_of_words, partners_of, words_between, words_of  # noqa: E402
from SAMAdaptLib.errors import GeometryError, InputError  # noqa: E402

INTENSITY = {"kind": "percentile", "low": 0.5, "high": 99.5}
TWO = [{"name": name, "intensity": INTENSITY, "modality": "MR"} for name in ("T1", "T2")]


def idle(host: Any) -> bool:
    return host.widget.panel.services.desk.owner == ""


def begin(host: Any, runner: Any, button: str) -> Any:
    known = len(runner.handles)
    host.click(button)
    host.spin(until=lambda: len(runner.handles) > known)
    return runner.handle


def hear(host: Any, runner: Any, result: dict[str, Any]) -> None:
    runner.tell(lambda: runner.handle.hear_result(result))
    host.spin(until=lambda: idle(host))


def add(name: str, seed: int = 0) -> Any:
    """A phantom in the scene; its labels are the same whatever the seed."""
    from SAMAdaptLib.mrml.selftest import addPhantom

    return addPhantom(name, seed=seed)[0]


@pytest.fixture
def a_head_of_two(empty_home: Path) -> Path:
    """A model in the library that looks at T1 and T2."""
    return write_head(empty_home / "heads" / "Both.samhead", channels=TWO, schema=2)


@pytest.fixture
def a_pair(a_host: Any, a_head_of_two: Path) -> tuple[Any, Any]:
    """T1 and T2 of a patient, the T1 chosen in section 2 with the model of both."""
    nodes = add("A T1"), add("A T2", 1)
    a_host.widget._parameterNode.head = "Both.samhead"
    a_host.widget._parameterNode.inputVolume = nodes[0]
    a_host.ui.segmentCollapsibleButton.collapsed = False
    a_host.widget.panel.refresh()
    return nodes


# By their names -----------------------------------------------------------------------------------------------------


def test_the_channels_of_a_patient_are_found_by_their_names() -> None:
    names = ["A T1", "A T2", "A FLAIR", "B T2", "B_t2", "A T1ce"]
    assert partners_of("A T1", ("T1", "T2", "FLAIR"), names) == ("A T2", "A FLAIR")
    assert partners_of("B T1", ("T1", "T2"), names) == (None,), "two of them could be meant"
    assert partners_of("A T2", ("T1", "T2"), names) == (None,), "a second channel has no channels"
    assert partners_of("A", ("channel 1", "T2"), names) == ("A T2",)


@pytest.mark.parametrize(
    "names", [("a T1 post", "a T1"), ("x_swi", "x_flair"), ("in phase", "opp_phase"), ("one", "two", "MRHead_T2")]
)
def test_words_for_files_tell_what_the_names_told(names: tuple[str, ...]) -> None:
    from SAMAdaptLib.data.channels import kinds_of

    assert kinds_of_words(words_of(names)) == kinds_of(names)
    assert not set("*?:/\\") & set("".join(words_of(names))), "they are to be names of files"


def test_in_a_folder_each_patient_is_segmented_once() -> None:
    paths = [f"scans/{name}" for name in ("a_T1.nii", "a_T2.nii", "b_T1.nii", "b_T2.nii", "c_CT.nii")]
    assert first_by_names(paths, ("T1", "T2")) == ["scans/a_T1.nii", "scans/b_T1.nii", "scans/c_CT.nii"]
    assert words_between("scans/a_T1.nii", ("T1", "T2"), paths) == ("T1", "T2")
    with pytest.raises(InputError, match=r"No file beside c_CT\.nii is by its name its channel T2"):
        words_between("scans/c_CT.nii", ("T1", "T2"), paths)


# From nodes to a job ------------------------------------------------------------------------------------------------


class Folder:
    """A job folder's face over a plain one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str) -> str:
        return str(self.path / name)


@settings(max_examples=15, deadline=None)
@given(grid=geometries())
def test_channels_on_any_grid_are_captured_in_their_order(grid: Any) -> None:
    if np.prod(grid.size) == 1:
        return
    with scenes.a_scene() as scene:
        nodes = [scenes.add_volume(scene, numbered(grid) + n, grid, f"A {name}") for n, name in enumerate(("T1", "T2"))]
        capture = mrml.capture_volume(nodes)
        volume = capture.volume()
        assert capture.words == ("T1", "T2")
        assert [channel.name for channel in volume.channels] == ["A T1", "A T2"]
        assert [float(channel.voxels.min()) for channel in volume.channels] == [0.0, 1.0]


def test_channels_that_do_not_belong_together_are_refused_before_anything_is_copied(scene: Any) -> None:
    first, other = (scenes.add_volume(scene, numbered(LPS) + n, LPS, f"A {n}") for n in (1, 2))
    moved = scenes.add_volume(scene, numbered(LPS), LPS, "moved")
    moved.SetAndObserveTransformNodeID(scenes.add_transform(scene, rigid()).GetID())
    with pytest.raises(GeometryError, match=r"'moved' does not lie on the grid of volume 'A 1'.* Register"):
        mrml.capture_volume([first, moved], later=True)
    with pytest.raises(InputError, match="'A 1' is given as two channels"):
        mrml.capture_volume([first, first], later=True)
    more = [scenes.add_volume(scene, numbered(LPS) + n, LPS, f"A {n}") for n in (3, 4)]
    with pytest.raises(InputError, match="4 channels; 3 at most"):
        mrml.capture_volume([first, other, *more], later=True)
    with pytest.raises(InputError, match="No volume is chosen"):
        mrml.capture_volume([])
    first.SetAndObserveTransformNodeID(scenes.add_transform(scene, sheared()).GetID())
    with pytest.raises(GeometryError, match="under another transform"):
        mrml.capture_volume([first, other], later=True)


def test_nodes_with_channels_are_learned_from_and_segmented(scene: Any, tmp_path: Path, empty_home: Path) -> None:
    from test_channels import split_balls

    from SAMAdaptLib.heads.card import read_card
    from SAMAdaptLib.jobs.runner import run_job

    def nodes(case: Any, name: str) -> list[Any]:
        grid = case.volume.geometry
        return [
            scenes.add_volume(scene, np.asarray(channel.voxels), grid, f"{name} {kind}")
            for channel, kind in zip(case.volume.channels, ("T1", "T2*"), strict=True)
        ]

    case, other = split_balls(), split_balls(seed=4)
    values = case.labelmap.values()
    drawn = scenes.add_segmentation(
        scene, {f"ball {value}": case.labelmap.voxels == value for value in values}, case.volume.geometry
    )
    options = {"encoder": "tiny", "head": "linear", "budget": "fast", "device": "cpu"}
    plan = mrml.TrainNodeJob.of([(nodes(case, "A"), drawn, None)], tmp_path / "both.samhead", **options)
    run_job(plan.prepare(Folder(tmp_path)))
    assert read_card(tmp_path / "both.samhead").channel_names == ("T1", "T2*")

    plan = mrml.SegmentNodeJob.of(nodes(other, "B"), tmp_path / "both.samhead", device="cpu")
    result = run_job(plan.prepare(Folder(tmp_path)))
    assert result["provenance"]["channels"] == "T1, T2*"
    labels = plan.labels(result)
    for number, value in enumerate(values, 1):
        found, true = labels.voxels == number, other.labelmap.voxels == value
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.8


def test_cases_with_different_numbers_of_channels_are_refused(scene: Any) -> None:
    volumes = [scenes.add_volume(scene, numbered(LPS) + n, LPS, f"A {n}") for n in range(3)]
    drawn = scenes.add_segmentation(scene, {"Pool": numbered(LPS) > 20}, LPS)
    with pytest.raises(InputError, match=r"Volume 'A 2' has 1 of the channels to train on, volume 'A 0' has 2"):
        mrml.TrainNodeJob.of([(volumes[:2], drawn, None), (volumes[2], drawn, None)], "x.samhead")


# In the panel -------------------------------------------------------------------------------------------------------


def test_a_model_of_one_image_shows_no_channels(a_host: Any, a_head: Path, a_volume: Any) -> None:
    a_host.widget.panel.refresh()
    assert not a_host.ui.channelsFrame.visible
    assert a_host.ui.trainChannelsGroupBox.collapsed


def test_a_model_of_two_is_given_the_second_that_has_the_patient_s_name(
    a_host: Any, a_runner: Any, a_pair: tuple[Any, Any]
) -> None:
    ui = a_host.ui
    assert ui.channelsFrame.visible
    assert "T1, T2" in ui.channelsLabel.text
    assert (ui.secondChannelLabel.text, ui.secondChannelSelector.currentNode()) == ("T2:", a_pair[1])
    assert not ui.thirdChannelSelector.visible
    job = begin(a_host, a_runner, "segmentButton").job
    assert job.channels == ("T1", "T2")
    assert Path(job.image).name == "image T1.mha"
    assert (Path(job.image).parent / "image T2.mha").is_file()
    hear(a_host, a_runner, segment_result(job))
    assert a_host.widget._parameterNode.improveVolume is a_pair[0]


def test_without_the_second_channel_the_button_says_what_is_missing(a_host: Any, a_pair: tuple[Any, Any]) -> None:
    slicer.mrmlScene.RemoveNode(a_pair[1])
    a_host.widget.panel.refresh()
    assert not a_host.ui.segmentButton.enabled
    assert a_host.ui.segmentButton.toolTip == "Select this volume's T2 as well."


def test_what_the_user_selects_counts_and_is_kept_for_that_volume(a_host: Any, a_pair: tuple[Any, Any]) -> None:
    other, chosen = add("B T1", 2), add("something else", 3)
    a_host.ui.secondChannelSelector.setCurrentNode(chosen)
    parameters = a_host.widget._parameterNode
    parameters.inputVolume = other
    a_host.widget.panel.refresh()
    assert a_host.ui.secondChannelSelector.currentNode() is None
    parameters.inputVolume = a_pair[0]
    a_host.widget.panel.refresh()
    assert a_host.ui.secondChannelSelector.currentNode() is chosen


def test_a_channel_on_another_grid_is_refused_in_words(a_host: Any, a_runner: Any, a_pair: tuple[Any, Any]) -> None:
    a_pair[1].SetOrigin(5, 0, 0)
    a_host.click("segmentButton")
    assert "does not lie on the grid of volume" in a_host.ui.segmentStatusLabel.text
    assert not a_runner.handles


def test_channels_of_training_volumes_are_selected_once_and_follow_by_name(
    a_host: Any, a_runner: Any, a_case: tuple[Any, Any]
) -> None:
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    first, second = a_case[0], add("A T2", 1)
    first.SetName("A T1")
    volume, labels = addPhantom("B T1", 0, 2)
    partner = add("B T2", 3)
    a_host.widget.panel.train.cases.add(volume, addAnnotation(volume, labels, "B drawn"))
    a_host.ui.trainChannelsGroupBox.collapsed = False
    table = a_host.ui.channelsTable
    assert [table.item(row, 0).text() for row in range(2)] == ["A T1", "B T1"]
    table.cellWidget(0, 1).setCurrentNode(second)
    a_host.widget.panel.refresh()
    assert table.cellWidget(1, 1).currentNode() is partner
    assert a_host.ui.trainChannelsGroupBox.title == "More channels: T1, T2"
    job = begin(a_host, a_runner, "trainButton").job
    assert job.channels == ("T1", "T2")
    assert len(job.cases) == 2
    hear(a_host, a_runner, train_result(job))
    table.cellWidget(1, 1).setCurrentNode(None)
    a_host.widget.panel.refresh()
    assert "as many channels as the others" in a_host.ui.trainButton.toolTip
    assert first.GetName() == "A T1"


def test_unlabelled_volumes_bring_their_channels_or_are_named(
    a_host: Any, a_runner: Any, a_case: tuple[Any, Any]
) -> None:
    a_case[0].SetName("A T1")
    second, bare, partner = add("A T2", 1), add("B T1", 2), add("B T2", 3)
    panel = a_host.widget.panel
    a_host.ui.channelsTable.cellWidget(0, 1).setCurrentNode(second)
    a_host.widget._parameterNode.unlabeledVolumes = [bare]
    job = begin(a_host, a_runner, "trainButton").job
    assert [Path(path).name for path in job.unlabeled] == ["unlabeled-1 T1.mha"]
    hear(a_host, a_runner, train_result(job))
    slicer.mrmlScene.RemoveNode(partner)
    panel.refresh()
    a_host.click("trainButton")
    assert "of volume B T1 there is no T2" in a_host.ui.trainStatusLabel.text


def test_a_corrected_result_is_learned_from_with_its_channels(
    a_host: Any, a_runner: Any, a_pair: tuple[Any, Any]
) -> None:
    job = begin(a_host, a_runner, "segmentButton").job
    hear(a_host, a_runner, segment_result(job))
    a_host.ui.improveCollapsibleButton.collapsed = False
    a_host.spin(timeout=0.1)
    assert begin(a_host, a_runner, "suggestButton").job.channels == ("T1", "T2")
    hear(a_host, a_runner, {"suggestions": []})
    a_host.click("addCorrectedButton")
    assert a_host.widget.panel.train.channels.nodes(a_pair[0]) == list(a_pair)


def test_many_volumes_take_each_patient_once(a_host: Any, a_runner: Any, a_pair: tuple[Any, Any]) -> None:
    add("B T1", 2), add("B T2", 3), add("C CT", 4)
    a_host.ui.cohortCollapsibleButton.collapsed = False
    a_host.widget.panel.refresh()
    a_host.click("cohortButton")
    for number in range(2):
        a_host.spin(until=lambda number=number: len(a_runner.handles) > number)
        assert a_runner.handles[number].job.channels == ("T1", "T2")
        result = segment_result(a_runner.handles[number].job)
        a_runner.tell(lambda number=number, result=result: a_runner.handles[number].hear_result(result))
        a_host.spin(until=lambda number=number: a_runner.handles[number].finished)
    a_host.spin(until=lambda: idle(a_host))
    table = a_host.ui.cohortTable
    assert [(table.item(row, 0).text(), table.item(row, 1).text()) for row in range(3)] == [
        ("A T1", "done"),
        ("B T1", "done"),
        ("C CT", "failed"),
    ]
    assert "there is no T2" in table.item(2, 1).toolTip()


def test_a_folder_is_taken_patient_by_patient(
    a_host: Any, a_runner: Any, a_pair: tuple[Any, Any], tmp_path: Path
) -> None:
    from SAMAdaptLib.data.io.volumes import write_volume
    from SAMAdaptLib.gui.parameters import CohortSource

    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("a_T1", "a_T2", "b_T1"):
        write_volume(mrml.read_volume_node(a_pair[0]), scans / f"{name}.nii.gz")
    parameters = a_host.widget._parameterNode
    parameters.cohortSource = CohortSource.FOLDER
    a_host.ui.cohortInputPathLineEdit.currentPath = str(scans)
    a_host.ui.cohortCollapsibleButton.collapsed = False
    a_host.widget.panel.refresh()
    job = begin(a_host, a_runner, "cohortButton").job
    assert (Path(job.image).name, job.channels) == ("a_T1.nii.gz", ("T1", "T2"))
    hear(a_host, a_runner, segment_result(job))
    table = a_host.ui.cohortTable
    assert [table.item(row, 1).text() for row in range(table.rowCount)] == ["done", "failed"]
    assert "its channel T2" in table.item(1, 1).toolTip()
