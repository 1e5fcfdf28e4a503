"""Choosing some of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def evenly_spaced(items: Sequence[Any], count: int) -> list[Any]:
    """``count`` of the items, evenly spaced."""
    if count >= len(items):
        return list(items)
    return [items[int((position + 0.5) * len(items) / count)] for position in range(count)]
