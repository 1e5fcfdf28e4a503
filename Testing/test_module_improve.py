"""The section *Check and improve*: doubtful slices, what was looked at, and the model that learns from that alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import segment_result, train_result, write_head  # noqa: E402

from SAMAdaptLib.errors import Cancelled  # noqa: E402

FOUND = [
    {"plane": "axial", "slice": 6, "slices": 10, "ijk": [20, 30, 6], "doubt": 0.31, "structures": ["Wall"]},
    {"plane": "axial", "slice": 1, "slices": 10, "ijk": [21, 31, 1], "doubt": 0.12, "structures": ["Pool"]},
]


def idle(host: Any) -> bool:
    return host.widget.panel.services.desk.owner == ""


def begin(host: Any, runner: Any, button: str) -> Any:
    known = len(runner.handles)
    host.click(button)
    host.spin(until=lambda: len(runner.handles) > known or (idle(host) and not host.ui.segmentResultFrame.visible))
    return runner.handle


def hear(host: Any, runner: Any, result: dict[str, Any]) -> None:
    handle = runner.handle
    runner.tell(lambda: handle.hear_result(result))
    host.spin(until=lambda: handle.finished)


@pytest.fixture
def jumps(a_host: Any) -> list[Any]:
    """Where the views were sent."""
    found: list[Any] = []
    a_host.widget.panel.services.application.jumpTo = lambda world, node: found.append(world)
    return found


@pytest.fixture
def a_checked_host(a_host: Any, a_runner: Any, a_head: Path, a_volume: Any, jumps: list[Any]) -> Any:
    """A volume that was segmented, with its doubtful slices; section 3 is open."""
    a_host.widget.panel.refresh()
    begin(a_host, a_runner, "segmentButton")
    verdict = {"level": "check", "slices": [[6, 6]], "reasons": [], "at": [[20, 30, 6]]}
    hear(a_host, a_runner, segment_result(a_runner.handle.job) | {"doubtful": FOUND, "verdict": verdict})
    a_host.spin(until=lambda: idle(a_host))
    a_host.ui.improveCollapsibleButton.collapsed = False
    a_host.spin(timeout=0.1)
    return a_host


def result_of(host: Any) -> Any:
    return host.widget._parameterNode.improveSegmentation


def paint(host: Any, volume: Any, k: int) -> None:
    """Correct slice ``k`` of the result: one voxel less of its first structure."""
    node = result_of(host)
    segment = node.GetSegmentation().GetNthSegmentID(0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume)
    mask[k][tuple(np.argwhere(mask[k])[0])] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment, volume)
    host.widget.panel.refresh()


def test_a_result_brings_its_doubtful_slices_along_in_the_order_of_the_volume(a_checked_host: Any) -> None:
    table = a_checked_host.ui.suggestionsTable
    assert [table.item(row, 0).text() for row in range(2)] == ["Axial 2 of 10", "Axial 7 of 10"]
    assert [table.item(1, column).text() for column in (1, 2)] == ["31 %", "Wall"]


def test_the_next_and_the_previous_doubtful_slice_are_a_key_away_in_every_module(
    a_checked_host: Any, jumps: list[Any]
) -> None:
    keys = a_checked_host.widget.panel.improve._shortcuts
    assert [key.enabled for key in keys] == [True, True]
    for key in (keys[0], keys[0], keys[1]):
        key.activated.emit() if hasattr(key.activated, "emit") else key.activated()
    assert [round(world[2]) for world in jumps] == [8, 48, 8]
    a_checked_host.click("jumpButton")
    assert round(jumps[-1][2]) == 48


def test_edited_and_ticked_slices_are_counted(a_checked_host: Any, a_volume: Any) -> None:
    import qt

    ui = a_checked_host.ui
    assert ui.retrainButton.toolTip == "Correct some slices first, or tick those that are right."
    paint(a_checked_host, a_volume, 6)
    assert ui.correctedLabel.text == "Slices edited or ticked, which are learned from: 1"
    ui.suggestionsTable.item(0, 3).setCheckState(qt.Qt.Checked)
    assert ui.correctedLabel.text == "Slices edited or ticked, which are learned from: 2"
    assert ui.retrainButton.enabled


def test_only_what_was_looked_at_is_learned_from(a_checked_host: Any, a_runner: Any, a_volume: Any) -> None:
    import qt

    from SAMAdaptLib.data.io.volumes import read_labelmap

    paint(a_checked_host, a_volume, 6)
    a_checked_host.ui.suggestionsTable.item(0, 3).setCheckState(qt.Qt.Checked)
    job = begin(a_checked_host, a_runner, "retrainButton").job
    labels = read_labelmap(job.cases[0].labels).voxels
    unknown = [bool((labels[k] == job.ignore_label).all()) for k in range(10)]
    assert [k for k in range(10) if not unknown[k]] == [1, 6]
    assert not (labels[[1, 6]] == job.ignore_label).any()
    assert not job.annotated_slices_only
    hear(a_checked_host, a_runner, train_result(job))
    a_checked_host.spin(until=lambda: len(a_runner.handles) == 3)


def test_one_button_trains_on_and_segments_again_with_the_new_model(
    a_checked_host: Any, a_runner: Any, a_volume: Any, a_head: Path
) -> None:
    paint(a_checked_host, a_volume, 3)
    job = begin(a_checked_host, a_runner, "retrainButton").job
    assert job.start_from == str(a_head)
    assert (job.encoder, job.head, Path(job.output).name) == ("tiny", "linear", "Heart 2.samhead")
    hear(a_checked_host, a_runner, train_result(job))
    a_checked_host.spin(until=lambda: len(a_runner.handles) == 3)
    again = a_runner.handle.job
    assert (again.kind, Path(again.head).name) == ("segment", "Heart 2.samhead")
    hear(a_checked_host, a_runner, segment_result(again))
    a_checked_host.spin(until=lambda: idle(a_checked_host))
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
    assert names == ["Patient A Heart", "Patient A Heart 2"]
    assert "before 0.90" in a_checked_host.ui.improveStatusLabel.text
    assert result_of(a_checked_host).GetName() == "Patient A Heart 2"


def test_a_model_of_several_networks_can_be_trained_on_from(
    a_checked_host: Any, a_runner: Any, a_volume: Any, a_head: Path
) -> None:
    one = {"type": "linear", "hyper": {"channels": {"neck": 32}, "classes": 3}}
    hyper = {"channels": {"neck": 32}, "classes": 3, "members": [one, one]}
    write_head(a_head.parent / "Both.samhead", head={"type": "ensemble", "hyper": hyper})
    a_checked_host.widget.panel.segment.chooseHead("Both.samhead")
    paint(a_checked_host, a_volume, 3)
    job = begin(a_checked_host, a_runner, "retrainButton").job
    assert job.head == "auto"
    a_runner.tell(lambda: a_runner.handle.hear_error(Cancelled()))
    a_checked_host.spin(until=lambda: idle(a_checked_host))


def test_what_was_looked_at_is_saved_with_the_scene(a_checked_host: Any, a_volume: Any) -> None:
    from SAMAdaptLib.data.review import Review
    from SAMAdaptLib.mrml.review import KEY, edited_slices, tick

    paint(a_checked_host, a_volume, 4)
    tick(result_of(a_checked_host), 2, True)
    review = Review.from_json(result_of(a_checked_host).GetAttribute(KEY))
    assert review.ticked == {2}
    assert edited_slices(result_of(a_checked_host), a_volume) == {4}


def test_a_result_that_nobody_looked_at_is_no_truth_to_train_on(a_checked_host: Any, a_runner: Any) -> None:
    a_checked_host.click("addCorrectedButton")
    a_checked_host.ui.trainCollapsibleButton.collapsed = False
    a_checked_host.widget.panel.refresh()
    assert a_checked_host.ui.casesTable.item(0, 2).text() == "checked slices"
    known = len(a_runner.handles)
    a_checked_host.click("trainButton")
    a_checked_host.spin(until=lambda: idle(a_checked_host))
    assert "Nobody has looked at the result" in a_checked_host.ui.trainStatusLabel.text
    assert len(a_runner.handles) == known


def test_doubtful_slices_are_found_on_request(a_checked_host: Any, a_runner: Any, jumps: list[Any]) -> None:
    begin(a_checked_host, a_runner, "suggestButton")
    assert a_runner.handle.job.kind == "suggest"
    hear(a_checked_host, a_runner, {"suggestions": FOUND[:1]})
    a_checked_host.spin(until=lambda: idle(a_checked_host))
    assert a_checked_host.ui.suggestionsTable.rowCount == 1
    assert [round(part, 1) for part in jumps[-1]] == [-30.0, -45.0, 48.0]
