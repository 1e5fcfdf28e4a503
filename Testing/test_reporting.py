"""Reports of work that was done: pages for somebody who was not there, from answers of jobs and the files they name."""

from __future__ import annotations

from pathlib import Path

import pytest
from balls import ball_head
from test_report import scene

from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume
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
    return {**paths, "head": tmp_path / "ball.samhead", "page": tmp_path / "page.html"}


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
    reporting.report_evaluation(files["page"], files["image"], files["result"], files["reference"], measured)
    page = files["page"].read_text(encoding="utf-8")
    assert "mean Dice" in page and "data:image/png" in page
    reporting.report_evaluation(files["page"], None, files["result"], files["reference"], measured)
    assert "data:image/png" not in files["page"].read_text(encoding="utf-8")


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
