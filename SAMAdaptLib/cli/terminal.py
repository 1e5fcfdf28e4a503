"""The terminal: a progress line on standard error, Ctrl-C as a polite cancel.

Names come from files: what a terminal would obey, or cannot write, is shown and not sent.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO

from ..errors import Cancelled
from ..progress import TimeLeft
from ..utils.plaintext import shown

_BAR = 20
_REDRAW_SECONDS = 0.1


class Terminal:
    """A monitor that draws one line and keeps redrawing it; where nobody looks (no terminal), one line a stage."""

    def __init__(self, stream: TextIO, asked_to_stop: Callable[[], bool] = lambda: False, quiet: bool = False) -> None:
        self._stream, self._asked, self._quiet = stream, asked_to_stop, quiet
        self._live = bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"
        self._time_left = TimeLeft()
        self._stage, self._drawn, self._width = "", 0.0, 0
        self._facts: dict[str, float] = {}

    def progress(self, stage: str, done: int, total: int) -> None:
        left = self._time_left.estimate(stage, done, total)
        if self._quiet:
            return
        fresh = stage != self._stage
        if fresh:
            self._stage = stage
            self._facts.clear()
        if not self._live:
            if fresh:
                self.say(f"{stage} ...")
            return
        now = time.monotonic()
        if fresh or done >= total or now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            self._draw(bar_line(stage, done, total, left, self._facts))

    def metric(self, name: str, step: int, value: float) -> None:
        if "/" not in name:  # parts are too many for one line
            self._facts[name] = value

    def warning(self, text: str) -> None:
        self.say(f"warning: {' '.join(text.split())}")

    def cancelled(self) -> bool:
        return self._asked()

    def say(self, line: str) -> None:
        """A line that stays."""
        self.clear()
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(shown(line) + "\n")
            self._stream.flush()

    def clear(self) -> None:
        """Take the progress line away."""
        if self._width:
            self._put("\r" + " " * self._width + "\r")
            self._width = 0

    def _draw(self, line: str) -> None:
        line = shown(line)[: max(shutil.get_terminal_size().columns - 1, 20)]
        self._put("\r" + line.ljust(self._width))
        self._width = max(len(line), self._width)

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def bar_line(stage: str, done: int, total: int, left: float | None, facts: dict[str, float]) -> str:
    """``Encoding slices  [#####---------------]  25 %  3/12  0:45 left  loss 0.31``; plain ASCII for any console."""
    parts = [stage]
    if total > 0:
        share = min(max(done / total, 0.0), 1.0)
        filled = round(share * _BAR)
        parts += [f"[{'#' * filled}{'-' * (_BAR - filled)}]", f"{share:4.0%}", f"{done}/{total}"]
    if left is not None:
        parts.append(f"{clock(left)} left")
    parts += [f"{name} {value:.3g}" for name, value in list(facts.items())[:3]]
    return "  ".join(parts)


def clock(seconds: float) -> str:
    """``0:07``, ``12:30``, ``1:02:03``."""
    whole = max(round(seconds), 0)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class Interrupts:
    """While active, the first Ctrl-C (or termination) asks to stop, the second stops at once, the third leaves.

    Not when this is not the main thread: only there may signals be handled. ``insisted``: there was a second one. What
    it interrupts may turn it into any error, or swallow it.
    """

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._before: dict[int, Any] = {}
        self.insisted = False

    def asked(self) -> bool:
        return self._flag.is_set()

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.insisted:
            os._exit(Cancelled.exit_status)
        if self._flag.is_set():
            self.insisted = True
            sys.unraisablehook = _no_word_of_interrupts  # it may hit a place that cannot raise
            raise KeyboardInterrupt
        self._flag.set()
        # Straight to the file: the interrupted code may be in the middle of a buffered write.
        with contextlib.suppress(OSError):
            os.write(2, b"\nStopping as soon as possible; Ctrl-C again stops at once.\n")


def _no_word_of_interrupts(fault: sys.UnraisableHookArgs) -> None:
    if not issubclass(fault.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(fault)
