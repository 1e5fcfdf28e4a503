"""Turns a job into calls of the rooms that do the work: reads its files, runs it, writes its files whole.

    result = run_job(SegmentJob("ct.nii.gz", "liver.samhead", "liver.seg.nrrd"), monitor)

The result is a plain dictionary for JSON: ``kind``, what came out, ``seconds``, ``settings`` (the job without its
paths), ``version``, ``warnings``. What is heavy is imported when a job needs it; heads stay loaded between jobs.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..errors import InputError
from ..progress import COMPARING, ENCODING_SLICES, READING, Forwarding, Monitor, Silent
from ..training.config import TrainingConfig
from ..utils.disk.safepaths import printable
from .path_checks import check_not_an_input, check_readable, check_writable
from .reading import files_of, load_warm_head, read_cases, read_on_grid_of, read_with_channels
from .specs import (
    BenchmarkJob,
    CompleteJob,
    EmbedJob,
    EvaluateJob,
    Job,
    LiveJob,
    ProbeJob,
    SegmentJob,
    SuggestJob,
    TrainJob,
    WeightsJob,
)

if TYPE_CHECKING:
    from ..data.io.volumes import Labelmap
    from ..evaluation.metrics import Evaluation
    from ..heads.card import HeadCard
    from ..heads.head import Head


def run_job(job: Job, monitor: Monitor | None = None) -> dict[str, Any]:
    """Do a job; gives its result. Raises what the rooms raise, all of one family; Cancelled when stopped.

    A training that is cancelled after its first good state writes that head and returns with ``cancelled`` true.
    """
    listener = Forwarding(monitor or Silent())
    began = time.monotonic()
    with _weights_from(getattr(job, "weights", None)):
        result = _RUN[job.kind](job, listener)
    return answer(job, result, began, listener.warnings)


def answer(job: Job, result: dict[str, Any], began: float, warnings: Sequence[str]) -> dict[str, Any]:
    """A job's result with what is said of every job. ``began``: ``time.monotonic()`` value."""
    return {
        "kind": job.kind,
        "seconds": round(time.monotonic() - began, 3),
        "settings": job.settings(),
        "version": __version__,
        "warnings": list(warnings),
        **result,
    }


# The jobs -----------------------------------------------------------------------------------------------------------


def _train(job: TrainJob, monitor: Monitor) -> dict[str, Any]:
    images = [
        path
        for image in (*(case.image for case in job.cases), *job.unlabeled)
        for path in files_of(image, job.channels)
    ]
    check_readable(*images, *(case.labels for case in job.cases))
    check_writable(job.output)
    from ..data.channels import kinds_of_words
    from ..heads.head import save_head
    from ..training.train import train

    head = train(
        read_cases(job, monitor),
        config=TrainingConfig.of(job),
        unlabeled=[read_with_channels(path, job.channels, monitor) for path in job.unlabeled],
        name=printable(Path(job.output).stem),
        monitor=monitor,
        start_from=None if job.start_from is None else load_warm_head(job.start_from),
        channel_names=kinds_of_words(job.channels),
    )
    save_head(head, job.output)
    return {"head": job.output, **head_facts(head.card), **_kept_although_cancelled(head)}


def _segment(job: SegmentJob, monitor: Monitor) -> dict[str, Any]:
    from .segmentation import segment_image

    return segment_image(job, monitor)


def _evaluate(job: EvaluateJob, monitor: Monitor) -> dict[str, Any]:
    check_readable(*filter(None, (job.prediction, job.reference, job.image)))
    if job.report is not None:
        check_writable(job.report)
        check_not_an_input(job.report, job.prediction, job.reference)
    from .sequences import compare_frames, frames_to_compare

    frames = frames_to_compare(job)
    if frames is not None:
        return compare_frames(job, frames, _compare, monitor)
    prediction, reference, evaluation = _compare(job, monitor)
    if job.report is not None:
        from .reporting import report_evaluation

        image = None if job.image is None else Path(job.image)
        report_evaluation(Path(job.report), image, prediction, reference, evaluation)
    return evaluation.to_dict()


def _compare(job: EvaluateJob, monitor: Monitor) -> tuple[Labelmap, Labelmap, Evaluation]:
    """The prediction, on the reference's grid, the reference, and how they compare."""
    from ..data.io.volumes import read_labelmap
    from ..evaluation.metrics import DEFAULT_TOLERANCE_MM, evaluate

    monitor.progress(READING.text(), 0, 2)
    reference = read_labelmap(job.reference, monitor=monitor)
    monitor.progress(READING.text(), 1, 2)
    prediction = read_on_grid_of(job, reference, monitor)
    monitor.progress(COMPARING.text(), 0, 1)
    tolerance = DEFAULT_TOLERANCE_MM if job.tolerance_mm is None else job.tolerance_mm
    evaluation = evaluate(prediction, reference, tolerance, job.values or None, by_value=job.by_value)
    monitor.progress(COMPARING.text(), 1, 1)
    return prediction, reference, evaluation


def _benchmark(job: BenchmarkJob, monitor: Monitor) -> dict[str, Any]:
    if job.output is not None:
        check_writable(job.output)
    from .benchmark import run

    return run(job, monitor)


