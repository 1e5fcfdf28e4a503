"""The command line's words and their help. Standard library only; nothing is read or checked here but the words."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from .._version import __version__
from ..data.formats import RESULT_ENDING
from ..data.planes import PLANE_CHOICES
from ..encoders.registry import DEFAULT_ENCODER
from ..jobs.specs import BASELINES
from ..networks import HEAD_CHOICES
from ..utils.process import MODULE_PROGRAM, program
from .options import (
    add_case,
    add_channels,
    add_device,
    add_inference_options,
    add_report,
    add_training_options,
    add_workers,
    ids,
    numbers,
    region,
)

_ABOUT = """\
Learn a structure from one annotated volume, then segment other volumes of the same kind.

  1. python -m SAMAdaptLib train --case ct.nii.gz ct-labels.seg.nrrd -o liver.samhead
  2. python -m SAMAdaptLib segment --head liver.samhead other.nii.gz -o other.seg.nrrd

Images are NIfTI, NRRD, MHA, anything else that SimpleITK reads, or a folder with a DICOM series.
Every verb has its own help: python -m SAMAdaptLib train --help"""

_STATUS = """\
exit status: 0 done, 1 a fault of SAMAdapt, 2 wrong usage or input, 3 cancelled.
Heads are kept in the platform's folder for data, downloads and features in its cache; SAMADAPT_HOME moves both."""

_USAGE = {
    "train": "--case IMAGE LABELS [--case ...] [options] -o NAME.samhead",
    "segment": "--head HEAD IMAGE [IMAGE ...] [options] -o FILE_OR_FOLDER",
    "complete": "IMAGE LABELS [options] -o FILE",
    "embed": "--head HEAD IMAGE [IMAGE ...] [options]",
    "evaluate": "PREDICTION REFERENCE [options]",
    "benchmark": "--data FOLDER --support ID[,ID...] [--support ...] --query ID[,...] [options]",
    "encoders": "[--fetch NAME] [--import FILE] [--json]",
    "heads": "[PATH ...] [--for VOLUME] | show NAME | import FILE | export NAME FILE [--json]",
    "cache": "[--clear] [--json]",
    "probe": "[--no-measure] [options]",
}


