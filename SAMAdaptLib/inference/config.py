"""The options of a segmentation: one dataclass for Python, command line, jobs and panel. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..data.planes import PLANE_CHOICES
from ..utils.schema import Record, choice

PLANE_COUNTS = ("one", "three")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def device() -> Any:
    """A field of a record that names where to compute."""
    return field(default="auto", metadata={"pattern": _DEVICE, "wanted": "auto, cpu, cuda, cuda:N or mps"})


@dataclass(frozen=True, kw_only=True)
class InferenceConfig(Record):
    """How to segment.

    Attributes:
        plane: other slices than those that the head was trained on; None: the head's own.
        planes: "three" averages the probabilities of axial, sagittal and coronal slices.
        tta: whether to average views of each slice at several zooms.
        smoothing: whether to average neighbouring slices.
        largest_component: whether to keep only the largest piece of each structure; None: where the annotation that
            the head learned from was one piece.
        device: auto, cpu, cuda, cuda:N or mps.
    """

    plane: str | None = choice(None, PLANE_CHOICES)
    planes: str = choice("one", PLANE_COUNTS)
    tta: bool = False
    smoothing: bool = False
    largest_component: bool | None = None
    device: str = device()

    def decisive(self, region: Sequence[Sequence[int]] | None) -> dict[str, Any]:
        """The options that decide what is found, as ``Provenance.options`` holds them; where it runs does not.

        ``region``: first and last voxel along i, j, k, or None.
        """
        box = None if region is None else [[int(edge) for edge in edges] for edges in region]
        found = {name: value for name, value in self.to_dict().items() if name != "device"}
        return {**found, "region": box}


@dataclass(frozen=True)
class CascadeSettings:
    """Constants of the cascade from whole slices to the region of interest (ROI); their values were chosen."""

    min_roi_agreement: float = 0.7
    """Agreement of the ROI stage with its prior below which the coarse stage's answer stands."""

    rotate_below_agreement: float = 0.85
    """Agreement of the ROI stage with its prior from which on slices are not looked at turned as well.

    Chosen, with ``rotation_margin``, on 20 hearts (ACDC) and two heads: anything from 0.82 to 0.9 is as good, and at
    0.75 half of the gain is lost. Without that much more of shape, turned slices are chosen that are no better. Other
    zooms in place of turns were chosen no better than at random.
    """

    rotation_margin: float = 0.02
    """By how much more of shape must be found in turned slices than in slices as they are."""

    rotations_deg: tuple[float, ...] = (-60.0, 60.0)
    """By how many degrees: heads learn from views that are turned by up to 50."""


CASCADE = CascadeSettings()
