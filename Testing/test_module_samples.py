"""Load sample in the panel, and the sample patients in Slicer's module Sample Data."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from phantoms import two_balls  # noqa: E402

from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume  # noqa: E402
from SAMAdaptLib.demo.samples import patients  # noqa: E402
from SAMAdaptLib.errors import InputError  # noqa: E402


@pytest.fixture
def sample_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Stands for the files of any sample patient: nothing is fetched."""
    case = two_balls()
    found = tmp_path / "sample.nrrd", tmp_path / "sample.seg.nrrd"
    write_volume(case.volume, found[0])
    write_labelmap(case.labelmap, found[1])
    monkeypatch.setattr(patients, "files", lambda name: found)
    return found


def load(host: Any, name: str) -> None:
    """Pick a patient in the menu and wait until it is there."""
    host.widget.panel.segment.samples.load(name)
    assert not host.ui.loadSampleButton.enabled
    host.spin(until=lambda: host.ui.loadSampleButton.enabled)


def test_the_annotated_patient_becomes_the_volume_and_the_case_to_learn_from(a_host: Any, sample_files: Any) -> None:
    load(a_host, "A")
    volume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    segmentation = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert volume.GetName() == segmentation.GetName() == "Brain A (template)"
    assert a_host.widget._parameterNode.inputVolume is volume
    row = a_host.widget._parameterNode.trainingCases[0]
    assert (row.volume, row.segmentation) == (volume, segmentation)
    assert segmentation.GetNodeReference("referenceImageGeometryRef") is volume


def test_a_simulated_patient_comes_without_its_labels_and_says_that_it_is_simulated(
    a_host: Any, sample_files: Any
) -> None:
    load(a_host, "C")
    assert a_host.widget._parameterNode.inputVolume.GetName() == "Brain C (simulated)"
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode") is None
    assert a_host.ui.loadSampleButton.text == "Load sample"


def test_a_sample_is_not_saved_into_the_folder_that_it_was_kept_in(a_host: Any, sample_files: Any) -> None:
    load(a_host, "A")
    for kind in ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"):
        storage = slicer.mrmlScene.GetFirstNodeByClass(kind).GetStorageNode()
        assert storage is None or not storage.GetFileName()


def test_a_sample_that_cannot_be_had_is_told_and_the_button_comes_back(
    a_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(name: str) -> Any:
        msg = "The sample brain could not be fetched."
        raise InputError(msg, "Check the connection.")

    told: list[str] = []
    monkeypatch.setattr(patients, "files", no_network)
    monkeypatch.setattr(a_host.widget.panel.segment.samples._application, "showError", told.append)
    load(a_host, "B")
    assert "could not be fetched" in told[0]
    assert "Check the connection" in told[0]


class SampleDataLogic:
    """What Slicer's logic is asked to list; it takes names of what is fetched, never None."""

    listed: dict[str, dict[str, Any]] = {}

    @classmethod
    def registerCustomSampleDataSource(cls, **source: Any) -> None:  # noqa: N802  Slicer's name
        assert all(isinstance(source[name], str) for name in ("uris", "fileNames", "nodeNames", "thumbnailFileName"))
        cls.listed[source["sampleName"]] = source  # modules of earlier applications of this process register, too


class Source:
    """A listed source, as it is handed to its own function."""

    def __init__(self, listed: dict[str, Any]) -> None:
        self.fileNames = [listed["fileNames"]]


def test_sample_data_lists_the_patients_with_thumbnails_and_loads_them(
    empty_home: Path, sample_files: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    module = ModuleType("SampleData")
    SampleDataLogic.listed = {}
    module.SampleDataLogic = SampleDataLogic  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "SampleData", module)
    request.getfixturevalue("a_host")  # the application starts: only now are they listed
    assert [source["nodeNames"] for source in SampleDataLogic.listed.values()] == [
        "Brain A (template)",
        "Brain B (simulated)",
        "Brain C (simulated)",
        "Brain D (simulated)",
    ]
    for source in SampleDataLogic.listed.values():
        assert Path(source["thumbnailFileName"]).is_file()
    annotated, simulated = (SampleDataLogic.listed[f"SAMAdaptBrain{name}"] for name in "AB")
    (node,) = simulated["customDownloader"](Source(simulated))
    assert node.GetName() == "Brain B (simulated)"
    both = annotated["customDownloader"](Source(annotated))
    assert [each.GetClassName() for each in both] == ["vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode"]


def test_an_application_without_the_module_sample_data_starts_as_ever(a_host: Any) -> None:
    assert "SampleData" not in sys.modules
    assert a_host.ui.loadSampleButton.text == "Load sample"
