"""One frozen dataclass a job: what the panel fills, the worker is sent, the command line builds and the log shows.

    TrainJob      annotated volumes in, a head file out
    SegmentJob    a volume and a head in, a labelmap file out
    EvaluateJob   two labelmaps in, figures out
    BenchmarkJob  a folder of labelled volumes in, figures for one head per support out
    EmbedJob      a volume in, its features into the cache
    SuggestJob    a volume and a head in, the slices most worth annotating out
    CompleteJob   a volume and labels of some of its slices in, labels of all of them out
    LiveJob       a volume in; stays open, is told of strokes and tells of a preview
    WeightsJob    an encoder's weights onto this machine
    ProbeJob      what this machine has and how fast it is

A job checks itself when it is made (``InputError`` names the field, the value found and the value needed), never
changes, and survives JSON: ``job_from_dict(json.loads(json.dumps(job.to_dict()))) == job``. Nothing heavy is
imported here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar

from ..data.channels import MOST_CHANNELS
from ..data.formats import HEAD_ENDING
from ..data.planes import PLANE_CHOICES
from ..data.structure import LARGEST_VALUE
from ..encoders.registry import DEFAULT_ENCODER
from ..errors import InputError
from ..inference.config import InferenceConfig, device
from ..networks import HEAD_CHOICES
from ..training.config import Label, Pixels, Seed, TrainingConfig
from ..utils.schema import Between, Record, choice, read_dataclass, short

BASELINES = ("unet",)
"""What a benchmark may train to compare with."""


_PATH = {"path": True}

Channels = Annotated[tuple[str, ...], Between(0, MOST_CHANNELS)]
"""Words that tell the files of several channels apart, such as t1 and t2, the image's own first; empty for one."""

Voxel = Annotated[int, Between(-(2**31), 2**31)]

J = TypeVar("J", bound="Job")


@dataclass(frozen=True)
class CaseFiles(Record):
    """One annotated volume: paths of the image and of the labelmap on its grid."""

    image: str = field(metadata=_PATH)
    labels: str = field(metadata=_PATH)


@dataclass(frozen=True)
class StructureSpec(Record):
    """How a label value is to be called; ``color`` is red, green, blue in 0..1, None leaves it as it is."""

    value: Label
    name: str
    color: tuple[float, float, float] | None = None
    terminology: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.value <= LARGEST_VALUE:
            msg = f"A structure's value must be in 1..{LARGEST_VALUE}, not {self.value}."
            raise InputError(msg, "0 is the background.")
        if self.color is not None and not all(0 <= part <= 1 for part in self.color):
            msg = f"The color of structure {self.value} must have parts in 0..1, not {self.color}."
            raise InputError(msg)


@dataclass(frozen=True)
class Job(Record):
    """Base of all jobs. ``kind`` is the job's word on the wire."""

    kind: ClassVar[str] = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, with the job's ``kind``; without ``channels`` where there is one."""
        found = {"kind": self.kind, **super().to_dict()}
        return {name: value for name, value in found.items() if name != "channels" or value}

    def settings(self) -> dict[str, Any]:
        """The job without its paths: what may be written into results and shown to others."""
        hidden = {item.name for item in dataclasses.fields(self) if item.metadata.get("path")}
        return {name: value for name, value in self.to_dict().items() if name not in hidden}

    @classmethod
    def from_dict(cls: type[J], data: Mapping[str, Any]) -> J:
        """The job that ``to_dict`` described. Raises InputError for another kind, unknown or missing keys."""
        found = data.get("kind", cls.kind)
        if found != cls.kind:
            msg = f"This is a job of kind {short(found)}, wanted {cls.kind!r}."
            raise InputError(msg)
        return read_dataclass(cls, {name: value for name, value in data.items() if name != "kind"}, cls.kind)


@dataclass(frozen=True)
class TrainJob(Job, TrainingConfig):
    """Train a head on annotated volumes and write it to ``output``; ``channels``: see ``Channels``.

    ``values`` are the label values to learn (empty: all that occur); ``structures`` rename and recolour them.
    ``start_from`` is a head file to go on from, ``weights`` a file or folder to take the encoder's weights from.
    """

    kind: ClassVar[str] = "train"

    cases: tuple[CaseFiles, ...] = field(metadata=_PATH)
    output: str = field(metadata=_PATH)
    unlabeled: tuple[str, ...] = field(default=(), metadata=_PATH)
    head: str = field(default="auto", kw_only=True, metadata={"choices": HEAD_CHOICES})
    values: tuple[Label, ...] = ()
    structures: tuple[StructureSpec, ...] = ()
    resample_labels: bool = False
    start_from: str | None = field(default=None, metadata=_PATH)
    weights: str | None = field(default=None, metadata=_PATH)
    channels: Channels = field(default=(), metadata=_PATH)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_different(self.channels)
        if not self.cases:
            msg = "Training needs at least one annotated volume; none is given."
            raise InputError(msg, "Give a case: an image and its labelmap.")
        if not self.output.lower().endswith(HEAD_ENDING):
            msg = f"A head file's name ends in {HEAD_ENDING}; found {self.output!r}."
            raise InputError(msg, f"Name it, say, heart{HEAD_ENDING}.")


