"""A live session in the worker, and in this process behind the same interface: strokes, preview, cancel, kill."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livelocal import LocalLiveRunner
from livethings import GRID, STEPS, Opened, balls, dice_of, only
from livethings import opened as opened

from SAMAdaptLib.data.io.metaimage import write_image
from SAMAdaptLib.errors import InputError, WorkerError
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import LiveJob, ProbeJob, job_from_dict
from SAMAdaptLib.live import messages
from SAMAdaptLib.live.messages import Told
from SAMAdaptLib.preprocessing.slicing import SliceStack
from SAMAdaptLib.worker import protocol as wire
from SAMAdaptLib.worker.client import JobFolder, JobState, WorkerClient
from SAMAdaptLib.worker.handle import JobRunner
from SAMAdaptLib.worker.live_client import LiveCallbacks, LiveClient, packed

STACK = SliceStack(GRID, "axial")
TRUTH = balls().labelmap.voxels
PAINTED = only(TRUTH, (2, 5, 8), STACK)
JOB = LiveJob(image="volume.mha", plane="axial", encoder="tiny", input_size=64)


class Heard:
    """What a session told, in order."""

    def __init__(self) -> None:
        self.slices: list[int] = []
        self.states: list[str] = []
        self.finished = self.closed = 0
        self.progress: list[tuple[str, int, int]] = []

    def callbacks(self) -> LiveCallbacks:
        """Callbacks that remember."""
        return LiveCallbacks(
            state=lambda live: self.states.append(live.state),
            progress=lambda live, stage, done, total: self.progress.append((stage, done, total)),
            preview=lambda live, slices: self.slices.extend(slices),
            finished=lambda live: self._count("finished"),
            closed=lambda live: self._count("closed"),
        )

    def _count(self, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)


@pytest.fixture
def heard() -> Heard:
    """Nothing, yet."""
    return Heard()


@pytest.fixture
def runner(opened: Opened) -> LocalLiveRunner:
    """Runs sessions on the phantom in this process."""
    return LocalLiveRunner(lambda job, monitor: opened(plane=job.plane, monitor=monitor, steps=STEPS))


@pytest.fixture
def live(runner: LocalLiveRunner, heard: Heard) -> LiveClient:
    """An open session that begins at slice 4."""
    client = LiveClient(runner, JOB, GRID, heard.callbacks())
    runner.poll()
    return client


def until(runner: JobRunner, done: Callable[[], object], seconds: float = 60.0) -> None:
    """Poll until something is so."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it takes too long"
        runner.poll()


# Strokes and preview ------------------------------------------------------------------------------------------------


def test_strokes_bring_a_preview_that_begins_at_the_visible_slice(
    runner: LocalLiveRunner, live: LiveClient, heard: Heard
) -> None:
    before = PAINTED.copy()
    live.set_annotation(PAINTED, focus=4)
    until(runner, lambda: heard.finished)
    assert set(heard.slices[:3]) == {4}  # contours, the quick fit, the whole fit
    assert heard.slices[-10:] == [3, 5, 2, 6, 1, 7, 0, 8, 9, 10]
    assert np.array_equal(PAINTED, before)
    assert (live.annotated, live.previewed_generation, live.generation) == ((2, 5, 8), 1, 1)
    assert live.next_slice not in (None, 2, 5, 8)
    assert all(live.previewed)
    assert min(dice_of(live.preview[2:9], TRUTH[2:9], value) for value in (2, 5)) > 0.7
    assert heard.states[-1] == "predicting"
    until(runner, lambda: live.state == "ready")


def test_the_preview_is_what_a_session_of_ones_own_makes(
    runner: LocalLiveRunner, live: LiveClient, heard: Heard, opened: Opened
) -> None:
    live.set_annotation(PAINTED, focus=4)
    until(runner, lambda: heard.finished)
    assert np.array_equal(live.preview, opened(balls(), PAINTED, plane="axial").complete().voxels)


def test_slices_are_encoded_while_nothing_is_painted_nearest_first(
    runner: LocalLiveRunner, live: LiveClient, heard: Heard
) -> None:
    live.focus(9)
    until(runner, lambda: live.state == "ready")
    assert heard.progress[-1] == ("Encoding slices", 11, 11)
    assert heard.slices == []


