"""The ablation: one training a support, and rows that each leave one thing out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from benchthings import the_command
from test_heads import CHANNELS, a_card

from SAMAdaptLib.heads.head import Head, load_head, save_head
from SAMAdaptLib.networks import head_class
from SAMAdaptLib.networks.ensemble import EnsembleHead
from SAMAdaptLib.networks.layout_prior import LayoutPrior
from SAMAdaptLib.networks.shape_prior import ShapePrior


@pytest.fixture
def ablation() -> ModuleType:
    return the_command("ablation")


@pytest.fixture
def together() -> Head:
    """An ensemble with a prior and a closer look."""
    module = EnsembleHead.of([head_class(kind)(CHANNELS, 3) for kind in ("cnn", "fusion")])
    prior, closer_prior = ShapePrior(3).eval(), ShapePrior(3).eval()
    shapes = {**prior.hyper(), "distance_mm": 5}
    card = replace(a_card(), head={"type": "ensemble", "hyper": module.hyper()}, shapes=shapes)
    closer = head_class("cnn")(CHANNELS, 3).eval()
    facts = {"side_mm": 90.0, "head": {"type": "cnn", "hyper": closer.hyper()}, "shapes": card.shapes}
    card = replace(card, closer=facts)
    closer_head = Head(card.closer_card() or card, closer, closer_prior)
    return Head(card, module.eval(), prior, closer_head)


def test_leaving_the_prior_out_leaves_a_head_that_can_be_saved(
    ablation: ModuleType, together: Head, tmp_path: Path
) -> None:
    again = load_head(save_head(ablation.without_prior(together), tmp_path / "a.samhead"))
    assert again.prior is None
    assert again.closer is not None
    assert again.closer.prior is None
    assert together.prior is not None


def test_leaving_the_closer_look_out_leaves_the_rest(ablation: ModuleType, together: Head, tmp_path: Path) -> None:
    again = load_head(save_head(ablation.without_closer(together), tmp_path / "a.samhead"))
    assert again.closer is None
    assert again.prior is not None


def test_rows_that_would_repeat_the_first_one_are_known(ablation: ModuleType, together: Head) -> None:
    memory = ablation.Memory(None)
    memory._heads["", "a"] = ablation.without_closer(ablation.alone("cnn")(together))
    rows = ablation.variants(tta=False, unlabeled=True)
    assert [variant.name for variant in rows if memory.changes_nothing(variant)] == [
        "everything",
        "without the closer look",
        "without looking at slices turned",
        "without the arrangement prior",
        "cnn alone",
        "fusion alone",
    ]


@pytest.mark.parametrize("kind", ["cnn", "fusion"])
def test_a_member_alone_is_a_whole_head_of_its_kind(
    ablation: ModuleType, together: Head, tmp_path: Path, kind: str
) -> None:
    again = load_head(save_head(ablation.alone(kind)(together), tmp_path / "a.samhead"))
    assert again.module.type_name == again.card.head_type == kind
    assert again.prior is not None


def test_rows_share_one_training_but_those_that_learn_from_more(
    ablation: ModuleType, together: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[bool] = []
    seen: list[tuple] = []

    def train(cases: object, unlabeled: tuple = (), **_: object) -> Head:
        trained.append(bool(unlabeled))
        return replace(together, card=replace(together.card, name=str(len(trained))))

    def segment(volume: object, head: Head, **options: object) -> None:
        facts = head.card.name, head.card.head_type, head.prior is not None, head.closer is None
        seen.append((*facts, tuple(sorted(options.items(), key=str))))

    monkeypatch.setattr(ablation, "train", train)
    monkeypatch.setattr(ablation, "segment", segment)
    memory = ablation.Memory(None)
    case = SimpleNamespace(volume=SimpleNamespace(content_hash=lambda: "a", name="a"))
    rows = [row for row in ablation.variants(tta=True, unlabeled=True) if row.name != "without the arrangement prior"]
    for row in rows:
        tools = memory.tools(row)
        tools.segment("volume", tools.train([case], budget="fast", unlabeled=("b",) * row.taught), tta=False)
    assert trained == [False, True]
    assert len(set(seen)) == len(rows) == 10


def test_leaving_the_arrangement_out_leaves_the_shape_prior(
    ablation: ModuleType, together: Head, tmp_path: Path
) -> None:
    prior = LayoutPrior(3).eval()
    facts = {**prior.hyper(), "cell_mm": 8.0}
    whole = replace(together, arrangement=prior, card=replace(together.card, arrangement=facts))
    again = load_head(save_head(ablation.without_arrangement(whole), tmp_path / "a.samhead"))
    assert again.arrangement is None
    assert again.prior is not None
    assert load_head(save_head(whole, tmp_path / "b.samhead")).arrangement is not None
    without = load_head(save_head(ablation.without_prior(whole), tmp_path / "c.samhead"))
    assert (without.prior, without.arrangement) == (None, None)
