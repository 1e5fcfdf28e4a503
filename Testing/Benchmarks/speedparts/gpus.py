"""SAM's ViTs on a GPU: ours beside segment-anything's own image encoder, in fp32 and in bf16."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .common import Bench, Row, alternating, environment, faster
from .encoders import GRADES, TOLERANCE, picture_of

PART = "gpu"
COMPARED = (("fp32", "fp32"), ("bf16", "bf16"), ("bf16", "fp32"))
"""Our precision and theirs."""


def measure(bench: Bench) -> list[Row]:
    """All three ViTs on CUDA or MPS, or one row that says why not."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else ""
    if not device:
        return [Row(PART, "SAM's ViTs on a GPU", "skipped: no CUDA or MPS device here", None, None, "s")]
    return [row for name in GRADES for row in vit(bench, name, device)]


def vit(bench: Bench, name: str, device: str) -> list[Row]:
    """Many slices through one ViT with seeded random weights, theirs and ours in the same batches.

    Theirs has its inputs prepared and in the device's memory; ours begins with canvases in the machine's.
    """
    import torch
    from reference_sam import randomised, reference_encoder

    from SAMAdaptLib.encoders import canvas
    from SAMAdaptLib.encoders.sam import SamEncoder

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
