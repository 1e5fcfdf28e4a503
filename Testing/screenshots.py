#!/usr/bin/env python3
"""Pictures of every panel in use, made by clicking through the unchanged module in the stand-in application.

    python3 Testing/screenshots.py FOLDER [--encoder NAME] [--budget fast|balanced|best] [--data FOLDER]
        [--theme light|dark] [--language de|fr] [--only annotate]

Trains on one annotated volume and segments another: synthetic ones, or the first two patients of --data (a folder with
images/ and labels/, such as ACDC's; mind its licence before you show the pictures). Real worker, real encoder: the
default one where its weights are, else the tiny one of the tests. Heads and features go to a folder of their own, which
is deleted at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = ("segment", "train", "improve", "cohort", "installation")
LONGEST = 1800.0
"""Seconds after which a job is given up."""


class Studio:
    """The application with the module in it, and the folder of the pictures."""

    def __init__(self, host: Any, folder: Path) -> None:
        self.host, self.folder, self.count = host, folder, 0
        self.panel = host.widget.panel
        self.parameters = host.widget._parameterNode

    def open(self, *sections: str) -> None:
        """Unfold these sections of the panel, fold the others."""
        for name in SECTIONS:
            getattr(self.host.ui, f"{name}CollapsibleButton").collapsed = name not in sections
        self.host.spin(timeout=0.1)

    def take(self, name: str) -> None:
        """The panel as it is now."""
        self.count += 1
        path = self.host.grab(self.folder / f"{self.count:02d}-{name}.png")
        self.say(f"{path}  (longest pause so far {1000 * self.host.longestPause:.0f} ms)")

    def wait(self, presenter: Any, until: Callable[[], Any] | None = None) -> None:
        """Let a job run until a condition holds, or to its end."""
        self.host.spin(until=lambda: not presenter.running or (until is not None and until()), timeout=LONGEST)

    def say(self, text: str) -> None:
        """What is being done."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make all pictures; 0 when all jobs came to a good end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--encoder", default="", help="default: that of the panel where its weights are, else tiny")
    parser.add_argument("--budget", default="fast", choices=("fast", "balanced", "best"))
    parser.add_argument("--data", type=Path, default=None, help="a folder with images/ and labels/ of hearts")
    parser.add_argument("--only", default="", choices=("annotate",), help="the pictures of this section alone")
    parser.add_argument("--theme", default="light", choices=("light", "dark"))
    parser.add_argument("--language", default="", choices=("", "de", "fr"))
    chosen = parser.parse_args(arguments)
    for place in (ROOT / "Testing", ROOT):
        sys.path.insert(0, str(place))
    chosen.encoder = chosen.encoder or _encoder()
    home = Path(tempfile.mkdtemp(prefix="samadapt-pictures-"))
    try:
        return _session(chosen, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _encoder() -> str:
    """The default encoder if it is here already; its weights then serve from where they are."""
    from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER, ENTRIES
    from SAMAdaptLib.encoders.weights import store as weights

    found = weights.locate(ENTRIES[DEFAULT_ENCODER])
    if found is None:
        return "tiny"
    os.environ.setdefault(weights.VARIABLE, str(found.parent))
    return DEFAULT_ENCODER


def _session(chosen: argparse.Namespace, home: Path) -> int:
    os.environ["SAMADAPT_HOME"] = str(home)
    from host import SlicerHost, install

    install.install()
    _dress(chosen.theme)
    if chosen.language:
        _speak(chosen.language)
    with SlicerHost() as host:
        studio = Studio(host, chosen.folder)
        studio.parameters.encoder = chosen.encoder
        volumes = _hearts(host, chosen.data) if chosen.data else _phantoms()
        _annotate(studio, *(volumes[0] if chosen.data else _lens()))
        if chosen.only:
            return 0
        studio.open("segment")
        studio.take("segment-before-the-first-head")
        _installation(studio)
        _train(studio, volumes[0], chosen.budget)
        _segment(studio, volumes[1])
        _improve(studio)
        _many(studio)
        studio.say(f"encoder {chosen.encoder}; the event loop's longest pause was {1000 * host.longestPause:.0f} ms")
        failed = [message.text for message in host.messages if message.kind == "critical"]
    sys.stdout.writelines(f"failed: {text}\n" for text in failed)
    return 1 if failed else 0


def _dress(theme: str) -> None:
    """The colours of Slicer's light or dark style."""
    from PySide6 import QtGui, QtWidgets

    role, color = QtGui.QPalette.ColorRole, QtGui.QColor
    window, base, text = ("#efefef", "#ffffff", "#000000") if theme == "light" else ("#323232", "#242424", "#f0f0f0")
    palette = QtGui.QPalette(color(window))
    for name, value in (
        (role.Base, base),
        (role.AlternateBase, window),
        (role.Text, text),
        (role.WindowText, text),
        (role.ButtonText, text),
        (role.Link, "#1565a0" if theme == "light" else "#6cbeff"),
    ):
        palette.setColor(name, color(value))
    QtWidgets.QApplication.setStyle("Fusion")
    QtWidgets.QApplication.setPalette(palette)


def _speak(language: str) -> None:
    """Slicer's language, which the module follows when it is loaded."""
    from SAMAdaptLib.gui import translation

    translation.language = lambda: language


# --- the panels ------------------------------------------------------------------------------------------


def _annotate(studio: Studio, volume: Any, truth: Any) -> None:
    """Paint two slices as in the truth, watch, look at the next, accept; a slice's picture beside the panel."""
    studio.say("annotating")
    studio.open("train")
    studio.host.ui.annotateCollapsibleButton.collapsed = False
    annotator = _Annotator(studio, volume, truth)
    live = annotator.live
    studio.host.spin(until=lambda: live.state.phase.value in ("encoding", "ready"), timeout=LONGEST)
    studio.take("annotate-encoding")
    present = annotator.present()
    first, last = present[len(present) // 6], present[-1 - len(present) // 3]
    live.jumpTo(first)
    annotator.paint(first)
    annotator.picture("annotate-strokes", first)
    annotator.paint(last)
    annotator.settle()
    middle = (first + last) // 2
    live.jumpTo(middle)
    annotator.picture("annotate-preview", middle)
    studio.host.click("liveNextButton")
    studio.host.spin(timeout=0.3)
    unsure = int(live.state.visible or 0)
    annotator.picture("annotate-next-slice", unsure)
    bare = unsure not in present
    studio.host.click("liveEmptyButton" if bare else "liveAcceptSliceButton")
    studio.host.spin(until=lambda: unsure in live.state.annotated, timeout=LONGEST)
    annotator.settle()
    annotator.picture("annotate-nothing-here" if bare else "annotate-accepted-slice", unsure)
    studio.host.click("liveAcceptButton")
    studio.host.spin(until=lambda: not live.wanted, timeout=LONGEST)
    annotator.picture("annotate-accepted", middle)
    annotator.leave()


class _Annotator:
    """A person at the panel's Segment Editor, who paints what is true."""

    def __init__(self, studio: Studio, volume: Any, truth: Any) -> None:
        from livepanelthings import Painter

        from SAMAdaptLib.mrml import segments_of
        from SAMAdaptLib.mrml.annotation.capture import capture_annotation

        self._studio, self._volume = studio, volume
        annotate = studio.panel.annotate
        self.live, self._person = annotate.live, Painter(studio.host, annotate.editor)
        self._drawn = self._person.choose(volume)
        self._labels = capture_annotation(truth, volume).voxels()
        segmentation = self._drawn.GetSegmentation()
        self._ids = [segmentation.AddEmptySegment("", info.name, info.color) for info in segments_of(truth)]
        self._person.editor.setActiveEffectByName("Paint")

    def present(self) -> list[int]:
        """The slices that show anything."""
        return [n for n, part in enumerate(self._labels) if part.any()]

    def paint(self, n: int) -> None:
        """All structures on one slice."""
        for value, segment_id in enumerate(self._ids, 1):
            mask = self._labels == value
            mask[:n] = mask[n + 1 :] = False
            self._person.paint(segment_id, mask, self._volume)
        self._studio.host.spin(timeout=0.5)

    def settle(self) -> None:
        """Wait for the whole preview."""

        def settled() -> bool:
            state = self.live.state
            return bool(state.complete and state.settled and state.painted)

        self._studio.host.spin(until=settled, timeout=LONGEST)

    def picture(self, name: str, n: int) -> None:
        """The panel, and to its right what the slice view shows."""
        from slicepicture import beside, slice_picture

        self._studio.host.spin(timeout=0.4)
        preview = self.live.link.preview.node if self.live.link is not None else None
        shown = [node for node in (self._drawn, preview) if node is not None]
        self._studio.take(name)
        path = self._studio.folder / f"{self._studio.count:02d}-{name}.png"
        beside(path, [(f"Slice view: slice {n + 1}", slice_picture(self._volume, n, shown))])

    def leave(self) -> None:
        """As before."""
        self._person.editor.setActiveEffectByName("")
        self._studio.host.scene.RemoveNode(self._drawn)
        self._studio.host.ui.annotateCollapsibleButton.collapsed = True


def _installation(studio: Studio) -> None:
    studio.open("installation")
    if studio.host.ui.checkDeviceButton.enabled:
        studio.host.click("checkDeviceButton")
        studio.wait(studio.panel.installation)
    studio.take("installation-and-storage")


def _train(studio: Studio, case: tuple[Any, Any], budget: str) -> None:
    studio.say("training")
    host, ui, panel = studio.host, studio.host.ui, studio.panel
    studio.open("train")
    host.widget.panel.services.application.showVolume(case[0])
    host.widget.panel.refresh()
    studio.parameters.headName = "Heart"
    ui.budgetSelector.setCurrentIndex(("fast", "balanced", "best").index(budget))
    host.spin(timeout=0.3)
    studio.take("train-ready")
    host.click("trainButton")
    studio.wait(panel.train, lambda: len(panel.train.curve.dice) >= 3)
    studio.take("train-running")
    studio.wait(panel.train)
    studio.take("train-done")


def _segment(studio: Studio, case: tuple[Any, Any]) -> None:
    studio.say("segmenting")
    host, ui, panel = studio.host, studio.host.ui, studio.panel
    if ui.segmentWithItButton.visible:
        host.click("segmentWithItButton")
    studio.open("segment")
    ui.inputSelector.setCurrentNode(case[0])
    ui.segmentAdvancedGroupBox.collapsed = False
    host.spin(timeout=0.2)
    studio.take("segment-advanced")
    ui.segmentAdvancedGroupBox.collapsed = True
    host.click("segmentButton")
    studio.wait(panel.segment, lambda: ui.segmentProgressBar.maximum and ui.segmentProgressBar.value > 0)
    studio.take("segment-running")
    studio.wait(panel.segment)
    studio.take("segment-done")


def _improve(studio: Studio) -> None:
    studio.say("suggesting")
    studio.open("improve")
    studio.take("improve-doubtful-slices")
    if studio.host.ui.suggestButton.enabled:
        studio.host.click("suggestButton")
        studio.wait(studio.panel.improve)
    studio.take("improve-suggestions")


def _many(studio: Studio) -> None:
    studio.say("many volumes")
    studio.open("cohort")
    if studio.host.ui.cohortButton.enabled:
        studio.host.click("cohortButton")
        studio.wait(studio.panel.cohort)
    studio.take("many-volumes")


# --- what is segmented -----------------------------------------------------------------------------------


def _hearts(host: Any, folder: Path) -> list[tuple[Any, Any]]:
    """A volume of each of two patients with its annotation: (volume node, segmentation node)."""
    import hearts

    first = [files[0] for files in hearts.patients(folder).values()]
    return [hearts.load_case(host, folder, path, f"Patient {name}") for name, path in zip("AB", first, strict=False)]


def _lens() -> tuple[Any, Any]:
    """A phantom whose structures grow and shrink from slice to slice, and end within the volume."""
    import numpy as np
    import slicer

    from SAMAdaptLib.mrml.selftest import POOL, WALL, addAnnotation

    k, j, i = np.indices((24, 96, 96), dtype=np.float64)
    size = np.clip(np.sin(np.pi * (k - 2) / 19), 0, None) * (k < 21)
    distance = np.hypot(j - 48 - 8 * np.sin(k / 5), (i - 46 - k / 3) * (1.25 - 0.5 * size))
    labels = np.zeros(k.shape, np.uint8)
    labels[distance < 27 * size] = WALL
    labels[distance < 17 * size - 3] = POOL
    noise = np.random.default_rng(3).normal(100, 14, k.shape) + 12 * np.sin(i / 9) * np.cos(j / 11)
    voxels = noise + 55.0 * (labels == POOL) - 40.0 * (labels == WALL)
    volume = slicer.util.addVolumeFromArray(voxels.astype(np.float32), name="Patient A")
    volume.SetSpacing(1.2, 1.2, 4.0)
    return volume, addAnnotation(volume, labels, "Patient A truth")


def _phantoms() -> list[tuple[Any, Any]]:
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    cases = []
    for number, name in enumerate(("Patient A", "Patient B")):
        volume, labels = addPhantom(name, shift=2.0 * number, seed=number)
        cases.append((volume, addAnnotation(volume, labels, f"{name} annotation")))
    return cases


if __name__ == "__main__":
    sys.exit(main())
