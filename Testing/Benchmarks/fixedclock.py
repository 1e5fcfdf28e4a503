#!/usr/bin/env python3
"""The benchmark verb with a clock that counts work by fixed paces in place of the time that passes.

    python3 Testing/Benchmarks/fixedclock.py PACES.json benchmark --data FOLDER ...

Budgets then buy the same views, input sizes and steps on any computer, whatever runs beside, as they do on the one that
the paces were taken on; so do the seconds in the result. What has no pace (reading, drawing, priors applied) takes no
time by this clock. ``PACES.json`` is read by ``Paces``.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for _place in (Path(__file__).resolve().parent, ROOT):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

import sidebyside  # noqa: E402  it lies beside this file


@dataclass(frozen=True)
class Paces:
    """Seconds of one computer.

    ``slices``: by encoder and input size, at the neck. ``steps``: an optimizer step, by head type and cells a side of
    the neck ("0" for a head that needs no encoder), of two or three structures. ``view``: to draw one.
    """

    about: str
    view: float
    slices: Mapping[str, Mapping[str, float]]
    steps: Mapping[str, Mapping[str, float]]
    priors: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> Paces:
        """Raises SystemExit for a file that is none."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            msg = f"{path} holds no paces ({error})."
            raise SystemExit(msg) from error

    def slice(self, encoder: Any) -> float:
        """Of one of the small encoders at its size."""
        if encoder.name == sidebyside.NAME:
            return sum(self.slice(part) for part in encoder.parts)
        return self._known(self.slices, encoder.name, encoder.input_size)

    def step(self, module: Any, neck: int) -> float:
        """Of a head whose features have so many cells a side."""
        return self._known(self.steps, module.type_name, neck)

    @staticmethod
    def _known(table: Mapping[str, Mapping[str, float]], name: str, size: int) -> float:
        try:
            return table[name][str(size)]
        except KeyError:
            msg = f"There is no pace for {name} at {size}."
            raise SystemExit(msg) from None


class FixedClock:
    """Goes on by what is done."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.step = 0.0
        """Of the head that is being fitted."""

    def now(self) -> float:
        return self.seconds

    def after(self, work: Callable[..., Any], cost: Callable[..., float]) -> Callable[..., Any]:
        """``work``, which takes ``cost`` of its arguments."""

        @functools.wraps(work)
        def done(*arguments: Any, **options: Any) -> Any:
            result = work(*arguments, **options)
            self.seconds += cost(*arguments, **options)
            return result

        return done


def install(paces: Paces) -> FixedClock:
    """Count by ``paces`` in this process from now on. What measures a pace finds the fixed one."""
    from SAMAdaptLib.encoders import timing as speed
    from SAMAdaptLib.encoders.tiny import TinyEncoder
    from SAMAdaptLib.encoders.tiny_vit.encoder import TinyViTEncoder
    from SAMAdaptLib.priors.layout_training import LayoutPriorTrainer
    from SAMAdaptLib.priors.shape_training import ShapePriorTrainer
    from SAMAdaptLib.training import fit as fitting
    from SAMAdaptLib.utils import timing as pace

    clock: Any = FixedClock()
    trainers: Any = {"shape": ShapePriorTrainer, "arrangement": LayoutPriorTrainer}
    pace.clock.now = clock.now  # type: ignore[method-assign]
    speed._measure = paces.slice  # type: ignore[assignment]
    encoders: Any = (TinyViTEncoder, TinyEncoder)  # two side by side count as each
    for encoding in encoders:
        encoding.encode = clock.after(
            encoding.encode, lambda encoder, canvases, *_, **__: len(canvases) * (paces.slice(encoder) + paces.view)
        )
    fit: Any = fitting
    fit._measure_step = lambda module, sizes, *_: paces.step(module, sizes.get("neck", 0))
    fit._step = clock.after(fit._step, lambda *_: clock.step)
    fit._HeadTrainer.run = _noting_its_pace(fit._HeadTrainer.run, paces, clock)
    for name, trainer in trainers.items():
        trainer._measure = lambda *_, name=name: paces.priors[name]
        trainer.step = clock.after(trainer.step, lambda *_, name=name: paces.priors[name])
    return clock  # type: ignore[no-any-return]


def _noting_its_pace(run: Callable[..., Any], paces: Paces, clock: FixedClock) -> Callable[..., Any]:
    """A fit that says what its steps cost: they themselves see crops, whose sides tell nothing."""

    @functools.wraps(run)
    def noted(fitting: Any, *arguments: Any) -> Any:
        encoder = fitting.batches.embedder.encoder
        needs = fitting.module.needs
        clock.step = paces.step(fitting.module, encoder.levels["neck"].size if needs else 0)
        return run(fitting, *arguments)

    return noted


def main(arguments: Sequence[str]) -> int:
    """Run a verb of the command line by the paces of a file."""
    from SAMAdaptLib.cli import main as verbs

    sidebyside.install()
    install(Paces.read(Path(arguments[0])))
    return verbs(list(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
