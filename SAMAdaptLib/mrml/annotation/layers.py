"""Where the labels of an annotation come from: an image on any grid, or a closed surface.

A layer gives, slice by slice, the label at each voxel centre of a volume. It owns copies and knows no scene, so it
may be used from any thread; a slice is little work, so that a user interface in another thread keeps moving.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..transforms import NodeTransform, affine

SAME_VOXEL = 1e-3
"""Grids that agree to this part of a voxel over the whole volume are copied instead of looked up."""

TIE = 1e-6
"""Centres exactly between two voxels take the lower one, whatever the rounding of their coordinates."""


class ImageLayer:
    """Labels (k, j, i) on a grid of their own, seen from the voxels of a volume.

    ``start`` is the index (i, j, k) of the array's first voxel, ``to_ras`` the 4x4 from the labels' indices to RAS in
    their frame, ``way`` the map from the volume's frame to that frame, ``volume_to_ras`` the volume's own 4x4 and
    ``size`` its voxels (i, j, k).
    """

    def __init__(
        self,
        labels: NDArray[Any],
        start: Sequence[int],
        to_ras: NDArray[np.float64],
        way: NodeTransform,
        volume_to_ras: NDArray[np.float64],
        size: Sequence[int],
    ) -> None:
        self._labels = labels
        self._way, self._volume_to_ras = way, volume_to_ras
        self._size = (int(size[0]), int(size[1]), int(size[2]))
        self._from_ras = np.linalg.inv(to_ras)
        self._from_ras[:3, 3] -= np.asarray(start, dtype=np.float64)
        self._matrix = None if way.matrix is None else self._from_ras @ way.matrix @ volume_to_ras
        self._shift = _whole_shift(self._matrix, self._size)

    def plane(self, k: int) -> NDArray[Any]:
        """Labels (j, i) at the centres of the volume's slice ``k``; 0 where there are none."""
        if self._shift is not None:
            return self._copied(k, self._shift)
        x, y, z = self._indices(k)
        depth, height, width = self._labels.shape
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (z >= 0) & (z < depth)
        out = np.zeros(x.shape, dtype=self._labels.dtype)
        out[inside] = self._labels[z[inside], y[inside], x[inside]]
        return out

    def _copied(self, k: int, shift: tuple[int, int, int]) -> NDArray[Any]:
        width, height, _ = self._size
        out = np.zeros((height, width), dtype=self._labels.dtype)
        depth = k + shift[2]
        if 0 <= depth < self._labels.shape[0]:
            to_y, from_y = _common(height, self._labels.shape[1], shift[1])
            to_x, from_x = _common(width, self._labels.shape[2], shift[0])
            out[to_y, to_x] = self._labels[depth, from_y, from_x]
        return out

    def _indices(self, k: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Index arrays (j, i) of the label voxels that hold the centres of slice ``k``."""
        width, height, _ = self._size
        i, j = np.arange(width)[None, :], np.arange(height)[:, None]
        if self._matrix is not None:
            rows = self._matrix
            parts = [row[0] * i + (row[1] * j + (row[2] * k + row[3])) for row in rows[:3]]
        else:
            ijk = np.stack(np.broadcast_arrays(i, j, np.array([[k]])), axis=-1).reshape(-1, 3)
            found = affine(self._from_ras, self._way(affine(self._volume_to_ras, ijk)))
            parts = [found[:, axis].reshape(height, width) for axis in range(3)]
        x, y, z = (np.ceil(part - 0.5 - TIE).astype(np.intp) for part in parts)
        return x, y, z


def _whole_shift(matrix: NDArray[np.float64] | None, size: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """By how many whole voxels (i, j, k) a matrix shifts the indices of a volume, or None if it does more than that."""
    if matrix is None:
        return None
    shift = np.rint(matrix[:3, 3])
    corners = np.array([(i, j, k) for i in (0, size[0] - 1) for j in (0, size[1] - 1) for k in (0, size[2] - 1)])
    if np.abs(affine(matrix, corners) - corners - shift).max() > SAME_VOXEL:
        return None
    i, j, k = (int(value) for value in shift)
    return i, j, k


def _common(length: int, other: int, shift: int) -> tuple[slice, slice]:
    """The part of 0..length that lands in 0..other when ``shift`` is added: there, and in the other."""
    first, last = max(0, -shift), min(length, other - shift)
    last = max(first, last)
    return slice(first, last), slice(first + shift, last + shift)


class SurfaceLayer:
    """The inside (label 1) of a closed surface, seen from the voxels of a volume.

    ``surface`` is a vtkPolyData in its node's frame, ``back`` the map from there to the volume's frame.
    """

    def __init__(
        self, surface: Any, back: NodeTransform, volume_to_ras: NDArray[np.float64], size: Sequence[int]
    ) -> None:
        self._size = (int(size[0]), int(size[1]), int(size[2]))
        self._surface = _in_voxels(surface, back, np.linalg.inv(volume_to_ras))
        bounds = self._surface.GetBounds() if self._surface is not None else (0, -1, 0, -1, 0, -1)
        self._k_range = (bounds[4], bounds[5])

    def plane(self, k: int) -> NDArray[np.uint8]:
        """1 at the centres (j, i) of the volume's slice ``k`` that lie inside the surface, else 0."""
        width, height, _ = self._size
        low, high = self._k_range
        if self._surface is None or k < low or k > high:
            return np.zeros((height, width), dtype=np.uint8)
        return _filled(self._surface, width, height, k)


def _in_voxels(surface: Any, back: NodeTransform, from_ras: NDArray[Any]) -> Any:
    """A copy of a surface with its points in the volume's voxel indices, or None for an empty one."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    if surface is None or not surface.GetNumberOfPoints() or not surface.GetNumberOfCells():
        return None
    found = affine(from_ras, back(vtk_to_numpy(surface.GetPoints().GetData())))
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(found), deep=True))
    shape = vtk.vtkPolyData()
    shape.SetPoints(points)
    triangles = vtk.vtkTriangleFilter()
    copy = vtk.vtkPolyData()
    copy.DeepCopy(surface)
    shape.SetPolys(copy.GetPolys())
    shape.SetStrips(copy.GetStrips())
    triangles.SetInputData(shape)
    triangles.Update()
    return triangles.GetOutput()


def _filled(surface: Any, width: int, height: int, k: int) -> NDArray[np.uint8]:
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    stencil = vtk.vtkPolyDataToImageStencil()
    stencil.SetInputData(surface)
    stencil.SetOutputSpacing(1, 1, 1)
    stencil.SetOutputOrigin(0, 0, 0)
    stencil.SetOutputWholeExtent(0, width - 1, 0, height - 1, k, k)
    image = vtk.vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    return vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(height, width).copy()
