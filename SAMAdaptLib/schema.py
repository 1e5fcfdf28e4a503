"""Plain dictionaries to frozen dataclasses and back, with errors that name the field.

Understands what the jobs use: str, int, float, bool, None, unions, tuples of fixed or any length, dataclasses,
dictionaries (taken as they are).
A field's metadata may hold ``choices`` (allowed texts) or ``pattern`` with ``wanted`` (its words).
"""

from __future__ import annotations

import dataclasses
import math
import os
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from .errors import InputError

T = TypeVar("T")


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def check_fields(instance: Any) -> None:
    """Check every field of a frozen dataclass in place; lists become tuples, paths text. Raises InputError."""
    cls: Any = type(instance)
    for item in dataclasses.fields(instance):
        where = f"{cls.__name__}.{item.name}"
        value = _read(getattr(instance, item.name), _hints(cls)[item.name], where)
        _check_text(value, item.metadata, where)
        object.__setattr__(instance, item.name, value)


def read_dataclass(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """Make ``cls`` from a dictionary. Raises InputError for unknown or missing keys and wrong types."""
    if not isinstance(data, Mapping):
        _refuse(data, "an object", where)
    fields = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(str(name) for name in data if name not in fields)
    if unknown:
        msg = f"{where} has unknown keys: {', '.join(unknown)}; known are {', '.join(fields)}."
        raise InputError(msg)
    missing = [name for name, item in fields.items() if _is_required(item) and name not in data]
    if missing:
        msg = f"{where} lacks: {', '.join(missing)}."
        raise InputError(msg)
    return cls(**data)


def plain(value: Any) -> Any:
    """Dataclasses to dictionaries, tuples to lists; everything else as it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value


def _is_required(item: dataclasses.Field) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _read(value: Any, hint: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _read_union(value, typing.get_args(hint), where)
    if origin is tuple:
        return _read_tuple(value, typing.get_args(hint), where)
    if origin is dict:
        return value if isinstance(value, dict) else _refuse(value, "an object", where)
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else read_dataclass(hint, value, where)  # type: ignore[arg-type]
    return _read_scalar(value, hint, where)


def _read_union(value: Any, members: tuple[Any, ...], where: str) -> Any:
    """Unions here are "something or None"."""
    if value is None:
        return None
    return _read(value, next(member for member in members if member is not type(None)), where)


def _read_tuple(value: Any, members: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        _refuse(value, "a list", where)
    if len(members) == 2 and members[1] is Ellipsis:
        return tuple(_read(part, members[0], f"{where}[{n}]") for n, part in enumerate(value))
    if len(value) != len(members):
        _refuse(value, f"{len(members)} values", where)
    return tuple(
        _read(part, member, f"{where}[{n}]") for n, (part, member) in enumerate(zip(value, members, strict=True))
    )


def _read_scalar(value: Any, hint: Any, where: str) -> Any:
    if hint is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wrong_bool = isinstance(value, bool) and hint is not bool
    if wrong_bool or not isinstance(value, hint):
        _refuse(value, {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[hint], where)
    if hint is float and not math.isfinite(value):
        _refuse(value, "a finite number", where)
    return value


def _check_text(value: Any, metadata: Mapping[str, Any], where: str) -> None:
    choices = metadata.get("choices")
    if value is not None and choices and value not in choices:
        _refuse(value, f"one of {', '.join(choices)}", where)
    pattern = metadata.get("pattern")
    if pattern and not pattern.fullmatch(value):
        _refuse(value, metadata["wanted"], where)
    if metadata.get("path") and isinstance(value, str) and (not value or "\0" in value):
        _refuse(value, "a path", where)


def _refuse(value: Any, wanted: str, where: str) -> typing.NoReturn:
    msg = f"{where} must be {wanted}, not {value!r}."
    raise InputError(msg)
