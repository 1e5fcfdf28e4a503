"""Graphs rearranged for OpenVINO: what is exact stays exact, what is rounded is rounded no more than the scale says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SAMAdaptLib.encoders.openvino_graph import (
    product_name,
    products,
    quantise,
    rearrange,
    split_projections,
    transpose_pictures,
)

openvino = pytest.importorskip("openvino")
from openvino import opset13 as ops  # noqa: E402

TOKENS, CHANNELS, HEADS, PARTS = 12, 16, 2, (8, 8, 8)


def cut_elsewhere(axis: int) -> openvino.Model:
    """A product whose rows are cut apart along another axis than the last one."""
    tokens = ops.parameter([TOKENS, CHANNELS], np.float32, name="tokens")
    product = ops.matmul(tokens, np.ones((CHANNELS, HEADS * 6), np.float32), False, False)
    rows = ops.reshape(ops.add(product, np.zeros(HEADS * 6, np.float32)), np.array([TOKENS, HEADS, 6]), False)
    cut = ops.variadic_split(rows, np.int64(axis), np.array([1, rows.output(0).get_shape()[axis] - 1]))
    return openvino.Model([cut.output(0), cut.output(1)], [tokens], "cut")


def attention(parts: tuple[int, ...] = PARTS) -> openvino.Model:
    """One product that is cut into queries, keys and values head by head, and what becomes of them."""
    draw = np.random.default_rng(0)
    width = HEADS * sum(parts)
    tokens = ops.parameter([TOKENS, CHANNELS], np.float32, name="tokens")
    product = ops.matmul(tokens, draw.normal(size=(CHANNELS, width)).astype(np.float32), False, False)
    product.set_friendly_name("qkv")
    moved = ops.add(product, draw.normal(size=width).astype(np.float32))
    rows = ops.reshape(moved, np.array([TOKENS, HEADS, sum(parts)]), False)
    cut = ops.variadic_split(rows, np.int64(2), np.array(parts))
    swapped = [ops.transpose(cut.output(index), np.array([1, 0, 2])) for index in range(3)]
    scores = ops.softmax(ops.matmul(swapped[0], swapped[1], False, True), 2)
    return openvino.Model([ops.matmul(scores, swapped[2], False, False)], [tokens], "attention")


def tokens_to_picture_and_back(rows: int, columns: int) -> openvino.Model:
    """A convolution of each channel by itself between two transposes of three axes, as TinyViT's blocks have it."""
    tokens = ops.parameter([1, rows * columns, CHANNELS], np.float32, name="tokens")
    channels_first = ops.transpose(tokens, np.array([0, 2, 1]))
    picture = ops.reshape(channels_first, np.array([1, CHANNELS, rows, columns]), False)
    weight = np.random.default_rng(0).normal(size=(CHANNELS, 1, 1, 3, 3)).astype(np.float32)
    found = ops.group_convolution(picture, weight, [1, 1], [1, 1], [1, 1], [1, 1])
    flat = ops.reshape(found, np.array([1, CHANNELS, rows * columns]), False)
    return openvino.Model([ops.transpose(flat, np.array([0, 2, 1]))], [tokens], "block")


