"""The panel *Annotate and train*: annotated volumes in, a model in the library out, with a curve to watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from ...errors import SAMAdaptError
from ...heads.library import checked_name
from ...utils.timing import note_duration
from .. import formatting as texts
from .. import worker_words
from ..job_queue import JobRequest
from ..parameters import Budget
from ..widgets.case_table import CaseTable
from ..widgets.channel_choice import ChannelTable
from ..widgets.encoder_selector import EncoderSelector, InputSizeSelector
from ..widgets.progress_bar import ProgressView
from ..widgets.structure_table import StructureTable, chosenIds
from ..widgets.training_curve import Curve
from .base import Presenter, Services, alive


@dataclass(frozen=True)
class TrainState:
    """What the button depends on. ``cases``: complete rows; ``structures``: names with a check mark, None unknown."""

    cases: int
    structures: int | None
    name: str
    busy: str = ""
    missing: str = ""
    channels: str = ""

    def problem(self) -> str:
        """Why Train cannot be clicked, "" when it can."""
        if not self.cases:
            return _("Select a volume and its segmentation.")
        if self.structures == 0:
            return _("Select at least one structure; annotate it in the Segment Editor if there is none.")
        if self.name:
            try:
                checked_name(self.name)
            except SAMAdaptError as error:
                return f"{worker_words.headError(error.message)} {worker_words.headError(error.hint)}"
        return self.channels or self.missing or self.busy


class TrainPresenter(Presenter):
    """Shows and runs the panel. ``changed``: something that others show changed; ``use(key)``: use a model."""

    name = "train"

    def __init__(self, ui: Any, services: Services, changed: Callable[[], None], use: Callable[[str], None]) -> None:
        super().__init__(ui, services)
        self._changed, self._use = changed, use
        self.view = ProgressView(ui.trainButton, ui.trainProgressFrame, ui.trainProgressBar, ui.trainStatusLabel)
        self.curve = Curve(ui.curveLabel)
        self.cases = CaseTable(ui.casesTable, ui.addCaseButton, ui.removeCaseButton, changed)
        self.channels = ChannelTable(ui.trainChannelsGroupBox, ui.channelsTable, changed)
        self.structures = StructureTable(ui.structuresTable, changed)
        self.encoders = EncoderSelector(ui.encoderSelector, ui.encoderLabel)
        self.sizes = InputSizeSelector(ui.inputSizeSelector)
        self._fillingUnlabeled = False
        self._trained = ""
        ui.trainLiveFrame.visible = ui.trainResultFrame.visible = False
        ui.unlabeledSelector.connect("checkedNodesChanged()", self._onUnlabeledChanged)
        ui.trainButton.connect("clicked(bool)", self.onClicked)
        ui.segmentWithItButton.connect("clicked(bool)", self._onUse)

    # State --------------------------------------------------------------------------------------------------------

    def setParameters(self, parameters: Any) -> None:
        super().setParameters(parameters)
        self.cases.setParameters(parameters)
        self.channels.setParameters(parameters)
        self.structures.setParameters(parameters)
        self.encoders.setParameters(parameters)
        self.sizes.setParameters(parameters)
        if parameters is None:
            self.view.end()
            self.ui.trainLiveFrame.visible = self.ui.trainResultFrame.visible = False
        else:
            self._checkUnlabeled()
            self._showTimes()

    def state(self) -> TrainState:
        """What the button depends on, now."""
        cases = self.cases.cases()
        labelVolumes = any(not segmentation.IsA("vtkMRMLSegmentationNode") for _volume, segmentation in cases)
        structures = None if labelVolumes else len(self.structures.chosen())
        if self.parameters is None:
            return TrainState(0, structures, "")
        name = self.parameters.headName
        missing = self.packagesProblem(self.parameters.encoder, self.parameters.headType.value)
        channels = self.channels.problem([volume for volume, _labels in cases])
        return TrainState(len(cases), structures, name.strip(), self.busyProblem(), missing, channels)

    def refresh(self) -> None:
        if self.cases.unfilled:
            self.cases.propose(self.application.shownPair())
        self.cases.refresh()
        self.channels.refresh([volume for volume, _labels in self.cases.cases()])
        self.structures.refresh(self.cases.cases())
        self.encoders.refresh()
        self.sizes.refresh()
        self.ui.headNameLineEdit.placeholderText = texts.suggestedName(self.structures.chosen())
        self.view.setButton(
            self.running,
            self.desk.cancelling,
            self.state().problem(),
            _("Train a model on these volumes."),
            _("Stop. While the model is being trained, the best one so far is kept."),
        )

    def _showTimes(self) -> None:
        """The minutes of each training time, as this computer took them so far."""
        for row, budget in enumerate(Budget):
            if self.ui.budgetSelector.itemText(row) != budget.label():
                self.ui.budgetSelector.setItemText(row, budget.label())

    # Running ------------------------------------------------------------------------------------------------------

    def onClicked(self, _checked: bool = False) -> None:
        """Train, or Cancel."""
        if self.running:
            self.desk.cancel()
        elif not self.state().problem():
            self.run()

    def run(self) -> bool:
        """Start the training that the panel describes."""
        self._trained = ""
        self.ui.trainResultFrame.visible = False
        try:
            name = self.parameters.headName.strip() or texts.suggestedName(self.structures.chosen())
            plan = self.plan(self.cases.cases(), self.library.free_path(name))
        except SAMAdaptError as error:
            self.fail(error)
            return False
        return self.begin(self.name, plan, self.view, self._onDone, self.fail)

    def plan(self, cases: Sequence[tuple[Any, Any]], output: Path, **changes: Any) -> Any:
        """The training of the panel's settings on these cases. Raises InputError for what cannot be used."""
        from ...mrml import TrainNodeJob
        from ...mrml.live.strokes import background_names, ignored_name

        chosen = self.parameters
        excluded = list(chosen.excludedStructures)
        # Left out as a structure, it says where the background is.
        background = {name for _volume, labels in cases for name in background_names(labels)} & set(excluded)
        used_names = [name for name in excluded if name not in background]
        annotated = [(self.channels.nodes(volume), labels, chosenIds(labels, used_names)) for volume, labels in cases]
        options = {
            "encoder": chosen.encoder,
            "input_size": chosen.inputSize or None,
            "head": chosen.headType.value,
            "plane": chosen.trainPlane.value,
            "budget": chosen.budget.value,
            "seed": chosen.seed,
            "device": chosen.trainDevice.value,
            **changes,
        }
        if background:
            options["background_segments"] = background
        ignored = ignored_name((labels, ids) for _volume, labels, ids in annotated)
        if ignored is not None:
            options["ignored_segment"] = ignored
        used = [volume for volume, _labels in cases]
        bare = [node for node in map(alive, chosen.unlabeledVolumes) if node is not None and node not in used]
        unlabeled = [self.channels.partners(node, used[0]) for node in bare]
        opened = [self.cases.leftOpen(volume, labels) for volume, labels in cases]
        return TrainNodeJob.of(annotated, output, unlabeled=unlabeled, left_open=opened, **options)

    def begin(
        self,
        owner: str,
        plan: Any,
        view: ProgressView,
        done: Callable[[dict[str, Any], Any], None],
        failed: Callable[[SAMAdaptError], None],
    ) -> bool:
        """Hand a training in, its curve in this panel, the rest in ``view``; also for *Check and improve*."""
        self.curve.clear([item.name for item in sorted(plan.structures, key=lambda item: item.value)])

        def onProgress(stage: str, fraction: float | None, secondsLeft: float | None) -> None:
            view.show(stage, fraction, secondsLeft)
            self.showCurve()

        budget = self.parameters.budget.value

        def onDone(result: dict[str, Any], fetched: Any) -> None:
            if not result.get("cancelled"):
                note_duration(f"training {budget}", float(result.get("seconds") or 0.0))
                self._showTimes()
            values = [item["value"] for item in result["structures"]]
            parts = [texts.structureDice(result["quality"], value) for value in sorted(values)]
            self.curve.end(result["mean_dice"], parts)
            self.showCurve(True)
            done(result, fetched)

        def onFailed(error: SAMAdaptError) -> None:
            self.showCurve(True)
            failed(error)

        view.begin()
        self.showCurve()
        order = JobRequest(
            owner,
            plan.prepare,
            progress=onProgress,
            metric=self.curve.add,
            warning=view.warn,
            done=onDone,
            failed=onFailed,
            gather=plan.gather,
        )
        try:
            self.desk.start(order)
        except SAMAdaptError as error:
            failed(error)
            return False
        return True

    def showCurve(self, now: bool = False) -> None:
        """Bring the curve and its words up to date; hidden while there is no point."""
        self.ui.trainLiveFrame.visible = not self.curve.empty
        self.curve.draw(now)
        self.ui.trainMetricsLabel.setText(texts.asText(self.curve.summary()))

    def _onDone(self, result: dict[str, Any], _nothing: Any) -> None:
        kept = _("Cancelled; the best model so far was kept.") if result.get("cancelled") else _("Done.")
        self.view.end(withWarnings(kept, result))
        self.showCard(result)

    def showCard(self, result: dict[str, Any]) -> None:
        """The quality card of a new model, and the button to use it."""
        self._trained = Path(result["head"]).name
        self.ui.trainResultLabel.setText(qualityCard(result))
        self.ui.trainResultFrame.visible = True
        before = self.library.find(self.parameters.head) if self.parameters is not None else None
        if self.parameters is not None and (before is None or before.built_in):
            self.parameters.head = self._trained  # who trains a model wants it rather than one that came along
        self._changed()

    def _onUse(self, _checked: bool = False) -> None:
        if self._trained:
            self._use(self._trained)

    # Unlabelled volumes -------------------------------------------------------------------------------------------

    def _onUnlabeledChanged(self) -> None:
        if not self._fillingUnlabeled and self.parameters is not None:
            self.parameters.unlabeledVolumes = list(self.ui.unlabeledSelector.checkedNodes())

    def _checkUnlabeled(self) -> None:
        """The check marks as the parameter node has them."""
        self._fillingUnlabeled = True
        try:
            wanted = [node for node in map(alive, self.parameters.unlabeledVolumes) if node is not None]
            for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
                if node in wanted:
                    self.ui.unlabeledSelector.check(node)
                else:
                    self.ui.unlabeledSelector.uncheck(node)
        finally:
            self._fillingUnlabeled = False


