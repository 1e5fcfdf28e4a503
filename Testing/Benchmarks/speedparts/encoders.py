"""Encoders on the processor: ours beside ONNX Runtime's default session and segment-anything's own image encoder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import baseline
from .common import Bench, Row, alternating, environment, faster

PART = "encoder"
GRADES = {
    "sam_vit_b": {"embed_dim": 768, "depth": 12, "num_heads": 12, "global_attn_indexes": (2, 5, 8, 11)},
    "sam_vit_l": {"embed_dim": 1024, "depth": 24, "num_heads": 16, "global_attn_indexes": (5, 11, 17, 23)},
    "sam_vit_h": {"embed_dim": 1280, "depth": 32, "num_heads": 16, "global_attn_indexes": (7, 15, 23, 31)},
}
TOLERANCE = 1e-3


SIZES = {"medsam_lite": (112, 168, 224, 256), "mobile_sam": (448, 672, 896, 1024)}
DEFAULT = ("medsam_lite", 112)
LEAST = 8.0
"""How many times faster the default encoder is to be, at the size that it has on slow computers."""


def measure(bench: Bench) -> list[Row]:
    """The small encoders at their sizes, and SAM's ViT-B, on this processor."""
    rows = [row for name, sizes in SIZES.items() for size in sizes[:: 3 if bench.quick else 1]
            for row in tiny_vit(bench, name, size)]  # fmt: skip
    return [*rows, *vit(bench, "sam_vit_b")]


def tiny_vit(bench: Bench, name: str, size: int) -> list[Row]:
    """A slice at one size by each runtime, in turns with the baseline; of as many at once as each takes."""
    from SAMAdaptLib.encoders import forget_encoders, load_encoder

    session = baseline.OnnxSession()
    feed = session.feed(picture_of(baseline.SIZE)[0])
    ours: dict[str, Any] = {}
    for runtime, precision in _ways():
        with environment(SAMADAPT_RUNTIME=runtime, SAMADAPT_PRECISION=precision):
            encoder = load_encoder(name, device="cpu", input_size=size)
        ours.setdefault(f"{TITLES[runtime]}, {_arithmetic(encoder)}", encoder)
    runs: dict[str, Callable[[], Any]] = {"baseline": lambda: session.session.run(None, feed)}
    for words, encoder in ours.items():
        runs[words] = partial(encoder.encode, np.repeat(picture_of(size), encoder.batch, axis=0))
    seconds = alternating(runs, rounds=1 if bench.quick else 6)
    forget_encoders()
    rows = [
        faster(PART, f"{name} at {size} pixels, a slice by {words}", baseline.NAME, seconds["baseline"],
               seconds[words] / encoder.batch, LEAST if (name, size) == DEFAULT and "OpenVINO" in words else None)
        for words, encoder in ours.items()
    ]  # fmt: skip
    for row in rows:
        bench.say(f"[{PART}] {row.what}: {row.value:.3f} s, {row.ratio:.2f}x")
    return rows


TITLES = {"torch": "PyTorch", "openvino": "OpenVINO"}


def _ways() -> list[tuple[str, str | None]]:
    """Runtimes with the precision asked of them; None: as chosen, which may be the same again."""
    from SAMAdaptLib.encoders.runtimes import has_openvino

    ways: list[tuple[str, str | None]] = [("torch", "fp32")]
    return [*ways, ("openvino", "fp32"), ("openvino", None)] if has_openvino() else ways


def _arithmetic(encoder: Any) -> str:
    return str(encoder.fingerprint.split("-")[1])


def vit(bench: Bench, name: str) -> list[Row]:
    """Seeded random weights: speed does not depend on them, and no download is needed."""
    import torch
    from reference_sam import randomised, reference_encoder

    from SAMAdaptLib.encoders import input as canvas
    from SAMAdaptLib.encoders.sam.encoder import SamEncoder

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
    theirs_name = "segment-anything's image_encoder, cpu"
    whole = partial(faster, PART, baseline=theirs_name, seconds=seconds["baseline"])
    return [
        whole(what=f"{name}, a slice in fp32", ours=seconds["fp32"], least=1.8),
        whole(what=f"{name}, a slice in bf16", ours=seconds["bf16"], least=3.0),
        whole(what=f"{name} in fp32 at 768 pixels", ours=seconds["768"]),
        whole(what=f"{name} in fp32 at 512 pixels", ours=seconds["512"]),
        Row(PART, f"{name}, largest difference in fp32", theirs_name, 0.0, difference, "", None,
            f"at most {TOLERANCE:g}", difference <= TOLERANCE),
    ]  # fmt: skip


def picture_of(size: int) -> np.ndarray:
    """One gray canvas (1, size, size) of noise."""
    return np.random.default_rng(0).uniform(0, 255, (1, size, size)).astype(np.float32)
