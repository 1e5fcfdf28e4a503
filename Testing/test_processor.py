"""The processor's name and units: read from Linux's list, asked of the system and of torch elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from SAMAdaptLib.utils import processor


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch):
    for name in processor._LIMITING:
        monkeypatch.delenv(name, raising=False)
    cached = (processor.processor_name, processor._built_for_bf16)
    for ask in cached:
        ask.cache_clear()
    yield
    for ask in cached:
        ask.cache_clear()


def test_linux_lists_its_name_and_units_for_each_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor : 0\nmodel name\t: Brand 9\nflags\t\t: fpu fma\n\nmodel name\t: Other\nflags : x\n")
    monkeypatch.setattr(processor, "_LISTED", listed)
    assert processor.processor_name() == "Brand 9"
    assert processor.units() == {"fpu", "fma"}


def test_elsewhere_it_has_the_name_that_python_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processor, "_LISTED", tmp_path / "missing")
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    monkeypatch.setattr(processor.platform, "machine", lambda: "arm64")
    assert processor.processor_name() == "arm64"
    assert processor.units() == set()


@pytest.mark.parametrize(
    ("flags", "bf16"),
    [
        ("fpu avx2 fma", False),
        ("avx512f avx512_vnni", False),
        ("avx512_vnni avx512_bf16", True),
        ("amx_bf16 amx_tile amx_int8", True),
        ("avx512_bf16x", False),
    ],
)
def test_linux_lists_what_there_is(flags: str, bf16: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "_LISTED", listed)
    assert processor.has_bf16_units() == bf16


@pytest.mark.parametrize("present", [True, False])
def test_elsewhere_torch_is_asked(present: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(processor, "_LISTED", tmp_path / "missing")
    answers = {"_is_avx512_bf16_supported": lambda: False, "_is_amx_tile_supported": lambda: present}
    monkeypatch.setattr(torch, "cpu", SimpleNamespace(**answers))
    assert processor.has_bf16_units() == present


def test_without_torch_nothing_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processor, "_LISTED", tmp_path / "missing")
    monkeypatch.setattr(processor.importlib.util, "find_spec", lambda _name: None)
    assert not processor.has_bf16_units()


@pytest.mark.parametrize(
    ("variable", "word", "bf16"),
    [
        ("ATEN_CPU_CAPABILITY", "avx2", False),
        ("ATEN_CPU_CAPABILITY", "default", False),
        ("ATEN_CPU_CAPABILITY", "avx512", True),
        ("ATEN_CPU_CAPABILITY", "", True),
        ("ONEDNN_MAX_CPU_ISA", "AVX2", False),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI", False),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", True),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core_amx", True),
        ("ONEDNN_MAX_CPU_ISA", "ALL", True),
        ("DNNL_MAX_CPU_ISA", "SSE41", False),
        ("DNNL_MAX_CPU_ISA", "DEFAULT", True),
    ],
)
def test_units_that_the_environment_forbids_do_not_count(
    variable: str, word: str, bf16: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    listed = tmp_path / "cpuinfo"
    listed.write_text("flags : avx2 avx512f avx512_bf16\n")
    monkeypatch.setattr(processor, "_LISTED", listed)
    assert processor.has_bf16_units(), "without a limit"
    monkeypatch.setenv(variable, word)
    assert processor.has_bf16_units() == bf16


def test_heads_and_encoders_compute_in_full_precision_where_the_environment_forbids_bf16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    torch = pytest.importorskip("torch")
    from SAMAdaptLib.encoders import runtimes
    from SAMAdaptLib.utils import devices

    listed = tmp_path / "cpuinfo"
    listed.write_text("flags : amx_bf16\n")
    monkeypatch.setattr(processor, "_LISTED", listed)
    here = torch.device("cpu")
    found = []
    for word in ("ALL", "AVX2"):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", word)
        with devices.mixed_precision(here):
            found.append((torch.is_autocast_enabled("cpu"), runtimes.precision_for(here, "openvino")))
    assert found == [(True, "bf16"), (False, "fp32")]


def test_paces_of_one_processor_are_not_those_of_the_same_with_less(empty_home: Path, monkeypatch: pytest.MonkeyPatch):
    from SAMAdaptLib.utils import timing as pace

    assert pace.remembered("step", lambda: 1.0) == 1.0
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert pace.remembered("step", lambda: 2.0) == 2.0
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert pace.remembered("step", lambda: 3.0) == 1.0
