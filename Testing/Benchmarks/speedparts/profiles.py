"""Where the time goes, before and after: in the encoders by kind of operation, in training by stage."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .common import Bench, Row, environment, fresh_home, phantom
from .encoders import picture_of

PART = "profile"
SHOWN = 6
"""How many kinds of operation a bar shows; the rest is summed up."""

_KINDS = {
    "matrix products": (
        "aten::addmm",
        "aten::mm",
        "aten::bmm",
        "aten::baddbmm",
        "aten::matmul",
        "aten::mkldnn_convolution",  # of single pixels
    ),
    "fused attention": (
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_scaled_dot_product_attention_math",
    ),
    "softmax": ("aten::_softmax",),
    "sums and copies": ("aten::add", "aten::add_", "aten::mul", "aten::copy_", "aten::clone", "aten::cat", "aten::to"),
}


TINY_VIT = (("medsam_lite", 224), ("mobile_sam", 1024))


def measure(bench: Bench) -> list[Row]:
    """Fills ``bench.curves["profile"]``: {bar: {kind of work: seconds}}; no ratio."""
    small = {} if bench.encoder == "tiny" else tiny_vit()
    bench.curves["profile"] = {**small, **vit_b(bench), **training(bench)}
    for bar, parts in bench.curves["profile"].items():
        bench.say(f"[{PART}] {bar}: " + ", ".join(f"{name} {seconds:.3f} s" for name, seconds in parts.items()))
    return []


def tiny_vit() -> dict[str, dict[str, float]]:
    """By kind of operation: ONNX Runtime's own account, torch's, and OpenVINO's of the same module."""
    from SAMAdaptLib.encoders import input as canvas
    from SAMAdaptLib.encoders import load_encoder
    from SAMAdaptLib.encoders.runtimes import has_openvino
    from SAMAdaptLib.utils.processor import has_bf16_units

    bars = {"mobile_sam at 1024, ONNX Runtime in fp32": _onnxruntime()}
    for name, size in TINY_VIT:
        with environment(SAMADAPT_RUNTIME="torch"):
            encoder: Any = load_encoder(name, device="cpu", input_size=size)
        picture = picture_of(size)
        inputs = next(canvas.prepared(picture, size, "sam"))[None]
        bars[f"{name} at {size}, PyTorch in fp32"] = _torch(partial(encoder.encode, picture))
        if has_openvino():
            precisions = ("f32", "bf16") if has_bf16_units() else ("f32",)
            for precision in precisions:
                words = f"{name} at {size}, OpenVINO in {precision.replace('f32', 'fp32')}"
                bars[words] = _openvino(encoder._model, inputs, precision)
    return bars


