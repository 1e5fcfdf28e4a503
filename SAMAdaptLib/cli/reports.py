"""What a verb leaves behind besides its results: a page (--report) and a table (--csv), for people to send on."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..data.formats import frame_name
from ..errors import InputError
from ..jobs.specs import TrainJob
from ..utils.process import program

PAGE_ENDINGS = (".html", ".htm")


def check_places(options: argparse.Namespace) -> None:
    """Raises InputError for a report or a table that could not be written: before the work, not after it."""
    from ..jobs.path_checks import check_writable

    report, table = getattr(options, "report", None), getattr(options, "csv", None)
    if report is not None and not report.lower().endswith(PAGE_ENDINGS):
        msg = f"A report is a web page; {report!r} does not end in .html."
        raise InputError(msg, "Name it, say, report.html.")
    if table is not None and not table.lower().endswith(".csv"):
        msg = f"{table!r} does not end in .csv."
        raise InputError(msg, "Name it, say, volumes.csv.")
    for path in filter(None, (report, table)):
        check_writable(path)


def leave_segmentations(options: argparse.Namespace, answers: Sequence[Mapping[str, Any]], head: str) -> None:
    """The page and the table of volumes that were segmented, where they were asked for. Raises InputError."""
    answers = _by_frame(answers)
    if options.csv is not None:
        _write_table(Path(options.csv), answers)
    if options.report is not None:
        from ..jobs.reporting import report_segmentations

        count = len(answers)
        title = Path(str(answers[0]["image"])).name if count == 1 else f"{count} volumes"
        report_segmentations(Path(options.report), title, answers, Path(head), again(options))


def _by_frame(answers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One answer a volume: that of several frames becomes one for each, named "cine.nii.gz@3"."""
    found: list[Mapping[str, Any]] = []
    for answer in answers:
        frames = answer.get("frames") or ()
        if not frames:
            found.append(answer)
        for frame in frames:
            places = {key: answer[key] for key in ("image", "output", "probabilities") if key in answer}
            found.append({**frame, **{key: frame_name(path, frame["frame"]) for key, path in places.items()}})
    return found


def leave_training(options: argparse.Namespace, job: TrainJob, answer: Mapping[str, Any]) -> None:
    """The page of a training, where it was asked for. Raises InputError."""
    if options.report is not None:
        from ..jobs.reporting import report_training

        first = job.cases[0]
        case = Path(first.image), Path(first.labels)
        report_training(Path(options.report), Path(job.output), case, answer, again(options))


def leave_benchmark(options: argparse.Namespace, result: Mapping[str, Any]) -> None:
    """The page of a benchmark, where it was asked for. Raises InputError."""
    if options.report is not None:
        from ..jobs.reporting import report_benchmark

        report_benchmark(Path(options.report), result, again(options))


def again(options: argparse.Namespace) -> str:
    """The command, as it can be typed again; file names alone, since a page is sent on."""
    words = [program(), str(options.verb)]
    for name in ("head", "budget", "encoder"):
        value = getattr(options, name, None)
        if isinstance(value, str):
            words += [f"--{name}", shlex.quote(Path(value).name)]
    return " ".join(words) + " ..."


def _write_table(path: Path, answers: Sequence[Mapping[str, Any]]) -> None:
    from ..evaluation.volume_table import StructureRow, csv_text
    from ..utils.files import write_content

    rows = []
    for answer in answers:
        name = Path(str(answer["image"])).name
        if "error" in answer:
            rows.append(StructureRow(name, "", None, None, warnings=(f"not segmented: {answer['error']['message']}",)))
        for row in answer.get("structures", ()):
            said = tuple(answer.get("warnings", ()))
            rows.append(StructureRow(name, row["name"], row["volume_ml"], row["confidence"], warnings=said))
    write_content(path, csv_text(rows))
