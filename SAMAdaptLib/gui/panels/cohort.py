"""The panel *Many volumes*: all volumes of the scene or of a folder, one after the other, with one model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ...data.matching import Labelling
from ...errors import Cancelled, SAMAdaptError
from ...evaluation.volume_table import csv_text
from ...heads.card import structures_of
from ...heads.library import HeadEntry
from ...jobs.resuming import Found, what_made
from ...jobs.specs import Job, SegmentJob
from ...progress import Monitor
from ...utils.files import write_content
from ...worker.folder import JobFolder
from .. import formatting as texts
from .. import worker_words
from ..job_queue import JobRequest
from ..parameters import CohortSource
from ..widgets import tables
from ..widgets.progress_bar import ProgressView
from ..widgets.volume_table import (
    RowStatus,
    VolumeRow,
    folderRows,
    markTrained,
    resultFolder,
    sceneReference,
    sceneRows,
    summary,
)
from .base import Presenter, Services, alive
from .cohort_comparison import Comparison
from .segment import SegmentPresenter, markResult

_LEAST_DONE = 0.2
"""Volumes that must be done before the time left is told."""


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
            return _("Select a model.")
        if self.source is CohortSource.SCENE and not self.sceneVolumes:
            return _("Load at least one volume.")
        if self.source is CohortSource.FOLDER and not self.inputFolder:
            return _("Select the folder with the volumes.")
        return self.missing or self.busy


class CohortPresenter(Presenter):
    """Shows and runs the panel. Model and settings are those of section 2.

    ``trained()`` returns the volume nodes that were annotated: what is found in them says nothing of others.
    """

    name = "cohort"

    def __init__(
        self, ui: Any, services: Services, segment: SegmentPresenter, trained: Callable[[], list[Any]]
    ) -> None:
        super().__init__(ui, services)
        self._segment, self._trained = segment, trained
        self._comparison = Comparison(self)
        self._began, self._doneBefore = 0.0, 0
        self._rows: list[VolumeRow] = []
        self._at = -1
        self.head: HeadEntry | None = None
        self._filling = self._fillingHeads = False
        self.view = ProgressView(ui.cohortButton, ui.cohortProgressFrame, ui.cohortProgressBar, ui.cohortStatusLabel)
        tables.setUp(ui.cohortTable, (_("Volume"), _("State"), _("Dice")))
        ui.cohortTable.toolTip = _("Double-click a row to see the volume with its result.")
        ui.cohortTable.visible = False
        ui.cohortButton.connect("clicked(bool)", self.onClicked)
        ui.cohortFolderButton.connect("clicked(bool)", self._onShowFolder)
        ui.cohortSaveButton.connect("clicked(bool)", self.onSave)
        ui.cohortHeadSelector.connect("currentIndexChanged(int)", self._onHeadChanged)
        self._drop = self.application.acceptFolders(ui.cohortCollapsibleButton, self.onDropped)
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
        self._showHeads()
        self.ui.cohortHeadLabel.setText(texts.asText(texts.headLine(state.head.card)) if state.head else "")
        finished = any(row.standing in (RowStatus.DONE, RowStatus.FAILED) for row in self._rows)
        self.ui.cohortSaveButton.enabled = finished and not self.running
        self.ui.cohortSaveButton.toolTip = (
            _("Save volumes, certainty, warnings and Dice of all structures as a table (CSV).")
            if finished
            else _("There are no results yet.")
        )
        hasFolder = bool(state.outputFolder)
        self.ui.cohortFolderButton.enabled = hasFolder
        self.ui.cohortFolderButton.toolTip = _("Open the folder of the results.") if hasFolder else _("None is chosen.")
        ready = _(
            "Segment all of them, one after the other. Results that were made in the same way, or edited since, stay."
        )
        stop = _("Stop. What is finished stays.")
        self.view.setButton(self.running, self.desk.cancelling, state.problem(), ready, stop)

    def _showHeads(self) -> None:
        """The same entries as in section 2."""
        theirs, ours = self.ui.headSelector, self.ui.cohortHeadSelector
        self._fillingHeads = True
        try:
            entries = [(theirs.itemText(row), theirs.itemData(row)) for row in range(theirs.count)]
            if entries != [(ours.itemText(row), ours.itemData(row)) for row in range(ours.count)]:
                ours.clear()
                for text, key in entries:
                    ours.addItem(text, key)
            ours.setCurrentIndex(theirs.currentIndex)
        finally:
            self._fillingHeads = False

    def _onHeadChanged(self, index: int) -> None:
        if not self._fillingHeads and self.parameters is not None and index >= 0:
            self._segment.chooseHead(str(self.ui.cohortHeadSelector.itemData(index) or ""))

    def onDropped(self, path: str) -> None:
        """A folder was dropped on the section: its volumes are to be segmented."""
        if self.parameters is None or self.running:
            return
        self.parameters.cohortSource = CohortSource.FOLDER
        self.ui.cohortInputPathLineEdit.currentPath = path
        self.ui.cohortCollapsibleButton.collapsed = False

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
        self.head = self._segment.head()
        try:
            self._rows = self._makeRows()
        except SAMAdaptError as error:
            self.fail(error)
            return False
        markTrained(self._rows, self._trained())
        self._at, self._began, self._doneBefore = -1, time.monotonic(), 0
        self._showRows()
        return self._next()

    def _makeRows(self) -> list[VolumeRow]:
        chosen = self.parameters
        output = Path(chosen.cohortOutput) if chosen.cohortOutput else None
        if chosen.cohortSource is CohortSource.FOLDER:
            if output is None:
                output = resultFolder(Path(chosen.cohortInput))
                self.ui.cohortOutputPathLineEdit.currentPath = str(output)
            references = Path(chosen.cohortReference) if chosen.cohortReference else None
            return folderRows(Path(chosen.cohortInput), output, references)
        rows = sceneRows(self._sceneVolumes(), output)
        for row in rows:
            row.reference = sceneReference(row.node, self.labelling())
        return rows

    def labelling(self) -> Labelling:
        """The structures of the head, which those of a reference are matched with."""
        card = self.head.card if self.head else None
        return Labelling(_("the model"), structures_of(card) if card else (), by_name=True)

    def _next(self) -> bool:
        """Begin the next waiting row; False when there is none."""
        waiting = [n for n, row in enumerate(self._rows) if row.standing is RowStatus.WAITING]
        if not waiting or self.head is None:
            self._finish()
            return False
        self._at = waiting[0]
        row = self._rows[self._at]
        self.set(row, RowStatus.RUNNING)
        try:
            order = self._sceneOrder(row) if row.path is None else self._fileOrder(row)
        except SAMAdaptError as error:
            self.set(row, RowStatus.FAILED, str(error))
            return self._next()
        return self.start(order)

    def _fileOrder(self, row: VolumeRow) -> JobRequest:
        head, options = str(self.head.path), self._segment.jobOptions()

        def prepare(_folder: JobFolder, _monitor: Monitor) -> Job:
            return SegmentJob(str(row.path), head, str(row.output), **options, overwrite=False)

        def done(result: dict[str, Any], _nothing: Any) -> None:
            if result.get("skipped"):
                self.set(row, RowStatus.SKIPPED, _("It stays: {reason}.").format(reason=result["skipped"]))
                self._next()
                return
            self._note(row, result)
            self._comparison.files(row)

        return self._order(row, prepare, lambda _result: None, done)

    def _sceneOrder(self, row: VolumeRow) -> JobRequest:
        plan = self._segment.plan(row.node, self.head, into=None, roi=None)

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
            self._comparison.nodes(row, placement.node)

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
            self.name, prepare, fetch, self.onRowProgress, done=onDone, failed=lambda error: self._onFailed(row, error)
        )

    def onRowProgress(self, stage: str, fraction: float | None, secondsLeft: float | None) -> None:
        count = max(len(self._rows), 1)
        words = texts.stageName(stage)
        text = _("Volume {number} of {count}: {stage}").format(number=self._at + 1, count=count, stage=words)
        self.view.show(text, (self._at + (fraction or 0.0)) / count, self._secondsLeft(fraction or 0.0))

    def _secondsLeft(self, fraction: float) -> float | None:
        """For all volumes, by the pace of those that are finished. Volumes whose results were there took no time."""
        done = self._doneBefore + fraction
        waiting = sum(row.standing is RowStatus.WAITING for row in self._rows)
        if done < _LEAST_DONE:
            return None
        return (time.monotonic() - self._began) / done * (waiting + 1 - fraction)

    def _onFailed(self, row: VolumeRow, error: SAMAdaptError) -> None:
        if isinstance(error, Cancelled) and self.desk.owner == "" and not alive(row.node) and row.path is None:
            self.set(row, RowStatus.FAILED, str(error))  # its node went away; the others go on
            self._next()
        elif isinstance(error, Cancelled):
            self.set(row, RowStatus.WAITING)
            self.view.fail(error)
        else:
            self.set(row, RowStatus.FAILED, str(error))
            self._next()

    def _finish(self) -> None:
        self.view.end(summary(self._rows))

    def _note(self, row: VolumeRow, result: dict[str, Any]) -> None:
        """What speaks against a result, for the row's tooltip."""
        row.warned = bool(result.get("warnings"))
        row.warnings = tuple(worker_words.warning(text) for text in result.get("warnings") or ())
        row.structures = list(result.get("structures") or ())
        again = [_("Made again: {reason}.").format(reason=result["again"])] if result.get("again") else []
        row.note = "\n".join(filter(None, [row.note, *again, *row.warnings]))

    def complete(self, row: VolumeRow, note: str = "") -> None:
        self.set(row, RowStatus.DONE, "\n".join(filter(None, [row.note, note])))
        self._doneBefore += 1
        self._next()

    # The table ----------------------------------------------------------------------------------------------------

    def set(self, row: VolumeRow, standing: RowStatus, note: str = "") -> None:
        row.standing, row.note = standing, note
        self._showRows()

    def _showRows(self) -> None:
        tables.fill(self.ui.cohortTable, [row.cells() for row in self._rows])
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

    def onSave(self, _checked: bool = False) -> None:
        """Write the table of all results to where the user wants it."""
        path = self.application.askSaveFile(_("Save the table"), _("results") + ".csv", "CSV (*.csv)")
        if not path:
            return
        target = Path(path) if path.lower().endswith(".csv") else Path(path + ".csv")
        try:
            write_content(target, csv_text([line for row in self._rows for line in row.table()]))
        except SAMAdaptError as error:
            self.fail(error)
            return
        self.view.end(texts.asText(_("The table was saved: {path}").format(path=target)))

    def _onShowFolder(self, _checked: bool = False) -> None:
        if self.parameters is not None and self.parameters.cohortOutput:
            self.application.openPath(self.parameters.cohortOutput)
