"""The Segment Editor module, as far as another module reaches into it: `editor` and its parameter node."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget


class SegmentEditor(ScriptedLoadableModule):
    """What the application knows of it."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        parent.title = "Segment Editor"
        parent.categories = ["", "Segmentation"]


class SegmentEditorWidget(ScriptedLoadableModuleWidget):
    """`slicer.util.getModuleWidget("SegmentEditor")`."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self.parameterSetNode: Any = None
        self.editor: Any = None

    def setup(self) -> None:
        super().setup()
        self.editor = slicer.qMRMLSegmentEditorWidget()
        self.editor.setMRMLScene(slicer.mrmlScene)
        self.layout.addWidget(self.editor)

    def enter(self) -> None:
        tag, kind = "SegmentEditor", "vtkMRMLSegmentEditorNode"
        self.parameterSetNode = slicer.mrmlScene.GetSingletonNode(tag, kind)
        if self.parameterSetNode is None:
            node = slicer.mrmlScene.CreateNodeByClass(kind)
            node.UnRegister(None)
            node.SetSingletonTag(tag)
            self.parameterSetNode = slicer.mrmlScene.AddNode(node)
        self.editor.setMRMLSegmentEditorNode(self.parameterSetNode)
