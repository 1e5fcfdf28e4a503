"""Connected pieces of structures: what the annotation looks like, and what to keep of a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from .images import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

SINGLE_SHARE = 0.95
"""A structure whose largest piece holds this share of it counts as one piece. Thin ones (a myocardium, an aorta) break
between thick slices: up to 4 % of them lies apart in annotations by experts."""

WORTH_KEEPING = 0.1
"""A piece that touches its neighbours is preferred to a larger one that does not, down to this share of its size."""

_NEIGHBOURS = np.ones((3, 3, 3), bool)


def is_single(mask: NDArray[np.bool_]) -> bool:
    """True when a (k, j, i) mask is one connected piece (26 neighbours) but for crumbs, or empty."""
    components, count = ndimage.label(mask, _NEIGHBOURS)
    if count <= 1:
        return True
    sizes = counted(components, count + 1)[1:]
    return bool(sizes.max() >= SINGLE_SHARE * sizes.sum())


def touching(labels: NDArray[Any], values: Sequence[int]) -> dict[int, list[int]]:
    """For each of ``values`` in a (k, j, i) labelmap, the other ones with a voxel next to it."""
    neighbours: dict[int, list[int]] = {value: [] for value in values}
    for value in values:
        box = _grown_box(labels == value, labels.shape)
        if box is not None:
            ring = ndimage.binary_dilation(labels[box] == value, _NEIGHBOURS)
            around = set(np.unique(labels[box][ring]).tolist())
            neighbours[value] = [other for other in values if other != value and other in around]
    return neighbours


def keep_main_pieces(labels: NDArray[Any], singles: Sequence[int], neighbours: Mapping[int, Sequence[int]]) -> None:
    """Reduce each structure of ``singles`` to one connected piece, in place.

    Usually that is the largest one. But a structure that touches another in the annotation (the right ventricle and
    the myocardium) is taken where it touches the piece already kept of that other, even if some far-off mistake is
    larger. Structures are taken from the largest to the smallest, so that the surest one decides first.
    """
    sizes = {value: int((labels == value).sum()) for value in singles}
    settled: set[int] = set()
    for value in sorted((v for v in singles if sizes[v]), key=lambda v: -sizes[v]):
        beside = [other for other in neighbours.get(value, ()) if other in settled]
        _keep_one(labels, value, beside)
        settled.add(value)


def keep_marked_pieces(labels: NDArray[Any], marks: NDArray[np.bool_], values: Sequence[int]) -> None:
    """Reduce each structure of ``values`` to its connected pieces that hold a voxel of ``marks``, in place."""
    for value in values:
        components, count = ndimage.label(labels == value, _NEIGHBOURS)
        kept = np.zeros(count + 1, bool)
        kept[components[marks]] = True
        kept[0] = True
        labels[~kept[components]] = 0


def _keep_one(labels: NDArray[Any], value: int, beside: Sequence[int]) -> None:
    box = _grown_box(labels == value, labels.shape)
    if box is None:
        return
    part = labels[box]
    components, count = ndimage.label(part == value, _NEIGHBOURS)
    if count < 2:
        return
    sizes = counted(components, count + 1)
    sizes[0] = 0
    best = int(sizes.argmax())
    if beside:
        contact = ndimage.binary_dilation(np.isin(part, beside), _NEIGHBOURS, iterations=2)
        near = [index for index in np.unique(components[contact]) if sizes[index] >= WORTH_KEEPING * sizes[best]]
        near = [index for index in near if index]
        if near:
            best = int(max(near, key=lambda index: sizes[index]))
    part[(components > 0) & (components != best)] = 0


def _grown_box(mask: NDArray[np.bool_], shape: Sequence[int]) -> tuple[slice, ...] | None:
    """The bounding box of a mask, three voxels wider on each side; None for an empty mask."""
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found or found[0] is None:
        return None
    return tuple(slice(max(s.start - 3, 0), min(s.stop + 3, size)) for s, size in zip(found[0], shape, strict=True))
