"""Jobs are checked at birth, survive JSON, and are what is run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from SAMAdaptLib.errors import Cancelled, GeometryError, InputError, MemoryExhausted, WorkerError
from SAMAdaptLib.inference.config import InferenceConfig
from SAMAdaptLib.jobs import specs as jobs
from SAMAdaptLib.jobs.specs import (
    BenchmarkJob,
    CaseFiles,
    CompleteJob,
    EmbedJob,
    EvaluateJob,
    Job,
    LiveJob,
    ProbeJob,
    SegmentJob,
    StructureSpec,
    SuggestJob,
    TrainJob,
    WeightsJob,
    job_from_dict,
)
from SAMAdaptLib.training.config import TrainingConfig
from SAMAdaptLib.worker import protocol as wire

A_TRAINING = TrainJob(
    cases=(CaseFiles("a b.nii", "ä-labels.nii"),),
    output="heart.samhead",
    unlabeled=("c.nii",),
    structures=(StructureSpec(1, "Ventricle", (1.0, 0.5, 0.0)), StructureSpec(2, "Atrium")),
    ignore_label=9,
    values=(1, 2),
)
ALL = (
    A_TRAINING,
    SegmentJob("i.nii", "h.samhead", "o.seg.nrrd", region=(0, 4, 1, 5, 2, 6), device="cuda:1", tta=True),
    EvaluateJob("p.nii", "r.nii", values=(3,), tolerance_mm=1.5),
    BenchmarkJob("data", (("p1", "p2"), ("p3",)), ("q",), output="out.json"),
    EmbedJob("i.nii", head="h.samhead"),
    SuggestJob("i.nii", "h.samhead", count=3),
    CompleteJob("i.nii", "p.nii", "o.seg.nrrd", background=9, between=True),
    LiveJob("i.nii", plane="sagittal", start=40),
    WeightsJob(file="w.onnx"),
    ProbeJob(measure=False),
)


@pytest.mark.parametrize("job", ALL, ids=lambda job: job.kind)
def test_a_job_survives_json(job: Job) -> None:
    assert job_from_dict(json.loads(json.dumps(job.to_dict()))) == job


def test_every_kind_of_job_is_known() -> None:
    assert set(jobs.KINDS) == {job.kind for job in ALL}


@pytest.mark.parametrize("job", ALL, ids=lambda job: job.kind)
def test_a_job_can_be_hashed_and_not_changed(job: Job) -> None:
    assert hash(job) == hash(job_from_dict(job.to_dict()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        job.device = "cpu"  # type: ignore[attr-defined]


@pytest.mark.parametrize("job", ALL, ids=lambda job: job.kind)
def test_settings_hold_no_path(job: Job) -> None:
    text = json.dumps(job.settings(), ensure_ascii=False)
    paths = ("a b.nii", "ä-labels.nii", "heart.samhead", "c.nii", "i.nii", "h.samhead", "o.seg.nrrd", "p.nii", "w.onnx")
    assert job.settings()["kind"] == job.kind
    assert not [path for path in paths if path in text]


def test_lists_and_paths_are_taken_and_become_tuples_and_text() -> None:
    job = TrainJob(cases=[{"image": Path("a.nii"), "labels": "b.nii"}], output=Path("x.samhead"))  # type: ignore[arg-type]
    assert job.cases == (CaseFiles("a.nii", "b.nii"),)
    assert job.output == "x.samhead"


REFUSALS = (
    (lambda: job_from_dict({"kind": "dance"}), "Unknown kind of job 'dance'"),
    (lambda: job_from_dict([]), "Unknown kind of job None"),  # type: ignore[arg-type]
    (lambda: job_from_dict({"kind": "segment", "x": 1}), "segment has unknown keys: x; known are image"),
    (lambda: job_from_dict({"kind": "segment", "image": "i"}), "segment lacks: head, output"),
    (lambda: SegmentJob.from_dict({"kind": "train"}), "job of kind 'train', wanted 'segment'"),
    (lambda: SegmentJob("i", "h", ""), "SegmentJob.output must be a path"),
    (lambda: SegmentJob("i", "h", 3), "SegmentJob.output must be text, not 3"),  # type: ignore[arg-type]
    (lambda: SegmentJob("i", "h", "o", tta=1), "SegmentJob.tta must be true or false, not 1"),  # type: ignore[arg-type]
    (lambda: SegmentJob("i", "h", "o", device="gpu"), "SegmentJob.device must be auto, cpu, cuda, cuda:N or mps"),
    (lambda: SegmentJob("i", "h", "o", plane="oblique"), "SegmentJob.plane must be one of auto, axial"),
    (lambda: SegmentJob("i", "h", "o", region=(1, 2)), "SegmentJob.region must be 6 values"),  # type: ignore[arg-type]
    (lambda: SegmentJob("i", "h", "o", region=(5, 5, 0, 1, 0, 1)), "with 0 <= first < last"),
    (lambda: SegmentJob("i", "h", "o", region=(-1, 5, 0, 1, 0, 1)), "with 0 <= first < last"),
    (lambda: TrainJob((), "h.samhead"), "at least one annotated volume"),
    (lambda: TrainJob((CaseFiles("a", "b"),), "head.pth"), "name ends in .samhead; found 'head.pth'"),
    (lambda: TrainJob((CaseFiles("a", "b"),), "h.samhead", seed=1.5), "TrainJob.seed must be a whole number"),  # type: ignore[arg-type]
    (lambda: TrainJob((CaseFiles("a", "b"),), "h.samhead", seed=True), "TrainJob.seed must be a whole number"),
    (lambda: TrainJob((CaseFiles("a", "b"),), "h.samhead", values="12"), "TrainJob.values must be a list"),  # type: ignore[arg-type]
    (lambda: TrainJob((CaseFiles("a", "b"),), "h.samhead", budget="huge"), "one of fast, balanced, best"),
    (lambda: StructureSpec(0, "x"), "value must be in 1..65535, not 0"),
    (lambda: StructureSpec(1, "x", (0.0, 2.0, 0.0)), "must have parts in 0..1"),
    (lambda: EvaluateJob("p", "r", tolerance_mm=0), "must be above 0 mm"),
    (lambda: EvaluateJob("p", "r", tolerance_mm=float("nan")), "must be a finite number"),
    (WeightsJob, "Either an encoder whose weights"),
    (lambda: BenchmarkJob("d", (), ("q",)), "at least one support"),
    (lambda: BenchmarkJob("d", ((),), ("q",)), "at least one support"),
    (lambda: BenchmarkJob("d", (("p",),), ()), "at least one query id"),
)


@pytest.mark.parametrize(("make", "words"), REFUSALS, ids=[words for _, words in REFUSALS])
def test_a_wrong_job_is_refused_by_name(make, words: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert words in caught.value.message


def test_a_region_is_given_out_as_bounds() -> None:
    assert SegmentJob("i", "h", "o", region=(0, 4, 1, 5, 2, 6)).bounds == ((0, 4), (1, 5), (2, 6))
    assert SegmentJob("i", "h", "o").bounds is None


def test_the_words_of_jobs_are_those_of_the_rooms_that_do_the_work() -> None:
    from SAMAdaptLib.networks import HEAD_CHOICES, head_class

    assert all(head_class(name).type_name == name for name in (*HEAD_CHOICES, *jobs.BASELINES) if name != "auto")


def test_a_job_is_filled_from_what_has_the_names_of_its_fields() -> None:
    """From the options of the command line, say: what is None there is left to the default."""
    options = SimpleNamespace(head="cnn", encoder=None, seed=3, cases="others", verb="train")
    job = TrainJob.of(options, cases=(CaseFiles("a", "b"),), output="h.samhead")
    assert (job.head, job.encoder, job.seed) == ("cnn", TrainingConfig().encoder, 3)
    assert TrainingConfig.of(job) == TrainingConfig(head="cnn", seed=3)
    assert job_from_dict(job.to_dict()) == job, "its options lie beside its paths"


def test_what_runs_where_decides_nothing_of_what_is_found() -> None:
    wanted = {"plane": None, "planes": "one", "tta": True, "smoothing": False, "largest_component": None}
    box = ((0, 4), (1, 5), (2, 6))
    found = InferenceConfig(tta=True, device="cpu").decisive(box)
    assert found == {**wanted, "region": [[0, 4], [1, 5], [2, 6]]}


def test_only_a_benchmark_trains_a_baseline() -> None:
    assert BenchmarkJob("d", (("p",),), ("q",), head="unet").head == "unet"
    with pytest.raises(InputError, match="TrainJob.head must be one of auto, linear"):
        TrainJob((CaseFiles("a", "b"),), "h.samhead", head="unet")


# The wire -----------------------------------------------------------------------------------------------------------

WORDS = (
    wire.Hello(1, "0.1.0", 7),
    wire.Started(1),
    wire.Progress(1, "Encoding", 3, 10, 1.5),
    wire.Progress(1, "Encoding", 3, 10, None),
    wire.Metric(1, "loss", 5, 0.25),
    wire.Warned(1, "naïve – ✓"),
    wire.Event(1, "preview", {"slice": 3}),
    wire.Stopping(1),
    wire.Result(1, {"a": [1, None, "x"]}),
    wire.Failed(1, "input", "what", "how"),
    wire.Bye("idle"),
)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.say)
def test_a_word_survives_the_wire_in_one_ascii_line(word: wire.Message) -> None:
    line = wire.encode(word)
    assert line.count("\n") == 1
    assert line.isascii()
    assert wire.decode(line, wire.FROM_WORKER) == word


def test_every_word_of_the_worker_is_tested() -> None:
    assert {word.say for word in WORDS} == set(wire.FROM_WORKER)


@pytest.mark.parametrize(
    "word", [wire.Run(2, {"kind": "probe"}), wire.Cancel(2), wire.Tell(2, "slice", {"at": 3}), wire.Quit()]
)
def test_a_word_to_the_worker_survives_the_wire(word: wire.Message) -> None:
    assert wire.decode(wire.encode(word), wire.TO_WORKER) == word


def test_numbers_that_json_cannot_hold_travel_as_null() -> None:
    import numpy as np

    line = wire.encode(wire.Result(1, {"a": float("nan"), "b": [float("inf")], "c": np.float32(0.5), "d": np.int64(3)}))
    assert json.loads(line)["result"] == {"a": None, "b": [None], "c": 0.5, "d": 3}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        "[]",
        "null",
        '{"say": 3}',
        '{"say": "dance"}',
        '{"say": "cancel", "job": 1}',  # a word of the other direction
        '{"say": "progress", "job": "1", "stage": "x", "done": 1, "total": 2}',
        '{"say": "progress", "job": 1, "stage": "x", "done": 1, "total": 2, "extra": 1}',
        '{"say": "result", "job": 1, "result": []}',
        "[" * 100_000,
    ],
)
def test_what_is_no_word_is_refused(line: str) -> None:
    with pytest.raises(WorkerError):
        wire.decode(line, wire.FROM_WORKER)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        word = wire.decode(text, wire.FROM_WORKER)
    except WorkerError:
        word = None
    assert word is None or word.say in wire.FROM_WORKER


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(WorkerError, match="characters came over the worker's wire"):
        wire.decode("x" * (wire.LONGEST_LINE + 1), wire.FROM_WORKER)


@pytest.mark.parametrize("error", [InputError("a", "b"), GeometryError("g"), Cancelled(), MemoryExhausted("m", "h")])
def test_an_error_arrives_as_what_it_was(error) -> None:
    arrived = wire.decode(wire.encode(wire.Failed.of(4, error)), wire.FROM_WORKER)
    assert isinstance(arrived, wire.Failed)
    assert type(arrived.error()) is type(error)
    assert str(arrived.error()) == str(error)


def test_an_unknown_error_code_becomes_a_worker_error() -> None:
    assert type(wire.Failed(1, "sunspots", "what").error()) is WorkerError
