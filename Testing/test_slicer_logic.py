"""``train`` and ``segment`` on nodes: what the Python console does, with jobs that cost nothing."""

from __future__ import annotations

import inspect
import json
import struct
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

import mrmlscenes as scenes
import slicer
from geometries import numbered, oblique_grid
from mrmlfixtures import *  # noqa: F403  fixtures
from mrmlthings import LPS, add_roi, two_masks

from SAMAdaptLib import mrml
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.metaimage import write_image
from SAMAdaptLib.errors import Cancelled, InputError, SAMAdaptError, WorkerError
from SAMAdaptLib.mrml import logic as slicer_logic
from SAMAdaptLib.mrml.logic import HeadFile, SlicerLogic
from SAMAdaptLib.mrml.run import Run
from SAMAdaptLib.utils.paths import folder
from SAMAdaptLib.worker.in_process import InProcessRunner

LEARNED = [
    {"value": 1, "name": "High", "color": [1, 0, 0], "terminology": ""},
    {"value": 3, "name": "Highest", "color": [0, 1, 0], "terminology": ""},
]


def write_head(path: Path, structures=LEARNED) -> Path:
    """A head file with a card and no weights."""
    card = {
        "schema": 1,
        "head": {"type": "linear", "hyper": {"channels": {"neck": 32}, "classes": len(structures) + 1}},
        "encoder": {"name": "tiny", "sha256": "0" * 64, "levels": {"neck": [32, 64]}},
        "plane": {"name": "axial", "acquisition": False},
        "intensity": {"kind": "none", "low": 0.0, "high": 255.0},
        "structures": structures,
        "name": path.stem,
    }
    header = json.dumps({"__metadata__": {"samadapt": json.dumps(card)}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def pretend(job, monitor):
    """Does a job without any learning: 'High' is what is above the mean, 'Highest' above 1.5 times the mean."""
    from SAMAdaptLib.data.io.volumes import read_volume

    monitor.progress("Pretending", 1, 2)
    if job.kind == "train":
        write_head(Path(job.output), [{**item.to_dict(), "color": list(item.color)} for item in job.structures])
        return {"kind": "train", "head": job.output, "cancelled": False}
    volume = read_volume(job.image)
    mean = volume.voxels.mean()
    labels = np.where(volume.voxels > 1.5 * mean, 3, volume.voxels > mean)
    from SAMAdaptLib.data.image import Labelmap

    write_image(job.output, Labelmap(labels, volume.geometry))
    return {"kind": "segment", "output": job.output, "structures": LEARNED}


@pytest.fixture
def logic(empty_home):
    made = SlicerLogic(InProcessRunner(pretend))
    yield made
    made.close()
    assert not list(folder("jobs").iterdir()), "no file is left behind"


@pytest.fixture
def head(empty_home) -> Path:
    return write_head(folder("heads") / "heart.samhead")


def expected(voxels: np.ndarray) -> np.ndarray:
    return np.where(voxels > 1.5 * voxels.mean(), 3, voxels > voxels.mean())


def in_own_values(node, volume) -> np.ndarray:
    return mrml.read_labelmap_node(node, volume, values={"High": 1, "Highest": 3}).voxels


# --- segment --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_what", ["name", "path", "text", "head file"])
def test_segment_waits_and_returns_the_segmentation_node(scene, logic, head, as_what):
    grid = oblique_grid()
    volume = scenes.add_volume(scene, numbered(grid), grid)
    given = {"name": "heart", "path": head, "text": str(head), "head file": HeadFile(head)}[as_what]
    node = logic.segment(volume, given)
    assert node.GetName() == "MR segmentation"
    assert [info.name for info in mrml.segments_of(node)] == ["High", "Highest"]
    assert np.array_equal(in_own_values(node, volume), expected(numbered(grid)))


def test_a_second_run_overwrites_nothing(scene, logic, head):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    first, second = logic.segment(volume, head), logic.segment(volume, head)
    assert first is not second
    assert logic.segment(volume, head, second) is second


def test_a_head_that_is_not_there_is_said_with_those_that_are(scene, logic, head):
    with pytest.raises(InputError, match="no head file liver, and none of that name") as caught:
        logic.segment(scenes.add_volume(scene, numbered(LPS), LPS), "liver")
    assert caught.value.hint.startswith("Heads there: heart, ")
    assert "Train one" in caught.value.hint


def test_what_cannot_be_segmented_is_refused_at_once(scene, logic, head):
    with pytest.raises(InputError, match="No volume is chosen"):
        logic.segment(None, head, waitForCompletion=False)
    flat = scenes.add_volume(scene, np.zeros(LPS.shape), LPS)
    with pytest.raises(InputError, match="constant"):
        logic.segment(flat, head)


def test_the_region_of_interest_travels_with_the_job(scene, empty_home, head):
    jobs = []
    logic = SlicerLogic(InProcessRunner(lambda job, monitor: jobs.append(job) or pretend(job, monitor)))
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    roi = add_roi(scene, mrml.world_of_voxel(volume, (4, 4, 3)), (2.5, 2.5, 2.5))
    logic.segment(volume, head, roiNode=roi, planes="three", testTimeViews=True, largestComponent=False)
    assert jobs[0].region == mrml.region_from_roi(roi, volume)
    assert (jobs[0].planes, jobs[0].tta, jobs[0].largest_component) == ("three", True, False)


# --- train ----------------------------------------------------------------------------------------------------------


def test_train_returns_a_head_in_the_library_under_a_name_of_its_own(scene, logic):
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    first = logic.train(volume, drawn, name="heart")
    second = logic.train(volume, drawn, name="heart")
    assert [head.path.name for head in (first, second)] == ["heart.samhead", "heart 2.samhead"]
    assert [item["name"] for item in first.card.structures] == ["Left ventricle", "Myocardium"]
    assert logic.train(volume, drawn).path.stem == "Left ventricle, Myocardium"
    assert "linear on tiny" in str(first)


def test_train_takes_more_cases_chosen_segments_and_another_place(scene, empty_home, tmp_path):
    jobs = []
    logic = SlicerLogic(InProcessRunner(lambda job, monitor: jobs.append(job) or pretend(job, monitor)))
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    only = [info.id for info in mrml.segments_of(drawn) if info.name == "Myocardium"]
    earlier = write_head(tmp_path / "earlier.samhead")
    target = tmp_path / "x.samhead"
    head = logic.train(
        volume, drawn, output=target, segmentIDs=only, moreCases=[(volume, drawn)], unlabeledVolumes=[volume],
        budget="fast", annotatedSlicesOnly=True, startFrom=earlier,
    )  # fmt: skip
    assert head.path == target
    job = jobs[0]
    # 1 and 3 are structures of the earlier head.
    assert [(item.value, item.name) for item in job.structures] == [(2, "Myocardium"), (4, "Left ventricle")]
    assert (len(job.cases), len(job.unlabeled), job.budget, job.annotated_slices_only) == (2, 1, "fast", True)
    assert job.start_from == str(earlier)


def examples(text: str) -> list[str]:
    """The indented blocks that follow an empty line in a docstring."""
    blocks = inspect.cleandoc(text).split("\n\n")
    return [textwrap.dedent(block) for block in blocks if all(line.startswith("    ") for line in block.splitlines())]


@pytest.mark.parametrize("of", [slicer_logic, SlicerLogic.train, SlicerLogic.segment])
def test_the_examples_in_the_docstrings_run(scene, logic, head, of):
    class Util:
        getModuleLogic = staticmethod(lambda name: logic)  # noqa: N815  Slicer's name

    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    names = {
        "slicer": type("slicer", (), {"util": Util}),
        "logic": logic,
        "volumeNode": volume,
        "otherVolumeNode": volume,
        "segmentationNode": scenes.add_segmentation(scene, two_masks(LPS), LPS),
    }
    found = examples(of.__doc__)
    assert found
    for code in found:
        exec(code, names)
    assert mrml.is_alive(names["segmentationNode"])


# --- runs that nobody waits for -------------------------------------------------------------------------------------


class Slow(InProcessRunner):
    """A job that lasts until it is let go or cancelled; every poll does a little, as with a worker."""

    def __init__(self):
        super().__init__(pretend)
        self.go = False

    def poll(self):
        if self._waiting and not self.go and self._waiting[0].state.value != "cancelling":
            return True
        return super().poll()


def poll_until(run, condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        run.poll()
        time.sleep(0.005)
    assert condition()


def test_without_waiting_a_run_goes_on_when_it_is_polled(scene, empty_home, head):
    runner = Slow()
    logic = SlicerLogic(runner)
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    run = logic.segment(volume, head, waitForCompletion=False)
    poll_until(run, lambda: runner.busy)
    assert (run.finished, run.result) == (False, None)
    assert run.wait(timeout=0.05) is None
    runner.go = True
    node = run.wait(timeout=10)
    assert run.finished
    assert run.result is node
    assert run.stage == "Reading the result"
    assert not run.poll()
    assert not list(folder("jobs").iterdir())


def test_a_schedule_keeps_runs_going_that_nobody_waits_for(scene, empty_home, head):
    polls = []
    logic = SlicerLogic(InProcessRunner(pretend), schedule=polls.append)
    run = logic.segment(scenes.add_volume(scene, numbered(LPS), LPS), head, waitForCompletion=False)
    deadline = time.monotonic() + 10
    while polls[0]() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert run.finished
    assert mrml.is_alive(run.result)
    logic.segment(scenes.add_volume(scene, numbered(LPS), LPS), head)
    assert len(polls) == 1


@pytest.mark.parametrize("when", ["at once", "in the job"])
def test_a_cancelled_run_ends_with_cancelled_and_leaves_nothing(scene, empty_home, head, when):
    runner = Slow()
    logic = SlicerLogic(runner)
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    before = scene.GetNumberOfNodes()
    run = logic.segment(volume, head, waitForCompletion=False)
    if when == "in the job":
        poll_until(run, lambda: runner.busy)
    run.cancel()
    with pytest.raises(Cancelled):
        run.wait(timeout=10)
    assert isinstance(run.error, Cancelled)
    assert scene.GetNumberOfNodes() == before
    assert not list(folder("jobs").iterdir())


@pytest.mark.parametrize("gone", ["volume", "target", "scene"])
def test_nodes_that_go_away_meanwhile_cancel_politely(scene, empty_home, head, gone):
    runner = Slow()
    logic = SlicerLogic(runner)
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    target = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Chosen")
    run = logic.segment(volume, head, target, waitForCompletion=False)
    poll_until(run, lambda: runner.busy)
    if gone == "scene":
        scene.Clear(True)
    else:
        scene.RemoveNode(volume if gone == "volume" else target)
    runner.go = True
    with pytest.raises(Cancelled, match="removed from the scene"):
        run.wait(timeout=10)
    assert not list(folder("jobs").iterdir())


@pytest.mark.parametrize(
    ("fault", "told"),
    [(WorkerError("It died.", "Look at the log."), WorkerError), (ZeroDivisionError("oh"), SAMAdaptError)],
)
def test_a_fault_of_the_job_is_raised_and_leaves_nothing(scene, empty_home, head, fault, told):
    def fail(job, monitor):
        raise fault

    logic = SlicerLogic(InProcessRunner(fail))
    with pytest.raises(told, match="It died|ZeroDivisionError: oh"):
        logic.segment(scenes.add_volume(scene, numbered(LPS), LPS), head)
    assert not list(folder("jobs").iterdir())


def test_closing_ends_runs_and_their_files(scene, empty_home, head):
    logic = SlicerLogic(Slow())
    run = logic.segment(scenes.add_volume(scene, numbered(LPS), LPS), head, waitForCompletion=False)
    poll_until(run, lambda: logic.runner.busy)
    logic.close()
    assert run.finished
    assert isinstance(run.error, Cancelled)
    assert not list(folder("jobs").iterdir())


def test_a_cancelled_training_that_kept_a_head_has_head_and_error(scene, empty_home, tmp_path):
    def keep(job, monitor):
        return {**pretend(job, monitor), "cancelled": True, "note": "Cancelled; the best head so far was kept."}

    logic = SlicerLogic(InProcessRunner(keep))
    volume = scenes.add_volume(scene, numbered(LPS), LPS)
    drawn = scenes.add_segmentation(scene, two_masks(LPS), LPS)
    run = logic.train(volume, drawn, output=tmp_path / "x.samhead", waitForCompletion=False)
    with pytest.raises(Cancelled, match="best head so far was kept"):
        run.wait(timeout=10)
    assert run.result.path == tmp_path / "x.samhead"


def test_an_interrupt_from_the_keyboard_cancels(scene, empty_home, head):
    runner = Slow()
    logic = SlicerLogic(runner)
    run = logic.segment(scenes.add_volume(scene, numbered(LPS), LPS), head, waitForCompletion=False)
    poll_until(run, lambda: runner.busy)

    def interrupt():
        if not run.cancelled:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.wait(pause=interrupt)
    assert run.finished
    assert not list(folder("jobs").iterdir())


def test_files_are_written_beside_the_main_thread(scene, logic, head, monkeypatch):
    threads = []

    def spy(path, image):
        threads.append(threading.current_thread())
        write_image(path, image)

    monkeypatch.setattr("SAMAdaptLib.mrml.node_jobs.write_image", spy)
    logic.segment(scenes.add_volume(scene, numbered(LPS), LPS), head)
    assert threads
    assert threading.main_thread() not in threads


# --- for real -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_head_of_a_tiny_encoder_finds_what_was_annotated(scene, empty_home, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    from SAMAdaptLib.mrml.selftest import NAMES, SHAPE, SPACING_MM, phantom

    grid = Geometry(SHAPE[::-1], SPACING_MM)
    (voxels, labels), (others, truth) = phantom(), phantom(shift=3.0, seed=1)
    volume, other = scenes.add_volume(scene, voxels, grid), scenes.add_volume(scene, others, grid)
    drawn = scenes.add_segmentation(scene, {name: labels == value for value, name in NAMES.items()}, grid)
    logic = SlicerLogic(InProcessRunner())
    head = logic.train(
        volume, drawn, output=tmp_path / "x.samhead", encoder="tiny", head="linear", budget="fast", device="cpu"
    )
    node = logic.segment(other, head, device="cpu")
    found = mrml.read_labelmap_node(node, other, values={name: value for value, name in NAMES.items()}).voxels
    for value in NAMES:
        both = ((found == value) & (truth == value)).sum()
        assert 2 * both / ((found == value).sum() + (truth == value).sum()) > 0.7
    assert not list(folder("jobs").iterdir())


def test_what_is_changed_after_the_call_does_not_count(scene, logic, empty_home):
    grid = Geometry((160, 150, 90), (1, 1, 1))
    node = scenes.add_volume(scene, numbered(grid), grid)
    run = logic.segment(node, write_head(folder("heads") / "heart.samhead"), waitForCompletion=False)
    np.copyto(slicer.util.arrayFromVolume(node), 0)
    slicer.util.arrayFromVolumeModified(node)
    assert run.wait(timeout=60).GetSegmentation().GetNumberOfSegments() == 2


def test_a_run_that_gathers_can_be_cancelled_and_leaves_nothing(scene, empty_home):
    grid = Geometry((160, 150, 90), (1, 1, 1))
    node = scenes.add_volume(scene, numbered(grid), grid)
    plan = mrml.SegmentNodeJob.of(node, write_head(folder("heads") / "heart.samhead"))
    run = Run(plan, lambda: InProcessRunner(pretend), lambda facts, fetched: None)
    run.cancel()
    with pytest.raises(Cancelled):
        run.wait(timeout=60)
    assert not run.filing
    assert not list(folder("jobs").iterdir())


def test_a_volume_changed_while_it_is_gathered_ends_the_run_with_its_name(scene, empty_home):
    grid = Geometry((160, 150, 90), (1, 1, 1))
    node = scenes.add_volume(scene, numbered(grid), grid)
    plan = mrml.SegmentNodeJob.of(node, write_head(folder("heads") / "heart.samhead"))
    run = Run(plan, lambda: InProcessRunner(pretend), lambda facts, fetched: None)
    slicer.util.arrayFromVolumeModified(node)
    with pytest.raises(InputError, match="'MR' was changed while it was being read"):
        run.wait(timeout=60)
    assert not list(folder("jobs").iterdir())
