"""Reports of work that was done: pages for somebody who was not there, from answers of jobs and the files they name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from balls import ball_head, write_ball
from test_report import scene

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.io.volumes import read_volume, write_labelmap, write_volume
from SAMAdaptLib.evaluation.metrics import evaluate
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.jobs import reporting

pytest.importorskip("matplotlib", reason="pictures need matplotlib")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    volume, result, reference = scene()
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("image", "result", "reference")}
    write_volume(volume, paths["image"])
    write_labelmap(result, paths["result"])
    write_labelmap(reference, paths["reference"])
    save_head(ball_head(), tmp_path / "ball.samhead")
    ball = Path(write_ball(tmp_path)[0])
    return {**paths, "ball": ball, "head": tmp_path / "ball.samhead", "page": tmp_path / "page.html"}


def answer(files: dict[str, Path], **more: object) -> dict[str, object]:
    rows = [{"name": "Liver", "color": [0.9, 0.3, 0.2], "volume_ml": 12.34, "confidence": 0.91}]
    rows.append({"name": "Spleen", "color": [0.2, 0.5, 0.9], "volume_ml": 0.0, "confidence": None})
    return {"image": str(files["image"]), "output": str(files["result"]), "structures": rows, "seconds": 3.0, **more}


def test_a_segmented_volume_has_its_picture_its_volumes_and_what_is_to_be_doubted(files: dict[str, Path]) -> None:
    told = [answer(files, warnings=["The volume has another modality."])]
    reporting.report_segmentations(files["page"], "Two livers", told, files["head"], "samadapt segment ...")
    page = files["page"].read_text(encoding="utf-8")
    assert "Two livers" in page and "image.nii.gz" in page
    assert "12.34" in page and "0.91" in page and "not found" in page
    assert "The volume has another modality." in page
    assert page.count("data:image/png") >= 1
    assert "not for clinical use" in page


def test_a_volume_that_failed_is_on_the_page_with_the_reason(files: dict[str, Path]) -> None:
    failed = {"image": "/somewhere/b.nii", "error": {"message": "The file is cut off."}}
    reporting.report_segmentations(files["page"], "Two", [answer(files), failed], files["head"], "")
    assert "Not segmented: The file is cut off." in files["page"].read_text(encoding="utf-8")


def test_a_file_that_went_away_costs_its_picture_alone(files: dict[str, Path]) -> None:
    gone = answer(files, output=str(files["result"].with_name("gone.nii.gz")))
    reporting.report_segmentations(files["page"], "One", [gone], files["head"], "")
    page = files["page"].read_text(encoding="utf-8")
    assert "12.34" in page


def test_a_comparison_shows_where_it_errs(files: dict[str, Path]) -> None:
    _, result, reference = scene()
    measured = evaluate(result, reference)
    reporting.report_evaluation(files["page"], files["image"], result, reference, measured)
    page = files["page"].read_text(encoding="utf-8")
    assert "mean Dice" in page and "data:image/png" in page
    reporting.report_evaluation(files["page"], None, result, reference, measured)
    assert "data:image/png" not in files["page"].read_text(encoding="utf-8")


def test_structures_with_other_values_in_the_reference_are_no_errors(files: dict[str, Path]) -> None:
    _, _, reference = scene()
    other = reference.voxels.copy()
    other[reference.voxels == 1], other[reference.voxels == 2] = 2, 1
    names = {structure.value: structure for structure in reference.structures}
    swapped = tuple(replace(names[value], value=3 - value) for value in (2, 1))
    ours = replace(reference.with_array(other), structures=swapped)
    alike = reporting._called_alike(ours, reference, evaluate(ours, reference))
    assert np.array_equal(alike.voxels, reference.voxels)


def run(*words: str) -> int:
    return main([*words, "--quiet"])


def test_segment_leaves_a_page_a_table_and_how_sure_it_is(files: dict[str, Path], empty_home: Path) -> None:
    folder = files["page"].parent
    made = run(
        "segment", "--head", str(files["head"]), str(files["ball"]), "-o", str(folder / "r.seg.nrrd"), "--report",
        str(folder / "r.html"), "--csv", str(folder / "r.csv"), "--probabilities", str(folder / "p.nii.gz"),
    )  # fmt: skip
    assert made == 0
    sure, image = read_volume(folder / "p.nii.gz"), read_volume(files["ball"])
    assert sure.geometry.same_grid(image.geometry)
    assert sure.voxels.min() >= 0 and 0.5 < sure.voxels.max() <= 1
    assert (folder / "r.csv").read_text(encoding="utf-8-sig").startswith("volume,structure,volume_ml,certainty")
    page = (folder / "r.html").read_text(encoding="utf-8")
    assert "data:image/png" in page
    assert str(folder) not in page, "folders are nobody's business"


def test_a_report_that_cannot_be_written_is_refused_before_the_work(files: dict[str, Path], capsys) -> None:
    folder = files["page"].parent
    words = ["segment", "--head", str(files["head"]), str(files["ball"]), "-o", str(folder / "r.nii")]
    assert run(*words, "--report", str(folder / "r.pdf")) == 2
    assert "does not end in .html" in capsys.readouterr().err
    assert run(*words, "--csv", str(folder / "nowhere" / "r.csv")) == 2
    assert not (folder / "r.nii").exists()


def test_evaluate_leaves_a_page_with_pictures_of_the_image(files: dict[str, Path]) -> None:
    words = ["evaluate", str(files["result"]), str(files["reference"]), "--image", str(files["image"])]
    assert run(*words, "--report", str(files["page"])) == 0
    assert "data:image/png" in files["page"].read_text(encoding="utf-8")


def test_a_dicom_series_becomes_a_dicom_seg_and_stays_when_asked_again(
    tmp_path: Path, files: dict[str, Path], empty_home: Path
) -> None:
    pytest.importorskip("highdicom", reason="highdicom is not installed")
    from test_dicom_writing import series

    from SAMAdaptLib.data.dicom.segmentation import read_dicom_segmentation

    volume = read_volume(files["ball"])
    source = series(tmp_path / "series", volume.geometry, volume.voxels)
    target = tmp_path / "r.dcm"
    assert run("segment", "--head", str(files["head"]), str(source), "-o", str(target)) == 0
    assert read_dicom_segmentation(target).structures[0].name
    many = ["segment", "--head", str(files["head"]), str(source), "-o", f"{tmp_path / 'many'}/", "--ending", ".dcm"]
    assert run(*many) == 0
    first = (tmp_path / "many" / "series.dcm").read_bytes()
    assert run(*many) == 0
    assert (tmp_path / "many" / "series.dcm").read_bytes() == first


def test_a_training_shows_what_was_annotated_and_how_it_was_made(files: dict[str, Path]) -> None:
    case = (files["image"], files["reference"])
    reporting.report_training(files["page"], files["head"], case, {"warnings": ["It was cut short."]}, "samadapt train")
    page = files["page"].read_text(encoding="utf-8")
    assert "Annotated:" in page and "It was cut short." in page and "samadapt train" in page


def test_names_from_files_cannot_become_markup(files: dict[str, Path]) -> None:
    told = answer(files)
    told["structures"][0]["name"] = "<script>alert(1)</script>"  # type: ignore[index]
    reporting.report_segmentations(files["page"], "<b>title</b>", [told], files["head"], "")
    page = files["page"].read_text(encoding="utf-8")
    assert "<script>" not in page and "<b>title" not in page
