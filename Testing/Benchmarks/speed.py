#!/usr/bin/env python3
"""How fast: ours beside a named baseline, both measured in this run on this machine.

    python3 Testing/Benchmarks/speed.py -o Resources/Benchmarks/speed [--data FOLDER] [--only PART[,PART...]]

Writes ``speed.md`` (the table), ``speed.json`` (the figures), ``speed-users.png`` (seconds a volume), ``speed.png``
(how cost grows) and ``speed-profile.png`` (where the time goes). Parts are

    users      what a user waits for: seconds a volume, as Slicer is installed, with OpenVINO, on a GPU
    encoder    the small encoders at their sizes beside ONNX Runtime, SAM's ViT-B beside segment-anything
    gpu        all encoders where there is a GPU
    precision  the Dice that reduced precision costs (needs --data with acdc and chaos_t2)
    reuse      a second head, empty slices, one case more
    click      what a click costs beside the encoder and the head, on real MRML with a real worker
    memory     the peak for a CT of 600 slices
    volumes    two workers beside one, for segment, embed and benchmark
    growth     cost over slices, structures, views and volumes
    profile    where the time goes in encoders and in training, before and after
    training   the paper's loop beside ours, to the same held-out Dice (needs --data with acdc)

Nothing else should run meanwhile; where that cannot be had, ``--busy`` counts the processor time of one thread, which
others disturb little. Rows of parts that are not asked for are kept from an earlier run's file. All parts
take about forty minutes on two cores; ``--quick`` is a rehearsal whose figures mean nothing. ``--isa avx2`` imitates a
processor that has AVX2 and no more, in all libraries that can be told; the output says what they used.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for _place in (ROOT / "Testing", ROOT):
    if str(_place) not in sys.path:
        sys.path.insert(0, str(_place))

from speedparts import isa  # noqa: E402  it lies beside this file
from speedparts.common import ONE_THREAD, Bench, Row, is_busy  # noqa: E402

from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER  # noqa: E402

PARTS = {
    "users": "users",
    "encoder": "encoders",
    "gpu": "gpus",
    "precision": "precision",
    "reuse": "reuse",
    "click": "click",
    "memory": "memory",
    "volumes": "volumes",
    "growth": "growth",
    "profile": "profiles",
    "training": "paperloop",
}
"""What a part is called, and the file that measures it."""


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    heading = ["part", "what", "beside", "baseline", "ours", "ratio", "aim", "reached"]
    lines = [heading, ["---"] * len(heading), *(_cells(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cells(row: Row) -> list[str]:
    reached = {None: "", True: "yes", False: "**no**"}[row.met]
    values = [_value(value, row.unit) for value in (row.baseline_value, row.value)]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    return [row.part, row.what, row.baseline, *values, ratio, row.target, reached]


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if unit in ("MB", "ms") or float(value).is_integer() else 3 if unit in ("Dice", "s") else 7
    return f"{value:.{digits}f} {unit}".strip()


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    from SAMAdaptLib.utils.processor import has_bf16_units, processor_name

    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "bf16": has_bf16_units(),
        "units": isa.described(),
        "busy": is_busy(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def document(rows: Sequence[Row], where: dict[str, Any], pictures: dict[str, str]) -> str:
    """The whole page."""
    units = "with" if where["bf16"] else "without"
    about = f"{where['cores']} cores of {where['processor']} ({units} bf16 units), {where['system']}."
    used = where.get("units", {})
    if used.get("isa", "all there is") != "all there is":
        about += f" A poorer processor was imitated: {used['isa']} and no more, which ONNX Runtime does not follow."
    if used:
        about += f" PyTorch used {used['torch']}, OpenVINO's convolutions {used['openvino']}."
    if where.get("busy"):
        about += (
            " Other work ran meanwhile, so seconds are processor seconds of one thread: two cores take between half of"
            " them, which OpenVINO comes near to, and all of them."
        )
    text = f"# Speed\n\nMade by `Testing/Benchmarks/speed.py` on {about}\n\n{table(rows)}"
    return text + "".join(f"\n![{title}]({file})\n" for title, file in pictures.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write, without ending")
    parser.add_argument("--only", default=",".join(PARTS), help="parts with commas (default: all; empty: draw again)")
    parser.add_argument("--data", type=Path, help="a folder with acdc/ and chaos_t2/, each with images/ and labels/")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="for the parts that are not about encoders")
    parser.add_argument("--isa", choices=isa.ISAS, help="imitate a processor that has these units and no more")
    parser.add_argument("--quick", action="store_true", help="a rehearsal: tiny sizes")
    parser.add_argument("--busy", action="store_true", help="other work runs here: count one thread's processor time")
    chosen = parser.parse_args(arguments)
    names = [name for name in chosen.only.split(",") if name]
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if (chosen.isa and isa.limited_to() != chosen.isa) or (chosen.busy and not is_busy()):
        more = ONE_THREAD if chosen.busy else None
        return isa.again(chosen.isa or "", __file__, sys.argv[1:] if arguments is None else arguments, more)
    print(f"units: {isa.described()}", flush=True)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    before = _earlier(chosen.output.with_suffix(".json"))
    bench = Bench(chosen.data, chosen.encoder, lambda text: print(text, flush=True), chosen.quick, before["curves"])
    found = {name: [Row(**row) for row in rows] for name, rows in before["rows"].items()}
    for name in names:
        found[name] = importlib.import_module(f"speedparts.{PARTS[name]}").measure(bench)
        _write(chosen.output, found, bench, machine())
    if not names:
        _write(chosen.output, found, bench, before["machine"] or machine())
    return 0


def _earlier(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"machine": {}, "rows": {}, "curves": {}}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _write(output: Path, found: dict[str, list[Row]], bench: Bench, where: dict[str, Any]) -> None:
    """After every part, so that a run that is broken off keeps what it has."""
    from speedparts import growth, profiles, users

    rows = [row for name in PARTS for row in found.get(name, [])]
    pictures: dict[str, str] = {}
    grown = {name: bench.curves[name] for name in growth.AXES if name in bench.curves}
    if "users" in bench.curves:
        pictures["Seconds a volume"] = f"{output.name}-users.png"
        unit = "processor seconds of one thread" if where.get("busy") else "seconds"
        users.figure(bench.curves["users"], output.with_name(pictures["Seconds a volume"]), unit)
    if grown:
        pictures["How cost grows"] = f"{output.name}.png"
        growth.figure(grown, output.with_suffix(".png"))
    if "profile" in bench.curves:
        pictures["Where the time goes"] = f"{output.name}-profile.png"
        profiles.figure(bench.curves["profile"], output.with_name(pictures["Where the time goes"]))
    content = {
        "machine": where,
        "rows": {name: [asdict(row) for row in part] for name, part in found.items()},
        "curves": bench.curves,
    }
    output.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    page = document(rows, where, pictures)
    output.with_suffix(".md").write_text(page, encoding="utf-8")
    print(table(rows), flush=True)


if __name__ == "__main__":
    sys.exit(main())
