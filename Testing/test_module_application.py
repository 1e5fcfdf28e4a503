"""What the panel asks of the application, with the real class: dialogs, slice views, the Segment Editor, packages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def an_application(a_host: Any) -> Any:
    return a_host.widget.panel.services.application


def test_a_text_is_asked_for_with_a_proposal(a_host: Any, an_application: Any) -> None:
    assert an_application.askText("Rename the head", "New name:", "Heart ") == "Heart"
    a_host.answer("getText", "")
    assert an_application.askText("Rename the head", "New name:", "Heart") == ""


def test_a_jump_shows_the_volume_at_the_point_in_all_slice_views(a_volume: Any, an_application: Any) -> None:
    an_application.jumpTo((-30.0, -45.0, 48.0), a_volume)
    red = slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
    assert red.GetSliceOffset() == pytest.approx(48.0)
    assert slicer.mrmlScene.GetNodeByID("vtkMRMLSliceCompositeNodeRed").GetBackgroundVolumeID() == a_volume.GetID()


def test_the_segment_editor_opens_with_both_nodes(a_host: Any, a_case: Any, an_application: Any) -> None:
    volume, segmentation = a_case
    an_application.openSegmentEditor(segmentation, volume)
    assert slicer.util.selectedModule() == "SegmentEditor"
    editor = slicer.util.getModuleWidget("SegmentEditor").editor
    assert editor.segmentationNode() is segmentation
    assert editor.sourceVolumeNode() is volume


def test_a_volume_of_a_folder_is_loaded_with_its_result(a_volume: Any, an_application: Any, tmp_path: Path) -> None:
    import numpy as np

    from SAMAdaptLib.data.io.volumes import Labelmap, write_labelmap, write_volume
    from SAMAdaptLib.mrml import capture_volume

    volume = capture_volume(a_volume).volume()
    write_volume(volume, tmp_path / "one.nrrd")
    write_labelmap(Labelmap((volume.voxels > 140).astype(np.uint8), volume.geometry), tmp_path / "one.seg.nrrd")
    an_application.loadPair(tmp_path / "one.nrrd", tmp_path / "one.seg.nrrd")
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode").GetSegmentation().GetNumberOfSegments() == 1


def test_a_series_is_found_whatever_the_case_of_its_files_endings(a_host: Any, tmp_path: Path) -> None:
    from SAMAdaptLib.gui.application import _firstFile

    (tmp_path / "0.txt").touch()
    for name in ("2.DCM", "1.DCM"):
        (tmp_path / name).write_bytes(bytes(128) + b"DICM")
    assert _firstFile(tmp_path) == tmp_path / "1.DCM"


def test_an_error_without_details_has_no_room_for_them(a_host: Any, an_application: Any) -> None:
    an_application.showError("Broken")
    an_application.showError("Broken", "Mend it.")
    titles = [message.rawTitle for message in a_host.messages]
    assert titles[0] == titles[0].strip()  # details make the title longer, and so the dialog wider
    assert titles[1] != titles[1].strip()
    assert a_host.messages[1].details == "Mend it."


def test_an_extension_is_installed_without_questions_and_the_next_one_with(a_host: Any, an_application: Any) -> None:
    manager = slicer.app.extensionsManagerModel()
    assert manager.interactive
    assert an_application.installExtension("PyTorch")
    assert manager.isExtensionInstalled("PyTorch")
    assert manager.interactive


# Packages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def the_packages(a_host: Any, an_application: Any) -> Any:
    from SAMAdaptLib.gui.packages import SlicerPackages

    resources = ROOT / "SAMAdapt" / "Resources"
    names = ("requirements.txt", "requirements-sam.txt", "requirements-openvino.txt")
    return SlicerPackages(*(resources / name for name in names), an_application)


def test_missing_packages_are_named_torch_first(the_packages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(the_packages), "_version", lambda *_: None)
    monkeypatch.setattr(type(the_packages), "_satisfied", lambda *_: False)
    assert the_packages.missing() == ["torch", "safetensors>=0.4.3"]


@pytest.mark.parametrize(
    ("machine", "version", "offered"),
    [("x86_64", None, True), ("AMD64", None, True), ("x86_64", "2026.4.1", False), ("arm64", None, False)],
)
def test_openvino_is_offered_on_x86_where_it_is_not_installed(
    the_packages: Any, monkeypatch: pytest.MonkeyPatch, machine: str, version: str | None, offered: bool
) -> None:
    monkeypatch.setattr(type(the_packages), "_version", lambda *_: version)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert the_packages.openvinoOffered() is offered


def test_openvino_comes_without_the_package_that_reports_its_use(
    the_packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(slicer.util, "pip_install", asked.append)
    the_packages.installOpenVino()
    assert asked[0][:2] == ["--no-deps", "-r"]
    text = Path(asked[0][2]).read_text()
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == ["openvino>=2025.0"]


def test_that_openvino_could_not_be_installed_is_said_with_pips_words(
    the_packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from SAMAdaptLib.errors import DependencyError

    def fail(_arguments: list[str]) -> None:
        msg = "no space left"
        raise RuntimeError(msg)

    monkeypatch.setattr(slicer.util, "pip_install", fail)
    with pytest.raises(DependencyError, match=r"OpenVINO could not be installed") as raised:
        the_packages.installOpenVino()
    assert "no space left" in raised.value.hint


PYTORCH_UTILS = """
asked = []

class PyTorchUtilsLogic:
    def installTorch(self, **options):
        asked.append(options)
"""


def test_torch_is_left_to_the_pytorch_extension(
    the_packages: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from SAMAdaptLib.errors import DependencyError

    (tmp_path / "PyTorchUtils.py").write_text(PYTORCH_UTILS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(type(the_packages), "_version", lambda *_: None)
    with pytest.raises(DependencyError, match="PyTorch was not installed"):
        the_packages.install()
    import PyTorchUtils

    del sys.modules["PyTorchUtils"]
    assert PyTorchUtils.asked[0]["askConfirmation"] is True
    assert PyTorchUtils.asked[0]["torchVersionRequirement"].startswith(">=")


def test_without_the_extension_its_installation_is_offered(
    a_host: Any, the_packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from SAMAdaptLib.errors import DependencyError

    monkeypatch.setattr(type(the_packages), "_version", lambda *_: None)
    a_host.answer("question", "Cancel")
    with pytest.raises(DependencyError, match="is not installed"):
        the_packages.install()
    assert "extension PyTorch" in a_host.messages[-1].text
