"""The sample patients by name. Standard library only: menus list them without loading numpy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SEEDS: Mapping[str, int] = MappingProxyType({"B": 2, "C": 3, "D": 4})
"""Of the simulated patients."""

NAMES = ("A", *SEEDS)


def title(name: str) -> str:
    """How a patient is called wherever it is shown."""
    return f"Brain {name} (simulated)" if name in SEEDS else f"Brain {name} (template)"
