"""Head files: a trained head to and from one safetensors file. Data, never code; no pickle."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Set
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..data.formats import HEAD_ENDING
from ..data.provenance import file_digest
from ..errors import HeadFileError, InputError
from ..networks import build_head
from ..networks.layout_prior import LayoutPrior, arrangement_prior
from ..networks.shape_prior import ShapePrior, shape_prior
from ..utils.disk.safepaths import spelled_plainly
from ..utils.files import write_content
from ..utils.schema import short
from .card import ITEM_BYTES, METADATA_KEY, HeadCard, Header, read_header
from .checksum import UNCHECKED, verified, with_checksum

if TYPE_CHECKING:
    from ..networks.base import HeadModule

PRIOR = "shape_prior."
"""What the names of a shape prior's tensors begin with."""

ARRANGEMENT = "arrangement_prior."
"""What the names of an arrangement prior's tensors begin with."""

CLOSER = "closer."
"""What the names of the tensors of a head for a closer look begin with."""

_DAMAGED = "The file is damaged or was edited: copy it again, or train a new head."
_MISFITS = (RuntimeError, ValueError, TypeError, ArithmeticError, AssertionError)
"""What torch and the networks say to hyper-parameters that nothing can be built from."""

_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_PIECE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Head:
    """A trained head: its card, its network and, where the annotation allowed them, its priors of shape and of
    arrangement and a head for a closer look at what this one finds, on a smaller canvas.

    Networks are in evaluation mode, on the CPU. ``verified`` is False for one from a file without a checksum.
    """

    card: HeadCard
    module: HeadModule
    prior: ShapePrior | None = None
    closer: Head | None = None
    arrangement: LayoutPrior | None = None
    verified: bool = True

    def reservations(self) -> list[str]:
        """What to say to whoever uses this head, in sentences; mostly nothing."""
        return [] if self.verified else [UNCHECKED.format(self.card.name)]

    @property
    def priors(self) -> tuple[tuple[ShapePrior | LayoutPrior, float], ...]:
        """Its priors in the order in which they refine what it finds, each with its unit in mm.

        The layout prior was trained to repair what the shape prior leaves: without that one it is not asked.
        """
        shapes, layout = self.card.shapes, self.card.arrangement
        if self.prior is None:
            return ()
        first = (self.prior, 0.0 if shapes is None else shapes.distance_mm)
        return (first,) if self.arrangement is None or layout is None else (first, (self.arrangement, layout.cell_mm))

    @property
    def cut_short(self) -> bool:
        """Whether the time of its training was over before its steps were done."""
        return self.card.training.cut_short

    def noted(self, **facts: Any) -> Head:
        """This head with these facts about its training on its card."""
        return replace(self, card=self.card.noted(**facts))

    @cached_property
    def sha256(self) -> str:
        """The hash (hex) of the file that it was read from, or else of the one that ``save_head`` writes."""
        return hashlib.sha256(_serialized(self)).hexdigest()

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors by name, as a file holds them; those of the priors begin with ``PRIOR`` and ``ARRANGEMENT``, the
        closer head's with ``CLOSER``."""
        state = dict(self.module.state_dict())
        if self.prior is not None:
            state |= {PRIOR + key: value for key, value in self.prior.state_dict().items()}
        if self.arrangement is not None:
            state |= {ARRANGEMENT + key: value for key, value in self.arrangement.state_dict().items()}
        if self.closer is not None:
            state |= {CLOSER + key: value for key, value in self.closer.state().items()}
        return state


def save_head(head: Head, path: str | Path) -> Path:
    """Write ``head`` to ``path`` whole or not at all; returns the path. The head is not changed.

    Raises InputError when the ending is not ``.samhead`` or the folder does not exist.
    """
    path = Path(path)
    if path.suffix != HEAD_ENDING:
        msg = f"A head file's name ends in {HEAD_ENDING}, not {path.name!r}."
        raise InputError(msg, f"Use {path.with_suffix(HEAD_ENDING).name}.")
    write_content(path, _serialized(replace(head, card=head.card.called_after(path))))
    return path


