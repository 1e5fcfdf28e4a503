"""The panel with a real worker process: killed, cancelled, left alone; and the whole way from training to a result."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")
pytest.importorskip("torch", reason="torch is not installed")

import slicer  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import nothing_left  # noqa: E402

LONGEST_PAUSE_SECONDS = 0.05
"""What the event loop may stand still for while a job runs; on a machine with other work, some more is granted."""

GRANTED = 5.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes with POSIX signals")


def idle(host: Any) -> bool:
    return host.widget.panel.services.desk.owner == ""


def is_there(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def wait_until_gone(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while is_there(pid) and time.monotonic() < end:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    return not is_there(pid)


@pytest.fixture
def a_tiny_host(a_host: Any, a_case: Any) -> Any:
    """One click away from a training with the tiny encoder."""
    from SAMAdaptLib.gui.parameters import Budget, HeadType

    chosen = a_host.widget._parameterNode
    chosen.encoder, chosen.budget, chosen.headType = "tiny", Budget.FAST, HeadType.LINEAR
    a_host.widget.panel.refresh()
    return a_host


def start_training(host: Any) -> int:
    """Click Train, wait until the worker speaks of it; its process id."""
    host.click("trainButton")
    words = ("Encoding", "Training")
    host.spin(until=lambda: host.ui.trainStatusLabel.text.startswith(words), timeout=90)
    pid = host.logic.runner.pid
    assert pid is not None
    return int(pid)


def test_a_killed_worker_costs_its_job_and_the_next_click_works(a_tiny_host: Any, empty_home: Path) -> None:
    pid = start_training(a_tiny_host)
    os.killpg(pid, signal.SIGKILL)
    a_tiny_host.spin(until=lambda: idle(a_tiny_host), timeout=20)
    assert "ended" in a_tiny_host.ui.trainStatusLabel.text
    assert "INFO job" not in a_tiny_host.ui.trainStatusLabel.text  # the log's last lines would fill the panel
    assert "INFO job" in a_tiny_host.ui.trainStatusLabel.toolTip
    assert nothing_left(empty_home)
    second = start_training(a_tiny_host)
    assert second != pid
    a_tiny_host.click("trainButton")
    a_tiny_host.spin(until=lambda: idle(a_tiny_host), timeout=60)
    assert a_tiny_host.ui.trainStatusLabel.text.startswith("Cancelled")
    assert nothing_left(empty_home)


def test_quitting_in_mid_job_leaves_no_process_and_no_file(a_tiny_host: Any, empty_home: Path) -> None:
    pid = start_training(a_tiny_host)
    a_tiny_host.quit()
    assert wait_until_gone(pid)
    assert nothing_left(empty_home)


def test_a_closed_scene_in_mid_job_frees_the_panel_for_the_next_scene(a_tiny_host: Any, empty_home: Path) -> None:
    start_training(a_tiny_host)
    a_tiny_host.closeScene()
    a_tiny_host.spin(until=lambda: idle(a_tiny_host), timeout=60)
    assert nothing_left(empty_home)
    assert a_tiny_host.messages == []
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScriptedModuleNode") == 1


@pytest.mark.slow
def test_training_and_segmenting_by_clicks_finds_the_structures(a_tiny_host: Any, empty_home: Path) -> None:
    from SAMAdaptLib.evaluation.metrics import evaluate
    from SAMAdaptLib.mrml import capture_annotation
    from SAMAdaptLib.mrml.selftest import NAMES, addPhantom

    with a_tiny_host.watch() as training:
        a_tiny_host.click("trainButton")
        a_tiny_host.spin(until=lambda: idle(a_tiny_host), timeout=300)
    volume, truth = addPhantom("Patient B", shift=3.0, seed=1)
    a_tiny_host.click("segmentWithItButton")
    a_tiny_host.widget._parameterNode.inputVolume = volume
    with a_tiny_host.watch() as segmenting:
        a_tiny_host.click("segmentButton")
        a_tiny_host.spin(until=lambda: idle(a_tiny_host), timeout=120)
    node = a_tiny_host.widget.panel.segment.placement.node
    values = {name: value for value, name in NAMES.items()}
    found = capture_annotation(node, volume, None, values).labelmap()
    assert evaluate(found, found.with_array(truth)).mean_dice > 0.8
    assert nothing_left(empty_home)
    assert training.longest < GRANTED * LONGEST_PAUSE_SECONDS
    assert segmenting.longest < GRANTED * LONGEST_PAUSE_SECONDS


@pytest.mark.slow
def test_the_self_test_that_runs_inside_slicer_passes(a_host: Any, empty_home: Path) -> None:
    a_host.testing(True)
    a_host.module.runTest(msec=1)
    assert not list((empty_home / "heads").iterdir())  # the library of heads is the user's
    assert nothing_left(empty_home)
