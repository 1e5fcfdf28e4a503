"""The options of a training, for Python, command line, jobs and panel; and the constants of the method.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from ..data.planes import PLANE_CHOICES
from ..encoders.registry import DEFAULT_ENCODER
from ..inference.config import CascadeSettings, device
from ..networks import HEAD_CHOICES
from ..priors.settings import PriorSettings
from ..utils.schema import Between, Record, choice
from .budget import BUDGETS

Label = Annotated[int, Between(0, 65535)]
Seed = Annotated[int, Between(0, 2**63 - 1)]
Pixels = Annotated[int, Between(1, 16384)]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Record):
    """How to train.

    Attributes:
        head: type of the head; auto tries those that the budget has time for, on the same features.
        encoder: name of an encoder, or the path of its file.
        input_size: pixels a side that the encoder sees; None: by the time that there is, and by what slices resolve.
        plane: slices to work on; auto: by the grid and the annotation.
        intensity: rule of the gray values, see ``preprocessing.intensity``.
        budget: how much time to spend, see ``training.budget``.
        annotated_slices_only: whether slices without a label are unknown; else they are background.
        ignore_label: label value of voxels of which nothing is known (scribbles).
        seed: the same seed gives the same head.
        device: auto, cpu, cuda, cuda:N or mps.
    """

    head: str = choice("auto", (*HEAD_CHOICES, "student", "unet"))
    encoder: str = DEFAULT_ENCODER
    input_size: Pixels | None = None
    plane: str = choice("auto", PLANE_CHOICES)
    intensity: str = "auto"
    budget: str = choice("balanced", tuple(BUDGETS))
    annotated_slices_only: bool = False
    ignore_label: Label | None = None
    seed: Seed = 0
    device: str = device()


@dataclass(frozen=True)
class FitSettings:
    """How heads of one type are fitted."""

    steps: int
    """Optimizer steps at the budget ``balanced``."""

    batch: int = 8
    """Views that an optimizer's step sees."""

    crops: int = 0
    """Crops of each of them that it sees; 0: the whole canvas. Not for heads that look farther than a few cells."""

    learning_rate: float = 2e-3


FITS: Mapping[str, FitSettings] = {
    "linear": FitSettings(steps=200, learning_rate=1e-2),
    "cnn": FitSettings(steps=600, batch=16, crops=4),
    "autosam": FitSettings(steps=200, batch=4, learning_rate=5e-4),
    "fusion": FitSettings(steps=300, batch=16, crops=4),
    "student": FitSettings(steps=600),
    "unet": FitSettings(steps=300),
}
"""By type of the head."""


@dataclass(frozen=True)
class MethodSettings:
    """Constants of training, with the reasons for their values."""

    fits: Mapping[str, FitSettings] = field(default_factory=lambda: FITS)
    priors: PriorSettings = field(default_factory=PriorSettings)
    cascade: CascadeSettings = field(default_factory=CascadeSettings)

    roi_margin: float = 1.5
    """Side of the window on the region of interest over the largest side of the box around all structures."""

    largest_roi: float = 0.75
    """Share of the canvas's side from which on a window shows hardly more than the canvas."""

    held_out_share: float = 0.15
    """Share of a case's annotated slices that are kept for validation."""

    least_to_hold_out: int = 5
    """A case with fewer annotated slices gives all of them to training."""

    selection_margin: float = 0.05
    """Held-out Dice by which one head must beat the mean of all candidates to be taken alone."""

    least_unlabeled: int = 4
    """Volumes without annotation below which nothing is learned from them: from one or two abdomens students lost 0.01
    of Dice, from four or eight hippocampi they gained 0.03."""

    least_confidence: float = 0.9
    """Pixels whose winning class has at least this probability are learned from."""

    least_agreement: float = 0.8
    """Agreement of a head with its prior below which what it finds in a volume is not learned from: that below which a
    result is doubted (``inference.quality_control``)."""

    tolerated_loss: float = 0.05
    """Held-out Dice that students may cost before the gate shuts. The slices held out of one volume are a handful and
    the stages see them differently: less says nothing, while those that believe its mistakes lose far more."""


METHOD = MethodSettings()
"""What a training takes that is given no other."""
