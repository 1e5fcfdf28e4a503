"""The tables of the evidence: what they keep of a benchmark's results, and what cards promised beside them."""

from __future__ import annotations

import json

import pytest
from benchthings import *  # noqa: F403  fixtures
from benchthings import head, job, only_large, perfect, the_command

from SAMAdaptLib.heads.card import expected_elsewhere
from SAMAdaptLib.jobs.benchmark import Tools, run


def test_the_table_of_results_keeps_nothing_of_a_single_patient(data, tmp_path):
    tables = the_command("tables")
    output = tmp_path / "out.json"
    run(job(data, output, supports=(("p1",), ("p10",)), query=("p2",)), tools=Tools(head, only_large))
    kept = tables.compact(json.loads(output.read_text()))
    assert all("cases" not in support for support in kept["supports"])
    heading, _, only = tables.table([kept], ["large", "small"]).splitlines()
    assert "| large | small | NSD at 2 mm |" in heading
    assert f"| auto | **{kept['mean_dice']:.3f}** ± 0.000 |" in only
    assert only.count("|") == heading.count("|")


def test_a_table_takes_rows_that_were_written_before(data, tmp_path):
    tables = the_command("tables")
    new, earlier = tmp_path / "new.json", tmp_path / "earlier.json"
    result = run(job(data, new, supports=(("p1",),), query=("p2",)), tools=Tools(head, perfect))
    earlier.write_text(json.dumps([tables.compact(result), tables.compact(result)]), encoding="utf-8")
    assert tables.read(earlier) == 2 * tables.read(new)


def test_what_cards_promised_is_set_beside_what_was_reached():
    estimates = the_command("estimates")
    held_out = {"held_out_dice": 0.7 / 0.9, "training": {"cases": 2}}
    supports = [
        {**held_out, "expected_dice": 0.6, "mean_dice": 0.8},
        {**held_out, "expected_dice": 0.6, "mean_dice": 0.5},
        {**held_out, "expected_dice": None, "mean_dice": 0.1},
    ]
    found = estimates.row("hearts", {"supports": supports})
    assert found == ("hearts", 2, pytest.approx(0.7), pytest.approx(0.65), pytest.approx(0.15))
    assert expected_elsewhere(0.7 / 0.9, 2) == pytest.approx(0.7)
    assert estimates.row("scribbles", {"supports": supports[2:]}) is None
    lines = estimates.table([found, ("other", 1, 0.6, 0.61, 0.01)]).splitlines()
    assert lines[2:] == [
        "| hearts | 2 | 0.700 | 0.650 | 0.150 |",
        "| other | 1 | 0.600 | 0.610 | 0.010 |",
        "| mean over sets | | | | **0.080** |",
    ]
