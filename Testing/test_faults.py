"""Faults: any exception told as one of our family, and lack of memory by whatever name it comes."""

from __future__ import annotations

import pytest

from SAMAdaptLib.errors import DependencyError, InputError, MemoryExhausted, SAMAdaptError
from SAMAdaptLib.utils.faults import described, out_of_memory


class OutOfMemoryError(RuntimeError):
    """Called as torch's class is."""


LACKS = [
    MemoryError(),
    OutOfMemoryError("no words"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 17179869184 bytes."),
]


@pytest.mark.parametrize("error", LACKS, ids=lambda error: str(error)[:20] or type(error).__name__)
def test_lack_of_memory_is_known_by_any_of_its_names(error: Exception) -> None:
    assert out_of_memory(error)
    told = described(error)
    assert isinstance(told, MemoryExhausted)
    assert "smaller encoder" in told.hint


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("out of memory"), KeyError("memory")])
def test_another_fault_is_no_lack_of_memory(error: Exception) -> None:
    assert not out_of_memory(error)
    assert type(described(error)) is SAMAdaptError


def test_our_own_errors_stay_what_they_are() -> None:
    error = InputError("bad")
    assert described(error) is error


def test_a_missing_package_is_named_with_the_command_that_brings_it() -> None:
    told = described(ModuleNotFoundError("no", name="torch.cuda"))
    assert isinstance(told, DependencyError)
    assert told.hint == "pip install torch"


def test_a_file_that_cannot_be_read_is_named() -> None:
    told = described(FileNotFoundError(2, "No such file or directory", "a.nii"))
    assert isinstance(told, InputError)
    assert told.message == "a.nii: No such file or directory."
