"""Everything about a run on one HTML page: self-contained, without scripts, light or dark as the reader's system is.

All text is escaped, since names come from files; the page forbids itself to load anything.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ...utils.files import write_content
from ...utils.plaintext import shown
from . import tables
from .charts import curve_figure
from .recorder import Curves, card_curves
from .style import CSS, MARK
from .theme import DARK, LIGHT, png

if TYPE_CHECKING:
    from ...heads.card import HeadCard
    from ...heads.parts import IntensityFacts
    from ..metrics import Evaluation, StructureScore

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

RULES = (
    "Dice counts voxels. NSD is the share of both surfaces that lies within the tolerance of the other one; HD95 is "
    "the distance that 95 % of either surface does not exceed, the worse of both directions. A structure that is in "
    "neither segmentation has no score; one that is in only one of them scores 0, and its HD95 is the diagonal of "
    "the volume."
)


@dataclass(frozen=True)
class Amount:
    """How much of a structure was found, in ml, and how sure the head is, 0..1, None where it was not found."""

    name: str
    color: tuple[float, ...]
    volume_ml: float
    certainty: float | None = None


@dataclass(frozen=True)
class CaseReport:
    """One segmented volume: a title, the overlay as PNG bytes, its scores, seconds, and a sentence if need be.

    ``amounts``: what was found, where there is no reference to score it with; ``warnings``: reasons to doubt it.
    ``learned_from``: its patient was learned from, and enters no mean.
    """

    title: str
    picture: bytes = b""
    evaluation: Evaluation | None = None
    seconds: float | None = None
    note: str = ""
    amounts: Sequence[Amount] = ()
    warnings: Sequence[str] = ()
    learned_from: bool = False


@dataclass(frozen=True)
class Page:
    """What the page tells. ``curves`` default to those on the head's card; ``facts`` are added to the card's."""

    title: str
    subtitle: str = ""
    cases: Sequence[CaseReport] = ()
    card: HeadCard | None = None
    curves: Curves = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    notes: Sequence[str] = ()


def write_page(path: str | Path, page: Page) -> None:
    """Write the page whole or not at all. Raises InputError when the folder is missing, DependencyError."""
    write_content(path, render_page(page))


def render_page(page: Page) -> str:
    """The page as HTML. Curves need matplotlib: DependencyError without it."""
    body = [
        _header(page),
        _tiles(page),
        *(_case(case) for case in page.cases),
        _training(page),
        _notes(page.notes),
        _command(page.command),
        _footer(),
    ]
    return shown(  # no text in it may be what cannot be written into a file
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _header(page: Page) -> str:
    subtitle = f'<p class="quiet">{escape(page.subtitle)}</p>' if page.subtitle else ""
    return f'<header><div class="mark">{MARK}SAMAdapt</div><h1>{escape(page.title)}</h1>{subtitle}</header>'


def _tiles(page: Page) -> str:
    """The figures one looks for first, over all cases that have a reference."""
    others = [case for case in page.cases if not case.learned_from]
    scored = [case.evaluation for case in others if case.evaluation is not None]
    tiles = []
    if scored:
        tiles.append((tables.number(_mean(one.mean_dice for one in scored), 3), "", "mean Dice"))
        title = f"mean {tables.nsd_title(scored[0].tolerance_mm)}"
        tiles.append((tables.number(_mean(one.mean_nsd for one in scored), 3), "", title))
        tiles.append((tables.number(_mean(one.mean_hd95_mm for one in scored), 1), "mm", "mean HD95"))
    if page.card is not None and page.card.training.seconds is not None:
        tiles.append((*_duration(page.card.training.seconds), "to train"))
    seconds = [case.seconds for case in page.cases if case.seconds is not None]
    if seconds:
        tiles.append((*_duration(_mean(seconds)), "to segment a volume"))
    cells = "".join(_tile(*tile) for tile in tiles)
    return f'<div class="tiles">{cells}</div>' if cells else ""


def _tile(value: str, unit: str, title: str) -> str:
    return f'<div class="tile"><b>{value} <small>{unit}</small></b><span>{escape(title)}</span></div>'


def _case(case: CaseReport) -> str:
    parts = [f"<h2>{escape(case.title)}</h2>"]
    if case.note:
        parts.append(f'<p class="quiet">{escape(case.note)}</p>')
    parts += [f'<p class="warning">{escape(text)}</p>' for text in case.warnings]
    if case.picture:
        parts.append(f'<figure class="scan">{_image(case.picture, f"Segmentation of {case.title}")}</figure>')
    if case.evaluation is not None:
        parts.append(_score_table(case.evaluation))
    elif case.amounts:
        parts.append(_amount_table(case.amounts))
    return f"<section>{''.join(parts)}</section>"


def _score_table(evaluation: Evaluation) -> str:
    titles = ("Structure", "Dice", tables.nsd_title(evaluation.tolerance_mm), "HD95 mm", "Volume ml", "Reference ml")
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    rows = "".join(_score_row(row) for row in evaluation.structures)
    dice, nsd, hd95 = evaluation.mean_dice, evaluation.mean_nsd, evaluation.mean_hd95_mm
    means = (tables.number(dice, 3), tables.number(nsd, 3), tables.number(hd95, 1))
    mean = "".join(f"<td>{cell}</td>" for cell in ("Mean", *means, "", ""))
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}<tr class="mean">{mean}</tr></tbody>'
        f"</table></div><details><summary>How this is measured</summary><p>{escape(RULES)}</p></details>"
    )


def _amount_table(amounts: Sequence[Amount]) -> str:
    head = "".join(f"<th>{title}</th>" for title in ("Structure", "Volume ml", "Certainty"))
    rows = []
    for amount in amounts:
        name = f"{_chip(amount.color)}{escape(tables.clipped(amount.name, 80))}"
        certainty = "not found" if amount.certainty is None else tables.number(amount.certainty, 2)
        rows.append(f"<tr><td>{name}</td><td>{tables.number(amount.volume_ml, 2)}</td><td>{certainty}</td></tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _hex(color: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in color)


def _chip(color: Sequence[float]) -> str:
    return f'<i class="chip" style="background:{_hex(color)}"></i>'


def _score_row(row: StructureScore) -> str:
    color = _hex(row.color)
    state = {"missed": "not found", "extra": "not in the reference", "absent": "in neither"}.get(row.state, "")
    tag = f'<span class="tag">{state}</span>' if state else ""
    name = f"{_chip(row.color)}{escape(tables.clipped(row.name, 80))}{tag}"
    dice, *others = tables.score_cells(row)
    share = 0.0 if dice == tables.ABSENT else 100 * row.dice
    bar = f'<span class="bar"><i style="width:{share:.1f}%;background:{color}"></i></span>'
    return f"<tr><td>{name}</td><td>{bar}{dice}</td>" + "".join(f"<td>{cell}</td>" for cell in others) + "</tr>"


def _training(page: Page) -> str:
    facts = {**(card_facts(page.card) if page.card else {}), **page.facts}
    curves = page.curves or (card_curves(page.card.training) if page.card else {})
    if not facts and not curves:
        return ""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items())
    figure = ""
    if curves:
        light, dark = (png(curve_figure(curves, theme)) for theme in (LIGHT, DARK))
        figure = f"<figure>{_image(light, 'Training curves', dark)}</figure>"
    return f"<section><h2>How it was trained</h2><dl>{items}</dl>{figure}</section>"


def card_facts(card: HeadCard) -> dict[str, str]:
    """A head's card in words, leaving out what it does not know."""
    training, quality = card.training, card.quality
    parameters = training.trainable_parameters
    held_out = [tables.number(card.mean_dice, 3)] if card.mean_dice is not None else []
    count = quality.held_out_slices
    held_out += [f"on {count} slice{'s' * (count != 1)}"] if held_out and count else []
    facts = {
        "Head": card.head_type + (f", {parameters:,} trainable parameters" if parameters else ""),
        "Frozen encoder": card.encoder.name,
        "Annotated volumes": training.cases,
        "Annotated slices": training.slices,
        "Unlabelled volumes": training.unlabeled or None,
        "Augmented views": training.views,
        "Steps": training.steps,
        "Budget": training.budget,
        "Seed": training.seed,
        "Plane": card.plane.name + (", as acquired" if card.plane.acquisition else ""),
        "Intensity": _intensity(card.intensity),
        "Modality": card.modality,
        "Held-out Dice": " ".join(held_out),
        "To expect on other patients": "" if card.expected_dice is None else f"about {card.expected_dice:.2f}",
        "Version": training.version,
    }
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    return {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in known.items()}


