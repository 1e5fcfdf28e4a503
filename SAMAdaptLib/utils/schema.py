"""Plain dictionaries to frozen dataclasses and back, with errors that name the field.

Understands what jobs and the cards of heads use: str, int, float, bool, something or None, int | float for a number
that stays as it is written, tuples of fixed or any length, dataclasses, dictionaries (with values of one type, or taken
as they are), and ``Annotated`` with one of ``Between`` and ``Plain``. A field's metadata may hold ``choices`` (allowed
texts) or ``pattern`` with ``wanted`` (its words). A dataclass that is ``Open`` keeps keys that it does not know.
"""

from __future__ import annotations

import dataclasses
import math
import os
import reprlib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, TypeVar

from ..errors import InputError
from .plaintext import is_plain

T = TypeVar("T")
P = TypeVar("P", bound="Part")
R = TypeVar("R", bound="Record")

NULL = {"null": True}
"""Metadata of a field of an ``Open`` dataclass that may be null in a file, and is written so."""

EMPTY = {"empty": True}
"""Metadata of a field of an ``Open`` dataclass that is an empty object in a file where it is None here."""

_BESIDES = frozenset({"extra", "left_out"})
"""Fields of an ``Open`` dataclass that are no keys of the object."""

_DEEPEST = 6
_WIDEST = 10_000
_LONGEST = 65_536
_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = 100


def short(value: Any) -> str:
    """The value as an error may repeat it: a stranger's megabytes stay where they are."""
    try:
        return _shortened.repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number beyond all bounds"


@dataclass(frozen=True)
class Between:
    """Bounds of a number, or of how many characters, parts or keys there are."""

    least: float
    most: float

    def check(self, value: Any, where: str) -> None:
        found = value if isinstance(value, int | float) else len(value)
        if not self.least <= found <= self.most:
            of = "" if found is value else {str: " characters"}.get(type(value), " parts")
            _refuse(value, f"{self.least:.15g} to {self.most:.15g}{of}", where)


@dataclass(frozen=True)
class Plain:
    """Text of one line, see ``plaintext``."""

    longest: int

    def check(self, value: Any, where: str) -> None:
        if len(value) > self.longest or not is_plain(value):
            _refuse(value, f"one line of at most {self.longest} characters without control codes", where)


@dataclass(frozen=True, kw_only=True, eq=False)
class Open:
    """Base of dataclasses that stand for a JSON object of a file and are written as they were read.

    ``extra``: keys that only other versions know. ``left_out``: keys that the file did not name; they are not written
    as long as they have their defaults.
    """

    extra: dict[str, Any] = field(default_factory=dict, repr=False)
    left_out: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: the object that this stands for, without what is None and could not be read so."""
        found: dict[str, Any] = {}
        cls: Any = type(self)
        for name, item in _own_fields(cls).items():
            value = getattr(self, name)
            unspoken = value is None and not item.metadata.keys() & {"empty", "null"}
            if not unspoken and (name not in self.left_out or value != _default(item)):
                found[name] = {} if value is None and "empty" in item.metadata else plain(value)
        return {**found, **self.extra}


@dataclass(frozen=True, kw_only=True, eq=False)
class Part(Mapping[str, Any], Open):
    """An ``Open`` dataclass that is also read by the keys of the JSON object that it stands for."""

    called: ClassVar[str] = ""

    @classmethod
    def of(cls: type[P], document: Mapping[str, Any]) -> P:
        """The part that the object describes. Raises InputError."""
        return read_dataclass(cls, document, cls.called)

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())


@dataclass(frozen=True)
class Record:
    """Base of frozen dataclasses of options: checked at birth, to a plain dictionary, filled by the names of fields."""

    def __post_init__(self) -> None:
        check_fields(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe; tuples become lists."""
        return plain(self)

    @classmethod
    def of(cls: type[R], options: object, **own: Any) -> R:
        """What ``options`` has as attributes that are called like the fields, and ``own``.

        Args:
            options: another record, or the command line's namespace; an attribute that is None leaves the default.
            own: fields that are not to be taken from there.

        Raises:
            InputError: if a value is not what its field allows.
        """
        names = (item.name for item in dataclasses.fields(cls))
        found = {name: value for name in names if (value := getattr(options, name, None)) is not None}
        return cls(**{**found, **own})


def choice(default: Any, choices: tuple[str, ...]) -> Any:
    """A field of a record that takes one of these words."""
    return field(default=default, metadata={"choices": choices})


def check_fields(instance: Any) -> None:
    """Check every field of a frozen dataclass in place; lists become tuples, paths text. Raises InputError."""
    cls: Any = type(instance)
    for item in dataclasses.fields(instance):
        where = f"{getattr(cls, 'called', cls.__name__)}.{item.name}"
        value = getattr(instance, item.name)
        if item.name in _BESIDES and isinstance(instance, Open):
            _require_plain(value, where)
            continue
        if value == {} and "empty" in item.metadata:
            value = None
        value = _read(value, _hints(cls)[item.name], where)
        _check_text(value, item.metadata, where)
        object.__setattr__(instance, item.name, value)


