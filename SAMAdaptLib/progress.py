"""How long work reports: one small protocol for terminal, worker, widget and silence, and the stages that it names.

Library functions take a ``Monitor`` and call it between slices or steps. They never print, know no Qt and no
progress bar. A monitor decides what to do with what it is told. On the wire a stage is English text; ``Stage.parse`` is
the way back from it, for those who translate.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

from .errors import Cancelled

HELD_OUT_DICE = "held-out Dice"
"""The metric of a training that a model is chosen by; with a slash and a number, that of one structure."""


@runtime_checkable
class Monitor(Protocol):
    """Hears about progress and says whether to stop."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """``done`` of ``total`` units of ``stage`` are finished (``stage`` is a short English phrase)."""

    def metric(self, name: str, step: int, value: float) -> None:
        """One point of a curve, such as the loss at a training step.

        A name with a slash ("held-out Dice/2") is a part of what is before it: of structure 2, say. May be NaN.
        """

    def warning(self, text: str) -> None:
        """Something the user should know that does not stop the work."""

    def cancelled(self) -> bool:
        """True once the user asked to stop. Cheap; called often."""


class Silent:
    """A monitor that ignores everything and never cancels."""

    def progress(self, stage: str, done: int, total: int) -> None:
        pass

    def metric(self, name: str, step: int, value: float) -> None:
        pass

    def warning(self, text: str) -> None:
        pass

    def cancelled(self) -> bool:
        return False


class Forwarding:
    """Passes everything on to another monitor, and keeps the warnings in ``warnings``.

    Args:
        monitor: Who is told.
        prefix: Set before every stage, and before every warning where there is no ``name``.
        name: Of what the warnings are about, such as one of many volumes.
        quiet: Whether to keep progress and metrics to itself, as in one of many short steps.
    """

    def __init__(self, monitor: Monitor, prefix: str = "", name: str = "", quiet: bool = False) -> None:
        self.monitor, self.quiet = monitor, quiet
        self.warnings: list[str] = []
        self.line = getattr(monitor, "line", None)  # of a job that stays open
        self._prefix, self._about = prefix, f"{name}: " if name else prefix

    def progress(self, stage: str, done: int, total: int) -> None:
        if not self.quiet:
            self.monitor.progress(self._prefix + stage, done, total)

    def metric(self, name: str, step: int, value: float) -> None:
        if not self.quiet:
            self.monitor.metric(name, step, value)

    def warning(self, text: str) -> None:
        self.warnings.append(text)
        self.monitor.warning(self._about + text)

    def cancelled(self) -> bool:
        return self.monitor.cancelled()


def raise_if_cancelled(monitor: Monitor) -> None:
    """Raise ``Cancelled`` if the monitor asks to stop."""
    if monitor.cancelled():
        raise Cancelled()


class TimeLeft:
    """Estimates the seconds left of a stage from the pace of its finished units."""

    def __init__(self) -> None:
        self._stage = ""
        self._began = 0.0
        self._first = 0

    def estimate(self, stage: str, done: int, total: int) -> float | None:
        """Seconds left, or None while there is nothing to judge by."""
        now = time.monotonic()
        if FRAME.covers(stage):
            stage = FRAME.template  # progress goes on over all frames
        if stage != self._stage or done < self._first:
            self._stage, self._began, self._first = stage, now, done
            return None
        finished = done - self._first
        if finished <= 0:
            return None
        return (now - self._began) / finished * max(total - done, 0)


# Stages -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """What long work does for a while: an English phrase, in which names and numbers may have to be filled in.

    An argument ``stage`` is the text of another stage, which this one says more of.
    """

    template: str

    def text(self, **arguments: object) -> str:
        """The phrase for progress, with these arguments filled in."""
        return self.template.format(**arguments)

    def covers(self, text: str) -> bool:
        """Whether this is the stage of such a text."""
        return self._pattern.fullmatch(text) is not None

    @staticmethod
    def parse(text: str) -> tuple[Stage | None, dict[str, str]]:
        """The stage whose ``text`` this is, and the arguments that were filled in; None for an unknown phrase."""
        for stage in STAGES:
            if found := stage._pattern.fullmatch(text):
                return stage, found.groupdict()
        return None, {}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.template)
        fixed, names = [re.escape(part) for part in parts[::2]], parts[1::2]
        named = [f"(?P<{name}>.+)" if name in ("stage", "name") else f"(?P<{name}>[\\w.-]+)" for name in names]
        return re.compile("".join(a + b for a, b in zip(fixed, [*named, ""], strict=True)), re.DOTALL)


ONE_OF_MANY = Stage("[{number}/{count}] {stage}")
FRAME = Stage("Frame {number} of {count}: {stage}")
SUPPORT = Stage("Support {number} of {count}: {stage}")
TURNED = Stage("{stage}, turned by {degrees} degrees")

READING_SCENE = Stage("Reading the scene")
WRITING_VOLUMES = Stage("Writing the volumes")
STARTING = Stage("Starting")
READING_RESULT = Stage("Reading the result")
READING = Stage("Reading")
PROBING = Stage("Probing")
DOWNLOADING = Stage("Downloading {name}")
CHECKING = Stage("Checking {name}")
FETCHING = Stage("Fetching {name}")

ENCODING = Stage("Encoding")
ENCODING_SLICES = Stage("Encoding slices")
ENCODING_VIEWS = Stage("Encoding views")
ENCODING_ROI_VIEWS = Stage("Encoding closer views")
LEARNING_SHAPES = Stage("Learning shapes")
LEARNING_LAYOUT = Stage("Learning arrangement")
TRAINING = Stage("Training the {name} head")

SEGMENTING = Stage("Segmenting")
SEGMENTING_AXIAL = Stage("Segmenting axial slices")
SEGMENTING_SAGITTAL = Stage("Segmenting sagittal slices")
SEGMENTING_CORONAL = Stage("Segmenting coronal slices")
ROI_STAGE = Stage("Looking closer")
COMPARING = Stage("Comparing")
VOLUMES = Stage("Volumes")
EARLIER_RESULTS = Stage("Looking at what is there")

STAGES = tuple(value for value in tuple(globals().values()) if isinstance(value, Stage))
"""All of them; those that say more of another one come first, since their texts are looked through from the outside."""

SEGMENTING_IN = {"axial": SEGMENTING_AXIAL, "sagittal": SEGMENTING_SAGITTAL, "coronal": SEGMENTING_CORONAL}
"""One for each plane, since in other languages more than the plane's word changes."""
