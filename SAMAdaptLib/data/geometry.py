"""The grid on which voxels lie: size, spacing, origin and directions in patient space.

Conventions, said once and used everywhere: voxel indices are (i, j, k), fastest axis first; numpy arrays are
(k, j, i); patient space is LPS (x to the left, y to posterior, z to superior), in millimetres; an index without
a fraction is the centre of its voxel. Other conventions exist only in the functions that name them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import GeometryError

if TYPE_CHECKING:
    import SimpleITK as sitk

SMALLEST_SPACING_MM = 1e-4
LARGEST_SPACING_MM = 1e4
"""Spacings beyond these are a wrong unit or a damaged header, not an image."""

ORTHONORMAL_TOLERANCE = 1e-3
"""How far direction^T direction may be from the identity, in any entry."""

GRID_TOLERANCE = 0.05
"""Two grids of one size are the same when no corner is further away than this fraction of the finest voxel."""

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Turns homogeneous LPS points into RAS points; it is its own inverse."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """A voxel grid in patient space; checked at birth, never changed.

    ``size`` counts voxels along (i, j, k); ``spacing`` is mm along (i, j, k), ``origin`` the LPS position in mm of
    the centre of voxel (0, 0, 0); ``direction`` a read-only float64 (3, 3) whose columns are the unit vectors of
    the axes i, j, k in LPS. Left-handed axes are allowed, sheared ones are not. Raises GeometryError.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", _checked_size(self.size))
        object.__setattr__(self, "spacing", _checked_spacing(self.spacing))
        object.__setattr__(self, "origin", _three_floats("origin", self.origin))
        object.__setattr__(self, "direction", _checked_direction(self.direction))

    # --- from and to other forms -------------------------------------------------------------------------------

    @classmethod
    def from_sitk(cls, image: sitk.Image) -> Geometry:
        """The grid of a three-dimensional SimpleITK image."""
        direction = np.reshape(image.GetDirection(), (3, 3))
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), direction)

    def onto_sitk(self, image: sitk.Image) -> sitk.Image:
        """Gives ``image`` (changed in place, and returned) this grid's spacing, origin and directions."""
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection([float(value) for value in self.direction.ravel()])
        return image

    @classmethod
    def from_matrix(cls, size: Sequence[int], ijk_to_lps: ArrayLike) -> Geometry:
        """The grid whose voxel indices go to LPS mm by this 4x4 matrix. Raises GeometryError for a sheared one."""
        matrix = np.asarray(ijk_to_lps, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            msg = f"The voxel-to-patient matrix must be 4x4 and finite; it is {matrix.tolist()}."
            raise GeometryError(msg)
        spacing = np.linalg.norm(matrix[:3, :3], axis=0)
        _checked_spacing(spacing)  # before it is divided by
        origin = _three_floats("origin", matrix[:3, 3])
        return cls(_checked_size(size), _checked_spacing(spacing), origin, matrix[:3, :3] / spacing)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """4x4 float64 from voxel indices (i, j, k) to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.direction * self.spacing
        matrix[:3, 3] = self.origin
        return matrix

    @classmethod
    def from_ras_matrix(cls, size: Sequence[int], ijk_to_ras: ArrayLike) -> Geometry:
        """The grid whose voxel indices go to RAS mm by this 4x4 matrix (MRML's and NIfTI's convention)."""
        return cls.from_matrix(size, RAS_FROM_LPS @ np.asarray(ijk_to_ras, dtype=np.float64))

    @property
    def ras_matrix(self) -> NDArray[np.float64]:
        """4x4 float64 from voxel indices (i, j, k) to RAS mm."""
        return RAS_FROM_LPS @ self.matrix

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Geometry:
        """The grid that ``to_dict`` wrote."""
        try:
            return cls(document["size"], document["spacing"], document["origin"], document["direction"])
        except KeyError as error:
            msg = f"A geometry needs size, spacing, origin and direction; {error.args[0]!r} is missing."
            raise GeometryError(msg) from error

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe: size, spacing, origin, direction (rows of the 3x3)."""
        return {
            "size": list(self.size),
            "spacing": list(self.spacing),
            "origin": list(self.origin),
            "direction": self.direction.tolist(),
        }

    # --- what one asks of a grid -------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (k, j, i) of a numpy array on this grid."""
        i, j, k = self.size
        return k, j, i

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    def ijk_to_lps(self, points: ArrayLike) -> NDArray[np.float64]:
        """LPS mm (..., 3) of voxel indices (..., 3), fractions allowed."""
        return np.asarray(points, dtype=np.float64) * self.spacing @ self.direction.T + self.origin

    def lps_to_ijk(self, points: ArrayLike) -> NDArray[np.float64]:
        """Voxel indices (..., 3), with fractions, of LPS mm (..., 3); the inverse of ``ijk_to_lps``."""
        inverse = np.linalg.inv(self.direction)
        return (np.asarray(points, dtype=np.float64) - self.origin) @ inverse.T / self.spacing

    def corners_lps(self) -> NDArray[np.float64]:
        """LPS mm (8, 3) of the grid's outer corners, half a voxel beyond the centres of the corner voxels."""
        i, j, k = ((-0.5, size - 0.5) for size in self.size)
        return self.ijk_to_lps(list(product(i, j, k)))

    def same_grid(self, other: Geometry, tolerance: float = GRID_TOLERANCE) -> bool:
        """True when both have one size and no outer corner is further apart than ``tolerance`` finest voxels.

        Corners alone decide, so that a spacing off by a thousandth matters on a long axis and not on a short one.
        """
        if self.size != other.size:
            return False
        apart = np.linalg.norm(self.corners_lps() - other.corners_lps(), axis=1).max()
        return bool(apart <= tolerance * min(*self.spacing, *other.spacing))

    def difference(self, other: Geometry) -> str:
        """In words, which of size, spacing, origin and directions of ``other`` differ from this grid's, by how much."""
        parts = []
        if self.size != other.size:
            parts.append(f"size {_by(other.size)} instead of {_by(self.size)} voxels")
        spacing = np.abs(np.subtract(self.spacing, other.spacing)).max()
        if spacing > 1e-6 * min(self.spacing):
            parts.append(f"spacing {_by(other.spacing)} instead of {_by(self.spacing)} mm")
        origin = float(np.linalg.norm(np.subtract(self.origin, other.origin)))
        if origin > 1e-6 * min(self.spacing):
            parts.append(f"origin {origin:.4g} mm away")
        angles = np.degrees(np.arccos(np.clip((self.direction * other.direction).sum(axis=0), -1, 1)))
        if angles.max() > 1e-3:
            parts.append(f"directions turned by up to {angles.max():.3g} degrees")
        return "; ".join(parts) or "nothing"

    def offset_of(self, other: Geometry, tolerance: float = GRID_TOLERANCE) -> tuple[int, int, int] | None:
        """The whole voxels (i, j, k) by which ``other`` starts after this grid, or None if their lattices differ."""
        first = np.rint(self.lps_to_ijk(other.origin)).astype(int)
        moved = self.ijk_to_lps(first)
        twin = Geometry(other.size, self.spacing, tuple(moved), self.direction)
        if not twin.same_grid(other, tolerance):
            return None
        return int(first[0]), int(first[1]), int(first[2])

    # --- equality is exact; same_grid is the tolerant question -------------------------------------------------

    def _key(self) -> tuple:
        return self.size, self.spacing, self.origin, tuple(self.direction.ravel().tolist())

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Geometry) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple:
        """Pickled by its parts, so that it is checked and read-only again on the other side."""
        return Geometry, (self.size, self.spacing, self.origin, self.direction)

    def __repr__(self) -> str:
        axes = "".join(nearest_letter(column) for column in self.direction.T)
        origin = _by(self.origin, ", ")
        return f"Geometry({_by(self.size)} voxels, {_by(self.spacing)} mm, axes {axes}, origin {origin})"


