"""The panel *Segment*: a volume and a model in, a segmentation out, with one click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from ...data.provenance import HEAD_KEY
from ...errors import SAMAdaptError
from ...heads.library import HeadEntry
from .. import formatting as texts
from ..job_queue import JobRequest
from ..widgets import tables
from ..widgets.channel_choice import ChannelSelectors, withChannels
from ..widgets.head_advice import HeadAdvice
from ..widgets.head_menu import HeadMenu
from ..widgets.progress_bar import ProgressView
from ..widgets.report_button import ReportButton, Result
from ..widgets.sample_menu import SampleMenu
from .base import Presenter, Services, alive


@dataclass(frozen=True)
class SegmentState:
    """What the button depends on."""

    volume: Any
    head: HeadEntry | None
    anyHead: bool
    busy: str = ""
    missing: str = ""
    channels: tuple[str, ...] = ()
    """Those of the volume's further channels that the model needs and nobody has selected."""

    def problem(self) -> str:
        """Why Segment cannot be clicked, "" when it can."""
        if self.volume is None:
            return _("Select a volume.")
        if not self.anyHead:
            return _("There is no model yet: train one in section 1, or import one.")
        if self.head is None:
            return self.missing or _("Select a model.")
        if self.channels:
            return _("Select this volume's {names} as well.").format(names=", ".join(self.channels))
        return self.missing or self.busy


RESULT_ATTRIBUTE = HEAD_KEY
"""Segmentation nodes that a head made have this attribute: they are no reference to measure a head by."""


def markResult(placement: Any, result: dict[str, Any]) -> None:
    """Remember on a new segmentation node which head made it."""
    if placement.created:
        placement.node.SetAttribute(RESULT_ATTRIBUTE, str(result.get("head") or "SAMAdapt"))


