"""What came of the demo: each patient's segmentation with its scores, beside what one would do otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.io.volumes import Labelmap
from ..evaluation.metrics import Evaluation
from .otherwise import interpolated, laid_over
from .problem import Patient, Problem


@dataclass(frozen=True)
class Outcome:
    """What was found in a patient in so many seconds, how good that is, and the mean Dice of another way to do it.

    ``otherwise`` is None where there is none; ``other_way`` says what it was.
    """

    patient: Patient
    found: Labelmap
    evaluation: Evaluation
    seconds: float
    otherwise: float | None
    other_way: str


def outcome_of_annotated(problem: Problem, patient: Patient, found: Labelmap, seconds: float) -> Outcome:
    """Of the patient that was annotated: measured on the slices that were not drawn on, where there are any."""
    evaluation = problem.measure_rest(found) if problem.open_slices else problem.annotated.measure(found)
    otherwise = None
    if problem.open_slices:
        otherwise = problem.measure_rest(interpolated(problem.training.labelmap, problem.drawn)).mean_dice
    return Outcome(patient, found, evaluation, seconds, otherwise, "contours interpolated")


def outcome_of_other(problem: Problem, patient: Patient, found: Labelmap, seconds: float) -> Outcome:
    """Of another patient: beside the annotation of the first one, its gaps filled, laid over this one."""
    annotation = problem.training.labelmap
    if problem.open_slices:
        annotation = interpolated(annotation, problem.drawn)
    laid = laid_over(annotation, problem.training.volume, patient.volume)
    otherwise = patient.measure(laid).mean_dice
    return Outcome(patient, found, patient.measure(found), seconds, otherwise, "annotation laid over")
