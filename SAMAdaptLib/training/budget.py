"""Time budgets: how many views and steps a training spends, on any machine, and what each of its stages has of them.

A result comes first and the time second: below a floor of views, slices and steps a head is worth nothing, so a slow
machine takes longer than the budget says, and the training says so before it begins.

All numbers that follow from a measured speed are taken from ladders, so that two runs on one machine, whose
measurements differ a little, still do the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..errors import InputError
from ..utils.timing import clock

VIEW_LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40)
LEAST_EFFORT = 2 / 3
"""The least share of a head's usual steps: at half of them small structures are not found at all yet."""

LEAST_SLICES = 24
"""Annotated slices that are learned from in any case, where there are so many; neighbours show nearly the same."""

ENCODING_SHARE = 0.5
"""Share of the time that may go into encoding views."""

SHAPE_SHARE = 0.25
"""Share of the time that may go into the shape prior: with many structures, or on a slow machine, it would otherwise
take what the heads need. Of several trainings the first alone learns priors, and all of them pay for it."""

ARRANGEMENT_SHARE = 0.125
"""Share of the time that may go into the arrangement prior."""

UNLABELED_SHARE = 0.25
"""Share of the time that may go into encoding volumes without annotation."""

LEAST_PART = 0.125
"""Share of the budget that a stage, and the heads in it, have when what came before has spent the rest."""

STEP_LADDER = (20, 40, 60, 80, 100, 150, 200, 250, 300, 400, 500, 600, 700, 800, 1000, 1200, 1600, 2000)


