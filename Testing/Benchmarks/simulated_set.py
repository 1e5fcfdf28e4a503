#!/usr/bin/env python3
"""A labelled set that no encoder saw: brains simulated from the template, gray and white matter.

    python3 Testing/Benchmarks/simulated_set.py FOLDER      # then sizes.py --data FOLDER --sets brain_simulated
    python3 Testing/Benchmarks/simulated_set.py FOLDER --channels
    python3 -m SAMAdaptLib benchmark --data FOLDER/brain_channels --channels t1,t2 --support brain_301 --query brain_303

Writes FOLDER/brain_simulated/images and labels, the same files each time. With --channels it is FOLDER/brain_channels:
each image twice, as it is (t1) and with the gray values of the head upside down (t2), both with noise of their own.
The seeds are none of the samples' and none
that the starter model learned from or was measured on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from SAMAdaptLib.data.image import Volume

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

SEEDS = range(301, 307)


NOISE = 0.08
"""Standard deviation of the noise of channels, as a share of their brightest values."""


def main(folder: Path, channels: bool = False) -> None:
    """Write the set into ``folder``, or the one with two channels."""
    from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume
    from SAMAdaptLib.demo.samples.simulation import simulate
    from SAMAdaptLib.demo.samples.template import template

    volume, tissue = template()
    places = [folder / ("brain_channels" if channels else "brain_simulated") / name for name in ("images", "labels")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        patient = simulate(volume, tissue, seed, f"simulated {seed}")
        shown = noisy_channels(patient.volume, seed) if channels else {"": patient.volume}
        for ending, image in shown.items():
            write_volume(image, places[0] / f"brain_{seed}{ending}.nii.gz")
        write_labelmap(patient.labelmap, places[1] / f"brain_{seed}.nii.gz")


def noisy_channels(volume: Volume, seed: int) -> dict[str, Volume]:
    """Endings of names, and the images: T1 as simulated, and one in which what is dark in the head is bright."""
    import numpy as np

    t1 = volume.voxels
    brightest = float(np.percentile(t1[t1 > 0], 99))
    t2 = np.where(t1 > 0.05 * brightest, np.clip(brightest - t1, 0, None), 0)
    found = {}
    for number, (ending, voxels) in enumerate((("_t1", t1), ("_t2", t2))):
        chance = np.random.default_rng((seed, number))
        noisy = voxels + NOISE * brightest * chance.standard_normal(voxels.shape)
        found[ending] = volume.with_array(noisy.astype(np.float32))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--channels" in sys.argv[2:])
