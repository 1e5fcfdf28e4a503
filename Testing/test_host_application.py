"""The stand-in host: modules are entered and left, dialogs answered, packages asked for as in the application."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="the stand-in host needs PySide6-Essentials")
pytest.importorskip("slicer_core", reason="the stand-in host needs slicer-core")

from host import SlicerHost
from hostfixtures import *  # noqa: F403  fixtures
from hostthings import MODULE

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