def read_dataclass(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """Make ``cls`` from a dictionary. Raises InputError for unknown or missing keys and wrong types."""
    if not isinstance(data, Mapping):
        _refuse(data, "an object", where)
    fields: dict[str, Any] = _own_fields(cls)  # type: ignore[arg-type]
    unknown = [] if issubclass(cls, Open) else sorted(str(name)[:40] for name in data if name not in fields)
    if unknown:
        msg = f"{where} has unknown keys: {', '.join(unknown[:5])}; known are {', '.join(fields)}."
        raise InputError(msg)
    missing = [name for name, item in fields.items() if _is_required(item) and name not in data]
    if missing:
        msg = f"{where} lacks: {', '.join(missing)}."
        raise InputError(msg)
    return cls(**(_opened(fields, data, where) if issubclass(cls, Open) else data))


def _opened(fields: Mapping[str, Any], data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Arguments of an ``Open`` dataclass: its fields, what else the object holds, and what it does not."""
    nulls = [name for name, item in fields.items() if data.get(name, "") is None and "null" not in item.metadata]
    if nulls:
        msg = f"{where}.{nulls[0]} must not be null."
        raise InputError(msg)
    known = {name: data[name] for name in fields if name in data}
    extra = {name: value for name, value in data.items() if name not in fields}
    return {**known, "extra": extra, "left_out": frozenset(fields.keys() - known.keys())}


def plain(value: Any) -> Any:
    """Dataclasses to dictionaries, tuples to lists; everything else as it is."""
    if isinstance(value, Open):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


@cache
def _own_fields(cls: type) -> dict[str, Any]:
    """The fields that are keys of the object; those that are given by keyword alone come last."""
    besides = _BESIDES if issubclass(cls, Open) else frozenset()
    fields = sorted(dataclasses.fields(cls), key=lambda item: bool(item.kw_only))
    return {item.name: item for item in fields if item.name not in besides}


def _default(item: dataclasses.Field) -> Any:
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()


def _is_required(item: dataclasses.Field) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _read(value: Any, hint: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        base, check = typing.get_args(hint)
        if typing.get_origin(base) in (tuple, dict) and isinstance(value, list | tuple | dict):
            # How many there are is known before any of them is read.
            check.check(value, where)
            return _read(value, base, where)
        value = _read(value, base, where)
        check.check(value, where)
        return value
    if origin in (typing.Union, types.UnionType):
        return _read_union(value, typing.get_args(hint), where)
    if origin is tuple:
        return _read_tuple(value, typing.get_args(hint), where)
    if origin is dict:
        return _read_dict(value, typing.get_args(hint), where)
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else read_dataclass(hint, value, where)  # type: ignore[arg-type]
    return _read_scalar(value, hint, where)


def _read_union(value: Any, members: tuple[Any, ...], where: str) -> Any:
    """One of the two kinds of unions that there are: "something or None", and "int | float"."""
    if value is None and type(None) in members:
        return None
    if type(value) is int and int in members:
        return _read(value, int, where)
    return _read(value, next(member for member in members[::-1] if member is not type(None)), where)


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


def _read_dict(value: Any, members: tuple[Any, ...], where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        _refuse(value, "an object", where)
    if members[1] is Any:
        return value
    return {_read(name, members[0], where): _read(part, members[1], f"{where}.{name}") for name, part in value.items()}


def _read_scalar(value: Any, hint: Any, where: str) -> Any:
    if hint is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1000 else math.inf
    wrong_bool = isinstance(value, bool) and hint is not bool
    if wrong_bool or not isinstance(value, hint):
        _refuse(value, {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[hint], where)
    if hint is float and not math.isfinite(value):
        _refuse(value, "a finite number", where)
    if hint is str and len(value) > _LONGEST:
        _refuse(value, f"at most {_LONGEST} characters", where)
    return value


def _require_plain(value: Any, where: str, deep: int = 0) -> None:
    """Refuse what is no small piece of plain JSON: what other versions write is not known, its kind is."""
    if isinstance(value, dict | list | tuple | frozenset) and len(value) <= _WIDEST and deep < _DEEPEST:
        for part in (*value, *value.values()) if isinstance(value, dict) else value:
            _require_plain(part, where, deep + 1)
    elif isinstance(value, str):
        Plain(_WIDEST).check(value, where)
    elif not (value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))):
        _refuse(value, "plain and not deep", where)


def _check_text(value: Any, metadata: Mapping[str, Any], where: str) -> None:
    choices = metadata.get("choices")
    if value is not None and choices and value not in choices:
        _refuse(value, f"one of {', '.join(choices)}", where)
    pattern = metadata.get("pattern")
    if pattern and not pattern.fullmatch(value):
        _refuse(value, metadata["wanted"], where)
    if metadata.get("path"):
        _check_paths(value, where)


def _check_paths(value: Any, where: str) -> None:
    """Refuse, wherever it is in the field, text that cannot be a path."""
    if isinstance(value, tuple):
        for part in value:
            _check_paths(part, where)
    elif isinstance(value, str):
        try:
            usable = value != "" and b"\0" not in os.fsencode(value)
        except UnicodeEncodeError:
            usable = False
        if not usable:
            _refuse(value, "a path", where)


def _refuse(value: Any, wanted: str, where: str) -> typing.NoReturn:
    msg = f"{where} must be {wanted}, not {short(value)}."
    raise InputError(msg)
