"""What the demo is to learn and on what it is then measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.metrics import Evaluation, evaluate

if TYPE_CHECKING:
    from ..data.case import Case
    from ..data.io.volumes import Labelmap, Volume


@dataclass(frozen=True)
class Patient:
    """A volume to segment, and the truth about it."""

    title: str
    volume: Volume
    reference: Labelmap

    def measure(self, prediction: Labelmap) -> Evaluation:
        """Compare a prediction with the truth. Raises GeometryError for another grid."""
        values = [structure.value for structure in self.reference.structures]
        return evaluate(prediction, self.reference, values=values)


@dataclass(frozen=True)
class Problem:
    """An annotated case, and other patients to segment.

    ``annotated`` is the patient of the case with the truth about all of it, ``drawn`` its slices along k that the case
    shows the annotation of; all of them where ``annotated_slices_only`` is off. ``head`` is the head type that suits
    the problem; ``story`` says in words what is trained on what; ``credit`` whose data it is.
    """

    title: str
    story: str
    training: Case
    annotated: Patient
    drawn: tuple[int, ...]
    others: tuple[Patient, ...]
    annotated_slices_only: bool = False
    head: str = "auto"
    credit: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a page should add."""
        return (self.credit,) if self.credit else ()

    @property
    def open_slices(self) -> int:
        """How many slices of the annotated patient were not drawn on."""
        return self.training.volume.geometry.shape[0] - len(self.drawn)

    def measure_rest(self, prediction: Labelmap) -> Evaluation:
        """Compare a prediction for the annotated patient with the truth where nothing was drawn."""
        truth = self.annotated.reference
        rest = Patient(self.annotated.title, self.annotated.volume, without(truth, self.drawn))
        return rest.measure(without(prediction, self.drawn))


def without(labelmap: Labelmap, slices: tuple[int, ...]) -> Labelmap:
    """A labelmap whose ``slices`` (numbers along k) are background: they count neither for nor against."""
    return labelmap.with_array(np.where(_rows(labelmap, slices), 0, labelmap.voxels)) if slices else labelmap


def only(labelmap: Labelmap, slices: tuple[int, ...]) -> Labelmap:
    """A labelmap that is background except on ``slices`` (numbers along k)."""
    return labelmap.with_array(np.where(_rows(labelmap, slices), labelmap.voxels, 0))


def _rows(labelmap: Labelmap, slices: tuple[int, ...]) -> np.ndarray:
    """True on the slices; (k, 1, 1), to broadcast over (k, j, i)."""
    chosen = np.zeros(labelmap.geometry.shape[0], bool)
    chosen[list(slices)] = True
    return chosen[:, None, None]
