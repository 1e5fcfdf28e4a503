"""Encoders: what they take, what they give, how ONNX graphs are read and tapped, and what is refused."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from SAMAdaptLib.encoders import (
    ENTRIES,
    Encoder,
    describe,
    find,
    forget_encoders,
    load_encoder,
    onnx_graph,
    runtimes,
    speed,
)
from SAMAdaptLib.encoders import canvas as canvases
from SAMAdaptLib.encoders.onnx import OnnxEncoder
from SAMAdaptLib.encoders.onnx_graph import Tap, read_graph, with_taps
from SAMAdaptLib.encoders.tiny import tiny_encoder
from SAMAdaptLib.errors import InputError, WeightsError
from SAMAdaptLib.progress import Silent

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = [name for name in runtimes.RUNTIMES if runtimes._installed(name)]


class Listener(Silent):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


# ---- a small ONNX file, written with the same few protobuf rules that the reader knows ----


def block(number: int, content: bytes) -> bytes:
    return onnx_graph._block(number, content)


def value(name: str, shape: tuple[int, ...]) -> bytes:
    """ValueInfoProto of a float32 tensor; -1 is a dimension with a name instead of a size."""
    sizes = b"".join(block(1, onnx_graph._number(1, n) if n >= 0 else block(2, b"batch")) for n in shape)
    return block(1, name.encode()) + block(2, block(1, onnx_graph._number(1, 1) + block(2, sizes)))


def tensor(name: str, array: np.ndarray) -> bytes:
    sizes = b"".join(onnx_graph._number(1, n) for n in array.shape)
    return sizes + onnx_graph._number(2, 1) + block(8, name.encode()) + block(9, array.astype("<f4").tobytes())


def node(operation: str, name: str, inputs: list[str], output: str, **attributes: tuple[int, ...]) -> bytes:
    content = b"".join(block(1, item.encode()) for item in inputs) + block(2, output.encode())
    content += block(3, name.encode()) + block(4, operation.encode())
    return content + b"".join(block(5, onnx_graph._integers(key, numbers)) for key, numbers in attributes.items())


def small_model(shape: tuple[int, ...] = (-1, 3, 64, 64), outputs: tuple[int, ...] = (1, 4, 16, 16)) -> bytes:
    """Pictures 64x64 to a 16x16 map of 4 channels, by way of MobileSAM's name for its earliest tensor (8x32x32)."""
    draw = np.random.default_rng(0)
    first = tensor("w1", draw.normal(size=(8, 3, 2, 2)))
    second = tensor("w2", draw.normal(size=(4, 8, 2, 2)))
    inner = "/layers.0/blocks.1/act3/Mul_1_output_0"
    stride = {"strides": (2, 2), "kernel_shape": (2, 2)}
    source = "picture"
    nodes = b""
    if shape[-1] == 3:  # Colours last, normalised inside.
        mean = tensor("mean", np.array(canvases.PIXEL_MEAN).reshape(3, 1, 1))
        std = tensor("std", np.array(canvases.PIXEL_STD).reshape(3, 1, 1))
        nodes += block(5, mean) + block(5, std)
        nodes += block(1, node("Transpose", "t", ["picture"], "t", perm=(2, 0, 1)))
        nodes += block(1, node("Sub", "s", ["t", "mean"], "s")) + block(1, node("Div", "d", ["s", "std"], "d"))
        axes = block(8, b"axes") + onnx_graph._number(1, 1) + onnx_graph._number(2, 7) + block(7, b"\x00")
        nodes += block(5, axes) + block(1, node("Unsqueeze", "u", ["d", "axes"], "u"))
        source = "u"
    nodes += block(1, node("Conv", "c1", [source, "w1"], inner, **stride))
    nodes += block(1, node("Conv", "c2", [inner, "w2"], "neck", **stride))
    graph = nodes + block(2, b"small") + block(5, first) + block(5, second)
    graph += block(11, value("picture", shape)) + block(12, value("neck", outputs))
    return onnx_graph._number(1, 8) + block(7, graph) + block(8, onnx_graph._number(2, 13))


@pytest.fixture
def small_onnx(tmp_path: Path, empty_home: Path) -> Path:
    path = tmp_path / "small.onnx"
    path.write_bytes(small_model())
    return path


def picture(side: int = 64, rows: int = 48) -> np.ndarray:
    result = np.random.default_rng(1).uniform(0, 255, (1, side, side)).astype(np.float32)
    result[:, rows:] = np.nan
    return result


# ---- imports and names ----


