"""`slicer.i18n`: Qt's translation under the contexts that the application uses; what it needs of texts is checked."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

from PySide6 import QtCore

from . import faults


def translate(context: str, text: str) -> str:
    """The text in the language of a translator that is installed, else as it is."""
    return QtCore.QCoreApplication.translate(context, text) if _checked(text) else text


def tr(text: str) -> str:
    """The same, under the context of the file that asks: a translation must be a str."""
    frame = inspect.currentframe()
    caller = frame.f_back if frame is not None else None
    return translate(getContext(caller.f_code.co_filename) if caller is not None else "", text)


@cache
def getContext(sourceFile: str) -> str:
    """The name under which a file's texts are translated: its package, if it is in one, and its own name."""
    path = Path(sourceFile)
    package = f"{path.parent.name}." if (path.parent / "__init__.py").is_file() else ""
    return package + path.name.replace(".py", "")


def _checked(text: str) -> bool:
    if isinstance(text, str):
        return True
    faults.report(f"tr() was called with a {type(text).__name__}, not a str")
    return False
