"""Where SAMAdapt keeps what it may lose: weights, features, heads, logs.

``SAMADAPT_HOME`` moves the whole folder; else it is the platform's cache folder.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from ..errors import InputError

PRIVATE = ("features", "jobs", "logs")
"""Subfolders that hold parts of images or paths."""


def home() -> Path:
    """The folder that holds everything (not created here). Raises InputError when the user has no home folder."""
    try:
        chosen = os.environ.get("SAMADAPT_HOME")
        return Path(chosen).expanduser() if chosen else _cache_folder() / "SAMAdapt"
    except RuntimeError as error:  # pathlib's word for it: no HOME, and the system does not list this user
        msg = "This user has no home folder in which weights, features and heads could be kept."
        raise InputError(msg, "Set SAMADAPT_HOME to a folder that you may write to.") from error


def _cache_folder() -> Path:
    """The platform's folder for what programs may lose."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def folder(name: str) -> Path:
    """A subfolder of the home (``weights``, ``features``, ``heads``, ``logs``, ``jobs``), created if need be.

    Those in ``PRIVATE`` are for this user alone, whatever the umask, and are made so again where they are not. Raises
    InputError when it cannot be created, naming the variable that moves it.
    """
    path = home() / name
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if name in PRIVATE:
            make_private(path)
        else:
            path.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        msg = f"The folder {path} cannot be created ({error.strerror or error})."
        raise InputError(msg, "Set SAMADAPT_HOME to a folder that you may write to.") from error
    return path


def make_private(path: Path) -> None:
    """Create a folder that is for this user alone, or close one that is open to others. Raises OSError."""
    path.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(OSError):  # somebody else's folder, or a file system that knows no rights
        if stat.S_IMODE(path.stat().st_mode) != 0o700:
            path.chmod(0o700)


def is_private(path: Path) -> bool:
    """Whether a path lies in a folder whose files are for this user alone."""
    return any(is_within(path, name) for name in PRIVATE)


def is_within(path: Path, name: str = "") -> bool:
    """Whether a path lies in the home, or in that subfolder of it."""
    try:
        return Path(path).absolute().is_relative_to((home() / name).absolute())
    except (RuntimeError, OSError):  # there is no home
        return False


def starter_heads() -> list[Path]:
    """The head files that came with SAMAdapt, by name: in the module's resources, in a clone, or as pip lays them."""
    beside = Path(__file__).resolve().parents[2]
    shared = Path(sys.prefix) / "share" / "samadapt" / "heads"
    places = (beside / "Resources" / "Heads", beside / "SAMAdapt" / "Resources" / "Heads", shared)
    return sorted(file for place in places for file in place.glob("*.samhead"))


def known_heads() -> list[Path]:
    """The head files of the user's library, then those that came with SAMAdapt: the first of a name is meant by it."""
    return [*sorted((home() / "heads").glob("*.samhead")), *starter_heads()]