def _embed(job: EmbedJob, monitor: Monitor) -> dict[str, Any]:
    check_readable(*files_of(job.image, job.channels), *filter(None, (job.head,)))
    from ..encoders import load_encoder, load_encoder_of
    from ..features.cache import FeatureCache
    from ..features.extractor import FeatureExtractor
    from ..features.sliced_volume import SlicedVolume, slices_for_head
    from ..inference.cascade import CascadePredictor
    from ..preprocessing.augmentation import AugmentationParams
    from ..preprocessing.intensity import rule_for

    volume = read_with_channels(job.image, job.channels, monitor)
    head = None if job.head is None else load_warm_head(job.head)
    card = None if head is None else head.card
    levels = list(job.levels) if card is None else sorted(card.encoder.levels)
    encoder = (
        load_encoder_of(card.encoder.name, card.input_size, job.device, monitor)
        if card
        else load_encoder(job.encoder, device=job.device, monitor=monitor, input_size=job.input_size)
    )
    sliced = (
        slices_for_head(card, volume)
        if card
        else SlicedVolume(volume, job.plane, [rule_for(channel, job.intensity) for channel in volume.channels])
    )
    pictures = [sliced.picture(index) for index in range(len(sliced))]
    views = [picture.view(AugmentationParams(), encoder) for picture in pictures if not picture.is_flat]
    store = FeatureCache()
    encoded = FeatureExtractor(encoder, levels, store).prepare(views, monitor, ENCODING_SLICES.text())
    if head is not None and head.closer is not None:
        # Where the closer look goes follows from the first one: both must be taken to encode what they see.
        for _ in CascadePredictor(head, encoder, job.device, monitor, store).slices(sliced):
            pass
    return {"slices": len(pictures), "views": len(views), "encoded": encoded}


def _suggest(job: SuggestJob, monitor: Monitor) -> dict[str, Any]:
    check_readable(*files_of(job.image, job.channels), job.head)
    from ..inference.slice_suggestion import suggest_slices

    head = load_warm_head(job.head)
    volume = read_with_channels(job.image, job.channels, monitor)
    found = suggest_slices(volume, head, count=job.count, device=job.device, monitor=monitor)
    return {"head": head.card.name, "suggestions": [item.to_dict() for item in found]}


def _complete(job: CompleteJob, monitor: Monitor) -> dict[str, Any]:
    from .live import complete
    from .segmentation import labelmap_facts

    labelmap, facts = complete(job, monitor)
    return {"output": job.output, **facts, "structures": labelmap_facts(labelmap)}


def _live(job: LiveJob, monitor: Monitor) -> dict[str, Any]:
    from .live import serve_live

    return serve_live(job, monitor)


def _weights(job: WeightsJob, monitor: Monitor) -> dict[str, Any]:
    from ..encoders.registry import find
    from ..encoders.weights.store import ensure, import_file

    if job.file is not None:
        check_readable(job.file)
        entry = import_file(job.file, monitor)
        return {"encoder": entry.name, "title": entry.title, "bytes": entry.bytes}
    entry = find(str(job.encoder))
    if not entry.file:
        msg = f"The encoder {entry.name} has no weights to fetch."
        raise InputError(msg, "It can be used as it is.")
    for each in (entry, find(entry.decoder)) if entry.decoder else (entry,):
        ensure(each, monitor)
    return {"encoder": entry.name, "title": entry.title, "bytes": entry.bytes}


def _probe(job: ProbeJob, monitor: Monitor) -> dict[str, Any]:
    from .probe import probe

    return probe(job, monitor)


_RUN: dict[str, Callable[[Any, Monitor], dict[str, Any]]] = {
    "train": _train,
    "segment": _segment,
    "evaluate": _evaluate,
    "benchmark": _benchmark,
    "embed": _embed,
    "suggest": _suggest,
    "complete": _complete,
    "live": _live,
    "weights": _weights,
    "probe": _probe,
}


# Their parts --------------------------------------------------------------------------------------------------------


def head_facts(card: HeadCard) -> dict[str, Any]:
    """What a result says of a head: name, structures, quality, how it was trained."""
    return {
        "name": card.name,
        "head_type": card.head_type,
        "encoder": card.encoder.name,
        "input_size": card.input_size,
        "encoder_sha256": card.encoder.sha256,
        "plane": card.plane.to_dict(),
        "modality": card.modality,
        "structures": [structure.to_dict() for structure in card.structures],
        "mean_dice": card.mean_dice,
        "expected_dice": card.expected_dice,
        "quality": card.quality.to_dict(),
        "training": card.training.to_dict(),
    }


def _kept_although_cancelled(head: Head) -> dict[str, Any]:
    if not head.card.training.cancelled:
        return {"cancelled": False}
    return {"cancelled": True, "note": "Cancelled; the best head so far was kept."}


@contextlib.contextmanager
def _weights_from(place: str | None) -> Iterator[None]:
    """The encoders look at ``SAMADAPT_WEIGHTS`` first; a job may say so, too."""
    if place is None:
        yield
        return
    from ..encoders.weights.store import require_known

    check_readable(place)
    require_known(Path(place))
    before = os.environ.get("SAMADAPT_WEIGHTS")
    os.environ["SAMADAPT_WEIGHTS"] = str(Path(place).resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ["SAMADAPT_WEIGHTS"]
        else:
            os.environ["SAMADAPT_WEIGHTS"] = before
