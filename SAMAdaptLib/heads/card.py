"""The card of a head: everything that a ``.samhead`` file says about itself, without its weights.

A head file is one safetensors file; its metadata holds this card as one JSON document. Reading a card needs the
standard library alone, so that lists of heads can be shown where torch is not installed. The bytes are untrusted:
sizes are capped, unknown schemas refused, every field is checked by type and range, nothing is executed.
"""

from __future__ import annotations

import json
import math
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from ..data.channels import MOST_CHANNELS
from ..data.formats import HEAD_ENDING
from ..data.provenance import Provenance
from ..data.structure import Structure
from ..errors import HeadFileError, InputError
from ..utils.plaintext import LONGEST_NAME, cleaned
from ..utils.schema import EMPTY, Between, Open, read_dataclass, short
from .parts import (
    ArrangementSpec,
    ChannelFacts,
    EncoderRef,
    IntensityFacts,
    Looks,
    Name,
    NetworkSpec,
    PlaneRule,
    Quality,
    RoiSpec,
    ShapeSpec,
    StructureFacts,
    TrainingRecord,
)

SCHEMA = 1
SCHEMA_OF_CHANNELS = 2
"""Of heads that look at several channels: versions from before would show them one, and say nothing."""

METADATA_KEY = "samadapt"
MAXIMUM_HEADER_BYTES = 2 * 1024 * 1024
"""A header holds a few names and one JSON document; a larger one is damage or malice."""

LOST_ELSEWHERE = 0.10
"""Share of its held-out Dice that a head of one patient loses on other patients, roughly. Eight heads of five anatomies
kept 0.78 to 1.01 of it on volumes that no quoted figure comes from, on average over the anatomies 0.91; four of them
that learned from volumes without annotation as well kept 0.82 to 1.02, on average 0.91, too."""

ONE_PATIENT = 2
"""Up to that many cases may be of one patient, as at two times."""

ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_MOST_AXES, _LONGEST_AXIS = 8, 2**31
_LONGEST_NUMBER = 40
"""Characters of a whole number: Python takes long over longer ones."""

_ASK_FOR_ANOTHER = "Export the head again, or train a new one."
_COPY_AGAIN = "The file is truncated or damaged: copy it again."


def expected_elsewhere(held_out: float, cases: int) -> float:
    """The Dice to expect on other patients, from that on held-out slices of so many cases."""
    return held_out * (1 - LOST_ELSEWHERE * ONE_PATIENT / max(cases, ONE_PATIENT))


