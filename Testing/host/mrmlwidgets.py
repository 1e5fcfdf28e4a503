"""Slicer's widgets that hold a scene or a segmentation; the selectors are in `nodeselectors`."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal, Slot

from .checkableselector import qMRMLCheckableNodeComboBox
from .nodeselectors import qMRMLNodeComboBox
from .observers import Observers


class qMRMLWidget(QtWidgets.QWidget):
    """The base: a widget that knows a scene."""

    _cpp: tuple[str, ...] = ("mrmlSceneChanged(vtkMRMLScene*)",)
    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None

    def mrmlScene(self) -> Any:
        return self._scene

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class qMRMLSegmentsTableView(qMRMLWidget):
    """The segments of a segmentation: colour, visibility and name."""

    _cpp = ()
    selectionChanged = Signal(QtCore.QItemSelection, QtCore.QItemSelection)
    segmentAboutToBeModified = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._watch = Observers(self)
        self._mode, self._readOnly, self._columns = 3, False, {}
        self._table = QtWidgets.QTableWidget(0, 2, self)
        self._table.setHorizontalHeaderLabels(["", "Name"])
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.verticalHeader().hide()
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.selectionModel().selectionChanged.connect(self.selectionChanged)

    def _fill(self, *_: Any) -> None:
        segmentation = self._node.GetSegmentation() if self._node is not None else None
        identifiers = list(segmentation.GetSegmentIDs()) if segmentation is not None else []
        self._table.setRowCount(len(identifiers))
        for row, identifier in enumerate(identifiers):
            segment = segmentation.GetSegment(identifier)
            color = QtWidgets.QTableWidgetItem("")
            color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            color.setData(QtCore.Qt.ItemDataRole.UserRole, identifier)
            self._table.setItem(row, 0, color)
            self._table.setItem(row, 1, QtWidgets.QTableWidgetItem(segment.GetName()))

    @Slot(object)
    def setSegmentationNode(self, node: Any) -> None:
        self._watch.clear()
        self._node = node
        if node is not None:
            for event in ("SegmentAdded", "SegmentRemoved", "SegmentModified"):
                self._watch.add(node, getattr(slicer.vtkSegmentation, event), "_fill")
        self._fill()

    def segmentationNode(self) -> Any:
        return self._node

    def tableWidget(self) -> QtWidgets.QTableView:
        return self._table

    def _ids(self) -> list[str]:
        role = QtCore.Qt.ItemDataRole.UserRole
        return [self._table.item(row, 0).data(role) for row in range(self._table.rowCount())]

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        return [self._ids()[row] for row in rows]

    def setSelectedSegmentIDs(self, identifiers: list[str]) -> None:
        self._table.clearSelection()
        for row, identifier in enumerate(self._ids()):
            if identifier in identifiers:
                self._table.selectRow(row)

    def clearSelection(self) -> None:
        self._table.clearSelection()

    @Slot(int)
    def setSelectionMode(self, mode: int) -> None:
        self._mode = mode
        self._table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode(mode))

    @Slot(bool)
    def setReadOnly(self, readOnly: bool) -> None:
        self._readOnly = readOnly

    @Slot(bool)
    def setHeaderVisible(self, visible: bool) -> None:
        self._table.horizontalHeader().setVisible(visible)

    def _column(name: str) -> Any:  # noqa: N805
        def write(self: Any, on: bool) -> None:
            self._columns[name] = on

        return Property(bool, lambda self: self._columns.get(name, True), write)

    visibilityColumnVisible, colorColumnVisible = _column("visibility"), _column("color")
    opacityColumnVisible, statusColumnVisible = _column("opacity"), _column("status")
    layerColumnVisible, filterBarVisible = _column("layer"), _column("filter")
    del _column
    selectionMode = Property(int, lambda self: self._mode, setSelectionMode)
    readOnly = Property(bool, lambda self: self._readOnly, setReadOnly)
    headerVisible = Property(bool, lambda self: not self._table.horizontalHeader().isHidden(), setHeaderVisible)
    segmentCount = Property(int, lambda self: self._table.rowCount())


CLASSES = {
    cls.__name__: cls
    for cls in (
        qMRMLCheckableNodeComboBox,
        qMRMLNodeComboBox,
        qMRMLSegmentsTableView,
        qMRMLWidget,
    )
}
"""The widgets of MRML and of its modules that `slicer` has here; views are in `views`."""
