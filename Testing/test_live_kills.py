"""The live preview with a real worker: what it finds, and what a kill and a closed scene amid a fit leave behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")
pytest.importorskip("torch", reason="torch is not installed")

import slicer  # noqa: E402
from livepanelthings import Painter, painted  # noqa: E402
from modulefixtures import *  # noqa: E402, F403  fixtures
from modulethings import nothing_left  # noqa: E402

from SAMAdaptLib.mrml.selftest import POOL, WALL, phantom  # noqa: E402

PATIENCE = 120.0
"""Seconds; a fit takes one, on a machine that has nothing else to do."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends processes with POSIX signals")


@pytest.fixture
def painter(a_host: Any) -> Any:
    """Somebody who has painted one slice of a small phantom, a real worker looking on."""
    from SAMAdaptLib.worker.client import WorkerClient

    a_host.logic._runner = WorkerClient(threads=1)
    a_host.widget._parameterNode.encoder = "tiny"
    a_host.ui.trainCollapsibleButton.collapsed = False
    voxels, labels = (part[:5] for part in phantom())
    volume = slicer.util.addVolumeFromArray(np.ascontiguousarray(voxels), name="Small")
    volume.SetSpacing(1.5, 1.5, 8.0)
    person = Painter(a_host, a_host.widget.panel.annotate.editor)
    person.live, person.volume, person.truth = a_host.widget.panel.annotate.live, volume, labels
    person.segmentation = person.choose(volume)
    person.ids = person.add_segments(POOL, WALL)
    return person


def paint(person: Any, n: int) -> None:
    for value, segment_id in person.ids.items():
        mask = np.zeros_like(person.truth)
        mask[n] = person.truth[n] == value
        person.paint(segment_id, mask, person.volume)


def previewed(person: Any) -> bool:
    state = person.live.state
    return bool(state.painted and state.settled and state.complete)


def drawn(person: Any) -> list[int]:
    return list(np.flatnonzero(painted(person.segmentation, person.volume).any(axis=(1, 2))))


def test_one_painted_slice_fills_the_others_and_a_killed_worker_costs_nothing_but_time(
    painter: Any, empty_home: Path
) -> None:
    host, live = painter.host, painter.live
    paint(painter, 2)
    host.spin(until=lambda: previewed(painter), timeout=PATIENCE)
    host.spin(until=lambda: live.link.preview.node is not None, timeout=5)
    host.spin(timeout=0.4)
    shown = live.link.preview._voxels()
    others = [0, 1, 3, 4]
    assert (shown[others] == painter.truth[others]).mean() > 0.9
    paint(painter, 4)
    host.spin(until=lambda: live.state.phase.value in ("fitting", "predicting"), timeout=PATIENCE)
    os.kill(host.logic.runner.pid, signal.SIGKILL)
    host.spin(until=lambda: live.state.phase.value == "failed", timeout=PATIENCE)
    assert drawn(painter) == [2, 4]
    assert "Start again" in host.find("liveLiveButton").text
    host.click("liveLiveButton")
    host.spin(until=lambda: previewed(painter), timeout=PATIENCE)
    assert live.state.annotated == (2, 4)
    host.click("liveAcceptButton")
    host.spin(until=lambda: not live.wanted, timeout=30)
    assert drawn(painter) == [0, 1, 2, 3, 4]
    host.spin(timeout=0.5)
    assert nothing_left(empty_home)


def test_a_scene_that_is_closed_in_the_middle_of_a_fit_leaves_the_worker_for_the_next_volume(
    painter: Any, empty_home: Path
) -> None:
    host, live = painter.host, painter.live
    paint(painter, 2)
    host.spin(until=lambda: live.state.phase.value in ("fitting", "predicting"), timeout=PATIENCE)
    host.closeScene()
    runner = host.logic.runner
    host.spin(until=lambda: not runner.busy, timeout=PATIENCE)
    assert nothing_left(empty_home)
    assert host.faults == ()
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
