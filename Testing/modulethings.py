"""Things that tests of the module stand on: a runner that does what the test says, heads, and annotated phantoms."""

from __future__ import annotations

import itertools
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from SAMAdaptLib.jobs.specs import Job
from SAMAdaptLib.worker.folder import JobFolder
from SAMAdaptLib.worker.handle import Callbacks, JobHandle, poll_until_over
from SAMAdaptLib.worker.in_process import short_sleep

STRUCTURES = (("Pool", 1, (0.9, 0.3, 0.25)), ("Wall", 2, (0.3, 0.7, 0.4)))


class ScriptedRunner:
    """A ``JobRunner`` that runs nothing: the test tells each job what it hears."""

    def __init__(self) -> None:
        self.handles: list[JobHandle] = []
        self.closed = 0
        self.cancelled: list[JobHandle] = []
        self._numbers = itertools.count(1)
        self._told: list[Callable[[], None]] = []

    @property
    def busy(self) -> bool:
        return any(not handle.finished for handle in self.handles)

    @property
    def handle(self) -> JobHandle:
        """The last job."""
        return self.handles[-1]

    def submit(self, job: Job, callbacks: Callbacks | None = None, folder: JobFolder | None = None) -> JobHandle:
        handle = JobHandle(
            next(self._numbers), job, callbacks or Callbacks(), folder, _ask_to_cancel=self.cancelled.append
        )
        self.handles.append(handle)
        return handle

    def tell(self, what: Callable[[], None]) -> None:
        """Something that a job hears at the next poll."""
        self._told.append(what)

    def poll(self) -> bool:
        while self._told:
            self._told.pop(0)()
        return self.busy

    def wait(
        self, handle: JobHandle, timeout: float | None = None, pause: Callable[[], object] = short_sleep
    ) -> JobHandle:
        return poll_until_over(self, handle, timeout, pause)

    def close(self) -> None:
        self.closed += 1
        for handle in self.handles:
            handle.end_silently()


def card(
    structures: Any = STRUCTURES, encoder: str = "tiny", input_size: int | None = None, **changes: Any
) -> dict[str, Any]:
    """A head's card as JSON values."""
    return {
        "schema": 1,
        "name": "Heart",
        "head": {"type": "linear", "hyper": {"channels": {"neck": 32}, "classes": len(structures) + 1}},
        "encoder": {"name": encoder, "sha256": "0" * 64, "levels": {"neck": [32, 64]}, "input_size": input_size},
        "plane": {"name": "axial", "acquisition": True},
        "intensity": {"kind": "percentile", "low": 0.5, "high": 99.5},
        "modality": "MR",
        "structures": [
            {"value": value, "name": name, "color": list(color), "terminology": "", "single_component": False}
            for name, value, color in structures
        ],
        "training": {"slices": 8, "views": 48, "steps": 150},
        "quality": {"dice": {"1": 0.95, "2": 0.85}, "mean_dice": 0.9, "held_out_slices": 2},
        **changes,
    }


def write_head(path: Path, **changes: Any) -> Path:
    """A head file without tensors: enough for a library, not for inference."""
    header = json.dumps({"__metadata__": {"samadapt": json.dumps(card(**changes))}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def nothing_left(home: Path, seconds: float = 5.0) -> bool:
    """Whether the jobs' private folders are gone, at the latest in some seconds (a thread removes them)."""
    end = time.monotonic() + seconds
    while list((home / "jobs").iterdir()) and time.monotonic() < end:
        time.sleep(0.02)
    return not list((home / "jobs").iterdir())


def segment_result(job: Any) -> dict[str, Any]:
    """What a worker would answer to a segmentation of a phantom: bright is Pool, dark is Wall."""
    from SAMAdaptLib.data.io.volumes import Labelmap, read_volume, write_labelmap
    from SAMAdaptLib.data.structure import Structure
    from SAMAdaptLib.jobs.resuming import judged

    there = None if job.overwrite else judged(job)
    if there is not None and there.stays:
        return {"kind": "segment", "output": job.output, "structures": [], "skipped": there.reason, "seconds": 0.1}
    volume = read_volume(job.image)
    labels = np.where(volume.voxels > 140, 1, np.where(volume.voxels < 75, 2, 0)).astype(np.uint8)
    structures = [Structure(value, name, color) for name, value, color in STRUCTURES]
    write_labelmap(Labelmap(labels, volume.geometry, structures), job.output)
    facts = [{**item.to_dict(), "volume_ml": 12.5 * item.value, "confidence": 0.9} for item in structures]
    return {"kind": "segment", "output": job.output, "structures": facts, "seconds": 1.5, "warnings": []}


def train_result(job: Any, **changes: Any) -> dict[str, Any]:
    """What a worker would answer to a training; the head is written."""
    path = write_head(Path(job.output))
    facts = card()
    return {
        "kind": "train",
        "head": str(path),
        "name": path.stem,
        "head_type": "linear",
        "encoder": "tiny",
        "structures": facts["structures"],
        "mean_dice": 0.9,
        "quality": facts["quality"],
        "training": facts["training"],
        "seconds": 70.0,
        "warnings": [],
        "cancelled": False,
        **changes,
    }
