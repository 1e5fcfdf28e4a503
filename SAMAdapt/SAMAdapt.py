"""SAMAdapt: learn a structure from one annotated volume, segment the others with one click.

Only the shells that Slicer looks for are here: what they do is in the library SAMAdaptLib beside this file (or, in a
source checkout, one folder up). Nothing heavy is imported, installed or downloaded when this file is.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

if importlib.util.find_spec("SAMAdaptLib") is None:
    # A source checkout: the library is not beside this file but one folder up.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from SAMAdaptLib.errors import SAMAdaptError
from SAMAdaptLib.gui import panel as gui
from SAMAdaptLib.gui import translation
from SAMAdaptLib.gui.application import SlicerApplication
from SAMAdaptLib.gui.parameters import SAMAdaptParameterNode
from SAMAdaptLib.gui.widgets import sample_menu
from SAMAdaptLib.heads.library import import_once
from SAMAdaptLib.mrml.logic import SlicerLogic

EFFECT = Path(__file__).resolve().parent / "SAMAdaptEffects" / "SegmentEditorSAMAdaptEffect.py"


class SAMAdapt(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        translation.install(Path(__file__).resolve().parent / "Resources" / "Translations")
        parent.title = _("SAMAdapt")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations"]
        parent.contributors = ["The SAMAdapt developers"]
        parent.helpText = _("""
Learn a structure from one annotated volume and segment other volumes of the same kind with one click.
A frozen Segment Anything (SAM) encoder looks at the slices; a small model is trained on what it sees.
""")
        parent.acknowledgementText = _("""
Based on X. Hu, X. Xu and Y. Shi: How to Efficiently Adapt Large Segmentation Model (SAM) to Medical Images,
<a href="https://arxiv.org/abs/2306.13731">arXiv 2306.13731</a>.
""")
        slicer.app.connect("startupCompleted()", self.registerEffect)
        slicer.app.connect("startupCompleted()", registerSampleData)

    def registerEffect(self) -> None:
        """Offer the live preview in every Segment Editor; widgets that are there already are told by the factory."""
        import qSlicerSegmentationsEditorEffectsPythonQt as effects

        made = effects.qSlicerSegmentEditorScriptedEffect(None)
        made.setPythonSource(EFFECT.as_posix())
        made.self().register()


def registerSampleData() -> None:
    """List the sample patients in the module Sample Data; they are fetched when one is asked for."""
    resources = Path(__file__).parent / "Resources"
    sample_menu.registerSampleData(SlicerApplication(), lambda name: str(resources / name))


class SAMAdaptWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel's place in Slicer; its parts are the presenters of SAMAdaptLib.gui."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: SAMAdaptLogic | None = None
        self.panel: gui.Panel | None = None
        self._parameterNode: SAMAdaptParameterNode | None = None
        self._parameterNodeGuiTag: Any = None

    def setup(self) -> None:
        """Build the panel. Installs nothing and starts nothing."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SAMAdapt.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = SAMAdaptLogic()
        self.panel = gui.Panel(self.ui, gui.makeServices(lambda: self.logic.runner, self.resourcePath))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            self.addObserver(scene, event, self.onSceneChanged)
        slicer.app.connect("aboutToQuit()", self.closeJobs)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The module is unloaded or reloaded, or the application quits: no job outlives the panel."""
        slicer.app.disconnect("aboutToQuit()", self.closeJobs)
        self.setParameterNode(None)
        self.closeJobs()
        self.removeObservers()

    def closeJobs(self) -> None:
        """End what runs, and the worker."""
        if self.panel is not None:
            self.panel.close()
        if self.logic is not None:
            self.logic.close()

    def enter(self) -> None:
        """The user comes to this module."""
        self.initializeParameterNode()
        self.panel.enter()

    def exit(self) -> None:
        """The user goes to another module; a running job goes on."""
        self.panel.leave()
        if self._parameterNode is not None and self._parameterNodeGuiTag is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self._parameterNodeGuiTag = None

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """The nodes are about to go: let go of them, and of what runs on them."""
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        """An empty scene while this module is shown gets a fresh parameter node at once."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: Any, event: Any) -> None:
        """A scene loaded while this module is shown brings its own choices: lists are read once, so read them anew."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneChanged(self, caller: Any, event: Any) -> None:
        """A node came or went: buttons may have to change."""
        if not caller.IsBatchProcessing() and self.parent.isEntered:
            self.panel.refresh()

    def initializeParameterNode(self) -> None:
        """Make sure that there is a parameter node, observed and shown."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            first = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            if first:
                self._parameterNode.inputVolume = first

    def setParameterNode(self, inputParameterNode: SAMAdaptParameterNode | None) -> None:
        """Bind the panel to a parameter node, or to none."""
        if self._parameterNode is not None:
            if self._parameterNodeGuiTag is not None:
                self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
                self._parameterNodeGuiTag = None
            self.removeObserver(self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.panel.refresh)
        self._parameterNode = inputParameterNode
        if inputParameterNode is not None:
            self._parameterNodeGuiTag = inputParameterNode.connectGui(self.ui)
            # The node, not its wrapper: the mixin never forgets what was observed, and a wrapper observes on its own.
            self.addObserver(inputParameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.panel.refresh)
        if self.panel is not None:
            self.panel.setParameters(inputParameterNode)

    def onReload(self) -> None:
        """Reload the library too, deepest rooms first by simply forgetting all of it."""
        self.closeJobs()
        for name in [name for name in sys.modules if name == "SAMAdaptLib" or name.startswith("SAMAdaptLib.")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)


class SAMAdaptLogic(SlicerLogic, ScriptedLoadableModuleLogic):
    """``train`` and ``segment`` on nodes, from the Python console; see ``SAMAdaptLib.mrml.logic``."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        SlicerLogic.__init__(self)

    def getParameterNode(self) -> SAMAdaptParameterNode:
        """The module's choices, typed."""
        return SAMAdaptParameterNode(ScriptedLoadableModuleLogic.getParameterNode(self))


class SAMAdaptFileReader:
    """Head files that are dropped on the application, or chosen under Add Data, come into the library."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def description(self) -> str:
        return "SAMAdapt head"

    def fileType(self) -> str:
        return "SAMAdaptHead"

    def extensions(self) -> list[str]:
        return ["SAMAdapt head (*.samhead)"]

    def load(self, properties: dict[str, Any]) -> bool:
        """Copy the file into the library and choose it in the panel; no node is loaded."""
        try:
            path = import_once(Path(properties["fileName"]))
        except SAMAdaptError as error:
            self.parent.userMessages().AddMessage(vtk.vtkCommand.ErrorEvent, str(error))
            return False
        SAMAdaptLogic().getParameterNode().head = path.name
        self.parent.loadedNodes = []
        return True


class SAMAdaptTest(ScriptedLoadableModuleTest):
    """The self-test: trains and segments on a small synthetic volume, with a tiny encoder, without network."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_trainAndSegment()

    def test_trainAndSegment(self) -> None:
        """Train on one volume, segment it, and find most of what was annotated."""
        if importlib.util.find_spec("torch") is None:
            self.skipTest("torch is not installed; the module offers to install it")
        from SAMAdaptLib.mrml.selftest import trainAndSegment

        self.delayDisplay(_("Training and segmenting a synthetic volume"))
        logic = SAMAdaptLogic()
        try:
            self.assertGreater(trainAndSegment(logic), 0.8)
        finally:
            logic.close()
        self.delayDisplay(_("Test passed"))
