"""Long tests behind one command: nothing lost, nothing twice, nothing broken, memory flat.

    python Testing/soak.py cluster [--volumes 200] [--workers 2] [--kill-every 10]  workers of a Dask cluster are killed
    python Testing/soak.py worker [--jobs 300]                                      many jobs through one worker
    python Testing/soak.py kills [--kills 60]                                       kill -9 at random moments

Each prints its figures as JSON; the exit status is 1 if something is wrong. What chance decides follows ``--seed``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

KINDS = 10
"""Different volumes; the others are copies under other names."""
BAD_SHARE = 0.05
FLAT = 1.05
"""So much may a worker's memory grow from its first tenth to its last."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="samadapt-soak-") as name, _home(Path(name) / "home"):
        began = time.monotonic()
        figures = {"cluster": cluster, "worker": worker, "kills": kills}[options.what](options, Path(name))
    figures["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(figures, indent=1))
    return 0 if figures["sound"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cluster", "worker", "kills"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--volumes", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kill-every", type=float, default=10.0, metavar="VOLUMES")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=60)
    return parser


@contextlib.contextmanager
def _home(folder: Path) -> Any:
    """A SAMADAPT_HOME of its own, for this process and those that it starts."""
    before = os.environ.get("SAMADAPT_HOME")
    os.environ["SAMADAPT_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("SAMADAPT_HOME")
        if before is not None:
            os.environ["SAMADAPT_HOME"] = before


class Volumes:
    """Volumes with a ball, a head that finds it, and what must come out; some files are cut off."""

    def __init__(self, folder: Path, count: int, chance: random.Random, bad_share: float = BAD_SHARE) -> None:
        from balls import ball_head, write_ball

        from SAMAdaptLib.heads.head import save_head
        from SAMAdaptLib.jobs.runner import run_job
        from SAMAdaptLib.jobs.specs import SegmentJob

        self.head = str(save_head(ball_head(), folder / "ball.samhead"))
        self.bad = set(chance.sample(range(count), round(count * bad_share)))
        self.jobs = []
        kinds = [Path(write_ball(folder, f"kind{kind}", kind)[0]) for kind in range(min(KINDS, count))]
        self._right = []
        for kind, path in enumerate(kinds):
            output = str(folder / f"right{kind}.seg.nrrd")
            run_job(SegmentJob(str(path), self.head, output))
            self._right.append(_voxels(output))
        for number in range(count):
            image = folder / f"volume{number:04d}.nii.gz"
            content = kinds[number % len(kinds)].read_bytes()
            image.write_bytes(content[: len(content) // 2] if number in self.bad else content)
            self.jobs.append(SegmentJob(str(image), self.head, str(folder / f"volume{number:04d}.seg.nrrd")))

    def is_right(self, number: int, output: str | None = None) -> bool:
        """Whether the result of that volume reads, and is what it must be."""
        import numpy as np

        try:
            return bool(np.array_equal(_voxels(output or self.jobs[number].output), self._right[number % KINDS]))
        except Exception:
            return False


def _voxels(path: str) -> Any:
    from SAMAdaptLib.data.io.volumes import read_labelmap

    return read_labelmap(path).voxels


# A cluster whose workers are killed ---------------------------------------------------------------------------------


def cluster(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Segment volumes, some of them bad, while workers are killed."""
    import dask
    import distributed

    from SAMAdaptLib.worker import cluster as library
    from SAMAdaptLib.worker.pool import Outcome, OutcomeStatus, run_many

    chance = random.Random(options.seed)
    volumes = Volumes(folder, options.volumes, chance)
    told: list[Outcome] = []
    os.environ["OMP_NUM_THREADS"] = "1"
    before, library.run_remotely = library.run_remotely, run_with_a_journal
    try:
        with (
            # A local cluster would not start a worker again that it misses 15 s after it was lost.
            dask.config.set({"distributed.deploy.lost-worker-timeout": "1 day"}),
            distributed.LocalCluster(
                n_workers=options.workers, threads_per_worker=1, dashboard_address=None, silence_logs=60
            ) as workers,
            Killer(workers, options.kill_every, chance) as killer,
        ):

            def hear(outcome: Outcome) -> None:
                told.append(outcome)
                killer.hear(outcome)

            run_many(volumes.jobs, scheduler=workers.scheduler_address, told=hear)
    finally:
        library.run_remotely = before
    endings = Counter(outcome.ending for outcome in told)
    failed = {volumes.jobs.index(outcome.job): outcome for outcome in told if outcome.ending is OutcomeStatus.FAILED}
    good = [number for number in range(options.volumes) if number not in volumes.bad]
    journals = [Path(job.output + ".journal") for job in volumes.jobs]
    journal = [path.read_text().split() if path.exists() else [] for path in journals]
    figures = {
        "volumes": options.volumes,
        "bad": len(volumes.bad),
        "workers killed": killer.count,
        "done": endings[OutcomeStatus.DONE],
        "failed": endings[OutcomeStatus.FAILED],
        "told twice or not at all": options.volumes - len({id(outcome.job) for outcome in told} if told else ()),
        "lost or wrong": [number for number in good if not volumes.is_right(number)],
        "failed although good": {n: str(failed[n].error)[:200] for n in sorted(failed.keys() - volumes.bad)},
        "begun again": sum(words.count("begin") > 1 for words in journal),
        # Killed after the end of a volume and before the word of it was fetched: the same result is written once more.
        "ended twice": [number for number, words in enumerate(journal) if words.count("end") > 1],
    }
    wrong: Any = figures["lost or wrong"] or figures["failed although good"] or figures["told twice or not at all"]
    again: Any = figures["ended twice"]
    figures["sound"] = not wrong and len(again) <= killer.count > 0 and len(told) == options.volumes
    return figures


def run_with_a_journal(spec: dict, *heads: Any) -> dict:
    """What the workers run: the library's function, with a line before and after it."""
    from SAMAdaptLib.worker.cluster import run_remotely

    journal = Path(spec["output"] + ".journal")
    with journal.open("a") as file:
        file.write("begin\n")
    answer = run_remotely(spec, *heads)
    with journal.open("a") as file:
        file.write("end\n")
    return answer


class Killer:
    """Kills a worker of a local cluster after every so many volumes, on average, at a random moment of the next ones.

    Counted in volumes, not seconds: where workers are slow to start, killing them by the clock leaves no time to work.
    """

    LATEST = 0.3
    """Seconds after a volume was told within which a worker is killed."""

    def __init__(self, workers: Any, volumes: float, chance: random.Random) -> None:
        self.count = 0
        self._workers, self._volumes, self._chance = workers, volumes, chance
        self._left = self._next()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Killer:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def hear(self, _: object) -> None:
        """A volume was told."""
        self._left -= 1
        if self._left <= 0:
            self._left = self._next()
            thread = threading.Thread(target=self._kill, args=(self._chance.uniform(0, self.LATEST),), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _next(self) -> float:
        return self._chance.uniform(0.5, 1.5) * self._volumes

    def _kill(self, seconds: float) -> None:
        time.sleep(seconds)
        pids = [nanny.pid for nanny in self._workers.workers.values() if nanny.pid]
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._chance.choice(pids), signal.SIGKILL)
                self.count += 1


# Many jobs through one worker ---------------------------------------------------------------------------------------


def worker(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Segment volumes, some of them bad, by one resident worker; its memory must not grow."""
    from SAMAdaptLib.worker.client import JobState, WorkerClient

    volumes = Volumes(folder, options.jobs, random.Random(options.seed))
    client = WorkerClient(threads=1)
    states, memory, pids = [], [], set()
    for job in volumes.jobs:
        handle = client.wait(client.submit(job), timeout=120)
        states.append(handle.state)
        pids.add(client.pid)
        memory.append(_resident_mb(client.pid))
    client.close()
    tenth = max(options.jobs // 10, 1)
    first, last = median(memory[tenth : 2 * tenth]), median(memory[-tenth:])
    wrong = [number for number in range(options.jobs) if number not in volumes.bad and not volumes.is_right(number)]
    bad = {number for number, state in enumerate(states) if state is not JobState.DONE}
    return {
        "jobs": options.jobs,
        "bad": len(volumes.bad),
        "done": states.count(JobState.DONE),
        "processes": len(pids),
        "lost or wrong": wrong,
        "memory of the second tenth, MB": round(first, 1),
        "memory of the last tenth, MB": round(last, 1),
        "sound": not wrong and bad == volumes.bad and len(pids) == 1 and last <= first * FLAT,
    }


def _resident_mb(pid: int | None) -> float:
    found = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(found.stdout) / 1024


# Killed at random moments -------------------------------------------------------------------------------------------

VICTIM = """
import itertools, sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from balls import ball_head
from SAMAdaptLib.heads.head import load_head, save_head
from SAMAdaptLib.jobs.specs import EmbedJob, SegmentJob
from SAMAdaptLib.jobs.runner import run_job
folder = Path(sys.argv[3])
head, image = str(folder / "ball.samhead"), str(folder / "volume0000.nii.gz")
run_job(SegmentJob(image, head, str(folder / "warm.seg.nrrd")))
print("ready", flush=True)
for _ in itertools.count():
    run_job(EmbedJob(image, head))
    run_job(SegmentJob(image, head, str(folder / "result.seg.nrrd")))
    run_job(SegmentJob(image, head, str(folder / "result.nii.gz")))
    save_head(load_head(head), folder / "result.samhead")
"""


def kills(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Kill a process that writes results, heads and features all the time; what has its name must be whole."""
    from SAMAdaptLib.heads.head import load_head
    from SAMAdaptLib.jobs.runner import run_job
    from SAMAdaptLib.utils.process import child_environment

    chance = random.Random(options.seed)
    volumes = Volumes(folder, 1, chance, bad_share=0.0)
    seen: Counter[str] = Counter()
    broken: list[str] = []
    for _ in range(options.kills):
        command = [sys.executable, "-c", VICTIM, str(HERE.parent), str(HERE), str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment({"OMP_NUM_THREADS": "1"}))
        with process:
            if process.stdout is not None:
                process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.3))
            process.kill()
        for name in ("result.seg.nrrd", "result.nii.gz", "result.samhead"):
            path = folder / name
            if not path.exists():
                continue
            seen[name] += 1
            try:
                right = volumes.is_right(0, str(path)) if path.suffix != ".samhead" else bool(load_head(path).card.name)
            except Exception:
                right = False
            if not right:
                broken.append(name)
            if chance.random() < 0.5:  # the next one finds nothing there
                path.unlink()
        run_job(volumes.jobs[0])  # with the features that the dead one left
        if not volumes.is_right(0):
            broken.append("features")
    left = [path.name for path in folder.rglob("*.part*")]
    return {
        "kills": options.kills,
        "results looked at": dict(seen),
        "broken": broken,
        "unfinished files left behind": len(left),
        "sound": not broken,
    }


if __name__ == "__main__":
    sys.exit(main())
