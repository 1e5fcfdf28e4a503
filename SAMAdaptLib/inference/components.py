"""Connected pieces of structures: what the annotation looks like, and what to keep of a prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from ..data.image import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

SINGLE_SHARE = 0.95
"""A structure whose largest piece holds this share of it counts as one piece. Thin ones (a myocardium, an aorta) break
between thick slices: up to 4 % of them lies apart in annotations by experts."""

WORTH_KEEPING = 0.1
"""A smaller piece that lies as it should is preferred to a larger one that does not, down to this share of its size."""

CONTACT_SLACK = 0.05
"""Shares of contact that differ by less are hardly told apart. A ventricle is enclosed in any patient, but whether a
kidney touches the spleen at all differs from one to the next."""

_NEIGHBOURS = np.ones((3, 3, 3), bool)
_BESIDE = ndimage.generate_binary_structure(3, 1)

Contact = Mapping[int, float]
"""By label value of another structure: the share of a structure's surface that touches it."""


def is_single_component(mask: NDArray[np.bool_]) -> bool:
    """True when a (k, j, i) mask is one connected piece (26 neighbours) but for crumbs, or empty."""
    components, count = ndimage.label(mask, _NEIGHBOURS)
    if count <= 1:
        return True
    sizes = counted(components, count + 1)[1:]
    return bool(sizes.max() >= SINGLE_SHARE * sizes.sum())


def contact_fractions(labels: NDArray[Any], values: Sequence[int]) -> dict[int, dict[int, float]]:
    """For each of ``values`` in a (k, j, i) labelmap, the other ones that it touches, and with what share of itself.

    That is the share of the voxels beside it (those with a face in common) that are of the other.
    """
    found: dict[int, dict[int, float]] = {value: {} for value in values}
    for value in values:
        box = _grown_box(labels == value, labels.shape)
        if box is not None:
            others = [other for other in values if other != value]
            shares = _shares(labels[box], labels[box] == value, others)
            found[value] = {other: share for other, share in shares.items() if share}
    return found


def keep_main_pieces(labels: NDArray[Any], singles: Sequence[int], expected: Mapping[int, Contact]) -> None:
    """Reduce each structure of ``singles`` to one connected piece, in place.

    Usually that is the largest one. But where a structure touches others in the annotation (``expected``), as a
    ventricle is enclosed in the myocardium, a piece counts for less the less it touches them: a stomach beside the
    heart may be as large as a ventricle, and nothing encloses it. Structures are taken from the largest to the
    smallest, so that the surest one decides first.
    """
    sizes = {value: int((labels == value).sum()) for value in singles}
    for value in sorted((v for v in singles if sizes[v]), key=lambda v: -sizes[v]):
        _keep_one(labels, value, expected.get(value, {}))


def keep_marked_pieces(labels: NDArray[Any], marks: NDArray[np.bool_], values: Sequence[int]) -> None:
    """Reduce each structure of ``values`` to its connected pieces that hold a voxel of ``marks``, in place."""
    for value in values:
        components, count = ndimage.label(labels == value, _NEIGHBOURS)
        kept = np.zeros(count + 1, bool)
        kept[components[marks]] = True
        kept[0] = True
        labels[~kept[components]] = 0


def _keep_one(labels: NDArray[Any], value: int, expected: Contact) -> None:
    box = _grown_box(labels == value, labels.shape)
    if box is None:
        return
    part = labels[box]
    components, count = ndimage.label(part == value, _NEIGHBOURS)
    if count < 2:
        return
    sizes = counted(components, count + 1)
    sizes[0] = 0
    places = ndimage.find_objects(components)
    worth = np.flatnonzero(sizes >= WORTH_KEEPING * sizes.max())

    def weight(index: Any) -> float:
        place = _wider(places[index - 1], part.shape, 1)
        return float(sizes[index]) * _fit(part[place], components[place] == index, expected)

    best = max(worth, key=weight) if expected else int(sizes.argmax())
    part[(components > 0) & (components != best)] = 0


def _fit(labels: NDArray[Any], piece: NDArray[np.bool_], expected: Contact) -> float:
    """How much of its expected contact a piece has: 1 for all of it, next to nothing for none."""
    shares = _shares(labels, piece, expected)
    fits = (min(1.0, (shares[other] + CONTACT_SLACK) / (share + CONTACT_SLACK)) for other, share in expected.items())
    return float(np.prod(list(fits)))


def _shares(labels: NDArray[Any], piece: NDArray[np.bool_], others: Iterable[int]) -> dict[int, float]:
    """For each of ``others`` its share of the voxels that have a face in common with a piece."""
    around = labels[ndimage.binary_dilation(piece, _BESIDE) & ~piece]
    return {other: float((around == other).mean()) if around.size else 0.0 for other in others}


def _grown_box(mask: NDArray[np.bool_], shape: Sequence[int]) -> tuple[slice, ...] | None:
    """The bounding box of a mask, three voxels wider on each side; None for an empty mask."""
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found or found[0] is None:
        return None
    return _wider(found[0], shape, 3)


def _wider(box: Sequence[slice], shape: Sequence[int], by: int) -> tuple[slice, ...]:
    return tuple(slice(max(s.start - by, 0), min(s.stop + by, size)) for s, size in zip(box, shape, strict=True))
