"""Two encoders as one, for comparison: the features of both small encoders side by side, at twice the time.

``install`` makes ``--encoder both`` known in this process. Heads that learn on it can be used in no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

NAME = "both"
PARTS = {"medsam_lite": 1, "mobile_sam": 4}
"""Each encoder with its pixels a patch: they see the same picture with as many patches a side."""


class SideBySide:
    """See ``SAMAdaptLib.encoders.base.Encoder``: the channels of both at every level, LiteMedSAM's first."""

    def __init__(self, parts: Sequence[Any]) -> None:
        from SAMAdaptLib.encoders.base import Level

        self.parts = tuple(parts)
        first = self.parts[0]
        self.name, self.input_size, self.device, self.batch = NAME, first.input_size, first.device, first.batch
        self.monitor = first.monitor
        names = "-".join(part.fingerprint for part in self.parts)
        self.fingerprint = self.sha256 = hashlib.sha256(names.encode()).hexdigest()
        self.levels: Mapping[str, Any] = {
            name: Level(sum(part.levels[name].channels for part in self.parts), level.size)
            for name, level in first.levels.items()
        }

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """Pictures of the first encoder's size; each of the others resizes them to its own."""
        found = [part.encode(canvases, levels) for part in self.parts]
        return {name: np.concatenate([features[name] for features in found], axis=1) for name in found[0]}

    def seconds_per_slice(self) -> float:
        """Of both, one after the other."""
        return float(sum(part.seconds_per_slice() for part in self.parts))

    def decoder_state(self, monitor: Any = None) -> dict[str, np.ndarray]:
        """None fits features of twice the width."""
        return {}


def install() -> None:
    """Make ``both`` an encoder's name in this process."""
    from SAMAdaptLib.encoders import loading, registry

    registry.ENTRIES[NAME] = registry.EncoderEntry(
        NAME, "Both side by side", "tiny_vit", "", 0, "", "Apache-2.0", sizes=(112, 168, 224), hidden=True
    )
    build = loading._built

    def built(wanted: Any, monitor: Any) -> Any:
        if wanted.entry is None or wanted.entry.name != NAME:
            return build(wanted, monitor)
        parts = []
        for name, pixels in PARTS.items():
            size = None if wanted.input_size is None else wanted.input_size * pixels
            entry, path = loading._resolve(name, monitor, None, size)
            digest = registry.ENTRIES[name].sha256
            parts.append(build(wanted._replace(entry=entry, path=path, digest=digest, input_size=size), monitor))
        return SideBySide(parts)

    loading._built = built
