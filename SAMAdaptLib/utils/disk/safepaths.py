"""Paths that are safe to open: no pipe that would be waited on for ever, no name that libraries in C++ choke on.

SimpleITK takes names as UTF-8 and ends the whole process over any other (from an old archive or CD, or in a locale
that is not UTF-8). It is given a link under a plain name instead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError, SAMAdaptError

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_IN_PARTS = (".hdr", ".img", ".img.gz", ".mhd", ".nhdr", ".seg.nhdr")
"""Endings of formats that keep header and voxels in files of their own, side by side."""

_PLAIN_STEM = "image"


def refuse_special(path: str | os.PathLike[str]) -> None:
    """Raises InputError when there is something at ``path`` that is neither a file nor a folder.

    Reading from a pipe may wait for ever, and a result that is written would take its place. A path at which there is
    nothing passes; one with a NUL character never does.
    """
    text = os.fspath(path)
    if "\0" in text:
        msg = f"The path {text!r} holds a NUL character."
        raise InputError(msg, "Give a path without it.")
    try:
        kind = stat.S_IFMT(os.stat(text).st_mode)  # noqa: PTH116  Path would only take a second way to the same call
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            raise circular(text) from error
        return
    if kind in _KINDS:
        msg = f"{text} is {_KINDS[kind]}; an ordinary file is needed."
        raise InputError(msg, "Give the path of a file, or of a folder.")


def circular(path: object) -> InputError:
    """What to say of a link that leads back to itself."""
    return InputError(f"{path} is a link that leads back to itself.", "Give the path of the file itself.")


def is_plain(path: str | os.PathLike[str]) -> bool:
    """Whether a library that takes names as UTF-8 finds the file of that name."""
    text = os.fspath(path)
    try:
        return os.fsencode(text) == text.encode("utf-8")
    except UnicodeError:
        return False


def printable(text: str) -> str:
    """The text, or a file's name, with U+FFFD for what is not UTF-8."""
    try:
        return os.fsencode(text).decode("utf-8", "replace")
    except UnicodeError:
        return text.encode("utf-8", "replace").decode("utf-8")


@contextlib.contextmanager
def spelled_plainly(path: str | os.PathLike[str], ending: str = "") -> Iterator[Path]:
    """A path under which libraries in C++ can read or write what is, or will be, at ``path``.

    That is ``path`` itself, or else a link in a private folder that is removed at the end. ``ending``: the file's, in
    lower case; a name in which it is not so is spelled anew, too, since some formats are known by it alone. What is
    raised inside speaks of ``path``. Raises InputError where no link can be made.
    """
    path = Path(path)
    if is_plain(path) and path.name.endswith(ending) and not (path.is_dir() and _odd_names(path)):
        yield path
        return
    with _private_folder(path) as folder:
        try:
            link = _linked(path, folder, ending or path.suffix.lower())
        except OSError as error:
            raise _unspeakable(path) from error
        try:
            yield link
        except SAMAdaptError as error:
            error.message = error.message.replace(str(link), str(path))
            error.args = (error.message,)
            raise
        except RuntimeError as error:
            raise RuntimeError(str(error).replace(str(link), str(path))) from error


def _odd_names(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return not all(is_plain(entry.name) for entry in entries)


def _linked(path: Path, folder: Path, ending: str) -> Path:
    """A link to a file, with links to what belongs to it, or a folder of links to a folder's files."""
    path = path.absolute()
    target = folder / _PLAIN_STEM
    if not path.is_dir():
        target = folder / (_PLAIN_STEM + (ending if is_plain(ending) else ""))
        target.symlink_to(path)
        if ending in _IN_PARTS:
            _link_parts(path, folder, ending)
    elif _odd_names(path):
        target.mkdir()
        for number, item in enumerate(sorted(path.iterdir())):
            if item.is_file():
                (target / f"{number:06d}{item.suffix if is_plain(item.suffix) else ''}").symlink_to(item)
    else:
        target.symlink_to(path, target_is_directory=True)
    return target


def _link_parts(path: Path, folder: Path, ending: str) -> None:
    """The voxels' file, both under the header's plain name and under the name of its own, which a header may tell."""
    stem = path.name[: -len(ending)]
    for item in path.parent.iterdir():
        if item.name == path.name or not item.name.startswith(stem + "."):
            continue
        for name in {item.name, _PLAIN_STEM + item.name[len(stem) :].lower()}:
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(item)


@contextlib.contextmanager
def _private_folder(path: Path) -> Iterator[Path]:
    """A new folder with a plain name that nobody else may enter."""
    place = next((place for place in (tempfile.gettempdir(), "/tmp", "/var/tmp") if is_plain(place)), None)
    try:
        made = tempfile.TemporaryDirectory(prefix="samadapt-", dir=place)
    except OSError as error:
        raise _unspeakable(path) from error
    with made as name:
        if not is_plain(name):
            raise _unspeakable(path)
        yield Path(name)


def _unspeakable(path: Path) -> InputError:
    msg = f"The name of {str(path)!r} cannot be handed to the reader and writer of images."
    return InputError(msg, "Rename it, with letters from a to z and digits alone.")
