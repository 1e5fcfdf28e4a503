"""The parameter node: every choice of the panel, saved with the scene.

Enumerations are stored by name and shown by ``label()``; their values are the words of the jobs. What cannot be
bound by a name in the .ui file (lists, heads, folders) is bound by the panel's presenter. What the library calls a
head is called a model where users read of it.
"""

from __future__ import annotations

import enum
from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper, parameterPack

from ..encoders.registry import DEFAULT_ENCODER
from ..training.budget import BUDGETS
from ..utils.timing import noted_duration


class Plane(enum.Enum):
    """The direction in which a volume is cut into slices."""

    AUTO = "auto"
    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"

    def label(self) -> str:
        """The words in the combo box."""
        return {
            Plane.AUTO: _("Automatic (from grid and annotation)"),
            Plane.AXIAL: _("Axial"),
            Plane.SAGITTAL: _("Sagittal"),
            Plane.CORONAL: _("Coronal"),
        }[self]


class SegmentPlane(enum.Enum):
    """As ``Plane``, for a head that already knows its own."""

    TRAINED = "trained"
    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"

    def label(self) -> str:
        """The words in the combo box."""
        return _("As the model was trained") if self is SegmentPlane.TRAINED else Plane(self.value).label()

    def word(self) -> str | None:
        """For the job: None leaves it to the head."""
        return None if self is SegmentPlane.TRAINED else self.value


class Planes(enum.Enum):
    """How many directions vote."""

    ONE = "one"
    THREE = "three"

    def label(self) -> str:
        """The words in the combo box."""
        return _("One") if self is Planes.ONE else _("Three, averaged (slower)")


class Component(enum.Enum):
    """What happens to islands, separate pieces of a structure."""

    AUTO = "auto"
    LARGEST = "largest"
    ALL = "all"

    def label(self) -> str:
        """The words in the combo box."""
        return {
            Component.AUTO: _("As in the annotation"),
            Component.LARGEST: _("Keep the largest"),
            Component.ALL: _("Keep all"),
        }[self]

    def word(self) -> bool | None:
        """For the job: None follows the annotation that the head learned from."""
        return {Component.AUTO: None, Component.LARGEST: True, Component.ALL: False}[self]


class Device(enum.Enum):
    """Where the computation runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"

    def label(self) -> str:
        """The words in the combo box."""
        return {
            Device.AUTO: _("Automatic"),
            Device.CPU: _("Processor (CPU)"),
            Device.CUDA: _("NVIDIA graphics card (CUDA)"),
            Device.MPS: _("Apple graphics (MPS)"),
        }[self]


class Annotation(enum.Enum):
    """What a slice without annotation means: background, or that nobody has annotated it."""

    AUTO = "auto"
    WHOLE = "whole"
    SLICES = "slices"

    def label(self) -> str:
        """The words in the combo box."""
        return {
            Annotation.AUTO: _("Found out for each volume"),
            Annotation.WHOLE: _("Show no structure"),
            Annotation.SLICES: _("Not annotated: left out"),
        }[self]


class Budget(enum.Enum):
    """How much time training may take."""

    FAST = "fast"
    BALANCED = "balanced"
    BEST = "best"

    def label(self) -> str:
        """The words in the combo box."""
        words = {
            Budget.FAST: _("Quick, about {minutes} min"),
            Budget.BALANCED: _("Standard, about {minutes} min"),
            Budget.BEST: _("Thorough, about {minutes} min"),
        }[self]
        return words.format(minutes=self.minutes)

    @property
    def minutes(self) -> int:
        """How long it took on this computer the last times; before the first time what it is meant for."""
        seconds = noted_duration(f"training {self.value}")
        return max(round((BUDGETS[self.value].seconds if seconds is None else seconds) / 60), 1)


class HeadType(enum.Enum):
    """The network that is trained on the features."""

    AUTO = "auto"
    LINEAR = "linear"
    CNN = "cnn"
    AUTOSAM = "autosam"
    FUSION = "fusion"

    def label(self) -> str:
        """The words in the combo box."""
        return {
            HeadType.AUTO: _("Automatic (recommended)"),
            HeadType.LINEAR: _("Linear: tiny and quick"),
            HeadType.CNN: _("Convolutions"),
            HeadType.AUTOSAM: _("AutoSAM: SAM's own decoder without prompts"),
            HeadType.FUSION: _("Fusion of features of several depths"),
        }[self]


class CohortSource(enum.Enum):
    """Which volumes a run over many takes."""

    SCENE = "scene"
    FOLDER = "folder"

    def label(self) -> str:
        """The words in the combo box."""
        return _("All volumes of the scene") if self is CohortSource.SCENE else _("All volumes in a folder")


@parameterPack
class TrainingCase:
    """One row of the table of cases; either may be None while the row is being filled.

    ``segmentation`` is a segmentation or a label volume.
    """

    volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLNode


@parameterNodeWrapper
class SAMAdaptParameterNode:
    """Segment, Train, Improve and Many volumes, in this order.

    ``head`` and ``encoder`` are names (a head's file name in the library), never paths; ``inputSize``
    is in pixels, 0 leaves it to the training. ``excludedStructures`` are
    the names whose check marks were cleared.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    head: str = ""
    outputSegmentation: vtkMRMLSegmentationNode
    region: vtkMRMLMarkupsROINode
    plane: SegmentPlane = SegmentPlane.TRAINED
    planes: Planes = Planes.ONE
    component: Component = Component.AUTO
    device: Device = Device.AUTO
    testTimeViews: bool = False
    smoothing: bool = False
    allFrames: bool = False

    trainingCases: list[TrainingCase]
    excludedStructures: list[str]
    annotation: Annotation = Annotation.AUTO
    budget: Budget = Budget.BALANCED
    headName: str = ""
    encoder: str = DEFAULT_ENCODER
    inputSize: int = 0
    headType: HeadType = HeadType.AUTO
    trainPlane: Plane = Plane.AUTO
    unlabeledVolumes: list[vtkMRMLScalarVolumeNode]
    seed: Annotated[int, WithinRange(0, 999999)] = 0
    trainDevice: Device = Device.AUTO

    improveVolume: vtkMRMLScalarVolumeNode
    improveSegmentation: vtkMRMLSegmentationNode

    cohortSource: CohortSource = CohortSource.SCENE
    cohortInput: str = ""
    cohortOutput: str = ""
    cohortReference: str = ""
