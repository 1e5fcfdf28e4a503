"""Training: annotated cases in, a head out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .anatomy import in_shape, pieces
from .budget import Budget, budget_named, candidates
from .devices import resolve_device
from .embedding import Embedder, FeatureStore
from .encoders import load_encoder
from .errors import GeometryError, InputError
from .fitting import Batches, Fit, fit, held_out_dice, seconds_per_step, set_normalizers
from .heads import head_class
from .heads.card import HeadCard
from .heads.ensemble import EnsembleHead
from .heads.file import Head
from .intensity import IntensityRule, rule_for
from .progress import Monitor, Silent
from .samples import (
    AnnotatedSlice,
    Case,
    Sample,
    SlicedVolume,
    annotated_slices,
    canvas_side,
    draw_samples,
    hold_out,
    limit_empty,
    plane_for,
    spread,
)
from .shapes import LabelStack, label_stack, worth_learning
from .shapes import seconds_per_step as shape_pace
from .slicing import SliceStack, resolve_plane

if TYPE_CHECKING:
    from .encoders.base import Encoder
    from .heads.base import HeadModule
    from .volume import Structure, Volume

__all__ = ["Case", "train"]

PAINT_SECONDS = 0.02
"""What a view costs a head that needs no encoder."""

CLEARLY_BETTER = 0.05
"""Held-out Dice by which one head must beat the mean of all candidates to be taken alone."""

_OVERTIME = 1.15


def train(
    cases: Sequence[Case],
    *,
    encoder: str = "mobile_sam",
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
    store: FeatureStore | None = None,
) -> Head:
    """Train a head on annotated volumes.

    ``cases``: volumes with labelmaps on their own grids; label values mean the same structure in all of them.
    ``annotated_slices_only``: slices without a label were not looked at; else they are background.
    ``input_size``: pixels a side that a SAM ViT is to see, where not its own 1024.
    ``ignore_label``: pixels of this value are unknown (scribbles). ``unlabeled``: volumes whose confident
    predictions are learned from as well. ``start_from``: go on from this head where it fits.
    Cancelled while encoding: raises Cancelled. Cancelled while training: the best head so far is returned and its
    card says so. Raises InputError when the annotation teaches nothing, GeometryError when grids differ.
    """
    recipe = Recipe(
        encoder, input_size, head, plane, intensity, annotated_slices_only, ignore_label, budget, seed, device, name
    )
    session = Session(cases, recipe, monitor or Silent(), store or FeatureStore(), start_from)
    trained = session.run()
    if unlabeled and not trained.card.training["cancelled"]:
        from .selftraining import adapt

        return adapt(trained, session, unlabeled)
    return trained


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


class Session:
    """One training: what was prepared from the cases and is shared by all heads that are tried on them."""

    def __init__(
        self, cases: Sequence[Case], recipe: Recipe, monitor: Monitor, store: FeatureStore, start_from: Head | None
    ) -> None:
        self.began = time.monotonic()
        self.recipe, self.monitor, self.store, self.start_from = recipe, monitor, store, start_from
        self.budget: Budget = budget_named(recipe.budget)
        self.types = candidates(recipe.head, self.budget)
        self.device = resolve_device(recipe.device)
        self.structures = _structures(cases, recipe.ignore_label)
        self.whole = not recipe.annotated_slices_only and recipe.ignore_label is None
        first = cases[0].volume
        choice = resolve_plane(first.geometry, recipe.plane)
        self.plane: dict[str, Any] = {"name": choice.name, "acquisition": choice.acquisition}
        self.plane["side_mm"] = canvas_side(self._stack(case) for case in cases)
        self.rule: IntensityRule = rule_for(first, recipe.intensity)
        self.cases = cases
        self.encoder: Encoder | None = None
        if any(head_class(kind).needs for kind in self.types):
            self.encoder = load_encoder(
                recipe.encoder, device=recipe.device, monitor=monitor, input_size=recipe.input_size
            )
            self.types = _possible(self.types, self.encoder)
        self.levels = sorted({level for kind in self.types for level in head_class(kind).needs})
        self.embedder = Embedder(self.encoder, self.levels, store)
        self.training, self.held_out = self._slices()
        self.stacks = self._stacks()
        self.reserved = self.budget.shape_steps * shape_pace(len(self.structures) + 1) if self.stacks else 0.0
        self.anatomy = pieces(cases, self.structures, self.whole)

    def run(self) -> Head:
        """Encode the views, try the head types, give the best."""
        samples, checks = self.samples(self.training, self.held_out)
        self.embedder.prepare([s.view for s in (*checks, *samples)], self.monitor, "Encoding views")
        return self._in_shape(self.best_of(samples, checks, self.start_from))

    def samples(
        self, training: Sequence[AnnotatedSlice], held_out: Sequence[AnnotatedSlice]
    ) -> tuple[list[Sample], list[Sample]]:
        """Views of the slices, as many as the budget allows."""
        cost = self.encoder.seconds_per_slice() if self.encoder is not None else PAINT_SECONDS
        kept = spread(training, self.budget.slices(len(training), cost))
        views = self.budget.views_per_slice(len(kept), cost)
        samples = draw_samples(kept, views, self.encoder, self.recipe.seed)
        return samples, draw_samples(held_out, 1, self.encoder, self.recipe.seed)

    def best_of(self, samples: Sequence[Sample], checks: Sequence[Sample], start_from: Head | None) -> Head:
        """Fit each candidate on the same samples; several answer together unless one alone is clearly better.

        Slices of the annotated volume itself say little about other volumes: between heads that differ by less than
        ``CLEARLY_BETTER`` on them, the mean of all is the safer choice.
        """
        heads: list[Head] = []
        for position, kind in enumerate(self.types):
            share = self._seconds_left() / (len(self.types) - position)
            heads.append(self._fit(kind, samples, checks, share, start_from))
            if heads[-1].card.training["cancelled"]:
                break
        best = max(heads, key=lambda head: head.card.mean_dice or 0)
        if len(heads) == 1 or heads[-1].card.training["cancelled"]:
            return best
        together = self._together(heads, samples, checks)
        return best if (best.card.mean_dice or 0) > (together.card.mean_dice or 0) + CLEARLY_BETTER else together

    def _in_shape(self, head: Head) -> Head:
        """``head`` with a shape prior, where the cases allow one."""
        if head.card.training["cancelled"]:
            return head
        self.reserved = 0.0
        shaped = in_shape(head, self.stacks, self.start_from, self.budget.shape_steps, self.recipe.seed, self.monitor)
        training = {**shaped.card.training, "seconds": round(time.monotonic() - self.began, 1)}
        return replace(shaped, card=replace(shaped.card, training=training))

    def _together(self, heads: Sequence[Head], samples: Sequence[Sample], checks: Sequence[Sample]) -> Head:
        """The ensemble of fitted heads, with a card of its own."""
        module = EnsembleHead.of([head.module for head in heads])
        found = held_out_dice(module.to(self.device), Batches(module, self.embedder, self.device), checks)
        result = Fit(state={}, held_out=found, steps=sum(head.card.training["steps"] for head in heads))
        return Head(card=self._card(module, result, samples, checks), module=module.cpu().eval())

    def _fit(
        self, kind: str, samples: Sequence[Sample], checks: Sequence[Sample], seconds: float, start_from: Head | None
    ) -> Head:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            module = self._new_module(kind, samples, start_from).to(self.device)
            began = time.monotonic()
            pace = seconds_per_step(module, Batches(module, self.embedder, self.device), samples)
            torch.manual_seed(self.recipe.seed)
            result = fit(
                module,
                self.embedder,
                samples,
                checks,
                steps=self.budget.steps(module.steps, seconds, pace),
                seed=self.recipe.seed,
                device=self.device,
                deadline=began + _OVERTIME * max(seconds, 10.0),
                monitor=self.monitor,
            )
        return Head(card=self._card(module, result, samples, checks), module=module.cpu().eval())

    def _new_module(self, kind: str, samples: Sequence[Sample], start_from: Head | None) -> HeadModule:
        channels = {level: self.encoder.levels[level].channels for level in self.levels} if self.encoder else {}
        module = head_class(kind)(channels, len(self.structures) + 1)
        earlier = _earlier(start_from, module, self.encoder, self.structures) if start_from is not None else None
        if earlier is not None:
            module.load_state_dict(earlier.state_dict())
            return module
        set_normalizers(module, self.embedder, samples)
        if kind == "autosam" and self.encoder is not None:
            _start_from_sam(module, self.encoder, self.monitor)
        return module

    def _stack(self, case: Case) -> SliceStack:
        return SliceStack(case.volume.geometry, plane_for(self.plane, case.volume))

    def _slices(self) -> tuple[list[AnnotatedSlice], list[AnnotatedSlice]]:
        training: list[AnnotatedSlice] = []
        held_out: list[AnnotatedSlice] = []
        values = [structure.value for structure in self.structures]
        for case in self.cases:
            _require_same_grid(case)
            found = annotated_slices(
                self._sliced(case),
                case.labelmap.voxels,
                values,
                self.recipe.annotated_slices_only,
                self.recipe.ignore_label,
            )
            ours, checks = hold_out(found)
            training += limit_empty(ours)
            held_out += checks
        if not any(item.present for item in training):
            msg = "None of the annotated slices shows a structure on a picture that is not flat."
            raise InputError(msg, "Annotate at least one slice of one structure.")
        return training, held_out

    def _stacks(self) -> list[LabelStack]:
        """The annotations as shapes, where a head wants a prior and they are whole."""
        if not self.whole or not any(head_class(kind).shaped for kind in self.types):
            return []
        values = [structure.value for structure in self.structures]
        stacks = [label_stack(self._sliced(case), case.labelmap.voxels, values) for case in self.cases]
        return stacks if worth_learning(stacks) else []

    def _sliced(self, case: Case) -> SlicedVolume:
        return SlicedVolume(case.volume, plane_for(self.plane, case.volume), self.rule, self.plane["side_mm"])

    def _seconds_left(self) -> float:
        """What the budget leaves for fitting heads, without what the shape prior will take."""
        return max(self.budget.seconds - self.reserved - (time.monotonic() - self.began), 10.0)

    def _card(self, module: HeadModule, result: Fit, samples: Sequence[Sample], checks: Sequence[Sample]) -> HeadCard:
        from . import __version__

        encoder = self.encoder
        return HeadCard(
            name=self.recipe.name,
            head={"type": module.type_name, "hyper": module.hyper()},
            encoder={
                "name": encoder.name if encoder else "none",
                "sha256": encoder.sha256 if encoder else "",
                "levels": {level: _level_facts(encoder.levels[level]) for level in module.needs} if encoder else {},
                "input_size": self.recipe.input_size,
            },
            plane=self.plane,
            intensity=self.rule.to_dict(),
            modality=self.cases[0].volume.modality,
            structures=[
                {**structure.to_dict(), **facts} for structure, facts in zip(self.structures, self.anatomy, strict=True)
            ],
            training={
                "cases": len(self.cases),
                "slices": len({id(sample.annotated) for sample in samples}),
                "views": len(samples),
                "steps": result.steps,
                "seconds": round(time.monotonic() - self.began, 1),
                "seed": self.recipe.seed,
                "budget": self.budget.name,
                "trainable_parameters": sum(p.numel() for p in module.parameters() if p.requires_grad),
                "annotated_slices_only": self.recipe.annotated_slices_only,
                "scribbles": self.recipe.ignore_label is not None,
                "version": __version__,
                "cancelled": result.cancelled,
                "curve": [[s, round(a, 4), None if b is None else round(b, 4)] for s, a, b in result.curve],
            },
            quality=_quality(self.structures, result, len(checks)),
        )


def _possible(types: Sequence[str], encoder: Encoder) -> Sequence[str]:
    """The head types whose feature levels this encoder has; one that was asked for by name is left to fail clearly."""
    known = [kind for kind in types if set(head_class(kind).needs) <= set(encoder.levels)]
    return known if len(types) > 1 else types


def _level_facts(level: Any) -> list[int]:
    """A feature level as JSON: [channels, size]."""
    return [int(level.channels), int(level.size)]


def _structures(cases: Sequence[Case], ignore_label: int | None) -> list[Structure]:
    """The structures that are drawn in at least one case, by value. Raises InputError when there is none."""
    if not cases:
        msg = "No annotated volume was given."
        raise InputError(msg, "Give at least one image with its labels.")
    known: dict[int, Structure] = {}
    for case in cases:
        present = set(case.labelmap.values()) - {ignore_label}
        for structure in case.labelmap.structures:
            if structure.value in present:
                known.setdefault(structure.value, structure)
    if not known:
        msg = f"The labels of {cases[0].volume.name or 'the first volume'} hold no structure, only background."
        raise InputError(msg, "Annotate at least one structure, or choose another label file.")
    return [known[value] for value in sorted(known)]


def _require_same_grid(case: Case) -> None:
    if not case.volume.geometry.same_grid(case.labelmap.geometry):
        difference = case.volume.geometry.difference(case.labelmap.geometry)
        msg = f"The labels of {case.volume.name or 'the volume'} do not lie on its grid: {difference}."
        raise GeometryError(msg, "Resample the labels to the image (--resample-labels).")


def _quality(structures: Sequence[Structure], result: Fit, slices: int) -> dict[str, Any]:
    """Held-out Dice as the card keeps it; nulls where nothing was held out."""
    if result.held_out is None:
        return {"dice": {}, "mean_dice": None, "held_out_slices": 0}
    dice = [None if np.isnan(value) else round(value, 4) for value in result.held_out.dice]
    mean = result.held_out.mean
    return {
        "dice": {str(structure.value): value for structure, value in zip(structures, dice, strict=True)},
        "mean_dice": None if np.isnan(mean) else round(mean, 4),
        "held_out_slices": slices,
    }


def _earlier(
    head: Head, module: HeadModule, encoder: Encoder | None, structures: Sequence[Structure]
) -> HeadModule | None:
    """The part of ``head`` that ``module`` can go on from: same type, encoder weights and structures; or None."""
    if head.card.encoder["sha256"] != (encoder.sha256 if encoder else ""):
        return None
    if head.card.values != [structure.value for structure in structures]:
        return None
    alike = (part for part in head.module.parts() if part.type_name == module.type_name)
    return next((part for part in alike if part.hyper() == module.hyper()), None)


def _start_from_sam(module: HeadModule, encoder: Encoder, monitor: Monitor) -> None:
    """Give an AutoSAM head SAM's own decoder where the encoder has one to give."""
    state = {key: torch.from_numpy(np.array(value)) for key, value in encoder.decoder_state().items()}
    if state:
        module.start_from_sam(state)  # type: ignore[operator]
    else:
        monitor.warning("This encoder brings no SAM decoder: the autosam head starts from random weights.")
