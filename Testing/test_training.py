"""Training and segmenting for real, with the tiny encoder on phantoms."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from geometries import turned
from listeners import Listener
from methods import change_method
from phantoms import dice, two_balls

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.encoders.tiny import TinyEncoder
from SAMAdaptLib.errors import Cancelled, GeometryError, HeadFileError, InputError
from SAMAdaptLib.features.cache import FeatureCache
from SAMAdaptLib.heads.head import Head, load_head, save_head
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.networks import head_class
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.training import fit as fitting
from SAMAdaptLib.training.budget import BUDGETS
from SAMAdaptLib.training.config import FITS
from SAMAdaptLib.training.fit import elapsed_steps
from SAMAdaptLib.training.train import train
from SAMAdaptLib.utils import timing as pace


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough steps for phantoms, which a linear probe nearly solves; shapes have a file of tests of their own."""
    shorter = {"linear": {"steps": 60}, "cnn": {"steps": 20}}
    change_method(monkeypatch, fits=shorter, priors={"fewest_slices": 1000})
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], views=2, least_views=1))


@pytest.fixture(scope="module")
def home_of_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_home(home_of_module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(home_of_module))


@pytest.fixture
def head(home_of_module: Path) -> Head:
    """A linear head for the two balls, trained once for this file."""
    path = home_of_module / "balls.samhead"
    if not path.exists():
        save_head(train([two_balls()], encoder="tiny", head="linear", budget="fast"), path)
    return load_head(path)


def test_a_head_from_one_volume_segments_another(head: Head) -> None:
    other = two_balls(seed=7, shift=0.1)
    found = segment(other.volume, head)
    assert [structure.name for structure in found.structures] == ["Bright", "Dark"]
    assert dice(found, other.labelmap, 2) > 0.85
    assert dice(found, other.labelmap, 5) > 0.85
    assert 0.5 < found.confidence[2] <= 1


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((40, 36, 8), (1.0, 1.1, 3.0), (5, 6, 7), turned((25, -15, 40))),
        Geometry((36, 10, 40), (1.1, 3.0, 1.0), (0, 0, 0), turned((0, 0, 0), (1, 2, 0), (1, -1, 1))),
        Geometry((44, 30, 1), (0.9, 1.3, 5.0)),
    ],
    ids=["oblique", "permuted and flipped", "a single slice"],
)
def test_the_result_lies_on_the_inputs_own_grid(head: Head, geometry: Geometry) -> None:
    case = two_balls(geometry, seed=3)
    found = segment(case.volume, head)
    assert found.geometry == geometry
    assert set(np.unique(found.voxels)) <= {0, 2, 5}


def test_storage_order_does_not_change_the_result(head: Head) -> None:
    """The same patient stored with other axes gives the same labels at the same places."""
    case = two_balls(seed=5)
    flipped = Geometry((40, 36, 8), (1.0, 1.1, 3.0), _last_corner(case.volume.geometry), -np.eye(3))
    mirrored = replace(case.volume, voxels=case.volume.voxels[::-1, ::-1, ::-1], geometry=flipped)
    np.testing.assert_array_equal(segment(mirrored, head).voxels[::-1, ::-1, ::-1], segment(case.volume, head).voxels)


def _last_corner(geometry: Geometry) -> tuple[float, ...]:
    return tuple(geometry.ijk_to_lps([size - 1 for size in geometry.size]))


def test_the_same_seed_gives_the_same_head() -> None:
    first, second = (train([two_balls()], encoder="tiny", head="cnn", budget="fast", seed=3) for _ in range(2))
    for key, value in first.module.state_dict().items():
        torch.testing.assert_close(second.module.state_dict()[key], value, rtol=0, atol=0)


def test_training_leaves_no_path_and_no_name_of_the_data_in_the_card(head: Head) -> None:
    assert "phantom" not in head.card.to_json()
    assert head.card.training["cases"] == 1
    assert head.card.quality["held_out_slices"] >= 1


