"""Encoders in the panel: their input size, the offer of OpenVINO, and what is warned of while a head is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import train_result  # noqa: E402

SLOW = "The budget 'balanced' is meant for about 8 min; on this computer the training takes about 21 min."
SLOW_HERE = "This training time is meant for about 8 min; on this computer the training takes about 21 min."
"""The same in the panel's words."""

SHORT = "Training the cnn head ended after 15 of 300 steps: it may be < than it could be."


def idle(host: Any) -> bool:
    return host.widget.panel.services.desk.owner == ""


def begin(host: Any, runner: Any, button: str = "trainButton") -> Any:
    known = len(runner.handles)
    host.click(button)
    host.spin(until=lambda: len(runner.handles) > known)
    return runner.handle


def sizes(host: Any) -> list[str]:
    selector = host.ui.inputSizeSelector
    return [selector.itemText(index) for index in range(selector.count)]


# Input size ---------------------------------------------------------------------------------------------------------


def test_the_input_sizes_are_those_that_the_encoder_fits(a_host: Any, a_case: Any) -> None:
    assert sizes(a_host) == ["Automatic", "112 pixels", "168 pixels", "224 pixels"]
    assert a_host.ui.inputSizeSelector.currentText == "Automatic"
    a_host.widget._parameterNode.encoder = "mobile_sam"
    a_host.spin(timeout=0.05)
    assert sizes(a_host) == ["Automatic", "448 pixels", "672 pixels", "896 pixels"]


def test_an_encoder_whose_size_is_its_own_leaves_no_choice_and_says_so(a_host: Any, a_case: Any) -> None:
    a_host.widget._parameterNode.encoder = "sam_vit_b"
    a_host.spin(timeout=0.05)
    assert sizes(a_host) == ["Automatic"]
    assert not a_host.ui.inputSizeSelector.enabled
    assert "of its own" in a_host.ui.inputSizeSelector.toolTip


def test_another_encoder_in_the_list_brings_the_size_back_to_automatic(a_host: Any, a_case: Any) -> None:
    a_host.ui.inputSizeSelector.setCurrentIndex(1)
    assert a_host.widget._parameterNode.inputSize == 112
    selector = a_host.ui.encoderSelector
    selector.setCurrentIndex(selector.findData("mobile_sam"))
    assert (a_host.widget._parameterNode.encoder, a_host.widget._parameterNode.inputSize) == ("mobile_sam", 0)


def test_a_size_that_a_script_chose_is_shown_and_kept(a_host: Any, a_case: Any) -> None:
    a_host.widget._parameterNode.inputSize = 256
    a_host.spin(timeout=0.05)
    assert sizes(a_host)[-1] == a_host.ui.inputSizeSelector.currentText == "256 pixels"


@pytest.mark.parametrize(("index", "size"), [(0, None), (2, 168)])
def test_the_input_size_goes_along_with_the_training(
    a_host: Any, a_runner: Any, a_case: Any, index: int, size: int | None
) -> None:
    a_host.ui.inputSizeSelector.setCurrentIndex(index)
    assert begin(a_host, a_runner).job.input_size == size


def test_training_on_from_a_head_keeps_the_size_that_it_was_trained_at(
    a_host: Any, a_runner: Any, a_case: Any, empty_home: Path
) -> None:
    from modulethings import write_head

    write_head(empty_home / "heads" / "Heart.samhead", input_size=256)
    chosen = a_host.widget._parameterNode
    chosen.head, chosen.inputSize = "Heart.samhead", 112
    chosen.improveVolume, chosen.improveSegmentation = a_case
    a_host.ui.improveCollapsibleButton.collapsed = False
    a_host.widget.panel.refresh()
    a_host.spin(timeout=0.2)
    assert begin(a_host, a_runner, "retrainButton").job.input_size == 256


def test_the_card_of_a_new_head_and_its_tooltip_name_encoder_and_size(a_host: Any, a_runner: Any, a_case: Any) -> None:
    from SAMAdaptLib.gui import formatting as texts
    from SAMAdaptLib.heads.card import read_card

    handle = begin(a_host, a_runner)
    result = train_result(handle.job, encoder="medsam_lite", input_size=112)
    a_runner.tell(lambda: handle.hear_result(result))
    a_host.spin(until=lambda: idle(a_host))
    assert "linear model on medsam_lite at 112 pixels" in a_host.ui.trainResultLabel.text
    card = read_card(result["head"])
    card = replace(card, encoder=replace(card.encoder, input_size=168))
    assert "tiny at 168 pixels" in texts.headTip(card)


# Warnings -----------------------------------------------------------------------------------------------------------


def test_that_a_training_will_take_longer_is_said_while_it_runs_and_stays(
    a_host: Any, a_runner: Any, a_case: Any
) -> None:
    handle = begin(a_host, a_runner)
    a_runner.tell(lambda: handle.hear_warning(SLOW))
    a_host.spin(until=lambda: SLOW_HERE in a_host.ui.trainStatusLabel.text)
    a_runner.tell(lambda: handle.hear_progress("Encoding views", 1, 4, 60.0))
    a_host.spin(until=lambda: "25 %" in a_host.ui.trainStatusLabel.text)
    assert a_host.ui.trainStatusLabel.text.splitlines()[1:] == [SLOW_HERE]
    a_runner.tell(lambda: handle.hear_result(train_result(handle.job)))
    a_host.spin(until=lambda: idle(a_host))
    assert a_host.ui.trainStatusLabel.text.startswith("Done.<br>This training time")


