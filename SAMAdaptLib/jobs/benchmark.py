"""The protocol: one head per support, every query volume segmented on its own grid and measured, means and spread.

    FOLDER/images/ID.nii.gz   (or .nii, .nrrd, .mha, or a folder with a DICOM series)
    FOLDER/labels/ID.nii.gz   (or .seg.nrrd, ...; same name, same grid)

What is quoted is the head that training hands over, at the end of its budget: query labels choose nothing. A query
volume that a support trains on is left out for that support. Results are written after each support, so that a run
that is interrupted keeps what it has (``complete`` is false then).
"""

from __future__ import annotations

import difflib
import json
import math
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.channels import firsts_among, kinds_of_words, without_word
from ..data.formats import READABLE, is_result
from ..data.io.volume_folder import files_by_id
from ..data.io.volumes import read_labelmap
from ..data.matching import Labelling, matched
from ..errors import Cancelled, DependencyError, InputError
from ..evaluation.metrics import DEFAULT_TOLERANCE_MM, Evaluation, evaluate, json_number, mean_score
from ..inference.config import InferenceConfig
from ..progress import SEGMENTING, SUPPORT, Forwarding, Monitor, Silent, raise_if_cancelled
from ..training.config import TrainingConfig
from ..utils.files import write_content
from ..utils.memory import peak_memory_mb
from ..utils.timing import clock
from .reading import read_with_channels

if TYPE_CHECKING:
    from ..data.io.volumes import Labelmap, Volume
    from ..heads.card import HeadCard
    from ..heads.head import Head
    from .specs import BenchmarkJob

MEASURES = ("dice", "nsd", "hd95_mm")

_NAMED_IDS = 12


@dataclass(frozen=True)
class Tools:
    """How heads are made and used; tests hand in others."""

    train: Callable[..., Head]
    segment: Callable[..., Labelmap]


class Dataset:
    """The labelled volumes of a folder, by id (a file's name without its ending, and without its channel's word)."""

    def __init__(self, folder: str | Path, channels: Sequence[str] = ()) -> None:
        """Raises InputError when images or labels are missing, or when two files share an id."""
        self.folder, self.channels = Path(folder), tuple(channels)
        self.images = self._first_channels(_files(self.folder / "images", series=True))
        self.labels = self._first_channels(_files(self.folder / "labels", series=False), also_others=True)

    def _first_channels(self, files: dict[str, Path], also_others: bool = False) -> dict[str, Path]:
        """Files by the name that all channels of a body share; of images only those of the first channel."""
        if not self.channels:
            return files
        firsts = set(firsts_among([str(path) for path in files.values()], self.channels))
        return {
            without_word(name, self.channels[0]).strip("_-. "): path
            for name, path in files.items()
            if also_others or str(path) in firsts
        }

    def resolve(self, wanted: Iterable[str], labelled: bool = True) -> tuple[str, ...]:
        """Full ids for ids or beginnings of ids, in order, each once.

        A beginning that ends where a word of the id ends (``patient1`` of ``patient1_frame01``, not of
        ``patient10_frame01``) is preferred to one within a word. Raises InputError naming what exists.
        """
        known = sorted(name for name in self.images if not labelled or name in self.labels)
        found: dict[str, None] = {}
        for name in wanted:
            found.update(dict.fromkeys(self._matching(name, known, labelled)))
        return tuple(found)

    def _matching(self, name: str, known: list[str], labelled: bool) -> list[str]:
        if name in known:
            return [name]
        if labelled and name in self.images:
            msg = f"{name} has no labels: {self.folder / 'labels'} holds no file of that name."
            raise InputError(msg, "Add its labelmap, or leave it out.")
        begun = [one for one in known if name and one.startswith(name)]
        whole_words = [one for one in begun if not one[len(name)].isalnum()]
        if not begun:
            msg = f"No {'labelled ' if labelled else ''}volume in {self.folder} is called or begins with {name!r}."
            raise InputError(msg, _what_exists(name, known))
        return whole_words or begun

    def volume(self, name: str, monitor: Monitor) -> Volume:
        return read_with_channels(str(self.images[name]), self.channels, monitor)

    def labelmap(self, name: str, like: Volume, resample: bool, monitor: Monitor) -> Labelmap:
        return read_labelmap(self.labels[name], like=like, resample=resample, monitor=monitor)


