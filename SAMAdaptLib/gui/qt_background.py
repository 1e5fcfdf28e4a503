"""A function that runs in a thread beside the user interface, and whose end is heard in the main thread.

Slicer's main thread keeps the interpreter's lock while it waits for events, so a timer lets the thread have it for
some milliseconds at a time: the user interface stays alive meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import qt

from ..utils.background import BackgroundTask

INTERVAL_MS = 20
YIELD_SECONDS = 0.008
"""A thread's part of every interval: enough that its many short steps are not slowed to one or two an event."""

_PATIENCE_SECONDS = 2.0


class QtBackgroundTask:
    """``start`` runs a function; ``done(value)`` hears of it, of the last one started only, and not of one that failed.

    The function touches neither nodes nor widgets.
    """

    def __init__(self, done: Callable[[Any], None]) -> None:
        self._done = done
        self._errand: BackgroundTask | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._onTimeout)

    def start(self, function: Callable[[], Any]) -> None:
        """Begin; of an earlier function nobody will hear."""
        self._errand = BackgroundTask(function)
        self._timer.start()

    def close(self) -> None:
        """Nobody hears of anything any more; waits for the thread, two seconds at most."""
        self._timer.stop()
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.join(_PATIENCE_SECONDS)

    def _onTimeout(self) -> None:
        errand = self._errand
        if errand is not None and not errand.finished:
            time.sleep(YIELD_SECONDS)
            return
        self._timer.stop()
        self._errand = None
        if errand is not None and errand.error is None:
            self._done(errand.value)
