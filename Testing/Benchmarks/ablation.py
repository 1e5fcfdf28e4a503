"""What each ingredient is worth: heads are trained once a support, then measured with one thing left out at a time.

    python Testing/Benchmarks/ablation.py --data ../shared/data/chaos_t2 --support chaos_01 --support chaos_02 \\
        --query chaos_03,chaos_05 --title "CHAOS T2" -o Resources/Benchmarks/ablation_chaos

Rows: everything as ``auto`` makes it; without the closer look; without shape priors; of an ensemble one member at a
time; without keeping the main piece of structures that are one piece; with smoothing across slices. Rows that would
change nothing about the heads at hand are left out. ``--tta`` adds test-time views, which cost three times the
encoding. Ingredients are chosen on cases that no quoted figure comes from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tables import write_table

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib import benchmark  # noqa: E402
from SAMAdaptLib.heads.file import Head, save_head  # noqa: E402
from SAMAdaptLib.inference import segment  # noqa: E402
from SAMAdaptLib.jobs import BenchmarkJob  # noqa: E402
from SAMAdaptLib.training import train  # noqa: E402

if TYPE_CHECKING:
    from SAMAdaptLib.heads.base import HeadModule


@dataclass(frozen=True)
class Variant:
    """A row: what becomes of a trained head, and how it segments."""

    name: str
    change: Callable[[Head], Head] = lambda head: head
    options: dict[str, Any] | None = None


def without_closer(head: Head) -> Head:
    """The same head, looking once."""
    return head if head.closer is None else replace(head, closer=None, card=replace(head.card, closer={}))


def without_prior(head: Head) -> Head:
    """The same head, saying what it finds as it finds it."""
    closer = None if head.closer is None else without_prior(head.closer)
    facts = {**head.card.closer, "shapes": {}} if head.card.closer else {}
    return replace(head, prior=None, closer=closer, card=replace(head.card, shapes={}, closer=facts))


def alone(kind: str) -> Callable[[Head], Head]:
    """Of an ensemble, the member of that kind alone; a head that is none stays as it is."""

    def change(head: Head) -> Head:
        return next(
            (_of(head, part) for part in head.module.parts() if part.type_name == kind and part is not head.module),
            head,
        )

    return change


def _of(head: Head, part: HeadModule) -> Head:
    card = replace(head.card, head={"type": part.type_name, "hyper": part.hyper()})
    return replace(head, module=part, card=card)


def variants(tta: bool) -> list[Variant]:
    """The rows, everything first."""
    rows = [
        Variant("everything"),
        Variant("without the closer look", without_closer),
        Variant("without shape priors", without_prior),
        Variant("cnn alone", alone("cnn")),
        Variant("fusion alone", alone("fusion")),
        Variant("without keeping main pieces", options={"largest_component": False}),
        Variant("with smoothing across slices", options={"smoothing": True}),
    ]
    return [*rows, Variant("with test-time views", options={"tta": True})] if tta else rows


class Memory:
    """Trains a head per support once, and hands it to every row."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._heads: dict[tuple[str, ...], Head] = {}

    def train(self, cases: Sequence[Any], **options: Any) -> Head:
        key = tuple(case.volume.content_hash() for case in cases)
        if key not in self._heads:
            self._heads[key] = train(cases, **options)
            if self.folder is not None:
                save_head(self._heads[key], self.folder / f"{cases[0].volume.name or len(self._heads)}.samhead")
        return self._heads[key]

    def changes_nothing(self, variant: Variant) -> bool:
        """Whether this row would only repeat the first one."""
        return variant.options is None and all(variant.change(head) is head for head in self._heads.values())

    def tools(self, variant: Variant) -> benchmark.Tools:
        """Training and segmenting as this row does them."""

        def changed(cases: Sequence[Any], **options: Any) -> Head:
            return variant.change(self.train(cases, **options))

        def measured(volume: Any, head: Head, **options: Any) -> Any:
            return segment(volume, head, **{**options, **(variant.options or {})})

        return benchmark.Tools(changed, measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with images and labels")
    parser.add_argument("--support", action="append", required=True, help="ids of one support, separated by commas")
    parser.add_argument("--query", required=True, help="ids, separated by commas")
    parser.add_argument("--budget", default="balanced")
    parser.add_argument("--names", default="", help="names of the structures, separated by commas")
    parser.add_argument("--title", required=True)
    parser.add_argument("--tta", action="store_true", help="measure test-time views as well")
    parser.add_argument("--heads", type=Path, help="folder in which to keep the trained heads")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write, without ending")
    chosen = parser.parse_args()
    job = BenchmarkJob(
        data=chosen.data,
        supports=tuple(tuple(ids.split(",")) for ids in chosen.support),
        query=tuple(chosen.query.split(",")),
        budget=chosen.budget,
    )
    memory = Memory(chosen.heads)
    results = []
    for variant in variants(chosen.tta):
        if results and memory.changes_nothing(variant):
            continue
        result = benchmark.run(job, tools=memory.tools(variant))
        result["settings"]["variant"] = variant.name
        results.append(result)
        print(f"{variant.name}: {result['mean_dice']:.3f}", flush=True)
    write_table(results, [name for name in chosen.names.split(",") if name], chosen.title, chosen.output)


if __name__ == "__main__":
    main()
