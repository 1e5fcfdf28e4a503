"""Tables and sizes as plain text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> str:
    """Columns under headings; those of index ``right`` are flushed right. None shows as a dash."""
    texts = [list(headings)] + [[cell(value) for value in row] for row in rows]
    widths = [max(width(row[column]) for row in texts) for column in range(len(headings))]
    lines = []
    for row in texts:
        cells = [pad(text, widths[column], column in right) for column, text in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * size for size in widths))
    return "\n".join(lines)


def cell(value: Any) -> str:
    """One value: floats with three digits, None as a dash."""
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else " ".join(str(value).split())


def counted(count: int, things: str) -> str:
    """``3 slices``, ``1 slice``: ``things`` is a plural in s."""
    return f"{count} {things.removesuffix('s') if count == 1 else things}"


def width(text: str) -> int:
    """Columns in a terminal: East Asian characters take two, combining marks none."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text if not unicodedata.combining(c))


def pad(text: str, size: int, right: bool = False) -> str:
    """The text filled with blanks to ``size`` columns."""
    blanks = " " * (size - width(text))
    return blanks + text if right else text + blanks


def size(count: float | None) -> str:
    """Bytes for people: ``28.1 MB``."""
    if count is None:
        return "-"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"
