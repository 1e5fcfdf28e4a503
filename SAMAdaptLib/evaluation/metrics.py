"""How good a segmentation is: Dice, surface Dice (NSD), HD95 and volumes, one row a structure.

What is measured, so that another program can be held against it:

- **Dice**: twice the voxels that both have, over the voxels of the one plus those of the other.
- **Surface**: the corners between voxels. A corner whose eight surrounding voxels are not all alike is one surface
  element. Its area is the length of a vector: along each axis, the share of the four voxel edges around the corner that
  the surface cuts, times the area of the voxel face across that axis. Exact for a surface along the axes or diagonal
  to two of them, up to a fifth too large otherwise. Beyond the volume there is background, so a structure that the
  field of view cuts off has its surface there. Along an axis with a single voxel there is no surface: a single slice
  is measured by the length of its contours.
- **Distance**: from a surface element to the nearest element of the other surface, in mm of the grid's spacing.
  Directions do not matter to distances; both labelmaps must lie on the same grid.
- **NSD**: the area of both surfaces that lies within ``tolerance_mm`` of the other one, over the area of both.
- **HD95**: the larger of the two directed distances that 95 % of a surface's area does not exceed.

Which structure of the one is which of the other is told by ``matching``: by name where both have names.

Empty structures: absent from both, it has no score (NaN, ``null`` in JSON) and enters no mean; in only one of the two,
Dice and NSD are 0 and HD95 is the diagonal of the volume.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import find_objects
from scipy.spatial import cKDTree

from ..data.matching import Labelling, is_named, matched, name_key
from ..data.structure import Structure, default_structure
from ..errors import GeometryError, InputError

if TYPE_CHECKING:
    from ..data.geometry import Geometry
    from ..data.io.volumes import Labelmap

DEFAULT_TOLERANCE_MM = 2.0
"""Tolerance of the NSD where none is given: about a pixel or two of a clinical scan."""

_BY_VALUE = (
    "Give the structure one name in both (Segment Editor), or compare by label value whatever the names (--by-value)."
)

_SLACK_MM = 1e-6  # distances are square roots of sums: one that equals the tolerance on paper counts as within it


@dataclass(frozen=True)
class StructureScore:
    """One structure's row: ``dice`` and ``nsd`` in 0..1, ``hd95_mm`` in mm, volumes in ml; NaN is "no score".

    ``value`` is the prediction's label value, ``reference_value`` the reference's, None where that has none.
    """

    value: int
    name: str
    color: tuple[float, float, float]
    dice: float
    nsd: float
    hd95_mm: float
    predicted_ml: float
    reference_ml: float
    reference_value: int | None = None

    @property
    def state(self) -> str:
        """``both``, ``missed`` (reference only), ``extra`` (prediction only) or ``absent``."""
        if self.predicted_ml > 0:
            return "both" if self.reference_ml > 0 else "extra"
        return "missed" if self.reference_ml > 0 else "absent"

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: NaN becomes None."""
        return {
            "value": self.value,
            "name": self.name,
            "color": list(self.color),
            "state": self.state,
            "dice": json_number(self.dice),
            "nsd": json_number(self.nsd),
            "hd95_mm": json_number(self.hd95_mm),
            "predicted_ml": json_number(self.predicted_ml),
            "reference_ml": json_number(self.reference_ml),
            "reference_value": self.reference_value,
        }


