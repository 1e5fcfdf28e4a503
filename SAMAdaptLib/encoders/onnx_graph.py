"""Just enough of the ONNX file format to look into a graph, take weights out, and tap inner tensors.

ONNX files are protobuf messages. Reading a handful of fields needs no ``onnx`` package, which Slicer does not have.
Field numbers are those of onnx.proto3. Tapping uses a rule of protobuf: two parts of the same message that follow one
another are merged, their lists concatenated. So appended bytes can add nodes and outputs, and nothing is rewritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from ..errors import WeightsError

_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_FLOAT = 1


@dataclass(frozen=True)
class Node:
    """One operation: what it computes from which tensors."""

    operation: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass
class Graph:
    """A graph's interface and nodes. Shapes map names to sizes, -1 where the file leaves one open."""

    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    initializers: dict[str, memoryview] = field(default_factory=dict)

    def tensors(self) -> set[str]:
        """Names of all tensors that nodes compute."""
        return {name for node in self.nodes for name in node.outputs}

    def weight(self, name: str) -> np.ndarray:
        """The stored float32 tensor of that name, as a copy. Raises WeightsError for another type."""
        return _tensor(self.initializers[name], name)


@dataclass(frozen=True)
class Tap:
    """An inner tensor (N, C, H, W) to be given out as ``output``, averaged over ``pool`` x ``pool`` pixels."""

    tensor: str
    output: str
    pool: int = 1


def read_graph(model: bytes) -> Graph:
    """Look into an ONNX file's bytes. Raises WeightsError if they are not one."""
    graph = Graph()
    for number, value in _fields(memoryview(model)):
        if number == _GRAPH and isinstance(value, memoryview):
            _read_part(value, graph)
    if not graph.nodes or not graph.outputs:
        _refuse("it holds no graph")
    for name in graph.initializers:  # Files of early versions list weights among the inputs.
        graph.inputs.pop(name, None)
    return graph


def with_taps(model: bytes, taps: tuple[Tap, ...]) -> bytes:
    """The same model with one more output a tap."""
    if not taps:
        return model
    part = b"".join(_pool_node(tap) + _block(_OUTPUT, _value_info(tap.output)) for tap in taps)
    return model + _block(_GRAPH, part)


def _pool_node(tap: Tap) -> bytes:
    """An AveragePool node, or for ``pool`` 1 an Identity, which only gives the tensor another name."""
    operation = b"AveragePool" if tap.pool > 1 else b"Identity"
    node = _block(1, tap.tensor.encode()) + _block(2, tap.output.encode())
    node += _block(3, tap.output.encode()) + _block(4, operation)
    if tap.pool > 1:
        node += _block(5, _integers("kernel_shape", (tap.pool, tap.pool)))
        node += _block(5, _integers("strides", (tap.pool, tap.pool)))
    return _block(_NODE, node)


def _integers(name: str, values: tuple[int, ...]) -> bytes:
    """An AttributeProto of type INTS (7)."""
    return _block(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, 7)


def _value_info(name: str) -> bytes:
    """A float32 tensor of four dimensions, whose sizes the runtime infers."""
    sizes = _block(1, b"") * 4
    return _block(1, name.encode()) + _block(2, _block(1, _number(1, _FLOAT) + _block(2, sizes)))


def _read_part(part: memoryview, graph: Graph) -> None:
    for number, value in _fields(part):
        if not isinstance(value, memoryview):
            continue
        if number == _NODE:
            graph.nodes.append(_node(value))
        elif number == _INITIALIZER:
            graph.initializers[_text(value, 8)] = value
        elif number == _INPUT:
            graph.inputs[_text(value, 1)] = _shape(value)
        elif number == _OUTPUT:
            graph.outputs[_text(value, 1)] = _shape(value)


def _node(message: memoryview) -> Node:
    lists: dict[int, list[str]] = {1: [], 2: [], 3: [""], 4: [""]}
    for number, value in _fields(message):
        if number in lists and isinstance(value, memoryview):
            lists[number].append(_decoded(value))
    return Node(lists[4][-1], lists[3][-1], tuple(lists[1]), tuple(lists[2]))


def _shape(value_info: memoryview) -> tuple[int, ...]:
    """ValueInfoProto.type.tensor_type.shape.dim[*].dim_value; -1 for a dimension without a value."""
    shape = value_info
    for number in (2, 1, 2):
        shape = next((value for found, value in _blocks(shape) if found == number), memoryview(b""))
    dimensions = [value for number, value in _blocks(shape) if number == 1]
    return tuple(next((int(v) for n, v in _fields(d) if n == 1 and isinstance(v, int)), -1) for d in dimensions)


def _tensor(message: memoryview, name: str) -> np.ndarray:
    """A TensorProto of type float32, stored raw or as a list of floats."""
    dimensions: list[int] = []
    kind, content = 0, b""
    for number, value in _fields(message):
        if number == 1:
            dimensions += [value] if isinstance(value, int) else list(_varints(value))
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number in (4, 9) and isinstance(value, memoryview):
            content += bytes(value)
    if kind != _FLOAT or len(content) != 4 * int(np.prod(dimensions)):
        _refuse(f"the tensor {name} is not {dimensions} of float32")
    return np.frombuffer(content, dtype="<f4").reshape(dimensions).astype(np.float32)


def _text(message: memoryview, wanted: int) -> str:
    return next((_decoded(value) for number, value in _blocks(message) if number == wanted), "")


def _decoded(value: memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        _refuse("a name in it is no text")


def _blocks(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields that hold bytes."""
    for number, value in _fields(message):
        if isinstance(value, memoryview):
            yield number, value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of a protobuf message; 32- and 64-bit values come as bytes, too."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        if kind == 0:
            number, position = _varint(message, position)
            yield key >> 3, number
            continue
        if kind == 2:
            length, position = _varint(message, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            _refuse(f"byte {position} starts no field")
        if position + length > len(message):
            _refuse("it ends too early")
        yield key >> 3, message[position : position + length]
        position += length


def _varints(message: memoryview) -> Iterator[int]:
    position = 0
    while position < len(message):
        value, position = _varint(message, position)
        yield value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """The number that starts at ``position``, seven bits a byte, and the position after it."""
    value, shift = 0, 0
    while True:
        if position >= len(message) or shift > 63:
            _refuse("a number in it does not end")
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position


def _encoded(value: int) -> bytes:
    """``_varint``'s inverse."""
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes(result) + bytes([value])


def _number(field_number: int, value: int) -> bytes:
    return _encoded(field_number << 3) + _encoded(value)


def _block(field_number: int, content: bytes) -> bytes:
    return _encoded(field_number << 3 | 2) + _encoded(len(content)) + content


def _refuse(why: str) -> NoReturn:
    msg = f"This is not a whole ONNX file: {why}."
    raise WeightsError(msg, "Fetch it again, or choose another file.")
