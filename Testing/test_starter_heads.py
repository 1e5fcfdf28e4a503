"""The heads that come with the extension: what they say of themselves, where they are found, what they find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER
from SAMAdaptLib.evaluation.metrics import evaluate
from SAMAdaptLib.heads.card import read_card
from SAMAdaptLib.heads.head import load_head
from SAMAdaptLib.heads.library import find_head, starter_heads
from SAMAdaptLib.inference.segment import segment

MODULE = Path(__file__).resolve().parent.parent / "SAMAdapt"
NAME, BRAIN = "Hippocampus-starter", "Brain-tissue-starter"
LARGEST_BYTES = 5_000_000


def test_heads_that_come_along_lie_where_the_module_looks_for_them_and_are_small() -> None:
    folder = MODULE / "Resources" / "Heads"
    assert starter_heads() == sorted(folder.glob("*.samhead"))
    assert [path.stem for path in starter_heads()] == [BRAIN, NAME]
    assert all(path.stat().st_size < LARGEST_BYTES for path in starter_heads())


def hippocampus() -> Path:
    return next(path for path in starter_heads() if path.stem == NAME)


def test_the_starter_of_the_brain_says_whom_it_learned_from_and_how_good_it_is_on_others() -> None:
    card = read_card(next(path for path in starter_heads() if path.stem == BRAIN))
    assert "MNI ICBM 152" in card.training["origin"] and "simulated" in card.training["origin"]
    assert "unseen volumes 0.85" in card.training["origin"]
    assert [structure.name for structure in card.structures] == ["Grey matter", "White matter"]
    assert card.encoder["name"] == DEFAULT_ENCODER


def test_a_starter_head_says_what_it_was_trained_on_and_under_which_licence() -> None:
    card = read_card(hippocampus())
    assert "Decathlon" in card.training["origin"]
    assert "CC-BY-SA 4.0" in card.training["origin"]
    assert card.encoder["name"] == "mobile_sam"
    assert card.expected_dice is not None
    for structure in card.structures:
        assert "Hippocampal structure" in structure["terminology"]
        assert structure["terminology"].count("~") == 6


def test_a_starter_head_from_before_input_sizes_were_chosen_is_built_as_it_was() -> None:
    head = load_head(hippocampus())
    assert head.card.input_size is None, "its encoder's own size"
    for part in head.module.parts():
        if part.type_name == "cnn":
            assert "scale" in part.hyper() and part.hyper()["scale"] == 2


def test_it_is_found_by_its_name_until_the_user_has_one_of_that_name(empty_home: Path) -> None:
    assert find_head(NAME) == (hippocampus())
    own = empty_home / "heads" / f"{NAME}.samhead"
    own.parent.mkdir(parents=True)
    own.write_bytes(hippocampus().read_bytes())
    assert find_head(NAME) == (own)


def test_it_is_listed(empty_home: Path, capsys) -> None:
    assert main(["heads", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["heads"]
    assert [row["path"] for row in rows] == [str(path) for path in starter_heads()]
    assert [row["structures"] for row in rows][0] == ["Grey matter", "White matter"]
    assert rows[1]["structures"] == ["Anterior hippocampus", "Posterior hippocampus"]


def test_the_logic_finds_it_by_name(empty_home: Path) -> None:
    assert find_head(NAME) == find_head(f"{NAME}.samhead") == hippocampus()


def test_one_click_works_right_after_installation(shared_data: Path, mobile_sam: Any) -> None:
    folder = shared_data / "hippocampus"
    if not folder.is_dir():
        pytest.skip("the hippocampus volumes are not on this computer")
    name = sorted(path.name for path in (folder / "images").iterdir())[20]
    volume = read_volume(folder / "images" / name)
    found = segment(volume, load_head(hippocampus()), encoder=mobile_sam)
    assert [structure.name for structure in found.structures] == ["Anterior hippocampus", "Posterior hippocampus"]
    assert found.geometry.same_grid(volume.geometry)
    reference = read_labelmap(folder / "labels" / name, like=volume)
    assert evaluate(found, reference).mean_dice > 0.65
    assert np.isin(found.voxels, (0, 1, 2)).all()
