"""The command line: its words, its exit status, what it prints where, and its work from end to end."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from balls import ball_head, write_ball

from SAMAdaptLib import errors, jobs
from SAMAdaptLib.cli import main, places, verbs
from SAMAdaptLib.cli.parser import build_parser
from SAMAdaptLib.cli.tables import size, table
from SAMAdaptLib.cli.terminal import Interrupts, Terminal, bar_line, clock
from SAMAdaptLib.heads.file import save_head
from SAMAdaptLib.process import child_environment

VERBS = ("train", "segment", "evaluate", "benchmark", "encoders", "heads", "cache", "probe")
A_TRAINING = ["train", "--case", "a.nii", "b.nii", "-o", "h.samhead"]
TRAINED = {
    "kind": "train",
    "head": "h.samhead",
    "head_type": "cnn",
    "encoder": "tiny",
    "plane": {"name": "axial"},
    "structures": [{"value": 1, "name": "Ball"}],
    "quality": {"dice": {"1": 0.5}},
    "mean_dice": 0.5,
    "training": {"slices": 3},
    "seconds": 61.0,
    "cancelled": False,
}


@pytest.fixture
def asked(monkeypatch) -> list[jobs.Job]:
    """The jobs that a command makes, instead of running them."""
    made: list[jobs.Job] = []

    def take(job: jobs.Job, monitor: Any) -> dict:
        made.append(job)
        return dict(TRAINED)

    monkeypatch.setattr(verbs, "run_job", take)
    return made


@pytest.fixture
def fault(monkeypatch):
    """Lets every job raise what the test says."""

    def raising(error: BaseException) -> None:
        def fail(job: jobs.Job, monitor: Any) -> dict:
            raise error

        monkeypatch.setattr(verbs, "run_job", fail)

    return raising


@pytest.fixture
def balls(tmp_path: Path, empty_home: Path) -> Path:
    """A folder with ball.samhead, a.nii.gz, b.nii.gz and their labels."""
    folder = tmp_path / "data"
    folder.mkdir()
    save_head(ball_head(), folder / "ball.samhead")
    write_ball(folder, "a")
    write_ball(folder, "b", shift=3)
    return folder


def cli(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "SAMAdaptLib", *arguments]
    return subprocess.run(command, cwd=folder, env=child_environment(), capture_output=True, text=True, check=False)


# Words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert f"python -m SAMAdaptLib {verb}" in text.partition("example")[2]
    assert "--json" in text
    assert "--debug" in text


def test_the_first_help_shows_the_two_commands(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "1. python -m SAMAdaptLib train --case" in text
    assert "2. python -m SAMAdaptLib segment --head" in text
    assert all(verb in text for verb in VERBS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "VERB"),
        (["dance"], "invalid choice: 'dance'"),
        (["train", "-o", "h.samhead"], "--case"),
        ([*A_TRAINING, "--budget", "huge"], "invalid choice: 'huge'"),
        ([*A_TRAINING, "--name", "Liver"], "N=NAME is wanted, such as 1=Liver, not 'Liver'"),
        ([*A_TRAINING, "--values", "1,b"], "whole numbers joined by commas are wanted"),
        (["segment", "--head", "h", "a.nii", "-o", "o", "--workers", "0"], "a number of 1 or more is wanted"),
        (["segment", "--head", "h", "a.nii", "-o", "o", "--region", "1:2"], "I0:I1,J0:J1,K0:K1 is wanted"),
        (["benchmark", "--data", "d", "--support", ",", "--query", "q"], "ids joined by commas are wanted"),
    ],
)
def test_wrong_usage_is_two_lines_and_status_2(arguments: list[str], words: str, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    text = capsys.readouterr().err
    assert caught.value.code == 2
    assert words in text
    assert text.count("\n") == 2


def test_train_makes_the_job_that_was_asked_for(asked: list) -> None:
    options = "--unlabeled u.nii v.nii --head cnn --encoder sam_vit_b --annotated-slices-only --ignore-label 9 --seed 4"
    more = (
        "--plane coronal --intensity ct-lung --budget best --device cuda:1 --values 1,2 --resample-labels --weights w"
    )
    names = ["--name", "1=Left lung", "--name", "2=R"]
    case = ["--case", "c.nii", "d.nii"]
    assert main([*A_TRAINING, *case, *options.split(), *more.split(), *names]) == 0
    assert asked == [
        jobs.TrainJob(
            cases=(jobs.CaseFiles("a.nii", "b.nii"), jobs.CaseFiles("c.nii", "d.nii")),
            output="h.samhead",
            unlabeled=("u.nii", "v.nii"),
            head="cnn",
            encoder="sam_vit_b",
            plane="coronal",
            intensity="ct-lung",
            budget="best",
            annotated_slices_only=True,
            ignore_label=9,
            values=(1, 2),
            structures=(jobs.StructureSpec(1, "Left lung"), jobs.StructureSpec(2, "R")),
            resample_labels=True,
            seed=4,
            device="cuda:1",
            weights="w",
        )
    ]


def test_a_head_file_without_ending_gets_it(asked: list) -> None:
    main(["train", "--case", "a", "b", "-o", "liver"])
    assert asked[0].output == "liver.samhead"


def test_segment_makes_the_job_that_was_asked_for(asked: list, balls: Path) -> None:
    head = str(balls / "ball.samhead")
    options = (
        "--plane sagittal --planes three --tta --smooth-z --no-largest-component --region 0:9,1:8,2:7 --device cpu"
    )
    asked_for = ["segment", "--head", head, "a.nii", "-o", "o.nii.gz", *options.split()]
    build_parser().parse_args(asked_for)
    with pytest.raises(KeyError):  # the answer of the stand-in is a training's
        verbs.segment(build_parser().parse_args(asked_for), Terminal(io.StringIO()))
    assert asked == [
        jobs.SegmentJob(
            image="a.nii",
            head=head,
            output="o.nii.gz",
            plane="sagittal",
            planes="three",
            tta=True,
            smoothing=True,
            largest_component=False,
            region=(0, 9, 1, 8, 2, 7),
            device="cpu",
        )
    ]


def test_benchmark_makes_the_job_that_was_asked_for(monkeypatch, tmp_path: Path, capsys) -> None:
    made: list[jobs.Job] = []
    support = {"support": ["p1", "p2"], "head": "cnn", "mean_dice": 0.5, "train_seconds": 3, "cases": []}

    def take(job: jobs.Job, workers: int, **_: Any) -> dict:
        made.append(job)
        assert workers == 2
        return {"supports": [support], "mean_dice": 0.5, "sd_dice": None}

    monkeypatch.setattr(verbs, "run_supports", take)
    out = str(tmp_path / "o.json")
    arguments = (
        "benchmark --data d --support p1,p2 --support p3 --query q1,q2 --query q3 --unlabeled u --head unet --tta"
    )
    assert main([*arguments.split(), "--workers", "2", "--json", out]) == 0
    assert made == [
        jobs.BenchmarkJob(
            "d", (("p1", "p2"), ("p3",)), ("q1", "q2", "q3"), unlabeled=("u",), output=out, head="unet", tta=True
        )
    ]
    assert "p1 + p2" in capsys.readouterr().out


def test_benchmark_prints_json_when_no_file_is_named(monkeypatch, capsys) -> None:
    monkeypatch.setattr(verbs, "run_supports", lambda job, **_: {"supports": [], "mean_dice": None, "sd_dice": None})
    assert main(["benchmark", "--data", "d", "--support", "p", "--query", "q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"supports": [], "mean_dice": None, "sd_dice": None}


# Status and streams -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (errors.InputError("x.nii is constant.", "Export it again."), 2, "error: x.nii is constant. Export it again."),
        (errors.GeometryError("the grids\ndiffer"), 2, "error: the grids differ"),
        (errors.WeightsError("no weights"), 2, "error: no weights"),
        (errors.Cancelled(), 3, "cancelled: Cancelled."),
        (KeyboardInterrupt(), 3, "cancelled: Stopped at once; nothing was written."),
        (errors.MemoryExhausted("too large"), 1, "error: too large (--debug shows where it came from)"),
        (KeyError("k"), 1, "error: An unexpected fault: KeyError: 'k'"),
        (FileNotFoundError(2, "No such file", "x.nii"), 2, "error: x.nii: No such file."),
    ],
)
def test_a_fault_is_one_line_and_a_status(fault, error: BaseException, status: int, line: str, capsys) -> None:
    fault(error)
    assert main(A_TRAINING) == status
    captured = capsys.readouterr()
    assert captured.err.startswith(line)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_debug_shows_where_an_error_came_from(fault, capsys) -> None:
    fault(errors.InputError("bad"))
    assert main([*A_TRAINING, "--debug"]) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_json_tells_errors_too(fault, capsys) -> None:
    fault(errors.GeometryError("differ", "resample"))
    assert main([*A_TRAINING, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told == {"kind": "train", "error": {"code": "geometry", "message": "differ", "hint": "resample"}}


def test_a_training_is_told_as_a_table(asked: list, capsys) -> None:
    assert main(A_TRAINING) == 0
    assert capsys.readouterr().out.splitlines() == [
        "h.samhead: cnn on tiny, axial slices; 3 slices; 1:01",
        "label  structure  held-out Dice",
        "-----  ---------  -------------",
        "    1  Ball               0.500",
    ]


def test_a_cancelled_training_that_kept_a_head_is_status_3_and_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setattr(verbs, "run_job", lambda job, monitor: {**TRAINED, "cancelled": True})
    assert main(A_TRAINING) == 3
    assert capsys.readouterr().err == "cancelled: the best head so far was kept in h.samhead.\n"


def test_json_keeps_standard_output_clean_of_python_and_c(tmp_path: Path) -> None:
    code = """
