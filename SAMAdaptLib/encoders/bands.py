"""A graph's first layers computed in bands of rows, so that what is wide between them stays in the processor's cache.

An inverted bottleneck (Sandler et al., "MobileNetV2", arXiv 1801.04381) widens a picture to several times its channels,
looks at each cell's neighbours, and narrows it again. At 256 x 256 cells of 256 channels what is wide has 67 MB, which
leaves the processor and comes back at every step. A few rows at a time stay. Each number is computed as before; the
rows that two bands look at are computed in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .openvino_graph import kind_of, sizes_of

_WIDE = 1 << 22
"""Elements of a picture from which on it is computed in bands."""

_BAND = 1 << 20
"""Elements of a band, at its widest: 4 MB in fp32."""

_ROWS = 2
"""The axis of a picture (1, C, H, W) that is divided."""

_ELEMENTWISE = ("Add", "Divide", "Erf", "Multiply")


def in_bands(model: Any) -> None:
    """Compute the widest bottlenecks of ``model``, whose input has a size, in bands of rows; it is changed."""
    for node in model.get_ordered_ops():
        found = _bottleneck(node) if node.get_type_name() == "GroupConvolution" else None
        if found is not None:
            _divide(*found)


def _divide(start: Any, end: Any, wide: list[int]) -> None:
    """Have ``end`` computed from ``start`` in bands; between them pictures are as large as ``wide``."""
    from openvino import opset13 as ops

    height = end.get_shape()[_ROWS]
    step = max(1, _BAND * height // int(np.prod(wide)))
    targets = list(end.get_target_inputs())
    bands = [_Band(start).rows(end, top, min(top + step, height)) for top in range(0, height, step)]
    whole = ops.concat(bands, _ROWS).output(0)
    for target in targets:
        target.replace_source_output(whole)


def _bottleneck(middle: Any) -> tuple[Any, Any, list[int]] | None:
    """(what enters, what leaves, sizes in between) of the bottleneck around a convolution; None where it is none.

    It begins with the convolution before ``middle``, and ends behind the one after it, with what is added to that and
    its activation. Nothing else may look at what lies in between.
    """
    wide = sizes_of(middle.input_value(0))
    if len(wide) != 4 or wide[0] != 1 or np.prod(wide) < _WIDE:
        return None
    first = middle.input_value(0).get_node()
    while first.get_type_name() in _ELEMENTWISE:
        first = _sources(first)[0].get_node()
    if first.get_type_name() != "Convolution":
        return None
    start = first.input_value(0)
    inside, leaving = _between(start, first)
    convolutions = [node.get_type_name() for node in inside.values()].count("Convolution")
    if len(leaving) != 1 or convolutions != 2 or middle.get_name() not in inside:
        return None
    return start, leaving[0], wide


def _between(start: Any, first: Any) -> tuple[dict[str, Any], list[Any]]:
    """(nodes by name, their outputs that others need) that follow from ``start`` alone, from the convolution ``first``
    to what is behind the next one."""
    inside, queue = {first.get_name(): first}, [first]
    known = {start.get_node().get_name()}
    convolutions = 1
    while queue:
        for node in _users(queue.pop(0)):
            name, kind = node.get_name(), node.get_type_name()
            sources = {value.get_node().get_name() for value in _sources(node)}
            if name in inside or not sources <= known.union(inside):
                continue
            convolutions += kind == "Convolution"
            if kind in _ELEMENTWISE or (_is_padded_by_number(node) and convolutions <= 2):
                inside[name] = node
                queue.append(node)
    used = {name: {user.get_name() for user in _users(node)} for name, node in inside.items()}
    return inside, [node.output(0) for name, node in inside.items() if used[name] - set(inside)]


def _sources(node: Any) -> list[Any]:
    """The inputs of an operation that hold pictures."""
    values: list[Any] = node.input_values()
    if node.get_type_name() not in _ELEMENTWISE:
        return values[:1]
    return [value for value in values if _constant(value) is None]


def _is_padded_by_number(node: Any) -> bool:
    """Whether it is a convolution that says how many zeros stand at the picture's edges."""
    kinds = ("Convolution", "GroupConvolution")
    return node.get_type_name() in kinds and str(node.get_attributes()["auto_pad"]).lower() == "explicit"


