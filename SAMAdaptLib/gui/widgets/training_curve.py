"""The live curve of a training: Dice on held-out slices against steps, drawn into a label.

A drawing of a few dozen lines instead of plot nodes: a training leaves nothing in the user's scene, and no view
layout changes while it runs. A training tries several networks one after the other; each has a line of its own, and
at the end a straight line shows the Dice of the model that came of them, the one that its card tells.
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
_TOP = 22
_BOTTOM = 18
_MOST_POINTS = 60
_SECONDS_BETWEEN = 0.4
_ON_LIGHT, _ON_DARK = (21, 101, 160), (108, 190, 255)
"""Blue that can be read on white, and on dark grey."""
_DARK = 128

Points = list[tuple[int, float]]


class Curve:
    """Collects points and draws them when asked to, so that a fast training costs nothing."""

    def __init__(self, label: Any) -> None:
        self._label = label
        self._label.visible = False
        self.lines: list[Points] = []
        self.parts: dict[int, float] = {}
        self.result: float | None = None
        self._names: Sequence[str] = ()
        self._stale = False
        self._drawn = 0.0

    @property
    def dice(self) -> Points:
        """The points of the network that is being trained, or was the last."""
        return self.lines[-1] if self.lines else []

    def clear(self, names: Sequence[str] = ()) -> None:
        """Forget a former training; ``names`` are the structures of the next, in the order of their numbers."""
        self.lines, self.parts, self.result, self._names = [], {}, None, tuple(names)
        self._label.clear()
        self._label.visible = False

    def add(self, name: str, step: int, value: float | None) -> None:
        """One point of the held-out Dice, or the Dice of one structure ("held-out Dice/2").

        Other names, and what is not a number, are left out. The next network begins again at step 0: a line of its own.
        """
        if value is None or not math.isfinite(value):
            return
        part = name.removeprefix(HELD_OUT_DICE + "/")
        if part != name and part.isdigit():
            self.parts[int(part)] = value
        if name != HELD_OUT_DICE:
            return
        if not self.lines or step < self.lines[-1][-1][0]:
            self.lines.append([])
        self.lines[-1].append((step, value))
        self._stale = True

    def end(self, quality: float | None, parts: Sequence[float | None] = ()) -> None:
        """The training is over: the Dice of its model, and of each structure in the order of their numbers."""
        self.result = quality
        self.parts = {n: value for n, value in enumerate(parts, 1) if value is not None} or self.parts
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
        _Drawing(painter, self._label, width, height, self).draw()
        painter.end()
        self._label.setPixmap(pixmap)

    @property
    def empty(self) -> bool:
        return not self.lines

    def summary(self) -> str:
        """The last value in words, and the Dice of each structure where it is known."""
        if self.empty:
            return ""
        if self.result is not None:
            text = _("Dice of the model on held-out slices: {value}").format(value=f"{self.result:.2f}")
        else:
            step, value = self.dice[-1]
            text = _("Step {step}: Dice {value} on held-out slices").format(step=step, value=f"{value:.2f}")
        named = [f"{name} {self.parts[n]:.2f}" for n, name in enumerate(self._names, 1) if n in self.parts]
        return text + ("\n" + ", ".join(named) if named else "")

    @property
    def offsets(self) -> list[int]:
        """At which step of all each line begins: networks are trained one after the other."""
        found, at = [], 0
        for line in self.lines:
            found.append(at)
            at += line[-1][0]
        return found

    @property
    def lastStep(self) -> int:
        """All steps of all networks, at least 1."""
        return max(sum(line[-1][0] for line in self.lines), 1)


class _Drawing:
    """One picture: the axes, a line for each network, and the model's Dice."""

    def __init__(self, painter: Any, label: Any, width: int, height: int, curve: Curve) -> None:
        self._painter, self._curve = painter, curve
        self._ink = label.palette.color(qt.QPalette.Text)
        dark = label.palette.color(qt.QPalette.Base).lightness() < _DARK
        self._blue = qt.QColor(*(_ON_DARK if dark else _ON_LIGHT))
        self._left, self._right = _MARGIN, width - _MARGIN // 2
        self._top, self._bottom = _TOP, height - _BOTTOM

    def draw(self) -> None:
        self._axes()
        for offset, line in zip(self._curve.offsets, self._curve.lines, strict=True):
            self._line(thinned(line), offset)
        self._painter.setPen(qt.QPen(self._ink))
        self._painter.drawText(self._left, self._top - 8, _("Dice on held-out slices"))
        if self._curve.result is not None:
            self._model(self._curve.result)

    def _axes(self) -> None:
        faint = qt.QColor(self._ink)
        faint.setAlpha(70)
        for part in (0.0, 0.5, 1.0):
            y = self._y(part)
            self._painter.setPen(qt.QPen(faint))
            self._painter.drawLine(self._left, y, self._right, y)
            self._painter.setPen(qt.QPen(self._ink))
            self._painter.drawText(8, y + 4, f"{part:.1f}")
        self._painter.drawText(self._left, self._bottom + 14, _("step 0"))
        self._painter.drawText(self._right - 40, self._bottom + 14, str(self._curve.lastStep))

    def _line(self, points: Points, offset: int) -> None:
        pen = qt.QPen(self._blue)
        pen.setWidth(2)
        self._painter.setPen(pen)
        places = [(self._x(offset + step), self._y(value)) for step, value in points]
        if len(places) == 1:
            self._painter.drawPoint(*places[0])
        for (x0, y0), (x1, y1) in zip(places, places[1:], strict=False):
            self._painter.drawLine(x0, y0, x1, y1)

    def _model(self, value: float) -> None:
        """A dashed line over the whole width, and what it is."""
        pen = qt.QPen(self._ink)
        pen.setStyle(qt.Qt.DashLine)
        self._painter.setPen(pen)
        y = self._y(value)
        self._painter.drawLine(self._left, y, self._right, y)
        text = _("Model {value}").format(value=f"{value:.2f}")
        self._painter.drawText(self._right - 70, y + 14 if value > 0.5 else y - 5, text)

    def _x(self, step: int) -> int:
        return self._left + round((self._right - self._left) * step / self._curve.lastStep)

    def _y(self, part: float) -> int:
        return self._bottom - round((self._bottom - self._top) * min(max(part, 0.0), 1.0))


def thinned(points: Points, most: int = _MOST_POINTS) -> Points:
    """At most ``most`` points and the last: more than the picture has columns cannot be seen."""
    every = max(1, len(points) // most)
    kept = points[::every]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]
