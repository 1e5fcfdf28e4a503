"""The live curve of a training: loss and held-out Dice against steps, drawn into a label.

A drawing of a few dozen lines instead of plot nodes: a training leaves nothing in the user's scene, and no view
layout changes while it runs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from ...progress import HELD_OUT_DICE

_MARGIN = 34
_TOP = 20
_BOTTOM = 18
_MOST_POINTS = 60
_SECONDS_BETWEEN = 0.4
_LOSS_COLOR = (214, 96, 77)
_DICE_COLOR = (67, 147, 195)

Points = list[tuple[int, float]]


class Curve:
    """Collects points and draws them when asked to, so that a fast training costs nothing."""

    def __init__(self, label: Any) -> None:
        self._label = label
        self._label.visible = False
        self.loss: Points = []
        self.dice: Points = []
        self.parts: dict[int, float] = {}
        self._names: Sequence[str] = ()
        self._stale = False
        self._drawn = 0.0

    def clear(self, names: Sequence[str] = ()) -> None:
        """Forget a former training; ``names`` are the structures of the next, in the order of their numbers."""
        self.loss, self.dice, self.parts, self._names = [], [], {}, tuple(names)
        self._label.clear()
        self._label.visible = False

    def add(self, name: str, step: int, value: float | None) -> None:
        """One point of the loss or of the held-out Dice, or the Dice of one structure ("held-out Dice/2").

        Other names, and what is not a number, are left out.

        A later head type of the same training begins again at step 0: its line replaces the former's.
        """
        part = name.removeprefix(HELD_OUT_DICE + "/")
        if part != name and part.isdigit() and value is not None and math.isfinite(value):
            self.parts[int(part)] = value
        points = {"loss": self.loss, HELD_OUT_DICE: self.dice}.get(name)
        if points is None or value is None or not math.isfinite(value):
            return
        if points is self.loss and points and step < points[-1][0]:
            self.loss.clear()
            self.dice.clear()
        points.append((step, value))
        self._stale = True

    def draw(self, now: bool = False) -> None:
        """Bring the picture up to date if anything changed; a few times a second at most unless ``now``."""
        if self.empty or not (now or (self._stale and time.monotonic() - self._drawn > _SECONDS_BETWEEN)):
            return
        self._stale, self._drawn = False, time.monotonic()
        self._label.visible = True
        width, height = max(self._label.width, 200), max(self._label.height, 120)
        ratio = self._label.devicePixelRatioF()
        pixmap = qt.QPixmap(int(width * ratio), int(height * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(self._label.palette.color(qt.QPalette.Base))
        painter = qt.QPainter()
        painter.begin(pixmap)
        painter.setRenderHint(qt.QPainter.Antialiasing)
        _Drawing(painter, self._label, width, height, self.lastStep).draw(thinned(self.loss), thinned(self.dice))
        painter.end()
        self._label.setPixmap(pixmap)

    @property
    def empty(self) -> bool:
        return not self.loss and not self.dice

    def summary(self) -> str:
        """The last values in words, and the Dice of each structure where it is known."""
        if self.empty:
            return ""
        parts = [_("Step {step}").format(step=self.lastStep)]
        if self.loss:
            parts.append(_("loss {value}").format(value=f"{self.loss[-1][1]:.3f}"))
        if self.dice:
            best = max(value for _step, value in self.dice)
            text = _("held-out Dice {value} (best {best})")
            parts.append(text.format(value=f"{self.dice[-1][1]:.2f}", best=f"{best:.2f}"))
        named = [f"{name} {self.parts[n]:.2f}" for n, name in enumerate(self._names, 1) if n in self.parts]
        return ", ".join(parts) + ("\n" + ", ".join(named) if named else "")

    @property
    def lastStep(self) -> int:
        """The largest step of any point, at least 1."""
        return max([step for step, _value in self.loss + self.dice] + [1])


class _Drawing:
    """One picture: axes, two lines and their names."""

    def __init__(self, painter: Any, label: Any, width: int, height: int, lastStep: int) -> None:
        self._painter = painter
        self._ink = label.palette.color(qt.QPalette.Text)
        self._left, self._right = _MARGIN, width - _MARGIN
        self._top, self._bottom = _TOP, height - _BOTTOM
        self._lastStep = lastStep

    def draw(self, loss: Points, dice: Points) -> None:
        highest = roundUp(max([value for _step, value in loss] + [1e-6]))
        self._axes(highest if loss else None, bool(dice))
        self._line(loss, highest, _LOSS_COLOR)
        self._line(dice, 1.0, _DICE_COLOR)
        if loss:
            self._name(_("Loss"), _LOSS_COLOR, self._left)
        if dice:
            text = _("Held-out Dice {value}").format(value=f"{dice[-1][1]:.2f}")
            self._name(text, _DICE_COLOR, self._left + 70)

    def _axes(self, highest: float | None, showDice: bool) -> None:
        faint = qt.QColor(self._ink)
        faint.setAlpha(60)
        self._painter.setPen(qt.QPen(faint))
        for part in (0.0, 0.5, 1.0):
            y = self._y(part)
            self._painter.drawLine(self._left, y, self._right, y)
            if highest is not None:
                self._painter.drawText(4, y + 4, f"{highest * part:.2g}")
            if showDice:
                self._painter.drawText(self._right + 5, y + 4, f"{part:.1f}")
        self._painter.drawText(self._left, self._bottom + 14, _("step 0"))
        self._painter.drawText(self._right - 40, self._bottom + 14, str(self._lastStep))

    def _line(self, points: Points, highest: float, color: tuple[int, int, int]) -> None:
        pen = qt.QPen(qt.QColor(*color))
        pen.setWidth(2)
        self._painter.setPen(pen)
        places = [(self._x(step), self._y(value / highest)) for step, value in points]
        if len(places) == 1:
            self._painter.drawPoint(*places[0])
        for (x0, y0), (x1, y1) in zip(places, places[1:], strict=False):
            self._painter.drawLine(x0, y0, x1, y1)

    def _name(self, text: str, color: tuple[int, int, int], x: int) -> None:
        self._painter.setPen(qt.QPen(qt.QColor(*color)))
        self._painter.drawText(x, self._top - 6, text)

    def _x(self, step: int) -> int:
        return self._left + round((self._right - self._left) * step / self._lastStep)

    def _y(self, part: float) -> int:
        return self._bottom - round((self._bottom - self._top) * min(max(part, 0.0), 1.0))


def roundUp(value: float) -> float:
    """The end of an axis that holds a positive value: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def thinned(points: Points, most: int = _MOST_POINTS) -> Points:
    """At most ``most`` points and the last: more than the picture has columns cannot be seen."""
    every = max(1, len(points) // most)
    kept = points[::every]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]
