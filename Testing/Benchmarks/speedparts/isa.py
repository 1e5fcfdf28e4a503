"""A poorer processor, imitated: a child whose libraries are told to use no more than some units.

What is left out is said with the figures: ONNX Runtime asks the processor itself and cannot be told, so a ratio to it
is, if anything, too small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

VARIABLE = "SAMADAPT_BENCH_ISA"
"""Set in the child: what it is limited to."""

ISAS = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch's and OpenVINO's products
        "DNNL_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",  # NumPy's products
    }
}


def limited_to() -> str:
    """What this process is limited to, "" for nothing."""
    return os.environ.get(VARIABLE, "")


def again(isa: str, script: str, arguments: Sequence[str], more: Mapping[str, str] | None = None) -> int:
    """Run ``script`` in a child that is limited ("" for not at all), with ``more`` variables; its exit status."""
    environment = {**os.environ, **ISAS.get(isa, {}), VARIABLE: isa, **(more or {})}
    return subprocess.run([sys.executable, script, *arguments], env=environment, check=False).returncode


def described() -> dict[str, Any]:
    """What was asked for, and what torch and OpenVINO say that they use."""
    import torch

    return {"isa": limited_to() or "all there is", "torch": torch.backends.cpu.get_cpu_capability(), **_openvino()}


def _openvino() -> dict[str, Any]:
    """The kernel that OpenVINO takes for a convolution, such as ``brgconv_avx2_f32``: its name says the units."""
    try:
        import openvino
    except ImportError:
        return {"openvino": "not installed"}
    return {"openvino": _kernel(openvino)}


def _kernel(openvino: Any) -> str:
    import torch

    layer = torch.nn.Conv2d(32, 32, 3, padding=1).eval()
    example = torch.zeros(1, 32, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would have tracing done otherwise, which OpenVINO still does
        model = openvino.convert_model(layer, example_input=example)
    model.reshape(list(example.shape))
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    graph = openvino.Core().compile_model(model, "CPU", settings).get_runtime_model()
    facts = [node.get_rt_info() for node in graph.get_ops()]
    kernels = {str(each["layerType"].value): str(each["primitiveType"].value) for each in facts}
    return kernels.get("Convolution", "unknown")
