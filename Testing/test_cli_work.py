"""The command line at work, from end to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from balls import write_ball
from clithings import *  # noqa: F403  fixtures

from SAMAdaptLib.cli import main
from SAMAdaptLib.errors import Cancelled
from SAMAdaptLib.utils.process import child_environment


def cli(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "SAMAdaptLib", *arguments]
    return subprocess.run(command, cwd=folder, env=child_environment(), capture_output=True, text=True, check=False)


def test_a_volume_is_segmented_and_judged_by_two_commands(balls: Path) -> None:
    done = cli("segment", "--head", "ball.samhead", "a.nii.gz", "-o", "r.seg.nrrd", "--json", folder=balls)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    told = json.loads(done.stdout)
    assert told["structures"][0]["name"] == "Ball"
    assert told["structures"][0]["volume_ml"] == pytest.approx(12, rel=0.1)
    assert "Segmenting axial slices ...\n" in done.stderr
    judged = cli("evaluate", "r.seg.nrrd", "a-labels.nii.gz", "--json", folder=balls)
    assert judged.returncode == 0
    assert json.loads(judged.stdout)["mean_dice"] > 0.9


def test_the_result_lies_on_the_grid_of_the_image(balls: Path, capsys) -> None:
    import SimpleITK as sitk

    image, result = str(balls / "a.nii.gz"), str(balls / "r.nii.gz")
    assert main(["segment", "--head", str(balls / "ball.samhead"), image, "-o", result]) == 0
    found, wanted = sitk.ReadImage(result), sitk.ReadImage(image)
    assert found.GetSize() == wanted.GetSize()
    assert found.GetSpacing() == pytest.approx(wanted.GetSpacing())
    assert found.GetOrigin() == pytest.approx(wanted.GetOrigin())
    assert "Ball" in capsys.readouterr().out


def test_a_training_that_was_cut_short_is_status_0_and_the_answer_has_the_warning(
    balls: Path, empty_home: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from SAMAdaptLib.heads.card import read_card
    from SAMAdaptLib.training import fit as fitting

    real = fitting.fit_head

    def short(*arguments: object, **options: Any) -> fitting.FitResult:
        result = real(*arguments, **{**options, "steps": 7})  # type: ignore[arg-type]
        result.planned = options["steps"]
        return result

    monkeypatch.setattr("SAMAdaptLib.training.candidates.fit_head", short)
    case, head = [str(balls / "a.nii.gz"), str(balls / "a-labels.nii.gz")], str(balls / "short.samhead")
    recipe = ["--encoder", "tiny", "--input-size", "448", "--head", "linear", "--budget", "fast"]
    assert main(["train", "--case", *case, *recipe, "-o", head, "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert [text for text in told["warnings"] if "ended after 7 of" in text]
    assert "warning: Training the linear head ended after 7 of" in captured.err
    assert told["training"]["cut_short"] is True and told["cancelled"] is False
    assert read_card(head).input_size == 448 and read_card(head).training["cut_short"]


@pytest.mark.parametrize(
    ("options", "encoder"),
    [((), "medsam_lite"), (("--start-from", "ball.samhead"), "tiny"), (("--encoder", "mobile_sam"), "mobile_sam")],
    ids=["no word", "the head's", "as asked"],
)
def test_a_training_goes_on_with_the_encoder_of_the_head_that_it_starts_from(
    options: tuple[str, ...], encoder: str, balls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from SAMAdaptLib.cli import verbs

    asked: list[Any] = []

    def run(job: Any, monitor: Any) -> dict[str, Any]:
        asked.append(job)
        raise Cancelled

    monkeypatch.setattr(verbs, "run_job", run)
    monkeypatch.chdir(balls)
    main(["train", "--case", "a.nii.gz", "a-labels.nii.gz", "-o", "new.samhead", *options])
    assert asked[0].encoder == encoder


def test_many_volumes_go_into_a_folder_and_a_bad_one_is_reported(balls: Path, capsys) -> None:
    bad = balls / "bad.nii.gz"
    bad.write_bytes((balls / "a.nii.gz").read_bytes()[:400])
    images = [str(balls / name) for name in ("a.nii.gz", "bad.nii.gz", "b.nii.gz")]
    command = ["segment", "--head", str(balls / "ball.samhead"), *images, "-o", str(balls / "out")]
    assert main([*command, "--json"]) == 2
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["done"], told["failed"], told["skipped"]) == (2, 1, 0)
    assert told["volumes"][1]["error"]["code"] == "input"
    assert "bad.nii.gz: failed: " in captured.err
    assert sorted(path.name for path in (balls / "out").iterdir()) == ["a.seg.nrrd", "b.seg.nrrd"]
    assert main(command) == 2
    assert "1 failed" in capsys.readouterr().out.replace("2 skipped", "")


def test_two_local_workers_segment_two_volumes(balls: Path) -> None:
    done = cli(
        *("segment", "--head", "ball.samhead", "a.nii.gz", "b.nii.gz", "-o", "out/", "--workers", "2", "--json"),
        folder=balls,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["done"] == 2
    assert len(list((balls / "out").glob("*.seg.nrrd"))) == 2


def test_volumes_are_encoded_ahead_and_a_bad_one_is_reported(balls: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(balls)
    command = ["embed", "--head", "ball.samhead", "a.nii.gz", "none.nii.gz", "--json", "--quiet"]
    counts = []
    for _ in range(2):
        assert main(command) == 2
        answer = json.loads(capsys.readouterr().out)
        assert (answer["kind"], answer["done"], answer["failed"]) == ("embed", 1, 1)
        counts.append(answer["volumes"][0]["result"]["encoded"])
    assert counts[0] > 0 and counts[1] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["segment", "--head", "ball.samhead", "none.nii.gz", "-o", "r.nii.gz"], "none.nii.gz does not exist"),
        (["segment", "--head", "none", "a.nii.gz", "-o", "r.nii.gz"], "There is no head file none"),
        (["segment", "--head", "text.nii.gz", "a.nii.gz", "-o", "r.nii.gz"], "text.nii.gz"),
        (["segment", "--head", "ball.samhead", "text.nii.gz", "-o", "r.nii.gz"], "text.nii.gz"),
        (["segment", "--head", "ball.samhead", "short.nii.gz", "-o", "r.nii.gz"], "short.nii.gz"),
        (["segment", "--head", "ball.samhead", "a.nii.gz", "-o", "a.nii.gz"], "would overwrite an input"),
        (["segment", "--head", "head.nii.gz", "a.nii.gz", "-o", "head.nii.gz"], "would overwrite an input"),
        (["segment", "--head", "ball.samhead", "a.nii.gz", "-o", "no/r.nii.gz"], "no does not exist"),
        (["segment", "--head", "ball.samhead", "a.nii.gz", "-o", "r.nii.gz", "--device", "tpu"], "--device must be"),
        (["evaluate", "a.nii.gz", "a-labels.nii.gz"], "not whole numbers"),
        (["train", "--case", "a.nii.gz", "none.nii", "-o", "h.samhead"], "none.nii does not exist"),
        (["train", "--case", "a.nii.gz", "a-labels.nii.gz", "-o", "no/h.samhead"], "no does not exist"),
        (["train", "--case", "a.nii.gz", "a-labels.nii.gz", "-o", "h.pth"], "name ends in .samhead"),
        (["train", "--case", "a.nii.gz", "small.nii.gz", "-o", "h.samhead", "--encoder", "tiny"], "grid"),
        (
            ["train", "--case", "a.nii.gz", "a-labels.nii.gz", "-o", "h.samhead", "--values", "7"],
            "The labels hold no 7",
        ),
    ],
)
def test_a_bad_input_is_one_line_without_traceback_and_leaves_nothing(
    balls: Path, monkeypatch, arguments: list[str], words: str, capsys
) -> None:
    import SimpleITK as sitk

    monkeypatch.chdir(balls)
    Path("text.nii.gz").write_text("this is no image, however long the text may be " * 20)
    Path("head.nii.gz").write_bytes(Path("ball.samhead").read_bytes())
    Path("short.nii.gz").write_bytes(Path("a.nii.gz").read_bytes()[:500])
    sitk.WriteImage(sitk.ReadImage("a-labels.nii.gz")[:20], "small.nii.gz")
    before = sorted(Path().iterdir())
    inputs = {path: path.read_bytes() for path in before if path.is_file()}
    assert main([*arguments, "--quiet"]) == 2
    text = capsys.readouterr().err
    assert words in text
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    assert all(path.read_bytes() == content for path, content in inputs.items())


def few_slices(folder: Path) -> None:
    """Writes few.nii.gz: the labels of a.nii.gz on two of its slices alone, so that there is little to encode."""
    import SimpleITK as sitk

    labels = sitk.ReadImage(str(folder / "a-labels.nii.gz"))
    array = sitk.GetArrayFromImage(labels)
    array[[0, 1, 2, 5, 6, 7]] = 0
    few = sitk.GetImageFromArray(array)
    few.CopyInformation(labels)
    sitk.WriteImage(few, str(folder / "few.nii.gz"))


@pytest.mark.skipif(sys.platform == "win32", reason="sends an interrupt to another process")
@pytest.mark.parametrize(("stage", "kept"), [("Encoding", False), ("Training", True)])
def test_an_interrupt_is_status_3_and_keeps_the_best_head_so_far(balls: Path, stage: str, kept: bool) -> None:
    few_slices(balls)
    recipe = "--encoder tiny --head cnn --budget fast --annotated-slices-only"
    arguments = f"train --case a.nii.gz few.nii.gz {recipe} --json -o h.samhead"
    process = subprocess.Popen(
        [sys.executable, "-m", "SAMAdaptLib", *arguments.split()],
        cwd=balls,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while stage not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(1.0 if kept else 0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "cancelled: " in err
    assert "Traceback" not in err
    assert (balls / "h.samhead").exists() == kept
    assert not list(balls.glob("*.part*"))
    assert json.loads(out).get("cancelled", False) == kept


@pytest.mark.slow
def test_train_segment_and_evaluate_from_end_to_end(tmp_path: Path, empty_home: Path) -> None:
    write_ball(tmp_path, "a")
    write_ball(tmp_path, "b", shift=4)
    case = ["--case", "a.nii.gz", "a-labels.nii.gz"]
    recipe = ["--encoder", "tiny", "--head", "linear", "--budget", "fast", "--name", "1=Ball"]
    trained = cli("train", *case, *recipe, "-o", "ball", "--json", folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["mean_dice"] > 0.9
    segmented = cli("segment", "--head", "ball.samhead", "b.nii.gz", "-o", "r.seg.nrrd", folder=tmp_path)
    assert segmented.returncode == 0, segmented.stderr
    assert "Ball" in segmented.stdout
    judged = cli("evaluate", "r.seg.nrrd", "b-labels.nii.gz", "--json", folder=tmp_path)
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)["mean_dice"] > 0.9


@pytest.mark.parametrize(
    ("option", "words"),
    [("--input-size", "error: --input-size must be 1 to 16384, not 0."), ("--seed", "")],
)
def test_an_option_that_is_refused_is_called_as_it_was_typed(option: str, words: str, balls: Path, capsys) -> None:
    case = ["--case", str(balls / "a.nii.gz"), str(balls / "a-labels.nii.gz")]
    value = "0" if words else "-1"
    assert main(["train", *case, option, value, "-o", str(balls / "never.samhead")]) == 2
    told = capsys.readouterr().err
    assert words in told and f"error: {option} must be " in told and "Job" not in told


def test_a_file_that_is_no_known_weights_is_not_passed_over_in_silence(balls: Path, capsys) -> None:
    """The cache would serve, and the mistake would go unheard."""
    wrong = balls / "wrong.pth"
    wrong.write_bytes(b"no weights")
    order = ["segment", str(balls / "b.nii.gz"), "--head", str(balls / "ball.samhead"), "--weights", str(wrong)]
    assert main([*order, "-o", str(balls / "never.nii.gz")]) == 2
    assert "wrong.pth is none of the known weights files: its SHA-256 is " in capsys.readouterr().err


@pytest.mark.parametrize(("count", "words"), [(0, "0 slices"), (1, "1 slice"), (2, "2 slices")])
def test_one_slice_is_no_slices(count: int, words: str) -> None:
    from SAMAdaptLib.cli.tables import counted

    assert counted(count, "slices") == words
