"""An annotation that was left open: what a first head fills in, and what is learned from that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from geometries import turned
from hypothesis import given, settings
from hypothesis import strategies as st
from methods import change_method
from phantoms import UNKNOWN, dice, scribbled, two_balls
from test_closer import WIDE, small_balls

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.features.sliced_volume import SlicedVolume
from SAMAdaptLib.inference.components import keep_marked_pieces
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.preprocessing.augmentation import IGNORED
from SAMAdaptLib.preprocessing.intensity import rule_for
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.training.budget import BUDGETS
from SAMAdaptLib.training.config import TrainingConfig
from SAMAdaptLib.training.dataset import TrainingData
from SAMAdaptLib.training.label_completion import drawn_in, fill_unannotated
from SAMAdaptLib.training.train import train


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this file: what was encoded, and how fast this machine is, need not be found out again."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(home))
    change_method(monkeypatch, fits={"cnn": {"steps": 60, "batch": 8}}, priors={"stacks": 40, "stack_batch": 8})
    monkeypatch.setitem(BUDGETS, "balanced", replace(BUDGETS["balanced"], views=2, shape_steps=20))
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], views=2))


def slices_only(case: Case, plane: str = "axial") -> Case:
    """Every third annotated slice of that plane."""
    sliced = _sliced(case, plane)
    labels = np.zeros_like(case.labelmap.voxels)
    for index in range(0, len(sliced), 3):
        sliced.stack.put(labels, index, sliced.stack.slice(case.labelmap.voxels, index))
    return Case(case.volume, Labelmap(labels, case.volume.geometry, case.labelmap.structures))


def _sliced(case: Case, plane: str = "axial") -> SlicedVolume:
    return SlicedVolume(case.volume, plane, rule_for(case.volume, "auto"))


# What is filled in ------------------------------------------------------------------------------------------------


def test_what_was_drawn_stays_and_the_rest_is_what_the_head_found() -> None:
    whole = two_balls()
    case = scribbled(whole)
    known = drawn_in(case, _sliced(case), (2, 5), False, UNKNOWN)
    np.testing.assert_array_equal(known, case.labelmap.voxels != UNKNOWN)
    filled = fill_unannotated(case, known, whole.labelmap.voxels, (2, 5))
    np.testing.assert_array_equal(filled.voxels, whole.labelmap.voxels)
    assert {structure.value for structure in filled.structures} == {2, 5}
    contradicted = fill_unannotated(case, known, 7 - whole.labelmap.voxels, (2, 5))
    np.testing.assert_array_equal(contradicted.voxels[known], whole.labelmap.voxels[known])


@given(st.sampled_from(["axial", "coronal", "sagittal"]), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_on_annotated_slices_all_is_known_whatever_their_plane(plane: str, quarter_turns: int) -> None:
    geometry = Geometry((24, 20, 18), (1.0, 1.2, 2.0), (4, -5, 6), turned((90 * quarter_turns, 8, -5)))
    whole = two_balls(geometry)
    case = slices_only(whole, plane)
    sliced = _sliced(case, plane)
    known = drawn_in(case, sliced, (2, 5), True, None)
    for index in range(len(sliced)):
        drawn = sliced.stack.slice(case.labelmap.voxels, index).any()
        assert (sliced.stack.slice(known, index) == drawn).all()
    found = np.where(known, 2, whole.labelmap.voxels).astype(np.uint8)
    np.testing.assert_array_equal(fill_unannotated(case, known, found, (2, 5)).voxels, whole.labelmap.voxels)


def test_of_scribbles_on_some_slices_only_the_scribbles_are_known() -> None:
    case = scribbled(two_balls())
    labels = case.labelmap.voxels.copy()
    labels[::2] = 0
    some = Case(case.volume, Labelmap(labels, case.volume.geometry, case.labelmap.structures))
    known = drawn_in(some, _sliced(some), (2, 5), True, UNKNOWN)
    assert not known[::2].any()
    np.testing.assert_array_equal(known[1:7:2], labels[1:7:2] != UNKNOWN)


def test_pieces_that_hold_nothing_drawn_are_left_out() -> None:
    labels = np.zeros((3, 10, 12), np.uint8)
    labels[:, 1:4, 1:4], labels[:, 6:9, 1:4], labels[:, 6:9, 7:10] = 1, 1, 2
    marks = np.zeros(labels.shape, bool)
    marks[1, 2, 2] = True
    keep_marked_pieces(labels, marks, (1,))
    assert (labels[:, 1:4, 1:4] == 1).all()
    assert not (labels[:, 6:9, 1:4]).any()
    assert (labels[:, 6:9, 7:10] == 2).all(), "structures that are not named stay as they are"


# What is learned from it ------------------------------------------------------------------------------------------


def test_slices_that_judge_a_head_stay_as_they_were_drawn() -> None:
    whole = small_balls()
    data = TrainingData.of([scribbled(whole)], TrainingConfig(ignore_label=UNKNOWN), completed=[whole.labelmap])
    assert data.roi is not None
    for lesson in (data.coarse, data.roi):
        assert lesson.held_out
        assert all((item.classes == IGNORED).any() for item in lesson.held_out)
        assert not any((item.classes == IGNORED).any() for item in lesson.training)
        held_out = {item.content.identity["slice"] for item in lesson.held_out}
        assert not held_out & {item.content.identity["slice"] for item in lesson.training}
        assert lesson.stacks


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("left_open", "options"),
    [
        pytest.param(scribbled, {"ignore_label": UNKNOWN}, marks=pytest.mark.slow),
        (slices_only, {"annotated_slices_only": True}),
    ],
    ids=["scribbles", "slices"],
)
def test_from_an_open_annotation_shapes_and_a_closer_look_are_learned_all_the_same(left_open, options) -> None:
    case = left_open(small_balls())
    before = case.labelmap.voxels.copy()
    head = train([case], encoder="tiny", **options)
    assert head.card.training["completed"]
    assert head.prior is not None
    assert head.closer is not None
    assert all(structure["single_component"] for structure in head.card.structures)
    other = small_balls(seed=3)
    found = segment(other.volume, head)
    assert min(dice(found, other.labelmap, value) for value in (2, 5)) > 0.6
    np.testing.assert_array_equal(case.labelmap.voxels, before)


def test_a_label_for_the_unknown_that_occurs_nowhere_leaves_an_annotation_whole() -> None:
    data = TrainingData.of([small_balls()], TrainingConfig(ignore_label=UNKNOWN))
    assert data.whole
    assert data.roi is not None


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("options", [{"budget": "fast"}, {"head": "cnn"}], ids=str)
def test_without_time_or_for_a_head_asked_for_by_name_nothing_is_filled_in(
    options: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_method(monkeypatch, fits={"cnn": {"steps": 5, "batch": 2}})
    head = train([scribbled(small_balls())], encoder="tiny", ignore_label=UNKNOWN, **options)
    assert "completed" not in head.card.training
    assert head.prior is None


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("stage", ["Segmenting", "Learning shapes"])
def test_cancelling_afterwards_keeps_the_first_head(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_method(monkeypatch, fits={"cnn": {"batch": 2}})

    class Stops(Silent):
        heard = ""

        def progress(self, stage: str, done: int, total: int) -> None:
            self.heard = stage

        def cancelled(self) -> bool:
            return self.heard.startswith(stage)

    head = train([scribbled(small_balls(WIDE))], encoder="tiny", ignore_label=UNKNOWN, monitor=Stops())
    assert head.card.training["cancelled"]
    assert "completed" not in head.card.training
    assert head.prior is None
    assert segment(small_balls(seed=3).volume, head).values()
