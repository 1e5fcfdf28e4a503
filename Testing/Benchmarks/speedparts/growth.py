"""How cost grows with slices, structures, views and volumes: curves for the figure, no ratio."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .common import Bench, Row, fresh_home, phantom, quick_head, timed

PART = "growth"
AXES = ("slices of a volume", "structures", "views a slice", "volumes")


def measure(bench: Bench) -> list[Row]:
    """Fills ``bench.curves``: {axis: {"unit", "x", "seconds"}}."""
    with fresh_home(bench.encoder) as home:
        head = quick_head(bench, home / "growth.samhead")
        measured = (_slices(bench, head), _structures(bench), _views(bench), _volumes(bench, head))
    bench.curves.update(zip(AXES, measured, strict=True))
    return []


def _slices(bench: Bench, path: Path) -> dict[str, Any]:
    """Segmenting volumes that nothing is known of."""
    from SAMAdaptLib.heads.head import load_head
    from SAMAdaptLib.inference.segment import segment

    head = load_head(path)
    segment(phantom(1, seed=99).volume, head)
    counts = [2, 4] if bench.quick else [5, 10, 20, 40]
    seconds = [timed(lambda n=n: segment(phantom(n, seed=100 + n).volume, head)) for n in counts]
    return {"what": "segmenting a volume", "x": counts, "seconds": seconds}


def _structures(bench: Bench) -> dict[str, Any]:
    """An optimizer's step of the default head, features being there."""
    import torch

    from SAMAdaptLib.encoders import load_encoder
    from SAMAdaptLib.training.config import FITS
    from SAMAdaptLib.training.fit import seconds_per_step, sizes_of, untrained

    encoder = load_encoder(bench.encoder)
    counts = [1, 10] if bench.quick else [1, 3, 10, 30, 100]
    seconds = []
    for count in counts:
        module = untrained("cnn", encoder, count + 1)
        seconds.append(seconds_per_step(module, sizes_of(encoder, module), torch.device("cpu"), FITS["cnn"]))
    return {"what": "a step of the cnn head", "x": counts, "seconds": seconds}


def _views(bench: Bench) -> dict[str, Any]:
    """Encoding the views of eight annotated slices."""
    from SAMAdaptLib.features.extractor import FeatureExtractor
    from SAMAdaptLib.training.samples import draw_samples

    counts = [1, 2] if bench.quick else [1, 2, 4, 8]
    seconds = []
    for count in counts:
        context = _context(bench, 8, seed=200 + count)
        samples = draw_samples(context.data.coarse.training, count, context.encoder, count)
        embedder = FeatureExtractor(context.encoder, context.levels, context.store)
        seconds.append(timed(partial(embedder.prepare, [sample.view for sample in samples])))
    return {"what": "encoding 8 slices", "x": counts, "seconds": seconds}


def _volumes(bench: Bench, path: Path) -> dict[str, Any]:
    """A folder of volumes of five slices, one after the other in this process."""
    from SAMAdaptLib.data.io.volumes import write_volume
    from SAMAdaptLib.jobs.specs import SegmentJob
    from SAMAdaptLib.worker.pool import run_many

    counts = [1, 2] if bench.quick else [1, 2, 4, 8]
    seconds = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            jobs = []
            for number in range(count):
                image = Path(folder) / f"{number}.nii.gz"
                write_volume(phantom(5, seed=1000 * count + number).volume, image)
                jobs.append(SegmentJob(str(image), str(path), str(Path(folder) / f"{number}.seg.nrrd")))
            seconds.append(timed(lambda jobs=jobs: run_many(jobs)))
    return {"what": "segmenting volumes of 5 slices", "x": counts, "seconds": seconds}


def _context(bench: Bench, slices: int, seed: int = 0) -> Any:
    from SAMAdaptLib.features.cache import FeatureCache
    from SAMAdaptLib.progress import Silent
    from SAMAdaptLib.training.config import TrainingConfig
    from SAMAdaptLib.training.context import TrainingContext

    config = TrainingConfig(encoder=bench.encoder, head="cnn", budget="fast", device="cpu")
    return TrainingContext.of([phantom(slices, seed=seed)], config, Silent(), FeatureCache())


def figure(curves: dict[str, Any], path: Path) -> None:
    """A panel for each axis, seconds over counts, with the straight line through the ends."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(10.5, 2.6), layout="constrained")
    for place, (name, curve) in enumerate(curves.items()):
        axes = drawing.add_subplot(1, len(curves), place + 1)
        counts, seconds = np.array(curve["x"], float), np.array(curve["seconds"])
        axes.plot(counts[[0, -1]], seconds[[0, -1]], color="0.75", linewidth=1, linestyle="--")
        axes.plot(counts, seconds, marker="o", color="#1f6f8b")
        axes.set_xlabel(name)
        axes.set_title(curve["what"], fontsize=9)
        axes.set_ylim(bottom=0)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    drawing.axes[0].set_ylabel("seconds")
    drawing.savefig(path, dpi=110)
