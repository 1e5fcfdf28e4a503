"""What each ingredient is worth: heads are trained once a support, then measured with one thing left out at a time.

    python Testing/Benchmarks/ablation.py --data ../shared/data/chaos_t2 --support chaos_01 --support chaos_02 \\
        --query chaos_01,chaos_02,chaos_15 --title "CHAOS T2" -o Resources/Benchmarks/ablation_chaos

Rows: everything as ``auto`` makes it; without the closer look; without turned slices; without any prior; without the
arrangement prior; of an ensemble one member at a time; without keeping the main piece of structures that are one piece;
with smoothing across slices. With ``--unlabeled``, heads are trained anew that learn from volumes without annotation
as well. Rows that would change nothing about the heads at hand are left out. ``--tta`` adds test-time views, which cost
three times the encoding. Ingredients are chosen on cases that no quoted figure comes from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tables import write_table

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib.heads.head import Head, save_head  # noqa: E402
from SAMAdaptLib.inference.config import CascadeSettings  # noqa: E402
from SAMAdaptLib.inference.segment import segment  # noqa: E402
from SAMAdaptLib.jobs import benchmark  # noqa: E402
from SAMAdaptLib.jobs.specs import BenchmarkJob  # noqa: E402
from SAMAdaptLib.training.train import train  # noqa: E402

if TYPE_CHECKING:
    from SAMAdaptLib.networks.base import HeadModule


@dataclass(frozen=True)
class Variant:
    """A row: what becomes of a trained head, and how it segments.

    ``options``: of ``segment``. ``taught``: its heads are its own, and learn from volumes without annotation as well.
    """

    name: str
    change: Callable[[Head], Head] = lambda head: head
    options: Mapping[str, Any] = field(default_factory=dict)
    taught: bool = False

    def changes(self, head: Head) -> bool:
        """Whether this row makes a difference to what that head finds."""
        if "cascade" in self.options and (head.closer is None or head.closer.prior is None):
            return False  # Only such heads look at slices turned.
        return bool(self.options or self.taught) or self.change(head) is not head


def without_closer(head: Head) -> Head:
    """The same head, looking once."""
    return head if head.closer is None else replace(head, closer=None, card=replace(head.card, closer=None))


def without_prior(head: Head) -> Head:
    """The same head, saying what it finds as it finds it."""
    closer = None if head.closer is None else without_prior(head.closer)
    facts = None if head.card.closer is None else replace(head.card.closer, shapes=None)
    card = replace(head.card, shapes=None, arrangement=None, closer=facts)
    return replace(head, prior=None, arrangement=None, closer=closer, card=card)


def without_arrangement(head: Head) -> Head:
    """The same head, knowing shapes slice by slice only."""
    if head.arrangement is None:
        return head
    return replace(head, arrangement=None, card=replace(head.card, arrangement=None))


def alone(kind: str) -> Callable[[Head], Head]:
    """Of an ensemble, the member of that kind alone; a head that is none stays as it is."""

    def change(head: Head) -> Head:
        return next(
            (_of(head, part) for part in head.module.parts() if part.type_name == kind and part is not head.module),
            head,
        )

    return change


def _of(head: Head, part: HeadModule) -> Head:
    card = replace(head.card, head=part.named())
    return replace(head, module=part, card=card)


def variants(tta: bool, unlabeled: bool) -> list[Variant]:
    """The rows, everything first."""
    rows = [
        Variant("everything"),
        Variant("without the closer look", without_closer),
        Variant("without looking at slices turned", options={"cascade": CascadeSettings(rotations_deg=())}),
        Variant("without priors", without_prior),
        Variant("without the arrangement prior", without_arrangement),
        Variant("cnn alone", alone("cnn")),
        Variant("fusion alone", alone("fusion")),
        Variant("without keeping main pieces", options={"largest_component": False}),
        Variant("with smoothing across slices", options={"smoothing": True}),
    ]
    rows += [Variant("with students of unlabelled volumes", taught=True)] if unlabeled else []
    return [*rows, Variant("with test-time views", options={"tta": True})] if tta else rows


class Memory:
    """Trains heads once a support for all rows that do not train their own, and hands them out."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._heads: dict[tuple[str, ...], Head] = {}

    def train(self, variant: Variant, cases: Sequence[Any], **options: Any) -> Head:
        own = variant.name if variant.taught else ""
        key = (own, *(case.volume.content_hash() for case in cases))
        if key not in self._heads:
            self._heads[key] = train(cases, **options)
            if self.folder is not None:
                name = "_".join([cases[0].volume.name or str(len(self._heads)), *own.split()])
                save_head(self._heads[key], self.folder / f"{name}.samhead")
        return self._heads[key]

    def changes_nothing(self, variant: Variant) -> bool:
        """Whether this row would only repeat the first one."""
        shared = [head for (own, *_), head in self._heads.items() if not own]
        return not any(variant.changes(head) for head in shared)

    def tools(self, variant: Variant) -> benchmark.Tools:
        """Training and segmenting as this row does them."""

        def changed(cases: Sequence[Any], **options: Any) -> Head:
            return variant.change(self.train(variant, cases, **options))

        def measured(volume: Any, head: Head, **options: Any) -> Any:
            return segment(volume, head, **{**options, **variant.options})

        return benchmark.Tools(changed, measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with images and labels")
    parser.add_argument("--support", action="append", required=True, help="ids of one support, separated by commas")
    parser.add_argument("--query", required=True, help="ids, separated by commas")
    parser.add_argument("--unlabeled", default="", help="ids of volumes for students to learn from")
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
    unlabeled = tuple(name for name in chosen.unlabeled.split(",") if name)
    for variant in variants(chosen.tta, bool(unlabeled)):
        if results and memory.changes_nothing(variant):
            continue
        asked = replace(job, unlabeled=unlabeled) if variant.taught else job
        result = benchmark.run(asked, tools=memory.tools(variant))
        result["settings"]["variant"] = variant.name
        results.append(result)
        print(f"{variant.name}: {result['mean_dice']:.3f}", flush=True)
    write_table(results, [name for name in chosen.names.split(",") if name], chosen.title, chosen.output)


if __name__ == "__main__":
    main()
