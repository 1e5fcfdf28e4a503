#!/usr/bin/env python3
"""All tests on every core, in processes that end now and then, so that their memory goes back.

    python Testing/run_suite.py                     the whole suite
    python Testing/run_suite.py -m ""               with the slow tests
    python Testing/run_suite.py --remember          and write the seconds of each file to Testing/durations.json
    python Testing/run_suite.py -k geometry -x      any other arguments: one plain pytest with them

Files are put together to groups of about a minute by ``durations.json`` (a file that is not in it counts as five
seconds), and groups begin in the order of their length, one on each core with one thread; fewer at a time where there
is little memory. Exit status: that of pytest, 0 passed, 1 failed, 2 interrupted. A group whose process died fails with
its files named. Ctrl-C ends all that was begun.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DURATIONS = HERE / "durations.json"
GROUP_SECONDS = 60.0
GROUP_MB = 1700
"""What the largest group takes: so much memory has to be free for each one that runs at the same time."""
ENDS_WITHIN_SECONDS = 10.0
"""What an interrupted group may take to end in its own way."""
UNKNOWN_SECONDS = 5.0
SLOWEST = 15
PASSED, FAILED, INTERRUPTED, NOTHING_COLLECTED = 0, 1, 2, 5


@dataclass
class Outcome:
    """What became of one group: its pytest's exit status and words, and what its report says."""

    files: Sequence[str]
    status: int
    output: str
    seconds: float
    peak_mb: float | None
    busy_seconds: float
    """What processors spent on it, however much else they had to do; on a system that does not tell, its time."""
    counts: Counter[str] = field(default_factory=Counter)
    tests: list[tuple[float, str]] = field(default_factory=list)
    """Seconds and name of each."""
    of_files: Counter[str] = field(default_factory=Counter)
    """Seconds of each file."""

    @property
    def died(self) -> bool:
        """Whether the process ended without pytest's own end."""
        return self.status not in (PASSED, FAILED, NOTHING_COLLECTED)

    @property
    def ok(self) -> bool:
        return self.status in (PASSED, NOTHING_COLLECTED)


class Lanes:
    """The processes that run now, so that an interruption ends them all."""

    def __init__(self, options: Sequence[str]) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, files: Sequence[str]) -> Outcome | None:
        """One group in a process of its own; None once stopped."""
        with tempfile.TemporaryDirectory(prefix="suite-") as folder:
            report = Path(folder) / "report.xml"
            said = Path(folder) / "output.txt"
            command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "-o", "junit_family=xunit1"]
            began = time.monotonic()
            with said.open("w", encoding="utf-8") as output:
                with self._lock:
                    if self._stopped:
                        return None
                    process = subprocess.Popen(
                        [*command, *self._options, *files],
                        cwd=ROOT,
                        env=_variables(),
                        stdout=output,
                        stderr=2,
                        text=True,
                        start_new_session=os.name == "posix",  # a group of processes, which is ended whole
                    )
                    self._running.add(process)
                status, peak_mb, busy = _waited(process)
            with self._lock:
                self._running.discard(process)
            text = said.read_text(encoding="utf-8", errors="replace")
            took = time.monotonic() - began
            outcome = Outcome(files, status, text, took, peak_mb, took if busy is None else busy)
            if left_out := re.search(r"(\d+) deselected.* in [\d.]+s", text):
                outcome.counts["deselected"] = int(left_out[1])
            _read_report(report, outcome)
            return outcome

    def stop(self) -> None:
        """End what runs with all that it began, and begin nothing more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end(process, signal.SIGINT)
        until = time.monotonic() + ENDS_WITHIN_SECONDS
        while time.monotonic() < until and any(process in self._running for process in running):
            time.sleep(0.1)
        for process in running:
            _end(process, getattr(signal, "SIGKILL", signal.SIGTERM))


def main(arguments: Sequence[str]) -> int:
    """Run the suite, or a plain pytest for arguments that are not this program's own."""
    remember = "--remember" in arguments
    options = [part for part in arguments if part != "--remember"]
    if options not in ([], ["-m", ""]):
        return subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT, check=False).returncode
    groups = list(grouped(_files(), _known_seconds()))
    lanes, count = Lanes(options), min(lanes_here(), len(groups))
    print(f"{len(groups)} groups of test files, {count} at a time", flush=True)
    began = time.monotonic()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same end as Ctrl-C
    try:
        outcomes = _all_outcomes(lanes, groups, count)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    if remember:
        _remember(outcomes)
    return summed_up(outcomes, time.monotonic() - began)


def _all_outcomes(lanes: Lanes, groups: Sequence[Sequence[str]], count: int) -> list[Outcome]:
    """Run the groups, ``count`` at a time, and tell of each. An interruption ends them and goes on to the caller."""
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(count) as pool:
        try:
            for done in as_completed([pool.submit(lanes.run, group) for group in groups]):
                outcome = done.result()
                if outcome is not None:
                    outcomes.append(outcome)
                    _tell(outcome, len(outcomes), len(groups))
        except KeyboardInterrupt:
            lanes.stop()
            raise
    return outcomes


