"""Measures the ranges of what enters the products of mobile_sam, for computing them in 8-bit integers.

    python Resources/measure_ranges.py ../shared/data      # rewrites SAMAdaptLib/encoders/ranges.py

Needs OpenVINO, and a folder with the volumes named below, each in ``<set>/images``. Of each volume three slices are
seen, as they are and in an augmented view. A product that changes the features by more than ``MOST`` when it alone is
computed in integers gets no range: it stays in floating point. Labels have no part in it. No query volume of the
tables of accuracy is among these; some that ingredients and the cost of reduced precision are measured on are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from SAMAdaptLib.encoders import canvas, weights  # noqa: E402
from SAMAdaptLib.encoders.base import INPUT_SIZE  # noqa: E402
from SAMAdaptLib.encoders.openvino_graph import Ranges, product_name, products, quantise  # noqa: E402
from SAMAdaptLib.encoders.registry import ENTRIES  # noqa: E402
from SAMAdaptLib.intensity import rule_for  # noqa: E402
from SAMAdaptLib.samples import SlicedVolume  # noqa: E402
from SAMAdaptLib.views import ViewParameters, ViewSettings, paint  # noqa: E402
from SAMAdaptLib.volume import read_volume  # noqa: E402

VOLUMES = {
    "acdc": ("patient003_frame01", "patient023_frame09", "patient043_frame01", "patient063_frame01"),
    "btcv_ct": ("sabs_18",),
    "chaos_t2": ("chaos_01", "chaos_02"),
    "hippocampus": ("hippocampus_003", "hippocampus_007"),
    "lumbar_mr": ("vb3_01",),
}
PLACES = (0.3, 0.5, 0.7)
MOST = 0.015
"""Root mean square of the change, in standard deviations of the features."""

TARGET = ROOT / "SAMAdaptLib" / "encoders" / "ranges.py"
HEADING = '''"""The least and greatest value that enters each product of an encoder that may be computed in integers.

Data only; ``Resources/measure_ranges.py`` writes it. By the SHA-256 of the ONNX file, then by the product's name in it.
"""

from __future__ import annotations

RANGES: dict[str, dict[str, tuple[float, float]]] = {
'''


def pictures(data: Path) -> Iterator[np.ndarray]:
    """Network inputs (1, 3, S, S) of the chosen slices, each as it is and in a drawn view."""
    chance, settings = np.random.default_rng(0), ViewSettings()
    for folder, names in VOLUMES.items():
        for name in names:
            volume = read_volume(data / folder / "images" / f"{name}.nii.gz")
            sliced = SlicedVolume(volume, "auto", rule_for(volume))
            for place in PLACES:
                content = sliced.picture(int(place * len(sliced)))
                for view in (ViewParameters(), settings.draw(chance)):
                    yield canvas.normalise(paint(content.picture, content.frame, view, INPUT_SIZE), "sam")[None]


class Graphs:
    """mobile_sam as OpenVINO computes it in fp32, changed in one way or another."""

    def __init__(self, path: Path) -> None:
        import openvino

        self._core, self._path = openvino.Core(), path

    def read(self) -> Any:
        """The graph as it is in the file, for one picture."""
        model = self._core.read_model(self._path)
        model.reshape([1, 3, INPUT_SIZE, INPUT_SIZE])
        return model

    def results(self, model: Any, shown: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """All outputs for each picture."""
        settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        request = self._core.compile_model(model, "CPU", settings).create_infer_request()
        found = []
        for picture in shown:
            answer = request.infer([picture])
            found.append([np.array(answer[index]) for index in range(len(answer))])
        return found

    def extremes(self, shown: Sequence[np.ndarray]) -> dict[str, tuple[float, float]]:
        """The least and greatest value that enters each product, over all pictures."""
        import openvino
        from openvino import opset13 as ops

        model = self.read()
        names, wanted = [], []
        for product in products(model):
            source = product.input_value(0)
            axes = np.arange(len(source.get_shape()))
            names.append(product_name(product))
            wanted += [ops.reduce_min(source, axes).output(0), ops.reduce_max(source, axes).output(0)]
        answers = np.array(self.results(openvino.Model(wanted, model.get_parameters(), "extremes"), shown), np.float64)
        least, greatest = answers[:, 0::2].min(axis=0), answers[:, 1::2].max(axis=0)
        return {name: (float(low), float(high)) for name, low, high in zip(names, least, greatest, strict=True)}

    def change(self, ranges: Ranges, shown: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> float:
        """The greatest change of the features over the pictures, in standard deviations."""
        model = self.read()
        quantise(model, ranges)
        found = [answer[0] for answer in self.results(model, shown)]
        return max(
            float(np.sqrt(np.mean((ours - theirs) ** 2)) / theirs.std())
            for ours, theirs in zip(found, exact, strict=True)
        )


def main(data: Path) -> None:
    entry = ENTRIES["mobile_sam"]
    graphs = Graphs(weights.ensure(entry))
    shown = list(pictures(data))
    ranges = {name: tuple(float(f"{bound:.4g}") for bound in bounds) for name, bounds in graphs.extremes(shown).items()}
    few = shown[:: len(shown) // 4]
    exact = [answer[0] for answer in graphs.results(graphs.read(), few)]
    kept = {}
    for name, bounds in ranges.items():
        change = graphs.change({name: bounds}, few, exact)
        print(f"{name} {bounds}: {change:.4f}{'' if change <= MOST else ', left in floating point'}", flush=True)
        if change <= MOST:
            kept[name] = bounds
    print(f"all {len(kept)} together: {graphs.change(kept, few, exact):.4f}")
    lines = "".join(f'        "{name}": {bounds},\n' for name, bounds in kept.items())
    TARGET.write_text(f'{HEADING}    "{entry.sha256}": {{\n{lines}    }},\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