def test_importing_the_encoders_loads_nothing_heavy():
    heavy = "numpy torch onnxruntime openvino scipy safetensors urllib.request tarfile"
    code = f"import sys, SAMAdaptLib.encoders; print([name for name in '{heavy}'.split() if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"


def test_the_listing_shows_the_public_encoders_with_size_licence_and_place(empty_home: Path):
    rows = {row["name"]: row for row in describe()}
    assert set(rows) == {"mobile_sam", "sam_vit_b", "sam_vit_l", "sam_vit_h"}
    assert rows["sam_vit_b"]["bytes"] == 375042383 and rows["sam_vit_b"]["licence"] == "Apache-2.0"
    assert all(row["path"] is None for row in rows.values())


def test_every_entry_with_a_file_has_a_whole_hash_and_a_source():
    for entry in ENTRIES.values():
        if entry.file:
            assert len(entry.sha256) == 64 and set(entry.sha256) <= set("0123456789abcdef")
            assert all(source.kind == "npm" or source.place.startswith("https://") for source in entry.sources)
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


def test_a_decoder_is_no_encoder(empty_home: Path):
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


def test_the_raw_rule_fills_padding_with_the_mean_colour():
    gray = np.array([[5.0, np.nan], [1.0, 2.0]], dtype=np.float32)
    result = canvases.normalise(gray, "raw")
    assert result[0, 0, 0] == 5
    np.testing.assert_allclose(result[:, 0, 1], canvases.PIXEL_MEAN)


def test_colour_pictures_keep_their_channels():
    colours = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    expected = (colours[2, 1, 1] - canvases.PIXEL_MEAN[2]) / canvases.PIXEL_STD[2]
    assert canvases.normalise(colours, "sam")[2, 1, 1] == pytest.approx(expected, rel=1e-6)


def test_an_unknown_input_rule_lists_the_rules():
    with pytest.raises(InputError, match="'odd' is no input rule.*sam, unit, raw"):
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
    shown = picture(256)
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


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 9), (1, 2, 8, 8), (1, 1, 3, 8, 8)])
def test_pictures_of_a_wrong_shape_are_refused_by_their_shape(shape: tuple[int, ...]):
    with pytest.raises(InputError, match=r"pictures of shape .* needs \(N, S, S\) or \(N, 3, S, S\)"):
        tiny_encoder().encode(np.zeros(shape, np.float32))


def test_an_unknown_level_lists_the_levels():
    with pytest.raises(InputError, match="tiny has no feature level deep. It has neck, fine."):
        tiny_encoder().encode(picture(), ("deep",))
    with pytest.raises(InputError, match="No feature level was asked"):
        tiny_encoder().encode(picture(), ())


def test_no_pictures_give_no_features():
    assert tiny_encoder().encode(np.zeros((0, 64, 64), np.float32))["neck"].shape == (0, 32, 64, 64)


# ---- speed ----