def withWarnings(text: str, result: dict[str, Any]) -> str:
    """The text, and below it what the job warned of, as rich text where there is something."""
    warned = texts.warnings(result.get("warnings") or ())
    return f"{text}<br>{warned}" if warned else text


def qualityCard(result: dict[str, Any]) -> str:
    """What a new model is, as rich text: how accurate it is, Dice of each structure, and how it was made."""
    rows = "".join(_qualityRow(result["quality"], structure) for structure in result["structures"])
    training = result["training"]
    slices = result["quality"].get("held_out_slices") or 0
    if result.get("expected_dice") is not None:
        estimated = _("Estimated accuracy: Dice <b>{dice}</b> on other patients")
        measured = estimated.format(dice=texts.dice(result["expected_dice"])) + "<br>"
    else:
        measured = ""
    if slices:
        held = _("Measured here: Dice <b>{dice}</b> on {count} slices that were held out")
        measured += held.format(dice=texts.dice(result["mean_dice"]), count=slices)
    else:
        measured += _("Too few annotated slices to hold some out: the quality was not measured.")
    made = _("{type} model on {encoder}, {slices} slices in {views} views, {steps} steps, {time}").format(
        type=result["head_type"],
        encoder=texts.encoder(result["encoder"], result.get("input_size")),
        slices=training.get("slices"),
        views=training.get("views"),
        steps=training.get("steps"),
        time=texts.duration(result.get("seconds") or 0.0),
    )
    if training.get("unlabeled"):
        made += "; " + _("unlabelled volumes that it learned from: {count}").format(count=training["unlabeled"])
    return (
        f"<b>{texts.rich(str(result['name']))}</b><br>{measured}<table>{rows}</table><small>{texts.rich(made)}</small>"
    )


def _qualityRow(quality: dict[str, Any], structure: dict[str, Any]) -> str:
    red, green, blue = (round(255 * part) for part in structure["color"])
    swatch = f'<span style="color: rgb({red}, {green}, {blue})">\u25a0</span>'
    dice = texts.dice(texts.structureDice(quality, structure["value"]))
    return f"<tr><td>{swatch}</td><td>{texts.rich(str(structure['name']))}&nbsp;&nbsp;</td><td>{dice}</td></tr>"
