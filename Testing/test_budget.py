"""Budgets follow the measured speed, in rungs that small differences do not reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from SAMAdaptLib.errors import InputError
from SAMAdaptLib.training.budget import (
    BUDGETS,
    ENCODING_SHARE,
    LEAST_EFFORT,
    LEAST_PART,
    LEAST_SLICES,
    SHAPE_SHARE,
    STEP_LADDER,
    UNLABELED_SHARE,
    VIEW_LADDER,
    Budget,
    StageBudget,
    budget_named,
    candidates,
)


def test_one_of_several_looks_takes_fewer_views() -> None:
    whole = BUDGETS["balanced"]
    part = replace(whole, seconds=240)
    assert 1 < part.views_per_slice(24, 0.38) < whole.views_per_slice(24, 0.38)


def test_a_slower_encoder_gets_fewer_views() -> None:
    balanced = BUDGETS["balanced"]
    views = [balanced.views_per_slice(20, seconds) for seconds in (0.1, 0.7, 1.5, 4.0, 100.0)]
    assert views == sorted(views, reverse=True)
    assert views[0] == balanced.views
    assert views[-1] == balanced.least_views


def test_encoding_stays_within_its_share_of_the_time() -> None:
    for budget in BUDGETS.values():
        for seconds in (0.2, 0.5, 1.0, 3.0):
            views = budget.views_per_slice(18, seconds)
            assert views in VIEW_LADDER
            assert views == budget.least_views or 18 * views * seconds <= budget.seconds * ENCODING_SHARE


def test_a_tall_stack_is_thinned_when_not_every_slice_can_be_encoded() -> None:
    fast = BUDGETS["fast"]
    assert fast.slices(600, 0.1) == fast.seconds * ENCODING_SHARE / (0.1 * fast.least_views) == 150
    assert fast.slices(10, 0.1) == 10
    assert fast.slices(600, 1e6) == LEAST_SLICES


def test_measurements_that_differ_a_little_mostly_give_the_same_work() -> None:
    balanced = BUDGETS["balanced"]
    assert balanced.steps(300, 200, 0.50) == balanced.steps(300, 200, 0.52) == 300
    assert balanced.steps(300, 100, 0.45) == balanced.steps(300, 100, 0.47) == 200


def test_a_training_is_never_cut_below_two_thirds_of_its_usual_steps() -> None:
    assert BUDGETS["balanced"].steps(300, 1, 10) == 200
    assert BUDGETS["balanced"].steps(30, 1, 10) == STEP_LADDER[0]


@pytest.mark.parametrize("pace", [0.001, 0.06, 0.4, 5.0])
def test_a_shape_prior_leaves_the_heads_their_time(pace: float) -> None:
    budget = BUDGETS["balanced"]
    steps = budget.shape_steps_within(pace)
    assert STEP_LADDER[0] <= steps <= budget.shape_steps
    assert steps == budget.shape_steps if pace < 0.1 else steps * pace <= SHAPE_SHARE * budget.seconds


def test_auto_tries_more_heads_when_there_is_more_time() -> None:
    tried = [candidates("auto", BUDGETS[name], more=False) for name in ("fast", "balanced", "best")]
    assert [len(types) for types in tried] == [1, 2, 3]
    assert candidates("linear", BUDGETS["fast"], more=False) == ("linear",)


def test_a_closer_look_takes_the_place_of_a_second_head_unless_there_is_much_time() -> None:
    assert candidates("auto", BUDGETS["balanced"], more=True) == ("cnn",)
    assert candidates("auto", BUDGETS["best"], more=True) == candidates("auto", BUDGETS["best"], more=False)


def test_learning_from_other_volumes_divides_the_time_into_trainings_like_a_usual_one() -> None:
    for budget in BUDGETS.values():
        part = budget.split_for_rounds()
        assert part.seconds * (1 + budget.rounds) == pytest.approx(budget.seconds)
        assert part.effort <= 1
        assert part.views <= BUDGETS["balanced"].views
        assert part.shape_steps_within(0.5) == replace(budget, shape_steps=700).shape_steps_within(0.5)
        assert part.arrangement_steps_within(0.5) == budget.arrangement_steps_within(0.5), "the first learns them alone"
    assert BUDGETS["best"].rounds > BUDGETS["balanced"].rounds >= 1
    assert candidates("auto", BUDGETS["best"].split_for_rounds(), more=True) == ("cnn",)


def test_as_many_other_volumes_are_learned_from_as_can_be_encoded_in_their_share_of_the_time() -> None:
    best = BUDGETS["best"]
    assert best.unlabeled([10] * 40, 0.8) == 40
    few = best.unlabeled([100] * 40, 0.8)
    assert 1 < few < 40
    assert few * 100 * 0.8 <= best.seconds * UNLABELED_SHARE
    assert best.unlabeled([5000], 5.0) == 1


def test_an_unknown_budget_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="Unknown budget 'huge'.*fast, balanced, best"):
        budget_named("huge")


@pytest.mark.parametrize("name", list(BUDGETS))
def test_a_result_comes_first_and_the_time_second(name: str) -> None:
    """However slow the computer: so many views, slices and steps are done in any case."""
    budget = BUDGETS[name]
    assert budget.views_per_slice(20, 1e6) == budget.least_views > 1
    assert budget.slices(600, 1e6) == LEAST_SLICES
    assert budget.slices(LEAST_SLICES - 4, 1e6) == LEAST_SLICES - 4
    assert budget.steps(600, 0.0, 1e6) == budget.least_steps(600) >= LEAST_EFFORT * 600 * budget.effort * 0.8
    assert budget.least_steps(600) <= budget.steps(600, 1e9, 1e-3)
    assert budget.least_views in VIEW_LADDER and budget.least_views <= budget.views


def test_a_larger_budget_has_a_higher_floor() -> None:
    floors = [(budget.least_views, budget.least_steps(600)) for budget in BUDGETS.values()]
    assert floors == sorted(floors) and floors[0] < floors[-1]


def test_the_least_time_is_that_of_the_floor() -> None:
    budget = BUDGETS["balanced"]
    views = budget.least_views * 10 + 3
    assert budget.least_seconds(10, 3, 2.0, 50.0) == views * 2 + 50
    most = budget.least_views * LEAST_SLICES
    assert budget.least_seconds(1000, 0, 1.0, 0.0) == most, "of a tall stack only the least slices count"


@pytest.mark.parametrize("name", list(BUDGETS))
@pytest.mark.parametrize("seconds", [0.001, 0.3, 3.0, 30.0])
def test_what_is_planned_on_a_slow_computer_is_not_less_than_its_least_time_says(name: str, seconds: float) -> None:
    budget = BUDGETS[name]
    for slices in (4, 30, 500):
        kept = budget.slices(slices, seconds)
        planned = kept * budget.views_per_slice(kept, seconds)
        assert planned >= budget.least_views * min(slices, LEAST_SLICES)


# What each stage has ----------------------------------------------------------------------------------------------


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


PLAIN = Budget("plain", seconds=800, views=16, effort=1.0, shape_steps=200, arrangement_steps=200)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_two_stages_share_the_time_and_the_second_has_what_the_first_left(clock: Clock) -> None:
    first = StageBudget.of(PLAIN, 2, now=clock).next_stage(10)
    assert first.limits.seconds == first.seconds_left == 400
    assert first.limits.views == PLAIN.views, "only the time is a part"
    clock.now += 100
    assert (first.seconds_left, first.seconds_gone) == (300, 100)
    second = first.next_stage(10)
    assert second.limits.seconds == second.seconds_left == 700
    assert second.encoding_deadline == clock.now + 700 * ENCODING_SHARE


def test_the_time_runs_from_when_the_training_began(clock: Clock) -> None:
    stage = StageBudget.of(PLAIN, 1, clock.now - 300, clock).next_stage(10)
    assert (stage.limits.seconds, stage.seconds_gone) == (500, 300)


def test_a_stage_that_needs_more_than_its_share_has_that(clock: Clock) -> None:
    assert StageBudget.of(PLAIN, 4, now=clock).next_stage(500).limits.seconds == 500


def test_however_late_it_is_a_stage_and_its_heads_have_a_least_part(clock: Clock) -> None:
    budget = StageBudget.of(PLAIN, 2, now=clock)
    clock.now += 5000
    stage = budget.next_stage(10)
    assert stage.limits.seconds == LEAST_PART * PLAIN.seconds
    clock.now += 5000
    assert stage.seconds_left == LEAST_PART * PLAIN.seconds


def test_a_stage_more_than_was_planned_has_all_that_is_left(clock: Clock) -> None:
    last = StageBudget.of(PLAIN, 1, now=clock).next_stage(10)
    clock.now += 200
    assert last.next_stage(10).limits.seconds == 600


def test_heads_have_what_priors_leave(clock: Clock) -> None:
    stage = StageBudget.of(PLAIN, 1, now=clock).next_stage(10, shape_pace=0.5, layout_pace=0.25)
    assert (stage.shape_steps, stage.layout_steps) == (200, 200)
    assert stage.reserved == 150
    assert stage.seconds_left == 650
    assert stage.lent == 0, "no training follows that pays for them"


def test_without_annotated_shapes_no_layout_is_learned(clock: Clock) -> None:
    stage = StageBudget.of(PLAIN, 1, now=clock).next_stage(10)
    assert (stage.layout_steps, stage.reserved) == (0, 0)


def test_trainings_that_follow_pay_their_part_of_the_priors(clock: Clock) -> None:
    whole = replace(PLAIN, rounds=3).split_for_rounds()
    first = StageBudget.of(whole, 2, now=clock).next_stage(10, shape_pace=0.5)
    assert first.reserved == 25, "100 s for four trainings"
    assert first.lent == 75
    clock.now += 100
    second = first.next_stage(10)
    assert second.limits.seconds == whole.seconds + 75 - 100
    after = second.next_training()
    assert (after.limits, after.began, after.stage_began) == (whole, clock.now, clock.now)
    assert after.reserved == 25
    assert after.seconds_left == whole.seconds - 25


def test_a_stage_budget_never_changes(clock: Clock) -> None:
    budget = StageBudget.of(PLAIN, 3, now=clock)
    stage = budget.next_stage(10)
    assert (budget.stages, stage.stages) == (3, 2)
    assert budget.limits == PLAIN
