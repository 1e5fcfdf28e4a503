"""How sure the preview is of each slice, as a strip of columns: drawn into a label, annotated slices ticked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qt

_HEIGHT = 34
_TICKS = 7
_SURE_FROM = 0.75
_SURE = (67, 147, 195)
_DOUBT = (230, 145, 56)
_OWN = (90, 170, 90)
_LEAST_WIDTH = 160
_FLOOR = 0.5
"""Columns begin here, or at the least that occurs: what matters are the differences between slices."""

Known = Sequence[float | None]


class CertaintyBar:
    """``show`` draws where anything changed. Columns are as high as the preview is sure; none where nothing is known.

    A green tick above a column: annotated; a hollow one: marked as showing nothing. A line: the visible slice; a
    triangle: the next one to look at.
    """

    def __init__(self, label: Any) -> None:
        self._label = label
        self._label.setMinimumHeight(_HEIGHT)
        self._label.setMaximumHeight(_HEIGHT)
        self._label.setMinimumWidth(_LEAST_WIDTH)
        policy = qt.QSizePolicy()
        policy.setHorizontalPolicy(qt.QSizePolicy.Ignored)
        policy.setVerticalPolicy(qt.QSizePolicy.Fixed)
        self._label.setSizePolicy(policy)
        self._drawn: Any = None

    def show(
        self,
        certainty: Known,
        annotated: Sequence[int],
        empty: Sequence[int],
        visible: int | None,
        following: int | None,
    ) -> None:
        """Draw it for these slices; without any it is hidden."""
        self._label.visible = bool(certainty)
        width = max(self._label.width, _LEAST_WIDTH)
        state = (tuple(certainty), tuple(annotated), tuple(empty), visible, following, width)
        if not certainty or state == self._drawn:
            return
        self._drawn = state
        ratio = self._label.devicePixelRatioF()
        pixmap = qt.QPixmap(int(width * ratio), int(_HEIGHT * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(self._label.palette.color(qt.QPalette.Base))
        painter = qt.QPainter()
        painter.begin(pixmap)
        drawing = _Drawing(painter, self._label, width, len(certainty))
        drawing.columns(certainty)
        drawing.ticks(annotated, empty)
        drawing.marks(visible, following)
        painter.end()
        self._label.setPixmap(pixmap)


class _Drawing:
    def __init__(self, painter: Any, label: Any, width: int, count: int) -> None:
        self._painter, self._width, self._count = painter, width, count
        self._ink = label.palette.color(qt.QPalette.Text)

    def columns(self, certainty: Known) -> None:
        """Slices that share a pixel show the least sure of them."""
        self._painter.setPen(qt.QPen(qt.Qt.NoPen))
        height = _HEIGHT - _TICKS
        faint = qt.QColor(self._ink)
        faint.setAlpha(18)
        self._painter.fillRect(0, _TICKS, self._width, height, qt.QBrush(faint))
        floor = min([_FLOOR, *(value for value in certainty if value is not None)])
        for left, width, values in self._places(certainty):
            known = [value for value in values if value is not None]
            if not known:
                continue
            least = min(known)
            color = qt.QColor(*(_SURE if least >= _SURE_FROM else _DOUBT))
            tall = max(3, round(height * (least - floor) / max(1 - floor, 1e-6)))
            gap = 1 if width > 3 else 0
            self._painter.fillRect(left, _HEIGHT - tall, max(1, width - gap), tall, qt.QBrush(color))

    def ticks(self, annotated: Sequence[int], empty: Sequence[int]) -> None:
        for n in annotated:
            left, width = self._place(n)
            wide = max(2, min(width, 6))
            left += max(0, (width - wide) // 2)
            if n in empty:
                self._painter.setPen(qt.QPen(qt.QColor(*_OWN)))
                self._painter.drawRect(left, 0, wide - 1, _TICKS - 3)
            else:
                self._painter.fillRect(left, 0, wide, _TICKS - 2, qt.QBrush(qt.QColor(*_OWN)))

    def marks(self, visible: int | None, following: int | None) -> None:
        pen = qt.QPen(self._ink)
        self._painter.setPen(pen)
        if following is not None and 0 <= following < self._count:
            left, width = self._place(following)
            middle = left + width // 2
            for step in range(4):
                self._painter.drawLine(middle - step, _TICKS + 3 - step, middle + step, _TICKS + 3 - step)
        if visible is not None and 0 <= visible < self._count:
            left, width = self._place(visible)
            pen.setWidth(2)
            self._painter.setPen(pen)
            middle = left + width // 2
            self._painter.drawLine(middle, 1, middle, _HEIGHT - 1)

    def _place(self, n: int) -> tuple[int, int]:
        left = n * self._width // self._count
        return left, max(1, (n + 1) * self._width // self._count - left)

    def _places(self, certainty: Known) -> list[tuple[int, int, list[float | None]]]:
        """Left edge, width and values of each column; as many as fit."""
        if self._count <= self._width:
            return [(*self._place(n), [value]) for n, value in enumerate(certainty)]
        edges = [x * self._count // self._width for x in range(self._width + 1)]
        return [(x, 1, list(certainty[edges[x] : edges[x + 1]])) for x in range(self._width)]
