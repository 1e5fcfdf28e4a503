"""Which files hold a volume, and what they are called without their endings: one answer for every part of the program.

Standard library only. Endings are compared in lower case, longer ones first. DICOM files are known by their content,
not by their names: see ``data.io.volume_folder``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

RESULT_ENDING = ".seg.nrrd"
"""Slicer's segmentations: labels with names and colours."""

NIFTI_ALONE = (".nii.gz", ".nii")
"""Endings of NIfTI alone; .hdr and .img are those of other formats, too."""

NIFTI_ENDINGS = (*NIFTI_ALONE, ".hdr", ".img.gz", ".img")
NRRD_ENDINGS = (".nrrd", ".nhdr")
META_ENDINGS = (".mha", ".mhd")

READABLE = (RESULT_ENDING, ".seg.nhdr", *NIFTI_ENDINGS, *NRRD_ENDINGS, *META_ENDINGS, ".gipl", ".tiff", ".tif")
"""Endings of files that hold a volume or labels; a .hdr and an .img of one name are two halves of one."""

WRITABLE = (RESULT_ENDING, ".nii.gz", ".nii", ".nrrd", ".mha")
"""Endings of volumes and labels that are written."""

DICOM_ENDING = ".dcm"
"""Of a result that is to be a DICOM SEG."""

SEQUENCE_ENDING = ".seq.mrb"
"""Slicer's bundles of a sequence: a segmentation for each frame, with names and colours."""

SEQUENCE_ENDINGS = (SEQUENCE_ENDING, ".nii.gz", ".nii", ".nrrd")
"""Endings of the segmentation of several frames."""

RESULT_ENDINGS = (*WRITABLE, DICOM_ENDING, SEQUENCE_ENDING)
"""Endings that a segmented volume may have."""

_NAMED = (RESULT_ENDING, ".seq.nrrd", ".seq.nhdr", ".seq.mha", *READABLE, DICOM_ENDING, SEQUENCE_ENDING)
"""Endings that are no part of a volume's name. What follows another dot is: "1.2.840.10008" is all name."""


_FRAME = re.compile(r"(?P<file>.+\.[A-Za-z]+)@(?P<number>\d{1,7})", re.DOTALL)

HEAD_ENDING = ".samhead"
"""Of the files that hold trained heads."""


def is_volume(path: str | os.PathLike[str]) -> bool:
    """Whether a file is, by its name, a volume or labels. Hidden files are none."""
    name = Path(path).name
    return not name.startswith(".") and ending(name) is not None


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a file is, by its name, one of Slicer's segmentations, which are results and no volumes to segment."""
    return ending(path) in (RESULT_ENDING, ".seg.nhdr")


def ending(path: str | os.PathLike[str]) -> str | None:
    """Which of ``READABLE`` a file has, in lower case; None for another one."""
    name = Path(path).name.lower()
    return next((each for each in READABLE if name.endswith(each)), None)


def stem(path: str | os.PathLike[str]) -> str:
    """A volume's name without its ending ("ct.v2" of "a/ct.v2.NII.gz"), or a DICOM folder's own name."""
    path = Path(path)
    name = path.name or path.resolve().name
    if found := _FRAME.fullmatch(name):
        return f"{stem(found['file'])}@{found['number']}"
    known = next((each for each in _NAMED if name.lower().endswith(each)), "")
    return name[: len(name) - len(known)] or name


def split_frame(path: str | os.PathLike[str]) -> tuple[Path, int | None]:
    """A file, and which of its frames is meant: "cine.nii.gz@3" is frame 3, counted from 0; None: no frame is named.

    A file that has such a name itself is that file.
    """
    found = _FRAME.fullmatch(os.fspath(path))
    if found is None or os.path.lexists(path):
        return Path(path), None
    return Path(found["file"]), int(found["number"])


def frame_name(path: str | os.PathLike[str], number: int) -> str:
    """How one frame of a file is named; the inverse of ``split_frame``."""
    return f"{os.fspath(path)}@{number}"
