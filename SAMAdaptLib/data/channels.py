"""Several images of one body as the channels of one volume: which belong together, and what they are called.

T1, T2 and FLAIR of one examination, or in and out of phase, show what one of them alone does not. They are channels of
one volume when they lie on one grid: registering them is for others. Standard library only.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GeometryError, InputError

if TYPE_CHECKING:
    from .geometry import Geometry
    from .image import Volume

MOST_CHANNELS = 3
"""An encoder has three colours."""

_KINDS = (
    ("T1 with contrast", r"t1[ _-]?(?:c|ce|gd|gad|post|contrast|with contrast|\+c)|t1[ _-]?w[ _-]?(?:c|ce|gd)"),
    ("T1", r"t1(?:w|n|map)?"),
    ("FLAIR", r"flair|t2[ _-]?flair|t2f"),
    ("T2*", r"t2star|t2\*|swi"),
    ("T2", r"t2(?:w|map)?"),
    ("PD", r"pd|pdw"),
    ("ADC", r"adc"),
    ("diffusion", r"dwi|dti|trace|b1000"),
    ("in phase", r"in[ _-]?phase|inph|ip"),
    ("out of phase", r"(?:out|opp|opposed)[ _-]?(?:of[ _-]?)?phase|outph|op"),
    ("bSSFP", r"bssfp|ssfp|cine|c0"),
    ("LGE", r"lge|psir|de"),
    ("CT", r"ct"),
    ("PET", r"pet|suv"),
)
"""What is imaged, and how that is written in names of files and nodes. The first that fits counts."""


def kind_in(name: str) -> str:
    """What kind of image a name speaks of ("brain_T2w.nii" of "T2"); "" where it does not."""
    found = _kind_at(name)
    return "" if found is None else found[0]


def without_kind(name: str) -> str:
    """The rest of a name, in small letters: what the names of one body's channels have in common."""
    found = _kind_at(name)
    rest = name if found is None else name[: found[1]] + " " + name[found[2] :]
    return " ".join(re.findall(r"[a-z0-9]+", rest.lower()))


def _words_in(name: str) -> str:
    """The part of a name that tells the kind, as it is written there."""
    found = _kind_at(name)
    return "" if found is None else name[found[1] : found[2]]


def _kind_at(name: str) -> tuple[str, int, int] | None:
    for kind, words in _KINDS:
        matches = list(re.finditer(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])", name, re.IGNORECASE))
        if matches:
            return kind, matches[-1].start(), matches[-1].end()
    return None


def kinds_of(names: Sequence[str]) -> tuple[str, ...]:
    """What to call channels by the names of their files or nodes, of which a card must not tell more than the kind.

    Channels of unknown or of the same kind are called by their number.
    """
    kinds = [kind_in(name) for name in names]
    return tuple(
        kind if kind and kinds.count(kind) == 1 else f"channel {number}" for number, kind in enumerate(kinds, 1)
    )


def kinds_of_words(words: Sequence[str]) -> tuple[str, ...]:
    """What to call channels by the words that tell their files apart: the kind, or else the word itself."""
    return tuple(kind_in(word.strip("_-. ")) or word.strip("_-. ") or word for word in words)


def words_of(names: Sequence[str]) -> tuple[str, ...]:
    """Words for the names of files of these channels, from which ``kinds_of_words`` tells what ``kinds_of`` told."""
    return tuple(kind.replace("*", "star") for kind in kinds_of(names))


def partners_of(name: str, kinds: Sequence[str], others: Sequence[str]) -> tuple[str | None, ...]:
    """Which of the other names are those of the further channels of one body, the first of which is ``name``.

    One for each of ``kinds`` but the first: the only other name of that kind with the same rest, else None.
    """
    rest, fits = without_kind(name), kind_in(name) in ("", kinds[0])
    alike = {other for other in others if fits and other != name and without_kind(other) == rest}
    found = [[other for other in alike if kind_in(other) == kind] for kind in kinds[1:]]
    return tuple(fitting[0] if len(fitting) == 1 else None for fitting in found)