def test_a_head_remembers_how_its_training_volumes_looked(head: Head) -> None:
    (looks,) = head.card.seen
    assert set(looks) == {"spacing_mm", "gray"}
    assert len(looks["gray"]) == 7


def test_the_inputs_are_not_changed(head: Head) -> None:
    case = two_balls()
    before = case.volume.voxels.copy(), case.labelmap.voxels.copy()
    segment(case.volume, head)
    np.testing.assert_array_equal(case.volume.voxels, before[0])
    np.testing.assert_array_equal(case.labelmap.voxels, before[1])


def test_training_from_some_annotated_slices_does_as_well_elsewhere() -> None:
    case = two_balls()
    few = np.zeros_like(case.labelmap.voxels)
    few[[3, 5]] = case.labelmap.voxels[[3, 5]]
    partial = Case(case.volume, Labelmap(few, case.volume.geometry, case.labelmap.structures))
    head = train([partial], encoder="tiny", head="linear", budget="fast", annotated_slices_only=True)
    assert head.card.training["slices"] == 2
    assert dice(segment(case.volume, head), case.labelmap, 2) > 0.8


def test_training_from_scribbles_leaves_the_rest_open() -> None:
    case = two_balls()
    chance = np.random.default_rng(0)
    scribbles = np.where(chance.random(case.labelmap.voxels.shape) < 0.1, case.labelmap.voxels, 9).astype(np.uint8)
    drawn = Case(case.volume, Labelmap(scribbles, case.volume.geometry))
    head = train([drawn], encoder="tiny", head="linear", budget="fast", ignore_label=9)
    assert head.card.values == [2, 5]
    assert dice(segment(case.volume, head), case.labelmap, 5) > 0.8


def test_a_second_training_encodes_nothing_twice(tmp_path: Path) -> None:
    listener, store = Listener(), FeatureCache(tmp_path)
    train([two_balls()], encoder="tiny", head="linear", budget="fast", store=store)
    train([two_balls()], encoder="tiny", head="linear", budget="fast", store=store, monitor=listener)
    assert ("Encoding views", 0, 0) in listener.steps
    assert not any(stage == "Encoding views" and total for stage, _, total in listener.steps)


def test_where_encoding_is_slower_than_measured_views_are_left_out_and_no_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = TinyEncoder.encode

    def slowly(self: TinyEncoder, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        time.sleep(0.2)
        return encode(self, canvases, levels)

    monkeypatch.setattr(TinyEncoder, "encode", slowly)
    monkeypatch.setattr(TinyEncoder, "seconds_per_slice", lambda self: 0.001)
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], views=24, seconds=4.0))
    found = train([two_balls()], encoder="tiny", head="linear", budget="fast", store=FeatureCache(tmp_path))
    training = found.card.training
    assert training["slices"] <= training["views"] < 24 * training["slices"]


def stops_at(stage: str, done: int) -> Listener:
    """Cancels once a stage has got so far."""
    return Listener(lambda heard: any(stage in name and count >= done for name, count, _ in heard.steps))


def test_cancelling_while_training_keeps_the_best_head_so_far() -> None:
    head = train([two_balls()], encoder="tiny", head="linear", budget="fast", monitor=stops_at("Training", 40))
    assert head.card.training["cancelled"]
    assert 0 < head.card.training["steps"] <= 41
    assert segment(two_balls().volume, head).geometry.size == (40, 36, 8)