def convolution(weight: np.ndarray) -> openvino.Model:
    shown = ops.parameter([1, weight.shape[1], 6, 6], np.float32, name="picture")
    result = ops.convolution(shown, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    result.set_friendly_name("conv/WithoutBiases")
    return openvino.Model([result], [shown], "convolution")


def product(weight: np.ndarray) -> openvino.Model:
    shown = ops.parameter([3, len(weight)], np.float32, name="rows")
    result = ops.matmul(shown, weight, False, False)
    result.set_friendly_name("product")
    return openvino.Model([result], [shown], "product")


def computed(model: openvino.Model, given: np.ndarray) -> np.ndarray:
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    result = openvino.Core().compile_model(model, "CPU", settings).create_infer_request().infer([given])
    return np.array(result[0])


def kinds(model: openvino.Model) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize("parts", [PARTS, (4, 4, 12)])
def test_queries_keys_and_values_come_out_of_products_of_their_own_as_they_did(parts: tuple[int, ...]):
    tokens = np.random.default_rng(1).normal(size=(TOKENS, CHANNELS)).astype(np.float32)
    model = attention(parts)
    before = computed(model, tokens)
    split_projections(model)
    assert "VariadicSplit" not in kinds(model)
    assert [product_name(each) for each in products(model)] == ["qkv"] * 3
    np.testing.assert_allclose(computed(model, tokens), before, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_product_that_is_cut_along_another_axis_is_left_as_it_is(axis: int):
    model = cut_elsewhere(axis)
    before = kinds(model)
    rearrange(model)
    assert kinds(model) == before


@given(rows=st.integers(2, 9), columns=st.integers(2, 9), seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_tokens_become_a_picture_by_a_transpose_of_four_axes_as_they_did(rows: int, columns: int, seed: int):
    tokens = np.random.default_rng(seed).normal(size=(1, rows * columns, CHANNELS)).astype(np.float32)
    model = tokens_to_picture_and_back(rows, columns)
    before = computed(model, tokens)
    transpose_pictures(model)
    transposes = [node for node in model.get_ordered_ops() if node.get_type_name() == "Transpose"]
    assert [len(node.output(0).get_shape()) for node in transposes] == [4, 4]
    np.testing.assert_array_equal(computed(model, tokens), before)


def test_a_transpose_that_makes_no_picture_is_left_as_it_is():
    tokens = ops.parameter([1, 6, 4], np.float32, name="tokens")
    swapped = ops.transpose(tokens, np.array([0, 2, 1]))
    model = openvino.Model([ops.reshape(swapped, np.array([2, 2, 2, 3]), False)], [tokens], "no picture")
    shown = np.arange(24, dtype=np.float32).reshape(1, 6, 4)
    before, as_it_was = computed(model, shown), kinds(model)
    rearrange(model)
    assert kinds(model) == as_it_was
    np.testing.assert_array_equal(computed(model, shown), before)


def test_what_is_no_attention_is_left_as_it_is():
    weight = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    model = convolution(weight)
    before = kinds(model)
    rearrange(model)
    quantise(model, {})
    quantise(model, {"another": (-1.0, 1.0)})
    assert kinds(model) == before


def test_a_convolution_has_its_name_in_the_file_and_is_rounded_for_each_output_by_itself():
    draw = np.random.default_rng(0)
    weight = draw.normal(size=(4, 3, 3, 3)).astype(np.float32)
    weight[2] *= 1000
    shown = draw.uniform(-1, 1, (1, 3, 6, 6)).astype(np.float32)
    exact, model = computed(convolution(weight), shown), convolution(weight)
    quantise(model, {"conv": (-1.0, 1.0)})
    assert kinds(model).count("FakeQuantize") == 2
    found = computed(model, shown)
    for channel in range(4):
        difference = np.abs(found[0, channel] - exact[0, channel]).max()
        assert 0 < difference < 0.03 * exact[0, channel].std()


def test_products_of_one_source_share_its_scale():
    model = attention()
    split_projections(model)
    quantise(model, {"qkv": (-4.0, 4.0)})
    scales = [node for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize"]
    assert len(scales) == 1 + 3


@given(
    rows=st.integers(1, 40),
    low=st.floats(-8, 0),
    high=st.floats(0.5, 8),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=25, deadline=None)
def test_rounding_costs_at_most_half_a_step_of_each_factor(rows: int, low: float, high: float, seed: int):
    draw = np.random.default_rng(seed)
    weight = draw.normal(size=(rows, 5)).astype(np.float32)
    given_rows = draw.uniform(low, high, (3, rows)).astype(np.float32)
    model = product(weight)
    quantise(model, {"product": (low, high)})
    difference = np.abs(computed(model, given_rows) - given_rows @ weight)
    value_step = 2 * max(-low, high) * 128 / 127 / 255
    weight_step = 2 * np.abs(weight).max(axis=0) / 254
    bound = value_step / 2 * np.abs(weight).sum(axis=0) + weight_step / 2 * np.abs(given_rows).sum(axis=1)[:, None]
    assert (difference <= bound + rows * value_step * weight_step / 4 + 1e-4).all()


def test_values_beyond_the_range_are_cut_off_at_it():
    model = product(np.eye(4, dtype=np.float32))
    quantise(model, {"product": (0.0, 2.0)})
    found = computed(model, np.array([[0, 1, 2, 50]] * 3, dtype=np.float32))
    np.testing.assert_allclose(found[0], [0, 1, 2, 2], atol=0.01)