@dataclass(frozen=True, kw_only=True)
class HeadCard(Open):
    """What a head is, what it was trained on and how good it was; parts may be given as JSON objects.

    ``channels``: what it looks at, None for one image, of which ``intensity`` and ``modality`` tell.
    ``shapes``, ``arrangement``: what its priors are built from, None without one. ``closer``: the head for a closer
    look, None without one. ``training``, ``quality``: facts for people. Raises InputError for what no head can be.
    """

    called: ClassVar[str] = "card"

    head: NetworkSpec
    encoder: EncoderRef
    plane: PlaneRule
    intensity: IntensityFacts
    structures: Annotated[tuple[StructureFacts, ...], Between(1, 254)]
    modality: Name = ""
    name: Name = ""
    channels: Annotated[tuple[ChannelFacts, ...], Between(2, MOST_CHANNELS)] | None = None
    shapes: ShapeSpec | None = field(default=None, metadata=EMPTY)
    arrangement: ArrangementSpec | None = field(default=None, metadata=EMPTY)
    closer: RoiSpec | None = field(default=None, metadata=EMPTY)
    training: TrainingRecord = field(default_factory=lambda: TrainingRecord.of({}))
    quality: Quality = field(default_factory=lambda: Quality.of({}))
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.values)) != len(self.values):
            msg = f"Two structures share a label value ({short(self.values)})."
            raise InputError(msg)
        wrong = self._classes() - {len(self.structures) + 1}
        if wrong:
            msg = f"The card names {len(self.structures)} structures, and its networks tell {min(wrong)} classes apart."
            raise InputError(msg)
        self._require_channels()

    def _require_channels(self) -> None:
        """Refuse a card whose parts speak of other numbers of channels, or of another first one."""
        found = self.head.pictures() | (set() if self.closer is None else self.closer.head.pictures())
        if found - {self.channel_count}:
            msg = f"The card has {self.channel_count} channels, and its networks look at {max(found)}."
            raise InputError(msg)
        if self.schema != (SCHEMA_OF_CHANNELS if self.channels else SCHEMA):
            msg = f"The schema {self.schema} is not that of a card with {self.channel_count} channels."
            raise InputError(msg)
        if self.channels and self.channels[0].intensity.to_dict() != self.intensity.to_dict():
            msg = "The rule for gray values is not that of the first channel."
            raise InputError(msg)

    def _classes(self) -> set[int]:
        """How many classes its networks tell apart, background included: one number, or it contradicts itself."""
        found = self.head.classes() | (set() if self.closer is None else self.closer.head.classes())
        priors = (self.shapes, self.arrangement, None if self.closer is None else self.closer.shapes)
        return found | {prior.classes for prior in priors if prior is not None}

    def to_json(self) -> str:
        """The card as one line of JSON."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, source: str) -> HeadCard:
        """Parse and check a card; ``source`` names it in errors. Raises HeadFileError."""
        document = _parsed(text, source, "the card")
        if document.get("schema") not in (SCHEMA, SCHEMA_OF_CHANNELS):
            found = short(document.get("schema"))
            msg = f"{source}: unknown head schema {found}; this version reads schema {SCHEMA} and {SCHEMA_OF_CHANNELS}."
            raise HeadFileError(msg, "Update SAMAdapt, or export the head from the version that made it.")
        try:
            card = read_dataclass(cls, document, "The card")
            return replace(card, extra={}) if card.extra else card
        except InputError as error:
            msg = f"{source}: {error.message}"
            raise HeadFileError(msg, _ASK_FOR_ANOTHER) from error

    @property
    def head_type(self) -> str:
        """The registry name of the head, such as ``cnn``."""
        return self.head.type

    @property
    def values(self) -> list[int]:
        """Label values in the order of the head's output channels 1, 2, ... (channel 0 is background)."""
        return [structure.value for structure in self.structures]

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What the channels are called that it looks at; empty where it looks at one image."""
        return tuple(channel.name for channel in self.channels or ())

    @property
    def channel_count(self) -> int:
        """How many images of a body it looks at."""
        return len(self.channels or (None,))

    @property
    def intensities(self) -> tuple[IntensityFacts, ...]:
        """The rule for gray values of each channel."""
        return tuple(channel.intensity for channel in self.channels or ()) or (self.intensity,)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Of each channel, "" where it is not known."""
        return tuple(channel.modality for channel in self.channels or ()) or (self.modality,)

    @property
    def input_size(self) -> int | None:
        """Pixels a side that the encoder sees; None: its own."""
        return self.encoder.input_size

    @property
    def mean_dice(self) -> float | None:
        """Mean Dice on held-out slices, None when nothing was held out."""
        return self.quality.mean_dice

    @property
    def expected_dice(self) -> float | None:
        """Mean Dice to expect on volumes of other patients: an estimate, from the held-out slices of those it learned
        from. None when nothing was held out, or only scribbles, which lie where it is easy; and for heads without a
        shape prior, which lose more and less predictably."""
        if self.mean_dice is None or self.shapes is None or self.training.scribbles:
            return None
        return expected_elsewhere(self.mean_dice, self.training.cases)

    @property
    def seen(self) -> tuple[Looks, ...]:
        """How the training volumes looked (see ``doubts.looks_of``); empty where that was not kept."""
        return self.training.seen

    def closer_card(self) -> HeadCard | None:
        """The card of the head for a closer look: as this one, with its own canvas, network and prior."""
        closer = self.closer
        if closer is None:
            return None
        plane = replace(self.plane, side_mm=closer.side_mm)
        encoder = closer.encoder or self.encoder
        return replace(
            self,
            head=closer.head,
            encoder=encoder,
            shapes=closer.shapes,
            plane=plane,
            arrangement=None,
            closer=None,
        )

    def noted(self, **facts: Any) -> HeadCard:
        """The card with these facts about the training besides."""
        return replace(self, training=self.training.noted(**facts))

    def called_after(self, path: Path) -> HeadCard:
        """The card with a name: its own, or that of the file."""
        return self if self.name else replace(self, name=cleaned(path.stem, LONGEST_NAME))

    def summary(self) -> str:
        """One line for lists and tooltips."""
        names = ", ".join(structure.name for structure in self.structures)
        dice = "not measured" if self.mean_dice is None else f"{self.mean_dice:.2f}"
        kind = self.modality or "any modality"
        return f"{self.head_type} on {self.encoder.name}, {kind}, held-out Dice {dice}: {names}"


def structures_of(card: HeadCard) -> tuple[Structure, ...]:
    """The card's structures as such, without what it says of their anatomy."""
    return tuple(Structure.from_dict(structure) for structure in card.structures)


