"""Draws the icons in SAMAdapt/Resources/Icons: of the module (slices of a heart, one annotated, the rest follow) and of
its effect in the Segment Editor (an annotated slice, and those that are being filled in).

python Resources/draw_icon.py        # needs matplotlib; writes 128 x 128 pixels
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyBboxPatch, Polygon

TARGET = Path(__file__).resolve().parent.parent / "SAMAdapt" / "Resources" / "Icons" / "SAMAdapt.png"
EFFECT = TARGET.with_name("SegmentEditorSAMAdaptEffect.png")
PIXELS = 128

NIGHT, DUSK = "#122440", "#27548f"
SLICE, EDGE, TISSUE = "#39424f", "#dfe7f1", "#69727e"
WALL, RIGHT, LEFT = "#ff9f3e", "#4fc3f7", "#ff5d6c"


def draw(target: Path = TARGET) -> Path:
    """Draw the icon into ``target``."""
    figure = plt.figure(figsize=(1, 1), dpi=PIXELS)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.axis("off")
    paint_ground(axes)
    for depth, (dx, dy) in enumerate([(0.135, 0.135), (0.0675, 0.0675), (0.0, 0.0)]):
        paint_slice(axes, dx, dy, front=depth == 2)
    figure.savefig(target, dpi=PIXELS, transparent=True, metadata={"Software": ""})
    plt.close(figure)
    return target


def draw_effect(target: Path = EFFECT) -> Path:
    """Draw the effect's icon into ``target``: no ground, for it stands on a button."""
    figure = plt.figure(figsize=(1, 1), dpi=PIXELS)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.axis("off")
    for x, y, seen in ((0.36, 0.36, 0.45), (0.20, 0.20, 0.75), (0.04, 0.04, 1.0)):
        card = FancyBboxPatch((x, y), 0.58, 0.58, boxstyle="round,pad=0,rounding_size=0.07")
        card.set(fc="#161b22" if seen == 1 else SLICE, ec=EDGE, lw=1.0)
        axes.add_patch(card)
        dashed = {} if seen == 1 else {"linestyle": (0, (1.5, 1.0))}
        add(axes, outline(x + 0.29, y + 0.29, 0.20, 0.21), fc=WALL, alpha=seen)
        add(axes, outline(x + 0.29, y + 0.29, 0.11, 0.12), fc=LEFT, alpha=seen)
        add(axes, outline(x + 0.29, y + 0.29, 0.20, 0.21), fc="none", ec="white", lw=1.0, **dashed)
    figure.savefig(target, dpi=PIXELS, transparent=True, metadata={"Software": ""})
    plt.close(figure)
    return target


def paint_ground(axes: Any) -> None:
    """A rounded square with a soft light from above left."""
    box = FancyBboxPatch((0.02, 0.02), 0.96, 0.96, boxstyle="round,pad=0,rounding_size=0.2", lw=0, fc="none")
    axes.add_patch(box)
    rows, columns = np.mgrid[0:256, 0:256] / 255.0
    light = np.clip(1.15 - np.hypot(columns - 0.25, rows - 0.2), 0, 1)
    shades = LinearSegmentedColormap.from_list("ground", [NIGHT, DUSK])
    picture = axes.imshow(light, extent=(0, 1, 0, 1), cmap=shades, interpolation="bilinear", zorder=0)
    picture.set_clip_path(box)


def paint_slice(axes: Any, dx: float, dy: float, front: bool) -> None:
    """One slice, shifted to the back; only the front one is lit and filled with the structures."""
    x, y, side = 0.115 + dx, 0.115 + dy, 0.635
    shape = "round,pad=0,rounding_size=0.07"
    for spread, alpha in ((0.03, 0.10), (0.015, 0.16)):
        shadow = FancyBboxPatch((x - spread, y - spread), side + 2 * spread, side + 2 * spread, boxstyle=shape)
        shadow.set(fc="black", lw=0, alpha=alpha)
        axes.add_patch(shadow)
    card = FancyBboxPatch((x, y), side, side, boxstyle=shape)
    card.set(fc="#161b22" if front else SLICE, ec=EDGE, lw=1.0 if front else 0.8, alpha=1.0 if front else 0.9)
    axes.add_patch(card)
    if front:
        paint_heart(axes, x + side / 2, y + side / 2, side / 2)
    else:
        paint_echo(axes, x, y, side)


def paint_heart(axes: Any, x: float, y: float, half: float) -> None:
    """A short-axis view: chest in gray, the left ventricle with its wall lies on the right one."""
    add(axes, outline(x, y, 0.86 * half, 0.78 * half, wobble=0.04), fc=TISSUE, alpha=0.55)
    centre = (x + 0.20 * half, y - 0.02 * half)
    add(axes, outline(x - 0.21 * half, y, 0.50 * half, 0.56 * half), fc=RIGHT, ec="white", lw=0.7)
    add(axes, outline(*centre, 0.50 * half, 0.51 * half), fc=WALL, ec="white", lw=0.7)
    add(axes, outline(*centre, 0.28 * half, 0.285 * half), fc=LEFT, ec="white", lw=0.7)


def paint_echo(axes: Any, x: float, y: float, side: float) -> None:
    """What shows of a slice behind: the same colours, found by the machine, along its free edges."""
    for place, color in ((0.30, RIGHT), (0.52, WALL), (0.70, LEFT)):
        axes.plot([x + (place - 0.07) * side, x + (place + 0.07) * side], [y + 0.945 * side] * 2, color=color, lw=1.7)
        axes.plot([x + 0.945 * side] * 2, [y + (place - 0.07) * side, y + (place + 0.07) * side], color=color, lw=1.7)


def outline(x: float, y: float, width: float, height: float, wobble: float = 0.0) -> Iterator[tuple[float, float]]:
    """Points of an ellipse, or of something a little more alive."""
    for step in range(120):
        angle = 2 * math.pi * step / 120
        swell = 1 + wobble * math.cos(3 * angle + 0.6)
        yield x + width * swell * math.cos(angle), y + height * swell * math.sin(angle)


def add(axes: Any, points: Any, **looks: Any) -> None:
    looks.setdefault("lw", 0)
    axes.add_patch(Polygon(list(points), closed=True, joinstyle="round", **looks))


if __name__ == "__main__":
    draw()
    draw_effect()
