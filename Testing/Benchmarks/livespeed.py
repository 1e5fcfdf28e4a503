"""How long a live session takes on one volume: encoding, the visible slice after a stroke, and all slices.

Seconds of the clock, and beside them those of the processor (all threads together): with two quiet cores the clock
shows between half of these and all of them. What else ran is told by the load.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

VOLUME = "chaos_t2", "chaos_01"
"""37 slices of 256 x 256 pixels; figures are for a hundred like them."""

EVERY = 8


class _Line:
    """Takes down when a session told what."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.words: list[tuple[str, Mapping[str, Any], float, float]] = []

    def receive(self, seconds: float) -> tuple[str, Mapping[str, Any]] | None:
        return self.told.pop(0) if self.told else None

    def send(self, about: str, data: Mapping[str, Any]) -> None:
        self.words.append((about, data, time.perf_counter(), time.process_time()))


def measured(data: Path, isa: str) -> tuple[str, dict[str, str]]:
    """A column of the table: its heading, and the figures."""
    from speedparts.isa import described

    from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
    from SAMAdaptLib.features.cache import FeatureCache
    from SAMAdaptLib.live import messages
    from SAMAdaptLib.live.messages import Told
    from SAMAdaptLib.live.serve import LiveServer
    from SAMAdaptLib.live.session import LiveSession
    from SAMAdaptLib.progress import Silent

    folder, name = VOLUME
    volume = read_volume(data / folder / "images" / f"{name}.nii.gz")
    labels = read_labelmap(data / folder / "labels" / f"{name}.nii.gz", like=volume)
    figures: dict[str, str] = {"units": str(described()), "load": f"{os.getloadavg()[0]:.0f}"}
    with tempfile.TemporaryDirectory() as cache:
        session = LiveSession(volume, plane="axial", store=FeatureCache(Path(cache)))
        session.features.features(0)
        began = time.perf_counter(), time.process_time()
        session.encode()
        hundred = 100 / (len(session.stack) - 1)
        figures["encode 100 slices"] = _told(began, hundred)
        truth = session.stack.oriented(labels.voxels)
        shown = np.flatnonzero(truth.any(axis=(1, 2)))
        drawn = {int(n): np.ascontiguousarray(truth[n]) for n in range(int(shown[0]), int(shown[-1]) + 1, EVERY)}
        line, visible = _Line(), int(shown[len(shown) // 2])
        server = LiveServer(session, line, Silent(), visible)
        server.step()  # what PyTorch loads at its first step
        for generation, name in ((1, "first stroke"), (2, "next stroke")):
            if generation == 2:
                drawn = dict([next(iter(drawn.items()))])  # one slice changed
            line.words.clear()
            line.told.append((messages.ANNOTATION, Told(generation, drawn, reset=False, focus=visible).to_data()))
            began = time.perf_counter(), time.process_time()
            while not any(about == messages.FINISHED for about, *_ in line.words):
                server.step()
            first = next(word for word in line.words if word[0] == messages.PREVIEW)
            second = [word for word in line.words if word[0] == messages.PREVIEW][1]
            last = next(word for word in line.words if word[0] == messages.FINISHED)
            figures[f"visible slice, {name}"] = _told(began, 1, (first[2], first[3]))
            predicted = ((last[2] - second[2]), (last[3] - second[3]))
            whole = (second[2] + predicted[0] * hundred, second[3] + predicted[1] * hundred)
            figures[f"whole fit and 100 slices, {name}"] = _told(began, 1, whole)
    return isa, figures


def _told(began: tuple[float, float], times: float, ended: tuple[float, float] | None = None) -> str:
    clock, processor = ended or (time.perf_counter(), time.process_time())
    return f"{(clock - began[0]) * times:.1f} s ({(processor - began[1]) * times:.1f} s of the processor)"
