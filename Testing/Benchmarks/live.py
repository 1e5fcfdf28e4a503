#!/usr/bin/env python3
"""Live segmentation judged: some slices of a volume are annotated, Dice is taken on those that were not.

    python3 Testing/Benchmarks/live.py --data ../shared/data -o Resources/Benchmarks/live.json
    python3 Testing/Benchmarks/live.py --data ../shared/data --speed --isa avx2 -o Resources/Benchmarks/live.json
    python3 Testing/Benchmarks/live.py --data ../shared/data --full --sets chaos_t2 --volumes 2 -o ...

Of each volume every 4th, 8th and 16th slice of the structures' extent is annotated (its first and last one, too), and
in a row of its own three slices alone, at a sixth, a half and five sixths of the extent. Rows: contours interpolated by
``itk-morphologicalcontourinterpolation`` (what Slicer's *Fill between slices* runs), ours, which need no encoder, and
the live fit. ``--full`` adds the whole training from the annotated slices, and the same from what the live fit made of
them. Dice: over the slices of the extent that were not annotated, mean over structures, then over volumes.

``--keep FILE`` keeps the figures of single volumes, so that the same command goes on where it was broken off; OUT.json
and OUT.md hold means alone. Seconds are those of the processor beside those of the clock: mind what else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
for _place in (ROOT / "Testing" / "Benchmarks", ROOT):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

from SAMAdaptLib.utils.files import write_content  # noqa: E402

SPACINGS: Mapping[str, int] = {"every 4th": 4, "every 8th": 8, "every 16th": 16, "three slices": 0}
ITK, CONTOURS, LIVE, FULL, LIVE_FULL = "itk", "contours", "live", "full", "live, then full"
NAMES = {
    ITK: "contour interpolation (ITK)",
    CONTOURS: "our contours alone",
    LIVE: "live fit",
    FULL: "training from the slices",
    LIVE_FULL: "live, then training",
}

NOTE = (
    "Mean over structures, then over volumes; a structure that is on no annotated slice counts as 0. Settings of the "
    "fit were chosen on chaos_01, chaos_15, sabs_18, vb3_01, hippocampus_001 (three directions) and _003 (sagittal); "
    "`dice_of_others` in the JSON leaves these out. LiteMedSAM has probably seen CHAOS and the hippocampi with labels. "
    "Only the volumes that are counted were measured; the same command goes on with the others."
)


@dataclass(frozen=True)
class LiveSet:
    """Volumes of one kind, and the plane in which they are annotated. ``developed``: how many were looked at while the
    fit was made; they come first, and the figures without them stand beside."""

    folder: str
    ids: tuple[str, ...]
    plane: str
    developed: tuple[str, ...] = ()


def _ids(name: str, numbers: str) -> tuple[str, ...]:
    return tuple(f"{name}{number}" for number in numbers.split())


_HIPPOCAMPI = "001 003 004 006 007 008 011 014"
_SEEN = ("hippocampus_001", "hippocampus_003")
SETS: Mapping[str, LiveSet] = {
    "chaos_t2": LiveSet("chaos_t2", _ids("chaos_", "01 15 02 03 05 08 10 13"), "axial", ("chaos_01", "chaos_15")),
    "btcv_ct": LiveSet("btcv_ct", _ids("sabs_", "18 20 24 28"), "axial", ("sabs_18",)),
    "hippocampus axial": LiveSet("hippocampus", _ids("hippocampus_", _HIPPOCAMPI), "axial", ("hippocampus_001",)),
    "hippocampus sagittal": LiveSet("hippocampus", _ids("hippocampus_", _HIPPOCAMPI), "sagittal", _SEEN),
    "hippocampus coronal": LiveSet("hippocampus", _ids("hippocampus_", _HIPPOCAMPI), "coronal", _SEEN[:1]),
    "lumbar_mr": LiveSet("lumbar_mr", _ids("vb3_", "01 02 03"), "sagittal", ("vb3_01",)),
    "single CT": LiveSet("single", ("example_ct_sm:example_seg",), "axial"),
    "single MR": LiveSet("single", ("example_mr_sm:example_seg_mr",), "axial"),
    "brain": LiveSet("single", ("brain_image:brain_label",), "coronal"),
}


# What is annotated --------------------------------------------------------------------------------------------------


def annotated(labels: np.ndarray, spacing: int) -> list[int]:
    """The slices of (slices, rows, columns) labels that are annotated; 0: three of them."""
    shown = np.flatnonzero(labels.any(axis=(1, 2)))
    first, last = int(shown[0]), int(shown[-1])
    if not spacing:
        return sorted({first + round((last - first) * part / 6) for part in (1, 3, 5)})
    return sorted({*range(first, last + 1, spacing), last})


def judged(labels: np.ndarray, chosen: Sequence[int]) -> list[int]:
    """The slices of the extent that are not annotated."""
    shown = np.flatnonzero(labels.any(axis=(1, 2)))
    return [index for index in range(int(shown[0]), int(shown[-1]) + 1) if index not in chosen]


def mean_dice(found: np.ndarray, truth: np.ndarray, slices: Sequence[int]) -> float | None:
    """Over the structures that these slices show; None where they show none."""
    ours, theirs = found[slices], truth[slices]
    scores = []
    for value in np.unique(theirs):
        if value:
            there = theirs == value
            mine = ours == value
            scores.append(2 * float((mine & there).sum()) / float(mine.sum() + there.sum()))
    return statistics.fmean(scores) if scores else None


# Rows ---------------------------------------------------------------------------------------------------------------


def interpolate(source: Path, target: Path) -> None:
    """Run in a child: ITK and PyTorch do not live well in one process."""
    import itk

    made: dict[str, Any] = {}
    with np.load(source) as given:
        for name in given.files:
            image = itk.GetImageFromArray(np.ascontiguousarray(given[name]))
            interpolator = itk.MorphologicalContourInterpolator.New(image)
            interpolator.SetAxis(2)
            began = time.process_time()
            interpolator.Update()
            made[f"{name} seconds"] = time.process_time() - began
            made[name] = itk.GetArrayFromImage(interpolator.GetOutput())
    np.savez(target, **made)
    os._exit(0)  # its last rites fail where another package's runtime is about


def itk_rows(labels: np.ndarray, annotations: Mapping[str, Sequence[int]]) -> dict[str, tuple[np.ndarray, float]]:
    """What ITK makes of each choice of annotated slices, and the processor's seconds. Its import takes some more."""
    painted = {name: np.zeros(labels.shape, np.uint8) for name in annotations}
    for name, chosen in annotations.items():
        painted[name][list(chosen)] = labels[list(chosen)]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, **painted)  # type: ignore[arg-type]
        subprocess.run([sys.executable, __file__, "--interpolate", str(source), str(target)], check=True)
        with np.load(target) as found:
            return {name: (found[name], float(found[f"{name} seconds"])) for name in annotations}


