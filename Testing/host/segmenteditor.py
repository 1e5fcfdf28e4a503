"""The Segment Editor's widget on its real logic (undo, painting) and its real parameter node; views stay empty."""

from __future__ import annotations

import functools
from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal, Slot

from .editoreffects import qSlicerSegmentEditorEffectFactory
from .mrmlwidgets import qMRMLSegmentsTableView, qMRMLWidget
from .nodeselectors import qMRMLNodeComboBox
from .observers import Observers

_COLUMNS = 5


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """Selectors, segments, effects and the options of the active one."""

    _cpp = (
        "currentSegmentIDChanged(const QString&)",
        "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)",
        "segmentationNodeChanged(vtkMRMLSegmentationNode*)",
    )
    currentSegmentIDChanged = Signal(str)
    sourceVolumeNodeChanged = Signal(object)
    segmentationNodeChanged = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._editorNode: Any = None
        self._logic = slicer.vtkSlicerSegmentEditorLogic()
        self._watch = Observers(self)
        self._effects: list[Any] = []
        self._active: Any = None
        self._volume: Any = None
        self._updating = False
        self._flags = {"undoEnabled": True, "switchToSegmentationsButtonVisible": True, "readOnly": False}
        self._undoStates, self._order, self._unordered = 3, ["Paint", "Draw", "Erase", "Threshold"], True
        self.keys, self.observing = False, False
        self._build()
        self.updateEffectList()

    def _build(self) -> None:
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        form = QtWidgets.QFormLayout()
        self._segmentations = self._selector("vtkMRMLSegmentationNode", "segmentationNodeComboBox", "Segmentation")
        self._volumes = self._selector("vtkMRMLScalarVolumeNode", "sourceVolumeNodeComboBox", "")
        form.addRow("Segmentation:", self._segmentations)
        form.addRow("Source volume:", self._volumes)
        layout.addLayout(form)
        row = QtWidgets.QHBoxLayout()
        for text, slot in (("+ Add", self.onAddSegment), ("- Remove", self.onRemoveSegment), ("Show 3D", None)):
            button = QtWidgets.QPushButton(text)
            if slot is not None:
                button.clicked.connect(slot)
            row.addWidget(button)
        layout.addLayout(row)
        self._table = qMRMLSegmentsTableView(self)
        self._table.setMaximumHeight(90)
        self._table._table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.selectionChanged.connect(self._onSelected)
        layout.addWidget(self._table)
        box = QtWidgets.QGroupBox("Effects")
        self._grid = QtWidgets.QGridLayout(box)
        layout.addWidget(box)
        self._options = QtWidgets.QVBoxLayout()
        layout.addLayout(self._options)

    def _selector(self, kind: str, name: str, base: str) -> Any:
        selector = qMRMLNodeComboBox(self)
        selector.setObjectName(name)
        selector._setNodeTypes([kind])
        selector._setNoneEnabled(True)
        if base:
            selector._setBaseName(base)
        else:
            selector._setAddEnabled(False)
        selector.currentNodeChanged.connect(self._onChosen)
        return selector

    # nodes

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        super().setMRMLScene(scene)
        self._updating = True
        self._segmentations.setMRMLScene(scene)
        self._volumes.setMRMLScene(scene)
        self._updating = False
        self.updateWidgetFromMRML()

    def mrmlSegmentEditorNode(self) -> Any:
        return self._editorNode

    @Slot(object)
    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self._watch.clear()
        self._editorNode = node
        self._logic.SetSegmentEditorNode(node)
        if node is not None:
            self._watch.add(node, vtk.vtkCommand.ModifiedEvent, "updateWidgetFromMRML")
        self.updateWidgetFromMRML()

    def segmentationNode(self) -> Any:
        return self._editorNode.GetSegmentationNode() if self._editorNode is not None else None

    def segmentationNodeID(self) -> str:
        return self.segmentationNode().GetID() if self.segmentationNode() is not None else ""

    def sourceVolumeNode(self) -> Any:
        return self._editorNode.GetSourceVolumeNode() if self._editorNode is not None else None

    def sourceVolumeNodeID(self) -> str:
        return self.sourceVolumeNode().GetID() if self.sourceVolumeNode() is not None else ""

    @Slot(object)
    def setSegmentationNode(self, node: Any) -> None:
        if self._editorNode is not None:
            self._editorNode.SetAndObserveSegmentationNode(node)
            self._logic.SetSegmentationNode(node)
            self._complete(node)

    @Slot(object)
    def setSourceVolumeNode(self, node: Any) -> None:
        if self._editorNode is not None:
            self._editorNode.SetAndObserveSourceVolumeNode(node)
            self._complete(self.segmentationNode())

    def _complete(self, node: Any) -> None:
        """A new segmentation gets a display and the volume's grid, as in the application."""
        if node is None:
            return
        if node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
        volume = self.sourceVolumeNode()
        role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        if volume is not None and node.GetNodeReference(role) is None:
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume)

    def _onChosen(self, *_: Any) -> None:
        if self._updating or self._editorNode is None:
            return
        segmentation, volume = self._segmentations.currentNode(), self._volumes.currentNode()
        if segmentation is not self.segmentationNode():
            self.setSegmentationNode(segmentation)
            self.segmentationNodeChanged.emit(segmentation)
        if volume is not self.sourceVolumeNode():
            self.setSourceVolumeNode(volume)
            self.sourceVolumeNodeChanged.emit(volume)

    @Slot()
    def updateWidgetFromMRML(self, *_: Any) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            self._segmentations.setCurrentNode(self.segmentationNode())
            self._volumes.setCurrentNode(self.sourceVolumeNode())
            if self._table.segmentationNode() is not self.segmentationNode():
                self._table.setSegmentationNode(self.segmentationNode())
        finally:
            self._updating = False
        if self.sourceVolumeNode() is not self._volume:
            self._volume = self.sourceVolumeNode()
            for effect in self._effects:
                effect.sourceVolumeNodeChanged()
        self._updateEffect()

    # segments

    def currentSegmentID(self) -> str:
        return self._editorNode.GetSelectedSegmentID() or "" if self._editorNode is not None else ""

    @Slot(str)
    def setCurrentSegmentID(self, identifier: str) -> None:
        if self._editorNode is not None:
            self._editorNode.SetSelectedSegmentID(identifier)
            self.currentSegmentIDChanged.emit(identifier)

    def _onSelected(self, *_: Any) -> None:
        chosen = self._table.selectedSegmentIDs()
        if chosen:
            self.setCurrentSegmentID(chosen[0])

    @Slot()
    def onAddSegment(self) -> None:
        self.setCurrentSegmentID(self._logic.AddEmptySegment())

    @Slot()
    def onRemoveSegment(self) -> None:
        self._logic.RemoveSelectedSegment()

    # effects

    @Slot()
    def updateEffectList(self) -> None:
        for effect in qSlicerSegmentEditorEffectFactory.instance().copyEffects(self._effects):
            effect._editor = self
            effect.setParent(self)
            effect.setupOptionsFrame()
            self._options.addWidget(effect.optionsFrame())
            effect.optionsFrame().hide()
            button = QtWidgets.QToolButton()
            button.setText(effect.property("title") or effect.property("name"))
            button.setObjectName(f"effect{effect.property('name')}")
            button.setIcon(effect.icon())
            button.setIconSize(QtCore.QSize(24, 24))
            button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setCheckable(True)
            button.clicked.connect(functools.partial(self._onEffect, effect.property("name")))
            place = len(self._effects)
            self._grid.addWidget(button, place // _COLUMNS, place % _COLUMNS)
            self._effects.append(effect)

    def _onEffect(self, name: str, on: bool) -> None:
        self.setActiveEffectByName(name if on else "")

    def availableEffectNames(self) -> list[str]:
        return [effect.property("name") for effect in self._effects]

    def effectNameOrder(self) -> list[str]:
        return self._order

    def setEffectNameOrder(self, names: list[str]) -> None:
        self._order = list(names)
        self._showEffects()

    def _setUnordered(self, visible: bool) -> None:
        self._unordered = visible
        self._showEffects()

    def _showEffects(self) -> None:
        for effect in self._effects:
            name = effect.property("name")
            self.findChild(QtWidgets.QToolButton, f"effect{name}").setVisible(self._unordered or name in self._order)

    def effectByName(self, name: str) -> Any:
        return next((effect for effect in self._effects if effect.property("name") == name), None)

    def activeEffect(self) -> Any:
        return self._active

    @Slot(object)
    def setActiveEffect(self, effect: Any) -> None:
        self.setActiveEffectByName(effect.property("name") if effect is not None else "")

    @Slot(str)
    def setActiveEffectByName(self, name: str) -> None:
        if self._editorNode is not None:
            self._editorNode.SetActiveEffectName(name)

    def _updateEffect(self) -> None:
        wanted = (
            self.effectByName(self._editorNode.GetActiveEffectName() or "") if self._editorNode is not None else None
        )
        for effect in self._effects:
            button = self.findChild(QtWidgets.QToolButton, f"effect{effect.property('name')}")
            button.setChecked(effect is wanted)
            button.setEnabled(self.sourceVolumeNode() is not None)
        if wanted is self._active:
            return
        before, self._active = self._active, wanted
        if before is not None:
            before.deactivate()
        if wanted is not None:
            self.setupViewObservations()
            wanted.activate()

    # undo, keys, views

    @Slot()
    def saveStateForUndo(self) -> None:
        self._logic.SaveStateForUndo()

    @Slot()
    def undo(self) -> None:
        self._logic.Undo()

    @Slot()
    def redo(self) -> None:
        self._logic.Redo()

    @Slot(int)
    def setMaximumNumberOfUndoStates(self, count: int) -> None:
        self._undoStates = count
        self._logic.SetMaximumNumberOfUndoStates(count)

    @Slot(QtWidgets.QWidget)
    def installKeyboardShortcuts(self, _parent: Any = None) -> None:
        self.keys = True

    @Slot()
    def uninstallKeyboardShortcuts(self) -> None:
        self.keys = False

    def setupViewObservations(self) -> None:
        self.observing = True

    def removeViewObservations(self) -> None:
        self.observing = False

    def _flag(name: str) -> Any:  # noqa: N805
        def write(self: Any, on: bool) -> None:
            self._flags[name] = on

        return Property(bool, lambda self: self._flags[name], write)

    unorderedEffectsVisible = Property(bool, lambda self: self._unordered, _setUnordered)
    undoEnabled, readOnly = _flag("undoEnabled"), _flag("readOnly")
    switchToSegmentationsButtonVisible = _flag("switchToSegmentationsButtonVisible")
    del _flag
    maximumNumberOfUndoStates = Property(int, lambda self: self._undoStates, setMaximumNumberOfUndoStates)


CLASSES: dict[str, type] = {"qMRMLSegmentEditorWidget": qMRMLSegmentEditorWidget}
"""The widget of this room that `slicer` has."""
