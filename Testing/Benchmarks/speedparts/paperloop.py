"""Training to the same held-out Dice: the paper's loop beside ours.

The baseline is rebuilt from the description in Hu, Xu, Shi, arXiv 2306.13731: augmentation in image space, so that
the encoder runs for every picture of every batch; batches of 4, Adam at 5e-4, 120 epochs, cross-entropy and soft Dice.
It gets the same head where ours is AutoSAM, the same views, and a cache of nothing. It is run twice: as it comes,
MobileSAM at 1024 pixels in ONNX Runtime's default session and the head by segment-anything's own modules, and with the
encoder that ours has, at the same size, and the head as ours is computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

import numpy as np

from . import baseline
from .common import Bench, Row, fresh_home

Curve: TypeAlias = "list[tuple[float, float]]"
"""(seconds, held-out Dice) at each look."""

PART = "training"
EPOCHS = 120
BATCH = 4
RATE = 5e-4
AS_IT_COMES, AS_OURS = "the paper's loop", "the paper's loop with our encoder and head"

LOOKS = 24
"""How often the held-out Dice is taken, in both; in the paper's loop looking is not counted as time."""

SUPPORT = "patient061"
LEAST = 20


def measure(bench: Bench) -> list[Row]:
    """One patient's end-diastolic volume; needs real volumes."""
    from reference_sam import reference_logits

    if bench.data is None or not (bench.data / "acdc" / "images").is_dir():
        return [Row(PART, "training to the same held-out Dice", "skipped: no --data with acdc", None, None, "s")]
    theirs = {AS_OURS: _anew(paper_loop, bench, lambda head, neck, pictures: head({"neck": neck}, pictures))}
    if bench.encoder != "tiny":
        as_it_comes = _anew(paper_loop, bench, lambda head, neck, _: reference_logits(head, neck), True)
        theirs = {AS_IT_COMES: as_it_comes, **theirs}
    ours = {head: _anew(our_loop, bench, head) for head in ("cnn", "autosam")}
    bench.curves["training paper"] = theirs[AS_OURS]
    bench.curves |= {f"training {head}": curve for head, curve in ours.items()}
    return [
        row
        for loop, curve in theirs.items()
        for head, our_curve in ours.items()
        for row in _compared(bench, head, our_curve, loop, curve)
    ]


def _anew(loop: Callable[..., Curve], bench: Bench, *more: Any) -> Curve:
    """What a loop gives in a home where no feature and no pace is known."""
    with fresh_home(bench.encoder, *([] if bench.encoder == "tiny" else ["mobile_sam"])):
        return loop(bench, *more)


def _compared(bench: Bench, head: str, ours: Curve, loop: str, theirs: Curve) -> list[Row]:
    """To the best held-out Dice of ``theirs``, against when it first had it and against its whole time."""
    best = max(dice for _, dice in theirs)
    reached = next(seconds for seconds, dice in theirs if dice >= best)
    seconds = next((seconds for seconds, dice in ours if dice >= best), None)
    words, baseline = f"{head} to held-out Dice {best:.3f}", f"{loop} until it first had it"
    target = f"at least {LEAST}x" if loop == AS_IT_COMES else ""
    if seconds is None:
        return [Row(PART, words + ", not reached", baseline, reached, None, "s", None, target, False)]
    ratio = reached / seconds
    met = ratio >= LEAST if target else None
    whole = theirs[-1][0]
    return [
        bench.row(PART, words, baseline, reached, seconds, "s", ratio, target, met),
        bench.row(PART, words, f"{loop} to its end", whole, seconds, "s", whole / seconds),
    ]