@dataclass(frozen=True)
class SegmentJob(Job, InferenceConfig):
    """Segment one volume with a head and write the labelmap to ``output``.

    ``region`` is (i0, i1, j0, j1, k0, k1) in voxels of the image, first included, last excluded. ``encoder`` None takes
    the head's own.
    ``overwrite`` False: a result that is there stays if it was made in the same way or may be someone's work.
    ``probabilities``: a file for the probability of what was chosen, voxel by voxel. ``output`` may end in .dcm for an
    image that is DICOM.
    """

    kind: ClassVar[str] = "segment"

    image: str = field(metadata=_PATH)
    head: str = field(metadata=_PATH)
    output: str = field(metadata=_PATH)
    encoder: str | None = None
    region: tuple[Voxel, Voxel, Voxel, Voxel, Voxel, Voxel] | None = None
    weights: str | None = field(default=None, metadata=_PATH)
    overwrite: bool = True
    probabilities: str | None = field(default=None, metadata=_PATH)
    channels: Channels = field(default=(), metadata=_PATH)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_different(self.channels)
        for first, last in self.bounds or ():
            if first < 0 or last <= first:
                msg = f"A region is i0, i1, j0, j1, k0, k1 with 0 <= first < last; found {self.region}."
                raise InputError(msg)

    @property
    def bounds(self) -> tuple[tuple[int, int], ...] | None:
        """The region as ((i0, i1), (j0, j1), (k0, k1)), or None."""
        return None if self.region is None else tuple(zip(self.region[0::2], self.region[1::2], strict=True))


@dataclass(frozen=True)
class EvaluateJob(Job):
    """Compare a labelmap with a reference. ``values`` empty: all of both; ``tolerance_mm`` None: the default.

    ``by_value``: a label value means the same in both, whatever the names. ``report``: a web page to write, with
    pictures if ``image`` is the volume that was segmented.
    """

    kind: ClassVar[str] = "evaluate"

    prediction: str = field(metadata=_PATH)
    reference: str = field(metadata=_PATH)
    values: tuple[Label, ...] = ()
    tolerance_mm: float | None = None
    resample_labels: bool = False
    by_value: bool = False
    image: str | None = field(default=None, metadata=_PATH)
    report: str | None = field(default=None, metadata=_PATH)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tolerance_mm is not None and self.tolerance_mm <= 0:
            msg = f"The surface tolerance must be above 0 mm, not {self.tolerance_mm}."
            raise InputError(msg)


@dataclass(frozen=True)
class BenchmarkJob(Job, TrainingConfig, InferenceConfig):
    """Train one head per support on ``data``/images and ``data``/labels and measure each on the query volumes.

    An id is a file's name without ending, or the beginning of the names of several. ``output`` is the JSON to write.
    """

    kind: ClassVar[str] = "benchmark"

    data: str = field(metadata=_PATH)
    supports: tuple[tuple[str, ...], ...]
    query: tuple[str, ...]
    unlabeled: tuple[str, ...] = ()
    output: str | None = field(default=None, metadata=_PATH)
    head: str = field(default="auto", kw_only=True, metadata={"choices": (*HEAD_CHOICES, *BASELINES)})
    plane: str = field(default="auto", kw_only=True, metadata={"choices": PLANE_CHOICES})
    resample_labels: bool = False
    tolerance_mm: float | None = None
    weights: str | None = field(default=None, metadata=_PATH)
    channels: Channels = field(default=(), metadata=_PATH)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.supports or not all(self.supports):
            msg = "A benchmark needs at least one support, each with at least one id."
            raise InputError(msg)
        if not self.query:
            msg = "A benchmark needs at least one query id; none is given."
            raise InputError(msg)


