"""Which device computes: the words of the command line to torch's."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext

import torch

from ..errors import InputError
from .process import program
from .processor import has_bf16_units


def resolve_device(name: str = "auto") -> torch.device:
    """``auto`` (CUDA, else Apple's MPS, else CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises InputError for another word or a device that this machine lacks.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        msg = f"Unknown device {name!r}."
        raise InputError(msg, "Choose auto, cpu, cuda, cuda:N or mps.")
    device = torch.device(name)
    absent = (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if absent:
        msg = f"The device {name} is not here."
        raise InputError(msg, f"Use --device auto or cpu; `{program()} probe` lists what there is.")
    return device


def hardware(device: torch.device) -> str:
    """What a device is called where its speed is noted: a GPU with its product's name, since machines of a site may
    share a home folder."""
    return f"{device} {torch.cuda.get_device_name(device)}" if device.type == "cuda" else str(device)


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Half-width arithmetic where the hardware has units for it, full precision elsewhere.

    On processors with bf16 units the convolutions of a head train two to three times as fast; weights, losses and
    normalisations stay in float32.
    """
    if device.type == "mps" or (device.type == "cpu" and not has_bf16_units()):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
