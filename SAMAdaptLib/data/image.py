"""``Volume`` and ``Labelmap``: voxels together with the grid on which they lie.

Both are values: checked at birth, read-only afterwards. A changed one is made with ``with_array``, which keeps the
grid and refuses another shape. Arrays are (k, j, i); SimpleITK images have the same order under ``GetArrayFromImage``.
SimpleITK is imported where an image of its own is asked for: Slicer's panel works with volumes and does without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GeometryError, InputError
from ..progress import Monitor, Silent
from .geometry import Geometry
from .provenance import Provenance
from .structure import LARGEST_VALUE, Structure, complete_structures

if TYPE_CHECKING:
    import SimpleITK as sitk

REPAIRABLE_FRACTION = 0.01
"""Volumes with at most this part of their voxels NaN or infinite are repaired, others refused."""

WHOLE_TOLERANCE = 0.01
"""Labels that are so close to a whole number are that number, rounded on their way through another program."""

CT_AIR_HU = -500
"""A whole-numbered volume that reaches below this value is taken for CT."""


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """A scalar image on a grid.

    ``voxels`` is float32 (k, j, i), read-only, a copy of what was given; ``geometry`` its grid; ``name`` for people;
    ``modality`` the DICOM word ("CT", "MR", ...) or "" when unknown; ``other_geometry`` a second grid that its file
    tells beside the first (NIfTI's sform and qform), by which labels may know it; ``more`` further channels, other
    images of the same body on the same grid (see ``channels.together``). Raises GeometryError when the array does not
    fit the grid, InputError when a voxel is NaN or infinite.
    """

    voxels: NDArray[np.float32]
    geometry: Geometry
    name: str = ""
    modality: str = ""
    other_geometry: Geometry | None = None
    more: tuple[Volume, ...] = ()

    def __post_init__(self) -> None:
        array = _checked_shape(self.voxels, self.geometry, self.name or "The volume")
        with np.errstate(over="ignore"):
            own = np.array(array, dtype=np.float32, order="C")
        broken = own.size - int(np.count_nonzero(np.isfinite(own)))
        if broken:
            msg = _broken_message(self.name, broken, own.size)
            raise InputError(msg, "Repair them, or read the image with repair on.")
        own.setflags(write=False)
        object.__setattr__(self, "voxels", own)

    @classmethod
    def from_sitk(
        cls, image: sitk.Image, name: str = "", modality: str = "", repair: bool = True, monitor: Monitor | None = None
    ) -> Volume:
        """A usable volume from a SimpleITK image (2-D ones become one slice).

        Non-finite voxels are replaced when ``repair`` and few (see ``REPAIRABLE_FRACTION``), with a warning to
        ``monitor``. The modality is guessed when not given. Raises InputError for 4-D, vector, complex, constant or
        badly damaged images.
        """
        import SimpleITK as sitk

        image = as_scalar_3d(image, name)
        array = sitk.GetArrayViewFromImage(image)
        return cls.from_array(array, Geometry.from_sitk(image), name, modality, repair, monitor)

    @classmethod
    def from_array(
        cls,
        array: NDArray,
        geometry: Geometry,
        name: str = "",
        modality: str = "",
        repair: bool = True,
        monitor: Monitor | None = None,
    ) -> Volume:
        """A usable volume from voxels (k, j, i) of any real type on a grid; the rest is as for ``from_sitk``."""
        if np.issubdtype(array.dtype, np.floating):
            array = _repaired(array, name, repair, monitor or Silent())
        return cls(array, geometry, name, modality or guessed_modality(array)).require_content()

    def to_sitk(self) -> sitk.Image:
        """A float32 SimpleITK image of its own; the inverse of ``from_sitk``."""
        import SimpleITK as sitk

        return self.geometry.onto_sitk(sitk.GetImageFromArray(self.voxels))

    def with_array(self, voxels: NDArray) -> Volume:
        """Other voxels (k, j, i) on this grid. Raises GeometryError for another shape."""
        return replace(self, voxels=voxels)

    def require_content(self) -> Volume:
        """Itself, unless all voxels are equal: then InputError, as there is nothing to segment."""
        low, high = float(self.voxels.min()), float(self.voxels.max())
        if low == high:
            msg = f"{_display_name(self.name)} is constant: all of its {self.voxels.size} voxels are {low:g}."
            raise InputError(msg, "Check that the right file was chosen and that it was exported whole.")
        return self

    @property
    def channels(self) -> tuple[Volume, ...]:
        """Itself, and the further channels; mostly itself alone."""
        return (self, *self.more)

    def content_hash(self) -> str:
        """sha256 (hex) of the voxels of all channels and the grid; name and modality do not count. Computed once."""
        if not self.more:
            return self._hash
        return hashlib.sha256("\n".join(channel._hash for channel in self.channels).encode()).hexdigest()

    @cached_property
    def _hash(self) -> str:
        digest = hashlib.sha256(repr(self.geometry.to_dict()).encode())
        digest.update(np.ascontiguousarray(self.voxels, dtype="<f4").data)
        return digest.hexdigest()

    def __reduce__(self) -> tuple:
        """Pickled by its parts, so that it is checked and read-only again on the other side."""
        return Volume, (self.voxels, self.geometry, self.name, self.modality, self.other_geometry, self.more)

    def __repr__(self) -> str:
        return f"Volume({self.name!r}, {self.modality or 'modality unknown'}, {self.geometry!r})"


@dataclass(frozen=True, eq=False, repr=False)
class Labelmap:
    """Label values on a grid, and what they stand for.

    ``voxels`` is uint8, or uint16 where a value needs it, (k, j, i), read-only, a copy of what was given, 0 is
    background; ``structures`` names every present value (those not given get default names); ``confidence`` maps
    label values to 0..1 and may be empty; ``other_geometry`` a second grid that its file tells, as for a volume;
    ``provenance`` says what made a result, ``assessment`` what speaks for or against it (JSON-safe). Raises
    GeometryError when the array does not fit the grid, InputError for values that are no labels.
    """

    voxels: NDArray[Any]
    geometry: Geometry
    structures: tuple[Structure, ...] = ()
    confidence: dict[int, float] = field(default_factory=dict)
    name: str = ""
    other_geometry: Geometry | None = None
    provenance: Provenance | None = None
    assessment: dict[str, Any] = field(default_factory=dict)
    _counts: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        own = _as_labels(_checked_shape(self.voxels, self.geometry, self.name or "The labelmap"), self.name)
        own.setflags(write=False)
        counts = present_counts(own)
        confidence = {int(value): float(part) for value, part in (self.confidence or {}).items()}
        object.__setattr__(self, "voxels", own)
        object.__setattr__(self, "_counts", counts)
        object.__setattr__(self, "structures", complete_structures(tuple(counts), self.structures))
        object.__setattr__(self, "confidence", confidence)

    def values(self) -> tuple[int, ...]:
        """The label values that occur, ascending, without 0."""
        return tuple(self._counts)

    def volumes_ml(self) -> dict[int, float]:
        """How large each structure is in ml, by label value; only of those that occur."""
        return {value: count * self.geometry.voxel_ml for value, count in self._counts.items()}

    @classmethod
    def from_sitk(cls, image: sitk.Image, structures: Sequence[Structure] = (), name: str = "") -> Labelmap:
        """A labelmap from a SimpleITK image. Raises InputError for 4-D, vector, complex or non-integer images."""
        import SimpleITK as sitk

        image = as_scalar_3d(image, name)
        array = sitk.GetArrayViewFromImage(image)
        return cls(array, Geometry.from_sitk(image), tuple(structures), name=name)

    def to_sitk(self) -> sitk.Image:
        """An unsigned SimpleITK image of its own; the inverse of ``from_sitk``."""
        import SimpleITK as sitk

        return self.geometry.onto_sitk(sitk.GetImageFromArray(self.voxels))

    def with_array(self, voxels: NDArray) -> Labelmap:
        """Other labels (k, j, i) on this grid, with the same structures and of unknown provenance.

        Raises GeometryError for another shape.
        """
        return replace(self, voxels=voxels, provenance=None, assessment={})

    def with_structures(self, structures: Sequence[Structure]) -> Labelmap:
        """The same labels under other names; present values left out get default names."""
        return replace(self, structures=tuple(structures))

    def renumbered(self, values: Mapping[int, int], structures: Sequence[Structure]) -> Labelmap:
        """Other values for the labels in ``values``, the others as they are, under the names of ``structures``."""
        if all(old == new for old, new in values.items()):
            return self.with_structures(structures)
        table = np.arange(int(self.voxels.max()) + 1)
        for old, new in values.items():
            if old < len(table):
                table[old] = new
        table = table.astype(np.uint8 if table.max() < 256 else np.uint16)
        confidence = {values.get(value, value): part for value, part in self.confidence.items()}
        return replace(self, voxels=table[self.voxels], structures=tuple(structures), confidence=confidence)

    def with_confidence(self, confidence: dict[int, float]) -> Labelmap:
        """The same labels with a confidence 0..1 for each structure."""
        return replace(self, confidence=confidence)

    def made_by(self, provenance: Provenance | None) -> Labelmap:
        """The same labels, and what made them."""
        return replace(self, provenance=provenance)

    def digest(self) -> str:
        """sha256 (hex) of the labels, whatever type holds them; the grid and the names do not count."""
        digest = hashlib.sha256(repr(self.voxels.shape).encode())
        for plane in self.voxels:
            digest.update(np.ascontiguousarray(plane, dtype="<u2").data)
        return digest.hexdigest()

    def on_grid(self, geometry: Geometry) -> Labelmap:
        """The same labels resampled onto another grid, nearest voxel; what lies outside is background."""
        import SimpleITK as sitk

        reference = geometry.onto_sitk(sitk.Image(geometry.size, sitk.sitkUInt8))
        resampled = sitk.Resample(self.to_sitk(), reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
        own = sitk.GetArrayViewFromImage(resampled)
        return replace(self, voxels=own, geometry=geometry, other_geometry=None, provenance=None)

    def __reduce__(self) -> tuple:
        """Pickled by its parts, so that it is checked and read-only again on the other side."""
        parts = (self.voxels, self.geometry, self.structures, self.confidence, self.name, self.other_geometry)
        return Labelmap, (*parts, self.provenance)

    def __repr__(self) -> str:
        return f"Labelmap({self.name!r}, {len(self.structures)} structures, {self.geometry!r})"


def as_scalar_3d(image: sitk.Image, name: str = "") -> sitk.Image:
    """The image as a scalar 3-D one: 2-D becomes one slice, a fourth axis of length 1 is dropped.

    Raises InputError for other 4-D images, and for vector, RGB and complex voxels.
    """
    require_scalar(image.GetDimension(), image.GetSize(), image.GetNumberOfComponentsPerPixel(), name)
    if "complex" in image.GetPixelIDTypeAsString():
        msg = f"{_display_name(name)} has complex voxels; one real number a voxel is needed."
        raise InputError(msg, "Export its magnitude.")
    if image.GetDimension() == 2:
        import SimpleITK as sitk

        return sitk.JoinSeries(image)
    if image.GetDimension() == 4:
        return image[:, :, :, 0]
    return image


def require_scalar(dimension: int, size: Sequence[int], components: int, name: str) -> None:
    """Raises InputError unless an image of this header holds one number a voxel in two or three dimensions."""
    if dimension not in (2, 3) and not (dimension == 4 and size[3] == 1):
        shape = " x ".join(map(str, size))
        msg = (
            f"{_display_name(name)} has {dimension} dimensions ({shape}); a single three-dimensional volume is needed."
        )
        raise InputError(msg, "Export one time point or channel of it.")
    if components != 1:
        msg = f"{_display_name(name)} has {components} numbers a voxel (a colour or vector image); one is needed."
        raise InputError(msg, "Convert it to gray values, or choose one channel.")
    if min(size) < 1:
        msg = f"{_display_name(name)} is empty (size {' x '.join(map(str, size))})."
        raise InputError(msg, "Check that it was exported whole.")


def guessed_modality(voxels: NDArray) -> str:
    """ "CT" for whole numbers that reach down to air in HU, else "" (unknown)."""
    if voxels.min() > CT_AIR_HU:
        return ""
    sample = voxels.reshape(-1)[:: max(1, voxels.size // 100_000)]
    return "CT" if np.array_equal(sample, np.rint(sample)) else ""


def _display_name(name: str) -> str:
    return name or "The image"


def _checked_shape(voxels: NDArray, geometry: Geometry, name: str) -> NDArray:
    array = np.asarray(voxels)
    if array.shape != geometry.shape:
        msg = f"{name} has an array of shape {array.shape}; its grid needs {geometry.shape} (k, j, i)."
        raise GeometryError(msg)
    return array


def _broken_message(name: str, broken: int, total: int) -> str:
    return f"{_display_name(name)} has {broken} of {total} voxels that are not finite numbers."


def _repaired(array: NDArray, name: str, repair: bool, monitor: Monitor) -> NDArray:
    """The array as float32 with NaN and -inf at its lowest, +inf at its highest finite value."""
    with np.errstate(over="ignore"):
        own = array.astype(np.float32, copy=False)
    finite = np.isfinite(own)
    broken = own.size - int(np.count_nonzero(finite))
    if not broken:
        return own
    message = _broken_message(name, broken, own.size)
    if not repair or broken > REPAIRABLE_FRACTION * own.size:
        hint = f"Repair them first (up to {REPAIRABLE_FRACTION:.0%} are repaired on reading, unless switched off)."
        raise InputError(message, hint)
    low, high = own[finite].min(), own[finite].max()
    monitor.warning(f"{message} They were set to {low:g} (infinity to {high:g}).")
    return np.nan_to_num(own, copy=True, nan=low, neginf=low, posinf=high)


def present_values(labels: NDArray[Any]) -> tuple[int, ...]:
    """The values other than 0 that occur, ascending."""
    return tuple(present_counts(labels))


def present_counts(labels: NDArray[Any]) -> dict[int, int]:
    """How many voxels have each of the values other than 0 that occur, ascending."""
    counts = counted(labels, int(labels.max()) + 1)
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value}


def counted(labels: NDArray[Any], length: int) -> NDArray[np.int64]:
    """How many voxels have each of the values 0..``length`` - 1, of which there are no others.

    Plane by plane: numpy counts in eight bytes a voxel, which a whole CT has no room for.
    """
    counts = np.zeros(length, np.int64)
    for plane in labels:
        counts += np.bincount(plane.ravel(), minlength=length)
    return counts


def _as_labels(array: NDArray, name: str) -> NDArray[Any]:
    """A contiguous copy in the smallest unsigned type. Raises InputError for fractions, negatives, huge values."""
    called = name or "The labelmap"
    if array.dtype == bool:
        return array.astype(np.uint8, order="C")
    if not np.issubdtype(array.dtype, np.integer):
        array = _whole(array, called)
    low, high = array.min(), array.max()
    if low < 0 or high > LARGEST_VALUE:
        msg = f"{called} has label values from {low:g} to {high:g}; 0 to {LARGEST_VALUE} are allowed."
        raise InputError(msg, "Is this an image instead of an annotation?")
    return np.array(array, dtype=np.uint8 if high <= 255 else np.uint16, order="C")


def _whole(array: NDArray, called: str) -> NDArray:
    """Decimal numbers as whole ones: what is rounded by a scale factor or a float32 is rounded back."""
    if not np.issubdtype(array.dtype, np.floating):
        msg = f"{called} has values of type {array.dtype}; label values must be whole numbers."
        raise InputError(msg)
    whole = np.rint(array)
    with np.errstate(invalid="ignore"):
        wrong = array[~(np.abs(array - whole) <= WHOLE_TOLERANCE)]  # also NaN and infinity
    if wrong.size:
        msg = f"{called} has {wrong.size} values that are not whole numbers (the first is {wrong[0]:g})."
        raise InputError(msg, "Is this an image or a probability map instead of an annotation?")
    return whole
