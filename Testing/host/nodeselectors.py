"""Combo boxes of MRML nodes, on the real scene: names, properties and signals as in Slicer's headers.

Nodes travel in signals as Python objects; the C++ writing of such a signal stands in `_cpp`.
"""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtGui, QtWidgets
from PySide6.QtCore import Property, Signal, Slot

from . import dialogs
from .observers import Observers


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """A combo box of the scene's nodes of some types."""

    _cpp = tuple(
        f"{name}(vtkMRMLNode*)"
        for name in (
            "currentNodeChanged",
            "nodeActivated",
            "nodeAdded",
            "nodeAddedByUser",
            "nodeAddedByUserAction",
            "nodeAboutToBeRemoved",
            "nodeAboutToBeEdited",
        )
    )
    currentNodeChanged = Signal((object,), (bool,))
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAddedByUserAction = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    nodeAboutToBeEdited = Signal(object)
    currentNodeRenamed = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._types: list[str] = []
        self._attributes: list[tuple[str, str, Any]] = []
        self._names: dict[str, str] = {}
        self._current: Any = None
        self._told = ""
        self._flags = {
            "none": False,
            "add": True,
            "remove": True,
            "edit": False,
            "rename": False,
            "hidden": False,
            "children": True,
            "select": True,
        }
        self._none, self._hideTypes, self._tag, self._wanted, self._had = "None", [], "", "", 0
        self._box = self._makeBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._box.activated.connect(self._chosen)
        self._watch, self._nodesSeen = Observers(self), Observers(self)
        self.setEnabled(False)

    def _makeBox(self) -> QtWidgets.QComboBox:
        return QtWidgets.QComboBox(self)

    # what is listed

    def _listed(self, node: Any) -> bool:
        kinds = [node.IsA(kind) if self._flags["children"] else node.GetClassName() == kind for kind in self._types]
        if not any(kinds) or (node.GetHideFromEditors() and not self._flags["hidden"]):
            return False
        if any(node.IsA(kind) for kind in self._hideTypes):
            return False
        for kind, name, value in self._attributes:
            found = node.GetAttribute(name)
            if node.IsA(kind) and (found is None or (value is not None and found != str(value))):
                return False
        return True

    def _nodes(self) -> list[Any]:
        if self._scene is None:
            return []
        found = self._scene.GetNodes()
        nodes = [found.GetItemAsObject(number) for number in range(found.GetNumberOfItems())]
        return [node for node in nodes if self._listed(node)]

    def _fill(self) -> None:
        """Write the list anew; a current node that is gone gives way to another, or to None."""
        nodes = self._nodes()
        if self._current is not None and self._current not in nodes:
            self._current = None
        if self._current is None and not self._flags["none"] and nodes and not self._had:
            self._current = nodes[0]
        self._had = len(nodes)
        self._box.clear()
        for node in nodes:
            self._box.addItem(node.GetName() or "", node)
            self._observe(node)
        if self._flags["none"]:
            self._box.insertItem(0, self._none, None)
        for kind in self._actions():
            self._box.addItem(kind, kind)
        self._show()
        self._tell()

    def _actions(self) -> list[str]:
        names = []
        for flag, words in (("rename", "Rename current "), ("edit", "Edit current ")):
            if self._flags[flag] and self._current is not None:
                names.append(words + self._label(self._types[0]))
        if self._flags["add"]:
            names += [f"Create new {self._label(kind)}" for kind in self._types]
        if self._flags["remove"] and self._current is not None:
            names.append(f"Delete current {self._label(self._types[0])}")
        return names

    def _label(self, kind: str) -> str:
        node = self._scene.CreateNodeByClass(kind) if self._scene is not None else None
        if node is None:
            return kind
        node.UnRegister(None)
        return str(node.GetNodeTagName())

    def _observe(self, node: Any) -> None:
        if not self._nodesSeen.has(node):
            self._nodesSeen.add(node, vtk.vtkCommand.ModifiedEvent, "_modified")

    def _modified(self, node: Any) -> None:
        index = self._rowOf(node)
        listed = self._listed(node)
        if (index < 0) == listed:
            self._fill()
        elif index >= 0 and self._box.itemText(index) != (node.GetName() or ""):
            self._box.setItemText(index, node.GetName() or "")
            if node is self._current:
                self.currentNodeRenamed.emit(node.GetName())

    def _rowOf(self, node: Any) -> int:
        rows = range(self._box.count()) if node is not None else ()
        return next((row for row in rows if self._box.itemData(row) is node), -1)

    def _show(self) -> None:
        row = self._rowOf(self._current)
        self._box.setCurrentIndex(row if row >= 0 else (0 if self._flags["none"] else -1))

    def _tell(self) -> None:
        identifier = self._current.GetID() if self._current is not None else ""
        if identifier == self._told:
            return
        self._told = identifier
        self.currentNodeChanged[object].emit(self._current)
        self.currentNodeChanged[bool].emit(self._current is not None)
        self.currentNodeIDChanged.emit(identifier)

    def _removed(self, node: Any) -> None:
        if not self._nodesSeen.has(node):
            return
        self.nodeAboutToBeRemoved.emit(node)
        self._nodesSeen.drop(node)
        if self._rowOf(node) < 0:
            return
        others = [item for item in self._nodes() if item is not node]
        if node is self._current:
            self._current = None if self._flags["none"] or not others else others[0]
        self._box.removeItem(self._rowOf(node))
        self._had = len(others)
        self._show()
        self._tell()

    def _reset(self, _scene: Any) -> None:
        self._nodesSeen.clear()
        self._fill()

    def _added(self, node: Any) -> None:
        if self._scene.IsBatchProcessing() or not any(node.IsA(kind) for kind in self._types):
            return
        self._observe(node)
        if self._listed(node):
            self._fill()
            self.nodeAdded.emit(node)

    def _chosen(self, row: int) -> None:
        value = self._box.itemData(row)
        if isinstance(value, str):
            self._act(value)
            return
        self._current = value
        self._fill()
        self.nodeActivated.emit(value)

    def _act(self, action: str) -> None:
        self._show()
        if action.startswith("Create new "):
            kind = next(kind for kind in self._types if action == f"Create new {self._label(kind)}")
            node = self.addNode(kind)
            self.nodeAddedByUserAction.emit(node)
        elif action.startswith("Delete"):
            self.removeCurrentNode()
        elif action.startswith("Rename"):
            self.renameCurrentNode()
        else:
            self.editCurrentNode()

    # the public face

    def mrmlScene(self) -> Any:
        return self._scene

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        self._scene = scene
        self._watchScene()
        if scene is not None and self._wanted:
            self._current = scene.GetNodeByID(self._wanted)
        self._wanted = ""
        self._fill()
        self.setEnabled(scene is not None)

    def _watchScene(self) -> None:
        self._watch.clear()
        self._nodesSeen.clear()
        if self._scene is not None:
            events = slicer.vtkMRMLScene
            self._watch.add(self._scene, events.NodeAddedEvent, "_added", calldata=True)
            self._watch.add(self._scene, events.NodeAboutToBeRemovedEvent, "_removed", calldata=True)
            self._watch.add(self._scene, events.EndBatchProcessEvent, "_reset")
            self._watch.add(self._scene, events.EndCloseEvent, "_reset")

    def currentNode(self) -> Any:
        return self._current

    @Slot(object)
    def setCurrentNode(self, node: Any) -> None:
        if self._scene is None:
            self._wanted = (node if isinstance(node, str) else node.GetID()) if node is not None else ""
            return
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node) if node else None
        self._current = node if node is not None and self._listed(node) else None
        self._fill()

    @Slot(str)
    def setCurrentNodeID(self, identifier: str) -> None:
        self.setCurrentNode(identifier)

    @Slot(int)
    def setCurrentNodeIndex(self, index: int) -> None:
        self.setCurrentNode(self.nodeFromIndex(index))

    def _id(self) -> str:
        return self._current.GetID() if self._current is not None else ""

    def nodeCount(self) -> int:
        return len(self._nodes())

    def nodeFromIndex(self, index: int) -> Any:
        nodes = self._nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    @Slot()
    def addNode(self, nodeType: str = "") -> Any:
        if self._scene is None:
            return None
        kind = nodeType or self._types[0]
        node = self._scene.CreateNodeByClass(kind)
        node.UnRegister(None)
        name = self._names.get(kind) or self._names.get("") or node.GetNodeTagName()
        node.SetName(self._scene.GetUniqueNameByString(name))
        for wanted, attribute, value in self._attributes:
            if node.IsA(wanted):
                node.SetAttribute(attribute, str(value or ""))
        added = self._scene.AddNode(node)
        if self._flags["select"]:
            self.setCurrentNode(added)
        self.nodeAddedByUser.emit(added)
        return added

    @Slot()
    def removeCurrentNode(self) -> None:
        if self._current is not None:
            self._scene.RemoveNode(self._current)

    @Slot()
    def renameCurrentNode(self) -> None:
        if self._current is not None:
            name = dialogs.input_dialog("getText", "Rename", "New name:", self._current.GetName())
            if name:
                self._current.SetName(name)

    @Slot()
    def editCurrentNode(self) -> None:
        self.nodeAboutToBeEdited.emit(self._current)

    def addAttribute(self, nodeType: str, attributeName: str, attributeValue: Any = None) -> None:
        self._attributes.append((nodeType, attributeName, attributeValue))
        self._fill()

    def removeAttribute(self, nodeType: str, attributeName: str) -> None:
        self._attributes = [item for item in self._attributes if item[:2] != (nodeType, attributeName)]
        self._fill()

    def _setNodeTypes(self, types: list[str]) -> None:
        self._types = list(types)
        self._fill()

    def _setBaseName(self, name: str, nodeType: str = "") -> None:
        self._names[nodeType] = name

    def addMenuAction(self, _action: QtGui.QAction) -> None:
        pass

    def _setNone(self, text: str) -> None:
        self._none = text
        self._fill()

    def _setHide(self, types: list[str]) -> None:
        self._hideTypes = list(types)
        self._fill()

    def _setTag(self, tag: str) -> None:
        self._tag = tag

    def _setFlag(self, name: str, on: bool) -> None:
        self._flags[name] = on
        self._fill()

    def _setNoneEnabled(self, on: bool) -> None:
        self._setFlag("none", on)

    def _setAddEnabled(self, on: bool) -> None:
        self._setFlag("add", on)

    def _setRemoveEnabled(self, on: bool) -> None:
        self._setFlag("remove", on)

    def _setEditEnabled(self, on: bool) -> None:
        self._setFlag("edit", on)

    def _setRenameEnabled(self, on: bool) -> None:
        self._setFlag("rename", on)

    def _setShowHidden(self, on: bool) -> None:
        self._setFlag("hidden", on)

    def _setShowChildNodeTypes(self, on: bool) -> None:
        self._setFlag("children", on)

    def _setSelectNodeUponCreation(self, on: bool) -> None:
        self._setFlag("select", on)

    currentNodeID = Property(str, _id, setCurrentNodeID, notify=currentNodeIDChanged)
    nodeTypes = Property("QStringList", lambda self: self._types, _setNodeTypes)
    hideChildNodeTypes = Property("QStringList", lambda self: self._hideTypes, _setHide)
    baseName = Property(str, lambda self: self._names.get("", ""), _setBaseName)
    noneDisplay = Property(str, lambda self: self._none, _setNone)
    interactionNodeSingletonTag = Property(str, lambda self: self._tag, _setTag)
    noneEnabled = Property(bool, lambda self: self._flags["none"], _setNoneEnabled)
    addEnabled = Property(bool, lambda self: self._flags["add"], _setAddEnabled)
    removeEnabled = Property(bool, lambda self: self._flags["remove"], _setRemoveEnabled)
    editEnabled = Property(bool, lambda self: self._flags["edit"], _setEditEnabled)
    renameEnabled = Property(bool, lambda self: self._flags["rename"], _setRenameEnabled)
    showHidden = Property(bool, lambda self: self._flags["hidden"], _setShowHidden)
    showChildNodeTypes = Property(bool, lambda self: self._flags["children"], _setShowChildNodeTypes)
    selectNodeUponCreation = Property(bool, lambda self: self._flags["select"], _setSelectNodeUponCreation)
