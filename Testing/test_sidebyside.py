"""Both small encoders' features side by side, which a row of the comparison is made with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "Benchmarks"))

import sidebyside

from SAMAdaptLib.encoders import loading
from SAMAdaptLib.encoders.registry import ENTRIES


@pytest.fixture
def both(medsam_lite: Any, mobile_sam: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(loading, "_built", loading._built)  # put back after the test
    monkeypatch.delitem(ENTRIES, sidebyside.NAME, raising=False)
    sidebyside.install()
    loading.forget_encoders()
    yield loading.load_encoder(sidebyside.NAME, input_size=112, device="cpu")
    ENTRIES.pop(sidebyside.NAME)
    loading.forget_encoders()


def test_each_level_has_the_channels_of_one_encoder_after_those_of_the_other(both: Any) -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (1, 112, 112)).astype(np.float32)
    levels = tuple(both.levels)
    found = both.encode(picture, levels)
    parts = [loading.load_encoder(name, input_size=112 * stride) for name, stride in sidebyside.PARTS.items()]
    alone = [part.encode(picture, levels) for part in parts]
    for level in levels:
        expected = np.concatenate([features[level] for features in alone], axis=1)
        assert found[level].shape[1:] == (both.levels[level].channels, both.levels[level].size, both.levels[level].size)
        np.testing.assert_allclose(found[level], expected, atol=1e-5)


def test_what_it_is_depends_on_both_encoders_and_their_sizes(both: Any) -> None:
    larger = loading.load_encoder(sidebyside.NAME, input_size=168, device="cpu")
    assert larger.fingerprint != both.fingerprint
    assert both.fingerprint not in {part.fingerprint for part in both.parts}
    assert [part.input_size for part in larger.parts] == [168, 672]
