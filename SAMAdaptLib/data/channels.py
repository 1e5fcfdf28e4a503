"""Several images of one body as the channels of one volume: which belong together, and what they are called.

T1, T2 and FLAIR of one examination, or in and out of phase, show what one of them alone does not. They are channels of
one volume when they lie on one grid: registering them is for others. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GeometryError, InputError

if TYPE_CHECKING:
    from .image import Volume

MOST_CHANNELS = 3
"""An encoder has three colours."""

_KINDS = (
    ("T1 with contrast", r"t1[ _-]?(?:c|ce|gd|gad|post|contrast|\+c)|t1[ _-]?w[ _-]?(?:c|ce|gd)"),
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
    for kind, words in _KINDS:
        if re.search(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])", name, re.IGNORECASE):
            return kind
    return ""


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
    if len(channels) > MOST_CHANNELS:
        msg = f"{volume.name or 'The volume'} would have {len(channels)} channels; {MOST_CHANNELS} at most are allowed."
        raise InputError(msg, "Leave out those that show least of what is looked for.")
    known: dict[str, str] = {}
    for number, channel in enumerate(channels, 1):
        name = channel.name or f"channel {number}"
        if not volume.geometry.same_grid(channel.geometry):
            difference = volume.geometry.difference(channel.geometry)
            msg = f"{name} does not lie on the grid of {volume.name or 'the first channel'}: {difference}."
            raise GeometryError(msg, "Register and resample the channels onto the grid of the first one.")
        digest = replace(channel, more=()).content_hash()
        if digest in known:
            msg = f"{name} is the same image as {known[digest]}; each channel must be another one."
            raise InputError(msg, "Choose another file, or leave it out.")
        known[digest] = name
    return replace(volume, more=tuple(replace(channel, more=()) for channel in channels[1:]))


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
