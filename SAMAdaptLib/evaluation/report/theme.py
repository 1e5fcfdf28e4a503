"""Colours and canvases of all pictures. matplotlib is imported here alone, through its object interface.

pyplot is never touched: it keeps global state and picks a window system, neither of which belongs in a library that
also runs inside another application.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...errors import DependencyError
from ...utils.files import write_content

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Color = Sequence[float] | str


@dataclass(frozen=True)
class Theme:
    """Colours of a picture: behind it, its text, its quiet text, its lines, and those of curves."""

    face: str
    ink: str
    muted: str
    line: str
    accents: tuple[str, ...]


LIGHT = Theme("#ffffff", "#17202e", "#5d6b7e", "#dfe5ec", ("#0f8b8d", "#d1603d", "#6a4c93", "#3a7d44", "#b8336a"))
DARK = Theme("#161d29", "#e8edf4", "#93a1b5", "#2b3648", ("#41c7c7", "#f4906c", "#b49ae0", "#7ecb8b", "#ef7fae"))
SCAN = Theme("#0b0f16", "#e8edf4", "#93a1b5", "#2b3648", DARK.accents)
"""Around images, in light pages as well: eyes judge grey values against black."""


def new_figure(width: float, height: float, theme: Theme) -> Figure:
    """An empty figure of that many inches. Raises DependencyError when matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = "Pictures need the Python package matplotlib, which is not installed."
        raise DependencyError(msg, "Install it with: pip install matplotlib") from error
    figure = Figure(figsize=(width, height), facecolor=theme.face)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as the bytes of a PNG file, without the date, so that equal pictures have equal bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor=figure.get_facecolor(), metadata={"Software": None})
    return stream.getvalue()


def write_png(figure: Figure, path: str | Path, dpi: int = 150) -> None:
    """Write the figure whole or not at all. Raises InputError when the folder is missing or cannot be written to."""
    write_content(path, png(figure, dpi))


def style_axes(axes: Axes, theme: Theme, grid: Literal["both", "x", "y"] = "y") -> None:
    """Quiet axes: no box, light grid lines behind the data."""
    axes.set_facecolor(theme.face)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.line)
    axes.tick_params(colors=theme.muted, labelsize=9, length=0, pad=6)
    axes.grid(axis=grid, color=theme.line, linewidth=0.8)
    axes.set_axisbelow(True)


def headline(figure: Figure, title: str, subtitle: str, theme: Theme) -> None:
    """A bold line and a quiet one below it in the upper left corner, placed in inches whatever the figure's size."""
    width, height = figure.get_size_inches()
    place: dict[str, Any] = {
        "x": 0.35 / width,
        "va": "center",
        "parse_math": False,
    }  # a dollar sign in a name is a dollar sign
    figure.text(y=1 - 0.34 / height, s=title, color=theme.ink, fontsize=14, fontweight="bold", **place)
    if subtitle:
        figure.text(y=1 - 0.62 / height, s=subtitle, color=theme.muted, fontsize=9.5, **place)
