"""Work that the main thread does piece by piece, with threads in between: generators, gone on with by a timer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from typing import Any

from ...errors import SAMAdaptError
from ...utils.background import BackgroundTask
from ...utils.faults import described
from ..qt_background import YIELD_SECONDS

SLICE_SECONDS = 0.012
"""The main thread's part of every interval."""

Steps = Generator[BackgroundTask | None, None, None]


def aside(function: Callable[[], Any]) -> Generator[BackgroundTask | None, None, Any]:
    """Within a task: ``value = yield from aside(function)`` runs it in a thread. Raises the thread's SAMAdaptError."""
    errand = BackgroundTask(function)
    while not errand.finished:
        yield errand
    if errand.error is not None:
        raise errand.error
    return errand.value


class Tasks:
    """Tasks that go on at each ``poll``; one that raises is dropped, and ``failed`` hears why."""

    def __init__(self, failed: Callable[[SAMAdaptError], None]) -> None:
        self._failed = failed
        self._tasks: list[Steps] = []
        self._running: Steps | None = None

    def add(self, steps: Steps) -> None:
        """Go on with this one, too."""
        self._tasks.append(steps)

    def drop_all(self) -> None:
        """Forget all; what a thread does goes on unheard."""
        tasks, self._tasks = self._tasks, []
        for steps in tasks:
            if steps is not self._running:  # that one ends by itself
                steps.close()

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    def poll(self) -> None:
        """Go on with each for some milliseconds. Never raises."""
        waits = False
        for steps in list(self._tasks):
            if steps not in self._tasks:
                continue  # one before it dropped all
            waits = self._advance(steps) or waits
        if waits:
            time.sleep(YIELD_SECONDS)  # the threads' turn

    def _advance(self, steps: Steps) -> bool:
        """Whether it waits for a thread now."""
        end = time.perf_counter() + SLICE_SECONDS
        self._running = steps
        try:
            while time.perf_counter() < end:
                if next(steps) is not None:
                    return True
        except StopIteration:
            self._forget(steps)
        except Exception as error:  # whatever it is, the session must go on
            if not isinstance(error, SAMAdaptError):
                logging.exception("SAMAdapt: a step of the live preview failed")
            self._forget(steps)
            self._failed(described(error))
        finally:
            self._running = None
        return False

    def _forget(self, steps: Steps) -> None:
        if steps in self._tasks:
            self._tasks.remove(steps)
