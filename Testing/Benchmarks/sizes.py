#!/usr/bin/env python3
"""Encoders and input sizes compared: the same supports and query volumes for every row, each run in its own process.

    python3 Testing/Benchmarks/sizes.py --data ../shared/data --sets acdc,lumbar_mr --encoders medsam_lite,mobile_sam \\
        --sizes auto,112,168,224 --budget fast --supports 5 --queries 10 -o Resources/Benchmarks/sizes.json

Sizes are in patches a side, at which all these encoders cost the same: 112 are 112 pixels for LiteMedSAM and 448 for
MobileSAM. ``--heads auto,linear,cnn,autosam,unet`` makes a row of each; ``unet`` needs no encoder: one row a set.
``--encoders both`` has the features of both side by side (with ``--paces`` alone), ``--runtime torch`` is a plain
installation, ``--isa avx2`` imitates a poorer processor. ``--paces FILE`` counts work by that file's seconds in place
of the time that passes (see ``fixedclock``): then the rows are those of the computer that it tells of, whatever this
one is and does meanwhile, and so are the seconds in them. Supports and query volumes are the first N and M of fixed
lists (``SETS``), which share no patient; ``simulated_set.py`` makes ``brain_simulated``. Nothing is known of a volume
when a run meets it.

Writes OUT.json, in which every finished run is kept, so that the same command goes on where it was broken off and
others add rows; and OUT.md, the table of all that is in it. Mind what else runs meanwhile: seconds are in it, too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
for _place in (ROOT / "Testing", ROOT):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

from fixedclock import Paces  # noqa: E402  they lie beside this file
from sidebyside import NAME as BOTH  # noqa: E402
from sidebyside import PARTS  # noqa: E402
from speedparts import isa  # noqa: E402
from speedparts.common import fresh_home  # noqa: E402

from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER, ENTRIES  # noqa: E402
from SAMAdaptLib.jobs.benchmark import merge_results  # noqa: E402
from SAMAdaptLib.jobs.specs import BASELINES  # noqa: E402
from SAMAdaptLib.networks import HEAD_CHOICES  # noqa: E402
from SAMAdaptLib.training.budget import BUDGETS  # noqa: E402
from SAMAdaptLib.utils.files import write_atomically  # noqa: E402

AUTO = "auto"
SEEN, UNKNOWN, UNSEEN = "probably", "not known", "most likely not"


@dataclass(frozen=True)
class LabelledSet:
    """Ids, or beginnings of ids, in a fixed order: a support is a patient, and so is a query.

    ``seen``: whether LiteMedSAM was trained on this set, its labels included.
    """

    supports: tuple[str, ...]
    queries: tuple[str, ...]
    seen: str


def _numbered(name: str, numbers: str) -> tuple[str, ...]:
    return tuple(f"{name}{number}" for number in numbers.split())


SETS: Mapping[str, LabelledSet] = {
    "acdc": LabelledSet(  # a patient is the ED and the ES volume; each of the five groups in turn
        _numbered("patient", "001 021 041 061 081"),
        _numbered("patient", "005 025 045 065 085 006 026 046 066 086 007 027 047 067 087 008 028 048 068 088"),
        SEEN,
    ),
    "chaos_t2": LabelledSet(_numbered("chaos_", "01 15 02"), _numbered("chaos_", "03 05 08 10 13"), SEEN),
    "btcv_ct": LabelledSet(_numbered("sabs_", "18 24"), _numbered("sabs_", "20 28"), UNKNOWN),
    "mscmr_bssfp": LabelledSet(_numbered("bssfp_", "01 02"), _numbered("bssfp_", "03 04 05 06"), UNKNOWN),
    "lumbar_mr": LabelledSet(_numbered("vb3_", "01"), _numbered("vb3_", "02 03"), UNSEEN),
    "hippocampus": LabelledSet(
        _numbered("hippocampus_", "001 004 006 003 007"),
        _numbered("hippocampus_", "014 015 017 019 020 023 024 025 026 033 034 035 036 037 038 039 040 041 042 044"),
        SEEN,
    ),
    "brain_simulated": LabelledSet(_numbered("brain_", "301 302"), _numbered("brain_", "303 304 305 306"), UNSEEN),
}


@dataclass(frozen=True)
class Run:
    """One training and its query volumes. ``size``: patches a side as a word, or ``auto``."""

    set: str
    encoder: str
    size: str
    head: str
    budget: str
    runtime: str
    isa: str
    seed: int
    support: str
    queries: tuple[str, ...]
    paces: str = ""
    """The file of them by its name; none for the time that passes."""

    @property
    def key(self) -> str:
        """What a finished run is found by."""
        return "|".join([*self.row, self.support, ",".join(self.queries)])

    @property
    def row(self) -> tuple[str, ...]:
        """What supports of one row have in common."""
        return (
            self.set,
            self.encoder,
            self.size,
            self.head,
            self.budget,
            self.runtime,
            self.isa,
            str(self.seed),
            self.paces,
        )

    def command(self, data: Path, output: Path) -> list[str]:
        """Of the benchmark verb."""
        clock = [str(HERE / "fixedclock.py"), str(HERE / self.paces)] if self.paces else ["-m", "SAMAdaptLib"]
        command = [sys.executable, *clock, "benchmark", "--data", str(data / self.set)]
        command += ["--support", self.support, "--query", ",".join(self.queries), "--head", self.head]
        command += ["--budget", self.budget, "--seed", str(self.seed), "--device", "cpu", "--json", str(output)]
        if self.head not in BASELINES:
            command += ["--encoder", self.encoder]
            pixels = pixels_of(self.encoder, self.size)
            command += [] if pixels is None else ["--input-size", str(pixels)]
        return command

    def variables(self) -> dict[str, str]:
        """Of the process that does it."""
        words = {"SAMADAPT_RUNTIME": self.runtime} if self.runtime else {}
        return {**words, **(isa.ISAS[self.isa] if self.isa else {})}


def pixels_of(encoder: str, size: str) -> int | None:
    """Pixels a side of so many patches; None leaves the size to the training."""
    entry = ENTRIES.get(encoder)  # side by side they see the first one's pixels, one a patch
    return None if size == AUTO else int(size) * (entry.pixels_a_patch if entry is not None else 1)


def planned(chosen: argparse.Namespace) -> Iterator[Run]:
    """All runs, a set after the other. A head that needs no encoder has one row."""
    common = chosen.budget, chosen.runtime, chosen.isa, chosen.seed
    for name in chosen.sets:
        known = SETS[name]
        rows = [
            ("none", AUTO, head) if head in BASELINES else (encoder, size, head)
            for head in chosen.heads
            for encoder in chosen.encoders
            for size in chosen.sizes
            if size == AUTO or encoder not in ENTRIES or ENTRIES[encoder].architecture != "sam_vit"
        ]
        for encoder, size, head in dict.fromkeys(rows):
            for support in known.supports[: chosen.supports]:
                queries = known.queries[: chosen.queries]
                yield Run(name, encoder, size, head, *common, support, queries, chosen.paces)


def carried_out(run: Run, data: Path, home: Path) -> dict[str, Any]:
    """The benchmark's result, without single volumes but with how long they took."""
    shutil.rmtree(home / "features", ignore_errors=True)
    output = home / "result.json"
    output.unlink(missing_ok=True)
    variables = {**os.environ, **run.variables(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        run.command(data, output), env=variables, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or not output.is_file():
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        msg = f"{run.key} ended with status {done.returncode}: {last}"
        raise SystemExit(msg)
    result: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    said = [line for line in done.stderr.splitlines() if "warning" in line]
    return without_volumes({**result, "run": asdict(run), "said": said})


def without_volumes(result: Mapping[str, Any]) -> dict[str, Any]:
    """Means of a run, and of each of its volumes nothing but the seconds: files of it may be shown to anybody."""
    supports = [
        {**support, "cases": [{"seconds": case["seconds"]} for case in support["cases"]]}
        for support in result["supports"]
    ]
    return {**result, "supports": supports}


# --- the table ------------------------------------------------------------------------------------------------------

HEADING = (
    "encoder", "head", "input size", "Dice", "NSD", "HD95 mm", "training s", "a volume s", "peak MB", "budget", "by",
)  # fmt: skip


def table(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """All rows as Markdown, a table for each set, each with whether its labels were seen."""
    rows: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for result in runs.values():
        facts = result["run"]
        rows.setdefault((*Run(**{**facts, "queries": tuple(facts["queries"])}).row, *facts["queries"]), []).append(
            result
        )
    text = "# Encoders and input sizes\n" + _clocks(runs)
    for name in dict.fromkeys(key[0] for key in rows):
        text += f"\n## {name}\n\nSeen by LiteMedSAM in its training, with labels: **{SETS[name].seen}**.\n\n"
        lines = [HEADING, ("---",) * len(HEADING), *(_cells(found) for key, found in rows.items() if key[0] == name)]
        text += "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return text + "\n" + _conditions(rows)


def _clocks(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Whose seconds the rows have that were counted by paces."""
    names = dict.fromkeys(result["run"].get("paces") or "" for result in runs.values())
    return "".join(
        f"\nRows *by {name}* are those of another computer: budgets, and so views, sizes and steps, were counted by its"
        f" paces, and so were the seconds in the table; a volume's seconds are those of encoding alone. That computer:"
        f" {Paces.read(HERE / name).about}\n"
        for name in names
        if name
    )


def _cells(results: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    facts, whole = results[0]["run"], merge_results(results)
    supports = whole["supports"]
    spread = "" if whole["sd_dice"] is None else f" ± {whole['sd_dice']:.3f}"
    seen = SETS[facts["set"]].seen == SEEN and facts["encoder"] == "medsam_lite"
    volumes = [case["seconds"] for support in supports for case in support["cases"]]
    short = sum(bool(support["training"].get("cut_short")) for support in supports)
    return (
        facts["encoder"],
        facts["head"],
        _sizes(facts["size"], supports),
        f"**{_number(whole['mean_dice'])}**{spread}" + (" (seen)" if seen else ""),
        _number(whole["mean_nsd"]),
        _number(whole["mean_hd95_mm"], 1),
        f"{statistics.mean(support['train_seconds'] for support in supports):.0f}" + (" (cut short)" if short else ""),
        f"{statistics.mean(volumes):.1f}",
        f"{max(support['peak_mb'] or 0 for support in supports):.0f}",
        facts["budget"],
        facts.get("paces") or ", ".join(filter(None, (facts["runtime"] or "as installed", facts["isa"]))),
    )


def _sizes(asked: str, supports: Sequence[Mapping[str, Any]]) -> str:
    """Pixels a side in the first look, and in the closer one where they differ."""
    found = {tuple(dict.fromkeys(support.get("input_sizes") or ())) for support in supports}
    words = ", ".join(" and ".join(map(str, sizes)) for sizes in sorted(found) if sizes)
    return (words or "-") + (" (auto)" if asked == AUTO and words else "")


def _conditions(rows: Mapping[tuple[str, ...], Sequence[Mapping[str, Any]]]) -> str:
    counts = {key[0]: (len(found), len(found[0]["run"]["queries"])) for key, found in rows.items()}
    parts = ", ".join(f"{name} {supports} and {queries}" for name, (supports, queries) in counts.items())
    machine = next(iter(rows.values()))[0]["settings"]["machine"]
    return (
        f"Supports and query patients: {parts}. Means over structures, then volumes, then supports; ± is the standard\n"
        f"deviation over supports. {machine['cpus']} cores ({machine['processor']}). Figures marked *seen* are of sets "
        "that LiteMedSAM has\nprobably seen with their labels: judge encoders by the others.\n"
    )


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


# --- the command ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the runs that are not done yet, write the table after each."""
    chosen = _parsed(arguments)
    kept: dict[str, Any] = {}
    if chosen.output.is_file():
        kept = json.loads(chosen.output.read_text(encoding="utf-8"))
    todo = [run for run in planned(chosen) if run.key not in kept]
    print(f"{len(todo)} runs, {len(kept)} are there", flush=True)
    weights = dict.fromkeys(part for name in chosen.encoders for part in (PARTS if name == BOTH else (name,)))
    with fresh_home(*weights) as home:
        for number, run in enumerate(todo, 1):
            kept[run.key] = carried_out(run, chosen.data, home)
            write(chosen.output, kept)
            print(f"{number} of {len(todo)}: {run.key}: Dice {_number(kept[run.key]['mean_dice'])}", flush=True)
    if kept:
        write(chosen.output, kept)
        print(table(kept), end="")
    return 0


def write(output: Path, kept: Mapping[str, Any]) -> None:
    """The runs as JSON, the table beside it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(kept, indent=1) + "\n"
    write_atomically(output, lambda part: part.write_text(text, encoding="utf-8"))
    output.with_suffix(".md").write_text(table(kept), encoding="utf-8")


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled sets")
    for name, default, known in (
        ("sets", "acdc,lumbar_mr", tuple(SETS)),
        ("encoders", DEFAULT_ENCODER, None),
        ("sizes", AUTO, None),
        ("heads", "auto", (*HEAD_CHOICES, *BASELINES)),
    ):
        parser.add_argument(f"--{name}", type=_words(known), default=default, help="with commas (default: %(default)s)")
    parser.add_argument("--budget", default="fast", choices=BUDGETS)
    parser.add_argument("--supports", type=int, default=1, metavar="N", help="the first so many of the list")
    parser.add_argument("--queries", type=int, default=4, metavar="M", help="the first so many of the list")
    parser.add_argument("--runtime", default="", choices=("torch", "openvino"), help="default: as installed")
    parser.add_argument("--isa", default="", choices=isa.ISAS, help="imitate a processor that has no more than these")
    parser.add_argument("--paces", default="", choices=_paces(), help="count by these, not by the time that passes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", dest="output", type=Path, required=True, metavar="FILE.json")
    chosen = parser.parse_args(arguments)
    wrong = [size for size in chosen.sizes if size != AUTO and not size.isdigit()]
    if wrong:
        parser.error(f"sizes are auto or patches a side, not {', '.join(wrong)}")
    if min(chosen.supports, chosen.queries) < 1:
        parser.error("at least one support and one query are needed")
    return chosen


def _paces() -> list[str]:
    return sorted(path.name for path in HERE.glob("paces-*.json"))


def _words(known: Sequence[str] | None) -> Any:
    def words(text: str) -> tuple[str, ...]:
        found = tuple(word for word in text.split(",") if word)
        unknown = [word for word in found if known is not None and word not in known]
        if unknown or not found:
            msg = f"no such: {', '.join(unknown)}; there are {', '.join(known or ())}"
            raise argparse.ArgumentTypeError(msg)
        return found

    return words


if __name__ == "__main__":
    sys.exit(main())
