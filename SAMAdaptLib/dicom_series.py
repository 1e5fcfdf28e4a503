"""A DICOM series folder as one image, with the checks that keep it in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .errors import GeometryError, InputError

MODALITY_TAG = "0008|0060"
SERIES_DESCRIPTION_TAG = "0008|103e"
POSITION_TAG = "0020|0032"

POSITION_TOLERANCE = 0.1
"""A slice may lie this fraction of the slice distance away from where an even, upright stack puts it."""


def read_series(folder: Path) -> tuple[sitk.Image, str, str]:
    """The image, name and modality of the only series in a folder (its subfolders are not searched).

    The name is the series description, never anything about the patient. Raises InputError when the folder holds no
    series or several, GeometryError when slices are missing, repeated or sheared.
    """
    files = _files_of_only_series(folder)
    try:
        image = sitk.ReadImage(files)
    except RuntimeError as error:
        msg = f"The DICOM series in {folder} cannot be read ({last_line(error)})."
        raise InputError(msg, "Check that all of its files are whole and belong to one image.") from error
    headers = [_header(file) for file in files]
    _require_even_stack(image, headers, folder)
    return image, _value(headers[0], SERIES_DESCRIPTION_TAG) or folder.name, _value(headers[0], MODALITY_TAG)


def last_line(error: Exception) -> str:
    """The last line of an ITK exception: the reason, without the source files and object addresses before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _files_of_only_series(folder: Path) -> list[str]:
    reader = sitk.ImageSeriesReader()
    series = reader.GetGDCMSeriesIDs(str(folder))
    if not series:
        msg = f"The folder {folder} holds no DICOM series."
        raise InputError(msg, "Choose the folder in which the series' files lie, or a NIfTI, NRRD or MHA file.")
    files = {uid: list(reader.GetGDCMSeriesFileNames(str(folder), uid)) for uid in series}
    if len(series) > 1:
        listed = "; ".join(_described(uid, files[uid]) for uid in series)
        msg = f"The folder {folder} holds {len(series)} DICOM series, one is needed: {listed}."
        raise InputError(msg, "Move the series that you mean into a folder of its own.")
    return files[series[0]]


def _described(uid: str, files: list[str]) -> str:
    description = _value(_header(files[0]), SERIES_DESCRIPTION_TAG) or "no description"
    return f"{uid.split(chr(0))[0]} ({description}, {len(files)} files)"


def _header(file: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()
    return reader


def _value(header: sitk.ImageFileReader, tag: str) -> str:
    return header.GetMetaData(tag).strip() if header.HasMetaDataKey(tag) else ""


def _require_even_stack(image: sitk.Image, headers: list[sitk.ImageFileReader], folder: Path) -> None:
    """Raises GeometryError unless each file lies where the image's grid puts its slice."""
    if image.GetDimension() != 3 or len(headers) < 2:
        return
    tolerance = POSITION_TOLERANCE * image.GetSpacing()[2]
    for number, header in enumerate(headers):
        try:
            told = [float(part) for part in _value(header, POSITION_TAG).split("\\")]
        except ValueError:
            continue
        expected = image.TransformIndexToPhysicalPoint((0, 0, number))
        if len(told) == 3 and (away := float(np.linalg.norm(np.subtract(told, expected)))) > tolerance:
            msg = (
                f"Slice {number + 1} of {len(headers)} of the DICOM series in {folder} lies {away:.3g} mm away from "
                f"its place in an even stack: slices are missing, repeated or tilted."
            )
            raise GeometryError(msg, "Load it into 3D Slicer with acquisition geometry regularization and export it.")
