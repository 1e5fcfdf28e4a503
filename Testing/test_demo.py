"""The demo: its data, what it measures, and one whole run on small volumes with the tiny encoder."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap, Volume, read_labelmap, read_volume, write_labelmap, write_volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.demo import template
from SAMAdaptLib.demo.__main__ import main
from SAMAdaptLib.demo.folder import find_cases, folder_problem
from SAMAdaptLib.demo.problem import Problem, only, without
from SAMAdaptLib.demo.show import Demo, clock
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.training.budget import BUDGETS, Budget
from SAMAdaptLib.training.train import Case

SHAPE = (6, 40, 48)  # k, j, i
GEOMETRY = Geometry((48, 40, 6), (1.0, 1.0, 4.0))


def a_case(shift: int) -> Case:
    """A bright ellipsoid on noise, ``shift`` voxels off the centre along i."""
    k, j, i = np.indices(SHAPE).astype(float)
    ball = ((k - 2.5) / 3) ** 2 + ((j - 20) / 10) ** 2 + ((i - 24 - shift) / 12) ** 2 < 1
    noise = np.random.default_rng(shift).normal(0, 8, SHAPE)
    return Case(Volume(100 * ball + noise + 50, GEOMETRY), Labelmap(ball, GEOMETRY, [Structure(1, "Ball", (1, 0, 0))]))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """FOLDER/images and FOLDER/labels with three cases."""
    folder = tmp_path / "data"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number, name in enumerate(("anna", "bela", "carl")):
        case = a_case(2 * number)
        write_volume(case.volume, folder / "images" / f"{name}.nii.gz")
        write_labelmap(case.labelmap, folder / "labels" / f"{name}.seg.nrrd")
    return folder


def test_the_most_likely_tissue_wins_and_the_outside_stays_background() -> None:
    t1 = np.array([[[9, 9, 9, 0]]], np.int16)
    grey = np.array([[[200, 20, 60, 255]]], np.int16)
    white = np.array([[[50, 200, 60, 0]]], np.int16)
    assert template.most_likely_tissue(t1, grey, white).tolist() == [[[1, 2, 3, 0]]]


def test_annotated_slices_and_the_others_make_up_the_whole() -> None:
    labels = a_case(0).labelmap
    seen = (1, 4)
    kept, left = only(labels, seen), without(labels, seen)
    assert np.array_equal(kept.voxels + left.voxels, labels.voxels)
    assert sorted(set(np.nonzero(kept.voxels)[0])) == [1, 4]


def test_slices_that_were_trained_on_do_not_count() -> None:
    case = a_case(0)
    wrong_on_seen = case.labelmap.with_array(np.where(np.indices(SHAPE)[0] == 2, 0, case.labelmap.voxels))
    problem = Problem("", "", case, case.volume, case.labelmap, seen=(2,))
    assert problem.measure(wrong_on_seen).mean_dice == 1.0
    assert "5 slices that were not annotated" in problem.fairness


def test_the_first_case_is_learned_from_and_the_last_one_segmented(data: Path) -> None:
    problem = folder_problem(data)
    assert np.array_equal(problem.training.labelmap.voxels, a_case(0).labelmap.voxels)
    assert np.array_equal(problem.reference.voxels, a_case(4).labelmap.voxels)
    assert "learns from anna" in problem.story
    assert "segments carl" in problem.story


def test_images_and_labels_are_matched_by_name_whatever_their_format(data: Path) -> None:
    (data / "labels" / "bela.seg.nrrd").unlink()
    assert [name for name, _, _ in find_cases(data)] == ["anna", "carl"]


def test_one_pair_is_too_few_and_the_error_counts(data: Path) -> None:
    for name in ("bela", "carl"):
        (data / "labels" / f"{name}.seg.nrrd").unlink()
    with pytest.raises(InputError, match=r"3 images and 1 labels, 1 of them with the same name; two such pairs"):
        find_cases(data)


def test_a_folder_without_labels_is_refused_by_name(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder .*images.*images and labels"):
        find_cases(tmp_path)


def brings(*contents: bytes):
    """Stands for the fetching of a wheel: writes these contents for the files that are asked for."""

    def from_wheel(requirement: str, members: dict[str, Path], workspace: Path) -> None:
        assert requirement == template.PACKAGE and workspace.is_dir()
        for target, content in zip(members.values(), contents, strict=True):
            target.write_bytes(content)

    return from_wheel


def test_a_wheel_with_other_bytes_is_not_used(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "from_wheel", brings(b"other", b"bytes", b"inside"))
    with pytest.raises(InputError, match=r"nilearn==.* is not the expected file: its sha256 is"):
        template.fetch_maps()
    assert list((empty_home / "demo").iterdir()) == []


def test_the_maps_are_kept_once_their_bytes_are_known_to_be_right(empty_home: Path, monkeypatch) -> None:
    contents = (b"t1", b"grey", b"white")
    hashes = (hashlib.sha256(content).hexdigest() for content in contents)
    monkeypatch.setattr(template, "MAPS", dict(zip(template.MAPS, hashes, strict=True)))
    monkeypatch.setattr(template, "from_wheel", brings(*contents))
    paths = template.fetch_maps()
    assert [path.read_bytes() for path in paths] == list(contents)
    assert sorted(path.name for path in (empty_home / "demo").iterdir()) == sorted(path.name for path in paths)


def test_pip_without_a_connection_is_told_with_a_way_out(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        InputError, match=r"brain volume could not be fetched\. pip could not fetch it: .*--data FOLDER"
    ):
        template.fetch_maps()


def test_maps_that_are_there_are_not_fetched_again(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = empty_home / "demo"
    place.mkdir(parents=True)
    for name in template.MAPS:
        (place / Path(template.MEMBER.format(name)).name).touch()
    monkeypatch.delattr(template, "from_wheel")
    assert all(path.is_file() for path in template.fetch_maps())


def test_a_run_leaves_page_picture_segmentation_volume_and_head(
    data: Path,
    tmp_path: Path,
    empty_home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BUDGETS, "fast", Budget("fast", seconds=20, views=1, effort=0.05, least_views=1))
    output = tmp_path / "result"
    evaluation = Demo(output, data, encoder="tiny", head="linear").run()
    names = {"index.html", "picture.png", "segmentation.seg.nrrd", "volume.nrrd", "demo.samhead"}
    assert {path.name for path in output.iterdir()} == names
    volume = read_volume(output / "volume.nrrd")
    result = read_labelmap(output / "segmentation.seg.nrrd", like=volume)
    assert [structure.name for structure in result.structures] == ["Ball"]
    assert 0 <= evaluation.mean_dice <= 1
    said = capsys.readouterr().out
    for name in names:
        assert str(output / name) in said
    assert f"{evaluation.mean_dice:.3f}" in said


def test_help_says_what_the_folder_must_hold_without_loading_torch() -> None:
    code = (
        "import json, sys\nfrom SAMAdaptLib.demo.__main__ import parser\n"
        "print(json.dumps([parser().format_help(), 'torch' in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    text, loaded = json.loads(result.stdout)
    assert "FOLDER/images and FOLDER/labels" in " ".join(text.split())
    assert not loaded


def test_a_wrong_folder_ends_with_status_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")]) == 2
    assert "demo: There is no folder" in capsys.readouterr().err


def test_durations_read_as_people_say_them() -> None:
    assert [clock(seconds) for seconds in (0.4, 42, 125)] == ["0 s", "42 s", "2 min 5 s"]


ROOT = Path(__file__).resolve().parent.parent
