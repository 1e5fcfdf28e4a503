"""The demo: its data, what it measures, and one whole run on small volumes with the tiny encoder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap, Volume, read_labelmap, read_volume, write_labelmap, write_volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.demo.__main__ import main
from SAMAdaptLib.demo.folder import find_cases, folder_problem
from SAMAdaptLib.demo.otherwise import interpolated, laid_over
from SAMAdaptLib.demo.pages import clock
from SAMAdaptLib.demo.problem import Patient, Problem, only, without
from SAMAdaptLib.demo.show import Demo, plain
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.training.budget import BUDGETS, Budget

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


def test_annotated_slices_and_the_others_make_up_the_whole() -> None:
    labels = a_case(0).labelmap
    seen = (1, 4)
    kept, left = only(labels, seen), without(labels, seen)
    assert np.array_equal(kept.voxels + left.voxels, labels.voxels)
    assert sorted(set(np.nonzero(kept.voxels)[0])) == [1, 4]


def test_slices_that_were_drawn_on_do_not_count() -> None:
    case = a_case(0)
    wrong_on_drawn = case.labelmap.with_array(np.where(np.indices(SHAPE)[0] == 2, 0, case.labelmap.voxels))
    patient = Patient("anna", case.volume, case.labelmap)
    problem = Problem("", "", case, patient, drawn=(2,), others=())
    assert problem.measure_rest(wrong_on_drawn).mean_dice == 1.0
    assert problem.open_slices == 5


def test_the_first_case_is_learned_from_and_up_to_three_others_are_segmented(data: Path) -> None:
    problem = folder_problem(data)
    assert np.array_equal(problem.training.labelmap.voxels, a_case(0).labelmap.voxels)
    assert [patient.title for patient in problem.others] == ["bela", "carl"]
    assert np.array_equal(problem.others[-1].reference.voxels, a_case(4).labelmap.voxels)
    assert "learns from anna" in problem.story
    assert "segments bela and carl" in problem.story
    assert problem.open_slices == 0


def test_of_many_cases_three_are_segmented_the_last_one_among_them(data: Path) -> None:
    for number in range(7):
        for folder, name in (("images", "bela.nii.gz"), ("labels", "bela.seg.nrrd")):
            copy = name.replace("bela", f"dora{number}")
            (data / folder / copy).write_bytes((data / folder / name).read_bytes())
    assert [patient.title for patient in folder_problem(data).others] == ["dora0", "dora3", "dora6"]


def test_contours_change_evenly_between_annotated_slices_and_end_with_them() -> None:
    whole = a_case(0).labelmap
    drawn = (1, 4)
    filled = interpolated(only(whole, drawn), drawn)
    areas = [int((plane > 0).sum()) for plane in filled.voxels]
    assert areas[0] == areas[5] == 0, "beyond the drawn slices nothing is known"
    assert areas[1] == areas[4] == (whole.voxels[1] > 0).sum()
    assert areas[2] == pytest.approx(areas[1], rel=0.05)
    assert set(np.unique(filled.voxels)) == {0, 1}


def test_where_two_structures_meet_the_deeper_one_has_the_pixel() -> None:
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[0, 5:15, 2:10], labels[0, 5:15, 10:18] = 1, 2
    labels[2, 5:15, 2:6], labels[2, 5:15, 6:18] = 1, 2
    filled = interpolated(Labelmap(labels, Geometry((20, 20, 3))), (0, 2)).voxels[1]
    assert (filled[10, 3], filled[10, 7], filled[10, 9], filled[10, 12], filled[0, 0]) == (1, 1, 2, 2, 0)


def test_an_annotation_is_laid_over_another_volume_middle_on_middle() -> None:
    case = a_case(0)
    turned = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    elsewhere = Geometry((40, 48, 6), (1.0, 1.0, 4.0), (300.0, -50.0, 7.0), turned)  # its i is the other's j
    other = Volume(case.volume.voxels.transpose(0, 2, 1), elsewhere)
    laid = laid_over(case.labelmap, case.volume, other)
    assert laid.geometry == elsewhere
    assert np.array_equal(laid.voxels, case.labelmap.voxels.transpose(0, 2, 1))


def test_files_are_named_after_patients_whatever_these_are_called() -> None:
    assert plain("Brain B (simulated)", 1) == "Brain-B-simulated"
    assert plain("../..", 2) == "patient-3"


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


def test_a_run_leaves_page_picture_segmentation_volume_and_head(
    data: Path,
    tmp_path: Path,
    empty_home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BUDGETS, "fast", Budget("fast", seconds=20, views=1, effort=0.05, least_views=1))
    output = tmp_path / "result"
    outcomes = Demo(output, data, encoder="tiny", head="linear").run()
    names = {"index.html", "picture.png", "demo.samhead"}
    names |= {f"{name}{ending}" for name in ("bela", "carl") for ending in (".seg.nrrd", ".nrrd")}
    assert {path.name for path in output.iterdir()} == names
    volume = read_volume(output / "carl.nrrd")
    result = read_labelmap(output / "carl.seg.nrrd", like=volume)
    assert [structure.name for structure in result.structures] == ["Ball"]
    assert [outcome.patient.title for outcome in outcomes] == ["bela", "carl"]
    assert all(outcome.otherwise is not None and outcome.otherwise > 0.7 for outcome in outcomes), "balls alike"
    said = capsys.readouterr().out
    for name in ("index.html", "picture.png", "demo.samhead", "carl.nrrd", "carl.seg.nrrd"):
        assert str(output / name) in said
    assert f"{outcomes[-1].evaluation.mean_dice:.3f}" in said
    assert "annotation laid over" in said
    page = (output / "index.html").read_text(encoding="utf-8")
    assert page.count("<img") == 3 + 1, "all patients, each of them, and the curve"


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
