"""Trains the head that comes with the extension: anterior and posterior hippocampus in cropped T1-weighted brain MR.

    python Resources/train_starter_head.py FOLDER

The volumes are those of the Medical Segmentation Decathlon, Task04 (Antonelli et al., "The Medical Segmentation
Decathlon", Nature Communications 2022; CC-BY-SA 4.0): crops of about 35 x 50 x 35 mm around one hippocampus each. The
folder holds ``images/hippocampus_NNN.nii.gz`` and ``labels/hippocampus_NNN.nii.gz``. The head's card names its origin.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume  # noqa: E402
from SAMAdaptLib.data.structure import Structure  # noqa: E402
from SAMAdaptLib.heads.head import save_head  # noqa: E402
from SAMAdaptLib.training.train import Case, train  # noqa: E402

TARGET = ROOT / "SAMAdapt" / "Resources" / "Heads" / "Hippocampus-starter.samhead"
NUMBERS = "001 003 004 006 007 008 011 045 046 048 049 050 051 052 053 056 057 058 060 064"
"""Of the volumes that it is trained on."""

ORIGIN = "Medical Segmentation Decathlon, Task04 Hippocampus, CC-BY-SA 4.0"

_ENTRY = (
    "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure"
    "~SCT^5366008^Hippocampal structure~SCT^{code}^{side}~Anatomic codes - DICOM master list~^^~^^"
)
STRUCTURES = (
    Structure(1, "Anterior hippocampus", (0.90, 0.30, 0.26), _ENTRY.format(code="255549009", side="Anterior")),
    Structure(2, "Posterior hippocampus", (0.29, 0.53, 0.91), _ENTRY.format(code="255551008", side="Posterior")),
)


def case(folder: Path, name: str) -> Case:
    """A volume of the set with its annotation, named."""
    volume = read_volume(folder / "images" / f"{name}.nii.gz")
    labelmap = read_labelmap(folder / "labels" / f"{name}.nii.gz", like=volume)
    return Case(volume, replace(labelmap, structures=STRUCTURES))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder with images and labels")
    parser.add_argument("--budget", default="balanced", help="how much time to spend (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=TARGET, help="the head file (default: %(default)s)")
    options = parser.parse_args()
    cases = [case(options.folder, f"hippocampus_{number}") for number in NUMBERS.split()]
    head = train(cases, budget=options.budget, name=TARGET.stem).noted(origin=ORIGIN)
    save_head(head, options.output)
    print(f"{options.output.name}: {head.card.training['seconds']:.0f} s, held-out Dice {head.card.mean_dice:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