class _Parser(argparse.ArgumentParser):
    """Usage errors in two lines: what is wrong, and where the help is."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\nSee: {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; the parsed namespace has ``verb``, ``json``, ``debug``, ``quiet``."""
    parser = _Parser(prog=program(), **_texts(_ABOUT, _STATUS))
    parser.add_argument("--version", action="version", version=f"SAMAdapt {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for add in (_add_train, _add_segment, _add_complete, _add_embed, _add_evaluate, _add_benchmark):
        add(verbs)
    for add in (_add_encoders, _add_heads, _add_cache, _add_probe):
        add(verbs)
    return parser


# The verbs ----------------------------------------------------------------------------------------------------------


def _add_train(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "train",
        "learn structures from annotated volumes",
        """\
examples:
  one fully annotated volume:
    python -m SAMAdaptLib train --case ct.nii.gz ct-labels.seg.nrrd -o liver.samhead
  only some of its slices are annotated:
    python -m SAMAdaptLib train --case mr.nrrd mr-labels.seg.nrrd --annotated-slices-only -o heart.samhead
  two volumes, label 1 is to be called Liver:
    python -m SAMAdaptLib train --case a.nii a-labels.nii --case b.nii b-labels.nii --name 1=Liver -o liver.samhead

Ctrl-C keeps the best head so far (exit status 3). An existing head file of that name is replaced.""",
    )
    add_case(parser)
    add_channels(parser)
    add_training_options(parser)
    parser.add_argument("-o", "--output", required=True, metavar="NAME.samhead", help="the head file to write")
    add_report(parser)


def _add_segment(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "segment",
        "segment volumes with a trained head",
        """\
examples:
  one volume into one file:
    python -m SAMAdaptLib segment --head liver.samhead other.nii.gz -o other.seg.nrrd
  many volumes into a folder, two at a time:
    python -m SAMAdaptLib segment --head liver.samhead scans/*.nii.gz -o results/ --workers 2

One IMAGE with -o FILE: the file is replaced if it exists. With -o FOLDER each result keeps its image's name;
results that are there already are skipped unless --overwrite. A folder as IMAGE is a DICOM series, or else all
volumes in it. A bad volume is reported and the others finish (exit status 2 at the end).""",
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="volumes, DICOM series folders, folders of volumes")
    parser.add_argument(
        "--head", required=True, metavar="HEAD", help="a .samhead file, or the name of one in your library"
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE_OR_FOLDER", help="where the result goes")
    add_channels(parser)
    parser.add_argument("--ending", default=RESULT_ENDING, help="of results in a folder (default: %(default)s)")
    parser.add_argument("--probabilities", metavar="FILE", help="write how sure the head is of each voxel, 0 to 1")
    parser.add_argument("--csv", metavar="FILE.csv", help="write volumes, certainty and warnings of each structure")
    add_report(parser)
    parser.add_argument("--overwrite", action="store_true", help="compute results again that are in the folder already")
    add_inference_options(parser)
    parser.add_argument(
        "--region", type=region, metavar="I0:I1,J0:J1,K0:K1", help="only these voxels (first in, last out): faster"
    )
    parser.add_argument(
        "--encoder", metavar="PATH", help="the encoder's file, if the head was trained on one of your own"
    )
    add_device(parser)
    add_workers(parser)


def _add_complete(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "complete",
        "fill the slices of a volume that its labels leave blank",
        """\
example:
    python -m SAMAdaptLib complete mr.nii.gz some-slices.seg.nrrd -o all-slices.seg.nrrd

Slices with labels count as annotated, and stay as they are; the others are filled, between and beside them. The file is
replaced if it exists. Annotate every fourth to eighth slice, the first and the last one of each structure included.""",
    )
    parser.add_argument("image", metavar="IMAGE", help="the volume")
    parser.add_argument("labels", metavar="LABELS", help="labels of some of its slices")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="where the labels of all slices go")
    parser.add_argument(
        "--between", action="store_true", help="fill only between the first and the last annotated slice"
    )
    parser.add_argument(
        "--encoder", default=DEFAULT_ENCODER, metavar="NAME|PATH", help="an encoder (default: %(default)s)"
    )
    parser.add_argument("--input-size", type=int, metavar="N", help="pixels a side that the encoder sees of a slice")
    parser.add_argument(
        "--plane", choices=PLANE_CHOICES, default="auto", help="of the annotated slices (default: found out)"
    )
    parser.add_argument("--intensity", default="auto", metavar="RULE", help="as for train (default: auto)")
    parser.add_argument(
        "--background", type=int, metavar="N",
        help="label N is drawn background: what is not drawn is unknown, on annotated slices too (scribbles)",
    )  # fmt: skip
    parser.add_argument("--ignore-label", type=int, metavar="N", help="voxels of label N are unknown")
    parser.add_argument("--resample-labels", action="store_true", help="put labels on their image's grid if it differs")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed gives the same labels (default: 0)"
    )
    add_device(parser)


def _add_embed(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "embed",
        "encode volumes ahead, so that segmenting them starts at the head",
        """\
example:
    python -m SAMAdaptLib embed --head liver.samhead scans/ --workers 2

The features are kept in the cache, for this head and for others that look at the volumes in the same way.""",
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="volumes, DICOM series folders, folders of volumes")
    parser.add_argument("--head", required=True, metavar="HEAD", help="that the volumes are encoded for")
    add_channels(parser)
    add_device(parser)
    add_workers(parser)


def _add_evaluate(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "evaluate",
        "compare a segmentation with a reference",
        """\
example:
    python -m SAMAdaptLib evaluate result.seg.nrrd reference.nii.gz

Dice and NSD are 1 when equal; HD95 is in mm. A structure in neither of the two has no score.
Label values in the answer are those of PREDICTION.""",
    )
    parser.add_argument("prediction", metavar="PREDICTION", help="the segmentation to judge")
    parser.add_argument("reference", metavar="REFERENCE", help="the segmentation that is right")
    parser.add_argument(
        "--tolerance", type=float, dest="tolerance_mm", metavar="MM", help="of the surfaces in NSD (default: 2 mm)"
    )
    parser.add_argument("--values", type=numbers, default=(), metavar="N[,N...]", help="compare these labels only")
    parser.add_argument(
        "--by-value", action="store_true",
        help="structures are the same if they have the same label value, whatever their names (default: the same name, "
        "where both files have names)",
    )  # fmt: skip
    parser.add_argument(
        "--resample-labels", action="store_true", help="put the prediction on the reference's grid first"
    )
    add_report(parser)
    parser.add_argument("--image", metavar="IMAGE", help="what was segmented, for the pictures of the report")


