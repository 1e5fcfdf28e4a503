"""One worker process and the two pipes to it, as the client sees them: words go in, words come out, or it is over."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ..errors import WorkerError
from ..utils.disk.leftovers import distance, is_running
from ..utils.files import open_private
from ..utils.paths import folder
from ..utils.process import child_environment, end_tree, start
from . import protocol as wire

_KEPT_LOGS = 10
_TAIL_LINES = 12
_TAIL_BYTES = 16 * 1024
_KILLED_CODES = (-9, 137)
_LAUNCHERS_WORDS = "exit abnormally"
_CRASHS_WORDS = "Fatal Python error"
_LINGER_SECONDS = 2.0
"""How long a pipe may outlive its process, or a process its pipe, before the tree is ended."""


class WorkerConnection:
    """A started worker. Raises WorkerError when it cannot be started. All methods return at once unless they say so."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.log = _new_log()
        self.greeted = False
        self.exited_cleanly = False
        self._heard: queue.SimpleQueue[wire.Message | WorkerError | None] = queue.SimpleQueue()
        self._pipe_closed = False
        self._odd_since: float | None = None
        self._process = _start([*command, "--log", str(self.log)], environment, self.log)
        self._reader = threading.Thread(target=self._read, name="SAMAdapt worker reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process.poll() is None else None

    def say(self, word: wire.Message) -> None:
        """Send a word. A worker that is gone hears nothing; that shows in ``is_over``."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(wire.encode(word).encode())
                self._process.stdin.flush()

    def next_word(self) -> wire.Message | None:
        """The next word that was heard, None if there is none now. Raises WorkerError for nonsense."""
        try:
            heard = self._heard.get_nowait()
        except queue.Empty:
            return None
        if heard is None:
            self._pipe_closed = True
        elif isinstance(heard, WorkerError):
            raise heard
        elif isinstance(heard, wire.Hello):
            self.greeted = True
        elif isinstance(heard, wire.Bye):
            self.exited_cleanly = True
        return heard

    def is_over(self) -> bool:
        """True once the process is gone and all that it said was handed out."""
        gone = self._process.poll() is not None
        if gone and self._pipe_closed:
            return True
        if gone or self._pipe_closed:  # a grandchild holds the pipe, or the process hangs in its last moments
            self._odd_since = self._odd_since or time.monotonic()
            if time.monotonic() - self._odd_since > _LINGER_SECONDS:
                self.end()
                self._pipe_closed = True
        return False

    def exit_code(self) -> int | None:
        return self._process.poll()

    def was_killed(self) -> bool:
        """Whether the process was ended from outside, as far as one can tell.

        Slicer's Python is a launcher: it hides the signal, exits with 1 and says that what it launched ended in an
        abnormal way. A crash leaves the interpreter's own last words as well.
        """
        code, log = self.exit_code(), self._log_end()
        return code in _KILLED_CODES or (code == 1 and _LAUNCHERS_WORDS in log and _CRASHS_WORDS not in log)

    def log_tail(self) -> str:
        """The last lines of the log, "" if there are none."""
        return "\n".join([line for line in self._log_end().splitlines() if line.strip()][-_TAIL_LINES:])

    def end(self) -> None:
        """End the process tree. Not in this thread: on Windows that takes another process's time."""
        threading.Thread(target=self._end, name="SAMAdapt worker end", daemon=False).start()

    def leave(self, patience: float) -> None:
        """Ask it to go, wait ``patience`` seconds, then end it. Waits."""
        self.say(wire.Quit())
        deadline = time.monotonic() + patience
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._end()

    def _log_end(self) -> str:
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _end(self) -> None:
        end_tree(self._process)
        with contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def _read(self) -> None:
        """The reader thread: lines to words, until the pipe closes."""
        pipe: IO[bytes] | None = self._process.stdout
        while pipe is not None:
            try:
                line = pipe.readline(wire.LONGEST_LINE + 2)
            except (OSError, ValueError):
                break
            if not line:
                break
            try:
                self._heard.put(wire.decode(line.decode(errors="replace"), wire.FROM_WORKER))
            except WorkerError as error:
                self._heard.put(error)
        self._heard.put(None)
        if pipe is not None:
            pipe.close()  # here, not in another thread: closing waits for a reading that goes on


def _start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    try:
        # For this user alone: a log may name files.
        with open(log, "ab", opener=open_private) as errors_to:  # noqa: PTH123  what goes wrong before the worker opens its log lands there, too
            return start(command, errors_to, child_environment(environment))
    except OSError as error:
        msg = f"The worker process could not be started ({command[0]}: {error.strerror or error})."
        raise WorkerError(msg, "Check that this Python exists and may be run.") from error


def _new_log() -> Path:
    logs = folder("logs")
    for path in _by_age(logs)[: -_KEPT_LOGS + 1]:
        owner = path.stem.split("-")[3:4]
        if not (owner and owner[0].isdecimal() and int(owner[0]) != os.getpid() and is_running(int(owner[0]))):
            with contextlib.suppress(OSError):
                path.unlink()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return logs / f"worker-{stamp}-{os.getpid()}-{time.monotonic_ns() % 1_000_000:06d}.log"


def _by_age(logs: Path) -> list[Path]:
    """The logs, the longest untouched first, by their distance from now: a clock that was wrong keeps none for good."""
    aged = []
    for path in logs.glob("worker-*.log"):
        with contextlib.suppress(OSError):
            aged.append((distance(path.stat().st_mtime), path.name, path))
    return [path for *_age, path in sorted(aged, key=lambda entry: (-entry[0], entry[1]))]
