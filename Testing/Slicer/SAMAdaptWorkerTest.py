"""Run by Slicer's ctest: the worker process under PythonSlicer, and a training without network where torch is here."""

import importlib.util
import time
import unittest

import slicer


class SAMAdaptWorkerTest(unittest.TestCase):
    """Jobs run outside the application, end when told, and leave nothing behind."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()
        self.logic = slicer.util.getModuleLogic("SAMAdapt")

    def tearDown(self) -> None:
        self.logic.close()

    def test_the_worker_answers_and_goes_when_it_is_closed(self) -> None:
        from SAMAdaptLib.jobs.specs import ProbeJob
        from SAMAdaptLib.worker.client import WorkerClient

        client = WorkerClient()
        try:
            facts = client.wait(client.submit(ProbeJob(measure=False)), timeout=180).outcome()
            pid = client.pid
            self.assertEqual(facts["kind"], "probe")
            self.assertIsNotNone(pid)
        finally:
            client.close()
        deadline = time.monotonic() + 10
        while client.pid is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIsNone(client.pid)

    def test_the_logic_refuses_what_it_cannot_use(self) -> None:
        from SAMAdaptLib.errors import InputError

        with self.assertRaisesRegex(InputError, "No volume is chosen"):
            self.logic.segment(None, "none.samhead")

    def test_a_head_is_trained_and_used(self) -> None:
        if importlib.util.find_spec("torch") is None:
            self.skipTest("torch is not installed in this Python")
        from SAMAdaptLib.mrml.selftest import trainAndSegment

        self.assertGreater(trainAndSegment(self.logic), 0.8)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 2)
