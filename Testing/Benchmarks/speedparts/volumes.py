"""Many volumes: two processes of one thread each beside one such process, and beside one process on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .common import Bench, Row, faster, fresh_home, phantom, quick_head, timed

PART = "volumes"
LEAST = 1.6


def measure(bench: Bench) -> list[Row]:
    """Segmentation, embedding and the benchmark protocol."""
    with fresh_home(bench.encoder) as home:
        head = quick_head(bench, home / "volumes.samhead")
        images = _write(home, 2 if bench.quick else 4, 3 if bench.quick else 16)
        return [*_segmentation(bench, head, images), *_embedding(bench, head, images), *_protocol(bench, home)]


def _write(home: Path, count: int, slices: int) -> list[Path]:
    from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume

    for name in ("images", "labels"):
        (home / name).mkdir()
    images = []
    for number in range(count):
        case = phantom(slices, seed=10 + number)
        images.append(home / "images" / f"case{number}.nii.gz")
        write_volume(case.volume, images[-1])
        write_labelmap(case.labelmap, home / "labels" / images[-1].name)
    return images


def _segmentation(bench: Bench, head: Path, images: Sequence[Path]) -> list[Row]:
    from SAMAdaptLib.jobs.specs import SegmentJob

    def jobs(folder: str) -> list[Any]:
        place = head.parent / folder
        place.mkdir()
        return [SegmentJob(str(image), str(head), str(place / image.name)) for image in images]

    return _compared(bench, "segment", jobs)


def _embedding(bench: Bench, head: Path, images: Sequence[Path]) -> list[Row]:
    from SAMAdaptLib.jobs.specs import EmbedJob

    return _compared(bench, "embed", lambda _: [EmbedJob(str(image), str(head)) for image in images])


def _protocol(bench: Bench, home: Path) -> list[Row]:
    """One support a process. The linear head, since it is encoding that is compared."""
    from SAMAdaptLib.jobs.specs import BenchmarkJob

    def jobs(folder: str) -> list[Any]:
        place = home / f"protocol {folder}"
        place.mkdir()
        job = partial(BenchmarkJob, str(home), head="linear", budget="fast", encoder=bench.encoder)
        ids = ("case0", "case1")
        return [job(supports=((name,),), query=ids, output=str(place / f"{name}.json")) for name in ids]

    return _compared(bench, "benchmark", jobs)


def _compared(bench: Bench, verb: str, jobs: Callable[[str], list[Any]]) -> list[Row]:
    """Cold processes and no known features each time."""
    from SAMAdaptLib.features.cache import FeatureCache
    from SAMAdaptLib.worker.client import WorkerClient
    from SAMAdaptLib.worker.pool import run_many

    def alone(threads: int | None, todo: list[Any]) -> None:
        client = WorkerClient(threads=threads)
        try:
            for handle in [client.submit(job) for job in todo]:
                client.wait(handle)
                if handle.error is not None:
                    raise handle.error
        finally:
            client.close()

    def together(todo: list[Any]) -> None:
        failed = [outcome.error for outcome in run_many(todo, workers=2) if outcome.error is not None]
        if failed:
            raise failed[0]

    seconds = {}
    for name, work in (
        ("one thread", lambda todo: alone(1, todo)),
        ("all cores", lambda todo: alone(None, todo)),
        ("two workers", together),
    ):
        FeatureCache().clear()
        todo = jobs(name)
        seconds[name] = timed(lambda work=work, todo=todo: work(todo))
        bench.say(f"[{PART}] {verb}, {name}: {seconds[name]:.1f} s")
    words = f"{verb}: two workers of one thread"
    ours = seconds["two workers"]
    return [
        faster(PART, words, "one worker of one thread", seconds["one thread"], ours, LEAST),
        faster(PART, words, "one worker on all cores", seconds["all cores"], ours),
    ]
