"""Compares the results of *Many volumes* with references, one volume after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from slicer.i18n import tr as _

from ...data.matching import Labelling
from ...errors import Cancelled, SAMAdaptError
from ...jobs.specs import EvaluateJob, Job
from ...progress import Monitor
from ...worker.folder import JobFolder
from .. import formatting as texts
from ..job_queue import JobRequest, noSteps
from ..widgets.volume_table import RowStatus, VolumeRow
from .base import alive


class Rows(Protocol):
    """What the panel must have: its model, its rows' standing, and the desk."""

    name: str
    head: Any
    view: Any

    def labelling(self) -> Labelling: ...

    def start(self, order: JobRequest) -> bool: ...

    def onRowProgress(self, stage: str, fraction: float | None, secondsLeft: float | None) -> None: ...

    def set(self, row: VolumeRow, standing: RowStatus, note: str = "") -> None: ...

    def complete(self, row: VolumeRow, note: str = "") -> None: ...


class Comparison:
    """Starts a comparison for a row of a panel; its end, good or bad, completes the row."""

    def __init__(self, panel: Rows) -> None:
        self._panel = panel

    def files(self, row: VolumeRow) -> None:
        """A written result with its file of reference; a row without one is done."""
        if row.reference is None:
            self._panel.complete(row)
            return

        def prepare(_folder: JobFolder, _monitor: Monitor) -> Job:
            return EvaluateJob(str(row.output), str(row.reference), values=tuple(self._panel.head.card.values))

        self._compare(row, prepare)

    def nodes(self, row: VolumeRow, node: Any) -> None:
        """A result in the scene with what was drawn on the volume; a row without that is done."""
        reference, volume = alive(row.reference), alive(row.node)
        if reference is None or volume is None:
            self._panel.complete(row)
            return
        from ...mrml import capture_annotation, gathered, segments_in

        known = self._panel.labelling()
        try:
            captures = [
                capture_annotation(each, volume, segments_in(each, known), later=True, known=known)
                for each in (node, reference)
            ]
        except SAMAdaptError as error:
            self._panel.complete(row, str(error))
            return

        def prepare(folder: JobFolder, monitor: Monitor) -> Job:
            from ...data.io.metaimage import write_image

            paths = [folder.file("result.mha"), folder.file("reference.mha")]
            for path, capture in zip(paths, captures, strict=True):
                write_image(path, capture.labelmap(monitor))
            common = {s.value for s in captures[0].structures} & {s.value for s in captures[1].structures}
            return EvaluateJob(*paths, values=tuple(sorted(common)))

        self._compare(row, prepare, lambda: gathered([*captures[0].copies, *captures[1].copies]))

    def _compare(
        self,
        row: VolumeRow,
        prepare: Callable[[JobFolder, Monitor], Job],
        gather: Callable[[], Iterator[None]] = noSteps,
    ) -> None:
        def done(result: dict[str, Any], _nothing: Any) -> None:
            names = {item.value: item.name for item in self._panel.head.card.structures}
            row.dice = result["mean_dice"]
            row.diceOf = {item["value"]: item["dice"] for item in result["structures"]}
            row.diceTip = ", ".join(
                f"{names.get(item['value'], item['name'])} {texts.dice(item['dice'])}" for item in result["structures"]
            )
            self._panel.complete(row)

        def failed(error: SAMAdaptError) -> None:
            if isinstance(error, Cancelled):
                self._panel.set(row, RowStatus.DONE, row.note)
                self._panel.view.fail(error)
            else:
                self._panel.complete(row, _("Not compared: {reason}").format(reason=error))

        order = JobRequest(
            self._panel.name, prepare, progress=self._panel.onRowProgress, done=done, failed=failed, gather=gather
        )
        self._panel.start(order)
