"""The modules `qt` and `ctk` as PythonQt gives them: what is not wrapped there does not exist here."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from . import ctkwidgets, dialogs, faults, instances, qtnames, uiloader, values

Button = QtWidgets.QMessageBox.StandardButton


class Namespace(types.ModuleType):
    """A module whose classes are wrapped when first asked for."""

    def __init__(self, name: str, find: Callable[[str], type | None]) -> None:
        super().__init__(name, f"The stand-in for PythonQt's {name}.")
        self._find = find

    def __getattr__(self, name: str) -> Any:
        native = None if name.startswith("__") else self._find(name)
        if native is None:
            msg = f"module '{self.__name__}' has no attribute '{name}'"
            raise AttributeError(msg)
        wrapper = instances.class_for(native)
        setattr(self, name, wrapper)
        return wrapper


def _find_qt(name: str) -> type | None:
    if name not in qtnames.CLASSES:
        return None
    return next((getattr(room, name) for room in (QtCore, QtGui, QtWidgets, QtUiTools) if hasattr(room, name)), None)


def make_qt() -> types.ModuleType:
    """`import qt`."""
    module = Namespace("qt", _find_qt)
    module.QVariant = lambda *value: value[0] if value else None  # type: ignore[attr-defined]
    return module


def make_ctk() -> types.ModuleType:
    """`import ctk`."""
    return Namespace("ctk", lambda name: ctkwidgets.CLASSES.get(name))


# --- what must not block, or works otherwise than in PySide6 ----------------------------------------------


def _exec(dialog: Any, *_: Any) -> int:
    return dialogs.run(values.unwrap(dialog))


def _menu_exec(menu: Any, *_: Any) -> Any:
    native = values.unwrap(menu)
    chosen = dialogs._next("menu", None)
    actions = {action.text().replace("&", ""): action for action in native.actions()}
    dialogs.messages.append(dialogs.Message("menu", ", ".join(actions), answer=chosen))
    if chosen in actions:
        actions[chosen].trigger()
    return values.wrap(actions.get(chosen))


def _single_shot(_timer: Any, milliseconds: int, callback: Callable[[], Any]) -> None:
    if not callable(callback):
        msg = f"Called singleShot with wrong arguments: {(milliseconds, callback)}"
        raise ValueError(msg)
    QtCore.QTimer.singleShot(int(milliseconds), lambda: values.call_safely(callback, (), "in QTimer.singleShot"))


def _message(kind: str) -> Callable[..., Any]:
    def show(_box: Any, _parent: Any, title: str, text: str, buttons: Any = None, *_: Any) -> Any:
        default = Button.Yes | Button.No if kind == "question" else Button.Ok
        return values.wrap(dialogs.message(kind, title, text, default if buttons is None else buttons))

    return show


def _file(kind: str) -> Callable[..., Any]:
    return lambda _dialog, _parent=None, caption="", *rest: dialogs.file_dialog(kind, caption, *rest)


def _text(_dialog: Any, _parent: Any, title: str, label: str, _echo: Any = None, text: str = "", *_: Any) -> str:
    return str(dialogs.input_dialog("getText", title, label, text))


def _item(_dialog: Any, _parent: Any, title: str, label: str, items: Any, current: int = 0, *_: Any) -> str:
    return str(dialogs.input_dialog("getItem", title, label, list(items)[current] if items else ""))


def _load_ui(_loader: Any, device: Any, *_: Any) -> Any:
    return values.wrap(uiloader.load(values.unwrap(device)))


def _open_url(_services: Any, url: Any) -> bool:
    dialogs.messages.append(dialogs.Message("url", values.unwrap(url).toString()))
    return True


def _module_exec(*_: Any) -> None:
    faults.report("QApplication.exec() was called by the module")


instances.statics.update(
    {
        ("QDialog", "exec"): _exec,
        ("QDialog", "exec_"): _exec,
        ("QMenu", "exec"): _menu_exec,
        ("QMenu", "exec_"): _menu_exec,
        ("QTimer", "singleShot"): _single_shot,
        ("QUiLoader", "load"): _load_ui,
        ("QDesktopServices", "openUrl"): _open_url,
        ("QInputDialog", "getText"): _text,
        ("QInputDialog", "getItem"): _item,
        ("QCoreApplication", "exec"): _module_exec,
        **{("QMessageBox", kind): _message(kind) for kind in ("information", "question", "warning", "critical")},
        **{
            ("QFileDialog", kind): _file(kind)
            for kind in ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory")
        },
    }
)
