"""What an annotation may demand of a value, and how annotations are taken apart."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Annotated, Any


class Validator:
    """Raises ValueError or TypeError from `validate` when a value will not do."""

    def validate(self, value: Any) -> None:
        """To be overridden."""
        msg = "validate is not implemented"
        raise NotImplementedError(msg)


class NotNone(Validator):
    """Refuses None."""

    def validate(self, value: Any) -> None:
        if value is None:
            msg = "Value must not be None"
            raise ValueError(msg)


class IsInstance(Validator):
    """Refuses another type (None passes)."""

    def __init__(self, classtype: Any) -> None:
        self.classtype = classtype

    def validate(self, value: Any) -> None:
        if value is not None and not isinstance(value, self.classtype):
            msg = f"Value must be of type '{self.classtype}', is type '{type(value)}' value '{value}'"
            raise TypeError(msg)


class WithinRange(Validator):
    """Both ends are allowed."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            msg = f"Value must be within range [{self.minimum}, {self.maximum}], is {value}"
            raise ValueError(msg)


class Minimum(Validator):
    """The smallest allowed value."""

    def __init__(self, minimum: float) -> None:
        self.minimum = minimum

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            msg = f"Value must be greater than {self.minimum}, is {value}"
            raise ValueError(msg)


class Maximum(Validator):
    """The greatest allowed value."""

    def __init__(self, maximum: float) -> None:
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            msg = f"Value must be greater than {self.maximum}, is {value}"
            raise ValueError(msg)


class Choice(Validator):
    """One of a list."""

    def __init__(self, choices: Any) -> None:
        self.choices = choices

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            msg = f"Value is {value}, but must be in one of the following: {self.choices}"
            raise ValueError(msg)


class Exclude(Validator):
    """None of a list."""

    def __init__(self, excludedValues: Any) -> None:
        self.excludedValues = excludedValues

    def validate(self, value: Any) -> None:
        if value in self.excludedValues:
            msg = f"Value is {value}, but must not be an excluded value: {self.excludedValues}"
            raise ValueError(msg)


class Decimals:
    """How many a spin box shows."""

    def __init__(self, value: int) -> None:
        self.value = value


class SingleStep:
    """The step of a spin box."""

    def __init__(self, value: float) -> None:
        self.value = value


class Default:
    """A default that is given in the annotation, or made anew each time."""

    def __init__(self, value: Any = None, *, generator: Callable[[], Any] | None = None) -> None:
        self._value, self._generator = value, generator

    @property
    def value(self) -> Any:
        """The default."""
        return self._generator() if self._generator else self._value


def take_apart(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type and its annotations, outermost last."""
    if typing.get_origin(kind) is Annotated:
        bare, *notes = typing.get_args(kind)
        return bare, tuple(notes)
    return kind, ()


def first(notes: tuple[Any, ...], cls: type) -> Any:
    """The first annotation of a class, None without one."""
    return next((note for note in notes if isinstance(note, cls)), None)