@dataclass(frozen=True)
class EmbedJob(Job):
    """Put a volume's features into the cache, so that the next segmentation of it starts at the head.

    With ``head`` the encoder, plane and intensity are that head's; else those given here.
    """

    kind: ClassVar[str] = "embed"

    image: str = field(metadata=_PATH)
    head: str | None = field(default=None, metadata=_PATH)
    encoder: str = DEFAULT_ENCODER
    input_size: Pixels | None = None
    plane: str = choice("auto", PLANE_CHOICES)
    intensity: str = "auto"
    levels: tuple[str, ...] = ("neck",)
    device: str = device()
    weights: str | None = field(default=None, metadata=_PATH)
    channels: Channels = field(default=(), metadata=_PATH)


@dataclass(frozen=True)
class SuggestJob(Job):
    """Which slices of a volume to annotate next: at most ``count``, where the head is least sure."""

    kind: ClassVar[str] = "suggest"

    image: str = field(metadata=_PATH)
    head: str = field(metadata=_PATH)
    count: Annotated[int, Between(1, 10_000)] = 5
    device: str = device()
    weights: str | None = field(default=None, metadata=_PATH)
    channels: Channels = field(default=(), metadata=_PATH)


@dataclass(frozen=True)
class CompleteJob(Job):
    """Fill the slices of ``labels`` that are blank, between and beside annotated ones; write all to ``output``.

    ``background``: the label value that means background, where it is painted (scribbles); ``ignore_label``: the value
    of voxels that are unknown. ``input_size`` None is the quickest that serves.
    """

    kind: ClassVar[str] = "complete"

    image: str = field(metadata=_PATH)
    labels: str = field(metadata=_PATH)
    output: str = field(metadata=_PATH)
    encoder: str = DEFAULT_ENCODER
    input_size: Pixels | None = None
    plane: str = choice("auto", PLANE_CHOICES)
    intensity: str = "auto"
    background: Label | None = None
    ignore_label: Label | None = None
    between: bool = False
    resample_labels: bool = False
    seed: Seed = 0
    device: str = device()
    weights: str | None = field(default=None, metadata=_PATH)


@dataclass(frozen=True)
class LiveJob(Job):
    """A live session on a volume, until it is cancelled. ``start``: the slice that is encoded first."""

    kind: ClassVar[str] = "live"

    image: str = field(metadata=_PATH)
    encoder: str = DEFAULT_ENCODER
    input_size: Pixels | None = None
    plane: str = choice("auto", PLANE_CHOICES)
    intensity: str = "auto"
    start: Annotated[int, Between(0, 2**31)] | None = None
    seed: Seed = 0
    device: str = device()
    weights: str | None = field(default=None, metadata=_PATH)


@dataclass(frozen=True)
class WeightsJob(Job):
    """Put weights into the cache: fetch those of ``encoder``, or copy the ``file`` that somebody has."""

    kind: ClassVar[str] = "weights"

    encoder: str | None = None
    file: str | None = field(default=None, metadata=_PATH)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.encoder is None) == (self.file is None):
            msg = "Either an encoder whose weights to fetch or a file to import must be given."
            raise InputError(msg)


@dataclass(frozen=True)
class ProbeJob(Job):
    """What this machine has. ``measure``: also the encoder's seconds a slice, where its weights are here.

    ``input_sizes``: pixels a side at which it is measured; empty: the smallest at which it fits.
    """

    kind: ClassVar[str] = "probe"

    encoder: str = DEFAULT_ENCODER
    device: str = device()
    measure: bool = True
    input_sizes: tuple[int, ...] = ()


def _require_different(words: Channels) -> None:
    """Raises InputError for words that cannot tell the files of channels apart."""
    if words and (len(words) < 2 or len(set(words)) < len(words) or not all(words)):
        msg = f"Channels are told apart by two or three different words; found {', '.join(words) or 'none'}."
        raise InputError(msg, "Give a part of each file's name, the image's own first, such as t1,t2.")


KINDS: dict[str, type[Job]] = {
    job.kind: job
    for job in (
        TrainJob,
        SegmentJob,
        EvaluateJob,
        BenchmarkJob,
        EmbedJob,
        SuggestJob,
        CompleteJob,
        LiveJob,
        WeightsJob,
        ProbeJob,
    )
}


def job_from_dict(data: Mapping[str, Any]) -> Job:
    """The job of any kind that ``Job.to_dict`` described. Raises InputError."""
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        msg = f"Unknown kind of job {short(kind)}; known are {', '.join(KINDS)}."
        raise InputError(msg)
    return KINDS[kind].from_dict(data)
