"""The options of a training: one dataclass for Python, command line, jobs and panel. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..encoders.registry import DEFAULT_ENCODER
from ..inference.config import PLANES, device
from ..networks import HEAD_CHOICES
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
    plane: str = choice("auto", PLANES)
    intensity: str = "auto"
    budget: str = choice("balanced", tuple(BUDGETS))
    annotated_slices_only: bool = False
    ignore_label: Label | None = None
    seed: Seed = 0
    device: str = device()
