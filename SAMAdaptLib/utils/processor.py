"""The processor: its name, and which units it has; without those for less than 32 bits such arithmetic is slower."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

_X86 = ("x86_64", "AMD64", "i386", "i686")
_LISTED = Path("/proc/cpuinfo")
"""Where Linux lists its processors."""

_LIMITING = {
    "ATEN_CPU_CAPABILITY": ("avx512",),
    "ONEDNN_MAX_CPU_ISA": ("all", "default"),
    "DNNL_MAX_CPU_ISA": ("all", "default"),
}
"""What PyTorch's own operations, and oneDNN in PyTorch and in OpenVINO, are told by; the words that forbid nothing."""

_WITH_BF16 = ("bf16", "fp16", "amx", "avx10")
"""In oneDNN's names of generations of units: those that multiply bf16, or came after it."""


@lru_cache(maxsize=1)
def processor_name() -> str:
    """Its marketing name where the system tells it, else its architecture."""
    return _listed("model name") or platform.processor() or platform.machine()


def is_x86() -> bool:
    """Whether it is one of Intel's or AMD's."""
    return platform.machine() in _X86


def cores() -> int:
    """Those that this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def units() -> frozenset[str]:
    """The names of all that Linux says it can do; nothing elsewhere."""
    return frozenset(_listed("flags", "Features").split())


def limits() -> dict[str, str]:
    """The variables by which the environment forbids libraries units that the processor has, with their words.

    Words that forbid nothing are left out.
    """
    words = {name: os.environ.get(name, "").strip().lower() for name in _LIMITING}
    return {name: word for name, word in words.items() if word not in ("", *_LIMITING[name])}


def has_bf16_units() -> bool:
    """Whether it multiplies bf16 itself, by AMX or AVX512-BF16, and the environment lets libraries do so.

    Anything else emulates that arithmetic, and is slower by it than in full precision.
    """
    allowed = all(any(part in word for part in _WITH_BF16) for word in limits().values())
    return allowed and _built_for_bf16()


@lru_cache(maxsize=1)
def _built_for_bf16() -> bool:
    return _has(("avx512_bf16", "amx_bf16"), ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def _has(names: Sequence[str], questions: Sequence[str]) -> bool:
    """Linux lists the units; elsewhere torch asks the processor: no when torch is missing or too old."""
    return not units().isdisjoint(names) if _LISTED.is_file() else _torch_says(questions)


def _torch_says(questions: Sequence[str]) -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    asked = (getattr(torch.cpu, name, None) for name in questions)
    return any(bool(ask()) for ask in asked if ask is not None)


def _listed(*keys: str) -> str:
    """The value of the first of ``keys`` in Linux's list of processors, else ""."""
    with contextlib.suppress(OSError), _LISTED.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() in keys:
                return value.strip()
    return ""
