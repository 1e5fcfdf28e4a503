"""The library of heads: what a head may be called, how it is found, and how it comes to the user's data."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from balls import ball_head
from hypothesis import given
from hypothesis import strategies as st

from SAMAdaptLib.cli import main
from SAMAdaptLib.errors import HeadFileError, InputError
from SAMAdaptLib.heads import library
from SAMAdaptLib.heads.card import read_card
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.heads.library import HeadLibrary, checked_name, find_head, free_path, import_head, usable_name
from SAMAdaptLib.utils import paths


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    return save_head(ball_head("ball"), tmp_path / "ball.samhead")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose folders lie where the platform has them, with nothing in them."""
    monkeypatch.delenv("SAMADAPT_HOME", raising=False)
    for name, folder in (("XDG_CACHE_HOME", "cache"), ("XDG_DATA_HOME", "data")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Herz für alle", "RV, MYO, LV", "liver (CT) 2.1", "肝臓"])
def test_names_that_people_give_are_taken(name: str) -> None:
    assert checked_name(f" {name} ") == name == usable_name(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/b", "cannot have '/' in it"),
        ("c?:", "cannot have ':' '\\?' in it"),
        ("x\ny", "cannot have"),
        ("", "cannot be called"),
        (".hidden", "cannot be called"),
        ("Con", "cannot be called"),
        ("lpt1.old", "cannot be called"),
        ("n" * 101, "cannot be called"),
    ],
)
def test_names_that_are_no_file_names_everywhere_are_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        checked_name(name)


@given(st.text(max_size=150))
def test_any_text_becomes_a_name(text: str) -> None:
    assert checked_name(usable_name(text)) == usable_name(text)


def test_a_name_that_is_no_file_name_is_made_into_one(empty_home: Path) -> None:
    assert free_path(usable_name("a/b: c?")).name == "a_b_ c_.samhead"
    assert free_path(usable_name("  ")).name == "head.samhead"
    assert usable_name("nul") == "nul_"


# --- finding ---------------------------------------------------------------------------------------------------------


def test_a_file_is_meant_by_its_path_and_a_head_by_its_name(empty_home: Path, a_file: Path, monkeypatch) -> None:
    mine = import_head(a_file)
    (a_file.parent / "ball").write_text("another file")
    monkeypatch.chdir(a_file.parent)
    assert find_head("ball") == mine
    assert find_head("ball.samhead") == Path("ball.samhead")
    assert find_head("./ball.samhead") == a_file.relative_to(a_file.parent)
    with pytest.raises(InputError, match="Heads there: ball, Brain-tissue-starter, Hippocampus-starter"):
        find_head("elsewhere/Hippocampus-starter.samhead")


def test_an_imported_head_takes_no_other_heads_name(empty_home: Path, a_file: Path) -> None:
    assert [import_head(a_file).name for _ in range(3)] == ["ball.samhead", "ball 2.samhead", "ball 3.samhead"]
    (a_file.parent / "no.samhead").write_bytes(b"no head")
    with pytest.raises(HeadFileError):
        import_head(a_file.parent / "no.samhead")
    assert len(list((empty_home / "heads").iterdir())) == 3


