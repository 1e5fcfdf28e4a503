"""A structure: what one label value stands for, with its name, colour and terminology.

Standard library only: head files and the user interface speak of structures without loading numpy.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..utils.plaintext import LONGEST_TEXT, is_plain

LARGEST_VALUE = 65535
"""Labelmaps hold at most 16 bits a voxel."""

_PALETTE = (
    (0.90, 0.30, 0.26), (0.30, 0.69, 0.40), (0.29, 0.53, 0.91), (0.96, 0.76, 0.26), (0.62, 0.40, 0.80),
    (0.20, 0.74, 0.76), (0.95, 0.55, 0.25), (0.88, 0.45, 0.68), (0.60, 0.75, 0.25), (0.60, 0.44, 0.32),
)  # fmt: skip
_GOLDEN_RATIO = 0.618033988749895


@dataclass(frozen=True)
class Structure:
    """One label value of a labelmap.

    ``value`` is 1..65535; ``color`` is red, green, blue, each 0..1; ``terminology`` is a Slicer terminology entry
    (``context~category~type~modifier~context~region~modifier``) or empty. Raises InputError.
    """

    value: int
    name: str
    color: tuple[float, float, float]
    terminology: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _checked_value(self.value))
        object.__setattr__(self, "color", _checked_color(self.color))
        _check_text("name", self.name)
        _check_text("terminology", self.terminology)
        if not self.name.strip():
            msg = f"The structure of label {self.value} has no name."
            raise InputError(msg, "Give it a name.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: value, name, color, terminology."""
        return {
            "value": self.value,
            "name": self.name,
            "color": list(self.color),
            "terminology": self.terminology,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Structure:
        """The structure that ``to_dict`` wrote; keys it does not know are ignored."""
        if not isinstance(document, Mapping) or "value" not in document or "name" not in document:
            msg = f"A structure needs a value and a name; this one is {document!r}."
            raise InputError(msg)
        value = _checked_value(document["value"])
        color = document.get("color", default_color(value))
        return cls(value, document["name"], color, document.get("terminology", ""))


def default_color(value: int) -> tuple[float, float, float]:
    """A colour for a label value: ten hand-picked ones, then hues that keep apart (golden ratio)."""
    if 1 <= value <= len(_PALETTE):
        return _PALETTE[value - 1]
    hue = (value * _GOLDEN_RATIO) % 1.0
    return colorsys.hsv_to_rgb(hue, (0.65, 0.85, 0.5)[value % 3], (0.9, 0.75)[value % 2])


def default_structure(value: int) -> Structure:
    """The structure of a label value about which nothing is known."""
    return Structure(value, f"Structure {value}", default_color(value))


def complete_structures(values: Iterable[int], known: Iterable[Structure]) -> tuple[Structure, ...]:
    """``known`` in its order, then default structures for the other ``values``. Raises InputError for twins."""
    structures = list(known)
    seen: set[int] = set()
    for structure in structures:
        if structure.value in seen:
            msg = f"Two structures have the label value {structure.value}."
            raise InputError(msg, "Give each structure a value of its own.")
        seen.add(structure.value)
    structures += [default_structure(value) for value in sorted(set(values) - seen - {0})]
    return tuple(structures)


def _checked_value(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 1 <= int(value) <= LARGEST_VALUE:
        msg = f"A structure's label value must be a whole number from 1 to {LARGEST_VALUE}; it is {value!r}."
        raise InputError(msg)
    return int(value)


def _checked_color(color: Any) -> tuple[float, float, float]:
    try:
        red, green, blue = (float(part) for part in color)
    except (TypeError, ValueError):
        red = green = blue = math.nan
    if not all(0.0 <= part <= 1.0 for part in (red, green, blue)):
        msg = f"A structure's color must be three numbers from 0 to 1; it is {color!r}."
        raise InputError(msg)
    return red, green, blue


def _check_text(what: str, text: Any) -> None:
    if not isinstance(text, str) or len(text) > LONGEST_TEXT or not is_plain(text):
        msg = f"A structure's {what} must be one line of at most {LONGEST_TEXT} characters; it is {text!r:.80}."
        raise InputError(msg)
