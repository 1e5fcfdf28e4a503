"""What the tests of the benchmark share: labelled volumes, stand-ins for heads, its commands as modules."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap, Volume, write_labelmap, write_volume
from SAMAdaptLib.heads.parts import StructureFacts, TrainingRecord
from SAMAdaptLib.jobs.specs import BenchmarkJob

GRID = Geometry((16, 14, 6), (1.0, 1.0, 3.0), (5.0, -3.0, 2.0))
PATIENTS = ("p1_ed", "p1_es", "p2_ed", "p2_es", "p10_ed")


def labelled(seed):
    """A volume on ``GRID`` whose value is about ten times its label (0, 1 or 2)."""
    voxels = np.zeros(GRID.shape, np.uint8)
    start = 2 + seed % 3
    voxels[1:5, start : start + 6, 3:9] = 1
    voxels[2:4, start + 2 : start + 4, 5:8] = 2
    noise = np.random.default_rng(seed).normal(scale=0.5, size=GRID.shape)
    return Volume(10 * voxels + noise, GRID), Labelmap(voxels, GRID)


@pytest.fixture
def data(tmp_path):
    """A folder of five labelled volumes and one without labels."""
    folder = tmp_path / "data"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for seed, name in enumerate((*PATIENTS, "q1")):
        volume, labelmap = labelled(seed)
        write_volume(volume, folder / "images" / f"{name}.nii.gz")
        if name != "q1":
            write_labelmap(labelmap, folder / "labels" / f"{name}.nii.gz")
    return folder


def head(cases=(), cancelled=False, values=(1, 2), **options):
    """What stands for a trained head: a card, and what it was trained with."""
    card = SimpleNamespace(
        shapes=None,
        closer=None,
        input_size=112,
        closer_card=lambda: None,
        expected_dice=0.7,
        mean_dice=0.9,
        head_type="threshold",
        values=list(values),
        structures=[StructureFacts(value=value, name=f"Part {value}") for value in values],
        training=TrainingRecord.of({"steps": 1, "curve": [[1, 0.5, None]], "cancelled": cancelled}),
    )
    return SimpleNamespace(card=card, cases=cases, options=options)


def perfect(volume, trained, **options):
    """Segments what ``labelled`` drew, without error."""
    return Labelmap(np.rint(volume.voxels / 10).clip(0, 2).astype(np.uint8), volume.geometry)


def doubtful(volume, trained, *, monitor, **options):
    """As ``perfect``, but sure of nothing."""
    monitor.warning("Not found: Large.")
    return perfect(volume, trained)


def only_large(volume, trained, **options):
    """Never finds structure 2."""
    found = perfect(volume, trained)
    return found.with_array(np.minimum(found.voxels, 1))


def job(data, output=None, supports=(("p1",),), query=("p2", "p10"), **options):
    return BenchmarkJob(str(data), supports, query, output=None if output is None else str(output), **options)


def the_command(name: str) -> ModuleType:
    """A command of Testing/Benchmarks as a module."""
    folder = str(Path(__file__).parent / "Benchmarks")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)
