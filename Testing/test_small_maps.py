"""Features of few cells meet every way through training and segmenting: 28 a side, as 448 or 112 pixels give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geometries import turned  # noqa: E402
from methods import change_method  # noqa: E402
from phantoms import dice, two_balls  # noqa: E402
from test_closer import small_balls  # noqa: E402

from SAMAdaptLib.data.geometry import Geometry  # noqa: E402
from SAMAdaptLib.encoders import load_encoder  # noqa: E402
from SAMAdaptLib.errors import DependencyError, HeadFileError  # noqa: E402
from SAMAdaptLib.heads.head import Head, load_head, save_head  # noqa: E402
from SAMAdaptLib.inference.segment import segment  # noqa: E402
from SAMAdaptLib.networks import build_head, head_class  # noqa: E402
from SAMAdaptLib.training.budget import BUDGETS  # noqa: E402
from SAMAdaptLib.training.train import train  # noqa: E402
from SAMAdaptLib.utils.segment_anything import import_sam_modeling  # noqa: E402

SIZE, CELLS = 448, 28
OTHER = two_balls(seed=7, shift=0.1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(tmp_path_factory.getbasetemp() / "home of small maps"))
    short = dict.fromkeys(("linear", "fusion", "autosam"), {"steps": 30, "batch": 2})
    short |= {"cnn": {"steps": 30, "batch": 4}, "student": {"steps": 10, "batch": 2}}
    change_method(monkeypatch, fits=short, priors={"stacks": 40, "stack_batch": 8})
    few = {"seconds": 10_000.0, "views": 2, "least_views": 1, "effort": 1.0, "shape_steps": 20, "arrangement_steps": 0}
    for name in BUDGETS:
        monkeypatch.setitem(BUDGETS, name, replace(BUDGETS[name], **few))


def trained(kind: str, cases: Sequence = (), budget: str = "fast", **options) -> Head:
    return train(cases or [two_balls()], encoder="tiny", input_size=SIZE, head=kind, budget=budget, **options)


@pytest.mark.parametrize("kind", ["linear", "cnn", "fusion", "autosam"])
def test_a_head_of_every_type_learns_from_few_cells_is_kept_and_answers(kind: str, tmp_path: Path) -> None:
    if kind == "autosam":
        try:
            import_sam_modeling()
        except DependencyError as error:
            pytest.skip(str(error))
    head = load_head(save_head(trained(kind), tmp_path / "small.samhead"))
    assert head.card.head_type == kind
    assert head.card.input_size == SIZE and head.card.encoder["levels"]["neck"] == [32, CELLS]
    found = segment(OTHER.volume, head)
    assert found.geometry == OTHER.volume.geometry and set(np.unique(found.voxels)) <= {0, 2, 5}
    if kind in ("linear", "cnn", "fusion"):
        assert dice(found, OTHER.labelmap, 2) > 0.4


def test_several_heads_answer_together_with_test_time_views_and_planes(monkeypatch, tmp_path: Path) -> None:
    cube = two_balls(Geometry((16, 15, 14), (2.5, 2.6, 2.7)), seed=4)
    monkeypatch.setattr("SAMAdaptLib.training.context.candidates", lambda *_: ("cnn", "fusion"))
    change_method(monkeypatch, selection_margin=1.0)
    head = load_head(save_head(trained("auto"), tmp_path / "both.samhead"))
    assert head.card.head_type == "ensemble"
    found = segment(cube.volume, head, tta=True, planes="three", smoothing=True)
    assert found.geometry == cube.volume.geometry and found.voxels.any()


def test_slices_that_lie_turned_are_segmented_on_their_own_grid() -> None:
    geometry = Geometry((36, 10, 40), (1.1, 3.0, 1.0), (0, 0, 0), turned((20, -10, 30), (1, 2, 0), (1, -1, 1)))
    found = segment(two_balls(geometry, seed=3).volume, trained("linear"))
    assert found.geometry == geometry and (found.voxels == 2).any()


def test_both_priors_are_learned_from_few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], arrangement_steps=20, least_arrangement_steps=1))
    cube = Geometry((34, 32, 10), (1.6, 1.6, 5.0))
    head = trained("cnn", [two_balls(cube), two_balls(cube, seed=3, shift=0.1)])
    assert head.card.shapes and head.card.arrangement
    found = segment(two_balls(cube, seed=5).volume, head, tta=True)
    assert found.geometry == cube and (found.voxels == 5).any()


def test_a_closer_look_is_learned_and_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_method(monkeypatch, fits={"cnn": {"steps": 100}})
    head = load_head(save_head(trained("auto", [small_balls()], "balanced"), tmp_path / "closer.samhead"))
    assert head.closer is not None and head.closer.card.input_size == SIZE
    assert "encoder" not in head.card.closer
    case = small_balls(seed=2)
    found = segment(case.volume, head, tta=True)
    assert found.geometry == case.volume.geometry and (found.voxels == 2).any()


def test_students_learn_from_volumes_without_annotation() -> None:
    few = Geometry((40, 36, 4), (1.0, 1.1, 5.0))
    others = [two_balls(few, seed=seed, shift=0.05 * seed).volume for seed in range(1, 5)]
    head = trained("cnn", unlabeled=others)
    assert {part.type_name for part in head.module.parts()} == {"cnn", "student"}
    found = segment(OTHER.volume, head)
    assert found.geometry == OTHER.volume.geometry and set(np.unique(found.voxels)) <= {0, 2, 5}


def test_annotation_of_a_few_slices_is_completed_and_learned_from_again() -> None:
    case = two_balls()
    few = np.zeros_like(case.labelmap.voxels)
    few[[3, 5]] = case.labelmap.voxels[[3, 5]]
    partial = replace(case, labelmap=case.labelmap.with_array(few))
    head = trained("auto", [partial], "balanced", annotated_slices_only=True)
    assert head.card.input_size == SIZE
    assert (segment(OTHER.volume, head).voxels == 2).any()


def test_retraining_goes_on_at_the_size_of_the_earlier_head() -> None:
    earlier = trained("cnn")
    again = train([two_balls(seed=9)], encoder="tiny", head="cnn", budget="fast", start_from=earlier)
    assert again.card.input_size == SIZE
    assert again.card.head == earlier.card.head


def test_a_head_does_not_answer_with_an_encoder_of_another_size() -> None:
    with pytest.raises(HeadFileError, match=rf"trained on pictures of {SIZE} pixels a side, and this tiny sees 1024"):
        segment(OTHER.volume, trained("linear"), encoder=load_encoder("tiny"))


# ---- how finely a cnn answers ----


@pytest.mark.parametrize(("cells", "scale"), [(14, 9), (28, 4), (42, 3), (64, 2), (128, 2)])
def test_a_cnn_answers_more_finely_on_fewer_cells(cells: int, scale: int) -> None:
    kind = head_class("cnn")
    assert kind.options_for(cells) == {"scale": scale}
    module = kind({"neck": 2}, 3, **kind.options_for(cells)).eval()
    with torch.inference_mode():
        assert module({"neck": torch.zeros(1, 2, cells, cells)}, torch.zeros(1)).shape == (1, 3, *[scale * cells] * 2)


def test_a_cnn_from_before_that_is_rebuilt_as_it_was() -> None:
    hyper = head_class("cnn")({"neck": 2}, 3, scale=4).hyper()
    assert build_head("cnn", hyper).scale == 4
    assert build_head("cnn", {key: value for key, value in hyper.items() if key != "scale"}).scale == 2