class Bench:
    """One volume: a session that has its features, and the truth."""

    def __init__(self, data: Path, chosen: LiveSet, name: str, cache: Path) -> None:
        from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
        from SAMAdaptLib.features.cache import FeatureCache
        from SAMAdaptLib.live.session import LiveSession

        image, _, other = name.partition(":")
        folder = data / chosen.folder
        paths = (folder / f"{image}.nii.gz", folder / f"{other}.nii.gz")
        if not other:
            paths = (folder / "images" / f"{image}.nii.gz", folder / "labels" / f"{image}.nii.gz")
        self.volume = read_volume(paths[0])
        self.labelmap = read_labelmap(paths[1], like=self.volume)
        self.session = LiveSession(self.volume, plane=chosen.plane, store=FeatureCache(cache))
        self.truth = np.ascontiguousarray(self.session.stack.oriented(self.labelmap.voxels))
        shown = np.flatnonzero(self.truth.any(axis=(1, 2)))
        began = time.process_time()
        for index in range(int(shown[0]), int(shown[-1]) + 1):
            self.session.features.features(index)
        self.encode_seconds = (time.process_time() - began) / (shown[-1] - shown[0] + 1)

    def annotate(self, chosen: Sequence[int]) -> None:
        """Let the session know these slices alone."""
        from SAMAdaptLib.live.annotation import AnnotatedStack

        empty = [index for index in chosen if not self.truth[index].any()]
        drawn = {index: self.truth[index] for index in chosen if index not in empty}
        self.session.annotate(AnnotatedStack().with_slices(drawn, empty, self.session.stack.shape))

    def rows(self, chosen: Sequence[int]) -> Iterator[tuple[str, np.ndarray, float]]:
        """Each row's name, its labels, and the processor's seconds."""
        slices = judged(self.truth, chosen)
        self.annotate(chosen)
        for name, one in ((CONTOURS, self.session.contours), (LIVE, self.session.predict)):
            found, began = self.truth * 0, time.process_time()
            for index in slices:
                found[index] = one(index).labels
            yield name, found, time.process_time() - began

    def trained(self, chosen: Sequence[int], budget: str) -> Iterator[tuple[str, np.ndarray, float]]:
        """The rows of the whole training."""
        from SAMAdaptLib.data.image import Labelmap
        from SAMAdaptLib.inference.segment import segment
        from SAMAdaptLib.training.dataset import Case
        from SAMAdaptLib.training.train import train

        self.annotate(chosen)
        stack, geometry = self.session.stack, self.volume.geometry
        painted = Labelmap(self.session.drawn(), geometry)
        for name, labels, only in ((FULL, painted, True), (LIVE_FULL, self.session.complete(), False)):
            began = time.process_time()
            head = train([Case(self.volume, labels)], plane=stack.plane, annotated_slices_only=only, budget=budget)
            found = segment(self.volume, head)
            yield name, np.ascontiguousarray(stack.oriented(found.voxels)), time.process_time() - began


