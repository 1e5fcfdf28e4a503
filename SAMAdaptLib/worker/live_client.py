"""A live session in the worker, as the panel sees it: strokes go in, a preview of all slices grows.

    live = LiveClient(runner, LiveJob(image=folder.file("image.mha")), geometry, LiveCallbacks(preview=show), folder)
    live.set_annotation(labels, focus=40)   # after each stroke; sends the slices that changed
    live.preview                            # (k, j, i): what was predicted so far for the newest strokes

Everything happens in the thread that polls the runner. The strokes are the owner's: when the worker dies, they are
still there, and another session goes on with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled, SAMAdaptError, WorkerError
from ..live import messages
from ..live.annotation import drawn_plane
from ..live.preview import Acceptance
from ..preprocessing.slicing import SliceStack
from .handle import Callbacks, JobHandle, JobRunner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.geometry import Geometry
    from ..jobs.specs import LiveJob
    from .folder import JobFolder

__all__ = ["LiveCallbacks", "LiveClient", "drawn_plane", "packed"]


def _ignore(*_: Any) -> None:
    pass


def packed(slices: Mapping[int, NDArray[Any] | None]) -> dict[int, str | None]:
    """Slices (rows, columns) as they travel; from any thread. All zeros become None: nothing is drawn there."""
    return {index: messages.pack(part) if part is not None and part.any() else None for index, part in slices.items()}


@dataclass
class LiveCallbacks:
    """What to call; all are called from the runner's ``poll()``, and none is called after ``closed``.

    ``state(live)`` when ``live.state`` changed; ``progress(live, stage, done, total)``; ``preview(live, slices)`` when
    these slices of ``live.preview`` are new; ``finished(live)`` when all slices are there for the newest strokes;
    ``warning(live, text)``; ``closed(live)`` once, ``live.error`` says why unless that was asked for.
    """

    state: Callable[[LiveClient], None] = _ignore
    progress: Callable[[LiveClient, str, int, int], None] = _ignore
    preview: Callable[[LiveClient, list[int]], None] = _ignore
    finished: Callable[[LiveClient], None] = _ignore
    warning: Callable[[LiveClient, str], None] = _ignore
    closed: Callable[[LiveClient], None] = _ignore


class LiveClient:
    """A live session in the worker. ``geometry`` is the volume's; ``folder`` is removed when the session is over."""

    def __init__(
        self,
        runner: JobRunner,
        job: LiveJob,
        geometry: Geometry,
        callbacks: LiveCallbacks | None = None,
        folder: JobFolder | None = None,
    ) -> None:
        self.stack = SliceStack(geometry, job.plane)
        self.preview: NDArray[Any] = np.zeros(geometry.shape, np.uint8)
        self.certainty: list[float | None] = [None] * len(self.stack)
        self.previewed = np.zeros(len(self.stack), bool)
        self.annotated: tuple[int, ...] = ()
        self.next_slice: int | None = None
        self.generation = self.previewed_generation = 0
        self.state = "opening"
        self.error: SAMAdaptError | None = None
        self._callbacks = callbacks or LiveCallbacks()
        self._sent: dict[int, str] = {}  # what is drawn, packed, by slice
        self._marks: tuple[Any, ...] = ((), None, None)
        self._focus = job.start
        self._open = False
        self.handle = runner.submit(
            job,
            Callbacks(
                progress=self._on_progress, warning=self._on_warning, event=self._on_event, finished=self._on_end
            ),
            folder,
        )

    # What the owner calls ---------------------------------------------------------------------------------------

    def set_annotation(
        self,
        labels: NDArray[Any],
        empty_slices: Iterable[int] = (),
        background: int | None = None,
        ignore: int | None = None,
        focus: int | None = None,
    ) -> None:
        """All that is painted now: (k, j, i) uint8 or uint16 on the volume's grid. Slices that changed are sent."""
        oriented = self.stack.oriented(labels)
        shown = {int(index) for index in np.flatnonzero(oriented.any(axis=(1, 2)))} | self._sent.keys()
        slices: dict[int, NDArray[Any] | None] = {index: oriented[index] for index in sorted(shown)}
        self.set_slices(packed(slices), empty_slices, background, ignore, focus)

    def set_slices(
        self,
        slices: Mapping[int, NDArray[Any] | str | None],
        empty_slices: Iterable[int] = (),
        background: int | None = None,
        ignore: int | None = None,
        focus: int | None = None,
    ) -> None:
        """Slices that may have changed: label values (rows, columns), or what ``packed`` made of them, or None.

        The others stay as they were. The rest is as for ``set_annotation``. Nothing is sent where nothing changed.
        """
        changed: dict[int, str | None] = {}
        for index, part in slices.items():
            text = packed({index: part})[index] if isinstance(part, np.ndarray) else part
            if text != self._sent.get(index):
                changed[index] = text
        marks = (tuple(sorted(empty_slices)), background, ignore)
        if focus is not None:
            self._focus = focus
        if not changed and marks == self._marks:
            if focus is not None:
                self.focus(focus)
            return
        self._marks = marks
        for index, text in changed.items():
            self._sent.pop(index, None)
            if text is not None:
                self._sent[index] = text
        self.generation += 1
        self._tell_annotation(changed, reset=False)

    def focus(self, index: int) -> None:
        """The slice that is looked at: it comes first from now on."""
        self._focus = index
        if self._open:
            self.handle.tell(messages.FOCUS, {"slice": index})

    def cancel_preview(self) -> None:
        """Stop fitting and predicting; encoding goes on, and the next strokes start anew."""
        self._forget()
        if self._open:
            self.handle.tell(messages.PAUSE, {})

    def close(self) -> None:
        """End the session; the worker stays. ``closed`` comes from a later poll. Harmless when it is over."""
        self.handle.cancel()

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self.handle.finished

    def accepted(self, labels: NDArray[Any], what: str = "all", index: int | None = None) -> NDArray[Any]:
        """The labels (k, j, i) with the preview where nobody painted; ``labels`` is not changed.

        ``what``: "all" slices, the one "slice" ``index``, or those "between" the first and the last annotated one.
        Slices that are not previewed yet, and all that is painted, stay as they are. Raises InputError.
        """
        _empty, background, ignore = self._marks
        scribbled = background is not None or ignore is not None
        acceptance = Acceptance(self.stack, self.annotated_now, self.previewed, tuple(self._sent) if scribbled else ())
        return acceptance.applied(labels, self.preview, what, index)

    @property
    def annotated_now(self) -> tuple[int, ...]:
        """The slices that are annotated by what was sent."""
        return tuple(sorted({*self._sent, *self._marks[0]}))

    # What the worker tells --------------------------------------------------------------------------------------

    def _on_event(self, _handle: JobHandle, about: str, data: dict[str, Any]) -> None:
        if about == messages.OPENED:
            self._on_opened(data)
        elif int(data.get("generation", self.generation)) != self.generation:
            return  # of strokes that are no more
        elif about == messages.STATE:
            self._enter(str(data["state"]))
        elif about == messages.PREVIEW:
            self._on_preview(data)
        elif about == messages.FINISHED:
            self.annotated = tuple(data["annotated"])
            self.certainty = list(data["certainty"])
            self.next_slice = data["next_slice"]
            self.previewed_generation = self.generation
            self._callbacks.finished(self)

    def _on_opened(self, data: Mapping[str, Any]) -> None:
        if (data["slices"], data["rows"], data["columns"]) != (len(self.stack), *self.stack.shape):
            msg = "The worker works on other slices than the panel shows."
            raise WorkerError(msg, "Choose the volume again.")
        self._open = True
        if self._sent or self._marks[0]:
            self._tell_annotation(dict(self._sent), reset=True)
        elif self._focus is not None:
            self.focus(self._focus)

    def _on_preview(self, data: Mapping[str, Any]) -> None:
        index = int(data["slice"])
        part = messages.unpack(data["labels"], self.stack.shape)
        if part.dtype.itemsize > self.preview.dtype.itemsize:
            self.preview = self.preview.astype(part.dtype)
        self.stack.put(self.preview, index, part)
        self.previewed[index] = True
        self.certainty[index] = None if data.get("source") == "contours" else data["certainty"]
        self._callbacks.preview(self, [index])

    def _on_progress(self, _handle: JobHandle, stage: str, done: int, total: int, _left: float | None) -> None:
        self._callbacks.progress(self, stage, done, total)

    def _on_warning(self, _handle: JobHandle, text: str) -> None:
        self._callbacks.warning(self, text)

    def _on_end(self, handle: JobHandle) -> None:
        self._open = False
        self.error = None if isinstance(handle.error, Cancelled) else handle.error
        self._enter("closed" if self.error is None else "failed")
        self._callbacks.closed(self)

    # ------------------------------------------------------------------------------------------------------------

    def _tell_annotation(self, slices: Mapping[int, str | None], reset: bool) -> None:
        self._forget()
        if not self._open:
            return
        empty, background, ignore = self._marks
        data = {
            "generation": self.generation,
            "slices": {str(index): text for index, text in slices.items()},
            "empty": list(empty),
            "reset": reset,
            "background": background,
            "ignore": ignore,
            "focus": self._focus,
        }
        self.handle.tell(messages.ANNOTATION, data)

    def _forget(self) -> None:
        """What was previewed belongs to strokes that are no more; it is shown until there is something newer."""
        self.previewed[:] = False
        self.certainty = [None] * len(self.stack)
        self.next_slice = None

    def _enter(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._callbacks.state(self)
