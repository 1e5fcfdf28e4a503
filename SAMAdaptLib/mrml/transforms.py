"""Where MRML nodes are: how points go from one node's coordinates to another's, whatever transforms lie between.

A *frame* here is the RAS space in which a node keeps its data: the world, seen through the node's parent
transforms. ``NodeTransform`` is a private copy of the way between two frames, so that it may be used from another
thread and stays true when the user moves a transform meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import Cancelled

POINTS_AT_ONCE = 8192
"""VTK keeps the interpreter while it maps points; a few thousand at a time let the user interface breathe."""


def is_alive(node: Any) -> bool:
    """True while a node is in a scene. A removed node, or one of a closed scene, is not."""
    scene = node.GetScene() if node is not None else None
    return scene is not None and bool(scene.IsNodePresent(node))


def require_alive(node: Any, what: str) -> None:
    """Raise Cancelled if a node went away while work on it was under way; ``what`` names it in the message."""
    if not is_alive(node):
        msg = f"{what} was removed from the scene meanwhile; the result is not shown."
        raise Cancelled(msg)


def name_of(node: Any) -> str:
    """A node's name, or its class when it has none."""
    return node.GetName() or node.GetClassName()


def array_from_matrix(matrix: Any) -> NDArray[np.float64]:
    """4x4 float64 of a vtkMatrix4x4."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def matrix_from_array(array: ArrayLike) -> Any:
    """A vtkMatrix4x4 of a 4x4 array; the inverse of ``array_from_matrix``."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=np.float64).ravel().tolist())
    return matrix


def ijk_to_ras(volume_node: Any) -> NDArray[np.float64]:
    """4x4 float64 from a volume node's voxel indices (i, j, k) to RAS mm in its own frame (parent not applied)."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return array_from_matrix(matrix)


def affine(matrix: NDArray[Any], points: ArrayLike) -> NDArray[np.float64]:
    """Points (N, 3) through a 4x4 matrix."""
    return np.asarray(points, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


class NodeTransform:
    """From one frame to another: ``matrix`` (4x4 float64) when all transforms between are linear, else None.

    Calling it maps points (N, 3), mm RAS in the first frame, to (N, 3) in the second.
    """

    def __init__(self, matrix: NDArray[np.float64] | None, transform: Any = None) -> None:
        self.matrix = matrix
        self._transform = transform

    @classmethod
    def between(cls, source: Any, target: Any) -> NodeTransform:
        """From the frame of ``source`` to that of ``target``: transformable nodes, or None for the world."""
        import slicer
        import vtk

        live = vtk.vtkGeneralTransform()
        parents = (node.GetParentTransformNode() if node is not None else None for node in (source, target))
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(*parents, live)
        linear = vtk.vtkTransform()
        if slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(live, linear):
            return cls(array_from_matrix(linear.GetMatrix()))
        copy = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.DeepCopyTransform(copy, live)
        return cls(None, copy)

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        points = np.asarray(points, dtype=np.float64)
        if self.matrix is not None:
            return affine(self.matrix, points)
        parts = [self._warp(points[at : at + POINTS_AT_ONCE]) for at in range(0, len(points), POINTS_AT_ONCE)]
        return np.concatenate(parts) if parts else points

    def _warp(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        import vtk
        from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

        before, after = vtk.vtkPoints(), vtk.vtkPoints()
        after.SetDataTypeToDouble()
        before.SetData(numpy_to_vtk(np.ascontiguousarray(points), deep=True))
        self._transform.TransformPoints(before, after)
        return vtk_to_numpy(after.GetData()).copy()
