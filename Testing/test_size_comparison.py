"""The comparison of encoders and input sizes: which runs it makes, what it keeps of them, and its table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from benchthings import *  # noqa: F403  fixtures
from benchthings import head, job, perfect, the_command

from SAMAdaptLib.jobs.benchmark import Dataset, Tools, run


@pytest.fixture
def sizes() -> ModuleType:
    return the_command("sizes")


@pytest.fixture
def a_set(sizes: ModuleType, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the labelled sets, among which is ``data``."""
    known = {"data": sizes.LabelledSet(("p1", "p2"), ("p10",), sizes.SEEN)}
    monkeypatch.setattr(sizes, "SETS", known)
    return data.parent


@pytest.fixture
def done(sizes: ModuleType, monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> list[Any]:
    """The runs that were carried out, by heads that make no error."""
    found: list[Any] = []

    def carried_out(asked: Any, folder: Path, home: Path) -> dict[str, Any]:
        found.append(asked)
        result = run(job(folder / asked.set, supports=((asked.support,),), query=asked.queries), tools=tools)
        return {**result, "run": asdict(asked), "said": []}

    tools = Tools(head, perfect)
    monkeypatch.setattr(sizes, "carried_out", carried_out)
    return found


def arguments(folder: Path, output: Path, *more: str) -> list[str]:
    return ["--data", str(folder), "--sets", "data", "--encoders", "tiny", "-o", str(output), *more]


def planned(sizes: ModuleType, *more: str) -> list[Any]:
    return list(sizes.planned(sizes._parsed(["--data", ".", "-o", "out.json", *more])))


def test_every_combination_is_run_with_the_first_supports_and_queries(sizes: ModuleType) -> None:
    runs = planned(sizes, *["--sets", "acdc,lumbar_mr", "--sizes", "auto,112", "--supports", "2", "--queries", "3"])
    assert [(each.set, each.size, each.support) for each in runs] == [
        ("acdc", "auto", "patient001"),
        ("acdc", "auto", "patient021"),
        ("acdc", "112", "patient001"),
        ("acdc", "112", "patient021"),
        ("lumbar_mr", "auto", "vb3_01"),
        ("lumbar_mr", "112", "vb3_01"),
    ]
    assert runs[0].queries == ("patient005", "patient025", "patient045")
    assert len({each.key for each in runs}) == len(runs)


def test_a_head_without_an_encoder_has_one_row(sizes: ModuleType) -> None:
    runs = planned(
        sizes,
        *["--sets", "chaos_t2", "--encoders", "medsam_lite,mobile_sam", "--sizes", "112,168", "--heads", "cnn,unet"],
    )
    assert [each.encoder for each in runs if each.head == "unet"] == ["none"]
    assert len([each for each in runs if each.head == "cnn"]) == 4


@pytest.mark.parametrize(("encoder", "pixels"), [("medsam_lite", "112"), ("mobile_sam", "448"), ("tiny", "112")])
def test_a_size_in_patches_becomes_pixels_of_the_encoder(sizes: ModuleType, encoder: str, pixels: str) -> None:
    (only,) = planned(sizes, *f"--sets lumbar_mr --sizes 112 --encoders {encoder}".split())
    command = only.command(Path("data"), Path("out.json"))
    assert command[command.index("--input-size") + 1] == pixels
    assert command[command.index("--encoder") + 1] == encoder


def test_a_size_that_is_left_to_the_training_and_a_baseline_name_no_size(sizes: ModuleType) -> None:
    runs = planned(sizes, *["--sets", "lumbar_mr", "--heads", "cnn,unet"])
    commands = [each.command(Path("data"), Path("out.json")) for each in runs]
    assert not any("--input-size" in command for command in commands)
    assert ["--encoder" in command for command in commands] == [True, False]


def test_runtime_and_processor_go_to_the_process_and_into_the_key(sizes: ModuleType) -> None:
    (plain,) = planned(sizes, *["--sets", "lumbar_mr"])
    (poor,) = planned(sizes, *["--sets", "lumbar_mr", "--runtime", "torch", "--isa", "avx2"])
    assert plain.variables() == {}
    assert poor.variables()["SAMADAPT_RUNTIME"] == "torch"
    assert poor.variables()["ATEN_CPU_CAPABILITY"] == "avx2"
    assert plain.key != poor.key


def test_supports_and_query_volumes_of_the_lists_exist_and_share_none(sizes: ModuleType, shared_data: Path) -> None:
    there = {name: known for name, known in sizes.SETS.items() if (shared_data / name).is_dir()}
    assert len(there) >= 6  # all but the simulated brains, which a command makes
    for name, known in there.items():
        folder = Dataset(shared_data / name)
        supports = [set(folder.resolve([patient])) for patient in known.supports]
        queries = set(folder.resolve(known.queries))
        assert all(supports) and not set.union(*supports) & queries
        assert len(set.union(*supports)) == sum(map(len, supports))
        assert len(queries) >= len(known.queries)


def test_what_is_done_is_not_done_again(
    sizes: ModuleType, a_set: Path, done: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "sizes.json"
    assert sizes.main(arguments(a_set, output)) == 0
    assert sizes.main(arguments(a_set, output, "--supports", "2")) == 0
    assert [each.support for each in done] == ["p1", "p2"]
    assert len(json.loads(output.read_text())) == 2
    assert "1 runs, 1 are there" in capsys.readouterr().out


def test_a_run_that_fails_leaves_what_was_done(
    sizes: ModuleType, a_set: Path, done: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, good = tmp_path / "sizes.json", sizes.carried_out

    def second_fails(asked: Any, *rest: Any) -> dict[str, Any]:
        if asked.support == "p2":
            raise SystemExit(1)
        found: dict[str, Any] = good(asked, *rest)
        return found

    monkeypatch.setattr(sizes, "carried_out", second_fails)
    with pytest.raises(SystemExit):
        sizes.main(arguments(a_set, output, "--supports", "2"))
    assert len(json.loads(output.read_text())) == 1
    assert output.with_suffix(".md").is_file()


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_has_a_row_over_supports_and_marks_what_was_seen(
    sizes: ModuleType, a_set: Path, done: list[Any], tmp_path: Path
) -> None:
    output = tmp_path / "sizes.json"
    more = ["--supports", "2", "--sizes", "auto,112", "--encoders", "medsam_lite,tiny"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sizes, "fresh_home", lambda *_: _nowhere(tmp_path))
        assert sizes.main(arguments(a_set, output, *more)) == 0
    text = output.with_suffix(".md").read_text()
    assert "with labels: **probably**" in text
    heading, *rows = rows_of(text)
    assert heading[:7] == ["encoder", "head", "input size", "Dice", "NSD", "HD95 mm", "training s"]
    assert [row[:3] for row in rows] == [
        ["medsam_lite", "auto", "112 (auto)"],
        ["medsam_lite", "auto", "112"],
        ["tiny", "auto", "112 (auto)"],
        ["tiny", "auto", "112"],
    ]
    assert ["(seen)" in row[3] for row in rows] == [True, True, False, False]
    assert all(row[3].startswith("**1.000** ± 0.000") for row in rows)


class _nowhere:  # noqa: N801  used as a function is
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Path:
        return self.folder

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sets", "heads"], "no such: heads; there are acdc"),
        (["--sizes", "big"], "sizes are auto or patches a side, not big"),
        (["--heads", "forest"], "no such: forest"),
        (["--supports", "0"], "at least one support"),
    ],
)
def test_wrong_words_are_refused(
    sizes: ModuleType, words: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((SystemExit, argparse.ArgumentTypeError)):
        sizes._parsed(["--data", ".", "-o", "out.json", *words])
    assert said in capsys.readouterr().err


def test_what_went_wrong_in_a_run_is_said_with_its_name(sizes: ModuleType, a_set: Path, tmp_path: Path) -> None:
    (only,) = sizes.planned(sizes._parsed(arguments(a_set, tmp_path / "o.json", "--sizes", "100", "--heads", "linear")))
    with pytest.raises(SystemExit, match=r"data\|tiny\|100.*status 2: .*100 pixels a side"):
        sizes.carried_out(only, a_set, tmp_path)


@pytest.mark.slow
def test_a_small_comparison_runs_to_its_end(sizes: ModuleType, a_set: Path, tmp_path: Path, empty_home: Path) -> None:
    output = tmp_path / "sizes.json"
    more = ["--sizes", "64", "--heads", "linear", "--runtime", "torch"]
    assert sizes.main(arguments(a_set, output, *more)) == 0
    (result,) = json.loads(output.read_text()).values()
    assert result["supports"][0]["input_sizes"] == [64]
    assert result["complete"]
