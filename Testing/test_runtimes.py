"""What computes an encoder: the words of the environment, the choice by device, and what happens where one fails."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from listeners import Listener  # noqa: E402
from tinyvits import *  # noqa: E402, F403  fixtures
from tinyvits import canvases  # noqa: E402

from SAMAdaptLib.encoders import load_encoder, runtimes, torch_encoder  # noqa: E402
from SAMAdaptLib.encoders.tiny_vit.encoder import TinyViTEncoder  # noqa: E402
from SAMAdaptLib.errors import DependencyError, InputError, MemoryExhausted  # noqa: E402

LEVELS = ("neck", "mid", "fine")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def silent_environment(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAMADAPT_RUNTIME", "SAMADAPT_PRECISION", "SAMADAPT_THREADS"):
        monkeypatch.delenv(name, raising=False)


# ---- which one ----


@pytest.mark.parametrize(
    ("machine", "installed", "expected"),
    [("x86_64", True, "openvino"), ("AMD64", True, "openvino"), ("x86_64", False, "torch"), ("arm64", True, "torch")],
)
def test_openvino_is_for_x86_processors_that_have_it(machine: str, installed: bool, expected: str, monkeypatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(runtimes, "has_openvino", lambda: installed)
    assert runtimes.runtime_for("cpu") == expected
    assert runtimes.runtime_for("cuda") == runtimes.runtime_for("mps") == "torch"


@pytest.mark.parametrize("asked", ["torch", "openvino", " OpenVINO "])
def test_the_environment_overrides_the_choice_for_a_processor(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMADAPT_RUNTIME", asked)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(runtimes, "has_openvino", lambda: True)
    assert runtimes.runtime_for("cpu") == asked.strip().lower()
    assert runtimes.runtime_for("cuda") == "torch"


def test_a_runtime_that_is_not_installed_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMADAPT_RUNTIME", "openvino")
    monkeypatch.setattr(runtimes, "has_openvino", lambda: False)
    with pytest.raises(DependencyError, match=r"openvino, which is not installed\. Run: pip install openvino"):
        runtimes.runtime_for("cpu")


@pytest.mark.parametrize(
    ("variable", "word", "choices"),
    [
        ("SAMADAPT_RUNTIME", "onnxruntime", "openvino or torch"),
        ("SAMADAPT_RUNTIME", "tensorrt", "openvino or torch"),
        ("SAMADAPT_PRECISION", "int8", "fp32 or bf16"),
        ("SAMADAPT_PRECISION", "fp16", "fp32 or bf16"),
    ],
)
def test_an_unknown_word_is_refused_with_those_that_are_known(
    variable, word, choices, checkpoints, monkeypatch
) -> None:
    monkeypatch.setenv(variable, word)
    with pytest.raises(InputError, match=f"{variable} is '{word}'. Set it to {choices}"):
        load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=56)


# ---- which precision ----


@pytest.mark.parametrize("units", [True, False])
def test_openvino_computes_in_bf16_where_the_processor_has_units_for_it(units: bool, monkeypatch) -> None:
    monkeypatch.setattr(runtimes, "has_bf16_units", lambda: units)
    assert runtimes.precision_for(CPU, "openvino") == ("bf16" if units else "fp32")
    assert runtimes.precision_for(CPU, "torch") == "fp32"


@pytest.mark.parametrize(("generation", "expected"), [((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_a_gpu_computes_in_bf16_from_the_generation_on_that_has_it(generation, expected, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: generation)
    assert runtimes.precision_for(torch.device("cuda:0"), "torch") == expected


def test_mps_computes_in_full_precision() -> None:
    assert runtimes.precision_for(torch.device("mps"), "torch") == "fp32"


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_the_environment_overrides_the_precision(asked: str, runtime: str, monkeypatch) -> None:
    monkeypatch.setenv("SAMADAPT_PRECISION", asked)
    monkeypatch.setattr(runtimes, "has_bf16_units", lambda: asked == "fp32")
    assert runtimes.precision_for(CPU, runtime) == asked


@pytest.mark.parametrize(("threads", "cores", "at_once"), [(None, 8, 2), (None, 1, 1), (1, 8, 1), (4, 8, 2)])
def test_openvino_computes_two_pictures_side_by_side_where_there_are_cores(
    threads, cores, at_once, monkeypatch
) -> None:
    monkeypatch.setattr(runtimes, "cores", lambda: cores)
    assert runtimes.pictures_at_once(threads) == at_once


# ---- OpenVINO ----


@pytest.fixture
def by_openvino(checkpoints, monkeypatch: pytest.MonkeyPatch) -> TinyViTEncoder:
    """In full precision, 60 pixels a side: windows are padded."""
    pytest.importorskip("openvino")
    monkeypatch.setenv("SAMADAPT_PRECISION", "fp32")
    monkeypatch.setenv("SAMADAPT_RUNTIME", "openvino")
    return load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=60)


def test_openvino_computes_what_torch_computes(by_openvino, checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMADAPT_RUNTIME", "torch")
    by_torch = load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=60)
    assert by_torch is not by_openvino and by_torch.fingerprint == by_openvino.fingerprint
    shown = canvases(3, 60, rows=51)
    expected = by_torch.encode(shown, LEVELS)
    for level, found in by_openvino.encode(shown, LEVELS).items():
        np.testing.assert_allclose(found, expected[level], atol=1e-4, err_msg=level)


def test_two_conversions_are_kept_a_head_asks_for_the_same_levels_every_time(by_openvino) -> None:
    shown = canvases(1, 60)
    for levels in (("fine",), ("mid",), ("fine",), ("mid", "fine")):
        by_openvino.encode(shown, levels)
    assert list(by_openvino._sessions) == [("mid",), ("mid", "fine")]


def test_no_pictures_need_no_answer_of_openvino(by_openvino) -> None:
    assert by_openvino.encode(np.zeros((0, 60, 60), np.float32), ("fine",))["fine"].shape == (0, 64, 60, 60)


def test_openvino_says_nothing_while_it_converts(by_openvino, capfd: pytest.CaptureFixture[str]) -> None:
    by_openvino.encode(canvases(1, 60), ("fine",))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_an_openvino_that_is_broken_leaves_the_work_to_torch_and_says_so(
    checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "has_openvino", lambda: True)
    monkeypatch.setattr(runtimes, "is_x86", lambda: True)
    monkeypatch.setitem(sys.modules, "openvino", None)
    heard = Listener()
    encoder = load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=60, monitor=heard)
    assert "OpenVINO is installed but cannot be imported" in heard.warnings[0]
    assert encoder.encode(canvases(1, 60), ("mid",))["mid"].shape == (1, 128, 30, 30)


def test_an_openvino_that_cannot_compile_is_told_with_the_way_out(by_openvino, monkeypatch) -> None:
    openvino = pytest.importorskip("openvino")

    def refuse(*_: object) -> None:
        msg = "no such primitive"
        raise RuntimeError(msg)

    monkeypatch.setattr(openvino.Core, "compile_model", refuse)
    with pytest.raises(DependencyError, match=r"cannot compute this encoder in fp32.*no such.*SAMADAPT_RUNTIME=torch"):
        by_openvino.encode(canvases(1, 60), ("mid",))


def test_a_broken_openvino_that_was_asked_for_is_told_with_the_way_out(
    checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "has_openvino", lambda: True)
    monkeypatch.setenv("SAMADAPT_RUNTIME", "openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(DependencyError, match=r"openvino cannot be imported.*or set SAMADAPT_RUNTIME=torch"):
        load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=60)


# ---- devices that fail ----


@pytest.fixture
def heard() -> Listener:
    return Listener()


@pytest.fixture
def on_a_device(checkpoints, heard: Listener, monkeypatch: pytest.MonkeyPatch):
    """Gives an encoder on a device that is made up: ``fails`` is what it raises, on the processor all goes well."""

    def pretended(name: str, fails: Exception) -> TinyViTEncoder:
        encoder = by_torch(checkpoints, monitor=heard)
        encoder._device, encoder.device, encoder.batch = torch.device(name), name, 4
        forward = encoder._forward

        def faulty(inputs, asked):
            if encoder.device != "cpu":
                raise fails
            return forward(inputs, asked)

        monkeypatch.setattr(encoder, "_forward", faulty)
        monkeypatch.setattr(torch.Tensor, "to", _stay(torch.Tensor.to))
        return encoder

    return pretended


def _stay(to):
    """``Tensor.to`` on a machine without the made-up device."""

    def moved(tensor, *arguments, **options):
        if arguments and isinstance(arguments[0], torch.device) and arguments[0].type != "cpu":
            return tensor
        return to(tensor, *arguments, **options)

    return moved


def by_torch(checkpoints, **options) -> TinyViTEncoder:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SAMADAPT_RUNTIME", "torch")
        return TinyViTEncoder(checkpoints["lite_medsam"], "0" * 64, device="cpu", **{"input_size": 56, **options})


def expected_neck(checkpoints, shown: np.ndarray) -> np.ndarray:
    return by_torch(checkpoints).encode(shown)["neck"]


def test_a_gpu_with_too_little_memory_gets_smaller_batches_then_the_processor_goes_on(
    on_a_device, checkpoints, heard
) -> None:
    shown = canvases(3, 56, rows=50)
    encoder = on_a_device("mps", torch.OutOfMemoryError("MPS backend out of memory"))
    np.testing.assert_allclose(encoder.encode(shown)["neck"], expected_neck(checkpoints, shown), atol=1e-5)
    assert (encoder.device, encoder.batch) == ("cpu", 1)
    assert heard.warnings == [
        "mps has too little memory for 3 slices at once: 1 now.",
        "mps has too little memory for lite_medsam: it goes on on the processor.",
    ]


def test_where_a_device_lacks_an_operation_the_processor_goes_on(on_a_device, checkpoints, heard) -> None:
    shown = canvases(3, 56, rows=50)
    lacking = NotImplementedError("The operator 'aten::x' is not currently implemented for the MPS device.\nMore text.")
    encoder = on_a_device("mps", lacking)
    np.testing.assert_allclose(encoder.encode(shown)["neck"], expected_neck(checkpoints, shown), atol=1e-5)
    assert encoder.device == "cpu"
    assert heard.warnings == [
        "mps lacks an operation that lite_medsam needs (The operator 'aten::x' is not currently implemented for the MPS"
        " device.): it goes on on the processor."
    ]


def test_another_fault_of_a_device_is_not_hidden(on_a_device) -> None:
    with pytest.raises(RuntimeError, match="device-side assert"):
        on_a_device("mps", RuntimeError("device-side assert triggered")).encode(canvases(1, 56))


def test_too_little_memory_on_the_processor_is_told_with_the_way_out(checkpoints, monkeypatch) -> None:
    encoder = by_torch(checkpoints)

    def fail(*_arguments):
        msg = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 17179869184 bytes."
        raise RuntimeError(msg)

    monkeypatch.setattr(encoder, "_forward", fail)
    with pytest.raises(MemoryExhausted, match=r"batch of 1 slices does not fit .* cpu with lite_medsam"):
        encoder.encode(canvases(1, 56))


def test_full_precision_asks_no_autocast_of_a_device(checkpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch before 2.5 has none for Apple's GPUs, and refuses even one that is switched off."""
    monkeypatch.setattr(torch_encoder.torch, "autocast", lambda *_, **__: pytest.fail("autocast was asked for"))
    encoder = by_torch(checkpoints)
    assert encoder.encode(canvases(1, 56), ("fine",))["fine"].shape == (1, 64, 56, 56)


@pytest.mark.parametrize(("size", "batch"), [(256, 4), (168, 9), (112, 21), (56, 32)])
def test_a_gpu_computes_more_small_pictures_at_once(checkpoints, monkeypatch, size: int, batch: int) -> None:
    encoder = by_torch(checkpoints, input_size=size)
    monkeypatch.setattr(encoder, "_device", torch.device("cuda:0"))
    assert encoder._usual_batch() == batch
