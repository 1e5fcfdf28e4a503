"""Jobs are turned into calls of the rooms, their files are checked before the work, and results say what was done."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balls import ball_arrays, ball_head, image_of, write_ball
from listeners import Listener

from SAMAdaptLib import __version__
from SAMAdaptLib.data.io.volumes import Labelmap, read_labelmap
from SAMAdaptLib.encoders import forget_encoders, loading
from SAMAdaptLib.encoders.tiny import TinyEncoder
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.heads.head import load_head, save_head
from SAMAdaptLib.jobs import reading, segmentation
from SAMAdaptLib.jobs.reading import chosen_structures, load_warm_head
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import CaseFiles, EmbedJob, EvaluateJob, SegmentJob, StructureSpec, SuggestJob, TrainJob
from SAMAdaptLib.training.config import TrainingConfig
from SAMAdaptLib.worker.protocol import dumps


@pytest.fixture
def files(tmp_path: Path, empty_home: Path) -> Path:
    """A folder with a.nii.gz, a-labels.nii.gz and ball.samhead."""
    write_ball(tmp_path, "a")
    save_head(ball_head(), tmp_path / "ball.samhead")
    return tmp_path


@pytest.fixture
def trained(monkeypatch) -> list[tuple[Any, dict]]:
    """What training was called with; it answers with a head that finds balls."""
    calls: list[tuple[Any, dict]] = []

    def train(cases, **options):
        calls.append((cases, options))
        return ball_head(options["name"])

    monkeypatch.setattr("SAMAdaptLib.training.train.train", train)
    return calls


def training(folder: Path, **options: Any) -> TrainJob:
    case = CaseFiles(str(folder / "a.nii.gz"), str(folder / "a-labels.nii.gz"))
    return TrainJob((case,), str(folder / "new.samhead"), **options)


def two_labels(folder: Path) -> str:
    """Labels 1 and 2 on the ball's image; gives the path."""
    import SimpleITK as sitk

    mask = ball_arrays()[1]
    mask[:, :20] *= 2
    path = str(folder / "two.nii.gz")
    sitk.WriteImage(image_of(mask), path)
    return path


def test_a_training_gets_the_jobs_choices_and_writes_the_head(files: Path, trained: list) -> None:
    job = training(files, encoder="tiny", head="linear", budget="best", seed=3, plane="coronal", ignore_label=9)
    result = run_job(job)
    (cases, options), *_ = trained
    assert [case.volume.name for case in cases] == ["a"]
    wanted = {"encoder": "tiny", "head": "linear", "budget": "best", "seed": 3, "plane": "coronal", "ignore_label": 9}
    assert (options["config"], options["name"]) == (TrainingConfig(**wanted), "new")
    assert load_head(files / "new.samhead").card.name == "new"
    assert (result["kind"], result["cancelled"], result["mean_dice"]) == ("train", False, 0.9)


def test_structures_are_named_for_the_training(files: Path, trained: list) -> None:
    run_job(training(files, structures=(StructureSpec(1, "Myocardium", (0.0, 1.0, 0.0), "a~b"),)))
    (structure,) = trained[0][0][0].labelmap.structures
    assert (structure.name, structure.color, structure.terminology) == ("Myocardium", (0.0, 1.0, 0.0), "a~b")


def test_only_the_chosen_values_are_learned(files: Path) -> None:
    labelmap = read_labelmap(two_labels(files))
    chosen = chosen_structures(labelmap, (2,), (StructureSpec(2, "Upper"),), ignore_label=None)
    assert chosen.values() == (2,)
    assert [structure.name for structure in chosen.structures] == ["Upper"]
    assert labelmap.values() == (1, 2)


def test_the_label_to_ignore_stays_when_values_are_chosen(files: Path) -> None:
    labelmap = read_labelmap(two_labels(files))
    assert chosen_structures(labelmap, (2,), (), ignore_label=1).values() == (1, 2)


def test_a_value_that_does_not_occur_is_refused(files: Path) -> None:
    with pytest.raises(InputError, match=r"The labels hold no 5, 7; they hold \[1, 2\]"):
        chosen_structures(read_labelmap(two_labels(files)), (7, 5), (), None)


def test_a_training_that_was_cancelled_keeps_its_head_and_says_so(files: Path, monkeypatch) -> None:
    head = ball_head()
    card = dataclasses.replace(head.card, training={**head.card.training, "cancelled": True})
    monkeypatch.setattr(
        "SAMAdaptLib.training.train.train", lambda cases, **options: dataclasses.replace(head, card=card)
    )
    result = run_job(training(files))
    assert result["cancelled"] is True
    assert "the best head so far" in result["note"]
    assert (files / "new.samhead").is_file()


def test_a_segmentation_is_written_and_told_with_volume_and_confidence(files: Path) -> None:
    job = SegmentJob(str(files / "a.nii.gz"), str(files / "ball.samhead"), str(files / "r.seg.nrrd"))
    result = run_job(job)
    (row,) = result["structures"]
    labelmap = read_labelmap(files / "r.seg.nrrd")
    assert row["name"] == labelmap.structures[0].name == "Ball"
    assert row["volume_ml"] == pytest.approx(np.count_nonzero(labelmap.voxels) * 1.2 * 1.1 * 5 / 1000)
    assert 0.5 < row["confidence"] <= 1
    assert result["head"] == "ball"


def test_a_region_keeps_everything_else_background(files: Path) -> None:
    region = (0, 24, 0, 40, 2, 4)
    run_job(SegmentJob(str(files / "a.nii.gz"), str(files / "ball.samhead"), str(files / "r.nii.gz"), region=region))
    found = read_labelmap(files / "r.nii.gz").voxels
    assert found[2:4, :, :24].any()
    assert found.sum() == found[2:4, :, :24].sum()


