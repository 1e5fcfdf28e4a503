"""The demo's course: take the data, train, segment, measure, write the files, tell where they are."""

from __future__ import annotations

import sys
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli.terminal import Interrupts, Terminal
from ..data.io.volumes import Labelmap, write_labelmap, write_volume
from ..encoders.registry import DEFAULT_ENCODER
from ..errors import InputError
from ..evaluation.metrics import Evaluation
from ..evaluation.report import CaseReport, Page, overlay_figure, png, score_table, write_page
from ..heads.head import Head, save_head
from ..inference.segment import segment
from ..training.train import train
from ..utils.files import write_content
from .problem import Problem, without

if TYPE_CHECKING:
    from ..progress import Monitor

BUDGET = "fast"
WIDTH = 100


@dataclass(frozen=True)
class Files:
    """What the demo leaves in its output folder."""

    folder: Path

    @property
    def page(self) -> Path:
        return self.folder / "index.html"

    @property
    def picture(self) -> Path:
        return self.folder / "picture.png"

    @property
    def segmentation(self) -> Path:
        return self.folder / "segmentation.seg.nrrd"

    @property
    def volume(self) -> Path:
        return self.folder / "volume.nrrd"

    @property
    def head(self) -> Path:
        return self.folder / "demo.samhead"


@dataclass
class Demo:
    """One run of the demo. ``encoder`` and ``head`` as in ``train``; ``head`` None takes what suits the problem."""

    output: Path
    data: Path | None = None
    encoder: str = DEFAULT_ENCODER
    head: str | None = None
    began: float = field(default_factory=time.monotonic)

    def run(self) -> Evaluation:
        """Do all of it. Raises SAMAdaptError."""
        files = Files(made(self.output))
        say("Taking the data ...")
        problem = self.problem()
        say(f"\n{problem.title}\n{folded(problem.story)}\n")
        with Interrupts() as interrupts:
            terminal = Terminal(sys.stderr, interrupts.asked)
            head = self.learn(problem, terminal)
            save_head(head, files.head)
            segmenting = time.monotonic()
            result = segment(problem.query, head, monitor=terminal)
            seconds = time.monotonic() - segmenting
            terminal.clear()
        evaluation = problem.measure(result)
        self.write(files, problem, head, result, evaluation, seconds)
        self.tell(files, problem, head, evaluation)
        return evaluation

    def problem(self) -> Problem:
        """The user's data, or else the brain template."""
        if self.data is not None:
            from .folder import folder_problem

            return folder_problem(self.data)
        from .template import template_problem

        return template_problem()

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

    def write(
        self, files: Files, problem: Problem, head: Head, result: Labelmap, evaluation: Evaluation, seconds: float
    ) -> None:
        """Write volume, segmentation, picture and page."""
        write_volume(problem.query, files.volume)
        write_labelmap(result, files.segmentation)
        # Slices that were trained on are blank in the picture's labels, and therefore never chosen for it.
        shown, truth = without(result, problem.seen), without(problem.reference, problem.seen)
        picture = png(overlay_figure(problem.query, shown, truth, evaluation=evaluation, title=problem.title))
        write_content(files.picture, picture)
        case = CaseReport(problem.query.name or "The volume", picture, evaluation, seconds, problem.fairness)
        command = "python3 run.py demo" + (f" --data {self.data}" if self.data else "")
        page = Page(problem.title, problem.story, [case], head.card, command=command, notes=problem.notes)
        write_page(files.page, page)

    def tell(self, files: Files, problem: Problem, head: Head, evaluation: Evaluation) -> None:
        """Say how good it is, where everything lies and what to do next."""
        say(f"\n{score_table(evaluation)}\n{folded(problem.fairness)}\n")
        training = clock(head.card.training.seconds or 0.0)
        say(f"Done in {clock(time.monotonic() - self.began)}; the training took {training} of it.")
        say(f"\n  Look at it        {files.page}\n                    {files.picture}")
        say(f"  For 3D Slicer     {files.volume}\n                    {files.segmentation}")
        say(f"  What it learned   {files.head}\n")
        say("Next, with volumes of your own:")
        say("  python3 run.py demo --data FOLDER     FOLDER/images and FOLDER/labels, files named alike")
        say("  python3 run.py cli train --case IMAGE LABELS -o NAME.samhead")
        say("  python3 run.py cli segment --head NAME.samhead IMAGE -o RESULT.seg.nrrd")


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


def clock(seconds: float) -> str:
    """A duration as people say it: ``42 s``, ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def say(text: str) -> None:
    """To the person who runs the demo, at once."""
    print(text, flush=True)
