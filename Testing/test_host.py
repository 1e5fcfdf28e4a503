"""The stand-in host: it must be as strict as the application, or the tests that stand on it prove nothing.

With SLICER_PYTHON set to the Base/Python folder of a Slicer source tree these tests run on the application's own
base classes and parameter node wrapper instead of the stand-ins; they pass both ways.
"""

from __future__ import annotations

import functools
import gc
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6", reason="the stand-in host needs PySide6-Essentials")
pytest.importorskip("slicer_core", reason="the stand-in host needs slicer-core")

from host import SlicerHost
from hostfixtures import *  # noqa: F403  fixtures
from hostthings import MODULE, selector, volume

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
