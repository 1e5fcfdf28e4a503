"""Checkpoints of torch: tensors out of ``.pth`` files, never code."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors by segment-anything's names; large ones stay on disk until used. No code is run.

    Training checkpoints keep the weights under ``model`` or ``state_dict``, and behind ``module.``: both are undone.
    Raises WeightsError when the file is no such checkpoint.
    """
    content = _loaded(path)
    for key in ("model", "state_dict", "model_state_dict"):
        inner = content.get(key) if isinstance(content, Mapping) else None
        content = inner if isinstance(inner, Mapping) else content
    if not isinstance(content, Mapping):
        msg = f"{path.name} holds no weights, but a {type(content).__name__}."
        raise WeightsError(msg, "Choose a checkpoint that was saved as a state dict.")
    return {str(key).removeprefix("module."): value for key, value in content.items() if isinstance(value, Tensor)}


def require_finite(tensors: Iterable[Tensor], source: str) -> None:
    """Raises WeightsError where weights are no numbers: a training that diverged left them, or damage."""
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        msg = f"{source} holds weights that are not finite numbers."
        raise WeightsError(msg, "Fetch the file again, or choose another checkpoint of that training.")


def _loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what it then refuses, or reads all the same
        return _read(path)


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # torch raises what its parser and its pickle reader happen to raise.
        try:
            return torch.load(path, map_location="cpu", weights_only=True)  # The format before torch 1.6.
        except Exception as error:
            msg = f"{path.name} cannot be read as a checkpoint: {_reason(path)}."
            raise WeightsError(msg, "Fetch it again. Checkpoints that carry code are refused.") from error


def _reason(path: Path) -> str:
    """What is wrong with a file that torch refused. Torch's own words tell how to run the code in it all the same."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        return str(error.strerror or error)
    if not start:
        return "it is empty"
    if not start.startswith((b"PK", b"\x80")):
        return "it is no file of torch"
    if start.startswith(b"PK") and not zipfile.is_zipfile(path):
        return "it is cut off"
    return "it is damaged, or holds more than tensors"
