"""The views as a module meets them: real slice logics and nodes, pictures only where a screenshot wants them."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal, Slot

from . import mrmlwidgets, plotpainter


class qMRMLSliceWidget(mrmlwidgets.qMRMLWidget):
    """One slice view: its node and its logic."""

    _cpp = ()

    def __init__(self, logic: Any = None) -> None:
        super().__init__(None)
        self._logic = logic

    def sliceLogic(self) -> Any:
        return self._logic

    logic = sliceLogic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    mrmlAbstractViewNode = mrmlSliceNode

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    @Slot()
    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


class qMRMLThreeDView(QtWidgets.QWidget):
    """The 3D picture."""

    _cpp = ()

    @Slot()
    def resetFocalPoint(self) -> None:
        pass

    @Slot()
    def resetCamera(self) -> None:
        pass

    @Slot()
    def forceRender(self) -> None:
        pass

    @Slot()
    def scheduleRender(self) -> None:
        pass


class qMRMLThreeDWidget(mrmlwidgets.qMRMLWidget):
    """One 3D view."""

    _cpp = ()

    def __init__(self, node: Any = None) -> None:
        super().__init__(None)
        self._node, self._view = node, qMRMLThreeDView(self)

    def threeDView(self) -> Any:
        return self._view

    viewWidget = threeDView

    def mrmlViewNode(self) -> Any:
        return self._node


class qMRMLPlotView(plotpainter.PlotPainter):
    """The picture of a plot chart node."""

    _cpp = ("mrmlSceneChanged(vtkMRMLScene*)",)
    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._node: Any = None
        self._tag = 0
        self.setMinimumHeight(40)

    def _chart(self) -> Any:
        return self._node.GetPlotChartNode() if self._node is not None else None

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(300, 200)

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def _mrmlScene(self) -> Any:
        return self._scene

    @Slot(object)
    def setMRMLPlotViewNode(self, node: Any) -> None:
        self._node = node
        self.update()

    def _plotNode(self) -> Any:
        return self._node

    @Slot()
    def fitToContent(self) -> None:
        self.update()


class qMRMLPlotWidget(mrmlwidgets.qMRMLWidget):
    """A plot view with its bar of controls."""

    _cpp = ()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = QtWidgets.QFrame(self)
        self._bar.setFixedHeight(4)
        self._view = qMRMLPlotView(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._bar)
        layout.addWidget(self._view)

    @Slot(object)
    def setMRMLPlotViewNode(self, node: Any) -> None:
        self._view.setMRMLPlotViewNode(node)

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        super().setMRMLScene(scene)
        self._view.setMRMLScene(scene)

    def mrmlPlotViewNode(self) -> Any:
        return self._view._plotNode()

    def plotView(self) -> Any:
        return self._view

    viewWidget = plotView

    def controllerWidget(self) -> Any:
        return self._bar

    plotController = controllerWidget


class qSlicerLayoutManager(QtCore.QObject):
    """The arrangement of the views: the nodes and logics are real, the widgets hold them."""

    _cpp = ()
    layoutChanged = Signal(int)

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._slices: dict[str, qMRMLSliceWidget] = {}
        self._threeD: list[qMRMLThreeDWidget] = []
        self._plots: list[qMRMLPlotWidget] = []

    def _open(self, applicationLogic: Any) -> None:
        """Make the usual views for a scene that has just been made."""
        scene = slicer.mrmlScene
        self._slices.clear()
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
        for name, orientation in (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal")):
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLScene(scene)
            node = scene.CreateNodeByClass("vtkMRMLSliceNode")
            node.UnRegister(None)
            node.SetSingletonTag(name)
            node.SetLayoutName(name)
            node.SetName(name)
            logic.SetSliceNode(scene.AddNode(node))
            logic.GetSliceNode().SetOrientation(orientation)
            applicationLogic.GetSliceLogics().AddItem(logic)
            self._slices[name] = qMRMLSliceWidget(logic)
        view = scene.AddNewNodeByClass("vtkMRMLViewNode")
        self._threeD = [qMRMLThreeDWidget(view)]
        self._plots = [qMRMLPlotWidget()]
        self._plots[0].setMRMLPlotViewNode(scene.AddNewNodeByClass("vtkMRMLPlotViewNode"))

    def sliceViewNames(self) -> list[str]:
        return list(self._slices)

    def sliceWidget(self, name: str) -> Any:
        return self._slices.get(name)

    def threeDWidget(self, view: int) -> Any:
        return self._threeD[view] if 0 <= view < len(self._threeD) else None

    def plotWidget(self, view: int) -> Any:
        return self._plots[view] if 0 <= view < len(self._plots) else None

    def mrmlSliceLogics(self) -> Any:
        found = vtk.vtkCollection()
        for widget in self._slices.values():
            found.AddItem(widget.sliceLogic())
        return found

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    @Slot(int)
    def setLayout(self, layout: int) -> None:
        node = self._layoutNode()
        if node.GetViewArrangement() != layout:
            node.SetViewArrangement(layout)
            self.layoutChanged.emit(layout)

    def _layoutNode(self) -> Any:
        scene, kind = slicer.mrmlScene, "vtkMRMLLayoutNode"
        return scene.GetSingletonNode("vtklayout", kind) or scene.AddNewNodeByClass(kind)

    @Slot()
    def resetThreeDViews(self) -> None:
        pass

    @Slot()
    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    layout = Property(int, lambda self: self._layoutNode().GetViewArrangement(), setLayout, notify=layoutChanged)
    threeDViewCount = Property(int, lambda self: len(self._threeD))
    plotViewCount = Property(int, lambda self: len(self._plots))


CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        qMRMLPlotView,
        qMRMLPlotWidget,
        qMRMLSliceWidget,
        qMRMLThreeDView,
        qMRMLThreeDWidget,
        qSlicerLayoutManager,
    )
}
"""The classes of this room that `slicer` has."""
