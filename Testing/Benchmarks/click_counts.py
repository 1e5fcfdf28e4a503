#!/usr/bin/env python3
"""How many clicks the four ways through the panel take, each click made in the stand-in application.

    python3 Testing/Benchmarks/click_counts.py

A button, a header, a check mark, a field to type in and a dropped folder count one; an entry of a list counts two, for
the list is opened first; so does another module. Strokes of a brush and keys do not count. The worker is replaced by
one that answers at once: this measures the way, not the work.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for _place in (ROOT / "Testing", ROOT):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

AIMS = {"segment": 3, "train": 6, "improve": 8, "many": 6}
"""Clicks that are allowed."""


class Clicks:
    """Does what a person does, and counts it."""

    def __init__(self, host: Any, runner: Any) -> None:
        self.host, self.runner, self.count = host, runner, 0

    def click(self, name: str) -> None:
        self.count += 1
        self.host.click(name)
        self.host.spin(timeout=0.05)

    def choose(self, name: str, text: str) -> None:
        self.count += 2
        self.host.choose(name, text)
        self.host.spin(timeout=0.05)

    def module(self, name: str) -> None:
        self.count += 2
        self.host.select(name)
        self.host.spin(timeout=0.05)

    def drop(self, path: Path) -> None:
        self.count += 1
        self.host.widget.panel.cohort.onDropped(str(path))
        self.host.spin(timeout=0.05)

    def accept(self, path: Path) -> None:
        """A file dialog that proposes the name: one click on Save."""
        self.count += 1
        self.host.answer("getSaveFileName", str(path))

    def work(self) -> None:
        """The worker answers until nothing runs."""
        import modulethings

        answers = {"segment": modulethings.segment_result, "train": modulethings.train_result}
        answered = len([handle for handle in self.runner.handles if handle.finished])
        while True:
            self.host.spin(until=lambda: self._idle or len(self.runner.handles) > answered)  # noqa: B023
            if len(self.runner.handles) == answered:
                return
            handle = self.runner.handles[answered]
            answered += 1
            self.runner.tell(lambda: handle.hear_result(answers[handle.job.kind](handle.job)))  # noqa: B023
            self.host.spin(until=lambda: handle.finished)  # noqa: B023

    @property
    def _idle(self) -> bool:
        return self.host.widget.panel.services.desk.owner == ""


def train(person: Clicks) -> bool:
    """A volume was annotated in the Segment Editor; at the end its model is in the library."""
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    volume, labels = addPhantom("Patient A")
    addAnnotation(volume, labels, "A drawn")
    person.host.widget.panel.services.application.showVolume(volume)
    person.host.select("SegmentEditor")
    person.module("SAMAdapt")
    person.click("trainButton")
    person.work()
    return bool(person.host.ui.trainResultFrame.visible)


def segment(person: Clicks) -> bool:
    """Another patient was loaded; at the end it is segmented."""
    from SAMAdaptLib.mrml.selftest import addPhantom

    addPhantom("Patient B", 2, 1)
    person.host.ui.trainCollapsibleButton.collapsed = True
    person.host.ui.segmentCollapsibleButton.collapsed = False
    person.choose("inputSelector", "Patient B")
    person.click("segmentButton")
    person.work()
    return bool(person.host.ui.segmentResultFrame.visible)


def improve(person: Clicks) -> bool:
    """The result is corrected on a slice; at the end the volume is segmented by the model that learned from it."""
    import numpy as np
    import slicer

    host = person.host
    person.click("improveCollapsibleButton")
    person.click("correctButton")
    node = host.widget._parameterNode.improveSegmentation
    volume = host.widget._parameterNode.improveVolume
    part = node.GetSegmentation().GetNthSegmentID(0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, part, volume).astype(np.uint8)
    mask[4] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, part, volume)
    person.module("SAMAdapt")
    person.click("retrainButton")
    person.work()
    return bool(host.widget._parameterNode.improveSegmentation is not node)


def many(person: Clicks) -> bool:
    """A folder of volumes; at the end they are segmented and the table is saved."""
    import slicer

    from SAMAdaptLib.data.io.volumes import write_volume
    from SAMAdaptLib.mrml import capture_volume

    folder = Path(tempfile.mkdtemp(prefix="samadapt-clicks-"))
    (folder / "scans").mkdir()
    write_volume(capture_volume(slicer.mrmlScene.GetFirstNodeByName("Patient B")).volume(), folder / "scans" / "b.nrrd")
    person.click("cohortCollapsibleButton")
    person.drop(folder / "scans")
    person.click("cohortButton")
    person.work()
    person.accept(folder / "results.csv")
    person.click("cohortSaveButton")
    return (folder / "scans segmented" / "b.seg.nrrd").is_file() and (folder / "results.csv").is_file()


def count(host: Any, runner: Any) -> dict[str, int]:
    """The clicks of each way, one after the other as a person would take them. Raises RuntimeError for a dead end."""
    found = {}
    ways: dict[str, Callable[[Clicks], bool]] = {"train": train, "segment": segment, "improve": improve, "many": many}
    for name, way in ways.items():
        person = Clicks(host, runner)
        if not way(person):
            said = {
                part: getattr(host.ui, f"{part}StatusLabel").text for part in ("train", "segment", "improve", "cohort")
            }
            msg = f"The way {name!r} did not come to its end; the panel says {said}."
            raise RuntimeError(msg)
        found[name] = person.count
    return found


def main() -> int:
    """Count and print; 0 when no way takes more clicks than it may."""
    import os

    os.environ["SAMADAPT_HOME"] = tempfile.mkdtemp(prefix="samadapt-clicks-")
    from host import SlicerHost
    from modulethings import ScriptedRunner

    with SlicerHost() as host:
        host.widget.panel.services.packages.missing = list
        host.logic._runner = runner = ScriptedRunner()
        found = count(host, runner)
    for name, clicks in found.items():
        print(f"{name}: {clicks} clicks (at most {AIMS[name]})")
    return int(any(clicks > AIMS[name] for name, clicks in found.items()))


if __name__ == "__main__":
    sys.exit(main())
