"""What an encoder is, whatever computes it.

Nothing here imports more than the standard library: heads' cards and the cache name encoders and levels without
loading numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from ..progress import Monitor
    from .registry import EncoderEntry

INPUT_SIZE = 1024
"""Side of the square that SAM's encoders see, in pixels."""

OWN_PATCHES = 256
"""Patches a side of the pictures that TinyViT's weights were trained on: 1024 pixels for MobileSAM, 256 for
LiteMedSAM."""

SIDES = (112, 168, 224)
"""Patches a side that need no padding of attention windows."""

_CELL = 4
"""Patches a side of a cell of its coarsest map."""

_LEAST_PATCHES, _MOST_PATCHES = 56, 512

_VIT_STEP = 256
"""Input sizes of SAM's ViT are multiples of this many pixels."""


@dataclass(frozen=True)
class Level:
    """One depth at which an encoder's features can be taken: ``channels`` maps of ``size`` x ``size``."""

    channels: int
    size: int


@runtime_checkable
class Encoder(Protocol):
    """A frozen network from square pictures to feature maps.

    ``name`` is the registry's name or the file's stem; ``sha256`` the hash of the weights file, which is the
    encoder's identity in head files; ``fingerprint`` says everything that changes the features (weights, precision,
    input rule, input size) and belongs into cache keys; ``levels`` tells what ``encode`` can give; ``batch`` is how
    many pictures at once pay; ``monitor`` hears when it has to fall back to something slower.
    """

    name: str
    sha256: str
    fingerprint: str
    input_size: int
    levels: Mapping[str, Level]
    device: str
    batch: int
    monitor: Monitor

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """Features of square pictures.

        ``canvases`` is float32 of shape (N, S, S), gray, or (N, 3, S, S), on the scale 0..255; NaN marks padding. S
        is ``input_size``, else the pictures are resized. Normalisation is the encoder's own business; padding is 0
        after it, as in SAM. Gives {level: float32 (N, C, h, w)} with C and h = w of ``self.levels``, for the asked
        levels only. Raises InputError for an unknown level or a wrong shape.
        """

    def seconds_per_slice(self) -> float:
        """Seconds that one picture takes here; measured in the first runs on this machine, then remembered."""

    def decoder_state(self, monitor: Monitor | None = None) -> dict[str, np.ndarray]:
        """Weights of SAM's mask decoder that belong to these features, float32.

        The keys are those of segment-anything's ``MaskDecoder.state_dict()``; beside them ``pe_gaussian`` (2, C/2),
        the matrix of the prompt encoder's positional encoding, and ``no_mask_embed`` (1, C). Empty for an encoder
        that comes without a decoder. ``monitor`` hears of a download. Raises WeightsError when there is a decoder
        but it cannot be had.
        """


def check_levels(asked: Iterable[str], known: Mapping[str, Level], name: str) -> tuple[str, ...]:
    """The asked levels without repetition, in the encoder's order; InputError names an unknown one."""
    wanted = set([asked] if isinstance(asked, str) else asked)
    unknown = sorted(wanted - set(known))
    if unknown:
        msg = f"The encoder {name} has no feature level {', '.join(unknown)}."
        raise InputError(msg, f"It has {', '.join(known)}.")
    if not wanted:
        msg = f"No feature level was asked of the encoder {name}."
        raise InputError(msg, f"It has {', '.join(known)}.")
    return tuple(level for level in known if level in wanted)


def fingerprint(sha256: str, precision: str, input_rule: str, input_size: int) -> str:
    """What cache keys carry of an encoder. Runtimes that agree to 1e-5 share one precision, hence one fingerprint."""
    return f"{sha256}-{precision}-{input_rule}-{input_size}"


def check_size(entry: EncoderEntry, size: int | None) -> None:
    """Raises InputError for an input size that this encoder cannot take, which its weights need not be here for."""
    if entry.architecture == "tiny_vit":
        checked_of_tiny_vit(size, entry.pixels_a_patch, entry.name)
    elif entry.architecture == "sam_vit" and size is not None:
        checked_of_vit(size, INPUT_SIZE, entry.name)


def checked_of_tiny_vit(asked: int | None, stride: int, name: str) -> int:
    """The side in pixels, of patches of ``stride``; its own without one.

    Raises InputError where it does not make whole cells, or is out of reason.
    """
    size = OWN_PATCHES * stride if asked is None else asked
    cell, least, most = _CELL * stride, _LEAST_PATCHES * stride, _MOST_PATCHES * stride
    if size % cell or not least <= size <= most:
        best = ", ".join(str(side * stride) for side in (*SIDES, OWN_PATCHES))
        msg = f"The encoder {name} cannot work on pictures of {size} pixels a side."
        raise InputError(msg, f"Choose a multiple of {cell} from {least} to {most}; {best} fit best.")
    return size


def checked_of_vit(size: int, own: int, name: str) -> int:
    """The side in pixels. Raises InputError where SAM's ViT cannot take it."""
    if size != own and (size < _VIT_STEP or size % _VIT_STEP):
        msg = f"{name} cannot work on pictures of {size} pixels a side."
        raise InputError(msg, f"Choose a multiple of {_VIT_STEP}, such as 512 or 768; {own} is its own.")
    return size
