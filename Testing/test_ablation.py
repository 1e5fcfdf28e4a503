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
    """An ensemble with a prior."""
    module = EnsembleHead.of([head_class(kind)(CHANNELS, 3) for kind in ("cnn", "fusion")])
    card = replace(
        a_card(), head={"type": "ensemble", "hyper": module.hyper()}, shapes={"classes": 3, "distance_mm": 5}
    )
    return Head(card, module.eval(), ShapePrior(3).eval())


def test_leaving_the_prior_out_leaves_a_head_that_can_be_saved(
    ablation: ModuleType, together: Head, tmp_path: Path
) -> None:
    again = load_head(save_head(ablation.without_prior(together), tmp_path / "a.samhead"))
    assert again.prior is None
    assert together.prior is not None


@pytest.mark.parametrize("kind", ["cnn", "fusion"])
def test_a_member_alone_is_a_whole_head_of_its_kind(
    ablation: ModuleType, together: Head, tmp_path: Path, kind: str
) -> None:
    again = load_head(save_head(ablation.alone(kind)(together), tmp_path / "a.samhead"))
    assert again.module.type_name == again.card.head_type == kind
    assert again.prior is not None


def test_all_rows_share_one_training(ablation: ModuleType, together: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[object] = []
    seen: list[tuple[str, bool, dict]] = []
    monkeypatch.setattr(ablation, "train", lambda cases, **options: trained.append(cases) or together)
    monkeypatch.setattr(
        ablation, "segment", lambda volume, head, **o: seen.append((head.card.head_type, head.prior is not None, o))
    )
    memory = ablation.Memory(None)
    case = SimpleNamespace(volume=SimpleNamespace(content_hash=lambda: "a", name="a"))
    for variant in ablation.variants(tta=True):
        tools = memory.tools(variant)
        tools.segment("volume", tools.train([case], budget="fast"), tta=False)
    assert len(trained) == 1
    assert len({(kind, prior, tuple(sorted(options.items()))) for kind, prior, options in seen}) == len(seen) == 7
