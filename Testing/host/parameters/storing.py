"""How each type is written into the parameter node, read back and removed."""

from __future__ import annotations

import collections.abc
import enum
import pathlib
import typing
from typing import Any

import slicer

from . import checks


class Store:
    """One type: `write`, `read`, `isIn`, `remove`, `default`; values are checked before they are written."""

    cached = True

    def __init__(self, kind: Any, validators: list[checks.Validator]) -> None:
        self.kind, self.validators = kind, validators

    def validate(self, value: Any) -> None:
        """Raise when the value will not do."""
        for validator in self.validators:
            validator.validate(value)

    def default(self) -> Any:
        """The value of a member that says nothing."""
        return self.kind()

    def isIn(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(name))

    def write(self, node: Any, name: str, value: Any) -> None:
        self.validate(value)
        node.SetParameter(name, self.text(value))

    def text(self, value: Any) -> str:
        """As it stands in the node."""
        return str(value)

    def read(self, node: Any, name: str) -> Any:
        return self.kind(node.GetParameter(name))

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)


class BoolStore(Store):
    """True and False as words."""

    def text(self, value: Any) -> str:
        return "True" if value else "False"

    def read(self, node: Any, name: str) -> bool:
        return bool(node.GetParameter(name) == "True")


class EnumStore(Store):
    """Enums by name."""

    def default(self) -> Any:
        return next(iter(self.kind))

    def text(self, value: Any) -> str:
        return str(value.name)

    def read(self, node: Any, name: str) -> Any:
        key = node.GetParameter(name)
        try:
            return self.kind[key]
        except KeyError as error:
            msg = f"Found {key!r} in parameter node but it is not a name in {self.kind!r}"
            raise ValueError(msg) from error


class NodeStore(Store):
    """MRML nodes as node references; an empty parameter of the same name says that there is one."""

    def default(self) -> None:
        return None

    def write(self, node: Any, name: str, value: Any) -> None:
        self.validate(value)
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class ObservedList(collections.abc.MutableSequence):
    """A list of the parameter node: each change is written at once."""

    def __init__(self, node: Any, store: ListStore, name: str, values: list[Any]) -> None:
        self._node, self._store, self._name, self._list = node, store, name, values

    def _save(self) -> None:
        try:
            self._store.write(self._node, self._name, self._list)
        finally:
            self._list = self._store.read(self._node, self._name)._list

    def __eq__(self, other: object) -> bool:
        return self._list == (other._list if isinstance(other, ObservedList) else other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._list)

    def __getitem__(self, index: Any) -> Any:
        return self._list[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._list[index] = value
        self._save()

    def __delitem__(self, index: Any) -> None:
        del self._list[index]
        self._save()

    def insert(self, index: int, value: Any) -> None:
        self._list.insert(index, value)
        self._save()

    def extend(self, values: Any) -> None:
        self._list.extend(values)
        self._save()

    def clear(self) -> None:
        self._list.clear()
        self._save()

    def sort(self, **keywords: Any) -> None:
        self._list.sort(**keywords)
        self._save()

    def __iadd__(self, values: Any) -> ObservedList:
        self.extend(values)
        return self

    def __add__(self, other: Any) -> Any:
        msg = "Adding an ObservedList is not supported. However, += is supported."
        raise NotImplementedError(msg)

    __radd__ = __add__

    def __repr__(self) -> str:
        return f"ObservedList({self._list})"


class ListStore(Store):
    """A length, and the items under numbered names."""

    def __init__(self, kind: Any, item: Store) -> None:
        super().__init__(kind, [])
        self.item, self.cached = item, item.cached

    def default(self) -> list[Any]:
        return []

    def _count(self, node: Any, name: str) -> int:
        return int(node.GetParameter(f"{name}.len")) if self.isIn(node, name) else 0

    def isIn(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(f"{name}.len"))

    def write(self, node: Any, name: str, value: Any) -> None:
        with slicer.util.NodeModify(node):
            before = list(self.read(node, name)) if self.isIn(node, name) else None
            count = self._count(node, name)
            try:
                for number, item in enumerate(value):
                    self.item.write(node, f"{name}.{number}", item)
                node.SetParameter(f"{name}.len", str(len(value)))
                for number in range(len(value), count):
                    self.item.remove(node, f"{name}.{number}")
            except Exception:
                self.remove(node, name) if before is None else self.write(node, name, before)
                raise

    def read(self, node: Any, name: str) -> ObservedList:
        values = [self.item.read(node, f"{name}.{number}") for number in range(self._count(node, name))]
        return ObservedList(node, self, name, values)

    def remove(self, node: Any, name: str) -> None:
        with slicer.util.NodeModify(node):
            for number in range(self._count(node, name)):
                self.item.remove(node, f"{name}.{number}")
            node.UnsetParameter(f"{name}.len")


_PATHS = (pathlib.Path, pathlib.PosixPath, pathlib.WindowsPath, pathlib.PurePath)


def store_for(kind: Any) -> Store:
    """The store of a (possibly annotated) type; a type that has none is refused."""
    bare, notes = checks.take_apart(kind)
    made = _bare_store(bare)
    made.validators = [*made.validators, *(note for note in notes if isinstance(note, checks.Validator))]
    return made


def _bare_store(bare: Any) -> Store:
    there = [checks.NotNone()]
    if bare is bool:
        return BoolStore(bare, [*there, checks.IsInstance(bool)])
    if bare in (int, float):
        return Store(bare, [*there, checks.IsInstance((int, float) if bare is float else int)])
    if bare is str or bare in _PATHS:
        return Store(bare, [*there, checks.IsInstance(bare)])
    if typing.get_origin(bare) is list or bare is list:
        if not typing.get_args(bare):
            msg = "Unable to create serializer for type: list (say of what)"
            raise TypeError(msg)
        return ListStore(bare, store_for(typing.get_args(bare)[0]))
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return EnumStore(bare, [checks.IsInstance(bare)])
    if isinstance(bare, type) and issubclass(bare, slicer.vtkMRMLNode):
        return NodeStore(bare, [checks.IsInstance(bare)])
    if getattr(bare, "_is_parameterPack", False):
        from .packs import PackStore

        return PackStore(bare)
    msg = f"Unable to create serializer for type: {bare}"
    raise TypeError(msg)
