"""Prompt-free heads on frozen features: the registry of their types."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..utils.schema import short

if TYPE_CHECKING:
    from .base import HeadModule

HEAD_CLASSES = {
    "linear": ("linear", "LinearHead"),
    "cnn": ("cnn", "CNNHead"),
    "autosam": ("autosam", "AutoSAMHead"),
    "fusion": ("fusion", "FusionHead"),
    "ensemble": ("ensemble", "EnsembleHead"),
    "student": ("student", "StudentHead"),
    "unet": ("unet", "UNetHead"),
}
"""Type name -> (file, class). ``ensemble`` is what ``auto`` may make of several; ``student`` is what learns from
volumes without annotation; ``unet`` is the from-scratch baseline of benchmarks."""

PICTURE_HEADS = ("fusion", "student", "unet")
"""Those that look at the picture, and so are built for a number of channels (``pictures``)."""

HEAD_CHOICES = ("auto", "linear", "cnn", "autosam", "fusion")
"""What a user chooses from."""


def head_class(type_name: str) -> type[HeadModule]:
    """The class of a head type; torch is imported here and not before. Raises InputError for an unknown name."""
    if type_name not in HEAD_CLASSES:
        msg = f"Unknown head type {type_name!r}."
        raise InputError(msg, f"Choose one of: {', '.join(HEAD_CHOICES)}.")
    file, name = HEAD_CLASSES[type_name]
    return getattr(import_module(f".{file}", __name__), name)


def build_head(type_name: str, hyper: Mapping[str, Any]) -> HeadModule:
    """A fresh module of that type from its hyper-parameters. Raises InputError when they do not fit the type."""
    kind = head_class(type_name)
    try:
        return kind(**{**kind.formerly, **hyper})
    except (TypeError, KeyError, ValueError) as error:
        msg = f"The hyper-parameters {short(dict(hyper))} do not fit a {type_name!r} head ({error})."
        raise InputError(msg, "The head file was edited or comes from another version.") from error