def test_cancelling_while_encoding_gives_no_head(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        train(
            [two_balls()], encoder="tiny", head="linear", store=FeatureCache(tmp_path), monitor=stops_at("Encoding", 1)
        )


def test_cancelling_a_segmentation_stops_between_slices(head: Head) -> None:
    with pytest.raises(Cancelled):
        segment(two_balls().volume, head, monitor=stops_at("Segmenting", 3))


def test_test_time_views_three_planes_and_smoothing_keep_the_grid_and_the_structures(head: Head) -> None:
    case = two_balls(Geometry((16, 15, 14), (2.5, 2.6, 2.7)), seed=4)
    found = segment(case.volume, head, planes="three", tta=True, smoothing=True)
    assert found.geometry == case.volume.geometry
    assert dice(found, case.labelmap, 2) > 0.6


def test_outside_the_region_all_is_background(head: Head) -> None:
    case = two_balls(seed=2)
    found = segment(case.volume, head, region=((0, 20), (0, 36), (2, 6)))
    assert found.voxels[2:6, :, :20].any()
    assert not found.voxels[:2].any()
    assert not found.voxels[:, :, 20:].any()


def test_an_unknown_word_for_planes_is_refused(head: Head) -> None:
    with pytest.raises(InputError, match="planes must be one of one, three, not 'all'"):
        segment(two_balls().volume, head, planes="all")


def test_a_head_for_other_weights_is_refused(head: Head) -> None:
    card = replace(head.card, encoder={**head.card.encoder, "sha256": "0" * 64})
    with pytest.raises(HeadFileError, match="trained on tiny with weights 000000000000"):
        segment(two_balls().volume, replace(head, card=card))


def test_retraining_goes_on_from_a_head(head: Head) -> None:
    again = train(
        [two_balls(), two_balls(seed=9, shift=-0.1)], encoder="tiny", head="linear", budget="fast", start_from=head
    )
    assert again.card.training["cases"] == 2
    assert (again.card.mean_dice or 0) >= (head.card.mean_dice or 0) - 0.05


def test_several_candidates_answer_together_and_go_on_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("SAMAdaptLib.training.context.candidates", lambda *_: ("linear", "cnn"))
    change_method(monkeypatch, selection_margin=1.0)
    both = load_head(save_head(train([two_balls()], encoder="tiny", budget="fast"), tmp_path / "both.samhead"))
    assert both.card.head_type == "ensemble"
    assert [part.type_name for part in both.module.parts()] == ["linear", "cnn"]
    other = two_balls(seed=7, shift=0.1)
    assert dice(segment(other.volume, both), other.labelmap, 2) > 0.8
    more = train([two_balls(), two_balls(seed=9)], encoder="tiny", budget="fast", start_from=both)
    assert more.card.head_type == "ensemble"


def test_a_head_whose_training_was_cancelled_does_not_answer_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("SAMAdaptLib.training.context.candidates", lambda *_: ("linear", "cnn"))
    change_method(monkeypatch, selection_margin=1.0)
    monitor = stops_at("Training the cnn", 2)
    assert train([two_balls()], encoder="tiny", budget="fast", monitor=monitor).card.head_type in {"linear", "cnn"}


def test_a_candidate_that_is_clearly_better_alone_is_taken_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("SAMAdaptLib.training.context.candidates", lambda *_: ("linear", "cnn"))
    change_method(monkeypatch, selection_margin=-1.0)
    assert train([two_balls()], encoder="tiny", budget="fast").card.head_type in {"linear", "cnn"}


def test_labels_on_another_grid_are_refused_with_the_difference() -> None:
    case = two_balls()
    moved = replace(case.volume.geometry, origin=(4.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="origin 4 mm away.*Resample the labels"):
        train([Case(case.volume, Labelmap(case.labelmap.voxels, moved))], encoder="tiny")


def test_labels_without_a_structure_are_refused() -> None:
    case = two_balls()
    empty = Labelmap(np.zeros_like(case.labelmap.voxels), case.volume.geometry)
    with pytest.raises(InputError, match="hold no structure, only background"):
        train([Case(case.volume, empty)], encoder="tiny")


def test_no_case_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="No annotated volume was given"):
        train([])


@pytest.fixture
def a_second_a_step(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every optimizer step takes a second; gives the learning rates of the steps."""
    now, rates = [0.0], []

    def one_second(module, optimizer, *batch) -> float:
        now[0] += 1
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        return 0.5

    monkeypatch.setattr(fitting, "_step", one_second)
    monkeypatch.setattr(pace.clock, "now", lambda: now[0])
    monkeypatch.setattr(fitting.SampleLoader, "load", lambda self, samples: ())
    monkeypatch.setattr(fitting, "sampling_weights", lambda samples: np.ones(1))
    return rates


def fitted(module, **options) -> fitting.FitResult:
    usual = {"steps": 20, "seed": 0, "device": torch.device("cpu"), "monitor": Silent(), "settings": FITS["linear"]}
    return fitting.fit_head(module, None, ["a view"], [], **{**usual, **options})


@pytest.mark.parametrize(
    ("allowed", "least", "expected"), [(1000.0, 0, 20), (10.0, 0, 10), (3.0, 14, 14), (3.0, 20, 20)]
)
def test_the_learning_rate_comes_down_even_where_the_deadline_ends_a_fit_early(
    a_second_a_step, allowed: float, least: int, expected: int
) -> None:
    module = head_class("linear")({"neck": 4}, 2)
    result = fitted(module, deadline=allowed, least_steps=least)
    assert expected <= result.steps <= expected + 1
    assert result.planned == 20 and result.cut_short == (expected < 20)
    assert max(a_second_a_step) > 0.8 * FITS["linear"].learning_rate
    assert a_second_a_step[-1] < 0.1 * FITS["linear"].learning_rate


def test_a_fit_that_was_cancelled_was_not_cut_short(a_second_a_step) -> None:
    result = fitted(
        head_class("linear")({"neck": 4}, 2), deadline=1000.0, monitor=Listener(lambda heard: heard.asked > 3)
    )
    assert result.cancelled and not result.cut_short


def cut_off_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits end after so many steps, as where a computer is far slower than it was measured to be."""
    real = fitting.fit_head

    def short(*arguments, **options):
        result = real(*arguments, **{**options, "steps": count})
        result.planned = options["steps"]
        return result

    monkeypatch.setattr("SAMAdaptLib.training.candidates.fit_head", short)


def test_a_training_that_was_cut_short_says_so_and_its_card_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cut_off_after(7, monkeypatch)
    heard = Listener()
    head = train([two_balls()], encoder="tiny", head="linear", budget="fast", monitor=heard)
    assert head.card.training["cut_short"] and head.card.training["steps"] == 7 and not head.card.training["cancelled"]
    told = [text for text in heard.warnings if "since its time was over" in text]
    assert len(told) == 1 and told[0].startswith("Training the linear head ended after 7 of 60 steps")
    assert "larger budget" in told[0]
    assert load_head(save_head(head, tmp_path / "short.samhead")).cut_short


def test_heads_that_answer_together_were_cut_short_when_one_of_them_was(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off_after(7, monkeypatch)
    monkeypatch.setattr("SAMAdaptLib.training.context.candidates", lambda *_: ("linear", "cnn"))
    change_method(monkeypatch, selection_margin=1.0)
    head = train([two_balls()], encoder="tiny", budget="fast")
    assert head.card.head_type == "ensemble" and head.cut_short


def test_a_training_that_did_its_steps_says_nothing_of_it(head: Head) -> None:
    assert not head.cut_short and "cut_short" not in head.card.training


def test_progress_follows_the_clock_where_the_deadline_comes_before_the_last_step() -> None:
    now = time.monotonic()
    assert elapsed_steps(30, 100, now - 1, now + 1e6) == 30
    assert 49 <= elapsed_steps(5, 100, now - 60, now + 60) <= 51
    assert elapsed_steps(5, 100, now - 60, now - 1) == 100
    assert elapsed_steps(5, 100, now, math.inf) == 5
    assert elapsed_steps(10, 100, now - 60, now - 1, least_steps=50) == 20, (
        "its share of the least steps, not of the time"
    )
