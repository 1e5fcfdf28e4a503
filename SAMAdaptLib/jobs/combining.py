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