class SegmentPresenter(Presenter):
    """Shows and runs the panel Segment. ``changed`` is called when the head or the library changed, ``annotated`` with
    an annotated volume and its segmentation when a sample was loaded."""

    name = "segment"

    def __init__(
        self, ui: Any, services: Services, changed: Callable[[], None], annotated: Callable[[Any, Any], None]
    ) -> None:
        super().__init__(ui, services)
        self._changed, self._annotated = changed, annotated
        self.told: Callable[[Any, Any, dict[str, Any]], None] = lambda _volume, _node, _result: None
        """Hears of each result: volume node, segmentation node, what the worker said."""
        self.view = ProgressView(
            ui.segmentButton, ui.segmentProgressFrame, ui.segmentProgressBar, ui.segmentStatusLabel
        )
        self.samples = SampleMenu(ui.loadSampleButton, services.application, self._onSample)
        self.channels = ChannelSelectors(ui, changed)
        self.menu = HeadMenu(ui.headMenuButton, services, self.head, self.chooseHead)
        self.advice = HeadAdvice(self._onAdvice)
        self.report = ReportButton(ui.saveReportButton, services.application, services.packages, lambda: self._reported)
        self._reported: Result | None = None
        self.placement: Any = None
        self._resultVolume: Any = None
        self._judgedFrame: int | None = None
        self._fillingHeads = False
        self._unchosen = ""  # the key of a model that nobody chose: it was the first
        ui.segmentResultFrame.visible = False
        tables.setUp(ui.segmentResultTable, (_("Structure"), _("Volume (ml)"), _("Certainty")))
        ui.headSelector.connect("currentIndexChanged(int)", self._onHeadChanged)
        # Slicer 5.10 knows no nodeAddedByUserAction; both come when a node was made with the selector.
        ui.regionSelector.connect("nodeAddedByUser(vtkMRMLNode*)", self._onRegionAdded)
        ui.segmentButton.connect("clicked(bool)", self.onClicked)
        ui.show3DButton.connect("toggled(bool)", self._onShow3D)
        ui.segmentEditorButton.connect("clicked(bool)", self._onSegmentEditor)
        ui.undoButton.connect("clicked(bool)", self._onUndo)
        ui.segmentVerdictLabel.connect("linkActivated(QString)", self._onLink)

    def close(self) -> None:
        self.samples.close()
        self.advice.close()
        self.report.close()

    # Heads --------------------------------------------------------------------------------------------------------

    def head(self) -> HeadEntry | None:
        """The chosen head, if it is in the library."""
        return self.library.find(self.parameters.head) if self.parameters and self.parameters.head else None

    def chooseHead(self, key: str) -> None:
        """Select a head by its key ("" for none) and show it."""
        if self.parameters is not None:
            self.parameters.head = key
        self._changed()

    def _onHeadChanged(self, index: int) -> None:
        if not self._fillingHeads and self.parameters is not None:
            self._unchosen = ""
            self.parameters.head = str(self.ui.headSelector.itemData(index) or "")

    def _onAdvice(self) -> None:
        """It is known which models suit the volume: one that nobody chose gives way to the best."""
        best, chosen = self.advice.best, self.parameters and self.parameters.head
        if best and chosen == self._unchosen and not self.advice.found[chosen].fits:
            self.parameters.head = self._unchosen = best
        self._changed()

    def _showHeads(self, entries: list[HeadEntry]) -> None:
        """Write the combo box anew when the library differs from what it shows."""
        selector = self.ui.headSelector
        if self.parameters is not None and not self.parameters.head and entries:
            self.parameters.head = self._unchosen = entries[0].key
        wanted = self.parameters.head if self.parameters is not None else ""
        self._fillingHeads = True
        try:
            bad = self.library.bad()
            rows = [(texts.advised(entry.title, self.advice.found.get(entry.key)), entry.key) for entry in entries]
            rows += [(_("{name} (cannot be used)").format(name=head.title), head.key) for head in bad]
            if wanted and wanted not in [key for _title, key in rows]:
                rows.append((_("{name} (not on this computer)").format(name=wanted), wanted))
            rows = rows or [(_("No model yet: train or import one"), "")]
            if rows != [(selector.itemText(row), str(selector.itemData(row) or "")) for row in range(selector.count)]:
                selector.clear()
                for title, key in rows:
                    selector.addItem(title, key)
            tips = [*(texts.headTip(entry.card) for entry in entries), *(texts.asText(head.reason) for head in bad)]
            for row, tip in enumerate(tips):
                selector.setItemData(row, tip, qt.Qt.ToolTipRole)
            selector.setCurrentIndex(max(0, selector.findData(wanted)))
        finally:
            self._fillingHeads = False

    # State --------------------------------------------------------------------------------------------------------

    def state(self) -> SegmentState:
        """What the button depends on, now."""
        volume = alive(self.parameters.inputVolume) if self.parameters is not None else None
        head = self.head()
        missing = self.packagesProblem(head.card.encoder.name, head.card.head_type) if head else ""
        if head is None and self.parameters is not None and self.library.reason(self.parameters.head):
            missing = _("This model cannot be used; select another one.")
        names = head.card.channel_names[1:] if head and volume is not None else ()
        others = self.channels.of(volume, head.card.channel_names) if head and names else []
        absent = tuple(name for name, node in zip(names, others, strict=True) if node is None)
        return SegmentState(volume, head, bool(self.library.entries()), self.busyProblem(), missing, absent)

    def refresh(self) -> None:
        entries = self.library.entries()
        volume = alive(self.parameters.inputVolume) if self.parameters is not None else None
        if not self.desk.owner:  # the volume may be large, and the job needs the memory
            self.advice.ask(volume, entries)
        self._showHeads(entries)
        head = self.head()
        advice = (
            "" if entries else _("Train a model in section 1 on a volume that you annotated, or import one (More).")
        )
        advice = (self.parameters and self.library.reason(self.parameters.head)) or advice
        expected = texts.suits(self.advice.found.get(head.key)) if head else ""
        line = texts.headLine(head.card) if head else advice
        self.ui.headLabel.setText(f"{texts.rich(line)}<br>{expected}" if expected else texts.asText(line))
        self.ui.headLabel.visible = bool(head or advice)
        self.ui.headSelector.toolTip = (
            texts.headTip(head.card) if head else _("Train a model in section 1, or import one.")
        )
        self.menu.refresh()
        self.channels.refresh(volume, head.card.channel_names if head else ())
        self.ui.allFramesCheckBox.visible = self._inSequence()
        self.view.setButton(
            self.running,
            self.desk.cancelling,
            self.state().problem(),
            _("Segment the volume with this model."),
            _("Stop. Nothing is left behind."),
        )
        if self.placement is not None and alive(self.placement.node) is None:
            self.forgetResult()

    def setParameters(self, parameters: Any) -> None:
        if parameters is None:
            self.forgetResult()
            self.view.end()
        self.channels.setParameters(parameters)
        super().setParameters(parameters)

    def _onRegionAdded(self, region: Any) -> None:
        """A region made with the selector begins as the whole volume, to be drawn smaller in the views."""
        volume = alive(self.parameters.inputVolume) if self.parameters is not None else None
        if volume is not None and volume.GetImageData() is not None:
            from ...mrml import fit_roi

            fit_roi(region, volume)

    def _onSample(self, volume: Any, segmentation: Any) -> None:
        """A sample patient came into the scene: it is the volume, and where it is annotated the case to learn from."""
        if self.parameters is None:
            return
        self.parameters.inputVolume = volume
        if segmentation is not None:
            self._annotated(volume, segmentation)

    # Running ------------------------------------------------------------------------------------------------------

    def onClicked(self, _checked: bool = False) -> None:
        """Segment, or Cancel."""
        if self.running:
            self.desk.cancel()
        elif not self.state().problem():
            self.run()

    def run(self) -> bool:
        """Start the segmentation that the panel describes; what cannot be read is said in the panel."""
        head = self.head()
        if head is None:
            return False
        self.forgetResult()
        try:
            plan = self.plan(alive(self.parameters.inputVolume), head)
        except SAMAdaptError as error:
            self.fail(error)
            return False
        return self.start(
            JobRequest(
                self.name,
                gather=plan.gather,
                prepare=plan.prepare,
                fetch=plan.fetch,
                progress=self.onProgress,
                done=lambda result, labels: self._onDone(plan, head, result, labels),
                failed=self.fail,
            )
        )

    def segmentWith(self, path: str, volume: Any) -> bool:
        """Choose a head of the library and a volume, and segment."""
        self.parameters.inputVolume, self.parameters.head = volume, Path(path).name
        self.parameters.outputSegmentation = None
        self._changed()
        return not self.state().problem() and self.run()

    def plan(self, volume: Any, head: HeadEntry, **changes: Any) -> Any:
        """The segmentation of a volume with the panel's settings. Raises InputError for what cannot be used."""
        from ...mrml import SegmentNodeJob, SequenceNodeJob

        chosen = self.parameters
        options = {
            "into": alive(chosen.outputSegmentation),
            "roi": alive(chosen.region),
            "name": _("{volume} {head}").format(volume=volume.GetName(), head=head.title),
            **self.jobOptions(),
            **changes,
        }
        kind = SequenceNodeJob if self.allFrames() and not changes else SegmentNodeJob
        return kind.of(self.withChannels(volume, head), head.path, **options)

    def withChannels(self, volume: Any, head: HeadEntry) -> Any:
        """What a job takes of a volume: the node, or a list with its channels. Raises InputError for one missing."""
        names = head.card.channel_names
        hint = _("Load it, and select it below the model in section 2.")
        return withChannels(volume, names, self.channels.of(volume, names), hint)

    def allFrames(self) -> bool:
        """Whether every frame of the volume's sequence is to be segmented, not only the one that is shown."""
        return self._inSequence() and self.parameters.allFrames

    def _inSequence(self) -> bool:
        """Whether the volume is a frame of a sequence, which a model of one image may segment as a whole."""
        from ...mrml import sequence_of

        head = self.head()
        alone = head is None or not head.card.channels
        return alone and self.parameters is not None and sequence_of(alive(self.parameters.inputVolume)) is not None

    def jobOptions(self) -> dict[str, Any]:
        """What was chosen under Advanced, in the words of the job."""
        chosen = self.parameters
        return {
            "plane": chosen.plane.word(),
            "planes": chosen.planes.value,
            "tta": chosen.testTimeViews,
            "smoothing": chosen.smoothing,
            "largest_component": chosen.component.word(),
            "device": chosen.device.value,
        }

    def _onDone(self, plan: Any, head: HeadEntry, result: dict[str, Any], labels: Any) -> None:
        """Put the result into the scene; nodes that went away meanwhile make it a polite no."""
        try:
            self.placement = plan.show(labels)
        except SAMAdaptError as error:
            self.fail(error)
            return
        markResult(self.placement, result)
        self._resultVolume = plan.volume_node
        self._reported = plan.volume_node, self.placement.node, result, head.path
        self.application.showResult(plan.volume_node, self.placement.node)
        self._showResult(result)
        if self.parameters is not None:
            self.parameters.improveVolume = plan.volume_node
            self.parameters.improveSegmentation = self.placement.node
        self.told(plan.volume_node, self.placement.node, result)

    # The result ---------------------------------------------------------------------------------------------------

    def _showResult(self, result: dict[str, Any]) -> None:
        judged = result.get("verdict")
        reasons = (judged or {}).get("reasons") or ()
        warnings = texts.warnings(text for text in result.get("warnings") or () if text not in reasons)
        took = texts.duration(result.get("seconds") or 0.0)
        self.view.end(_("Done in {time}.").format(time=took) + (f"<br>{warnings}" if warnings else ""))
        self._judgedFrame, text = _judgedFrame(result), texts.verdict(judged)
        if self._judgedFrame is not None:
            text = _("Frame {number}: {verdict}").format(number=self._judgedFrame + 1, verdict=text)
        self.ui.segmentVerdictLabel.setText(text)
        self.ui.segmentVerdictLabel.visible = bool(judged)
        name = self.placement.node.GetName()
        named = _("Result: <b>{name}</b>").format(name=texts.rich(name))
        if result.get("frames"):
            named += "<br>" + _("Means over {count} frames:").format(count=len(result["frames"]))
        self.ui.segmentResultLabel.setText(named)
        self.ui.saveReportButton.visible = not result.get("frames")  # a page shows one volume
        tables.fill(self.ui.segmentResultTable, [tables.structureRow(item) for item in result["structures"]])
        tables.fitHeight(self.ui.segmentResultTable)
        self.ui.show3DButton.checked = False
        self.ui.segmentResultFrame.visible = True

    def forgetResult(self) -> None:
        """The former result is no longer shown in the panel; its node stays as it is."""
        self.placement = self._resultVolume = self._reported = None
        self.ui.segmentResultFrame.visible = False

    def _onLink(self, link: str) -> None:
        """Show a slice that the verdict names: "voxel:I,J,K"."""
        volume, numbers = alive(self._resultVolume), link.removeprefix("voxel:").split(",")
        if volume is not None and len(numbers) == 3 and all(number.isdigit() for number in numbers):
            from ...mrml import sequence_of, world_of_voxel

            played = sequence_of(volume)
            if self._judgedFrame is not None and played is not None:
                played[0].SetSelectedItemNumber(self._judgedFrame)
            i, j, k = map(int, numbers)
            self.application.jumpTo(world_of_voxel(volume, (i, j, k)), volume)

    def _onShow3D(self, shown: bool) -> None:
        if self.placement is not None and alive(self.placement.node) is not None:
            from ...mrml import show_3d

            show_3d(self.placement.node, shown)

    def _onSegmentEditor(self, _checked: bool = False) -> None:
        if self.placement is not None and alive(self.placement.node) is not None:
            self.application.openSegmentEditor(self.placement.node, alive(self._resultVolume))

    def _onUndo(self, _checked: bool = False) -> None:
        """Take the result back; what was corrected in it goes only after a question."""
        if self.placement is None or alive(self.placement.node) is None:
            return
        text = _("The result was edited since. Remove it all the same?")
        if self.placement.edited and not self.application.confirm(text, _("Remove result")):
            return
        self.placement.undo()
        self.forgetResult()
        self.view.end(_("The result was removed."))


def _judgedFrame(result: dict[str, Any]) -> int | None:
    """The frame that speaks most against the results of a sequence; None where none does."""
    judged = result.get("verdict")
    if not judged or judged["level"] == "as_trained":
        return None
    return next((frame["frame"] for frame in result.get("frames") or () if frame.get("verdict") == judged), None)