def provenance_of(card: HeadCard, head_sha256: str, options: Mapping[str, Any], **inputs: str) -> Provenance:
    """What a result of the head of that card is made by. ``inputs``: hashes, as ``Provenance`` names them."""
    channels = ", ".join(card.channel_names)
    return Provenance(
        card.name, head_sha256, card.encoder.name, card.encoder.sha256, options, channels=channels, **inputs
    )


@dataclass(frozen=True)
class Header:
    """What a head file says before its weights, which begin after ``length`` bytes: the card, and the type and the
    shape of each tensor by name, in the order in which they follow one another."""

    card: HeadCard
    tensors: dict[str, tuple[str, tuple[int, ...]]]
    length: int


def read_card(path: str | Path) -> HeadCard:
    """The card of the head file at ``path``. Raises HeadFileError, naming the file and what is wrong with it."""
    return read_header(path).card


def read_header(path: str | Path) -> Header:
    """The card, and what the file holds; its length is as announced. Raises HeadFileError."""
    path = Path(path)
    header_bytes, file_bytes = _header_bytes(path)
    header = _parsed(header_bytes, str(path), "the header")
    metadata = header.pop("__metadata__", None)
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        msg = f"{path}: this file holds no SAMAdapt card."
        raise HeadFileError(msg, f"Choose a {HEAD_ENDING} file that SAMAdapt wrote.")
    card = HeadCard.from_json(text, str(path))
    try:
        tensors, end = _tensors(header)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{path}: the list of tensors is damaged ({short(str(error))})."
        raise HeadFileError(msg, "Copy the file again.") from error
    expected = 8 + len(header_bytes) + end
    if file_bytes != expected:
        msg = f"{path}: the head file has {file_bytes} bytes where its header announces {expected}."
        raise HeadFileError(msg, _COPY_AGAIN)
    return Header(card, tensors, 8 + len(header_bytes))


def _header_bytes(path: Path) -> tuple[bytes, int]:
    """The header, and how many bytes the whole file has."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # reading from a pipe or a device may never end
            msg = f"{path}: not a file."
            raise HeadFileError(msg, f"Choose a {HEAD_ENDING} file that SAMAdapt wrote.")
        with path.open("rb") as stream:
            found = os.fstat(stream.fileno()).st_size
            length_bytes = stream.read(8)
            length = struct.unpack("<Q", length_bytes)[0] if len(length_bytes) == 8 else 0
            if not 2 <= length <= MAXIMUM_HEADER_BYTES:
                msg = f"{path}: not a head file (its header would have {length} bytes)."
                raise HeadFileError(msg, f"Choose a {HEAD_ENDING} file that SAMAdapt wrote.")
            header_bytes = stream.read(length)
    except (OSError, ValueError) as error:  # ValueError: a path that no system can have
        msg = f"{path}: the head file cannot be read ({getattr(error, 'strerror', None) or error})."
        raise HeadFileError(msg, "Check the path and the permissions.") from error
    if len(header_bytes) < length:
        msg = f"{path}: the head file is truncated ({len(header_bytes) + 8} of at least {length + 8} bytes)."
        raise HeadFileError(msg, _COPY_AGAIN)
    return header_bytes, found


def _parsed(text: str | bytes, source: str, what: str) -> dict[str, Any]:
    """The JSON object in ``text``. Raises HeadFileError for anything else, deep nesting and huge numbers included."""
    try:
        document = json.loads(text, parse_int=_whole, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        msg = f"{source}: {what} is not valid JSON ({short(str(error))})."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER) from error
    if not isinstance(document, dict):
        msg = f"{source}: {what} is a {type(document).__name__}, not a JSON object."
        raise HeadFileError(msg, _ASK_FOR_ANOTHER)
    return document


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        msg = f"a number of {len(digits)} digits"
        raise ValueError(msg)
    return int(digits)


def _no_number(word: str) -> float:
    msg = f"{word} is no number"
    raise ValueError(msg)


def _tensors(header: Mapping[str, Any]) -> tuple[dict[str, tuple[str, tuple[int, ...]]], int]:
    """Type and shape by name, and where the last tensor ends. Raises KeyError, TypeError or ValueError for tensors that
    do not follow one another without gaps, each as long as its shape says."""
    found, at = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        kind, shape = entry["dtype"], tuple(entry["shape"])
        sized = len(shape) <= _MOST_AXES and all(type(side) is int and 0 <= side < _LONGEST_AXIS for side in shape)
        end = at + ITEM_BYTES[kind] * math.prod(shape) if sized else -1
        if entry["data_offsets"] != [at, end]:
            msg = f"{short(name)}: {short(entry)}"
            raise ValueError(msg)
        found[name], at = (kind, shape), end
    return found, at
