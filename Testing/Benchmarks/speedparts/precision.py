"""What reduced precision costs: the same head on the same volumes, features in fp32 and as chosen here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .common import Bench, Row, environment, fresh_home

PART = "precision"
MOST = 0.005
SETS = {
    "acdc": ("patient061", ("patient003", "patient023", "patient043", "patient083")),
    "chaos_t2": (0, (1, 2, 3, 4, 5, 6, 7)),
}
"""Support and query by set: beginnings of ids, or places in the sorted list of ids."""


def measure(bench: Bench) -> list[Row]:
    """Trains as chosen here; needs real volumes."""
    if bench.data is None:
        return [Row(PART, "Dice in reduced precision", "skipped: no --data", None, None, "Dice")]
    rows = []
    for name, (support, query) in SETS.items():
        if (bench.data / name / "images").is_dir():
            rows.append(_set(bench, bench.data / name, support, query))
    return rows


def _set(bench: Bench, folder: Path, support: Any, query: Any) -> Row:
    from SAMAdaptLib.samples import Case
    from SAMAdaptLib.training import train

    names = sorted(path.name for path in (folder / "images").iterdir())
    cases = [Case(*_read(folder, name)) for name in _found(names, [support])]
    with fresh_home("mobile_sam"):
        with environment(SAMADAPT_PRECISION=None):
            head = train(cases, head="cnn", budget="fast")
        chosen = _found(names, query)[: 2 if bench.quick else None]
        scores = {word: _dice(head, folder, chosen, word) for word in ("fp32", None)}
    loss = scores["fp32"] - scores[None]
    words = f"{folder.name}: mean Dice of {len(chosen)} volumes, reduced precision"
    return bench.row(PART, words, "the same head in fp32", scores["fp32"], scores[None], "Dice", None,
                     f"within {MOST:g}", abs(loss) <= MOST)  # fmt: skip


def _dice(head: Any, folder: Path, names: list[str], precision: str | None) -> float:
    from SAMAdaptLib.inference import segment
    from SAMAdaptLib.metrics import evaluate

    found = []
    with environment(SAMADAPT_PRECISION=precision):
        for name in names:
            volume, truth = _read(folder, name)
            found.append(evaluate(segment(volume, head), truth).mean_dice)
    return float(np.mean(found))


def _read(folder: Path, name: str) -> tuple[Any, Any]:
    from SAMAdaptLib.volume import read_labelmap, read_volume

    volume = read_volume(folder / "images" / name)
    return volume, read_labelmap(folder / "labels" / name, like=volume)


def _found(names: list[str], wanted: Any) -> list[str]:
    places = [names[place] for place in wanted if isinstance(place, int)]
    return places + [name for name in names if any(name.startswith(w) for w in wanted if isinstance(w, str))]
