"""The cases that were found by an adversary and in bug reports, where developers keep them beside the checkout.

Each is tried through the command line, as its finder did. What is right is said in each case's EXPECTED.txt.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from balls import ball_head

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
from SAMAdaptLib.heads.head import Head

SIZE = (20, 24, 6)
SPACING = (1.5, 1.5, 4.0)


@pytest.fixture
def ask(shared_cases, empty_home, capfd):
    """Runs a verb with ``--json``; returns the exit status, the answer and standard error."""

    def run(*arguments: object) -> tuple[int, dict, str]:
        status = main([*map(str, arguments), "--json"])
        captured = capfd.readouterr()
        return status, json.loads(captured.out) if captured.out.strip() else {}, captured.err

    return run


@pytest.fixture
def segment(ask, shared_cases, tmp_path):
    def run(image: str) -> tuple[int, dict, str, Path]:
        out = tmp_path / "out.nii.gz"
        return *ask("segment", "--head", shared_cases / "_head" / "t.samhead", shared_cases / image, "-o", out), out

    return run


@pytest.fixture
def learned(monkeypatch) -> list[Case]:
    """The cases that a training was given, instead of ten seconds of training."""
    seen: list[Case] = []

    def take(cases: list[Case], **_: object) -> Head:
        seen.extend(cases)
        return ball_head()

    monkeypatch.setattr("SAMAdaptLib.training.train.train", take)
    return seen


@pytest.fixture
def train(ask, shared_cases, learned, tmp_path):
    def run(image: str, labels: str, *more: str) -> tuple[int, dict, str]:
        return ask("train", "--case", shared_cases / image, shared_cases / labels, "-o", tmp_path / "h.samhead", *more)

    return run


REFUSED = {
    "dicom-enhanced-gap/dicom": "slices are missing",
    "dicom-last-file-truncated/dicom": "IM005 is cut off",
    "dicom-localizer-in-series/dicom": "different orientations: IM006",
    "dicom-no-positions/dicom": "do not say where they lie",
    "nifti-nan-border/ct.nii.gz": "not finite",
    "nifti-nan-border/same-kind.nrrd": "not finite",
    "nifti-pair-truncated/cut.hdr": "is cut off",
    "nifti-pair-truncated/cut.img": "is cut off",
    "image-as-labels/full.seg.nrrd": "is a segmentation, not an image",
    "labels-dicom-seg/stacked.seg.dcm": "is a DICOM segmentation, not an image",
}


@pytest.mark.parametrize("image", REFUSED)
def test_what_cannot_be_used_is_refused_with_exit_status_2(segment, image):
    status, _, said, out = segment(image)
    assert status == 2
    assert REFUSED[image] in said
    assert said.strip().count("\n") == 0
    assert not out.exists()


def test_a_gap_in_an_enhanced_file_itself_is_refused(segment):
    status, _, said, _ = segment("dicom-enhanced-gap/dicom/IM.dcm")
    assert status == 2
    assert "slices are missing" in said


def test_the_series_is_segmented_and_not_the_stray_volume(segment, shared_cases):
    status, answer, _, out = segment("dicom-folder-with-nifti/dicom")
    assert status == 0
    assert sitk.ReadImage(str(out)).GetSize() == SIZE
    assert any("old-result.nii.gz in it was not looked at" in text for text in answer["warnings"])
    assert read_volume(shared_cases / "dicom-folder-with-nifti" / "dicom").geometry.size == SIZE


def test_slices_with_different_rescale_values_have_the_values_of_the_nifti_file(shared_cases, segment):
    volume = read_volume(shared_cases / "dicom-rescale-differs" / "dicom")
    reference = read_volume(shared_cases / "dicom-rescale-differs" / "ct.nii.gz")
    assert volume.geometry.same_grid(reference.geometry)
    np.testing.assert_array_equal(volume.voxels[1:], reference.voxels[1:])
    np.testing.assert_array_equal(volume.voxels[0], np.maximum(reference.voxels[0], 0))
    assert segment("dicom-rescale-differs/dicom")[0] == 0


def test_the_voxel_size_of_the_sform_is_used_and_said(segment):
    status, answer, said, out = segment("nifti-pixdim-sform/image.nii.gz")
    assert status == 0
    assert sitk.ReadImage(str(out)).GetSpacing() == pytest.approx(SPACING)
    assert any("tells two voxel sizes" in text for text in answer["warnings"])
    assert "itk" not in said.lower()


@pytest.mark.parametrize("more", [(), ("--resample-labels",)])
def test_two_places_are_said_and_labels_stay_voxel_to_voxel(segment, train, learned, shared_cases, more):
    status, answer, _, _ = segment("nifti-sform-qform/image.nii.gz")
    assert status == 0
    assert sum("says twice where it lies" in text for text in answer["warnings"]) == 1
    status, answer, _ = train("nifti-sform-qform/image.nii.gz", "nifti-sform-qform/labels-by-nibabel.nii.gz", *more)
    assert status == 0
    assert sum("says twice where it lies" in text for text in answer["warnings"]) == 1
    assert any("taken voxel for voxel" in text for text in answer["warnings"])
    assert not any("resampled" in text for text in answer["warnings"])
    drawn = sitk.GetArrayFromImage(sitk.ReadImage(str(shared_cases / "nifti-sform-qform" / "labels-by-nibabel.nii.gz")))
    np.testing.assert_array_equal(learned[0].labelmap.voxels, drawn)


def test_a_folder_with_one_pair_is_one_volume(ask, shared_cases, tmp_path):
    head, folder = shared_cases / "_head" / "t.samhead", shared_cases / "nifti-pair-truncated" / "whole"
    status, _, _ = ask("segment", "--head", head, folder, "-o", tmp_path / "out")
    assert status == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pair.seg.nrrd"]


@pytest.mark.parametrize(
    ("image", "labels", "said"),
    [
        ("image-as-labels/im.nrrd", "image-as-labels/im.nrrd", "strewn about as in an image"),
        ("image-as-labels/full.seg.nrrd", "image-as-labels/im.nrrd", "is a segmentation, not an image"),
        ("seg-fractional/im.nrrd", "seg-fractional/fractional.seg.nrrd", "is a fractional segmentation"),
        ("image-as-labels/im.nrrd", "nifti-nan-border/ct.nii.gz", "not whole numbers (the first is nan)"),
    ],
)
def test_labels_that_are_none_are_refused(train, image, labels, said):
    status, _, told = train(image, labels)
    assert status == 2
    assert said in told


def test_a_dicom_segmentation_brings_its_segments(train, learned, shared_cases):
    image = read_volume(shared_cases / "labels-dicom-seg" / "im.nrrd")
    labels = read_labelmap(shared_cases / "labels-dicom-seg" / "stacked.seg.dcm", like=image)
    assert [(item.value, item.name) for item in labels.structures] == [(1, "Ball"), (2, "Hole")]
    occupied = [sorted(set(np.unique(plane)) - {0}) for plane in labels.voxels]
    assert occupied == [[], [1], [1], [2], [2], []]
    assert train("labels-dicom-seg/im.nrrd", "labels-dicom-seg/one.seg.dcm")[0] == 0
    assert [item.name for item in learned[0].labelmap.structures] == ["Ball"]


def test_labels_that_are_not_quite_whole_are_rounded(train, learned):
    assert train("labels-not-quite-whole/im.nrrd", "labels-not-quite-whole/labels.nrrd")[0] == 0
    assert learned[0].labelmap.values() == (1, 2)


@pytest.mark.slow
def test_a_real_training_on_a_dicom_segmentation_knows_its_segment(ask, shared_cases, tmp_path):
    folder = shared_cases / "labels-dicom-seg"
    settings = ("--encoder", "tiny", "--head", "linear", "--budget", "fast", "-o", tmp_path / "h.samhead")
    status, answer, _ = ask("train", "--case", folder / "im.nrrd", folder / "one.seg.dcm", *settings)
    assert status == 0
    assert [item["name"] for item in answer["structures"]] == ["Ball"]