def _users(node: Any) -> list[Any]:
    """The nodes that read what it gives; a shape is known without."""
    users = [target.get_node() for output in node.outputs() for target in output.get_target_inputs()]
    return [user for user in users if user.get_type_name() != "ShapeOf"]


@dataclass
class _Band:
    """Some rows of a picture, computed from the rows that they need of ``start``."""

    start: Any
    _known: dict[tuple[str, int, int, int], Any] = field(default_factory=dict)

    def rows(self, value: Any, top: int, bottom: int) -> Any:
        """The output that holds the rows from ``top`` to before ``bottom`` of ``value``."""
        key = (value.get_node().get_name(), value.get_index(), top, bottom)
        if key not in self._known:
            self._known[key] = self._computed(value, top, bottom)
        return self._known[key]

    def _computed(self, value: Any, top: int, bottom: int) -> Any:
        from openvino import opset13 as ops

        node = value.get_node()
        if node.get_name() == self.start.get_node().get_name():
            ends = (np.array([end]) for end in (top, bottom, 1, _ROWS))
            return ops.slice(value, *ends).output(0)
        if node.get_type_name() in _ELEMENTWISE:
            inputs = [self._operand(operand, top, bottom) for operand in node.input_values()]
            result = _elementwise(node)(*inputs)
        else:
            result = self._convolved(node, top, bottom)
        result.set_friendly_name(node.get_friendly_name())
        return result.output(0)

    def _operand(self, value: Any, top: int, bottom: int) -> Any:
        """Constants are copied: one that several operations share keeps OpenVINO from computing them with the
        convolution before."""
        from openvino import opset13 as ops

        constant = _constant(value)
        return self.rows(value, top, bottom) if constant is None else ops.constant(constant).output(0)

    def _convolved(self, node: Any, top: int, bottom: int) -> Any:
        """Zeros stand beyond the picture's edges, and its own rows beyond the band's."""
        from openvino import opset13 as ops

        convolution = ops.convolution if node.get_type_name() == "Convolution" else ops.group_convolution
        how = node.get_attributes()
        above, left = how["pads_begin"]
        stride, dilation = how["strides"][0], how["dilations"][0]
        side = node.input_value(1).get_shape()[-2]
        first = top * stride - above
        last = (bottom - 1) * stride - above + (side - 1) * dilation + 1
        height = sizes_of(node.input_value(0))[_ROWS]
        missing = max(0, -first), max(0, last - height)
        source = self.rows(node.input_value(0), first + missing[0], last - missing[1])
        pads = [missing[0], left], [missing[1], how["pads_end"][1]]
        return convolution(source, node.input_value(1), list(how["strides"]), *pads, list(how["dilations"]))


def _elementwise(node: Any) -> Callable[..., Any]:
    """What makes an operation like ``node`` from its inputs."""
    from openvino import opset13 as ops

    return {"Add": ops.add, "Divide": ops.divide, "Erf": ops.erf, "Multiply": ops.multiply}[node.get_type_name()]


def _constant(value: Any) -> np.ndarray | None:
    """Its numbers where they are constant and the same for each row: as they are, or reshaped as biases come."""
    node = value.get_node()
    if kind_of(value) == "Constant":
        numbers = np.array(node.data)
    elif node.get_type_name() == "Reshape" and sizes_of(value) and kind_of(node.input_value(0)) == "Constant":
        numbers = np.array(node.input_value(0).get_node().data).reshape(sizes_of(value))
    else:
        return None
    return numbers if numbers.ndim < 2 or numbers.shape[-2] == 1 else None
