"""What encoders that torch computes share: batches of pictures, half precision, and a GPU that runs out of memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import MemoryExhausted
from ..progress import Monitor, Silent
from ..utils.devices import hardware, resolve_device
from ..utils.faults import out_of_memory
from . import input as canvas
from . import timing as speed
from .base import Level, check_levels, fingerprint
from .registry import EncoderEntry

GPU_BATCH = 4
"""Pictures of 1024 pixels a side that a GPU computes at once; of smaller ones as many as have that many pixels."""

_MOST_AT_ONCE = 32


class TorchEncoder(ABC):
    """See ``base.Encoder``. Subclasses open a weights file (``_open``) and compute (``_forward``)."""

    def __init__(
        self,
        path: Path,
        sha256: str,
        *,
        entry: EncoderEntry | None = None,
        device: str = "auto",
        threads: int | None = None,
        input_rule: str = "",
        input_size: int | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        """Read the weights at ``path``, which hash to ``sha256``.

        ``entry``: what the registry says of them, if anything. ``input_size``: side in pixels of what the encoder sees,
        where it is not to be the one that it was trained on. Raises WeightsError for another file, DependencyError for
        a missing package, InputError for the device or the size.
        """
        self.name = entry.name if entry else path.stem
        self.sha256, self._path, self._entry, self._threads = sha256, path, entry, threads
        self._device = resolve_device(device)
        self.device = str(self._device)
        if threads and self._device.type == "cpu":
            torch.set_num_threads(threads)
        self.monitor: Monitor = monitor or Silent()
        self._model: nn.Module
        self._precision = "fp32"
        self.input_size = 0
        self.levels: Mapping[str, Level] = {}
        usual_rule = self._open(path, input_size)
        self._rule = input_rule or (entry.input_rule if entry else usual_rule)
        self.fingerprint = fingerprint(sha256, self._precision, self._rule, self.input_size)
        self.batch = self._usual_batch()

    @abstractmethod
    def _open(self, path: Path, input_size: int | None) -> str:
        """Set ``_model``, ``input_size``, ``levels`` and ``_precision``; gives the input rule of such weights."""

    @abstractmethod
    def _forward(self, inputs: Tensor, asked: tuple[str, ...]) -> dict[str, Tensor]:
        """Features (N, C, h, w) by level, of inputs (N, 3, S, S) on the device."""

    @abstractmethod
    def decoder_state(self, monitor: Monitor | None = None) -> dict[str, np.ndarray]:
        """See ``base.Encoder.decoder_state``."""

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """See ``base.Encoder.encode``. Raises MemoryExhausted when the processor has no memory for one picture.

        A GPU computes while the next pictures are prepared: it is asked for a batch before, and for the features after.
        """
        asked = check_levels(levels, self.levels, self.name)
        pictures = canvas.check_canvases(canvases, self.name)
        result = {level: self._empty(len(pictures), level) for level in asked}
        start, inputs = 0, self._inputs(pictures[: self.batch])
        while start < len(pictures):
            try:
                found = self._features(inputs, asked)
            except MemoryExhausted:
                if not self._made_smaller(len(inputs)):
                    raise
                inputs = inputs[: self.batch]
                continue
            part = slice(start, start + len(inputs))
            inputs = self._inputs(pictures[part.stop : part.stop + self.batch])
            for level, features in found.items():
                result[level][part] = features.float().contiguous().cpu().numpy()
            start = part.stop
        return result

    def seconds_per_slice(self) -> float:
        """See ``base.Encoder.seconds_per_slice``."""
        return speed.seconds_per_slice(self, hardware(self._device), "torch", str(self._threads or 0))

    def _usual_batch(self) -> int:
        """How many pictures at once pay on the device; on a processor larger batches gain nothing."""
        if self._device.type == "cpu":
            return 1
        return max(1, min(_MOST_AT_ONCE, round(GPU_BATCH * self._pixels_of_one())))

    def _pixels_of_one(self) -> float:
        """How many pictures of this encoder's size cost what one of the largest size costs."""
        return 1.0

    def _empty(self, count: int, level: str) -> np.ndarray:
        size = self.levels[level]
        return np.empty((count, size.channels, size.size, size.size), dtype=np.float32)

    def _inputs(self, pictures: np.ndarray) -> Tensor:
        """Pictures as the network takes them, (N, 3, S, S) float32, where a CUDA device gets them without waiting."""
        pinned = self._device.type == "cuda" and torch.cuda.is_available()
        inputs = torch.empty(len(pictures), 3, self.input_size, self.input_size, pin_memory=pinned)
        for place, picture in zip(inputs.numpy(), canvas.prepared(pictures, self.input_size, self._rule), strict=True):
            place[:] = picture
        return inputs

    def _made_smaller(self, count: int) -> bool:
        """Ask for less of the device from now on, and say so: half of the batch, then the processor. False: no way."""
        if count > 1:
            self.batch = count // 2
            self.monitor.warning(f"{self.device} has too little memory for {count} slices at once: {self.batch} now.")
            return True
        if self._device.type == "cpu":
            return False
        self.monitor.warning(f"{self.device} has too little memory for {self.name}: it goes on on the processor.")
        self._move_to_processor()
        return True

    def _move_to_processor(self) -> None:
        self._device, self.device, self.batch = torch.device("cpu"), "cpu", 1
        self._model = self._model.to(self._device)

    def _lower_precision(self) -> AbstractContextManager[object]:
        """In full precision not even an autocast that is switched off: torch before 2.5 has none for MPS."""
        return torch.autocast(self._device.type, torch.bfloat16) if self._precision == "bf16" else nullcontext()

    def _features(self, inputs: Tensor, asked: tuple[str, ...]) -> dict[str, Tensor]:
        """``_forward`` in the encoder's precision.

        Raises MemoryExhausted when the device has no memory for it. Where a device lacks an operation, as Apple's MPS
        may, the processor goes on, and a warning says so.
        """
        try:
            with torch.inference_mode(), self._lower_precision():
                return self._forward(inputs.to(self._device, non_blocking=True), asked)
        except NotImplementedError as error:
            if self._device.type == "cpu":
                raise
            words = f"{self.device} lacks an operation that {self.name} needs ({_first_line(error)})"
            self.monitor.warning(f"{words}: it goes on on the processor.")
            self._move_to_processor()
            return self._features(inputs, asked)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            msg = f"A batch of {len(inputs)} slices does not fit into the memory of {self.device} with {self.name}."
            raise MemoryExhausted(msg, "Choose a smaller encoder, or the device cpu.") from error


def halve(model: nn.Module) -> None:
    """Keep the weights of products in bf16: autocast would convert them again for every picture."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(torch.bfloat16)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
