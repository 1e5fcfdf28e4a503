"""The demo's own problem: a few slices of one brain are annotated, three other brains are segmented."""

from __future__ import annotations

from ..data.case import Case
from .problem import Patient, Problem, only
from .samples import patients

ANNOTATE_EVERY = 12
"""One slice in so many is annotated."""

TITLE = "Annotate one patient. Segment the others."
STORY = (
    "{seen} of {slices} slices of patient A are annotated, one in {step}; SAMAdapt learns from these and segments the "
    "patients {others}, who lie and look different. A is the MNI ICBM 152 average brain (T1, skull removed); its "
    "annotation is each voxel's most likely tissue in the template's own probability maps, no expert's drawing. "
    "{others} are simulated: A bent into other shapes, with other contrast, shading, noise, voxels and position."
)


def brain_problem() -> Problem:
    """The demo's own problem. Raises InputError when the data cannot be had."""
    first, *rest = (patients.load(name) for name in patients.NAMES)
    slices = first.volume.geometry.shape[0]
    drawn = tuple(range(ANNOTATE_EVERY // 2, slices, ANNOTATE_EVERY))
    names = [sample.name for sample in rest]
    return Problem(
        title=TITLE,
        story=STORY.format(
            seen=len(drawn),
            slices=slices,
            step=ANNOTATE_EVERY,
            others=", ".join(names[:-1]) + f" and {names[-1]}",
        ),
        training=Case(first.volume, only(first.labelmap, drawn)),
        annotated=Patient(first.title, first.volume, first.labelmap),
        drawn=drawn,
        others=tuple(Patient(sample.title, sample.volume, sample.labelmap) for sample in rest),
        annotated_slices_only=True,
        head="fusion",  # thin and folded structures: borders matter more than what is where
        credit=first.credit,
    )
