"""Options that several verbs share, and how the words of options are read. Standard library only."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from ..data.planes import PLANE_CHOICES
from ..encoders.registry import DEFAULT_ENCODER
from ..inference.config import PLANE_COUNTS
from ..networks import HEAD_CHOICES
from ..training.budget import BUDGETS

_REGION = re.compile(r"(\d+):(\d+),(\d+):(\d+),(\d+):(\d+)")


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", metavar="FILE.html", help="write a web page about it, to look at and to send on")


def add_case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--case",
        nargs=2,
        action="append",
        required=True,
        metavar=("IMAGE", "LABELS"),
        help="an image and its labels on the same grid; give it several times for several volumes",
    )
    parser.add_argument(
        "--unlabeled", nargs="+", action="extend", default=[], metavar="IMAGE",
        help="four or more images without labels, such as those to be segmented: the head also learns from what it "
        "finds in them (once, or twice with --budget best)",
    )  # fmt: skip
    parser.add_argument("--values", type=numbers, default=(), metavar="N[,N...]", help="learn these labels only")
    parser.add_argument(
        "--name", type=naming, action="append", default=[], metavar="N=NAME", dest="names",
        help="what label N is called; give it several times (default: the names in the label file)",
    )  # fmt: skip
    parser.add_argument("--names", metavar="FILE", dest="names_file", help="such names from a file, one N=NAME a line")
    parser.add_argument("--start-from", metavar="HEAD", help="go on from this head instead of from nothing")


def add_channels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--channels", type=ids, default=(), metavar="WORD,WORD[,WORD]",
        help="IMAGE has further channels on the same grid, whose files are called like it with the first word replaced "
        "by another: t1,t2 finds brain_t2.nii beside brain_t1.nii",
    )  # fmt: skip


def add_training_options(parser: argparse.ArgumentParser, heads: Sequence[str] = HEAD_CHOICES) -> None:
    """What train and benchmark have in common."""
    group = parser.add_argument_group("how to learn")
    group.add_argument("--head", choices=heads, default="auto", help="type of head (default: auto tries and compares)")
    group.add_argument(
        "--encoder", metavar="NAME|PATH",
        help=f"{DEFAULT_ENCODER} (default, or that of the head to start from), mobile_sam, sam_vit_b, sam_vit_l, "
        "sam_vit_h, or a .pth file",
    )  # fmt: skip
    group.add_argument(
        "--input-size", type=int, metavar="N",
        help="pixels a side that the encoder sees of a slice: 112, 168, 224 (medsam_lite), 448, 672, 896 (mobile_sam), "
        "512, 768, 1024 (sam_vit_*); fewer are quicker (default: by budget, computer and slices; 1024 for sam_vit_*)",
    )  # fmt: skip
    group.add_argument(
        "--budget", choices=BUDGETS, default="balanced", help="how much time to spend (default: %(default)s)"
    )
    group.add_argument(
        "--plane",
        choices=PLANE_CHOICES,
        default="auto",
        help="slices to work on (default: auto, from grid and annotation)",
    )
    group.add_argument(
        "--intensity", default="auto", metavar="RULE",
        help="auto, percentile[:LOW,HIGH], window:LEVEL,WIDTH, none, or a preset: ct-soft-tissue, ct-abdomen, ct-lung, "
        "ct-bone, ct-brain (default: auto, soft tissue for CT and percentiles otherwise)",
    )  # fmt: skip
    group.add_argument(
        "--annotated-slices-only", action="store_true",
        help="slices without labels were not looked at (default: they show background)",
    )  # fmt: skip
    group.add_argument("--ignore-label", type=int, metavar="N", help="voxels of label N are unknown (for scribbles)")
    group.add_argument("--resample-labels", action="store_true", help="put labels on their image's grid if it differs")
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed gives the same head (default: 0)"
    )
    add_device(group)


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to segment")
    if not any(action.dest == "plane" for action in parser._actions):
        group.add_argument(
            "--plane", choices=PLANE_CHOICES, help="slices to work on (default: as the head was trained)"
        )
    group.add_argument(
        "--planes", choices=PLANE_COUNTS, default="one", help="three: average all directions (slower, mostly worse)"
    )
    group.add_argument("--tta", action="store_true", help="average several views of each slice (slower)")
    group.add_argument("--smooth-z", action="store_true", dest="smoothing", help="average neighbouring slices")
    group.add_argument(
        "--largest-component", action=argparse.BooleanOptionalAction, default=None,
        help="keep the largest piece of each structure (default: where the annotation was one piece)",
    )  # fmt: skip


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=count, default=1, metavar="N", help="so many processes here, one thread each")
    parser.add_argument(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="use the Dask cluster of this scheduler (needs requirements/cluster.txt)",
    )


def add_device(parser: Any, weights: bool = True) -> None:
    parser.add_argument(
        "--device", default="auto", metavar="auto|cpu|cuda[:N]|mps", help="where to compute (default: auto)"
    )
    if weights:
        parser.add_argument(
            "--weights", metavar="FILE_OR_FOLDER", help="take the encoder's weights from here, not the download"
        )


def numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        msg = f"whole numbers joined by commas are wanted, not {text!r}"
        raise argparse.ArgumentTypeError(msg) from None


def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        msg = f"a number of 1 or more is wanted, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def ids(text: str) -> tuple[str, ...]:
    ids = tuple(part.strip() for part in text.split(",") if part.strip())
    if not ids:
        msg = f"ids joined by commas are wanted, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return ids


def naming(text: str) -> tuple[int, str]:
    value, separator, name = text.partition("=")
    if not separator or not value.strip().isdigit() or not name.strip():
        msg = f"N=NAME is wanted, such as 1=Liver, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(value), name.strip()


def region(text: str) -> tuple[int, ...]:
    match = _REGION.fullmatch(text.replace(" ", ""))
    if not match:
        msg = f"I0:I1,J0:J1,K0:K1 is wanted, such as 10:200,0:180,5:60, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return tuple(int(part) for part in match.groups())
