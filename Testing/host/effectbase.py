"""`SegmentEditorEffects`: the base class of scripted effects."""

from __future__ import annotations

from typing import Any

import slicer

__all__ = ["AbstractScriptedSegmentEditorEffect"]


class AbstractScriptedSegmentEditorEffect:
    """The Python side of a scripted effect; `scriptedEffect` is the application's."""

    def __init__(self, scriptedEffect: Any) -> None:
        self.scriptedEffect = scriptedEffect

    def register(self) -> None:
        slicer.qSlicerSegmentEditorEffectFactory.instance().registerEffect(self.scriptedEffect)

    def cleanup(self) -> None:
        """To be overridden."""
