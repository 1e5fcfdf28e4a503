"""Several images of one body are channels of one volume: in training, on the card, in results, from every door."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from geometries import geometries, numbered, oblique_grid
from hypothesis import given
from hypothesis import strategies as st
from phantoms import dice, two_balls

import SAMAdaptLib as samadapt
from SAMAdaptLib.cli.places import expand_images
from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.channels import firsts_among, kinds_of, kinds_of_words, others_beside, together
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume
from SAMAdaptLib.encoders import load_encoder
from SAMAdaptLib.errors import GeometryError, InputError
from SAMAdaptLib.features.sliced_volume import SlicedVolume
from SAMAdaptLib.heads.card import HeadCard
from SAMAdaptLib.heads.head import Head
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import CaseFiles, SegmentJob, TrainJob, job_from_dict
from SAMAdaptLib.preprocessing.augmentation import AugmentationRanges
from SAMAdaptLib.preprocessing.intensity import rule_for
from SAMAdaptLib.training.fit import untrained


def split_balls(seed: int = 0, shift: float = 0.0) -> Case:
    """The phantom's bright ball in one channel, its dark one in the other: neither channel shows both."""
    case = two_balls(seed=seed, shift=shift)
    shown = [np.where(case.labelmap.voxels == value, case.volume.voxels, 100) for value in (2, 5)]
    noise = np.random.default_rng(seed + 50).normal(0, 3, case.volume.voxels.shape)
    first, second = (case.volume.with_array((voxels + noise).astype(np.float32)) for voxels in shown)
    return Case(together(replace(first, name="ball_t1"), [replace(second, name="ball_t2")]), case.labelmap)


@pytest.fixture(scope="module")
def split_head(tmp_path_factory: pytest.TempPathFactory) -> Head:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SAMADAPT_HOME", str(tmp_path_factory.mktemp("home")))
        return samadapt.train([split_balls()], encoder="tiny", head="linear", budget="fast", device="cpu")


def written(folder: Path, case: Case, stem: str = "ball") -> tuple[str, str]:
    """The channels as STEM_t1 and STEM_t2 and the labels; paths of the first channel and of the labels."""
    for word, channel in zip(("t1", "t2"), case.volume.channels, strict=True):
        write_volume(channel, folder / f"{stem}_{word}.nii.gz")
    write_labelmap(case.labelmap, folder / f"{stem}.seg.nrrd")
    return str(folder / f"{stem}_t1.nii.gz"), str(folder / f"{stem}.seg.nrrd")


# What belongs together ----------------------------------------------------------------------------------------------


@given(geometries(), st.integers(2, 3))
def test_channels_on_any_grid_are_one_volume_of_that_grid(grid: Geometry, count: int) -> None:
    channels = [Volume(numbered(grid) + number, grid, f"channel {number}") for number in range(count)]
    volume = together(channels[0], channels[1:])
    assert [channel.name for channel in volume.channels] == [channel.name for channel in channels]
    assert volume.geometry == grid
    assert volume.content_hash() != channels[0].content_hash()
    assert volume.content_hash() != together(channels[1], [channels[0], *channels[2:]]).content_hash()


def test_one_image_is_what_it_was_before_there_were_channels() -> None:
    volume = two_balls().volume
    assert together(volume, []) is volume
    sliced = SlicedVolume(volume, "axial", rule_for(volume, "auto"))
    assert sliced.picture(0).picture.ndim == 2
    assert isinstance(sliced.picture(0).identity["intensity"], dict)
    drawn = AugmentationRanges().draw(np.random.default_rng(3))
    assert "more" not in drawn.to_dict()
    several = AugmentationRanges().draw(np.random.default_rng(3), channels=3)
    assert replace(several, more=()) == drawn  # the same place, and the first channel shaded as alone
    assert len(several.more) == 2


def test_a_fourth_channel_another_grid_and_the_same_image_twice_are_refused() -> None:
    volume = two_balls().volume
    others = [volume.with_array(volume.voxels + number) for number in (1, 2, 3)]
    with pytest.raises(InputError, match="4 channels; 3 at most"):
        together(volume, others)
    with pytest.raises(InputError, match="same image"):
        together(volume, [volume])
    with pytest.raises(GeometryError, match="does not lie on the grid"):
        together(volume, [Volume(numbered(oblique_grid()), oblique_grid(), "other")])


def test_names_of_files_tell_what_channels_are_called() -> None:
    assert kinds_of(["sub-01_T1w", "sub-01_T2w", "sub-01_FLAIR"]) == ("T1", "T2", "FLAIR")
    assert kinds_of(["Smith_1", "Smith_2"]) == ("channel 1", "channel 2")  # a card tells no more
    assert kinds_of_words(("_t1ce", "dixon")) == ("T1 with contrast", "dixon")


def test_files_of_further_channels_are_found_by_the_word_that_differs(tmp_path: Path) -> None:
    assert others_beside("a/p1_t1.nii", ("t1", "t2")) == (str(Path("a/p1_t2.nii")),)
    assert others_beside("t1/p1.nii", ("t1", "t2", "pd")) == (str(Path("t2/p1.nii")), str(Path("pd/p1.nii")))
    assert others_beside("t1_study/p_t1ce.nii", ("t1ce", "t1")) == (str(Path("t1_study/p_t1.nii")),)
    with pytest.raises(InputError, match="does not have the word 't1'"):
        others_beside("p1.nii", ("t1", "t2"))
    assert firsts_among(["p1_t1.nii", "p1_t2.nii", "p2_t1.nii"], ("t1", "t2")) == ["p1_t1.nii", "p2_t1.nii"]
    for name in ("a_t1.nii.gz", "a_t2.nii.gz"):
        (tmp_path / name).touch()
    assert expand_images([str(tmp_path)], ("t1", "t2")) == [str(tmp_path / "a_t1.nii.gz")]


