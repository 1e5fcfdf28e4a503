"""The ablation: one training a support, and rows that each leave one thing out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from test_heads import CHANNELS, a_card

from SAMAdaptLib.heads import head_class
from SAMAdaptLib.heads.ensemble import EnsembleHead
from SAMAdaptLib.heads.file import Head, load_head, save_head
from SAMAdaptLib.heads.shape import ShapePrior


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Testing/Benchmarks/ablation.py as a module."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "Benchmarks"))
    import ablation as module

    return module


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
    memory._heads["a"] = ablation.without_closer(ablation.alone("cnn")(together))
    repeated = [variant.name for variant in ablation.variants(tta=False) if memory.changes_nothing(variant)]
    assert repeated == ["everything", "without the closer look", "cnn alone", "fusion alone"]


@pytest.mark.parametrize("kind", ["cnn", "fusion"])
def test_a_member_alone_is_a_whole_head_of_its_kind(
    ablation: ModuleType, together: Head, tmp_path: Path, kind: str
) -> None:
    again = load_head(save_head(ablation.alone(kind)(together), tmp_path / "a.samhead"))
    assert again.module.type_name == again.card.head_type == kind
    assert again.prior is not None


def test_all_rows_share_one_training(ablation: ModuleType, together: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[object] = []
    seen: list[tuple[str, bool, bool, dict]] = []
    monkeypatch.setattr(ablation, "train", lambda cases, **options: trained.append(cases) or together)
    monkeypatch.setattr(
        ablation,
        "segment",
        lambda volume, head, **o: seen.append((head.card.head_type, head.prior is not None, head.closer is None, o)),
    )
    memory = ablation.Memory(None)
    case = SimpleNamespace(volume=SimpleNamespace(content_hash=lambda: "a", name="a"))
    for variant in ablation.variants(tta=True):
        tools = memory.tools(variant)
        tools.segment("volume", tools.train([case], budget="fast"), tta=False)
    assert len(trained) == 1
    assert len({(*facts, tuple(sorted(options.items()))) for *facts, options in seen}) == len(seen) == 8
