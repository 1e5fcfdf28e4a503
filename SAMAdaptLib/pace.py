"""How long things take on this machine: measured once, then remembered.

Budgets count views and steps from these figures. Remembered ones make them the same at every run, so the same seed
gives the same head on the same machine however busy it is at the moment.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from .files import write_whole
from .home import folder

_FILE = "speed.json"
_TIMES = 3


def remembered(key: str, measure: Callable[[], float]) -> float:
    """The seconds noted under ``key`` for this processor, from ``measure`` when there are none yet."""
    path = folder("") / _FILE
    full_key = f"{key}|{processor_name()}"
    known = _read(path)
    if full_key not in known:
        measured = measure()
        known = {**_read(path), full_key: measured}
        text = json.dumps(known, indent=1, sort_keys=True)
        write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
    return known[full_key]


def least_seconds(work: Callable[[], object]) -> float:
    """What ``work`` takes, the least of a few times: other work on the machine only ever adds."""
    fastest = math.inf
    for _ in range(_TIMES):
        began = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - began)
    return fastest


def _read(path: Path) -> dict[str, float]:
    """What was remembered; nothing if the file is missing or damaged, since it can be measured again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in content.items() if float(value) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


@lru_cache(maxsize=1)
def processor_name() -> str:
    """The processor's marketing name where the system tells it, else its architecture."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
