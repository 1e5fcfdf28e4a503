"""The stand-in host: .ui files, the widgets of CTK and MRML, and the parameter node behave as in the application."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6", reason="the stand-in host needs PySide6-Essentials")
pytest.importorskip("slicer_core", reason="the stand-in host needs slicer-core")

from host import SlicerHost
from hostfixtures import *  # noqa: F403  fixtures
from hostthings import selector, volume

# --- .ui files -------------------------------------------------------------------------------------------

UI = """<?xml version="1.0" encoding="UTF-8"?><ui version="4.0"><class>Probe</class>
<widget class="qMRMLWidget" name="Probe"><layout class="QVBoxLayout" name="v"><item>
<widget class="{cls}" name="box"><property name="{property}"><bool>true</bool></property>
<property name="SlicerParameterName" stdset="0"><string>volume</string></property></widget></item></layout></widget>
<customwidgets><customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends></customwidget>
<customwidget><class>qMRMLWidget</class><extends>QWidget</extends></customwidget>
<customwidget><class>qMRMLMagic</class><extends>QWidget</extends></customwidget></customwidgets>
<connections><connection><sender>Probe</sender><signal>{signal}</signal><receiver>box</receiver>
<slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""
GOOD = {"cls": "qMRMLNodeComboBox", "property": "noneEnabled", "signal": "mrmlSceneChanged(vtkMRMLScene*)"}


def test_a_ui_file_is_loaded_with_its_properties_and_connections(host: SlicerHost, tmp_path: Path) -> None:
    (tmp_path / "a.ui").write_text(UI.format(**GOOD), encoding="utf-8")
    top = host.slicer.util.loadUI(str(tmp_path / "a.ui"))
    ui = host.slicer.util.childWidgetVariables(top)
    assert ui.box.enabled is False
    top.setMRMLScene(host.scene)
    assert (ui.box.noneEnabled, ui.box.enabled) == (True, True)
    assert ui.box.mrmlScene() is host.scene
    assert ui.box.property("SlicerParameterName") == "volume"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"property": "noneEnabledd"}, "has no property 'noneEnabledd'"),
        ({"cls": "qMRMLMagic", "property": "enabled"}, "unable to create a custom widget of the class 'qMRMLMagic'"),
        ({"signal": "mrmlSceneChanged(vtkMRMLNode*)"}, "No such signal"),
    ],
)
def test_what_qt_only_warns_of_in_a_ui_file_is_a_fault(
    host: SlicerHost, tmp_path: Path, change: dict[str, str], fault: str
) -> None:
    (tmp_path / "a.ui").write_text(UI.format(**{**GOOD, **change}), encoding="utf-8")
    host.slicer.util.loadUI(str(tmp_path / "a.ui"))
    assert any(fault in text for text in host.forgive())


# --- CTK widgets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ctkCollapsibleButton", "ctkCollapsibleGroupBox"])
def test_a_folded_box_hides_its_children_and_remembers_what_they_wanted(host: SlicerHost, name: str) -> None:
    box = getattr(host.ctk, name)()
    layout = host.qt.QVBoxLayout(box)
    shown, hidden, late = (host.qt.QLabel(text) for text in ("shown", "hidden", "late"))
    for label in (shown, hidden, late):
        layout.addWidget(label)
    hidden.visible = late.visible = False
    host.widget.layout.addWidget(box)
    host.spin(timeout=0.05)
    assert [label.visible for label in (shown, hidden, late)] == [True, False, False]
    box.collapsed = True
    late.visible = True
    shown.visible = False
    assert [label.visible for label in (shown, hidden, late)] == [False, False, False]
    box.collapsed = False
    assert [label.visible for label in (shown, hidden, late)] == [False, False, True]


def test_a_click_on_the_header_folds_the_box(host: SlicerHost) -> None:
    box, told = host.ctk.ctkCollapsibleButton("Options"), []
    box.objectName = "options"
    box.contentsCollapsed.connect(told.append)
    host.widget.layout.addWidget(box)
    host.spin(timeout=0.05)
    host.click("options")
    assert (box.collapsed, box.checked, told) == (True, False, [True])


# --- MRML widgets ----------------------------------------------------------------------------------------


def test_a_selector_takes_the_first_node_and_tells(host: SlicerHost) -> None:
    made, got = selector(host), []
    made.connect("currentNodeChanged(vtkMRMLNode*)", got.append)
    made.currentNodeIDChanged.connect(got.append)
    node = volume(host)
    assert made.currentNode() is node
    assert got == [node, node.GetID()]


def test_a_selector_with_none_waits_for_a_choice(host: SlicerHost) -> None:
    made = selector(host, noneEnabled=True)
    node = volume(host)
    assert made.currentNode() is None
    made.setCurrentNode(node)
    assert made.currentNodeID == node.GetID()
    made.setCurrentNode(None)
    assert (made.currentNode(), made.currentNodeID) == (None, "")


def test_a_selector_lists_only_its_kind_and_follows_names(host: SlicerHost) -> None:
    made = selector(host)
    host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    hidden = volume(host, "hidden")
    hidden.SetHideFromEditors(1)
    node = volume(host, "before")
    node.SetName("after")
    assert made.nodeCount() == 1
    assert made.findChild("QComboBox").itemText(0) == "after"


def test_a_selector_lets_go_of_a_removed_node(host: SlicerHost) -> None:
    made = selector(host, noneEnabled=True)
    node = volume(host)
    made.setCurrentNode(node)
    host.scene.RemoveNode(node)
    assert made.currentNode() is None


