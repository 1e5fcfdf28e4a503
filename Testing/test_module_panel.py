"""The module as a whole in the stand-in application: it opens anywhere, explains itself, and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import weakref
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulefixtures import offer_built_in
from modulethings import nothing_left, segment_result  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
UI = ROOT / "SAMAdapt" / "Resources" / "UI" / "SAMAdapt.ui"

BARE = """
import os, socket, sys
from pathlib import Path
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "openvino", "safetensors", "segment_anything"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
calls = []
def offline(_socket, address):
    calls.append(address)
    raise OSError("no network")
socket.socket.connect = offline
from host import SlicerHost
with SlicerHost(window=%s) as host:
    host.spin(timeout=0.2)
    assert host.ui.segmentButton.toolTip == "Select a volume.", host.ui.segmentButton.toolTip
    host.ui.installationCollapsibleButton.collapsed = False
    host.spin(timeout=0.2)
    host.spin(until=lambda: "SAMAdaptLib.mrml.annotation.annotated_slices" in sys.modules)  # what the first click needs
    heavy = {"torch", "openvino", "SimpleITK", "scipy"} & set(sys.modules)
    assert not heavy, heavy
    assert not calls, calls
    assert not list(Path(os.environ["SAMADAPT_HOME"]).rglob("*.pth"))
    assert not list(Path(os.environ["SAMADAPT_HOME"]).glob("jobs/*"))
