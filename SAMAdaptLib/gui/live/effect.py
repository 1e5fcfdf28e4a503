"""The effect SAMAdapt of a Segment Editor: the same live preview, in the effect's options.

While the user paints with another effect the preview goes on, as that of *Grow from seeds* does. The live annotation
is the panel's: there is one at a time, and one worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from .controls import LiveControls
from .session import LiveAnnotation

USER = "effect"


def panel() -> Any:
    """The module's panel, built when it is first needed."""
    return slicer.util.getModuleWidget("SAMAdapt").panel


class LiveEffect:
    """What one instance of the effect does. ``scripted`` is Slicer's object, one for each Segment Editor."""

    def __init__(self, scripted: Any, getPanel: Callable[[], Any] = panel) -> None:
        self._scripted, self._getPanel = scripted, getPanel
        self._live: LiveAnnotation | None = None
        self._controls: LiveControls | None = None
        self._holder: Any = None
        self._home = ""
        self._node: Any = None
        self._tag = 0

    def setupOptionsFrame(self) -> None:
        """A place for the controls; they come when the effect is first chosen."""
        self._holder = qt.QVBoxLayout()
        self._scripted.addOptionsWidget(self._holder)

    def activate(self) -> None:
        """The user chose the effect."""
        self._attach()
        if self._live is None or self._controls is None:
            return
        self._live.attend(USER)
        self._follow()
        if not self._live.wanted and not self._live.problem():
            self._live.start()
        self._controls.refresh()

    def nodesChanged(self, _caller: Any = None, _event: Any = None) -> None:
        """Another volume or segmentation was chosen in the editor."""
        if self._live is not None and self._home:
            self._follow()

    def cleanup(self) -> None:
        """The editor goes."""
        self._detach()

    # Coming and going -----------------------------------------------------------------------------------------------

    def _attach(self) -> None:
        owner = self._getPanel().annotate
        if self._live is not owner.live:  # the first time, or the module was reloaded
            self._detach()
            self._live = owner.live
            self._controls = LiveControls(owner.live, self._scripted.saveStateForUndo, self._onLearn, "liveEffect")
            self._holder.addWidget(self._controls.frame)
        self._observe(self._scripted.parameterSetNode())
        window = slicer.util.mainWindow()
        if window is not None and not self._home:
            self._home = slicer.util.selectedModule() or ""
            window.moduleSelector().connect("moduleSelected(QString)", self._onModule)
            if self._controls is not None:
                self._controls.installShortcuts(window)

    def _detach(self) -> None:
        window = slicer.util.mainWindow()
        if window is not None and self._home:
            window.moduleSelector().disconnect("moduleSelected(QString)", self._onModule)
        self._home = ""
        self._observe(None)
        if self._live is not None:
            self._live.leave(USER)
        if self._controls is not None:
            self._controls.close()
            self._controls.frame.setParent(None)
            self._controls.frame.deleteLater()
        self._live = self._controls = None

    def _onModule(self, name: str) -> None:
        """The user goes to another module, or comes back."""
        if self._live is None or self._controls is None:
            return
        if name == self._home:
            self._live.attend(USER)
            self._follow()
            self._controls.installShortcuts(slicer.util.mainWindow())
        else:
            self._controls.removeShortcuts()
            self._live.leave(USER)

    def _observe(self, node: Any) -> None:
        if node is self._node:
            return
        if self._node is not None:
            self._node.RemoveObserver(self._tag)
        self._node = node
        if node is not None:
            self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, self.nodesChanged)

    def _follow(self) -> None:
        node = self._scripted.parameterSetNode()
        self._observe(node)
        if self._live is not None and node is not None and self._live.attendedBy(USER):
            self._live.follow(node.GetSourceVolumeNode(), node.GetSegmentationNode())

    def _onLearn(self) -> None:
        self._getPanel().annotate.onLearn()
        slicer.util.selectModule("SAMAdapt")


def helpText() -> str:
    """What the editor's help box says."""
    return "<html>" + _(
        "Paint some slices and watch the whole volume fill in.<br>Choose this effect, then paint with any other: after "
        "each stroke the preview learns anew. <b>Next slice</b> shows where it is least sure; <b>Nothing here</b> says "
        "that a slice shows no structure. <b>Accept</b> writes the preview into the segmentation, with one undo. Call "
        "a segment <i>background</i> to scribble instead of painting whole slices, or <i>ignore</i> for what must not "
        "count. Your strokes are never changed.<p>"
    )
