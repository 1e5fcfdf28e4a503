"""Where SAMAdapt keeps things: what it may lose (weights, features, logs) in a cache, heads among the user's data.

``SAMADAPT_HOME`` moves all of it into one folder; else these are the platform's folders for caches and for data.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError

PRIVATE = ("features", "jobs", "logs")
"""Subfolders that hold parts of images or paths."""


DATA = ("heads",)
"""Subfolders that hold what nothing can bring back: they lie in the platform's folder for data, not in its cache."""


def home() -> Path:
    """The folder of what can be had again (not created here). Raises InputError when the user has no home folder."""
    return _root(_cache_folder)


def data_home() -> Path:
    """The folder of the user's data (not created here). Raises InputError when the user has no home folder."""
    return _root(_data_folder)


def place(name: str) -> Path:
    """Where a subfolder lies (not created here), as ``folder`` names them. Raises InputError."""
    return (data_home() if name in DATA else home()) / name


def old_heads() -> Path:
    """Where heads lay before they counted as data: ``place("heads")`` itself where ``SAMADAPT_HOME`` is set."""
    return home() / "heads"


def _root(platform: Callable[[], Path]) -> Path:
    try:
        chosen = os.environ.get("SAMADAPT_HOME")
        return Path(chosen).expanduser() if chosen else platform() / "SAMAdapt"
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


def _data_folder() -> Path:
    """The platform's folder for what a user made with programs."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def folder(name: str) -> Path:
    """A subfolder (``weights``, ``features``, ``heads``, ``logs``, ``jobs``), created if need be.

    Those in ``PRIVATE`` are for this user alone, whatever the umask, and are made so again where they are not. Raises
    InputError when it cannot be created, naming the variable that moves it.
    """
    path = place(name)
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
    """Whether a path lies in that subfolder; without a name, in any that ``SAMADAPT_HOME`` moves."""
    try:
        roots = (place(name),) if name else (home(), data_home())
        return any(Path(path).absolute().is_relative_to(root.absolute()) for root in roots)
    except (RuntimeError, OSError):  # there is no home
        return False
