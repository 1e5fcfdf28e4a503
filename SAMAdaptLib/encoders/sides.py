"""Which input sizes encoders can take."""

from __future__ import annotations

from ..errors import InputError
from .base import INPUT_SIZE
from .registry import EncoderEntry

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
