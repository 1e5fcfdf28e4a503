"""The job desk: one job of the panel at a time, from the nodes that were read to the result that can be shown.

What a job goes through is a ``Run``: files are written and read in a thread, in between the worker process works.
Presenters hear about all of it in the main thread, from a Qt timer that runs only while there is something to hear.
Nothing here waits, save ``close``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from ..errors import SAMAdaptError
from ..jobs.specs import Job
from ..mrml.run import Run
from ..progress import Monitor
from ..utils.timing import note_duration, noted_duration
from ..worker.folder import JobFolder
from ..worker.handle import Callbacks, JobRunner
from .qt_background import INTERVAL_MS, YIELD_SECONDS

_SAY_EVERY_SECONDS = 0.5


def _ignore(*_: Any) -> None:
    pass


def _nothing(_: dict[str, Any]) -> Any:
    return None


def noSteps() -> Iterator[None]:
    """Nothing is to be gathered."""
    return iter(())


@dataclass
class JobRequest:
    """What a presenter hands in at the desk.

    ``owner`` names the panel. ``gather()`` copies from the scene what the files need, in small steps in the main
    thread. ``prepare(folder, monitor)`` writes the input files and returns the job, or None when there is nothing
    more to do; ``fetch(result)`` reads the result files; both run in a thread and touch neither nodes nor widgets.
    The others are called in the main thread: ``progress(stage, fraction or None, seconds_left or None)``,
    ``metric(name, step, value)``, ``warning(text)``, and at the end exactly one of ``done(result, fetched)`` and
    ``failed(error)``, where a cancelled order fails with ``Cancelled``. A cancelled training that kept a head is
    ``done``.
    """

    owner: str
    prepare: Callable[[JobFolder, Monitor], Job | None]
    fetch: Callable[[dict[str, Any]], Any] = _nothing
    progress: Callable[[str, float | None, float | None], None] = _ignore
    metric: Callable[[str, int, float | None], None] = _ignore
    warning: Callable[[str], None] = _ignore
    done: Callable[[dict[str, Any], Any], None] = _ignore
    failed: Callable[[SAMAdaptError], None] = _ignore
    gather: Callable[[], Iterator[None]] = noSteps


def _nobodys() -> JobRequest:
    """Takes the place of an order that is over: nobody hears of it."""
    return JobRequest("", lambda folder, monitor: None)


class Preparation:
    """What is said of an order until the worker has something to say: what is being done, and for how long yet.

    How long that takes is known from the last times.
    """

    def __init__(self, owner: str) -> None:
        self._key, self._began = f"preparing {owner}", time.monotonic()
        self._usual = noted_duration(self._key)
        self._stage, self._said = "", -math.inf
        self.over = False

    def say(self, order: JobRequest, stage: str) -> None:
        """Tell the order's panel, when the stage is another one and now and then."""
        now = time.monotonic()
        if self.over or (stage == self._stage and now - self._said < _SAY_EVERY_SECONDS):
            return
        self._stage, self._said = stage, now
        left = None if self._usual is None else self._usual - (now - self._began)
        order.progress(stage, None, left if left is not None and left > 0 else None)

    def end(self) -> None:
        """The worker speaks."""
        if not self.over:
            self.over = True
            note_duration(self._key, time.monotonic() - self._began)


class JobQueue:
    """Takes orders. ``makeRunner`` is called at the first one: opening the panel starts no process."""

    def __init__(self, makeRunner: Callable[[], JobRunner], changed: Callable[[], None] = _ignore) -> None:
        self.changed = changed
        self.batch: Callable[[], AbstractContextManager[Any]] = nullcontext
        """Entered around what a presenter does with a result: the panel brings itself up to date once, at its end."""
        self.beforeStart: Callable[[], None] = _ignore
        """Called before an order is begun: a live session, which keeps the worker for itself, gives way."""
        self._makeRunner = makeRunner
        self._runner: JobRunner | None = None
        self._order: JobRequest | None = None
        self._run: Run | None = None
        self._past: list[Run] = []
        self._preparation: Preparation | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._onTimeout)

    @property
    def owner(self) -> str:
        """Whose order is being carried out, "" when there is none."""
        return self._order.owner if self._order else ""

    @property
    def cancelling(self) -> bool:
        return bool(self._run and self._run.cancelled)

    def start(self, order: JobRequest) -> None:
        """Carry out an order. Raises SAMAdaptError while another is on its way, or when no folder can be made."""
        if self._order is not None:
            msg = _("Another job is running.")
            raise SAMAdaptError(msg, _("Wait for it, or cancel it."))
        self.beforeStart()
        self._run = Run(order, self.runner, self._deliver, self._callbacks())
        self._order, self._preparation = order, Preparation(order.owner)
        self._timer.start()
        self.changed()

    def cancel(self) -> None:
        """Ask the running order to stop; its ``failed`` (or ``done``) follows. Harmless when there is none."""
        if self._run is not None and not self._run.cancelled:
            self._run.cancel()
            self.changed()

    def abandon(self) -> None:
        """The scene is gone: cancel, and tell nobody. The worker stays for the next order."""
        if self._order is not None:
            self._order = JobRequest(self._order.owner, self._order.prepare)
            self.cancel()

    def close(self) -> None:
        """End everything: the worker's process tree, the threads' files. Waits a few seconds at most."""
        self._timer.stop()
        self._order, run, self._run = None, self._run, None
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()
        if run is not None:
            run.abandon()
        for past in self._past:
            past.settle()

    def runner(self) -> JobRunner:
        """Whoever runs the jobs; made when it is first asked for."""
        if self._runner is None:
            self._runner = self._makeRunner()
        return self._runner

    def _onTimeout(self) -> None:
        run = self._run
        if run.filing if run is not None else any(past.sweeping for past in self._past):
            time.sleep(YIELD_SECONDS)  # the thread's turn: see ``aside``
        elif run is None:
            self._timer.stop()
        if run is None:
            return
        if self._preparation is not None and self._order is not None:
            self._preparation.say(self._order, run.stage)
        run.poll()
        if run.finished and run is self._run and run.error is not None:
            error, order = run.error, self._end()
            with self.batch():
                try:
                    order.failed(error)
                finally:
                    self.changed()

    def _deliver(self, facts: dict[str, Any], fetched: Any) -> None:
        """The order is over when ``done`` hears of it, and its files are still there."""
        run = self._run
        warnings = [*(run.warnings if run else ()), *(facts.get("warnings") or ())]
        order = self._end()
        with self.batch():
            try:
                order.done({**facts, "warnings": list(dict.fromkeys(warnings))}, fetched)
            finally:
                self.changed()

    def _end(self) -> JobRequest:
        """Forget the present order; gives it."""
        order, run = self._order, self._run
        self._order = self._run = None
        self._past = [past for past in self._past if past.finished][-1:]
        if run is not None:
            self._past.append(run)
        return order or _nobodys()

    def _callbacks(self) -> Callbacks:
        """The order is looked up at each call: ``abandon`` replaces it."""

        def present() -> JobRequest:
            return self._order or _nobodys()

        def progress(handle: Any, stage: str, _done: int, _total: int, left: float | None) -> None:
            if self._preparation is not None:
                self._preparation.end()
            present().progress(stage, handle.fraction, left)

        return Callbacks(
            progress=progress,
            metric=lambda handle, name, step, value: present().metric(name, step, value),
            warning=lambda handle, text: present().warning(text),
        )
