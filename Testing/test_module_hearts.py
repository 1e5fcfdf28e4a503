"""The whole way by clicks on two real patients: what Benchmarks/clicks.py prints, held to what it must be."""

from __future__ import annotations

import importlib.util
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")
pytest.importorskip("torch", reason="torch is not installed")

GRANTED = 5.0
"""How much longer than the target a pause may be where other work keeps the machine busy."""

CLICKS = Path(__file__).resolve().parent / "Benchmarks" / "clicks.py"
WORKING = (
    "fill in",
    "cancel: reading the scene",
    "cancel: encoding",
    "cancel: training",
    "train",
    "cancel: segmenting",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="looks at processes with POSIX means"),
]


@pytest.fixture(scope="module")
def clicks() -> Any:
    """The command as a module."""
    spec = importlib.util.spec_from_file_location("clicks", CLICKS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["clicks"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(clicks: Any, shared_data: Path) -> Any:
    """What a tour finds: trained on one patient in both phases, the other patient segmented."""
    from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER, ENTRIES
    from SAMAdaptLib.encoders.weights import store as weights

    if weights.locate(ENTRIES[DEFAULT_ENCODER]) is None:
        pytest.skip("the default encoder's weights are not on this computer (python -m SAMAdaptLib encoders --fetch)")
    folder = shared_data / "acdc"
    if not folder.is_dir():
        pytest.skip(f"no hearts at {folder}")
    chosen = Namespace(
        data=folder, support="patient061", query="patient001", encoder=DEFAULT_ENCODER, budget="fast", explain=False
    )
    return clicks.take(chosen, lambda text: None)


def test_the_other_patients_heart_is_found(found: Any) -> None:
    assert set(found.dice) == {"Query 1", "Query 2"}
    assert min(dice["mean"] for dice in found.dice.values()) > 0.55


def test_neither_a_cancelled_stage_nor_a_killed_worker_nor_quitting_leaves_anything(found: Any) -> None:
    stages = {"reading the scene", "encoding", "training", "segmenting", "worker killed", "quit"}
    assert stages <= set(found.left)
    assert found.remains == []


def test_each_cancelled_stage_was_really_cancelled(found: Any) -> None:
    said = {stage: text for stage, text in found.said.items() if stage.startswith("cancel: ")}
    assert len(said) == 4
    assert all(text.startswith("Cancelled") for text in said.values())
    assert "ended in the middle of the job" in found.said["worker killed"]


def test_the_event_loop_goes_on_in_training_and_segmenting(found: Any, clicks: Any) -> None:
    stages = [*WORKING, "segment Query 1", "segment Query 2"]
    assert {
        stage: found.pauses_ms[stage] for stage in stages if found.pauses_ms[stage] > GRANTED * clicks.TARGET_MS
    } == {}
