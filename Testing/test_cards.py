"""The card of a head: typed, checked by type and range, and its JSON as it always was, byte for byte."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_heads import HYPER, a_card, rewritten, saved  # noqa: F401  saved is a fixture

from SAMAdaptLib.errors import HeadFileError, InputError
from SAMAdaptLib.heads.card import METADATA_KEY, HeadCard, read_card
from SAMAdaptLib.heads.library import starter_heads
from SAMAdaptLib.heads.parts import EncoderRef, IntensityFacts, PlaneRule, RoiSpec, TrainingRecord

GOLDEN = Path(__file__).with_name("cards.jsonl")
"""Cards of heads of every type, as the version before cards were typed wrote them: one JSON object a line."""


def golden() -> list[Any]:
    rows = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    return [pytest.param(row["card"], id=row["what"]) for row in rows]


def card_text(path: Path) -> str:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length])["__metadata__"][METADATA_KEY]


@pytest.mark.parametrize("path", starter_heads(), ids=lambda path: path.stem)
def test_the_head_that_came_along_is_written_again_byte_for_byte(path: Path) -> None:
    document = json.loads(card_text(path))
    document.pop("sha256", None)  # the checksum is the file's, not the card's
    assert read_card(path).to_json() == json.dumps(document, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize("text", golden())
def test_a_trained_head_of_every_type_is_written_again_byte_for_byte(text: str) -> None:
    assert HeadCard.from_json(text, "x").to_json() == text


@pytest.mark.parametrize("text", golden())
def test_keys_of_other_versions_within_a_part_are_kept(text: str) -> None:
    document = json.loads(text)
    document["training"]["weather"] = {"rain": [1, 2.5, None, "a"]}
    document["encoder"]["future"] = True
    again = HeadCard.from_json(json.dumps(document), "x")
    assert again.to_json() == json.dumps(document, sort_keys=True)
    assert again.training["weather"] == {"rain": [1, 2.5, None, "a"]}


def test_what_a_file_does_not_name_is_not_made_up() -> None:
    document = json.loads(a_card().to_json())
    for part, key in (("encoder", "input_size"), ("quality", "mean_dice"), ("plane", "side_mm")):
        document[part].pop(key, None)
    del document["arrangement"], document["modality"]
    text = json.dumps(document, sort_keys=True)
    card = HeadCard.from_json(text, "x")
    assert card.to_json() == text
    assert (card.arrangement, card.mean_dice, card.input_size, card.plane.side_mm) == (None, None, None, None)


def test_what_is_none_and_could_not_be_read_so_is_not_written() -> None:
    card = a_card()
    closer = RoiSpec(side_mm=40.0, head=card.head, shapes=None)
    text = replace(card, closer=closer, plane=PlaneRule(name="axial", acquisition=True)).to_json()
    assert json.loads(text)["closer"].keys() == {"side_mm", "head", "shapes", "alone"}
    assert json.loads(text)["plane"].keys() == {"name", "acquisition"}
    assert HeadCard.from_json(text, "x").to_json() == text


def test_a_closer_look_may_see_its_slices_in_another_size() -> None:
    card = a_card()
    finer = replace(card.encoder, input_size=896)
    closer = RoiSpec(side_mm=40.0, head=card.head, shapes=None, encoder=finer)
    again = HeadCard.from_json(replace(card, closer=closer).to_json(), "x").closer_card()
    assert again is not None and (again.input_size, again.encoder.sha256) == (896, card.encoder.sha256)
    same = replace(card, closer=replace(closer, encoder=None)).closer_card()
    assert same is not None and same.encoder == card.encoder


def test_what_a_head_saw_is_written_as_it_was_read() -> None:
    seen = [{"gray": [0, 1.5, 8, 40, 90, 150, 190], "spacing_mm": [1.4, 1.4, 8.0]}]
    text = a_card().noted(seen=seen, cut_short=True).to_json()
    assert json.dumps(seen) in text
    card = HeadCard.from_json(text, "x")
    assert card.to_json() == text and card.training.cut_short
    assert card.seen[0].gray[1] == 1.5


def test_a_part_is_an_object_of_plain_values_as_well() -> None:
    training = TrainingRecord.of({"cases": 2, "curve": [[1, 0.5, None]]}).noted(cancelled=True, place="here")
    assert training == {"cases": 2, "curve": [[1, 0.5, None]], "cancelled": True, "place": "here"}
    assert (training.cancelled, training["place"], training.get("views")) == (True, "here", None)
    assert replace(training, cancelled=False)["cases"] == 2


BOUNDS: tuple[tuple[str, Any, str], ...] = (
    ("plane.side_mm", math.inf, "not valid JSON"),
    ("plane.side_mm", 1e300, "plane.side_mm must be 1e-06 to 1000000"),
    ("plane.side_mm", 10**400, "not valid JSON .*digits"),
    ("plane.side_mm", None, "plane.side_mm must not be null"),
    ("plane.side_mm", "60", "plane.side_mm must be a number, not '60'"),
    ("plane.side_mm", True, "plane.side_mm must be a number, not True"),
    ("plane.name", "oblique", "plane.name must be one of axial"),
    ("plane.acquisition", 1, "plane.acquisition must be true or false"),
    ("plane", [], "plane must be an object"),
    ("intensity.low", 200, "intensity must have a low below a high"),
    ("intensity.kind", "magic", "intensity.kind must be one of"),
    ("encoder.sha256", "AB" * 32, "encoder.sha256 must be 64 hexadecimal digits"),
    ("encoder.sha256", "", "encoder.sha256 must be 64 hexadecimal digits for 'mobile_sam'"),
    ("encoder.name", "../weights.pth", "encoder.name must be a name, not a path"),
    ("encoder.name", "C:\\weights.pth", "encoder.name must be a name, not a path"),
    ("encoder.name", "..", "encoder.name must be a name, not a path"),
    ("encoder.levels", {"neck": [0, 64]}, r"levels.neck\[0\] must be 1 to 4096"),
    ("encoder.levels", {f"l{n}": [1, 1] for n in range(99)}, "levels must be 0 to 16 parts"),
    ("encoder.input_size", -1024, "encoder.input_size must be 16 to 16384"),
    ("training.cases", -1, "training.cases must be 0 to"),
    ("training.steps", 2.5, "training.steps must be a whole number"),
    ("training.cancelled", "no", "training.cancelled must be true or false"),
    ("training.curve", [[1, 2]], r"training.curve\[0\] must be 3 values"),
    ("training.curve", [[1, 0.5, None]] * 20_001, "training.curve must be 0 to 20000 parts"),
    ("training.origin", "a\nb", "training.origin must be one line"),
    ("training.cut_short", 1, "training.cut_short must be true or false"),
    ("training.seen", [{"spacing_mm": [1, 1, 1], "gray": [0] * 6}], "seen.gray must be 7 values"),
    ("training.seen", [{"spacing_mm": [1, 1, -1], "gray": [0] * 7}], r"seen.spacing_mm\[2\] must be 0 to"),
    ("training.seen", [{"spacing_mm": [1, 1, 1], "gray": [0] * 7}] * 65, "training.seen must be 0 to 64 parts"),
    ("training.other", [[[[[[[[1]]]]]]]], "must be plain and not deep"),
    ("other", [[[[[[[[1]]]]]]]], "card.extra must be plain and not deep"),
    ("quality.mean_dice", "good", "quality.mean_dice must be a number"),
    ("quality.mean_dice", 1.5, "quality.mean_dice must be 0 to 1"),
    ("quality.dice", {"1": -0.5}, "quality.dice.1 must be 0 to 1"),
    ("quality", None, "quality must not be null"),
    ("shapes", {"classes": 7, "distance_mm": 1.0}, "tell 7 classes apart"),
    ("closer", None, "closer must not be null"),
    ("modality", 3, "modality must be text"),
    ("modality", "M" * 1000, "modality must be one line of at most 255"),
    ("name", "\u202elived", "name must be one line"),
    ("name", "a\ud800", "name must be one line"),
    ("name", "\x1b[2J", "name must be one line"),
    ("head.hyper.width", 10**9, "hyper.width must be 2 to 1024"),
    ("head.hyper.scale", 10**9, "hyper.scale must be 1 to 128"),
    ("head.hyper.classes", True, "hyper.classes must be a whole number"),
    ("head.hyper.dropout", -0.1, "hyper.dropout must be 0 to 1"),
    ("head.hyper.members", [{"type": "linear", "hyper": HYPER}] * 9, "hyper.members must be 1 to 5 parts"),
    (
        "head.hyper.members",
        [{"type": "ensemble", "hyper": {**HYPER, "members": [{"type": "linear", "hyper": HYPER}]}}],
        "must be single networks",
    ),
    ("head.hyper.members", [{"type": "linear", "hyper": {**HYPER, "classes": 5}}], "tell 5 classes apart"),
    ("structures", [{"value": 1, "name": "x"}] * 300, "structures must be 1 to 254 parts"),
    ("structures", [{"value": 1, "name": " "}, {"value": 2, "name": "x"}], "label 1 has no name"),
    ("structures", [{"value": 1, "name": "x", "contact": {"a": 0.5}}] * 2, "contact of x must be by label value"),
    ("structures", [{"value": 1, "name": "x", "color": [1, 0]}] * 2, "color must be 3 values"),
)


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The document with another value at that path of keys."""
    key, _, rest = path.partition(".")
    return {**document, key: changed(document.get(key, {}), rest, value) if rest else value}


