"""A volume with its segmentation: three slices, each as image, result and, where there is one, reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.image import Labelmap
from ...data.structure import Structure, complete_structures
from ...errors import InputError
from ...preprocessing.intensity import rule_for
from ...preprocessing.slicing import SliceStack, resolve_plane
from .theme import SCAN, headline, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...data.io.volumes import Volume
    from ..metrics import Evaluation

Entry = tuple[tuple[float, float, float], str]  # colour and text in the legend
_Column = tuple[str, "Labelmap | None"]  # its name, and what lies over the image

SLICES = 3
FILL = 0.38
"""Opacity of a structure's fill: strong enough for its colour, weak enough for the anatomy below it."""

MARGIN = 0.35
"""Around the structures, as a share of their extent; the rest of the slice is cut off the picture."""

SMALLEST_VIEW = 0.3
"""The picture shows at least this share of the slice's longer side, so that one still sees where one is."""

EXTRA = Structure(1, "drawn too much, or another structure", (0.95, 0.55, 0.15))
MISSED = Structure(2, "missed", (0.25, 0.65, 0.95))

_EDGES = {"axial": ("R", "L", "A", "P"), "coronal": ("R", "L", "S", "I"), "sagittal": ("A", "P", "S", "I")}
"""What lies at the left, right, top and bottom of the display."""

_PANEL_INCHES = 2.9


@dataclass(frozen=True)
class Scene:
    """What every panel shares: the stack, display limits, the box of rows and columns shown, the structures."""

    stack: SliceStack
    volume: Volume
    limits: tuple[float, float]
    rows: slice
    columns: slice
    structures: tuple[Structure, ...]


def overlay_figure(
    volume: Volume,
    result: Labelmap,
    reference: Labelmap | None = None,
    *,
    evaluation: Evaluation | None = None,
    plane: str = "auto",
    title: str = "",
    subtitle: str = "",
    errors: bool = False,
    names: tuple[str, str] = ("Image", "Result"),
    choose: Callable[[SliceStack], Mapping[int, str]] | None = None,
) -> Figure:
    """Image, result and reference of ``SLICES`` slices spread over the structures, zoomed to them, with a legend.

    ``names``: the headings of the first two columns. ``errors`` adds a column that shows where result and reference
    differ. ``choose`` picks other slices of the stack, by number, with a word for each.

    Displayed as in radiology: axial slices seen from below (patient's right on the left). ``evaluation`` adds each
    structure's Dice to the legend. Raises InputError if a labelmap has another shape than the volume,
    DependencyError without matplotlib.
    """
    maps = [result] if reference is None else [result, reference]
    for labelmap in maps:
        if labelmap.voxels.shape != volume.voxels.shape:
            msg = f"The labelmap has {labelmap.voxels.shape} voxels (k, j, i), the volume {volume.voxels.shape}."
            raise InputError(msg, "Show a labelmap on the grid of its own volume.")
    scene = scene_of(volume, maps, plane)
    chosen = choose(scene.stack) if choose is not None else {}
    words = chosen or dict.fromkeys(telling_slices(scene.stack, maps), "")
    columns: list[_Column] = [(names[0], None), (names[1], result)]
    if reference is not None:
        columns.append(("Reference", reference))
        if errors:
            columns.append(("Errors", _errors(result, reference)))
    return _draw(scene, columns, words, evaluation, title or volume.name, subtitle)


def _errors(result: Labelmap, reference: Labelmap) -> Labelmap:
    """What the result has and the reference has not, and the other way round, as two structures."""
    wrong = result.voxels != reference.voxels
    voxels = np.zeros(wrong.shape, np.uint8)
    voxels[wrong & (reference.voxels > 0)] = MISSED.value
    voxels[wrong & (result.voxels > 0)] = EXTRA.value
    return Labelmap(voxels, result.geometry, (EXTRA, MISSED))


def scene_of(volume: Volume, maps: list[Labelmap], plane: str) -> Scene:
    stack = _telling_stack(volume, maps, plane)
    present = {value for labelmap in maps for value in labelmap.values()}
    named = {item.value: item for labelmap in reversed(maps) for item in labelmap.structures}
    structures = complete_structures(present, [item for value, item in sorted(named.items()) if value in present])
    low, high = rule_for(volume, "auto").limits(volume.voxels)
    rows, columns = _view(stack, maps)
    return Scene(stack, volume, (float(low), float(high)), rows, columns, structures)


def _telling_stack(volume: Volume, maps: list[Labelmap], plane: str) -> SliceStack:
    """The stack in the asked plane; for "auto" on a grid as fine in all planes, that which shows most structures."""
    choice = resolve_plane(volume.geometry, plane)
    if plane != "auto" or choice.acquisition:
        return SliceStack(volume, choice)
    stacks = [SliceStack(volume, name) for name in ("axial", "coronal", "sagittal")]
    return max(stacks, key=lambda stack: _structures_shown(stack, maps))


