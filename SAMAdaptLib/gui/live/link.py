"""A live session in the worker, as the main thread sees it: a volume on its way there, strokes, and what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from ...errors import SAMAdaptError
from ...utils.background import BackgroundTask
from ...worker.folder import JobFolder
from ...worker.handle import JobRunner
from ..panels.base import alive
from .state import LiveSettings, Phase
from .tasks import Steps, aside

if TYPE_CHECKING:
    from ...mrml.live.strokes import Strokes

SHOW_SECONDS = 0.15
"""Between two looks at what was found meanwhile: each costs the views a drawing."""

_PHASES = {
    "opening": Phase.ENCODING,
    "encoding": Phase.ENCODING,
    "fitting": Phase.FITTING,
    "predicting": Phase.PREDICTING,
    "ready": Phase.READY,
}

OpenClient = Callable[..., Any]
"""``(runner, job, geometry, callbacks, folder) -> LiveClient``."""


def open_client(runner: JobRunner, job: Any, geometry: Any, callbacks: Any, folder: JobFolder) -> Any:
    """A session in the worker process."""
    from ...worker.live_client import LiveClient

    return LiveClient(runner, job, geometry, callbacks, folder=folder)


class LiveLink:
    """One volume's session. Raises InputError or GeometryError for a volume that cannot be used."""

    def __init__(
        self,
        volume: Any,
        settings: LiveSettings,
        runner: Callable[[], JobRunner],
        open_client: OpenClient,
        ended: Callable[[SAMAdaptError | None], None],
    ) -> None:
        from ...mrml import capture_volume, grid_of
        from ...mrml.live.preview import Preview
        from ...mrml.live.strokes import StrokeReader, stack_of

        self.volume, self.settings = volume, settings
        self.stack = stack_of(volume, settings.plane)
        self.geometry = grid_of(volume)
        self.reader = StrokeReader(self.stack)
        self.preview = Preview(volume, f"{volume.GetName()} live preview")
        self.client: Any = None
        self.strokes: Strokes | None = None
        self.drawn_in = self.stack.plane
        self._packed: dict[int, str | None] = {}
        self._sent: set[int] = set()
        self.closed = False
        self.fraction: float | None = None
        self._runner, self._open, self._ended = runner, open_client, ended
        self._capture = capture_volume(volume, later=True)
        self._fresh: list[int] = []
        self._shown = 0.0
        self._solid = self._stale_surface = False
        self._folder: JobFolder | None = None

    # Opening and closing --------------------------------------------------------------------------------------------

    def opening(self, start: int | None) -> Steps:
        """The task that takes the volume to the worker; the slices nearest to ``start`` come first."""
        from ...jobs.specs import LiveJob
        from ...mrml import gathered

        yield from gathered(self._capture.copies)
        yield from self.preview.preparing()
        folder = yield from aside(self._write)
        if self.closed:
            return
        chosen = self.settings
        job = LiveJob(
            image=folder.file("image.mha"),
            plane=chosen.plane,
            encoder=chosen.encoder,
            input_size=chosen.input_size,
            seed=chosen.seed,
            device=chosen.device,
            start=start,
        )
        self.client = self._open(self._runner(), job, self.geometry, self._callbacks(), folder)
        self.reader.forget()  # what was read before nobody has heard of

    def _write(self) -> JobFolder:
        """In a thread: the volume as a file of the worker's."""
        from ...data.io.metaimage import write_image

        folder = self._folder = JobFolder()
        try:
            write_image(folder.file("image.mha"), self._capture.volume())
        except BaseException:
            folder.remove()
            raise
        if self.closed:
            folder.remove()
        return folder

    @property
    def over(self) -> bool:
        """Whether nothing of it goes on in the worker any more."""
        return self.client is None or self.client.closed

    def close(self) -> None:
        """End the session and take the preview away. May be called twice."""
        self.closed = True
        self.preview.remove()
        if self.client is not None:
            self.client.close()
        elif self._folder is not None:
            BackgroundTask(self._folder.remove)  # what is written now is of no use to anybody

    def _callbacks(self) -> Any:
        from ...worker.live_client import LiveCallbacks

        return LiveCallbacks(
            progress=self._onProgress, preview=self._onPreview, finished=self._onFinished, closed=self._onClosed
        )

    # What the worker says -------------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        if self.client is None:
            return Phase.READING
        return _PHASES.get(self.client.state, Phase.FAILED)

    def _onProgress(self, _client: Any, _stage: str, done: int, total: int) -> None:
        self.fraction = done / total if total else None

    def _onPreview(self, _client: Any, slices: list[int]) -> None:
        self._fresh += slices

    def _onFinished(self, _client: Any) -> None:
        self._stale_surface = True
        self._shown = 0.0

    def _onClosed(self, client: Any) -> None:
        if not self.closed:
            self._ended(client.error)

    # Strokes --------------------------------------------------------------------------------------------------------

    def reading(self, segmentation: Any) -> Generator[Any, None, None]:
        """The task that reads the strokes and hands them to the worker. Raises InputError for overlaps and twins."""
        from ...mrml import gathered

        capture = self.reader.capture(segmentation, self.volume)
        if capture is not None:
            yield from gathered(capture.copies)
        self.strokes, self._packed, self.drawn_in = yield from aside(lambda: self._compared(capture))

    def _compared(self, capture: Any) -> tuple[Strokes, dict[int, str | None], str]:
        """In a thread: the strokes, what changed as it travels, and the plane in which a person seems to paint."""
        from ...mrml.live.strokes import plane_of_one_slice
        from ...worker.live_client import drawn_plane, packed

        strokes = self.reader.read(capture, self.geometry)
        plane = self.stack.plane
        if len(self.stack) > 1 and strokes.painted and (self.strokes is None or not self.strokes.painted):
            one = plane_of_one_slice(strokes.labels, self.geometry)
            plane = one or drawn_plane(self.geometry, strokes.labels, plane)
        return strokes, packed(strokes.changed), plane

    def renew(self) -> None:
        """Another segmentation: nothing of the former one counts."""
        from ...mrml.live.strokes import StrokeReader

        self.reader, self.strokes, self._fresh = StrokeReader(self.stack), None, []
        self.preview.remove()
        if self.client is not None:
            self.client.cancel_preview()

    def drawn(self) -> tuple[int, ...]:
        """The slices with strokes."""
        return self.strokes.slices if self.strokes is not None else ()

    def empty(self, segmentation: Any) -> tuple[int, ...]:
        """The slices without strokes that are marked as showing nothing; none where the segmentation is gone."""
        from ...mrml.live.strokes import empty_slices

        if alive(segmentation) is None:
            return ()
        drawn = set(self.drawn())
        return tuple(n for n in empty_slices(segmentation, self.stack) if n not in drawn)

    def toggle_empty(self, segmentation: Any, n: int) -> None:
        """Mark a slice as showing nothing, or take the mark back."""
        from ...mrml.live.strokes import empty_slices, mark_empty

        mark_empty(segmentation, self.stack, set(empty_slices(segmentation, self.stack)) ^ {n})

    def send(self, empty: tuple[int, ...], visible: int | None) -> None:
        """Fit on the strokes as they are now."""
        strokes = self.strokes
        if self.client is None or strokes is None:
            return
        if not strokes.painted:
            self.client.cancel_preview()
            self.preview.clear()
        self._fresh += strokes.changed
        gone = self._sent - set(strokes.slices)
        slices = {**dict.fromkeys(gone), **self._packed}
        self._sent, self._packed = set(strokes.slices), {}
        self.client.set_slices(
            slices, empty_slices=empty, background=strokes.background, ignore=strokes.ignore, focus=visible
        )

    # What is shown --------------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """What ``LiveState`` says of it."""
        client, strokes = self.client, self.strokes
        facts: dict[str, Any] = {
            "phase": self.phase,
            "fraction": self.fraction if self.phase is not Phase.READY else None,
        }
        facts |= {"painted": strokes is not None and strokes.painted, "strokes": self.drawn()}
        if client is not None:
            facts |= {
                "settled": True,
                "complete": client.generation == client.previewed_generation,
                "certainty": tuple(client.certainty),
                "annotated": client.annotated_now,
                "next": client.next_slice,
            }
        else:
            facts["certainty"] = (None,) * len(self.stack)
        return facts

    def show(self, visible: int | None, now: bool = False) -> None:
        """Put what came meanwhile into the preview, the visible slice at once, the others now and then."""
        if not self._fresh or self.strokes is None or self.client is None:
            self._show_surface()
            return
        rested = time.monotonic() - self._shown > SHOW_SECONDS
        if not (now or rested or visible in self._fresh):
            return
        slices, self._fresh = sorted(set(self._fresh)), []
        self._shown = time.monotonic()
        self.preview.show(self.strokes.structures, self.client.preview, self.strokes.labels, self.stack, slices)
        self._show_surface()

    def show_3d(self, shown: bool) -> None:
        """Surfaces of the preview; made anew whenever the whole volume is previewed."""
        self._solid, self._stale_surface = shown, False
        self.preview.show_3d(shown)

    def _show_surface(self) -> None:
        if self._solid and self._stale_surface:
            self.show_3d(True)
