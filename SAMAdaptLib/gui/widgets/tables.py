"""Small helpers for tables: cells that cannot be edited, colour swatches, columns that fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from ...utils.plaintext import shown
from ..formatting import asText

_SWATCH = 14
_ROW_PADDING = 8


def setUp(table: Any, headers: Sequence[str], stretched: int = 0) -> None:
    """Headers, one column that takes the room, no row numbers."""
    table.setColumnCount(len(headers))
    table.setHorizontalHeaderLabels(list(headers))
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + _ROW_PADDING)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    for column in range(len(headers)):
        mode = qt.QHeaderView.Stretch if column == stretched else qt.QHeaderView.ResizeToContents
        header.setSectionResizeMode(column, mode)


def fill(table: Any, rows: Sequence[Sequence[Any]]) -> None:
    """Texts into the table; a cell may be an item of its own."""
    table.setRowCount(len(rows))
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            table.setItem(row, column, text(cell) if isinstance(cell, str) else cell)


def text(content: str, tip: str = "", right: bool = False) -> Any:
    """A cell that is read, not edited."""
    item = qt.QTableWidgetItem(shown(content))
    item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
    if tip:
        item.setToolTip(asText(tip))
    if right:
        item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
    return item


def colored(content: str, color: Sequence[float], tip: str = "") -> Any:
    """A cell with a structure's colour (0..1) before its name."""
    item = text(content, tip)
    pixmap = qt.QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(qt.QColor.fromRgbF(*(float(part) for part in color)))
    item.setIcon(qt.QIcon(pixmap))
    return item


def structureRow(item: dict[str, Any]) -> list[Any]:
    """One structure of a result: name with colour, ml, confidence."""
    volume, confidence = item.get("volume_ml") or 0.0, item.get("confidence")
    return [
        colored(str(item["name"]), item["color"]),
        text(f"{volume:.1f}" if volume else _("not found"), right=True),
        text("\u2013" if confidence is None else f"{100 * confidence:.0f} %", right=True),
    ]


def fitHeight(table: Any, least: int = 1, most: int = 8) -> None:
    """As high as its rows, within bounds: a table inside a scrolled panel needs no bar of its own."""
    rows = min(max(table.rowCount, least), most)
    row = table.verticalHeader().defaultSectionSize
    header = table.horizontalHeader().sizeHint.height()
    table.setFixedHeight(header + rows * row + 2 * table.frameWidth + 2)


def resizeSelectors(
    table: Any, selectors: list[tuple[Any, Any]], count: int, made: Callable[[int], tuple[Any, Any]]
) -> None:
    """Give a table so many rows, each with two node selectors, which ``made(row)`` puts there and returns."""
    while len(selectors) > count:
        for selector in selectors.pop():
            selector.setMRMLScene(None)
        table.removeRow(len(selectors))
    while len(selectors) < count:
        row = len(selectors)
        table.insertRow(row)
        selectors.append(made(row))
    fitHeight(table, least=1, most=5)


def select(selector: Any, node: Any) -> None:
    """Show a node, or none, in a selector: quiet where it is shown already."""
    if selector.currentNode() is not node:
        selector.setCurrentNode(node)


def stretch(table: Any, columns: Sequence[int]) -> None:
    """These columns share the room."""
    header = table.horizontalHeader()
    for column in columns:
        header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
