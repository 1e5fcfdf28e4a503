"""What the first click needs is loaded while the user still looks at the panel, so that no click waits for it.

Modules are imported in a thread. Slicer's main thread keeps the interpreter's lock while it waits for events, so a
timer lets the thread have it for some milliseconds at a time: the user interface stays alive meanwhile.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import qt

from ..errand import Errand

MODULES = ("numpy", "vtk.util.numpy_support", "SAMAdaptLib.mrml", "SAMAdaptLib.mrml_counts", "SAMAdaptLib.client")
_INTERVAL_MS = 20
_YIELD_SECONDS = 0.001
_PATIENCE_SECONDS = 2.0


class WarmUp:
    """``start`` may be called at each look at the panel; it works once."""

    def __init__(self, load: Callable[[str], Any] = importlib.import_module, modules: Sequence[str] = MODULES) -> None:
        self._load, self._modules = load, modules
        self._errand: Errand | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self._onTimeout)

    @property
    def finished(self) -> bool:
        return self._errand is not None and self._errand.finished

    def start(self) -> None:
        """Begin, if it has not begun. What cannot be imported is left to the click that needs it: it says why."""
        if self._errand is None:
            self._errand = Errand(lambda: [self._load(name) for name in self._modules])
            self._timer.start()

    def close(self) -> None:
        """The module may be reloaded: let no thread be in the middle of it."""
        self._timer.stop()
        if self._errand is not None:
            self._errand.join(_PATIENCE_SECONDS)

    def _onTimeout(self) -> None:
        if self.finished:
            self._timer.stop()
        else:
            time.sleep(_YIELD_SECONDS)
