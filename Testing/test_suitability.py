"""Whether a head suits a volume is said before it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from test_heads import a_card

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.heads.card import HeadCard
from SAMAdaptLib.inference.quality_control import seen_in
from SAMAdaptLib.inference.suitability import best_first, suitability

GRID = Geometry((60, 60, 10), (1.0, 1.0, 5.0))


def a_volume(seed: int = 0, modality: str = "MR", grid: Geometry = GRID) -> Volume:
    """A bright disc on a darker, noisy ground."""
    k, j, i = np.indices(grid.shape)
    middle = [(size - 1) / 2 for size in grid.size]
    disc = np.hypot(j - middle[1], i - middle[0]) < middle[0] / 2
    noise = np.random.default_rng(seed).normal(0, 5, grid.shape)
    return Volume(60 + 100 * disc + noise + k, grid, "a volume", modality)


def trained_on(*volumes: Volume, modality: str = "MR", side_mm: float = 60.0) -> HeadCard:
    """The card of a head that learned from these volumes."""
    card = replace(a_card(), modality=modality, plane={"name": "axial", "acquisition": True, "side_mm": side_mm})
    return card.noted(seen=tuple(seen_in(card, volumes)))


def test_a_volume_of_the_training_kind_fits() -> None:
    found = suitability(trained_on(a_volume()), a_volume(1))
    assert found.fits
    assert found.text == "The volume looks as those did that the head was trained on."
    assert found.apart < 0.05


def test_another_modality_and_inverted_grey_values_are_named() -> None:
    card, here = trained_on(a_volume()), a_volume(1, "CT")
    assert "CT, and the head was trained on MR" in suitability(card, here).text
    inverted = here.with_array(300 - here.voxels)
    assert not suitability(card, replace(inverted, modality="MR")).fits


def test_slices_far_apart_from_those_of_the_training_are_named_with_both_sizes() -> None:
    here = a_volume(1, grid=Geometry((60, 60, 10), (1.0, 1.0, 60.0)))
    (reason,) = suitability(trained_on(a_volume()), here).against
    assert "slices are 60 mm apart; in the training that was 5 mm" in reason


def test_a_whole_head_for_a_model_of_a_part_is_told_to_be_cut() -> None:
    here = a_volume(1, grid=Geometry((200, 200, 10), (1.0, 1.0, 5.0)))
    (reason,) = suitability(trained_on(a_volume()), here).against
    assert "200 mm wide; in the training they were 60 mm at most" in reason


def test_a_volume_that_cannot_hold_the_structures_is_named() -> None:
    card = trained_on(a_volume())
    large = [{**each, "ml": [1000.0, 1200.0]} for each in card.structures]
    (reason,) = suitability(replace(card, structures=large), a_volume(1)).against
    assert "too small to hold what the head looks for (Left ventricle, Myocardium)" in reason


def test_a_card_that_does_not_say_what_it_saw_is_neither_praised_nor_doubted() -> None:
    found = suitability(a_card(), a_volume())
    assert not found.fits
    assert found.against == ()
    assert "does not say" in found.text


def test_heads_that_fit_come_first_and_the_closest_of_them_before_the_others() -> None:
    here = a_volume(1)
    paler = a_volume(2).with_array(np.sqrt(a_volume(2).voxels))
    cards = [
        replace(trained_on(a_volume(), modality="CT"), name="other"),
        replace(a_card(), name="silent"),
        replace(trained_on(paler), name="paler"),
        replace(trained_on(here), name="same"),
    ]
    order = [card.name for card, _ in best_first(cards, here)]
    assert order.index("same") < order.index("paler") < order.index("silent") < order.index("other")
