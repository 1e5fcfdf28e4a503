"""Curves of a training and the spread of a benchmark, as figures."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .tables import short_ids
from .theme import LIGHT, Theme, headline, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .recorder import Curves

JITTER = 0.16
"""How far the dots of one group spread sideways, in units of the distance between groups."""

_SUPPORT_MARKERS = "osD^vPX*<>"


def curve_figure(curves: Curves, theme: Theme = LIGHT) -> Figure:
    """Training curves: one panel for scores of 0..1 (names with "dice"), one for everything else.

    ``curves``: ``{"loss": [(step, value), ...]}``. Points that are not finite are left out. An empty mapping gives a
    figure that says so. Raises DependencyError without matplotlib.
    """
    known = {name: _finite(points) for name, points in curves.items()}
    known = {name: points for name, points in known.items() if points}
    scores = [name for name in known if "dice" in name.lower()]
    losses = [name for name in known if name not in scores]
    groups = [group for group in (losses, scores) if group]
    figure = new_figure(4.6 * max(len(groups), 1), 2.9, theme)
    if not groups:
        figure.text(0.5, 0.5, "No curve was recorded.", color=theme.muted, ha="center", va="center")
    for position, group in enumerate(groups):
        axes = figure.add_subplot(1, len(groups), position + 1)
        _curve_panel(axes, {name: known[name] for name in group}, group is scores, theme)
    figure.tight_layout(pad=1.2, w_pad=2.4)
    return figure


def _curve_panel(axes: Axes, curves: Curves, is_score: bool, theme: Theme) -> None:
    style_axes(axes, theme)
    for name, color in zip(curves, _colors(theme, len(curves), shift=int(is_score)), strict=True):
        steps, values = np.array(curves[name], float).T
        if len(steps) >= 60:  # every step of a noisy loss: the points stay visible behind their running mean
            axes.plot(steps, values, color=color, alpha=0.22, linewidth=1.0)
            values = _smoothed(values)
        marker = "o" if len(steps) < 30 else ""
        axes.plot(steps, values, color=color, linewidth=2.0, marker=marker, markersize=4, solid_capstyle="round")
        beside: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(f"{values[-1]:.2f}", (steps[-1], values[-1]), color=color, fontsize=9, **beside)
    title = ", ".join(curves)
    title = title[:1].upper() + title[1:]
    bold: dict[str, Any] = {"fontsize": 10.5, "fontweight": "bold", "parse_math": False}
    axes.set_title(title, loc="left", color=theme.ink, pad=10, **bold)
    axes.set_xlabel("Step", color=theme.muted, fontsize=9)
    if is_score:
        lowest = min(value for points in curves.values() for _, value in points)
        axes.set_ylim(min(0.5, math.floor(lowest * 10) / 10), 1.0)
    axes.margins(x=0.04)


def benchmark_figure(result: Mapping[str, Any], theme: Theme = LIGHT) -> Figure:
    """Dice of every query volume, by structure and support: dots, a box over each structure, the mean in words.

    ``result``: what ``benchmark.run`` returns (or its JSON). Scores of null are left out. Raises DependencyError.
    """
    supports = result["supports"]
    groups = _dice_by_structure(supports)
    names = _structure_names(result)
    wide = max(0.95, 0.75 + 0.15 * len(supports))
    figure = new_figure(max(6.4, 1.2 + wide * len(groups)), 4.9, theme)
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0.62 / width, 1.3 / height, 1 - 0.97 / width, 1 - 2.32 / height))
    style_axes(axes, theme)
    colors = _colors(theme, len(supports))
    for place, (value, scores) in enumerate(groups.items()):
        _strip(axes, place, scores, colors, theme)
        name = "\n".join(textwrap.wrap(names.get(value, f"Label {value}"), 16, max_lines=2, placeholder="…"))
        axes.text(place, -0.165, name, color=theme.ink, fontsize=9.5, ha="center", linespacing=1.1, parse_math=False)
    axes.set_xlim(-0.6, max(len(groups), 1) - 0.4)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xticks([])
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_ylabel("Dice", color=theme.muted, fontsize=9)
    headline(figure, _benchmark_title(result), _benchmark_subtitle(result), theme)
    _support_legend(figure, supports, colors, theme)
    return figure


def _strip(axes: Axes, place: int, scores: Sequence[Sequence[float]], colors: Sequence[str], theme: Theme) -> None:
    """A box of all scores of one structure; the dots of each support in its own column, with its mean."""
    everything = [score for one in scores for score in one]
    if not everything:
        return
    axes.boxplot(
        [everything], positions=[place], widths=0.74, showfliers=False, patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": theme.line, "edgecolor": "none", "alpha": 0.55}, medianprops={"color": theme.muted},
        whiskerprops={"color": theme.line}, capprops={"color": theme.line}, zorder=1,
    )  # fmt: skip
    columns = np.linspace(-0.27, 0.27, len(scores)) if len(scores) > 1 else np.zeros(1)
    narrow = JITTER if len(scores) == 1 else 0.2 * JITTER
    for index, (one, color) in enumerate(zip(scores, colors, strict=True)):
        spread = _even_spread(len(one)) * narrow
        at, half = place + columns[index], 0.04 if len(scores) > 1 else 0.12
        dots: dict[str, Any] = {"marker": _marker(index), "s": 17, "alpha": 0.6, "linewidths": 0}
        axes.scatter(at + spread, one, color=color, zorder=2, **dots)
        if one:
            mean = float(np.mean(one))
            axes.plot(
                (at - half, at + half), (mean, mean), color=color, linewidth=2.6, zorder=3, solid_capstyle="round"
            )
    axes.text(place, -0.065, f"{np.mean(everything):.3f}", color=theme.muted, fontsize=9, ha="center", va="top")


def _support_legend(figure: Figure, supports: Sequence[Mapping[str, Any]], colors: Sequence[str], theme: Theme) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker=_marker(index), color=color, linestyle="", markersize=6)
        for index, color in enumerate(colors)
    ]
    texts = [f"{short_ids(support['support'])}  {_score(support['mean_dice'])}" for support in supports]
    columns = min(len(texts), max(1, int(figure.get_size_inches()[0] // 2)))
    legend = figure.legend(
        handles, texts, loc="lower center", bbox_to_anchor=(0.5, 0.012), ncols=columns,
        frameon=False, fontsize=8.5, labelcolor=theme.muted, handletextpad=0.2, columnspacing=1.4,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


def _benchmark_title(result: Mapping[str, Any]) -> str:
    mean, spread = result["mean_dice"], result["sd_dice"]
    text = f"Mean Dice {_score(mean)}"
    return text if spread is None else f"{text} ± {spread:.3f} over {len(result['supports'])} supports"


def _benchmark_subtitle(result: Mapping[str, Any]) -> str:
    settings, supports = result.get("settings", {}), result["supports"]
    heads = sorted({str(support.get("head", "")) for support in supports} - {""})
    cases = sorted({len(support["cases"]) for support in supports})
    parts = [", ".join(heads), str(settings.get("encoder", ""))]
    if settings.get("budget"):
        parts.append(f"budget {settings['budget']}")
    if cases:
        parts.append(f"{cases[-1]} query volumes" if cases[-1] != 1 else "1 query volume")
    return "  ·  ".join(part for part in parts if part)


def _dice_by_structure(supports: Sequence[Mapping[str, Any]]) -> dict[str, list[list[float]]]:
    """{label value: for each support its scores}, label values ascending."""
    values = {value for support in supports for case in support["cases"] for value in case["dice"]}
    return {
        value: [
            [float(case["dice"][value]) for case in support["cases"] if case["dice"].get(value) is not None]
            for support in supports
        ]
        for value in sorted(values, key=int)
    }


def _structure_names(result: Mapping[str, Any]) -> dict[str, str]:
    return {value: str(facts.get("name", value)) for value, facts in result.get("structures", {}).items()}


def _marker(index: int) -> str:
    return _SUPPORT_MARKERS[index % len(_SUPPORT_MARKERS)]


def _score(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _even_spread(count: int) -> np.ndarray:
    """``count`` offsets in -1..1 that look random and are not: the golden ratio never repeats a place."""
    return 2 * ((np.arange(count) * 0.6180339887) % 1.0) - 1


def _smoothed(values: np.ndarray) -> np.ndarray:
    window = max(len(values) // 20, 3)
    kernel = np.ones(window)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones_like(values), kernel, "same")


def _finite(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(step, value) for step, value in points if value is not None and math.isfinite(value)]


def _colors(theme: Theme, count: int, shift: int = 0) -> list[str]:
    return [theme.accents[(index + shift) % len(theme.accents)] for index in range(count)]
