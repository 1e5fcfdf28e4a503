"""The panel Many volumes: all volumes of the scene or of a folder, one after the other, with one head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ...data.matching import Labelling
from ...errors import Cancelled, SAMAdaptError
from ...heads.card import structures_of
from ...heads.library import HeadEntry
from ...jobs.resuming import Found, what_made
from ...jobs.specs import EvaluateJob, Job, SegmentJob
from ...progress import Monitor
from ...worker.folder import JobFolder
from .. import formatting as texts
from ..job_queue import JobRequest, noSteps
from ..parameters import CohortSource
from ..widgets import tables
from ..widgets.progress_bar import ProgressView
from ..widgets.volume_table import RowStatus, VolumeRow, folderRows, sceneReference, sceneRows
from .base import Presenter, Services, alive
from .segment import SegmentPresenter, markResult


@dataclass(frozen=True)
class CohortState:
    """What the button depends on."""

    source: CohortSource
    sceneVolumes: int
    inputFolder: str
    outputFolder: str
    head: HeadEntry | None
    busy: str = ""
    missing: str = ""

    def problem(self) -> str:
        """Why it cannot be started, "" when it can."""
        if self.head is None:
            return _("Select a head under Segment.")
        if self.source is CohortSource.SCENE and not self.sceneVolumes:
            return _("Load at least one volume.")
        if self.source is CohortSource.FOLDER and not self.inputFolder:
            return _("Select the folder with the volumes.")
        if self.source is CohortSource.FOLDER and not self.outputFolder:
            return _("Select a folder for the results.")
        return self.missing or self.busy


class CohortPresenter(Presenter):
    """Shows and runs the panel Many volumes. Head and settings are those of the panel Segment."""

    name = "cohort"

    def __init__(self, ui: Any, services: Services, segment: SegmentPresenter) -> None:
        super().__init__(ui, services)
        self._segment = segment
        self._rows: list[VolumeRow] = []
        self._at = -1
        self._head: HeadEntry | None = None
        self._filling = False
        self.view = ProgressView(ui.cohortButton, ui.cohortProgressFrame, ui.cohortProgressBar, ui.cohortStatusLabel)
        tables.setUp(ui.cohortTable, (_("Volume"), _("State"), _("Dice")))
        ui.cohortTable.toolTip = _("Double-click a row to see the volume with its result.")
        ui.cohortTable.visible = False
        ui.cohortButton.connect("clicked(bool)", self.onClicked)
        ui.cohortFolderButton.connect("clicked(bool)", self._onShowFolder)
        ui.cohortTable.connect("itemDoubleClicked(QTableWidgetItem*)", self._onShowRow)
        for widget, member in self._paths():
            widget.connect("currentPathChanged(QString)", lambda path, member=member: self._onPath(member, path))
            # Of a path that was cleared only this signal tells.
            widget.connect("validInputChanged(bool)", lambda _valid, m=member, w=widget: self._onPath(m, w.currentPath))

    def _paths(self) -> tuple[tuple[Any, str], ...]:
        return (
            (self.ui.cohortInputPathLineEdit, "cohortInput"),
            (self.ui.cohortOutputPathLineEdit, "cohortOutput"),
            (self.ui.cohortReferencePathLineEdit, "cohortReference"),
        )

    # State --------------------------------------------------------------------------------------------------------

    def state(self) -> CohortState:
        """What the button depends on, now."""
        chosen, head = self.parameters, self._segment.head()
        if chosen is None:
            return CohortState(CohortSource.SCENE, 0, "", "", head)
        missing = self.packagesProblem(head.card.encoder.name, head.card.head_type) if head else ""
        count = len(self._sceneVolumes())
        return CohortState(
            chosen.cohortSource, count, chosen.cohortInput, chosen.cohortOutput, head, self.busyProblem(), missing
        )

    def setParameters(self, parameters: Any) -> None:
        super().setParameters(parameters)
        if parameters is None:
            self._rows, self._at = [], -1
            self._showRows()
            self.view.end()
            return
        self._filling = True
        try:
            for widget, member in self._paths():
                widget.currentPath = getattr(parameters, member)
        finally:
            self._filling = False

    def refresh(self) -> None:
        state = self.state()
        folder = state.source is CohortSource.FOLDER
        self.ui.cohortInputPathLineEdit.enabled = self.ui.cohortReferencePathLineEdit.enabled = folder
        self.ui.cohortInputPathLineEdit.toolTip = (
            _("All volumes in this folder are segmented.") if folder else _("Only for volumes in a folder.")
        )
        self.ui.cohortReferencePathLineEdit.toolTip = (
            _("Optional: a folder of labelmaps with the volumes' names, to compare with.")
            if folder
            else _("Only for volumes in a folder; in the scene, segmentations drawn on a volume are its reference.")
        )
        self.ui.cohortHeadLabel.setText(texts.headTitle(state.head))
        hasFolder = bool(state.outputFolder)
        self.ui.cohortFolderButton.enabled = hasFolder
        self.ui.cohortFolderButton.toolTip = _("Open the folder of the results.") if hasFolder else _("None is chosen.")
        ready = _(
            "Segment all of them, one after the other. Results that were made in the same way, or edited since, stay."
        )
        stop = _("Stop. What is finished stays.")
        self.view.setButton(self.running, self.desk.cancelling, state.problem(), ready, stop)

    def _sceneVolumes(self) -> list[Any]:
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        return [node for node in nodes if not node.IsA("vtkMRMLLabelMapVolumeNode") and not node.GetHideFromEditors()]

    def _onPath(self, member: str, path: str) -> None:
        if not self._filling and self.parameters is not None:
            setattr(self.parameters, member, path)

    # Running ------------------------------------------------------------------------------------------------------

    def onClicked(self, _checked: bool = False) -> None:
        """Segment all, or Cancel."""
        if self.running:
            self.desk.cancel()
        elif not self.state().problem():
            self.run()

    def run(self) -> bool:
        """Start with the first volume; each one's end starts the next."""
        self._head = self._segment.head()
        try:
            self._rows = self._makeRows()
        except SAMAdaptError as error:
            self.fail(error)
            return False
        self._at = -1
        self._showRows()
        return self._next()

    def _makeRows(self) -> list[VolumeRow]:
        chosen = self.parameters
        output = Path(chosen.cohortOutput) if chosen.cohortOutput else None
        if chosen.cohortSource is CohortSource.FOLDER and output is not None:
            references = Path(chosen.cohortReference) if chosen.cohortReference else None
            return folderRows(Path(chosen.cohortInput), output, references)
        rows = sceneRows(self._sceneVolumes(), output)
        for row in rows:
            row.reference = sceneReference(row.node, self._labelling())
        return rows

    def _labelling(self) -> Labelling:
        """The structures of the head, which those of a reference are matched with."""
        card = self._head.card if self._head else None
        return Labelling(_("the head"), structures_of(card) if card else (), by_name=True)

    def _next(self) -> bool:
        """Begin the next waiting row; False when there is none."""
        waiting = [n for n, row in enumerate(self._rows) if row.standing is RowStatus.WAITING]
        if not waiting or self._head is None:
            self._finish()
            return False
        self._at = waiting[0]
        row = self._rows[self._at]
        self._set(row, RowStatus.RUNNING)
        try:
            order = self._sceneOrder(row) if row.path is None else self._fileOrder(row)
        except SAMAdaptError as error:
            self._set(row, RowStatus.FAILED, str(error))
            return self._next()
        return self.start(order)

    def _fileOrder(self, row: VolumeRow) -> JobRequest:
        head, options = str(self._head.path), self._segment.jobOptions()

        def prepare(_folder: JobFolder, _monitor: Monitor) -> Job:
            return SegmentJob(str(row.path), head, str(row.output), **options, overwrite=False)

        def done(result: dict[str, Any], _nothing: Any) -> None:
            if result.get("skipped"):
                self._set(row, RowStatus.SKIPPED, _("It stays: {reason}.").format(reason=result["skipped"]))
                self._next()
                return
            self._note(row, result)
            self._compareFiles(row)

        return self._order(row, prepare, lambda _result: None, done)

    def _sceneOrder(self, row: VolumeRow) -> JobRequest:
        plan = self._segment.plan(row.node, self._head, into=None, roi=None)

        def fetch(result: dict[str, Any]) -> Any:
            kept = row.output is not None and row.output.exists() and what_made(row.output)
            if isinstance(kept, Found) and kept.stays:
                row.note = _("{name} stays: {reason}.").format(name=row.output.name, reason=kept.reason)
            elif row.output is not None:
                from ...data.io.volumes import write_labelmap

                write_labelmap(plan.labels(result), row.output)
            return plan.fetch(result)

        def done(result: dict[str, Any], labels: Any) -> None:
            placement = plan.show(labels)
            markResult(placement, result)
            self._note(row, result)
            self._compareNodes(row, placement.node)

        return replace(self._order(row, plan.prepare, fetch, done), gather=plan.gather)

    def _order(
        self,
        row: VolumeRow,
        prepare: Callable[[JobFolder, Monitor], Job],
        fetch: Callable[[dict[str, Any]], Any],
        done: Callable[[dict[str, Any], Any], None],
    ) -> JobRequest:
        """An order whose end, good or bad, begins the next row."""

        def onDone(result: dict[str, Any], fetched: Any) -> None:
            try:
                done(result, fetched)
            except SAMAdaptError as error:
                self._onFailed(row, error)

        return JobRequest(
            self.name, prepare, fetch, self._onRowProgress, done=onDone, failed=lambda error: self._onFailed(row, error)
        )

    def _onRowProgress(self, stage: str, fraction: float | None, secondsLeft: float | None) -> None:
        count = max(len(self._rows), 1)
        words = texts.stageName(stage)
        text = _("Volume {number} of {count}: {stage}").format(number=self._at + 1, count=count, stage=words)
        self.view.show(text, (self._at + (fraction or 0.0)) / count, None)

    def _onFailed(self, row: VolumeRow, error: SAMAdaptError) -> None:
        if isinstance(error, Cancelled) and self.desk.owner == "" and not alive(row.node) and row.path is None:
            self._set(row, RowStatus.FAILED, str(error))  # its node went away; the others go on
            self._next()
        elif isinstance(error, Cancelled):
            self._set(row, RowStatus.WAITING)
            self.view.fail(error)
        else:
            self._set(row, RowStatus.FAILED, str(error))
            self._next()

    def _finish(self) -> None:
        count = {standing: sum(row.standing is standing for row in self._rows) for standing in RowStatus}
        parts = [_("{count} done").format(count=count[RowStatus.DONE])]
        if count[RowStatus.SKIPPED]:
            parts.append(_("{count} there already").format(count=count[RowStatus.SKIPPED]))
        if count[RowStatus.FAILED]:
            parts.append(_("{count} failed (rest the mouse on them)").format(count=count[RowStatus.FAILED]))
        if doubted := sum(row.warned for row in self._rows):
            parts.append(_("{count} with warnings (rest the mouse on them)").format(count=doubted))
        measured = [row.dice for row in self._rows if row.dice is not None]
        if measured:
            parts.append(_("mean Dice {dice}").format(dice=texts.dice(sum(measured) / len(measured))))
        self.view.end(", ".join(parts) + ".")

    # Comparing ----------------------------------------------------------------------------------------------------

    def _compareFiles(self, row: VolumeRow) -> None:
        if row.reference is None:
            self._complete(row)
            return

        def prepare(_folder: JobFolder, _monitor: Monitor) -> Job:
            return EvaluateJob(str(row.output), str(row.reference), values=tuple(self._head.card.values))

        self._compare(row, prepare)

    def _compareNodes(self, row: VolumeRow, node: Any) -> None:
        reference, volume = alive(row.reference), alive(row.node)
        if reference is None or volume is None:
            self._complete(row)
            return
        from ...mrml import capture_annotation, gathered, segments_in

        known = self._labelling()
        try:
            captures = [
                capture_annotation(each, volume, segments_in(each, known), later=True, known=known)
                for each in (node, reference)
            ]
        except SAMAdaptError as error:
            self._complete(row, str(error))
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
            names = {item.value: item.name for item in self._head.card.structures}
            row.dice = result["mean_dice"]
            row.diceTip = ", ".join(
                f"{names.get(item['value'], item['name'])} {texts.dice(item['dice'])}" for item in result["structures"]
            )
            self._complete(row)

        def failed(error: SAMAdaptError) -> None:
            if isinstance(error, Cancelled):
                self._set(row, RowStatus.DONE, row.note)
                self.view.fail(error)
            else:
                self._complete(row, _("Not compared: {reason}").format(reason=error))

        order = JobRequest(self.name, prepare, progress=self._onRowProgress, done=done, failed=failed, gather=gather)
        self.start(order)

    def _note(self, row: VolumeRow, result: dict[str, Any]) -> None:
        """What speaks against a result, for the row's tooltip."""
        row.warned = bool(result.get("warnings"))
        again = [_("Made again: {reason}.").format(reason=result["again"])] if result.get("again") else []
        row.note = "\n".join(filter(None, [row.note, *again, *(result.get("warnings") or ())]))

    def _complete(self, row: VolumeRow, note: str = "") -> None:
        self._set(row, RowStatus.DONE, "\n".join(filter(None, [row.note, note])))
        self._next()

    # The table ----------------------------------------------------------------------------------------------------

    def _set(self, row: VolumeRow, standing: RowStatus, note: str = "") -> None:
        row.standing, row.note = standing, note
        self._showRows()

    def _showRows(self) -> None:
        tables.fill(self.ui.cohortTable, [_cells(row) for row in self._rows])
        tables.fitHeight(self.ui.cohortTable, most=12)
        self.ui.cohortTable.visible = bool(self._rows)

    def _onShowRow(self, _item: Any = None) -> None:
        """Show a volume with its result."""
        at = self.ui.cohortTable.currentRow()
        if not 0 <= at < len(self._rows):
            return
        row = self._rows[at]
        if row.path is None:
            if alive(row.node) is not None:
                self.application.showVolume(row.node)
        elif row.standing in (RowStatus.DONE, RowStatus.SKIPPED):
            self.application.loadPair(row.path, row.output)

    def _onShowFolder(self, _checked: bool = False) -> None:
        if self.parameters is not None and self.parameters.cohortOutput:
            self.application.openPath(self.parameters.cohortOutput)


def _cells(row: VolumeRow) -> list[Any]:
    return [
        tables.text(row.name, str(row.path or "")),
        tables.text(row.standing.label(), row.note),
        tables.text(texts.dice(row.dice) if row.dice is not None else "", row.diceTip, right=True),
    ]
