#!/usr/bin/env python3
"""The whole way by clicks alone: the unchanged module in the stand-in application, a real worker, a real encoder.

    python3 Testing/Benchmarks/clicks.py --data FOLDER [--support patient061] [--query patient001]
        [--encoder medsam_lite|mobile_sam|tiny] [--budget fast|balanced|best] [--json OUT.json] [--explain]

FOLDER has images/ and labels/ of hearts, such as ACDC's. Loads all volumes of two patients and, by clicks,

- cancels while the scene is read, while slices are encoded, while the head is trained, and while a volume is
  segmented, and looks at what is left behind each time: files of jobs, processes, nodes, threads;
- ends the worker in mid-job from outside, and clicks again;
- trains a head on the support, segments the query, and measures the Dice of what is in the scene;
- measures the event loop's longest pause in opening the panel, in training and in segmenting.

Heads and features go to a folder of their own, which is deleted at the end. ``--explain`` says where the interpreter
was during the longest pauses. Exit status 0 when nothing was left behind and every job came to its end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for _place in (ROOT / "Testing", ROOT):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

from speedparts.common import fresh_home  # noqa: E402

from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER  # noqa: E402

LONGEST = 1800.0
"""Seconds after which a job is given up."""

TARGET_MS = 50.0


@dataclass
class Findings:
    """What was seen. Milliseconds, seconds and Dice by stage; ``left`` is empty when nothing was left behind."""

    pauses_ms: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    dice: dict[str, dict[str, float]] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    stalls: dict[str, list[str]] = field(default_factory=dict)

    @property
    def remains(self) -> list[str]:
        """Everything that was left behind, anywhere."""
        return [f"{stage}: {thing}" for stage, things in self.left.items() for thing in things]


class Person:
    """Who sits before the panel: clicks, waits, and watches what happens meanwhile."""

    def __init__(
        self, host: Any, home: Path, explain: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.host, self.home, self.explain, self.say = host, home, explain, say
        self.ui, self.panel = host.ui, host.widget.panel
        self.found = Findings()

    def unfold(self, *sections: str) -> None:
        """Open these sections of the panel by their headers, close the others."""
        for name in ("segment", "train", "improve", "cohort", "installation"):
            button = getattr(self.ui, f"{name}CollapsibleButton")
            if button.collapsed == (name in sections):
                self.host.click(f"{name}CollapsibleButton")
                self.host.spin(timeout=0.1)

    @contextlib.contextmanager
    def watching(self, stage: str) -> Iterator[None]:
        """Time what happens in the block, and the event loop's longest pause in it."""
        from host.stalls import Stalls

        start = time.monotonic()
        watcher = Stalls(TARGET_MS / 2000) if self.explain else contextlib.nullcontext()
        with self.host.watch() as pause, watcher as stalls:
            pause.told = stalls.beat if stalls is not None else None
            yield
        self.found.seconds[stage] = round(time.monotonic() - start, 1)
        self.found.pauses_ms[stage] = round(1000 * pause.longest, 1)
        if stalls is not None:
            self.found.stalls[stage] = stalls.described()
        self.say(f"{stage}: {self.found.seconds[stage]:.1f} s, longest pause {self.found.pauses_ms[stage]:.0f} ms")

    def until(self, condition: Callable[[], Any]) -> None:
        self.host.spin(until=condition, timeout=LONGEST)

    @property
    def idle(self) -> bool:
        return self.panel.services.desk.owner == ""

    def status(self, name: str) -> str:
        return str(getattr(self.ui, f"{name}StatusLabel").text)

    # Jobs that do not reach their end -----------------------------------------------------------------------------

    def cancel(self, stage: str, name: str, when: Callable[[], Any]) -> None:
        """Click ``name``Button, click it again when the time has come, and see what is left."""
        before = self.scene()
        with self.watching(f"cancel: {stage}"):
            self.host.click(f"{name}Button")
            self.until(lambda: when() or self.idle)
            if self.idle:
                self.found.left[stage] = ["was over before it could be cancelled"]
                return
            clicked = time.monotonic()
            self.host.click(f"{name}Button")
            self.until(lambda: self.idle)
        self.found.seconds[f"cancel: {stage}"] = round(time.monotonic() - clicked, 1)
        self.found.said[f"cancel: {stage}"] = self.status(name)
        self.found.left[stage] = self.remains(before)

    def kill(self, name: str, when: Callable[[], Any]) -> None:
        """Click ``name``Button and end the worker from outside when the time has come."""
        before = self.scene()
        self.host.click(f"{name}Button")
        self.until(when)
        pid = self.host.logic.runner.pid
        os.killpg(pid, signal.SIGKILL)
        self.until(lambda: self.idle)
        self.found.said["worker killed"] = self.status(name)
        self.found.left["worker killed"] = self.remains(before)
        self.say(f"worker {pid} killed; the panel says: {self.status(name).splitlines()[0]}")

    def scene(self) -> set[str]:
        """The nodes that are there, without what Slicer itself makes and keeps."""
        nodes = self.host.scene.GetNodes()
        return {nodes.GetItemAsObject(n).GetID() for n in range(nodes.GetNumberOfItems())}

    def remains(self, before: set[str]) -> list[str]:
        """What a job that was cancelled left behind: folders, nodes, processes beside one idle worker, threads."""
        self.settle()
        jobs = [f"job folder {path.name}" for path in (self.home / "jobs").glob("*")]
        parts = [f"partial file {path.name}" for path in self.home.rglob("*.part")]
        nodes = [f"node {node}" for node in sorted(self.scene() ^ before)]
        worker = self.host.logic.runner.pid if self.host.logic._runner is not None else None
        strays = [f"process {pid}" for pid in children(os.getpid()) if pid != worker and pid not in children(worker)]
        return jobs + parts + nodes + strays + [f"thread {name}" for name in self.threads()]

    def settle(self, seconds: float = 5.0) -> None:
        """Folders and processes go in threads of their own: give them a moment, the event loop running."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and (list((self.home / "jobs").glob("*")) or self.threads()):
            self.host.spin(timeout=0.05)
        self.host.spin(timeout=0.2)

    def threads(self) -> list[str]:
        """Threads of ours that should be over when nothing runs; the reader belongs to the idle worker."""
        names = [thread.name for thread in threading.enumerate()]
        return [name for name in names if name.startswith("SAMAdapt") and "reader" not in name]


def children(pid: int | None) -> set[int]:
    """The processes below a process, all the way down; the dead that nobody has fetched do not count."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    below: dict[int, set[int]] = {}
    for child, parent, state in rows:
        if not state.startswith("Z"):
            below.setdefault(int(parent), set()).add(int(child))
    reached, todo = set(), [pid] if pid else []
    while todo:
        fresh = below.get(todo.pop(), set()) - reached
        reached |= fresh
        todo += fresh
    return {each for each in reached if _is_there(each)}


