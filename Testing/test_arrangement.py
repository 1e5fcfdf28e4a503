"""The arrangement prior: learned from whole annotations, applied to whole volumes, kept in the head file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from methods import change_method
from phantoms import two_balls
from test_heads import a_card

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.errors import HeadFileError
from SAMAdaptLib.features.sliced_volume import SlicedVolume
from SAMAdaptLib.heads.card import HeadCard
from SAMAdaptLib.heads.head import Head, load_head, save_head
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.networks.layout_prior import GRID, LayoutPrior
from SAMAdaptLib.preprocessing.intensity import IntensityRule
from SAMAdaptLib.priors.layout_refinement import refine_volume
from SAMAdaptLib.priors.layout_training import LayoutPriorTrainer, deform, source_of
from SAMAdaptLib.priors.shape_refinement import Agreement, RefinementContext
from SAMAdaptLib.priors.shape_training import LabelStack, label_stack
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.training.budget import ARRANGEMENT_SHARE, BUDGETS
from SAMAdaptLib.training.train import train

CLASSES, SLICES, SPACING_MM, SIDE_MM = 3, 24, 8.0, 256.0


def body_labels() -> np.ndarray:
    """(24, 64, 64) uint8: a large organ (1) in the upper slices, at one side, and a small one (2) in the lower ones."""
    k, j, i = np.mgrid[:SLICES, :64, :64]
    labels = np.zeros(k.shape, np.uint8)
    labels[((k - 16) / 6) ** 2 + ((j - 30) / 20) ** 2 + ((i - 20) / 13) ** 2 < 1] = 1
    labels[((k - 7) / 5) ** 2 + ((j - 22) / 7) ** 2 + ((i - 46) / 7) ** 2 < 1] = 2
    return labels


def sliced(labels: np.ndarray) -> SlicedVolume:
    volume = Volume(labels.astype(np.float32), Geometry((64, 64, len(labels)), (4.0, 4.0, SPACING_MM)))
    return SlicedVolume(volume, "axial", IntensityRule("none"), SIDE_MM)


def body_stack() -> LabelStack:
    labels = body_labels()
    return label_stack(sliced(labels), labels, [1, 2])


def canvases_of(labels: np.ndarray, sure: float = 0.8) -> list[np.ndarray | None]:
    """Probabilities (CLASSES, 64, 64) a slice that hold these labels with some certainty."""
    one_hot = np.moveaxis(np.eye(CLASSES, dtype=np.float32)[labels], -1, 1)
    return list((one_hot * sure + (1 - sure) / CLASSES).astype(np.float32))


def put_right(canvases: list[np.ndarray | None], prior: LayoutPrior) -> list[np.ndarray | None]:
    return refined(canvases, prior, SPACING_MM, SIDE_MM / GRID)


def refined(
    canvases: list[np.ndarray | None], prior: LayoutPrior, spacing_mm: float, cell_mm: float
) -> list[np.ndarray | None]:
    context = RefinementContext(len(canvases), spacing_mm, cell_mm, Agreement(CLASSES))
    return list(refine_volume(iter(canvases), prior, context))


def dice_of(canvases: list[np.ndarray | None], labels: np.ndarray, value: int) -> float:
    found = np.stack([canvas.argmax(axis=0) for canvas in canvases if canvas is not None])
    ours, truth = found == value, labels == value
    return 2 * float((ours & truth).sum()) / float(ours.sum() + truth.sum())


class Unmoved(LayoutPrior):
    """A prior that expects what it sees, and remembers it."""

    def __init__(self) -> None:
        super().__init__(CLASSES)
        self.seen: list[torch.Tensor] = []

    def forward(self, occupancies: torch.Tensor) -> torch.Tensor:
        self.seen.append(occupancies[0])
        return occupancies[:, : self.classes].clamp_min(1e-9).log()


@pytest.fixture(scope="module")
def learned() -> LayoutPrior:
    """A prior that saw that body, briefly."""
    prior = LayoutPriorTrainer(CLASSES).train([body_stack()], steps=150, seed=0, monitor=Silent())
    assert prior is not None
    return prior


# At work ----------------------------------------------------------------------------------------------------------


def test_an_organ_that_is_found_far_below_where_it_ends_ends_there_again(learned: LayoutPrior) -> None:
    labels = body_labels()
    leaking = labels.copy()
    beside = np.hypot(*(np.mgrid[:64, :64] - np.array([30, 20])[:, None, None])) < 14
    leaking[:7] = np.where((labels[:7] == 0) & beside, np.uint8(1), labels[:7])
    found = canvases_of(leaking, sure=0.6)
    assert dice_of(found, labels, 1) < 0.8
    assert dice_of(put_right(found, learned), labels, 1) > 0.9


def test_what_is_right_stays_as_it_is(learned: LayoutPrior) -> None:
    labels = body_labels()
    found = put_right(canvases_of(labels), learned)
    assert all(dice_of(found, labels, value) > 0.95 for value in (1, 2))


def test_a_prior_that_expects_what_it_sees_changes_nothing() -> None:
    canvases = canvases_of(body_labels())
    for before, after in zip(canvases, put_right(canvases, Unmoved()), strict=True):
        np.testing.assert_allclose(after, before, atol=2e-3)


def test_slices_that_were_not_looked_at_stay_so_and_the_volume_ends_before_them() -> None:
    canvases = canvases_of(body_labels())
    canvases[:6] = [None] * 6
    prior = Unmoved()
    found = put_right(canvases, prior)
    assert [index for index, canvas in enumerate(found) if canvas is None] == list(range(6))
    reach = prior.seen[0][CLASSES, :, 0, 0]
    above = np.flatnonzero(reach)
    assert above[0] > 3
    assert (prior.seen[0][:, : above[0]] == 0).all()
    torch.testing.assert_close(prior.seen[0][:CLASSES].sum(dim=0), reach[:, None, None].expand(-1, GRID, GRID))


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 70), spacing=st.floats(0.5, 12.0), cell=st.floats(2.0, 25.0))
def test_volumes_of_any_length_keep_what_a_prior_does_not_change(count: int, spacing: float, cell: float) -> None:
    chance = np.random.default_rng(count)
    canvases = list(chance.dirichlet(np.ones(CLASSES), (count, 32, 32)).transpose(0, 3, 1, 2).astype(np.float32))
    prior = Unmoved()
    found = refined(canvases, prior, spacing, cell)
    assert prior.seen[0].shape[1] >= max(GRID, count * spacing / cell)
    assert prior.seen[0].shape[1] % prior.multiple == 0
    for before, after in zip(canvases, found, strict=True):
        np.testing.assert_allclose(after, before, atol=5e-3)


def test_a_volume_of_which_nothing_was_looked_at_stays_so(learned: LayoutPrior) -> None:
    assert put_right([None] * 5, learned) == [None] * 5


# Learning ---------------------------------------------------------------------------------------------------------


def test_deformed_volumes_are_shares_and_differ_in_where_they_end() -> None:
    source = source_of(body_stack(), CLASSES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        volumes, reach = deform([source], 12)
    assert volumes.shape == (12, CLASSES, GRID, GRID, GRID)
    torch.testing.assert_close(volumes.sum(dim=1), torch.ones(12, GRID, GRID, GRID))
    assert len({int(count) for count in reach.sum(dim=(1, 2, 3, 4))}) > 3
    assert (volumes[:, 1:].sum(dim=(2, 3, 4)) > 0).all()


def test_a_source_lies_where_the_annotation_does() -> None:
    stack = body_stack()
    source = source_of(stack, CLASSES)
    unit = np.array([1, 1, SLICES * SPACING_MM / SIDE_MM])
    assert source.half_length == pytest.approx(unit[2])
    for value, (middle, extent) in enumerate(source.places, 1):
        shown = np.argwhere(np.stack(stack.slices) == value)[:, ::-1]
        expected = ((shown.mean(axis=0) + 0.5) / [64, 64, SLICES] * 2 - 1) * unit
        np.testing.assert_allclose(middle.numpy(), expected, atol=0.02)
        np.testing.assert_allclose(extent.numpy(), (np.ptp(shown, axis=0) + 1) / [64, 64, SLICES] * unit, atol=0.02)


def test_learning_is_repeatable_and_leaves_torchs_random_state_alone() -> None:
    state = torch.random.get_rng_state()
    first, second = (
        LayoutPriorTrainer(CLASSES).train([body_stack()], steps=3, seed=5, monitor=Silent()) for _ in range(2)
    )
    assert first is not None
    assert second is not None
    torch.testing.assert_close(first.state_dict(), second.state_dict())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("pace", [0.001, 0.09, 0.3, 5.0])
@pytest.mark.parametrize("name", sorted(BUDGETS))
def test_an_arrangement_is_learned_within_its_share_of_the_time_or_not_at_all(name: str, pace: float) -> None:
    budget = BUDGETS[name]
    steps = budget.arrangement_steps_within(pace)
    assert steps == 0 or budget.least_arrangement_steps <= steps <= budget.arrangement_steps
    assert steps * pace <= ARRANGEMENT_SHARE * budget.seconds


# In a head --------------------------------------------------------------------------------------------------------


def filling() -> Case:
    """Two structures that take up most of the slices."""
    labels = body_labels()
    grid = Geometry((64, 64, SLICES), (4.0, 4.0, SPACING_MM))
    noise = np.random.default_rng(0).normal(0, 4, labels.shape)
    picture = (np.array([60.0, 120.0, 200.0])[labels] + noise).astype(np.float32)
    case = two_balls()
    return Case(Volume(picture, grid), Labelmap(labels, grid, case.labelmap.structures))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this file: what was encoded, and how fast this machine is, need not be found out again."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(home))
    change_method(monkeypatch, fits={"cnn": {"steps": 20}}, priors={"stacks": 40, "volumes": 10})
    few = {"views": 2, "shape_steps": 5, "arrangement_steps": 20, "least_arrangement_steps": 5}
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], **few))


@pytest.fixture(scope="module")
def trained() -> list[Head]:
    """What ``head`` trained, once for this file."""
    return []


@pytest.fixture
def head(trained: list[Head], quick: None) -> Head:
    """A head of an annotation that fills the slices."""
    if not trained:
        trained.append(train([filling()], encoder="tiny", head="cnn", budget="fast"))
    return trained[0]


def test_a_head_of_what_fills_the_slices_has_an_arrangement_and_keeps_it_in_its_file(
    head: Head, tmp_path: Path
) -> None:
    assert head.arrangement is not None
    assert head.card.arrangement["classes"] == CLASSES
    assert head.card.arrangement["cell_mm"] == pytest.approx(head.card.plane["side_mm"] / GRID)
    again = load_head(save_head(head, tmp_path / "body.samhead"))
    assert again.arrangement is not None
    assert not again.arrangement.training
    other = filling().volume
    np.testing.assert_array_equal(segment(other, again).voxels, segment(other, head).voxels)


def test_the_arrangement_has_its_say_in_the_heads_own_plane_alone(head: Head) -> None:
    class Refusing(LayoutPrior):
        def forward(self, occupancies: torch.Tensor) -> torch.Tensor:
            raise AssertionError

    refusing = replace(head, arrangement=Refusing(CLASSES))
    with pytest.raises(AssertionError):
        segment(filling().volume, refusing)
    assert segment(filling().volume, refusing, plane="sagittal").voxels.shape == (SLICES, 64, 64)


@pytest.mark.usefixtures("quick")
def test_cancelling_while_the_arrangement_is_learned_keeps_the_head() -> None:
    class Stops(Silent):
        stage = ""

        def progress(self, stage: str, done: int, total: int) -> None:
            self.stage = stage

        def cancelled(self) -> bool:
            return self.stage == "Learning arrangement"

    head = train([filling()], encoder="tiny", head="cnn", budget="fast", monitor=Stops())
    assert head.card.training["cancelled"]
    assert head.prior is not None
    assert head.arrangement is None


def test_training_on_with_a_few_corrected_slices_keeps_the_arrangement(head: Head) -> None:
    again = train(
        [filling(), filling()], encoder="tiny", head="cnn", budget="fast", annotated_slices_only=True, start_from=head
    )
    assert again.arrangement is head.arrangement
    assert again.card.arrangement == head.card.arrangement


@pytest.mark.parametrize(
    "facts",
    [
        {"classes": 3, "widths": [8, 8]},
        {"classes": 4, "widths": [8, 8], "cell_mm": 20.0},
        {"classes": 3, "widths": [8] * 9, "cell_mm": 20.0},
        {"classes": 3, "widths": [100000], "cell_mm": 20.0},
        {"classes": 3, "widths": [8, 8], "cell_mm": -1.0},
        "everything",
    ],
    ids=str,
)
def test_a_card_with_an_arrangement_that_cannot_be_built_is_refused(facts: object) -> None:
    document = {**a_card().to_dict(), "arrangement": facts}
    with pytest.raises(HeadFileError, match=r"heart.samhead: .*(arrangement|tell 4 classes)"):
        HeadCard.from_json(json.dumps(document), "heart.samhead")
