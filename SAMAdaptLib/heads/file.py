"""Head files: a trained head to and from one safetensors file. Data, never code; no pickle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..errors import HeadFileError, InputError
from ..files import write_content
from ..safepaths import spelled_plainly
from . import build_head
from .arrangement import ArrangementPrior, arrangement_prior
from .card import METADATA_KEY, SUFFIX, HeadCard, read_card
from .checksum import require_checksum, with_checksum
from .shape import ShapePrior, shape_prior

if TYPE_CHECKING:
    from .base import HeadModule

PRIOR = "shape_prior."
"""What the names of a shape prior's tensors begin with."""

ARRANGEMENT = "arrangement_prior."
"""What the names of an arrangement prior's tensors begin with."""

CLOSER = "closer."
"""What the names of the tensors of a head for a closer look begin with."""


@dataclass(frozen=True)
class Head:
    """A trained head: its card, its network and, where the annotation allowed them, its priors of shape and of
    arrangement and a head for a closer look at what this one finds, on a smaller canvas.

    Networks are in evaluation mode, on the CPU.
    """

    card: HeadCard
    module: HeadModule
    prior: ShapePrior | None = None
    closer: Head | None = None
    arrangement: ArrangementPrior | None = None

    @property
    def cut_short(self) -> bool:
        """Whether the time of its training was over before its steps were done."""
        return bool(self.card.training.get("cut_short"))

    def noted(self, **facts: Any) -> Head:
        """This head with these facts about its training on its card."""
        return replace(self, card=replace(self.card, training={**self.card.training, **facts}))

    @cached_property
    def sha256(self) -> str:
        """The hash (hex) of the file that ``save_head`` writes."""
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
    """Write ``head`` to ``path`` whole or not at all; gives the path. The head is not changed.

    Raises InputError when the ending is not ``.samhead`` or the folder does not exist.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        msg = f"A head file's name ends in {SUFFIX}, not {path.name!r}."
        raise InputError(msg, f"Use {path.with_suffix(SUFFIX).name}.")
    named = replace(head, card=replace(head.card, name=head.card.name or path.stem))
    write_content(path, _serialized(named))
    return path


def _serialized(head: Head) -> bytes:
    """The content of a head file."""
    state = {key: value.detach().cpu().contiguous() for key, value in head.state().items()}
    return save(state, metadata={METADATA_KEY: with_checksum(head.card.to_json(), state)})


def load_head(path: str | Path) -> Head:
    """Read a head file. Raises HeadFileError, naming the file, when it is damaged or of an unknown kind."""
    path = Path(path)
    card = read_card(path)
    try:
        with spelled_plainly(path, SUFFIX) as plain:
            state = load_file(plain)
        head = _built(card)
        _fill(head, state, path)
        require_checksum(path, state)  # last: what is wrong with the card says more
    except (SafetensorError, InputError, RuntimeError, ValueError) as error:
        if isinstance(error, HeadFileError):
            raise
        msg = f"{path}: the head cannot be rebuilt ({error})."
        raise HeadFileError(msg, "The file is damaged or was edited: copy it again, or train a new head.") from error
    return head if card.name else replace(head, card=replace(card, name=path.stem))


def _built(card: HeadCard) -> Head:
    """A head of that card, with weights that mean nothing yet."""
    prior = shape_prior(card.shapes).eval() if card.shapes else None
    arrangement = arrangement_prior(card.arrangement).eval() if card.arrangement else None
    closer = card.closer_card()
    module = build_head(card.head_type, card.head["hyper"]).eval()
    return Head(card, module, prior, None if closer is None else _built(closer), arrangement)


def _fill(head: Head, state: dict[str, torch.Tensor], path: Path) -> None:
    """Give the networks their weights; missing, surplus, misshapen and non-finite tensors are refused by name."""
    expected = head.state()
    wrong = sorted(expected.keys() ^ state.keys())
    wrong += [key for key in expected.keys() & state.keys() if expected[key].shape != state[key].shape]
    wrong += [key for key, value in state.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if wrong:
        msg = f"{path}: these tensors are missing, surplus, misshapen or not finite: {', '.join(wrong[:5])}."
        raise HeadFileError(msg, "The file is damaged or was edited: copy it again, or train a new head.")
    _load(head, state)


def _load(head: Head, state: dict[str, torch.Tensor]) -> None:
    parts: dict[str, dict[str, torch.Tensor]] = {"": {}, PRIOR: {}, ARRANGEMENT: {}, CLOSER: {}}
    for key, value in state.items():
        part = next((prefix for prefix in (PRIOR, ARRANGEMENT, CLOSER) if key.startswith(prefix)), "")
        parts[part][key.removeprefix(part)] = value
    head.module.load_state_dict(parts[""])
    if head.prior is not None:
        head.prior.load_state_dict(parts[PRIOR])
    if head.arrangement is not None:
        head.arrangement.load_state_dict(parts[ARRANGEMENT])
    if head.closer is not None:
        _load(head.closer, parts[CLOSER])
