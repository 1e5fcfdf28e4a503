"""The benchmark of live segmentation: which slices it annotates and judges, and the table that it writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent / "Benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.insert(0, str(BENCHMARKS))

import live as bench  # noqa: E402  it lies in the folder above


@pytest.fixture
def labels() -> np.ndarray:
    """Twenty slices, of which 3 to 15 show a structure."""
    found = np.zeros((20, 4, 4), np.uint8)
    found[3:16, 1:3, 1:3] = 1
    return found


def test_the_first_and_the_last_slice_are_annotated_too(labels: np.ndarray) -> None:
    assert bench.annotated(labels, 8) == [3, 11, 15]
    assert bench.annotated(labels, 4) == [3, 7, 11, 15]
    assert bench.annotated(labels, 0) == [5, 9, 13]


def test_only_slices_of_the_extent_that_nobody_annotated_are_judged(labels: np.ndarray) -> None:
    assert bench.judged(labels, [3, 11, 15]) == [4, 5, 6, 7, 8, 9, 10, 12, 13, 14]


def test_dice_is_the_mean_over_structures_that_are_there(labels: np.ndarray) -> None:
    truth = labels.copy()
    truth[5, 0, 0] = 2
    assert bench.mean_dice(labels, truth, [4, 5]) == pytest.approx(0.5)
    assert bench.mean_dice(labels, truth, [0, 1]) is None


def test_the_table_tells_the_gain_and_leaves_out_who_was_developed_on() -> None:
    def part(dice: float) -> dict[str, Any]:
        return {"dice": dice, "seconds": 1.0, "slices": 9}

    kept = {
        "chaos_t2|chaos_01|every 8th|itk": part(0.5),
        "chaos_t2|chaos_01|every 8th|live": part(0.9),
        "chaos_t2|chaos_02|every 8th|itk": part(0.6),
        "chaos_t2|chaos_02|every 8th|live": part(0.8),
    }
    found = bench.summary(kept)
    live = found["chaos_t2"]["every 8th"]["live"]
    assert (live["dice"], live["dice_of_others"], live["volumes"]) == (0.85, 0.8, 2)
    text = bench.to_markdown({"dice": found, "note": bench.NOTE, "speed": {"avx2": {"encode 100 slices": "9 s"}}})
    assert "+0.300" in text
    assert "| encode 100 slices | 9 s |" in text


def test_volumes_of_the_benchmark_are_there(shared_data: Path) -> None:
    for name, chosen in bench.SETS.items():
        for volume in chosen.ids:
            image = volume.partition(":")[0]
            places = (shared_data / chosen.folder / "images", shared_data / chosen.folder)
            assert any((place / f"{image}.nii.gz").exists() for place in places), (name, volume)
