"""The buttons of a live annotation, the same in the panel and in the effect's options; built without a .ui file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from ..widgets.certainty_bar import CertaintyBar
from .session import LiveAnnotation
from .state import LiveState, Phase

_STEPS = 1000

NEXT_KEY, ACCEPT_KEY = "N", "Shift+A"
"""Keys that the Segment Editor and the views leave free."""


class LiveControls:
    """``frame`` is the widget. ``saveState`` is called before the segmentation is written to, ``learn`` to train."""

    def __init__(
        self, live: LiveAnnotation, saveState: Callable[[], None], learn: Callable[[], None], name: str
    ) -> None:
        self._live, self._saveState, self._learn, self._name = live, saveState, learn, name
        self._filling = False
        self._shortcuts: list[Any] = []
        self.frame = qt.QFrame()
        self.frame.objectName = f"{name}Frame"
        layout = qt.QVBoxLayout(self.frame)
        layout.setContentsMargins(0, 0, 0, 0)
        self._makeButtons()
        self._arrange(layout)
        self._connect()
        live.listeners.append(self.refresh)
        self.refresh()

    def close(self) -> None:
        """Nobody looks at it any more."""
        self.removeShortcuts()
        if self.refresh in self._live.listeners:
            self._live.listeners.remove(self.refresh)

    # Building -----------------------------------------------------------------------------------------------------

    def _button(self, name: str, text: str, checkable: bool = False) -> Any:
        button = qt.QPushButton(text)
        button.objectName = f"{self._name}{name}Button"
        button.checkable = checkable
        return button

    def _label(self, name: str, wrap: bool = False) -> Any:
        label = qt.QLabel()
        label.objectName = f"{self._name}{name}Label"
        label.wordWrap = wrap
        return label

    def _makeButtons(self) -> None:
        self.liveButton = self._button("Live", _("Live preview"), checkable=True)
        self.statusLabel = self._label("Status", wrap=True)
        self.statusLabel.setMinimumHeight(2 * self.statusLabel.fontMetrics().height())  # nothing jumps at a longer text
        self.progressBar = qt.QProgressBar()
        self.progressBar.objectName = f"{self._name}ProgressBar"
        self.progressBar.setMaximumHeight(12)
        self.progressBar.textVisible = False
        policy = self.progressBar.sizePolicy
        policy.setRetainSizeWhenHidden(True)
        self.progressBar.setSizePolicy(policy)
        self.barLabel = self._label("Certainty")
        self.barLabel.toolTip = _(
            "How sure the preview is of each slice: the higher, the surer. Green ticks: slices that you annotated. "
            "Line: the slice that you see. Triangle: the slice to look at next."
        )
        self.bar = CertaintyBar(self.barLabel)
        self.slider = qt.QSlider(qt.Qt.Horizontal)
        self.slider.objectName = f"{self._name}SliceSlider"
        self.slider.toolTip = _("Move all views through this slice.")
        self.sliceLabel = self._label("Slice")
        self.nextButton = self._button("Next", _("Next slice \u2192"))
        self.emptyButton = self._button("Empty", _("Nothing here"), checkable=True)
        self.acceptButton = self._button("Accept", _("Accept"))
        self.acceptSliceButton = self._button("AcceptSlice", _("Accept this slice"))
        self.betweenCheckBox = qt.QCheckBox(_("Only between annotated slices"))
        self.betweenCheckBox.objectName = f"{self._name}BetweenCheckBox"
        self.betweenCheckBox.toolTip = _("Accept leaves slices alone that lie before the first or behind the last one.")
        self.show3DButton = self._button("Show3D", _("Preview in 3D"), checkable=True)
        self.learnButton = self._button("Learn", _("Learn a model from this"))

    def _arrange(self, layout: Any) -> None:
        self._row(layout, (self.liveButton, 0), (self.statusLabel, 1))
        self.detailsFrame = qt.QFrame()
        self.detailsFrame.objectName = f"{self._name}DetailsFrame"
        details = qt.QVBoxLayout(self.detailsFrame)
        details.setContentsMargins(0, 0, 0, 0)
        details.addWidget(self.progressBar)
        details.addWidget(self.barLabel)
        details.addWidget(self.slider)
        self._row(details, (self.sliceLabel, 1), (self.emptyButton, 0), (self.nextButton, 0))
        self._row(details, (self.acceptSliceButton, 1), (self.acceptButton, 1))
        self._row(details, (self.betweenCheckBox, 1), (self.show3DButton, 0))
        layout.addWidget(self.detailsFrame)
        layout.addWidget(self.learnButton)

    def _row(self, layout: Any, *widgets: tuple[Any, int]) -> None:
        row = qt.QHBoxLayout()
        for widget, stretch in widgets:
            row.addWidget(widget, stretch)
        layout.addLayout(row)

    def _connect(self) -> None:
        self.liveButton.connect("clicked(bool)", self._onLive)
        self.slider.connect("valueChanged(int)", self._onSlider)
        self.nextButton.connect("clicked(bool)", self._onNext)
        self.emptyButton.connect("clicked(bool)", self._onEmpty)
        self.acceptButton.connect("clicked(bool)", self._onAccept)
        self.acceptSliceButton.connect("clicked(bool)", self._onAcceptSlice)
        self.show3DButton.connect("clicked(bool)", self._onShow3D)
        self.learnButton.connect("clicked(bool)", self._onLearn)

    def installShortcuts(self, parent: Any) -> None:
        """The keys, as long as this is looked at; ``parent`` is the application's window."""
        self.removeShortcuts()
        if parent is None:
            return
        for key, act in ((NEXT_KEY, self._onNext), (ACCEPT_KEY, self._onAcceptSlice)):
            shortcut = qt.QShortcut(qt.QKeySequence(key), parent)
            shortcut.connect("activated()", act)
            self._shortcuts.append(shortcut)

    def removeShortcuts(self) -> None:
        """The keys are free again."""
        shortcuts, self._shortcuts = self._shortcuts, []
        for shortcut in shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()

    # What the user does -------------------------------------------------------------------------------------------

    def _onLive(self, on: bool) -> None:
        if on:
            self._live.start()
        else:
            self._live.stop()
        self.refresh()

    def _onSlider(self, n: int) -> None:
        if not self._filling:
            self._live.jumpTo(n)

    def _onNext(self, _checked: bool = False) -> None:
        self._live.jumpNext()

    def _onEmpty(self, _checked: bool = False) -> None:
        self._live.toggleEmpty()
        self.refresh()

    def _onAccept(self, _checked: bool = False) -> None:
        self._live.accept("between" if self.betweenCheckBox.checked else "all", self._saveState)

    def _onAcceptSlice(self, _checked: bool = False) -> None:
        self._live.accept("slice", self._saveState)

    def _onShow3D(self, shown: bool) -> None:
        self._live.show3D(shown)

    def _onLearn(self, _checked: bool = False) -> None:
        self._learn()

    # What is shown ------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring the widgets up to date."""
        state = self._live.state
        self._filling = True
        try:
            self._showStatus(state)
            self._showSlices(state)
            self._showButtons(state)
        finally:
            self._filling = False

    def _showStatus(self, state: LiveState) -> None:
        live = self._live
        off = state.phase is Phase.FAILED or not live.wanted
        self.liveButton.checked = not off
        self.liveButton.text = _("Start again") if state.phase is Phase.FAILED else _("Live preview")
        blocked = live.problem() if off else ""
        _enable(
            self.liveButton,
            blocked,
            _("Paint on some slices and watch the others fill in. The preview changes nothing."),
        )
        text = state.error or state.text()
        if self.statusLabel.text != text:
            self.statusLabel.setText(text)
        self.statusLabel.toolTip = state.details
        self.detailsFrame.visible = state.running
        working = state.phase in (Phase.READING, Phase.ENCODING, Phase.FITTING, Phase.PREDICTING)
        self.progressBar.visible = working
        known = working and state.fraction is not None
        self.progressBar.setRange(0, _STEPS if known else 0)
        if known and state.fraction is not None:
            self.progressBar.setValue(round(_STEPS * state.fraction))

    def _showSlices(self, state: LiveState) -> None:
        count = len(state.certainty) if state.running else 0
        self.barLabel.visible = self.slider.visible = self.sliceLabel.visible = count > 1
        if count < 2:
            return
        self.bar.show(state.certainty, state.annotated, state.empty, state.visible, state.next)
        self.slider.setRange(0, count - 1)
        if state.visible is not None:
            self.slider.setValue(state.visible)
        self.sliceLabel.setText(_sliceText(state))

    def _showButtons(self, state: LiveState) -> None:
        keys = {"next": NEXT_KEY, "accept": ACCEPT_KEY}
        _enable(
            self.nextButton,
            state.nextProblem(),
            _("Show the slice that it is least sure of (key {next}).").format(**keys),
        )
        ready = _("This slice shows none of the structures: it counts as annotated. Press again to take that back.")
        _enable(self.emptyButton, state.emptyProblem(), ready)
        self.emptyButton.checked = state.visible is not None and state.visible in state.empty
        ready = _("Write the preview into the segmentation, on all slices that you left open. One undo takes it back.")
        _enable(self.acceptButton, state.acceptProblem(), ready)
        ready = _("Write this slice of the preview into the segmentation (key {accept}); it is learned from, then.")
        _enable(self.acceptSliceButton, state.acceptSliceProblem(), ready.format(**keys))
        self.betweenCheckBox.enabled = state.running
        self.show3DButton.enabled = state.running
        self.show3DButton.checked = state.solid
        self.show3DButton.toolTip = _("Show the preview in the 3D views; made anew when the whole volume is previewed.")
        learnable = self._live.segmentation is not None and self._live.volume is not None
        ready = _("Train a model on the slices that you annotated, to use it on other volumes.")
        _enable(self.learnButton, "" if learnable else _("Select a segmentation and a source volume."), ready)


def _enable(button: Any, problem: str, ready: str) -> None:
    """Enabled, or disabled with the reason in the tooltip."""
    button.enabled = not problem
    button.toolTip = problem or ready


def _sliceText(state: LiveState) -> str:
    if state.visible is None:
        return _("{count} slices").format(count=len(state.certainty))
    place = _("Slice {number} of {count}").format(number=state.visible + 1, count=len(state.certainty))
    sure = state.certainty[state.visible] if state.visible < len(state.certainty) else None
    if state.visible in state.empty:
        return _("{place}: nothing here").format(place=place)
    if state.visible in state.annotated or state.visible in state.strokes:
        return _("{place}: annotated").format(place=place)
    if sure is None:
        return place
    return _("{place}: {sure} % sure").format(place=place, sure=round(100 * sure))
