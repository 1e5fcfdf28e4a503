"""Label values to class indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .augmentation import IGNORED

if TYPE_CHECKING:
    from numpy.typing import NDArray


def class_indices(labels: NDArray[Any], values: Sequence[int], ignore_label: int | None) -> NDArray[np.uint8]:
    """Label values to class indices: position in ``values`` + 1; other values are background, ``ignore_label`` 255."""
    if len(values) >= IGNORED:
        msg = f"{len(values)} structures were asked for; a head holds at most {IGNORED - 1}."
        raise InputError(msg, "Choose fewer structures.")
    table = np.zeros(max(int(labels.max(initial=0)), *values, ignore_label or 0) + 1, np.uint8)
    for index, value in enumerate(values):
        table[value] = index + 1
    if ignore_label is not None:
        table[ignore_label] = IGNORED
    return table[labels]
