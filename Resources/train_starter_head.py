"""Trains the heads that come with the extension, measures each on volumes that it never saw, keeps what is worth it.

    python Resources/train_starter_head.py brain
    python Resources/train_starter_head.py hippocampus FOLDER

``brain``: grey and white matter in T1-weighted MR of the brain without skull. It learns from the sample brain (MNI
ICBM 152, see ``SAMAdaptLib/demo/samples/template.py``) and patients simulated from it, and is measured on others.
``hippocampus``: its anterior and posterior part in crops around it. The volumes are those of the Medical Segmentation
Decathlon, Task04 (Antonelli et al., Nature Communications 2022; CC-BY-SA 4.0); FOLDER holds
``images/hippocampus_NNN.nii.gz`` and ``labels/hippocampus_NNN.nii.gz``.

A head with a mean Dice below 0.75 on the volumes that it never saw is not written. Its card names origin and result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from SAMAdaptLib.data.case import Case  # noqa: E402
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume  # noqa: E402
from SAMAdaptLib.data.structure import Structure  # noqa: E402
from SAMAdaptLib.demo.samples import patients  # noqa: E402
from SAMAdaptLib.demo.samples.simulation import simulate  # noqa: E402
from SAMAdaptLib.demo.samples.template import template  # noqa: E402
from SAMAdaptLib.evaluation.metrics import evaluate  # noqa: E402
from SAMAdaptLib.heads.head import Head, save_head  # noqa: E402
from SAMAdaptLib.inference.segment import segment  # noqa: E402
from SAMAdaptLib.training.train import train  # noqa: E402

FOLDER = ROOT / "SAMAdapt" / "Resources" / "Heads"
WORTH_HAVING = 0.75
"""Mean Dice on unseen volumes below which a head is not shipped."""

LEARNED_SEEDS, UNSEEN_SEEDS = (101, 102, 103, 104), (201, 202, 203)
"""Of simulated patients; those of the samples B, C and D are others still."""

EVERY = 8
"""One slice in so many of each patient is learned from: neighbours show nearly the same."""

LEARNED_NUMBERS = "001 003 004 006 007 008 011 045 046 048 049 050 051 052 053 056 057 058 060 064"

_HIPPOCAMPUS = (
    "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure"
    "~SCT^5366008^Hippocampal structure~SCT^{code}^{side}~Anatomic codes - DICOM master list~^^~^^"
)
HIPPOCAMPUS = (
    Structure(1, "Anterior hippocampus", (0.90, 0.30, 0.26), _HIPPOCAMPUS.format(code="255549009", side="Anterior")),
    Structure(2, "Posterior hippocampus", (0.29, 0.53, 0.91), _HIPPOCAMPUS.format(code="255551008", side="Posterior")),
)


@dataclass(frozen=True)
class Plan:
    """What a starter head learns and on what it is measured; ``unseen`` makes its cases when they are needed."""

    name: str
    origin: str
    learned: Sequence[Case]
    unseen: Callable[[], Sequence[tuple[str, Case]]]
    head: str
    annotated_slices_only: bool = False


def brain() -> Plan:
    """Tissue of the template's kind: the template and patients simulated from it."""
    volume, tissue = template()
    first = patients.load("A")

    def simulated(seed: int) -> Case:
        patient = simulate(volume, tissue, seed, f"simulated {seed}")
        return Case(patient.volume, patient.labelmap)

    cases = [Case(first.volume, first.labelmap), *(simulated(seed) for seed in LEARNED_SEEDS)]
    return Plan(
        "Brain-tissue-starter",
        f"MNI ICBM 152 2009a and {len(LEARNED_SEEDS)} patients simulated from it",
        [some_slices(case, start) for start, case in enumerate(cases)],
        lambda: [(f"simulated {seed}", simulated(seed)) for seed in UNSEEN_SEEDS],
        "fusion",
        annotated_slices_only=True,
    )


def some_slices(case: Case, start: int) -> Case:
    """The case with the annotation of one slice in ``EVERY``, others than with another ``start``."""
    kept = np.zeros(case.volume.geometry.shape[0], bool)
    kept[EVERY // 2 - 1 + start % 2 :: EVERY] = True
    return Case(case.volume, case.labelmap.with_array(np.where(kept[:, None, None], case.labelmap.voxels, 0)))


def hippocampus(folder: Path) -> Plan:
    """Volumes of the Decathlon: twenty to learn from, all others to measure on."""
    learned = [f"hippocampus_{number}" for number in LEARNED_NUMBERS.split()]
    names = sorted(path.name.removesuffix(".nii.gz") for path in (folder / "images").glob("hippocampus_*.nii.gz"))

    def case(name: str) -> Case:
        volume = read_volume(folder / "images" / f"{name}.nii.gz")
        labelmap = read_labelmap(folder / "labels" / f"{name}.nii.gz", like=volume)
        return Case(volume, replace(labelmap, structures=HIPPOCAMPUS))

    return Plan(
        "Hippocampus-starter",
        "Medical Segmentation Decathlon, Task04 Hippocampus, CC-BY-SA 4.0",
        [case(name) for name in learned],
        lambda: [(name, case(name)) for name in names if name not in learned],
        "auto",
    )


def measured(head: Head, cases: Sequence[tuple[str, Case]]) -> list[float]:
    """The mean Dice of each case."""
    scores = []
    for name, case in cases:
        found = segment(case.volume, head)
        values = [structure.value for structure in case.labelmap.structures]
        result = evaluate(found, case.labelmap, values=values)
        scores.append(result.mean_dice)
        each = ", ".join(f"{row.name} {row.dice:.3f}" for row in result.structures)
        print(f"  {name}: {result.mean_dice:.3f} ({each})", flush=True)
    return scores


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("brain", "hippocampus"))
    parser.add_argument("folder", type=Path, nargs="?", help="the folder with images and labels, for hippocampus")
    parser.add_argument("--budget", default="balanced", help="how much time to spend (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, help="the head file (default: among those that come along)")
    options = parser.parse_args()
    if options.what == "hippocampus" and options.folder is None:
        parser.error("hippocampus needs the folder with images and labels")
    plan = brain() if options.what == "brain" else hippocampus(options.folder)
    head = train(
        plan.learned,
        head=plan.head,
        budget=options.budget,
        annotated_slices_only=plan.annotated_slices_only,
        name=plan.name,
    )
    print(f"{plan.name}: {head.card.training.seconds:.0f} s, held-out Dice {head.card.mean_dice:.3f}", flush=True)
    scores = measured(head, plan.unseen())
    mean, least = float(np.mean(scores)), min(scores)
    print(f"  mean of {len(scores)} volumes that it never saw: {mean:.3f}, the least {least:.3f}")
    if mean < WORTH_HAVING:
        print(f"  below {WORTH_HAVING}: not written")
        return 1
    origin = f"{plan.origin}; Dice on {len(scores)} unseen volumes {mean:.2f}, the least {least:.2f}"
    save_head(head.noted(origin=origin), options.output or FOLDER / f"{plan.name}.samhead")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
