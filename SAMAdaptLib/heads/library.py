"""The heads of this computer: the user's own, which lie in the folder for data, and those that came along.

Command line, Python, Slicer's logic and panel ask here, so that one name means one file to all of them. Standard
library only: cards are read without torch. An older version kept heads in the folder that programs may lose; what
lies there is moved over when the library is first looked into.
"""

from __future__ import annotations

import contextlib
import filecmp
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.formats import HEAD_ENDING
from ..errors import InputError, SAMAdaptError
from ..utils import paths
from ..utils.files import require_length, write_atomically
from ..utils.plaintext import cleaned, is_plain
from .card import HeadCard, read_card

LONGEST_NAME = 100
"""Characters of a head's name."""

_FORBIDDEN = frozenset('<>:"/\\|?*')
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
"""What Windows takes for devices, whatever the ending."""


# Names --------------------------------------------------------------------------------------------------------------


def checked_name(name: str) -> str:
    """A name that is a file name on every system, without blanks around it. Raises InputError."""
    name = name.strip()
    bad = sorted({sign for sign in name if sign in _FORBIDDEN or not sign.isprintable()})
    if bad:
        msg = f"A head's name cannot have {' '.join(map(repr, bad))} in it."
        raise InputError(msg, "It is also a file's name.")
    if (
        not name
        or name.strip(". ") != name
        or len(name) > LONGEST_NAME
        or name.split(".")[0].strip().lower() in _RESERVED
    ):
        msg = f"A head cannot be called {name[: LONGEST_NAME + 1]!r}."
        raise InputError(msg, f"Use 1 to {LONGEST_NAME} characters, without a dot at either end.")
    return name


def usable_name(text: str, otherwise: str = "head") -> str:
    """A name that ``checked_name`` takes, as near to the text as possible."""
    name = "".join(sign if sign.isprintable() and sign not in _FORBIDDEN else "_" for sign in text)
    name = name.strip(" .")[:LONGEST_NAME].strip(" .") or otherwise
    return f"{name}_" if name.split(".")[0].lower() in _RESERVED and len(name) < LONGEST_NAME else name


def free_path(name: str, folder: Path | None = None) -> Path:
    """Where a new head of that name can be written in the library; a number is added when the name is taken.

    Raises InputError for what is no name.
    """
    name = checked_name(name)
    folder = library_folder() if folder is None else folder
    taken = {path.name.lower() for path in folder.glob(f"*{HEAD_ENDING}")}
    number, candidate = 1, name
    while (candidate + HEAD_ENDING).lower() in taken:
        number += 1
        candidate = f"{name} {number}"
    return folder / (candidate + HEAD_ENDING)


# Folders ------------------------------------------------------------------------------------------------------------


def library_folder() -> Path:
    """The folder of the user's own heads, created if need be. Raises InputError."""
    _move_old_heads()
    return paths.folder("heads")


def starter_heads() -> list[Path]:
    """The head files that came with SAMAdapt, by name: in the module's resources, in a clone, or as pip lays them."""
    beside = Path(__file__).resolve().parents[2]
    shared = Path(sys.prefix) / "share" / "samadapt" / "heads"
    places = (beside / "Resources" / "Heads", beside / "SAMAdapt" / "Resources" / "Heads", shared)
    return sorted(file for place in places for file in place.glob(f"*{HEAD_ENDING}"))


def known_heads() -> list[Path]:
    """The head files of the user's library, then those that came along: the first of a name is meant by it."""
    _move_old_heads()
    own = [path for place in _own_folders() for path in sorted(place.glob(f"*{HEAD_ENDING}"))]
    return [*own, *starter_heads()]


def find_head(head: str | os.PathLike[str]) -> Path:
    """The file of a head: a path, or a name in the library or of a starter head. Raises InputError listing these.

    A file that lacks the ending of heads is meant only if no head has that name.
    """
    path = Path(head)
    if path.suffix.lower() == HEAD_ENDING and path.is_file():
        return path
    wanted = path.name if path.suffix.lower() == HEAD_ENDING else path.name + HEAD_ENDING
    heads = known_heads() if path.name == str(head) else []
    found = next((each for each in heads if each.name == wanted), path if path.is_file() else None)
    if found is None:
        known = ", ".join(each.stem for each in known_heads()) or "none"
        msg = f"There is no head file {path}, and none of that name in the library {paths.place('heads')}."
        raise InputError(msg, f"Heads there: {known}. Train one, import one, or give the path of a {HEAD_ENDING} file.")
    return found


