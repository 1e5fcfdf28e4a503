"""`slicer.app`: the application object, its main window, its module selector and its reader of files."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal, Slot

from . import modules, values, views


class qSlicerApplication(QtWidgets.QApplication):
    """One a process, as Qt wants it; what belongs to a session is in `_session`."""

    _cpp = ()
    startupCompleted = Signal()
    renderPaused = Signal(bool)

    def __init__(self, arguments: list[str]) -> None:
        super().__init__(arguments)
        self.setApplicationName("Slicer")
        self.setOrganizationName("NA-MIC")
        self._temporary = tempfile.mkdtemp(prefix="host-")
        atexit.register(shutil.rmtree, self._temporary, ignore_errors=True)
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.Format.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, self._temporary)
        self._testing, self._session, self._paused = False, None, 0
        self._settings = QtCore.QSettings(str(Path(self._temporary) / "Slicer.ini"), QtCore.QSettings.Format.IniFormat)

    def applicationLogic(self) -> Any:
        return self._session.applicationLogic

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    def layoutManager(self) -> Any:
        return self._session.layoutManager

    def moduleManager(self) -> Any:
        return self._session.moduleManager

    def coreIOManager(self) -> Any:
        return self._session.ioManager

    ioManager = coreIOManager

    def moduleLogic(self, name: str) -> Any:
        module = self._session.moduleManager.module(name)
        return module.logic() if module is not None else None

    def userSettings(self) -> Any:
        return self._settings

    def settings(self) -> Any:
        return self._settings

    def revisionUserSettings(self) -> Any:
        return self._settings

    def testingEnabled(self) -> bool:
        return self._testing

    def translate(self, context: str, text: str) -> str:
        return QtCore.QCoreApplication.translate(context, text)

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"https://slicer.readthedocs.io/en/latest/user_guide/modules/{name.lower()}.html"

    def setRenderPaused(self, pause: bool) -> None:
        self._paused += 1 if pause else -1

    @Slot()
    def pauseRender(self) -> None:
        self.setRenderPaused(True)

    @Slot()
    def resumeRender(self) -> None:
        self.setRenderPaused(False)

    @Slot()
    def restart(self) -> None:
        self._session.restarts += 1

    @Slot(str)
    def confirmRestart(self, _reason: str = "") -> None:
        self._session.restarts += 1

    def openSettingsDialog(self, _panel: str = "") -> None:
        pass

    @Slot()
    def openExtensionsManagerDialog(self) -> None:
        self._session.openedExtensionsManager += 1

    def extensionsManagerModel(self) -> Any:
        return self._session.extensions

    def logUsageEvent(self, _component: str, _event: str) -> None:
        pass

    temporaryPath = Property(str, lambda self: self._temporary)
    cachePath = Property(str, lambda self: self._temporary)
    slicerHome = Property(str, lambda self: self._temporary)
    slicerUserSettingsFilePath = Property(str, lambda self: self._settings.fileName())
    documentationBaseUrl = Property(str, lambda self: "https://slicer.readthedocs.io/en/latest/")
    majorVersion = Property(int, lambda self: 5)
    minorVersion = Property(int, lambda self: 13)
    revision = Property(str, lambda self: "34000")
    os = Property(str, lambda self: "linux")
    platform = Property(str, lambda self: "linux-amd64")
    isInstalled = Property(bool, lambda self: True)


class qSlicerExtensionsManagerModel(QtCore.QObject):
    """Which extensions there are; installing one is only written down."""

    _cpp = ()

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._installed: list[str] = []
        self._asks, self._works = True, True

    def isExtensionInstalled(self, name: str) -> bool:
        return name in self._installed

    def installExtensionFromServer(self, name: str, _restart: bool = True, _update: bool = False) -> bool:
        if self._works:
            self._installed.append(name)
        return self._works

    def updateExtensionsMetadataFromServer(self, _force: bool = False, _waitForCompletion: bool = False) -> bool:
        return self._works

    def _setAsks(self, asks: bool) -> None:
        self._asks = asks

    interactive = Property(bool, lambda self: self._asks, _setAsks)
    installedExtensions = Property("QStringList", lambda self: self._installed)


class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar):
    """The box that names the module in use; `slicer.util.selectModule` goes through it."""

    _cpp = ()
    moduleSelected = Signal(str)

    def __init__(self, window: Any) -> None:
        super().__init__(window)
        self.setObjectName("ModuleSelectorToolBar")
        self._window, self._selected = window, ""

    @Slot(str)
    def selectModule(self, name: str) -> None:
        if name != self._selected:
            self._selected = name
            self._window._show(name)
            self.moduleSelected.emit(name)

    selectedModule = Property(str, lambda self: self._selected, selectModule, notify=moduleSelected)


class qSlicerMainWindow(QtWidgets.QMainWindow):
    """The module panel at the left, a quiet place for the views at the right."""

    _cpp = ()

    def __init__(self, manager: modules.qSlicerModuleManager) -> None:
        super().__init__(None)
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("3D Slicer (stand-in)")
        self._manager, self._shown = manager, None
        self._selector = qSlicerModuleSelectorToolBar(self)
        self.addToolBar(self._selector)
        self._dock = dock = QtWidgets.QDockWidget("Modules", self)
        dock.setObjectName("PanelDockWidget")
        self._scroll = QtWidgets.QScrollArea(dock)
        self._scroll.setObjectName("ModulePanel")
        self._scroll.setWidgetResizable(True)
        dock.setWidget(self._scroll)
        self.addDockWidget(QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        centre = QtWidgets.QFrame(self)
        centre.setObjectName("CentralWidget")
        self.setCentralWidget(centre)
        self.statusBar()
        self._dock.setFixedWidth(460)
        self.resize(1100, 1000)

    def moduleSelector(self) -> Any:
        return self._selector

    def _fit(self, width: int, height: int) -> None:
        """Make room for the panel."""
        self._dock.setFixedWidth(width + 4)
        self.resize(width + 400, max(500, height + 140))

    def _show(self, name: str) -> None:
        """What the module panel does when another module is chosen: exit the one, enter the other."""
        if self._shown is not None and hasattr(self._shown, "exit"):
            self._shown.exit()
        self._scroll.takeWidget()
        module = self._manager.module(name)
        self._shown = module.widgetRepresentation() if module is not None else None
        if self._shown is not None:
            self._scroll.setWidget(self._shown)
            self._shown.show()
            if hasattr(self._shown, "enter"):
                self._shown.enter()


class qSlicerIOManager(QtCore.QObject):
    """Reads volumes and segmentations with the real storage nodes."""

    _cpp = ()
    newFileLoaded = Signal("QVariantMap")

    def __init__(self, *parents: Any) -> None:
        super().__init__(*parents)
        self._scripted: dict[str, Any] = {}

    def registerIO(self, reader: type) -> None:
        """A scripted reader, as qSlicerScriptedFileReader holds one."""
        plugin = SimpleNamespace(loadedNodes=[], messages=None)
        plugin.userMessages = lambda: plugin.messages
        instance = reader(plugin)
        self._scripted[instance.fileType()] = instance

    def fileType(self, path: str) -> str:
        for kind, reader in self._scripted.items():
            endings = [word.strip("()*") for text in reader.extensions() for word in text.split() if "*" in word]
            if str(path).endswith(tuple(endings)):
                return kind
        return "SegmentationFile" if str(path).endswith((".seg.nrrd", ".seg.nhdr")) else "VolumeFile"

    def loadNodes(self, kind: str, properties: dict[str, Any], nodes: Any = None, messages: Any = None) -> bool:
        if kind in self._scripted:
            reader = self._scripted[kind]
            reader.parent.messages = messages or slicer.vtkMRMLMessageCollection()
            return bool(reader.load(dict(properties)))
        path = properties["fileName"]
        name = properties.get("name") or Path(path).name.split(".")[0]
        make = {"VolumeFile": _load_volume, "SegmentationFile": _load_segmentation}.get(kind)
        node = make(path, name, properties) if make is not None and Path(path).exists() else None
        if node is None:
            if messages is not None:
                messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"cannot read {path}")
            return False
        if nodes is not None:
            nodes.AddItem(node)
        return True

    def saveNodes(self, _kind: str, properties: dict[str, Any], _messages: Any = None) -> bool:
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        storage = node.GetStorageNode() or node.CreateDefaultStorageNode()
        storage.SetFileName(properties["fileName"])
        return bool(storage.WriteData(node))

    def registeredFileReaderCount(self, kind: str) -> int:
        return int(kind in ("VolumeFile", "SegmentationFile", *self._scripted))


def _load_volume(path: str, name: str, properties: dict[str, Any]) -> Any:
    logic = values.unwrap(slicer.modules.volumes).logic()
    options = 1 if properties.get("labelmap") else 0
    node = logic.AddArchetypeVolume(path, name, options)
    if node is not None and properties.get("show", True):
        selection = slicer.app.applicationLogic().GetSelectionNode()
        selection.SetActiveVolumeID(node.GetID())
        slicer.app.applicationLogic().PropagateVolumeSelection(1)
    return node


def _load_segmentation(path: str, name: str, _properties: dict[str, Any]) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    storage = slicer.vtkMRMLSegmentationStorageNode()
    slicer.mrmlScene.AddNode(storage)
    storage.SetFileName(path)
    if not storage.ReadData(node):
        slicer.mrmlScene.RemoveNode(node)
        return None
    node.SetAndObserveStorageNodeID(storage.GetID())
    return node


CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        qSlicerApplication,
        qSlicerExtensionsManagerModel,
        qSlicerIOManager,
        qSlicerMainWindow,
        qSlicerModuleSelectorToolBar,
    )
}
"""The classes of this room that `slicer` has."""

WIDGET_CLASSES = {**views.CLASSES, **modules.CLASSES, **CLASSES}


def _pass_on(_kind: Any, _context: Any, text: str) -> None:
    """Qt's own warnings, less one that the offscreen platform has for every window."""
    if "propagateSizeHints" not in text:
        sys.stderr.write(f"Qt: {text}\n")


def application() -> qSlicerApplication:
    """The one QApplication; its folder of temporary things goes when Python ends."""
    found = QtWidgets.QApplication.instance()
    if found is None:
        QtCore.qInstallMessageHandler(_pass_on)
        QtGui.QGuiApplication.setDesktopFileName("Slicer")
        found = qSlicerApplication(["Slicer"])
        found.setStyle("Fusion")
    return found
