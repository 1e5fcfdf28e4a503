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

INPUT_SIZE = 1024
"""Side of the square that SAM's encoders see, in pixels."""


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
