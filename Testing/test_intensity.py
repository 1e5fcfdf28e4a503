"""Intensity rules: what becomes black, what white, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Volume
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.preprocessing import intensity
from SAMAdaptLib.preprocessing.intensity import PRESETS, IntensityRule, apply, rule_for


def volume_of(modality: str) -> Volume:
    return Volume(np.arange(8).reshape(2, 2, 2), Geometry((2, 2, 2)), "scan", modality)


def test_limits_become_black_and_white_and_the_rest_is_clipped():
    gray = apply(np.array([-500, -160, 40, 240, 999]), (-160, 240))
    assert gray.dtype == np.float32
    np.testing.assert_allclose(gray, [0, 0, 127.5, 255, 255])


def test_nan_stays_nan():
    np.testing.assert_array_equal(apply(np.array([np.nan, 1], np.float32), (0, 1)), [np.nan, 255])


def test_the_input_is_left_alone():
    values = np.array([1.0, 2.0], np.float32)
    apply(values, (0, 1))
    np.testing.assert_array_equal(values, [1, 2])


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e5), st.lists(st.floats(-1e5, 1e5), min_size=1))
def test_gray_values_stay_between_0_and_255_and_keep_their_order(low, width, values):
    gray = apply(np.sort(np.array(values, np.float32)), (low, low + width))
    assert gray.min() >= 0
    assert gray.max() <= 255
    assert (np.diff(gray) >= 0).all()


def test_ct_takes_the_soft_tissue_window_and_others_percentiles():
    assert rule_for(volume_of("CT")) == IntensityRule("window", -160, 240)
    assert rule_for(volume_of("MR")) == IntensityRule("percentile", 0.5, 99.5)
    assert rule_for(volume_of("")) == IntensityRule("percentile", 0.5, 99.5)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("percentile", IntensityRule("percentile", 0.5, 99.5)),
        ("percentile:1,99", IntensityRule("percentile", 1, 99)),
        ("Window: 40, 400", IntensityRule("window", -160, 240)),
        ("none", IntensityRule("none")),
        *((name, IntensityRule("window", *edges)) for name, edges in PRESETS.items()),
    ],
)
def test_each_text_has_its_rule(text, rule):
    assert rule_for(volume_of("MR"), text) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hot", "intensity rule 'hot' is unknown.*Use one of auto, percentile.*ct-lung"),
        ("none:1,2", "'none:1,2' is unknown"),
        ("ct-lung:1,2", "'ct-lung:1,2' is unknown"),
        ("auto:1,2", "'auto:1,2' is unknown"),
        ("window", "'window' needs two numbers after the colon"),
        ("window:1", "'window:1' needs two numbers"),
        ("percentile:1,x", "'percentile:1,x' needs two numbers"),
        ("window:40,0", "finite low below a finite high; they are 40.0 and 40.0"),
        ("window:40,-5", "finite low below a finite high"),
        ("window:nan,5", "finite low below a finite high"),
        ("percentile:99,1", "finite low below a finite high; they are 99.0 and 1.0"),
        ("percentile:-1,99", "between 0 and 100; they are -1 and 99"),
        ("percentile:1,101", "between 0 and 100; they are 1 and 101"),
    ],
)
def test_texts_that_are_no_rule_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        rule_for(volume_of("MR"), text)


@pytest.mark.parametrize("rule", [IntensityRule("percentile", 1, 99), IntensityRule("none")])
def test_a_rule_survives_json(rule):
    assert IntensityRule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"kind": "window"}, "needs kind, low and high"),
        ("window", "needs kind, low and high"),
        ({"kind": "magic", "low": 0, "high": 1}, "intensity rule 'magic' is unknown"),
        ({"kind": ["window"], "low": 0, "high": 1}, "is unknown"),
        ({"kind": "window", "low": "0", "high": 1}, "finite low below a finite high; they are '0' and 1"),
        ({"kind": "window", "low": True, "high": 2}, "they are True and 2"),
        ({"kind": "window", "low": 0, "high": float("inf")}, "they are 0 and inf"),
    ],
)
def test_documents_that_are_no_rule_are_refused(document, message):
    with pytest.raises(InputError, match=message):
        IntensityRule.from_dict(document)


def test_fixed_rules_do_not_look_at_the_voxels():
    voxels = np.zeros((2, 2, 2))
    assert IntensityRule("window", -160, 240).limits(voxels) == (-160, 240)
    assert IntensityRule("none").limits(voxels) == (0, 255)


def test_percentiles_follow_the_volume_whatever_its_scale():
    values = np.random.default_rng(0).normal(100, 20, (20, 20, 20))
    rule = IntensityRule("percentile", 0.5, 99.5)
    low, high = rule.limits(values)
    assert rule.limits(values * 1e4) == pytest.approx((low * 1e4, high * 1e4))
    outlier = values.copy()
    outlier[0, 0, 0] = 1e6
    assert rule.limits(outlier) == pytest.approx((low, high), rel=0.02)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_of_padding_do_not_count(axis):
    values = np.random.default_rng(0).normal(100, 20, (10, 11, 12))
    padded = np.insert(np.concatenate([values, values * 0], axis), 3, 0, axis)
    rule = IntensityRule("percentile", 5, 95)
    assert rule.limits(padded) == pytest.approx(rule.limits(values))


def test_a_volume_of_nearly_equal_voxels_is_shown_from_lowest_to_highest():
    voxels = np.zeros((20, 20, 20))
    voxels[[0, -1], [0, -1], [0, -1]] = 7, 9
    voxels[3:9, 3:9, 3:9] = 1e-9
    assert IntensityRule("percentile", 5, 50).limits(voxels) == (0, 9)


@pytest.mark.parametrize("value", [0, -3])
def test_a_constant_volume_has_limits_one_apart(value):
    assert IntensityRule("percentile", 0.5, 99.5).limits(np.full((2, 3, 4), value)) == (value, value + 1)


def test_large_volumes_are_sampled_evenly_and_always_alike(monkeypatch):
    values = np.random.default_rng(0).normal(size=(40, 40, 40)).astype(np.float32)
    rule = IntensityRule("percentile", 1, 99)
    exact = rule.limits(values)
    monkeypatch.setattr(intensity, "SAMPLE_VOXELS", 8000)
    sampled = rule.limits(values)
    assert sampled != exact
    assert sampled == pytest.approx(exact, rel=0.05)
    assert sampled == rule.limits(values)