def test_a_selector_is_empty_after_the_scene_is_closed(host: SlicerHost) -> None:
    made = selector(host)
    volume(host)
    host.closeScene()
    assert (made.nodeCount(), made.currentNode()) == (0, None)


def test_a_node_chosen_before_there_is_a_scene_is_remembered(host: SlicerHost) -> None:
    volume(host, "other")
    node = volume(host)
    made = host.slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    made.setCurrentNode(node)
    assert made.currentNode() is None
    made.setMRMLScene(host.scene)
    assert made.currentNode() is node


def test_a_person_creates_a_node_from_the_selector(host: SlicerHost) -> None:
    made = selector(host)
    made.baseName = "Fresh"
    made.objectName = "fresh"
    host.widget.layout.addWidget(made)
    host.choose("fresh", "Create new Volume")
    assert made.currentNode().GetName() == "Fresh"


def test_a_node_signal_with_another_c_type_is_a_fault(host: SlicerHost) -> None:
    assert selector(host).connect("currentNodeChanged(vtkMRMLScalarVolumeNode*)", print) is False
    assert len(host.forgive()) == 1


def test_a_checkable_selector_keeps_check_marks(host: SlicerHost) -> None:
    made = host.slicer.qMRMLCheckableNodeComboBox()
    made.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    made.setMRMLScene(host.scene)
    first, second = volume(host, "a"), volume(host, "b")
    made.check(second)
    assert made.checkedNodes() == (second,)
    assert made.uncheckedNodes() == (first,)


def test_nodes_get_their_place_in_the_subject_hierarchy(host: SlicerHost) -> None:
    node = volume(host)
    hierarchy = host.slicer.mrmlScene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(node)
    assert item and hierarchy.GetItemName(item) == "volume"
    host.scene.RemoveNode(node)
    assert not hierarchy.GetItemByDataNode(node)


# --- parameter node --------------------------------------------------------------------------------------


def test_parameters_stand_in_the_node_as_the_application_writes_them(host: SlicerHost, choices: Any) -> None:
    host.widget.calls.clear()
    node, image = choices.parameterNode, volume(host)
    speed = type(choices.speed)
    choices.speed, choices.count, choices.smooth, choices.volume = speed.FAST, 7, False, image
    choices.names = ["a"]
    choices.names.append("b")
    assert {name: node.GetParameter(name) for name in ("speed", "count", "smooth", "title")} == {
        "speed": "FAST",
        "count": "7",
        "smooth": "False",
        "title": "none",
    }
    assert [node.GetParameter(name) for name in ("names.len", "names.0", "names.1")] == ["2", "a", "b"]
    assert node.GetNodeReference("volume") is image


def test_a_pack_is_written_member_by_member(host: SlicerHost, choices: Any) -> None:
    pair = type(choices).__init__.__globals__ and __import__("Probe").Pair
    image = volume(host)
    choices.pairs.append(pair(image, 0.25))
    node = choices.parameterNode
    assert node.GetParameter("pairs.0.weight") == "0.25"
    assert node.GetNodeReference("pairs.0.volume") is image
    choices.pairs[0].weight = 0.75
    assert node.GetParameter("pairs.0.weight") == "0.75"
    assert choices.pairs[0] == choices.pairs[0]


def test_parameters_refuse_what_their_type_does_not_allow(choices: Any) -> None:
    with pytest.raises(ValueError, match="within range"):
        choices.count = 10
    with pytest.raises(TypeError, match="must be of type"):
        choices.title = 5
    with pytest.raises(ValueError, match="Cannot find a param"):
        choices.getValue("nosuch")
    assert choices.count == 3


def test_a_widget_and_a_parameter_follow_each_other(host: SlicerHost, choices: Any) -> None:
    qt, speed = host.qt, type(choices.speed)
    combo, spin, line, check = qt.QComboBox(), qt.QSpinBox(), qt.QLineEdit(), qt.QCheckBox()
    nodes = selector(host, noneEnabled=True)
    tag = choices.connectParametersToGui(
        {"speed": combo, "count": spin, "title": line, "smooth": check, "volume": nodes}
    )
    assert (combo.currentText, spin.value, spin.maximum, line.text, check.checked) == ("calm", 3, 9, "none", True)
    combo.currentIndex = 1
    spin.value = 5
    line.text = "hello"
    check.checked = False
    nodes.setCurrentNode(volume(host))
    assert (choices.speed, choices.count, choices.title, choices.smooth) == (speed.FAST, 5, "hello", False)
    assert choices.volume.GetName() == "volume"
    choices.count = 8
    choices.speed = speed.SLOW
    assert (spin.value, combo.currentText) == (8, "calm")
    choices.disconnectGui(tag)
    choices.count = 2
    assert spin.value == 8


def test_a_widget_that_cannot_show_a_parameter_is_refused(host: SlicerHost, choices: Any) -> None:
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        choices.connectParametersToGui({"smooth": host.qt.QLineEdit()})
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        choices.connectParametersToGui({"volume": host.slicer.qMRMLCheckableNodeComboBox()})


def test_parameters_come_back_with_the_scene(host: SlicerHost, choices: Any, tmp_path: Path) -> None:
    choices.title, choices.names = "kept", ["x"]
    path = str(tmp_path / "scene.mrml")
    host.scene.SetURL(path)
    host.scene.Commit()
    host.closeScene()
    assert host.logic.getParameterNode().title == "none"
    host.closeScene()
    host.scene.SetURL(path)
    host.scene.Connect()
    again = host.logic.getParameterNode()
    assert (again.title, list(again.names)) == ("kept", ["x"])
