"""Small JSON files in which the program notes things for itself; one that is damaged counts as missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_LONGEST = 4 << 20
"""Bytes; what is longer was not written by us."""


def read_notes(path: Path) -> dict[str, Any]:
    """The JSON object in a file, {} if there is none: the file is missing, damaged, no ordinary file, or too long."""
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
