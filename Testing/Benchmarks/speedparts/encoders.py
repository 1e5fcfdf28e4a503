"""Encoders: ours beside ONNX Runtime's default session and beside segment-anything's own image encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from .common import Bench, Row, alternating, environment, faster

PART = "encoder"
GRADES = {
    "sam_vit_b": {"embed_dim": 768, "depth": 12, "num_heads": 12, "global_attn_indexes": (2, 5, 8, 11)},
    "sam_vit_l": {"embed_dim": 1024, "depth": 24, "num_heads": 16, "global_attn_indexes": (5, 11, 17, 23)},
    "sam_vit_h": {"embed_dim": 1280, "depth": 32, "num_heads": 16, "global_attn_indexes": (7, 15, 23, 31)},
}
TOLERANCE = 1e-3


def measure(bench: Bench) -> list[Row]:
    """mobile_sam and SAM's ViT-B on this processor."""
    return [*mobile_sam(bench), *vit(bench, "sam_vit_b")]


def mobile_sam(bench: Bench) -> list[Row]:
    """One slice through the default session of ONNX Runtime; ours, of as many at once as it takes, in fp32, as it
    chooses by itself, and as it chooses where there are units for 8-bit integers but none for bf16."""
    import onnxruntime
    from SAMAdaptLib.encoders.onnx import OnnxEncoder

    from SAMAdaptLib.encoders import canvas, load_encoder, runtimes, weights
    from SAMAdaptLib.encoders.registry import ENTRIES
    from SAMAdaptLib.processor import has_bf16_units

    picture, entry = picture_of(1024), ENTRIES["mobile_sam"]
    path = weights.ensure(entry)
    session = onnxruntime.InferenceSession(str(path))
    feed = {session.get_inputs()[0].name: next(canvas.prepared(picture, 1024, "sam"))[None]}
    with environment(SAMADAPT_PRECISION="fp32"):
        exact = load_encoder("mobile_sam", device="cpu")
    with environment(SAMADAPT_PRECISION=None):
        own = load_encoder("mobile_sam", device="cpu")
        with mock.patch.object(runtimes, "has_bf16_units", lambda: False):
            older = OnnxEncoder(path, entry.sha256, entry=entry, device="cpu")
    runs = {"baseline": lambda: session.run(None, feed)}
    ours = {"fp32": exact, "own": own, "older": older}
    for name, encoder in ours.items():
        runs[name] = partial(encoder.encode, np.repeat(picture, encoder.batch, axis=0))
    seconds = alternating(runs, rounds=2 if bench.quick else 8)
    seconds |= {name: seconds[name] / encoder.batch for name, encoder in ours.items()}
    baseline = "ONNX Runtime's default session"
    rows = [faster(PART, "mobile_sam, a slice in fp32", baseline, seconds["baseline"], seconds["fp32"], 1.5)]
    least = 3.5 if has_bf16_units() else None
    own_words = f"mobile_sam, a slice as chosen here ({_arithmetic(own)})"
    older_words = f"mobile_sam, a slice as chosen without bf16 units ({_arithmetic(older)})"
    return [
        *rows,
        faster(PART, own_words, baseline, seconds["baseline"], seconds["own"], least),
        faster(PART, older_words, baseline, seconds["baseline"], seconds["older"]),
    ]


def _arithmetic(encoder: Any) -> str:
    return str(encoder.fingerprint.split("-")[1].split(".")[0])


def vit(bench: Bench, name: str) -> list[Row]:
    """Seeded random weights: speed does not depend on them, and no download is needed."""
    import torch
    from reference_sam import randomised, reference_encoder

    from SAMAdaptLib.encoders import canvas
    from SAMAdaptLib.encoders.sam import SamEncoder

    model = randomised(reference_encoder(GRADES[name]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.pth"
        torch.save(model.state_dict(), path)
        make = partial(SamEncoder, path, "0" * 64, device="cpu")
        with environment(SAMADAPT_PRECISION="fp32"):
            exact = make()
            smaller = {size: make(input_size=size) for size in (768, 512)}
        with environment(SAMADAPT_PRECISION="bf16"):
            coarse = make()
        picture = picture_of(1024)
        inputs = torch.tensor(next(canvas.prepared(picture, 1024, "sam"))[None])

        def theirs() -> np.ndarray:
            with torch.inference_mode():
                found: np.ndarray = model(inputs).numpy()
            return found

        runs: dict[str, Callable[[], Any]] = {
            "baseline": theirs,
            "fp32": lambda: exact.encode(picture),
            "bf16": lambda: coarse.encode(picture),
            **{str(size): partial(encoder.encode, picture_of(size)) for size, encoder in smaller.items()},
        }
        difference = float(np.abs(theirs() - exact.encode(picture)["neck"]).max())
        seconds = alternating(runs, rounds=1 if bench.quick else 3)
    baseline = "segment-anything's image_encoder, cpu"
    whole = partial(faster, PART, baseline=baseline, seconds=seconds["baseline"])
    return [
        whole(what=f"{name}, a slice in fp32", ours=seconds["fp32"], least=1.8),
        whole(what=f"{name}, a slice in bf16", ours=seconds["bf16"], least=3.0),
        whole(what=f"{name} in fp32 at 768 pixels", ours=seconds["768"]),
        whole(what=f"{name} in fp32 at 512 pixels", ours=seconds["512"]),
        Row(PART, f"{name}, largest difference in fp32", baseline, 0.0, difference, "", None,
            f"at most {TOLERANCE:g}", difference <= TOLERANCE),
    ]  # fmt: skip


def picture_of(size: int) -> np.ndarray:
    """One gray canvas (1, size, size) of noise."""
    return np.random.default_rng(0).uniform(0, 255, (1, size, size)).astype(np.float32)