def _is_there(pid: int) -> bool:
    """``ps`` itself was a child while it listed them."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


# --- the tour --------------------------------------------------------------------------------------------


def tour(host: Any, chosen: argparse.Namespace, home: Path, say: Callable[[str], None]) -> Findings:
    """Everything, in an order in which each cancelled stage really happens (features are kept once made)."""
    import hearts

    opened = open_panel(host)
    person = Person(host, home, chosen.explain, say)
    person.found.pauses_ms.update(opened)
    for what, pause in opened.items():
        say(f"{what}: longest pause {pause:.0f} ms")
    with person.watching("load what the first click needs"):
        host.spin(timeout=1.0)  # nobody clicks at once
    files = hearts.patients(chosen.data)
    support = [
        hearts.load_case(host, chosen.data, path, f"Support {n}") for n, path in enumerate(files[chosen.support], 1)
    ]
    query = [hearts.load_case(host, chosen.data, path, f"Query {n}") for n, path in enumerate(files[chosen.query], 1)]
    fill_in(person, support, chosen)
    train(person)
    segment(person, query)
    before_quitting = children(os.getpid())
    host.quit()
    person.found.left["quit"] = [f"process {pid}" for pid in sorted(children(os.getpid()))] + person.threads()
    say(f"quit: {len(before_quitting)} processes before, {len(person.found.left['quit'])} left")
    return person.found


def open_panel(host: Any) -> dict[str, float]:
    """Milliseconds that opening takes, and how much of it is the reading of the .ui file (here: the stand-in's)."""
    import slicer

    host.resetPause()
    reading = 0.0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal reading
            start = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                reading += time.perf_counter() - start

        return call

    names = ("loadUI", "childWidgetVariables")
    before = {name: getattr(slicer.util, name) for name in names}
    for name in names:
        setattr(slicer.util, name, timed(before[name]))
    try:
        host.open()
    finally:
        for name in names:
            setattr(slicer.util, name, before[name])
    whole = 1000 * host.longestPause
    return {"open the panel": round(whole, 1), "open the panel, without its .ui file": round(whole - 1000 * reading, 1)}


def fill_in(person: Person, support: Sequence[tuple[Any, Any]], chosen: argparse.Namespace) -> None:
    """The panel Train, as a person fills it in."""
    host, ui = person.host, person.ui
    with person.watching("fill in"):
        person.unfold("train")
        for row, case in enumerate(support):
            if row:
                host.click("addCaseButton")
            for column, node in enumerate(case):
                host.choose(ui.casesTable.cellWidget(row, column), node.GetName())
                host.spin(timeout=0.1)
        host.choose("budgetSelector", _label(chosen.budget))
        host.type("headNameLineEdit", "Heart")
        if chosen.encoder != DEFAULT_ENCODER:
            person.host.widget._parameterNode.encoder = chosen.encoder  # hidden from the list: for tests only
        host.spin(timeout=0.3)


def _label(budget: str) -> str:
    from SAMAdaptLib.gui.parameters import Budget

    return Budget(budget).label()


def train(person: Person) -> None:
    """Cancelled in each stage, its worker killed, and at last let be."""
    curve = person.panel.train.curve
    person.cancel(
        "reading the scene", "train", lambda: person.status("train").startswith(("Preparing", "Reading the scene"))
    )
    person.cancel("encoding", "train", lambda: person.status("train").startswith("Encoding"))
    person.kill("train", lambda: person.status("train").startswith("Encoding"))
    person.cancel("training", "train", lambda: curve.dice)
    with person.watching("train"):
        person.host.click("trainButton")
        person.until(lambda: person.idle)
    person.found.said["train"] = person.ui.trainResultLabel.text
    if not person.ui.trainResultFrame.visible:
        person.found.left["train"] = [f"no head: {person.status('train')}"]


def segment(person: Person, query: Sequence[tuple[Any, Any]]) -> None:
    """Cancelled once, then each volume of the other patient; the Dice of what is in the scene."""
    host, ui = person.host, person.ui
    host.click("segmentWithItButton")
    host.spin(timeout=0.3)
    for number, (volume, reference) in enumerate(query):
        host.choose("inputSelector", volume.GetName())
        host.spin(timeout=0.2)
        if not number:
            person.cancel("segmenting", "segment", lambda: ui.segmentProgressBar.value > 0)
        with person.watching(f"segment {volume.GetName()}"):
            host.click("segmentButton")
            person.until(lambda: person.idle)
            host.spin(timeout=0.2)
        if not ui.segmentResultFrame.visible:
            person.found.left[f"segment {number}"] = [f"no result: {person.status('segment')}"]
            continue
        person.found.dice[volume.GetName()] = dice(person.panel.segment.placement.node, volume, reference)
        person.say(f"Dice of {volume.GetName()}: {person.found.dice[volume.GetName()]}")
    with person.watching("show in 3D"):
        host.click("show3DButton")
        host.spin(timeout=0.3)


def dice(result: Any, volume: Any, reference: Any) -> dict[str, float]:
    """The Dice of each structure, of two segmentation nodes on the grid of a volume node."""
    import hearts

    from SAMAdaptLib.evaluation.metrics import evaluate
    from SAMAdaptLib.mrml import read_labelmap_node

    values = {name: n for n, (name, _color) in enumerate(hearts.STRUCTURES, 1)}
    found, truth = (read_labelmap_node(node, volume, values=values) for node in (result, reference))
    scores = evaluate(found, truth)
    return {item.name: round(float(item.dice), 3) for item in scores.structures} | {"mean": round(scores.mean_dice, 3)}


# --- the command -----------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the tour; 0 when nothing was left behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with images/ and labels/ of hearts")
    parser.add_argument("--support", default="patient061", help="the patient to learn from")
    parser.add_argument("--query", default="patient001", help="the patient to segment")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--budget", default="fast", choices=("fast", "balanced", "best"))
    parser.add_argument("--json", type=Path, default=None, help="write the findings here")
    parser.add_argument("--explain", action="store_true", help="say what the interpreter did in the longest pauses")
    chosen = parser.parse_args(arguments)
    found = take(chosen, lambda text: print(text, flush=True))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    for stage, lines in found.stalls.items():
        print(*(f"[{stage}] {line}" for line in lines), sep="\n")
    print(*(f"said after {stage}: {text}" for stage, text in found.said.items()), sep="\n")
    print(*(f"left behind by {text}" for text in found.remains or ["nothing"]), sep="\n")
    return 1 if found.remains else 0


def take(chosen: argparse.Namespace, say: Callable[[str], None]) -> Findings:
    """The tour, in a home of its own that holds the encoder's weights and nothing else."""
    with fresh_home(chosen.encoder) as home:
        from host import SlicerHost

        with SlicerHost(enter=False) as host:
            return tour(host, chosen, home, say)


if __name__ == "__main__":
    sys.exit(main())
