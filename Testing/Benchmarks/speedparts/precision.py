"""What reduced precision costs: the same heads on the same volumes, features in fp32 and as chosen here.

One quick head on a few volumes gains or loses more by chance than is asked about: two heads of two supports each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .common import Bench, Row, environment, fresh_home

PART = "precision"
MOST = 0.005
SETS = {
    "acdc": (("patient061", "patient021"), tuple(f"patient0{tens}{ones}" for tens in "02468" for ones in "34")),
    "chaos_t2": ((0, 1), (2, 3, 4, 5, 6, 7)),
}
"""Supports, each with a head of its own, and query by set: beginnings of ids, or places in the sorted list of ids."""


def measure(bench: Bench) -> list[Row]:
    """Trains as chosen here; needs real volumes."""
    from SAMAdaptLib.utils.processor import has_bf16_units

    if bench.data is None:
        return [Row(PART, "Dice in reduced precision", "skipped: no --data", None, None, "Dice")]
    if not has_bf16_units():
        return [Row(PART, "Dice in reduced precision", "skipped: all is in fp32 here", None, None, "Dice")]
    rows = []
    for name, (supports, query) in SETS.items():
        if (bench.data / name / "images").is_dir():
            rows.append(_set(bench, bench.data / name, supports, query))
    return rows


def _set(bench: Bench, folder: Path, supports: Sequence[Any], query: Sequence[Any]) -> Row:
    names = sorted(path.name for path in (folder / "images").iterdir())
    chosen = _found(names, query)[: 2 if bench.quick else None]
    with fresh_home(bench.encoder):
        with environment(SAMADAPT_PRECISION=None):
            heads = [_head(bench, folder, _found(names, [support])) for support in supports]
        scores = {
            word: float(np.mean([_dice(head, folder, chosen, word) for head in heads])) for word in ("fp32", None)
        }
    loss = scores["fp32"] - scores[None]
    words = f"{folder.name}: mean Dice of {len(chosen)} volumes by {len(heads)} heads, reduced precision"
    return bench.row(PART, words, "the same heads in fp32", scores["fp32"], scores[None], "Dice", None,
                     f"within {MOST:g}", abs(loss) <= MOST)  # fmt: skip


def _head(bench: Bench, folder: Path, names: list[str]) -> Any:
    from SAMAdaptLib.data.case import Case
    from SAMAdaptLib.training.train import train

    cases = [Case(*_read(folder, name)) for name in names]
    return train(cases, encoder=bench.encoder, head="cnn", budget="fast")


def _dice(head: Any, folder: Path, names: list[str], precision: str | None) -> float:
    from SAMAdaptLib.evaluation.metrics import evaluate
    from SAMAdaptLib.inference.segment import segment

    found = []
    with environment(SAMADAPT_PRECISION=precision):
        for name in names:
            volume, truth = _read(folder, name)
            found.append(evaluate(segment(volume, head), truth).mean_dice)
    return float(np.mean(found))


def _read(folder: Path, name: str) -> tuple[Any, Any]:
    from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume

    volume = read_volume(folder / "images" / name)
    return volume, read_labelmap(folder / "labels" / name, like=volume)


def _found(names: list[str], wanted: Any) -> list[str]:
    places = [names[place] for place in wanted if isinstance(place, int)]
    return places + [name for name in names if any(name.startswith(w) for w in wanted if isinstance(w, str))]
