"""Which units the processor has for numbers of less than 32 bits; without them such arithmetic is slower."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

_FLAGS = Path("/proc/cpuinfo")


@lru_cache(maxsize=1)
def has_bf16_units() -> bool:
    """Whether it multiplies bf16 itself: AMX or AVX512-BF16."""
    return _has(("avx512_bf16", "amx_bf16"), ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


@lru_cache(maxsize=1)
def has_int8_units() -> bool:
    """Whether it multiplies 8-bit integers and adds them up in one go: AMX or VNNI, as most since 2019 have it."""
    return _has(("avx512_vnni", "avx_vnni", "amx_int8"), ("_is_vnni_supported", "_is_amx_tile_supported"))


def _has(flags: Sequence[str], questions: Sequence[str]) -> bool:
    """Linux lists its processor's flags; elsewhere torch asks the processor: no when torch is missing or too old."""
    try:
        known = set(_FLAGS.read_text(encoding="utf-8", errors="replace").split())
        return any(flag in known for flag in flags)
    except OSError:
        return _torch_says(questions)


def _torch_says(questions: Sequence[str]) -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    asked = (getattr(torch.cpu, name, None) for name in questions)
    return any(bool(ask()) for ask in asked if ask is not None)
