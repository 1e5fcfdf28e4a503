"""What the demo is to learn and on what it is then measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.metrics import Evaluation, evaluate

if TYPE_CHECKING:
    from ..data.io.volumes import Labelmap, Volume
    from ..training.train import Case


@dataclass(frozen=True)
class Problem:
    """An annotated case, a volume to segment, and the truth about that volume.

    ``seen``: slice numbers along k of ``query`` whose annotation was trained on; the measurement leaves them out.
    ``head`` is the head type that suits the problem; ``story`` says in words what is trained on what; ``credit`` whose
    data it is.
    """

    title: str
    story: str
    training: Case
    query: Volume
    reference: Labelmap
    seen: tuple[int, ...] = ()
    annotated_slices_only: bool = False
    head: str = "auto"
    credit: str = ""

    @property
    def fairness(self) -> str:
        """In words, what the measurement covers."""
        if not self.seen:
            return "Measured on the whole volume; nothing of it was used for training."
        return (
            f"Measured on the {self.reference.geometry.shape[0] - len(self.seen)} slices that were not annotated; the "
            f"{len(self.seen)} annotated ones are blank in both segmentations, which flatters NSD and HD95 a little."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a page should add."""
        return (self.credit,) if self.credit else ()

    def measure(self, prediction: Labelmap) -> Evaluation:
        """Compare a prediction with the truth where training did not see it. Raises GeometryError for another grid."""
        values = [structure.value for structure in self.training.labelmap.structures]
        return evaluate(without(prediction, self.seen), without(self.reference, self.seen), values=values)


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
