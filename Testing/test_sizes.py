"""How many pixels an encoder is to see: by time, by device speed, by what slices resolve, and as it was before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from listeners import Listener  # noqa: E402
from methods import change_method
from phantoms import two_balls  # noqa: E402
from test_closer import small_balls  # noqa: E402

from SAMAdaptLib.data.geometry import Geometry  # noqa: E402
from SAMAdaptLib.encoders import load_encoder, sizes  # noqa: E402
from SAMAdaptLib.encoders.base import Encoder  # noqa: E402
from SAMAdaptLib.encoders.registry import ENTRIES  # noqa: E402
from SAMAdaptLib.encoders.sizes import input_size_for  # noqa: E402
from SAMAdaptLib.encoders.tiny import TinyEncoder  # noqa: E402
from SAMAdaptLib.features.cache import FeatureCache  # noqa: E402
from SAMAdaptLib.heads.head import load_head, save_head  # noqa: E402
from SAMAdaptLib.inference import stage as looks  # noqa: E402
from SAMAdaptLib.inference.cascade import CascadePredictor  # noqa: E402
from SAMAdaptLib.inference.segment import segment  # noqa: E402
from SAMAdaptLib.progress import Silent  # noqa: E402
from SAMAdaptLib.training import context as preparing  # noqa: E402
from SAMAdaptLib.training.budget import BUDGETS, ROI_HEAD_TYPE  # noqa: E402
from SAMAdaptLib.training.config import TrainingConfig  # noqa: E402
from SAMAdaptLib.training.fit import untrained  # noqa: E402
from SAMAdaptLib.training.train import train  # noqa: E402

ENDLESS = 1e9


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch):
    """Sets what a slice costs at an encoder's smallest size; says at which size it was measured."""
    asked: list[int] = []

    def costs(seconds: float) -> list[int]:
        class Measured:
            @staticmethod
            def seconds_per_slice() -> float:
                return seconds

        def load(_name: str, *, input_size: int, **_options: Any) -> type[Measured]:
            asked.append(input_size)
            return Measured

        monkeypatch.setattr(sizes, "load_encoder", load)
        return asked

    return costs


def chosen(name: str, pictures: int, seconds: float, resolved: float = 2000.0, patience: float = ENDLESS) -> int | None:
    return input_size_for(name, pictures, seconds, patience, resolved, "cpu", Silent())


@pytest.mark.parametrize("name", ["medsam_lite", "mobile_sam"])
def test_the_largest_size_is_taken_that_the_time_allows(name: str, pace) -> None:
    smallest, middle, largest = ENTRIES[name].sizes
    asked = pace(0.2)
    for seconds, expected in ((1, smallest), (40, smallest), (50, middle), (70, middle), (100, largest)):
        assert chosen(name, 100, seconds) == expected
    assert set(asked) == {smallest}, "the quickest size is measured, the others follow from it"


@pytest.mark.parametrize(("patience", "expected"), [(0.1, 112), (0.3, 112), (0.5, 168), (0.8, 224)])
def test_a_slice_takes_no_longer_than_there_is_patience(patience: float, expected: int, pace) -> None:
    """Whoever segments a hundred slices with the head waits for each of them."""
    pace(0.2)
    assert chosen("medsam_lite", 10, ENDLESS, patience=patience) == expected


@pytest.mark.parametrize(("slices", "pictures"), [(10, 80), (24, 192), (100, 192)])
def test_half_of_the_views_are_enough_for_more_pixels(slices: int, pictures: int) -> None:
    assert BUDGETS["balanced"].worthwhile_pictures(slices) == pictures


def test_a_quicker_device_sees_more(pace) -> None:
    found = []
    for seconds in (2.0, 0.4, 0.002):
        pace(seconds)
        found.append(chosen("medsam_lite", 100, 100.0))
    assert found == [112, 168, 224] or found == sorted(found)
    assert found[0] == 112 and found[-1] == 224


@pytest.mark.parametrize(
    ("name", "resolved", "expected"),
    [
        ("medsam_lite", 50, 112),
        ("medsam_lite", 170, 168),
        ("medsam_lite", 223, 168),
        ("medsam_lite", 512, 224),
        ("mobile_sam", 50, 448),
        ("mobile_sam", 168, 672),
        ("mobile_sam", 512, 896),
    ],
)
def test_never_more_is_seen_than_the_slices_resolve(name: str, resolved: float, expected: int, pace) -> None:
    pace(0.001)
    assert chosen(name, 10, ENDLESS, resolved) == expected


