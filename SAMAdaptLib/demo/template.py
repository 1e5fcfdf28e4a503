"""The brain that the demo learns from: the MNI ICBM 152 average T1 and its tissue maps.

The wheel of nilearn carries them. The wheel is fetched by name through pip and opened as the archive that it is;
nilearn itself is not installed.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..data.io.volumes import Labelmap, Volume
from ..data.structure import Structure
from ..encoders.weights.packages import from_wheel
from ..errors import InputError, WeightsError
from ..training.train import Case
from ..utils.paths import folder
from .problem import Problem, only

PACKAGE = "nilearn==0.14.1"
MEMBER = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
MAPS = {
    "t1": "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6",
    "gm": "97a5ca69bd24db37a9cb7b32525e1733a209af904129bf1cd36da06d24243bed",
    "wm": "382d92812de4744f9c86c7a0e4f680dc317a0a50e4da1f0153618a6798c7b7db",
}
"""The maps by their names in the package, each with the SHA-256 of its file."""

SLICE_STEP = 2
"""Every second axial millimetre is kept, as in a scan with 2 mm slices: half the work, and axial is the best plane."""

ANNOTATE_EVERY = 12
"""One slice in so many is annotated."""

STRUCTURES = (
    Structure(1, "Grey matter", (0.93, 0.55, 0.29)),
    Structure(2, "White matter", (0.36, 0.62, 0.90)),
    Structure(3, "Cerebrospinal fluid", (0.35, 0.80, 0.60)),
)
TITLE = "Brain tissue from a few annotated slices"
STORY = (
    "The volume is the MNI ICBM 152 average brain (T1, skull removed) in 2 mm axial slices. {seen} of its {slices} "
    "slices are annotated, one in {step}; SAMAdapt learns from these and segments the whole volume. The annotation is "
    "each voxel's most likely tissue in the template's own probability maps, which were made with the help of the "
    "same images: it is no expert's drawing."
)
CREDIT = (
    "Brain template: ICBM 152 Nonlinear Symmetric 2009a, (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, "
    "Montreal Neurological Institute, McGill University; Fonov et al., NeuroImage 2011 (54) 313-327; as rescaled and "
    "distributed in nilearn 0.14.1."
)


def template_problem() -> Problem:
    """The demo's own problem. Raises InputError when the data cannot be had."""
    t1, grey, white = (sitk.ReadImage(str(path)) for path in fetch_maps())
    arrays = [sitk.GetArrayFromImage(image).astype(np.int16) for image in (t1, grey, white)]
    first, last = _brain_slices(arrays[0])
    tissue = sitk.GetImageFromArray(most_likely_tissue(*arrays))
    tissue.CopyInformation(t1)
    volume = Volume.from_sitk(t1[:, :, first : last + 1 : SLICE_STEP], "MNI ICBM 152 T1", "MR")
    truth = Labelmap.from_sitk(tissue[:, :, first : last + 1 : SLICE_STEP], STRUCTURES)
    slices = volume.geometry.shape[0]
    seen = tuple(range(ANNOTATE_EVERY // 2, slices, ANNOTATE_EVERY))
    return Problem(
        title=TITLE,
        story=STORY.format(seen=len(seen), slices=slices, step=ANNOTATE_EVERY),
        training=Case(volume, only(truth, seen)),
        query=volume,
        reference=truth,
        seen=seen,
        annotated_slices_only=True,
        head="fusion",  # thin and folded structures: borders matter more than what is where
        credit=CREDIT,
    )


def most_likely_tissue(t1: np.ndarray, grey: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Tissue labels, uint8 (k, j, i), from the T1 and the probabilities 0..255 of grey and white matter.

    1 grey matter, 2 white matter, 3 what is neither, within the brain (T1 above 0); 0 elsewhere.
    """
    likely = np.argmax(np.stack([grey, white, 255 - grey - white]), axis=0) + 1
    return np.where(t1 > 0, likely, 0).astype(np.uint8)


def _brain_slices(t1: np.ndarray) -> tuple[int, int]:
    """First and last slice along k that show brain."""
    filled = np.flatnonzero((t1 > 0).any(axis=(1, 2)))
    return int(filled[0]), int(filled[-1])


def fetch_maps() -> list[Path]:
    """The files of T1, grey and white matter, fetched once. Raises InputError when they cannot be had."""
    place = folder("demo")
    paths = [place / Path(MEMBER.format(name)).name for name in MAPS]
    if not all(path.is_file() for path in paths):
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            _fetch(Path(scratch), dict(zip(MAPS, paths, strict=True)))
    return paths


def _fetch(scratch: Path, wanted: dict[str, Path]) -> None:
    """The maps out of the package, each checked by its hash before it has its place."""
    parts = {name: scratch / path.name for name, path in wanted.items()}
    try:
        from_wheel(PACKAGE, {MEMBER.format(name): part for name, part in parts.items()}, scratch)
    except WeightsError as error:
        msg = f"The demo's brain volume could not be fetched. {error}"
        raise InputError(msg, "Check the connection and try again, or use your own volumes: --data FOLDER.") from error
    for name, part in parts.items():
        found = hashlib.sha256(part.read_bytes()).hexdigest()
        if found != MAPS[name]:
            msg = f"{part.name} in {PACKAGE} is not the expected file: its sha256 is {found}, wanted {MAPS[name]}."
            raise InputError(msg, "It is not used. Try again, or use your own volumes: --data FOLDER.")
        part.replace(wanted[name])
