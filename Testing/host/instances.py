"""One Qt object as the module sees it: PythonQt's rules for attributes.

In this order an attribute is: what the module's own class defines, a property (without call), a method or a
signal, an enum value, a dynamic property, a child by its object name; all else is an AttributeError. Assignment
sets a property, or a dynamic one that exists; new attributes only on the module's own classes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from . import calls, faults, properties, qtnames, signals, values
from .values import EnumValue, native_of, unwrap, wrap

QObject = QtCore.QObject

statics: dict[tuple[str, str], Callable[..., Any]] = {}
"""(class, method) -> what is called instead of Qt: dialogs that must not block, single-shot timers, ..."""

_classes: dict[type, type] = {}


def class_for(native: type) -> type:
    """The wrapper class of a PySide6 class or of one of the host's own widgets."""
    if native not in _classes:
        _classes[native] = WrapperType(native.__name__, (Instance,), {"_nativeClass": native, "__slots__": ()})
    return _classes[native]


def _enum_member(native: type, name: str) -> Any:
    """Enum values and enum types of a class; None if there is none."""
    if name.startswith("_") or name in qtnames.ABSENT_EVERYWHERE:
        return None
    value = getattr(native, name, None)
    if isinstance(value, enum.Enum):
        return EnumValue(value)
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return type(name, (int,), {})
    return None


class WrapperType(type):
    """The class of the classes in `qt`: enum values and static methods are attributes of the class."""

    _nativeClass: type

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> WrapperType:
        made = super().__new__(mcs, name, bases, namespace)
        parents = [base for base in bases if isinstance(base, WrapperType)]
        if parents and "_nativeClass" not in namespace:
            made._nativeClass = _shell(made, parents[0]._nativeClass)
        return made

    def __getattr__(cls, name: str) -> Any:
        native = type.__getattribute__(cls, "_nativeClass")
        value = _enum_member(native, name)
        if value is not None:
            return value
        for base in native.__mro__:
            if (base.__name__, name) in statics:
                return _bound(statics[base.__name__, name], None)
        target = None if qtnames.refused(native, name) else getattr(native, name, None)
        if target is None and name.endswith("_") and not name.startswith("_"):
            return getattr(cls, name[:-1])
        if not callable(target) or isinstance(target, QtCore.Signal):
            msg = f"type object '{cls.__name__}' has no attribute '{name}'"
            raise AttributeError(msg)
        return calls.Method(cls, name, target)


def _shell(python: WrapperType, native: type) -> type:
    """A PySide6 class whose virtual methods call those that the module's own class defines."""

    def forward(name: str) -> Callable[..., Any]:
        def virtual(self: Any, *arguments: Any) -> Any:
            wrapper = self.__dict__.get("_wrapper")
            if wrapper is None:
                return getattr(native, name)(self, *arguments)
            try:
                return unwrap(getattr(wrapper, name)(*(wrap(item) for item in arguments)))
            except Exception:
                faults.report_exception(f"in {python.__name__}.{name}")
                return getattr(native, name)(self, *arguments)

        return virtual

    own = {name for base in python.__mro__ if base not in (Instance, values.Wrapper, object) for name in vars(base)}
    names = {name for name in own if not name.startswith("_") and callable(getattr(native, name, None))}
    return type(native)(python.__name__, (native,), {name: forward(name) for name in names})


