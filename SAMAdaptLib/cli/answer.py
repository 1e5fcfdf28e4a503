"""What a verb answers: for machines, for people, and for the shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """``document`` is the JSON object, ``text`` what people read, ``status`` the exit status; ``complaints`` go to
    standard error after the work, one a line."""

    document: dict[str, Any]
    text: str
    status: int = 0
    complaints: tuple[str, ...] = ()
