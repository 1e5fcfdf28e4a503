"""A plain picture of a plot chart node: axes, lines, legend. It is for screenshots, not for reading values."""

from __future__ import annotations

import math
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets


class PlotPainter(QtWidgets.QWidget):
    """Draws the chart that `_chart` gives."""

    def _chart(self) -> Any:
        return None

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QtCore.Qt.GlobalColor.white)
        chart = self._chart()
        lines = _lines(chart) if chart is not None else []
        area = QtCore.QRectF(self.rect()).adjusted(44, 24, -12, -34)
        painter.setPen(QtGui.QPen(QtCore.Qt.GlobalColor.darkGray))
        painter.drawRect(area)
        if chart is not None:
            _titles(painter, self.rect(), chart)
        points = [point for _, _, line in lines for point in line]
        if points:
            _draw(painter, area, lines, points)


def _lines(chart: Any) -> list[tuple[str, QtGui.QColor, list[tuple[float, float]]]]:
    found = []
    for number in range(chart.GetNumberOfPlotSeriesNodes()):
        series = chart.GetNthPlotSeriesNode(number)
        table = series.GetTableNode() if series is not None else None
        column = table.GetTable().GetColumnByName(series.GetYColumnName()) if table is not None else None
        if column is None:
            continue
        across = table.GetTable().GetColumnByName(series.GetXColumnName() or "")
        pairs = [
            (
                across.GetVariantValue(row).ToDouble() if across is not None else float(row),
                column.GetVariantValue(row).ToDouble(),
            )
            for row in range(column.GetNumberOfTuples())
        ]
        finite = [pair for pair in pairs if all(math.isfinite(value) for value in pair)]
        found.append((series.GetName(), QtGui.QColor.fromRgbF(*series.GetColor()), finite))
    return found


def _titles(painter: QtGui.QPainter, rect: QtCore.QRect, chart: Any) -> None:
    center, top, bottom = (QtCore.Qt.AlignmentFlag[name] for name in ("AlignHCenter", "AlignTop", "AlignBottom"))
    painter.setPen(QtCore.Qt.GlobalColor.black)
    painter.drawText(rect.adjusted(0, 4, 0, 0), center | top, chart.GetTitle() or "")
    painter.drawText(rect.adjusted(0, 0, 0, -2), center | bottom, chart.GetXAxisTitle() or "")
    painter.save()
    painter.translate(2, rect.height() / 2)
    painter.rotate(-90)
    painter.drawText(QtCore.QRectF(-rect.height() / 2, 0, rect.height(), 14), center, chart.GetYAxisTitle() or "")
    painter.restore()


def _draw(painter: QtGui.QPainter, area: QtCore.QRectF, lines: Any, points: Any) -> None:
    (left, right), (low, high) = ((min(values), max(values)) for values in zip(*points, strict=True))
    right, high = (right if right > left else left + 1), (high if high > low else low + 1)

    def place(point: tuple[float, float]) -> QtCore.QPointF:
        return QtCore.QPointF(
            area.left() + (point[0] - left) / (right - left) * area.width(),
            area.bottom() - (point[1] - low) / (high - low) * area.height(),
        )

    for value in (low, (low + high) / 2, high):
        at = place((left, value))
        painter.drawText(QtCore.QRectF(14, at.y() - 7, 28, 14), QtCore.Qt.AlignmentFlag.AlignRight, f"{value:.2g}")
    for value in (left, right):
        at = place((value, low))
        under = QtCore.QRectF(at.x() - 30, at.y() + 2, 60, 14)
        painter.drawText(under, QtCore.Qt.AlignmentFlag.AlignHCenter, f"{value:g}")
    for row, (name, color, line) in enumerate(lines):
        painter.setPen(QtGui.QPen(color, 2))
        painter.drawPolyline(QtGui.QPolygonF([place(point) for point in line]))
        painter.drawText(QtCore.QPointF(area.right() - 120, area.top() + 16 + 14 * row), name)


def has_chart(scene: Any) -> bool:
    """Whether the scene holds any chart."""
    return bool(scene.GetNumberOfNodesByClass(slicer.vtkMRMLPlotChartNode().GetClassName()))
