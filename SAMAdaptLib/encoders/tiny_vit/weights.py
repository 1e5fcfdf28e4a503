"""TinyViT's weights by our names: out of LiteMedSAM's checkpoint, and out of MobileSAM's ONNX export."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError
from ..weights.checkpoints import require_finite
from ..weights.onnx_graph import Graph, read_graph
from .network import DEPTHS, WINDOWS, TinyViT, pairwise_bias

_PREFIX = "image_encoder."
_NORM_EPS = 1e-5
"""Of the batch normalisations that are folded into the convolutions before them."""

Read = Callable[[str], Tensor]
"""The tensor of a name in the file; raises KeyError when there is none."""


def is_tiny_vit(checkpoint: Mapping[str, Tensor]) -> bool:
    """Whether a state dict is that of a SAM with a TinyViT as its encoder, or of such an encoder alone."""
    return any(name.removeprefix(_PREFIX) == "patch_embed.seq.0.c.weight" for name in checkpoint)


def from_checkpoint(checkpoint: Mapping[str, Tensor], source: str) -> TinyViT:
    """The frozen encoder out of a MobileSAM or LiteMedSAM state dict. ``source`` names the file in the WeightsError."""
    prefix = _PREFIX if any(name.startswith(_PREFIX) for name in checkpoint) else ""

    def read(name: str) -> Tensor:
        return checkpoint[prefix + name].float()

    def convolution(name: str) -> tuple[Tensor, Tensor]:
        scale = read(f"{name}.bn.weight") / (read(f"{name}.bn.running_var") + _NORM_EPS).sqrt()
        bias = read(f"{name}.bn.bias") - read(f"{name}.bn.running_mean") * scale
        return read(f"{name}.c.weight") * scale[:, None, None, None], bias

    def attention_bias(name: str, side: int) -> Tensor:
        return pairwise_bias(read(f"{name}.attention_biases"), side)

    return _filled(read, convolution, attention_bias, source)


def from_onnx(path: Path) -> TinyViT:
    """The frozen encoder out of an ONNX export of MobileSAM's encoder.

    The exporter folded normalisations into convolutions and transposed the weights of products; both have made-up
    names and are known by the node that uses them. Raises WeightsError when the file is no such export.
    """
    graph = read_graph(path.read_bytes())
    inputs = {node.name: node.inputs for node in graph.nodes}

    def read(name: str) -> Tensor:
        if name in graph:
            return torch.from_numpy(graph.weight(name))
        module, _, part = name.rpartition(".")
        node = _node_name(module)
        if f"{node}/MatMul" in inputs and part == "weight":  # x @ weight there, x @ weight.T in torch
            return _constant(graph, inputs[f"{node}/MatMul"]).T.contiguous()
        step = {"weight": "Mul", "bias": "Add_1"}[part]
        return _constant(graph, inputs[f"{node}/{step}"]).flatten()

    def convolution(name: str) -> tuple[Tensor, Tensor]:
        _, weight, bias = inputs[f"{_node_name(name)}/c/Conv"]
        return read(weight), read(bias)

    def attention_bias(name: str, side: int) -> Tensor:
        return _constant(graph, inputs[f"{_node_name(name)}/Add"])

    return _filled(read, convolution, attention_bias, path.name)


def _node_name(module: str) -> str:
    """The exporter's name of a module's nodes: ``layers.1.blocks.0.attn`` is ``/layers.1/blocks.0/attn``.

    The members of a Sequential have its name before their own: ``neck.1`` is ``/neck/neck.1``.
    """
    path = re.sub(r"\.(?=[a-z])", "/", module)
    return "/" + re.sub(r"(^|/)(neck|seq)(?=\.\d)", r"\1\2/\2", path)


def _constant(graph: Graph, names: tuple[str, ...]) -> Tensor:
    """The one stored tensor among a node's inputs."""
    stored = [name for name in names if name in graph]
    return torch.from_numpy(np.array(graph.weight(stored[0])))


def _filled(
    read: Read,
    convolution: Callable[[str], tuple[Tensor, Tensor]],
    attention_bias: Callable[[str, int], Tensor],
    source: str,
) -> TinyViT:
    """A TinyViT with what these readers find. Raises WeightsError for a missing tensor or one of another shape."""
    try:
        state = _state(read, convolution, attention_bias)
        first = state["patch_embed.0.weight"].shape[-1]
        with torch.device("meta"):
            model = TinyViT(stride=4 if first == 3 else 1)
        model.load_state_dict(state, assign=True)
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        lines = str(error).strip().splitlines()
        msg = f"{source} holds no TinyViT image encoder ({lines[min(1, len(lines) - 1)].strip()[:200]})."
        raise WeightsError(msg, "Choose the weights of MobileSAM or LiteMedSAM, or fetch the file again.") from error
    require_finite(state.values(), source)
    return model.requires_grad_(False).eval()


def _state(
    read: Read, convolution: Callable[[str], tuple[Tensor, Tensor]], attention_bias: Callable[[str, int], Tensor]
) -> dict[str, Tensor]:
    """All tensors by the names of ``TinyViT``'s state dict."""
    state: dict[str, Tensor] = {}

    def folded(ours: str, theirs: str) -> None:
        state[f"{ours}.weight"], state[f"{ours}.bias"] = convolution(theirs)

    def plain(ours: str, theirs: str, parts: tuple[str, ...] = ("weight", "bias")) -> None:
        state.update({f"{ours}.{part}": read(f"{theirs}.{part}") for part in parts})

    for index in (0, 1):
        folded(f"patch_embed.{index}", f"patch_embed.seq.{2 * index}")
        for number, name in enumerate(("expand", "spatial", "project"), 1):
            folded(f"convolutions.{index}.{name}", f"layers.0.blocks.{index}.conv{number}")
    for stage, (depth, window) in enumerate(zip(DEPTHS, WINDOWS, strict=True)):
        for number, name in enumerate(("expand", "spatial", "project"), 1):
            folded(f"merges.{stage}.{name}", f"layers.{stage}.downsample.conv{number}")
        for index in range(depth):
            ours, theirs = f"stages.{stage}.{index}", f"layers.{stage + 1}.blocks.{index}"
            plain(f"{ours}.attention.norm", f"{theirs}.attn.norm")
            plain(f"{ours}.attention.qkv", f"{theirs}.attn.qkv")
            plain(f"{ours}.attention.project", f"{theirs}.attn.proj")
            state[f"{ours}.attention.bias"] = attention_bias(f"{theirs}.attn", window)
            folded(f"{ours}.local", f"{theirs}.local_conv")
            plain(f"{ours}.norm", f"{theirs}.mlp.norm")
            plain(f"{ours}.expand", f"{theirs}.mlp.fc1")
            plain(f"{ours}.project", f"{theirs}.mlp.fc2")
    for index, name in enumerate(("reduce", "mix")):
        plain(f"neck.{name}", f"neck.{2 * index}", ("weight",))
        plain(f"neck.{name}_norm", f"neck.{2 * index + 1}")
    return state
