"""What computes an ONNX graph: OpenVINO where it is installed, ONNX Runtime everywhere else.

Both stand behind ``Session``. The choice follows from what is installed and what the processor has;
``SAMADAPT_RUNTIME`` (onnxruntime, openvino) and ``SAMADAPT_PRECISION`` (fp32, bf16, int8) override it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..errors import DependencyError, InputError, WeightsError
from ..processor import cores, has_bf16_units, has_int8_units
from ..progress import Monitor
from .bands import in_bands
from .openvino_graph import Ranges, quantise, rearrange

RUNTIMES = ("openvino", "onnxruntime")
PRECISIONS = ("fp32", "bf16", "int8")
"""``int8``: products whose ranges are known in 8-bit integers, all else in what the processor is best at."""


@dataclass(frozen=True)
class Plan:
    """How a graph will be computed. ``device`` is cpu or cuda[:N].

    ``precision`` is fp32 or bf16; products that ``ranges`` names are computed in 8-bit integers.
    """

    runtime: str
    precision: str
    device: str = "cpu"
    ranges: Ranges = field(default_factory=dict)

    @property
    def arithmetic(self) -> str:
        """In words: fp32, bf16, int8+fp32 or int8+bf16."""
        return f"int8+{self.precision}" if self.ranges else self.precision

    @property
    def identity(self) -> str:
        """What decides about the features' values: ``arithmetic``, and which ranges the integers have."""
        if not self.ranges:
            return self.precision
        digest = hashlib.sha256(repr(sorted(self.ranges.items())).encode()).hexdigest()
        return f"{self.arithmetic}.{digest[:8]}"


class Session(Protocol):
    """A graph ready to run; may be called from several threads."""

    def run(self, pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """For each input, in the graph's own shape, its outputs in the order asked for. The arrays are the caller's."""


def pictures_at_once(plan: Plan, threads: int | None) -> int:
    """How many pictures a session computes side by side, each on its part of the processor's cores.

    OpenVINO waits less so, for the other cores at the end of every operation. Each picture more takes its memory.
    """
    return min(2, threads or cores()) if plan.runtime == "openvino" else 1


def make_plan(device: str, monitor: Monitor, *, exact: bool = False, ranges: Ranges | None = None) -> Plan:
    """The best way this machine offers, unless the environment says otherwise.

    ``exact`` keeps it from choosing less than fp32. ``ranges``: of what enters products, where they are known.
    Raises InputError for an unknown word in ``SAMADAPT_RUNTIME``, ``SAMADAPT_PRECISION`` or ``device``.
    """
    runtime = chosen("SAMADAPT_RUNTIME", RUNTIMES)
    precision = chosen("SAMADAPT_PRECISION", PRECISIONS)
    if device.startswith("cuda"):
        if _onnxruntime_has_cuda():
            return Plan("onnxruntime", "fp32", device)
        monitor.warning("This ONNX Runtime cannot use the GPU, so the encoder runs on the processor.")
    elif device.split(":")[0] not in ("auto", "cpu", "mps"):
        msg = f"{device!r} is no device."
        raise InputError(msg, "Choose auto, cpu, cuda, cuda:N or mps.")
    if not runtime:
        runtime = "openvino" if _installed("openvino") else "onnxruntime"
    if runtime == "onnxruntime":
        if precision in ("bf16", "int8"):
            monitor.warning(
                f"ONNX Runtime computes in fp32 on the processor; SAMADAPT_PRECISION={precision} needs OpenVINO."
            )
        return Plan(runtime, "fp32")
    best = "bf16" if has_bf16_units() and not exact else "fp32"
    if precision == "int8" and not ranges:
        monitor.warning(f"No ranges are known for this encoder's products, so it computes in {best}, not in int8.")
    whole = ranges if precision == "int8" or (not precision and not exact and has_int8_units()) else None
    return Plan(runtime, precision if precision in ("fp32", "bf16") else best, ranges=whole or {})


def open_session(
    model: bytes, outputs: Sequence[str], shape: Sequence[int], plan: Plan, threads: int | None
) -> Session:
    """Prepare ``model`` for one input of ``shape``. Raises DependencyError, or WeightsError if it is refused."""
    try:
        if plan.runtime == "openvino":
            return _OpenVino(model, outputs, shape, plan, threads)
        return _OnnxRuntime(model, outputs, plan, threads)
    except ImportError as error:
        msg = f"The Python package {plan.runtime} cannot be imported ({error})."
        raise DependencyError(msg, f"Run: pip install {plan.runtime}") from error
    except RuntimeError as error:
        raise _refused(plan, error) from error


class _OnnxRuntime:
    """ONNX Runtime on the processor, or on CUDA where that build is installed."""

    def __init__(self, model: bytes, outputs: Sequence[str], plan: Plan, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        providers: list[Any] = ["CPUExecutionProvider"]
        if plan.device.startswith("cuda"):
            _, _, number = plan.device.partition(":")
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(number or 0)}))
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # Its errors share no base class below Exception.
            raise _refused(plan, error) from error
        self._outputs = list(outputs)
        self._input = self._session.get_inputs()[0].name

    def run(self, pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
        for picture in pictures:
            yield self._session.run(self._outputs, {self._input: picture})


class _OpenVino:
    """OpenVINO on the processor. Outputs that nobody asked for are cut from the graph with all that led to them."""

    def __init__(
        self, model: bytes, outputs: Sequence[str], shape: Sequence[int], plan: Plan, threads: int | None
    ) -> None:
        import openvino

        core = openvino.Core()
        whole = core.read_model(model)
        by_name = {name: output for output in whole.outputs for name in output.get_names()}
        model_asked = openvino.Model([by_name[name] for name in outputs], whole.get_parameters(), "encoder")
        model_asked.reshape(list(shape))
        rearrange(model_asked)
        in_bands(model_asked)
        quantise(model_asked, plan.ranges)
        at_once = pictures_at_once(plan, threads)
        # The precision is always said: on ARM the default would be fp16.
        settings: dict[str, Any] = {
            "NUM_STREAMS": at_once,
            "INFERENCE_PRECISION_HINT": "bf16" if plan.precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            # Unpinned: else every process pins its first thread to the same first core, and they wait for each other.
            settings |= {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
        compiled = core.compile_model(model_asked, "CPU", settings)
        self._requests = [compiled.create_infer_request() for _ in range(at_once)]
        self._lock = threading.Lock()

    def run(self, pictures: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
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


def _refused(plan: Plan, error: Exception) -> WeightsError:
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    msg = f"{plan.runtime} cannot use this ONNX file: {first_line}"
    other = next(name for name in RUNTIMES if name != plan.runtime)
    return WeightsError(msg, f"Fetch the file again, or try SAMADAPT_RUNTIME={other}.")


def chosen(variable: str, choices: tuple[str, ...]) -> str:
    """The environment's word, empty when it is silent."""
    word = os.environ.get(variable, "").strip().lower()
    if word and word not in choices:
        msg = f"{variable} is {word!r}."
        raise InputError(msg, f"Set it to {' or '.join(choices)}, or leave it unset.")
    return word


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _onnxruntime_has_cuda() -> bool:
    if not _installed("onnxruntime"):
        return False
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