def _onnxruntime() -> dict[str, float]:
    import onnxruntime

    from SAMAdaptLib.encoders.registry import ENTRIES
    from SAMAdaptLib.encoders.weights import store as weights

    rounds, path = 3, weights.ensure(ENTRIES["mobile_sam"])
    inputs = np.zeros((1, 3, 1024, 1024), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(path), options)
        for _ in range(rounds):
            session.run(None, {session.get_inputs()[0].name: inputs})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    sums: dict[str, float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            kind = event["args"]["op_name"]
            sums[kind] = sums.get(kind, 0.0) + event["dur"] / 1e6 / rounds
    return _largest(sums)


def _openvino(model: Any, inputs: np.ndarray, precision: str) -> dict[str, float]:
    import openvino
    import torch

    from SAMAdaptLib.encoders.tiny_vit.encoder import _Levels

    settings = {"PERF_COUNT": True, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    example = torch.from_numpy(inputs)
    with torch.inference_mode():
        traced = torch.jit.trace(_Levels(model, ("neck",)), example, check_trace=False)
    converted = openvino.convert_model(traced, example_input=example)
    converted.reshape(list(inputs.shape))
    request = openvino.Core().compile_model(converted, "CPU", settings).create_infer_request()
    for _ in range(3):
        request.infer([inputs])
    sums: dict[str, float] = {}
    for node in request.get_profiling_info():
        sums[node.node_type] = sums.get(node.node_type, 0.0) + node.real_time.total_seconds()
    return _largest(sums)


def vit_b(bench: Bench) -> dict[str, dict[str, float]]:
    """A block with windows and a global one of twelve, segment-anything's own attention and ours."""
    import torch
    from reference_sam import randomised, reference_encoder

    from SAMAdaptLib.encoders.sam.fused_attention import fuse_attention

    from .encoders import GRADES

    blocks = randomised(reference_encoder(GRADES["sam_vit_b"]))
    tokens = torch.randn(1, 64, 64, 768, generator=torch.Generator().manual_seed(0))

    def run(precision: bool) -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision):
            for block in blocks.blocks[1:3]:  # type: ignore[union-attr]
                block(tokens)

    bars = {"sam_vit_b, two blocks, segment-anything": _torch(partial(run, False))}
    fuse_attention(blocks, 64)
    bars["sam_vit_b, two blocks, ours in fp32"] = _torch(partial(run, False))
    bars["sam_vit_b, two blocks, ours in bf16"] = _torch(partial(run, True))
    return bars


def _torch(function: Callable[[], None]) -> dict[str, float]:
    """Seconds by kind of operation, each without those that it calls."""
    import torch

    function()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        function()
    sums: dict[str, float] = {}
    for event in profiler.key_averages():
        kind = next((kind for kind, names in _KINDS.items() if event.key in names), "other")
        sums[kind] = sums.get(kind, 0.0) + event.self_cpu_time_total / 1e6
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def training(bench: Bench) -> dict[str, dict[str, float]]:
    """A hundred steps by stage: as batches were read at every step, and as they are remembered in order now."""
    import torch

    from SAMAdaptLib.features.cache import FeatureCache
    from SAMAdaptLib.features.extractor import FeatureExtractor
    from SAMAdaptLib.progress import Silent
    from SAMAdaptLib.training import fit as fitting
    from SAMAdaptLib.training import loader as batches
    from SAMAdaptLib.training.config import FITS, TrainingConfig
    from SAMAdaptLib.training.context import TrainingContext

    steps = 4 if bench.quick else 100
    bars = {}
    with fresh_home(bench.encoder):
        config = TrainingConfig(encoder=bench.encoder, head="cnn", budget="fast", device="cpu")
        context = TrainingContext.of([phantom(4)], config, Silent(), FeatureCache())
        samples, _ = context.samples(context.data.coarse, context.encoder, context.budget)
        embedder = FeatureExtractor(context.encoder, context.levels, context.store)
        embedder.prepare([sample.view for sample in samples])
        for words, remembered in (("read at each step", 0), ("remembered", batches.REMEMBERED_BYTES)):
            module = fitting.channels_last(fitting.untrained("cnn", context.encoder, 3)).train()
            optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
            reader = batches.SampleLoader(module, embedder, torch.device("cpu"), FITS["cnn"].crops)
            before, batches.REMEMBERED_BYTES = batches.REMEMBERED_BYTES, remembered
            try:
                for sample in samples:
                    reader.load([sample])
                stages = _stages(reader, module, optimizer, samples, steps, FITS["cnn"].batch)
                bars[f"training cnn, {steps} steps, features {words}"] = stages
            finally:
                batches.REMEMBERED_BYTES = before
    return bars


def _stages(reader: Any, module: Any, optimizer: Any, samples: Any, steps: int, batch: int) -> dict[str, float]:
    from SAMAdaptLib.training import fit as fitting

    chance = np.random.default_rng(0)
    seconds = {"loading": 0.0, "forward, loss, backward": 0.0}
    for _ in range(steps):
        began = time.perf_counter()
        drawn = [samples[index] for index in chance.integers(len(samples), size=batch)]
        loaded = reader.draw(drawn, chance)
        between = time.perf_counter()
        fitting._step(module, optimizer, *loaded)
        seconds["loading"] += between - began
        seconds["forward, loss, backward"] += time.perf_counter() - between
    return seconds


def _largest(sums: Mapping[str, float]) -> dict[str, float]:
    """The greatest parts, the others as one."""
    ordered = sorted(sums.items(), key=lambda item: -item[1])
    return {**dict(ordered[:SHOWN]), "other": sum(seconds for _, seconds in ordered[SHOWN:])}


def figure(bars: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """A panel for what is before the first comma, in it a bar for each profile, its parts named where there is room."""
    from matplotlib.figure import Figure

    groups: dict[str, dict[str, Mapping[str, float]]] = {}
    for name, parts in bars.items():
        group, _, words = name.partition(", ")
        groups.setdefault(group, {})[words] = parts
    sizes = [len(group) for group in groups.values()]
    drawing = Figure(figsize=(10, 0.5 * sum(sizes) + 0.9 * len(sizes)), layout="constrained")
    panels = drawing.subplots(len(groups), 1, squeeze=False, height_ratios=sizes)[:, 0]
    for axes, (title, group) in zip(panels, groups.items(), strict=True):
        _panel(axes, title, group)
    panels[-1].set_xlabel("seconds")
    drawing.savefig(path, dpi=110)


def _panel(axes: Any, title: str, group: Mapping[str, Mapping[str, float]]) -> None:
    from matplotlib import colormaps

    whole = max(sum(parts.values()) for parts in group.values())
    kinds = list(dict.fromkeys(kind for parts in group.values() for kind in parts))
    for place, parts in enumerate(group.values()):
        left = 0.0
        for kind, seconds in parts.items():
            color = colormaps["Pastel1"](kinds.index(kind) % 9)
            axes.barh(place, seconds, left=left, color=color, edgecolor="white")
            if seconds > 0.011 * len(kind) * whole:
                axes.text(left + seconds / 2, place, kind, ha="center", va="center", fontsize=7)
            left += seconds
        axes.text(left + 0.01 * whole, place, f"{left:.2f} s", va="center", fontsize=8)
    axes.set_yticks(range(len(group)), list(group), fontsize=8)
    axes.set_title(title, fontsize=9, loc="left")
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * whole)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
