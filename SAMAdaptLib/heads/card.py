"""The card of a head: everything that a ``.samhead`` file says about itself, without its weights.

A head file is one safetensors file; its metadata holds this card as one JSON document. Reading a card needs the
standard library alone, so that lists of heads can be shown where torch is not installed. The bytes are untrusted:
sizes are capped, unknown schemas refused, nothing is executed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..errors import HeadFileError
from ..provenance import Provenance
from ..structure import Structure

SCHEMA = 1
SUFFIX = ".samhead"
METADATA_KEY = "samadapt"
MAXIMUM_HEADER_BYTES = 4 * 1024 * 1024
"""A header holds a few names and one JSON document; a larger one is damage or malice."""

LOST_ELSEWHERE = 0.10
"""Share of its held-out Dice that a head of one patient loses on other patients, roughly. Eight heads of five anatomies
kept 0.78 to 1.01 of it on volumes that no quoted figure comes from, on average over the anatomies 0.91; four of them
that learned from volumes without annotation as well kept 0.82 to 1.02, on average 0.91, too."""

ONE_PATIENT = 2
"""Up to that many cases may be of one patient, as at two times."""

_DEEPEST, _WIDEST = 5, 1024
"""Levels and channels of a shape prior, at most: more is damage or malice."""

_ASK_FOR_ANOTHER = "Export the head again, or train a new one."


def expected_elsewhere(held_out: float, cases: int) -> float:
    """The Dice to expect on other patients, from that on held-out slices of so many cases."""
    return held_out * (1 - LOST_ELSEWHERE * ONE_PATIENT / max(cases, ONE_PATIENT))


@dataclass(frozen=True)
class HeadCard:
    """What a head is, what it was trained on and how good it was. Plain JSON values throughout.

    ``head``: ``{"type": str, "hyper": {...}}``. ``encoder``: ``{"name", "sha256", "levels", "input_size"}``; the last,
    pixels a side, may be missing or None: the encoder's own.
    ``plane``: ``{"name": "axial"|"sagittal"|"coronal", "acquisition": bool, "side_mm": float}``; acquisition means "the
    plane of best in-plane resolution, whatever its orientation", side_mm is the side of the canvas. ``intensity``: a
    rule as ``IntensityRule.to_dict`` gives it. ``structures``: ``{"value", "name", "color", "terminology"}`` each, with
    ``single_component``, ``touches`` (label values of its neighbours), ``contact`` (with what share of its surface
    it touches each of them, by label value as a string) and ``ml`` (the least and the most of a case, empty where that
    is not known) as the annotation had them. ``shapes``: the
    shape prior's ``{"classes": int, "fold": int, "widths": [int, ...], "distance_mm": float}``, the last between slices
    that it compares; empty without one. ``arrangement``: the arrangement prior's ``{"classes": int, "widths": [int,
    ...], "cell_mm": float}``, the last the side of its cells across slices; empty without one. ``closer``: of the
    head for a closer look ``{"side_mm": float, "head", "shapes", "alone": bool}``, the side of its canvas, what these
    say of this head, and whether it answers alone there or in the mean with the first look; with ``encoder`` where
    that sees its slices in another size; empty without one.
    ``training``, ``quality``: facts for people; ``quality["mean_dice"]`` is the Dice on held-out slices, or None.
    """

    head: dict[str, Any]
    encoder: dict[str, Any]
    plane: dict[str, Any]
    intensity: dict[str, Any]
    structures: list[dict[str, Any]]
    modality: str = ""
    name: str = ""
    shapes: dict[str, Any] = field(default_factory=dict)
    arrangement: dict[str, Any] = field(default_factory=dict)
    closer: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def to_json(self) -> str:
        """The card as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, source: str) -> HeadCard:
        """Parse and check a card; ``source`` names it in errors. Raises HeadFileError."""
        try:
            document = json.loads(text)
        except ValueError as error:
            msg = f"{source}: the card is not valid JSON ({error})."
            raise HeadFileError(msg, _ASK_FOR_ANOTHER) from error
        if not isinstance(document, dict):
            msg = f"{source}: the card is a {type(document).__name__}, not a JSON object."
            raise HeadFileError(msg, _ASK_FOR_ANOTHER)
        if document.get("schema") != SCHEMA:
            msg = f"{source}: unknown head schema {document.get('schema')!r}; this version reads schema {SCHEMA}."
            raise HeadFileError(msg, "Update SAMAdapt, or export the head from the version that made it.")
        known = {item.name for item in fields(cls)}
        required = {"head", "encoder", "plane", "intensity", "structures"}
        missing = required - document.keys()
        if missing:
            msg = f"{source}: the card lacks {', '.join(sorted(missing))}."
            raise HeadFileError(msg, _ASK_FOR_ANOTHER)
        card = cls(**{key: value for key, value in document.items() if key in known})
        _check(card, source)
        return card

    @property
    def head_type(self) -> str:
        """The registry name of the head, such as ``cnn``."""
        return str(self.head["type"])

    @property
    def values(self) -> list[int]:
        """Label values in the order of the head's output channels 1, 2, ... (channel 0 is background)."""
        return [int(structure["value"]) for structure in self.structures]

    @property
    def input_size(self) -> int | None:
        """Pixels a side that the encoder sees; None: its own."""
        value = self.encoder.get("input_size")
        return None if value is None else int(value)

    @property
    def mean_dice(self) -> float | None:
        """Mean Dice on held-out slices, None when nothing was held out."""
        value = self.quality.get("mean_dice")
        return None if value is None else float(value)

    @property
    def expected_dice(self) -> float | None:
        """Mean Dice to expect on volumes of other patients: an estimate, from the held-out slices of those it learned
        from. None when nothing was held out, or only scribbles, which lie where it is easy; and for heads without a
        shape prior, which lose more and less predictably."""
        if self.mean_dice is None or not self.shapes or self.training.get("scribbles"):
            return None
        return expected_elsewhere(self.mean_dice, int(self.training.get("cases", 1)))

    @property
    def seen(self) -> list[Any]:
        """How the training volumes looked (see ``doubts.looks_of``), unchecked; empty where that was not kept."""
        return list(self.training.get("seen") or ())

    def closer_card(self) -> HeadCard | None:
        """The card of the head for a closer look: as this one, with its own canvas, network and prior."""
        if not self.closer:
            return None
        plane = {**self.plane, "side_mm": self.closer["side_mm"]}
        return replace(
            self,
            head=self.closer["head"],
            encoder=self.closer.get("encoder", self.encoder),
            shapes=self.closer["shapes"],
            plane=plane,
            arrangement={},
            closer={},
        )

    def summary(self) -> str:
        """One line for lists and tooltips."""
        names = ", ".join(str(structure["name"]) for structure in self.structures)
        dice = "not measured" if self.mean_dice is None else f"{self.mean_dice:.2f}"
        kind = self.modality or "any modality"
        return f"{self.head_type} on {self.encoder['name']}, {kind}, held-out Dice {dice}: {names}"


