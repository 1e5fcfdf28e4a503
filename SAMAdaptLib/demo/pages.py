"""What the demo shows: one picture of all patients, and the page around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..evaluation.report import CaseReport, Page, overlay_figure, png
from ..evaluation.report.patients import PatientRow, patients_figure
from .problem import Problem, without

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..heads.head import Head
    from .course import Outcome


def picture_of(problem: Problem, outcomes: Sequence[Outcome]) -> Figure:
    """The annotated patient and the others, a row each."""
    rows = [_annotated_row(problem, outcomes), *(_other_row(one) for one in _others(problem, outcomes))]
    count = f"{len(problem.drawn)} slices" if problem.open_slices else "one volume"
    subtitle = f"Learned from {count} of {problem.annotated.title}; beside it, what one would do otherwise"
    return patients_figure(rows, problem.title, subtitle)


def page_of(
    problem: Problem, head: Head, outcomes: Sequence[Outcome], picture: bytes, command: str, seconds: float
) -> Page:
    """The page: the picture, then each patient's scores and slices; ``seconds``: that all of it took."""
    cases = [CaseReport("At a glance", picture, note=_glance(problem, outcomes))]
    cases += [_case(problem, outcome) for outcome in outcomes]
    facts = {"All of it, on this computer": clock(seconds)}
    return Page(problem.title, problem.story, cases, head.card, facts=facts, command=command, notes=problem.notes)


def clock(seconds: float) -> str:
    """A duration as people say it: ``42 s``, ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _others(problem: Problem, outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.patient is not problem.annotated]


def _annotated_row(problem: Problem, outcomes: Sequence[Outcome]) -> PatientRow:
    """What was drawn, and how the head fills in the rest where there is one."""
    volume, labels = problem.training.volume, problem.training.labelmap
    if not problem.open_slices:
        return PatientRow(
            f"{problem.annotated.title}: annotated throughout", volume, labels, words=("what was drawn", "")
        )
    own = next(outcome for outcome in outcomes if outcome.patient is problem.annotated)
    drawn = problem.drawn[len(problem.drawn) // 2]
    between = (drawn + problem.drawn[len(problem.drawn) // 2 - 1]) // 2
    slices = labels.geometry.shape[0]
    return PatientRow(
        f"{problem.annotated.title}: {len(problem.drawn)} of {slices} slices annotated",
        volume,
        labels,
        own.found,
        problem.annotated.reference,
        shown=drawn,
        compared=between,
        cut_open=False,
        words=("what was drawn", f"where it errs between, slice {between + 1}"),
        scores=_scores(own),
    )


def _other_row(outcome: Outcome) -> PatientRow:
    patient = outcome.patient
    return PatientRow(
        f"{patient.title}: nothing annotated",
        patient.volume,
        outcome.found,
        outcome.found,
        patient.reference,
        words=("what was found", "where it errs"),
        scores=_scores(outcome),
    )


def _scores(outcome: Outcome) -> tuple[tuple[str, float], ...]:
    ours = ("SAMAdapt", outcome.evaluation.mean_dice)
    return (ours,) if outcome.otherwise is None else (ours, (outcome.other_way, outcome.otherwise))


def _glance(problem: Problem, outcomes: Sequence[Outcome]) -> str:
    """What stands beside our scores, in words."""
    parts = []
    if problem.open_slices:
        parts.append(
            f"{problem.annotated.title} is measured on the {problem.open_slices} slices that were not annotated, "
            "beside contours that were interpolated between the annotated ones."
        )
    if any(outcome.otherwise is not None for outcome in _others(problem, outcomes)):
        filled = ", its gaps filled by interpolation," if problem.open_slices else ""
        parts.append(f"The others are measured whole, beside the annotation{filled} laid over them, middle on middle.")
    return " ".join(parts)


def _case(problem: Problem, outcome: Outcome) -> CaseReport:
    found, reference = outcome.found, outcome.patient.reference
    note = "Measured on the whole volume; nothing of it was used for training."
    learned_from = outcome.patient is problem.annotated
    if learned_from:
        # Slices that were trained on are blank in the picture's labels, and therefore never chosen for it.
        found, reference = (without(labelmap, problem.drawn) for labelmap in (found, reference))
        note = (
            f"Measured on the {problem.open_slices} slices that were not annotated; the {len(problem.drawn)} annotated "
            "ones are blank in both segmentations, which flatters NSD and HD95 a little. It enters no mean above."
        )
    figure = overlay_figure(outcome.patient.volume, found, reference, evaluation=outcome.evaluation)
    return CaseReport(
        outcome.patient.title,
        png(figure),
        outcome.evaluation,
        outcome.seconds,
        note,
        learned_from=learned_from,
    )
