"""What this machine has: Python, packages, devices, processor, weights, speed; and the settings that follow."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from importlib import metadata
from typing import Any

from .._version import __version__
from ..encoders.registry import DEFAULT_ENCODER
from ..errors import Cancelled, SAMAdaptError
from ..progress import PROBING, Monitor, raise_if_cancelled
from ..utils.paths import home
from ..utils.processor import cores, processor_name, units
from .specs import ProbeJob

PACKAGES = (
    "numpy",
    "scipy",
    "SimpleITK",
    "pydicom",
    "safetensors",
    "torch",
    "openvino",
    "segment-anything",
    "matplotlib",
    "distributed",
)
_FEATURES = (
    "avx2",
    "avx512f",
    "avx512_bf16",
    "amx_bf16",
    "neon",
    "asimd",
    "bf16",
    "fma",
)
_SLOW_SECONDS = 1.0


def probe(job: ProbeJob, monitor: Monitor) -> dict[str, Any]:
    """The findings, JSON-safe. Never raises over what is missing: that is what it is asked about."""
    monitor.progress(PROBING.text(), 0, 3)
    packages = {name: _version(name) for name in PACKAGES}
    monitor.progress(PROBING.text(), 1, 3)
    devices = _devices()
    monitor.progress(PROBING.text(), 2, 3)
    encoders = _encoders()
    speed = _speed(job, monitor) if job.measure else {"encoder": job.encoder, "seconds_per_slice": None, "reason": ""}
    monitor.progress(PROBING.text(), 3, 3)
    return {
        "samadapt": __version__,
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "home": str(home()),
        "packages": packages,
        "processor": {"name": processor_name(), "cores": cores(), "features": _features()},
        "devices": devices,
        "encoders": encoders,
        "speed": speed,
        "recommended": _recommended(devices, speed),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[dict[str, Any]]:
    """The CPU, and what torch finds beside it; each with a name and its memory in GB where known."""
    found: list[dict[str, Any]] = [{"device": "cpu", "name": processor_name(), "memory_gb": _memory_gb()}]
    with contextlib.suppress(Exception):  # a broken torch must not keep the rest from being shown
        import torch

        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            memory = round(facts.total_memory / 1e9, 1)
            found.append({"device": f"cuda:{index}", "name": facts.name, "memory_gb": memory})
        if torch.backends.mps.is_available():
            found.append({"device": "mps", "name": "Apple GPU", "memory_gb": _memory_gb()})
    return found


def _memory_gb() -> float | None:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    return None


def _features() -> list[str]:
    """Of the vector units that matter for speed, those that the system says are there (Linux only)."""
    present = units()
    return [name for name in _FEATURES if name in present]


def _encoders() -> list[dict[str, Any]]:
    from ..encoders import describe

    return [{key: row[key] for key in ("name", "title", "bytes", "licence", "path")} for row in describe()]


def _speed(job: ProbeJob, monitor: Monitor) -> dict[str, Any]:
    """The encoder's seconds a slice, measured now or remembered; without its weights only the reason why not.

    Of several sizes the first is said as that of one is; ``sizes`` has all.
    """
    answer: dict[str, Any] = {"encoder": job.encoder, "seconds_per_slice": None, "reason": ""}
    try:
        from ..encoders import load_encoder
        from ..encoders.registry import ENTRIES
        from ..encoders.weights.store import locate

        entry = ENTRIES.get(job.encoder)
        if entry is not None and entry.file and locate(entry) is None:
            return {**answer, "reason": "its weights are not here (encoders --fetch gets them)"}
        smallest = entry.sizes[0] if entry is not None and entry.sizes else None
        found = []
        for size in job.input_sizes or (smallest,):
            raise_if_cancelled(monitor)
            encoder = load_encoder(job.encoder, device=job.device, monitor=monitor, input_size=size)
            seconds = round(encoder.seconds_per_slice(), 4)
            found.append({"input_size": encoder.input_size, "seconds_per_slice": seconds})
        return {**answer, "device": encoder.device, **found[0], "sizes": found}
    except Cancelled:
        raise
    except SAMAdaptError as error:
        return {**answer, "reason": str(error)}
    except Exception as error:  # a broken runtime is a finding, too
        return {**answer, "reason": f"{type(error).__name__}: {error}"}


def _recommended(devices: list[dict[str, Any]], speed: dict[str, Any]) -> dict[str, str]:
    """Settings for this machine, each with nothing but the facts above as its reason."""
    device = next((row["device"] for row in devices if row["device"] != "cpu"), "cpu")
    seconds = speed["seconds_per_slice"]
    slow = device == "cpu" and (seconds is None or seconds > _SLOW_SECONDS)
    return {"device": device, "encoder": DEFAULT_ENCODER, "budget": "fast" if slow else "balanced"}