def nearest_letter(direction: ArrayLike) -> str:
    """The letter (L, R, P, A, S, I) of the patient axis towards which an LPS vector mostly points."""
    vector = np.asarray(direction, dtype=np.float64)
    axis = int(np.abs(vector).argmax())
    return ("LPS" if vector[axis] >= 0 else "RAI")[axis]


def _by(values: Sequence[float], separator: str = " x ") -> str:
    return separator.join(f"{value:.6g}" for value in values)


def _three_floats(name: str, values: ArrayLike) -> tuple[float, float, float]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (3,) or not np.isfinite(array).all():
        msg = f"A geometry's {name} must be three finite numbers; it is {array.tolist()}."
        raise GeometryError(msg)
    x, y, z = (float(value) + 0.0 for value in array)  # + 0.0 turns -0.0 into 0.0, so equal grids hash alike
    return x, y, z


def _checked_size(values: Sequence[int]) -> tuple[int, int, int]:
    i, j, k = _three_floats("size", values)
    if min(i, j, k) < 1 or any(value != int(value) for value in (i, j, k)):
        msg = f"A geometry's size must be three whole numbers of at least 1; it is {_by((i, j, k))}."
        raise GeometryError(msg)
    return int(i), int(j), int(k)


def _checked_spacing(values: ArrayLike) -> tuple[float, float, float]:
    spacing = _three_floats("spacing", values)
    if min(spacing) < SMALLEST_SPACING_MM or max(spacing) > LARGEST_SPACING_MM:
        msg = (
            f"A geometry's spacing must lie between {SMALLEST_SPACING_MM:g} and {LARGEST_SPACING_MM:g} mm; "
            f"it is {_by(spacing)}."
        )
        raise GeometryError(msg, "Check the unit of the spacing in the file's header.")
    return spacing


def _checked_direction(values: ArrayLike) -> NDArray[np.float64]:
    direction = np.array(values, dtype=np.float64)
    if direction.shape != (3, 3) or not np.isfinite(direction).all():
        msg = f"A geometry's directions must be a finite 3x3 matrix; they are {direction.tolist()}."
        raise GeometryError(msg)
    deviation = float(np.abs(direction.T @ direction - np.eye(3)).max())
    if deviation > ORTHONORMAL_TOLERANCE:
        msg = (
            f"A geometry's axes must be at right angles and of unit length; {np.round(direction, 4).tolist()} is off "
            f"by {deviation:.3g} (at most {ORTHONORMAL_TOLERANCE:g})."
        )
        raise GeometryError(msg, "Resample the image onto an unsheared grid first.")
    direction += 0.0
    direction.setflags(write=False)
    return direction