@pytest.mark.parametrize("name", ["sam_vit_b", "tiny", "/some/where/mine.pth"])
def test_an_encoder_without_a_choice_keeps_its_own_size_and_is_not_measured(name: str, pace) -> None:
    asked = pace(0.001)
    assert chosen(name, 10, ENDLESS) is None and asked == []


def test_every_size_that_is_chosen_from_is_one_that_fits() -> None:
    from SAMAdaptLib.encoders.base import SIDES

    for name in ("medsam_lite", "mobile_sam"):
        entry = ENTRIES[name]
        assert entry.sizes == tuple(side * entry.pixels_a_patch for side in SIDES)


# ---- in a training ----


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(tmp_path / "home"))
    change_method(
        monkeypatch,
        fits=dict.fromkeys(("linear", "cnn"), {"steps": 20, "batch": 2}),
        priors={"stacks": 40, "stack_batch": 8},
    )
    few = {"views": 1, "least_views": 1, "effort": 1.0, "shape_steps": 20, "arrangement_steps": 0}
    for name in BUDGETS:
        monkeypatch.setitem(BUDGETS, name, replace(BUDGETS[name], **few))


@pytest.fixture
def asked_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """What the choice was asked for; it says 448 for slices of up to 60 pixels, else 512."""
    heard: list[dict[str, float]] = []

    def choose(name: str, pictures: int, seconds: float, patience: float, resolved: float, *_: Any) -> int:
        heard.append({"pictures": pictures, "seconds": seconds, "resolved": resolved})
        return 448 if resolved <= 60 else 512

    monkeypatch.setattr(preparing, "input_size_for", choose)
    return heard


def test_the_card_says_which_size_was_chosen_and_the_head_is_used_at_it(quick, asked_of, tmp_path: Path) -> None:
    case = two_balls()
    head = load_head(save_head(train([case], encoder="tiny", head="linear", budget="fast"), tmp_path / "a.samhead"))
    assert head.card.input_size == 448 and head.card.encoder["levels"]["neck"][1] == 28
    assert CascadePredictor(head, None, "cpu", Silent(), FeatureCache()).first.encoder.input_size == 448
    assert segment(case.volume, head).geometry == case.volume.geometry
    (question,) = asked_of
    assert 40 <= question["resolved"] < 48, "a canvas is hardly wider than the slice"
    assert 0 < question["seconds"] <= BUDGETS["fast"].encoding_seconds


def test_a_size_that_is_asked_for_is_taken(quick, asked_of) -> None:
    head = train([two_balls()], encoder="tiny", input_size=512, head="linear", budget="fast")
    assert head.card.input_size == 512 and asked_of == []


def test_a_head_that_is_gone_on_from_keeps_its_size_unless_another_is_asked_for(quick, asked_of) -> None:
    first = train([two_balls()], encoder="tiny", input_size=320, head="linear", budget="fast")
    again = train([two_balls(seed=3)], encoder="tiny", head="linear", budget="fast", start_from=first)
    assert again.card.input_size == 320 and asked_of == []
    other = train([two_balls()], encoder="tiny", input_size=512, head="linear", budget="fast", start_from=first)
    assert other.card.input_size == 512


def test_a_head_on_an_encoder_by_path_keeps_its_size_too(quick, asked_of, monkeypatch) -> None:
    """Its card has the file's name without folder and ending."""

    def load(name: str, *, input_size: int | None = None, **_options: Any) -> Encoder:
        return TinyEncoder(input_size=input_size)

    first = train([two_balls()], encoder="tiny", input_size=320, head="linear", budget="fast")
    monkeypatch.setattr(preparing, "load_encoder", load)
    again = train([two_balls()], encoder="/some/where/tiny.pth", head="linear", budget="fast", start_from=first)
    assert again.card.input_size == 320 and asked_of == []