import os, sys
from SAMAdaptLib.cli.terminal import clean_output
with clean_output(only_json=True) as write:
    print("from python"); os.write(1, b"from C\\n"); os.system("echo from a child"); write("{}")
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=child_environment(), check=True
    )
    assert found.stdout == "{}\n"
    assert sorted(found.stderr.splitlines()) == ["from C", "from a child", "from python"]


def test_a_reader_that_goes_away_is_no_error(balls: Path) -> None:
    command = f"{sys.executable} -m SAMAdaptLib heads {balls} | true"
    found = subprocess.run(command, shell=True, capture_output=True, text=True, env=child_environment(), check=False)
    assert found.stderr == ""


# The terminal -------------------------------------------------------------------------------------------------------


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_that_goes_away() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    terminal.metric("loss", 1, 0.51234)
    terminal.progress("Encoding slices", 0, 4)
    terminal.progress("Encoding slices", 4, 4)
    terminal.clear()
    lines = screen.getvalue().split("\r")
    assert "Encoding slices  [--------------------]    0%  0/4" in lines[1]
    assert "Encoding slices  [####################]  100%  4/4" in lines[2]
    assert lines[-2].strip() == ""
    assert "\n" not in screen.getvalue()


def test_a_warning_stays_above_the_line() -> None:
    screen = Screen()
    terminal = Terminal(screen)
    terminal.progress("Encoding", 1, 4)
    terminal.warning("three voxels\nwere not finite")
    assert screen.getvalue().endswith("\rwarning: three voxels were not finite\n")


