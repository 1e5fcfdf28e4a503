"""Real MRML scenes for tests, without the application: nodes as users have them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
import vtk  # noqa: E402  comes with slicer-core

from SAMAdaptLib.data.geometry import Geometry  # noqa: E402
from SAMAdaptLib.mrml.transforms import matrix_from_array  # noqa: E402


@contextlib.contextmanager
def a_scene() -> Iterator[Any]:
    """An empty scene with the logics that segmentations need. Fails if VTK or MRML complained meanwhile."""
    before, heard = vtk.vtkOutputWindow.GetInstance(), vtk.vtkStringOutputWindow()
    vtk.vtkOutputWindow.SetInstance(heard)
    try:
        scene = slicer.vtkMRMLScene()
        logic = slicer.vtkSlicerSegmentationsModuleLogic()  # registers how surfaces and labelmaps convert
        logic.SetMRMLScene(scene)
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        yield scene
        scene.Clear(True)
    finally:
        vtk.vtkOutputWindow.SetInstance(before)
    assert heard.GetOutput() == "", "VTK complained"


def add_color_tables(scene: Any) -> Any:
    """What displays of label volumes look for; returns the logic, which the caller keeps."""
    logic = slicer.vtkMRMLColorLogic()
    logic.SetMRMLScene(scene)
    return logic


def add_volume(scene: Any, array: np.ndarray, geometry: Geometry, name: str = "MR", kind: str = "Scalar") -> Any:
    """A volume node with these voxels (k, j, i) on this grid, and a subject hierarchy item."""
    node = scene.AddNewNodeByClass(f"vtkMRML{kind}VolumeNode", name)
    slicer.util.updateVolumeFromArray(node, array)
    node.SetIJKToRASMatrix(matrix_from_array(geometry.ras_matrix))
    hierarchy = hierarchy_of(scene)
    hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    return node


def add_segmentation(
    scene: Any, masks: dict[str, np.ndarray], geometry: Geometry, name: str = "Drawn", shared: bool = False
) -> Any:
    """A segmentation node with a segment for each mask (k, j, i), made the way Slicer makes them.

    ``shared``: in one layer (masks must not overlap); else each in a layer of its own.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    for label, (segment_name, mask) in enumerate(masks.items(), 1):
        segment = slicer.vtkSegment()
        segment.SetName(segment_name)
        segment.SetColor(label / 10, 1 - label / 10, 0.25)
        image = oriented_image(mask.astype(np.uint8), geometry)
        segment.AddRepresentation("Binary labelmap", image)
        node.GetSegmentation().AddSegment(segment)
    if shared:
        node.GetSegmentation().CollapseBinaryLabelmaps(False)
    return node


def oriented_image(array: np.ndarray, geometry: Geometry) -> Any:
    """A vtkOrientedImageData of an array (k, j, i) on a grid."""
    from vtk.util.numpy_support import numpy_to_vtk

    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*geometry.size)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True))
    image.SetImageToWorldMatrix(matrix_from_array(geometry.ras_matrix))
    return image


def add_transform(scene: Any, matrix: np.ndarray, *nodes: Any) -> Any:
    """A linear transform node with these nodes under it."""
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Moved")
    node.SetMatrixTransformToParent(matrix_from_array(matrix))
    for each in nodes:
        each.SetAndObserveTransformNodeID(node.GetID())
    return node


def add_warp(scene: Any, *nodes: Any, by: float = 6.0) -> Any:
    """A non-linear transform node (a thin plate spline that pushes by about ``by`` mm) with these nodes under it."""
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for number, point in enumerate([(x, y, z) for x in (-60, 60) for y in (-60, 60) for z in (-60, 60)] + [(0, 0, 0)]):
        source.InsertNextPoint(point)
        target.InsertNextPoint(np.add(point, by * np.sin([number, 2 * number, 3 * number + 1])))
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    node = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Warp")
    node.SetAndObserveTransformToParent(spline)
    for each in nodes:
        each.SetAndObserveTransformNodeID(node.GetID())
    return node


def exported_by_slicer(scene: Any, segmentation: Any, volume: Any, segment_id: str | None = None) -> np.ndarray:
    """What Slicer's own export finds at the voxels of a volume: (k, j, i), 1, 2, ... in the order of the segments.

    It adds nodes to the scene and representations to the segmentation.
    """
    colors = add_color_tables(scene)
    target = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    ids = vtk.vtkStringArray()
    if segment_id is None:
        segmentation.GetSegmentation().GetSegmentIDs(ids)
    else:
        ids.InsertNextValue(segment_id)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.ExportSegmentsToLabelmapNode(segmentation, ids, target, volume)
    array = slicer.util.arrayFromVolume(target).copy()
    table = target.GetDisplayNode().GetColorNode()
    scene.RemoveNode(target)
    scene.RemoveNode(table)
    colors.SetMRMLScene(None)
    return array


def hierarchy_of(scene: Any) -> Any:
    """The subject hierarchy node."""
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


def ball(geometry: Geometry, centre: tuple[float, float, float] = (0.5, 0.5, 0.5), part: float = 0.3) -> np.ndarray:
    """bool (k, j, i): an ellipsoid around ``centre`` (i, j, k), half-axes ``part``; all as fractions of the grid."""
    axes = [(np.arange(length) + 0.5) / length for length in geometry.size]
    i, j, k = np.meshgrid(*axes, indexing="ij")
    inside = (i - centre[0]) ** 2 + (j - centre[1]) ** 2 + (k - centre[2]) ** 2 < part**2
    return inside.transpose(2, 1, 0)


def fingerprint(scene: Any, *nodes: Any) -> tuple:
    """Everything by which a change of the nodes or a new node in the scene would show."""
    states = []
    for node in nodes:
        states += [node.GetMTime(), node.GetName(), node.GetTransformNodeID(), node.GetDisplayNode()]
        if node.IsA("vtkMRMLSegmentationNode"):
            segmentation = node.GetSegmentation()
            names = [segmentation.ContainsRepresentation(name) for name in ("Binary labelmap", "Closed surface")]
            states += [segmentation.GetMTime(), segmentation.SerializeAllConversionParameters(), *names]
        else:
            states.append(node.GetImageData().GetMTime())
    return (scene.GetNumberOfNodes(), *states)