@pytest.mark.parametrize(
    ("path", "value", "reason"), BOUNDS, ids=[f"{path}={value!r:.20}" for path, value, _ in BOUNDS]
)
def test_every_field_is_checked_by_type_and_range(path: str, value: Any, reason: str) -> None:
    document = changed(json.loads(a_card().to_json()), path, value)
    with pytest.raises(HeadFileError, match=reason) as caught:
        HeadCard.from_json(json.dumps(document), "heart.samhead")
    assert caught.value.message.startswith("heart.samhead: ")
    assert len(caught.value.message) < 500, "a stranger's megabytes are not repeated"


def test_a_card_that_is_no_object_or_too_deep_is_refused() -> None:
    for text in ("[]", "null", "{", "[" * 100_000, '{"schema": 1' + "0" * 100_000 + "}", "\ud800"):
        with pytest.raises(HeadFileError, match=r"heart.samhead: "):
            HeadCard.from_json(text, "heart.samhead")


def test_parts_are_checked_where_they_are_made_too() -> None:
    for make in (
        lambda: PlaneRule(name="axial", acquisition=True, side_mm=float("nan")),
        lambda: EncoderRef(name="a/b", sha256="0" * 64, levels={}),
        lambda: IntensityFacts(kind="percentile", low=-1, high=50),
    ):
        with pytest.raises(InputError):
            make()


def test_kinds_of_intensity_are_those_of_the_rule() -> None:
    from SAMAdaptLib.preprocessing.intensity import KINDS

    for kind in KINDS:
        assert IntensityFacts(kind=kind, low=0, high=1).kind == kind


def test_a_head_without_a_name_is_called_after_its_file_in_plain_text(tmp_path: Path) -> None:
    card = replace(a_card(), name="")
    assert card.called_after(tmp_path / "liver.samhead").name == "liver"
    assert card.called_after(tmp_path / "li\x1bver\ud800.samhead").name == "li?ver?"
    assert a_card().called_after(tmp_path / "liver.samhead").name == "ventricles"
