"""Makes a table of ``benchmark`` results, for people (Markdown) and for later comparison (JSON without the cases).

    python -m SAMAdaptLib benchmark --data acdc --support ... --query ... --head cnn --json cnn.json
    python Testing/Benchmarks/tables.py cnn.json fusion.json --names RV,MYO,LV --title ACDC -o Resources/Benchmarks/acdc

Writes ``acdc.md`` and ``acdc.json``. Only means over query volumes are kept: nothing of a single patient. A file that
this command wrote may stand among its inputs, so that rows can be added to a table later.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib.jobs.benchmark import for_queries  # noqa: E402

JUDGED = ("held_out_dice", "expected_dice")
SUPPORT_FACTS = ("support", "head", "train_seconds", "segment_seconds", "peak_mb", "input_sizes", *JUDGED, "training")
LATER_FACTS = ("shape_prior", "closer_look")
MEANS = ("mean_dice", "mean_nsd", "mean_hd95_mm", "dice", "nsd", "hd95_mm")


def compact(result: dict[str, Any]) -> dict[str, Any]:
    """A result without its cases."""
    kept = {*SUPPORT_FACTS, *LATER_FACTS, *MEANS}
    supports = [{key: value for key, value in support.items() if key in kept} for support in result["supports"]]
    return {**result, "supports": supports}


def read(path: Path, query: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The results in a file of ``benchmark`` (one) or of this command (any number), without their cases.

    ``query``: beginnings of the ids to which a file of ``benchmark`` is restricted.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, list):
        return [compact(result) for result in content]
    return [compact(for_queries(content, query) if query else content)]


def label(result: dict[str, Any]) -> str:
    """What a row is called: the variant, or the head and what is not usual about the run."""
    settings = result["settings"]
    if settings.get("variant"):
        return str(settings["variant"])
    extras = [name for name in ("tta", "smoothing") if settings[name]]
    extras += ["scribbles"] if settings["ignore_label"] is not None else []
    extras += [f"{len(settings['unlabeled'])} unlabelled volumes"] if settings["unlabeled"] else []
    extras += [fact.replace("_", " ") for fact in LATER_FACTS if any(one.get(fact) for one in result["supports"])]
    return " + ".join([settings["head"], *extras])


def row(result: dict[str, Any]) -> list[str]:
    """One row of the table."""
    supports = result["supports"]
    spread = f" ± {result['sd_dice']:.3f}" if result["sd_dice"] is not None else ""
    seconds = [support["train_seconds"] for support in supports]
    return [
        label(result),
        f"**{result['mean_dice']:.3f}**{spread}",
        *(_score(item["mean_dice"]) for item in result["structures"].values()),
        _score(result["mean_nsd"]),
        _score(result["mean_hd95_mm"], 1),
        " / ".join(_score(support["mean_dice"], 2) for support in supports),
        f"{statistics.mean(seconds):.0f} (at most {max(seconds):.0f})",
        f"{statistics.mean(support['segment_seconds'] for support in supports):.1f}",
        f"{max(support['peak_mb'] for support in supports):.0f}",
    ]


def table(results: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """All rows as Markdown; ``names`` of the structures, in the order of their label values."""
    tolerance = results[0]["settings"]["tolerance_mm"]
    heading = [
        "head",
        "mean Dice",
        *(names or [item["name"] for item in results[0]["structures"].values()]),
        f"NSD at {tolerance:g} mm",
        "HD95 mm",
        "Dice by support",
        "training s",
        "a volume s",
        "peak MB",
    ]
    lines = [heading, ["---"] * len(heading), *(row(result) for result in results)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def conditions(result: dict[str, Any]) -> str:
    """Under what conditions the first result came about, as a sentence or two."""
    settings, machine = result["settings"], result["settings"]["machine"]
    sizes = sorted({size for support in result["supports"] for size in support.get("input_sizes") or ()})
    seen = f" at {' and '.join(map(str, sizes))} pixels" if sizes else ""
    count = len(result["supports"])
    return (
        f"{count} support{'s' * (count != 1)}, {len(settings['query'])} query volumes, "
        f"encoder {settings['encoder']}{seen}, budget {settings['budget']}, seed {settings['seed']}; "
        f"{machine['cpus']} cores ({machine['processor']}).\n"
        "Means over structures, then volumes, then supports; ± is the standard deviation over supports. Features of\n"
        "the query volumes are cached by the first head that sees them, so later heads segment faster.\n"
    )


def write_table(results: Sequence[dict[str, Any]], names: Sequence[str], title: str, output: Path) -> None:
    """Write a table as ``output``.md and, without cases, as ``output``.json; and print it."""
    document = f"# {title}\n\n{conditions(results[0])}\n{table(results, names)}"
    output.with_suffix(".md").write_text(document, encoding="utf-8")
    kept = [compact(result) for result in results]
    output.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(document, end="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=Path, help="files that benchmark --json or this command wrote")
    parser.add_argument("--query", default="", help="beginnings of the ids of query volumes to keep (default: all)")
    parser.add_argument("--names", default="", help="names of the structures, separated by commas")
    parser.add_argument("--title", required=True, help="the table's title")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write, without ending")
    chosen = parser.parse_args()
    query = [name for name in chosen.query.split(",") if name]
    found = {path: read(path, query) for path in chosen.results}
    results = [result for several in found.values() for result in several]
    unfinished = [path.name for path, several in found.items() if not all(result["complete"] for result in several)]
    if unfinished:
        parser.error(f"not complete: {', '.join(unfinished)}")
    write_table(results, [name for name in chosen.names.split(",") if name], chosen.title, chosen.output)


def _score(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
