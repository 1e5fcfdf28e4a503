"""The benchmark of doubts: what it counts, and what becomes of volumes that are changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from balls import ball_arrays, ball_head, write_ball
from benchthings import the_command

from SAMAdaptLib.heads.head import save_head

BALL_ML = 1.2 * 1.1 * 5.0 * int(ball_arrays(6)[1].sum()) / 1000


@pytest.fixture(scope="module")
def doubted() -> ModuleType:
    return the_command("doubted")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder as the benchmark reads it, with one ball off the middle."""
    image, labels = write_ball(tmp_path, "one", shift=6)
    for part, path in (("images", image), ("labels", labels)):
        (tmp_path / "balls" / part).mkdir(parents=True)
        Path(path).rename(tmp_path / "balls" / part / "one.nii.gz")
    return tmp_path / "balls"


def test_a_row_tells_bad_results_that_were_doubted_from_good_ones(doubted: ModuleType) -> None:
    row = doubted.Row("hearts", [(0.9, False), (0.8, True), (0.4, True), (0.2, False), (0.1, True)])
    assert row.cells() == ["5", "3", "2", "1", "0.433", "0.550"]
    lines = doubted.table([row, doubted.Row("none")]).splitlines()
    assert lines[3] == "| none | 0 | 0 | 0 | 0 | – | – |"
    assert lines[4] == "| **all** | 5 | 3 | 2 | 1 | 0.433 | 0.550 |"


def test_cases_of_a_benchmark_are_doubted_when_something_was_warned_of(doubted: ModuleType, tmp_path: Path) -> None:
    cases = [{"mean_dice": 0.3, "warnings": ["Not found: Ball."]}, {"mean_dice": 0.8, "warnings": []}]
    path = tmp_path / "hearts.json"
    path.write_text(json.dumps({"supports": [{"cases": cases[:1]}, {"cases": cases[1:]}]}))
    assert doubted.measured(path) == doubted.Row("hearts", [(0.3, True), (0.8, False)])


def test_changed_volumes_are_compared_with_labels_that_were_changed_likewise(doubted: ModuleType, data: Path) -> None:
    head = ball_head()
    structures = [{**structure, "ml": [BALL_ML, BALL_ML]} for structure in head.card.structures]
    head = replace(head, card=replace(head.card, structures=structures))
    rows = {row.name: row.results for row in doubted.tried(head, data, ["one"], [str(data / "images/one.nii.gz")])}
    for kind in ("as they are", "mirrored", "upside down"):
        ((dice, doubt),) = rows.pop(f"balls, {kind}")
        assert dice > 0.9 and not doubt, kind
    ((dice, doubt),) = rows.pop("balls, inverted")
    assert dice < 0.1 and doubt, "all around the ball was found, which is much larger"
    assert rows == {"balls, other kinds of volumes": [(0.0, False)]}


def test_the_command_writes_one_table_of_all(doubted: ModuleType, data: Path, tmp_path: Path) -> None:
    head = save_head(ball_head(), tmp_path / "ball.samhead")
    given = ["--head", str(head), "--data", str(data), "--query", "one", "--others", ""]
    doubted.main([*given, "-o", str(tmp_path / "table")])
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert text.count("| balls, ") == 4
    assert "| **all** | 4 |" in text