class Instance(values.Wrapper, metaclass=WrapperType):
    """One wrapped Qt object."""

    __slots__ = ()
    _nativeClass = object

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        cls = type(self)._nativeClass
        if keywords:
            msg = f"{cls.__name__}() takes no keyword arguments ({', '.join(keywords)})"
            raise ValueError(msg)
        native = calls.call(cls, cls.__name__, arguments)
        object.__setattr__(self, "_native", native)
        if isinstance(native, QObject):
            values.known[values.address(native)] = self
            if is_derived(type(self)):
                native._wrapper = self  # the module's own object lives as long as its C++ object

    def __getattr__(self, name: str) -> Any:
        native = native_of(self)
        if name.startswith("__"):
            msg = f"{type(self).__name__} has no attribute named '{name}'"
            raise AttributeError(msg)
        if native is None:
            msg = f"{type(self).__name__}.__init__() was not called before '{name}' was read"
            raise AttributeError(msg)
        if name == "className":
            return lambda: values.public_class(type(native)).__name__
        found = _object_attribute if isinstance(native, QObject) else _value_attribute
        return found(self, native, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _set_attribute(self, name, value)

    def __eq__(self, other: object) -> bool:
        if other is None:
            return not values.alive(self)
        if not isinstance(other, Instance):
            return NotImplemented
        mine, theirs = native_of(self), native_of(other)
        return mine is theirs or (not isinstance(mine, QObject) and bool(mine == theirs))

    def __hash__(self) -> int:
        return id(native_of(self))

    def __bool__(self) -> bool:
        return values.alive(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__} ({native_of(self)!r})"

    def __str__(self) -> str:
        native = native_of(self)
        return str(native.data()) if isinstance(native, QtCore.QByteArray) else repr(self)


values.make_class = class_for


def is_derived(cls: type) -> bool:
    """Whether the class is the module's own, derived from a wrapped one."""
    return cls.__mro__[1] is not Instance


def _bound(function: Callable[..., Any], instance: Any) -> Callable[..., Any]:
    return lambda *arguments: function(instance, *arguments)


def _object_attribute(instance: Instance, native: Any, name: str) -> Any:
    if not shiboken6.isValid(native):
        msg = f"Trying to read property '{name}' from a destroyed {type(instance).__name__} object"
        raise ValueError(msg)
    found = properties.find(native, name)
    if found is not None:
        return wrap(native.property(found))
    member = _member(instance, native, name)
    if member is not None:
        return member
    if name in properties.dynamic(native):
        return wrap(native.property(name))
    for child in native.children():
        if child.objectName() == name:
            return wrap(child)
    msg = f"{type(instance).__name__} has no attribute named '{name}'"
    raise AttributeError(msg)


def _member(instance: Instance, native: Any, name: str) -> Any:
    """Method, signal or enum; a trailing underscore escapes Python's own words (exec_, raise_, print_)."""
    for spelled in (name, name[:-1] if name.endswith("_") else name + "_"):
        if spelled != name and not (name.endswith("_") or name in ("raise", "exec", "print")):
            continue
        found = _method(instance, native, spelled)
        if found is not None:
            return found
    return _enum_member(type(native), name)


def _method(instance: Instance, native: Any, name: str) -> Any:
    """The bound method or signal of that name, None if PythonQt knows none."""
    for base in type(native).__mro__:
        if (base.__name__, name) in statics:
            return _bound(statics[base.__name__, name], instance)
    if name in OBJECT_METHODS:
        return _bound(OBJECT_METHODS[name], instance)
    if qtnames.refused(type(native), name):
        return None
    if signals.signatures(native, name):
        return signals.Signal(native, name)
    value = getattr(native, name, None)
    if callable(value) and not isinstance(value, type):
        return calls.Method(instance, name, value)
    return None


def _value_attribute(instance: Instance, native: Any, name: str) -> Any:
    if not qtnames.refused(type(native), name):
        target = getattr(native, name, None)
        if target is None and name.endswith("_"):
            target = getattr(native, name[:-1], None)
        if isinstance(target, enum.Enum):
            return EnumValue(target)
        if callable(target):
            return calls.Method(instance, name, target)
    msg = f"{type(instance).__name__} has no attribute named '{name}'"
    raise AttributeError(msg)


def _set_attribute(instance: Instance, name: str, value: Any) -> None:
    native, cls = native_of(instance), type(instance)
    derived = is_derived(cls)
    if native is None or name.startswith("__"):
        object.__setattr__(instance, name, value)
        return
    if isinstance(native, QObject):
        if not shiboken6.isValid(native):
            msg = f"Trying to set property '{name}' on a destroyed {cls.__name__} object"
            raise AttributeError(msg)
        found = properties.find(native, name)
        if found is not None:
            properties.write(native, cls.__name__, found, value)
            return
        if _method(instance, native, name) is not None and not derived:
            msg = f"Slot '{name}' can not be overwritten on {cls.__name__} object"
            raise AttributeError(msg)
        if name in properties.dynamic(native):
            native.setProperty(name, unwrap(value))
            return
    if not derived:
        msg = f"'{name}' does not exist on {cls.__name__} and creating new attributes on C++ objects is not allowed"
        raise AttributeError(msg)
    object.__setattr__(instance, name, value)


# --- what PythonQt itself adds to every QObject ----------------------------------------------------------


def _find(instance: Instance, kind: Any, name: str | None) -> list[Any]:
    found = native_of(instance).findChildren(QObject)
    if isinstance(kind, str):
        found = [item for item in found if _inherits_native(item, kind)]
    else:
        cls = kind._nativeClass if isinstance(kind, WrapperType) else type(native_of(kind))
        found = [item for item in found if isinstance(item, cls)]
    return [item for item in found if name is None or item.objectName() == name]


def _inherits_native(native: Any, name: str) -> bool:
    return native.inherits(name) or any(base.__name__ == name for base in type(native).__mro__)


OBJECT_METHODS: dict[str, Callable[..., Any]] = {
    "connect": signals.connect_by_name,
    "disconnect": signals.disconnect_by_name,
    "findChild": lambda instance, kind, name=None: next((wrap(item) for item in _find(instance, kind, name)), None),
    "findChildren": lambda instance, kind, name=None: tuple(wrap(item) for item in _find(instance, kind, name)),
    "inherits": lambda instance, name: _inherits_native(native_of(instance), name),
    "delete": lambda instance: shiboken6.delete(native_of(instance)),
    "parent": lambda instance: wrap(native_of(instance).parent()),
    "setParent": lambda instance, *parent: native_of(instance).setParent(*(unwrap(item) for item in parent)),
    "children": lambda instance: tuple(wrap(item) for item in native_of(instance).children()),
    "property": lambda instance, name: wrap(native_of(instance).property(name)),
    "setProperty": lambda instance, name, value: native_of(instance).setProperty(
        name, int(value) if isinstance(value, EnumValue) else unwrap(value)
    ),
    "metaObject": lambda instance: wrap(native_of(instance).metaObject()),
    "tr": lambda _instance, text, *_: text,
}