@dataclass(frozen=True)
class Evaluation:
    """All rows of one comparison; means leave out the structures that neither labelmap has."""

    structures: tuple[StructureScore, ...]
    tolerance_mm: float

    @property
    def mean_dice(self) -> float:
        return mean_score(row.dice for row in self.structures)

    @property
    def mean_nsd(self) -> float:
        return mean_score(row.nsd for row in self.structures)

    @property
    def mean_hd95_mm(self) -> float:
        return mean_score(row.hd95_mm for row in self.structures)

    def by_value(self, measure: str) -> dict[str, float | None]:
        """``{"1": 0.93, ...}`` of one measure (``dice``, ``nsd``, ``hd95_mm``, ...), JSON-safe."""
        return {str(row.value): json_number(getattr(row, measure)) for row in self.structures}

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: NaN becomes None."""
        return {
            "tolerance_mm": self.tolerance_mm,
            "mean_dice": json_number(self.mean_dice),
            "mean_nsd": json_number(self.mean_nsd),
            "mean_hd95_mm": json_number(self.mean_hd95_mm),
            "structures": [row.to_dict() for row in self.structures],
        }


def evaluate(
    prediction: Labelmap,
    reference: Labelmap,
    tolerance_mm: float = DEFAULT_TOLERANCE_MM,
    values: Iterable[int] | None = None,
    by_value: bool = False,
) -> Evaluation:
    """Compare two labelmaps structure by structure.

    Structures are the same if they have the same name, or where one of the labelmaps has no names, the same label value
    (see ``matching``); with ``by_value``, the same value whatever the names. ``values``: the label values of the
    prediction to compare; by default all that either labelmap contains or declares. Names and colours come from the
    reference where it has them, else from the prediction.

    Raises GeometryError if the grids differ (says in what), InputError for names that contradict one another, a
    tolerance below 0, a value that is no label, or when there is nothing to compare.
    """
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        msg = f"The surface tolerance is {tolerance_mm} mm."
        raise InputError(msg, "Give a distance of 0 mm or more.")
    require_same_grid(prediction.geometry, reference.geometry)
    theirs_of = {value: value for value in reference.values()}
    if not by_value:
        reference, theirs_of = _in_values_of(prediction, reference)
    chosen = _chosen_values(prediction, reference, values)
    names = _structures(prediction, reference)
    boxes = _boxes(prediction.voxels), _boxes(reference.voxels)
    rows = []
    for value in chosen:
        box = _joint_box(boxes[0].get(value), boxes[1].get(value))
        ours, theirs = prediction.voxels[box] == value, reference.voxels[box] == value
        row = _score(value, names, ours, theirs, reference.geometry, tolerance_mm)
        rows.append(replace(row, reference_value=theirs_of.get(value)))
    return Evaluation(tuple(rows), float(tolerance_mm))


def dice_score(first: np.ndarray, second: np.ndarray) -> float:
    """Dice of two boolean masks of one shape; NaN if both are empty."""
    total = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2.0 * int(np.count_nonzero(first & second)) / total if total else math.nan


def surface_scores(
    first: np.ndarray, second: np.ndarray, spacing: Sequence[float], tolerance_mm: float, diagonal_mm: float
) -> tuple[float, float]:
    """(NSD, HD95 in mm) of two boolean masks (k, j, i) of one shape with ``spacing`` mm in the same order.

    ``diagonal_mm`` is what HD95 becomes when just one mask is empty (see the rules at the top of this file).
    """
    filled = bool(first.any()), bool(second.any())
    if not any(filled):
        return math.nan, math.nan
    if not all(filled):
        return 0.0, float(diagonal_mm)
    (points_a, area_a), (points_b, area_b) = surface(first, spacing), surface(second, spacing)
    a_to_b, b_to_a = _nearest(points_a, points_b), _nearest(points_b, points_a)
    within = tolerance_mm + _SLACK_MM
    good = area_a[a_to_b <= within].sum() + area_b[b_to_a <= within].sum()
    hd95 = max(weighted_percentile(a_to_b, area_a, 95.0), weighted_percentile(b_to_a, area_b, 95.0))
    return float(good / (area_a.sum() + area_b.sum())), hd95


def surface(mask: np.ndarray, spacing: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Surface elements of a boolean mask: points (n, axes) in mm, and the area (mm2; mm in a single slice) of each.

    ``spacing`` in mm in the mask's axis order. Points count from the outer corner of the mask's first voxel. Axes with
    a single voxel are left out, of points as well.
    """
    mask, edges = _without_flat_axes(mask, np.asarray(spacing, float))
    padded = np.pad(mask, 1)
    cuts = np.stack([_cut_edges(padded, axis) for axis in range(mask.ndim)])
    corners = np.nonzero(cuts.any(axis=0))
    face_per_cut = edges.prod() / edges / 2 ** (mask.ndim - 1)
    found = np.stack([cut[corners] for cut in cuts])
    area = np.sqrt(np.square(found * face_per_cut[:, None]).sum(axis=0))
    return np.stack(corners, axis=1) * edges, area


def weighted_percentile(values: np.ndarray, weights: np.ndarray, percent: float) -> float:
    """The smallest of ``values`` (n,) that at least ``percent`` of the ``weights`` (n,) do not exceed."""
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    # The subtraction keeps rounding in the sum from pushing an exact hit to the next value.
    index = int(np.searchsorted(share, share[-1] * (percent / 100.0 - 1e-12)))
    return float(values[order[min(index, len(order) - 1)]])


def require_same_grid(found: Geometry, needed: Geometry) -> None:
    """Raise GeometryError naming what differs between the prediction's grid and the reference's, and by how much."""
    if not needed.same_grid(found):
        msg = f"Prediction and reference lie on different grids: {needed.difference(found)}."
        raise GeometryError(msg, "Resample one onto the other's grid (nearest neighbour) before comparing them.")


def mean_score(scores: Iterable[float | None]) -> float:
    """Mean of the scores that exist (neither None nor NaN); NaN if none does."""
    known = [float(score) for score in scores if score is not None and not math.isnan(score)]
    return math.fsum(known) / len(known) if known else math.nan


def json_number(number: float) -> float | None:
    """The number, or None where JSON has no word for it."""
    return float(number) if math.isfinite(number) else None