def _add_benchmark(verbs: Any) -> None:
    parser = _verb(
        verbs,
        "benchmark",
        "train on some volumes of a folder and measure on others",
        """\
example:
    python -m SAMAdaptLib benchmark --data acdc --support patient001 --query patient005,patient006 --json out.json

FOLDER holds images/ and labels/ with files of the same names. An ID is a file's name without its ending, or the
beginning of the names of several. Each --support trains a head of its own, which is measured on all of --query.
With --workers or --scheduler the supports run side by side. A run into OUT.json that is begun again computes only the
supports that are missing.""",
        json_file=True,
    )
    parser.add_argument("--data", required=True, metavar="FOLDER", help="holds the folders images and labels")
    add_channels(parser)
    parser.add_argument(
        "--support", type=ids, action="append", required=True, metavar="ID[,ID...]", help="train a head on these"
    )
    parser.add_argument(
        "--query", type=ids, action="extend", required=True, metavar="ID[,...]", help="measure on these"
    )
    parser.add_argument(
        "--unlabeled",
        type=ids,
        action="extend",
        default=[],
        metavar="ID[,...]",
        help="learn from these without their labels",
    )
    parser.add_argument(
        "--tolerance", type=float, dest="tolerance_mm", metavar="MM", help="of the surfaces in NSD (default: 2 mm)"
    )
    add_report(parser)
    add_workers(parser)
    add_training_options(parser, (*HEAD_CHOICES, *BASELINES))
    add_inference_options(parser)


def _add_encoders(verbs: Any) -> None:
    examples = _examples("encoders", "encoders --fetch medsam_lite", "encoders --import sam_vit_b_01ec64.pth")
    parser = _verb(verbs, "encoders", "list the encoders, fetch their weights", examples)
    parser.add_argument("--fetch", action="append", default=[], metavar="NAME", help="download these weights")
    parser.add_argument("--import", action="append", default=[], metavar="FILE", dest="files", help="take this file")


def _add_heads(verbs: Any) -> None:
    examples = _examples("heads", "heads --for ct.nii.gz", "heads import liver.samhead", "heads show liver")
    parser = _verb(verbs, "heads", "list, show, import and export trained heads", examples)
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="head files and folders beside your library, or show, import, export"
    )
    parser.add_argument(
        "--for", dest="volume", metavar="VOLUME", help="say which of them suit this volume, the best first"
    )


def _add_cache(verbs: Any) -> None:
    parser = _verb(verbs, "cache", "show or clear what is kept of images", _examples("cache", "cache --clear"))
    parser.add_argument("--clear", action="store_true", help="remove all features (they come back when needed)")


def _add_probe(verbs: Any) -> None:
    parser = _verb(verbs, "probe", "show what this machine has and how fast it is", _examples("probe", "probe --json"))
    parser.add_argument("--no-measure", action="store_true", help="do not measure the encoder's speed")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, metavar="NAME|PATH", help="to measure (%(default)s)")
    add_device(parser, weights=False)


# Their parts --------------------------------------------------------------------------------------------------------


def _verb(verbs: Any, name: str, summary: str, examples: str, json_file: bool = False) -> argparse.ArgumentParser:
    texts = _texts(summary[0].upper() + summary[1:] + ".", examples)
    parser = verbs.add_parser(name, help=summary, usage=f"{program()} {name} {_USAGE[name]}", **texts)
    if json_file:
        parser.add_argument(
            "--json", nargs="?", const="-", metavar="OUT.json", help="write the answer as JSON (no file: print it)"
        )
    else:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser


def _examples(*commands: str) -> str:
    return "\n".join(["examples:", *(f"    {program()} {command}" for command in commands)])


def _texts(about: str, more: str) -> dict[str, Any]:
    about, more = (text.replace(MODULE_PROGRAM, program()) for text in (about, more))
    return {"description": about, "epilog": more, "formatter_class": argparse.RawDescriptionHelpFormatter}
