"""How many bad results are doubted, and how many good ones.

    python Testing/Benchmarks/doubted.py --result acdc.json --head heart.samhead --data ../shared/data/acdc \\
        --query patient003_frame01 --others chaos_01.nii.gz -o Resources/Benchmarks/doubted

``--result``: files of ``benchmark``, whose cases say what was warned of; a row each. ``--head`` segments the volumes
``--query`` of the folder ``--data`` as they are, mirrored, upside down and inverted, and ``--others``, in which there
is nothing to find; a row for each of these. These four options may be given again, for other heads, in the same order.
A result is bad when its mean Dice is below 0.5. Writes a table (Markdown).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib.data.image import Labelmap, Volume  # noqa: E402
from SAMAdaptLib.data.io.volumes import read_volume  # noqa: E402
from SAMAdaptLib.evaluation.metrics import evaluate  # noqa: E402
from SAMAdaptLib.heads.head import Head, load_head  # noqa: E402
from SAMAdaptLib.inference.segment import segment  # noqa: E402
from SAMAdaptLib.jobs.benchmark import Dataset  # noqa: E402
from SAMAdaptLib.progress import Silent  # noqa: E402

BAD = 0.5
HEADING = ("results", "bad", "of these doubted", "others doubted", "mean Dice of doubted", "of the others")

Change = Callable[[np.ndarray], np.ndarray]


def _same(voxels: np.ndarray) -> np.ndarray:
    return voxels


def _inverted(voxels: np.ndarray) -> np.ndarray:
    top = np.percentile(voxels, 99.5)
    return top - np.minimum(voxels, top)


CHANGES: Mapping[str, tuple[Change, Change]] = {
    "as they are": (_same, _same),
    "mirrored": (lambda voxels: voxels[:, :, ::-1],) * 2,
    "upside down": (lambda voxels: voxels[:, ::-1, ::-1],) * 2,
    "inverted": (_inverted, _same),
}
"""What becomes of the voxels (k, j, i) of a volume, and of its labels; the grid stays as it is."""


@dataclass
class Row:
    """Results of one kind: the mean Dice of each, and whether it was doubted."""

    name: str
    results: list[tuple[float, bool]] = field(default_factory=list)

    def cells(self) -> list[str]:
        """As the table has them, without the name."""
        bad = [doubted for dice, doubted in self.results if dice < BAD]
        others = [doubted for dice, doubted in self.results if dice >= BAD]
        means = [_mean([dice for dice, doubted in self.results if doubted is wanted]) for wanted in (True, False)]
        return [str(len(self.results)), str(len(bad)), str(sum(bad)), str(sum(others)), *means]


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f}" if values else "–"


class _Warned(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def measured(path: Path) -> Row:
    """The cases of a ``benchmark`` run."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cases = [case for support in content["supports"] for case in support["cases"]]
    return Row(path.stem, [(case["mean_dice"], bool(case["warnings"])) for case in cases])


def tried(head: Head, folder: Path, query: Sequence[str], others: Sequence[str]) -> list[Row]:
    """The volumes of a folder as they are and changed, and others."""
    data, rows = Dataset(folder), [Row(f"{folder.name}, {name}") for name in CHANGES]
    for case in data.resolve(query):
        volume = data.volume(case, Silent())
        truth = data.labelmap(case, volume, False, Silent())
        for row, (change, change_labels) in zip(rows, CHANGES.values(), strict=True):
            seen = volume.with_array(change(volume.voxels))
            row.results.append(_found(head, seen, truth.with_array(change_labels(truth.voxels))))
    elsewhere = [_found(head, read_volume(path), None) for path in others]
    return [*rows, Row(f"{folder.name}, other kinds of volumes", elsewhere)] if elsewhere else rows


def _found(head: Head, volume: Volume, truth: Labelmap | None) -> tuple[float, bool]:
    heard = _Warned()
    labels = segment(volume, head, monitor=heard)
    dice = 0.0 if truth is None else evaluate(labels, truth, values=head.card.values).mean_dice or 0.0
    return float(dice), bool(heard.warnings)


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, all together below."""
    whole = Row("**all**", [result for row in rows for result in row.results])
    lines = [["", *HEADING], ["---"] * (len(HEADING) + 1), *([row.name, *row.cells()] for row in (*rows, whole))]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--result", action="append", type=Path, default=[], help="a file of benchmark")
    for name, words in (
        ("--head", "a trained head"),
        ("--data", "folder with images and labels, for that head"),
        ("--query", "ids in that folder, separated by commas"),
        ("--others", "images of another kind, separated by commas"),
    ):
        parser.add_argument(name, action="append", default=[], help=words)
    parser.add_argument("--title", default="How many bad results are doubted, and how many others")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write, without ending")
    chosen = parser.parse_args(arguments)
    rows = [measured(path) for path in chosen.result]
    for head, data, query, others in zip(chosen.head, chosen.data, chosen.query, chosen.others, strict=True):
        rows += tried(load_head(head), Path(data), query.split(","), [path for path in others.split(",") if path])
    text = f"# {chosen.title}\n\nA result is bad when its mean Dice is below {BAD}.\n\n{table(rows)}"
    chosen.output.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