# The whole ----------------------------------------------------------------------------------------------------------


def measure(options: argparse.Namespace, kept: dict[str, Any]) -> None:
    """Fill ``kept`` volume by volume: the first of each set, then the second, and so on."""
    names = options.sets or list(SETS)
    most = max(len(SETS[name].ids) for name in names)
    for number in range(min(most, options.volumes)):
        for name in names:
            if number < len(SETS[name].ids):
                _measure_one(options, name, SETS[name].ids[number], kept)


def _measure_one(options: argparse.Namespace, name: str, volume: str, kept: dict[str, Any]) -> None:
    wanted = (FULL, LIVE_FULL) if options.full else (ITK, CONTOURS, LIVE)
    spacings = ["every 8th"] if options.full else list(SPACINGS)
    missing = [s for s in spacings if any("|".join((name, volume, s, row)) not in kept for row in wanted)]
    if not missing:
        return
    bench = Bench(options.data, SETS[name], volume, options.cache)
    choices = {spacing: annotated(bench.truth, SPACINGS[spacing]) for spacing in missing}
    others = {} if options.full else itk_rows(bench.truth, choices)
    for spacing, chosen in choices.items():
        slices = judged(bench.truth, chosen)
        rows = list(bench.trained(chosen, options.budget) if options.full else bench.rows(chosen))
        rows += [(ITK, *others[spacing])] if spacing in others else []
        for row, found, seconds in rows:
            dice = mean_dice(found, bench.truth, slices)
            kept["|".join((name, volume, spacing, row))] = {"dice": dice, "seconds": seconds, "slices": len(slices)}
            print(f"{name} {volume} {spacing} {row}: {dice or 0:.3f} ({seconds:.1f} s)", flush=True)  # noqa: T201
    _save(options.keep, kept)


