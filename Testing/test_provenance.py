"""Results say what made them, and work that is begun again makes again what was made otherwise, and nothing else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from balls import ball_head
from clithings import *  # noqa: F403  fixtures

from SAMAdaptLib import __version__
from SAMAdaptLib.cli import main
from SAMAdaptLib.data.io.result_file import read_provenance
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume, write_labelmap
from SAMAdaptLib.data.provenance import KEY, Provenance, file_digest, input_digest
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.jobs.resuming import EDITED, FORMER, NAMELESS, judged
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import SegmentJob

MADE = Provenance("liver", "a" * 64, "tiny", "b" * 64, {"plane": None, "tta": False}, "c" * 64, "d" * 64)


def of(path: Path) -> Provenance:
    """What the file says made it."""
    made = read_provenance(path)
    assert made is not None
    return made


# What it is -----------------------------------------------------------------------------------------------------------


def test_a_provenance_survives_its_dictionary_and_its_line_of_ascii() -> None:
    assert Provenance.from_dict(json.loads(json.dumps(MADE.to_dict()))) == MADE
    named = replace(MADE, head="Leber äö = \n ElementDataFile = LOCAL")
    assert named.head == "Leber äö = ElementDataFile = LOCAL"
    assert named.to_json().isascii()
    assert Provenance.from_json(named.to_json()) == named


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"made_by": "SAMAdapt"}', '{"made_by": "Other"}', "[" * 20000, MADE.to_json().replace('"', "")],
)
def test_what_is_no_provenance_is_none(text: str) -> None:
    assert Provenance.from_json(text) is None


def test_an_encoder_of_a_file_is_named_without_its_folder() -> None:
    assert replace(MADE, encoder="/home/jane/weights/sam.pth").encoder == "sam.pth"
    assert replace(MADE, encoder="C:\\jane\\sam.pth").encoder == "sam.pth"


def test_differences_are_told_in_words() -> None:
    assert MADE.differences(MADE) == []
    assert MADE.differences(replace(MADE, voxels_sha256="", file_sha256="")) == [], "what is not known is no difference"
    other = replace(MADE, head="heart", head_sha256="e" * 64, version="9", options={"plane": "axial", "tta": False})
    assert MADE.differences(replace(other, file_sha256="f" * 64)) == [
        "head liver (aaaaaaaa), now heart (eeeeeeee)",
        f"version {__version__}, now 9",
        'plane as the head has it, now "axial"',
        "the image was another one",
    ]


def test_a_folder_is_known_by_its_files_whatever_their_names(tmp_path: Path) -> None:
    for folder, names in (("one", "ab"), ("two", "ba"), ("three", "ab")):
        (tmp_path / folder).mkdir()
        for name, text in zip(names, ("x", "y"), strict=True):
            (tmp_path / folder / name).write_text(text)
    assert input_digest(tmp_path / "one") == input_digest(tmp_path / "two") == input_digest(tmp_path / "three")
    (tmp_path / "three" / "c").write_text("z")
    assert input_digest(tmp_path / "one") != input_digest(tmp_path / "three")


# Where it is ----------------------------------------------------------------------------------------------------------


def test_a_head_in_memory_has_the_hash_of_its_file(tmp_path: Path) -> None:
    from SAMAdaptLib.heads.head import load_head

    head = ball_head()
    path = save_head(head, tmp_path / "any.samhead")
    assert head.sha256 == file_digest(path) == load_head(path).sha256
    assert head.noted(seconds=3).sha256 != head.sha256


def test_a_head_of_another_version_has_the_hash_of_its_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from SAMAdaptLib.heads.head import load_head

    def otherwise(text: str, _state: object) -> str:
        return json.dumps({**json.loads(text), "of_another_version": True}, indent=1)

    monkeypatch.setattr("SAMAdaptLib.heads.head.with_checksum", otherwise)
    path = save_head(ball_head(), tmp_path / "any.samhead")
    monkeypatch.undo()
    assert load_head(path).sha256 == file_digest(path)


def test_the_library_says_what_made_a_labelmap(balls: Path) -> None:
    volume, head = read_volume(balls / "a.nii.gz"), ball_head()
    made = segment(volume, head, smoothing=True).provenance
    assert made is not None
    assert (made.head, made.head_sha256, made.encoder) == ("ball", head.sha256, "tiny")
    assert made.encoder_sha256 == head.card.encoder["sha256"]
    assert (made.voxels_sha256, made.version) == (volume.content_hash(), __version__)
    assert made.options["smoothing"] is True


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nrrd", ".mha", ".nii.gz", ".nii"])
def test_every_format_says_what_made_the_result(balls: Path, ending: str) -> None:
    output = balls / f"r{ending}"
    image, head = balls / "a.nii.gz", balls / "ball.samhead"
    result = run_job(SegmentJob(str(image), str(head), str(output), region=(2, 40, 2, 38, 1, 8)))
    made = of(output)
    assert made.to_dict() | {"labels_sha256": ""} == result["provenance"]
    assert (made.head, made.head_sha256, made.file_sha256) == ("ball", file_digest(head), file_digest(image))
    assert made.options["region"] == [[2, 40], [2, 38], [1, 8]]
    assert made.labels_sha256 == read_labelmap(output).digest()
    assert str(balls) not in json.dumps(made.to_dict())


def test_the_file_beside_a_nifti_result_is_json_in_the_manner_of_bids(balls: Path) -> None:
    run_job(SegmentJob(str(balls / "a.nii.gz"), str(balls / "ball.samhead"), str(balls / "r.nii.gz")))
    document = json.loads((balls / "r.json").read_text())
    assert document["GeneratedBy"] == [{"Name": "SAMAdapt", "Version": __version__}]
    assert document["Structures"][0]["name"] == "Ball"
    assert document["SAMAdapt"]["head"] == "ball"


def test_a_strangers_file_beside_a_nifti_result_is_never_touched(balls: Path) -> None:
    (balls / "r.json").write_text('{"RepetitionTime": 2}')
    with pytest.raises(InputError, match=r"r\.json belongs to something else; what made r\.nii\.gz"):
        run_job(SegmentJob(str(balls / "a.nii.gz"), str(balls / "ball.samhead"), str(balls / "r.nii.gz")))
    assert (balls / "r.json").read_text() == '{"RepetitionTime": 2}'
    assert not (balls / "r.nii.gz").exists()
    labels = read_labelmap(balls / "a-labels.nii.gz")
    write_labelmap(labels, balls / "r.nii.gz")  # nothing is to be said of it, so nothing is in the way
    assert (balls / "r.json").read_text() == '{"RepetitionTime": 2}'


def test_labels_of_unknown_origin_do_not_inherit_a_file_beside_them(balls: Path) -> None:
    labels = read_labelmap(balls / "a-labels.nii.gz")
    write_labelmap(labels.made_by(MADE), balls / "r.nii.gz")
    assert (balls / "r.json").exists()
    write_labelmap(labels, balls / "r.nii.gz")
    assert not (balls / "r.json").exists()


def test_changed_labels_are_of_unknown_origin(balls: Path) -> None:
    labels = read_labelmap(balls / "a-labels.nii.gz").made_by(MADE)
    assert labels.with_confidence({1: 0.5}).provenance == MADE
    assert labels.with_array(labels.voxels).provenance is None
    assert labels.on_grid(labels.geometry).provenance is None


def test_segments_name_their_head_in_what_slicer_keeps(balls: Path) -> None:
    labels = read_labelmap(balls / "a-labels.nii.gz").made_by(MADE)
    write_labelmap(labels, balls / "r.seg.nrrd")
    tags = sitk.ReadImage(str(balls / "r.seg.nrrd")).GetMetaData("Segment0_Tags")
    assert tags == f"SAMAdapt.Head:liver|SAMAdapt.HeadSha256:{'a' * 64}|"


# Work that is begun again ---------------------------------------------------------------------------------------------


@pytest.fixture
def job(balls: Path) -> SegmentJob:
    """A segmentation of a.nii.gz that was done."""
    job = SegmentJob(str(balls / "a.nii.gz"), str(balls / "ball.samhead"), str(balls / "r.seg.nrrd"))
    run_job(job)
    return job


def another_head(folder: Path) -> str:
    head = ball_head("other")
    return str(save_head(replace(head, card=replace(head.card, training={"steps": 9})), folder / "other.samhead"))


def test_a_result_that_was_made_in_the_same_way_stays(job: SegmentJob, balls: Path) -> None:
    found = judged(job)
    assert found is not None and found.stays and not found.doubtful
    moved = shutil.move(balls / "ball.samhead", balls / "renamed.samhead")
    same = judged(replace(job, head=str(moved), device="cpu"))
    assert same is not None and same.stays, "where it runs and how files are called decides nothing"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tta": True}, "tta false, now true"),
        ({"planes": "three"}, 'planes "one", now "three"'),
        ({"largest_component": False}, "largest_component as the head has it, now false"),
        ({"region": (0, 9, 0, 9, 0, 8)}, "region as the head has it, now [[0, 9], [0, 9], [0, 8]]"),
    ],
)
def test_other_options_are_a_reason_to_make_it_again(job: SegmentJob, change: dict, words: str) -> None:
    found = judged(replace(job, **change))
    assert found is not None and not found.stays
    assert found.reason == words


def test_another_head_image_or_version_is_a_reason_to_make_it_again(job: SegmentJob, balls: Path, monkeypatch) -> None:
    found = judged(replace(job, head=another_head(balls)))
    assert found is not None and not found.stays and found.reason.startswith("head ball (")
    shutil.copy(balls / "b.nii.gz", balls / "a.nii.gz")
    found = judged(job)
    assert found is not None and not found.stays and found.reason == "the image was another one"
    made = of(Path(job.output))
    write_labelmap(read_labelmap(job.output).made_by(replace(made, version="0.0.1")), job.output)
    found = judged(job)
    assert found is not None and f"version 0.0.1, now {__version__}" in found.reason


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz", ".mha"])
def test_a_result_that_was_edited_stays_and_says_so(balls: Path, ending: str) -> None:
    job = SegmentJob(str(balls / "a.nii.gz"), str(balls / "ball.samhead"), str(balls / f"r{ending}"))
    run_job(job)
    image = sitk.ReadImage(job.output)
    image[3, 3, 3] = 1
    sitk.WriteImage(image, job.output)
    found = judged(replace(job, head=another_head(balls)))
    assert found is not None and found.stays and found.doubtful
    assert found.reason == EDITED


def test_a_file_that_does_not_say_what_made_it_stays_and_says_so(job: SegmentJob, balls: Path) -> None:
    shutil.copy(balls / "a-labels.nii.gz", balls / "other.nii.gz")
    Path(balls / "text.seg.nrrd").write_text("notes")
    for name in ("other.nii.gz", "text.seg.nrrd"):
        found = judged(replace(job, output=str(balls / name)))
        assert found is not None and found.stays and found.doubtful
        assert found.reason == NAMELESS


def test_a_result_that_slicer_saved_again_stays_and_says_so(job: SegmentJob) -> None:
    """Slicer keeps the tags of segments, and of other fields those that it knows."""
    image = sitk.ReadImage(job.output)
    image.EraseMetaData(KEY)
    for parameters in (image.GetMetaData("Segmentation_ConversionParameters"), "Collapse labelmaps|1|Merge&A|b|c&"):
        image.SetMetaData("Segmentation_ConversionParameters", parameters)
        sitk.WriteImage(image, job.output)
        found = judged(job)
        assert found is not None and found.stays
        assert found.reason == EDITED


def test_a_result_of_an_older_version_is_made_again(job: SegmentJob) -> None:
    old = replace(read_labelmap(job.output), provenance=None)
    write_labelmap(old, job.output)
    assert not sitk.ReadImage(job.output).HasMetaDataKey(KEY)
    found = judged(job)
    assert found is not None and not found.stays
    assert found.reason == FORMER


def test_a_damaged_result_is_made_again(job: SegmentJob) -> None:
    whole = Path(job.output).read_bytes()
    Path(job.output).write_bytes(whole[:-200])
    found = judged(job)
    assert found is not None and not found.stays
    assert found.reason == "it was damaged"


def test_a_folder_segmented_with_another_head_is_done_again_and_says_so(balls: Path, capsys) -> None:
    images = [str(balls / "a.nii.gz"), str(balls / "b.nii.gz")]

    def told(head: str, *more: str) -> tuple[dict, str]:
        assert main(["segment", "--head", head, *images, "-o", str(balls / "out"), "--json", *more]) == 0
        captured = capsys.readouterr()
        return json.loads(captured.out), captured.err

    told(str(balls / "ball.samhead"))
    again, lines = told(str(balls / "ball.samhead"))
    assert (again["done"], again["skipped"], again["again"], again["doubtful"]) == (0, 2, 0, 0)
    assert again["volumes"][0]["found"] == {"stays": True, "reason": "it was made in the same way"}
    assert "a.nii.gz: skipped: a.seg.nrrd stays, for it was made in the same way" in lines
    edited = sitk.ReadImage(str(balls / "out" / "b.seg.nrrd"))
    edited[0, 0, 0] = 1
    sitk.WriteImage(edited, str(balls / "out" / "b.seg.nrrd"))
    precious = (balls / "out" / "b.seg.nrrd").read_bytes()
    other, lines = told(another_head(balls))
    assert (other["done"], other["skipped"], other["again"], other["doubtful"]) == (1, 1, 1, 1)
    assert other["volumes"][0]["result"]["provenance"]["head"] == "other"
    assert "again: the result there was made otherwise: head ball (" in lines
    assert "b.seg.nrrd stays, for it was changed since it was made" in lines
    assert (balls / "out" / "b.seg.nrrd").read_bytes() == precious
    every, _ = told(another_head(balls), "--overwrite")
    assert every["done"] == 2


def test_a_job_of_the_panel_leaves_what_is_equal(job: SegmentJob) -> None:
    before = Path(job.output).stat().st_mtime_ns
    result = run_job(replace(job, overwrite=False))
    assert result["skipped"] == "it was made in the same way"
    assert Path(job.output).stat().st_mtime_ns == before
    assert run_job(replace(job, overwrite=False, tta=True))["again"] == "tta false, now true"
