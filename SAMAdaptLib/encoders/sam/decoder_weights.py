"""SAM's mask decoder as a start for the autosam head: out of an ONNX export or out of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import WeightsError
from ..weights.onnx_graph import Graph, Node, read_graph

if TYPE_CHECKING:
    from torch import Tensor

_DECODER = "mask_decoder."
_GAUSSIAN = "pe_layer.positional_encoding_gaussian_matrix"
_NO_MASK = "no_mask_embed.weight"
_UPSCALING_NORM = "/output_upscaling/output_upscaling.1/"
_NEEDED = (
    "transformer.layers.1.cross_attn_image_to_token.out_proj.weight",
    "transformer.final_attn_token_to_image.q_proj.weight",
    "output_upscaling.1.weight",
    "output_upscaling.1.bias",
    "iou_token.weight",
    "mask_tokens.weight",
    "pe_gaussian",
    "no_mask_embed",
)


def from_onnx(path: Path) -> dict[str, np.ndarray]:
    """The decoder's tensors out of an export by segment-anything's script. See ``base.Encoder.decoder_state``.

    Most tensors kept their names. The exporter folded the others into constants with made-up names; they are known
    by the node that uses them. Raises WeightsError when the file is no such export.
    """
    graph = read_graph(path.read_bytes())
    state = {name[len(_DECODER) :]: graph.weight(name) for name in graph.initializers if name.startswith(_DECODER)}
    for node in graph.nodes:
        state.update(_folded(graph, node))
    for name in graph.initializers:
        if name.endswith(_GAUSSIAN):
            state["pe_gaussian"] = graph.weight(name)
    return _whole(state, str(path))


def from_checkpoint(checkpoint: Mapping[str, Tensor], source: str) -> dict[str, np.ndarray]:
    """The decoder's tensors out of SAM's state dict. ``source`` names it in the error. See ``from_onnx``."""

    def array(name: str) -> np.ndarray:
        return checkpoint[name].detach().float().cpu().numpy().copy()

    state = {name[len(_DECODER) :]: array(name) for name in checkpoint if name.startswith(_DECODER)}
    prompt = {"pe_gaussian": f"prompt_encoder.{_GAUSSIAN}", "no_mask_embed": f"prompt_encoder.{_NO_MASK}"}
    state.update({key: array(name) for key, name in prompt.items() if name in checkpoint})
    return _whole(state, source)


def _folded(graph: Graph, node: Node) -> dict[str, np.ndarray]:
    """What a node tells about a constant among its inputs, in the shapes that torch's modules have."""
    constants = [graph.weight(name) for name in node.inputs if name in graph.initializers and "::" in name]
    if not constants:
        return {}
    value = constants[0]
    if node.operation == "MatMul":  # Stored transposed: the graph computes x @ weight, torch x @ weight.T.
        module = node.name.removesuffix("/MatMul").strip("/").replace("/", ".")
        return {f"{module}.weight": np.ascontiguousarray(value.T)}
    if node.name.startswith(_UPSCALING_NORM) and node.operation in ("Mul", "Add"):
        part = "weight" if node.operation == "Mul" else "bias"
        return {f"output_upscaling.1.{part}": value.reshape(-1)}
    if node.operation == "Expand" and value.ndim == 3:  # One token for the quality, then one for each mask.
        return {"iou_token.weight": value[0, :1].copy(), "mask_tokens.weight": value[0, 1:].copy()}
    if node.operation == "Mul" and value.ndim == 4:
        return {"no_mask_embed": value.reshape(1, -1)}
    return {}


def _whole(state: dict[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    missing = [name for name in _NEEDED if name not in state]
    if missing:
        msg = f"{source} holds no whole SAM mask decoder: {', '.join(missing)} missing."
        raise WeightsError(msg, "Use the decoder that belongs to the encoder, or another head than autosam.")
    return state
