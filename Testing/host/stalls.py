"""Where the main thread was while the event loop stood still: its stack, looked at from another thread.

Only what lets go of the interpreter now and then can be seen: a long call into C that keeps it shows as the line after.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType

_LOOKS_EVERY = 0.004
_DEEPEST = 9


class Stalls:
    """A context manager; ``beat`` is to be called by a timer of the event loop, every few milliseconds."""

    def __init__(self, patience: float) -> None:
        self._patience, self._beat, self._main = patience, time.perf_counter(), threading.get_ident()
        self._present: Counter[str] = Counter()
        self._kept: list[tuple[float, Counter[str]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="stalls", daemon=True)

    def __enter__(self) -> Stalls:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def beat(self) -> None:
        """The event loop is alive."""
        now = time.perf_counter()
        if now - self._beat > self._patience:
            self._kept.append((now - self._beat, self._present))
        self._present, self._beat = Counter(), now

    def described(self, most: int = 3) -> list[str]:
        """The longest pauses with the stacks that were seen most often in them."""
        lines = []
        for seconds, seen in sorted(self._kept, key=lambda item: -item[0])[:most]:
            lines.append(f"{1000 * seconds:.0f} ms:")
            lines += [f"   {count} x {stack}" for stack, count in seen.most_common(4)]
        return lines

    def _look(self) -> None:
        while not self._over.wait(_LOOKS_EVERY):
            if time.perf_counter() - self._beat > self._patience / 2:
                self._present[" < ".join(f"{name}:{Path(file).name}:{line}" for name, file, line in self._stack())] += 1

    def _stack(self) -> list[tuple[str, str, int]]:
        """Function, file and line of the innermost frames; they are let go of at once, for they own what is drawn."""
        found: list[tuple[str, str, int]] = []
        frame = sys._current_frames().get(self._main)
        while frame is not None and len(found) < _DEEPEST:
            found.append((frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        return found
