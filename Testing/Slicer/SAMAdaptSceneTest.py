"""Run by Slicer's ctest: nodes of the application's scene to volumes and labelmaps and back. Needs no torch."""

# ruff: noqa: N802, N806  (named as Slicer names things)
import unittest

import numpy as np
import slicer
import vtk


class SAMAdaptSceneTest(unittest.TestCase):
    """What the library does with real nodes, in the real application."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()
        _makeLibraryImportable()

    def test_a_volume_under_a_transform_and_its_labels_come_back_where_they_were(self) -> None:
        from SAMAdaptLib import mrml
        from SAMAdaptLib.data.image import Labelmap
        from SAMAdaptLib.data.structure import Structure

        voxels = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8)
        volumeNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "MR")
        slicer.util.updateVolumeFromArray(volumeNode, voxels)
        volumeNode.SetSpacing(0.8, 0.9, 3.0)
        turn = vtk.vtkTransform()
        turn.RotateWXYZ(30, 1, 2, 3)
        turn.Translate(5, -6, 7)
        transformNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turned")
        transformNode.SetMatrixTransformToParent(turn.GetMatrix())
        volumeNode.SetAndObserveTransformNodeID(transformNode.GetID())

        volume = mrml.read_volume_node(volumeNode)
        self.assertTrue(np.array_equal(volume.voxels, voxels))
        structures = [Structure(1, "One", (1, 0, 0)), Structure(2, "Two", (0, 1, 0))]
        labelmap = Labelmap(voxels % 3, volume.geometry, structures)
        segmentationNode = mrml.place_labels(labelmap, volumeNode).node
        self.assertEqual(segmentationNode.GetTransformNodeID(), transformNode.GetID())
        self.assertEqual([info.name for info in mrml.segments_of(segmentationNode)], ["One", "Two"])
        again = mrml.read_labelmap_node(segmentationNode, volumeNode)
        self.assertTrue(np.array_equal(again.voxels, labelmap.voxels))
        for value, info in enumerate(mrml.segments_of(segmentationNode), 1):
            seen = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, info.id, volumeNode)
            self.assertTrue(np.array_equal(seen > 0, labelmap.voxels == value))

    def test_the_result_is_placed_beside_the_volume_and_can_be_taken_back(self) -> None:
        from SAMAdaptLib import mrml
        from SAMAdaptLib.data.image import Labelmap

        volumeNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "MR")
        slicer.util.updateVolumeFromArray(volumeNode, np.random.default_rng(0).normal(size=(4, 5, 6)))
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Study")
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volumeNode), folder)
        labelmap = Labelmap(np.ones((4, 5, 6), np.uint8), mrml.grid_of(volumeNode))
        placement = mrml.place_labels(labelmap, volumeNode)
        self.assertEqual(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(placement.node)), folder)
        placement.undo()
        self.assertFalse(mrml.is_alive(placement.node))


def _makeLibraryImportable() -> None:
    """In a source checkout the library is known once the module was loaded."""
    if hasattr(slicer.modules, "samadapt"):
        slicer.util.getModuleLogic("SAMAdapt")
