"""How long things take on this machine: measured in the first runs, then remembered.

Budgets count views and steps from these figures. Once the first runs have noted them they are the same at every run, so
the same seed gives the same head on the same machine however busy it is at the moment.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from .disk.notes import read_notes
from .files import write_content
from .paths import folder
from .processor import limits, processor_name

_FILE = "speed.json"
_TIMES = 3

RUNS = 3
"""How many runs of the program measure a thing, each of them once; the least holds. A first run at a busy moment would
else cut all trainings short that follow."""

_SENSIBLE_SECONDS = (1e-9, 86400.0)
"""Nothing that is measured takes less or more; such a note is damage, and budgets must not follow it."""


class Clock:
    """What budgets are counted by: the time that passes. A benchmark may count by fixed paces in its place."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()


clock = Clock()

_measured: set[tuple[Path, str]] = set()
"""What this run has measured."""


def remembered(key: str, measure: Callable[[], float]) -> float:
    """The least seconds noted under ``key`` for this processor; ``measure`` adds to them where there are too few."""
    path = folder("") / _FILE
    full_key = "|".join((key, processor_name(), *limits().values()))
    noted = _read(path).get(full_key, [])
    if not noted or (len(noted) < RUNS and (path, full_key) not in _measured):
        _measured.add((path, full_key))
        noted = [*noted, measure()]
        text = json.dumps({**_read(path), full_key: noted}, indent=1, sort_keys=True)
        with suppress(InputError):  # a full disk only costs that it is measured again
            write_content(path, text)
    return min(noted)


def note_duration(key: str, seconds: float) -> None:
    """Remember how long something took on this computer; the last ``RUNS`` times count.

    Unlike ``remembered`` this is about what a user waits for, with all that runs beside it.
    """
    path, full_key = folder("") / _FILE, _duration_key(key)
    noted = [*_read(path).get(full_key, []), float(seconds)][-RUNS:]
    with suppress(InputError):  # a full disk only costs the estimate
        write_content(path, json.dumps({**_read(path), full_key: noted}, indent=1, sort_keys=True))


def noted_duration(key: str) -> float | None:
    """The middle one of the seconds that were noted under ``key`` for this processor, None where there is none."""
    noted = sorted(_read(folder("") / _FILE).get(_duration_key(key), []))
    return noted[len(noted) // 2] if noted else None


def _duration_key(key: str) -> str:
    return f"whole {key}|{processor_name()}"


def least_seconds(work: Callable[[], object]) -> float:
    """What ``work`` takes, the least of a few times: other work on the machine only ever adds."""
    fastest = math.inf
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - began)
    return fastest


def _read(path: Path) -> dict[str, list[float]]:
    """What was remembered; nothing if the file is missing or damaged, since it can be measured again.

    An earlier version noted a number, from one run.
    """
    noted = {key: value if isinstance(value, list) else [value] for key, value in read_notes(path).items()}
    return {key: [float(value) for value in values if _is_sensible(value)] for key, values in noted.items()}


def _is_sensible(value: object) -> bool:
    low, high = _SENSIBLE_SECONDS
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
