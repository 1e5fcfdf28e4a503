"""What a result is said to be worth without a reference, and which slices of it a person has looked at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from SAMAdaptLib.data.review import Review, only_known, slice_sums
from SAMAdaptLib.inference.quality_control import NOT_FOUND, Verdict, stretches, verdict
from SAMAdaptLib.inference.slice_suggestion import DoubtBySlice
from SAMAdaptLib.preprocessing.slicing import SliceStack

NAMES = {1: "Pool", 2: "Wall"}
SURE = {1: 0.95, 2: 0.9}
CALM = dict.fromkeys(range(20), 0.05)


def test_a_result_that_nothing_speaks_against_looks_as_in_the_training() -> None:
    assert verdict([], NAMES, SURE, CALM) == Verdict("as_trained")


def test_doubtful_slices_are_to_be_checked_in_stretches() -> None:
    found = verdict([], NAMES, SURE, {**CALM, 11: 0.6, 12: 0.5, 13: 0.7, 17: 0.5})
    assert (found.level, found.slices, found.reasons) == ("check", ((11, 13), (17, 17)), ())


def test_small_structures_are_doubtful_along_their_borders_and_that_is_nothing_to_check() -> None:
    assert verdict([], NAMES, SURE, dict.fromkeys(range(20), 0.35)).level == "as_trained"


def test_where_most_slices_are_doubtful_the_whole_result_is_to_be_checked() -> None:
    found = verdict([], NAMES, SURE, {n: 0.7 if n < 12 else 0.1 for n in range(20)})
    assert (found.level, found.slices) == ("check", ())
    assert found.reasons == ("12 of 20 slices are uncertain.",)


def test_an_uncertain_structure_is_named_with_its_certainty() -> None:
    found = verdict([], NAMES, {1: 0.95, 2: 0.55}, CALM)
    assert (found.level, found.reasons) == ("check", ("The certainty of Wall is 55%.",))


def test_another_kind_of_volume_is_probably_wrong_with_the_reason() -> None:
    reason = "The volume is CT, and the head was trained on MR."
    assert verdict([reason], NAMES, SURE, CALM) == Verdict("wrong", (), (reason,))


def test_one_missing_structure_is_to_be_checked_and_nothing_at_all_is_wrong() -> None:
    assert verdict([f"{NOT_FOUND}Wall."], NAMES, {1: 0.95}, CALM).level == "check"
    assert verdict([f"{NOT_FOUND}Pool, Wall."], NAMES, {}, {}).level == "wrong"


@pytest.mark.parametrize(
    ("numbers", "found"), [([], ()), ([3], ((3, 3),)), ([0, 1, 2, 5, 7, 8], ((0, 2), (5, 5), (7, 8)))]
)
def test_neighbours_form_stretches(numbers: list[int], found: tuple[tuple[int, int], ...]) -> None:
    assert stretches(numbers) == found


def test_a_verdict_survives_json() -> None:
    found = verdict(["x"], NAMES, SURE, CALM)
    assert json.loads(json.dumps(found.to_dict())) == {"level": "wrong", "slices": [], "reasons": ["x"]}


def test_doubt_is_found_from_the_winners_alone() -> None:
    from SAMAdaptLib.data.geometry import Geometry

    doubt = DoubtBySlice(3)
    winner = np.zeros((10, 12), np.intp)
    winner[2:6, 2:6] = 2
    for n in range(20):
        probability = np.ones((10, 12), np.float32)
        probability[2:6, 2:6] = 0.55 if n == 7 else 0.99
        doubt.hear(n, winner if n < 15 else winner * 0, probability)
    assert sorted(doubt.shares()) == list(range(15))
    assert [n for n, share in doubt.shares().items() if share > 0.25] == [7]
    (first,) = doubt.suggestions(SliceStack(Geometry((12, 10, 20), (1, 1, 6))), ["Pool", "Wall"], count=1)
    assert (first.slice, first.structures) == (7, ("Wall",))


def test_a_segmentation_job_answers_with_its_verdict_and_its_doubtful_slices(tmp_path: Path) -> None:
    from balls import ball_head, write_ball

    from SAMAdaptLib.heads.head import save_head
    from SAMAdaptLib.jobs.runner import run_job
    from SAMAdaptLib.jobs.specs import SegmentJob

    image, _labels = write_ball(tmp_path)
    save_head(ball_head(), tmp_path / "ball.samhead")
    job = SegmentJob(image, str(tmp_path / "ball.samhead"), str(tmp_path / "out.nii.gz"), device="cpu")
    answer = json.loads(json.dumps(run_job(job)))
    assert answer["verdict"]["level"] in {"as_trained", "check"}
    assert len(answer["verdict"]["at"]) == len(answer["verdict"]["slices"])
    assert {item["plane"] for item in answer["doubtful"]} == {"axial"}
    assert all(0 <= item["slice"] < 8 and len(item["ijk"]) == 3 for item in answer["doubtful"])


# Review -------------------------------------------------------------------------------------------------------------


def labels() -> np.ndarray:
    voxels = np.zeros((6, 5, 7), np.uint8)
    voxels[1:5, 1:4, 2:6] = 1
    voxels[2:4, 2, 3] = 2
    return voxels


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_sums_of_a_part_are_those_of_the_whole(axis: int) -> None:
    part = labels()[1:5, 1:5, 2:7].astype(np.uint16)
    assert slice_sums(part, axis, start=(2, 1, 1)) == slice_sums(labels(), axis)


def test_a_label_that_moved_or_changed_changes_the_sum() -> None:
    moved, other = labels(), labels()
    moved[1] = np.roll(moved[1], 1, axis=1)
    other[1][other[1] == 1] = 3
    assert all(slice_sums(each, 2)[1] != slice_sums(labels(), 2)[1] for each in (moved, other))


def test_slices_that_were_edited_emptied_filled_or_ticked_count_as_looked_at() -> None:
    review = Review.of(labels(), axis=2).with_tick(4, True)
    now = labels()
    now[1, 1, 2] = 0
    now[3] = 0
    now[5, 0, 0] = 1
    assert review.looked_at(now) == {1, 3, 4, 5}
    assert Review.of(labels(), 2).looked_at(labels()) == frozenset()


def test_other_label_values_of_the_same_structures_are_no_edit() -> None:
    review = Review.of(labels(), 2, {1: "Pool", 2: "Wall"})
    swapped = labels()
    swapped[labels() == 1], swapped[labels() == 2] = 7, 1
    assert review.looked_at(swapped, {7: "Pool", 1: "Wall"}) == frozenset()
    assert review.looked_at(swapped, {7: "Pool", 1: "Bone"}) == {2, 3}


def test_a_review_survives_being_saved_with_a_scene() -> None:
    review = Review.of(labels(), axis=1, names={1: "Pool"}).with_tick(2, True).with_tick(3, True).with_tick(3, False)
    assert Review.from_json(review.to_json()) == review


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "7", '{"axis": 3, "sums": [], "ticked": [], "names": []}',
     '{"axis": 0, "sums": [[1]], "ticked": [], "names": []}', '{"axis": 0, "sums": [], "ticked": [-1], "names": []}',
     '{"axis": 0, "sums": [[1, "x"]], "ticked": [], "names": []}', "[" * 100_000,
     '{"axis": 0, "sums": [], "ticked": [], "names": [[1, 2]]}'],
)  # fmt: skip
def test_what_is_no_review_is_none(text: str | None) -> None:
    assert Review.from_json(text) is None


def test_what_nobody_looked_at_becomes_unknown() -> None:
    out = only_known(labels(), 2, frozenset({0, 2}), 9)
    assert (out[0] == 0).all()
    assert (out[2] == labels()[2]).all()
    assert all((out[n] == 9).all() for n in (1, 3, 4, 5))


def test_without_a_list_the_slices_that_show_something_are_known() -> None:
    out = only_known(labels(), 0, None, 9)
    assert {n for n in range(7) if (out[:, :, n] == 9).all()} == {0, 1, 6}