def run(job: BenchmarkJob, monitor: Monitor | None = None, tools: Tools | None = None) -> dict[str, Any]:
    """Run the protocol; gives the results and writes them to ``job.output``, with a figure beside it (.png).

    ``{"mean_dice", "sd_dice", "supports": [{"support", "head", "train_seconds", "peak_mb", "mean_dice", "cases":
    [{"id", "seconds", "dice", "nsd", "hd95_mm", ...}]}], "structures", "settings", "complete"}``. Means go over
    structures, then cases, then supports; ``sd_dice`` is the sample standard deviation over supports (None for one).
    JSON-safe: no score is None. Raises InputError for ids that do not exist, Cancelled, and what training and
    segmentation raise; finished supports are on disk then.
    """
    return _Benchmark(job, monitor or Silent(), tools or _real_tools()).run()


class _Benchmark:
    """One run: what was resolved, and the supports done so far."""

    def __init__(self, job: BenchmarkJob, monitor: Monitor, tools: Tools) -> None:
        self.job, self.monitor, self.tools = job, monitor, tools
        self.data = Dataset(job.data, job.channels)
        self.supports = [self.data.resolve(ids) for ids in job.supports]
        self.query = self.data.resolve(job.query)
        self.unlabeled = self.data.resolve(job.unlabeled, labelled=False)
        self.tolerance = DEFAULT_TOLERANCE_MM if job.tolerance_mm is None else job.tolerance_mm
        self.done: list[dict[str, Any]] = []
        self.names: dict[str, str] = {}
        self.may_draw = True
        for support in self.supports:
            if not set(self.query) - set(support):
                msg = f"All query volumes are in the support {', '.join(support)}: nothing is left to measure."
                raise InputError(msg, "Give query volumes that the head was not trained on.")

    def run(self) -> dict[str, Any]:
        for number, support in enumerate(self.supports, start=1):
            several = len(self.supports) > 1
            prefix = SUPPORT.text(number=number, count=len(self.supports), stage="") if several else ""
            self.done.append(self._measure(support, Forwarding(self.monitor, prefix)))
            self._save()
        return self._result()

    def _measure(self, support: Sequence[str], monitor: Monitor) -> dict[str, Any]:
        """Train on a support, segment and measure every query volume that is not part of it."""
        self._require_one_labelling(support)
        head, seconds = self._train(support, monitor)
        self.names.update({str(item.value): item.name for item in head.card.structures})
        query = [name for name in self.query if name not in support]
        if len(query) < len(self.query):
            left_out = len(self.query) - len(query)
            monitor.warning(f"{left_out} of {len(self.query)} query volumes are in the support and left out.")
        cases = []
        for done, name in enumerate(query):
            monitor.progress(SEGMENTING.text(), done, len(query))
            raise_if_cancelled(monitor)
            cases.append(self._case(name, head, monitor))
        monitor.progress(SEGMENTING.text(), len(query), len(query))
        return {
            "support": list(support),
            "head": head.card.head_type,
            "input_sizes": _input_sizes(head.card),
            "shape_prior": head.card.shapes is not None,
            "closer_look": head.card.closer is not None,
            "train_seconds": round(seconds, 2),
            "peak_mb": peak_memory_mb(),
            **_means(cases),
            "held_out_dice": head.card.mean_dice,
            "expected_dice": head.card.expected_dice,
            "training": {key: value for key, value in head.card.training.items() if key != "curve"},
            "cases": cases,
        }

    def _require_one_labelling(self, support: Sequence[str]) -> None:
        """Names that contradict one another are refused before the training, not after it. Raises InputError."""
        known: Labelling | None = None
        for name in (*support, *(one for one in self.query if one not in support)):
            path = self.data.labels[name]
            if not is_result(path):
                continue  # only these have names
            labels = read_labelmap(path)
            present = set(labels.values()) - {self.job.ignore_label}
            drawn = Labelling(path.name, tuple(item for item in labels.structures if item.value in present))
            if known is None:
                known = drawn
            elif name in support:
                known = known.joined(drawn, matched(known, drawn))
            else:
                matched(known, drawn)

    def _train(self, support: Sequence[str], monitor: Monitor) -> tuple[Head, float]:
        from ..data.case import Case

        job, cases = self.job, []
        for name in support:
            volume = self.data.volume(name, monitor)
            cases.append(Case(volume, self.data.labelmap(name, volume, job.resample_labels, monitor)))
        unlabeled = [self.data.volume(name, monitor) for name in self.unlabeled if name not in support]
        began = clock.now()
        head = self.tools.train(
            cases, config=TrainingConfig.of(job), unlabeled=unlabeled, monitor=monitor, **self._names()
        )
        if head.card.training.cancelled:  # a head from half a training is no figure of the protocol
            raise Cancelled
        return head, clock.now() - began

    def _names(self) -> dict[str, Any]:
        """What the channels are called, where there are several."""
        return {"channel_names": kinds_of_words(self.job.channels)} if self.job.channels else {}

    def _case(self, name: str, head: Head, monitor: Monitor) -> dict[str, Any]:
        job, volume = self.job, self.data.volume(name, monitor)
        reference = self.data.labelmap(name, volume, job.resample_labels, monitor)
        heard = Forwarding(monitor, name=name, quiet=True)
        began = clock.now()
        prediction = self.tools.segment(volume, head, config=InferenceConfig.of(job, plane=None), monitor=heard)
        seconds = clock.now() - began
        values = head.card.values
        scores = _scores(evaluate(prediction, reference, self.tolerance, values))
        return {"id": name, "seconds": round(seconds, 3), **scores, "warnings": heard.warnings}

    def _result(self) -> dict[str, Any]:
        return summary(self.done, self.names, self._settings(), complete=len(self.done) == len(self.supports))

    def _settings(self) -> dict[str, Any]:
        """What the run was asked for and where it ran; no path, no name of a machine."""
        from .._version import __version__

        return {
            **self.job.settings(),
            "supports": [list(support) for support in self.supports],
            "query": list(self.query),
            "unlabeled": list(self.unlabeled),
            "tolerance_mm": self.tolerance,
            "version": __version__,
            "machine": {"system": platform.system(), "processor": platform.machine(), "cpus": os.cpu_count()},
            "python": platform.python_version(),
        }

    def _save(self) -> None:
        if self.job.output is not None:
            self.may_draw = save(self._result(), Path(self.job.output), self.monitor, self.may_draw)


