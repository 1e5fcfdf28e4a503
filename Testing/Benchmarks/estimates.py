"""How far the Dice that heads' cards promise on other patients is from what they reached.

    python Testing/Benchmarks/estimates.py Resources/Benchmarks/acdc.json Resources/Benchmarks/chaos_t2.json \\
        -o Resources/Benchmarks/estimates.md

Takes the first row of each table of ``tables.py``, and what a card promises today for the held-out Dice that is written
there. Heads from scribbles, whose cards promise nothing, are left out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tables import read

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib.heads.card import expected_elsewhere  # noqa: E402


def row(name: str, result: dict[str, Any]) -> tuple[str, int, float, float, float] | None:
    """Name, supports, means of what was promised and reached, and the mean distance of the two; None where no head of
    the set promises anything."""
    judged = [
        (expected_elsewhere(support["held_out_dice"], support["training"]["cases"]), support["mean_dice"])
        for support in result["supports"]
        if support.get("expected_dice") is not None
    ]
    if not judged:
        return None
    promised, reached = (statistics.mean(values) for values in zip(*judged, strict=True))
    return name, len(judged), promised, reached, statistics.mean(abs(one - other) for one, other in judged)


def table(rows: Sequence[tuple[str, int, float, float, float]]) -> str:
    """The rows as Markdown, with the mean over sets below."""
    lines = ["| set | heads | promised | reached | distance |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {name} | {count} | {p:.3f} | {r:.3f} | {off:.3f} |" for name, count, p, r, off in rows]
    return "\n".join([*lines, f"| mean over sets | | | | **{statistics.mean(row[4] for row in rows):.3f}** |"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path, help="JSON files of tables.py")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write the table (Markdown)")
    chosen = parser.parse_args()
    found = [row(path.stem, read(path)[0]) for path in chosen.tables]
    text = table([one for one in found if one is not None])
    chosen.output.write_text(f"# What cards promise, and what was reached (mean Dice)\n\n{text}", encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
