"""What the tests of the stand-in host share: a small module, a volume node, a selector of volumes."""

from __future__ import annotations

from typing import Any

from host import SlicerHost

MODULE = """
    import enum
    import qt, ctk, vtk, slicer
    from typing import Annotated
    from slicer.ScriptedLoadableModule import *
    from slicer.util import VTKObservationMixin
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper, parameterPack

    class Speed(enum.Enum):
        SLOW = "s"
        FAST = "f"

        def label(self):
            return "quick" if self is Speed.FAST else "calm"

    @parameterPack
    class Pair:
        volume: slicer.vtkMRMLScalarVolumeNode
        weight: float = 0.5

    @parameterNodeWrapper
    class Choices:
        volume: slicer.vtkMRMLScalarVolumeNode
        speed: Speed = Speed.SLOW
        count: Annotated[int, WithinRange(1, 9)] = 3
        title: str = "none"
        smooth: bool = True
        names: list[str]
        pairs: list[Pair]

    class Probe(ScriptedLoadableModule):
        def __init__(self, parent):
            super().__init__(parent)
            parent.title = "Probe"
            parent.categories = ["Segmentation"]

    class ProbeLogic(ScriptedLoadableModuleLogic):
        def getParameterNode(self):
            return Choices(super().getParameterNode())

    class ProbeWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
        def __init__(self, parent=None):
            ScriptedLoadableModuleWidget.__init__(self, parent)
            VTKObservationMixin.__init__(self)
            self.calls = []

        def setup(self):
            super().setup()
            self.logic = ProbeLogic()
            self.calls.append("setup")
            self.button = qt.QPushButton("Go")
            self.button.objectName = "goButton"
            self.button.connect("clicked()", self.onGo)
            self.layout.addWidget(self.button)

        def onGo(self):
            self.calls.append("go")

        def enter(self):
            self.calls.append("enter")

        def exit(self):
            self.calls.append("exit")

        def cleanup(self):
            self.calls.append("cleanup")
            self.removeObservers()
"""


def volume(host: SlicerHost, name: str = "volume") -> Any:
    """A volume node in the scene."""
    return host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)


def selector(host: SlicerHost, **properties: Any) -> Any:
    """A selector of volumes on the scene."""
    made = host.slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    for name, value in properties.items():
        setattr(made, name, value)
    made.setMRMLScene(host.scene)
    return made
