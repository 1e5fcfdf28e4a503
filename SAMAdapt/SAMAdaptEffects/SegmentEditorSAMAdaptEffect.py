"""The Segment Editor's effect SAMAdapt, as Slicer looks for it; what it does is in SAMAdaptLib.gui.live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _


class SegmentEditorSAMAdaptEffect(AbstractScriptedSegmentEditorEffect):
    """A live preview of all structures in the whole volume, learned from the slices that are painted."""

    def __init__(self, scriptedEffect: Any) -> None:
        scriptedEffect.name = "SAMAdapt"
        scriptedEffect.title = _("SAMAdapt live")
        scriptedEffect.perSegment = False  # it works on all segments of a segmentation
        scriptedEffect.requireSegments = False  # the slices can be looked at before there is a segment
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        from SAMAdaptLib.gui.live.effect import LiveEffect

        self.effect = LiveEffect(scriptedEffect)

    def clone(self) -> Any:
        """Each Segment Editor has an instance of its own."""
        import qSlicerSegmentationsEditorEffectsPythonQt as effects

        made = effects.qSlicerSegmentEditorScriptedEffect(None)
        made.setPythonSource(Path(__file__).as_posix())
        return made

    def icon(self) -> Any:
        """Slices, one of them annotated."""
        path = Path(__file__).parent.parent / "Resources" / "Icons" / "SegmentEditorSAMAdaptEffect.png"
        return qt.QIcon(str(path))

    def helpText(self) -> str:
        """For the editor's help box."""
        from SAMAdaptLib.gui.live.effect import helpText

        return helpText()

    def setupOptionsFrame(self) -> None:
        self.effect.setupOptionsFrame()

    def activate(self) -> None:
        self.effect.activate()

    def sourceVolumeNodeChanged(self) -> None:
        self.effect.nodesChanged()

    def createCursor(self, _widget: Any) -> Any:
        """The usual arrow: nothing is painted with this effect itself."""
        return slicer.util.mainWindow().cursor

    def setMRMLDefaults(self) -> None:
        """It keeps nothing in the scene."""

    def updateGUIFromMRML(self) -> None:
        """The controls follow the live annotation, not the parameter node."""

    def updateMRMLFromGUI(self) -> None:
        """See ``updateGUIFromMRML``."""

    def cleanup(self) -> None:
        self.effect.cleanup()