def lanes_here() -> int:
    """How many groups run at a time: as many as there are cores for us and as have room in the memory that is free."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    free = free_mb()
    return max(1, cores if free is None else min(cores, int(free // GROUP_MB)))


def free_mb(told: Path = Path("/proc/meminfo")) -> float | None:
    """Megabytes that processes could take now, None where the system does not tell."""
    with contextlib.suppress(OSError):
        if found := re.search(r"MemAvailable:\s*(\d+) kB", told.read_text(encoding="utf-8")):
            return int(found[1]) / 1024
    return None


def grouped(files: Sequence[str], seconds: dict[str, float]) -> Iterator[list[str]]:
    """Files in groups of about ``GROUP_SECONDS``, the longest group first; a longer file is a group of its own."""
    room: list[tuple[float, list[str]]] = []
    for name in sorted(files, key=lambda name: (-seconds.get(name, UNKNOWN_SECONDS), name)):
        took = seconds.get(name, UNKNOWN_SECONDS)
        for number, (used, group) in enumerate(room):
            if used + took <= GROUP_SECONDS:
                room[number] = (used + took, [*group, name])
                break
        else:
            room.append((took, [name]))
    yield from (group for _used, group in sorted(room, key=lambda item: -item[0]))


def summed_up(outcomes: Sequence[Outcome], seconds: float) -> int:
    """Print failures, skipped tests, the slowest, memory and totals; returns the exit status."""
    bad = [outcome for outcome in outcomes if not outcome.ok]
    for outcome in bad:
        print(_failures_of(outcome.output))
    for count, line in Counter(_lines(outcomes, "SKIPPED [", "XFAIL Testing", "XPASS Testing")).items():
        print(line if count == 1 else f"{line} ({count} times)")
    slowest = sorted((test for outcome in outcomes for test in outcome.tests), reverse=True)[:SLOWEST]
    print(f"== the {len(slowest)} slowest tests")
    for took, name in slowest:
        print(f"{took:7.1f} s  {name}")
    peaks = [outcome for outcome in outcomes if outcome.peak_mb is not None]
    if peaks:
        most = max(peaks, key=lambda outcome: outcome.peak_mb or 0)
        print(f"== a process took at most {most.peak_mb:.0f} MB ({' '.join(most.files)})")
    for line in _lines(bad, "FAILED Testing", "ERROR Testing"):
        print(line)
    for outcome in bad:
        if outcome.died:
            print(f"DIED with exit status {outcome.status}: {' '.join(outcome.files)}")
    counts: Counter[str] = sum((outcome.counts for outcome in outcomes), Counter())
    kinds = ("failed", "passed", "skipped", "deselected", "errors")
    words = ", ".join(f"{counts[word]} {word}" for word in kinds if counts[word]) or "no tests ran"
    busy = sum(outcome.busy_seconds for outcome in outcomes)
    print(f"== {words} in {seconds:.0f} s, {busy:.0f} s of processor time", flush=True)
    return FAILED if bad else PASSED


def _files() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in HERE.glob("test_*.py"))


def _known_seconds() -> dict[str, float]:
    return {name: float(took) for name, took in json.loads(DURATIONS.read_text(encoding="utf-8")).items()}


def _remember(outcomes: Sequence[Outcome]) -> None:
    found: Counter[str] = sum((outcome.of_files for outcome in outcomes), Counter())
    rounded = {name: round(took, 1) for name, took in sorted(found.items()) if took >= 1}
    DURATIONS.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


def _variables() -> dict[str, str]:
    """One thread a process: each core has a process of its own."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def _waited(process: subprocess.Popen[str]) -> tuple[int, float | None, float | None]:
    """Exit status; megabytes that the process or one of its children took at most and seconds of processor time of
    all of them, where the system tells."""
    if not hasattr(os, "wait4"):
        return process.wait(), None, None
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak_mb = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return process.returncode, peak_mb, usage.ru_utime + usage.ru_stime


def _end(process: subprocess.Popen[str], how: int) -> None:
    """Send a signal to a group's pytest and all that it began; nothing where they are gone."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, how)
        else:
            process.terminate()


def _read_report(report: Path, outcome: Outcome) -> None:
    """Counts and seconds from what pytest wrote; nothing if its process died first."""
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return
    for case in cases:
        kinds = {child.tag for child in case}
        kind = next((kind for kind in ("failure", "error", "skipped") if kind in kinds), "passed")
        outcome.counts[{"failure": "failed", "error": "errors"}.get(kind, kind)] += 1
        took, place = float(case.get("time") or 0), case.get("file") or ""
        outcome.tests.append((took, f"{place}::{case.get('name')}"))
        outcome.of_files[place.replace("\\", "/")] += took


def _tell(outcome: Outcome, number: int, count: int) -> None:
    state = "ok" if outcome.ok else f"FAILED (exit status {outcome.status})"
    names = " ".join(Path(name).stem.removeprefix("test_") for name in outcome.files)
    memory = "" if outcome.peak_mb is None else f", {outcome.peak_mb:.0f} MB"
    print(
        f"[{number}/{count}] {state}: {names}: {len(outcome.tests)} tests, {outcome.seconds:.0f} s{memory}", flush=True
    )


def _failures_of(output: str) -> str:
    """pytest's words from its first traceback on; all of them if it has none."""
    starts = [output.find(mark) for mark in ("= FAILURES =", "= ERRORS =") if mark in output]
    return output[output.rfind("\n", 0, min(starts)) + 1 :] if starts else output


def _lines(outcomes: Sequence[Outcome], *words: str) -> list[str]:
    """The lines of pytest's short summaries that begin with one of ``words``."""
    return [line for outcome in outcomes for line in outcome.output.splitlines() if line.startswith(words)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