print("opened")
"""


@pytest.mark.parametrize("window", [True, False])
def test_the_panel_opens_without_torch_network_weights_or_main_window(window: bool, empty_home: Path) -> None:
    paths = os.pathsep.join([str(ROOT / "Testing"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "SAMADAPT_HOME": str(empty_home)}
    done = subprocess.run(
        [sys.executable, "-c", BARE % window], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "opened" in done.stdout


def test_every_node_selector_of_the_ui_file_gets_the_scene() -> None:
    root = ET.parse(UI).getroot()
    selectors = {w.get("name") for w in root.iter("widget") if "Node" in (w.get("class") or "")}
    connection = ("mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)")
    found = [c for c in root.iter("connection") if (c.findtext("signal"), c.findtext("slot")) == connection]
    assert len(selectors) >= 6
    assert selectors == {c.findtext("receiver") for c in found}


def test_every_parameter_name_of_the_ui_file_is_a_parameter(a_host: Any) -> None:
    root = ET.parse(UI).getroot()
    names = {p.findtext("string") for p in root.iter("property") if p.get("name") == "SlicerParameterName"}
    known = a_host.widget._parameterNode.allParameters
    assert len(names) > 12
    assert names <= set(known)


def test_no_widget_has_a_style_of_its_own() -> None:
    assert "styleSheet" not in UI.read_text()


def test_every_disabled_button_says_why(a_host: Any) -> None:
    for name in ("train", "improve", "cohort", "installation"):
        getattr(a_host.ui, f"{name}CollapsibleButton").collapsed = False
    a_host.spin(timeout=0.1)
    names = [name for name in vars(a_host.ui) if name.endswith("Button") and "Collapsible" not in name]
    disabled = [getattr(a_host.ui, name) for name in names if not getattr(a_host.ui, name).enabled]
    assert len(disabled) >= 4
    assert [button.name for button in disabled if not button.toolTip] == []


def test_every_label_of_a_field_and_every_button_says_what_it_is_for(a_host: Any) -> None:
    root = ET.parse(UI).getroot()
    fields = [
        w.get("name") for w in root.iter("widget")
        if w.get("class") == "QLabel" and any((p.findtext("string") or "").endswith(":") for p in w.iter("property"))
    ]  # fmt: skip
    buttons = [w.get("name") for w in root.iter("widget") if w.get("class") in ("QPushButton", "QToolButton")]
    assert len(fields) > 20
    assert len(buttons) > 20
    for section in ("train", "improve", "cohort", "installation"):
        getattr(a_host.ui, f"{section}CollapsibleButton").collapsed = False
    a_host.widget.panel.refresh()
    assert [name for name in fields + buttons if not getattr(a_host.ui, name).toolTip] == []


def test_every_section_links_to_its_part_of_the_documentation(a_host: Any) -> None:
    root = ET.parse(UI).getroot()
    sections = [w.get("name") for w in root.iter("widget") if w.get("class") == "ctkCollapsibleButton"]
    found = {name: getattr(a_host.ui, name.replace("CollapsibleButton", "HelpLabel"), None) for name in sections}
    linked = {name: label for name, label in found.items() if label is not None}
    assert len(linked) == 5
    for label in linked.values():
        page, _, anchor = re.search(r"/docs/([^\"]+)\"", label.text)[1].partition("#")
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        titles = [line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")]
        headings = {re.sub(r"[^a-z0-9]+", "-", title) for title in titles}
        assert not anchor or anchor in headings, (page, anchor)
        assert label.openExternalLinks


def test_opening_the_panel_starts_no_worker(a_host: Any) -> None:
    assert a_host.logic._runner is None


def test_the_choices_are_saved_with_the_scene(a_host: Any, a_case: tuple[Any, Any]) -> None:
    from SAMAdaptLib.gui.parameters import Budget, SegmentPlane

    chosen = a_host.widget._parameterNode
    chosen.inputVolume = a_case[0]
    chosen.plane, chosen.budget, chosen.headName, chosen.smoothing = SegmentPlane.CORONAL, Budget.BEST, "Mine", True
    chosen.excludedStructures, chosen.inputSize = ["Wall"], 168
    scene = slicer.mrmlScene
    scene.SetSaveToXMLString(1)
    scene.Commit()
    text = scene.GetSceneXMLString()
    a_host.closeScene()
    assert a_host.widget._parameterNode.headName == ""
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(text)
    scene.Import()
    back = a_host.widget._parameterNode
    assert (back.plane, back.budget, back.headName, back.smoothing) == (SegmentPlane.CORONAL, Budget.BEST, "Mine", True)
    assert list(back.excludedStructures) == ["Wall"]
    assert back.inputSize == 168
    assert a_host.ui.inputSizeSelector.currentText == "168 pixels"
    assert back.inputVolume.GetName() == "Patient A"
    assert back.trainingCases[0].segmentation.GetName() == "A drawn"
    assert a_host.ui.budgetSelector.currentText == Budget.BEST.label()


def test_a_scene_closed_while_a_job_runs_ends_it_politely(
    a_host: Any, a_runner: Any, a_head: Path, a_volume: Any, empty_home: Path
) -> None:
    a_host.widget.panel.refresh()
    a_host.click("segmentButton")
    a_host.spin(until=lambda: a_runner.handles)
    a_host.closeScene()
    a_host.spin(until=lambda: a_runner.cancelled)
    a_runner.tell(lambda: a_runner.handle.hear_result(segment_result(a_runner.handle.job)))
    a_host.spin(until=lambda: not a_host.widget.panel.services.desk.owner)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert a_host.messages == []
    assert nothing_left(empty_home)


def test_reloading_while_a_job_runs_leaves_no_job_and_a_working_panel(
    a_host: Any, a_runner: Any, a_head: Path, a_volume: Any, empty_home: Path
) -> None:
    a_host.widget.panel.refresh()
    a_host.click("segmentButton")
    a_host.spin(until=lambda: a_runner.handles)
    a_host.reload()
    assert a_runner.closed >= 1
    assert nothing_left(empty_home)
    a_host.spin(timeout=0.2)
    assert a_host.ui.inputSelector.currentNode() is a_volume
    assert a_host.widget.panel.services.desk.owner == ""


def test_quitting_while_a_job_runs_leaves_no_job(
    a_host: Any, a_runner: Any, a_head: Path, a_volume: Any, empty_home: Path
) -> None:
    a_host.widget.panel.refresh()
    a_host.click("segmentButton")
    a_host.spin(until=lambda: a_runner.handles)
    a_host.quit()
    assert a_runner.closed >= 1
    assert nothing_left(empty_home)


def test_the_job_goes_on_in_another_module(a_host: Any, a_runner: Any, a_head: Path, a_volume: Any) -> None:
    a_host.widget.panel.refresh()
    a_host.click("segmentButton")
    a_host.spin(until=lambda: a_runner.handles)
    a_host.select("Volumes")
    a_runner.tell(lambda: a_runner.handle.hear_result(segment_result(a_runner.handle.job)))
    a_host.spin(until=lambda: slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode"))
    a_host.select("SAMAdapt")
    assert a_host.ui.segmentResultTable.rowCount == 2


def test_every_stage_of_the_work_is_said_in_the_users_language(a_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from SAMAdaptLib import progress
    from SAMAdaptLib.gui import formatting as texts
    from SAMAdaptLib.gui import worker_words

    assert set(worker_words.STAGES) == set(progress.STAGES)
    monkeypatch.setattr(worker_words, "_", lambda text: f"translated: {text}")
    arguments = {"name": "cnn", "number": 1, "count": 3, "degrees": 60, "stage": "Comparing"}
    for stage in progress.STAGES:
        said = texts.stageName(stage.text(**arguments))
        assert said.startswith("translated: ")
        assert "{" not in said
        assert ("translated: Comparing" in said) == ("{stage}" in stage.template or stage is progress.COMPARING)


def test_the_tooltip_of_a_head_says_how_closely_it_looks(a_host: Any) -> None:
    from test_heads import HYPER, a_card

    from SAMAdaptLib.gui import formatting as texts

    closer = replace(a_card(), closer={"side_mm": 149.7, "head": {"type": "cnn", "hyper": HYPER}, "shapes": {}})
    assert "150 mm around what was found" in texts.headTip(closer)
    assert "Closer look" not in texts.headTip(a_card())


def test_a_head_says_what_to_expect_of_it_and_where_it_comes_from(a_host: Any) -> None:
    from test_heads import a_card

    from SAMAdaptLib.gui import formatting as texts

    card = a_card()
    assert texts.headLine(card) == "Finds Left ventricle, Myocardium. Dice 0.83 on slices that were held out."
    shaped = replace(card, shapes={"classes": 3, "distance_mm": 5.0}, training={"cases": 1, "origin": "a <public> set"})
    assert texts.headLine(shaped).endswith("Estimated accuracy: Dice 0.75 on other patients.")
    assert "0.75" in texts.headTip(shaped)
    assert "a &lt;public&gt; set" in texts.headTip(shaped)


def test_a_head_that_came_along_is_offered_where_the_user_has_no_head_and_stays_as_it_is(a_host: Any) -> None:
    from SAMAdaptLib.errors import InputError
    from SAMAdaptLib.heads.library import starter_heads

    offer_built_in(a_host, starter_heads()[0].parent)
    assert a_host.ui.headSelector.currentText == starter_heads()[0].stem
    assert "MNI ICBM 152" in a_host.ui.headSelector.toolTip
    library = a_host.widget.panel.services.library
    with pytest.raises(InputError, match="came with the extension"):
        library.delete(library.entries()[0])
    assert starter_heads()


def test_a_stage_that_the_panel_does_not_know_is_shown_as_it_is(a_host: Any) -> None:
    from SAMAdaptLib.gui import formatting as texts

    assert texts.stageName("folding a paper crane") == "Folding a paper crane"


def test_coming_back_to_the_panel_lets_go_of_the_former_parameter_wrapper(a_host: Any) -> None:
    # One that is kept goes on observing the node, once for each of its parameters, and reads them at each change.
    former = weakref.ref(a_host.widget._parameterNode)
    a_host.select("Volumes")
    a_host.select("SAMAdapt")
    gc.collect()
    assert former() is None


def test_coming_back_to_the_panel_shows_the_same_parameters(a_host: Any, a_volume: Any) -> None:
    a_host.ui.segmentAdvancedGroupBox.collapsed = False
    a_host.select("Volumes")
    a_host.widget._parameterNode.smoothing = True
    a_host.select("SAMAdapt")
    a_host.spin(timeout=0.1)
    assert a_host.ui.smoothingCheckBox.checked
    a_host.click("smoothingCheckBox")
    assert not a_host.widget._parameterNode.smoothing
