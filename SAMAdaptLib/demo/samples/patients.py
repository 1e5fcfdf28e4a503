"""The sample patients by name: A is the template brain, B, C and D are simulated from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from ...data.image import Labelmap, Volume
from ...data.io.volumes import read_labelmap, read_volume, write_labelmap, write_volume
from ...errors import InputError
from ...utils.paths import folder
from .names import NAMES, SEEDS, title
from .simulation import simulate
from .template import CREDIT, PLACE, template

SLICE_STEP = 2
"""Of patient A every second axial millimetre is kept, as in a scan with 2 mm slices: half the work, and axial is the
best plane."""

_MADE = 1
"""Of files: counts up when the simulation is changed."""


@dataclass(frozen=True, eq=False)
class SamplePatient:
    """A sample patient: a T1-weighted MR of the brain and its tissue; ``title`` says whether it is simulated."""

    name: str
    volume: Volume
    labelmap: Labelmap

    @property
    def simulated(self) -> bool:
        return self.name in SEEDS

    @property
    def title(self) -> str:
        return title(self.name)

    credit: str = CREDIT


def load(name: str) -> SamplePatient:
    """A sample patient: "A" (the template brain), "B", "C" or "D" (simulated from it).

    The template is fetched at the first use; the same name is the same patient, on any computer. Raises InputError for
    another name, and when the template cannot be had.
    """
    image, labels = files(name)
    volume = read_volume(image)
    named = Volume(volume.voxels, volume.geometry, title(name), "MR")
    return SamplePatient(name, named, read_labelmap(labels, like=volume))


def files(name: str) -> tuple[Path, Path]:
    """The files of a patient's volume (.nrrd) and segmentation (.seg.nrrd), made where they are not there yet.

    Raises InputError as ``load`` does.
    """
    if name not in NAMES:
        msg = f"There is no sample patient {name!r}."
        raise InputError(msg, f"Use one of {', '.join(NAMES)}.")
    stem = f"Brain{name}-{_MADE}"
    image, labels = folder(PLACE) / f"{stem}.nrrd", folder(PLACE) / f"{stem}.seg.nrrd"
    if not (image.is_file() and labels.is_file()):
        volume, tissue = _made(name)
        write_labelmap(tissue, labels)
        write_volume(volume, image)  # last: where it is, both are
    return image, labels


def _made(name: str) -> tuple[Volume, Labelmap]:
    volume, tissue = template()
    if name in SEEDS:
        patient = simulate(volume, tissue, SEEDS[name], title(name))
        return patient.volume, patient.labelmap
    step = slice(None, None, SLICE_STEP)
    image, labels = (sitk.Image(part.to_sitk()[:, :, step]) for part in (volume, tissue))
    kept = Volume.from_sitk(image, title(name), volume.modality)
    return kept, Labelmap.from_sitk(labels, tissue.structures, title(name))
