"""The checksum of a head file: one field of its JSON document, over the rest of the document and every tensor.

A changed bit in a weight loads as well as the right one, and answers wrongly without a word. Files of older versions
have no such field: nobody can tell whether they are as they were saved, so what uses them says so.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from ..errors import HeadFileError
from .card import METADATA_KEY

FIELD = "sha256"

UNCHECKED = "The file of the head {} is of an older version and has no checksum: damage would go unnoticed."
"""What to say of a head whose file has none."""


def with_checksum(text: str, state: dict[str, torch.Tensor]) -> str:
    """A card's JSON document with the checksum in it."""
    document = json.loads(text)
    return json.dumps({**document, FIELD: checksum_of(document, state)}, sort_keys=True, ensure_ascii=False)


def verified(path: Path, state: dict[str, torch.Tensor]) -> bool:
    """True when the file's checksum fits its document and its tensors, False when it has none.

    Raises HeadFileError when it does not fit.
    """
    with safe_open(path, "pt") as file:
        document = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
    if FIELD not in document:
        return False
    if document[FIELD] != checksum_of(document, state):
        msg = f"{path}: the head is not as it was saved (its checksum does not fit)."
        raise HeadFileError(msg, "The file is damaged or was edited: copy it again, or train a new head.")
    return True


def checksum_of(document: dict[str, Any], state: dict[str, torch.Tensor]) -> str:
    """SHA-256 in hexadecimal of a document, without the field itself, and of all tensors: name, type, shape, bytes."""
    rest = {key: value for key, value in document.items() if key != FIELD}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
