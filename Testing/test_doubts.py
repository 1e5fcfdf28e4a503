"""What speaks against a result: another kind of volume, nothing found, shapes that the head never saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from balls import ball_arrays, ball_head
from listeners import Listener
from phantoms import two_balls
from test_heads import a_card

from SAMAdaptLib.doubts import LEAST_AGREEMENT, doubts
from SAMAdaptLib.geometry import Geometry
from SAMAdaptLib.heads.card import HeadCard
from SAMAdaptLib.heads.shape import CELLS, ShapePrior
from SAMAdaptLib.images import Volume
from SAMAdaptLib.inference import segment

BOTH = {3: 0.9, 7: 0.8}


def volume(modality: str = "") -> Volume:
    return replace(two_balls().volume, modality=modality)


def test_an_ordinary_result_raises_no_doubt() -> None:
    assert doubts(a_card(), volume(), BOTH, None) == []
    assert doubts(a_card(), volume("MR"), BOTH, LEAST_AGREEMENT) == []


def test_another_modality_is_named_with_the_trained_one() -> None:
    (reason,) = doubts(replace(a_card(), modality="MR"), volume("CT"), BOTH, 0.9)
    assert reason == "The volume is CT, and the head was trained on MR."
    assert doubts(replace(a_card(), modality="MR"), volume(), BOTH, 0.9) == []


def test_structures_that_were_not_found_are_named_unless_only_a_part_was_looked_at() -> None:
    assert doubts(a_card(), volume(), {7: 0.9}, None) == ["Not found: Left ventricle."]
    assert doubts(a_card(), volume(), {7: 0.9}, None, whole=False) == []


def test_shapes_that_the_prior_takes_apart_are_doubted() -> None:
    (reason,) = doubts(a_card(), volume(), BOTH, LEAST_AGREEMENT - 0.1)
    assert "little of the shapes that it was trained on" in reason


def with_sizes(*span_ml: float) -> HeadCard:
    """The card of a ventricle (3) that had these sizes in the annotations; what the other one (7) had is not known."""
    card = a_card()
    return replace(card, structures=[{**s, "ml": list(span_ml) if s["value"] == 3 else []} for s in card.structures])


@pytest.mark.parametrize(("found_ml", "doubted"), [(11.9, True), (12.1, False), (60, False), (749, False), (751, True)])
def test_a_structure_of_quite_another_size_than_in_the_training_is_doubted(found_ml: float, doubted: bool) -> None:
    reasons = doubts(with_sizes(60, 150), volume(), {3: found_ml, 7: 1000.0}, 0.9)
    words = f"Left ventricle has {found_ml:.3g} ml; in the training it had 60 to 150 ml."
    assert reasons == [words] * doubted
    assert doubts(with_sizes(60, 150), volume(), {3: found_ml, 7: 1000.0}, 0.9, whole=False) == []


def test_one_training_size_is_named_as_one_and_none_says_nothing() -> None:
    (reason,) = doubts(with_sizes(60, 60), volume(), {3: 6.0, 7: 1.0}, None)
    assert reason.endswith("in the training it had 60 ml.")
    assert doubts(with_sizes(), volume(), {3: 6.0, 7: 1.0}, None) == []


def test_what_was_not_found_is_said_once() -> None:
    assert doubts(with_sizes(60, 60), volume(), {7: 1.0}, None) == ["Not found: Left ventricle."]


@pytest.fixture
def ball() -> Volume:
    image, _ = ball_arrays()
    return Volume(image, Geometry((48, 40, 8), (1.1, 1.2, 5.0)))


def test_segmenting_says_what_was_not_found(ball: Volume) -> None:
    heard = Listener()
    head = ball_head()
    module = head.module
    with torch.no_grad():
        module.classify.bias[1] = -1000.0  # type: ignore[union-attr,index,operator]
    assert not segment(ball, head, monitor=heard).voxels.any()
    assert heard.warnings == ["Not found: Ball."]


def test_segmenting_doubts_what_its_prior_would_not_have(ball: Volume) -> None:
    class Elsewhere(ShapePrior):
        """Expects the ball in another corner."""

        def forward(self, occupancies: torch.Tensor) -> torch.Tensor:
            logits = torch.full((len(occupancies), 2, CELLS, CELLS), 0.0)
            logits[:, 0] = 9.0
            logits[:, 1, :6, :6] = 18.0
            return logits

    heard = Listener()
    head = ball_head()
    with torch.no_grad():  # Not so sure that a prior could not change its mind.
        for parameter in head.module.parameters():
            parameter *= 0.3
    head = replace(head, prior=Elsewhere(2), card=replace(head.card, shapes={"classes": 2, "distance_mm": 5.0}))
    segment(ball, head, monitor=heard)
    assert any("agreement 0.0" in words for words in heard.warnings)
    quiet = Listener()
    assert np.any(segment(ball, ball_head(), monitor=quiet).voxels)
    assert quiet.warnings == []
