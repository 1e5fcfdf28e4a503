"""Which slices of a result a person has looked at: those edited since it was written, and those ticked as right.

A result's labels that nobody looked at are no truth to learn from. ``slice_sums`` tells each slice by a checksum, so
that a few hundred numbers that are kept with the result say later which slices were edited.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OTHERS = 1 << 20
"""Added to the values of structures that the result did not have."""

MOST_TEXT = 1 << 20
"""Characters of a stored review that are read; more is no review."""


def slice_sums(labels: NDArray[Any], axis: int, start: Sequence[int] = (0, 0, 0)) -> dict[int, int]:
    """A CRC-32 of each slice that shows anything, by its index on the whole grid.

    ``labels``: (k, j, i), the whole grid or a part of it that begins at voxel ``start`` (i, j, k); the sums are the
    same however much empty room the part has. ``axis``: along which slices follow each other (0 = i, 1 = j, 2 = k).
    """
    offsets = [begin for n, begin in enumerate(start) if n != axis][::-1]
    sums = {}
    for number, plane in enumerate(np.moveaxis(labels, 2 - axis, 0)):
        if not plane.any():
            continue
        places = np.nonzero(plane)
        sum_ = zlib.crc32(plane[places].astype("<u4").tobytes())
        for found, offset in zip(places, offsets, strict=True):
            sum_ = zlib.crc32((found + offset).astype("<i4").tobytes(), sum_)
        sums[number + int(start[axis])] = sum_
    return sums


@dataclass(frozen=True)
class Review:
    """What is known of a result: ``sums`` of its slices as it was written, and the slices ``ticked`` as right since.

    ``axis``: along which slices follow each other (0 = i, 1 = j, 2 = k). ``names``: of its structures, by label value;
    the same structures may have other values wherever they are read again.
    """

    axis: int
    sums: Mapping[int, int]
    ticked: frozenset[int] = frozenset()
    names: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: NDArray[Any], axis: int, names: Mapping[int, str] | None = None) -> Review:
        """Of a result (k, j, i) that was just made."""
        return cls(axis, slice_sums(labels, axis), names=dict(names or {}))

    def numbered(self, labels: NDArray[Any], names: Mapping[int, str]) -> NDArray[Any]:
        """``labels`` under the label values that the result had; ``names`` tells what they are now."""
        own = {name: value for value, name in self.names.items()}
        wanted = {value: own.get(name, _OTHERS + value) for value, name in names.items()}
        if all(value == new for value, new in wanted.items()):
            return labels
        out = labels.astype(np.uint32)
        for value, new in wanted.items():
            out[labels == value] = new
        return out

    def edited(self, now: Mapping[int, int]) -> frozenset[int]:
        """The slices whose sums are others ``now``, those that are empty or filled since included."""
        return frozenset(n for n in {*self.sums, *now} if self.sums.get(n) != now.get(n))

    def looked_at(self, labels: NDArray[Any], names: Mapping[int, str] | None = None) -> frozenset[int]:
        """The slices that a person edited or ticked; ``labels``: (k, j, i) as they are now, with ``names`` by value."""
        return self.edited(slice_sums(self.numbered(labels, names or {}), self.axis)) | self.ticked

    def with_tick(self, number: int, right: bool) -> Review:
        """The review with a slice ticked, or not."""
        return replace(self, ticked=self.ticked | {number} if right else self.ticked - {number})

    def to_json(self) -> str:
        """One line of text, to be kept with the result."""
        facts = {
            "axis": self.axis,
            "sums": sorted(self.sums.items()),
            "ticked": sorted(self.ticked),
            "names": sorted(self.names.items()),
        }
        return json.dumps(facts, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> Review | None:
        """What ``to_json`` wrote, None for anything else: a scene may come from anywhere."""
        if not text or len(text) > MOST_TEXT:
            return None
        try:
            found = json.loads(text)
            axis, sums, ticked = found["axis"], dict(found["sums"]), frozenset(found["ticked"])
            names = dict(found["names"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        numbers = [axis, *sums, *sums.values(), *ticked, *names]
        right = all(type(number) is int and number >= 0 for number in numbers) and axis <= 2
        return (
            cls(axis, sums, ticked, names) if right and all(isinstance(name, str) for name in names.values()) else None
        )


def only_marked(
    labels: NDArray[Any], axis: int, empty: Iterable[int], background: Collection[int], unknown_value: int
) -> NDArray[Any]:
    """``labels`` (k, j, i) as a live session understands them, with ``unknown_value`` where nothing is known.

    Known are slices along ``axis`` that show anything but ``unknown_value``, and those in ``empty``, where what is not
    painted is background. ``background``: label values that mean background, which becomes 0; where one of them is
    painted on any slice, what is not painted is unknown on all that are not in ``empty`` (scribbles).
    """
    planes = np.moveaxis(labels, 2 - axis, 0)
    shown = {n for n, plane in enumerate(planes) if ((plane != 0) & (plane != unknown_value)).any()}
    blank = set(empty) - shown
    out = only_known(labels, axis, frozenset(shown | blank), unknown_value)
    painted = np.isin(labels, list(background))
    if painted.any():
        unpainted = np.moveaxis(labels == 0, 2 - axis, 0).copy()
        unpainted[sorted(blank)] = False
        np.moveaxis(out, 2 - axis, 0)[unpainted] = unknown_value
        out[painted] = 0
    return out


def only_known(labels: NDArray[Any], axis: int, known: frozenset[int] | None, unknown_value: int) -> NDArray[Any]:
    """``labels`` (k, j, i) with ``unknown_value`` on all slices along ``axis`` but the ``known`` ones.

    ``known`` None: those that show anything.
    """
    planes = np.moveaxis(labels, 2 - axis, 0)
    shown = {n for n, plane in enumerate(planes) if plane.any()} if known is None else known
    unknown = [n for n in range(len(planes)) if n not in shown]
    out = labels.astype(np.uint16)
    np.moveaxis(out, 2 - axis, 0)[unknown] = unknown_value
    return out
