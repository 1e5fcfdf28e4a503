"""Live sessions on phantoms: two balls, a few of their slices annotated, the tiny encoder, fits of a few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phantoms import two_balls

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.encoders.tiny import TinyEncoder
from SAMAdaptLib.features.cache import FeatureCache
from SAMAdaptLib.live.session import LiveSession
from SAMAdaptLib.preprocessing.slicing import SliceStack
from SAMAdaptLib.training.dataset import Case

GRID = Geometry((24, 22, 11), (1.0, 1.1, 3.0))
STEPS = (25, 4)

Opened = Callable[..., LiveSession]


def balls(geometry: Geometry = GRID) -> Case:
    """The phantom and its whole annotation."""
    return two_balls(geometry)


def only(labels: np.ndarray, slices: Iterable[int], stack: SliceStack) -> np.ndarray:
    """The labels (k, j, i) of these slices, 0 elsewhere."""
    part = np.zeros_like(labels)
    for index in slices:
        stack.put(part, index, stack.slice(labels, index))
    return part


def dice_of(found: np.ndarray, truth: np.ndarray, value: int) -> float:
    """Dice of one label value."""
    ours, theirs = found == value, truth == value
    return float(2 * (ours & theirs).sum() / max(ours.sum() + theirs.sum(), 1))


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Opens a session on a volume; its features go to a cache of its own."""

    def open_one(case: Case | None = None, labels: Any = None, **options: Any) -> LiveSession:
        given = {"encoder": TinyEncoder(input_size=64), "store": FeatureCache(tmp_path / "features"), "steps": STEPS}
        return LiveSession((case or balls()).volume, labels, **{**given, **options})

    return open_one
