"""Memory: the peak of the process that segments, for a short and a long CT."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .common import Bench, Row, fresh_home, phantom, quick_head

PART = "memory"
ROOT = Path(__file__).resolve().parents[3]
# Linux counts what the parent held into a child's ru_maxrss; VmHWM is the child's own.
_CHILD = """
import json, pathlib, re, sys, time
from SAMAdaptLib.jobs.specs import SegmentJob
from SAMAdaptLib.utils.memory import peak_memory_mb
from SAMAdaptLib.jobs.runner import run_job
began = time.monotonic()
run_job(SegmentJob(image=sys.argv[1], head=sys.argv[2], output=sys.argv[3]))
status = pathlib.Path("/proc/self/status")
own = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.exists() else None
print(json.dumps([int(own[1]) / 1024 if own else peak_memory_mb(), time.monotonic() - began]))
"""


def measure(bench: Bench) -> list[Row]:
    """Segments synthetic CTs of 512 x 512 in a process of their own."""
    with fresh_home(bench.encoder) as home:
        head = quick_head(bench, home / "memory.samhead")
        sizes = (4, 12) if bench.quick else (60, 600)
        peaks = {slices: _peak(bench, home, head, slices) for slices in sizes}
    short, long = sizes
    words = f"peak for {long} slices of 512 x 512"
    baseline = f"peak for {short} slices"
    megabytes = peaks[long]
    return [Row(PART, words, baseline, peaks[short], megabytes, "MB", None, "under 3000 MB", megabytes < 3000)]


def _peak(bench: Bench, home: Path, head: Path, slices: int) -> float:
    from SAMAdaptLib.data.io.volumes import write_volume

    image = home / f"ct-{slices}.nii.gz"
    write_volume(phantom(slices, side=512).volume, image)
    result = home / f"ct-{slices}.seg.nrrd"
    command = [sys.executable, "-c", _CHILD, str(image), str(head), str(result)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    peak, seconds = json.loads(said.stdout.splitlines()[-1])
    bench.say(f"[{PART}] {slices} slices: {peak:.0f} MB, {seconds:.0f} s")
    return float(peak)
