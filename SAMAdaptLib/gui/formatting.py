"""How the panel says things: times, sizes, stages, errors and the tooltips of heads."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from slicer.i18n import tr as _

from .. import progress
from ..errors import SAMAdaptError
from ..heads.card import HeadCard
from ..heads.library import LONGEST_NAME, HeadEntry, usable_name

_MINUTE = 60.0
_KILO = 1000.0
_LONGEST = 60
"""Characters of a structure's name in one line with others."""


def timeLeft(seconds: float | None) -> str:
    """ "about 40 s left"; "" when there is nothing to judge by. Coarse on purpose: a number that jumps tells less."""
    if seconds is None:
        return ""
    if seconds < 5:
        return _("a few seconds left")
    if seconds < _MINUTE:
        return _("about {seconds} s left").format(seconds=5 * round(seconds / 5))
    return _("about {minutes} min left").format(minutes=round(seconds / _MINUTE))


def duration(seconds: float) -> str:
    """ "12 s" or "3 min 20 s"."""
    seconds = round(seconds)
    if seconds < _MINUTE:
        return _("{seconds} s").format(seconds=seconds)
    return _("{minutes} min {seconds} s").format(minutes=seconds // 60, seconds=seconds % 60)


def size(count: float) -> str:
    """Bytes as people read them: "28.1 MB"."""
    for unit in (_("bytes"), "kB", "MB"):
        if count < _KILO:
            return f"{count:.0f} {unit}" if unit != "MB" else f"{count:.1f} {unit}"
        count /= _KILO
    return f"{count:.2f} GB"


def stage(text: str, fraction: float | None, secondsLeft: float | None) -> str:
    """One line below the progress bar: "Encoding slices, 40 %, about 20 s left"."""
    parts = [stageName(text)]
    if fraction is not None:
        parts.append(f"{100 * fraction:.0f} %")
    left = timeLeft(secondsLeft)
    return ", ".join([*parts, left] if left else parts)


def stageName(text: str) -> str:
    """What the worker does just now, in the user's language. Stages that are not known stay as they are."""
    found, arguments = progress.Stage.parse(text)
    if found is None:
        return text[:1].upper() + text[1:]
    if "stage" in arguments:
        arguments["stage"] = stageName(arguments["stage"])
    if "plane" in arguments:
        planes = {"axial": _("axial"), "sagittal": _("sagittal"), "coronal": _("coronal")}
        arguments["plane"] = planes.get(arguments["plane"], arguments["plane"])
    return stageWords()[found].format(**arguments)


def stageWords() -> dict[progress.Stage, str]:
    """What each stage is called in the panel; names and numbers are filled in as in the stage's own text."""
    return {
        progress.ONE_OF_MANY: _("Volume {number} of {count}: {stage}"),
        progress.SUPPORT: _("Support {number} of {count}: {stage}"),
        progress.TURNED: _("{stage}, turned by {degrees} degrees"),
        progress.READING_SCENE: _("Reading the scene"),
        progress.READING: _("Reading"),
        progress.PROBING: _("Looking at this computer"),
        progress.DOWNLOADING: _("Downloading {name}"),
        progress.CHECKING: _("Checking {name}"),
        progress.FETCHING: _("Fetching {name}"),
        progress.ENCODING: _("Encoding slices"),
        progress.ENCODING_SLICES: _("Encoding slices"),
        progress.ENCODING_VIEWS: _("Encoding views of the slices"),
        progress.ENCODING_ROI_VIEWS: _("Encoding closer views of the slices"),
        progress.LEARNING_SHAPES: _("Learning the shapes of the structures"),
        progress.LEARNING_LAYOUT: _("Learning where the structures lie"),
        progress.TRAINING: _("Training the {name} head"),
        progress.SEGMENTING: _("Segmenting"),
        progress.SEGMENTING_SLICES: _("Segmenting {plane} slices"),
        progress.ROI_STAGE: _("Looking closer at what was found"),
        progress.COMPARING: _("Comparing"),
        progress.VOLUMES: _("Volumes"),
        progress.EARLIER_RESULTS: _("Looking at the results that are there"),
    }


def failure(error: SAMAdaptError) -> str:
    """What went wrong and what to do, as rich text for a label; of a long remedy (a log) its first line."""
    hint, _newline, more = error.hint.partition("\n")
    parts = [f"<b>{_lines(error.message)}</b>", *([_lines(hint)] if hint else [])]
    return "<br>".join([*parts, _("Rest the mouse here for more.")] if more else parts)


def details(error: SAMAdaptError) -> str:
    """What ``failure`` leaves out, "" for nothing; for a tooltip, which keeps these lines as they are."""
    more = error.hint.partition("\n")[2]
    return f"<pre>{escape(more)}</pre>" if more else ""


def asText(text: str) -> str:
    """Text with names of somebody else's for a label, a tooltip or a dialog: these take for markup what looks like it,
    so that where there is any, all of it is escaped."""
    return f"<span>{_lines(text)}</span>" if "<" in text else text


def headTitle(head: HeadEntry | None) -> str:
    """The name of the head that is chosen under Segment."""
    return asText(head.title) if head else _("none chosen under Segment")


def suggestedName(structures: Sequence[str]) -> str:
    """A head's name made from what it learns, such as ``RV, MYO, LV`` or ``Liver and 12 more``."""
    names = [name for name in (usable_name(structure, "") for structure in structures) if name] or [_("Head")]
    if len(names) > 4:
        first, count = names[0][: LONGEST_NAME - 30], len(names) - 1
        return usable_name(_("{first} and {count} more").format(first=first, count=count))
    return usable_name(", ".join(names)).strip(" .,")


def headTip(card: HeadCard) -> str:
    """All that a user may want to know before choosing a head, as a tooltip."""
    rows = [
        (_("Structures"), ", ".join(item.name for item in card.structures)),
        (_("Made for"), card.modality or _("any kind of image")),
        (_("Encoder"), encoder(card.encoder.name, card.input_size)),
        (_("Head type"), card.head_type),
        (_("Slices"), card.plane.name),
        (_("Held-out Dice"), dice(card.mean_dice)),
        (_("To expect elsewhere"), dice(card.expected_dice)),
    ]
    if card.closer:
        rows.insert(5, (_("Closer look"), _("{side:.0f} mm around what was found").format(side=card.closer.side_mm)))
    if card.training.origin:
        rows.append((_("Trained on"), card.training.origin))
    cells = "".join(f"<tr><td>{escape(name)}:&nbsp;</td><td>{escape(text)}</td></tr>" for name, text in rows)
    return f"<table>{cells}</table>"


def headLine(card: HeadCard) -> str:
    """One line below the combo box: what it finds, and how well."""
    names = [item.name if len(item.name) <= _LONGEST else item.name[:_LONGEST] + "\u2026" for item in card.structures]
    shown = ", ".join(names[:6]) + (_(" and {count} more").format(count=len(names) - 6) if len(names) > 6 else "")
    if card.mean_dice is None:
        return _("Finds {structures}.").format(structures=shown)
    if card.expected_dice is None:
        return _("Finds {structures}. Held-out Dice {dice}.").format(structures=shown, dice=dice(card.mean_dice))
    line = _("Finds {structures}. Held-out Dice {dice}; on other patients about {expected}.")
    return line.format(structures=shown, dice=dice(card.mean_dice), expected=dice(card.expected_dice))


def encoder(name: str, inputSize: int | None) -> str:
    """An encoder and what it sees: "medsam_lite at 112 pixels"."""
    return name if inputSize is None else _("{name} at {size} pixels").format(name=name, size=inputSize)


def dice(value: float | None) -> str:
    """Two digits; a dash where nothing was measured."""
    return "\u2013" if value is None else f"{value:.2f}"


def structureDice(quality: dict[str, Any], value: int) -> float | None:
    """The held-out Dice of one structure from a card's quality."""
    found = (quality.get("dice") or {}).get(str(value))
    return None if found is None else float(found)


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")