def _serialized(head: Head) -> bytes:
    """The content of a head file."""
    state = {key: value.detach().cpu().contiguous() for key, value in head.state().items()}
    return save(state, metadata={METADATA_KEY: with_checksum(head.card.to_json(), state)})


def load_head(path: str | Path) -> Head:
    """Read a head file. Raises HeadFileError, naming the file, when it is damaged or of an unknown kind.

    What the card describes is first built without memory and compared with what the file holds.
    """
    path = Path(path)
    header = read_header(path)
    try:
        with torch.device("meta"):
            head = _built(header.card, header.tensors.keys())
        _require_fitting(head.state(), header, path)
        _require_finite(header, path)
        with spelled_plainly(path, HEAD_ENDING) as plain:
            state = load_file(plain)
            is_verified = verified(plain, state)
        _fill(head, state)
    except (*_MISFITS, SafetensorError, InputError, OSError) as error:
        if isinstance(error, HeadFileError):
            raise
        msg = f"{path}: the head cannot be rebuilt ({' '.join(str(error).split())[:300]})."
        raise HeadFileError(msg, _DAMAGED) from error
    head = replace(head, card=header.card.called_after(path), verified=is_verified)
    vars(head)["sha256"] = file_digest(path)  # another version may have written it otherwise
    return head


def _built(card: HeadCard, names: Set[str]) -> Head:
    """A head of that card without weights yet. ``names`` are those of the tensors that there are: without those of its
    network nothing more is built, which takes longest where there are hundreds of classes."""
    module = build_head(card.head_type, card.head.hyper).eval()
    lacking = module.state_dict().keys() - names
    if lacking:
        msg = f"the tensors {short(sorted(lacking))} are missing"
        raise InputError(msg)
    prior = shape_prior(card.shapes).eval() if card.shapes else None
    arrangement = arrangement_prior(card.arrangement).eval() if card.arrangement else None
    closer_card, inner = card.closer_card(), {key.removeprefix(CLOSER) for key in names if key.startswith(CLOSER)}
    closer = None if closer_card is None else _built(closer_card, inner)
    return Head(card, module, prior, closer, arrangement)


def _require_fitting(expected: dict[str, torch.Tensor], header: Header, path: Path) -> None:
    """Refuse missing, surplus and misshapen tensors by name."""
    wrong = sorted(expected.keys() ^ header.tensors.keys())
    wrong += [key for key, (_, shape) in header.tensors.items() if key in expected and expected[key].shape != shape]
    if wrong:
        msg = f"{path}: these tensors are missing, surplus or misshapen: {short(wrong)[1:-1]}."
        raise HeadFileError(msg, _DAMAGED)


def _require_finite(header: Header, path: Path) -> None:
    """Refuse weights that are no numbers; read piece by piece, it takes little memory however many there are."""
    with path.open("rb") as stream:
        stream.seek(header.length)
        for key, (kind, shape) in header.tensors.items():
            left = math.prod(shape) * ITEM_BYTES[kind]
            while left:
                piece = bytearray(stream.read(min(left, _PIECE_BYTES)))
                left -= len(piece)
                if not piece or not torch.isfinite(torch.frombuffer(piece, dtype=_TYPES[kind])).all():
                    msg = f"{path}: these weights are not finite: {key}."
                    raise HeadFileError(msg, _DAMAGED)


def _fill(head: Head, state: dict[str, torch.Tensor]) -> None:
    """Give the networks, which have no memory yet, their weights."""
    parts: dict[str, dict[str, torch.Tensor]] = {"": {}, PRIOR: {}, ARRANGEMENT: {}, CLOSER: {}}
    for key, value in state.items():
        part = next((prefix for prefix in (PRIOR, ARRANGEMENT, CLOSER) if key.startswith(prefix)), "")
        parts[part][key.removeprefix(part)] = value
    for network, own in ((head.module, ""), (head.prior, PRIOR), (head.arrangement, ARRANGEMENT)):
        if network is not None:
            copies = {
                key: value.to(torch.float32, copy=True) for key, value in parts[own].items()
            }  # lets go of the file
            network.load_state_dict(copies, assign=True)
    if head.closer is not None:
        _fill(head.closer, parts[CLOSER])