def paper_loop(bench: Bench, logits_of: Callable[[Any, Any, Any], Any], as_it_comes: bool = False) -> Curve:
    """As the paper trains; ``logits_of`` has a head, the features of a batch and its pictures.

    ``as_it_comes``: with the baseline's encoder in place of ours.
    """
    import torch

    from SAMAdaptLib.features.extractor import FeatureExtractor, picture_of, picture_to_float
    from SAMAdaptLib.networks.base import upsample
    from SAMAdaptLib.preprocessing.augmentation import AugmentationRanges
    from SAMAdaptLib.training.budget import StageBudget
    from SAMAdaptLib.training.candidates import HeadCandidates
    from SAMAdaptLib.training.fit import segmentation_loss

    context = _context(bench, "autosam", former=as_it_comes)
    encode = baseline.OnnxSession().encode if as_it_comes else context.encoder.encode
    slices, checks = context.data.coarse.training, _checks(context)
    embedder = FeatureExtractor(context.encoder, context.levels, context.store)
    torch.manual_seed(0)
    module = HeadCandidates(context, StageBudget.of(context.budget, 1), context.encoder, [], []).new_module("autosam")
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
    chance, settings = np.random.default_rng(0), AugmentationRanges()
    steps = (2 if bench.quick else EPOCHS) * len(slices) // BATCH
    seconds, curve = 0.0, []
    for step in range(steps):
        began = time.perf_counter()
        chosen = [(slices[index], settings.draw(chance)) for index in chance.choice(len(slices), BATCH)]
        canvases = np.stack([item.content.view(drawn, context.encoder).paint() for item, drawn in chosen])
        neck = torch.from_numpy(encode(canvases)["neck"])
        pictures = torch.from_numpy(np.stack([picture_to_float(picture_of(canvas))[None] for canvas in canvases]))
        targets = np.stack([item.target(drawn, module.loss_size) for item, drawn in chosen])
        module.train()
        logits = upsample(logits_of(module, neck, pictures), module.loss_size)
        loss = segmentation_loss(logits, torch.from_numpy(targets.astype(np.int64)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds += time.perf_counter() - began
        if (step + 1) % max(1, steps // LOOKS) == 0 or step + 1 == steps:
            curve.append((seconds, _held_out(module, embedder, checks)))
            bench.say(f"[{PART}] paper's loop, step {step + 1} of {steps}: {seconds:.0f} s, Dice {curve[-1][1]:.3f}")
    return curve


def our_loop(bench: Bench, head: str) -> Curve:
    """As ``train`` does it at the budget ``fast``, encoding included, nothing known before.

    As in the paper's loop, reading the case and loading the encoder are not counted.
    """
    from SAMAdaptLib.progress import Silent
    from SAMAdaptLib.training import fit as fitting
    from SAMAdaptLib.training.budget import StageBudget
    from SAMAdaptLib.training.train import fit_stages

    class Watch(Silent):
        def metric(self, name: str, step: int, value: float) -> None:
            if name == "held-out Dice":
                curve.append((time.perf_counter() - began, value))

    curve: list[tuple[float, float]] = []
    context = _context(bench, head, Watch())
    began = time.perf_counter()
    with mock.patch.object(fitting, "EVALUATIONS", LOOKS):
        fit_stages(context, StageBudget.of(context.budget, context.stages))
    bench.say(f"[{PART}] {head}: " + ", ".join(f"{s:.0f} s {dice:.3f}" for s, dice in curve))
    return curve


def _context(bench: Bench, head: str, monitor: Any = None, former: bool = False) -> Any:
    from SAMAdaptLib.data.case import Case
    from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
    from SAMAdaptLib.features.cache import FeatureCache
    from SAMAdaptLib.progress import Silent
    from SAMAdaptLib.training.config import TrainingConfig
    from SAMAdaptLib.training.context import TrainingContext

    folder = Path(bench.data or "") / "acdc"
    image = sorted((folder / "images").glob(f"{SUPPORT}_*"))[0]
    volume = read_volume(image)
    case = Case(volume, read_labelmap(folder / "labels" / image.name, like=volume))
    encoder, size = ("mobile_sam", baseline.SIZE) if former else (bench.encoder, None)
    config = TrainingConfig(encoder=encoder, input_size=size, head=head, budget="fast", device="cpu")
    return TrainingContext.of([case], config, monitor or Silent(), FeatureCache())


def _checks(context: Any) -> Any:
    return context.samples(context.data.coarse, context.encoder, context.budget)[1]


def _held_out(module: Any, embedder: Any, checks: Any) -> float:
    import torch

    from SAMAdaptLib.training.fit import held_out_dice
    from SAMAdaptLib.training.loader import SampleLoader

    found = held_out_dice(module, SampleLoader(module, embedder, torch.device("cpu")), checks)
    return 0.0 if found is None else found.mean
