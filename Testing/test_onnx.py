"""Encoders in ONNX: how graphs are read and tapped, what each runtime makes of them, and what is refused."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SAMAdaptLib.encoders.onnx import OnnxEncoder
from smallonnx import INSTALLED, encoders_of_both_runtimes, picture, small_model

from SAMAdaptLib.encoders import canvas as canvases
from SAMAdaptLib.encoders import forget_encoders, load_encoder
from SAMAdaptLib.encoders.base import Level
from SAMAdaptLib.encoders.onnx_graph import Tap, read_graph, with_taps
from SAMAdaptLib.encoders.runtimes import make_plan, open_session
from SAMAdaptLib.errors import WeightsError
from SAMAdaptLib.processor import cores
from SAMAdaptLib.progress import Silent


@pytest.fixture
def small_onnx(tmp_path: Path, empty_home: Path) -> Path:
    path = tmp_path / "small.onnx"
    path.write_bytes(small_model())
    return path


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
@pytest.mark.parametrize("threads", [None, 1])
def test_pictures_side_by_side_have_the_features_that_each_has_alone(
    runtime: str, threads: int | None, small_onnx: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SAMADAPT_RUNTIME", runtime)
    encoder = OnnxEncoder(small_onnx, "0" * 64, threads=threads)
    assert encoder.batch == (min(2, cores()) if runtime == "openvino" and threads is None else 1)
    shown = np.concatenate([picture(rows=rows) for rows in (48, 20, 31, 64, 7)])
    alone = [encoder.encode(shown[index : index + 1])["neck"][0] for index in range(len(shown))]
    np.testing.assert_array_equal(encoder.encode(shown)["neck"], alone)
    assert encoder.encode(shown[:0])["neck"].shape == (0, 4, 16, 16)


@pytest.mark.parametrize("runtime", INSTALLED)
def test_a_session_computes_on_after_its_inputs_broke_off(
    runtime: str, small_onnx: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SAMADAPT_RUNTIME", runtime)
    session = open_session(small_model(), ["neck"], (1, 3, 64, 64), make_plan("cpu", Silent()), None)
    whole = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    before = [found[0] for found in session.run([whole, -whole])]

    def broken() -> Iterator[np.ndarray]:
        yield whole
        raise OSError

    with pytest.raises(OSError):
        list(session.run(broken()))
    np.testing.assert_array_equal([found[0] for found in session.run([whole, -whole])], before)


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
    first, second = encoders_of_both_runtimes(small_onnx, monkeypatch)
    assert first.fingerprint == second.fingerprint
    np.testing.assert_allclose(first.encode(picture())["neck"], second.encode(picture())["neck"], atol=1e-4)


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


def _small_taps():
    """MobileSAM's tap with the sizes of the small graph."""
    return {"fine": (Tap("/layers.0/blocks.1/act3/Mul_1_output_0", "samadapt_fine", pool=2), Level(8, 16))}


def _by_hand(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the small graph computes: (neck (4, 16, 16), inner tensor averaged (8, 16, 16))."""
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(8, 3, 2, 2)), draw.normal(size=(4, 8, 2, 2))
    inner = np.einsum("cyaxb,ocab->oyx", inputs.reshape(3, 32, 2, 32, 2), first)
    neck = np.einsum("cyaxb,ocab->oyx", inner.reshape(8, 16, 2, 16, 2), second)
    return neck, inner.reshape(8, 16, 2, 16, 2).mean(axis=(2, 4))
