"""What was found in many volumes, as a table for a spreadsheet: one row a structure of a volume."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADER = ("volume", "structure", "volume_ml", "certainty", "dice", "in_training", "warnings")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class StructureRow:
    """One structure of one volume.

    ``dice``: None where there is no reference; ``trained``: the model learned from this volume.
    """

    volume: str
    structure: str
    volume_ml: float | None
    certainty: float | None
    dice: float | None = None
    trained: bool = False
    warnings: Sequence[str] = ()


def csv_text(rows: Iterable[StructureRow]) -> str:
    """Comma-separated values with a header, with a byte-order mark so that spreadsheets read the letters right."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    for row in rows:
        numbers = (_number(row.volume_ml, 3), _number(row.certainty, 4), _number(row.dice, 4))
        said = " ".join(row.warnings)
        writer.writerow([_plain(row.volume), _plain(row.structure), *numbers, int(row.trained), _plain(said)])
    return "\ufeff" + out.getvalue()


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula: names of files may come from strangers."""
    text = " ".join(text.split())
    return f"'{text}" if text.startswith(_FORMULA) else text
