"""What the parts share: rows, timing that other work disturbs least, volumes and heads to work on."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """One measurement: ours beside a named baseline, both in ``unit``, and what is to be reached.

    ``ratio`` is how many times better ours is; ``met`` is None where nothing was promised or it could not be tried.
    """

    part: str
    what: str
    baseline: str
    baseline_value: float | None
    value: float | None
    unit: str
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass
class Bench:
    """What the user asked for, and what the parts leave beside their rows.

    ``data``: folder of labelled sets (``acdc``, ``chaos_t2``), or None. ``encoder``: for what is not about encoders.
    """

    data: Path | None
    encoder: str
    say: Callable[[str], None]
    quick: bool = False
    curves: dict[str, Any] = field(default_factory=dict)

    def row(self, *arguments: Any, **more: Any) -> Row:
        made = Row(*arguments, **more)
        value = "" if made.value is None else f"{made.value:.3g} {made.unit}"
        ratio = "" if made.ratio is None else f", {made.ratio:.2f}x"
        self.say(f"[{made.part}] {made.what}: {value}{ratio}")
        return made


def faster(part: str, what: str, baseline: str, seconds: float, ours: float, least: float | None = None) -> Row:
    """A row about time in seconds, where ``least`` is the ratio that is to be reached."""
    ratio = seconds / ours
    target = "" if least is None else f"at least {least:g}x"
    return Row(part, what, baseline, seconds, ours, "s", ratio, target, None if least is None else ratio >= least)


def alternating(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least seconds of each, run in turns, after one round that does not count: other work only ever adds."""
    best = dict.fromkeys(functions, float("inf"))
    for number in range(rounds + 1):
        for name, function in functions.items():
            seconds = timed(function)
            if number:
                best[name] = min(best[name], seconds)
    return best


BUSY = "SAMADAPT_BENCH_BUSY"
"""Set in a process that measures on a computer which does other work, too: its own processor time counts."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "SAMADAPT_THREADS": "1", BUSY: "1"}
"""For such a process: several threads would wait for each other in loops, and that would count."""


def is_busy() -> bool:
    """Whether processor time counts in place of the time that passes."""
    return os.environ.get(BUSY) == "1"


def timed(function: Callable[[], object]) -> float:
    """Seconds that a call takes; of the processor where the computer is busy with other work."""
    now = time.process_time if is_busy() else time.perf_counter
    began = now()
    function()
    return now() - began


@contextlib.contextmanager
def environment(**variables: str | None) -> Iterator[None]:
    """These variables for the block (None: unset), the former ones after it."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def fresh_home(*encoders: str) -> Iterator[Path]:
    """A home of its own with the encoders' weights and nothing else, so that no feature is known."""
    from SAMAdaptLib.encoders.registry import ENTRIES
    from SAMAdaptLib.encoders.weights import store as weights

    entries = [ENTRIES[name] for name in encoders if name in ENTRIES and ENTRIES[name].file]
    entries += [ENTRIES[entry.decoder] for entry in entries if entry.decoder and weights.locate(ENTRIES[entry.decoder])]
    places = {weights.ensure(entry).parent for entry in entries}
    variables = {"SAMADAPT_WEIGHTS": str(places.pop())} if places else {}
    with tempfile.TemporaryDirectory(prefix="samadapt-bench-") as home, environment(SAMADAPT_HOME=home, **variables):
        yield Path(home)


def phantom(slices: int, structures: int = 2, side: int = 256, seed: int = 0) -> Any:
    """A case: a grey body with ``structures`` discs of different brightness through all of its slices."""
    from SAMAdaptLib.data.case import Case
    from SAMAdaptLib.data.geometry import Geometry
    from SAMAdaptLib.data.image import Labelmap, Volume
    from SAMAdaptLib.data.structure import default_structure

    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    body = (rows - side / 2) ** 2 + (columns - side / 2) ** 2 < (0.45 * side) ** 2
    labels = np.zeros((slices, side, side), np.uint8)
    count = int(np.ceil(np.sqrt(structures)))
    radius = 0.25 * 0.6 * side / count
    for value in range(1, structures + 1):
        row, column = divmod(value - 1, count)
        middle = [0.2 * side + (place + 0.5) * 0.6 * side / count for place in (row, column)]
        labels[:, (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < radius**2] = value
    voxels = 60 * body + 120 * labels / max(structures, 1) + chance.normal(0, 3, labels.shape)
    geometry = Geometry((side, side, slices), (1.0, 1.0, 3.0))
    named = tuple(default_structure(value) for value in range(1, structures + 1))
    return Case(Volume(voxels.astype(np.float32), geometry, name="phantom"), Labelmap(labels, geometry, named))


def quick_head(bench: Bench, path: Path) -> Path:
    """A linear head for phantoms, trained in a moment and written to ``path``."""
    from SAMAdaptLib.heads.head import save_head
    from SAMAdaptLib.training.train import train

    save_head(train([phantom(8)], encoder=bench.encoder, head="linear", budget="fast"), path)
    return path
