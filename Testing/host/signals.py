"""Signals as PythonQt gives them: `widget.clicked.connect(f)` and `widget.connect("clicked()", f)`."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore

from . import faults, qtnames
from .values import Wrapper, address, call_safely, native_of, unwrap, wrap

QObject = QtCore.QObject
_NORMAL = QtCore.QMetaObject.normalizedSignature
_connections: dict[int, list[tuple[str, Any, Callable[..., None]]]] = {}


def signatures(native: Any, name: str) -> tuple[str, ...]:
    """All signatures of the signals of that name, in the order of the meta-object."""
    return _table(type(native), native.metaObject().className(), native.metaObject()).get(name, ())


_tables: dict[tuple[type, str], dict[str, tuple[str, ...]]] = {}


def _table(cls: type, name: str, meta: QtCore.QMetaObject) -> dict[str, tuple[str, ...]]:
    if (cls, name) not in _tables:
        found: dict[str, tuple[str, ...]] = {}
        for index in range(meta.methodCount()):
            method = meta.method(index)
            if method.methodType() == QtCore.QMetaMethod.MethodType.Signal:
                key = bytes(method.name().data()).decode()
                found[key] = (*found.get(key, ()), bytes(method.methodSignature().data()).decode())
        _tables[cls, name] = found
    return _tables[cls, name]


@functools.cache
def _cpp(cls: type) -> frozenset[str]:
    """Signatures with C++ types that Python cannot spell, of the host's own widgets."""
    return frozenset(sig for base in cls.__mro__ for sig in base.__dict__.get("_cpp", ()))


def find_signal(native: Any, signature: str) -> str | None:
    """The meta-object's own writing of a C++ signal signature, None if there is no such signal.

    The host's widgets carry MRML nodes as Python objects; the C++ type that a signal has in the application
    stands in their table `_cpp`, and only that one is accepted.
    """
    wanted = bytes(_NORMAL(signature.lstrip("2")).data()).decode()
    name = wanted.split("(")[0]
    if qtnames.refused(type(native), name):
        return None
    for candidate in signatures(native, name):
        if wanted == candidate and "PyObject" not in candidate:
            return candidate
        if "PyObject" in candidate and wanted in _cpp(type(native)) and candidate.count(",") == wanted.count(","):
            return candidate
    return None


def connect(native: Any, signature: str, callback: Callable[..., Any]) -> bool:
    """Connect a Python callable to a signal given by its signature as the meta-object writes it."""

    def deliver(*arguments: Any) -> None:
        call_safely(callback, tuple(wrap(item) for item in arguments), f"in a slot of {signature}")

    key = address(native)
    if key not in _connections:
        _connections[key] = []
        QObject.connect(native, QtCore.SIGNAL("destroyed()"), lambda: _connections.pop(key, None))
    _connections[key].append((signature, callback, deliver))
    return bool(QObject.connect(native, QtCore.SIGNAL(signature), deliver))


def disconnect(native: Any, signature: str, callback: Callable[..., Any] | None) -> bool:
    """Undo `connect`; without a callable, all of that signal's."""
    there = _connections.get(address(native), [])
    gone = [item for item in there if item[0] == signature and (callback is None or item[1] == callback)]
    for item in gone:
        there.remove(item)
        QObject.disconnect(native, QtCore.SIGNAL(signature), item[2])
    return bool(gone)


def connect_slot(sender: Any, signal: str, receiver: Any, slot: str) -> bool:
    """Connect two natives by names, as a .ui file does; False if the receiver has no such slot."""
    name = re.sub(r"^\d", "", slot).split("(")[0]
    target = None if qtnames.refused(type(receiver), name) else getattr(receiver, name, None)
    if target is None:
        faults.report(f"QObject::connect: No such slot {type(receiver).__name__}::{slot}")
        return False
    count = _count(slot)
    QObject.connect(sender, QtCore.SIGNAL(signal), lambda *arguments: target(*arguments[:count]))
    return True


def _count(signature: str) -> int:
    """How many arguments a signature has."""
    return 0 if signature.rstrip().endswith("()") else signature.count(",") + 1


class Signal:
    """`widget.clicked`: the bound signal, the first of its overloads; calling it emits, as in PythonQt."""

    def __init__(self, native: Any, name: str) -> None:
        self._native, self._name = native, name

    def connect(self, *arguments: Any) -> bool:
        """Connect one callable."""
        if len(arguments) != 1:
            msg = "Called connect with wrong number of arguments"
            raise ValueError(msg)
        return connect(self._native, signatures(self._native, self._name)[0], arguments[0])

    def disconnect(self, *arguments: Any) -> bool:
        """Disconnect one callable, or all."""
        return disconnect(self._native, signatures(self._native, self._name)[0], *(arguments or (None,)))

    def emit(self, *arguments: Any) -> None:
        """Emit with the given arguments."""
        for signature in signatures(self._native, self._name):
            if _count(signature) == len(arguments):
                self._native.emit(QtCore.SIGNAL(signature), *(unwrap(item) for item in arguments))
                return
        msg = f"Called {self._name}() with wrong number of arguments: {arguments}"
        raise ValueError(msg)

    __call__ = emit


def connect_by_name(wrapper: Any, signal: str, *rest: Any) -> bool:
    """`widget.connect(signature, callable)`, or with a receiver and the signature of its slot."""
    native = native_of(wrapper)
    found = find_signal(native, str(signal))
    if found is None:
        name = type(wrapper).__name__
        faults.report(f"PythonQt: QObject::connect() signal '{signal}' does not exist on {name}")
        return False
    if len(rest) == 1 and callable(rest[0]) and not isinstance(rest[0], Wrapper):
        return connect(native, found, rest[0])
    if len(rest) >= 2 and isinstance(rest[0], Wrapper) and isinstance(rest[1], str):
        return connect_slot(native, found, native_of(rest[0]), rest[1])
    msg = f"Called connect with wrong arguments: {(signal, *rest)}"
    raise ValueError(msg)


def disconnect_by_name(wrapper: Any, *arguments: Any) -> bool:
    """`widget.disconnect(signature, callable)`, or all of that signal."""
    if not arguments:
        msg = "Called disconnect with wrong number of arguments: ()"
        raise ValueError(msg)
    found = find_signal(native_of(wrapper), str(arguments[0]))
    if found is None:
        name = type(wrapper).__name__
        faults.report(f"PythonQt: QObject::disconnect() signal '{arguments[0]}' does not exist on {name}")
        return False
    return disconnect(native_of(wrapper), found, arguments[1] if len(arguments) > 1 else None)
