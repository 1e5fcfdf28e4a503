"""Constants of prior training; their values were chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PriorSettings:
    """How priors are trained."""

    fewest_slices: int = 5
    """Annotated slices with a structure from which on there is a shape to learn."""

    stacks: int = 600
    """Deformed stacks of label slices that a shape prior is learned from."""

    stack_batch: int = 16
    """Stacks that an optimizer's step sees."""

    volumes: int = 400
    """Deformed volumes that a layout prior is learned from."""

    volume_batch: int = 8
    """Volumes that an optimizer's step sees."""


PRIORS = PriorSettings()
