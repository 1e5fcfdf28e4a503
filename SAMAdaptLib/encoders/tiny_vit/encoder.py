"""MobileSAM's and LiteMedSAM's encoders: TinyViT with their weights, at any input size, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import WeightsError
from ...progress import Monitor, Silent
from .. import input as canvas
from .. import timing as speed
from ..base import OWN_PATCHES, Level, check_levels, checked_of_tiny_vit
from ..registry import ENTRIES
from ..runtimes import OpenVinoSession, imports_openvino, pictures_at_once, precision_for, runtime_for
from ..sam import decoder_weights as decoder
from ..torch_encoder import TorchEncoder, halve
from ..weights import store as weights
from ..weights.checkpoints import read_checkpoint
from . import weights as tiny_vit_weights
from .network import TinyViT, level_sizes

_SESSIONS = 2


class TinyViTEncoder(TorchEncoder):
    """See ``base.Encoder``. Levels: ``neck`` with a cell for each 4 x 4 patches, ``mid`` for 2 x 2, ``fine``.

    ``fine`` has a cell for each patch, or for 2 x 2 of more than 128 patches a side.
    """

    def _open(self, path: Path, input_size: int | None) -> str:
        """A ``.pth`` checkpoint, or MobileSAM's ONNX export."""
        model = _model(path)
        self.input_size = checked_of_tiny_vit(input_size, model.stride, self.name)
        self._patches = self.input_size // model.stride
        self.levels = {name: Level(*size) for name, size in level_sizes(self._patches).items()}
        self._runtime = runtime_for(self._device.type)
        if self._runtime == "openvino" and not imports_openvino(self.monitor):
            self._runtime = "torch"
        self._precision = precision_for(self._device, self._runtime)
        if self._runtime == "torch":
            model = model.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            if self._precision == "bf16":
                halve(model)
        self._model: TinyViT = model
        self._sessions: dict[tuple[str, ...], OpenVinoSession] = {}
        return "unit" if model.stride == 1 else "sam"  # LiteMedSAM's patches are single pixels

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """See ``base.Encoder.encode``. Raises MemoryExhausted when there is no memory for one picture."""
        if self._runtime != "openvino":
            return super().encode(canvases, levels)
        asked = check_levels(levels, self.levels, self.name)
        pictures = canvas.check_canvases(canvases, self.name)
        result = {level: self._empty(len(pictures), level) for level in asked}
        inputs = (picture[None] for picture in canvas.prepared(pictures, self.input_size, self._rule))
        for index, found in enumerate(self._session(asked).run(inputs)):
            for level, features in zip(asked, found, strict=True):
                result[level][index] = features[0]
        return result

    def seconds_per_slice(self) -> float:
        """See ``base.Encoder.seconds_per_slice``."""
        if self._runtime != "openvino":
            return super().seconds_per_slice()
        return speed.seconds_per_slice(self, self.device, self._runtime, str(self._threads or 0))

    def decoder_state(self, monitor: Monitor | None = None) -> dict[str, np.ndarray]:
        """See ``base.Encoder.decoder_state``; fetches the decoder's file where that is one of its own."""
        if self._entry and self._entry.decoder:
            return decoder.from_onnx(weights.ensure(ENTRIES[self._entry.decoder], monitor or Silent()))
        if self._path.suffix.lower() == ".onnx":
            return {}
        return decoder.from_checkpoint(read_checkpoint(self._path), self._path.name)

    def _forward(self, inputs: Tensor, asked: tuple[str, ...]) -> dict[str, Tensor]:
        found = self._model(inputs.contiguous(memory_format=torch.channels_last), asked)
        return dict(zip(asked, found, strict=True))

    def _pixels_of_one(self) -> float:
        return (OWN_PATCHES / self._patches) ** 2

    def _usual_batch(self) -> int:
        return pictures_at_once(self._threads) if self._runtime == "openvino" else super()._usual_batch()

    def _session(self, asked: tuple[str, ...]) -> OpenVinoSession:
        """The converted network for these levels. Two are kept: a head asks for the same levels every time."""
        if asked not in self._sessions:
            if len(self._sessions) == _SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
            shape = (1, 3, self.input_size, self.input_size)
            self._sessions[asked] = OpenVinoSession(_Levels(self._model, asked), shape, self._precision, self._threads)
        return self._sessions[asked]


class _Levels(nn.Module):
    """The network with the levels chosen, as a converter wants it: pictures in, a tuple of maps out."""

    def __init__(self, model: TinyViT, levels: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.levels = model, levels

    def forward(self, pictures: Tensor) -> tuple[Any, ...]:
        return tuple(self.model(pictures, self.levels))


def _model(path: Path) -> TinyViT:
    if path.suffix.lower() == ".onnx":
        return tiny_vit_weights.from_onnx(path)
    checkpoint = read_checkpoint(path)
    if not tiny_vit_weights.is_tiny_vit(checkpoint):
        msg = f"{path.name} holds no TinyViT image encoder."
        raise WeightsError(msg, "Choose the weights of MobileSAM or LiteMedSAM.")
    return tiny_vit_weights.from_checkpoint(checkpoint, path.name)
