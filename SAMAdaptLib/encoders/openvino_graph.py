"""An ONNX graph as OpenVINO holds it, rearranged to be computed faster: the same weights, nothing learned again.

Where the same numbers can be had with fewer moves in memory, the graph is changed for good: attention's queries, keys
and values come out of one product and would be cut apart, and tokens become pictures and tokens again. And where the
range of what enters a product is known, the product can be computed in 8-bit integers: half the width of bf16, and no
coarser where values are spread over their range. Source for the latter: Jacob et al., "Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference", arXiv 1712.05877; OpenVINO turns pairs of
``FakeQuantize`` around a product into integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Ranges = Mapping[str, tuple[float, float]]
"""The least and greatest value that enters a product, by the product's name in the ONNX file."""

_PRODUCTS = ("MatMul", "Convolution")
_LEVELS = 256
_WEIGHT_LEVELS = 255
"""One less, so that weights are symmetric around zero."""

_NEARLY_POSITIVE = 0.25
"""Values whose negative part is at most this share of the positive one (as GELU leaves them) have a range of their own
on both sides; others have one that is symmetric, which integer products are quicker with."""


def rearrange(model: Any) -> None:
    """Have ``model`` give the same numbers with less to be moved; its input has a size."""
    split_projections(model)
    transpose_pictures(model)


def split_projections(model: Any) -> None:
    """Replace each product that is cut into equal rows of heads by one product a part; ``model`` is changed.

    The pattern: MatMul (C, heads * sum of parts), Add, Reshape (..., heads, sum of parts), VariadicSplit.
    """
    from openvino import opset13 as ops

    for split in model.get_ordered_ops():
        found = _projection(split)
        if found is None:
            continue
        source, weight, bias, shape = found
        heads, start = shape[-2], 0
        for output in split.outputs():
            width = output.get_shape()[-1]
            part = slice(start, start + width)
            start += width
            own_weight = weight.reshape(len(weight), heads, -1)[:, :, part].reshape(len(weight), -1)
            own_bias = bias.reshape(heads, -1)[:, part].reshape(-1)
            product = ops.matmul(source, np.ascontiguousarray(own_weight), False, False)
            product.set_friendly_name(_product_of(split).get_friendly_name())
            moved = ops.add(product, np.ascontiguousarray(own_bias))
            whole = ops.reshape(moved, np.array([*shape[:-1], width], dtype=np.int64), False)
            for target in list(output.get_target_inputs()):
                target.replace_source_output(whole.output(0))


def _product_of(split: Any) -> Any:
    add = split.input_value(0).get_node().input_value(0).get_node()
    return next(value.get_node() for value in add.input_values() if kind_of(value) == "MatMul")


def _projection(split: Any) -> tuple[Any, np.ndarray, np.ndarray, list[int]] | None:
    """(what enters, weight, bias, shape before the cut) of a product that is cut apart; None for anything else."""
    if split.get_type_name() != "VariadicSplit" or kind_of(split.input_value(0)) != "Reshape":
        return None
    reshape = split.input_value(0).get_node()
    add, shape = reshape.input_value(0).get_node(), sizes_of(reshape.output(0))
    if add.get_type_name() != "Add" or {kind_of(value) for value in add.input_values()} != {"Constant", "MatMul"}:
        return None
    bias = next(np.array(value.get_node().data) for value in add.input_values() if kind_of(value) == "Constant")
    product = _product_of(split)
    turned = any(product.get_attributes().get(name) for name in ("transpose_a", "transpose_b"))
    if turned or any(kind_of(value) != "Constant" for value in (product.input_value(1), split.input_value(1))):
        return None
    weight, axis = _values(product.input_value(1)), int(_values(split.input_value(1)))
    width = shape[-2] * shape[-1] if len(shape) > 1 else -1
    if axis not in (-1, len(shape) - 1) or weight.ndim != 2 or weight.shape[1] != width or bias.size != width:
        return None
    return product.input_value(0), weight, bias, shape


