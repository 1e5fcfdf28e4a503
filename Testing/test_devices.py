"""Which device computes, and what it is called."""

from __future__ import annotations

import pytest
import torch

from SAMAdaptLib.errors import InputError
from SAMAdaptLib.utils.devices import hardware, resolve_device


@pytest.mark.parametrize(
    "cuda, mps, expected", [(True, False, "cuda"), (False, True, "mps"), (False, False, "cpu"), (True, True, "cuda")]
)
def test_auto_is_the_fastest_that_is_there(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device().type == expected


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", ""])
def test_an_unknown_word_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(InputError, match="Unknown device") as caught:
        resolve_device(name)
    assert "cuda:N" in caught.value.hint


@pytest.mark.parametrize("name", ["cuda:1", "mps"])
def test_a_device_that_is_not_here_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"{name} is not here"):
        resolve_device(name)


def test_speeds_of_two_gpus_are_noted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {0: "Large GPU", 1: "Small GPU"}
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: names[device.index])
    assert hardware(torch.device("cuda:0")) == "cuda:0 Large GPU"
    assert hardware(torch.device("cuda:1")) == "cuda:1 Small GPU"
    assert hardware(torch.device("cpu")) == "cpu"
