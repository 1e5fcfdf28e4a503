"""Just enough of the ONNX file format to take weights out of a graph by the nodes that use them.

ONNX files are protobuf messages. Reading a handful of fields needs no ``onnx`` package, which Slicer does not have.
Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from ...errors import WeightsError

_GRAPH = 7
_NODE, _INITIALIZER = 1, 5
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
    """A graph's nodes, its stored tensors by name, and those that Constant nodes hold."""

    nodes: list[Node] = field(default_factory=list)
    initializers: dict[str, memoryview] = field(default_factory=dict)
    constants: dict[str, memoryview] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.initializers or name in self.constants

    def weight(self, name: str) -> np.ndarray:
        """The float32 tensor of that name, as a copy. Raises WeightsError for another type."""
        return _tensor(self.initializers[name] if name in self.initializers else self.constants[name], name)


def read_graph(model: bytes) -> Graph:
    """Look into an ONNX file's bytes. Raises WeightsError if they are not one."""
    graph = Graph()
    for number, value in _fields(memoryview(model)):
        if number == _GRAPH and isinstance(value, memoryview):
            _read_part(value, graph)
    if not graph.nodes:
        _refuse("it holds no graph")
    return graph


def _read_part(part: memoryview, graph: Graph) -> None:
    for number, value in _fields(part):
        if not isinstance(value, memoryview):
            continue
        if number == _NODE:
            node = _node(value)
            graph.nodes.append(node)
            if node.operation == "Constant":
                graph.constants.update(dict.fromkeys(node.outputs, _constant_value(value)))
        elif number == _INITIALIZER:
            graph.initializers[_text(value, 8)] = value


def _node(message: memoryview) -> Node:
    lists: dict[int, list[str]] = {1: [], 2: [], 3: [""], 4: [""]}
    for number, value in _fields(message):
        if number in lists and isinstance(value, memoryview):
            lists[number].append(_decoded(value))
    return Node(lists[4][-1], lists[3][-1], tuple(lists[1]), tuple(lists[2]))


def _constant_value(message: memoryview) -> memoryview:
    """The tensor of a Constant node: AttributeProto.t of its first attribute; empty when that is no tensor."""
    attribute = next((value for number, value in _blocks(message) if number == 5), memoryview(b""))
    return next((value for number, value in _blocks(attribute) if number == 5), memoryview(b""))


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


def _refuse(why: str) -> NoReturn:
    msg = f"This is not a whole ONNX file: {why}."
    raise WeightsError(msg, "Fetch it again, or choose another file.")
