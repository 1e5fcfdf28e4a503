"""Scores as aligned text, for a terminal or a log."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..metrics import Evaluation, StructureScore

ABSENT = "–"
"""Stands where there is no score."""

LONGEST_NAME = 32


def score_table(evaluation: Evaluation) -> str:
    """One line a structure and a mean: Dice, NSD at its tolerance, HD95 in mm, volumes in ml."""
    head = ("Structure", "Dice", nsd_title(evaluation.tolerance_mm), "HD95 mm", "Volume ml", "Reference ml")
    rows = [(clipped(row.name), *score_cells(row)) for row in evaluation.structures]
    means = evaluation.mean_dice, evaluation.mean_nsd, evaluation.mean_hd95_mm
    mean = ("Mean", number(means[0], 3), number(means[1], 3), number(means[2], 1), "", "")
    return aligned([head, *rows], last=mean)


def benchmark_table(result: Mapping[str, Any]) -> str:
    """One line a support: its head, seconds, mean Dice and each structure's; then the mean over supports."""
    facts = result.get("structures", {})
    values = sorted(facts, key=int)
    names = [clipped(str(facts[value].get("name", value)), 16) for value in values]
    head = ("Support", "Head", "Train s", "Dice", *names)
    rows = []
    for support in result["supports"]:
        dice = support.get("dice", {})
        scores = [number(dice.get(value), 3) for value in values]
        ids = clipped(short_ids(support["support"]))
        seconds, mean = number(support["train_seconds"], 0), number(support["mean_dice"], 3)
        rows.append((ids, str(support["head"]), seconds, mean, *scores))
    spread = result.get("sd_dice")
    overall = number(result["mean_dice"], 3) + ("" if spread is None else f" ± {spread:.3f}")
    totals = [number(facts[value].get("mean_dice"), 3) for value in values]
    return aligned([head, *rows], last=("Mean", "", "", overall, *totals))


def score_cells(row: StructureScore) -> tuple[str, str, str, str, str]:
    """Dice, NSD, HD95, volume and reference volume of one structure as text."""
    volumes = (number(row.predicted_ml, volume_digits(row)), number(row.reference_ml, volume_digits(row)))
    return number(row.dice, 3), number(row.nsd, 3), number(row.hd95_mm, 1), *volumes


def volume_digits(row: StructureScore) -> int:
    """Decimals for a structure's volumes: three significant figures, at most three decimals."""
    largest = max(row.predicted_ml, row.reference_ml)
    return 1 if largest <= 0 else min(max(2 - math.floor(math.log10(largest)), 0), 3)


def nsd_title(tolerance_mm: float) -> str:
    """The NSD column's title; the figure means nothing without its tolerance."""
    return f"NSD at {tolerance_mm:g} mm"


def number(value: float | None, digits: int) -> str:
    """The number with that many decimals, or a dash where there is none."""
    return ABSENT if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def clipped(text: str, longest: int = LONGEST_NAME) -> str:
    """The text on one line, cut to ``longest`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def short_ids(ids: Sequence[str]) -> str:
    """One support in few words: the word with which all its ids begin, or the first id and how many more."""
    if len(ids) == 1:
        return ids[0]
    common = os.path.commonprefix(list(ids))
    if any(len(one) > len(common) and one[len(common)].isalnum() for one in ids):
        common = re.sub(r"[^\W_]+$", "", common)  # not half a word
    return common.rstrip("_-. ") or f"{ids[0]} and {len(ids) - 1} more"


def aligned(rows: Sequence[Sequence[str]], last: Sequence[str] | None = None) -> str:
    """Rows as columns two spaces apart, the first left-aligned; a rule below the head and above ``last``."""
    table = [*rows, last] if last else list(rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for row in table:
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        lines.append("  ".join(cells).rstrip())
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    lines.insert(1, rule)
    if last:
        lines.insert(len(lines) - 1, rule)
    return "\n".join(lines)
