"""What tells the frames of a sequence apart: a time, a phase, a number, as Slicer's sequences have it. Standard library
only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

NUMERIC, TEXT = "numeric", "text"

LEAST_STEP = 0.002
"""Slicer takes numbers that are less than 0.001 apart for one and the same."""


@dataclass(frozen=True)
class FrameIndex:
    """``values`` has a text for each frame ("0.5"); ``name`` says what they are ("time"), ``unit`` in what ("s")."""

    values: tuple[str, ...]
    name: str = "frame"
    unit: str = ""
    kind: str = NUMERIC

    @classmethod
    def counted(cls, count: int) -> FrameIndex:
        """Frames that are known by their number."""
        return cls(tuple(map(str, range(count))))

    @classmethod
    def spaced(cls, count: int, step: float, unit: str) -> FrameIndex:
        """Frames ``step`` apart in time; by their number where that is no time that tells them apart."""
        if not (unit and LEAST_STEP <= step < 1e9):
            return cls.counted(count)
        return cls(tuple(f"{number * step:.6g}" for number in range(count)), "time", unit)

    @classmethod
    def read(cls, count: int, words: str, name: str, unit: str, kind: str) -> FrameIndex:
        """From a file: ``words`` are the values, blanks in them escaped. Numbers, where they do not fit the frames."""
        values = tuple(unquote(word) for word in words.split())
        if len(values) != count or len(set(values)) != count:
            return cls.counted(count)
        return cls(values, name or "frame", unit, TEXT if kind == TEXT else NUMERIC)

    def words(self) -> str:
        """What ``read`` reads."""
        return " ".join(quote(value, safe="+-.:,") for value in self.values)

    def chosen(self, numbers: Sequence[int]) -> FrameIndex:
        """Of some of the frames."""
        return FrameIndex(tuple(self.values[number] for number in numbers), self.name, self.unit, self.kind)
