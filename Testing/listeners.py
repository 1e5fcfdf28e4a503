"""Monitors for tests: they keep what they hear."""

from __future__ import annotations

from SAMAdaptLib.progress import Silent


class Listener(Silent):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)
