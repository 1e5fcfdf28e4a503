"""A live session as a job that stays open: told of strokes between any two steps, it tells of slices as they come.

What is told is looked at between slices and between the steps of a fit. Strokes that come meanwhile replace the running
fit. The visible slice comes first, from a quick fit where the last model can go on; then the whole fit, and all slices,
nearest to the visible one first. While nothing is to be shown, slices are encoded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import Cancelled, InputError
from ..progress import raise_if_cancelled
from . import messages
from .annotation import AnnotatedStack
from .messages import Told
from .preview import PreviewSlice
from .quick_fit import warm_up
from .session import ENCODING, FITTING, LiveSession
from .slice_features import outwards

if TYPE_CHECKING:
    from ..progress import Monitor

CHECKED = 20
"""Slices that are looked up in the cache before strokes are heard again."""

WAIT_SECONDS = 0.2
"""How long to wait for a word before looking again whether to stop."""


class Line(Protocol):
    """What goes to and fro between a session and its owner, beside what a monitor hears."""

    def receive(self, seconds: float) -> tuple[str, Mapping[str, Any]] | None:
        """The next word and its data; None when none comes within so many seconds."""

    def send(self, about: str, data: Mapping[str, Any]) -> None:
        """Tell the owner. Returns at once."""


class LiveServer:
    """Drives a session by what comes over a line, one unit of work a ``step``."""

    def __init__(self, session: LiveSession, line: Line, monitor: Monitor, start: int | None = None) -> None:
        self.session, self._line, self._monitor = session, line, monitor
        self._generation, self._focus = 0, start
        self._state = ""
        self._due = False  # strokes came that no model knows yet
        self._quick_shown = False
        self._waiting: list[int] = []  # slices still to be predicted
        self._missing: list[int] | None = None  # slices still to be encoded
        rows, columns = session.stack.shape
        self._warm = False
        opened = {"slices": len(session.stack), "rows": rows, "columns": columns, "plane": session.plane}
        line.send(messages.OPENED, opened)

    def run(self) -> None:
        """Work until the monitor says stop. Raises Cancelled then."""
        while True:
            if not self.step():
                self._hear(WAIT_SECONDS)

    def step(self) -> bool:
        """Hear what was told and do one unit of work; False when there is nothing to do. Raises Cancelled."""
        raise_if_cancelled(self._monitor)
        self._hear(0.0)
        if self._due:
            self._fit()
        elif self._waiting:
            self._predict(self._waiting.pop(0))
            if not self._waiting:
                self._finish()
        elif not self._warm:
            self._warm = True
            self._enter("encoding")
            warm_up()
        elif not self._encode_one():
            self._enter("ready")
            return False
        return True

    # Hearing ----------------------------------------------------------------------------------------------------

    def _hear(self, seconds: float) -> bool:
        """Take all that was told; True when that makes the running fit void."""
        void = False
        while word := self._line.receive(0.0 if void else seconds):
            seconds = 0.0
            about, data = word
            if about == messages.ANNOTATION:
                void = self._annotate(data) or void
            elif about == messages.FOCUS:
                self._look_at(data.get("slice"))
            elif about == messages.PAUSE:
                self._due, self._waiting, void = False, [], True
        return void

    def _annotate(self, data: Mapping[str, Any]) -> bool:
        session = self.session
        told = Told.from_data(data, session.stack.shape)
        before = session.annotation
        base = AnnotatedStack() if told.reset else before
        base = AnnotatedStack(base.drawn, base.empty, told.background, told.ignore)
        session.annotate(base.with_slices(told.slices, told.empty, session.stack.shape))
        self._generation = told.generation
        self._look_at(told.focus)
        self._waiting, self._quick_shown = [], False
        self._due = bool(session.annotation.values)
        if not self._due:
            self._finish()
        return True

    def _look_at(self, index: Any) -> None:
        count = len(self.session.stack)
        if isinstance(index, int) and 0 <= index < count:
            self._focus = index
            order = {at: place for place, at in enumerate(outwards(count, index))}
            self._waiting.sort(key=order.__getitem__)
            self._missing = None

    # Work -------------------------------------------------------------------------------------------------------

    def _fit(self) -> None:
        """A quick fit and the visible slice; at the next step the whole fit, and all slices."""
        self._enter("fitting")
        session = self.session
        if not self._quick_shown and not self._encoded():
            return
        if not session.fit(quick=not self._quick_shown, go_on=self._go_on):
            return
        if not self._quick_shown:
            self._quick_shown = True
            self._predict(self._visible())
            return
        self._due = False
        self._waiting = outwards(len(session.stack), self._focus)

    def _encoded(self) -> bool:
        """Encode the visible slice and the annotated ones; False when other strokes came. Shows contours meanwhile."""
        session, visible = self.session, self._visible()
        needed = [index for index in (visible, *session.annotated) if not session.features.has(index)]
        if needed:
            self._tell(session.contours(visible))
        for done, index in enumerate(needed):
            self._monitor.progress(ENCODING, done, len(needed))
            session.features.features(index)
            if not self._go_on(0, 0):
                return False
        return True

    def _predict(self, index: int) -> None:
        self._enter("predicting")
        self._tell(self.session.predict(index))

    def _encode_one(self) -> bool:
        """Encode the missing slice that is nearest to the visible one; False when none is missing."""
        features = self.session.features
        if self._missing is None:
            self._missing = [index for index in outwards(len(features), self._focus) if index not in features.known]
        while self._missing:
            index = self._missing.pop(0)
            if not features.has(index):  # looked up one by one: a thousand at once would hold up the first stroke
                self._enter("encoding")
                features.features(index)
                self._monitor.progress(ENCODING, len(features.known), len(features))
                return True
            if len(features.known) % CHECKED == 0:
                return True
        return False

    def _visible(self) -> int:
        return len(self.session.stack) // 2 if self._focus is None else self._focus

    def _go_on(self, done: int, total: int) -> bool:
        """Between two steps of a fit: whether it still counts."""
        raise_if_cancelled(self._monitor)
        if total and self._quick_shown:
            self._monitor.progress(FITTING, done, total)
        return not self._hear(0.0)

    # Telling ----------------------------------------------------------------------------------------------------

    def _enter(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._line.send(messages.STATE, {"generation": self._generation, "state": state})

    def _tell(self, part: PreviewSlice) -> None:
        data = {
            "generation": self._generation,
            "slice": part.slice,
            "labels": messages.pack(part.labels),
            "certainty": round(part.certainty, 4),
            "source": part.source,
        }
        self._line.send(messages.PREVIEW, data)

    def _finish(self) -> None:
        session = self.session
        data = {
            "generation": self._generation,
            "annotated": list(session.annotated),
            "certainty": [None if value is None else round(value, 4) for value in session.certainty],
            "next_slice": session.next_slice(),
        }
        self._line.send(messages.FINISHED, data)


def serve(session: LiveSession, line: Line, monitor: Monitor, start: int | None = None) -> dict[str, Any]:
    """Serve a session until it is cancelled, which is how it ends; returns facts for the job's result."""
    server = LiveServer(session, line, monitor, start)
    with contextlib.suppress(Cancelled):
        server.run()
    return {"slices": len(session.stack), "plane": session.plane, "closed": True}


def require_line(monitor: object) -> Line:
    """The line of a job's monitor. Raises InputError where the job runs without one."""
    line = getattr(monitor, "line", None)
    if line is None:
        msg = "A live session needs a worker that can be told of strokes; here is none."
        raise InputError(msg, "Use samadapt.LiveSession in this process, or the worker.")
    return cast("Line", line)
