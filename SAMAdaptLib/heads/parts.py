"""The parts of a head's card, each checked at birth: what they hold, of which type and within which bounds.

Names of fields are the keys of the card's JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from ..data.channels import MOST_CHANNELS
from ..data.planes import PLANES
from ..data.structure import LARGEST_VALUE
from ..errors import InputError
from ..networks import HEAD_CLASSES, PICTURE_HEADS
from ..utils.plaintext import LONGEST_NAME, LONGEST_TEXT
from ..utils.schema import EMPTY, NULL, Between, Part, Plain

Name = Annotated[str, Plain(LONGEST_NAME)]
Note = Annotated[str, Plain(LONGEST_TEXT)]
Count = Annotated[int, Between(0, 2**53)]
Width = Annotated[int, Between(1, 4096)]
Classes = Annotated[int, Between(2, 255)]
"""Of a head; the first is the background, and 255 is what training ignores."""

MOST_MEMBERS = 5
"""Of an ensemble: three kinds of heads and two students. Building the largest of them takes 0.2 s each."""

MOST_SEEN = 64
"""Training volumes that a card tells of at most."""

Share = Annotated[float, Between(0, 1)]
Length = Annotated[float, Between(1e-6, 1e6)]
"""Millimetres."""

Volume = Annotated[float, Between(1e-12, 1e12)]
"""Millilitres."""

Spacing = Annotated[float, Between(0, 1e9)]
"""Millimetres, rounded for people: what was seen through a microscope may be 0."""

Gray = Annotated[int | float, Between(0, 255)]
Grays = tuple[Gray, Gray, Gray, Gray, Gray, Gray, Gray]
"""Quantiles of an image."""

Color = tuple[Share, Share, Share]
Widths = Annotated[tuple[Annotated[int, Between(1, 1024)], ...], Between(1, 5)]
"""Channels of a prior by depth."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HyperParameters(Part):
    """What rebuilds a network: those that its type knows. ``members``: the networks of an ensemble."""

    called: ClassVar[str] = "hyper"

    channels: Annotated[dict[Name, Width], Between(0, 16)]
    classes: Classes
    width: Annotated[int, Between(2, 1024)] | None = None
    fine: Annotated[int, Between(2, 1024)] | None = None
    dropout: Share | None = None
    norm: Name | None = None
    scale: Annotated[int, Between(1, 128)] | None = None
    members: Annotated[tuple[NetworkSpec, ...], Between(1, MOST_MEMBERS)] | None = None
    pictures: Annotated[int, Between(1, MOST_CHANNELS)] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkSpec(Part):
    """A network by its type (see ``HEAD_CLASSES``) and what it is built from."""

    called: ClassVar[str] = "head"

    type: str = field(metadata={"choices": tuple(HEAD_CLASSES)})
    hyper: HyperParameters

    def classes(self) -> set[int]:
        """How many classes it and its members tell apart; one number unless they contradict each other."""
        return {self.hyper.classes, *(member.hyper.classes for member in self.hyper.members or ())}

    def pictures(self) -> set[int]:
        """Of how many channels the pictures are that it and its members look at; empty where none does."""
        networks = self.hyper.members or (self,)
        return {each.hyper.pictures or 1 for each in networks if each.type in PICTURE_HEADS}

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(member.hyper.members for member in self.hyper.members or ()):
            msg = "head.hyper.members must be single networks, not ensembles again."
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class EncoderRef(Part):
    """The frozen encoder: its name in the registry (that of its file for a user's own), the hash of its weights, the
    feature levels that the head reads as (channels, size), and the pixels a side that it sees, None for its own.

    A head that needs none names "none", without a hash. The name is looked up or compared, never followed as a path.
    """

    called: ClassVar[str] = "encoder"

    name: Name = field(metadata={"pattern": re.compile(r"(?!\.+$)[^/\\]+"), "wanted": "a name, not a path"})
    sha256: str = field(metadata={"pattern": re.compile("(?:[0-9a-f]{64})?"), "wanted": "64 hexadecimal digits"})
    levels: Annotated[dict[Name, tuple[Width, Width]], Between(0, 16)]
    input_size: Annotated[int, Between(16, 16384)] | None = field(default=None, metadata=NULL)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.name == "none") != (self.sha256 == ""):
            msg = f"encoder.sha256 must be 64 hexadecimal digits for {self.name!r}, not {self.sha256!r}."
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneRule(Part):
    """``name`` is that of an anatomical plane; ``acquisition``: each volume's own plane of best resolution instead.
    ``side_mm`` is the side of the canvas, None where slices are looked at as large as they are."""

    called: ClassVar[str] = "plane"

    name: str = field(metadata={"choices": PLANES})
    acquisition: bool
    side_mm: Length | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class IntensityFacts(Part):
    """The rule for gray values, as ``IntensityRule.to_dict`` gives it."""

    called: ClassVar[str] = "intensity"

    kind: str = field(metadata={"choices": ("percentile", "window", "none")})
    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within = self.kind != "percentile" or (self.low >= 0 and self.high <= 100)
        if not (self.low < self.high and within):
            msg = (
                f"intensity must have a low below a high, percentiles of 0 to 100, not {self.low:g} and {self.high:g}."
            )
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class ChannelFacts(Part):
    """One of several channels: what it is called, the rule for its gray values, its modality where that is known."""

    called: ClassVar[str] = "channel"

    name: Name
    intensity: IntensityFacts
    modality: Name = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureFacts(Part):
    """One structure: ``single_component`` and ``touches`` (label values of its neighbours), ``contact`` (with what
    share of its surface it touches each of them, by label value as text) and ``ml`` (the least and the most of a case,
    empty where that is not known) are as the annotation had them. Older files do not know them all."""

    called: ClassVar[str] = "structure"

    value: Annotated[int, Between(1, LARGEST_VALUE)]
    name: Note
    color: Color | None = None
    terminology: Note = ""
    single_component: bool = False
    touches: Annotated[tuple[Annotated[int, Between(1, LARGEST_VALUE)], ...], Between(0, 254)] = ()
    contact: Annotated[dict[Annotated[str, Between(1, 5)], Share], Between(0, 254)] | None = None
    ml: Annotated[tuple[Volume, ...], Between(0, 2)] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.name.strip():
            msg = f"The structure of label {self.value} has no name."
            raise InputError(msg)
        if len(self.ml) == 1 or list(self.ml) != sorted(self.ml):
            msg = f"The size of {self.name} must be the least and the most in ml, not {list(self.ml)}."
            raise InputError(msg)
        if not all(other.isascii() and other.isdigit() for other in self.contact or ()):
            msg = f"The contact of {self.name} must be by label value, not {sorted(self.contact or ())[:5]}."
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class PriorSpec(Part):
    """What both kinds of priors are built from."""

    classes: Classes
    widths: Widths | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapeSpec(PriorSpec):
    """The shape prior; ``distance_mm`` lies between the slices that it compares. Files from before priors were folded
    name neither fold nor widths."""

    called: ClassVar[str] = "shapes"

    distance_mm: Length
    fold: Annotated[int, Between(1, 4)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fold == 3:
            msg = "shapes.fold must be 1, 2 or 4, not 3."
            raise InputError(msg)


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrangementSpec(PriorSpec):
    """The arrangement prior; ``cell_mm`` is the side of its cells across slices."""

    called: ClassVar[str] = "arrangement"

    widths: Widths
    cell_mm: Length


@dataclass(frozen=True, kw_only=True, eq=False)
class RoiSpec(Part):
    """The head for a closer look: the side of its canvas, its network and shape prior, and whether it answers alone
    there or in the mean with the first look. ``encoder``: only where that head sees its slices in another size."""

    called: ClassVar[str] = "closer"

    side_mm: Length
    head: NetworkSpec
    shapes: ShapeSpec | None = field(metadata=EMPTY)
    alone: bool = False
    encoder: EncoderRef | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Looks(Part):
    """How a volume that was learned from looked: see ``doubts.looks_of``. ``more``: gray of further channels."""

    called: ClassVar[str] = "seen"

    spacing_mm: tuple[Spacing, Spacing, Spacing]
    gray: Grays
    more: Annotated[tuple[Grays, ...], Between(1, MOST_CHANNELS - 1)] | None = None

    @property
    def grays(self) -> tuple[Grays, ...]:
        """Of each channel."""
        return (self.gray, *(self.more or ()))


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRecord(Part):
    """How the head was made: facts for people, of which none is needed to use it.

    ``curve``: (step, loss, held-out Dice or None). ``origin``: where the cases are from. ``unlabeled``: volumes without
    annotation that were learned from. ``cut_short``: it ended before its last step, since its time was over. ``seen``:
    what doubts about other volumes go by.
    """

    called: ClassVar[str] = "training"

    cases: Count = 1
    slices: Count | None = None
    views: Count | None = None
    steps: Count | None = None
    seconds: Annotated[float, Between(0, 1e9)] | None = None
    seed: Annotated[int, Between(-(2**63), 2**64)] | None = None
    budget: Name | None = None
    trainable_parameters: Count | None = None
    annotated_slices_only: bool = False
    scribbles: bool = False
    completed: bool = False
    unlabeled: Count | None = None
    version: Name | None = None
    origin: Note | None = None
    cancelled: bool = False
    cut_short: bool = False
    seen: Annotated[tuple[Looks, ...], Between(0, MOST_SEEN)] = ()
    curve: Annotated[tuple[tuple[Count, float | None, float | None], ...], Between(0, 20_000)] = ()

    def noted(self, **facts: Any) -> TrainingRecord:
        """The record with these facts besides."""
        return TrainingRecord.of({**self.to_dict(), **facts})


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality(Part):
    """Dice on held-out slices: by label value as text, and their mean; None where nothing was held out."""

    called: ClassVar[str] = "quality"

    dice: Annotated[dict[Annotated[str, Between(1, 5)], Share | None], Between(0, 254)] | None = None
    mean_dice: Share | None = field(default=None, metadata=NULL)
    held_out_slices: Count | None = None