# Learning and segmenting --------------------------------------------------------------------------------------------


def test_a_head_of_two_channels_finds_what_neither_shows_alone(split_head: Head) -> None:
    other = split_balls(seed=9, shift=0.1)
    found = samadapt.segment(other.volume, split_head, device="cpu")
    assert found.geometry == other.volume.geometry
    assert min(dice(found, other.labelmap, value) for value in (2, 5)) > 0.8


@pytest.mark.parametrize("kind", ["fusion", "unet"])
def test_heads_that_look_at_the_picture_are_built_for_its_channels(kind: str) -> None:
    encoder = load_encoder("tiny")
    features = {level: torch.rand(1, facts.channels, facts.size, facts.size) for level, facts in encoder.levels.items()}
    several, one = untrained(kind, encoder, 3, 2), untrained(kind, encoder, 3)
    assert several.hyper()["pictures"] == 2
    assert "pictures" not in one.hyper()  # as files of one channel always were
    picture = torch.rand(1, 2, 256, 256)
    seen = several.eval()(features, picture)
    assert not torch.equal(seen, several(features, picture.flip(1)))  # it looks at both
    assert seen.shape == one.eval()(features, picture[:, :1]).shape


def test_the_card_keeps_the_channels_in_a_file_and_back(split_head: Head, tmp_path: Path) -> None:
    card = samadapt.load_head(samadapt.save_head(split_head, tmp_path / "h.samhead")).card
    assert card.channel_names == ("T1", "T2")
    assert card.channel_count == 2
    assert len(card.intensities) == 2
    assert card.to_dict()["schema"] == 2  # earlier versions refuse it instead of looking at one channel


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"channels": None}, "channels"),
        ({"schema": 1}, "schema 1"),
        ({"channels": [{"name": "T1", "intensity": {"kind": "none"}}] * 4}, "channels"),
        ({"channels": [{"name": "T1", "intensity": {"kind": "none"}}] * 3}, "channel.intensity lacks"),
        ({"channels": "T1,T2"}, "channels"),
        ({"channels": [{"name": "x" * 9999, "intensity": {"kind": "none"}}] * 2}, "name"),
    ],
)
def test_a_card_whose_channels_contradict_it_is_refused(split_head: Head, change: dict, said: str) -> None:
    document = {**json.loads(json.dumps(split_head.card.to_dict())), **change}
    with pytest.raises(InputError, match=said):
        HeadCard.from_json(
            json.dumps({key: value for key, value in document.items() if value is not None}), "h.samhead"
        )


def test_more_or_fewer_channels_than_a_head_looks_at_are_refused(split_head: Head) -> None:
    two, one = split_balls().volume, two_balls().volume
    with pytest.raises(InputError, match=r"2 channels \(T1, T2\), and phantom was given 1"):
        samadapt.segment(one, split_head, device="cpu")
    single = samadapt.train([two_balls()], encoder="tiny", head="linear", budget="fast", device="cpu")
    with pytest.raises(InputError, match="looks at one image, and ball_t1 was given 2 channels"):
        samadapt.segment(two, single, device="cpu")
    with pytest.raises(InputError, match="Give the same channels"):
        samadapt.train([split_balls(), two_balls()], encoder="tiny", budget="fast", device="cpu")


def test_from_files_the_words_of_their_names_find_the_channels(empty_home: Path, tmp_path: Path) -> None:
    image, labels = written(tmp_path, split_balls())
    other, truth = written(tmp_path, split_balls(seed=4), "other")
    head, result = str(tmp_path / "h.samhead"), str(tmp_path / "r.seg.nrrd")
    job = TrainJob(
        (CaseFiles(image, labels),),
        head,
        channels=("t1", "t2"),
        encoder="tiny",
        budget="fast",
        device="cpu",
        head="linear",
    )
    assert job_from_dict(json.loads(json.dumps(job.to_dict()))) == job
    run_job(job)
    done = run_job(SegmentJob(other, head, result, channels=("t1", "t2"), device="cpu"))
    assert samadapt.evaluate(result, truth).mean_dice > 0.8
    # Another second channel is another input: the result is computed again, and kept where nothing changed.
    again = SegmentJob(other, head, result, channels=("t1", "t2"), device="cpu", overwrite=False)
    assert "skipped" in run_job(again)
    image_t2 = sitk.ReadImage(str(tmp_path / "other_t2.nii.gz"))
    sitk.WriteImage(image_t2 + 1, str(tmp_path / "other_t2.nii.gz"))
    assert "skipped" not in run_job(again)
    assert done["provenance"]["file_sha256"]


def test_a_channel_that_is_missing_is_named_and_is_never_overwritten(tmp_path: Path, split_head: Head) -> None:
    image, _ = written(tmp_path, split_balls())
    head = str(samadapt.save_head(split_head, tmp_path / "h.samhead"))
    with pytest.raises(InputError, match=r"ball_t2.nii.gz"):
        run_job(SegmentJob(image, head, str(tmp_path / "ball_t2.nii.gz"), channels=("t1", "t2")))
    (tmp_path / "ball_t2.nii.gz").unlink()
    with pytest.raises(InputError, match=r"ball_t2.nii.gz does not exist"):
        run_job(SegmentJob(image, head, str(tmp_path / "r.nii.gz"), channels=("t1", "t2")))


@pytest.mark.parametrize("words", [("t1",), ("t1", "t1"), ("t1", ""), ("a", "b", "c", "d")])
def test_words_that_tell_no_channels_apart_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="hannels"):
        SegmentJob("a_t1.nii", "h.samhead", "r.nii", channels=words)