def structures_of(card: HeadCard) -> tuple[Structure, ...]:
    """The card's structures as such, without what it says of their anatomy."""
    return tuple(Structure.from_dict(structure) for structure in card.structures)


def provenance_of(card: HeadCard, head_sha256: str, options: Mapping[str, Any], **inputs: str) -> Provenance:
    """What a result of the head of that card is made by. ``inputs``: hashes, as ``Provenance`` names them."""
    encoder = card.encoder
    return Provenance(card.name, head_sha256, str(encoder["name"]), str(encoder["sha256"]), options, **inputs)


def _check(card: HeadCard, source: str) -> None:
    """Refuse a card whose parts have the wrong shape, before anything relies on them."""
    shapes = (
        ("head", card.head, ("type", "hyper")),
        ("encoder", card.encoder, ("name", "sha256", "levels")),
        ("plane", card.plane, ("name", "acquisition")),
        ("intensity", card.intensity, ("kind",)),
    )
    for name, part, keys in shapes:
        lacking = [key for key in keys if not isinstance(part, dict) or key not in part]
        if lacking:
            msg = f"{source}: the card's {name} lacks {', '.join(lacking)}."
            raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    if not isinstance(card.structures, list) or not card.structures:
        msg = f"{source}: the card names no structures."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    for structure in card.structures:
        value = structure.get("value") if isinstance(structure, dict) else None
        if not isinstance(value, int) or not 0 < value < 65536 or not isinstance(structure.get("name"), str):
            msg = f"{source}: the structure {structure!r} needs a name and a label value of 1 to 65535."
            raise HeadFileError(msg, _ASK_FOR_ANOTHER)
        if not _spanning(structure.get("ml", [])):
            msg = f"{source}: the size of {structure['name']} is {structure['ml']!r}, not the least and the most in ml."
            raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    if len(set(card.values)) != len(card.values):
        msg = f"{source}: two structures share a label value ({card.values})."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    _check_shapes(card, source)
    _check_arrangement(card, source)
    _check_closer(card, source)


