"""What the tests of volumes and annotations in MRML scenes share: grids of all kinds, transforms, a listener."""

from __future__ import annotations

import numpy as np
import pytest
from geometries import oblique_grid, turned

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import slicer  # noqa: E402
import vtk  # noqa: E402

from SAMAdaptLib.data.geometry import Geometry

LIA = Geometry((9, 8, 7), (1.0, 1.0, 1.0), (5.0, 6.0, 7.0), turned((0, 0, 0), (0, 2, 1), (1, -1, -1)))
RAS = Geometry((6, 11, 5), (0.8, 0.8, 4.0), (-30.0, 40.0, 12.0), turned((0, 0, 0), (0, 1, 2), (-1, -1, 1)))
LPS = Geometry((12, 10, 6), (0.7, 0.9, 2.0), (-3.0, 4.0, 5.0))
SINGLE_SLICE = Geometry((10, 14, 1), (0.5, 0.5, 8.0), (1.0, 2.0, 3.0), turned((5, 0, 10)))
GRIDS = {"oblique": oblique_grid(), "LIA": LIA, "RAS": RAS, "LPS": LPS, "single slice": SINGLE_SLICE}

every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())


def rigid(angles=(10, 20, 30), shift=(3.0, -7.0, 11.0)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = turned(angles)
    matrix[:3, 3] = shift
    return matrix


def sheared() -> np.ndarray:
    matrix = rigid()
    matrix[:3, :3] = matrix[:3, :3] @ [[1, 0.2, 0], [0, 1, 0], [0, 0, 1.1]]
    return matrix


def add_roi(scene, centre, size):
    roi = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
    roi.SetSize(*size)
    roi.SetCenter(*centre)
    return roi


def two_masks(grid: Geometry) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5).integers(0, 3, grid.shape)
    return {"Left ventricle": draw == 1, "Myocardium": draw == 2}


def add_surfaces(scene, **balls):
    """A segmentation whose source is closed surfaces: spheres of (centre in RAS, radius)."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    for name, (centre, radius) in balls.items():
        sphere = vtk.vtkSphereSource()
        sphere.SetCenter(*centre)
        sphere.SetRadius(radius)
        sphere.SetThetaResolution(40)
        sphere.SetPhiResolution(40)
        sphere.Update()
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.AddRepresentation("Closed surface", sphere.GetOutput())
        node.GetSegmentation().AddSegment(segment)
    return node
