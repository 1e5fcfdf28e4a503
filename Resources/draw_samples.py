"""Draws the pictures of the sample patients for Slicer's module Sample Data, and the picture story of the README.

    python Resources/draw_samples.py thumbnails
    python Resources/draw_samples.py story FOLDER

FOLDER is what ``python3 run.py demo`` left: the story shows its result.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib.data.image import Labelmap, Volume  # noqa: E402
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume  # noqa: E402
from SAMAdaptLib.demo.brains import brain_problem  # noqa: E402
from SAMAdaptLib.demo.samples import patients  # noqa: E402
from SAMAdaptLib.demo.samples.names import NAMES  # noqa: E402
from SAMAdaptLib.demo.show import plain  # noqa: E402
from SAMAdaptLib.evaluation.metrics import evaluate  # noqa: E402
from SAMAdaptLib.evaluation.report.overlay import draw_slice, scene_of, telling_slices  # noqa: E402
from SAMAdaptLib.evaluation.report.recorder import card_curves  # noqa: E402
from SAMAdaptLib.evaluation.report.surface import surface_image  # noqa: E402
from SAMAdaptLib.evaluation.report.theme import SCAN, new_figure, write_png  # noqa: E402
from SAMAdaptLib.heads.card import HeadCard, read_card  # noqa: E402

THUMBNAILS = ROOT / "SAMAdapt" / "Resources" / "Samples"
STORY = ROOT / "Resources" / "story.png"
CELL, TEXT, GAP, MARGIN = 2.6, 0.85, 0.35, 0.3
"""Inches: the side of a picture, its text below, between two, and around all of them."""


def thumbnails() -> None:
    """Each patient from the middle of the head, A with its annotation."""
    THUMBNAILS.mkdir(exist_ok=True)
    for name in NAMES:
        sample = patients.load(name)
        figure = new_figure(2.6, 2.8, SCAN)
        labels = None if sample.simulated else sample.labelmap
        _slice(figure, (0.02, 0.02, 0.96, 0.96), sample.volume, sample.labelmap, labels)
        write_png(figure, THUMBNAILS / f"Brain{name}.png", dpi=100)


def story(folder: Path) -> None:
    """Paint some slices, learn, the next patient, in 3D: four pictures from left to right."""
    problem = brain_problem()
    other = problem.others[1]
    name = plain(other.title, 1)
    volume = read_volume(folder / f"{name}.nrrd")
    found = read_labelmap(folder / f"{name}.seg.nrrd", like=volume)
    dice = evaluate(found, other.reference).mean_dice
    card = read_card(folder / "demo.samhead")
    words = (
        ("1  Paint some slices", f"{len(problem.drawn)} of {problem.training.volume.geometry.shape[0]} slices of A"),
        ("2  Learn", "a frozen encoder, a small model on top"),
        ("3  The next patient", f"{other.title}: Dice {dice:.2f}"),
        ("4  In 3D", "its grey and white matter, cut open"),
    )
    width, height = 2 * MARGIN + 4 * CELL + 3 * GAP, 2 * MARGIN + CELL + TEXT
    figure = new_figure(width, height, SCAN)
    boxes = [
        ((MARGIN + place * (CELL + GAP)) / width, (MARGIN + TEXT) / height, CELL / width, CELL / height)
        for place in range(4)
    ]
    _image(figure, boxes[0], surface_image(problem.training.labelmap, 420, cut_open=False))
    _curve(figure, boxes[1], card)
    _slice(figure, boxes[2], volume, found, found)
    _image(figure, boxes[3], surface_image(found, 420))
    for box, (title, text) in zip(boxes, words, strict=True):
        below = MARGIN / height
        figure.text(box[0], below + 0.42 / height, title, color=SCAN.ink, fontsize=14, fontweight="bold")
        figure.text(box[0], below + 0.12 / height, text, color=SCAN.muted, fontsize=9.5)
    for box, following in zip(boxes, boxes[1:], strict=False):
        middle = (box[0] + box[2] + following[0]) / 2
        figure.text(middle, box[1] + box[3] / 2, "\u2192", color=SCAN.accents[0], fontsize=22, ha="center", va="center")
    write_png(figure, STORY, dpi=110)


def _slice(figure: Any, box: tuple[float, ...], volume: Volume, known: Labelmap, labels: Labelmap | None) -> None:
    """The telling slice of a volume in a box of the figure, with labels if there are any."""
    scene = scene_of(volume, [known], "auto")
    numbers = telling_slices(scene.stack, [known])
    axes = figure.add_axes(box)
    axes.set_axis_off()
    rows = (scene.rows.stop - scene.rows.start) * scene.stack.spacing[0]
    columns = (scene.columns.stop - scene.columns.start) * scene.stack.spacing[1]
    axes.set_box_aspect(rows / columns)
    draw_slice(axes, scene, numbers[len(numbers) // 2], labels)


def _image(figure: Any, box: tuple[float, ...], image: np.ndarray) -> None:
    axes = figure.add_axes(box)
    axes.set_axis_off()
    axes.imshow(image, interpolation="antialiased")


def _curve(figure: Any, box: tuple[float, ...], card: HeadCard) -> None:
    """The held-out Dice while it learned."""
    points = [
        (step, dice) for name, curve in card_curves(card.training).items() if "Dice" in name for step, dice in curve
    ]
    axes = figure.add_axes((box[0] + 0.02, box[1] + 0.08, box[2] - 0.03, box[3] - 0.16))
    axes.set_facecolor(SCAN.face)
    axes.plot(*zip(*points, strict=True), color=SCAN.accents[0], linewidth=2.5)
    axes.set_ylim(0, 1)
    axes.tick_params(colors=SCAN.muted, labelsize=8, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(SCAN.line)
    axes.set_title("Dice on slices kept back", color=SCAN.muted, fontsize=9)
    axes.set_xlabel("steps", color=SCAN.muted, fontsize=8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("thumbnails", "story"))
    parser.add_argument("folder", type=Path, nargs="?", help="what the demo left, for the story")
    options = parser.parse_args()
    if options.what == "story" and options.folder is None:
        parser.error("the story needs the folder that the demo left")
    if options.what == "thumbnails":
        thumbnails()
    else:
        story(options.folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
