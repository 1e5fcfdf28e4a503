"""What encoders are measured beside: ONNX Runtime's default session on MobileSAM's own graph at 1024 pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .common import is_busy

NAME = "ONNX Runtime's default session, mobile_sam at 1024 pixels"
SIZE = 1024
TITLE = "ONNX Runtime"


class OnnxSession:
    """The graph as it comes; needs the development dependency onnxruntime. Slices one at a time: it takes no more."""

    def __init__(self) -> None:
        import onnxruntime

        from SAMAdaptLib.encoders.registry import ENTRIES
        from SAMAdaptLib.encoders.weights import store as weights

        options = onnxruntime.SessionOptions()
        if is_busy():
            options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(weights.ensure(ENTRIES["mobile_sam"])), options)
        self._input = self.session.get_inputs()[0].name

    def feed(self, canvas: np.ndarray) -> dict[str, np.ndarray]:
        """A canvas (1024, 1024) as the session takes it."""
        from SAMAdaptLib.encoders import input as canvases

        return {self._input: next(canvases.prepared(canvas[None], SIZE, "sam"))[None]}

    def encode(self, canvases: np.ndarray, levels: Sequence[str] = ("neck",)) -> dict[str, np.ndarray]:
        """The neck's features of canvases (N, 1024, 1024)."""
        found = [self.session.run(None, self.feed(canvas))[0] for canvas in canvases]
        return {"neck": np.concatenate(found)}
