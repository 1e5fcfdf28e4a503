"""Any exception, told as one of our family: what the worker, the command line and the cohort say of a fault."""

from __future__ import annotations

from ..errors import DependencyError, InputError, MemoryExhausted, SAMAdaptError
from .disk.safepaths import circular
from .files import disk_full, says_full, temporary_folder

_MEMORY_NAMES = {"OutOfMemoryError", "CUDAOutOfMemoryError"}
_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "failed to allocate",
    "bad allocation",
    "std::bad_alloc",
    "status_alloc_failed",
)
_PACKAGES = {
    "torch": "torch",
    "SimpleITK": "SimpleITK",
    "openvino": "openvino",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "numpy": "numpy",
    "pydicom": "pydicom",
}


def described(error: BaseException) -> SAMAdaptError:
    """The error itself if it is ours; else its nearest relative, with one line of text and a remedy."""
    if isinstance(error, SAMAdaptError):
        return error
    if out_of_memory(error):
        hint = "Close other programs, choose a smaller encoder, a region of interest, or the CPU as the device."
        return MemoryExhausted("The work does not fit into the memory of this machine or device.", hint)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _PACKAGES:
        package = _PACKAGES[(error.name or "").partition(".")[0]]
        return DependencyError(f"The Python package {package} is not installed.", f"pip install {package}")
    if says_full(error):
        return disk_full(str(getattr(error, "filename", None) or temporary_folder() / "a temporary file"))
    if isinstance(error, OSError) and error.filename is not None:
        return InputError(f"{error.filename}: {error.strerror or error}.")
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return InputError("A path holds a NUL character.", "Give a path without it.")
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return InputError("There is no home folder for a path that begins with ~.", "Give the path in full.")
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # Path.resolve, before Python 3.13
        return circular(str(error).partition("'")[2].rstrip("'"))
    text = " ".join(str(error).split())[:300] or "no further words"
    return SAMAdaptError(f"An unexpected fault: {type(error).__name__}: {text}", "This is a fault of SAMAdapt.")


def out_of_memory(error: BaseException) -> bool:
    """Whether this machine or a device had too little memory: CUDA has a class for it, its libraries a status; MPS and
    the processor only say it."""
    if isinstance(error, MemoryError) or type(error).__name__ in _MEMORY_NAMES:
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _MEMORY_WORDS)