@dataclass(frozen=True)
class Budget:
    """``seconds`` for one training in all; at most ``views`` a slice; ``effort`` multiplies a head's usual steps.

    ``least_views``: of a slice, in any case. ``patience``: seconds that a slice takes at most where the encoder sees
    more pixels than the fewest: every volume that is segmented later pays for them, too.
    ``shape_steps``, ``arrangement_steps``: the most optimizer steps for these priors. ``least_arrangement_steps``:
    below them that prior is not learned at all: it would move what it does not know. ``rounds``: how often a head
    learns again from what it finds in volumes without annotation, where there are any; each time is a training, with
    its part of the time. ``trainings``: how many such parts there are, when this is one of them.
    """

    name: str
    seconds: float
    views: int
    effort: float
    shape_steps: int = 700
    arrangement_steps: int = 500
    rounds: int = 1
    trainings: int = 1
    least_views: int = 1
    patience: float = 0.4
    least_arrangement_steps: int = 100

    def split_for_rounds(self) -> Budget:
        """What each training has of this budget when there is a first one and ``rounds`` more.

        A round more is worth more than more effort in each.
        """
        usual, trainings = BUDGETS["balanced"], 1 + self.rounds
        return replace(
            self,
            seconds=self.seconds / trainings,
            trainings=trainings,
            views=min(self.views, usual.views),
            effort=min(self.effort, usual.effort),
            shape_steps=min(self.shape_steps, usual.shape_steps),
        )

    @property
    def encoding_seconds(self) -> float:
        """How long views may be encoded."""
        return self.seconds * ENCODING_SHARE

    def worthwhile_pictures(self, slices: int) -> int:
        """Views with which the encoder had better see more pixels than have more views: half of the most, of as many
        slices as are learned from in any case."""
        return max(self.views // 2, self.least_views) * min(slices, LEAST_SLICES)

    def views_per_slice(self, slices: int, seconds_per_view: float) -> int:
        """The most views on the ladder that encode within this budget's share; at least ``least_views``."""
        affordable = self.encoding_seconds / max(slices * seconds_per_view, 1e-6)
        return _largest_affordable(VIEW_LADDER, min(max(affordable, self.least_views), self.views))

    def slices(self, slices: int, seconds_per_view: float) -> int:
        """How many slices can be encoded with the least views of each; at least ``LEAST_SLICES``, at most all."""
        affordable = int(self.encoding_seconds / max(self.least_views * seconds_per_view, 1e-6))
        return min(slices, max(affordable, LEAST_SLICES))

    def unlabeled(self, slices: Sequence[int], seconds_per_slice: float) -> int:
        """How many of some volumes, of which the sizes are given, can be encoded within their share; at least one.

        ``seconds_per_slice``: for all looks.
        """
        mean = sum(slices) / max(len(slices), 1)
        affordable = int(self.seconds * UNLABELED_SHARE / max(mean * seconds_per_slice, 1e-6))
        return min(len(slices), max(affordable, 1))

    def steps(self, usual: int, seconds_left: float, seconds_per_step: float) -> int:
        """The usual steps times the effort, or the most on the ladder that fit into the time left.

        Never less than ``least_steps``: a head trained shorter is worth nothing, and a pace that was measured at a
        busy moment exaggerates.
        """
        affordable = min(usual * self.effort, seconds_left / max(seconds_per_step, 1e-6))
        return max(_largest_affordable(STEP_LADDER, affordable), self.least_steps(usual))

    def least_steps(self, usual: int) -> int:
        """The steps that a head whose usual ones these are takes in any case."""
        return _largest_affordable(STEP_LADDER, LEAST_EFFORT * usual * self.effort)

    def least_seconds(self, slices: int, held_out: int, seconds_per_view: float, fitting: float) -> float:
        """What a training takes at least: its floor of views, and ``fitting``, the seconds of the floor of steps."""
        views = self.least_views * min(slices, LEAST_SLICES) + held_out
        return views * seconds_per_view + fitting

    def shape_steps_within(self, seconds_per_step: float) -> int:
        """The prior's usual steps, or the most on the ladder that fit into its share of the time."""
        affordable = min(self.shape_steps, self.trainings * self.seconds * SHAPE_SHARE / max(seconds_per_step, 1e-6))
        return _largest_affordable(STEP_LADDER, affordable)

    def arrangement_steps_within(self, seconds_per_step: float) -> int:
        """The arrangement prior's usual steps, the most on the ladder that fit into its share of the time, or 0."""
        seconds = self.trainings * self.seconds * ARRANGEMENT_SHARE
        affordable = min(self.arrangement_steps, seconds / max(seconds_per_step, 1e-6))
        steps = _largest_affordable(STEP_LADDER, affordable)
        return steps if steps >= self.least_arrangement_steps else 0


@dataclass(frozen=True)
class StageBudget:
    """What one stage of a training may spend; before the first stage, what the training may spend.

    A training with several stages shares its time out as it goes: each has its share of what is left, or what it needs
    at least. Trainings that follow, whose priors are those of this one, lend their parts of what these take.

    Attributes:
        whole: the budget of the training.
        stages: how many are still to come.
        began: reading of the clock at which the training began.
        now: the clock: seconds from any origin.
        limits: ``whole`` with the seconds of this stage.
        stage_began: reading of the clock at which the stage began.
        shape_steps: optimizer steps for its shape prior.
        layout_steps: optimizer steps for its layout prior.
        reserved: seconds of the stage that these priors will take.
        lent: seconds that priors took so far at the cost of trainings that follow.
    """

    whole: Budget
    stages: int
    began: float
    now: Callable[[], float]
    limits: Budget
    stage_began: float
    shape_steps: int = 0
    layout_steps: int = 0
    reserved: float = 0.0
    lent: float = 0.0

    @classmethod
    def of(
        cls, whole: Budget, stages: int, began: float | None = None, now: Callable[[], float] | None = None
    ) -> StageBudget:
        """That of a training of so many stages, which began then (None: now), by the clock ``now``."""
        now = now or clock.now
        began = now() if began is None else began
        return cls(whole, stages, began, now, whole, began)

    def next_stage(
        self, least_seconds: float, shape_pace: float = 0.0, layout_pace: float | None = None
    ) -> StageBudget:
        """That of the next stage, which begins now.

        Args:
            least_seconds: what it takes at least.
            shape_pace: seconds of an optimizer's step of its shape prior; 0 if it trains none.
            layout_pace: seconds of one of its layout prior; None if it trains none.
        """
        now = self.now()
        left = self.whole.seconds + self.lent - (now - self.began)
        share = max(left / self.stages, LEAST_PART * self.whole.seconds)
        limits = replace(self.whole, seconds=max(share, least_seconds))
        shape_steps = limits.shape_steps_within(shape_pace)
        layout_steps = 0 if layout_pace is None else limits.arrangement_steps_within(layout_pace)
        seconds = shape_steps * shape_pace + layout_steps * (layout_pace or 0.0)
        reserved = seconds / self.whole.trainings
        return replace(
            self,
            stages=max(self.stages - 1, 1),
            limits=limits,
            stage_began=now,
            shape_steps=shape_steps,
            layout_steps=layout_steps,
            reserved=reserved,
            lent=self.lent + seconds - reserved,
        )

    def next_training(self) -> StageBudget:
        """That of one of the trainings that follow, which begins now and pays its part of this one's priors."""
        now = self.now()
        reserved = self.lent / self.whole.rounds
        return replace(self, began=now, limits=self.whole, stage_began=now, reserved=reserved)

    @property
    def encoding_deadline(self) -> float:
        """Reading of the clock until which views of this stage may be encoded."""
        return self.stage_began + self.limits.encoding_seconds

    @property
    def seconds_gone(self) -> float:
        """Since the training began."""
        return self.now() - self.began

    @property
    def seconds_left(self) -> float:
        """What the stage leaves for fitting heads, without what its priors will take."""
        left = self.limits.seconds - self.reserved - (self.now() - self.stage_began)
        return max(left, LEAST_PART * self.whole.seconds)


def _largest_affordable(ladder: Sequence[int], affordable: float) -> int:
    """The highest rung that can be afforded; the lowest one in any case."""
    return max((count for count in ladder if count <= affordable), default=ladder[0])


BUDGETS: dict[str, Budget] = {
    "fast": Budget("fast", seconds=120, views=6, effort=1.0, shape_steps=300, least_views=4),
    "balanced": Budget("balanced", seconds=480, views=16, effort=1.0, least_views=6),
    "best": Budget("best", seconds=1800, views=40, effort=2.0, shape_steps=1200, rounds=2, least_views=8, patience=3.0),
}


ROI_HEAD_TYPE = "cnn"
"""The head type of the ROI stage. ``fusion`` was no better on average over five patients' hearts (two points worse to
two better), is slower, and needs twice the features."""


def budget_named(name: str) -> Budget:
    """The budget of that name. Raises InputError for another."""
    if name not in BUDGETS:
        msg = f"Unknown budget {name!r}."
        raise InputError(msg, f"Choose one of: {', '.join(BUDGETS)}.")
    return BUDGETS[name]


def allows_second_stage(choice: str, budget: Budget) -> bool:
    """Whether there is time for more than one training: a closer look, or learning again from an annotation that the
    first head filled in. With ``auto``, but not with the budget ``fast``."""
    return choice == "auto" and budget.name != "fast"


def candidates(choice: str, budget: Budget, more: bool) -> Sequence[str]:
    """Head types to try for a user's choice: ``auto`` tries several on the same features.

    ``more``: another training will follow. A second head was worth less than a closer look, and with both some hearts
    came out worse, so ``balanced`` does without.
    """
    if choice != "auto":
        return (choice,)
    if budget.effort > 1:
        return ("cnn", "fusion", "autosam")
    return ("cnn",) if more or budget.name == "fast" else ("cnn", "fusion")
