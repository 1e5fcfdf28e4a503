"""What follows from grid and annotation: the plane that a training looks in, and what a card remembers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from geometries import turned
from phantoms import two_balls

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.preprocessing.slicing import SliceStack
from SAMAdaptLib.training.annotation import pieces, plane_to_learn_in
from SAMAdaptLib.training.train import train

CUBE = Geometry((30, 32, 34), (1.0, 1.0, 1.0))
OBLIQUE = Geometry((34, 30, 32), (1.0, 1.0, 1.0), (5.0, -3.0, 8.0), turned((20, 15, 10), (2, 0, 1), (1, -1, 1)))
VERTEBRAE = tuple(Structure(value, f"L{value}", (1.0, 0.5, 0.2)) for value in range(1, 5))


def vertebrae(geometry: Geometry) -> Case:
    """Four boxes one above the other, as wide from left to right as the volume is."""
    labels = np.zeros(geometry.shape, np.uint8)
    oriented = SliceStack(geometry, "axial").oriented(labels)
    for structure in VERTEBRAE:
        oriented[8 * structure.value - 6 : 8 * structure.value, 10:20, :] = structure.value
    return Case(Volume(labels.astype(np.float32), geometry), Labelmap(labels, geometry, VERTEBRAE))


def drawn_on(case: Case, plane: str, slices: list[int]) -> Case:
    """The case with its annotation on some slices of a plane alone."""
    labels = np.zeros_like(case.labelmap.voxels)
    stack = SliceStack(case.volume.geometry, plane)
    for number in slices:
        stack.put(labels, number, stack.slice(case.labelmap.voxels, number))
    return replace(case, labelmap=replace(case.labelmap, voxels=labels))


@pytest.mark.parametrize("geometry", [CUBE, OBLIQUE], ids=["straight", "oblique"])
def test_structures_one_above_the_other_are_learned_in_slices_that_show_them_all(geometry: Geometry) -> None:
    case = vertebrae(geometry)
    assert plane_to_learn_in(case, VERTEBRAE, "auto", whole=True).name in {"coronal", "sagittal"}


def test_structures_side_by_side_are_learned_in_axial_slices() -> None:
    case = two_balls(CUBE)
    assert plane_to_learn_in(case, case.labelmap.structures, "auto", whole=True).name == "axial"


def test_the_plane_of_best_resolution_is_kept_where_there_is_one() -> None:
    case = vertebrae(Geometry((30, 32, 34), (0.5, 0.5, 2.0)))
    choice = plane_to_learn_in(case, VERTEBRAE, "auto", whole=True)
    assert (choice.name, choice.acquisition) == ("axial", True)


def test_a_plane_that_is_named_is_taken_whatever_the_annotation_shows() -> None:
    assert plane_to_learn_in(vertebrae(CUBE), VERTEBRAE, "axial", whole=True).name == "axial"


@pytest.mark.parametrize(
    ("plane", "slices"),
    [("axial", [16]), ("sagittal", [9]), ("coronal", [16])]
    + [(plane, [8, 12, 16, 20, 24]) for plane in ("axial", "sagittal", "coronal")],
)
def test_where_slices_were_left_open_the_plane_is_the_one_that_was_drawn_in(plane: str, slices: list[int]) -> None:
    case = drawn_on(two_balls(CUBE), plane, slices)
    assert plane_to_learn_in(case, case.labelmap.structures, "auto", whole=False).name == plane


def test_a_small_structure_drawn_on_all_its_slices_is_learned_in_axial_ones() -> None:
    case = two_balls(CUBE)
    assert plane_to_learn_in(case, case.labelmap.structures, "auto", whole=False).name == "axial"


def test_the_least_and_the_most_of_each_structure_are_remembered_where_all_was_annotated() -> None:
    small, large = vertebrae(CUBE), vertebrae(Geometry((30, 32, 34), (2.0, 1.0, 1.0)))
    without = replace(large, labelmap=large.labelmap.with_array(np.where(large.labelmap.voxels == 4, 0, 3)))
    facts = pieces([small, large, without], VERTEBRAE[2:], whole=True)
    box_ml = 6 * 10 * 30 / 1000
    everywhere = without.labelmap.volumes_ml()[3]
    assert facts[0]["ml"] == pytest.approx([box_ml, everywhere])
    assert facts[1]["ml"] == pytest.approx([box_ml, 2 * box_ml]), "a case that lacks it says nothing of its size"
    assert [fact["ml"] for fact in pieces([small], VERTEBRAE, whole=False)] == [[]] * 4


def test_a_head_learned_from_sagittal_slices_says_so_on_its_card(empty_home: Path) -> None:
    case = drawn_on(two_balls(CUBE), "sagittal", [8, 10, 12, 18, 20, 22])
    head = train([case], encoder="tiny", head="linear", budget="fast", annotated_slices_only=True)
    assert head.card.plane["name"] == "sagittal"
    assert head.card.training["slices"] <= 6