def test_strokes_that_come_meanwhile_replace_the_running_fit(
    runner: LocalLiveRunner, live: LiveClient, heard: Heard
) -> None:
    live.set_annotation(only(TRUTH, (2, 8), STACK), focus=4)
    until(runner, lambda: heard.slices)
    live.set_slices({5: STACK.slice(TRUTH, 5)}, focus=4)
    assert not any(live.previewed)
    until(runner, lambda: heard.finished)
    assert (heard.finished, live.generation, live.annotated) == (1, 2, (2, 5, 8))


def test_what_did_not_change_is_not_fitted_again(runner: LocalLiveRunner, live: LiveClient, heard: Heard) -> None:
    live.set_annotation(PAINTED, focus=4)
    until(runner, lambda: heard.finished)
    live.set_annotation(PAINTED.copy(), focus=4)
    live.set_slices(packed({5: STACK.slice(PAINTED, 5), 6: np.zeros(STACK.shape, np.uint8)}), focus=4)
    assert live.generation == 1
    assert all(live.previewed)


def test_erasing_everything_ends_the_preview(runner: LocalLiveRunner, live: LiveClient, heard: Heard) -> None:
    live.set_annotation(PAINTED, focus=4)
    until(runner, lambda: heard.finished)
    live.set_annotation(np.zeros_like(PAINTED))
    until(runner, lambda: heard.finished == 2)
    assert (live.annotated, live.next_slice) == ((), None)
    assert not any(live.previewed)


def test_a_slice_marked_empty_is_annotated(runner: LocalLiveRunner, live: LiveClient, heard: Heard) -> None:
    live.set_annotation(PAINTED, empty_slices=(10,), focus=4)
    until(runner, lambda: heard.finished)
    assert live.annotated == (2, 5, 8, 10)
    assert not live.preview[10].any()
    live.set_slices({}, empty_slices=())
    until(runner, lambda: heard.finished == 2)
    assert live.annotated == (2, 5, 8)


def test_scribbles_are_kept_and_filled_around(runner: LocalLiveRunner, live: LiveClient, heard: Heard) -> None:
    strokes = np.where(PAINTED[5] == 0, 9, PAINTED[5])
    strokes[1::2] = 0
    labels = np.zeros_like(PAINTED)
    labels[5] = strokes
    live.set_annotation(labels, background=9, focus=5)
    until(runner, lambda: heard.finished)
    assert 9 not in live.preview
    result = live.accepted(labels, "slice", 5)
    assert np.array_equal(result[5][strokes > 0], strokes[strokes > 0])
    assert np.array_equal(result[:5], labels[:5])


def test_values_above_255_fit(runner: LocalLiveRunner, live: LiveClient, heard: Heard) -> None:
    live.set_annotation(np.where(PAINTED == 2, 300, 0).astype(np.uint16), focus=4)
    until(runner, lambda: heard.finished)
    assert set(np.unique(live.preview)) == {0, 300}


# Ends ---------------------------------------------------------------------------------------------------------------


def test_a_cancelled_preview_stops_and_strokes_go_on(runner: LocalLiveRunner, live: LiveClient, heard: Heard) -> None:
    live.set_annotation(PAINTED, focus=4)
    until(runner, lambda: heard.slices)
    live.cancel_preview()
    until(runner, lambda: live.state == "ready")
    assert not any(live.previewed)
    assert heard.finished == 0
    live.set_slices({8: None}, focus=4)
    until(runner, lambda: heard.finished)
    assert live.annotated == (2, 5)


def test_a_closed_session_says_so_once(runner: LocalLiveRunner, live: LiveClient, heard: Heard) -> None:
    live.set_annotation(PAINTED, focus=4)
    live.close()
    until(runner, lambda: live.closed)
    live.close()
    live.set_annotation(PAINTED * 0)
    runner.poll()
    assert (heard.closed, live.error, live.state, runner.busy) == (1, None, "closed", False)


def test_a_session_that_cannot_be_opened_says_why(heard: Heard, tmp_path: Path) -> None:
    runner = LocalLiveRunner()
    live = LiveClient(runner, LiveJob(image=str(tmp_path / "nothing.mha")), GRID, heard.callbacks())
    until(runner, lambda: live.closed)
    assert isinstance(live.error, InputError)
    assert (live.state, heard.closed) == ("failed", 1)


def test_a_volume_of_another_size_than_the_panels_is_noticed(heard: Heard, opened: Opened) -> None:
    runner = LocalLiveRunner(lambda job, monitor: opened(plane="sagittal"))
    live = LiveClient(runner, JOB, GRID, heard.callbacks())
    runner.poll()
    assert isinstance(live.error, WorkerError)


