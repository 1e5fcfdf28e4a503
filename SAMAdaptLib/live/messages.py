"""The words in which a live session in the worker is told of strokes and tells of its preview.

They travel as the ``data`` of the wire's ``tell`` and ``event``. Slices are packed: compressed, as text, a few
kilobytes each; nothing goes over files but the volume itself.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WorkerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANNOTATION, FOCUS, PAUSE = "annotation", "focus", "pause"
"""What a session is told."""

OPENED, STATE, PREVIEW, FINISHED = "opened", "state", "preview", "finished"
"""What a session tells."""

_TYPES = {"1": "<u1", "2": "<u2"}
_LARGEST = 1 << 28
"""Bytes of a slice; more is damage."""


@dataclass(frozen=True)
class Told:
    """A change of the annotation.

    ``slices``: label values (rows, columns) by slice number, None where nothing is drawn any more; ``reset``: what was
    told before is void. ``empty``: all slices marked "nothing here". ``focus``: the slice that is looked at.
    """

    generation: int
    slices: dict[int, NDArray[Any] | None] = field(default_factory=dict)
    empty: tuple[int, ...] = ()
    reset: bool = False
    background: int | None = None
    ignore: int | None = None
    focus: int | None = None

    def to_data(self) -> dict[str, Any]:
        """JSON values."""
        packed = {str(index): None if part is None else pack(part) for index, part in self.slices.items()}
        return {
            "generation": self.generation,
            "slices": packed,
            "empty": list(self.empty),
            "reset": self.reset,
            "background": self.background,
            "ignore": self.ignore,
            "focus": self.focus,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any], shape: tuple[int, int]) -> Told:
        """What ``to_data`` wrote, of slices of that shape. Raises WorkerError."""
        try:
            slices = {int(n): None if text is None else unpack(text, shape) for n, text in data["slices"].items()}
            whole = {name: _whole_or_none(data.get(name)) for name in ("background", "ignore", "focus")}
            return cls(
                int(data["generation"]),
                slices,
                tuple(int(n) for n in data.get("empty", ())),
                bool(data.get("reset")),
                **whole,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f"An annotation on the worker's wire is not as agreed ({error!r})."
            raise WorkerError(msg) from error


def pack(labels: NDArray[Any]) -> str:
    """Label values (rows, columns) uint8 or uint16 as one line of ASCII."""
    kind = "1" if labels.dtype.itemsize == 1 else "2"
    raw = np.ascontiguousarray(labels, dtype=_TYPES[kind]).tobytes()
    return f"{kind}:{base64.b64encode(zlib.compress(raw, 1)).decode('ascii')}"


def unpack(text: str, shape: tuple[int, int]) -> NDArray[Any]:
    """The label values that ``pack`` wrote. Raises WorkerError for anything else."""
    kind, _, body = text.partition(":")
    size = shape[0] * shape[1] * np.dtype(_TYPES.get(kind, "<u1")).itemsize
    try:
        if kind not in _TYPES or size > _LARGEST:
            raise ValueError(kind)
        inflate = zlib.decompressobj()
        raw = inflate.decompress(base64.b64decode(body, validate=True), size + 1)
        return (
            np.frombuffer(raw, _TYPES[kind])
            .reshape(shape)
            .astype(_TYPES[kind][1:].replace("u1", "uint8").replace("u2", "uint16"))
        )
    except (ValueError, binascii.Error, zlib.error) as error:
        msg = "A slice on the worker's wire is not as agreed."
        raise WorkerError(msg, "Two versions of SAMAdapt may be mixed: restart, or reinstall it.") from error


def _whole_or_none(value: Any) -> int | None:
    return None if value is None else int(value)