def summary(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Means over volumes: {set: {spacing: {row: {dice, volumes, seconds, dice_of_others}}}}."""
    found: dict[str, Any] = {}
    for name, chosen in SETS.items():
        for spacing in SPACINGS:
            for row in NAMES:
                parts = {v: kept.get("|".join((name, v, spacing, row))) for v in chosen.ids}
                there = {v: part for v, part in parts.items() if part and part["dice"] is not None}
                if there:
                    others = [part["dice"] for v, part in there.items() if v not in chosen.developed]
                    found.setdefault(name, {}).setdefault(spacing, {})[row] = {
                        "dice": _mean([part["dice"] for part in there.values()]),
                        "dice_of_others": _mean(others),
                        "volumes": len(there),
                        "processor_seconds": _mean([part["seconds"] for part in there.values()]),
                    }
    return found


def _mean(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 4) if values else None


def to_markdown(document: Mapping[str, Any]) -> str:
    """The tables, for people."""
    lines = ["# Live segmentation: Dice on the slices that were not annotated", "", document["note"], ""]
    lines += ["| set | volumes | annotated | " + " | ".join(NAMES.values()) + " | live - ITK |", "|" + "--|" * 9]
    for name, spacings in document.get("dice", {}).items():
        for spacing, rows in spacings.items():
            cells = [f"{rows[row]['dice']:.3f}" if row in rows else "" for row in NAMES]
            both = ITK in rows and LIVE in rows
            gain = f"{rows[LIVE]['dice'] - rows[ITK]['dice']:+.3f}" if both else ""
            volumes = max(part["volumes"] for part in rows.values())
            lines.append(f"| {name} | {volumes} | {spacing} | " + " | ".join(cells) + f" | {gain} |")
    if document.get("speed"):
        lines += ["", "## Speed", "", "| what | " + " | ".join(document["speed"]) + " |"]
        lines.append("|" + "--|" * (1 + len(document["speed"])))
        keys = {key for part in document["speed"].values() for key in part}
        for key in sorted(keys):
            lines.append(
                f"| {key} | " + " | ".join(str(part.get(key, "")) for part in document["speed"].values()) + " |"
            )
    return "\n".join(lines) + "\n"


def _save(path: Path, content: Any) -> None:
    write_content(path, json.dumps(content, indent=1) + "\n")


def _load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    found.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    found.add_argument("--sets", type=lambda text: text.split(","), help="names joined by commas (default: all)")
    found.add_argument("--volumes", type=int, default=99, help="of each set, at most")
    found.add_argument("--full", action="store_true", help="the rows of the whole training, every 8th slice")
    found.add_argument("--budget", default="fast", help="of the whole training")
    found.add_argument("--speed", action="store_true", help="measure the speed instead")
    found.add_argument("--isa", help="imitate a poorer processor for the speed: avx2")
    found.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "samadapt-live-features")
    found.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "samadapt-live.json")
    found.add_argument("-o", "--output", type=Path, default=ROOT / "Resources" / "Benchmarks" / "live.json")
    found.add_argument("--interpolate", nargs=2, type=Path, help=argparse.SUPPRESS)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write both files."""
    options = parser().parse_args(arguments)
    if options.interpolate:
        interpolate(*options.interpolate)
    document = _load(options.output)
    if options.speed:
        from livespeed import measured

        if options.isa:
            from speedparts import isa

            if not isa.limited_to():
                return isa.again(options.isa, __file__, sys.argv[1:] if arguments is None else arguments)
        column, figures = measured(options.data, options.isa or "as it is")
        document.setdefault("speed", {})[column] = figures
    else:
        kept = _load(options.keep)
        measure(options, kept)
        document["dice"] = summary(kept)
    document["note"] = NOTE
    _save(options.output, document)
    write_content(options.output.with_suffix(".md"), to_markdown(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
