"""Nothing twice: a second head, slices with nothing on them, one case more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .common import Bench, Row, faster, fresh_home, phantom, quick_head, timed

PART = "reuse"


def measure(bench: Bench) -> list[Row]:
    """Segmenting again with another head, and what is encoded at all."""
    with fresh_home(bench.encoder) as home:
        return [*_second_head(bench, home), *_empty_slices(bench, home), *_one_case_more(bench)]


def _second_head(bench: Bench, home: Any) -> list[Row]:
    from SAMAdaptLib.heads.head import load_head
    from SAMAdaptLib.inference.segment import segment

    heads = [load_head(quick_head(bench, home / "linear.samhead"))]
    heads.append(_untrained("cnn", heads[0]))  # it costs what a trained one costs
    volume = phantom(4 if bench.quick else 20, seed=1).volume
    segment(phantom(1, seed=2).volume, heads[0])  # what is loaded once a process does not count
    first, second = (timed(lambda head=head: segment(volume, head)) for head in heads)
    words = "a second head on the same volume"
    return [faster(PART, words, "the first head, which had to encode", first, second, 10)]


def _untrained(kind: str, like: Any) -> Any:
    """A head of another type that looks at volumes as ``like`` does."""
    from SAMAdaptLib.heads.head import Head
    from SAMAdaptLib.networks import build_head

    module = build_head(kind, {"channels": like.module.channels, "classes": like.module.classes})
    card = replace(like.card, head=module.named())
    return Head(card=card, module=module.eval())


def _empty_slices(bench: Bench, home: Any) -> list[Row]:
    """Of a volume whose lower half is air, and of a region of interest."""
    from SAMAdaptLib.heads.head import load_head
    from SAMAdaptLib.inference.segment import segment

    head = load_head(home / "linear.samhead")
    case = phantom(8, seed=3)
    voxels = np.array(case.volume.voxels)
    voxels[:4] = 0
    rows = []
    for what, region in (("half of its slices empty", None), ("the region of interest being a quarter", (4, 6))):
        with counting(bench) as seen:
            volume = replace(case.volume, voxels=voxels + 0.01 * len(what) * (voxels > 0))
            bounds = None if region is None else ((0, 256), (0, 256), region)
            segment(volume, head, region=bounds)
        wanted = 4 if region is None else 2
        words = f"slices encoded of 8, {what}"
        rows.append(Row(PART, words, "all slices", 8, seen.count, "slices", 8 / max(seen.count, 1),
                        f"{wanted}", seen.count == wanted))  # fmt: skip
    return rows


def _one_case_more(bench: Bench) -> list[Row]:
    """Views that are encoded when a second case joins, beside all views of both."""
    from SAMAdaptLib.training.train import train

    cases = [phantom(8, seed=4), phantom(8, seed=5)]
    counts = []
    for chosen in (cases[:1], cases):
        with counting(bench) as seen:
            trained = train(chosen, encoder=bench.encoder, head="linear", budget="fast")
        counts.append(seen.count)
    views = trained.card.training["views"] + trained.card.quality["held_out_slices"]
    words, baseline = "views encoded when one case joins another", "all views of both"
    met = 2 * counts[1] <= views
    return [Row(PART, words, baseline, views, counts[1], "views", views / counts[1], "one case's", met)]


class counting:  # noqa: N801  used as a function is
    """Counts the pictures that go through encoders of the bench's kind in the block, at whatever size."""

    def __init__(self, bench: Bench) -> None:
        from SAMAdaptLib.encoders import load_encoder

        self._kind = type(load_encoder(bench.encoder))
        self._encode = self._kind.encode
        self.count = 0

    def __enter__(self) -> counting:
        encode = self._encode

        def counted(encoder: Any, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
            self.count += len(canvases)
            return encode(encoder, canvases, levels)

        self._kind.encode = counted  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._kind.encode = self._encode  # type: ignore[method-assign]
