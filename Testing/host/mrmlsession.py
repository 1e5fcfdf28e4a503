"""A scene with the logics that the application gives it, all real, and what only Qt code does there.

The subject hierarchy's items are made by the application's plugins when a node appears; that part is written
here, for the kinds of nodes that have an item.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk

LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Models": "vtkSlicerModelsLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}
"""Modules of the application whose logics are in slicer-core, those first that others look for."""

WITH_ITEM = (
    "vtkMRMLVolumeNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLModelNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLTableNode",
    "vtkMRMLTransformNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLTextNode",
)
"""Kinds of nodes that the subject hierarchy shows."""


class MrmlSession:
    """A fresh scene: `scene`, `applicationLogic`, `logics` by module name."""

    def __init__(self, home: str) -> None:
        (Path(home) / "share" / "ColorFiles").mkdir(parents=True, exist_ok=True)
        self.scene = slicer.vtkMRMLScene()
        slicer.mrmlScene = self.scene
        self.applicationLogic = slicer.vtkSlicerApplicationLogic()
        self.applicationLogic.SetHomeDirectory(home)
        self.applicationLogic.SetShareDirectory("share")
        self.applicationLogic.SetTemporaryPath(home)
        self.applicationLogic.SetMRMLScene(self.scene)
        self.applicationLogic.SetSliceLogics(vtk.vtkCollection())
        self.scene.SetUndoOff()
        self.logics: dict[str, Any] = {}
        for module, name in LOGICS.items():
            cls = getattr(slicer, name, None)
            if isinstance(cls, type):
                self.logics[module] = self._logic(cls)
                self.applicationLogic.SetModuleLogic(module, self.logics[module])
        self._tags = [
            self.scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, self._added()),
            self.scene.AddObserver(slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, self._removed()),
            self.scene.AddObserver(slicer.vtkMRMLScene.EndBatchProcessEvent, lambda *_: self._fill()),
        ]

    def _logic(self, cls: Any) -> Any:
        logic = cls()
        if logic.IsA("vtkSlicerTerminologiesModuleLogic"):
            return logic  # its default terminologies lie in the application's share folder
        logic.SetMRMLApplicationLogic(self.applicationLogic)
        logic.SetMRMLScene(self.scene)
        return logic

    def hierarchy(self) -> Any:
        """The subject hierarchy node, made when missing, as the application does."""
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)

    def _fill(self) -> None:
        if self.scene.IsClosing():
            return
        nodes = self.scene.GetNodes()
        for number in range(nodes.GetNumberOfItems()):
            self._make_item(nodes.GetItemAsObject(number))

    def _make_item(self, node: Any) -> None:
        if node.GetHideFromEditors() or not any(node.IsA(kind) for kind in WITH_ITEM):
            return
        hierarchy = self.hierarchy()
        if hierarchy is not None and not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    def _added(self) -> Any:
        @vtk.calldata_type(vtk.VTK_OBJECT)
        def added(_caller: Any, _event: str, node: Any) -> None:
            if not self.scene.IsImporting() and not self.scene.IsClosing():
                self._make_item(node)

        return added

    def _removed(self) -> Any:
        @vtk.calldata_type(vtk.VTK_OBJECT)
        def removed(_caller: Any, _event: str, node: Any) -> None:
            if self.scene.IsClosing() or not any(node.IsA(kind) for kind in WITH_ITEM):
                return
            hierarchy = self.hierarchy()
            item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
            if item:
                hierarchy.RemoveItem(item, False, False)

        return removed

    def close(self) -> None:
        """Let go of the scene."""
        for tag in self._tags:
            self.scene.RemoveObserver(tag)
        self.scene.Clear(1)
        self.logics.clear()