def _structures_shown(stack: SliceStack, maps: list[Labelmap]) -> int:
    return sum(
        len(np.unique(stack.slice(labelmap.voxels, number)))
        for labelmap in maps
        for number in telling_slices(stack, maps)
    )


def _view(stack: SliceStack, maps: list[Labelmap]) -> tuple[slice, slice]:
    """Rows and columns to show: the structures with a margin, about square in mm, within the slice."""
    shape, spacing = np.array(stack.shape), np.array(stack.spacing, float)
    whole = shape * spacing
    footprint = np.zeros(stack.shape, bool)
    for labelmap in maps:
        for number in range(len(stack)):
            footprint |= stack.slice(labelmap.voxels, number) > 0
    if not footprint.any():
        return slice(0, int(shape[0])), slice(0, int(shape[1]))
    found = np.argwhere(footprint)
    low, high = found.min(axis=0) * spacing, (found.max(axis=0) + 1) * spacing
    side = max(float((high - low).max()) * (1 + 2 * MARGIN), SMALLEST_VIEW * float(whole.max()))
    extent = np.minimum(side, whole)
    start = np.clip((low + high - extent) / 2, 0, whole - extent)
    first = np.floor(start / spacing).astype(int)
    last = np.minimum(np.ceil((start + extent) / spacing).astype(int), shape)
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))


def telling_slices(stack: SliceStack, maps: list[Labelmap]) -> list[int]:
    """Slices at even shares of what is labelled, each structure counting the same however small it is."""
    weight = np.zeros(len(stack))
    for labelmap in maps:
        bins = int(labelmap.voxels.max()) + 1
        slices = (stack.slice(labelmap.voxels, number).ravel() for number in range(len(stack)))
        counts = np.array([np.bincount(one, minlength=bins)[1:] for one in slices], float)
        totals = counts.sum(axis=0)
        weight += (counts[:, totals > 0] / totals[totals > 0]).sum(axis=1)
    if not weight.any():
        weight[:] = 1.0
    share = np.cumsum(weight) / weight.sum()
    wanted = (np.arange(SLICES) + 0.5) / SLICES
    return sorted({int(np.searchsorted(share, part)) for part in wanted}, reverse=stack.plane == "axial")


def _draw(
    scene: Scene,
    shown: list[_Column],
    words: Mapping[int, str],
    evaluation: Evaluation | None,
    title: str,
    subtitle: str,
) -> Figure:
    height_mm = (scene.rows.stop - scene.rows.start) * scene.stack.spacing[0]
    width_mm = (scene.columns.stop - scene.columns.start) * scene.stack.spacing[1]
    panel = _PANEL_INCHES * np.array([width_mm, height_mm]) / max(width_mm, height_mm)
    columns, gap, numbers = len(shown), 0.1, list(words)
    entries, per_line = legend_of(scene, evaluation), min(columns, 3)
    if shown[-1][0] == "Errors":
        entries += [(each.color, each.name) for each in (EXTRA, MISSED)]
    lines = -(-len(entries) // per_line)
    top, bottom, side = (0.85 if subtitle else 0.62) + 0.35, 0.34 + 0.27 * lines, 0.35
    width = max(columns * panel[0] + (columns - 1) * gap + 2 * side, 6.2)
    height = len(numbers) * panel[1] + (len(numbers) - 1) * gap + top + bottom
    figure = new_figure(width, height, SCAN)
    headline(figure, title, subtitle, SCAN)
    left = (width - columns * panel[0] - (columns - 1) * gap) / 2
    for row, number in enumerate(numbers):
        for column, (name, labelmap) in enumerate(shown):
            x = left + column * (panel[0] + gap)
            y = height - top - (row + 1) * panel[1] - row * gap
            axes = figure.add_axes((x / width, y / height, panel[0] / width, panel[1] / height))
            draw_slice(axes, scene, number, labelmap)
            if row == 0:
                _column_title(figure, name, x + panel[0] / 2, top - 0.17)
            if column == 0:
                _place_names(axes, scene, number, words[number], first=row == 0)
    write_legend(figure, entries, per_line, left=side, width=width - 2 * side, bottom=bottom)
    return figure


def _column_title(figure: Figure, name: str, x: float, below_top: float) -> None:
    """The name of a column, centred at ``x`` inches, that many inches below the upper edge."""
    width, height = figure.get_size_inches()
    place = x / width, 1 - below_top / height
    figure.text(*place, name, color=SCAN.ink, fontsize=11, ha="center", va="center")


def draw_slice(axes: Axes, scene: Scene, number: int, labelmap: Labelmap | None) -> None:
    """One slice; with a labelmap, its structures as fills and outlines."""
    box = scene.rows, scene.columns
    image = scene.stack.slice(scene.volume.voxels, number)[box]
    low, high = scene.limits
    height, width = image.shape
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="lanczos", aspect="auto")
    axes.set_axis_off()
    if labelmap is not None:
        labels = scene.stack.slice(labelmap.voxels, number)[box]
        known = {structure.value: structure for structure in scene.structures}
        own = labelmap.structures if set(labelmap.structures) == {EXTRA, MISSED} else known.values()
        for structure in own:
            draw_structure(axes, labels == structure.value, structure.color)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)


