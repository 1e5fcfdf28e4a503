"""The command line's words, exit status and streams."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clithings import *  # noqa: F403  fixtures
from clithings import A_TRAINING, TRAINED

from SAMAdaptLib import errors
from SAMAdaptLib.cli import main, verbs
from SAMAdaptLib.cli.parser import build_parser
from SAMAdaptLib.cli.terminal import Terminal
from SAMAdaptLib.jobs import specs as jobs
from SAMAdaptLib.utils.process import child_environment

VERBS = ("train", "segment", "embed", "evaluate", "benchmark", "encoders", "heads", "cache", "probe")


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


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (errors.InputError("x.nii is constant.", "Export it again."), 2, "error: x.nii is constant. Export it again."),
        (errors.GeometryError("the grids\ndiffer"), 2, "error: the grids differ"),
        (errors.WeightsError("no weights"), 2, "error: no weights"),
        (errors.Cancelled(), 3, "cancelled: Cancelled."),
        (KeyboardInterrupt(), 3, "cancelled: Stopped at once; nothing unfinished was written."),
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


def test_a_training_tells_what_to_expect_on_other_patients(monkeypatch, capsys) -> None:
    monkeypatch.setattr(verbs, "run_job", lambda job, monitor: {**TRAINED, "expected_dice": 0.4})
    assert main(A_TRAINING) == 0
    assert "On other patients expect a mean Dice of about 0.40 (an estimate)." in capsys.readouterr().out


def test_a_training_tells_how_many_unlabelled_volumes_it_learned_from(monkeypatch, capsys) -> None:
    training = {**TRAINED["training"], "unlabeled": 7}
    monkeypatch.setattr(verbs, "run_job", lambda job, monitor: {**TRAINED, "training": training})
    assert main(A_TRAINING) == 0
    assert "7 unlabelled volumes were learned from as well." in capsys.readouterr().out


def test_a_cancelled_training_that_kept_a_head_is_status_3_and_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setattr(verbs, "run_job", lambda job, monitor: {**TRAINED, "cancelled": True})
    assert main(A_TRAINING) == 3
    assert capsys.readouterr().err == "cancelled: the best head so far was kept in h.samhead.\n"


def test_json_keeps_standard_output_clean_of_python_and_c(tmp_path: Path) -> None:
    code = """
import os, sys
from SAMAdaptLib.cli.streams import nothing_but_answers, write_answer
with nothing_but_answers(True):
    print("from python"); os.write(1, b"from C\\n"); os.system("echo from a child")
write_answer("{}")
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
