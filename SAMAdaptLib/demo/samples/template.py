"""The template brain, whose tissue is known: the MNI ICBM 152 average T1 and its tissue maps.

The wheel of nilearn carries them. The wheel is fetched by name through pip and opened as the archive that it is;
nilearn itself is not installed.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...data.image import Labelmap, Volume
from ...data.structure import Structure
from ...encoders.weights.packages import from_wheel
from ...errors import InputError, WeightsError
from ...utils.paths import folder

PACKAGE = "nilearn==0.14.1"
MEMBER = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
MAPS = {
    "t1": "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6",
    "gm": "97a5ca69bd24db37a9cb7b32525e1733a209af904129bf1cd36da06d24243bed",
    "wm": "382d92812de4744f9c86c7a0e4f680dc317a0a50e4da1f0153618a6798c7b7db",
}
"""The maps by their names in the package, each with the SHA-256 of its file."""

STRUCTURES = (
    Structure(1, "Grey matter", (0.93, 0.55, 0.29)),
    Structure(2, "White matter", (0.36, 0.62, 0.90)),
)
CREDIT = (
    "Brain template: ICBM 152 Nonlinear Symmetric 2009a, (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, "
    "Montreal Neurological Institute, McGill University; Fonov et al., NeuroImage 2011 (54) 313-327; as rescaled and "
    "distributed in nilearn 0.14.1."
)


PLACE = "samples"
"""The folder in SAMAdapt's home that holds the maps."""


def template() -> tuple[Volume, Labelmap]:
    """The template brain (T1, 1 mm, skull removed) and each voxel's most likely tissue, cut to the brain.

    Fetched once, then read from SAMAdapt's home. Raises InputError when it cannot be had.
    """
    t1, grey, white = (sitk.ReadImage(str(path)) for path in fetch_maps())
    arrays = [sitk.GetArrayFromImage(image).astype(np.int16) for image in (t1, grey, white)]
    first, last = _brain_slices(arrays[0])
    tissue = sitk.GetImageFromArray(most_likely_tissue(*arrays))
    tissue.CopyInformation(t1)
    volume = Volume.from_sitk(t1[:, :, first : last + 1], "MNI ICBM 152 T1", "MR")
    return volume, Labelmap.from_sitk(tissue[:, :, first : last + 1], STRUCTURES, "Tissue")


def most_likely_tissue(t1: np.ndarray, grey: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Tissue labels, uint8 (k, j, i), from the T1 and the probabilities 0..255 of grey and white matter.

    1 grey matter, 2 white matter; 0 where neither is more likely than the rest, which is fluid and what is left of the
    meninges: there is no map of these.
    """
    likely = np.argmax(np.stack([255 - grey - white, grey, white]), axis=0)
    return np.where(t1 > 0, likely, 0).astype(np.uint8)


def _brain_slices(t1: np.ndarray) -> tuple[int, int]:
    """First and last slice along k that show brain."""
    filled = np.flatnonzero((t1 > 0).any(axis=(1, 2)))
    return int(filled[0]), int(filled[-1])


def fetch_maps() -> list[Path]:
    """The files of T1, grey and white matter, fetched once. Raises InputError when they cannot be had."""
    place = folder(PLACE)
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
        msg = f"The sample brain could not be fetched. {error}"
        raise InputError(msg, "Check the connection and try again, or use volumes of your own.") from error
    for name, part in parts.items():
        found = hashlib.sha256(part.read_bytes()).hexdigest()
        if found != MAPS[name]:
            msg = f"{part.name} in {PACKAGE} is not the expected file: its sha256 is {found}, wanted {MAPS[name]}."
            raise InputError(msg, "It is not used. Try again, or use volumes of your own.")
        part.replace(wanted[name])
