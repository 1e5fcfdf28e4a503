"""DICOM images: the series in a folder, or the volume in one file, with the geometry that each frame tells.

Headers are pydicom's. No file of a series is left out in silence: one that is empty, cut off or damaged is refused by
its name, and what else lies in the folder is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..geometry import Geometry
from ..io.volume_folder import FolderContents, contents_of
from .file import DicomFile, read_dicom, reading_dicom
from .frames import Frame, frames_of
from .pixels import stored_values
from .stack import Stack, stacked

_NAMED = 3


@dataclass(frozen=True, eq=False)
class DicomImage:
    """``voxels`` are float32 (k, j, i), rescaled slice by slice; ``warnings`` what has to be said."""

    voxels: NDArray[np.float32]
    geometry: Geometry
    name: str
    modality: str
    warnings: tuple[str, ...] = ()


def read_series(folder: Path) -> DicomImage:
    """The only series in a folder (its subfolders are not searched).

    The name is the series description, never anything about the patient. Raises InputError when the folder holds no
    series or several or a file that cannot be used, GeometryError when slices do not make an even stack.
    """
    with reading_dicom(folder):
        return _series(folder)


def _series(folder: Path) -> DicomImage:
    contents = contents_of(folder)
    if not contents.dicom:
        msg = f"The folder {folder} holds no DICOM series."
        raise InputError(msg, "Choose the folder in which the series' files lie, or a NIfTI, NRRD or MHA file.")
    _refuse_doubtful(contents, folder)
    files, left_out = _files_of_only_series([read_dicom(path) for path in contents.dicom], folder)
    said = _said_of_others(contents, left_out, folder)
    return _image(files, f"the DICOM series in {folder}", files[0].text("SeriesDescription") or folder.name, said)


def read_file(path: Path) -> DicomImage:
    """The image in one DICOM file: a slice, or a volume of many frames. Raises what ``read_series`` raises."""
    with reading_dicom(path):
        return _single(path)


def _single(path: Path) -> DicomImage:
    file = read_dicom(path)
    if file.is_segmentation:
        raise _is_a_segmentation(path)
    if file.has_no_picture:
        msg = f"The DICOM file {path} holds no picture ({file.text('Modality') or 'no modality'})."
        raise InputError(msg, "Choose a file or the folder of an image series.")
    return _image([file], f"the DICOM file {path}", file.text("SeriesDescription") or path.stem, ())


def read_stack(path: Path) -> Stack:
    """The frames of the image in a folder or a file, in the order of its slices: headers alone.

    Raises what ``read_series`` and ``read_file`` raise.
    """
    with reading_dicom(path):
        if path.is_dir():
            files, _ = _files_of_only_series([read_dicom(each) for each in contents_of(path).dicom], path)
        else:
            files = [read_dicom(path)]
        return stacked([frame for file in files for frame in frames_of(file)], f"the DICOM image {path}")


def _image(files: Sequence[DicomFile], what: str, name: str, said: tuple[str, ...]) -> DicomImage:
    stack = stacked([frame for file in files for frame in frames_of(file)], what)
    first = files[0]
    warnings = [*said, *stack.warnings]
    if any("ModalityLUTSequence" in file.data for file in files):
        warnings.append(f"The values of {what} come with a table (a modality LUT), which is not applied.")
    return DicomImage(_voxels(stack), stack.geometry, name, first.text("Modality"), tuple(warnings))


def _voxels(stack: Stack) -> NDArray[np.float32]:
    voxels = np.empty(stack.geometry.shape, np.float32)
    stored: tuple[DicomFile, NDArray] | None = None
    for number, frame in enumerate(stack.frames):
        if stored is None or stored[0] is not frame.file:
            stored = frame.file, stored_values(frame.file)
        voxels[number] = _rescaled(stored[1][frame.number], frame)
    return voxels


def _rescaled(values: NDArray, frame: Frame) -> NDArray:
    """The values that a slice stands for: slopes and intercepts may differ from slice to slice, as in PET."""
    if (frame.slope, frame.intercept) == (1.0, 0.0):
        return values
    return values * np.float64(frame.slope) + np.float64(frame.intercept)


# Which files --------------------------------------------------------------------------------------------------------


def _files_of_only_series(files: Sequence[DicomFile], folder: Path) -> tuple[list[DicomFile], list[DicomFile]]:
    """The files of the only image series, and those that are no images."""
    left_out = [file for file in files if file.has_no_picture or file.is_segmentation]
    series: dict[str, list[DicomFile]] = {}
    for file in files:
        if file not in left_out:
            series.setdefault(file.text("SeriesInstanceUID"), []).append(file)
    if not series:
        if any(file.is_segmentation for file in left_out):
            raise _is_a_segmentation(folder)
        msg = f"The folder {folder} holds no DICOM series of images."
        raise InputError(msg, "Choose the folder in which an image series lies.")
    if len(series) > 1:
        listed = "; ".join(_described(uid, files) for uid, files in series.items())
        msg = f"The folder {folder} holds {len(series)} DICOM series, one is needed: {listed}."
        raise InputError(msg, "Move the series that you mean into a folder of its own.")
    return next(iter(series.values())), left_out


def _described(uid: str, files: Sequence[DicomFile]) -> str:
    description = files[0].text("SeriesDescription") or "no description"
    return f"{uid} ({description}, {len(files)} files)"


def _refuse_doubtful(contents: FolderContents, folder: Path) -> None:
    if contents.doubtful:
        first = contents.doubtful[0]
        why = "empty" if first.stat().st_size == 0 else "no DICOM file"
        msg = f"{first.name} in the DICOM folder {folder} is {why}, but called like the slices: is it one, damaged?"
        raise InputError(msg, "Copy the series again, or take the file out of the folder.")


def _said_of_others(contents: FolderContents, left_out: Sequence[DicomFile], folder: Path) -> tuple[str, ...]:
    found = []
    volumes = [*contents.volumes, *contents.results]
    if volumes:
        found.append(f"The folder {folder} is read as a DICOM series; {_listed(volumes)} in it was not looked at.")
    if contents.others:
        found.append(f"No DICOM files, and left out, in {folder}: {_listed(contents.others)}.")
    if left_out:
        paths = [file.path for file in left_out]
        found.append(f"DICOM files without an image of the series, and left out, in {folder}: {_listed(paths)}.")
    return tuple(found)


def _listed(paths: Sequence[Path]) -> str:
    rest = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(path.name for path in paths[:_NAMED]) + rest


def _is_a_segmentation(path: Path) -> InputError:
    msg = f"{path} is a DICOM segmentation, not an image."
    return InputError(msg, "Choose the image that was segmented; the segmentation can serve as its labels.")
