"""The panel in the user's language: installs the translation that fits the application's language, if there is one.

Slicer translates its own modules from files in its own folder, which an extension cannot add to; so this one brings its
translations along (``Resources/Translations``) and hands Qt the one that is wanted. ``slicer.i18n`` and the loader of
the .ui file find it there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer

_installed: list[Any] = []


def language() -> str:
    """The application's language as a locale's name, such as "de" or "fr_FR"; "" where it is English or not known."""
    named = getattr(slicer.app, "applicationLocaleName", None)
    name = named() if callable(named) else named
    return str(name or slicer.app.settings().value("language") or "").replace("-", "_")


def fitting(folder: Path, name: str) -> Path | None:
    """The translation file for a locale: that of the country, else of the language."""
    for part in dict.fromkeys((name, name.partition("_")[0])):
        path = folder / f"SAMAdapt_{part}.qm"
        if part.replace("_", "").isalnum() and path.is_file():
            return path
    return None


def install(folder: Path) -> bool:
    """Translate from now on what is asked for, if there is a translation; whether there is one.

    A former translation goes: the module may be loaded again, in another language.
    """
    while _installed:
        qt.QCoreApplication.removeTranslator(_installed.pop())
    path = fitting(folder, language())
    if path is None:
        return False
    translator = qt.QTranslator()
    if not translator.load(str(path)):
        return False
    _installed.append(translator)
    qt.QCoreApplication.installTranslator(translator)
    return True
