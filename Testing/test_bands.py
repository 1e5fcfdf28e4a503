"""Bottlenecks in bands of rows: the same numbers, whatever the picture's height and the convolution's stride."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from SAMAdaptLib.encoders import bands

openvino = pytest.importorskip("openvino")
from openvino import opset13 as ops  # noqa: E402

CHANNELS, WIDE, WIDTH = 3, 12, 5


def bottleneck(
    height: int, stride: int = 1, side: int = 3, shortcut: bool = False, looked_at: bool = False, map_of: int = 1
) -> openvino.Model:
    """One as TinyViT has it: wider, each channel's neighbours, narrower; GELU as ONNX files spell it between."""
    draw = np.random.default_rng(0)
    shown = ops.parameter([1, CHANNELS, height, WIDTH], np.float32, name="picture")
    entering = gelu(shown)
    widening = ops.convolution(entering, weights(draw, WIDE, CHANNELS, 1, 1), *at(1, 0))
    widening.set_friendly_name("widening")
    wider = gelu(biased(widening, draw))
    wider = ops.multiply(wider, weights(draw, map_of, 1))
    looked = ops.group_convolution(wider, weights(draw, WIDE, 1, 1, side, side), *at(stride, side // 2))
    activated = gelu(biased(looked, draw))
    leaving = biased(ops.convolution(activated, weights(draw, CHANNELS, WIDE, 1, 1), *at(1, 0)), draw)
    if shortcut:
        leaving = gelu(ops.add(leaving, entering))
    leaving.set_friendly_name("leaving")
    after = ops.convolution(leaving, weights(draw, 2, CHANNELS, 1, 1), *at(1, 0))
    results = [after, *([activated] if looked_at else [])]
    return openvino.Model([result.output(0) for result in results], [shown], "bottleneck")


def at(stride: int, padding: int) -> tuple[list[int], ...]:
    return [stride] * 2, [padding] * 2, [padding] * 2, [1, 1]


def weights(draw: np.random.Generator, *shape: int) -> np.ndarray:
    return draw.normal(size=shape).astype(np.float32)


def biased(node: openvino.Node, draw: np.random.Generator) -> openvino.Node:
    """With a bias that has its shape from a reshape, as OpenVINO's importer leaves it."""
    channels = node.output(0).get_shape()[1]
    bias = ops.reshape(ops.constant(weights(draw, channels)), np.array([1, channels, 1, 1]), False)
    return ops.add(node, bias)


def gelu(node: openvino.Node) -> openvino.Node:
    error = ops.erf(ops.divide(node, np.float32(math.sqrt(2))))
    return ops.multiply(ops.multiply(node, ops.add(error, np.float32(1))), np.float32(0.5))


def computed(model: openvino.Model, given: np.ndarray) -> list[np.ndarray]:
    how = {"INFERENCE_PRECISION_HINT": "f32"}
    result = openvino.Core().compile_model(model, "CPU", how).create_infer_request().infer([given])
    return [np.array(result[index]) for index in range(len(model.outputs))]


def count(model: openvino.Model, kind: str) -> int:
    return [node.get_type_name() for node in model.get_ordered_ops()].count(kind)


def divided(monkeypatch: pytest.MonkeyPatch, model: openvino.Model, rows: int) -> openvino.Model:
    """The model with its bottleneck in bands of about so many rows."""
    monkeypatch.setattr(bands, "_WIDE", 1)
    monkeypatch.setattr(bands, "_BAND", rows * WIDE * WIDTH)
    bands.in_bands(model)
    return model


@given(
    height=st.integers(1, 23),
    rows=st.integers(1, 9),
    stride=st.integers(1, 3),
    side=st.sampled_from([1, 3, 5]),
    shortcut=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_bands_give_the_numbers_of_the_whole(height: int, rows: int, stride: int, side: int, shortcut: bool):
    shortcut = shortcut and stride == 1
    shown = np.random.default_rng(height).normal(size=(1, CHANNELS, height, WIDTH)).astype(np.float32)
    whole = computed(bottleneck(height, stride, side, shortcut), shown)[0]
    with pytest.MonkeyPatch.context() as patched:
        model = divided(patched, bottleneck(height, stride, side, shortcut), rows)
    np.testing.assert_allclose(computed(model, shown)[0], whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shortcut", [False, True])
def test_a_bottleneck_is_computed_in_as_many_bands_as_it_takes(monkeypatch: pytest.MonkeyPatch, shortcut: bool):
    model = divided(monkeypatch, bottleneck(10, shortcut=shortcut), rows=4)
    assert count(model, "GroupConvolution") == 3
    assert count(model, "Concat") == 1
    assert count(model, "Convolution") == 2 * 3 + 1, "the convolution after the bottleneck sees the whole picture"


def test_rounding_to_integers_is_done_in_each_band(monkeypatch: pytest.MonkeyPatch):
    from SAMAdaptLib.encoders.openvino_graph import quantise

    shown = np.random.default_rng(0).normal(size=(1, CHANNELS, 9, WIDTH)).astype(np.float32)
    whole, model = bottleneck(9), divided(monkeypatch, bottleneck(9), rows=3)
    ranges = {"widening": (-1.0, 4.0)}
    for each in (whole, model):
        quantise(each, ranges)
    assert count(model, "FakeQuantize") == 3 * count(whole, "FakeQuantize")
    np.testing.assert_allclose(computed(model, shown)[0], computed(whole, shown)[0], atol=1e-4)


def test_a_small_picture_is_computed_at_once():
    model = bottleneck(16)
    before = [node.get_type_name() for node in model.get_ordered_ops()]
    bands.in_bands(model)
    assert [node.get_type_name() for node in model.get_ordered_ops()] == before


def test_what_somebody_else_looks_at_is_computed_at_once(monkeypatch: pytest.MonkeyPatch):
    model = divided(monkeypatch, bottleneck(10, looked_at=True), rows=4)
    assert count(model, "GroupConvolution") == 1


def test_what_is_multiplied_by_numbers_of_each_row_is_computed_at_once(monkeypatch: pytest.MonkeyPatch):
    model = divided(monkeypatch, bottleneck(10, map_of=10), rows=4)
    assert count(model, "GroupConvolution") == 1


def test_several_pictures_at_once_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch):
    model = bottleneck(10)
    model.reshape([2, CHANNELS, 10, WIDTH])
    assert count(divided(monkeypatch, model, rows=4), "GroupConvolution") == 1
