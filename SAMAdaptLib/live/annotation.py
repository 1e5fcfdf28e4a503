"""Which slices of a volume count as annotated, and what they say: found out from the labels, not asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.planes import PLANES
from ..errors import InputError
from ..preprocessing.slicing import SliceStack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.geometry import Geometry

IGNORED = 255
"""Class index of pixels of which nothing is known, as in training."""

CLEARLY_SPARSE = 0.8
"""A plane whose painted slices are sparser than another's by this factor is the one that somebody painted in."""


@dataclass(frozen=True)
class AnnotatedStack:
    """What was painted on the slices of a stack.

    ``drawn``: label values (rows, columns) of the slices that count as annotated, by slice number. ``empty``: those
    among them that were marked "nothing here". ``background``: the label value that means background; where it is
    painted on any slice, what is not painted is unknown everywhere (scribbles). ``ignore``: the label value of voxels
    that are unknown.
    """

    drawn: dict[int, NDArray[Any]] = field(default_factory=dict)
    empty: frozenset[int] = frozenset()
    background: int | None = None
    ignore: int | None = None

    @classmethod
    def of(
        cls,
        stack: SliceStack,
        labels: NDArray[Any],
        empty: Iterable[int] = (),
        background: int | None = None,
        ignore: int | None = None,
    ) -> AnnotatedStack:
        """What ``labels`` (k, j, i) say, and the slices ``empty``. Raises InputError for a slice that does not exist.

        A slice with ``ignore`` alone is not annotated.
        """
        oriented = stack.oriented(labels)
        speaks = oriented != 0 if ignore is None else (oriented != 0) & (oriented != ignore)
        shown = np.flatnonzero(speaks.any(axis=(1, 2)))
        marked = frozenset(_checked(int(index), len(stack)) for index in empty)
        drawn = {int(index): np.ascontiguousarray(oriented[index]) for index in shown}
        drawn |= {index: np.ascontiguousarray(oriented[index]) for index in marked if index not in drawn}
        return cls(dict(sorted(drawn.items())), marked - {int(index) for index in shown}, background, ignore)

    def with_slices(
        self, changed: Mapping[int, NDArray[Any] | None], empty: Iterable[int], shape: tuple[int, int]
    ) -> AnnotatedStack:
        """With other slices of that shape (rows, columns), and other ones marked as empty.

        None, or a slice on which nothing is drawn, is not annotated any more unless it is marked.
        """
        drawn = {index: labels for index, labels in self.drawn.items() if index not in self.empty}
        drawn |= {index: labels for index, labels in changed.items() if labels is not None}
        drawn = {index: labels for index, labels in drawn.items() if index not in changed or self._speaks(labels)}
        drawn = {index: drawn[index] for index in drawn if changed.get(index, drawn[index]) is not None}
        marked = {int(index) for index in empty} - drawn.keys()
        blank = {}
        for index in marked:
            labels = changed.get(index)
            blank[index] = np.zeros(shape, np.uint8) if labels is None else labels
        return AnnotatedStack(dict(sorted({**drawn, **blank}.items())), frozenset(marked), self.background, self.ignore)

    def _speaks(self, labels: NDArray[Any]) -> bool:
        return bool(((labels != 0) & (labels != (self.ignore or 0))).any())

    @property
    def slices(self) -> tuple[int, ...]:
        """The slices that count as annotated, ascending."""
        return tuple(sorted(self.drawn))

    @property
    def values(self) -> tuple[int, ...]:
        """The label values of the structures, ascending."""
        others = {0, self.background, self.ignore}
        found = {int(value) for labels in self.drawn.values() for value in np.unique(labels)}
        return tuple(sorted(found - others))

    @property
    def scribbled(self) -> bool:
        """Whether only painted voxels are known: somebody painted background."""
        return self.background is not None and any((part == self.background).any() for part in self.drawn.values())

    def require(self) -> AnnotatedStack:
        """Itself. Raises InputError when no structure is painted."""
        if not self.values:
            msg = "Nothing is painted yet: there is no structure to continue on the other slices."
            raise InputError(msg, "Paint a structure on one slice at least; two or more slices serve better.")
        return self

    def classes(self, index: int, values: Sequence[int]) -> NDArray[np.uint8]:
        """Class indices (rows, columns) uint8 of an annotated slice: 0 background, 1.. of ``values``, 255 unknown."""
        from ..training.annotated_slices import close_scribbles

        labels = self.drawn[index]
        if len(values) >= IGNORED:
            msg = f"{len(values)} structures are painted; at most {IGNORED - 1} can be followed at once."
            raise InputError(msg, "Work on fewer structures in one segmentation.")
        table = np.zeros(max(int(labels.max(initial=0)), *values, self.background or 0, self.ignore or 0) + 1, np.uint8)
        scribbled = self.scribbled
        if scribbled:
            table[0] = IGNORED
        for number, value in enumerate(values):
            table[value] = number + 1
        if self.background is not None:
            table[self.background] = 0
        if self.ignore is not None:
            table[self.ignore] = IGNORED
        found = table[labels]
        if index in self.empty:
            return np.where(labels == self.ignore, np.uint8(IGNORED), np.uint8(0))
        return close_scribbles(found) if scribbled else found

    def is_known(self, index: int) -> bool:
        """Whether all of a slice is known: its preview is what was drawn."""
        if index not in self.drawn or (self.ignore is not None and bool((self.drawn[index] == self.ignore).any())):
            return False
        return index in self.empty or not self.scribbled

    def shown(self, index: int) -> NDArray[Any]:
        """The label values of structures on an annotated slice, 0 elsewhere."""
        labels = self.drawn[index]
        return np.where(np.isin(labels, self.values), labels, 0).astype(labels.dtype)

    def over(self, labels: NDArray[Any], index: int) -> NDArray[Any]:
        """The label values (rows, columns) of a slice with what was drawn on it laid over them."""
        drawn = self.drawn.get(index)
        if drawn is None:
            return labels
        result = np.where(np.isin(drawn, self.values), drawn, labels).astype(labels.dtype)
        if self.background is not None:
            result[drawn == self.background] = 0
        return result


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        msg = f"Slice {index} cannot be marked as empty: the volume has slices 0 to {count - 1}."
        raise InputError(msg)
    return index


def drawn_plane(geometry: Geometry, labels: NDArray[Any], otherwise: str) -> str:
    """The plane in which somebody painted slice by slice; ``otherwise`` where that does not show.

    It is the one along which the fewest slices, as a share of those between the first and the last, show anything.
    """
    shares = {}
    for plane in PLANES:
        shown = SliceStack(geometry, plane).oriented(labels != 0).any(axis=(1, 2))
        places = np.flatnonzero(shown)
        if not places.size:
            return otherwise
        # Strokes on one slice alone are as sparse as can be.
        shares[plane] = len(places) / (places[-1] - places[0] + 1) if len(places) > 1 else 0.0
    best = min(shares, key=lambda plane: (shares[plane], plane != otherwise))
    return best if shares[best] < CLEARLY_SPARSE * shares[otherwise] else otherwise
