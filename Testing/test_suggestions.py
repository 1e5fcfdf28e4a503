"""Which slices are suggested: the doubtful ones, apart from one another, at the voxel to look at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Volume
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.heads.parts import PlaneRule, StructureFacts
from SAMAdaptLib.inference import slice_suggestion as suggestions

GRID = Geometry(size=(12, 10, 20), spacing=(1.0, 1.0, 6.0), direction=np.diag([-1.0, 1.0, 1.0]))
HEAD = SimpleNamespace(
    card=SimpleNamespace(
        plane=PlaneRule(name="axial", acquisition=True),
        name="heart",
        channel_names=(),
        intensities=({"kind": "percentile", "low": 0.5, "high": 99.5},),
        structures=[StructureFacts(value=1, name="Pool"), StructureFacts(value=2, name="Wall")],
    )
)


def sure() -> np.ndarray:
    """A slice (classes, rows, columns) with a pool that nobody doubts."""
    probabilities = np.zeros((3, 10, 12), np.float32)
    probabilities[0] = 1
    probabilities[0, 2:6, 2:6], probabilities[1, 2:6, 2:6] = 0.01, 0.99
    return probabilities


def doubtful(share: float, row: int = 7, column: int = 9) -> np.ndarray:
    """The same with a wall that may or may not be there."""
    probabilities = sure()
    probabilities[0, row - 1 : row + 2, column - 1 : column + 2] = 1 - share
    probabilities[2, row - 1 : row + 2, column - 1 : column + 2] = share
    return probabilities


@pytest.fixture
def a_volume() -> Volume:
    return Volume(np.random.default_rng(0).normal(size=GRID.shape).astype(np.float32), GRID)


def suggest(monkeypatch: Any, volume: Volume, stack: dict[int, np.ndarray], count: int = 3) -> list[Any]:
    class CascadePredictor:
        def __init__(self, *_: Any) -> None: ...

        def slices(self, sliced: Any) -> Any:
            return iter([stack.get(n, sure()) for n in range(len(sliced))])

    monkeypatch.setattr(suggestions, "CascadePredictor", CascadePredictor)
    monkeypatch.setattr(suggestions, "FeatureCache", lambda: None)
    return suggestions.suggest_slices(volume, HEAD, count=count)


def test_the_most_doubtful_slice_comes_first(monkeypatch: Any, a_volume: Volume) -> None:
    found = suggest(monkeypatch, a_volume, {4: doubtful(0.3), 15: doubtful(0.5)}, count=2)
    assert [item.slice for item in found] == [15, 4]
    assert found[0].doubt > found[1].doubt > 0
    assert found[0].structures == ("Wall",)


def test_neighbours_are_not_suggested_together(monkeypatch: Any, a_volume: Volume) -> None:
    found = suggest(monkeypatch, a_volume, {4: doubtful(0.5), 5: doubtful(0.49), 12: doubtful(0.3)}, count=2)
    assert [item.slice for item in found] == [4, 12]


def test_the_voxel_to_look_at_is_the_doubtful_one_in_the_volumes_own_order(monkeypatch: Any, a_volume: Volume) -> None:
    found = suggest(monkeypatch, a_volume, {6: doubtful(0.5, row=7, column=9)}, count=1)
    assert (found[0].plane, found[0].slice, found[0].slices) == ("axial", 6, 20)
    assert found[0].ijk == (2, 7, 6)  # the i axis points right, columns count to the left: 11 - 9


def test_slices_that_nobody_looked_at_are_not_suggested(monkeypatch: Any, a_volume: Volume) -> None:
    class CascadePredictor:
        def __init__(self, *_: Any) -> None: ...

        def slices(self, sliced: Any) -> Any:
            return iter([None] * len(sliced))

    monkeypatch.setattr(suggestions, "CascadePredictor", CascadePredictor)
    monkeypatch.setattr(suggestions, "FeatureCache", lambda: None)
    assert suggestions.suggest_slices(a_volume, HEAD) == []


def test_at_least_one_slice_must_be_asked_for(a_volume: Volume) -> None:
    with pytest.raises(InputError, match="At least one slice"):
        suggestions.suggest_slices(a_volume, HEAD, count=0)
