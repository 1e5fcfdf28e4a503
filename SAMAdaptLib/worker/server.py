"""``python -m SAMAdaptLib.worker``: the resident process that runs jobs, one at a time.

It reads words (see ``wire``) from standard input and writes words to standard output; everything else that this
process or a library in it prints, from C or from Python, goes to the log file. Between jobs it keeps the encoder and
the last features warm. It leaves when standard input closes (its owner is gone) or after idle minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .._version import __version__
from ..errors import Cancelled, SAMAdaptError
from ..jobs.specs import Job, job_from_dict
from ..progress import Monitor, TimeLeft
from ..utils.faults import described
from . import protocol as wire

RunJob = Callable[[Job, Monitor], dict[str, Any]]

_PROGRESS_SECONDS = 0.1
_ORPHAN_SECONDS = 5.0
"""How long a job may take to stop once the owner is gone."""

_SHORTEST_NAME = 4
"""Shorter names of files occur everywhere, and tell nothing."""

_log = logging.getLogger("SAMAdapt.worker")


class MessageWriter:
    """Says words on the real standard output; lines never mix; a closed pipe is not worth an error."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def say(self, word: wire.Message) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(wire.encode(word))
            self._stream.flush()


class WireLine:
    """What a job that stays open is told, and tells (see ``live.serve.Line``)."""

    def __init__(self, job: int, mouth: MessageWriter, told: queue.SimpleQueue[wire.Tell]) -> None:
        self._job, self._mouth, self._told = job, mouth, told

    def receive(self, seconds: float) -> tuple[str, dict[str, Any]] | None:
        """The next word and its data; None when none comes within so many seconds."""
        try:
            word = self._told.get(timeout=seconds) if seconds > 0 else self._told.get_nowait()
        except queue.Empty:
            return None
        return word.about, word.data

    def send(self, about: str, data: Mapping[str, Any]) -> None:
        """Tell the owner."""
        self._mouth.say(wire.Event(self._job, about, dict(data)))


class WireMonitor:
    """A job's monitor that speaks over the wire."""

    def __init__(self, job: int, mouth: MessageWriter) -> None:
        self.job = job
        self.stop = threading.Event()
        self.told: queue.SimpleQueue[wire.Tell] = queue.SimpleQueue()
        self.line = WireLine(job, mouth, self.told)
        self._mouth = mouth
        self._said_stopping = False
        self._time_left = TimeLeft()
        self._last = ("", 0.0)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Ten lines a second at most, but every stage's beginning and end."""
        left = self._time_left.estimate(stage, done, total)
        now = time.monotonic()
        if stage == self._last[0] and done < total and now - self._last[1] < _PROGRESS_SECONDS:
            return
        self._last = (stage, now)
        self._mouth.say(wire.Progress(self.job, str(stage), int(done), int(total), left))

    def metric(self, name: str, step: int, value: float) -> None:
        self._mouth.say(wire.Metric(self.job, str(name), int(step), float(value)))

    def warning(self, text: str) -> None:
        self._mouth.say(wire.Warned(self.job, str(text)))

    def cancelled(self) -> bool:
        if self.stop.is_set() and not self._said_stopping:
            self._said_stopping = True
            self._mouth.say(wire.Stopping(self.job))
        return self.stop.is_set()


