"""The demo's course: take the data, train, segment, measure, write the files, tell where they are."""

from __future__ import annotations

import sys
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.terminal import Interrupts, Terminal
from ..data.io.volumes import write_labelmap, write_volume
from ..encoders.registry import DEFAULT_ENCODER
from ..errors import InputError
from ..evaluation.report import png, write_page
from ..heads.head import Head, save_head
from ..inference.segment import segment
from ..training.train import train
from ..utils.files import write_content
from .course import Outcome, outcome_of_annotated, outcome_of_other
from .pages import clock, page_of, picture_of
from .problem import Problem

if TYPE_CHECKING:
    from ..progress import Monitor

BUDGET = "fast"
WIDTH = 100


@dataclass(frozen=True)
class Files:
    """What the demo leaves in its output folder; ``name`` is that of a patient, free of what paths mean."""

    folder: Path

    @property
    def page(self) -> Path:
        return self.folder / "index.html"

    @property
    def picture(self) -> Path:
        return self.folder / "picture.png"

    @property
    def head(self) -> Path:
        return self.folder / "demo.samhead"

    def segmentation(self, name: str) -> Path:
        return self.folder / f"{name}.seg.nrrd"

    def volume(self, name: str) -> Path:
        return self.folder / f"{name}.nrrd"


@dataclass
class Demo:
    """One run of the demo. ``encoder`` and ``head`` as in ``train``; ``head`` None takes what suits the problem."""

    output: Path
    data: Path | None = None
    encoder: str = DEFAULT_ENCODER
    head: str | None = None
    began: float = field(default_factory=time.monotonic)

    def run(self) -> list[Outcome]:
        """Do all of it: what came of each patient, the annotated one first. Raises SAMAdaptError."""
        files = Files(made(self.output))
        say("Taking the data ...")
        problem = self.problem()
        say(f"\n{problem.title}\n{folded(problem.story)}\n")
        with Interrupts() as interrupts:
            terminal = Terminal(sys.stderr, interrupts.asked)
            head = self.learn(problem, terminal)
            save_head(head, files.head)
            outcomes = self.segment_all(problem, head, terminal)
            terminal.clear()
        say("Making the picture ...")
        self.write(files, problem, head, outcomes)
        self.tell(files, head, outcomes)
        return outcomes

    def problem(self) -> Problem:
        """The user's data, or else the sample brains."""
        if self.data is not None:
            from .folder import folder_problem

            return folder_problem(self.data)
        from .brains import brain_problem

        return brain_problem()

    def learn(self, problem: Problem, monitor: Monitor) -> Head:
        """Train on the problem's case."""
        return train(
            [problem.training],
            encoder=self.encoder,
            head=self.head or problem.head,
            budget=BUDGET,
            annotated_slices_only=problem.annotated_slices_only,
            name="demo",
            monitor=monitor,
        )

    def segment_all(self, problem: Problem, head: Head, monitor: Monitor) -> list[Outcome]:
        """Segment and measure every patient; the annotated one only where it was not annotated throughout."""
        outcomes = []
        for patient in (problem.annotated, *problem.others) if problem.open_slices else problem.others:
            began = time.monotonic()
            found = segment(patient.volume, head, monitor=monitor)
            seconds = time.monotonic() - began
            measured = outcome_of_annotated if patient is problem.annotated else outcome_of_other
            outcomes.append(measured(problem, patient, found, seconds))
        return outcomes

    def write(self, files: Files, problem: Problem, head: Head, outcomes: list[Outcome]) -> None:
        """Write volumes, segmentations, picture and page."""
        for place, outcome in enumerate(outcomes):
            name = plain(outcome.patient.title, place)
            write_volume(outcome.patient.volume, files.volume(name))
            write_labelmap(outcome.found, files.segmentation(name))
        picture = png(picture_of(problem, outcomes))
        write_content(files.picture, picture)
        command = "python3 run.py demo" + (f" --data {self.data}" if self.data else "")
        seconds = time.monotonic() - self.began
        write_page(files.page, page_of(problem, head, outcomes, picture, command, seconds))

    def tell(self, files: Files, head: Head, outcomes: list[Outcome]) -> None:
        """Say how good it is, where everything lies and what to do next."""
        say("\nMean Dice                                   SAMAdapt   otherwise")
        for outcome in outcomes:
            name = outcome.patient.title[:40]
            beside = "" if outcome.otherwise is None else f"       {outcome.otherwise:.3f}  ({outcome.other_way})"
            say(f"  {name:<40}    {outcome.evaluation.mean_dice:.3f}{beside}")
        training = clock(head.card.training.seconds or 0.0)
        say(f"\nDone in {clock(time.monotonic() - self.began)}; the training took {training} of it.")
        say(f"\n  Look at it        {files.page}\n                    {files.picture}")
        name = plain(outcomes[-1].patient.title, len(outcomes) - 1)
        say(f"  For 3D Slicer     {files.volume(name)}\n                    {files.segmentation(name)}, and the others")
        say(f"  What it learned   {files.head}\n")
        say("Next, with volumes of your own:")
        say("  python3 run.py demo --data FOLDER     FOLDER/images and FOLDER/labels, files named alike")
        say("  python3 run.py cli train --case IMAGE LABELS -o NAME.samhead")
        say("  python3 run.py cli segment --head NAME.samhead IMAGE -o RESULT.seg.nrrd")


def plain(title: str, place: int) -> str:
    """A file name of a patient's title: its letters, digits and hyphens, with a number when none is left."""
    kept = "".join(sign if sign.isalnum() or sign in "-_" else " " for sign in title)
    return "-".join(kept.split()) or f"patient-{place + 1}"


def made(folder: Path) -> Path:
    """The folder, created if need be. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {folder} cannot be made ({error.strerror or error})."
        raise InputError(msg, "Choose another one with --output.") from error
    return folder.resolve()


def folded(text: str) -> str:
    """The text in lines that fit a terminal."""
    return textwrap.fill(text, WIDTH)


def say(text: str) -> None:
    """To the person who runs the demo, at once."""
    print(text, flush=True)
