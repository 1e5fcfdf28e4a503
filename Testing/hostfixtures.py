"""Fixtures of the stand-in host's own tests: it runs with a small module in it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from host import SlicerHost
from hostthings import MODULE

__all__ = ["choices", "host"]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[SlicerHost]:
    """The application with a small module in it."""
    path = tmp_path / "Probe.py"
    path.write_text(textwrap.dedent(MODULE), encoding="utf-8")
    with SlicerHost(path) as running:
        yield running


@pytest.fixture
def choices(host: SlicerHost) -> Any:
    """A parameter node with a member of each kind."""
    return host.logic.getParameterNode()
