"""The verbs that work on volumes: options in, jobs run, an answer out."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..encoders.registry import DEFAULT_ENCODER, registered
from ..errors import InputError
from ..heads.card import read_card
from ..heads.library import find_head
from ..jobs.reading import files_of
from ..jobs.runner import run_job
from ..jobs.specs import BenchmarkJob, CaseFiles, CompleteJob, EmbedJob, EvaluateJob, SegmentJob, TrainJob
from ..worker.benchmark import run_supports
from ..worker.pool import Outcome, OutcomeStatus, name_of, run_many
from . import reports
from .answer import Answer
from .listings import cache, encoders, heads, probe
from .places import expand_images, head_output, outputs, refuse_overwriting, structure_specs
from .tables import counted, table
from .terminal import Terminal, clock

Verb = Callable[[argparse.Namespace, Terminal], Answer]

CANCELLED_STATUS = 3


def train(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """Train a head and write it."""
    start_from = str(find_head(options.start_from)) if options.start_from else None
    job = TrainJob.of(
        options,
        cases=tuple(CaseFiles(image, labels) for image, labels in options.case),
        output=head_output(options.output),
        structures=structure_specs(options.names, options.names_file),
        start_from=start_from,
        encoder=options.encoder or _encoder_of(start_from),
    )
    reports.check_places(options)
    result = run_job(job, terminal)
    reports.leave_training(options, job, result)
    text = _train_text(result)
    if result["cancelled"]:
        note = f"cancelled: the best head so far was kept in {job.output}."
        return Answer(result, text, CANCELLED_STATUS, (note,))
    return Answer(result, text)


def segment(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """Segment one volume into a file, or many into a folder."""
    images = expand_images(options.images, options.channels)
    many = len(options.images) > 1 or images != options.images
    results = outputs(images, options.output, options.ending, many)
    refuse_overwriting([*_with_channels(images, options.channels), str(find_head(options.head))], results)
    reports.check_places(options)
    jobs = _segment_jobs(options, images, results)
    if len(jobs) == 1 and results == [options.output] and options.scheduler is None:
        result = run_job(jobs[0], terminal)
        reports.leave_segmentations(options, [{"image": jobs[0].image, **result}], jobs[0].head)
        return Answer(result, _frames_text(result) if result.get("frames") else _segment_text(result))
    if options.probabilities is not None:
        msg = "--probabilities names one file, but results go to a folder."
        raise InputError(msg, "Segment one image into one file, or leave it out.")
    outcomes = run_many(
        jobs,
        workers=options.workers,
        scheduler=options.scheduler,
        overwrite=options.overwrite or results == [options.output],
        monitor=terminal,
        told=lambda outcome: terminal.say(_outcome_line(outcome)),
    )
    answer = _many_answer("segment", outcomes, terminal.cancelled())
    told = [{**facts, **facts.get("result", {})} for facts in answer.document["volumes"]]
    reports.leave_segmentations(options, [facts for facts in told if facts["ending"] != "skipped"], jobs[0].head)
    return answer


def _with_channels(images: Sequence[str], channels: Sequence[str]) -> list[str]:
    """The files of all channels of the images."""
    return [path for image in images for path in files_of(image, channels)]


def complete(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """Fill the slices that labels leave blank."""
    result = run_job(CompleteJob.of(options), terminal)
    return Answer(result, _complete_text(result))


def embed(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """Encode volumes ahead of their segmentation."""
    head, images = str(find_head(options.head)), expand_images(options.images, options.channels)
    outcomes = run_many(
        [EmbedJob.of(options, image=image, head=head) for image in images],
        workers=options.workers,
        scheduler=options.scheduler,
        monitor=terminal,
        told=lambda outcome: terminal.say(_outcome_line(outcome)),
    )
    return _many_answer("embed", outcomes, terminal.cancelled())


def evaluate(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """Compare two labelmaps."""
    reports.check_places(options)
    result = run_job(EvaluateJob.of(options), terminal)
    return Answer(result, _evaluate_text(result))


def benchmark(options: argparse.Namespace, terminal: Terminal) -> Answer:
    """Train one head per support, measure each on the query volumes."""
    reports.check_places(options)
    to_file = options.json not in (None, "-")
    job = BenchmarkJob.of(options, supports=tuple(options.support), output=options.json if to_file else None)
    result = run_supports(
        job,
        workers=options.workers,
        scheduler=options.scheduler,
        monitor=terminal,
        told=lambda outcome: terminal.say(_support_line(outcome)),
    )
    reports.leave_benchmark(options, result)
    return Answer(result, _benchmark_text(result))


VERBS: dict[str, Verb] = {
    "train": train,
    "segment": segment,
    "complete": complete,
    "embed": embed,
    "evaluate": evaluate,
    "benchmark": benchmark,
    "encoders": encoders,
    "heads": heads,
    "cache": cache,
    "probe": probe,
}


# Options to jobs ----------------------------------------------------------------------------------------------------


def _encoder_of(head: str | None) -> str:
    """The encoder on which a training that starts from ``head`` goes on; the default one without a head.

    Raises HeadFileError when that was a file of the user's own, which only ``--encoder`` can name.
    """
    reference = None if head is None else read_card(head).encoder
    return DEFAULT_ENCODER if reference is None or not reference.sha256 else registered(reference.name)


def _segment_jobs(options: argparse.Namespace, images: Sequence[str], results: Sequence[str]) -> list[SegmentJob]:
    if not images:
        msg = "There is no volume to segment."
        raise InputError(msg)
    first = SegmentJob.of(
        options, image=images[0], head=str(find_head(options.head)), output=results[0], overwrite=True
    )
    return [dataclasses.replace(first, image=i, output=o) for i, o in zip(images, results, strict=True)]


# Many volumes -------------------------------------------------------------------------------------------------------


def _many_answer(kind: str, outcomes: Sequence[Outcome], stopped: bool) -> Answer:
    """Done when all are; else cancelled if it was ``stopped``; else the gravest: a fault of ours, a bad input."""
    counts = {ending: sum(item.ending is ending for item in outcomes) for ending in OutcomeStatus}
    failed = [item.error for item in outcomes if item.ending is OutcomeStatus.FAILED and item.error is not None]
    status = 0
    if counts[OutcomeStatus.CANCELLED] or (failed and stopped):
        status = CANCELLED_STATUS
    elif failed:
        status = max((error.exit_status for error in failed), key=lambda code: code == 1)
    again = sum(item.ending is OutcomeStatus.DONE and item.found is not None for item in outcomes)
    doubtful = sum(item.found is not None and item.found.doubtful for item in outcomes)
    document = {
        "kind": kind,
        **{ending.value: count for ending, count in counts.items()},
        "again": again,
        "doubtful": doubtful,
        "volumes": [_outcome_facts(item) for item in outcomes],
    }
    text = ", ".join(f"{count} {ending.value}" for ending, count in counts.items() if count)
    if again:
        text += f"; {again} of those done had a result that was made otherwise"
    if counts[OutcomeStatus.SKIPPED]:
        text += "; skipped results are there already (--overwrite computes them again)"
    if doubtful:
        text += f"; {doubtful} of them may not be what this head finds: they were edited, or do not say what made them"
    return Answer(document, text, status)


def _outcome_facts(outcome: Outcome) -> dict[str, Any]:
    job = outcome.job
    facts = {"image": getattr(job, "image", ""), "output": getattr(job, "output", ""), "ending": outcome.ending.value}
    if outcome.error is not None:
        facts["error"] = {key: getattr(outcome.error, key) for key in ("code", "message", "hint")}
    if outcome.found is not None:
        facts["found"] = {"stays": outcome.found.stays, "reason": outcome.found.reason}
    return {**facts, **({"result": outcome.result} if outcome.result else {})}


def _outcome_line(outcome: Outcome) -> str:
    name = getattr(outcome.job, "image", outcome.job.kind)
    if outcome.ending is OutcomeStatus.DONE and outcome.result:
        made = outcome.result.get("output") or f"{counted(outcome.result['encoded'], 'slices')} encoded"
        before = outcome.found.reason if outcome.found else ""
        again = f" (again: the result there was made otherwise: {before})" if before else ""
        return f"{name}: done in {clock(outcome.result['seconds'])} -> {made}{again}"
    return f"{name}: {_ending(outcome)}"


def _support_line(outcome: Outcome) -> str:
    return f"{name_of(outcome.job)}: {_ending(outcome)}"


def _ending(outcome: Outcome) -> str:
    """How it ended, with the reason on the same line."""
    reason = f": {' '.join(str(outcome.error).split())}" if outcome.error else ""
    if outcome.ending is OutcomeStatus.SKIPPED and outcome.found is not None:
        reason = f": {Path(str(getattr(outcome.job, 'output', ''))).name} stays, for {outcome.found.reason}"
    return f"{outcome.ending.value}{reason}"


# Results to text ----------------------------------------------------------------------------------------------------


def _train_text(result: dict[str, Any]) -> str:
    dice = result["quality"].get("dice", {})
    rows = [(item["value"], item["name"], dice.get(str(item["value"]))) for item in result["structures"]]
    training = result["training"]
    facts = f"{result['head_type']} on {result['encoder']}, {result['plane']['name']} slices"
    work = ", ".join(counted(training[key], key) for key in ("slices", "views", "steps") if key in training)
    lines = [
        f"{result['head']}: {facts}; {work}; {clock(result['seconds'])}",
        table(("label", "structure", "held-out Dice"), rows, right=(0, 2)),
    ]
    if result["mean_dice"] is None:
        lines.append("Too few annotated slices to hold any out: the quality was not measured.")
    elif result.get("expected_dice") is not None:
        lines.append(f"On other patients expect a mean Dice of about {result['expected_dice']:.2f} (an estimate).")
    if training.get("unlabeled"):
        lines.append(f"{training['unlabeled']} unlabelled volumes were learned from as well.")
    return "\n".join(lines)


def _segment_text(result: dict[str, Any]) -> str:
    rows = [(row["value"], row["name"], row["volume_ml"], row["confidence"]) for row in result["structures"]]
    head = f"{result['output']}: {clock(result['seconds'])}"
    return head + "\n" + table(("label", "structure", "volume ml", "confidence"), rows, right=(0, 2, 3))


def _frames_text(result: dict[str, Any]) -> str:
    """The volume of each structure in each frame, and the mean."""
    rows = [
        (frame["frame"], frame["index"], *(row["volume_ml"] for row in frame["structures"]))
        for frame in result["frames"]
    ]
    rows.append(("mean", "", *(row["volume_ml"] for row in result["structures"])))
    names = [f"{row['name']} ml" for row in result["structures"]]
    head = f"{result['output']}: {counted(len(result['frames']), 'frames')}, {clock(result['seconds'])}"
    return head + "\n" + table(("frame", "at", *names), rows, right=range(2 + len(names)))


def _complete_text(result: dict[str, Any]) -> str:
    rows = [(row["value"], row["name"], row["volume_ml"]) for row in result["structures"]]
    head = f"{result['output']}: {len(result['annotated_slices'])} annotated slices, {clock(result['seconds'])}"
    return head + "\n" + table(("label", "structure", "volume ml"), rows, right=(0, 2))


def _evaluate_text(result: dict[str, Any]) -> str:
    keys = ("value", "name", "dice", "nsd", "hd95_mm", "predicted_ml", "reference_ml")
    rows: list[Sequence[Any]] = [[row[key] for key in keys] for row in result["structures"]]
    rows.append(["", "mean", result["mean_dice"], result["mean_nsd"], result["mean_hd95_mm"], "", ""])
    tolerance = f"NSD {result['tolerance_mm']:g} mm"
    headings = ("label", "structure", "Dice", tolerance, "HD95 mm", "volume ml", "reference ml")
    of_all = table(headings, rows, right=(0, 2, 3, 4, 5, 6))
    if not result.get("frames"):
        return of_all
    scores = ("mean_dice", "mean_nsd", "mean_hd95_mm")
    each = [[frame["frame"], frame["index"], *(frame[key] for key in scores)] for frame in result["frames"]]
    of_frames = table(("frame", "at", "mean Dice", tolerance, "HD95 mm"), each, right=range(5))
    return f"{of_frames}\n\nMeans over {counted(len(each), 'frames')}:\n{of_all}"


def _benchmark_text(result: dict[str, Any]) -> str:
    rows: list[Sequence[Any]] = [
        (" + ".join(item["support"]), item["head"], item["mean_dice"], float(item["train_seconds"]), len(item["cases"]))
        for item in result["supports"]
    ]
    rows.append(("mean over supports", "", result["mean_dice"], None, ""))
    rows.append(("standard deviation", "", result["sd_dice"], None, ""))
    return table(("support", "head", "mean Dice", "training s", "cases"), rows, right=(2, 3, 4))
