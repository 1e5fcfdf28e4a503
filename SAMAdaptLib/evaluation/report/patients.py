"""One annotated patient and the others that were segmented, in one picture: a row each, with a view in 3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .overlay import Scene, draw_slice, legend_of, scene_of, telling_slices, write_legend
from .surface import Viewpoint, extent_mm, surface_image
from .theme import SCAN, headline, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...data.image import Labelmap, Volume

CELL, GAP, SIDE, SCORES = 2.15, 0.08, 0.3, 2.35
"""Inches: the side of a picture, between two, beside all of them, and the width of the scores."""

NAMES_ABOVE, TOP, BOTTOM = 0.3, 1.05, 0.55
"""Inches: of a row's name, above the first row and below the last one."""

WRONG = (1.0, 0.25, 0.3)
"""The colour of what is not as in the reference."""

PIXELS = 230
"""Of a view in 3D."""


@dataclass(frozen=True)
class PatientRow:
    """A patient as the picture shows it.

    ``labels`` are shown on the image and in 3D: what was drawn, or what was found. ``found`` is what is compared with
    ``reference``, on slice ``number`` of its own (None for that of the labels); without a reference nothing is
    compared. ``scores``: mean Dice by the way it was got, the first one's being ours.
    """

    title: str
    volume: Volume
    labels: Labelmap
    found: Labelmap | None = None
    reference: Labelmap | None = None
    shown: int | None = None
    compared: int | None = None
    cut_open: bool | None = None
    words: tuple[str, str] = ("", "")
    scores: tuple[tuple[str, float], ...] = ()


def patients_figure(rows: Sequence[PatientRow], title: str, subtitle: str = "") -> Figure:
    """The rows below each other: image, labels, where it errs, in 3D, scores. Raises DependencyError."""
    width = 2 * SIDE + 4 * (CELL + GAP) + SCORES
    height = TOP + len(rows) * (CELL + NAMES_ABOVE) + BOTTOM
    figure = new_figure(width, height, SCAN)
    headline(figure, title, subtitle, SCAN)
    side_mm = max(extent_mm(row.labels, Viewpoint()) for row in rows)
    entries = {}
    for place, row in enumerate(rows):
        top = height - TOP - place * (CELL + NAMES_ABOVE)
        scene = _draw_row(figure, row, top, side_mm)
        entries.update({text: (color, text) for color, text in legend_of(scene, None)})
    chips = [*entries.values(), (WRONG, "Not as in the reference")]
    write_legend(figure, chips, len(chips), left=SIDE, width=width - 2 * SIDE, bottom=BOTTOM)
    return figure


def _draw_row(figure: Figure, row: PatientRow, top: float, side_mm: float) -> Scene:
    maps = [labelmap for labelmap in (row.labels, row.reference) if labelmap is not None]
    scene = scene_of(row.volume, maps, "auto")
    middle = telling_slices(scene.stack, [row.labels])
    shown = middle[len(middle) // 2] if row.shown is None else row.shown
    compared = shown if row.compared is None else row.compared
    width, height = figure.get_size_inches()
    figure.text(SIDE / width, (top - 0.13) / height, row.title, color=SCAN.ink, fontsize=11, fontweight="bold")
    below = top - NAMES_ABOVE + 0.08
    columns: list[tuple[str, int, Labelmap | None]] = [("", shown, None), (row.words[0], shown, row.labels)]
    for column, (words, number, labelmap) in enumerate(columns):
        draw_slice(_cell(figure, column, below, scene), scene, number, labelmap)
        _say(figure, column, below, words or f"{scene.stack.plane} slice {number + 1} of {len(scene.stack)}")
    if row.found is not None and row.reference is not None:
        axes = _cell(figure, 2, below, scene)
        draw_slice(axes, scene, compared, None)
        _draw_errors(axes, scene, compared, row.found, row.reference)
        _say(figure, 2, below, row.words[1] or "where it errs")
    axes = _square(figure, 3, below)
    axes.imshow(surface_image(row.labels, PIXELS, side_mm=side_mm, cut_open=row.cut_open), interpolation="antialiased")
    _draw_scores(figure, row.scores, below)
    return scene


def _square(figure: Figure, column: int, top: float) -> Axes:
    width, height = figure.get_size_inches()
    x = SIDE + column * (CELL + GAP)
    axes = figure.add_axes((x / width, (top - CELL) / height, CELL / width, CELL / height))
    axes.set_axis_off()
    return axes


def _cell(figure: Figure, column: int, top: float, scene: Scene) -> Axes:
    """Where a slice goes: as large as it can be in the column, its sides as they are."""
    axes = _square(figure, column, top)
    rows = (scene.rows.stop - scene.rows.start) * scene.stack.spacing[0]
    columns = (scene.columns.stop - scene.columns.start) * scene.stack.spacing[1]
    axes.set_box_aspect(rows / columns)
    return axes


def _say(figure: Figure, column: int, top: float, words: str) -> None:
    """A few words in the lower left corner of a cell."""
    width, height = figure.get_size_inches()
    place = (SIDE + column * (CELL + GAP) + 0.05) / width, (top - CELL + 0.06) / height
    figure.text(*place, words, color=SCAN.muted, fontsize=8, parse_math=False)


def _draw_errors(axes: Axes, scene: Scene, number: int, found: Labelmap, reference: Labelmap) -> None:
    box = scene.rows, scene.columns
    one, other = (scene.stack.slice(labelmap.voxels, number)[box] for labelmap in (found, reference))
    wrong = np.zeros((*one.shape, 4))
    wrong[one != other] = (*WRONG, 0.9)
    axes.imshow(wrong, interpolation="nearest", aspect="auto")


def _draw_scores(figure: Figure, scores: Sequence[tuple[str, float]], top: float) -> None:
    """Our score large, then a bar for each way."""
    if not scores:
        return
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    left, long = SIDE + 4 * (CELL + GAP) + 0.15, SCORES - 0.2
    figure.text(left / width, (top - 0.5) / height, f"{scores[0][1]:.2f}", color=SCAN.ink, fontsize=24, va="center")
    figure.text((left + 0.75) / width, (top - 0.56) / height, "mean Dice", color=SCAN.muted, fontsize=9, va="center")
    for place, (name, score) in enumerate(scores):
        y = top - 1.0 - 0.5 * place
        color = SCAN.accents[0] if place == 0 else SCAN.muted
        figure.text(left / width, y / height, f"{name}  {score:.2f}", color=SCAN.ink, fontsize=9, parse_math=False)
        for share, paint_color in ((1.0, SCAN.line), (score, color)):
            bar = Rectangle(
                (left / width, (y - 0.17) / height), share * long / width, 0.09 / height,
                facecolor=paint_color, edgecolor="none", transform=figure.transFigure,
            )  # fmt: skip
            figure.add_artist(bar)
