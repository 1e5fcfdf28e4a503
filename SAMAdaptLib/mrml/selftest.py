"""The self-test that runs inside Slicer: a synthetic volume, a tiny encoder, no network, a minute at most."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHAPE = (10, 64, 64)
SPACING_MM = (1.5, 1.5, 8.0)
POOL, WALL = 1, 2
NAMES = {POOL: "Pool", WALL: "Wall"}
COLORS = {POOL: (0.9, 0.3, 0.25), WALL: (0.3, 0.7, 0.4)}


def phantom(shift: float = 0.0, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A bright pool in a dark wall, in noise: voxels float32 and labels uint8, both (k, j, i)."""
    _, j, i = np.indices(SHAPE, dtype=np.float64)
    distance = np.hypot(j - 32 - shift, i - 30 + shift)
    labels = np.zeros(SHAPE, np.uint8)
    labels[distance < 16] = WALL
    labels[distance < 10] = POOL
    noise = np.random.default_rng(seed).normal(100, 8, SHAPE)
    return (noise + 80.0 * (labels == POOL) - 50.0 * (labels == WALL)).astype(np.float32), labels


def addPhantom(name: str, shift: float = 0.0, seed: int = 0) -> tuple[Any, NDArray[np.uint8]]:
    """A phantom as a volume node of the scene, and its true labels."""
    import slicer
    import vtk

    voxels, labels = phantom(shift, seed)
    node = slicer.util.addVolumeFromArray(voxels, name=name)
    matrix = vtk.vtkMatrix4x4()
    for axis, (spacing, sign) in enumerate(zip(SPACING_MM, (-1, -1, 1), strict=True)):
        matrix.SetElement(axis, axis, sign * spacing)
    node.SetIJKToRASMatrix(matrix)
    return node, labels


def addAnnotation(volumeNode: Any, labels: NDArray[np.uint8], name: str) -> Any:
    """The labels as a segmentation node drawn on the volume."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    for value, structure in NAMES.items():
        segmentId = node.GetSegmentation().AddEmptySegment("", structure, COLORS[value])
        mask = (labels == value).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segmentId, volumeNode)
    return node


def trainAndSegment(logic: Any) -> float:
    """Train on one phantom, segment another; the mean Dice of what was found."""
    from ..evaluation.metrics import evaluate
    from .annotation.capture import read_labelmap_node

    annotated, labels = addPhantom("Annotated")
    annotation = addAnnotation(annotated, labels, "Annotation")
    other, truth = addPhantom("Other", shift=3.0, seed=1)
    values = {name: value for value, name in NAMES.items()}
    with tempfile.TemporaryDirectory() as folder:  # the user's library of heads is none of a test's business
        target = Path(folder) / "selftest.samhead"
        head = logic.train(annotated, annotation, output=target, encoder="tiny", head="linear", budget="fast")
        found = read_labelmap_node(logic.segment(other, head), other, values=values)
    return evaluate(found, found.with_array(truth)).mean_dice
