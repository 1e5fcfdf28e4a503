"""Learning from volumes without annotation: what is learned from, what is not, and when the first head remains."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from listeners import Listener
from methods import change_method
from phantoms import UNKNOWN, dice, scribbled
from test_closer import quick, small_balls  # noqa: F401  a fixture

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.encoders.tiny import tiny_encoder
from SAMAdaptLib.features.cache import FeatureCache
from SAMAdaptLib.features.sliced_volume import slices_for_head
from SAMAdaptLib.heads.head import Head, load_head, save_head
from SAMAdaptLib.inference.cascade import CascadePredictor
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.inference.stage import StagePredictor
from SAMAdaptLib.preprocessing.augmentation import IGNORED
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.training import config
from SAMAdaptLib.training import pseudo_labels as selftraining
from SAMAdaptLib.training.budget import BUDGETS, StageBudget
from SAMAdaptLib.training.config import MethodSettings, TrainingConfig
from SAMAdaptLib.training.context import TrainingContext
from SAMAdaptLib.training.dataset import PseudoLabels, TrainingData
from SAMAdaptLib.training.pseudo_labels import pseudo_label, with_students
from SAMAdaptLib.training.train import _next_stage, train
from SAMAdaptLib.utils.disk.slice_store import SliceStore

OTHERS = [small_balls(seed=8), small_balls(seed=11)]


@pytest.fixture(autouse=True)
def easily_sure(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:  # noqa: F811
    """Heads that were trained as shortly as here are sure of nothing, and do not agree with their priors. Two volumes
    to learn from are enough, and quicker."""
    easy = {"least_confidence": 0.4, "least_agreement": 0.0, "tolerated_loss": 1.0, "least_unlabeled": len(OTHERS)}
    change_method(monkeypatch, **easy)
    monkeypatch.setitem(BUDGETS, "balanced", replace(BUDGETS["balanced"], views=2, shape_steps=20))


def adapted(monitor: Silent | None = None, case: Case | None = None, **options) -> Head:
    chosen = {"encoder": "tiny", "budget": "balanced", "unlabeled": [other.volume for other in OTHERS], **options}
    return train([case or small_balls()], monitor=monitor, **chosen)


def context_of(
    case: Case, *, self_trains: bool = True, start_from: Head | None = None, **others: float
) -> TrainingContext:
    """``others``: constants of the method that are to be others."""
    options, method = TrainingConfig(encoder="tiny", device="cpu"), replace(config.METHOD, **others)
    how = {"start_from": start_from, "self_trains": self_trains, "method": method}
    return TrainingContext.of([case], options, Silent(), FeatureCache(), **how)


@pytest.fixture(scope="module")
def trained() -> dict[str, Head]:
    """Heads that were trained once for this file, and longer than the others."""
    return {}


@pytest.fixture
def longer(monkeypatch: pytest.MonkeyPatch, easily_sure: None) -> None:
    change_method(monkeypatch, fits={"cnn": {"steps": 60, "batch": 8}, "student": {"steps": 60}})
    monkeypatch.setitem(BUDGETS, "balanced", replace(BUDGETS["balanced"], shape_steps=30))


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch, easily_sure: None) -> None:
    """Students of which it does not matter how good they are."""
    change_method(monkeypatch, fits={"student": {"steps": 4, "batch": 2}})


@pytest.fixture
def both(trained: dict[str, Head], longer: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Head]:
    """The head before it saw other volumes and after, of one training."""
    if not trained:

        def seen(head: Head, *rest) -> Head:
            trained["head"] = head
            return selftraining.self_train(head, *rest)

        with monkeypatch.context() as changed:
            changed.setattr(sys.modules[train.__module__], "self_train", seen)
            trained["better"] = adapted()
    return trained


@pytest.fixture
def head(both: dict[str, Head]) -> Head:
    """One that has not seen other volumes."""
    return both["head"]


@pytest.fixture
def better(both: dict[str, Head]) -> Head:
    """One that has."""
    return both["better"]


def same(ours: torch.nn.Module, theirs: torch.nn.Module) -> bool:
    other = theirs.state_dict()
    return all(torch.equal(value, other[name]) for name, value in ours.state_dict().items())


# The whole --------------------------------------------------------------------------------------------------------


def kinds(head: Head | None) -> list[str]:
    return [] if head is None else [part.type_name for part in head.module.parts()]


def test_students_answer_in_place_of_the_closer_look(head: Head, better: Head) -> None:
    assert better.card.training["unlabeled"] == 2
    assert kinds(better.closer) == ["student", "student"]
    assert better.card.closer["alone"] and not head.card.closer["alone"]
    assert better.card.head_type == head.card.head_type == "cnn"


def test_shapes_stay_as_the_annotation_taught_them(head: Head, better: Head) -> None:
    assert better.closer is not None and head.closer is not None
    students = better.closer.module
    for given in (head, replace(head, closer=None, card=replace(head.card, closer={}))):
        found = with_students(given, students)
        assert found.prior is given.prior is not None
        assert found.card.shapes == given.card.shapes
    assert with_students(head, students).closer is not None
    assert with_students(head, students).closer.prior is head.closer.prior


def test_students_beside_the_heads_of_an_only_look_take_the_place_of_earlier_students(
    head: Head, better: Head, tmp_path: Path
) -> None:
    assert better.closer is not None
    once = replace(head, closer=None, card=replace(head.card, closer={}))
    taught = with_students(once, better.closer.module)
    assert kinds(taught) == kinds(with_students(taught, better.closer.module)) == ["cnn", "student", "student"]
    again = load_head(save_head(taught, tmp_path / "taught.samhead"))
    assert same(again.module, taught.module)
    assert segment(OTHERS[0].volume, again).geometry.same_grid(OTHERS[0].volume.geometry)


def test_the_students_began_differently_and_learned_something_each(better: Head) -> None:
    assert better.closer is not None
    assert not same(*better.closer.module.parts())
    for part in better.closer.module.parts():
        card = replace(better.closer.card, head={"type": "student", "hyper": part.hyper()})
        alone = replace(better, closer=replace(better.closer, module=part, card=card))
        assert dice(segment(OTHERS[0].volume, alone), OTHERS[0].labelmap, 2) > 0.5


def test_a_student_that_answers_alone_is_not_averaged_with_the_first_look(better: Head, monkeypatch) -> None:
    volume, asked = OTHERS[0].volume, []
    canvases = StagePredictor.canvases

    def heard(self, *arguments):
        for canvas in canvases(self, *arguments):
            if self.head is better.closer:
                asked.append(canvas)
            yield canvas

    monkeypatch.setattr(StagePredictor, "canvases", heard)
    predictor = CascadePredictor(better, tiny_encoder(), "cpu", Silent(), FeatureCache())
    sliced = slices_for_head(better.card, volume)
    with ExitStack() as kept:
        first = kept.enter_context(SliceStore(len(sliced)))
        first.keep(predictor.first.canvases((sliced.picture(n) for n in range(len(sliced))), len(sliced), "first"))
        window = predictor._window(first, sliced, sliced.frame)
        assert predictor.closer is not None and window is not None
        both = list(predictor._both(predictor.closer, first, sliced, sliced.frame, window))
    for ours, alone in zip(both, asked, strict=True):
        np.testing.assert_allclose(ours, alone, atol=1e-5)


def test_the_adapted_head_segments_the_volumes_that_it_learned_from_which_stay_as_they_were(better: Head) -> None:
    np.testing.assert_array_equal(OTHERS[0].volume.voxels, small_balls(seed=8).volume.voxels)
    found = segment(OTHERS[0].volume, better)
    assert min(dice(found, OTHERS[0].labelmap, value) for value in (2, 5)) > 0.6


@pytest.mark.usefixtures("brief")
def test_there_are_as_many_rounds_as_the_budget_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "balanced", replace(BUDGETS["balanced"], rounds=2))
    heads: list[Head] = []
    once = selftraining._one_round

    def counted(head: Head, *rest):
        heads.append(head)
        return once(head, *rest)

    monkeypatch.setattr(selftraining, "_one_round", counted)
    adapted()
    assert len(heads) == 2
    assert heads[0].closer is not None and heads[1].closer is not None
    assert kinds(heads[0].closer) == ["cnn"]
    assert kinds(heads[1].closer) == ["student", "student"], "the second round asks the students of the first"


@pytest.mark.slow
def test_scribbles_are_filled_in_before_other_volumes_are_learned_from() -> None:
    found = adapted(case=scribbled(small_balls()), ignore_label=UNKNOWN)
    assert found.card.training["completed"]
    assert found.card.training["unlabeled"] == 2
    assert found.closer is not None


@pytest.mark.usefixtures("brief")
def test_a_head_that_looks_once_learns_from_other_volumes_as_well() -> None:
    found = adapted(head="linear", budget="fast")
    assert found.card.training["unlabeled"] == 2
    assert kinds(found) == ["linear", "student", "student"], "they answer beside the head of the only look"
    assert found.closer is None
    assert segment(OTHERS[0].volume, found).geometry.same_grid(OTHERS[0].volume.geometry)


def test_a_student_is_taught_with_the_encoder_that_is_there_and_looks_as_the_head_does(head: Head) -> None:
    onwards = context_of(small_balls(), start_from=head)
    taught = onwards.with_pseudo_labels([])
    assert taught.encoder is onwards.encoder, "an encoder is loaded once"
    assert taught.budget == onwards.budget == BUDGETS["balanced"].split_for_rounds()
    assert taught.roi is not None and onwards.roi is not None and head.closer is not None
    assert taught.roi.side_mm == onwards.roi.side_mm == head.closer.card.plane.side_mm


def test_students_pay_their_part_of_the_priors_which_are_as_good_as_without_them() -> None:
    first, whole = (
        _next_stage(context, StageBudget.of(context.budget, context.stages), context.data.coarse, context.kinds)
        for context in (context_of(small_balls()), context_of(small_balls(), self_trains=False))
    )
    assert (first.shape_steps, first.layout_steps) == (whole.shape_steps, whole.layout_steps)
    assert first.reserved == pytest.approx(whole.reserved / 2), "of two trainings, half is the first one's"
    assert first.next_training().reserved == pytest.approx(whole.reserved / 2)
    assert whole.lent == 0


# What is not learned from -----------------------------------------------------------------------------------------


def test_a_volume_in_which_head_and_prior_contradict_each_other_is_left_out(
    head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pseudo_label(head, context_of(small_balls()), OTHERS[0].volume) is not None
    strict = context_of(small_balls(), least_agreement=1.01)
    assert pseudo_label(head, strict, OTHERS[0].volume) is None


def test_a_volume_in_which_nothing_is_found_is_left_out(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        selftraining, "argmax_labels", lambda probabilities, sliced, values, hear: np.zeros((8, 100, 110))
    )
    assert pseudo_label(head, context_of(small_balls()), OTHERS[0].volume) is None


def test_pixels_of_which_the_head_is_not_sure_are_left_open(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    context, volume = context_of(small_balls()), OTHERS[0].volume
    sliced = slices_for_head(head.card, volume)
    predictor = CascadePredictor(head, context.encoder, "cpu", Silent(), context.store)
    probability = [None if p is None else p.max(axis=0) for p in predictor.slices(sliced)]
    confident = float(np.median(np.concatenate([p for p in probability if p is not None])))
    found = pseudo_label(head, context_of(small_balls(), least_confidence=confident), volume)
    assert found is not None
    for item in found.slices:
        chance = probability[item.content.identity["slice"]]
        assert chance is not None
        unsure = chance < confident
        assert (item.classes[~unsure] != IGNORED).all()
        assert (item.classes[unsure] == IGNORED).mean() > 0.9, "all but pieces that were not kept"


def test_pieces_that_are_not_kept_are_background_however_unsure(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = selftraining.argmax_labels

    def with_an_island(*arguments):
        labels = seen(*arguments)
        labels[0, :6, :6] = 2
        return labels

    monkeypatch.setattr(selftraining, "argmax_labels", with_an_island)
    found = pseudo_label(head, context_of(small_balls(), least_confidence=1.1), OTHERS[0].volume)
    assert found is not None
    first = next(item for item in found.slices if item.content.identity["slice"] == 0)
    assert np.unique(first.classes).tolist() == [0, IGNORED]
    assert (first.classes == 0).sum() == 36


def test_where_nothing_is_sure_the_first_head_remains_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    change_method(monkeypatch, least_agreement=1.01)
    told = Listener()
    found = adapted(told)
    assert found.card.training["unlabeled"] == 0
    assert any("surely found in 0 of 2 unlabelled volumes" in text for text in told.warnings)


def test_from_few_volumes_nothing_is_learned_and_the_annotation_has_all_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_method(monkeypatch, least_unlabeled=MethodSettings().least_unlabeled)
    budgets, begin = [], StageBudget.of
    monkeypatch.setattr(StageBudget, "of", lambda whole, *rest: (budgets.append(whole), begin(whole, *rest))[1])
    told = Listener()
    found = adapted(told)
    assert "unlabeled" not in found.card.training
    assert budgets == [BUDGETS["balanced"]]
    assert told.warnings == [
        "At least 4 volumes without annotation are needed to learn from them, 2 came: only the annotation is learned "
        "from."
    ]


def test_where_there_is_time_to_look_through_few_volumes_alone_none_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftraining, "_affordable", lambda head, context, volumes: volumes[:1])
    told = Listener()
    found = adapted(told)
    assert found.card.training["unlabeled"] == 0
    assert any("time to look through 1 of the unlabelled volumes" in text for text in told.warnings)
    assert "Segmenting axial slices" not in told.stages


@pytest.mark.usefixtures("brief")
def test_a_head_that_does_worse_on_the_held_out_slices_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    change_method(monkeypatch, tolerated_loss=-2.0)
    told = Listener()
    found = adapted(told)
    assert found.card.training["unlabeled"] == 0
    assert any("were worse" in text for text in told.warnings)


@pytest.mark.parametrize("stage", ["Segmenting axial slices", "Training the student head"])
def test_cancelling_keeps_the_best_head_so_far(stage: str) -> None:
    def second_time(heard: Listener) -> bool:
        return "Segmenting axial slices" in heard.stages and heard.stages[-1] == stage

    found = adapted(Listener(second_time))
    assert found.card.training["cancelled"]
    assert found.card.training["unlabeled"] == 0
    assert found.closer is not None


def test_volumes_that_there_is_no_time_to_encode_are_left_out(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    context = context_of(small_balls())
    volumes: list[Volume] = [OTHERS[0].volume] * 6
    assert context.encoder is not None
    monkeypatch.setattr(type(context.encoder), "seconds_per_slice", lambda self: 120 * 0.25 / 16)
    monkeypatch.setitem(BUDGETS, "balanced", replace(BUDGETS["balanced"], seconds=240.0))
    assert len(selftraining._affordable(head, context, volumes)) == 2


# Lessons ----------------------------------------------------------------------------------------------------------


def test_shapes_are_learned_from_annotations_alone(head: Head) -> None:
    found = pseudo_label(head, context_of(small_balls()), OTHERS[0].volume)
    assert isinstance(found, PseudoLabels)
    drawn = TrainingData.of([small_balls()], TrainingConfig())
    scribbles = TrainingData.of([scribbled(small_balls())], TrainingConfig(ignore_label=UNKNOWN))
    whole, opened = (data.with_pseudo_labels([found]) for data in (drawn, scribbles))
    assert whole.coarse.pseudo_labelled and opened.coarse.pseudo_labelled
    assert not drawn.coarse.pseudo_labelled, "the data that were there stay as they were"
    assert whole.roi is not None
    assert len(whole.coarse.stacks) == len(whole.roi.stacks) == 1
    assert opened.coarse.stacks == []


def test_borrowed_slices_are_seen_closer_through_a_window_around_what_was_found(head: Head) -> None:
    found = pseudo_label(head, context_of(small_balls()), OTHERS[0].volume)
    assert found is not None
    data = TrainingData.of([small_balls()], TrainingConfig()).with_pseudo_labels([found])
    assert data.roi is not None
    item = data.roi.pseudo_labelled[0]
    window = item.content.frame
    assert window.side_mm == data.roi.side_mm
    rows, columns = np.nonzero((item.classes > 0) & (item.classes != IGNORED))
    for places, mm, corner in ((rows, 1.1, window.top_mm), (columns, 1.0, window.left_mm)):
        assert corner <= places.min() * mm
        assert (places.max() + 1) * mm <= corner + window.side_mm
    assert data.roi.held_out
    assert not any(item is held for held in data.roi.held_out for item in data.roi.pseudo_labelled)


def test_beside_a_case_of_which_some_slices_count_the_whole_one_still_tells_shapes_and_sizes() -> None:
    whole, some = small_balls(), scribbled(small_balls())
    both = TrainingData.of([whole, some], TrainingConfig(ignore_label=UNKNOWN))
    alone = TrainingData.of([whole], TrainingConfig())
    assert not both.whole
    assert both.anatomy == alone.anatomy
    assert len(both.coarse.stacks) == len(alone.coarse.stacks)
    assert TrainingData.of([some], TrainingConfig(ignore_label=UNKNOWN)).anatomy[0]["ml"] == []
