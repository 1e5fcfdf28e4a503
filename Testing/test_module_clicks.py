"""The four ways through the panel stay short."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

from modulefixtures import *  # noqa: E402, F403  fixtures

sys.path.insert(0, str(Path(__file__).resolve().parent / "Benchmarks"))
from click_counts import AIMS, count  # noqa: E402


def test_training_segmenting_improving_and_many_volumes_take_few_clicks(a_host: Any, a_runner: Any) -> None:
    found = count(a_host, a_runner)
    assert found.keys() == AIMS.keys()
    assert {name: clicks for name, clicks in found.items() if clicks > AIMS[name]} == {}
