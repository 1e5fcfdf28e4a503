"""The shape prior: learned from label maps, applied to what a head finds, kept in the head file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from geometries import turned
from hypothesis import given, settings
from hypothesis import strategies as st
from methods import change_method
from phantoms import UNKNOWN, scribbled, two_balls
from test_heads import a_card, rewritten

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.errors import HeadFileError
from SAMAdaptLib.features.sliced_volume import SlicedVolume
from SAMAdaptLib.heads.head import Head, load_head, save_head
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.networks import head_class
from SAMAdaptLib.networks.shape_prior import CELLS, SLICES, ShapePrior, coarse, shape_prior
from SAMAdaptLib.preprocessing.intensity import IntensityRule
from SAMAdaptLib.priors.settings import PRIORS
from SAMAdaptLib.priors.shape_refinement import Agreement, RefinementContext, refine_slices, stride
from SAMAdaptLib.priors.shape_training import (
    LabelStack,
    ShapePriorTrainer,
    corrupt,
    deform,
    label_stack,
    occupancies_of,
    worth_learning,
)
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.training.budget import BUDGETS
from SAMAdaptLib.training.train import train

CLASSES = 4


def ring_labels() -> np.ndarray:
    """(10, 64, 64) uint8: a core (3) in a ring (2), and beside them a smaller disc (1), as in a heart."""
    k, j, i = np.mgrid[:10, :64, :64]
    size = np.where((k > 0) & (k < 9), 1.0 - 0.03 * k, 0.0)
    labels = np.zeros(k.shape, np.uint8)
    labels[np.hypot(j - 30, i - 20) < 7 * size] = 1
    labels[np.hypot(j - 32, i - 34) < 12 * size] = 2
    labels[np.hypot(j - 32, i - 34) < 7 * size] = 3
    return labels


def ring_stack() -> LabelStack:
    labels = ring_labels()
    volume = Volume(labels.astype(np.float32), Geometry((64, 64, 10), (2.0, 2.0, 8.0)))
    return label_stack(SlicedVolume(volume, "axial", IntensityRule("none")), labels, [1, 2, 3])


def canvases_of(labels: np.ndarray, sure: float = 0.8) -> list[np.ndarray]:
    """Probabilities (CLASSES, 128, 128) a slice that hold these labels with some certainty."""
    fine = labels.repeat(2, axis=1).repeat(2, axis=2)
    one_hot = np.moveaxis(np.eye(CLASSES, dtype=np.float32)[fine], -1, 1)
    return list((one_hot * sure + (1 - sure) / CLASSES).astype(np.float32))


def dice_of(canvases: list[np.ndarray | None], labels: np.ndarray, value: int) -> float:
    found = np.stack([canvas.argmax(axis=0)[::2, ::2] for canvas in canvases if canvas is not None])
    ours, truth = found == value, labels == value
    return 2 * float((ours & truth).sum()) / float(ours.sum() + truth.sum())


class Unmoved(ShapePrior):
    """A prior that expects what it sees, and remembers it."""

    def __init__(self) -> None:
        super().__init__(CLASSES)
        self.seen: list[torch.Tensor] = []

    def forward(self, occupancies: torch.Tensor) -> torch.Tensor:
        self.seen.append(occupancies[0])
        return occupancies[:, SLICES // 2].clamp_min(1e-9).log()


@pytest.fixture(scope="module")
def learned() -> ShapePrior:
    """A prior that saw rings with a core, briefly."""
    prior = ShapePriorTrainer(CLASSES).train([ring_stack()], steps=150, seed=0, monitor=Silent())
    assert prior is not None
    return prior


def refined(canvases: list[np.ndarray | None], prior: ShapePrior, step: int = 1) -> list[np.ndarray | None]:
    """What a prior makes of slices that are compared with those ``step`` slices further."""
    context = RefinementContext(len(canvases), spacing_mm=2.0, scale_mm=2.0 * step, agreement=Agreement(CLASSES))
    return list(refine_slices(iter(canvases), prior, context))


# At work ----------------------------------------------------------------------------------------------------------


def test_a_core_that_was_taken_for_its_neighbour_gets_its_name_back(learned: ShapePrior) -> None:
    labels = ring_labels()
    taken = np.where((labels == 3) & (np.arange(10) > 3)[:, None, None], np.uint8(1), labels)
    found = canvases_of(taken, sure=0.6)
    assert dice_of(found, labels, 3) < 0.65
    assert dice_of(refined(found, learned, 1), labels, 3) > 0.85


def test_what_is_right_stays_as_it_is(learned: ShapePrior) -> None:
    labels = ring_labels()
    found = refined(canvases_of(labels), learned, 1)
    assert all(dice_of(found, labels, value) > 0.95 for value in (1, 2, 3))


def test_a_prior_that_expects_what_it_sees_changes_nothing() -> None:
    canvases = canvases_of(ring_labels())
    for before, after in zip(canvases, refined(canvases, Unmoved(), 1), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-3)


def test_agreement_is_the_dice_between_before_and_after() -> None:
    agreement = Agreement(3)
    assert agreement.mean is None
    before, after = (np.zeros((3, 2, 2), np.float32) for _ in range(2))
    before[[1, 1, 2, 0], [0, 0, 1, 1], [0, 1, 0, 1]] = 1
    after[[1, 0, 2, 0], [0, 0, 1, 1], [0, 1, 0, 1]] = 1
    agreement.add(before, after)
    assert agreement.mean == pytest.approx((2 / 3 + 1) / 2)


def test_slices_that_were_not_looked_at_stay_so_and_count_as_missing() -> None:
    canvases: list[np.ndarray | None] = [*canvases_of(ring_labels())]
    canvases[4] = None
    prior = Unmoved()
    found = refined(canvases, prior, 1)
    assert [index for index, canvas in enumerate(found) if canvas is None] == [4]
    assert not prior.seen[3][2].any()
    assert prior.seen[3][0].any()


@settings(max_examples=20, deadline=None)
@given(count=st.integers(0, 9), step=st.integers(1, 4))
def test_every_slice_sees_the_neighbours_at_the_asked_distance(count: int, step: int) -> None:
    canvases = [np.full((CLASSES, 64, 64), index + 1, np.float32) for index in range(count)]
    prior = Unmoved()
    found = refined(canvases, prior, step)
    assert len(found) == count
    wanted = [[n + 1 if 0 <= n < count else 0 for n in (k - step, k, k + step)] for k in range(count)]
    assert [[float(part.mean()) for part in seen] for seen in prior.seen] == wanted


@pytest.mark.parametrize(
    ("distance", "spacing", "slices"), [(10, 10, 1), (10, 5, 2), (10, 3, 3), (5, 10, 1), (1, 30, 1)]
)
def test_neighbours_are_chosen_by_millimetres(distance: float, spacing: float, slices: int) -> None:
    assert stride(distance, spacing) == slices


@pytest.mark.parametrize("size", [16, 64, 128, 256])
def test_occupancies_keep_the_share_of_each_class(size: int) -> None:
    canvas = torch.rand(3, 2, size, size)
    cells = coarse(canvas)
    assert cells.shape == (3, 2, CELLS, CELLS)
    torch.testing.assert_close(cells.mean(dim=(-2, -1)), canvas.mean(dim=(-2, -1)), rtol=0.05, atol=0.02)


# Learning ---------------------------------------------------------------------------------------------------------


def test_thin_slices_are_compared_at_the_distance_of_a_cell() -> None:
    stack = ring_stack()
    assert stack.distance_mm == 8.0
    thin = replace(stack, spacing_mm=0.5)
    assert thin.distance_mm == pytest.approx(128 / CELLS)


def test_the_same_seed_deforms_alike_and_another_differs() -> None:
    first, again, other = (deform([ring_stack()], 12, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert set(first.unique().tolist()) <= {0, 1, 2, 3}


def test_slices_beyond_the_ends_do_not_exist() -> None:
    stack = ring_stack()
    alone = LabelStack(stack.slices[5:6], stack.spacing_mm, stack.frame)
    labels, exists = deform([alone], 6, 0)
    assert exists.tolist() == [[0.0, 1.0, 0.0]] * 6
    assert not labels[:, (0, 2)].any()
    assert labels[:, 1].any()


def test_label_slices_and_their_one_hot_canvases_have_the_same_occupancies() -> None:
    labels, _ = deform([ring_stack()], 6, 0)
    one_hot = torch.nn.functional.one_hot(labels.long(), CLASSES).movedim(-1, 2).float()
    torch.testing.assert_close(occupancies_of(labels, CLASSES), coarse(one_hot))


def test_spoiled_shapes_are_probabilities_and_nothing_where_no_slice_is() -> None:
    labels, exists = deform([ring_stack()], 8, 0)
    exists[0, 2] = 0
    truth = occupancies_of(labels, CLASSES)
    torch.manual_seed(0)
    found = corrupt(truth, exists)
    torch.testing.assert_close(found.sum(dim=2)[exists > 0], torch.ones_like(found.sum(dim=2)[exists > 0]))
    assert not found[0, 2].any()
    assert (found.argmax(dim=2) != truth.argmax(dim=2)).float().mean() > 0.02


def test_learning_that_is_cancelled_gives_nothing() -> None:
    class Stopped(Silent):
        def cancelled(self) -> bool:
            return True

    assert ShapePriorTrainer(CLASSES).train([ring_stack()], steps=5, seed=0, monitor=Stopped()) is None


def test_learning_leaves_torchs_chance_alone_and_repeats_itself() -> None:
    torch.manual_seed(5)
    first, second = (
        ShapePriorTrainer(CLASSES).train([ring_stack()], steps=2, seed=1, monitor=Silent()) for _ in range(2)
    )
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    assert first is not None
    assert second is not None
    for name, value in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, rtol=0, atol=0)


def test_a_few_annotated_slices_are_no_shape() -> None:
    stack = ring_stack()
    few = LabelStack(stack.slices[3 : 3 + PRIORS.fewest_slices - 1], stack.spacing_mm, stack.frame)
    assert worth_learning([stack])
    assert not worth_learning([few])


# In a head --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this file: what was encoded, and how fast this machine is, need not be found out again."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(home))
    change_method(monkeypatch, fits={"cnn": {"steps": 20}}, priors={"stacks": 40})
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], views=2, shape_steps=5))


@pytest.fixture(scope="module")
def trained() -> list[Head]:
    """What ``head`` trained, once for this file."""
    return []


@pytest.fixture
def head(trained: list[Head], quick: None) -> Head:
    """A head of a whole annotation."""
    if not trained:
        trained.append(train([two_balls()], encoder="tiny", head="cnn", budget="fast"))
    return trained[0]


def test_a_head_file_from_before_priors_were_folded_keeps_its_prior(head: Head, tmp_path: Path) -> None:
    facts = {"classes": 3, "distance_mm": 3.0}
    earlier = replace(head, prior=shape_prior(facts).eval(), card=replace(head.card, shapes=facts))
    again = load_head(save_head(earlier, tmp_path / "balls.samhead")).prior
    assert again is not None
    assert (again.fold, again.widths) == (1, (16, 32, 48, 64))
    cells = torch.rand(1, SLICES, 3, CELLS, CELLS)
    torch.testing.assert_close(again(cells), earlier.prior(cells))  # type: ignore[misc]


def test_a_head_of_a_whole_annotation_has_a_prior_and_keeps_it_in_its_file(head: Head, tmp_path: Path) -> None:
    assert head.card.shapes == {"classes": 3, "fold": 2, "widths": [32, 48, 64], "distance_mm": 3.0}
    again = load_head(save_head(head, tmp_path / "balls.samhead"))
    assert again.prior is not None
    assert not again.prior.training
    other = two_balls(seed=4).volume
    np.testing.assert_array_equal(segment(other, again).voxels, segment(other, head).voxels)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("left_open", [{"annotated_slices_only": True}, {"ignore_label": UNKNOWN}], ids=str)
def test_where_slices_or_pixels_were_left_open_there_is_no_prior(left_open: dict) -> None:
    head = train([scribbled(two_balls())], encoder="tiny", head="cnn", budget="fast", **left_open)
    assert head.prior is None
    assert head.card.shapes is None


def test_training_on_with_a_few_corrected_slices_keeps_the_prior(head: Head) -> None:
    both = [two_balls(), two_balls(seed=9)]
    again = train(both, encoder="tiny", head="cnn", budget="fast", annotated_slices_only=True, start_from=head)
    assert again.prior is head.prior
    assert again.card.shapes == head.card.shapes


@pytest.mark.usefixtures("quick")
def test_cancelling_while_shapes_are_learned_keeps_the_head() -> None:
    class Stops(Silent):
        stage = ""

        def progress(self, stage: str, done: int, total: int) -> None:
            self.stage = stage

        def cancelled(self) -> bool:
            return self.stage == "Learning shapes"

    head = train([two_balls()], encoder="tiny", head="cnn", budget="fast", monitor=Stops())
    assert head.card.training["cancelled"]
    assert head.prior is None


def test_the_prior_has_its_say_in_the_heads_own_plane_alone(head: Head) -> None:
    class Refusing(ShapePrior):
        def forward(self, occupancies: torch.Tensor) -> torch.Tensor:
            raise AssertionError

    refusing = replace(head, prior=Refusing(3))
    volume = two_balls(seed=4).volume
    with pytest.raises(AssertionError):
        segment(volume, refusing)
    assert segment(volume, refusing, plane="sagittal").geometry == volume.geometry


def test_what_a_head_says_of_the_padding_never_reaches_the_prior(head: Head) -> None:
    seen: list[torch.Tensor] = []

    class Looking(ShapePrior):
        def forward(self, occupancies: torch.Tensor) -> torch.Tensor:
            seen.append(occupancies[0, SLICES // 2])
            return occupancies[:, SLICES // 2].clamp_min(1e-9).log()

    narrow = two_balls(Geometry((12, 36, 8), (1.0, 1.1, 3.0)), seed=3).volume
    segment(narrow, replace(head, prior=Looking(3)))
    assert seen
    assert all((cells[1:, :, 0] == 0).all() and (cells[0, :, 0] == 1).all() for cells in seen)


def test_a_head_with_a_prior_answers_on_an_oblique_grid(head: Head) -> None:
    case = two_balls(Geometry((40, 36, 8), (1.0, 1.1, 3.0), (5, 6, 7), turned((25, -15, 40))), seed=3)
    for choices in ({"tta": True}, {"planes": "three"}, {"smoothing": True}):
        assert segment(case.volume, head, **choices).geometry == case.volume.geometry


def refused(shapes: object, tmp_path: Path, reason: str) -> None:
    path = save_head(Head(a_card(), head_class("linear")({"neck": 256}, 3)), tmp_path / "a.samhead")
    rewritten(path, shapes=shapes)
    with pytest.raises(HeadFileError, match=reason):
        load_head(path)


def test_a_card_whose_prior_does_not_fit_its_structures_is_refused(tmp_path: Path) -> None:
    for wrong in ({"classes": 7, "distance_mm": 1.0}, {"classes": 3}, {"classes": 3, "distance_mm": 0}, [1]):
        refused(wrong, tmp_path, "a.samhead: .*(shapes|tell 7 classes)")


def test_a_card_whose_prior_cannot_be_built_is_refused(tmp_path: Path) -> None:
    wrongs: list[dict[str, object]] = [{"fold": fold} for fold in (0, 3, "2")]
    wrongs += [{"widths": widths} for widths in ([], [0], ["wide"], [10**9], [8] * 9, 8)]
    for wrong in wrongs:
        facts = {"classes": 3, "distance_mm": 1.0, **wrong}
        refused(facts, tmp_path, r"a.samhead: shapes\.(fold|widths)")
