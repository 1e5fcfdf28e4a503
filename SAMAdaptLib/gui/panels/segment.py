"""The panel Segment: a volume and a head in, a segmentation out, with one click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import qt
from slicer.i18n import tr as _

from ...data.provenance import HEAD_KEY
from ...errors import SAMAdaptError
from ...heads.library import HeadEntry
from .. import formatting as texts
from ..job_queue import JobRequest
from ..widgets import tables
from ..widgets.head_menu import HeadMenu
from ..widgets.progress_bar import ProgressView
from .base import Presenter, Services, alive


@dataclass(frozen=True)
class SegmentState:
    """What the button depends on."""

    volume: Any
    head: HeadEntry | None
    anyHead: bool
    busy: str = ""
    missing: str = ""

    def problem(self) -> str:
        """Why Segment cannot be clicked, "" when it can."""
        if self.volume is None:
            return _("Select a volume.")
        if not self.anyHead:
            return _("There is no head yet: train one below, or import one.")
        if self.head is None:
            return self.missing or _("Select a head.")
        return self.missing or self.busy


RESULT_ATTRIBUTE = HEAD_KEY
"""Segmentation nodes that a head made have this attribute: they are no reference to measure a head by."""


def markResult(placement: Any, result: dict[str, Any]) -> None:
    """Remember on a new segmentation node which head made it."""
    if placement.created:
        placement.node.SetAttribute(RESULT_ATTRIBUTE, str(result.get("head") or "SAMAdapt"))


class SegmentPresenter(Presenter):
    """Shows and runs the panel Segment. ``changed`` is called when the head or the library changed."""

    name = "segment"

    def __init__(self, ui: Any, services: Services, changed: Callable[[], None]) -> None:
        super().__init__(ui, services)
        self._changed = changed
        self.view = ProgressView(
            ui.segmentButton, ui.segmentProgressFrame, ui.segmentProgressBar, ui.segmentStatusLabel
        )
        self.menu = HeadMenu(ui.headMenuButton, services, self.head, self.chooseHead)
        self.placement: Any = None
        self._resultVolume: Any = None
        self._fillingHeads = False
        ui.segmentResultFrame.visible = False
        tables.setUp(ui.segmentResultTable, (_("Structure"), _("Volume (ml)"), _("Confidence")))
        ui.headSelector.connect("currentIndexChanged(int)", self._onHeadChanged)
        # Slicer 5.10 knows no nodeAddedByUserAction; both come when a node was made with the selector.
        ui.regionSelector.connect("nodeAddedByUser(vtkMRMLNode*)", self._onRegionAdded)
        ui.segmentButton.connect("clicked(bool)", self.onClicked)
        ui.show3DButton.connect("toggled(bool)", self._onShow3D)
        ui.segmentEditorButton.connect("clicked(bool)", self._onSegmentEditor)
        ui.undoButton.connect("clicked(bool)", self._onUndo)

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
            self.parameters.head = str(self.ui.headSelector.itemData(index) or "")

    def _showHeads(self, entries: list[HeadEntry]) -> None:
        """Write the combo box anew when the library differs from what it shows."""
        selector = self.ui.headSelector
        if self.parameters is not None and not self.parameters.head and entries:
            self.parameters.head = entries[0].key
        wanted = self.parameters.head if self.parameters is not None else ""
        self._fillingHeads = True
        try:
            bad = self.library.bad()
            rows = [(entry.title, entry.key) for entry in entries]
            rows += [(_("{name} (cannot be used)").format(name=head.title), head.key) for head in bad]
            if wanted and wanted not in [key for _title, key in rows]:
                rows.append((_("{name} (not on this computer)").format(name=wanted), wanted))
            rows = rows or [(_("No head yet: train or import one"), "")]
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
            missing = _("This head cannot be used; select another one.")
        return SegmentState(volume, head, bool(self.library.entries()), self.busyProblem(), missing)

    def refresh(self) -> None:
        entries = self.library.entries()
        self._showHeads(entries)
        head = self.head()
        advice = "" if entries else _("Train a head below on a volume that you annotated, or import one (More).")
        advice = (self.parameters and self.library.reason(self.parameters.head)) or advice
        self.ui.headLabel.setText(texts.asText(texts.headLine(head.card) if head else advice))
        self.ui.headLabel.visible = bool(head or advice)
        self.ui.headSelector.toolTip = texts.headTip(head.card) if head else _("Train a head below, or import one.")
        self.menu.refresh()
        self.view.setButton(
            self.running,
            self.desk.cancelling,
            self.state().problem(),
            _("Segment the volume with this head."),
            _("Stop. Nothing is left behind."),
        )
        if self.placement is not None and alive(self.placement.node) is None:
            self.forgetResult()

    def setParameters(self, parameters: Any) -> None:
        if parameters is None:
            self.forgetResult()
            self.view.end()
        super().setParameters(parameters)

    def _onRegionAdded(self, region: Any) -> None:
        """A region made with the selector begins as the whole volume, to be drawn smaller in the views."""
        volume = alive(self.parameters.inputVolume) if self.parameters is not None else None
        if volume is not None and volume.GetImageData() is not None:
            from ...mrml import fit_roi

            fit_roi(region, volume)

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
                done=lambda result, labels: self._onDone(plan, result, labels),
                failed=self.fail,
            )
        )

    def plan(self, volume: Any, head: HeadEntry, **changes: Any) -> Any:
        """The segmentation of a volume with the panel's settings. Raises InputError for what cannot be used."""
        from ...mrml import SegmentNodeJob

        chosen = self.parameters
        options = {
            "into": alive(chosen.outputSegmentation),
            "roi": alive(chosen.region),
            "name": _("{volume} {head}").format(volume=volume.GetName(), head=head.title),
            **self.jobOptions(),
            **changes,
        }
        return SegmentNodeJob.of(volume, head.path, **options)

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

    def _onDone(self, plan: Any, result: dict[str, Any], labels: Any) -> None:
        """Put the result into the scene; nodes that went away meanwhile make it a polite no."""
        try:
            self.placement = plan.show(labels)
        except SAMAdaptError as error:
            self.fail(error)
            return
        markResult(self.placement, result)
        self._resultVolume = plan.volume_node
        self._showResult(result)
        if self.parameters is not None:
            self.parameters.improveVolume = plan.volume_node
            self.parameters.improveSegmentation = self.placement.node

    # The result ---------------------------------------------------------------------------------------------------

    def _showResult(self, result: dict[str, Any]) -> None:
        warnings = "<br>".join(map(escape, result.get("warnings") or ()))
        took = texts.duration(result.get("seconds") or 0.0)
        self.view.end(_("Done in {time}.").format(time=took) + (f"<br>{warnings}" if warnings else ""))
        name = self.placement.node.GetName()
        self.ui.segmentResultLabel.setText(_("Result: <b>{name}</b>").format(name=escape(name)))
        tables.fill(self.ui.segmentResultTable, [_row(item) for item in result["structures"]])
        tables.fitHeight(self.ui.segmentResultTable)
        self.ui.show3DButton.checked = False
        self.ui.segmentResultFrame.visible = True

    def forgetResult(self) -> None:
        """The former result is no longer shown in the panel; its node stays as it is."""
        self.placement = self._resultVolume = None
        self.ui.segmentResultFrame.visible = False

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
        text = _("The result was edited since. Take it back all the same?")
        if self.placement.edited and not self.application.confirm(text, _("Undo")):
            return
        self.placement.undo()
        self.forgetResult()
        self.view.end(_("The result was taken back."))


def _row(item: dict[str, Any]) -> list[Any]:
    """One structure of a result: name with colour, ml, confidence."""
    volume, confidence = item.get("volume_ml") or 0.0, item.get("confidence")
    return [
        tables.colored(str(item["name"]), item["color"]),
        tables.text(f"{volume:.1f}" if volume else _("not found"), right=True),
        tables.text("\u2013" if confidence is None else f"{100 * confidence:.0f} %", right=True),
    ]
