"""What a prior makes of what a head found, whichever kind of prior it is."""

from __future__ import annotations

from ..networks.layout_prior import LayoutPrior
from ..networks.shape_prior import ShapePrior
from ..utils.disk.slice_store import ProbabilitySlices
from .layout_refinement import refine_volume
from .shape_refinement import RefinementContext, refine_slices


def refine(slices: ProbabilitySlices, prior: ShapePrior | LayoutPrior, context: RefinementContext) -> ProbabilitySlices:
    """Class probabilities (classes, s, s), slice by slice, as the prior would have them; None stays None."""
    if isinstance(prior, LayoutPrior):
        return refine_volume(slices, prior, context)
    return refine_slices(slices, prior, context)
