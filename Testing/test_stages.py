"""Stages of long work: their text and the way back from it; and monitors that pass on what they are told."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listeners import Listener

from SAMAdaptLib import progress
from SAMAdaptLib.progress import STAGES, Forwarding, Stage

LIBRARY = Path(__file__).resolve().parent.parent / "SAMAdaptLib"
FILLED_IN = {"number": "2", "count": "3", "degrees": "-60", "name": "a b.onnx", "stage": "Comparing"}


def arguments_of(stage: Stage) -> dict[str, str]:
    return {name: value for name, value in FILLED_IN.items() if f"{{{name}}}" in stage.template}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.template)
def test_a_stage_is_found_in_its_own_text(stage: Stage) -> None:
    arguments = arguments_of(stage)
    assert Stage.parse(stage.text(**arguments)) == (stage, arguments)


@given(st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=1, max_size=30))
def test_whatever_is_downloaded_is_named_whole(name: str) -> None:
    found, arguments = Stage.parse(progress.DOWNLOADING.text(name=name))
    if found is progress.DOWNLOADING:  # and not one that says more of it, which such a name may look like
        assert arguments == {"name": name}
    else:
        assert found is progress.TURNED


def test_what_is_said_around_a_stage_is_taken_off_from_the_outside() -> None:
    inner = progress.TURNED.text(stage=progress.SEGMENTING_AXIAL.text(), degrees=60)
    found, arguments = Stage.parse(progress.SUPPORT.text(number=1, count=2, stage=inner))
    assert (found, arguments) == (progress.SUPPORT, {"number": "1", "count": "2", "stage": inner})
    assert Stage.parse(inner)[1]["stage"] == "Segmenting axial slices"


def test_a_phrase_that_is_no_stage_is_none() -> None:
    assert Stage.parse("folding a paper crane") == (None, {})


def test_two_stages_have_two_texts() -> None:
    assert len({stage.template for stage in STAGES}) == len(STAGES) > 20


def test_nobody_reports_a_stage_that_is_not_in_the_list() -> None:
    """Neither a quoted phrase nor one made on the spot."""
    wild = []
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_report = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_report and node.func.attr == "progress" and node.args:
                wild += [path.name for part in node.args[:1] if isinstance(part, ast.Constant | ast.JoinedStr)]
    assert wild == []


class Ear(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.metrics: list[str] = []

    def metric(self, name: str, step: int, value: float) -> None:
        self.metrics.append(name)


def reported(*how: str | bool, **named: str | bool) -> tuple[Ear, Forwarding]:
    ear = Ear()
    monitor = Forwarding(ear, *how, **named)
    monitor.progress("Reading", 1, 2)
    monitor.metric("loss", 1, 0.5)
    monitor.warning("careful")
    return ear, monitor


@pytest.mark.parametrize(
    ("how", "stages", "warnings", "metrics"),
    [
        ({}, ["Reading"], ["careful"], ["loss"]),
        ({"prefix": "A: "}, ["A: Reading"], ["A: careful"], ["loss"]),
        ({"prefix": "[1/2] ", "name": "ct"}, ["[1/2] Reading"], ["ct: careful"], ["loss"]),
        ({"name": "ct", "quiet": True}, [], ["ct: careful"], []),
    ],
)
def test_a_forwarding_monitor_says_whose_words_it_passes_on(how, stages, warnings, metrics) -> None:
    ear, monitor = reported(**how)
    assert (ear.stages, ear.warnings, ear.metrics) == (stages, warnings, metrics)
    assert monitor.warnings == ["careful"]


def test_a_forwarding_monitor_stops_when_the_other_does() -> None:
    ear, monitor = reported(quiet=True)
    assert not monitor.cancelled()
    ear.stop = True
    assert monitor.cancelled()