def test_where_nobody_looks_a_stage_is_one_line() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    for stage in ("Encoding", "Training"):
        for done in range(5):
            terminal.progress(stage, done, 4)
    assert stream.getvalue() == "Encoding ...\nTraining ...\n"


def test_quiet_shows_warnings_alone() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream, quiet=True)
    terminal.progress("Encoding", 1, 4)
    terminal.warning("careful")
    assert stream.getvalue() == "warning: careful\n"


def test_a_bar_says_stage_share_count_time_and_loss() -> None:
    line = bar_line("Training", 3, 12, 45.2, {"loss": 0.31234})
    assert line == "Training  [#####---------------]   25%  3/12  0:45 left  loss 0.312"
    assert bar_line("Reading", 0, 0, None, {}) == "Reading"


def test_times_and_sizes_are_for_people() -> None:
    assert [clock(seconds) for seconds in (7.4, 750, 3723, -1)] == ["0:07", "12:30", "1:02:03", "0:00"]
    assert [size(count) for count in (None, 12, 3400, 28085517, 2.5e9)] == ["-", "12 B", "3.4 kB", "28.1 MB", "2.5 GB"]


def test_a_table_aligns_wide_characters() -> None:
    assert table(("name", "n"), [("肝臓", 1), ("liver", None)], right=(1,)).splitlines() == [
        "name   n",
        "-----  -",
        "肝臓   1",
        "liver  -",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="raises a signal in this process")