def _own_folders() -> list[Path]:
    """The library's folder, and the older one while there is something left in it."""
    return [paths.place("heads"), *([paths.old_heads()] if paths.old_heads() != paths.place("heads") else [])]


# Files --------------------------------------------------------------------------------------------------------------


def import_head(source: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """Copy a head file into the library; returns the copy. Never overwrites. Raises HeadFileError when it is none."""
    source = Path(source)
    read_card(source)
    target = free_path(usable_name(source.stem), folder)
    write_atomically(target, lambda part: _copy(source, part))
    return target


def import_once(source: Path, folder: Path | None = None) -> Path:
    """As ``import_head``, but a head that is in the library already is not copied: that file is returned."""
    own = sorted((library_folder() if folder is None else folder).glob(f"*{HEAD_ENDING}"))
    same = (path for path in own if path.is_file() and filecmp.cmp(path, source, shallow=False))
    return next(same, None) or import_head(source, folder)


def export_head(head: Path, target: str | os.PathLike[str]) -> Path:
    """Copy a head to where the user wants it; the ending is added when it lacks. Raises InputError."""
    target = Path(target)
    if target.suffix.lower() != HEAD_ENDING:
        target = target.with_name(target.name + HEAD_ENDING)
    if target.exists() and target.samefile(head):
        msg = f"{target} is the head itself."
        raise InputError(msg, "Choose another name or folder for the copy.")
    write_atomically(target, lambda part: _copy(head, part))
    return target


def _copy(source: Path, part: Path) -> None:
    shutil.copyfile(source, part)
    require_length(part, source.stat().st_size)


def _move_old_heads() -> None:
    """Move heads out of the folder that cleaners empty, one by one: each is readable at every moment.

    What cannot be moved stays where it is and is found there. Nothing is overwritten, here or by another process that
    does the same.
    """
    old = paths.old_heads()
    if old == paths.place("heads") or not (found := sorted(old.glob(f"*{HEAD_ENDING}"))):
        return
    moved = 0
    with contextlib.suppress(SAMAdaptError, OSError):
        folder = paths.folder("heads")
        for path in found:
            moved += _moved(path, folder)
        with contextlib.suppress(OSError):
            old.rmdir()
    if moved:
        logging.getLogger(__name__).warning(
            "SAMAdapt moved %d %s from %s to %s, where no cleaner of caches finds them.",
            moved, "head" if moved == 1 else "heads", old, paths.place("heads"),
        )  # fmt: skip


def _moved(path: Path, folder: Path) -> bool:
    """Give a head its new place, then take the old one away. False when it was there already."""
    same = folder / path.name
    if same.exists() and filecmp.cmp(path, same, shallow=False):  # as after a move that was interrupted
        path.unlink(missing_ok=True)
        return False
    target = free_path(usable_name(path.stem), folder) if same.exists() else same
    write_atomically(target, lambda part: _copy(path, part))
    path.unlink(missing_ok=True)
    return True


# The list -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HeadEntry:
    """One head: its file, its card, and whether it came along. ``key`` is what a scene remembers."""

    path: Path
    card: HeadCard
    built_in: bool = False

    @property
    def key(self) -> str:
        return self.path.name

    @property
    def title(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class BadHead:
    """A file that cannot be used, and why: it is listed, and hides no other."""

    path: Path
    reason: str

    @property
    def key(self) -> str:
        return cleaned(self.path.name)

    @property
    def title(self) -> str:
        return cleaned(self.path.stem)


class HeadLibrary:
    """Lists and manages head files; cards are remembered until the file changes.

    ``own``: the user's own folder, by default the library's; ``built_in``: folders of heads that stay as they are.
    """

    def __init__(self, own: Path | None = None, built_in: Sequence[Path] = ()) -> None:
        self._own = own
        self._built_in = tuple(built_in)
        self._cards: dict[tuple[Path, int, int], HeadCard | str] = {}
        self._places: list[tuple[Path, bool]] = []
        self._state: list[tuple[Path, int]] = []
        self._entries: list[HeadEntry] = []
        self._bad: list[BadHead] = []

    @property
    def folder(self) -> Path:
        """The user's own folder, created if need be. Raises InputError."""
        if self._own is None:
            return library_folder()
        self._own.mkdir(parents=True, exist_ok=True)
        return self._own

    def entries(self) -> list[HeadEntry]:
        """All readable heads, the user's own first, each by name. A file of the user's hides a built-in namesake.

        Asked for at every refresh of the panel, so the folders are read again only when they changed.
        """
        self._refresh()
        return self._entries

    def bad(self) -> list[BadHead]:
        """The files that are no usable heads, by name, each with the reason."""
        self._refresh()
        return self._bad

    def reason(self, key: str) -> str:
        """Why the head that a scene remembers cannot be used, "" when that is not known."""
        return next((head.reason for head in self.bad() if head.key == key), "")

    def find(self, key: str) -> HeadEntry | None:
        """The head that a scene remembers, None when it is not here (any more)."""
        return next((entry for entry in self.entries() if entry.key == key), None)

    def import_file(self, source: str | Path) -> HeadEntry:
        """Copy a head file into the library. Raises HeadFileError when it is none; never overwrites."""
        target = import_head(source, self.folder)
        return HeadEntry(target, read_card(target))

    def rename(self, entry: HeadEntry, title: str) -> HeadEntry:
        """Give a head of the user's another name. Raises InputError for a name that is taken or cannot be a file."""
        _refuse_built_in(entry)
        target = self.folder / (checked_name(title) + HEAD_ENDING)
        if target == entry.path:
            return entry
        # A name that differs in upper and lower case only is the same file on some systems.
        if target.exists() and not target.samefile(entry.path):
            msg = f"There is already a head called {title}."
            raise InputError(msg, "Choose another name.")
        try:
            entry.path.rename(target)
        except OSError as error:
            msg = f"The head {entry.title} cannot be renamed ({error.strerror or error})."
            raise InputError(msg) from error
        return HeadEntry(target, entry.card)

    def delete(self, entry: HeadEntry) -> None:
        """Remove a head of the user's for good. Raises InputError."""
        _refuse_built_in(entry)
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            msg = f"The head {entry.title} cannot be deleted ({error.strerror or error})."
            raise InputError(msg) from error

    def free_path(self, name: str) -> Path:
        """Where a new head of that name can be written; a number is added when the name is taken."""
        return free_path(name, self.folder)

    def _refresh(self) -> None:
        state = self._folders()
        if state != self._state:
            self._state = state
            self._list(self._places)

    def _folders(self) -> list[tuple[Path, int]]:
        """The folders and when they changed: one look at the disk each, save when one is new or gone."""
        if self._places:
            with contextlib.suppress(OSError):
                return [(place, place.stat().st_mtime_ns) for place, _built_in in self._places]
        folders = [self.folder, *(_own_folders()[1:] if self._own is None else [])]
        self._places = [(place, False) for place in folders if place.is_dir()]
        self._places += [(place, True) for place in self._built_in if place.is_dir()]
        return [(place, place.stat().st_mtime_ns) for place, _built_in in self._places]

    def _list(self, places: Sequence[tuple[Path, bool]]) -> None:
        found: dict[str, HeadEntry] = {}
        self._bad = []
        for place, built_in in places:
            for path in sorted(place.glob(f"*{HEAD_ENDING}"), key=lambda path: path.name.lower()):
                card = self._card(path)
                if isinstance(card, HeadCard):
                    found.setdefault(path.name, HeadEntry(path, card, built_in))
                else:
                    self._bad.append(BadHead(path, card))
        self._entries = list(found.values())

    def _card(self, path: Path) -> HeadCard | str:
        """The card, or what is wrong with the file: one bad file must not empty the list."""
        try:
            state = path.stat()
        except OSError as error:
            return str(error.strerror or error)
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in self._cards:
            self._cards[key] = _card_or_reason(path)
        return self._cards[key]


def _card_or_reason(path: Path) -> HeadCard | str:
    if not is_plain(path.name):
        return "The file's name is no plain text. Rename the file."
    try:
        return read_card(path)
    except SAMAdaptError as error:
        logging.warning("SAMAdapt cannot use the head file %s: %s", path.name, error)
        return str(error)


def _refuse_built_in(entry: HeadEntry) -> None:
    if entry.built_in:
        msg = f"The head {entry.title} came with the extension and stays as it is."
        raise InputError(msg, "Export a copy and import it under another name.")