def test_a_closer_look_may_see_another_size_and_both_are_kept(quick, asked_of, tmp_path: Path, monkeypatch) -> None:
    change_method(monkeypatch, fits={"cnn": {"steps": 60}})
    trained = train([small_balls()], encoder="tiny", budget="balanced")
    head = load_head(save_head(trained, tmp_path / "both.samhead"))
    assert head.closer is not None
    assert (head.card.input_size, head.closer.card.input_size) == (512, 448)
    assert head.card.closer["encoder"]["input_size"] == 448
    assert asked_of[0]["resolved"] > asked_of[1]["resolved"]
    predictor = CascadePredictor(head, load_encoder("tiny", input_size=512), "cpu", Silent(), FeatureCache())
    assert predictor.closer is not None and predictor.closer.encoder is not None
    assert (predictor.first.encoder.input_size, predictor.closer.encoder.input_size) == (512, 448)  # type: ignore[union-attr]
    case = small_balls(seed=2)
    assert segment(case.volume, head).geometry == case.volume.geometry
    again = train([small_balls(seed=4)], encoder="tiny", budget="balanced", start_from=head)
    assert again.closer is not None
    assert (again.card.input_size, again.closer.card.input_size) == (512, 448)


# ---- how long it takes ----


def test_a_slow_computer_says_before_the_training_how_long_it_takes(quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TinyEncoder, "seconds_per_slice", lambda _self: 60.0)
    heard = Listener()
    train([two_balls()], encoder="tiny", head="linear", budget="fast", monitor=heard)
    told = [text for text in heard.warnings if "meant for about 2 min" in text]
    assert len(told) == 1
    assert "The budget 'fast' is meant for about 2 min; on this computer the training takes about" in told[0]
    first_warning_came_before_any_step = not any("Training" in stage for stage in heard.stages[:1])
    assert first_warning_came_before_any_step


def test_a_quick_computer_says_nothing_of_the_time(quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TinyEncoder, "seconds_per_slice", lambda _self: 0.001)
    heard = Listener()
    train([two_balls()], encoder="tiny", head="linear", budget="fast", monitor=heard)
    assert heard.warnings == []


def test_two_looks_are_counted_in_the_time_that_is_said(quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TinyEncoder, "seconds_per_slice", lambda _self: 1.0)
    monkeypatch.setattr(preparing, "seconds_per_step", lambda *_: 0.0)
    heard = Listener()
    config = TrainingConfig(encoder="tiny", device="cpu")
    context = preparing.TrainingContext.of([small_balls()], config, heard, FeatureCache())
    stages = [preparing.least_seconds(context, context.data.coarse, context.kinds)]
    stages.append(preparing.least_seconds(context, context.roi, (ROI_HEAD_TYPE,)))
    assert all(seconds > 0 for seconds in stages)
    preparing.warn_if_slow(replace(context, budget=replace(context.budget, seconds=sum(stages) / 1.2)))
    assert heard.warnings == [], "a delay of a fifth is tolerated"
    preparing.warn_if_slow(replace(context, budget=replace(context.budget, seconds=sum(stages) / 2)))
    assert len(heard.warnings) == 1


def test_the_least_views_are_encoded_though_the_time_for_it_is_over(quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], seconds=0.01, views=6, least_views=3))
    monkeypatch.setattr(TinyEncoder, "seconds_per_slice", lambda _self: 1e-6)
    head = train([two_balls()], encoder="tiny", input_size=448, head="linear", budget="fast")
    assert head.card.training["views"] >= 3 * head.card.training["slices"]


def test_geometry_of_unequal_pixels_counts_by_its_finest_side(quick, asked_of) -> None:
    case = two_balls(Geometry((40, 80, 6), (1.0, 0.5, 4.0)))
    train([case], encoder="tiny", head="linear", budget="fast")
    assert 80 <= asked_of[0]["resolved"] < 96


def test_both_looks_of_a_head_go_through_the_file_that_somebody_names(quick, asked_of, monkeypatch) -> None:
    """Its second size too: the name in a head's card would be looked up in the registry alone."""
    head = train([small_balls()], encoder="tiny", budget="balanced")
    first = load_encoder("tiny", input_size=512)

    def fail(*_arguments: object) -> Encoder:
        raise AssertionError

    monkeypatch.setattr(looks, "load_encoder_of", fail)
    predictor = CascadePredictor(head, first, "cpu", Silent(), FeatureCache())
    assert predictor.first.encoder is first
    assert predictor.closer is not None and predictor.closer.encoder is not None
    assert predictor.closer.encoder.input_size == 448


def test_a_network_is_built_once_to_know_what_its_steps_take(quick, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def building(kind: str, *facts: Any) -> Any:
        built.append(kind)
        return untrained(kind, *facts)

    monkeypatch.setattr(preparing, "untrained", building)
    train([two_balls()], encoder="tiny", head="linear", budget="fast")
    assert built == ["linear"]