def summary(
    supports: Sequence[Mapping[str, Any]], names: Mapping[str, str], settings: Mapping[str, Any], complete: bool
) -> dict[str, Any]:
    """The result of a run, from what was measured for each support. ``names``: of the structures by label value."""
    dice = [support["mean_dice"] for support in supports if support["mean_dice"] is not None]
    structures: dict[str, dict[str, Any]] = {}
    for value in sorted(names, key=int):
        row: dict[str, Any] = {"name": names[value]}
        for measure in MEASURES:
            row[f"mean_{measure}"] = json_number(mean_score(support[measure].get(value) for support in supports))
        row["sd_dice"] = _spread([support["dice"].get(value) for support in supports])
        structures[value] = row
    return {
        "mean_dice": json_number(mean_score(dice)),
        "sd_dice": _spread(dice),
        "mean_nsd": json_number(mean_score(support["mean_nsd"] for support in supports)),
        "mean_hd95_mm": json_number(mean_score(support["mean_hd95_mm"] for support in supports)),
        "structures": structures,
        "supports": list(supports),
        "settings": dict(settings),
        "complete": complete,
    }


def merge_results(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One result of runs that differ in their supports alone."""
    supports = [support for result in results for support in result["supports"]]
    names = {value: item["name"] for result in results for value, item in result["structures"].items()}
    settings = {**results[0]["settings"], "supports": [support["support"] for support in supports]}
    return summary(supports, names, settings, complete=all(result["complete"] for result in results))


def for_queries(result: Mapping[str, Any], beginnings: Sequence[str]) -> dict[str, Any]:
    """The result for those query volumes alone whose ids begin so: heads of one set may be tried on several at once.

    Raises InputError when there are none.
    """
    wanted = tuple(beginnings)
    query = [name for name in result["settings"]["query"] if name.startswith(wanted)]
    if not query:
        msg = f"No query volume of this result begins with {' or '.join(wanted)}."
        raise InputError(msg, _what_exists(wanted[0], result["settings"]["query"]))
    supports = []
    for support in result["supports"]:
        cases = [case for case in support["cases"] if case["id"] in query]
        supports.append({**support, **_means(cases), "cases": cases})
    names = {value: item["name"] for value, item in result["structures"].items()}
    return summary(supports, names, {**result["settings"], "query": query}, result["complete"])


def save(result: Mapping[str, Any], path: Path, monitor: Monitor, draw: bool = True) -> bool:
    """Write a result to ``path`` and a figure of it beside that; gives whether figures can be drawn here."""
    text = json.dumps(result, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_content(path, text)
    if not draw:
        return False
    from ..evaluation.report import benchmark_figure, write_png

    try:
        write_png(benchmark_figure(result), path.with_suffix(".png"))
    except DependencyError as error:
        monitor.warning(f"No figure was drawn. {error}")
        return False
    return True


def _input_sizes(card: HeadCard) -> list[int]:
    """Pixels a side that the encoder sees in the first look, and in the closer one; nothing without an encoder."""
    closer = card.closer_card()
    return [size for size in (card.input_size, None if closer is None else closer.input_size) if size is not None]


def _real_tools() -> Tools:
    from ..inference.segment import segment
    from ..training.train import train

    return Tools(train, segment)


def _files(folder: Path, series: bool) -> dict[str, Path]:
    """Readable files of a folder (and, with ``series``, subfolders) by id."""
    if not folder.is_dir():
        msg = f"The folder {folder} does not exist."
        raise InputError(msg, "A benchmark's data folder holds the folders images and labels.")
    found = files_by_id(folder, series)
    if not found:
        msg = f"{folder} holds no volume."
        raise InputError(msg, f"Put files that end in {', '.join(READABLE)} there.")
    return found


def _what_exists(name: str, known: list[str]) -> str:
    """A hint with the ids closest to the one asked for, or the first ones."""
    named = difflib.get_close_matches(name, known, n=_NAMED_IDS, cutoff=0.5) or known[:_NAMED_IDS]
    rest = f", and {len(known) - len(named)} more" if len(known) > len(named) else ""
    return f"There are {', '.join(named)}{rest}." if known else "There are none."


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    """A case's scores by label value and its means, JSON-safe."""
    measures = (*MEASURES, "predicted_ml", "reference_ml")
    return {
        **{measure: evaluation.by_value(measure) for measure in measures},
        "mean_dice": json_number(evaluation.mean_dice),
        "mean_nsd": json_number(evaluation.mean_nsd),
        "mean_hd95_mm": json_number(evaluation.mean_hd95_mm),
    }


def _means(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A support's means over its cases: of the cases' own means, of each structure, and of the seconds."""
    result: dict[str, Any] = {}
    for measure in MEASURES:
        result[f"mean_{measure}"] = json_number(mean_score(case[f"mean_{measure}"] for case in cases))
    for measure in MEASURES:
        values = cases[0][measure]  # a head knows the same structures in every case
        result[measure] = {value: json_number(mean_score(case[measure][value] for case in cases)) for value in values}
    result["segment_seconds"] = round(math.fsum(case["seconds"] for case in cases) / len(cases), 3)
    return result


def _spread(scores: Sequence[float | None]) -> float | None:
    """Sample standard deviation of the scores that exist, None for fewer than two."""
    known = [score for score in scores if score is not None]
    return statistics.stdev(known) if len(known) > 1 else None
