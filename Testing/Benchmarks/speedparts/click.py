"""The click: what a person waits for beside the encoder and the head, on real MRML with a real worker."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .common import Bench, Row, fresh_home, phantom, quick_head

PART = "click"
ROOT = Path(__file__).resolve().parents[3]


def measure(bench: Bench) -> list[Row]:
    """A cold worker, a short and a long volume, and what opening the module imports."""
    with fresh_home(bench.encoder) as home:
        head = quick_head(bench, home / "click.samhead")
        return [*_clicks(bench, head), _import(bench)]


def _clicks(bench: Bench, head: Path) -> list[Row]:
    import mrmlscenes

    from SAMAdaptLib.jobs.specs import ProbeJob
    from SAMAdaptLib.mrml.logic import SlicerLogic
    from SAMAdaptLib.worker.client import WorkerClient

    client = WorkerClient()
    began = time.perf_counter()
    client.wait(client.submit(ProbeJob(measure=False)))
    ready = time.perf_counter() - began
    rows = [bench.row(PART, "a cold worker is ready", "", None, ready, "s", None, "at most 5 s", ready <= 5)]
    logic = SlicerLogic(client)
    try:
        with mrmlscenes.a_scene() as scene:
            around(logic, _node(scene, 2, 0), head)  # the worker loads the head and the encoder
            for slices in (3, 6) if bench.quick else (10, 100):
                beside, whole = around(logic, _node(scene, slices, slices), head)
                share = beside / whole
                met, target = (beside <= 0.5, "at most 0.5 s") if slices < 50 else (share <= 0.1, "at most 10 %")
                words = f"around encoder and head, {slices} slices ({100 * share:.1f} % of it)"
                rows.append(bench.row(PART, words, "the whole segmentation", whole, beside, "s", None, target, met))
    finally:
        logic.close()
    return rows


def _node(scene: Any, slices: int, seed: int) -> Any:
    import mrmlscenes

    volume = phantom(slices, seed=seed).volume
    return mrmlscenes.add_volume(scene, volume.voxels.astype("int16"), volume.geometry)


def around(logic: Any, node: Any, head: Path) -> tuple[float, float]:
    """(seconds before the first and after the last slice, seconds in all) from the call to the result in the scene."""
    began = time.perf_counter()
    run = logic.segment(node, head, waitForCompletion=False)
    first = last = None
    while run.poll():
        if run.stage.startswith("Segmenting"):
            first = first or time.perf_counter()
            if run.fraction is not None and run.fraction >= 1:
                last = last or time.perf_counter()
        time.sleep(0.002)
    ended = time.perf_counter()
    if run.error is not None:
        raise run.error
    run.settle()
    return (first or ended) - began + ended - (last or ended), ended - began


def _import(bench: Bench) -> Row:
    """Importing the module's own code in a fresh interpreter, without Slicer's."""
    code = (
        "import time; t = time.perf_counter(); import SAMAdaptLib, SAMAdaptLib.gui; "
        "s = time.perf_counter() - t; import sys; "
        "heavy = [m for m in ('numpy', 'torch', 'openvino', 'scipy', 'SimpleITK') if m in sys.modules]; "
        "print(s, *heavy)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, *heavy = said.stdout.split()
    words = "import of the library and the panels" + (f", with {', '.join(heavy)}" if heavy else ", nothing heavy")
    value = 1000 * float(seconds)
    return bench.row(PART, words, "", None, value, "ms", None, "under 100 ms", value < 100 and not heavy)
