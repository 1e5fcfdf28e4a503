"""Draws the packages of the library, floor by floor, with an arrow for each that one package knows of another.

    python docs/development/draw_house.py      # rewrites house.png beside this file

Needs matplotlib.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Testing"), str(ROOT)]

import test_architecture as house  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

INK, PAPER, ARROW = "#22303c", "#e8f0f7", "#5b7c99"
EVERYWHERE = {"errors", "progress", "utils"}
"""Nearly all know these: arrows to them would hide the others."""


def known() -> dict[str, set[str]]:
    """Package -> packages that it imports, for type checking too."""
    found: dict[str, set[str]] = {}
    for name in house.modules():
        here = house.room(name)
        others = {house.room(other) for other in house.inside(house.imported(name, anywhere=True)) - {house.NAME}}
        found.setdefault(here, set()).update(others - {here, "__init__"})
    found.pop("__init__", None)
    return found


def main() -> None:
    """Lay the floors out from the ground up and write the picture."""
    knows = known()
    floors = [[room for room in floor if room in knows] for floor in house.ORDER]
    floors = [floor for floor in floors if floor]
    places = {
        room: ((number + 0.5) / len(floor), height)
        for height, floor in enumerate(floors)
        for number, room in enumerate(floor)
    }
    figure = Figure(figsize=(9, 0.75 * len(floors) + 0.4), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(-0.6, len(floors) - 0.4))
    for room, others in knows.items():
        for other in others - EVERYWHERE:
            (x, y), (there_x, there_y) = places[room], places[other]
            style = {"arrowstyle": "-|>", "color": ARROW, "alpha": 0.35, "lw": 0.8, "shrinkA": 12, "shrinkB": 12}
            axes.annotate("", (there_x, there_y), (x, y), arrowprops=style)
    for room, (x, y) in places.items():
        box = {"boxstyle": "round,pad=0.45", "facecolor": PAPER, "edgecolor": INK}
        axes.text(x, y, room, ha="center", va="center", color=INK, fontsize=11, bbox=box)
    figure.savefig(Path(__file__).with_name("house.png"), facecolor="white")


if __name__ == "__main__":
    main()