# --- the user's data -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "variables", "wanted"),
    [
        ("linux", {"XDG_DATA_HOME": "/d"}, "/d/SAMAdapt/heads"),
        ("linux", {"HOME": "/u"}, "/u/.local/share/SAMAdapt/heads"),
        ("darwin", {"HOME": "/u"}, "/u/Library/Application Support/SAMAdapt/heads"),
        ("win32", {"APPDATA": "/r"}, "/r/SAMAdapt/heads"),
        ("linux", {"SAMADAPT_HOME": "/s", "XDG_DATA_HOME": "/d"}, "/s/heads"),
    ],
)
def test_heads_lie_in_the_users_data(platform, variables, wanted, monkeypatch) -> None:
    for name in ("SAMADAPT_HOME", "XDG_DATA_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert paths.place("heads") == Path(wanted)
    assert paths.is_within(Path(wanted) / "a.samhead")


def test_heads_that_lie_in_the_cache_are_moved_and_that_is_said_once(user: Path, a_file: Path, caplog) -> None:
    old, new = user / "cache/SAMAdapt/heads", user / "data/SAMAdapt/heads"
    old.mkdir(parents=True)
    content = a_file.read_bytes()
    for name in ("one.samhead", "two.samhead"):
        (old / name).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert find_head("one") == new / "one.samhead"
        assert find_head("two") == new / "two.samhead"
    assert [record.getMessage().split(" from ")[0] for record in caplog.records] == ["SAMAdapt moved 2 heads"]
    assert not old.exists()
    assert {path.name: path.read_bytes() for path in new.iterdir()} == {
        "one.samhead": content,
        "two.samhead": content,
    }


def test_a_moved_head_overwrites_none(user: Path, a_file: Path) -> None:
    old, new = user / "cache/SAMAdapt/heads", user / "data/SAMAdapt/heads"
    for folder in (old, new):
        folder.mkdir(parents=True)
    (old / "same.samhead").write_bytes(a_file.read_bytes())  # as an interrupted move leaves it
    (new / "same.samhead").write_bytes(a_file.read_bytes())
    (old / "other.samhead").write_bytes(a_file.read_bytes())
    (new / "other.samhead").write_bytes(b"something else")
    library.known_heads()
    assert {path.name for path in new.iterdir()} == {"same.samhead", "other.samhead", "other 2.samhead"}
    assert (new / "other.samhead").read_bytes() == b"something else"
    assert not old.exists()


def test_a_move_that_is_interrupted_leaves_every_head_readable(user: Path, a_file: Path, monkeypatch) -> None:
    old = user / "cache/SAMAdapt/heads"
    old.mkdir(parents=True)
    for name in ("one.samhead", "two.samhead"):
        (old / name).write_bytes(a_file.read_bytes())

    def full(source: Path, part: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(library, "_copy", full)
    assert [find_head(name).parent for name in ("one", "two")] == [old, old]
    assert [entry.title for entry in HeadLibrary().entries()] == ["one", "two"]
    monkeypatch.undo()


def test_looking_for_heads_creates_nothing(user: Path) -> None:
    assert library.known_heads() == library.starter_heads()
    assert [path.name for path in user.iterdir()] == []


# --- the command line ------------------------------------------------------------------------------------------------


def test_a_head_is_imported_shown_and_exported_by_its_name(
    empty_home: Path, a_file: Path, tmp_path: Path, capsys
) -> None:
    assert main(["heads", "import", str(a_file), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["heads"][0]
    assert row["path"] == str(empty_home / "heads" / "ball.samhead")
    assert main(["heads", "show", "ball"]) == 0
    shown = capsys.readouterr().out
    assert "held-out Dice" in shown and "Ball" in shown and row["path"] in shown
    assert main(["heads", "show", "ball", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "heads"
    assert document["card"] == json.loads(json.dumps(read_card(a_file).to_dict()))
    assert main(["heads", "export", "ball", str(tmp_path / "copy")]) == 0
    assert (tmp_path / "copy.samhead").read_bytes() == a_file.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "heads show wants 1 name, and there are 0"),
        (["export", "Hippocampus-starter"], "wants 2 names"),
        (["show", "none"], "no head file none"),
        (["import", "none.samhead"], "none.samhead"),
    ],
)
def test_what_cannot_be_shown_or_copied_is_refused(empty_home: Path, words: list[str], said: str, capsys) -> None:
    assert main(["heads", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_head_is_not_exported_onto_itself(empty_home: Path, a_file: Path, capsys) -> None:
    mine = import_head(a_file)
    assert main(["heads", "export", "ball", str(mine)]) == 2
    assert mine.read_bytes() == a_file.read_bytes()
