"""Parameter packs: several values as one member, one row of a table for example."""

from __future__ import annotations

import typing
from typing import Any

import slicer

from . import checks
from .storing import Store, store_for


def isParameterPack(thing: Any) -> bool:
    """Whether a class or an instance is one."""
    return bool(getattr(thing, "_is_parameterPack", False))


def parameterPack(cls: type | None = None) -> Any:
    """Class decorator: annotated members become checked properties, the constructor takes them in order."""
    return _process(cls) if cls is not None else _process


def _process(cls: Any) -> Any:
    members = typing.get_type_hints(cls, include_extras=True)
    if not members:
        msg = "Unable to find any members in parameterPack"
        raise ValueError(msg)
    stores: dict[str, Store] = {}
    defaults: dict[str, Any] = {}
    for name, kind in members.items():
        stores[name] = store_for(kind)
        note = checks.first(checks.take_apart(kind)[1], checks.Default)
        defaults[name] = getattr(cls, name, note.value if note else stores[name].default())
        stores[name].validate(defaults[name])
        setattr(cls, name, _member(name, stores[name]))
    for name, value in {
        "allParameters": stores,
        "_is_parameterPack": True,
        "getValue": lambda self, name: getattr(self, _known(self, name)),
        "setValue": lambda self, name, value: setattr(self, _known(self, name), value),
        "dataType": staticmethod(lambda name: members[name]),
    }.items():
        if hasattr(cls, name):
            msg = f"Cannot use reserved name '{name}' in a parameterPack"
            raise ValueError(msg)
        setattr(cls, name, value)
    cls._packDefaults = defaults
    cls.__init__, cls.__eq__, cls.__repr__, cls.__hash__ = _init, _equal, _show, None
    return cls


def _known(pack: Any, name: str) -> str:
    if name not in pack.allParameters:
        msg = f"{pack} has no member '{name}'"
        raise ValueError(msg)
    return name


def _member(name: str, store: Store) -> property:
    def read(self: Any) -> Any:
        return self.__dict__[name]

    def write(self: Any, value: Any) -> None:
        store.validate(value)
        self.__dict__[name] = value
        if "_saved" in self.__dict__:
            node, pack, prefix = self.__dict__["_saved"]
            pack.write(node, prefix, self)

    return property(read, write)


def _init(self: Any, *values: Any, **named: Any) -> None:
    names = list(self.allParameters)
    given = {**dict(zip(names, values, strict=False)), **named}
    unknown = set(given) - set(names)
    if unknown or len(values) > len(names):
        msg = f"__init__() got an unexpected keyword argument '{', '.join(sorted(unknown))}'"
        raise TypeError(msg)
    for name in names:
        setattr(self, name, given.get(name, self._packDefaults[name]))


def _equal(self: Any, other: object) -> bool:
    return isPack(other, self) and all(getattr(self, name) == getattr(other, name) for name in self.allParameters)


def isPack(other: object, pack: Any) -> bool:
    """Whether both are packs of the same kind."""
    return type(other) is type(pack)


def _show(self: Any) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.allParameters)})"


class PackStore(Store):
    """Members under dotted names."""

    def __init__(self, kind: Any) -> None:
        super().__init__(kind, [checks.NotNone(), checks.IsInstance(kind)])
        self.members: dict[str, Store] = kind.allParameters
        self.cached = all(member.cached for member in self.members.values())

    def isIn(self, node: Any, name: str) -> bool:
        first = next(iter(self.members))
        return self.members[first].isIn(node, f"{name}.{first}")

    def write(self, node: Any, name: str, value: Any) -> None:
        self.validate(value)
        with slicer.util.NodeModify(node):
            for member, store in self.members.items():
                store.write(node, f"{name}.{member}", getattr(value, member))

    def read(self, node: Any, name: str) -> Any:
        pack = self.kind(**{member: store.read(node, f"{name}.{member}") for member, store in self.members.items()})
        pack.__dict__["_saved"] = (node, self, name)
        return pack

    def remove(self, node: Any, name: str) -> None:
        for member, store in self.members.items():
            store.remove(node, f"{name}.{member}")