def test_the_first_interrupt_asks_and_the_second_stops(capfd) -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert not interrupts.asked()
        signal.raise_signal(signal.SIGINT)
        assert interrupts.asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "Stopping as soon as possible" in capfd.readouterr().err


# Places -------------------------------------------------------------------------------------------------------------


def test_one_image_goes_into_the_file_that_is_named(tmp_path: Path) -> None:
    assert places.outputs(["a.nii"], "r.nii.gz", ".seg.nrrd", many=False) == ["r.nii.gz"]


def test_results_in_a_folder_keep_their_images_names(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    found = places.outputs(["x/a.nii.gz", "y/b.c.nrrd", "dicom/series 1"], str(folder), ".seg.nrrd", many=True)
    assert [Path(path).name for path in found] == ["a.seg.nrrd", "b.c.seg.nrrd", "series 1.seg.nrrd"]
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("output", "ending", "many", "words"),
    [
        ("r.nii.gz", ".seg.nrrd", True, "r.nii.gz is one file, but there are 2 images."),
        ("r.stl", ".seg.nrrd", False, "Results cannot be written as 'r.stl'."),
        ("folder", ".stl", True, "Results cannot have the ending '.stl'."),
    ],
)
def test_results_that_have_no_place_are_refused(tmp_path, monkeypatch, output, ending, many, words) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InputError) as caught:
        places.outputs(["a.nii", "b.nii"] if many else ["a.nii"], output, ending, many)
    assert caught.value.message == words


def test_a_folder_of_volumes_stands_for_them_and_a_dicom_folder_for_itself(tmp_path: Path) -> None:
    volumes, series = tmp_path / "volumes", tmp_path / "series"
    volumes.mkdir()
    series.mkdir()
    for name in ("b.nii.gz", "a.nrrd", "a.seg.nrrd", "notes.txt", ".hidden.nii"):
        (volumes / name).touch()
    (series / "1.dcm").touch()
    found = places.expand_images([str(volumes), str(series), str(series)])
    assert found == [str(volumes / "a.nrrd"), str(volumes / "b.nii.gz"), str(series)]


def test_a_head_is_found_by_path_and_by_name(balls: Path, empty_home: Path) -> None:
    save_head(ball_head(), _library(empty_home) / "mine.samhead")
    assert places.find_head(str(balls / "ball.samhead")) == str(balls / "ball.samhead")
    assert places.find_head("mine") == places.find_head("mine.samhead") == str(empty_home / "heads" / "mine.samhead")
    with pytest.raises(errors.InputError, match="Heads there: mine"):
        places.find_head("yours")


def _library(home: Path) -> Path:
    folder = home / "heads"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "text", ["# organs\n1=Liver\n\n2 Right kidney # side\n", '{"1": "Liver", "2": "Right kidney"}']
)
def test_names_come_from_a_file_and_the_command_line_wins(tmp_path: Path, text: str) -> None:
    file = tmp_path / "names.txt"
    file.write_text(text, encoding="utf-8-sig")
    found = places.structure_specs([(1, "Leber")], str(file))
    assert [(spec.value, spec.name) for spec in found] == [(1, "Leber"), (2, "Right kidney")]


@pytest.mark.parametrize(
    ("text", "words"), [("Liver\n", "has the line 'Liver'"), ("{1}", "is not a JSON object"), ("", "cannot be read")]
)
def test_names_that_cannot_be_read_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "names.txt"
    if text:
        file.write_text(text)
    with pytest.raises(errors.InputError) as caught:
        places.structure_specs([], str(file))
    assert words in caught.value.message


# Listings -----------------------------------------------------------------------------------------------------------


