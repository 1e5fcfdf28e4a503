"""Frozen encoders: pictures of slices in, feature maps out.

    encoder = load_encoder("medsam_lite", input_size=112)
    features = encoder.encode(canvases, levels=("neck", "fine"))

Importing this package loads neither numpy nor a runtime; ``load_encoder`` loads what the encoder needs.
"""

from __future__ import annotations

from .base import Encoder, Level
from .listing import describe
from .loading import at_size, forget_encoders, load_encoder, load_encoder_of, weights_hash
from .registry import ENTRIES, EncoderEntry, find

__all__ = [
    "at_size",
    "ENTRIES",
    "Encoder",
    "EncoderEntry",
    "Level",
    "describe",
    "find",
    "forget_encoders",
    "load_encoder",
    "load_encoder_of",
    "weights_hash",
]
