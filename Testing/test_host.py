"""The stand-in host: it must be as strict as the application, or the tests that stand on it prove nothing.

With SLICER_PYTHON set to the Base/Python folder of a Slicer source tree these tests run on the application's own
base classes and parameter node wrapper instead of the stand-ins; they pass both ways.
"""

from __future__ import annotations

import functools
import gc
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6", reason="the stand-in host needs PySide6-Essentials")
pytest.importorskip("slicer_core", reason="the stand-in host needs slicer-core")

from host import SlicerHost

MODULE = """
    import enum
    import qt, ctk, vtk, slicer
    from typing import Annotated
    from slicer.ScriptedLoadableModule import *
    from slicer.util import VTKObservationMixin
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper, parameterPack

    class Speed(enum.Enum):
        SLOW = "s"
        FAST = "f"

        def label(self):
            return "quick" if self is Speed.FAST else "calm"

    @parameterPack
    class Pair:
        volume: slicer.vtkMRMLScalarVolumeNode
        weight: float = 0.5

    @parameterNodeWrapper
    class Choices:
        volume: slicer.vtkMRMLScalarVolumeNode
        speed: Speed = Speed.SLOW
        count: Annotated[int, WithinRange(1, 9)] = 3
        title: str = "none"
        smooth: bool = True
        names: list[str]
        pairs: list[Pair]

    class Probe(ScriptedLoadableModule):
        def __init__(self, parent):
            super().__init__(parent)
            parent.title = "Probe"
            parent.categories = ["Segmentation"]

    class ProbeLogic(ScriptedLoadableModuleLogic):
        def getParameterNode(self):
            return Choices(super().getParameterNode())

    class ProbeWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
        def __init__(self, parent=None):
            ScriptedLoadableModuleWidget.__init__(self, parent)
            VTKObservationMixin.__init__(self)
            self.calls = []

        def setup(self):
            super().setup()
            self.logic = ProbeLogic()
            self.calls.append("setup")
            self.button = qt.QPushButton("Go")
            self.button.objectName = "goButton"
            self.button.connect("clicked()", self.onGo)
            self.layout.addWidget(self.button)

        def onGo(self):
            self.calls.append("go")

        def enter(self):
            self.calls.append("enter")

        def exit(self):
            self.calls.append("exit")

        def cleanup(self):
            self.calls.append("cleanup")
            self.removeObservers()
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[SlicerHost]:
    """The application with a small module in it."""
    path = tmp_path / "Probe.py"
    path.write_text(textwrap.dedent(MODULE), encoding="utf-8")
    with SlicerHost(path) as running:
        yield running


@pytest.fixture
def choices(host: SlicerHost) -> Any:
    """A parameter node with a member of each kind."""
    return host.logic.getParameterNode()


def volume(host: SlicerHost, name: str = "volume") -> Any:
    """A volume node in the scene."""
    return host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)


def selector(host: SlicerHost, **properties: Any) -> Any:
    """A selector of volumes on the scene."""
    made = host.slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    for name, value in properties.items():
        setattr(made, name, value)
    made.setMRMLScene(host.scene)
    return made


# --- PythonQt --------------------------------------------------------------------------------------------


def test_a_property_is_read_and_written_without_a_call(host: SlicerHost) -> None:
    box = host.qt.QSpinBox()
    box.maximum = 50
    box.value = 42
    assert (box.value, box.enabled, box.visible) == (42, True, False)


def test_calling_a_property_fails(host: SlicerHost) -> None:
    with pytest.raises(TypeError, match="not callable"):
        host.qt.QLineEdit("x").text()


def test_slots_and_methods_are_called(host: SlicerHost) -> None:
    box = host.qt.QComboBox()
    box.addItems(["a", "b"])
    box.setCurrentIndex(1)
    assert (box.currentText, box.itemText(0), box.count) == ("b", "a", 2)


@pytest.mark.parametrize("name", ["nosuch", "set_text", "setWindow_title", "isTopLevel", "setScreen", "emit"])
def test_a_name_that_the_application_lacks_raises(host: SlicerHost, name: str) -> None:
    with pytest.raises(AttributeError, match=f"QPushButton has no attribute named '{name}'"):
        getattr(host.qt.QPushButton(), name)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        ("QCheckBox", "checkStateChanged"),
        ("QFormLayout", "setRowVisible"),
        ("QComboBox", "setLabelDrawingMode"),
        ("QProcess", "startCommand"),
        ("QMessageBox", "setOption"),
    ],
)
def test_names_that_came_with_qt_6_are_refused(host: SlicerHost, cls: str, name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(getattr(host.qt, cls)(), name)


@pytest.mark.parametrize("name", ["Signal", "Slot", "QTextCodec", "QFlag", "QWidget2", "QtCore", "Property"])
def test_qt_has_no_more_than_pythonqt(host: SlicerHost, name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'qt' has no attribute '{name}'"):
        getattr(host.qt, name)


def test_unknown_widgets_of_ctk_and_slicer_raise(host: SlicerHost) -> None:
    with pytest.raises(AttributeError):
        host.ctk.ctkNoSuchWidget  # noqa: B018
    with pytest.raises(AttributeError):
        host.slicer.qMRMLNoSuchWidget  # noqa: B018


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda host: host.ctk.ctkCollapsibleButton(), "setCollapsed"),
        (lambda host: host.ctk.ctkPathLineEdit(), "setFilters"),
        (lambda host: host.ctk.ctkSliderWidget(), "setMinimum"),
        (lambda host: host.slicer.qMRMLNodeComboBox(), "setNodeTypes"),
        (lambda host: host.slicer.app, "mainWindow"),
    ],
)
def test_setters_that_are_no_slots_cannot_be_reached_from_python(
    host: SlicerHost, make: Callable[[SlicerHost], Any], name: str
) -> None:
    with pytest.raises(AttributeError):
        getattr(make(host), name)


def test_no_new_attributes_on_a_wrapped_object(host: SlicerHost) -> None:
    with pytest.raises(AttributeError, match="creating new attributes on C\\+\\+ objects is not allowed"):
        host.qt.QLabel().extra = 1


def test_a_property_refuses_a_value_of_another_type(host: SlicerHost) -> None:
    with pytest.raises(AttributeError, match="does not accept an object of type"):
        host.qt.QLabel().text = 5
    with pytest.raises(AttributeError, match="is not writable"):
        host.qt.QComboBox().count = 5


def test_wrong_arguments_are_a_value_error(host: SlicerHost) -> None:
    with pytest.raises(ValueError, match="wrong arguments"):
        host.qt.QLabel().setText([])
    with pytest.raises(ValueError, match="keyword"):
        host.qt.QLabel(text="x")
    with pytest.raises(ValueError, match="takes no callable"):
        host.qt.QMenu().addAction("x", lambda: None)


def test_enum_values_are_ints_and_ints_are_taken_for_them(host: SlicerHost) -> None:
    label = host.qt.QLabel()
    both = host.qt.Qt.AlignRight | host.qt.Qt.AlignVCenter
    label.setAlignment(both)
    assert label.alignment == both == 0x82
    label.setAlignment(int(host.qt.Qt.AlignLeft))
    assert label.alignment == host.qt.Qt.AlignLeft


def test_item_data_comes_back_as_plain_values(host: SlicerHost) -> None:
    item = host.qt.QTableWidgetItem("x")
    item.setCheckState(host.qt.Qt.Checked)
    item.setFlags(item.flags() & ~host.qt.Qt.ItemIsEditable)
    item.setData(host.qt.Qt.UserRole, ["a", "b"])
    assert item.checkState() == host.qt.Qt.Checked == 2
    assert item.data(host.qt.Qt.UserRole) in (("a", "b"), ["a", "b"])
    assert item.text() == "x"


def test_sequences_come_back_as_tuples(host: SlicerHost) -> None:
    assert isinstance(selector(host).nodeTypes, tuple)
    assert isinstance(host.widget.parent.children(), tuple)


def test_a_signal_passes_no_more_arguments_than_a_function_takes(host: SlicerHost) -> None:
    got: list[Any] = []
    box = host.qt.QCheckBox()
    box.toggled.connect(lambda: got.append("none"))
    box.toggled.connect(lambda on: got.append(on))
    box.connect("toggled(bool)", lambda *arguments: got.append(arguments))
    box.checked = True
    assert got == ["none", True, (True,)]


def test_a_partial_gets_every_argument_of_the_signal(host: SlicerHost) -> None:
    got: list[Any] = []
    button = host.qt.QPushButton()
    button.clicked.connect(functools.partial(lambda *arguments: got.append(arguments), "mine"))
    button.click()
    assert got == [("mine", False)]


def test_a_signal_that_does_not_exist_is_a_fault(host: SlicerHost) -> None:
    assert host.qt.QPushButton().connect("pushed()", print) is False
    assert "signal 'pushed()' does not exist on QPushButton" in host.forgive()[0]


def test_a_signal_of_qt_5_that_qt_6_lost_is_a_fault(host: SlicerHost) -> None:
    assert host.qt.QComboBox().connect("currentIndexChanged(QString)", print) is False
    assert len(host.forgive()) == 1


def test_a_fault_in_a_slot_is_kept_and_the_loop_goes_on(host: SlicerHost) -> None:
    host.widget.button.connect("clicked()", lambda: 1 / 0)
    host.click("goButton")
    assert host.widget.calls[-1] == "go"
    assert "ZeroDivisionError" in host.forgive()[0]


def test_leaving_the_host_raises_the_faults_that_nobody_took(tmp_path: Path) -> None:
    path = tmp_path / "Probe.py"
    path.write_text(textwrap.dedent(MODULE).replace('self.calls.append("enter")', "1 / 0"), encoding="utf-8")
    with pytest.raises(AssertionError, match="ZeroDivisionError"), SlicerHost(path):
        pass


def test_a_fault_in_an_observer_of_mrml_is_kept(host: SlicerHost) -> None:
    node = volume(host)
    node.AddObserver("ModifiedEvent", lambda *_: 1 / 0)
    node.Modified()
    assert "ZeroDivisionError" in host.forgive()[0]


def test_disconnecting_stops_the_calls(host: SlicerHost) -> None:
    host.widget.button.disconnect("clicked()", host.widget.onGo)
    host.click("goButton")
    assert "go" not in host.widget.calls


def test_a_destroyed_object_is_false_and_none_and_says_so(host: SlicerHost) -> None:
    label = host.qt.QLabel("x")
    label.delete()
    assert not label
    assert label == None  # noqa: E711
    with pytest.raises(ValueError, match="from a destroyed QLabel object"):
        label.text  # noqa: B018


def test_an_object_without_parent_goes_with_its_last_reference(host: SlicerHost) -> None:
    got: list[int] = []
    timer = host.qt.QTimer()
    timer.timeout.connect(lambda: got.append(1))
    timer.start(1)
    del timer
    gc.collect()
    host.spin(timeout=0.05)
    assert not got


def test_a_class_of_the_module_overrides_virtual_methods(host: SlicerHost) -> None:
    class Filter(host.qt.QObject):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int] = []

        def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802
            self.seen.append(event.type())
            return False

    watcher = Filter()
    host.widget.button.installEventFilter(watcher)
    host.click("goButton")
    assert host.qt.QEvent.MouseButtonPress in watcher.seen


def test_wrapped_classes_do_not_inherit_each_other_in_python(host: SlicerHost) -> None:
    button = host.qt.QPushButton()
    assert not isinstance(button, host.qt.QWidget)
    assert button.inherits("QWidget")
    assert button.className() == "QPushButton"


def test_an_object_keeps_its_identity_and_its_name(host: SlicerHost) -> None:
    found = host.slicer.util.findChild(host.widget.parent, "goButton")
    assert found == host.widget.button
    assert found.name == found.objectName == "goButton"
    assert host.widget.parent.goButton == found


def test_a_trailing_underscore_escapes_words_of_python(host: SlicerHost) -> None:
    host.answer("QDialog", False)
    dialog = host.qt.QDialog()
    assert dialog.exec_() == host.qt.QDialog.Rejected
    dialog.raise_()
    assert host.messages[-1].kind == "QDialog"


def test_single_shot_calls_back_and_keeps_faults(host: SlicerHost) -> None:
    got: list[int] = []
    host.qt.QTimer.singleShot(1, lambda: got.append(1))
    host.qt.QTimer.singleShot(1, lambda: 1 / 0)
    host.spin(until=lambda: got and host.faults, timeout=2)
    assert "ZeroDivisionError" in host.forgive()[0]


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


# --- the application -------------------------------------------------------------------------------------


def test_a_module_is_built_entered_left_and_entered_again(host: SlicerHost) -> None:
    host.select("SegmentEditor")
    host.select("Probe")
    assert host.widget.calls == ["setup", "enter", "exit", "enter"]


def test_the_panel_says_whether_it_is_entered(host: SlicerHost) -> None:
    assert host.widget.parent.isEntered
    host.select("SegmentEditor")
    assert not host.widget.parent.isEntered


def test_reloading_cleans_up_and_builds_anew(host: SlicerHost) -> None:
    before = host.widget
    host.reload()
    assert before.calls[-1] == "cleanup"
    assert host.widget is not before
    assert host.slicer.modules.ProbeWidget is host.widget
    host.click("goButton")
    assert host.widget.calls[-1] == "go"


def test_quitting_leaves_the_module_and_then_cleans_up(host: SlicerHost) -> None:
    widget, quitting = host.widget, []
    host.slicer.app.connect("aboutToQuit()", lambda: quitting.append(list(widget.calls)))
    host.quit()
    assert quitting == [["setup", "enter", "exit", "cleanup"]]
    assert widget.calls == ["setup", "enter", "exit", "cleanup"]


def test_the_application_finds_the_module_and_its_logic(host: SlicerHost) -> None:
    util, modules = host.slicer.util, host.slicer.modules
    assert util.getModuleLogic("Probe") is host.widget.logic
    assert util.getModuleWidget("Probe") is host.widget
    assert util.modulePath("Probe") == modules.probe.path == str(host.path)
    assert modules.ProbeInstance.parent.title == "Probe"
    with pytest.raises(RuntimeError, match="Could not find module"):
        util.getModule("NoSuchModule")


def test_a_module_without_main_window_works_too(tmp_path: Path) -> None:
    path = tmp_path / "Probe.py"
    path.write_text(textwrap.dedent(MODULE), encoding="utf-8")
    with SlicerHost(path, window=False) as host:
        assert host.slicer.util.mainWindow() is None
        host.click("goButton")
        assert host.widget.calls == ["setup", "enter", "go"]


def test_dialogs_are_recorded_and_answered(host: SlicerHost) -> None:
    util = host.slicer.util
    host.answer("question", "Cancel")
    assert util.confirmOkCancelDisplay("Really?") is False
    assert util.confirmYesNoDisplay("Sure?") is True
    util.errorDisplay("Broken", detailedText="why")
    assert [(item.kind, item.text) for item in host.messages] == [
        ("question", "Really?"),
        ("question", "Sure?"),
        ("critical", "Broken"),
    ]
    assert host.messages[-1].details == "why"


def test_file_dialogs_give_what_the_test_prepared(host: SlicerHost) -> None:
    host.answer("getOpenFileName", "/a/b")
    assert host.qt.QFileDialog.getOpenFileName(None, "Open", "", "*") == "/a/b"
    assert host.qt.QFileDialog.getSaveFileName(None, "Save") == ""
    edit = host.ctk.ctkPathLineEdit()
    edit.filters = host.ctk.ctkPathLineEdit.Dirs
    host.answer("getExistingDirectory", "/c")
    edit.browse()
    assert edit.currentPath == "/c"


def test_testing_mode_shows_no_dialogs(host: SlicerHost) -> None:
    host.testing(True)
    host.slicer.util.errorDisplay("Broken")
    assert host.slicer.app.testingEnabled() and not host.messages


def test_an_error_is_shown_with_its_traceback(host: SlicerHost) -> None:
    with pytest.raises(KeyError), host.slicer.util.tryWithErrorDisplay("No luck."):
        {}["x"]
    assert host.messages[0].text.startswith("No luck.")
    assert "KeyError" in host.messages[0].details


def test_a_button_that_is_disabled_cannot_be_clicked(host: SlicerHost) -> None:
    host.widget.button.enabled = False
    host.widget.button.toolTip = "choose a volume first"
    with pytest.raises(AssertionError, match="choose a volume first"):
        host.click("goButton")


def test_the_longest_pause_of_the_event_loop_is_measured(host: SlicerHost) -> None:
    host.qt.QTimer.singleShot(5, lambda: time.sleep(0.15))
    with host.watch() as pause:
        host.spin(timeout=0.3)
    assert 0.1 < pause.longest < 0.3
    assert host.longestPause > 0.1


def test_time_outside_the_event_loop_is_no_pause(host: SlicerHost) -> None:
    host.resetPause()
    time.sleep(0.2)
    host.spin(timeout=0.05)
    assert host.longestPause < 0.15


def test_waiting_in_vain_is_an_error(host: SlicerHost) -> None:
    with pytest.raises(TimeoutError, match="not within"):
        host.spin(until=lambda: False, timeout=0.02)


def test_each_session_has_a_scene_and_settings_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "Probe.py"
    path.write_text(textwrap.dedent(MODULE), encoding="utf-8")
    with SlicerHost(path) as first:
        first.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        first.qt.QSettings().setValue("Probe/x", 1)
    with SlicerHost(path) as second:
        assert second.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
        assert second.qt.QSettings().value("Probe/x") is None


def test_a_volume_is_loaded_shown_and_placed(host: SlicerHost, tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GaussianSource(sitk.sitkFloat32, [8, 9, 10], [2] * 3, [4] * 3)
    sitk.WriteImage(image, str(tmp_path / "case.nii.gz"))
    node = host.load(tmp_path / "case.nii.gz")
    assert node.GetName() == "case"
    assert host.slicer.util.arrayFromVolume(node).shape == (10, 9, 8)
    composite = host.slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert composite.GetBackgroundVolumeID() == node.GetID()
    with pytest.raises(RuntimeError, match="Failed to load node"):
        host.load(tmp_path / "nosuch.nii.gz")


def test_a_picture_of_the_panel_can_be_taken(host: SlicerHost, tmp_path: Path) -> None:
    path = host.grab(tmp_path / "panel.png")
    image = host.qt.QImage(str(path))
    assert image.width() > 200 and not image.isNull()


# --- slicer.packaging ------------------------------------------------------------------------------------


def test_what_is_installed_is_not_asked_for(host: SlicerHost) -> None:
    host.slicer.packaging.pip_ensure("pytest>=1", requester="Probe")
    assert not host.pip.asked and not host.messages


def test_an_installation_is_asked_for_and_only_written_down(host: SlicerHost) -> None:
    packaging = host.slicer.packaging
    assert packaging.pip_check("nosuchpackage>=2") is False
    packaging.pip_ensure("nosuchpackage>=2", requester="Probe")
    assert host.pip.asked == [["nosuchpackage>=2"]]
    assert host.messages[0].title == "Probe - Install Python Packages"
    assert packaging.pip_check("nosuchpackage>=2") is True


def test_a_refused_installation_raises(host: SlicerHost) -> None:
    host.answer("question", "Cancel")
    with pytest.raises(RuntimeError, match="User declined package installation"):
        host.slicer.packaging.pip_ensure("nosuchpackage", requester="Probe")
    assert not host.pip.asked


def test_testing_mode_installs_nothing(host: SlicerHost) -> None:
    host.testing(True)
    host.slicer.packaging.pip_ensure("nosuchpackage", requester="Probe")
    assert not host.pip.asked


def test_a_requirements_file_is_read(host: SlicerHost, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("# why\nnumpy>=1\n--index-url x\n\nscipy\n", encoding="utf-8")
    found = host.slicer.packaging.load_requirements(tmp_path / "r.txt")
    assert [str(item) for item in found] == ["numpy>=1", "scipy"]
