"""The head library: the head files of this computer, as the combo box shows them.

Cards are read without torch and remembered until the file changes. What is deleted or renamed is a file in the
user's own folder; heads that came with the extension are read-only.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from ..data.formats import HEAD_ENDING
from ..errors import InputError, SAMAdaptError
from ..heads.card import HeadCard, read_card
from ..utils.files import require_length, write_atomically
from ..utils.paths import folder
from ..utils.plaintext import cleaned, is_plain

_FORBIDDEN = set('<>:"/\\|?*')
_LONGEST_NAME = 100


@dataclass(frozen=True)
class HeadEntry:
    """One head: its file, its card, and whether it came with the extension. ``key`` is what a scene remembers."""

    path: Path
    card: HeadCard
    builtIn: bool = False

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
    """Lists and manages ``.samhead`` files. ``builtIn`` are folders of heads that came with the extension."""

    def __init__(self, own: Path | None = None, builtIn: Sequence[Path] = ()) -> None:
        self._own = own
        self._builtIn = tuple(builtIn)
        self._cards: dict[tuple[Path, int, int], HeadCard | str] = {}
        self._places: list[tuple[Path, bool]] = []
        self._state: list[tuple[Path, int]] = []
        self._entries: list[HeadEntry] = []
        self._bad: list[BadHead] = []

    @property
    def folder(self) -> Path:
        """The user's own folder, created if need be. Raises InputError."""
        if self._own is None:
            return folder("heads")
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

    def _refresh(self) -> None:
        state = self._folders()
        if state != self._state:
            self._state = state
            self._list(self._places)

    def _folders(self) -> list[tuple[Path, int]]:
        """The folders and when they changed: one look at the disk each, save when one is new or gone."""
        if self._places:
            with contextlib.suppress(OSError):
                return [(place, place.stat().st_mtime_ns) for place, _builtIn in self._places]
        self._places = [(self.folder, False), *((place, True) for place in self._builtIn if place.is_dir())]
        return [(place, place.stat().st_mtime_ns) for place, _builtIn in self._places]

    def _list(self, places: Sequence[tuple[Path, bool]]) -> None:
        found: dict[str, HeadEntry] = {}
        self._bad = []
        for place, builtIn in places:
            for path in sorted(place.glob(f"*{HEAD_ENDING}"), key=lambda path: path.name.lower()):
                card = self._card(path)
                if isinstance(card, HeadCard):
                    found.setdefault(path.name, HeadEntry(path, card, builtIn))
                else:
                    self._bad.append(BadHead(path, card))
        self._entries = list(found.values())

    def find(self, key: str) -> HeadEntry | None:
        """The head that a scene remembers, None when it is not here (any more)."""
        return next((entry for entry in self.entries() if entry.key == key), None)

    def importFile(self, source: str | Path) -> HeadEntry:
        """Copy a head file into the library. Raises HeadFileError when it is none; never overwrites."""
        source = Path(source)
        card = read_card(source)
        target = self.freePath(source.stem)
        write_atomically(target, lambda part: _copy(source, part))
        return HeadEntry(target, card)

    def exportFile(self, entry: HeadEntry, target: str | Path) -> Path:
        """Copy a head to where the user wants it; the ending is added when it lacks."""
        target = Path(target)
        if target.suffix.lower() != HEAD_ENDING:
            target = target.with_name(target.name + HEAD_ENDING)
        write_atomically(target, lambda part: _copy(entry.path, part))
        return target

    def rename(self, entry: HeadEntry, title: str) -> HeadEntry:
        """Give a head of the user's another name. Raises InputError for a name that is taken or cannot be a file."""
        _refuseBuiltIn(entry)
        target = self.folder / (checkedName(title) + HEAD_ENDING)
        if target == entry.path:
            return entry
        # A name that differs in upper and lower case only is the same file on some systems.
        if target.exists() and not target.samefile(entry.path):
            msg = _("There is already a head called {name}.").format(name=title)
            raise InputError(msg, _("Choose another name."))
        try:
            entry.path.rename(target)
        except OSError as error:
            msg = _("The head {name} cannot be renamed ({reason}).").format(
                name=entry.title, reason=error.strerror or error
            )
            raise InputError(msg) from error
        return HeadEntry(target, entry.card)

    def delete(self, entry: HeadEntry) -> None:
        """Remove a head of the user's for good. Raises InputError."""
        _refuseBuiltIn(entry)
        try:
            entry.path.unlink(missing_ok=True)
        except OSError as error:
            msg = _("The head {name} cannot be deleted ({reason}).").format(
                name=entry.title, reason=error.strerror or error
            )
            raise InputError(msg) from error

    def freePath(self, name: str) -> Path:
        """Where a new head of that name can be written; a number is added when the name is taken."""
        name = checkedName(name)
        taken = {path.name.lower() for path in self.folder.glob(f"*{HEAD_ENDING}")}
        number = 1
        candidate = name
        while (candidate + HEAD_ENDING).lower() in taken:
            number += 1
            candidate = f"{name} {number}"
        return self.folder / (candidate + HEAD_ENDING)

    def _card(self, path: Path) -> HeadCard | str:
        """The card, or what is wrong with the file: one bad file must not empty the list."""
        try:
            state = path.stat()
        except OSError as error:
            return str(error.strerror or error)
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in self._cards:
            self._cards[key] = _readCard(path)
        return self._cards[key]


def _readCard(path: Path) -> HeadCard | str:
    if not is_plain(path.name):
        return _("The file's name is no plain text. Rename the file.")
    try:
        return read_card(path)
    except SAMAdaptError as error:
        logging.warning("SAMAdapt cannot use the head file %s: %s", path.name, error)
        return str(error)


def _copy(source: Path, part: Path) -> None:
    shutil.copyfile(source, part)
    require_length(part, source.stat().st_size)


def checkedName(name: str) -> str:
    """A name that is a file name on every system. Raises InputError, saying what is wrong with it."""
    name = name.strip()
    bad = sorted({sign for sign in name if sign in _FORBIDDEN or not sign.isprintable()})
    if not name or name.strip(". ") != name or len(name) > _LONGEST_NAME:
        msg = _("A head cannot be called {name}.").format(name=repr(name))
        hint = _("Use 1 to {count} characters, without a dot at either end.").format(count=_LONGEST_NAME)
        raise InputError(msg, hint)
    if bad:
        msg = _("A head's name cannot have {signs} in it.").format(signs=" ".join(bad))
        raise InputError(msg, _("It is also a file's name."))
    return name


def suggestedName(structures: Sequence[str]) -> str:
    """A name made from what a head learns, such as ``RV, MYO, LV`` or ``Liver and 12 more``."""
    usable = ("".join(sign for sign in name if sign not in _FORBIDDEN and sign.isprintable()) for name in structures)
    names = [name for name in (name.strip(" .") for name in usable) if name] or [_("Head")]
    if len(names) > 4:
        return _("{first} and {count} more").format(first=names[0], count=len(names) - 1)
    return ", ".join(names)[:_LONGEST_NAME].strip(" .,")


def _refuseBuiltIn(entry: HeadEntry) -> None:
    if entry.builtIn:
        msg = _("The head {name} came with the extension and stays as it is.").format(name=entry.title)
        raise InputError(msg, _("Export a copy and import it under another name."))