def test_a_live_job_without_a_line_is_refused_in_a_sentence(tmp_path: Path) -> None:
    volume = tmp_path / "volume.mha"
    write_image(volume, balls().volume)
    with pytest.raises(InputError, match="needs a worker"):
        run_job(LiveJob(image=str(volume), encoder="tiny", input_size=64))


# Words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_slices_travel_whole(kind: type) -> None:
    labels = np.random.default_rng(0).integers(0, 250, (7, 5)).astype(kind)
    again = messages.unpack(messages.pack(labels), (7, 5))
    assert again.dtype == kind
    assert np.array_equal(again, labels)


@pytest.mark.parametrize("text", ["", "1:", "3:AAAA", "1:AAAA", messages.pack(np.zeros((3, 3), np.uint8)), "1:é"])
def test_a_slice_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WorkerError, match="not as agreed"):
        messages.unpack(text, (7, 5))


def test_an_annotation_survives_its_travel_and_damage_is_refused() -> None:
    told = Told(3, {2: np.ones((7, 5), np.uint8), 4: None}, (1,), True, 9, None, 2)
    again = Told.from_data(told.to_data(), (7, 5))
    assert (again.generation, again.empty, again.reset, again.background, again.focus) == (3, (1,), True, 9, 2)
    assert again.slices[4] is None
    with pytest.raises(WorkerError, match="not as agreed"):
        Told.from_data({"slices": []}, (7, 5))


def test_the_words_of_open_jobs_survive_the_wire() -> None:
    for word, words in (
        (wire.Tell(1, "focus", {"slice": 3}), wire.TO_WORKER),
        (wire.Event(1, "x", {"a": [1]}), wire.FROM_WORKER),
    ):
        assert wire.decode(wire.encode(word), words) == word
    assert job_from_dict(JOB.to_dict()) == JOB


# The process --------------------------------------------------------------------------------------------------------


@pytest.fixture
def worker(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerClient]:
    """The real worker, on one core."""
    client = WorkerClient(threads=1, grace_seconds=20.0)
    yield client
    client.close()


def in_worker(client: WorkerClient, heard: Heard) -> LiveClient:
    """A session on the phantom, which travels as a file."""
    folder = JobFolder()
    write_image(folder.file("volume.mha"), balls().volume)
    job = LiveJob(image=folder.file("volume.mha"), plane="axial", encoder="tiny", input_size=64, start=4)
    return LiveClient(client, job, GRID, heard.callbacks(), folder)


def test_the_worker_previews_is_cancelled_and_stays_for_other_jobs(worker: WorkerClient, heard: Heard) -> None:
    live = in_worker(worker, heard)
    live.set_annotation(PAINTED, focus=4)  # before there is a process
    until(worker, lambda: heard.finished, 180)
    assert set(heard.slices) == set(range(11))
    assert min(dice_of(live.preview[2:9], TRUTH[2:9], value) for value in (2, 5)) > 0.7
    folder = Path(live.handle.folder.path) if live.handle.folder else Path()
    live.close()
    until(worker, lambda: live.closed)
    assert (live.error, live.state, folder.exists()) == (None, "closed", False)
    probe = worker.submit(ProbeJob(encoder="tiny", measure=False))
    assert worker.wait(probe, 60).state is JobState.DONE


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_that_is_killed_in_mid_fit_costs_the_preview_alone(worker: WorkerClient, heard: Heard) -> None:
    labels = PAINTED.copy()
    live = in_worker(worker, heard)
    live.set_annotation(labels, focus=4)
    until(worker, lambda: live.state == "fitting", 180)
    pid: Any = worker.pid
    os.kill(pid, signal.SIGKILL)
    until(worker, lambda: live.closed)
    assert live.error is not None
    assert (live.state, heard.closed) == ("failed", 1)
    assert np.array_equal(labels, PAINTED)
    another = in_worker(worker, heard)
    another.set_annotation(labels, focus=4)
    until(worker, lambda: heard.finished, 180)
    assert another.annotated == (2, 5, 8)


def test_strokes_are_heard_while_many_slices_are_looked_up(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("SAMAdaptLib.live.serve.CHECKED", 3)
    opened().encode()  # all are in the cache
    heard, runner = Heard(), LocalLiveRunner(lambda job, monitor: opened(plane=job.plane, monitor=monitor))
    live = LiveClient(runner, JOB, GRID, heard.callbacks())
    polls = 0
    while live.state != "ready":
        runner.poll()
        polls += 1
    assert polls >= 11 // 3
    assert heard.progress == []
