"""A small ONNX file, written with the same few protobuf rules that the reader knows, and a picture for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from SAMAdaptLib.encoders import canvas as canvases
from SAMAdaptLib.encoders import load_encoder, onnx_graph, runtimes
from SAMAdaptLib.encoders.base import Encoder

INSTALLED = [name for name in runtimes.RUNTIMES if runtimes._installed(name)]
"""The runtimes that are here."""


def encoders_of_both_runtimes(name_or_path: str | Path, monkeypatch: pytest.MonkeyPatch) -> list[Encoder]:
    """The same encoder in fp32 once by each runtime; skips the test where one of them is missing."""
    if len(INSTALLED) < 2:
        pytest.skip(f"only {INSTALLED} installed here")
    monkeypatch.setenv("SAMADAPT_PRECISION", "fp32")
    found = []
    for runtime in INSTALLED:
        monkeypatch.setenv("SAMADAPT_RUNTIME", runtime)
        found.append(load_encoder(name_or_path))
    return found


def block(number: int, content: bytes) -> bytes:
    return onnx_graph._block(number, content)


def value(name: str, shape: tuple[int, ...]) -> bytes:
    """ValueInfoProto of a float32 tensor; -1 is a dimension with a name instead of a size."""
    sizes = b"".join(block(1, onnx_graph._number(1, n) if n >= 0 else block(2, b"batch")) for n in shape)
    return block(1, name.encode()) + block(2, block(1, onnx_graph._number(1, 1) + block(2, sizes)))


def tensor(name: str, array: np.ndarray) -> bytes:
    sizes = b"".join(onnx_graph._number(1, n) for n in array.shape)
    return sizes + onnx_graph._number(2, 1) + block(8, name.encode()) + block(9, array.astype("<f4").tobytes())


def node(operation: str, name: str, inputs: list[str], output: str, **attributes: tuple[int, ...]) -> bytes:
    content = b"".join(block(1, item.encode()) for item in inputs) + block(2, output.encode())
    content += block(3, name.encode()) + block(4, operation.encode())
    return content + b"".join(block(5, onnx_graph._integers(key, numbers)) for key, numbers in attributes.items())


def small_model(shape: tuple[int, ...] = (-1, 3, 64, 64), outputs: tuple[int, ...] = (1, 4, 16, 16)) -> bytes:
    """Pictures 64x64 to a 16x16 map of 4 channels, by way of MobileSAM's name for its earliest tensor (8x32x32)."""
    draw = np.random.default_rng(0)
    first = tensor("w1", draw.normal(size=(8, 3, 2, 2)))
    second = tensor("w2", draw.normal(size=(4, 8, 2, 2)))
    inner = "/layers.0/blocks.1/act3/Mul_1_output_0"
    stride = {"strides": (2, 2), "kernel_shape": (2, 2)}
    source = "picture"
    nodes = b""
    if shape[-1] == 3:  # Colours last, normalised inside.
        mean = tensor("mean", np.array(canvases.PIXEL_MEAN).reshape(3, 1, 1))
        std = tensor("std", np.array(canvases.PIXEL_STD).reshape(3, 1, 1))
        nodes += block(5, mean) + block(5, std)
        nodes += block(1, node("Transpose", "t", ["picture"], "t", perm=(2, 0, 1)))
        nodes += block(1, node("Sub", "s", ["t", "mean"], "s")) + block(1, node("Div", "d", ["s", "std"], "d"))
        axes = block(8, b"axes") + onnx_graph._number(1, 1) + onnx_graph._number(2, 7) + block(7, b"\x00")
        nodes += block(5, axes) + block(1, node("Unsqueeze", "u", ["d", "axes"], "u"))
        source = "u"
    nodes += block(1, node("Conv", "c1", [source, "w1"], inner, **stride))
    nodes += block(1, node("Conv", "c2", [inner, "w2"], "neck", **stride))
    graph = nodes + block(2, b"small") + block(5, first) + block(5, second)
    graph += block(11, value("picture", shape)) + block(12, value("neck", outputs))
    return onnx_graph._number(1, 8) + block(7, graph) + block(8, onnx_graph._number(2, 13))


def picture(side: int = 64, rows: int = 48) -> np.ndarray:
    result = np.random.default_rng(1).uniform(0, 255, (1, side, side)).astype(np.float32)
    result[:, rows:] = np.nan
    return result
