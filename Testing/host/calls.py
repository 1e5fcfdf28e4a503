"""Calling PySide6's methods with PythonQt's manners: ints for enums, no keywords, no callables, ValueError."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

from .values import EnumValue, Wrapper, alive, unwrap, wrap

_STORES_ANYTHING = frozenset({"setData", "setItemData", "setProperty", "setValue"})
"""Methods whose argument is a QVariant: PythonQt stores enum values as the ints that they are."""


class Method:
    """A bound method: wraps results, unwraps arguments, and complains as PythonQt does."""

    def __init__(self, owner: Any, name: str, target: Callable[..., Any]) -> None:
        self._owner, self.__name__, self._target = owner, name, target

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(self._owner, Wrapper) and not alive(self._owner):
            msg = f"Trying to call '{self.__name__}' on a destroyed {type(self._owner).__name__} object"
            raise ValueError(msg)
        if keywords:
            msg = f"Called {self.__name__} with keyword arguments: {', '.join(keywords)}"
            raise ValueError(msg)
        return wrap(call(self._target, self.__name__, arguments))


def call(target: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> Any:
    """The native result; ValueError for arguments that fit no overload."""
    if any(_is_callback(item) for item in arguments):
        msg = f"Called {name}() with wrong arguments: {arguments} (PythonQt takes no callable here)"
        raise ValueError(msg)
    if name in _STORES_ANYTHING:
        arguments = tuple(int(item) if isinstance(item, EnumValue) else item for item in arguments)
    native = tuple(unwrap(item) for item in arguments)
    try:
        return target(*native)
    except (TypeError, OverflowError) as error:
        for candidate in _with_enums(str(error), native):
            with contextlib.suppress(TypeError):
                return target(*candidate)
        if _is_about_arguments(str(error)):
            msg = f"Called {name}() with wrong arguments: {arguments}"
            raise ValueError(msg) from error
        raise


def _is_callback(value: Any) -> bool:
    return inspect.isfunction(value) or inspect.ismethod(value) or isinstance(value, functools.partial)


def _is_about_arguments(text: str) -> bool:
    return any(word in text for word in ("takes", "called with", "argument", "overload", "supported signatures"))


def _with_enums(complaint: str, arguments: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The same arguments with ints made into the enums that some overload wants.

    PySide6 lists the overloads in its complaint, one a line: `Class.method(name: PySide6.QtCore.Qt.Kind, /)`.
    """
    candidates = []
    for line in complaint.partition("Supported signatures:")[2].splitlines():
        kinds = [_resolve(kind) for kind in re.findall(r"\w+: ([\w.]+)", line)]
        if len(kinds) >= len(arguments) > 0:
            candidates.append(tuple(_as_enum(value, kind) for value, kind in zip(arguments, kinds, strict=False)))
    return candidates


def _resolve(dotted: str) -> Any:
    """The class of a dotted name below PySide6, None for anything else."""
    found: Any = sys.modules.get("PySide6")
    for part in dotted.split(".")[1:]:
        found = getattr(found, part, None)
    return found if dotted.startswith("PySide6.") else None


def _as_enum(value: Any, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and isinstance(value, int):
        with contextlib.suppress(ValueError):
            return kind(int(value))
    return value
