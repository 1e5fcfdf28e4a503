"""Run by Slicer's ctest: the live preview is an effect of Slicer's own Segment Editor, and a section of the panel."""

# ruff: noqa: N802, N806  (named as Slicer names things)
import unittest

import numpy as np
import slicer


class SAMAdaptEffectTest(unittest.TestCase):
    """What only the application has: the real editor widget, its effects and their options."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()
        self.widget = slicer.util.getModuleWidget("SAMAdapt")

    def test_the_effect_is_offered_and_its_controls_appear_when_it_is_chosen(self) -> None:
        volumeNode = slicer.util.addVolumeFromArray(np.zeros((4, 16, 16), np.int16))
        segmentationNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        editorNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        editor = slicer.qMRMLSegmentEditorWidget()
        editor.setMRMLSegmentEditorNode(editorNode)
        editor.setMRMLScene(slicer.mrmlScene)
        editor.setSegmentationNode(segmentationNode)
        editor.setSourceVolumeNode(volumeNode)
        self.assertIn("SAMAdapt", editor.availableEffectNames())
        effect = editor.effectByName("SAMAdapt")
        self.assertTrue(effect.helpText())
        self.assertFalse(effect.perSegment)
        live = self.widget.panel.annotate.live
        live._missing = lambda: "Nothing is to be installed or started by this test."
        editor.setActiveEffectByName("SAMAdapt")
        self.assertIsNotNone(slicer.util.findChild(effect.optionsFrame(), "liveEffectLiveButton"))
        self.assertIs(live.volume, volumeNode)
        editor.setActiveEffectByName("")
        effect.self().cleanup()

    def test_the_panel_has_an_editor_with_choices_of_its_own(self) -> None:
        annotate = self.widget.panel.annotate
        self.widget.ui.trainCollapsibleButton.collapsed = False
        self.widget.enter()
        try:
            self.assertIsNotNone(annotate.editor)
            node = annotate.editor.mrmlSegmentEditorNode()
            self.assertEqual(node.GetSingletonTag(), "SAMAdapt")
        finally:
            self.widget.exit()