class Worker:
    """Takes words from ``lines`` in a thread of its own and runs jobs in the thread that calls ``serve``."""

    def __init__(self, mouth: MessageWriter, run: RunJob, idle_seconds: float) -> None:
        self._mouth, self._run, self._idle_seconds = mouth, run, idle_seconds
        self._jobs: queue.SimpleQueue[wire.Run | None] = queue.SimpleQueue()
        self._monitor: WireMonitor | None = None
        self._cancelled: set[int] = set()
        self._lock = threading.Lock()

    def serve(self, lines: IO[str]) -> None:
        """Run jobs until there is a reason to leave."""
        threading.Thread(target=self._listen, args=(lines,), name="listener", daemon=True).start()
        self._mouth.say(wire.Hello(wire.PROTOCOL, __version__, os.getpid()))
        while True:
            try:
                word = self._jobs.get(timeout=self._idle_seconds)
            except queue.Empty:
                self._mouth.say(wire.Bye("idle"))
                return
            if word is None:
                self._mouth.say(wire.Bye("asked"))
                return
            self._do(word)

    def _listen(self, lines: IO[str]) -> None:
        for line in wire.lines_of(lines):
            try:
                word = wire.decode(line, wire.TO_WORKER)
            except SAMAdaptError as error:
                _log.error("%s", error)
                continue
            if isinstance(word, wire.Run):
                self._jobs.put(word)
            elif isinstance(word, wire.Cancel):
                self._cancel(word.job)
            elif isinstance(word, wire.Tell):
                self._tell(word)
            else:
                break
        self._leave()

    def _cancel(self, job: int) -> None:
        with self._lock:
            self._cancelled.add(job)
            if self._monitor is not None and self._monitor.job == job:
                self._monitor.stop.set()

    def _tell(self, word: wire.Tell) -> None:
        with self._lock:
            if self._monitor is not None and self._monitor.job == word.job:
                self._monitor.told.put(word)

    def _leave(self) -> None:
        """The owner is gone, or wants us to go: stop the job, and do not let it take long."""
        with self._lock:
            if self._monitor is not None:
                self._monitor.stop.set()
        self._jobs.put(None)
        time.sleep(_ORPHAN_SECONDS)
        os._exit(0)  # a job that does not look at its monitor must not keep an orphan alive

    def _do(self, word: wire.Run) -> None:
        monitor = WireMonitor(word.job, self._mouth)
        with self._lock:
            self._monitor = monitor
            if word.job in self._cancelled:
                monitor.stop.set()
        self._mouth.say(wire.Started(word.job))
        answer = self._answer(word, monitor)
        with self._lock:
            self._monitor = None
            self._cancelled.discard(word.job)
        _give_back_device_memory()
        self._mouth.say(answer)

    def _answer(self, word: wire.Run, monitor: WireMonitor) -> wire.Message:
        """The job's last word: its result, or its error; no exception gets past."""
        began = time.monotonic()
        try:
            if monitor.cancelled():
                raise Cancelled
            job = job_from_dict(word.spec)
            _log.info("job %d: %s %s", word.job, job.kind, job.settings())
            result = wire.Result(word.job, self._run(job, monitor))
            wire.encode(result)  # what cannot be said must fail here
        except Cancelled as error:
            _log.info("job %d: cancelled", word.job)
            return wire.Failed.of(word.job, error)
        except BaseException as error:  # also SystemExit of a library: the worker goes on
            _log.error(
                "job %d failed after %.1f s\n%s", word.job, time.monotonic() - began, _nameless(error, word.spec)
            )
            return wire.Failed.of(word.job, described(error))
        _log.info("job %d: done in %.1f s", word.job, time.monotonic() - began)
        return result


def _nameless(error: BaseException, spec: dict[str, Any]) -> str:
    """The traceback without the files' names, which may be those of patients; the error itself travels in full."""
    text = "".join(traceback.format_exception(error))
    paths = [Path(value) for value in _texts(spec) if os.sep in value or "/" in value or Path(value).suffix]
    names = {name for path in paths for name in (str(path), path.name, path.name.partition(".")[0])}
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "<path>") if len(name) >= _SHORTEST_NAME else text
    return text


def _texts(value: Any) -> Iterator[str]:
    """All texts in a job."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _give_back_device_memory() -> None:
    """What torch keeps on a GPU between jobs is what other programs lack."""
    torch = sys.modules.get("torch")
    with contextlib.suppress(Exception):
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


def _take_the_pipes(log: Path | None) -> tuple[IO[str], IO[str]]:
    """The real standard input and output for the wire; afterwards fds 1 and 2 are the log, fd 0 is empty.

    Done on file descriptors, so that C libraries cannot write between the words and children cannot read them.
    """
    lines = os.fdopen(os.dup(0), "r", encoding="utf-8", errors="replace")
    words = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    target = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    sys.stdout.flush()
    os.dup2(nothing, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(nothing)
    os.close(target)
    return lines, words


def _pin_threads(threads: int) -> None:
    """Before numpy and torch are loaded: one worker of several must not take all cores."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "SAMADAPT_THREADS"):
        os.environ[name] = str(threads)


def _run_job(job: Job, monitor: Monitor) -> dict[str, Any]:
    from ..jobs.runner import run_job

    return run_job(job, monitor)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m SAMAdaptLib.worker", description="Runs jobs for another process.")
    parser.add_argument("--log", type=Path, help="where all that is not a word goes")
    parser.add_argument("--idle-minutes", type=float, default=20.0, help="leave after so long without a job")
    parser.add_argument("--threads", type=int, help="use at most so many threads for computations")
    return parser


def main(argv: Sequence[str] | None = None, run: RunJob = _run_job) -> int:
    """Serve until it is time to leave. ``run`` may be replaced in tests. Returns the exit status."""
    options = _parser().parse_args(argv)
    lines, words = _take_the_pipes(options.log)
    faulthandler.enable()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the owner, who will tell us
    if options.threads:
        _pin_threads(options.threads)
    Worker(MessageWriter(words), run, options.idle_minutes * 60).serve(lines)
    return 0