def test_that_a_training_was_cut_short_is_said_at_its_end(a_host: Any, a_runner: Any, a_case: Any) -> None:
    handle = begin(a_host, a_runner)
    a_runner.tell(lambda: handle.hear_result(train_result(handle.job, warnings=[SHORT])))
    a_host.spin(until=lambda: idle(a_host))
    assert "ended after 15 of 300 steps" in a_host.ui.trainStatusLabel.text
    assert "&lt; than" in a_host.ui.trainStatusLabel.text


def test_the_warnings_of_one_training_are_gone_in_the_next(a_host: Any, a_runner: Any, a_case: Any) -> None:
    handle = begin(a_host, a_runner)
    a_runner.tell(lambda: handle.hear_warning(SLOW))
    a_runner.tell(lambda: handle.hear_result(train_result(handle.job)))
    a_host.spin(until=lambda: idle(a_host))
    handle = begin(a_host, a_runner)
    a_runner.tell(lambda: handle.hear_progress("Encoding views", 1, 4, 60.0))
    a_host.spin(until=lambda: "25 %" in a_host.ui.trainStatusLabel.text)
    assert SLOW not in a_host.ui.trainStatusLabel.text


# OpenVINO -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def an_offering_host(a_host: Any, a_runner: Any) -> Any:
    """Installation and storage unfolded, OpenVINO not installed; ``installed`` counts how often it was."""
    packages = a_host.widget.panel.services.packages
    a_host.installed = []
    packages.openvinoOffered = lambda: not a_host.installed
    packages.installOpenVino = lambda: a_host.installed.append("openvino")
    a_host.ui.installationCollapsibleButton.collapsed = False
    a_host.widget.panel.refresh()
    a_host.spin(timeout=0.05)
    return a_host


def probed(*pairs: tuple[int, float], reason: str = "") -> dict[str, Any]:
    """What the worker says of the encoder's speed at these sizes."""
    found = [{"input_size": size, "seconds_per_slice": seconds} for size, seconds in pairs]
    return {"speed": {"encoder": "medsam_lite", "seconds_per_slice": None, "reason": reason, "sizes": found}}


def answer(host: Any, runner: Any, count: int, result: dict[str, Any]) -> Any:
    """Let the job of that number come, and end with this result."""
    host.spin(until=lambda: len(runner.handles) == count)
    handle = runner.handle
    runner.tell(lambda: handle.hear_result(result))
    host.spin(until=lambda: handle.finished)
    return handle.job


def test_openvino_is_installed_on_request_and_what_it_brings_is_measured_here(
    an_offering_host: Any, a_runner: Any
) -> None:
    host = an_offering_host
    assert host.ui.fasterButton.visible and host.ui.fasterButton.enabled
    host.answer("question", "OK")
    host.click("fasterButton")
    job = answer(host, a_runner, 1, probed((112, 0.24), (224, 1.18)))
    assert (job.kind, job.encoder, job.device, job.input_sizes) == ("probe", "medsam_lite", "cpu", (112, 224))
    answer(host, a_runner, 2, probed((112, 0.238), (224, 0.72)))
    host.spin(until=lambda: host.ui.fasterLabel.visible)
    assert host.installed == ["openvino"]
    assert not host.ui.fasterButton.visible
    text = host.ui.fasterLabel.text
    assert "at 112 pixels 0.24 before, 0.24 now (no gain)" in text
    assert "at 224 pixels 1.18 before, 0.72 now (1.6 times as fast)" in text


def test_whoever_says_no_to_openvino_gets_nothing(an_offering_host: Any, a_runner: Any) -> None:
    an_offering_host.answer("question", "Cancel")
    an_offering_host.click("fasterButton")
    an_offering_host.spin(timeout=0.1)
    assert (an_offering_host.installed, a_runner.handles) == ([], [])
    assert an_offering_host.ui.fasterButton.visible


def test_without_weights_openvino_is_installed_and_the_reason_said(an_offering_host: Any, a_runner: Any) -> None:
    an_offering_host.answer("question", "OK")
    an_offering_host.click("fasterButton")
    for count in (1, 2):
        answer(an_offering_host, a_runner, count, probed(reason="its weights are not here"))
    an_offering_host.spin(until=lambda: an_offering_host.ui.fasterLabel.visible)
    assert an_offering_host.installed == ["openvino"]
    assert "not measured: its weights are not here" in an_offering_host.ui.fasterLabel.text


def test_a_failed_installation_of_openvino_is_said_and_not_measured(an_offering_host: Any, a_runner: Any) -> None:
    from SAMAdaptLib.errors import DependencyError

    def fail() -> None:
        msg = "The package OpenVINO could not be installed."
        raise DependencyError(msg, "pip says no.")

    an_offering_host.widget.panel.services.packages.installOpenVino = fail
    an_offering_host.answer("question", "OK")
    an_offering_host.click("fasterButton")
    answer(an_offering_host, a_runner, 1, probed((112, 0.2)))
    status = an_offering_host.ui.installationStatusLabel
    an_offering_host.spin(until=lambda: "could not be installed" in status.text)
    assert len(a_runner.handles) == 1
    assert an_offering_host.ui.fasterButton.visible


def test_where_openvino_is_not_offered_there_is_no_button(a_host: Any) -> None:
    a_host.widget.panel.services.packages.openvinoOffered = lambda: False
    a_host.ui.installationCollapsibleButton.collapsed = False
    a_host.spin(timeout=0.05)
    assert not a_host.ui.fasterButton.visible


def test_the_encoder_that_is_measured_is_the_chosen_one_if_openvino_computes_it(a_host: Any) -> None:
    from SAMAdaptLib.gui.panels.faster import _measured

    chosen = a_host.widget._parameterNode
    names = []
    for name in ("mobile_sam", "sam_vit_b", "tiny"):
        chosen.encoder = name
        names.append(_measured(chosen).name)
    assert names == ["mobile_sam", "medsam_lite", "medsam_lite"]
