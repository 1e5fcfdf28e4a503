"""The table of structures: what the cases show, with colours, and check marks for what the head shall learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from . import tables


@dataclass(frozen=True)
class StructureRow:
    """A structure by its name: its colour, and in how many cases it has a segment."""

    name: str
    color: tuple[float, float, float]
    cases: int


def structureRows(cases: Sequence[tuple[Any, Any]]) -> list[StructureRow]:
    """The structures of all cases, in the order of their first mention. Label volumes bring theirs when trained."""
    if not cases:
        return []  # and load nothing for it
    from ...mrml import segments_of

    found: dict[str, StructureRow] = {}
    for _volume, segmentation in cases:
        if not segmentation.IsA("vtkMRMLSegmentationNode"):
            continue
        for segment in {item.name: item for item in segments_of(segmentation)}.values():
            before = found.get(segment.name)
            color = before.color if before else segment.color
            found[segment.name] = StructureRow(segment.name, color, (before.cases if before else 0) + 1)
    return list(found.values())


def chosenIds(segmentation: Any, excluded: Sequence[str]) -> list[str] | None:
    """The ids of the segments to learn from; None (all) for a label volume."""
    if not segmentation.IsA("vtkMRMLSegmentationNode"):
        return None
    from ...mrml import segments_of

    return [item.id for item in segments_of(segmentation) if item.name not in excluded]


class StructureTable:
    """Shows rows; a cleared check mark adds the name to ``parameters.excludedStructures``."""

    def __init__(self, table: Any, changed: Callable[[], None]) -> None:
        self._table, self._changed = table, changed
        self._parameters: Any = None
        self._shown: list[tuple[StructureRow, bool]] = []
        self._filling = False
        self.rows: list[StructureRow] = []
        tables.setUp(table, (_("Structures to learn"), _("In volumes")))
        table.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)

    def setParameters(self, parameters: Any) -> None:
        self._parameters = parameters

    def chosen(self) -> list[str]:
        """The names with a check mark."""
        excluded = set(self._parameters.excludedStructures) if self._parameters is not None else set()
        return [row.name for row in self.rows if row.name not in excluded]

    def refresh(self, cases: Sequence[tuple[Any, Any]]) -> None:
        """Show the structures of the cases; written anew only when something differs."""
        self.rows = structureRows(cases)
        chosen = set(self.chosen())
        wanted = [(row, row.name in chosen) for row in self.rows]
        self._table.visible = bool(self.rows)
        if wanted == self._shown:
            return
        self._shown = wanted
        self._filling = True
        try:
            tables.fill(self._table, [self._cells(row, checked) for row, checked in wanted])
        finally:
            self._filling = False
        tables.fitHeight(self._table, most=7)

    def _cells(self, row: StructureRow, checked: bool) -> list[Any]:
        name = tables.colored(row.name, row.color)
        name.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        name.setCheckState(qt.Qt.Checked if checked else qt.Qt.Unchecked)
        return [name, tables.text(str(row.cases), right=True)]

    def _onItemChanged(self, _item: Any) -> None:
        """A check mark was set or cleared."""
        if self._filling or self._parameters is None:
            return
        cleared = {
            row.name for n, row in enumerate(self.rows) if self._table.item(n, 0).checkState() == qt.Qt.Unchecked
        }
        others = set(self._parameters.excludedStructures) - {row.name for row in self.rows}
        self._parameters.excludedStructures = sorted(others | cleared)
        self._changed()
