"""Where SAMAdapt keeps what it may lose: weights, features, heads, logs.

``SAMADAPT_HOME`` moves the whole folder; else it is the platform's cache folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import InputError


def home() -> Path:
    """The folder that holds everything (not created here)."""
    chosen = os.environ.get("SAMADAPT_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "SAMAdapt"


def folder(name: str) -> Path:
    """A subfolder of the home (``weights``, ``features``, ``heads``, ``logs``, ``jobs``), created if need be.

    Raises InputError when it cannot be created, naming the variable that moves it.
    """
    path = home() / name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {path} cannot be created ({error.strerror or error})."
        raise InputError(msg, "Set SAMADAPT_HOME to a folder that you may write to.") from error
    return path


def starter_heads() -> list[Path]:
    """The head files that came with SAMAdapt, by name: in the module's resources, as installed or in a clone."""
    beside = Path(__file__).resolve().parents[1]
    places = (beside / "Resources" / "Heads", beside / "SAMAdapt" / "Resources" / "Heads")
    return sorted(file for place in places for file in place.glob("*.samhead"))


def known_heads() -> list[Path]:
    """The head files of the user's library, then those that came with SAMAdapt: the first of a name is meant by it."""
    return [*sorted((home() / "heads").glob("*.samhead")), *starter_heads()]
