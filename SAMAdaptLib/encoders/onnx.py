"""Encoders stored as ONNX graphs: MobileSAM, and any other graph from pictures to a feature map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import WeightsError
from ..progress import Monitor, Silent
from . import canvas, decoder, speed, weights
from .base import INPUT_SIZE, Level, check_levels, fingerprint
from .onnx_graph import Graph, Tap, read_graph, with_taps
from .ranges import RANGES
from .registry import ENTRIES, EncoderEntry
from .runtimes import Plan, Session, make_plan, open_session, pictures_at_once

_TAPS: Mapping[str, tuple[Tap, Level]] = {
    # MobileSAM's TinyViT, as torch's exporter names its tensors. The earliest one has 256x256 pixels; half of that
    # keeps what a head can use at a quarter of the memory.
    "mid": (Tap("/layers.0/downsample/conv3/c/Conv_output_0", "samadapt_mid"), Level(128, 128)),
    "fine": (Tap("/layers.0/blocks.1/act3/Mul_1_output_0", "samadapt_fine", pool=2), Level(64, 128)),
}

_SESSIONS = 2


class OnnxEncoder:
    """See ``base.Encoder``. These graphs fix their batch at 1: pictures go through side by side, not as one input."""

    def __init__(
        self,
        path: Path,
        sha256: str,
        *,
        entry: EncoderEntry | None = None,
        device: str = "auto",
        threads: int | None = None,
        input_rule: str = "",
        monitor: Monitor | None = None,
    ) -> None:
        """Look into the file at ``path``; it is compiled at the first ``encode``.

        Raises WeightsError if it is no ONNX file or not from one picture to one square feature map.
        """
        self.name = entry.name if entry else path.stem
        self.sha256 = sha256
        self._path, self._entry, self._threads = path, entry, threads
        graph = read_graph(path.read_bytes())
        self._input_shape, self.input_size, layout_rule = _input_of(graph, self.name)
        self._neck, neck = _neck_of(graph, self.name)
        tensors = graph.tensors()
        inner = {name: level for name, (tap, level) in _TAPS.items() if tap.tensor in tensors}
        self.levels: Mapping[str, Level] = {"neck": neck, **inner}
        self._rule = layout_rule or input_rule or (entry.input_rule if entry else "sam")
        # A graph that takes 0..255 would see gray values rounded to bf16 before it subtracts their mean.
        self.monitor = monitor or Silent()
        ranges = RANGES.get(sha256)
        self._plan: Plan = make_plan(device, self.monitor, exact=self._rule == "raw", ranges=ranges)
        self.device = self._plan.device
        self.batch = pictures_at_once(self._plan, threads)
        self.fingerprint = fingerprint(sha256, self._plan.identity, self._rule, self.input_size)
        self._sessions: dict[tuple[str, ...], Session] = {}

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """See ``base.Encoder.encode``."""
        asked = check_levels(levels, self.levels, self.name)
        pictures = canvas.check_canvases(canvases, self.name)
        result = {level: _empty(len(pictures), self.levels[level]) for level in asked}
        inputs = map(self._shaped, canvas.prepared(pictures, self.input_size, self._rule))
        for index, found in enumerate(self._session(asked).run(inputs)):
            for level, features in zip(asked, found, strict=True):
                result[level][index] = features.reshape(result[level].shape[1:])
        return result

    def seconds_per_slice(self) -> float:
        """See ``base.Encoder.seconds_per_slice``."""
        return speed.seconds_per_slice(self, self.device, self._plan.runtime, str(self._threads or 0))

    def decoder_state(self, monitor: Monitor | None = None) -> dict[str, np.ndarray]:
        """See ``base.Encoder.decoder_state``; fetches the decoder's file when it is not here yet."""
        if not self._entry or not self._entry.decoder:
            return {}
        path = weights.ensure(ENTRIES[self._entry.decoder], monitor or Silent())
        return decoder.from_onnx(path)

    def _session(self, asked: tuple[str, ...]) -> Session:
        """The compiled graph that gives these levels. Two are kept: a head asks for the same levels every time."""
        if asked not in self._sessions:
            if len(self._sessions) == _SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
            taps = tuple(_TAPS[level][0] for level in asked if level != "neck")
            outputs = [self._neck if level == "neck" else _TAPS[level][0].output for level in asked]
            model = with_taps(self._path.read_bytes(), taps)
            self._sessions[asked] = open_session(model, outputs, self._input_shape, self._plan, self._threads)
        return self._sessions[asked]

    def _shaped(self, picture: np.ndarray) -> np.ndarray:
        """(3, S, S) in the graph's own layout, rows x columns x colours or the batch of one."""
        if self._input_shape[-1] == 3:
            picture = np.ascontiguousarray(np.moveaxis(picture, 0, -1))
        return picture.reshape(self._input_shape)


def _empty(count: int, level: Level) -> np.ndarray:
    return np.empty((count, level.channels, level.size, level.size), dtype=np.float32)


def _input_of(graph: Graph, name: str) -> tuple[tuple[int, ...], int, str]:
    """(input shape, side in pixels, input rule or empty).

    Colours first is SAM's normalised input; colours last, as some exports have it, is a picture on 0..255 that the
    graph normalises inside.
    """
    shape = next(iter(graph.inputs.values()), ())
    if len(graph.inputs) != 1 or len(shape) not in (3, 4):
        raise _incompatible(name, f"its inputs are {graph.inputs}", "one input 1x3x1024x1024 or 1024x1024x3")
    colours_last = shape[-1] == 3
    rows, columns = shape[-3:-1] if colours_last else shape[-2:]
    size = max(rows, columns)
    size = INPUT_SIZE if size <= 0 else size
    if {rows, columns} - {size, -1, 0} or (not colours_last and shape[-3] not in (3, -1)):
        raise _incompatible(name, f"its input has the shape {shape}", "one square picture of three colours")
    inner = (size, size, 3) if colours_last else (3, size, size)
    return (1, *inner) if len(shape) == 4 else inner, size, "raw" if colours_last else ""


def _neck_of(graph: Graph, name: str) -> tuple[str, Level]:
    """The name and size of the first output, which must be a square feature map."""
    output, shape = next(iter(graph.outputs.items()))
    if len(shape) != 4 or min(shape[1:]) <= 0 or shape[2] != shape[3]:
        raise _incompatible(name, f"its output {output} has the shape {shape}", "a feature map such as 1x256x64x64")
    return output, Level(shape[1], shape[2])


def _incompatible(name: str, found: str, needed: str) -> WeightsError:
    msg = f"The ONNX file {name} is no SAM encoder: {found}, needed is {needed}."
    return WeightsError(msg, "Choose the file of an image encoder, not of a mask decoder or a whole SAM.")
