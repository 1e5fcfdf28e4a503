"""The panel *Check and improve*: doubtful slices, what a person looked at, and training on from the present model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from ...encoders.registry import registered
from ...errors import SAMAdaptError
from ...heads.library import HeadEntry
from ...jobs.specs import Job, SuggestJob
from ...networks import HEAD_CHOICES
from ...progress import Monitor
from ...worker.folder import JobFolder
from .. import formatting as texts
from ..job_queue import JobRequest
from ..parameters import Plane
from ..widgets import tables
from ..widgets.case_table import changedAt
from ..widgets.progress_bar import ProgressView
from .base import Presenter, Services, alive
from .segment import SegmentPresenter
from .train import TrainPresenter, withWarnings

_SUGGESTIONS = 5
NEXT_KEYS, PREVIOUS_KEYS = "Ctrl+Shift+Right", "Ctrl+Shift+Left"


@dataclass(frozen=True)
class ImproveState:
    """What the buttons depend on. ``looked``: slices that were edited or ticked, None where that is not known yet."""

    volume: Any
    segmentation: Any
    head: HeadEntry | None
    looked: int | None
    busy: str = ""
    missing: str = ""

    def suggestProblem(self) -> str:
        """Why no slices can be suggested, "" when they can."""
        if self.head is None:
            return _("Select a model in section 2.")
        return _("Select a volume.") if self.volume is None else self.missing or self.busy

    def addProblem(self) -> str:
        """Why the case cannot be added, "" when it can."""
        if self.volume is None or self.segmentation is None:
            return _("Select a volume and its result.")
        return ""

    def retrainProblem(self) -> str:
        """Why training cannot go on, "" when it can."""
        if self.head is None:
            return _("Select a model in section 2.")
        if self.addProblem():
            return self.addProblem()
        if self.looked == 0:
            return _("Correct some slices first, or tick those that are right.")
        return self.missing or self.busy


class ImprovePresenter(Presenter):
    """Shows and runs the panel. ``train``: whose cases and settings a further training uses; ``segment`` has the model
    and segments again with the new one."""

    name = "improve"

    def __init__(self, ui: Any, services: Services, train: TrainPresenter, segment: SegmentPresenter) -> None:
        super().__init__(ui, services)
        self._train, self._segment = train, segment
        self._suggested: list[dict[str, Any]] = []
        self._suggestedOn: Any = None
        self._filling = False
        self._edited: tuple[Any, frozenset[int] | None] = (None, None)
        self.view = ProgressView(
            ui.retrainButton, ui.improveProgressFrame, ui.improveProgressBar, ui.improveStatusLabel
        )
        tables.setUp(ui.suggestionsTable, (_("Slice"), _("Uncertainty"), _("Structures"), _("Right")), stretched=2)
        ui.suggestionsTable.visible = False
        ui.suggestButton.connect("clicked(bool)", self.onSuggest)
        ui.suggestionsTable.connect("itemDoubleClicked(QTableWidgetItem*)", self.onJump)
        ui.suggestionsTable.connect("itemSelectionChanged()", self.refresh)
        ui.suggestionsTable.connect("itemChanged(QTableWidgetItem*)", self._onTicked)
        ui.jumpButton.connect("clicked(bool)", self.onNext)
        ui.previousSliceButton.connect("clicked(bool)", self.onPrevious)
        ui.correctButton.connect("clicked(bool)", self.onCorrect)
        ui.addCorrectedButton.connect("clicked(bool)", self.onAdd)
        ui.retrainButton.connect("clicked(bool)", self.onRetrain)
        keys = ((NEXT_KEYS, self.onNext), (PREVIOUS_KEYS, self.onPrevious))
        self._shortcuts = [self.application.addShortcut(text, pressed) for text, pressed in keys]
        self._enableShortcuts()
        segment.told = self.onResult
        ui.improveCollapsibleButton.connect("contentsCollapsed(bool)", lambda _collapsed: self.refresh())

    def close(self) -> None:
        for shortcut in filter(None, self._shortcuts):
            shortcut.enabled = False
            shortcut.deleteLater()
        self._shortcuts = []

    # State --------------------------------------------------------------------------------------------------------

    def state(self) -> ImproveState:
        """What the buttons depend on, now."""
        chosen, head = self.parameters, self._segment.head()
        missing = self.packagesProblem(head.card.encoder.name, head.card.head_type) if head else ""
        volume = alive(chosen.improveVolume) if chosen is not None else None
        segmentation = alive(chosen.improveSegmentation) if chosen is not None else None
        looked = self._looked(volume, segmentation)
        return ImproveState(volume, segmentation, head, looked, self.busyProblem(), missing)

    def _looked(self, volume: Any, segmentation: Any) -> int | None:
        """How many slices were edited or ticked. None: the training finds out, or somebody drew all of it."""
        if volume is None or segmentation is None or self.ui.improveCollapsibleButton.collapsed:
            return None
        from ...mrml.review import edited_slices, review_of

        review = review_of(segmentation)
        if review is None:
            return None
        key = (segmentation.GetID(), volume.GetID(), changedAt(segmentation))
        if self._edited[0] != key:
            self._edited = (key, edited_slices(segmentation, volume))
        edited = self._edited[1]
        return None if edited is None else len(edited | review.ticked)

    def setParameters(self, parameters: Any) -> None:
        super().setParameters(parameters)
        if parameters is None:
            self._forgetSuggestions()
            self.view.end()

    def refresh(self) -> None:
        state, ui = self.state(), self.ui
        if self._suggestedOn is not None and self._suggestedOn is not state.volume:
            self._forgetSuggestions()
        ui.improveHeadLabel.setText(texts.headTitle(state.head))
        _enable(ui.suggestButton, state.suggestProblem(), _("Find the slices where the model is least certain."))
        none = "" if self._suggested else _("There are no doubtful slices to go to: find them first.")
        _enable(ui.jumpButton, none, _("Show the next doubtful slice ({keys}).").format(keys=NEXT_KEYS))
        _enable(ui.previousSliceButton, none, _("Show the doubtful slice before ({keys}).").format(keys=PREVIOUS_KEYS))
        _enable(ui.correctButton, state.addProblem(), _("Open the segmentation in the Segment Editor."))
        _enable(ui.addCorrectedButton, state.addProblem(), _("Add the volume and its result to those of section 1."))
        ready = _(
            "Train on from the present model, on the volumes of section 1 and on the slices of this one that you "
            "edited or ticked; then segment this volume again."
        )
        stop = _("Stop. While the model is being trained, the best one so far is kept.")
        self.view.setButton(self.running, self.desk.cancelling, state.retrainProblem(), ready, stop)
        ui.correctedLabel.setText(self._lookedText(state))

    def _lookedText(self, state: ImproveState) -> str:
        if state.addProblem():
            return ""
        if state.looked is None:
            return _("Slices that you edit or tick are learned from.")
        return _("Slices edited or ticked, which are learned from: {count}").format(count=state.looked)

    # Suggestions --------------------------------------------------------------------------------------------------

    def onResult(self, volume: Any, _segmentation: Any, result: dict[str, Any]) -> None:
        """A new result brings its doubtful slices along."""
        if self.parameters is not None:
            self._list(list(result.get("doubtful") or ()), volume)

    def onSuggest(self, _checked: bool = False) -> None:
        """Ask for the slices that are worth annotating."""
        state = self.state()
        if state.suggestProblem() or state.head is None:
            return
        self._forgetSuggestions()
        try:
            from ...mrml import capture_volume, gathered

            capture = capture_volume(self._segment.withChannels(state.volume, state.head), later=True)
        except SAMAdaptError as error:
            self.fail(error)
            return
        path, device, volume = str(state.head.path), self.parameters.device.value, state.volume

        def prepare(folder: JobFolder, monitor: Monitor) -> Job:
            from ...mrml.node_jobs import write_capture

            image = write_capture(folder, "image", capture, monitor)
            return SuggestJob(image, path, count=_SUGGESTIONS, device=device, channels=capture.words)

        def done(result: dict[str, Any], _nothing: Any) -> None:
            self._showSuggestions(result["suggestions"], volume)

        def gather() -> Iterator[None]:
            return gathered(capture.copies)

        self.start(JobRequest(self.name, prepare, progress=self.onProgress, done=done, failed=self.fail, gather=gather))

    def _showSuggestions(self, found: list[dict[str, Any]], volume: Any) -> None:
        self.view.end("" if found else _("The model is certain of every slice, or found nothing to look at."))
        self._list(found, volume)
        if found:
            self.ui.suggestionsTable.selectRow(0)
            self.onJump()

    def _list(self, found: list[dict[str, Any]], volume: Any) -> None:
        """In the order of the volume, so that one goes through it from one end to the other."""
        found = sorted(found, key=lambda item: item["slice"])
        self._suggested, self._suggestedOn = found, volume
        review = self._review()
        self._filling = True
        try:
            tables.fill(self.ui.suggestionsTable, [_cells(item, review) for item in found])
        finally:
            self._filling = False
        tables.fitHeight(self.ui.suggestionsTable)
        self.ui.suggestionsTable.visible = bool(found)
        self._enableShortcuts()
        self.refresh()

    def _forgetSuggestions(self) -> None:
        self._suggested, self._suggestedOn = [], None
        self.ui.suggestionsTable.setRowCount(0)
        self.ui.suggestionsTable.visible = False
        self._enableShortcuts()

    def _enableShortcuts(self) -> None:
        for shortcut in filter(None, self._shortcuts):
            shortcut.enabled = bool(self._suggested)

    def _review(self) -> Any:
        """That of the result to correct, None where no model made it."""
        node = alive(self.parameters.improveSegmentation) if self.parameters is not None else None
        if node is None:
            return None
        from ...mrml.review import review_of

        return review_of(node)

    def _onTicked(self, item: Any) -> None:
        """A slice was said to be right as it is, or not any more."""
        node = alive(self.parameters.improveSegmentation) if self.parameters is not None else None
        if self._filling or node is None or item.column() != _RIGHT or item.row() >= len(self._suggested):
            return
        from ...mrml.review import review_of, tick

        review = review_of(node)
        if review is not None:
            number = self._suggested[item.row()]["ijk"][review.axis]
            tick(node, number, item.checkState() == qt.Qt.Checked)
        self.refresh()

    def _selected(self) -> dict[str, Any] | None:
        row = self.ui.suggestionsTable.currentRow()
        return self._suggested[row] if 0 <= row < len(self._suggested) else None

    def onJump(self, _which: Any = None) -> None:
        """Show the selected suggestion in the slice views."""
        suggestion, volume = self._selected(), alive(self._suggestedOn)
        if suggestion is None or volume is None:
            return
        from ...mrml import world_of_voxel

        self.application.jumpTo(world_of_voxel(volume, tuple(suggestion["ijk"])), volume)

    def onNext(self, _checked: bool = False) -> None:
        """Show the next doubtful slice; after the last comes the first."""
        self._step(1)

    def onPrevious(self, _checked: bool = False) -> None:
        """Show the doubtful slice before; before the first comes the last."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if self._suggested:
            row = self.ui.suggestionsTable.currentRow()
            start = row if row >= 0 else (-1 if by > 0 else 0)
            self.ui.suggestionsTable.selectRow((start + by) % len(self._suggested))
            self.onJump()

    def onCorrect(self, _checked: bool = False) -> None:
        """Open the segmentation in the Segment Editor, at the selected slice, else at the first."""
        state = self.state()
        if not state.addProblem():
            if self._selected() is None and self._suggested:
                self.ui.suggestionsTable.selectRow(0)
            self.onJump()
            self.application.openSegmentEditor(state.segmentation, state.volume)

    # Training on --------------------------------------------------------------------------------------------------

    def onAdd(self, _checked: bool = False) -> None:
        """The corrected result becomes a training case."""
        state = self.state()
        if not state.addProblem():
            self._learnFrom(state)
            self.refresh()

    def _learnFrom(self, state: ImproveState) -> None:
        """The result is a case of section 1, with the channels that the model looked at."""
        self._train.cases.add(state.volume, state.segmentation)
        if state.head is not None:
            self._train.channels.take(
                state.volume, self._segment.channels.of(state.volume, state.head.card.channel_names)
            )

    def onRetrain(self, _checked: bool = False) -> None:
        """Train on from the present model and segment again, or Cancel."""
        state = self.state()
        if self.running:
            self.desk.cancel()
        elif not state.retrainProblem() and state.head is not None:
            self._learnFrom(state)
            self.run(state.head, state.volume)

    def run(self, head: HeadEntry, volume: Any) -> bool:
        """Train on all cases from this model; it stays as it is, the new one gets a number."""
        try:
            plan = self._train.plan(
                self._train.cases.cases(),
                self.library.free_path(head.title),
                start_from=str(head.path),
                encoder=registered(head.card.encoder.name),
                input_size=head.card.input_size,
                head=head.card.head_type if head.card.head_type in HEAD_CHOICES else "auto",  # several answer together
            )
        except SAMAdaptError as error:
            self.fail(error)
            return False

        def done(result: dict[str, Any], _nothing: Any) -> None:
            self._onDone(result, head, volume)

        return self._train.begin(self.name, plan, self.view, done, self.fail)

    def _onDone(self, result: dict[str, Any], before: HeadEntry, volume: Any) -> None:
        text = _("The model {name} is in the library: Dice {now} on held-out slices, before {before}.").format(
            name=result["name"], now=texts.dice(result["mean_dice"]), before=texts.dice(before.card.mean_dice)
        )
        self.view.end(withWarnings(texts.asText(text), result))
        if self.parameters is None:
            return
        self._train.showCard(result)
        if alive(volume) is not None and not result.get("cancelled"):
            self._segment.segmentWith(result["head"], volume)


_RIGHT = 3
"""The column of ticks."""


def _enable(button: Any, problem: str, ready: str) -> None:
    """Enabled, or disabled with the reason in the tooltip."""
    button.enabled = not problem
    button.toolTip = problem or ready


def _cells(suggestion: dict[str, Any], review: Any) -> list[Any]:
    place = _("{plane} {number} of {count}").format(
        plane=Plane(suggestion["plane"]).label(), number=suggestion["slice"] + 1, count=suggestion["slices"]
    )
    doubt = tables.text(f"{100 * suggestion['doubt']:.0f} %", right=True)
    right = tables.text("", _("Tick a slice that is right as it is."))
    if review is not None:
        right.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        ticked = suggestion["ijk"][review.axis] in review.ticked
        right.setCheckState(qt.Qt.Checked if ticked else qt.Qt.Unchecked)
    return [place, doubt, ", ".join(suggestion["structures"]), right]
