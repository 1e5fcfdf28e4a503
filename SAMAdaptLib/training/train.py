"""Training: annotated cases in, a head out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.case import Case
from ..data.matching import Labelling
from ..encoders import load_encoder
from ..encoders.registry import DEFAULT_ENCODER
from ..encoders.sizes import input_size_for
from ..errors import Cancelled
from ..features.cache import FeatureCache
from ..features.extractor import FeatureExtractor
from ..heads.card import structures_of
from ..heads.head import Head
from ..heads.parts import RoiSpec
from ..inference.quality_control import coarse_to_learn_in, seen_in
from ..networks import head_class
from ..priors.attach import attach_layout_prior, attach_shape_prior
from ..priors.layout_training import seconds_per_step as arrangement_pace
from ..priors.shape_training import seconds_per_step as shape_pace
from ..progress import Monitor, Silent
from ..utils.devices import resolve_device
from ..utils.sampling import evenly_spaced
from ..utils.timing import clock
from .budget import CLOSER_TYPE, Budget, allows_second_stage, budget_named, candidates
from .candidates import HeadCandidates
from .dataset import PseudoLabels, StageData, TrainingData, under_one_labelling
from .duration import PAINT_SECONDS, ExpectedDuration
from .samples import TrainingSample, draw_samples, in_rounds

if TYPE_CHECKING:
    from ..data.io.volumes import Labelmap, Volume
    from ..encoders.base import Encoder

__all__ = ["Case", "train"]

STUDENTS = ("student", "student")
"""Heads that learn from volumes without annotation, and answer together: each errs in its own way. From the answers of
one head in 20 hearts (ACDC) one alone had a Dice of 0.77 to 0.81, two together 0.84."""

BORROWED_VIEWS = 4
"""Views of each slice that was answered and not annotated."""

LEAST_PART = 0.125
"""Share of the budget that a look, and the heads in it, have when what came before has spent the rest."""


def train(
    cases: Sequence[Case],
    *,
    encoder: str = DEFAULT_ENCODER,
    input_size: int | None = None,
    head: str = "auto",
    plane: str = "auto",
    intensity: str = "auto",
    annotated_slices_only: bool = False,
    ignore_label: int | None = None,
    unlabeled: Sequence[Volume] = (),
    budget: str = "balanced",
    seed: int = 0,
    device: str = "auto",
    name: str = "",
    monitor: Monitor | None = None,
    start_from: Head | None = None,
    store: FeatureCache | None = None,
) -> Head:
    """Train a head on annotated volumes.

    ``cases``: volumes with labelmaps on their own grids; structures are matched by name where they have names of their
    own, else by label value (see ``matching``), with those of ``start_from`` as well.
    ``annotated_slices_only``: slices without a label were not looked at; else they are background.
    ``input_size``: pixels a side that the encoder is to see; None chooses them, by the time that there is and by what
    the slices resolve.
    ``ignore_label``: pixels of this value are unknown (scribbles). ``unlabeled``: volumes whose confident
    predictions are learned from as well, where there are enough. ``start_from``: go on from this head where it fits.
    Cancelled while encoding: raises Cancelled. Cancelled while training: the best head so far is returned and its
    card says so. Raises InputError when the annotation teaches nothing, GeometryError when grids differ.
    """
    from .pseudo_labels import require_enough, self_train

    monitor = monitor or Silent()
    teaching = require_enough(unlabeled, monitor)
    recipe = Recipe(
        encoder, input_size, head, plane, intensity, annotated_slices_only, ignore_label, budget, seed, device, name,
        adapts=bool(teaching),
    )  # fmt: skip
    cases = under_one_labelling(cases, ignore_label, _labelling_of(start_from))
    _say_where_it_starts(start_from, cases, ignore_label, monitor)
    session = Session(cases, recipe, monitor, store or FeatureCache(), start_from)
    for words in coarse_to_learn_in(session.lessons.plane, [case.volume for case in cases]):
        monitor.warning(words)
    session.duration.say()
    trained = session.run()
    if session.completes and not trained.card.training.cancelled:
        session, trained = _learned_again(session, trained)
    if teaching and not trained.card.training.cancelled:
        trained = self_train(trained, session, teaching)
    volumes = [*(case.volume for case in cases), *teaching]
    return trained.noted(seen=seen_in(trained.card, volumes))


def _labelling_of(head: Head | None) -> Labelling | None:
    if head is None:
        return None
    return Labelling(f"the head {head.card.name or 'to start from'}", structures_of(head.card))


def _say_where_it_starts(head: Head | None, cases: Sequence[Case], ignore_label: int | None, monitor: Monitor) -> None:
    """Warn when the cases show other structures than the head to start from knows: nothing of it is used then."""
    if head is None:
        return
    for words in head.reservations():
        monitor.warning(words)
    shown = {value for case in cases for value in case.labelmap.values()} - {ignore_label}
    if shown and shown != set(head.card.values):
        knows = ", ".join(item.name for item in structures_of(head.card))
        names = {item.value: item.name for case in cases for item in case.labelmap.structures}
        here = ", ".join(names[value] for value in sorted(shown))
        monitor.warning(
            f"The head to start from knows {knows}; annotated is {here}. So the training begins anew: annotate the "
            "same structures to go on from it."
        )


def _say_if_another_encoder(head: Head | None, encoder: Encoder | None, monitor: Monitor) -> None:
    """Warn when the head to start from looks through other weights: nothing of it is used then."""
    if head is None or encoder is None or not head.module.needs or head.card.encoder.sha256 == encoder.sha256:
        return
    monitor.warning(
        f"The head to start from was trained on {head.card.encoder.name}, not on {encoder.name}. So the training "
        f"begins anew: choose the encoder {head.card.encoder.name} to go on from it."
    )


@dataclass(frozen=True)
class Recipe:
    """The choices of one training, as given."""

    encoder: str
    input_size: int | None
    head: str
    plane: str
    intensity: str
    annotated_slices_only: bool
    ignore_label: int | None
    budget: str
    seed: int
    device: str
    name: str
    adapts: bool = False
    """Whether volumes without annotation will be learned from as well."""


class Session:
    """One training: what was prepared from the cases and is shared by all heads that are tried on them."""

    def __init__(
        self,
        cases: Sequence[Case],
        recipe: Recipe,
        monitor: Monitor,
        store: FeatureCache,
        start_from: Head | None,
        complete_labels: Sequence[Labelmap] | None = None,
        encoder: Encoder | None = None,
        closer_encoder: Encoder | None = None,
    ) -> None:
        self.began = clock.now()
        self.recipe, self.monitor, self.store, self.start_from = recipe, monitor, store, start_from
        self.completed = complete_labels
        whole = budget_named(recipe.budget)
        self.budget: Budget = whole.split_for_rounds() if recipe.adapts else whole
        self.device = resolve_device(recipe.device)
        earlier = start_from.closer if start_from is not None else None
        self.lessons = TrainingData(
            cases,
            recipe.plane,
            recipe.intensity,
            recipe.annotated_slices_only,
            recipe.ignore_label,
            earlier.card.plane.side_mm if earlier is not None else None,
            complete_labels,
        )
        self.structures = self.lessons.structures
        further = allows_second_stage(recipe.head, self.budget)
        self.closer = self.lessons.closer if further or earlier is not None else None
        self.completes = further and not self.lessons.whole and start_from is None
        self.types = candidates(recipe.head, self.budget, self.closer is not None or self.completes)
        self.shaped = any(head_class(kind).shaped for kind in self.types)
        looks = 1 if self.closer is None else 2
        self.parts = looks + 2 * self.completes
        self.part, self.part_began = self.budget, self.began
        self.encoder, self.closer_encoder = encoder, closer_encoder
        if self.encoder is None and any(head_class(kind).needs for kind in self.types):
            self.encoder = self._load(self.lessons.first, start_from)
            _say_if_another_encoder(start_from, self.encoder, monitor)
            if self.closer is not None:
                self.closer_encoder = self._load(self.closer, earlier)
        if self.encoder is not None:
            self.types = _possible(self.types, self.encoder)
        self.levels = sorted({level for kind in self.types for level in head_class(kind).needs})
        self.shape_steps, self.arrangement_steps, self.reserved, self.lent = 0, 0, 0.0, 0.0
        self.duration = ExpectedDuration(self)

    def run(self) -> Head:
        """The first look's heads, then, where that is worth it, one for a closer look."""
        self.begin_part(self.lessons.first, self.types)
        samples, checks = self.encoded(self.lessons.first, "Encoding views")
        found = HeadCandidates(self, self.encoder, samples, checks, self.start_from).fit_and_select(self.types)
        head = self._in_shape(found, self.lessons.first, self.start_from)
        return self.with_closer(head, self.start_from)

    def completed_by(self, head: Head) -> Session:
        """The session in what is left of the time, with the annotation filled in by ``head``. Raises Cancelled."""
        from .label_completion import complete_labels

        again = self._again(None, complete_labels(head, self))
        again.began = self.began
        return again

    def with_pseudo_labels(self, answers: Sequence[PseudoLabels]) -> Session:
        """A session on the same cases and what a head answered in other volumes, with a time of its own."""
        again = self._again(self.start_from, self.completed)
        again.lessons.add_pseudo_labels(answers)
        again.reserved = self.lent / self.budget.rounds
        return again

    def students(self) -> Head:
        """Heads that see pictures alone and learn from the cases and from what was borrowed, for the last look."""
        samples, checks = self.samples(self.closer or self.lessons.first, None)
        return HeadCandidates(self, None, samples, checks).together(STUDENTS)

    def _again(self, start_from: Head | None, complete_labels: Sequence[Labelmap] | None) -> Session:
        cases, recipe = self.lessons.cases, self.recipe
        encoders = self.encoder, self.closer_encoder
        return Session(cases, recipe, self.monitor, self.store, start_from, complete_labels, *encoders)

    def _load(self, lesson: StageData, earlier: Head | None) -> Encoder:
        """The encoder for a lesson's slices, at the size that was asked for, that of ``earlier``, or the best one."""
        recipe, frame = self.recipe, lesson.training[0].content.frame
        size = recipe.input_size
        own_names = (recipe.encoder, Path(recipe.encoder).stem)  # the second is that of a file
        if size is None and earlier is not None and earlier.card.encoder.name in own_names:
            size = earlier.card.input_size
        elif size is None:
            budget, resolved = self.budget, frame.side_mm / min(frame.spacing)
            pictures = budget.worthwhile_pictures(len(lesson.training)) + len(lesson.held_out)
            seconds = budget.encoding_seconds / self.parts
            size = input_size_for(
                recipe.encoder, pictures, seconds, budget.patience, resolved, recipe.device, self.monitor
            )
        return load_encoder(recipe.encoder, device=recipe.device, monitor=self.monitor, input_size=size)

    def encoder_for(self, lesson: StageData) -> Encoder | None:
        """The encoder that sees a lesson's slices."""
        return self.encoder if lesson is self.lessons.first else self.closer_encoder or self.encoder

    def samples(self, lesson: StageData, encoder: Encoder | None) -> tuple[list[TrainingSample], list[TrainingSample]]:
        """Views of a lesson's slices, as many as the budget allows, and its held-out slices as they are."""
        cost = encoder.seconds_per_slice() if encoder is not None else PAINT_SECONDS
        kept = evenly_spaced(lesson.training, self.part.slices(len(lesson.training), cost))
        views = self.part.views_per_slice(len(kept), cost)
        samples = draw_samples(kept, views, encoder, self.recipe.seed)
        samples += draw_samples(lesson.pseudo_labelled, BORROWED_VIEWS, encoder, self.recipe.seed)
        return samples, draw_samples(lesson.held_out, 1, encoder, self.recipe.seed)

    def encoded(self, lesson: StageData, stage: str) -> tuple[list[TrainingSample], list[TrainingSample]]:
        """What ``samples`` gives, encoded; without some views where encoding is slower than it was measured.

        Raises Cancelled.
        """
        samples, checks = self.samples(lesson, self.encoder_for(lesson))
        rounds = [checks, *in_rounds(samples)]
        views = [sample.view for each in rounds for sample in each]
        needed = sum(map(len, rounds[: 1 + self.budget.least_views]))
        deadline = self.part_began + self.part.encoding_seconds
        embedder = FeatureExtractor(self.encoder_for(lesson), self.levels, self.store)
        known = {view.key for view in embedder.cache_features_until(deadline, views, needed, self.monitor, stage)}
        return [sample for sample in samples if sample.view.key in known], checks

    def with_closer(self, head: Head, start_from: Head | None) -> Head:
        """``head`` with one for a closer look at what it finds, where that is worth it.

        Cancelled meanwhile: ``head`` as it is, and its card says so.
        """
        if self.closer is None or head.card.training.cancelled:
            return head
        self.begin_part(self.closer, (CLOSER_TYPE,))
        try:
            samples, checks = self.encoded(self.closer, "Encoding closer views")
        except Cancelled:
            return head.noted(cancelled=True)
        earlier = None if start_from is None else start_from.closer
        fitted = HeadCandidates(self, self.encoder_for(self.closer), samples, checks, earlier).fit_and_select(
            (CLOSER_TYPE,)
        )
        closer = self._in_shape(fitted, self.closer, earlier)
        if closer.card.training.cancelled:
            return head.noted(cancelled=True)
        differs = closer.card.input_size != head.card.input_size
        facts = RoiSpec(
            side_mm=self.closer.side_mm,
            head=closer.card.head,
            shapes=closer.card.shapes,
            encoder=closer.card.encoder if differs else None,
        )
        card = replace(head.card, closer=facts)
        whole = Head(card, head.module, head.prior, replace(closer, card=card.closer_card() or card))
        either = {"cut_short": True} if head.cut_short or closer.cut_short else {}
        return whole.noted(seconds=round(clock.now() - self.began, 1), **either)

    def _in_shape(self, head: Head, lesson: StageData, earlier: Head | None) -> Head:
        """``head``, which looks at slices as the lesson does, with its priors, where the cases allow them."""
        if head.card.training.cancelled:
            return head
        plane = replace(head.card.plane, side_mm=lesson.side_mm)
        head = replace(head, card=replace(head.card, plane=plane))
        self.reserved = 0.0
        stacks = lesson.stacks if self.shaped else []
        shaped = attach_shape_prior(head, stacks, earlier, self.shape_steps, self.recipe.seed, self.monitor)
        if lesson is self.lessons.first:
            shaped = attach_layout_prior(shaped, stacks, self.arrangement_steps, self.recipe.seed, self.monitor)
        return shaped.noted(seconds=round(clock.now() - self.began, 1))

    def begin_part(self, lesson: StageData, kinds: Sequence[str]) -> None:
        """Begin the next look, at a lesson with heads of these kinds: it has its share of the time that is left, or
        what it needs at least.

        Trainings that follow, whose priors are those of this one, lend their parts of what these take.
        """
        self.part_began = clock.now()
        left = self.budget.seconds + self.lent - (self.part_began - self.began)
        share = max(left / self.parts, LEAST_PART * self.budget.seconds)
        self.part = replace(self.budget, seconds=max(share, self.duration.least_seconds(lesson, kinds)))
        self.parts = max(self.parts - 1, 1)
        learns = self.shaped and self.lessons.first.stacks
        pace = shape_pace(len(self.structures) + 1) if learns else 0.0
        self.shape_steps = self.part.shape_steps_within(pace)
        seconds = self.shape_steps * pace
        self.arrangement_steps = 0
        if learns and self.lessons.closer is None:
            pace = arrangement_pace(len(self.structures) + 1)
            self.arrangement_steps = self.part.arrangement_steps_within(pace)
            seconds += self.arrangement_steps * pace
        self.reserved = seconds / self.budget.trainings
        self.lent += seconds - self.reserved

    def seconds_left(self) -> float:
        """What the budget's part leaves for fitting heads, without what the shape prior will take."""
        left = self.part.seconds - self.reserved - (clock.now() - self.part_began)
        return max(left, LEAST_PART * self.budget.seconds)


def _learned_again(session: Session, head: Head) -> tuple[Session, Head]:
    """A session on the annotation that ``head`` filled in, and its head; as given, and noted, when cancelled."""
    try:
        again = session.completed_by(head)
        better = again.run()
    except Cancelled:
        return session, head.noted(cancelled=True)
    if better.card.training.cancelled:
        return session, head.noted(cancelled=True)
    return again, better


def _possible(types: Sequence[str], encoder: Encoder) -> Sequence[str]:
    """The head types whose feature levels this encoder has; one that was asked for by name is left to fail clearly."""
    known = [kind for kind in types if set(head_class(kind).needs) <= set(encoder.levels)]
    return known if len(types) > 1 else types
