"""Effects of the Segment Editor: the C++ object of a scripted one, and the table of all that are registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from . import faults, values
from .modules import load_source


class qSlicerSegmentEditorAbstractEffect(QtCore.QObject):
    """What every effect has: a name, a frame of options, and the editor that it serves."""

    _cpp: tuple[str, ...] = ()

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._texts = {"name": "", "title": ""}
        self._flags = {"perSegment": True, "requireSegments": True}
        self._frame: QtWidgets.QFrame | None = None
        self._editor: Any = None
        self._isActive = False

    def optionsFrame(self) -> Any:
        if self._frame is None:
            self._frame = QtWidgets.QFrame()
            QtWidgets.QFormLayout(self._frame).setContentsMargins(0, 0, 0, 0)
        return self._frame

    def optionsLayout(self) -> Any:
        return self.optionsFrame().layout()

    def addOptionsWidget(self, widget: Any) -> None:
        self.optionsLayout().addRow(widget)

    def parameterSetNode(self) -> Any:
        return self._editor.mrmlSegmentEditorNode() if self._editor is not None else None

    def saveStateForUndo(self) -> None:
        self._editor.saveStateForUndo()

    def active(self) -> bool:
        return self._isActive

    def icon(self) -> QtGui.QIcon:
        return QtGui.QIcon()

    def helpText(self) -> str:
        return ""

    def setupOptionsFrame(self) -> None:
        pass

    def activate(self) -> None:
        self._isActive = True
        self.optionsFrame().show()

    def deactivate(self) -> None:
        self._isActive = False
        self.optionsFrame().hide()

    def sourceVolumeNodeChanged(self) -> None:
        pass

    def cleanup(self) -> None:
        pass

    def _text(name: str) -> Any:  # noqa: N805
        def write(self: Any, text: str) -> None:
            self._texts[name] = text

        return Property(str, lambda self: self._texts[name], write)

    def _flag(name: str) -> Any:  # noqa: N805
        def write(self: Any, on: bool) -> None:
            self._flags[name] = on

        return Property(bool, lambda self: self._flags[name], write)

    name, title = _text("name"), _text("title")
    perSegment, requireSegments = _flag("perSegment"), _flag("requireSegments")
    del _text, _flag


class PlainEffect(qSlicerSegmentEditorAbstractEffect):
    """A built-in effect of which only the name matters here, such as Paint."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._texts = {"name": name, "title": name}

    def clone(self) -> Any:
        return PlainEffect(self._texts["name"])


class qSlicerSegmentEditorScriptedEffect(qSlicerSegmentEditorAbstractEffect):
    """An effect that a class of a Python file does."""

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._self: Any = None
        self._file = ""

    def pythonSource(self) -> str:
        return self._file

    def setPythonSource(self, path: str) -> bool:
        """The file's folder names the module, the file the class, as in the application."""
        name = Path(path).stem
        cls = load_source(Path(path).parent.name, path, name if name.endswith("Effect") else f"{name}Effect")
        self._file = path
        self._self = cls(values.wrap(self))
        return True

    def self(self) -> Any:
        return self._self

    def _python(self, name: str) -> Any:
        """Call the class's method: what it raises is printed and kept."""
        method = getattr(self._self, name, None)
        try:
            return values.unwrap(method()) if method is not None else None
        except Exception:
            faults.report_exception(f"in {type(self._self).__name__}.{name}()")
            return None

    def icon(self) -> QtGui.QIcon:
        return self._python("icon") or super().icon()

    def helpText(self) -> str:
        return self._python("helpText") or super().helpText()

    def clone(self) -> Any:
        return self._python("clone")

    def setupOptionsFrame(self) -> None:
        super().setupOptionsFrame()
        self._python("setupOptionsFrame")

    def activate(self) -> None:
        super().activate()
        self._python("activate")

    def deactivate(self) -> None:
        super().deactivate()
        self._python("deactivate")

    def sourceVolumeNodeChanged(self) -> None:
        super().sourceVolumeNodeChanged()
        self._python("sourceVolumeNodeChanged")

    def cleanup(self) -> None:
        self._python("cleanup")


class qSlicerSegmentEditorEffectFactory(QtCore.QObject):
    """The application's table of effects: one, for as long as it runs."""

    _cpp = ()
    effectRegistered = Signal(str)
    _theOne: Any = None

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._effects: list[Any] = [PlainEffect(name) for name in ("Paint", "Draw", "Erase", "Threshold")]

    @staticmethod
    def instance() -> Any:
        cls = qSlicerSegmentEditorEffectFactory
        if cls._theOne is None:
            cls._theOne = cls()
        return cls._theOne

    def registerEffect(self, effect: Any) -> bool:
        name = effect.property("name")
        if any(known.property("name") == name for known in self._effects):
            return False
        self._effects.append(effect)
        self.effectRegistered.emit(name)
        return True

    def registeredEffects(self) -> list[Any]:
        return list(self._effects)

    def copyEffects(self, there: list[Any]) -> list[Any]:
        known = {effect.property("name") for effect in there}
        return [effect.clone() for effect in self._effects if effect.property("name") not in known]

    @classmethod
    def _forget(cls) -> None:
        cls._theOne = None


CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        qSlicerSegmentEditorAbstractEffect,
        qSlicerSegmentEditorEffectFactory,
        qSlicerSegmentEditorScriptedEffect,
    )
}
"""The classes of this room that `slicer` has."""