def _intensity(rule: IntensityFacts) -> str:
    if rule.kind == "none":
        return "0 to 255 as stored"
    return f"{'percentiles' if rule.kind == 'percentile' else 'window'} {rule.low:g} to {rule.high:g}"


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<section><h2>Notes</h2><ul>{items}</ul></section>" if items else ""


def _command(command: str) -> str:
    if not command:
        return ""
    return f"<section><h2>Do it again</h2><pre>{escape(command)}</pre></section>"


def _footer() -> str:
    from ..._version import __version__

    return f"<footer>Made by SAMAdapt {__version__}. Not for clinical use.</footer>"


def _image(light: bytes, text: str, dark: bytes = b"") -> str:
    """An image with its bytes inside; with ``dark``, another one for dark pages."""
    image = f'<img src="{_data(light)}" alt="{escape(text)}">'
    if not dark:
        return image
    return f'<picture><source media="(prefers-color-scheme: dark)" srcset="{_data(dark)}">{image}</picture>'


def _data(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _duration(seconds: float) -> tuple[str, str]:
    """A duration as (number, unit)."""
    if seconds < 90:
        return f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}", "s"
    return f"{seconds / 60:.1f}", "min"


def _mean(values: Iterable[float]) -> float:
    from ..metrics import mean_score

    return mean_score(values)
