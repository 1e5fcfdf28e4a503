"""Properties by name: which there are, and what may be written to them."""

from __future__ import annotations

import enum
from typing import Any

from PySide6 import QtCore

from . import qtnames
from .values import unwrap

_NUMBERS = {"int": int, "uint": int, "double": float, "float": float, "qlonglong": int, "bool": bool}


def find(native: Any, name: str) -> str | None:
    """The property that a name means: its own, or objectName for `name`; None if it is no property."""
    if name == "singleShot" and isinstance(native, QtCore.QTimer):
        return None  # PythonQt hides it behind the static method
    if native.metaObject().indexOfProperty(name) != -1:
        return name if qtnames.is_property(type(native), name) else None
    return "objectName" if name == "name" else None


def dynamic(native: Any) -> list[str]:
    """The names of properties that were added to this object."""
    return [bytes(item.data()).decode() for item in native.dynamicPropertyNames()]


def write(native: Any, cls: str, name: str, value: Any) -> None:
    """Set a property; AttributeError with PythonQt's words if it takes no such value."""
    meta = native.metaObject()
    item = meta.property(meta.indexOfProperty(name))
    if not item.isWritable():
        msg = f"Property '{name}' of {cls} object is not writable"
        raise AttributeError(msg)
    given, kind = unwrap(value), item.typeName()
    if item.isEnumType() and isinstance(given, enum.Enum):
        given = given.value
    if not _fits(given, kind) or not native.setProperty(name, _as(given, kind)):
        msg = f"Property '{name}' of type '{kind}' does not accept an object of type {type(value).__name__} ({value})"
        raise AttributeError(msg)


def _as(value: Any, kind: str) -> Any:
    if kind in _NUMBERS and isinstance(value, int | float):
        return _NUMBERS[kind](value)
    return list(value) if kind == "QStringList" else value


def _fits(value: Any, kind: str) -> bool:
    if kind in _NUMBERS:
        return isinstance(value, int | float)
    if kind == "QString":
        return isinstance(value, str)
    if kind == "QStringList":
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    return True
