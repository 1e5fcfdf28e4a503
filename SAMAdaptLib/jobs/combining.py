"""What is told of all frames of a sequence together. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_GRAVITY = ("wrong", "check")
"""Verdicts on a result, the gravest first; others are good."""


def combined(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``structures`` with their mean volume and certainty over the frames, and the gravest frame's ``verdict``.

    ``frames``: what was told of each, with ``frame`` (its number), ``structures`` and, where there is one, ``verdict``.
    """
    structures = [_mean([frame["structures"][row] for frame in frames]) for row in range(len(frames[0]["structures"]))]
    judged = [frame for frame in frames if frame.get("verdict")]
    worst = min(judged, key=lambda frame: _gravity(frame["verdict"]), default=None)
    return {"structures": structures, **({} if worst is None else {"verdict": {**worst["verdict"]}})}


def _gravity(verdict: Mapping[str, Any]) -> int:
    level = str(verdict.get("level", ""))
    return _GRAVITY.index(level) if level in _GRAVITY else len(_GRAVITY)


def _mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    sure = [row["confidence"] for row in rows if row["confidence"] is not None]
    volume = sum(row["volume_ml"] for row in rows) / len(rows)
    return {**rows[0], "volume_ml": volume, "confidence": round(sum(sure) / len(sure), 4) if sure else None}


def combined_scores(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean scores over the frames in the words of one comparison. A frame without a score counts in no mean.

    ``frames``: what ``Evaluation.to_dict`` says of each.
    """
    rows: dict[int, list[Mapping[str, Any]]] = {}
    for frame in frames:
        for row in frame["structures"]:
            rows.setdefault(row["value"], []).append(row)
    measures = ("dice", "nsd", "hd95_mm", "predicted_ml", "reference_ml")
    structures = [
        {**{k: v for k, v in of_one[0].items() if k != "state"}, **{key: _mean_of(of_one, key) for key in measures}}
        for _value, of_one in sorted(rows.items())
    ]
    means = {key: _mean_of(frames, key) for key in ("mean_dice", "mean_nsd", "mean_hd95_mm")}
    return {"tolerance_mm": frames[0]["tolerance_mm"], **means, "structures": structures}


def _mean_of(rows: Sequence[Mapping[str, Any]], key: str) -> float | None:
    known = [row[key] for row in rows if row[key] is not None]
    return sum(known) / len(known) if known else None
