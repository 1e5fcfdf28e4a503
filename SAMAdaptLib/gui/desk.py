"""The job desk: one job of the panel at a time, from the nodes that were read to the result that can be shown.

A job goes through three rooms. Its input files are written, and its result files are read, in a thread of this
process; in between it runs in the worker process. Presenters hear about all of it in the main thread, from a Qt
timer that runs only while there is something to hear. Nothing here waits, save ``close``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import qt

from ..errand import Errand
from ..errors import Cancelled, SAMAdaptError
from ..handles import Callbacks, JobHandle, JobRunner
from ..jobfolder import JobFolder
from ..jobs import Job
from ..progress import Monitor, Silent

_INTERVAL_MS = 30
_YIELD_SECONDS = 0.001
_PATIENCE_SECONDS = 5.0


def _ignore(*_: Any) -> None:
    pass


def _nothing(_: dict[str, Any]) -> Any:
    return None


@dataclass
class Order:
    """What a presenter hands in at the desk.

    ``owner`` names the panel. ``prepare(folder, monitor)`` writes the input files and returns the job, or None when
    there is nothing more to do; ``fetch(result)`` reads the result files; both run in a thread and touch neither
    nodes nor widgets. The others are called in the
    main thread: ``progress(stage, fraction or None, seconds_left or None)``, ``metric(name, step, value)``,
    ``warning(text)``, and at the end exactly one of ``done(result, fetched)`` and ``failed(error)``, where a
    cancelled order fails with ``Cancelled``. A cancelled training that kept a head is ``done``.
    """

    owner: str
    prepare: Callable[[JobFolder, Monitor], Job | None]
    fetch: Callable[[dict[str, Any]], Any] = _nothing
    progress: Callable[[str, float | None, float | None], None] = _ignore
    metric: Callable[[str, int, float | None], None] = _ignore
    warning: Callable[[str], None] = _ignore
    done: Callable[[dict[str, Any], Any], None] = _ignore
    failed: Callable[[SAMAdaptError], None] = _ignore


@dataclass
class _Case:
    """An order on its way."""

    order: Order
    folder: JobFolder
    errand: Errand | None = None
    handle: JobHandle | None = None
    result: dict[str, Any] | None = None
    cancelled: bool = False
    warnings: list[str] = field(default_factory=list)


class _CaseMonitor(Silent):
    """The monitor of the thread that prepares an order: keeps warnings, says when to stop."""

    def __init__(self, case: _Case) -> None:
        self._case = case

    def warning(self, text: str) -> None:
        self._case.warnings.append(text)

    def cancelled(self) -> bool:
        return self._case.cancelled


class JobDesk:
    """Takes orders. ``makeRunner`` is called at the first one: opening the panel starts no process."""

    def __init__(self, makeRunner: Callable[[], JobRunner], changed: Callable[[], None] = _ignore) -> None:
        self.changed = changed
        self.batch: Callable[[], AbstractContextManager[Any]] = nullcontext
        """Entered around what a presenter does with a result: the panel brings itself up to date once, at its end."""
        self._makeRunner = makeRunner
        self._runner: JobRunner | None = None
        self._case: _Case | None = None
        self._sweepers: list[threading.Thread] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self._onTimeout)

    @property
    def owner(self) -> str:
        """Whose order is being carried out, "" when there is none."""
        return self._case.order.owner if self._case else ""

    @property
    def cancelling(self) -> bool:
        return bool(self._case and self._case.cancelled)

    def start(self, order: Order) -> None:
        """Carry out an order. Raises SAMAdaptError while another is on its way, or when no folder can be made."""
        if self._case is not None:
            msg = "Another job is running."
            raise SAMAdaptError(msg, "Wait for it, or cancel it.")
        folder = JobFolder()
        case = self._case = _Case(order, folder)
        case.errand = Errand(lambda: order.prepare(folder, _CaseMonitor(case)))
        self._timer.start()
        self.changed()

    def cancel(self) -> None:
        """Ask the running order to stop; its ``failed`` (or ``done``) follows. Harmless when there is none."""
        case = self._case
        if case is None or case.cancelled:
            return
        case.cancelled = True
        if case.handle is not None:
            case.handle.cancel()
        self.changed()

    def abandon(self) -> None:
        """The scene is gone: cancel, and tell nobody. The worker stays for the next order."""
        case = self._case
        if case is not None:
            case.order = Order(case.order.owner, case.order.prepare)
            self.cancel()

    def close(self) -> None:
        """End everything: the worker's process tree, the threads' files. Waits a few seconds at most."""
        self._timer.stop()
        case, self._case = self._case, None
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()
        if case is not None:
            if case.errand is not None:
                case.errand.join(_PATIENCE_SECONDS)
            self._remove(case.folder)
        for sweeper in self._sweepers:
            sweeper.join(_PATIENCE_SECONDS)

    def _onTimeout(self) -> None:
        case = self._case
        if case is not None and case.errand is not None:
            # Slicer's main thread keeps the interpreter's lock while it waits for events: let the thread have it.
            time.sleep(_YIELD_SECONDS)
        try:
            if self._runner is not None:
                self._runner.poll()
            if case is not None:
                self._advance(case)
        finally:
            if self._case is None:
                self._timer.stop()

    def _advance(self, case: _Case) -> None:
        """Move an order into its next room when it is done with the present one."""
        if case is not self._case:
            return  # it ended while the worker was heard
        errand = case.errand
        if errand is not None and errand.finished:
            case.errand = None
            if errand.error is not None:
                self._end(case, errand.error)
            elif case.result is not None:
                self._succeed(case, errand.value)
            elif case.cancelled:
                self._end(case, Cancelled())
            elif errand.value is None:
                self._succeed(case, None)
            else:
                self._submit(case, errand.value)
        elif case.handle is not None and case.handle.finished and errand is None:
            self._collect(case, case.handle)

    def _submit(self, case: _Case, job: Job) -> None:
        try:
            if self._runner is None:
                self._runner = self._makeRunner()
            case.handle = self._runner.submit(job, self._callbacks(case))
        except SAMAdaptError as error:
            self._end(case, error)

    def _callbacks(self, case: _Case) -> Callbacks:
        """The order is looked up at each call: ``abandon`` replaces it."""

        def onProgress(handle: JobHandle, stage: str, done: int, total: int, left: float | None) -> None:
            case.order.progress(stage, handle.fraction, left)

        return Callbacks(
            progress=onProgress,
            metric=lambda handle, name, step, value: case.order.metric(name, step, value),
            warning=lambda handle, text: case.order.warning(text),
        )

    def _collect(self, case: _Case, handle: JobHandle) -> None:
        if handle.result is None:
            self._end(case, handle.error or Cancelled())
            return
        result = case.result = handle.result
        fetch = case.order.fetch
        case.errand = Errand(lambda: fetch(result))

    def _succeed(self, case: _Case, fetched: Any) -> None:
        self._case = None
        result = dict(case.result or {})
        result["warnings"] = [*case.warnings, *(result.get("warnings") or ())]
        with self.batch():
            try:
                case.order.done(result, fetched)
            finally:
                self._remove(case.folder)
                self.changed()

    def _end(self, case: _Case, error: SAMAdaptError) -> None:
        self._case = None
        self._remove(case.folder)
        with self.batch():
            try:
                case.order.failed(error)
            finally:
                self.changed()

    def _remove(self, folder: JobFolder) -> None:
        """Delete a job's folder, in a thread: some file systems take their time over large files."""
        sweeper = threading.Thread(target=folder.remove, name="SAMAdapt sweeper")
        self._sweepers = [one for one in self._sweepers if one.is_alive()] + [sweeper]
        sweeper.start()