def test_heads_lists_the_library_and_what_is_named(balls: Path, empty_home: Path, capsys) -> None:
    save_head(ball_head("mine"), _library(empty_home) / "mine.samhead")
    assert main(["heads", str(balls), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["heads"]
    assert [row["name"] for row in found] == ["ball", "mine"]
    assert found[0]["structures"] == ["Ball"]
    assert main(["heads"]) == 0
    assert "mine  linear  tiny     0.900  Ball" in capsys.readouterr().out


def test_a_damaged_head_is_told_and_fails_only_if_asked_for(balls: Path, capsys) -> None:
    bad = balls / "bad.samhead"
    bad.write_bytes((balls / "ball.samhead").read_bytes()[:-20])
    assert main(["heads", str(balls)]) == 0
    assert "error: " in capsys.readouterr().err
    assert main(["heads", str(bad)]) == 2
    assert main(["heads", str(balls / "none.samhead"), "--json"]) == 2


def test_an_empty_library_says_what_to_do(empty_home: Path, capsys) -> None:
    assert main(["heads"]) == 0
    assert "train one with `train`" in capsys.readouterr().out
    assert not empty_home.exists()


def test_the_cache_is_shown_and_cleared(balls: Path, empty_home: Path, capsys) -> None:
    segment = ["segment", "--head", str(balls / "ball.samhead"), str(balls / "a.nii.gz"), "-o", str(balls / "r.nii.gz")]
    assert main([*segment, "--json"]) == 0
    capsys.readouterr()
    assert main(["cache", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["features"]["bytes"] > 0
    assert shown["home"] == str(empty_home)
    assert main(["cache", "--clear", "--json"]) == 0
    cleared = json.loads(capsys.readouterr().out)
    assert cleared["freed_bytes"] == shown["features"]["bytes"]
    assert cleared["features"]["bytes"] == 0


def test_showing_an_empty_cache_makes_none(empty_home: Path, capsys) -> None:
    assert main(["cache"]) == 0
    assert "features" in capsys.readouterr().out
    assert not empty_home.exists()


def test_encoders_are_listed_with_size_licence_and_place(empty_home: Path, capsys) -> None:
    assert main(["encoders"]) == 0
    text = capsys.readouterr().out
    assert "mobile_sam   28.1 MB  Apache-2.0  not here" in text
    assert "tiny" not in text


@pytest.mark.parametrize("arguments", [["--fetch", "sam_vit_x"], ["--import", "nothing.pth"]])
def test_unknown_weights_are_status_2(empty_home: Path, arguments: list[str], capsys) -> None:
    assert main(["encoders", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_probe_tells_what_there_is(empty_home: Path, capsys) -> None:
    assert main(["probe", "--encoder", "tiny", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["devices"][0]["device"] == "cpu"
    assert found["packages"]["torch"]
    assert found["speed"]["seconds_per_slice"] > 0
    assert set(found["recommended"]) == {"device", "encoder", "budget"}


def test_a_probe_without_weights_says_so_and_fetches_nothing(empty_home: Path, capsys) -> None:
    assert main(["probe"]) == 0
    assert "not measured: its weights are not here" in capsys.readouterr().out


# Work ---------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["segment", "--head", "ball.samhead", "none.nii.gz", "-o", "r.nii.gz"], "none.nii.gz does not exist"),
        (["segment", "--head", "none", "a.nii.gz", "-o", "r.nii.gz"], "There is no head file none"),
        (["segment", "--head", "text.nii.gz", "a.nii.gz", "-o", "r.nii.gz"], "text.nii.gz"),
        (["segment", "--head", "ball.samhead", "text.nii.gz", "-o", "r.nii.gz"], "text.nii.gz"),
        (["segment", "--head", "ball.samhead", "short.nii.gz", "-o", "r.nii.gz"], "short.nii.gz"),
        (["segment", "--head", "ball.samhead", "a.nii.gz", "-o", "a.nii.gz"], "would overwrite an input"),
        (["segment", "--head", "ball.samhead", "a.nii.gz", "-o", "no/r.nii.gz"], "no does not exist"),
        (["segment", "--head", "ball.samhead", "a.nii.gz", "-o", "r.nii.gz", "--device", "tpu"], "SegmentJob.device"),
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
    recipe = "--encoder tiny --head linear --budget fast --annotated-slices-only"
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
