"""The section Annotate: Slicer's Segment Editor, and below it the live preview that learns from what is painted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from ...encoders.registry import ENTRIES
from ...encoders.weights.store import seems_here
from ..live.controls import LiveControls
from ..live.session import LiveAnnotation
from ..live.state import LiveSettings
from .base import Presenter, Services, alive

EDITOR_TAG = "SAMAdapt"
"""The panel's Segment Editor has choices of its own; those of the module Segment Editor stay as they are."""

USER = "panel"
EFFECT_NAME = "SAMAdapt"

Learn = Callable[[Any, Any], None]


class AnnotatePresenter(Presenter):
    """Shows the editor and owns the live annotation. ``learn(volume, segmentation)`` trains on what is annotated."""

    name = "annotate"

    def __init__(self, ui: Any, services: Services, learn: Learn) -> None:
        super().__init__(ui, services)
        self._learn = learn
        self.live = LiveAnnotation(services, self.settings, self._missing)
        self.editor: Any = None
        self.controls: LiveControls | None = None
        self._editorNode: Any = None
        self._tag = 0
        self._entered = self._opened = False
        self._offered: Any = None
        for section in (ui.annotateCollapsibleButton, ui.trainCollapsibleButton):
            section.connect("contentsCollapsed(bool)", self._onCollapsed)

    # The editor -----------------------------------------------------------------------------------------------------

    def enter(self) -> None:
        """The module is looked at: the editor is made at the first time, and its keys work."""
        self._entered = True
        if self._unfolded():
            self._open()

    def _unfolded(self) -> bool:
        return not (self.ui.annotateCollapsibleButton.collapsed or self.ui.trainCollapsibleButton.collapsed)

    def leave(self) -> None:
        """The user goes to another module: no key, no view and no computation of ours stays."""
        self._entered = False
        self._shut()

    def _onCollapsed(self, _collapsed: bool) -> None:
        if self._entered and self._unfolded():
            self._open()
        elif self._opened:
            self._shut()

    def _open(self) -> None:
        if self.parameters is None:
            return
        if self.editor is None:
            self._makeEditor()
        self._selectNode()
        self.editor.updateWidgetFromMRML()
        window = slicer.util.mainWindow()
        if window is not None and self.controls is not None:
            self.editor.installKeyboardShortcuts(window)
            self.controls.installShortcuts(window)
        self._opened = True
        self.live.attend(USER)
        self.refresh()

    def _shut(self) -> None:
        if self.editor is None or not self._opened:
            return
        self._opened = False
        self.editor.setActiveEffect(None)
        self.editor.uninstallKeyboardShortcuts()
        self.editor.removeViewObservations()
        if self.controls is not None:
            self.controls.removeShortcuts()
        self.live.leave(USER)

    def _makeEditor(self) -> None:
        self.editor = slicer.qMRMLSegmentEditorWidget()
        self.editor.objectName = "annotateEditor"
        self.editor.setMaximumNumberOfUndoStates(10)
        self.editor.switchToSegmentationsButtonVisible = False
        self._selectNode()
        self.editor.setMRMLScene(slicer.mrmlScene)
        self._arrangeEffects()
        slicer.qSlicerSegmentEditorEffectFactory.instance().connect("effectRegistered(QString)", self._arrangeEffects)
        self.controls = LiveControls(self.live, self.editor.saveStateForUndo, self.onLearn, "live")
        layout = self.ui.annotateCollapsibleButton.layout()
        layout.addWidget(self.editor)
        layout.addWidget(self.controls.frame)

    def _arrangeEffects(self, _name: str = "") -> None:
        """All effects but our own, whose controls are below the editor anyway; some are registered later than this."""
        self.editor.updateEffectList()
        known = [*self.editor.effectNameOrder(), *self.editor.availableEffectNames()]
        self.editor.unorderedEffectsVisible = False
        self.editor.setEffectNameOrder([name for name in dict.fromkeys(known) if name != EFFECT_NAME])

    def _selectNode(self) -> None:
        """The editor's choices, kept in the scene; made where the scene has none."""
        scene, kind = slicer.mrmlScene, "vtkMRMLSegmentEditorNode"
        node = scene.GetSingletonNode(EDITOR_TAG, kind)
        if node is None:
            node = scene.CreateNodeByClass(kind)
            node.UnRegister(None)
            node.SetSingletonTag(EDITOR_TAG)
            node = scene.AddNode(node)
        if node is self._editorNode:
            return
        self._forgetNode()
        self._editorNode = node
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onChosen)
        self.editor.setMRMLSegmentEditorNode(node)

    def _forgetNode(self) -> None:
        node, self._editorNode = self._editorNode, None
        if node is not None:
            node.RemoveObserver(self._tag)

    def _onChosen(self, _caller: Any = None, _event: Any = None) -> None:
        """Another volume or segmentation was chosen in the editor (or something else of it was changed)."""
        if self._opened and self._editorNode is not None:
            self.live.follow(self._editorNode.GetSourceVolumeNode(), self._editorNode.GetSegmentationNode())
            self._offer()

    def _offer(self) -> None:
        """Begin by itself when a volume is chosen, once for each, where nothing has to be fetched for it."""
        volume = self.live.volume
        if volume is None or volume is self._offered or self.live.wanted:
            return
        self._offered = volume
        if not self.live.problem() and self._weightsHere():
            self.live.start()

    def _weightsHere(self) -> bool:
        entry = ENTRIES.get(self.settings().encoder)
        return entry is None or not entry.bytes or seems_here(entry)

    # The presenter --------------------------------------------------------------------------------------------------

    def settings(self) -> LiveSettings:
        """What was chosen for training: so that a head learns from the very same features."""
        chosen = self.parameters
        if chosen is None:
            return LiveSettings("")
        size, plane = chosen.inputSize or None, chosen.trainPlane.value
        return LiveSettings(chosen.encoder, size, plane, chosen.trainDevice.value, chosen.seed)

    def _missing(self) -> str:
        return self.packagesProblem(self.settings().encoder)

    def setParameters(self, parameters: Any) -> None:
        super().setParameters(parameters)
        if parameters is None:
            self.live.forgetNodes()
            self._offered = None
            self._forgetNode()
            if self.editor is not None:
                self.editor.setSegmentationNode(None)
                self.editor.removeViewObservations()
        elif self._opened:
            self._selectNode()
            self.editor.updateWidgetFromMRML()

    def refresh(self) -> None:
        if self._opened:
            self._onChosen()
        self.live.refresh()

    def close(self) -> None:
        self._forgetNode()
        self._shut()
        self.live.close()
        if self.controls is not None:
            self.controls.close()
            factory = slicer.qSlicerSegmentEditorEffectFactory.instance()
            factory.disconnect("effectRegistered(QString)", self._arrangeEffects)

    def onLearn(self) -> None:
        """Train a head on what is annotated."""
        volume, segmentation = alive(self.live.volume), alive(self.live.segmentation)
        if volume is not None and segmentation is not None:
            self.live.stop(_("The annotation was handed to the training."))
            self._learn(volume, segmentation)
