"""The node selector with check marks."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Signal, Slot

from .nodeselectors import qMRMLNodeComboBox


class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """As above, with a check mark for each node."""

    _cpp = ()
    checkedNodesChanged = Signal()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        self._checked: set[str] = set()
        super().__init__(parent)

    def _show(self) -> None:
        names = [node.GetName() for node in self.checkedNodes()]
        self._box.setPlaceholderText(", ".join(names) if names else self._none)
        self._box.setCurrentIndex(-1)
        for row in range(self._box.count()):
            node = self._box.itemData(row)
            if node is not None and not isinstance(node, str):
                self._box.setItemData(row, self.checkState(node), QtCore.Qt.ItemDataRole.CheckStateRole)

    def _chosen(self, row: int) -> None:
        node = self._box.itemData(row)
        if node is None or isinstance(node, str):
            super()._chosen(row)
        else:
            self._set(node, node.GetID() not in self._checked)

    def _set(self, node: Any, checked: bool) -> None:
        before = set(self._checked)
        (self._checked.add if checked else self._checked.discard)(node.GetID())
        self._show()
        if before != self._checked:
            self.checkedNodesChanged.emit()

    def checkedNodes(self) -> list[Any]:
        return [node for node in self._nodes() if node.GetID() in self._checked]

    def uncheckedNodes(self) -> list[Any]:
        return [node for node in self._nodes() if node.GetID() not in self._checked]

    def allChecked(self) -> bool:
        return not self.uncheckedNodes()

    def noneChecked(self) -> bool:
        return not self.checkedNodes()

    def checkState(self, node: Any) -> Any:
        return QtCore.Qt.CheckState.Checked if node.GetID() in self._checked else QtCore.Qt.CheckState.Unchecked

    def setCheckState(self, node: Any, check: Any) -> None:
        self._set(node, bool(getattr(check, "value", check)))

    @Slot(object)
    def check(self, node: Any) -> None:
        self._set(node, True)

    @Slot(object)
    def uncheck(self, node: Any) -> None:
        self._set(node, False)
