#!/usr/bin/env python3
"""A labelled set that no encoder saw: brains simulated from the template, gray and white matter.

    python3 Testing/Benchmarks/simulated_set.py FOLDER      # then sizes.py --data FOLDER --sets brain_simulated

Writes FOLDER/brain_simulated/images and labels, the same files each time. The seeds are none of the samples' and none
that the starter model learned from or was measured on.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

SEEDS = range(301, 307)


def main(folder: Path) -> None:
    """Write the set into ``folder``."""
    from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume
    from SAMAdaptLib.sample_data.simulation import simulate
    from SAMAdaptLib.sample_data.template import template

    volume, tissue = template()
    places = [folder / "brain_simulated" / name for name in ("images", "labels")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        patient = simulate(volume, tissue, seed, f"simulated {seed}")
        write_volume(patient.volume, places[0] / f"brain_{seed}.nii.gz")
        write_labelmap(patient.labelmap, places[1] / f"brain_{seed}.nii.gz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
