"""What is done with all frames of a file: compared, taken up again, told of as it goes on, and what made it is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from balls import SPACING, ball_arrays
from clithings import *  # noqa: F403  fixtures
from listeners import Listener

import SAMAdaptLib as samadapt
from SAMAdaptLib import progress
from SAMAdaptLib.cli import main
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.result_file import read_provenance
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
from SAMAdaptLib.data.provenance import file_digest
from SAMAdaptLib.data.sequence import frames as frames_module
from SAMAdaptLib.data.sequence.index import FrameIndex
from SAMAdaptLib.data.sequence.writing import digest_of, write_frames
from SAMAdaptLib.errors import Cancelled, InputError
from SAMAdaptLib.jobs.resuming import judged
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import EvaluateJob, SegmentJob

GRID = Geometry((48, 40, 8), SPACING, (-10.0, 5.0, 30.0))
TIMES = FrameIndex(("0", "0.04", "0.08"), "time", "s")


def cine(path: Path, which: int = 0, shifts: tuple[int, ...] = (0, 1, 2)) -> str:
    """A file with a moving ball, or (``which`` 1) with its labels."""
    arrays = np.stack([ball_arrays(shift)[which] for shift in shifts])
    index = TIMES if len(shifts) == 3 else FrameIndex.counted(len(shifts))
    write_frames(path, arrays, GRID, index, labels=which == 1)
    return str(path)


def job_in(folder: Path, ending: str = ".nii.gz", **options) -> SegmentJob:
    return SegmentJob(cine(folder / "cine.nii.gz"), str(folder / "ball.samhead"), str(folder / f"r{ending}"), **options)


# Compared -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii.gz", ".seq.mrb"])
def test_frames_are_compared_one_by_one_and_their_means_told(balls: Path, ending: str) -> None:
    job = job_in(balls, ending)
    run_job(job)
    truth = cine(balls / "truth.nii.gz", which=1)
    answer = run_job(EvaluateJob(job.output, truth, by_value=True))
    assert [(frame["frame"], len(frame["structures"])) for frame in answer["frames"]] == [(0, 1), (1, 1), (2, 1)]
    for number, frame in enumerate(answer["frames"]):
        alone = samadapt.evaluate(f"{job.output}@{number}", f"{truth}@{number}", by_value=True)
        assert frame["mean_dice"] == alone.mean_dice
        assert frame["structures"] == [row.to_dict() for row in alone.structures]
    assert answer["mean_dice"] == pytest.approx(np.mean([frame["mean_dice"] for frame in answer["frames"]]))
    assert answer["structures"][0]["dice"] == pytest.approx(answer["mean_dice"])
    assert answer["mean_dice"] > 0.6


def test_a_frame_in_which_nothing_is_right_counts_and_one_without_a_score_does_not(tmp_path: Path) -> None:
    empty, full = np.zeros(GRID.shape, np.uint8), ball_arrays()[1]
    write_frames(tmp_path / "p.nii", np.stack([full, empty, empty]), GRID, TIMES, labels=True)
    write_frames(tmp_path / "r.nii", np.stack([full, full, empty]), GRID, TIMES, labels=True)
    answer = run_job(EvaluateJob(str(tmp_path / "p.nii"), str(tmp_path / "r.nii"), values=(1,)))
    assert [frame["mean_dice"] for frame in answer["frames"]] == [1.0, 0.0, None]
    assert answer["mean_dice"] == 0.5


def test_the_command_tells_each_frame_and_writes_a_page(balls: Path, capsys: pytest.CaptureFixture) -> None:
    image, labels = cine(balls / "cine.nii.gz"), cine(balls / "l.nii.gz", which=1)
    page = balls / "p.html"
    assert main(["evaluate", labels, labels, "--image", image, "--report", str(page)]) == 0
    told = capsys.readouterr().out
    assert [line.split()[:3] for line in told.splitlines()[2:5]] == [
        ["0", "0", "1.000"],
        ["1", "0.04", "1.000"],
        ["2", "0.08", "1.000"],
    ]
    assert "Means over 3 frames:" in told
    assert page.read_text("utf-8").count("data:image/png") == 3


def test_numbers_of_frames_that_differ_are_said(tmp_path: Path) -> None:
    three, two = cine(tmp_path / "a.nii.gz", 1), cine(tmp_path / "b.nii.gz", 1, (0, 1))
    with pytest.raises(InputError, match=r"a\.nii\.gz holds 3 frames, b\.nii\.gz 2.*Name those to compare"):
        run_job(EvaluateJob(three, two))
    with pytest.raises(InputError, match=r"a\.nii\.gz holds 3 volumes"):
        run_job(EvaluateJob(three, f"{two}@1"))
    assert run_job(EvaluateJob(f"{three}@1", f"{two}@1"))["mean_dice"] == 1.0


def test_what_is_packed_is_unpacked_once_for_all_frames(balls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = []
    fill = frames_module.fill_frames
    monkeypatch.setattr(
        frames_module, "fill_frames", lambda room, header: (unpacked.append(header.path.name), fill(room, header))
    )
    labels = cine(balls / "l.nii.gz", which=1)
    run_job(EvaluateJob(labels, labels))
    assert unpacked == ["l.nii.gz"]


# As it goes on ------------------------------------------------------------------------------------------------------


def test_progress_is_that_of_all_frames_and_never_goes_back(balls: Path) -> None:
    heard = Listener()
    run_job(job_in(balls), heard)
    steps = [(done / total, stage) for stage, done, total in heard.steps if stage.startswith("Frame")]
    shares = [share for share, _stage in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(share <= (int(stage.split()[1])) / 3 for share, stage in steps)


def test_the_time_left_is_that_of_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    left = progress.TimeLeft()
    assert left.estimate("Frame 1 of 10: Encoding", 0, 10_000) is None
    now = 5.0
    assert left.estimate("Frame 2 of 10: Segmenting", 1000, 10_000) == pytest.approx(45.0)
    now = 25.0
    assert left.estimate("Frame 6 of 10: Encoding", 5000, 10_000) == pytest.approx(25.0)
    assert left.estimate("Reading", 0, 2) is None


# Taken up again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".seq.mrb"])
def test_one_that_was_stopped_is_made_whole_the_next_time(balls: Path, ending: str) -> None:
    job = job_in(balls, ending, overwrite=False)
    with pytest.raises(Cancelled):
        run_job(job, Listener(lambda heard: any(stage.startswith("Frame 3") for stage in heard.stages)))
    assert not Path(job.output).exists()
    assert "skipped" not in run_job(job)
    whole = replace(job, output=str(balls / f"whole{ending}"))
    run_job(whole)
    for number in range(3):
        np.testing.assert_array_equal(
            read_labelmap(f"{job.output}@{number}").voxels, read_labelmap(f"{whole.output}@{number}").voxels
        )
    assert run_job(job)["skipped"] == "it was made in the same way"


def test_one_frame_that_somebody_corrected_keeps_the_whole_result(balls: Path) -> None:
    job = job_in(balls, ".nii.gz", overwrite=False)
    run_job(job)
    image = sitk.ReadImage(job.output)
    image[20, 20, 3, 1] = 1 - image[20, 20, 3, 1]
    sitk.WriteImage(image, job.output)
    found = judged(job)
    assert found is not None
    assert (found.stays, found.reason) == (True, "it was changed since it was made")


def test_one_bad_file_of_many_does_not_keep_the_others_from_being_made(
    balls: Path, capsys: pytest.CaptureFixture
) -> None:
    constant = np.stack([ball_arrays()[0], np.ones(GRID.shape, np.float32)])
    write_frames(balls / "bad.nii.gz", constant, GRID, FrameIndex.counted(2))
    images = [str(balls / "bad.nii.gz"), cine(balls / "cine.nii.gz")]
    command = ["segment", "--head", str(balls / "ball.samhead"), *images, "-o", str(balls / "out"), "--json"]
    assert main(command) != 0
    assert "bad@1 is constant" in capsys.readouterr().err
    assert [path.name for path in (balls / "out").iterdir()] == ["cine.seq.mrb"]


# What made it -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".seq.mrb"])
def test_the_result_says_what_made_it(balls: Path, ending: str) -> None:
    job = job_in(balls, ending)
    answer = run_job(job)
    made = read_provenance(Path(job.output))
    assert made is not None
    assert made.head_sha256 == file_digest(balls / "ball.samhead")
    assert made.file_sha256 == file_digest(balls / "cine.nii.gz")
    assert made.labels_sha256 == digest_of(read_labelmap(f"{job.output}@{number}").voxels for number in range(3))
    assert made.to_dict() == answer["provenance"]
    assert json.loads(made.to_json())["head"] == "ball"


# Real hearts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii.gz", ".seq.nrrd"])
def test_two_phases_of_a_heart_in_one_file_are_what_they_were_apart(
    shared_data: Path, tmp_path: Path, ending: str
) -> None:
    alone = [read_volume(shared_data / "acdc" / "images" / f"patient001_frame{n}.nii.gz") for n in ("01", "12")]
    path = tmp_path / f"heart{ending}"
    write_frames(path, np.stack([each.voxels for each in alone]), alone[0].geometry, FrameIndex.counted(2))
    for frame, volume in zip(samadapt.frames(path), alone, strict=True):
        np.testing.assert_array_equal(frame.voxels, volume.voxels)
        assert frame.geometry.same_grid(volume.geometry, tolerance=1e-4)