def test_speed_is_measured_once_and_remembered(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    tiny = tiny_encoder()
    first = tiny.seconds_per_slice()
    monkeypatch.setattr(speed, "_measure", lambda _encoder: 99.0)
    assert 0 < first < 5 and tiny.seconds_per_slice() == first
    assert (empty_home / "speed.json").is_file()


def test_another_encoder_has_its_own_speed(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(speed, "_measure", lambda encoder: 1.0 if encoder.sha256 == tiny_encoder(0).sha256 else 2.0)
    assert (tiny_encoder(0).seconds_per_slice(), tiny_encoder(1).seconds_per_slice()) == (1.0, 2.0)


@pytest.mark.parametrize("content", ["", "[]", '{"a": "b"}', "{", '{"a": -1}'])
def test_a_damaged_memory_of_speeds_is_measured_anew(content: str, empty_home: Path, monkeypatch):
    monkeypatch.setattr(speed, "_measure", lambda _encoder: 0.25)
    empty_home.mkdir()
    (empty_home / "speed.json").write_text(content)
    assert tiny_encoder().seconds_per_slice() == 0.25


# ---- ONNX graphs ----


def test_a_graph_is_read_without_the_onnx_package():
    graph = read_graph(small_model())
    assert graph.inputs == {"picture": (-1, 3, 64, 64)} and graph.outputs == {"neck": (1, 4, 16, 16)}
    assert [found.operation for found in graph.nodes] == ["Conv", "Conv"]
    assert graph.nodes[1].inputs == ("/layers.0/blocks.1/act3/Mul_1_output_0", "w2")
    np.testing.assert_allclose(graph.weight("w1"), np.random.default_rng(0).normal(size=(8, 3, 2, 2)), rtol=1e-6)


def test_the_onnx_package_reads_a_tapped_file_as_we_wrote_it():
    onnx = pytest.importorskip("onnx")
    tapped = with_taps(small_model(), (Tap("/layers.0/blocks.1/act3/Mul_1_output_0", "fine", pool=2),))
    model = onnx.load_model_from_string(tapped)
    onnx.checker.check_model(model)
    assert [output.name for output in model.graph.output] == ["neck", "fine"]


@pytest.mark.parametrize("cut", [0, 1, 7, 100, 400, -1])
def test_a_truncated_graph_is_refused(cut: int):
    with pytest.raises(WeightsError, match="not a whole ONNX file"):
        read_graph(small_model()[:cut])


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_graph_or_a_clear_refusal(content: bytes):
    with pytest.raises(WeightsError, match="not a whole ONNX file"):
        read_graph(content)


@pytest.mark.parametrize("runtime", INSTALLED)
def test_each_runtime_gives_neck_and_tapped_level(runtime: str, small_onnx: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SAMADAPT_RUNTIME", runtime)
    monkeypatch.setenv("SAMADAPT_PRECISION", "fp32")
    monkeypatch.setattr("SAMAdaptLib.encoders.onnx._TAPS", _small_taps())
    encoder = OnnxEncoder(small_onnx, "0" * 64)
    shown = np.concatenate([picture(), picture(rows=20)])
    features = encoder.encode(shown, ("neck", "fine"))
    expected = [_by_hand(canvases.normalise(one, "sam")) for one in shown]
    np.testing.assert_allclose(features["neck"], [neck for neck, _ in expected], atol=1e-4)
    np.testing.assert_allclose(features["fine"], [fine for _, fine in expected], atol=1e-4)
    assert np.array_equal(encoder.encode(shown)["neck"], features["neck"])


@pytest.mark.parametrize("runtime", INSTALLED)
def test_an_encoder_of_one_thread_ties_it_to_no_core(runtime: str, small_onnx: Path, monkeypatch: pytest.MonkeyPatch):
    """Several workers side by side would all be tied to the first core."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(allowed) < 2:
        pytest.skip("needs Linux, which says on which cores a thread may run, and two cores")
    tasks = Path("/proc/self/task")
    others = {task.name for task in tasks.iterdir()} - {str(threading.get_native_id())}
    monkeypatch.setenv("SAMADAPT_RUNTIME", runtime)
    encoder = OnnxEncoder(small_onnx, "0" * 64, threads=1)
    encoder.encode(picture())
    found, done = set(), threading.Event()

    def watch() -> None:
        while not done.is_set():
            for task in {task.name for task in tasks.iterdir()} - others:
                with contextlib.suppress(ProcessLookupError):
                    found.add(frozenset(os.sched_getaffinity(int(task))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(300):
        encoder.encode(picture())
    done.set()
    watcher.join()
    assert found == {frozenset(allowed)}


def test_both_runtimes_agree_and_share_a_fingerprint(small_onnx: Path, monkeypatch: pytest.MonkeyPatch):
    if len(INSTALLED) < 2:
        pytest.skip(f"only {INSTALLED} installed here")
    monkeypatch.setenv("SAMADAPT_PRECISION", "fp32")
    results = []
    for runtime in INSTALLED:
        monkeypatch.setenv("SAMADAPT_RUNTIME", runtime)
        encoder = load_encoder(small_onnx)
        results.append((encoder.fingerprint, encoder.encode(picture())["neck"]))
    assert results[0][0] == results[1][0]
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-4)


def test_a_graph_with_colours_last_gets_the_picture_as_it_is(tmp_path: Path, small_onnx: Path, monkeypatch):
    monkeypatch.delenv("SAMADAPT_PRECISION", raising=False)
    path = tmp_path / "last.onnx"
    path.write_bytes(small_model((64, 64, 3)))
    last = load_encoder(path)
    assert "-fp32-raw-" in last.fingerprint
    monkeypatch.setenv("SAMADAPT_PRECISION", "fp32")
    first = load_encoder(small_onnx)
    np.testing.assert_allclose(last.encode(picture())["neck"], first.encode(picture())["neck"], atol=1e-3)


def test_an_onnx_file_by_path_is_known_by_its_own_hash(small_onnx: Path):
    import hashlib

    encoder = load_encoder(small_onnx)
    assert encoder.name == "small" and encoder.sha256 == hashlib.sha256(small_onnx.read_bytes()).hexdigest()
    assert encoder.input_size == 64 and encoder.decoder_state() == {}


def test_a_changed_file_is_another_encoder(small_onnx: Path):
    before = load_encoder(small_onnx)
    small_onnx.write_bytes(small_model((-1, 3, 32, 32), (1, 4, 8, 8)))
    after = load_encoder(small_onnx)
    assert before is not after and before.sha256 != after.sha256 and after.input_size == 32


def test_forgotten_encoders_are_loaded_anew(small_onnx: Path):
    first = load_encoder(small_onnx)
    assert load_encoder(small_onnx) is first
    forget_encoders()
    assert load_encoder(small_onnx) is not first


@pytest.mark.parametrize(
    ("shape", "outputs", "reason"),
    [
        ((1, 1, 64, 64), (1, 4, 16, 16), "one square picture of three colours"),
        ((1, 3, 64, 32), (1, 4, 16, 16), "one square picture of three colours"),
        ((1, 64), (1, 4, 16, 16), "one input 1x3x1024x1024"),
        ((1, 3, 64, 64), (1, 4), "a feature map such as"),
        ((1, 3, 64, 64), (1, 4, 16, 8), "a feature map such as"),
    ],
)
def test_a_graph_that_is_no_encoder_says_what_is_needed(shape, outputs, reason, tmp_path: Path, empty_home: Path):
    path = tmp_path / "other.onnx"
    path.write_bytes(small_model(shape, outputs))
    with pytest.raises(WeightsError, match=f"other is no SAM encoder.*{reason}"):
        load_encoder(path)


@pytest.mark.parametrize("runtime", INSTALLED)
def test_a_graph_that_the_runtime_refuses_names_the_runtime(runtime: str, tmp_path: Path, empty_home, monkeypatch):
    monkeypatch.setenv("SAMADAPT_RUNTIME", runtime)
    path = tmp_path / "odd.onnx"
    path.write_bytes(small_model().replace(b"Conv", b"Knot"))
    with pytest.raises(WeightsError, match=f"{runtime} cannot use this ONNX file"):
        load_encoder(path).encode(picture())


# ---- runtimes ----


def test_the_plan_follows_the_processor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SAMADAPT_RUNTIME", raising=False)
    monkeypatch.delenv("SAMADAPT_PRECISION", raising=False)
    monkeypatch.setattr(runtimes, "_installed", lambda _name: True)
    for units, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(runtimes, "has_bf16_units", lambda units=units: units)
        assert runtimes.make_plan("auto", Silent()) == runtimes.Plan("openvino", precision)


def test_without_openvino_it_is_onnx_runtime_in_fp32(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SAMADAPT_RUNTIME", raising=False)
    monkeypatch.setenv("SAMADAPT_PRECISION", "bf16")
    monkeypatch.setattr(runtimes, "_installed", lambda name: name != "openvino")
    listener = Listener()
    assert runtimes.make_plan("cpu", listener) == runtimes.Plan("onnxruntime", "fp32")
    assert "bf16 needs OpenVINO" in listener.warnings[0]


def test_a_gpu_that_onnx_runtime_cannot_use_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtimes, "_onnxruntime_has_cuda", lambda: False)
    listener = Listener()
    assert runtimes.make_plan("cuda:0", listener).device == "cpu"
    assert "cannot use the GPU" in listener.warnings[0]


@pytest.mark.parametrize(("variable", "word"), [("SAMADAPT_RUNTIME", "tensorrt"), ("SAMADAPT_PRECISION", "int4")])
def test_an_unknown_word_in_the_environment_is_refused(variable: str, word: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(variable, word)
    with pytest.raises(InputError, match=f"{variable} is '{word}'"):
        runtimes.make_plan("auto", Silent())


# ---- MobileSAM itself ----


def test_mobile_sam_gives_its_three_levels(mobile_sam):
    shown = picture(1024, rows=700)
    features = mobile_sam.encode(shown, ("neck", "mid", "fine"))
    shapes = {name: array.shape for name, array in features.items()}
    assert shapes == {"neck": (1, 256, 64, 64), "mid": (1, 128, 128, 128), "fine": (1, 64, 128, 128)}
    assert 0.05 < features["neck"].std() < 0.2
    assert all(np.isfinite(array).all() for array in features.values())


def test_mobile_sam_is_the_file_that_the_registry_names(mobile_sam):
    assert mobile_sam.sha256 == ENTRIES["mobile_sam"].sha256 and mobile_sam.name == "mobile_sam"


def test_mobile_sams_decoder_has_every_tensor_of_sams_mask_decoder(mobile_sam):
    torch = pytest.importorskip("torch")
    from SAMAdaptLib.encoders.sam import import_sam_modeling
    from SAMAdaptLib.errors import DependencyError

    try:
        classes = import_sam_modeling()
    except DependencyError as error:
        pytest.skip(str(error))
    transformer = classes.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = classes.MaskDecoder(transformer_dim=256, transformer=transformer)
    state = {key: torch.from_numpy(array) for key, array in mobile_sam.decoder_state().items()}
    extra = {"pe_gaussian": (2, 128), "no_mask_embed": (1, 256)}
    assert {key: tuple(state.pop(key).shape) for key in extra} == extra
    decoder.load_state_dict(state)
    assert sum(key.startswith("transformer.") for key in state) == 82


def test_the_rebuilt_decoder_gives_the_masks_of_the_onnx_decoder(mobile_sam):
    """End to end: our tensors in segment-anything's classes against the exported graph on the same embedding."""
    torch = pytest.importorskip("torch")
    onnxruntime = pytest.importorskip("onnxruntime")
    from SAMAdaptLib.encoders import weights
    from SAMAdaptLib.encoders.sam import import_sam_modeling

    classes = import_sam_modeling()
    session = onnxruntime.InferenceSession(str(weights.ensure(ENTRIES["mobile_sam_decoder"])))
    neck = mobile_sam.encode(picture(1024, rows=1024))["neck"]
    given = {
        "image_embeddings": neck,
        "point_coords": np.zeros((1, 1, 2), np.float32),
        "point_labels": -np.ones((1, 1), np.float32),
        "mask_input": np.zeros((1, 1, 256, 256), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
        "orig_im_size": np.array([1024, 1024], np.float32),
    }
    expected = session.run(["low_res_masks"], given)[0]
    state = {key: torch.from_numpy(array) for key, array in mobile_sam.decoder_state().items()}
    prompt = classes.PromptEncoder(256, (64, 64), (1024, 1024), 16)
    prompt.pe_layer.positional_encoding_gaussian_matrix.copy_(state.pop("pe_gaussian"))
    no_mask = state.pop("no_mask_embed").reshape(1, 256, 1, 1).expand(1, 256, 64, 64)
    transformer = classes.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = classes.MaskDecoder(transformer_dim=256, transformer=transformer)
    decoder.load_state_dict(state)
    graph = read_graph(weights.ensure(ENTRIES["mobile_sam_decoder"]).read_bytes())
    not_a_point = torch.from_numpy(graph.weight("model.prompt_encoder.not_a_point_embed.weight"))
    with torch.no_grad():
        masks, _ = decoder.predict_masks(torch.from_numpy(neck), prompt.get_dense_pe(), not_a_point[None], no_mask)
    found = masks.numpy()
    assert any(np.allclose(found[:, index], expected[:, 0], atol=1e-2) for index in range(4))


def test_bf16_features_stay_close_to_fp32(mobile_sam, monkeypatch: pytest.MonkeyPatch):
    if "openvino" not in INSTALLED:
        pytest.skip("OpenVINO is not installed, and ONNX Runtime knows no bf16 on the processor")
    shown = picture(1024, rows=700)
    monkeypatch.setenv("SAMADAPT_RUNTIME", "openvino")
    results = {}
    for precision in runtimes.PRECISIONS:
        monkeypatch.setenv("SAMADAPT_PRECISION", precision)
        encoder = load_encoder("mobile_sam")
        results[precision] = encoder.encode(shown)["neck"]
        assert f"-{precision}-" in encoder.fingerprint
    assert np.abs(results["bf16"] - results["fp32"]).max() < 0.02


def _small_taps():
    """MobileSAM's tap with the sizes of the small graph."""
    from SAMAdaptLib.encoders.base import Level

    return {"fine": (Tap("/layers.0/blocks.1/act3/Mul_1_output_0", "samadapt_fine", pool=2), Level(8, 16))}


def _by_hand(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the small graph computes: (neck (4, 16, 16), inner tensor averaged (8, 16, 16))."""
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(8, 3, 2, 2)), draw.normal(size=(4, 8, 2, 2))
    inner = np.einsum("cyaxb,ocab->oyx", inputs.reshape(3, 32, 2, 32, 2), first)
    neck = np.einsum("cyaxb,ocab->oyx", inner.reshape(8, 16, 2, 16, 2), second)
    return neck, inner.reshape(8, 16, 2, 16, 2).mean(axis=(2, 4))
