"""`slicer.i18n`: texts stay as they are; what real translation needs of them is checked."""

from __future__ import annotations

from . import faults


def translate(_context: str, text: str) -> str:
    """The text itself."""
    return _checked(text)


def tr(text: str) -> str:
    """The text itself: a translation must be a str."""
    return _checked(text)


def getContext(sourceFile: str) -> str:
    """The name under which a file's texts are translated."""
    return sourceFile.rsplit("/", 1)[-1].removesuffix(".py")


def _checked(text: str) -> str:
    if not isinstance(text, str):
        faults.report(f"tr() was called with a {type(text).__name__}, not a str")
    return text