def draw_structure(axes: Axes, mask: np.ndarray, color: tuple[float, float, float]) -> None:
    if not mask.any():
        return
    # One more pixel of background around it: outlines close where a structure meets the edge of the picture.
    padded = np.pad(mask, 1).astype(float)
    rows, columns = (np.arange(-1, length + 1) for length in mask.shape)
    axes.contourf(columns, rows, padded, levels=(0.5, 1.5), colors=[color], alpha=FILL, antialiased=True)
    axes.contour(columns, rows, padded, levels=(0.5,), colors=[color], linewidths=1.3)


def _place_names(axes: Axes, scene: Scene, number: int, word: str, first: bool) -> None:
    """Which slice this is; on the first one, which way the patient lies and how long 1 or 5 cm are."""
    from matplotlib.patheffects import withStroke

    dark_rim = [withStroke(linewidth=2, foreground="#000000b0")]  # legible on fat and bone as well
    small: dict[str, Any] = {"color": SCAN.ink, "fontsize": 7.5, "transform": axes.transAxes, "path_effects": dark_rim}
    axes.text(0.025, 0.03, f"{scene.stack.plane} {number + 1}/{len(scene.stack)}", va="bottom", **small)
    if word:
        axes.text(0.025, 0.975, word, va="top", **{**small, "fontsize": 9})
    if not first:
        return
    left, right, top, bottom = _EDGES[scene.stack.plane]
    axes.text(0.025, 0.5, left, va="center", **small)
    axes.text(0.975, 0.5, right, va="center", ha="right", **small)
    axes.text(0.5, 0.975, top, va="top", ha="center", **small)
    axes.text(0.5, 0.03, bottom, va="bottom", ha="center", **small)
    width_mm = (scene.columns.stop - scene.columns.start) * scene.stack.spacing[1]
    bar_mm = next((mm for mm in (100, 50, 20, 10, 5, 2, 1) if mm <= width_mm / 3), 1)
    line: dict[str, Any] = {"color": SCAN.ink, "linewidth": 1.6, "transform": axes.transAxes, "path_effects": dark_rim}
    axes.plot((0.97 - bar_mm / width_mm, 0.97), (0.04, 0.04), **line)
    text = f"{bar_mm // 10} cm" if bar_mm >= 10 else f"{bar_mm} mm"
    axes.text(0.97 - bar_mm / width_mm / 2, 0.055, text, va="bottom", ha="center", **small)


def legend_of(scene: Scene, evaluation: Evaluation | None) -> list[Entry]:
    dice = {row.value: row.dice for row in evaluation.structures} if evaluation else {}
    entries = []
    for structure in scene.structures:
        score = dice.get(structure.value, float("nan"))
        name = structure.name if len(structure.name) <= 28 else structure.name[:27] + "…"
        entries.append((structure.color, name if np.isnan(score) else f"{name}  ·  Dice {score:.2f}"))
    return entries


def write_legend(
    figure: Figure, entries: Sequence[Entry], per_line: int, left: float, width: float, bottom: float
) -> None:
    """Chips and texts, ``per_line`` in a line, below ``bottom``; lengths in inches."""
    from matplotlib.patches import FancyBboxPatch

    total_width, total_height = figure.get_size_inches()
    for index, (color, text) in enumerate(entries):
        line, place = divmod(index, per_line)
        x, y = left + place * width / per_line, bottom - 0.26 - 0.27 * line
        chip = FancyBboxPatch(
            (x / total_width, (y - 0.05) / total_height), 0.14 / total_width, 0.1 / total_height,
            boxstyle="round,pad=0.001", facecolor=color, edgecolor="none", transform=figure.transFigure,
        )  # fmt: skip
        figure.add_artist(chip)
        at = (x + 0.22) / total_width, y / total_height
        figure.text(*at, text, color=SCAN.ink, fontsize=9, va="center", parse_math=False)
