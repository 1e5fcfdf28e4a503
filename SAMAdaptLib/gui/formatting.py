"""How the panel says things: times, sizes, stages, errors, verdicts and the tooltips of models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..errors import SAMAdaptError
from ..heads.card import HeadCard
from ..heads.library import LONGEST_NAME, HeadEntry, usable_name
from ..utils.plaintext import shown
from . import worker_words

if TYPE_CHECKING:
    from ..inference.suitability import Suitability

DOCUMENTATION = "https://github.com/SAMAdapt/SlicerSAMAdapt/blob/main/docs/"
"""Where the pages of ``docs`` are read."""

_GOOD, _CARE, _BAD = "#2e9e5b", "#d98a00", "#e0524d"
"""Green, amber and red that can be read on white and on dark grey."""

_MINUTE = 60.0
_KILO = 1000.0
_MOST_STRETCHES = 3
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
    """What the worker does just now, in the user's language. Words that are not known here stay as they are."""
    return worker_words.stage(text)


def warnings(texts: Iterable[str]) -> str:
    """What a job warned of, in the user's language, as rich text."""
    return "<br>".join(rich(worker_words.warning(text)) for text in texts)


def failure(error: SAMAdaptError) -> str:
    """What went wrong and what to do, as rich text for a label; of a long remedy (a log) its first line."""
    hint, _newline, more = error.hint.partition("\n")
    parts = [f"<b>{_lines(error.message)}</b>", *([_lines(hint)] if hint else [])]
    return "<br>".join([*parts, _("Hover here for more.")] if more else parts)


def details(error: SAMAdaptError) -> str:
    """What ``failure`` leaves out, "" for nothing; for a tooltip, which keeps these lines as they are."""
    more = error.hint.partition("\n")[2]
    return f"<pre>{rich(more)}</pre>" if more else ""


def asText(text: str) -> str:
    """Text with names of somebody else's for a label, a tooltip or a dialog: these take for markup what looks like it,
    so that where there is any, all of it is escaped. Control codes are written out."""
    return f"<span>{_lines(text)}</span>" if "<" in text else shown(text)


def headTitle(head: HeadEntry | None) -> str:
    """The name of the model that is chosen in section 2."""
    return asText(head.title) if head else _("none chosen in section 2")


def suggestedName(structures: Sequence[str]) -> str:
    """A head's name made from what it learns, such as ``RV, MYO, LV`` or ``Liver and 12 more``."""
    names = [name for name in (usable_name(structure, "") for structure in structures) if name] or [_("Model")]
    if len(names) > 4:
        first, count = names[0][: LONGEST_NAME - 30], len(names) - 1
        return usable_name(_("{first} and {count} more").format(first=first, count=count))
    return usable_name(", ".join(names)).strip(" .,")


def headTip(card: HeadCard) -> str:
    """All that a user may want to know before choosing a model, as a tooltip."""
    rows = [
        (_("Structures"), ", ".join(item.name for item in card.structures)),
        (_("Made for"), card.modality or _("any kind of image")),
        *([(_("Channels"), ", ".join(card.channel_names))] if card.channels else []),
        (_("Encoder"), encoder(card.encoder.name, card.input_size)),
        (_("Model type"), card.head_type),
        (_("Slice direction"), plane(card.plane.name)),
        (_("Dice on held-out slices"), dice(card.mean_dice)),
        (_("Estimated accuracy (Dice on other patients)"), dice(card.expected_dice)),
    ]
    if card.closer:
        rows.insert(5, (_("Closer look"), _("{side:.0f} mm around what was found").format(side=card.closer.side_mm)))
    if card.training.origin:
        rows.append((_("Trained on"), card.training.origin))
    cells = "".join(f"<tr><td>{rich(name)}:&nbsp;</td><td>{rich(text)}</td></tr>" for name, text in rows)
    return f"<table>{cells}</table>"


def headLine(card: HeadCard) -> str:
    """One line below the combo box: what it finds, and how well."""
    names = [item.name if len(item.name) <= _LONGEST else item.name[:_LONGEST] + "\u2026" for item in card.structures]
    found = ", ".join(names[:6]) + (_(" and {count} more").format(count=len(names) - 6) if len(names) > 6 else "")
    if card.mean_dice is None:
        return _("Finds {structures}.").format(structures=found)
    if card.expected_dice is None:
        line = _("Finds {structures}. Dice {dice} on slices that were held out.")
        return line.format(structures=found, dice=dice(card.mean_dice))
    line = _("Finds {structures}. Estimated accuracy: Dice {expected} on other patients.")
    return line.format(structures=found, expected=dice(card.expected_dice))


def advised(title: str, expected: Suitability | None) -> str:
    """A model's line in the list: its name, and whether it suits the chosen volume where that is known."""
    if expected is None or not (expected.known or expected.against):
        return title
    return (_("{name} - suits this volume") if expected.fits else _("{name} - made for others")).format(name=title)


def suits(expected: Suitability | None) -> str:
    """What is to be expected of a model on the chosen volume, as one coloured sentence or more; "" while unknown."""
    if expected is None or not (expected.known or expected.against):
        return ""
    if expected.fits:
        return _coloured(_GOOD, _("The volume looks as those that it was trained on."))
    return _coloured(_CARE, _("Will probably not do here.")) + " " + warnings(expected.against)


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
    return rich(text).replace("\n", "<br>")


def rich(text: str) -> str:
    """Text with names of somebody else's as part of rich text: its markup and control codes are shown, not obeyed."""
    return escape(shown(text))


def plane(name: str) -> str:
    """An anatomical plane in the user's language."""
    return {"axial": _("axial"), "sagittal": _("sagittal"), "coronal": _("coronal")}.get(name, name)


def helpLink(page: str) -> str:
    """A link to a page of the documentation, such as "panel.md#segment", for a label."""
    return f'<a href="{DOCUMENTATION}{page}">{escape(_("Help"))}</a>'


def verdict(found: Mapping[str, Any] | None) -> str:
    """What to make of a result, as one coloured sentence with its reasons; "" where nothing is known of it.

    The numbers of slices are links to voxels, "voxel:I,J,K".
    """
    if not found:
        return ""
    reasons = warnings(found.get("reasons") or ())
    slices = _slices(found.get("slices") or (), found.get("at") or ())
    if found["level"] == "as_trained":
        return _coloured(_GOOD, _("Looks as in the training."))
    if found["level"] == "wrong":
        return _coloured(_BAD, _("Probably wrong.")) + (" " + reasons if reasons else "")
    said = _("Check {slices}.").format(slices=slices) if slices else _("Check the result.")
    return _coloured(_CARE, said) + (" " + reasons if reasons else "")


def _slices(stretches: Sequence[Sequence[int]], at: Sequence[Sequence[int]]) -> str:
    """ "slices 12 to 15, slice 20 and 3 more places" as links."""
    parts = []
    for (first, last), ijk in zip(stretches[:_MOST_STRETCHES], at, strict=False):
        words = _("slice {first}") if first == last else _("slices {first} to {last}")
        link = ",".join(map(str, ijk))
        parts.append(f'<a href="voxel:{link}">{escape(words.format(first=first + 1, last=last + 1))}</a>')
    text = ", ".join(parts)
    more = len(stretches) - _MOST_STRETCHES
    return text if more <= 0 else text + " " + _("and {count} more places").format(count=more)


def _coloured(color: str, text: str) -> str:
    return f'<span style="color: {color}">\u25cf</span> <b>{text}</b>'
