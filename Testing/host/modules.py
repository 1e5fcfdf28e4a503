"""Modules as the application holds them: their C++ objects, and how a scripted one is loaded and reloaded."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal, Slot

from . import faults, mrmlwidgets, values


def _plain(kind: Any, name: str, default: Any) -> Any:
    """A property that only stores."""
    key = f"_{name}"

    def read(self: Any) -> Any:
        return self.__dict__.get(key, default)

    def write(self: Any, value: Any) -> None:
        self.__dict__[key] = value

    return Property(kind, read, write)


def call_python(owner: Any, name: str) -> Any:
    """Call a method of the module's class from the application: what it raises is printed and kept."""
    method = getattr(owner, name, None)
    if method is None:
        return None
    try:
        return method()
    except Exception:
        faults.report_exception(f"in {type(owner).__name__}.{name}()")
        return None


class qSlicerLoadableModule(QtCore.QObject):
    """A C++ module: a name and a logic."""

    _cpp: tuple[str, ...] = ()

    def __init__(self, name: str = "", logic: Any = None) -> None:
        super().__init__()
        self._ownName, self._logic, self._widget = name, logic, None

    name = Property(str, lambda self: self._ownName)
    title = Property(str, lambda self: self._ownName)
    path = Property(str, lambda self: "")

    def logic(self) -> Any:
        return self._logic

    def widgetRepresentation(self) -> Any:
        if self._widget is None:
            self._widget = mrmlwidgets.qMRMLWidget()
            self._widget.setMRMLScene(slicer.mrmlScene)
        return self._widget


class qSlicerScriptedLoadableModule(QtCore.QObject):
    """A scripted module: what its class writes into `parent`."""

    _cpp = ()

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._file, self._self, self._widget = "", None, None

    name = Property(str, lambda self: Path(self._file).stem)
    path = Property(str, lambda self: self._file)
    title = _plain(str, "title", "")
    categories = _plain("QStringList", "categories", [])
    contributors = _plain("QStringList", "contributors", [])
    dependencies = _plain("QStringList", "dependencies", [])
    associatedNodeTypes = _plain("QStringList", "associatedNodeTypes", [])
    helpText = _plain(str, "helpText", "")
    acknowledgementText = _plain(str, "acknowledgementText", "")
    defaultDocumentationLink = Property(str, lambda self: "")
    hidden = _plain(bool, "hidden", False)
    index = _plain(int, "index", -1)
    icon = _plain(QtGui.QIcon, "icon", QtGui.QIcon())
    widgetRepresentationCreationEnabled = _plain(bool, "creation", True)

    def _load(self, path: str) -> None:
        """What qSlicerScriptedLoadableModule::setPythonSource does."""
        self._file = path
        name = Path(path).stem
        self._self = load_source(name, path, name)(values.wrap(self))
        setattr(slicer.modules, f"{name}Instance", self._self)
        reader = getattr(sys.modules[name], f"{name}FileReader", None)
        if reader is not None:  # as registerIO does
            slicer.app.coreIOManager().registerIO(reader)

    def logic(self) -> Any:
        return slicer.vtkMRMLAbstractLogic() if hasattr(slicer, "vtkMRMLAbstractLogic") else None

    def widgetRepresentation(self) -> Any:
        if self._widget is None and self.property("widgetRepresentationCreationEnabled"):
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self) -> Any:
        widget = qSlicerScriptedLoadableModuleWidget()
        if not widget._load(self._file):
            return None
        widget._setup()
        widget.setMRMLScene(slicer.mrmlScene)
        return widget


def load_source(name: str, path: str, className: str) -> Any:
    """The class of a module file, which becomes an importable module of that name when it is not one yet."""
    folder = str(Path(path).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if name not in sys.modules or not hasattr(sys.modules[name], className):
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return getattr(sys.modules[name], className)


class qSlicerScriptedLoadableModuleWidget(mrmlwidgets.qMRMLWidget):
    """The panel into which the module's widget class builds."""

    _cpp = ()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        QtWidgets.QVBoxLayout(self)
        self._file, self._self, self._entered = "", None, False

    def _load(self, path: str, className: str = "") -> bool:
        name = Path(path).stem
        className = className or f"{name}Widget"
        cls = load_source(name, path, className)
        try:
            self._self = cls(values.wrap(self))
        except Exception:
            faults.report_exception(f"in {className}.__init__()")
            return False
        self._file = path
        setattr(slicer.modules, className, self._self)
        return True

    @Slot()
    def reload(self) -> None:
        self._load(self._file)
        self._setup()

    def self(self) -> Any:
        return self._self

    def _setup(self) -> None:
        call_python(self._self, "setup")

    def enter(self) -> None:
        self._entered = True
        call_python(self._self, "enter")

    def exit(self) -> None:
        self._entered = False
        call_python(self._self, "exit")

    isEntered = Property(bool, lambda self: self._entered)


class qSlicerModuleFactoryManager(QtCore.QObject):
    """Which modules are there."""

    _cpp = ()

    def __init__(self, manager: Any) -> None:
        super().__init__(manager)
        self._manager = manager

    def loadedModuleNames(self) -> list[str]:
        return list(self._manager._modules)

    registeredModuleNames = instantiatedModuleNames = loadedModuleNames

    def isRegistered(self, name: str) -> bool:
        return name in self._manager._modules

    isLoaded = isInstantiated = isRegistered

    def moduleInstance(self, name: str) -> Any:
        return self._manager._modules.get(name)

    loadedModule = moduleInstance


class qSlicerModuleManager(QtCore.QObject):
    """The application's table of modules."""

    _cpp = ()
    moduleLoaded = Signal(str)
    moduleAboutToBeUnloaded = Signal(str)

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._modules: dict[str, Any] = {}
        self._factory = qSlicerModuleFactoryManager(self)

    def _add(self, module: Any) -> None:
        name = module.property("name")
        self._modules[name] = module
        setattr(slicer.modules, name.lower(), values.wrap(module))
        setattr(slicer.moduleNames, name, name)
        self.moduleLoaded.emit(name)

    def factoryManager(self) -> Any:
        return self._factory

    def modulesNames(self) -> list[str]:
        return list(self._modules)

    def module(self, name: str) -> Any:
        return self._modules.get(name)


CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        qSlicerLoadableModule,
        qSlicerModuleFactoryManager,
        qSlicerModuleManager,
        qSlicerScriptedLoadableModule,
        qSlicerScriptedLoadableModuleWidget,
    )
}
"""The classes of this room that `slicer` has."""
