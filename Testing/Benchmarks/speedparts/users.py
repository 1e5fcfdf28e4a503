"""What a user waits for: seconds a volume with the default encoder, as Slicer is installed, with OpenVINO, on a GPU.

A head that ``auto`` trains in the budget ``fast`` on a phantom of a heart segments a heart and a CT; the same head with
the encoder that was the default before (MobileSAM at 1024 pixels by OpenVINO) is the baseline. Loading is not counted.
The least of a few rounds, in which all take turns; of the CT a tenth is segmented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from .common import Bench, Row, alternating, environment, fresh_home, is_busy, phantom, timed

PART = "users"
FORMER, FORMER_SIZE = "mobile_sam", 1024
HEART, CT = "a heart of 10 slices", "a CT of 100 slices of 512 x 512 pixels"
AIMS = {HEART: 4.0, CT: 30.0}
"""Seconds, on two cores with AVX2."""

VIEWS_RATIO = 3.0
VIEWS = 4
ROUNDS = 3
CT_MEASURED = 10
"""Slices of the CT that are segmented; the time for all of them follows."""


@dataclass(frozen=True)
class Setup:
    """One kind of installation: its name for people, the runtime and the device."""

    name: str
    runtime: str
    device: str

    def environment(self) -> Any:
        return environment(SAMADAPT_RUNTIME=self.runtime, SAMADAPT_PRECISION=None)


def setups() -> list[Setup]:
    """Those that can be had here."""
    import torch

    from SAMAdaptLib.encoders.runtimes import has_openvino

    found = [Setup("plain Slicer installation (PyTorch)", "torch", "cpu")]
    if has_openvino():
        found.append(Setup("with OpenVINO", "openvino", "cpu"))
    if torch.cuda.is_available():
        found.append(Setup(f"GPU ({torch.cuda.get_device_name()})", "torch", "cuda"))
    elif torch.backends.mps.is_available():
        found.append(Setup("Apple's GPU", "torch", "mps"))
    return found


def measure(bench: Bench) -> list[Row]:
    """Fills ``bench.curves["users"]``: {volume: {setup: seconds}}."""
    with fresh_home(bench.encoder, FORMER) as home:
        head = _head(bench, home)
        runtime = next(setup.runtime for setup in reversed(setups()) if setup.device == "cpu")
        former = Setup(f"former default ({FORMER} at {FORMER_SIZE} pixels, {runtime})", runtime, "cpu")
        rows, curves = [], {}
        for what, volume in _volumes(bench).items():
            heads = dict.fromkeys(setups(), head) | {former: as_of(head, FORMER, FORMER_SIZE)}
            seconds = {setup.name: found for setup, found in _seconds(bench, heads, volume).items()}
            if what == CT:
                seconds = {name: value * 100 / CT_MEASURED for name, value in seconds.items()}
            before = seconds.pop(former.name)
            curves[what] = {former.name: before, **seconds}
            rows += [_row(bench, what, former.name, before, name, value) for name, value in seconds.items()]
        bench.curves["users"] = curves
        return [*rows, *_views(bench, head, former)]


def _row(bench: Bench, what: str, baseline: str, before: float, name: str, seconds: float) -> Row:
    aim = AIMS[what]
    met = None if is_busy() else seconds <= aim  # processor time of one thread is not what people wait for
    return bench.row(
        PART, f"{what}, {name}", baseline, before, seconds, "s", before / seconds, f"at most {aim:g} s", met
    )


def _head(bench: Bench, home: Path) -> Any:
    """As ``train`` makes it here, with the faster runtime that there is."""
    from SAMAdaptLib.heads.head import load_head, save_head
    from SAMAdaptLib.training.train import train

    kind = "linear" if bench.quick else "auto"
    with environment(SAMADAPT_RUNTIME=None, SAMADAPT_PRECISION=None):
        trained = train([phantom(10)], encoder=bench.encoder, head=kind, budget="fast", device="cpu")
    size = trained.card.input_size
    bench.say(f"[{PART}] a head of type {trained.card.head_type}, {bench.encoder} at {size} pixels")
    return load_head(save_head(trained, home / "users.samhead"))


def _volumes(bench: Bench) -> dict[str, Callable[[int], Any]]:
    """Volumes by seed: no feature is known of any."""
    heart, slices, side = (3, 4, 128) if bench.quick else (10, CT_MEASURED, 512)
    return {
        HEART: lambda seed: phantom(heart, seed=seed).volume,
        CT: lambda seed: phantom(slices, side=side, seed=seed).volume,
    }


def _seconds(bench: Bench, heads: Mapping[Setup, Any], volume: Callable[[int], Any]) -> dict[Setup, float]:
    """The least seconds of each, in turns; what is loaded once does not count."""
    from SAMAdaptLib.encoders import forget_encoders
    from SAMAdaptLib.features.cache import FeatureCache
    from SAMAdaptLib.inference.segment import segment

    shown = volume(1)
    best = dict.fromkeys(heads, float("inf"))
    for round_number in range(1 if bench.quick or is_busy() else ROUNDS):
        for setup, head in heads.items():
            with setup.environment():
                if not round_number:
                    segment(phantom(2, seed=7).volume, head, device=setup.device)
                FeatureCache().clear()
                work = partial(segment, shown, head, device=setup.device)
                best[setup] = min(best[setup], timed(work))
    FeatureCache().clear()
    forget_encoders()
    return best


def as_of(head: Any, name: str, size: int) -> Any:
    """The same head as if its features came from another encoder, which has the same channels: what it costs there."""
    from SAMAdaptLib.encoders import load_encoder

    encoder = load_encoder(name, device="cpu", input_size=size)

    def seen(ref: Any) -> Any:
        levels = {level: (encoder.levels[level].channels, encoder.levels[level].size) for level in ref.levels}
        return replace(ref, name=encoder.name, sha256=encoder.sha256, levels=levels, input_size=size)

    card = replace(head.card, encoder=seen(head.card.encoder))
    if head.closer is None:
        return replace(head, card=card)
    card = replace(card, closer=replace(card.closer, encoder=None))
    return replace(head, card=card, closer=replace(head.closer, card=card.closer_card()))


def _views(bench: Bench, head: Any, former: Setup) -> list[Row]:
    """Augmented views a minute while training."""
    size, ours = head.card.input_size, setups()
    seeds = count(1)  # one for all: runtimes of the same precision share features
    work = {setup.name: _encoding(setup, bench.encoder, size, seeds) for setup in ours}
    work[former.name] = _encoding(former, FORMER, FORMER_SIZE, seeds)
    seconds = alternating(work, rounds=1 if bench.quick or is_busy() else ROUNDS)
    rates = {name: 60 * VIEWS / found for name, found in seconds.items()}
    before = rates[former.name]
    rows = []
    for setup in ours:
        found = rates[setup.name]
        rows.append(bench.row(PART, f"views a minute while training, {setup.name}", former.name, before, found,
                              "views", found / before, f"at least {VIEWS_RATIO:g}x",
                              found / before >= VIEWS_RATIO))  # fmt: skip
    return rows


def _encoding(setup: Setup, name: str, size: int | None, seeds: Iterator[int]) -> Callable[[], object]:
    """Draws and encodes ``VIEWS`` views, others each time."""
    from SAMAdaptLib.encoders import load_encoder
    from SAMAdaptLib.features.cache import FeatureCache
    from SAMAdaptLib.features.extractor import FeatureExtractor
    from SAMAdaptLib.progress import Silent
    from SAMAdaptLib.training.config import TrainingConfig
    from SAMAdaptLib.training.context import TrainingContext
    from SAMAdaptLib.training.samples import draw_samples

    with setup.environment():
        encoder = load_encoder(name, device=setup.device, input_size=size)
        config = TrainingConfig(encoder=name, input_size=size, head="cnn", budget="fast", device=setup.device)
        context = TrainingContext.of([phantom(8)], config, Silent(), FeatureCache())
    training = context.data.coarse.training[:2]
    extractor = FeatureExtractor(encoder, ("neck",), context.store)

    def encode() -> None:
        extractor.prepare([sample.view for sample in draw_samples(training, VIEWS // 2, encoder, next(seeds))])

    return encode


def figure(curves: Mapping[str, Mapping[str, float]], path: Path, unit: str = "seconds") -> None:
    """A panel for each volume, a bar for each installation."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(9, 1.2 + 0.5 * sum(map(len, curves.values()))), layout="constrained")
    for place, (what, seconds) in enumerate(reversed(curves.items())):
        axes = drawing.add_subplot(len(curves), 1, place + 1)
        colours = ["0.75", *["#1f6f8b"] * (len(seconds) - 1)]
        bars = axes.barh(list(seconds), list(seconds.values()), color=colours)
        axes.bar_label(bars, [f" {value:.1f} s" for value in seconds.values()], fontsize=9)
        axes.set_title(what, fontsize=10, loc="left")
        axes.invert_yaxis()
        axes.set_xlim(0, 1.15 * max(seconds.values()))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    drawing.axes[-1].set_xlabel(unit)
    drawing.savefig(path, dpi=110)
