"""What the first click needs is loaded while the user still looks at the panel, so that no click waits for it."""

from __future__ import annotations

import contextlib
import importlib

from .qt_background import QtBackgroundTask

MODULES = (
    "numpy",
    "vtk.util.numpy_support",
    "SAMAdaptLib.mrml",
    "SAMAdaptLib.mrml.annotation.annotated_slices",
    "SAMAdaptLib.worker.client",
)


class WarmUp:
    """``start`` may be called at each look at the panel; it works once."""

    def __init__(self) -> None:
        self._begun = False
        self._aside = QtBackgroundTask(lambda _modules: None)

    def start(self) -> None:
        """Begin, if it has not begun. What cannot be imported is left to the click that needs it: it says why."""
        if not self._begun:
            self._begun = True
            self._aside.start(_load)

    def close(self) -> None:
        """The module may be reloaded: let no thread be in the middle of it."""
        self._aside.close()


def _load() -> None:
    for name in MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