def words_between(path: str, kinds: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """The words that tell the files of the further channels of ``path``, for ``others_beside``, by what names say.

    ``kinds``: what the channels are called. Raises InputError where they cannot be told from these files' names.
    """
    known = {Path(other).name: Path(other) for other in paths}
    name = Path(path).name
    names = (name, *partners_of(name, kinds, list(known)))
    found = tuple(each for each in names if each and _kind_at(each))
    if len(found) == len(kinds):
        words = tuple(_words_in(each) for each in found)
        if [Path(other) for other in others_beside(path, words)] == [known[each] for each in found[1:]]:
            return words
    missing = [kind for kind, each in zip(kinds, names, strict=True) if each is None] or [kinds[0]]
    msg = f"No file beside {name} is by its name its channel {', '.join(missing)}."
    hint = f"Let the names differ in the channel's word alone, such as brain_{kinds[0]} and brain_{kinds[-1]}."
    raise InputError(msg, hint)


def first_by_names(paths: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Those of the files that are, by their names, no further channel of another one."""
    alike: dict[str, list[str]] = {}
    for path in paths:
        alike.setdefault(without_kind(Path(path).name), []).append(path)
    further: set[Path] = set()
    for group in alike.values():
        for path in group:
            with contextlib.suppress(InputError):
                further.update(map(Path, others_beside(path, words_between(path, kinds, group))))
    return [path for path in paths if Path(path) not in further]


def others_beside(path: str, words: Sequence[str]) -> tuple[str, ...]:
    """The files of the further channels of one body: as ``path`` with the first of ``words`` replaced by the others.

    It is looked for in the file's name and then in the folders, the last place first. Raises InputError where it is
    not found.
    """
    pattern = _word(words[0])
    parts = list(Path(path).parts)
    for place in reversed(range(len(parts))):
        found = list(pattern.finditer(parts[place]))
        if found:
            start, end = found[-1].span()
            before, after = parts[place][:start], parts[place][end:]
            return tuple(str(Path(*parts[:place], before + word + after, *parts[place + 1 :])) for word in words[1:])
    msg = f"{path} does not have the word {words[0]!r} in its name, by which the files of its other channels are found."
    raise InputError(msg, "Give the first channel of each volume, and say what its files are called, first.")


def firsts_among(paths: Sequence[str], words: Sequence[str]) -> list[str]:
    """Those of the files that are a first channel: of a folder in which all channels lie."""
    firsts = [path for path in paths if _word(words[0]).search(Path(path).name)]
    seconds = {Path(other) for path in firsts for other in others_beside(path, words)}
    return [path for path in firsts if Path(path) not in seconds]


def without_word(name: str, word: str) -> str:
    """A volume's name without the word that tells its channel; as it is where the word does not occur."""
    found = list(_word(word).finditer(name))
    return name[: found[-1].start()] + name[found[-1].end() :] if found else name


def _word(word: str) -> re.Pattern[str]:
    """Where a word stands by itself: "t1" not in "t1ce"."""
    before = r"(?<![A-Za-z0-9])" if word[:1].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if word[-1:].isalnum() else ""
    return re.compile(before + re.escape(word) + after)


def together(volume: Volume, others: Sequence[Volume]) -> Volume:
    """The volume with the others as its further channels, in that order; as it is without any.

    Raises InputError for more than ``MOST_CHANNELS`` and for the same image twice, GeometryError for another grid.
    """
    if not others:
        return volume
    channels = [channel for each in (volume, *others) for channel in each.channels]
    require_few(volume.name or "The volume", len(channels))
    known: dict[str, str] = {}
    for number, channel in enumerate(channels, 1):
        name = channel.name or f"channel {number}"
        require_one_grid(volume.name or "the first channel", volume.geometry, name, channel.geometry)
        digest = replace(channel, more=()).content_hash()
        if digest in known:
            msg = f"{name} is the same image as {known[digest]}; each channel must be another one."
            raise InputError(msg, "Choose another file, or leave it out.")
        known[digest] = name
    return replace(volume, more=tuple(replace(channel, more=()) for channel in channels[1:]))


def require_few(name: str, count: int) -> None:
    """Raises InputError when a volume would have more channels than an encoder has colours."""
    if count > MOST_CHANNELS:
        msg = f"{name} would have {count} channels; {MOST_CHANNELS} at most are allowed."
        raise InputError(msg, "Leave out those that show least of what is looked for.")


def require_one_grid(first: str, grid: Geometry, name: str, other: Geometry) -> None:
    """Raises GeometryError when the image ``name`` does not lie on the grid of the first channel."""
    if not grid.same_grid(other):
        msg = f"{name} does not lie on the grid of {first}: {grid.difference(other)}."
        raise GeometryError(msg, "Register and resample the channels onto the grid of the first one.")


def require_channels(wanted: Sequence[str], volume: Volume, who: str) -> None:
    """Raises InputError unless a volume has as many channels as ``who``, a head, is made for.

    ``wanted``: what they are called; empty or one for a head that looks at one image.
    """
    needs, has = max(len(wanted), 1), len(volume.channels)
    if needs == has:
        return
    name = volume.name or "the volume"
    if needs == 1:
        msg = f"{who} looks at one image, and {name} was given {has} channels."
        raise InputError(msg, "Leave out the others, or choose a head that was trained on several channels.")
    msg = f"{who} looks at {needs} channels ({', '.join(wanted)}), and {name} was given {has}."
    raise InputError(msg, f"Give all of them, in that order: {', '.join(wanted)}.")
