"""How values pass between the module and PySide6: wrapped objects, enum values, tuples for lists.

The native object (PySide6's) never reaches the module. `instances` tells this room how a wrapper is made.
"""

from __future__ import annotations

import contextlib
import enum
import inspect
import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from . import faults, qtnames


class EnumValue(int):
    """A value of a Qt enum: an int that still knows its enum, as PythonQt's are."""

    native: Any

    def __new__(cls, native: enum.Enum) -> EnumValue:
        value = super().__new__(cls, native.value)
        value.native = native
        return value

    def _combined(self, other: object, operation: str) -> Any:
        if isinstance(other, EnumValue) and type(other.native) is type(self.native):
            with contextlib.suppress(TypeError, ValueError, AttributeError):
                return wrap(getattr(self.native, operation)(other.native))
        return getattr(int, operation)(self, other)

    def __or__(self, other: object) -> Any:
        return self._combined(other, "__or__")

    def __and__(self, other: object) -> Any:
        return self._combined(other, "__and__")

    def __xor__(self, other: object) -> Any:
        return self._combined(other, "__xor__")

    def __repr__(self) -> str:
        return f"{type(self.native).__name__}({int(self)})"

    __hash__ = int.__hash__


class Wrapper:
    """What every wrapped object derives from; `instances.Instance` is the only kind."""

    __slots__ = ("__weakref__", "_native")
    _nativeClass: type = object


known: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
"""C++ address -> the wrapper of a living QObject."""


def make_class(native: type) -> type:
    """native class -> wrapper class; `instances` puts its own in this place."""
    raise NotImplementedError(native)


def native_of(wrapper: Any) -> Any:
    """The PySide6 object behind a wrapper, None before its constructor ran."""
    try:
        return object.__getattribute__(wrapper, "_native")
    except AttributeError:
        return None


def alive(wrapper: Any) -> bool:
    """Whether the C++ object behind a wrapper still exists."""
    native = native_of(wrapper)
    return native is not None and shiboken6.isValid(native)


def address(native: Any) -> int:
    """The C++ address of an object."""
    return int(shiboken6.getCppPointer(native)[0])


def unwrap(value: Any) -> Any:
    """The value that PySide6 gets for one of the module's."""
    if isinstance(value, Wrapper):
        return native_of(value)
    if isinstance(value, type) and issubclass(value, Wrapper):
        return value._nativeClass
    if isinstance(value, EnumValue):
        return value.native
    if type(value) in (list, tuple):
        return type(value)(unwrap(item) for item in value)
    if type(value) is dict:
        return {key: unwrap(item) for key, item in value.items()}
    return value


def wrap(value: Any) -> Any:
    """The value that the module gets for one of PySide6's."""
    if isinstance(value, enum.Enum):
        return EnumValue(value) if isinstance(value.value, int) else value
    if isinstance(value, shiboken6.Object):
        return _wrap_object(value)
    if type(value) in (list, tuple):
        return tuple(wrap(item) for item in value)
    if type(value) is dict:
        return {key: wrap(item) for key, item in value.items()}
    return value


def _wrap_object(native: Any) -> Any:
    is_object = isinstance(native, QtCore.QObject)
    if is_object and shiboken6.isValid(native):
        found = known.get(address(native)) or native.__dict__.get("_wrapper")
        if found is not None and native_of(found) is native:
            return found
    cls = make_class(public_class(type(native)))
    made = cls.__new__(cls)
    object.__setattr__(made, "_native", native)
    if is_object and shiboken6.isValid(native):
        known[address(native)] = made
    return made


def public_class(native: type) -> type:
    """The nearest class that PythonQt wraps: Qt's own private classes appear as their public base."""
    for base in native.__mro__:
        if base.__name__ in qtnames.CLASSES or "_cpp" in base.__dict__:
            return base
    return native


def call_safely(callback: Callable[..., Any], arguments: tuple[Any, ...], where: str) -> Any:
    """Call the module's code from Qt: as many arguments as it takes, and a fault is kept, not raised."""
    try:
        return callback(*arguments[: _accepted(callback, len(arguments))])
    except Exception:
        faults.report_exception(where)
        return None


def _accepted(callback: Callable[..., Any], given: int) -> int:
    """How many of the signal's arguments PythonQt passes: it looks at plain functions and methods only."""
    function = callback.__func__ if inspect.ismethod(callback) else callback
    if not inspect.isfunction(function) or function.__code__.co_flags & inspect.CO_VARARGS:
        return given
    return min(given, function.__code__.co_argcount - (1 if inspect.ismethod(callback) else 0))
