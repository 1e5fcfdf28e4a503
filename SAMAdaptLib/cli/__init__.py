"""The command line: ``python -m SAMAdaptLib VERB ...``. See ``main``."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