def _spanning(sizes: object) -> bool:
    """Whether this is the least and the most of some sizes, or nothing."""
    if not isinstance(sizes, list) or len(sizes) not in (0, 2):
        return False
    return all(isinstance(size, int | float) and 0 < size < float("inf") for size in sizes) and sizes == sorted(sizes)


def _check_shapes(card: HeadCard, source: str) -> None:
    """Refuse a shape prior that cannot be built; files from before priors were folded name neither fold nor widths."""
    shapes = card.shapes if isinstance(card.shapes, dict) else {"distance_mm": None}
    if shapes == {}:
        return
    distance, fold, widths = shapes.get("distance_mm"), shapes.get("fold", 1), shapes.get("widths", [16])
    known = isinstance(distance, int | float) and 0 < distance < float("inf")
    if not (known and shapes.get("classes") == len(card.structures) + 1):
        msg = f"{source}: the shape prior {card.shapes!r} needs a distance in mm and a class for each structure."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    if not (fold in (1, 2, 4) and _layered(widths)):
        msg = f"{source}: no shape prior has the fold {fold!r} and the widths {widths!r}."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)


def _check_arrangement(card: HeadCard, source: str) -> None:
    facts = card.arrangement if isinstance(card.arrangement, dict) else {"cell_mm": None}
    if facts == {}:
        return
    cell, widths = facts.get("cell_mm"), facts.get("widths")
    known = isinstance(cell, int | float) and 0 < cell < float("inf")
    if not (known and _layered(widths) and facts.get("classes") == len(card.structures) + 1):
        wanted = "a cell in mm, widths and a class for each structure"
        msg = f"{source}: the arrangement prior {card.arrangement!r} needs {wanted}."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)


def _layered(widths: object) -> bool:
    """Whether these are channels by depth as a network may have them."""
    if not isinstance(widths, list) or not 1 <= len(widths) <= _DEEPEST:
        return False
    return all(isinstance(width, int) and 0 < width <= _WIDEST for width in widths)


def _check_closer(card: HeadCard, source: str) -> None:
    if card.closer == {}:
        return
    side = card.closer.get("side_mm") if isinstance(card.closer, dict) else None
    head = card.closer.get("head") if isinstance(card.closer, dict) else None
    known = isinstance(side, int | float) and 0 < side < float("inf")
    if not (known and isinstance(head, dict) and {"type", "hyper"} <= head.keys() and "shapes" in card.closer):
        msg = f"{source}: the closer look {card.closer!r} needs a side in mm, a head and shapes."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    _check_shapes(replace(card, shapes=card.closer["shapes"]), source)


def read_card(path: str | Path) -> HeadCard:
    """The card of the head file at ``path``. Raises HeadFileError, naming the file and what is wrong with it."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            length_bytes = stream.read(8)
            length = struct.unpack("<Q", length_bytes)[0] if len(length_bytes) == 8 else 0
            if not 2 <= length <= MAXIMUM_HEADER_BYTES:
                msg = f"{path}: not a head file (its header would have {length} bytes)."
                raise HeadFileError(msg, f"Choose a {SUFFIX} file that SAMAdapt wrote.")
            header_bytes = stream.read(length)
    except OSError as error:
        msg = f"{path}: the head file cannot be read ({error.strerror or error})."
        raise HeadFileError(msg, "Check the path and the permissions.") from error
    if len(header_bytes) < length:
        msg = f"{path}: the head file is truncated ({len(header_bytes) + 8} of at least {length + 8} bytes)."
        raise HeadFileError(msg, "Copy the file again.")
    card = HeadCard.from_json(_card_text(header_bytes, path), str(path))
    _check_length(path, header_bytes, length)
    return card


def _card_text(header_bytes: bytes, path: Path) -> str:
    try:
        header = json.loads(header_bytes)
        text = header["__metadata__"][METADATA_KEY]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path}: this file holds no SAMAdapt card."
        raise HeadFileError(msg, f"Choose a {SUFFIX} file that SAMAdapt wrote.") from error
    if not isinstance(text, str):
        msg = f"{path}: the card is not text."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    return text


def _check_length(path: Path, header_bytes: bytes, header_length: int) -> None:
    """The file must end exactly where its last tensor ends."""
    tensors = {key: value for key, value in json.loads(header_bytes).items() if key != "__metadata__"}
    try:
        end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        msg = f"{path}: the list of tensors is damaged ({error!r})."
        raise HeadFileError(msg, "Copy the file again.") from error
    expected, found = 8 + header_length + end, path.stat().st_size
    if found != expected:
        msg = f"{path}: the head file has {found} bytes where its header announces {expected}."
        raise HeadFileError(msg, "The file is truncated or damaged: copy it again.")
