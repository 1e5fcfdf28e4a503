"""The processor's name and units: read from Linux's list, asked of the system and of torch elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from SAMAdaptLib.utils import processor


@pytest.fixture(autouse=True)
def _asked_anew():
    cached = (processor.processor_name, processor.has_bf16_units)
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
