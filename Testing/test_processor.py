"""Which units the processor has for narrow numbers: read from Linux's list, asked of torch elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from SAMAdaptLib.encoders import processor


@pytest.fixture(autouse=True)
def _asked_anew():
    for ask in (processor.has_bf16_units, processor.has_int8_units):
        ask.cache_clear()
    yield
    for ask in (processor.has_bf16_units, processor.has_int8_units):
        ask.cache_clear()


@pytest.mark.parametrize(
    ("flags", "bf16", "int8"),
    [
        ("fpu avx2 fma", False, False),
        ("avx2 avx_vnni", False, True),
        ("avx512f avx512_vnni", False, True),
        ("avx512_vnni avx512_bf16", True, True),
        ("amx_bf16 amx_tile amx_int8", True, True),
        ("avx512_vnnix", False, False),
    ],
)
def test_linux_lists_what_there_is(flags: str, bf16: bool, int8: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "_FLAGS", listed)
    assert (processor.has_bf16_units(), processor.has_int8_units()) == (bf16, int8)


@pytest.mark.parametrize("present", [True, False])
def test_elsewhere_torch_is_asked(present: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(processor, "_FLAGS", tmp_path / "missing")
    answers = {"_is_avx512_bf16_supported": lambda: False, "_is_vnni_supported": lambda: present}
    monkeypatch.setattr(torch, "cpu", SimpleNamespace(**answers))
    assert (processor.has_bf16_units(), processor.has_int8_units()) == (False, present)


def test_without_torch_nothing_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processor, "_FLAGS", tmp_path / "missing")
    monkeypatch.setattr(processor.importlib.util, "find_spec", lambda _name: None)
    assert not processor.has_bf16_units() and not processor.has_int8_units()