def transpose_pictures(model: Any) -> None:
    """Bring tokens (1, L, C) into a picture (1, C, H, W), and back, by a transpose of four axes; ``model`` is changed.

    A convolution keeps channels last in memory, as tokens do: OpenVINO sees that nothing need be moved for such a
    transpose, but not for one of three axes before or after a reshape.
    """
    from openvino import opset13 as ops

    for node in model.get_ordered_ops():
        if node.get_type_name() not in ("Reshape", "Transpose"):
            continue
        before = node.input_value(0).get_node()
        shape, inner = (sizes_of(output) for output in (node.output(0), before.output(0)))
        result: Any = None
        if _swaps(before) and len(shape) == 4 and node.get_type_name() == "Reshape":
            _, channels, rows, columns = shape
            if inner == [1, channels, rows * columns]:
                picture = ops.reshape(before.input_value(0), np.array([1, rows, columns, channels]), False)
                result = ops.transpose(picture, np.array([0, 3, 1, 2]))
        elif _swaps(node) and before.get_type_name() == "Reshape":
            picture = before.input_value(0)
            if sizes_of(picture)[:2] == [1, inner[1]] and len(sizes_of(picture)) == 4:
                tokens = ops.transpose(picture, np.array([0, 2, 3, 1]))
                result = ops.reshape(tokens, np.array(shape), False)
        if result is not None:
            for target in list(node.output(0).get_target_inputs()):
                target.replace_source_output(result.output(0))


def _swaps(node: Any) -> bool:
    """Whether it exchanges the last two of three axes."""
    if node.get_type_name() != "Transpose" or kind_of(node.input_value(1)) != "Constant":
        return False
    return [int(axis) for axis in _values(node.input_value(1))] == [0, 2, 1]


def sizes_of(value: Any) -> list[int]:
    """Its sizes; none where one is open."""
    sizes = value.get_partial_shape()
    return [int(side) for side in sizes.to_shape()] if sizes.is_static else []


def products(model: Any) -> list[Any]:
    """The products with constant weights, in order of computation, that could be computed in integers."""
    nodes = model.get_ordered_ops()
    return [node for node in nodes if node.get_type_name() in _PRODUCTS and kind_of(node.input_value(1)) == "Constant"]


def product_name(product: Any) -> str:
    """Its name in the ONNX file: OpenVINO's importer marks convolutions of which it parts the bias."""
    return str(product.get_friendly_name()).removesuffix("/WithoutBiases")


def quantise(model: Any, ranges: Ranges) -> None:
    """Have the products that ``ranges`` names computed in 8-bit integers; ``model`` is changed.

    Weights are rounded for each output channel by itself, what enters for the whole tensor. Names that the model lacks
    are passed over, and so are products without a range.
    """
    from openvino import opset13 as ops

    rounded: dict[tuple[str, int], Any] = {}
    for product in products(model):
        bounds = ranges.get(product_name(product))
        if bounds is None:
            continue
        source = product.input_value(0)
        key = (source.get_node().get_name(), source.get_index())
        if key not in rounded:
            low, high = (np.float32(bound) for bound in _rounded(*bounds))
            rounded[key] = ops.fake_quantize(source, low, high, low, high, _LEVELS).output(0)
        product.input(0).replace_source_output(rounded[key])
        limit = _weight_limits(product)
        weight = ops.fake_quantize(product.input_value(1), -limit, limit, -limit, limit, _WEIGHT_LEVELS)
        product.input(1).replace_source_output(weight.output(0))


def _rounded(low: float, high: float) -> tuple[float, float]:
    """The ends of the scale for values from ``low`` to ``high``."""
    if low >= 0:
        return 0.0, high
    if -low <= _NEARLY_POSITIVE * high:
        return low, high
    limit = max(-low, high)
    return -limit * _LEVELS / (_LEVELS - 2), limit


def _weight_limits(product: Any) -> np.ndarray:
    """The greatest weight of each output channel, in a shape that broadcasts."""
    weight = _values(product.input_value(1))
    axes: tuple[int, ...]
    if product.get_type_name() == "Convolution":
        axes = tuple(range(1, weight.ndim))
    else:
        outputs = weight.ndim - (2 if product.get_attributes().get("transpose_b") else 1)
        axes = tuple(axis for axis in range(weight.ndim) if axis != outputs)
    limits: np.ndarray = np.maximum(np.abs(weight).max(axis=axes, keepdims=True), np.float32(1e-8))
    return limits


def kind_of(value: Any) -> str:
    """The type of the node that gives it."""
    return str(value.get_node().get_type_name())


def _values(value: Any) -> np.ndarray:
    return np.array(value.get_node().data)
