"""A function that runs in a thread while the main thread goes on: files are written and read this way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from ..errors import SAMAdaptError
from .faults import described


class BackgroundTask:
    """Starts at once; ``finished`` as soon as ``value`` or ``error`` is there. Never raises."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.value: Any = None
        self.error: SAMAdaptError | None = None
        self._thread = threading.Thread(target=self._run, name="SAMAdapt files", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        return not self._thread.is_alive()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.value = self._function()
        except Exception as error:  # told in the main thread
            if not isinstance(error, SAMAdaptError):
                logging.exception("SAMAdapt: files could not be written or read")
            self.error = described(error)