@pytest.mark.parametrize("job", ["segment", "evaluate", "embed", "train"])
def test_a_result_is_json_with_settings_version_and_no_path_in_them(files: Path, trained: list, job: str) -> None:
    image, labels, head = (str(files / name) for name in ("a.nii.gz", "a-labels.nii.gz", "ball.samhead"))
    made = {
        "segment": SegmentJob(image, head, str(files / "r.nii.gz")),
        "evaluate": EvaluateJob(labels, labels),
        "embed": EmbedJob(image, head=head),
        "train": training(files),
    }[job]
    result = json.loads(dumps(run_job(made)))
    assert result["kind"] == job
    assert result["version"] == __version__
    assert result["seconds"] >= 0
    assert str(files) not in json.dumps(result["settings"])


def test_an_embedded_volume_is_not_encoded_again_by_the_segmentation(files: Path, monkeypatch) -> None:
    image, head = str(files / "a.nii.gz"), str(files / "ball.samhead")
    known = load_head(head)
    save_head(
        dataclasses.replace(known, card=dataclasses.replace(known.card, plane={**known.card.plane, "side_mm": 200.0})),
        head,
    )
    first = run_job(EmbedJob(image, head=head))
    assert first["encoded"] == first["views"] > 0
    monkeypatch.setattr("SAMAdaptLib.encoders.tiny.TinyEncoder.encode", lambda *_: pytest.fail("encoded again"))
    assert run_job(SegmentJob(image, head, str(files / "r.nii.gz")))["structures"][0]["volume_ml"] > 0
    assert run_job(EmbedJob(image, head=head))["encoded"] == 0
    assert run_job(SuggestJob(image, head))["suggestions"], "suggestions look at the same window"


def test_labels_on_another_grid_are_compared_when_resampling_is_asked_for(files: Path) -> None:
    import SimpleITK as sitk

    labels, cut = str(files / "a-labels.nii.gz"), str(files / "cut.nii.gz")
    sitk.WriteImage(sitk.ReadImage(labels)[4:44, 4:36, :], cut)
    with pytest.raises(InputError, match="different grids"):
        run_job(EvaluateJob(cut, labels))
    assert run_job(EvaluateJob(cut, labels, resample_labels=True))["mean_dice"] == 1.0


def test_warnings_are_heard_and_kept(files: Path) -> None:
    import SimpleITK as sitk

    image = ball_arrays()[0]
    image[0, 0, 0] = np.nan
    sitk.WriteImage(image_of(image), str(files / "nan.nrrd"))
    heard = Listener()
    job = SegmentJob(str(files / "nan.nrrd"), str(files / "ball.samhead"), str(files / "r.nii.gz"))
    assert run_job(job, heard)["warnings"] == heard.warnings
    assert "1 of 15360 voxels" in heard.warnings[0]


def test_a_head_is_read_again_only_when_its_file_changed(files: Path) -> None:
    path = files / "ball.samhead"
    first = load_warm_head(path)
    assert load_warm_head(path) is first
    save_head(ball_head("another one"), path)
    assert load_warm_head(path).card.name == "another one"


def test_few_heads_stay_loaded(files: Path) -> None:
    for number in range(10):
        load_warm_head(save_head(ball_head(), files / f"{number}.samhead"))
    assert len(reading._heads) <= 4


def test_the_weights_of_a_job_are_looked_for_where_it_says_and_only_for_it(files: Path, monkeypatch) -> None:
    monkeypatch.setenv("SAMADAPT_WEIGHTS", "before")
    seen: list[str] = []
    monkeypatch.setattr(
        "SAMAdaptLib.training.train.train", lambda *_, **__: seen.append(os.environ["SAMADAPT_WEIGHTS"])
    )
    with pytest.raises(AttributeError):  # the stand-in gives no head
        run_job(training(files, weights=str(files)))
    assert seen == [str(files)]
    assert os.environ["SAMADAPT_WEIGHTS"] == "before"


def test_a_worker_with_one_thread_loads_the_encoder_with_one(files: Path, monkeypatch) -> None:
    monkeypatch.setenv(loading.THREADS_VARIABLE, "1")
    asked: list[int | None] = []

    def build(wanted, *_):
        asked.append(wanted.threads)
        return TinyEncoder()

    monkeypatch.setattr(loading, "_built", build)
    forget_encoders()
    for job in (
        EmbedJob(str(files / "a.nii.gz"), encoder="tiny"),
        SegmentJob(str(files / "a.nii.gz"), str(files / "ball.samhead"), str(files / "r.nii.gz")),
        training(files, encoder="tiny", head="linear", budget="fast"),
    ):
        run_job(job)
        forget_encoders()
    assert asked == [1, 1, 1]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("a.nii.gz", "would overwrite its input"),
        ("ball.samhead", "would overwrite its input"),
        (".", "is a folder"),
        ("no/r.nii.gz", "no does not exist"),
    ],
)
def test_a_result_that_cannot_be_written_is_refused_before_the_work(files: Path, monkeypatch, output, words) -> None:
    monkeypatch.setattr("SAMAdaptLib.inference.segment.segment", lambda *_, **__: pytest.fail("it worked"))
    with pytest.raises(InputError, match=words):
        run_job(SegmentJob(str(files / "a.nii.gz"), str(files / "ball.samhead"), str(files / output)))


def test_labelmap_facts_tell_structures_that_were_not_found() -> None:
    labelmap = ball_labelmap().with_array(np.zeros((8, 40, 48), np.uint8))
    (row,) = segmentation.labelmap_facts(labelmap)
    assert (row["volume_ml"], row["confidence"]) == (0.0, None)


def ball_labelmap() -> Labelmap:
    return Labelmap.from_sitk(image_of(ball_arrays()[1]))
