"""What tests of the command line stand on: a training's answer, jobs that are taken or fail, a folder of volumes.

Imported with ``*`` by test files, so that pytest finds the fixtures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from balls import ball_head, write_ball

from SAMAdaptLib.cli import verbs
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.jobs import specs as jobs

A_TRAINING = ["train", "--case", "a.nii", "b.nii", "-o", "h.samhead"]
TRAINED = {
    "kind": "train",
    "head": "h.samhead",
    "head_type": "cnn",
    "encoder": "tiny",
    "plane": {"name": "axial"},
    "structures": [{"value": 1, "name": "Ball"}],
    "quality": {"dice": {"1": 0.5}},
    "mean_dice": 0.5,
    "training": {"slices": 3},
    "seconds": 61.0,
    "cancelled": False,
}


@pytest.fixture
def asked(monkeypatch) -> list[jobs.Job]:
    """The jobs that a command makes, instead of running them."""
    made: list[jobs.Job] = []

    def take(job: jobs.Job, monitor: Any) -> dict:
        made.append(job)
        return dict(TRAINED)

    monkeypatch.setattr(verbs, "run_job", take)
    return made


@pytest.fixture
def fault(monkeypatch):
    """Lets every job raise what the test says."""

    def raising(error: BaseException) -> None:
        def fail(job: jobs.Job, monitor: Any) -> dict:
            raise error

        monkeypatch.setattr(verbs, "run_job", fail)

    return raising


@pytest.fixture
def balls(tmp_path: Path, empty_home: Path) -> Path:
    """A folder with ball.samhead, a.nii.gz, b.nii.gz and their labels."""
    folder = tmp_path / "data"
    folder.mkdir()
    save_head(ball_head(), folder / "ball.samhead")
    write_ball(folder, "a")
    write_ball(folder, "b", shift=3)
    return folder
