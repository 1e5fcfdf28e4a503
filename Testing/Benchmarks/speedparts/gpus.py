"""A GPU: SAM's ViTs beside segment-anything's own, and the small encoders beside the same on the processor."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .common import Bench, Row, alternating, environment, faster
from .encoders import GRADES, SIZES, TOLERANCE, picture_of

PART = "gpu"
COMPARED = (("fp32", "fp32"), ("bf16", "bf16"), ("bf16", "fp32"))
"""Our precision and theirs."""


def measure(bench: Bench) -> list[Row]:
    """All encoders on CUDA or MPS, or one row that says why not."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else ""
    if not device:
        return [Row(PART, "encoders on a GPU", "skipped: no CUDA or MPS device here", None, None, "s")]
    small = [row for name, sizes in SIZES.items() for size in sizes for row in tiny_vit(bench, name, size, device)]
    return [*small, *(row for name in GRADES for row in vit(bench, name, device))]


def tiny_vit(bench: Bench, name: str, size: int, device: str) -> list[Row]:
    """A slice on the GPU, of as many at once as pay, beside one on the processor; in fp32 and as chosen."""
    from SAMAdaptLib.encoders import forget_encoders, load_encoder

    runs: dict[str, Callable[[], Any]] = {}
    counts: dict[str, int] = {}
    for words, place, precision in (("cpu", "cpu", None), ("fp32", device, "fp32"), ("as chosen", device, None)):
        with environment(SAMADAPT_PRECISION=precision):
            encoder = load_encoder(name, device=place, input_size=size)
        counts[words] = encoder.batch
        runs[words] = partial(encoder.encode, np.repeat(picture_of(size), encoder.batch, axis=0))
    found = alternating(runs, rounds=1 if bench.quick else 5)
    seconds = {words: found[words] / count for words, count in counts.items()}
    forget_encoders()
    what = f"{name} at {size} pixels, a slice on {_called(device)}"
    return [
        faster(PART, f"{what}, {words}", "the same on this computer's processor", seconds["cpu"], seconds[words])
        for words in ("fp32", "as chosen")
    ]


def vit(bench: Bench, name: str, device: str) -> list[Row]:
    """Many slices through one ViT with seeded random weights, theirs and ours in the same batches.

    Theirs has its inputs prepared and in the device's memory; ours begins with canvases in the machine's.
    """
    import torch
    from reference_sam import randomised, reference_encoder

    from SAMAdaptLib.encoders import input as canvas
    from SAMAdaptLib.encoders.sam.encoder import SamEncoder

    model = randomised(reference_encoder(GRADES[name]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.pth"
        torch.save(model.state_dict(), path)
        ours = {}
        for precision in ("fp32", "bf16"):
            with environment(SAMADAPT_PRECISION=precision):
                ours[precision] = SamEncoder(path, "0" * 64, device=device)
    model = model.to(device)
    pictures = np.concatenate([picture_of(1024)] * (8 if bench.quick else 32))
    prepared = torch.from_numpy(np.stack(list(canvas.prepared(pictures, 1024, "sam"))))
    inputs = prepared.to(device).split(ours["fp32"].batch)

    def theirs(halved: bool) -> np.ndarray:
        with torch.inference_mode(), torch.autocast(inputs[0].device.type, torch.bfloat16, enabled=halved):
            return np.concatenate([model(part).float().cpu().numpy() for part in inputs])

    difference = float(np.abs(theirs(False) - ours["fp32"].encode(pictures)["neck"]).max())
    runs: dict[str, Callable[[], Any]] = {
        "their fp32": lambda: theirs(False),
        "their bf16": lambda: theirs(True),
        "our fp32": lambda: ours["fp32"].encode(pictures),
        "our bf16": lambda: ours["bf16"].encode(pictures),
    }
    found = alternating(runs, rounds=1 if bench.quick else 3)
    seconds = {key: value / len(pictures) for key, value in found.items()}
    baseline = f"segment-anything's image_encoder on {_called(device)}"
    rows = []
    for our, their in COMPARED:
        words = f"{name}, a slice in {our}"
        rows.append(faster(PART, words, f"{baseline}, {their}", seconds[f"their {their}"], seconds[f"our {our}"]))
    met, target = difference <= TOLERANCE, f"at most {TOLERANCE:g}"
    words = f"{name}, largest difference in fp32"
    return [*rows, Row(PART, words, baseline, 0.0, difference, "", None, target, met)]


def _called(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "Apple's GPU"