def _score(
    value: int,
    names: dict[int, Structure],
    ours: np.ndarray,
    theirs: np.ndarray,
    geometry: Geometry,
    tolerance_mm: float,
) -> StructureScore:
    spacing = np.asarray(geometry.spacing, float)
    diagonal = float(np.linalg.norm(spacing * np.asarray(geometry.size)))
    nsd, hd95 = surface_scores(*_keep_flat_axes(ours, theirs, geometry), tolerance_mm, diagonal)
    known = names.get(value) or default_structure(value)
    return StructureScore(
        value=value,
        name=known.name,
        color=known.color,
        dice=dice_score(ours, theirs),
        nsd=nsd,
        hd95_mm=hd95,
        predicted_ml=int(np.count_nonzero(ours)) * geometry.voxel_ml,
        reference_ml=int(np.count_nonzero(theirs)) * geometry.voxel_ml,
    )


def _keep_flat_axes(
    ours: np.ndarray, theirs: np.ndarray, geometry: Geometry
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Cropped masks and spacing (k, j, i), where an axis is flat only if the *volume* has a single voxel along it."""
    size, spacing = tuple(geometry.size)[::-1], [float(mm) for mm in tuple(geometry.spacing)[::-1]]
    grow = [(0, 1 if cropped == 1 and whole > 1 else 0) for cropped, whole in zip(ours.shape, size, strict=True)]
    return np.pad(ours, grow), np.pad(theirs, grow), spacing


def _without_flat_axes(mask: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = [axis for axis, length in enumerate(mask.shape) if length > 1] or [0]
    return mask.reshape([mask.shape[axis] for axis in keep]), spacing[keep]


def _cut_edges(padded: np.ndarray, axis: int) -> np.ndarray:
    """For each corner of the voxel grid: how many of the voxel pairs around it along ``axis`` differ."""
    last, first = [slice(None)] * padded.ndim, [slice(None)] * padded.ndim
    last[axis], first[axis] = slice(1, None), slice(None, -1)
    cut = (padded[tuple(last)] ^ padded[tuple(first)]).view(np.uint8)
    for other in range(padded.ndim):
        if other != axis:
            last, first = [slice(None)] * padded.ndim, [slice(None)] * padded.ndim
            last[other], first[other] = slice(1, None), slice(None, -1)
            cut = cut[tuple(last)] + cut[tuple(first)]
    return cut


def _nearest(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Distance of each point (n, axes) to the nearest target (m, axes)."""
    # A tree over surface points costs as the surface; a distance map would cost as the volume (ten times slower here).
    tree = cKDTree(targets, balanced_tree=False, compact_nodes=False)
    return tree.query(points)[0]


def _chosen_values(prediction: Labelmap, reference: Labelmap, values: Iterable[int] | None) -> list[int]:
    if values is None:
        declared = [item.value for labels in (prediction, reference) for item in labels.structures]
        values = {*prediction.values(), *reference.values(), *declared}
    chosen = sorted({int(value) for value in values})
    if not chosen:
        msg = "There is nothing to compare: both labelmaps are empty and declare no structure."
        raise InputError(msg, "Check that these are the segmentations you meant.")
    if chosen[0] < 1:
        msg = f"Label value {chosen[0]} cannot be compared: structures have values of 1 or more."
        raise InputError(msg, "Leave the background (0) out of the values.")
    return chosen


def _structures(prediction: Labelmap, reference: Labelmap) -> dict[int, Structure]:
    """The structure of each value: the reference's, unless only the prediction gives it a name of its own."""
    known = {item.value: item for item in reference.structures}
    for item in prediction.structures:
        if item.value not in known or known[item.value].name == default_structure(item.value).name:
            known[item.value] = item
    return known


def _in_values_of(prediction: Labelmap, reference: Labelmap) -> tuple[Labelmap, dict[int, int]]:
    """The reference with the prediction's label values, and what each of these is in it."""
    ours = Labelling(_display_name("prediction", prediction), prediction.structures)
    present = set(reference.values())
    there = tuple(item for item in reference.structures if item.value in present)
    match = matched(ours, Labelling(_display_name("reference", reference), there), remedy=_BY_VALUE)
    common = {item.value: item for item in match.structures}
    named = {new: replace(item, value=new) for item in there if is_named(item) for new in [match.values[item.value]]}
    structures = [named.get(value, common[value]) for value in match.values.values()]
    # What is only declared neither contradicts nor takes the place of anything.
    known = {name_key(item.name) for item in common.values()}
    spare = [item for item in reference.structures if item.value not in present | common.keys()]
    spare = [item for item in spare if name_key(item.name) not in known]
    reference = reference.renumbered(match.values, [*structures, *spare])
    return reference, {new: old for old, new in match.values.items()}


def _display_name(what: str, labels: Labelmap) -> str:
    return f"the {what} {labels.name}".strip()


def _boxes(voxels: np.ndarray) -> dict[int, tuple[slice, ...]]:
    """Bounding box of each label value that is present."""
    found = find_objects(voxels)
    return {value: box for value, box in enumerate(found, start=1) if box is not None}


def _joint_box(first: tuple[slice, ...] | None, second: tuple[slice, ...] | None) -> tuple[slice, ...]:
    if first is None or second is None:
        return first or second or (slice(0, 0),) * 3
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
