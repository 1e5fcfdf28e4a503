"""A case: a volume with its annotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .io.volumes import Labelmap, Volume


@dataclass(frozen=True)
class Case:
    """A volume with its annotation, on the same grid."""

    volume: Volume
    labelmap: Labelmap
