"""How many pixels of a slice an encoder is to see: chosen by time, device and what the slices resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .loading import load_encoder
from .registry import ENTRIES

if TYPE_CHECKING:
    from ..progress import Monitor


def input_size_for(
    name: str, pictures: int, seconds: float, patience: float, resolved: float, device: str, monitor: Monitor
) -> int | None:
    """The largest of an encoder's sizes at which ``pictures`` are encoded in ``seconds``, else its smallest.

    ``patience``: seconds that a slice may take, then and in every volume that is segmented later. ``resolved``: pixels
    a side that the slices have at most; an encoder that sees more of them gains nothing. None for an encoder whose size
    is not chosen. Raises what ``load_encoder`` raises.
    """
    entry = ENTRIES.get(name)
    if entry is None or not entry.sizes:
        return None
    smallest, *larger = entry.sizes
    cost = load_encoder(name, device=device, monitor=monitor, input_size=smallest).seconds_per_slice()
    most = min(patience, seconds / max(pictures, 1))
    fitting = [
        size for size in larger if size / entry.pixels_a_patch <= resolved and cost * (size / smallest) ** 2 <= most
    ]
    return max(fitting, default=smallest)
