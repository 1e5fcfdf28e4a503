"""What a folder stands for, and that every verb sees the same volume in it and hears the same warnings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from balls import ball_arrays, ball_head, image_of
from clithings import balls  # noqa: F401  a fixture
from dicomthings import a_slice, save, segmentation, write_series
from niftithings import write_nifti

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volume_folder import contents_of, first_dicom, holds_dicom, is_dicom, volumes_in
from SAMAdaptLib.data.io.volumes import read_volume
from SAMAdaptLib.errors import InputError

IMAGE, LABELS = ball_arrays()
GRID = Geometry.from_sitk(image_of(IMAGE))


def write_ball_series(folder: Path, stray: bool = True) -> Path:
    """The ball as a DICOM series, with a stray volume of another size beside it."""
    folder.mkdir(parents=True)
    for number in range(GRID.size[2]):
        save(a_slice(GRID, number, IMAGE[number].astype(np.uint16)), folder / f"IM{number}")
    if stray:
        sitk.WriteImage(sitk.GetImageFromArray(np.ones((2, 3, 4), np.uint8)), str(folder / "stray.nii.gz"))
    return folder


def run(capsys, *arguments: object) -> tuple[int, dict, str]:
    """Exit status, the JSON answer (empty when there is none) and standard error of a command."""
    status = main([*map(str, arguments), "--json"])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out.strip() else {}, captured.err


# --- folders ---------------------------------------------------------------------------------------------------------


def test_a_folder_of_volumes_is_all_of_them_pairs_as_one(tmp_path):
    for name in ("b.nii.gz", "c.hdr", "c.img", "d.hdr", "d.img.gz", "e.img", "f.seg.nrrd", ".g.nii", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in volumes_in(tmp_path)] == ["b.nii.gz", "c.hdr", "d.hdr", "e.img"]


def test_a_folder_of_folders_is_the_series_in_them(tmp_path):
    write_series(tmp_path / "two")
    write_series(tmp_path / "one")
    (tmp_path / "empty").mkdir()
    assert [path.name for path in volumes_in(tmp_path)] == ["one", "two"]
    assert volumes_in(tmp_path / "empty") == []


def test_dicom_makes_a_folder_a_series_whatever_else_lies_there(tmp_path):
    folder = write_series(tmp_path / "series")
    (folder / "a.nii").touch()
    assert holds_dicom(folder)
    assert volumes_in(folder) == [folder]
    assert first_dicom(folder) == folder / "IM00"


def test_a_segmentation_beside_volumes_is_a_result_and_makes_no_series(tmp_path):
    save(segmentation({1: np.ones(GRID.shape)}, GRID), tmp_path / "a.dcm")
    (tmp_path / "a.nii").touch()
    assert is_dicom(tmp_path / "a.dcm")
    assert [path.name for path in volumes_in(tmp_path)] == ["a.nii"]


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        contents_of(tmp_path / "none")


# --- the command line ------------------------------------------------------------------------------------------------


def test_segment_and_train_see_the_series_and_both_say_what_they_left_out(tmp_path, balls, capsys, monkeypatch):  # noqa: F811
    folder = write_ball_series(tmp_path / "ct")
    head, out = balls / "ball.samhead", tmp_path / "out.nii.gz"
    status, answer, _ = run(capsys, "segment", "--head", head, folder, "-o", out)
    assert status == 0
    assert sitk.ReadImage(str(out)).GetSize() == GRID.size
    told = [text for text in answer["warnings"] if "stray.nii.gz in it was not looked at" in text]
    assert len(told) == 1
    assert read_volume(folder).geometry.size == GRID.size
    learned = []
    monkeypatch.setattr("SAMAdaptLib.training.train.train", lambda cases, **_: learned.extend(cases) or ball_head())
    labels = save(segmentation({1: LABELS}, GRID, {1: "Ball"}), tmp_path / "labels.dcm")
    status, answer, _ = run(capsys, "train", "--case", folder, labels, "-o", tmp_path / "h.samhead")
    assert status == 0
    assert told[0] in answer["warnings"]
    assert learned[0].volume.geometry.size == GRID.size
    assert [item.name for item in learned[0].labelmap.structures] == ["Ball"]


def test_a_result_in_the_folder_of_its_series_does_not_take_its_place(tmp_path, balls, capsys):  # noqa: F811
    folder = write_ball_series(tmp_path / "ct", stray=False)
    for name in ("again.nii.gz", "again.nii.gz"):
        status, _, _ = run(capsys, "segment", "--head", balls / "ball.samhead", folder, "-o", folder / name)
        assert status == 0
    assert sitk.ReadImage(str(folder / "again.nii.gz")).GetSize() == GRID.size


def test_many_volumes_hear_the_warnings_and_faults_of_each(tmp_path, balls, capsys):  # noqa: F811
    data = tmp_path / "many"
    write_ball_series(data / "series")
    broken = write_ball_series(data / "broken")
    (broken / "IM7").write_bytes((broken / "IM7").read_bytes()[:-9])
    write_nifti(data / "pair.hdr", IMAGE, codes=(0, 0), pixdim=(1.0, *GRID.spacing, 1, 1, 1, 1))
    command = ("segment", "--head", balls / "ball.samhead", data, "-o", tmp_path / "out")
    status, answer, _ = run(capsys, *command)
    assert status == 2
    by_name = {Path(item["image"]).name: item for item in answer["volumes"]}
    assert {name: item["ending"] for name, item in by_name.items()} == {
        "broken": "failed",
        "pair.hdr": "done",
        "series": "done",
    }
    assert "IM7 is cut off" in by_name["broken"]["error"]["message"]
    assert any("stray.nii.gz" in text for text in by_name["series"]["result"]["warnings"])
    assert any("does not say where in the patient" in text for text in by_name["pair.hdr"]["result"]["warnings"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["pair.seg.nrrd", "series.seg.nrrd"]


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_labels_that_are_an_image_are_refused_by_every_verb(tmp_path, balls, capsys, verb):  # noqa: F811
    image = tmp_path / "image.nrrd"
    sitk.WriteImage(sitk.Cast(image_of(np.rint(IMAGE)), sitk.sitkUInt16), str(image))
    command = {
        "train": ("train", "--case", balls / "a.nii.gz", image, "-o", tmp_path / "h.samhead", "--encoder", "tiny"),
        "evaluate": ("evaluate", image, balls / "a-labels.nii.gz"),
    }[verb]
    status, _, said = run(capsys, *command)
    assert status == 2
    assert "strewn about as in an image" in said


def test_evaluate_tells_what_it_resampled_and_fits_the_second_place(tmp_path, balls, capsys):  # noqa: F811
    reference = sitk.ReadImage(str(balls / "a-labels.nii.gz"))
    x, y, z = reference.GetOrigin()
    reference.SetOrigin((x + 1, y, z))
    sitk.WriteImage(reference, str(tmp_path / "moved.nrrd"))
    command = ("evaluate", tmp_path / "moved.nrrd", balls / "a-labels.nii.gz")
    assert run(capsys, *command)[0] == 2
    status, answer, _ = run(capsys, *command, "--resample-labels")
    assert status == 0
    assert any("was resampled onto the grid of a-labels.nii.gz (origin 1 mm away)" in t for t in answer["warnings"])
