"""Heads that travel with a scene: kept in it, saved with it, and taken from it when the user asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mrmlscenes as scenes
import pytest
from balls import ball_head

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")

from SAMAdaptLib.errors import HeadFileError  # noqa: E402
from SAMAdaptLib.heads.head import save_head  # noqa: E402
from SAMAdaptLib.mrml.scene_heads import ATTRIBUTE, heads_in, keep_head, take_head, title_of  # noqa: E402


@pytest.fixture
def scene() -> Iterator[Any]:
    with scenes.a_scene() as scene:
        yield scene


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    return save_head(ball_head("Ball"), tmp_path / "Ball.samhead")


def test_a_head_in_a_scene_comes_back_byte_for_byte(scene: Any, a_file: Path, empty_home: Path) -> None:
    node = keep_head(a_file, scene)
    assert (heads_in(scene), title_of(node)) == ([node], "Ball")
    taken = take_head(node)
    assert taken == empty_home / "heads" / "Ball.samhead"
    assert taken.read_bytes() == a_file.read_bytes()


def test_a_head_is_saved_with_the_scene_and_opening_one_writes_nothing(
    scene: Any, a_file: Path, tmp_path: Path, empty_home: Path
) -> None:
    keep_head(a_file, scene)
    scene.SetURL(str(tmp_path / "scene.mrml"))
    assert scene.Commit()
    with scenes.a_scene() as another:
        another.SetURL(scene.GetURL())
        assert another.Connect()
        (node,) = heads_in(another)
        assert not empty_home.exists()
        assert take_head(node).read_bytes() == a_file.read_bytes()


def test_a_head_is_in_a_scene_and_in_the_library_once(scene: Any, a_file: Path, empty_home: Path) -> None:
    first = keep_head(a_file, scene)
    assert keep_head(a_file, scene) is first
    assert take_head(first) == take_head(first)
    assert len(list((empty_home / "heads").iterdir())) == 1


def test_a_head_of_a_scene_takes_no_other_heads_place(scene: Any, a_file: Path, empty_home: Path) -> None:
    (empty_home / "heads").mkdir(parents=True)
    mine = save_head(ball_head("mine"), empty_home / "heads" / "Ball.samhead")
    before = mine.read_bytes()
    assert take_head(keep_head(a_file, scene)).name == "Ball 2.samhead"
    assert mine.read_bytes() == before


@pytest.mark.parametrize("text", ["", "no base64 \u2603", "bm8gaGVhZA=="])
def test_what_is_no_head_does_not_come_into_the_library(scene: Any, text: str, empty_home: Path) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTextNode", "Notes")
    assert heads_in(scene) == []
    node.SetAttribute(ATTRIBUTE, "../../evil.samhead")
    node.SetText(text)
    with pytest.raises(HeadFileError):
        take_head(node)
    assert list(empty_home.rglob("*.samhead")) == []


def test_the_name_in_a_scene_is_only_a_name(scene: Any, a_file: Path, empty_home: Path) -> None:
    node = keep_head(a_file, scene)
    node.SetAttribute(ATTRIBUTE, "../../evil.samhead")
    assert take_head(node).parent == empty_home / "heads"
