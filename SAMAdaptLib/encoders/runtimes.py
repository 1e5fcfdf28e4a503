"""What computes an encoder on a processor: OpenVINO where it is installed and quicker, torch everywhere else.

``SAMADAPT_RUNTIME`` (torch, openvino) and ``SAMADAPT_PRECISION`` (fp32, bf16) override the choice.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DependencyError, InputError
from ..utils.processor import cores, has_bf16_units, is_x86

if TYPE_CHECKING:
    import torch

    from ..progress import Monitor

RUNTIMES = ("openvino", "torch")
PRECISIONS = ("fp32", "bf16")


def runtime_for(device_type: str) -> str:
    """``openvino`` on an x86 processor where that package is installed, else ``torch``.

    Raises InputError for an unknown word in ``SAMADAPT_RUNTIME``, DependencyError for a runtime that is not installed.
    """
    asked = chosen("SAMADAPT_RUNTIME", RUNTIMES)
    if device_type != "cpu":
        return "torch"
    if asked == "openvino" and not has_openvino():
        msg = "SAMADAPT_RUNTIME is openvino, which is not installed."
        raise DependencyError(msg, "Run: pip install openvino, or leave SAMADAPT_RUNTIME unset.")
    if asked:
        return asked
    return "openvino" if is_x86() and has_openvino() else "torch"


def precision_for(device: torch.device, runtime: str) -> str:
    """``bf16`` where the hardware multiplies it at least twice as fast and ``runtime`` makes use of it, else ``fp32``.

    Raises InputError for an unknown word in ``SAMADAPT_PRECISION``.
    """
    asked = chosen("SAMADAPT_PRECISION", PRECISIONS)
    if asked:
        return asked
    if device.type == "cuda":
        return "bf16" if _has_bf16_cores(device) else "fp32"
    return "bf16" if runtime == "openvino" and has_bf16_units() else "fp32"


def pictures_at_once(threads: int | None) -> int:
    """How many pictures an OpenVINO session computes side by side, each on its part of the processor's cores.

    It waits less so, for the other cores at the end of every operation. Each picture more takes its memory.
    """
    return min(2, threads or cores())


def has_openvino() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("openvino") is not None


def imports_openvino(monitor: Monitor) -> bool:
    """Whether the package can be used; False, with a warning, where it is installed and broken.

    Raises DependencyError where ``SAMADAPT_RUNTIME`` asks for it all the same.
    """
    try:
        importlib.import_module("openvino")
    except Exception as error:  # a broken installation raises whatever its first missing piece makes it raise
        if chosen("SAMADAPT_RUNTIME", RUNTIMES):
            msg = f"The Python package openvino cannot be imported ({error})."
            raise DependencyError(msg, "Install it again, or set SAMADAPT_RUNTIME=torch.") from error
        monitor.warning(
            f"OpenVINO is installed but cannot be imported ({error}): PyTorch computes the encoder, slower."
        )
        return False
    return True


def chosen(variable: str, choices: tuple[str, ...]) -> str:
    """The environment's word, empty when it is silent. Raises InputError for a word that is none of ``choices``."""
    word = os.environ.get(variable, "").strip().lower()
    if word and word not in choices:
        msg = f"{variable} is {word!r}."
        raise InputError(msg, f"Set it to {' or '.join(choices)}, or leave it unset.")
    return word


class OpenVinoSession:
    """A torch module converted to OpenVINO, ready to run on the processor; may be called from several threads."""

    def __init__(self, module: torch.nn.Module, shape: tuple[int, ...], precision: str, threads: int | None) -> None:
        """``module`` takes one input of ``shape`` (1, 3, S, S) and returns a tuple of feature maps.

        Raises DependencyError where OpenVINO cannot compile it for this processor.
        """
        import openvino
        import torch

        example = torch.zeros(shape)
        with torch.inference_mode(), warnings.catch_warnings():
            # torch would say that tracing is to go one day, and that sizes are taken as they are, which is wanted.
            warnings.simplefilter("ignore")
            # Tracing here, without torch's own second and third run to check it.
            traced = torch.jit.trace(module, example, check_trace=False)
            model = openvino.convert_model(traced, example_input=example)
        model.reshape(list(shape))
        at_once = pictures_at_once(threads)
        # The precision is always said: on ARM the default would be fp16.
        settings: dict[str, Any] = {
            "NUM_STREAMS": at_once,
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            # Unpinned: else every process pins its first thread to the same first core, and they wait for each other.
            settings |= {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
        try:
            compiled = openvino.Core().compile_model(model, "CPU", settings)
        except RuntimeError as error:
            msg = f"OpenVINO cannot compute this encoder in {precision} here ({' '.join(str(error).split())[-200:]})."
            raise DependencyError(msg, "Set SAMADAPT_PRECISION=fp32, or SAMADAPT_RUNTIME=torch.") from error
        self._requests = [compiled.create_infer_request() for _ in range(at_once)]
        self._lock = threading.Lock()

    def run(self, pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """For each input of the module's shape its outputs, in order. The arrays are the caller's."""
        running: deque[tuple[Any, np.ndarray]] = deque()  # with the input, whose memory the request reads
        with self._lock:  # A request computes one picture at a time, and its output memory is its own.
            try:
                for number, picture in enumerate(pictures):
                    request = self._requests[number % len(self._requests)]
                    if len(running) == len(self._requests):
                        yield _finished(running.popleft()[0])
                    request.start_async([picture], share_inputs=True)
                    running.append((request, picture))
                while running:
                    yield _finished(running.popleft()[0])
            finally:
                for request, _ in running:
                    request.wait()


def _finished(request: Any) -> list[np.ndarray]:
    """The outputs of a request, when they are there."""
    request.wait()
    return [np.array(tensor.data) for tensor in request.output_tensors]


def _has_bf16_cores(device: torch.device) -> bool:
    """Whether a CUDA device is of a generation with tensor cores for bf16 (8.0, Ampere, and later)."""
    import torch

    return torch.cuda.get_device_capability(device)[0] >= 8
