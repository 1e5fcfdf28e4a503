"""The panel Improve: which slices to correct, the corrected case, and training on from the present head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from slicer.i18n import tr as _

from ...encoders.registry import registered
from ...errors import SAMAdaptError
from ...heads.library import HeadEntry
from ...jobs.specs import Job, SuggestJob
from ...progress import Monitor
from ...worker.folder import JobFolder
from .. import formatting as texts
from ..job_queue import JobRequest
from ..parameters import Plane
from ..widgets import tables
from ..widgets.progress_bar import ProgressView
from .base import Presenter, Services, alive
from .train import TrainPresenter, withWarnings

_SUGGESTIONS = 5


@dataclass(frozen=True)
class ImproveState:
    """What the buttons depend on."""

    volume: Any
    segmentation: Any
    head: HeadEntry | None
    cases: int
    busy: str = ""
    missing: str = ""

    def suggestProblem(self) -> str:
        """Why no slices can be suggested, "" when they can."""
        if self.head is None:
            return _("Select a head under Segment.")
        return _("Select a volume.") if self.volume is None else self.missing or self.busy

    def addProblem(self) -> str:
        """Why the case cannot be added, "" when it can."""
        if self.volume is None or self.segmentation is None:
            return _("Select a volume and its corrected segmentation.")
        return ""

    def retrainProblem(self) -> str:
        """Why training cannot go on, "" when it can."""
        if self.head is None:
            return _("Select a head under Segment.")
        if not self.cases:
            return _("Add the corrected segmentation as a training case first.")
        return self.missing or self.busy


class ImprovePresenter(Presenter):
    """Shows and runs the panel Improve. ``train`` is the panel whose cases and settings a retraining uses."""

    name = "improve"

    def __init__(
        self, ui: Any, services: Services, train: TrainPresenter, head: Callable[[], HeadEntry | None]
    ) -> None:
        super().__init__(ui, services)
        self._train, self._head = train, head
        self._suggested: list[dict[str, Any]] = []
        self._suggestedOn: Any = None
        self._suggesting = False
        self.view = ProgressView(
            ui.retrainButton, ui.improveProgressFrame, ui.improveProgressBar, ui.improveStatusLabel
        )
        tables.setUp(ui.suggestionsTable, (_("Slice"), _("Doubt"), _("Structures")), stretched=2)
        ui.suggestionsTable.visible = False
        ui.suggestButton.connect("clicked(bool)", self.onSuggest)
        ui.suggestionsTable.connect("itemDoubleClicked(QTableWidgetItem*)", self.onJump)
        ui.suggestionsTable.connect("itemSelectionChanged()", self.refresh)
        ui.jumpButton.connect("clicked(bool)", self.onJump)
        ui.correctButton.connect("clicked(bool)", self.onCorrect)
        ui.addCorrectedButton.connect("clicked(bool)", self.onAdd)
        ui.retrainButton.connect("clicked(bool)", self.onRetrain)

    # State --------------------------------------------------------------------------------------------------------

    def state(self) -> ImproveState:
        """What the buttons depend on, now."""
        chosen, head = self.parameters, self._head()
        missing = self.packagesProblem(head.card.encoder.name, head.card.head_type) if head else ""
        return ImproveState(
            alive(chosen.improveVolume) if chosen is not None else None,
            alive(chosen.improveSegmentation) if chosen is not None else None,
            head,
            len(self._train.cases.cases()),
            self.busyProblem(),
            missing,
        )

    def setParameters(self, parameters: Any) -> None:
        super().setParameters(parameters)
        if parameters is None:
            self._forgetSuggestions()
            self.view.end()

    def refresh(self) -> None:
        state = self.state()
        if self._suggestedOn is not None and self._suggestedOn is not state.volume:
            self._forgetSuggestions()
        self.ui.improveHeadLabel.setText(texts.headTitle(state.head))
        _enable(self.ui.suggestButton, state.suggestProblem(), _("Find the slices where the head is least sure."))
        chosen = "" if self._selected() is not None else _("Select a suggestion in the table.")
        _enable(self.ui.jumpButton, chosen, _("Show this slice in the slice views."))
        _enable(self.ui.correctButton, state.addProblem(), _("Open the segmentation in the Segment Editor."))
        _enable(self.ui.addCorrectedButton, state.addProblem(), _("Add the volume and its segmentation under Train."))
        ready = _("Train on from the present head, on all cases listed under Train.")
        stop = _("Stop. While the head is being trained, the best head so far is kept.")
        self.view.setButton(self.running, self.desk.cancelling, state.retrainProblem(), ready, stop)
        self.ui.correctedLabel.setText(_("Cases under Train: {count}").format(count=state.cases))

    # Suggestions --------------------------------------------------------------------------------------------------

    def onSuggest(self, _checked: bool = False) -> None:
        """Ask for the slices that are worth annotating."""
        state = self.state()
        if state.suggestProblem() or state.head is None:
            return
        self._forgetSuggestions()
        try:
            from ...mrml import capture_volume, gathered

            capture = capture_volume(state.volume, later=True)
        except SAMAdaptError as error:
            self.fail(error)
            return
        path, device, volume = str(state.head.path), self.parameters.device.value, state.volume

        def prepare(folder: JobFolder, monitor: Monitor) -> Job:
            from ...data.io.metaimage import write_image

            image = folder.file("image.mha")
            write_image(image, capture.volume(monitor))
            return SuggestJob(image, path, count=_SUGGESTIONS, device=device)

        def done(result: dict[str, Any], _nothing: Any) -> None:
            self._showSuggestions(result["suggestions"], volume)

        def gather() -> Iterator[None]:
            return gathered(capture.copies)

        self.start(JobRequest(self.name, prepare, progress=self.onProgress, done=done, failed=self.fail, gather=gather))

    def _showSuggestions(self, found: list[dict[str, Any]], volume: Any) -> None:
        self.view.end("" if found else _("The head is sure of every slice, or found nothing to look at."))
        self._suggested, self._suggestedOn = found, volume
        tables.fill(self.ui.suggestionsTable, [_cells(item) for item in found])
        tables.fitHeight(self.ui.suggestionsTable)
        self.ui.suggestionsTable.visible = bool(found)
        if found:
            self.ui.suggestionsTable.selectRow(0)
            self.onJump()

    def _forgetSuggestions(self) -> None:
        self._suggested, self._suggestedOn = [], None
        self.ui.suggestionsTable.setRowCount(0)
        self.ui.suggestionsTable.visible = False

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

    def onCorrect(self, _checked: bool = False) -> None:
        """Open the segmentation in the Segment Editor, at the selected slice."""
        state = self.state()
        if not state.addProblem():
            self.onJump()
            self.application.openSegmentEditor(state.segmentation, state.volume)

    # Training on --------------------------------------------------------------------------------------------------

    def onAdd(self, _checked: bool = False) -> None:
        """The corrected segmentation becomes a training case."""
        state = self.state()
        if not state.addProblem():
            self._train.cases.add(state.volume, state.segmentation)
            self.refresh()

    def onRetrain(self, _checked: bool = False) -> None:
        """Train on from the present head, or Cancel."""
        state = self.state()
        if self.running:
            self.desk.cancel()
        elif not state.retrainProblem() and state.head is not None:
            self.run(state.head)

    def run(self, head: HeadEntry) -> bool:
        """Train on all cases from this head; it stays as it is, the new one gets a number."""
        try:
            plan = self._train.plan(
                self._train.cases.cases(),
                self.library.free_path(head.title),
                start_from=str(head.path),
                encoder=registered(head.card.encoder.name),
                input_size=head.card.input_size,
                head=head.card.head_type,
            )
        except SAMAdaptError as error:
            self.fail(error)
            return False
        return self._train.begin(self.name, plan, self.view, self._onDone, self.fail)

    def _onDone(self, result: dict[str, Any], _nothing: Any) -> None:
        before, now = self._head(), result["mean_dice"]
        text = _("The head {name} is in the library: held-out Dice {now}, before {before}.").format(
            name=result["name"], now=texts.dice(now), before=texts.dice(before.card.mean_dice if before else None)
        )
        self.view.end(withWarnings(texts.asText(text), result))
        if self.parameters is not None:
            self._train.showCard(result)


def _enable(button: Any, problem: str, ready: str) -> None:
    """Enabled, or disabled with the reason in the tooltip."""
    button.enabled = not problem
    button.toolTip = problem or ready


def _cells(suggestion: dict[str, Any]) -> list[Any]:
    place = _("{plane} {number} of {count}").format(
        plane=Plane(suggestion["plane"]).label(), number=suggestion["slice"] + 1, count=suggestion["slices"]
    )
    doubt = tables.text(f"{100 * suggestion['doubt']:.0f} %", right=True)
    return [place, doubt, ", ".join(suggestion["structures"])]
