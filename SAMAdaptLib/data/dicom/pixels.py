"""The voxels of a DICOM file as they are stored, before any rescaling.

Those that are stored plainly are read here; compressed ones are mostly unpacked by SimpleITK, which is handed a copy
of the pixels alone, so that no rescaling and no geometry of its own comes into it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, RLELossless

from ...errors import InputError
from .file import FAULTS, NATIVE, DicomFile

_AGAIN = "Copy or export it again."
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def stored_values(file: DicomFile) -> NDArray[Any]:
    """The stored numbers (frame, row, column), not rescaled. Raises InputError for colours and unknown formats."""
    colour = file.text("PhotometricInterpretation")
    samples = file.number("SamplesPerPixel", 1)
    if samples != 1 or colour.startswith(("PALETTE", "RGB", "YBR")):
        msg = f"{file.path.name} has {samples} numbers a voxel ({colour or 'colour'}); one gray value is needed."
        raise InputError(msg, "Convert it to gray values, or choose another series.")
    plain = file.syntax in NATIVE and file.length is not None
    values = _plain(file) if plain else _unpacked(file)
    if colour != "MONOCHROME1":
        return values
    # White is low: turned over within the stored bits, as ITK and 3D Slicer do.
    return -1 - values if values.dtype.kind == "i" else ((1 << file.number("BitsStored")) - 1) - values


def _plain(file: DicomFile) -> NDArray:
    allocated = file.number("BitsAllocated")
    if allocated not in (8, 16, 32) or (file.order == ">" and allocated == 8):
        msg = f"{file.path.name} stores its voxels in {allocated} bits, which cannot be read."
        raise InputError(msg, "Open it in 3D Slicer and save it as .nrrd.")
    count = file.frames * int(np.prod(file.shape))
    raw = np.frombuffer(pixel_bytes(file, count * allocated // 8), f"{file.order}u{allocated // 8}", count)
    return _significant(raw, file).reshape(file.frames, *file.shape)


def pixel_bytes(file: DicomFile, count: int) -> bytes:
    """The first ``count`` bytes of voxels that are stored plainly."""
    if file.inflated is not None:
        return file.inflated[:count]
    with file.path.open("rb") as stream:
        stream.seek(file.start)
        return stream.read(count)


def _significant(raw: NDArray, file: DicomFile) -> NDArray:
    """The numbers within their allocated bits: others may hold an overlay; the sign is the highest that is stored."""
    allocated = file.number("BitsAllocated")
    stored = file.number("BitsStored", allocated)
    shift = file.number("HighBit", stored - 1) + 1 - stored
    if not 1 <= stored <= allocated or not 0 <= shift <= allocated - stored:
        msg = f"The DICOM file {file.path} is damaged: {stored} bits stored of {allocated}."
        raise InputError(msg, _AGAIN)
    own = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    if stored < allocated:
        own = (own >> own.dtype.type(shift)) & own.dtype.type((1 << stored) - 1)
    if file.number("PixelRepresentation", 0) != 1:
        return own
    if stored == allocated:
        return own.view(f"i{allocated // 8}")
    sign = 1 << (stored - 1)
    return (own.astype(np.int64) ^ sign) - sign


def _unpacked(file: DicomFile) -> NDArray:
    """Compressed voxels: run lengths by pydicom, as ITK's reader of them errs on odd sizes, all else by SimpleITK."""
    try:
        array = _by_pydicom(file) if file.syntax == RLELossless else _by_simpleitk(file)
    except (*FAULTS, RuntimeError) as error:
        msg = f"The compressed voxels of {file.path} cannot be read ({type(error).__name__})."
        raise InputError(msg, "Open it in 3D Slicer and save it as .nrrd; or is it damaged?") from error
    shape = (file.frames, *file.shape)
    if array.size != int(np.prod(shape)):
        msg = f"The DICOM file {file.path} announces {shape} voxels; {array.shape} were found."
        raise InputError(msg, _AGAIN)
    return array.reshape(shape)


def _by_pydicom(file: DicomFile) -> NDArray:
    return np.asarray(pydicom.dcmread(file.path, force=True).pixel_array)


def _by_simpleitk(file: DicomFile) -> NDArray:
    """From a file with nothing but the pixels in it."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "pixels.dcm"
        _write_pixels_alone(file, alone)
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(alone))))


def _write_pixels_alone(file: DicomFile, target: Path) -> None:
    full = pydicom.dcmread(file.path, force=True)
    alone, meta = Dataset(), FileMetaDataset()
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        setattr(alone, keyword, file.number(keyword))
    alone.SamplesPerPixel, alone.PhotometricInterpretation = 1, "MONOCHROME2"
    kind = _SECONDARY_CAPTURE
    if file.frames > 1:
        alone.NumberOfFrames = file.frames
        kind += ".2" if alone.BitsAllocated == 8 else ".3"
    alone.SOPClassUID = meta.MediaStorageSOPClassUID = UID(kind)
    alone.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    meta.TransferSyntaxUID, meta.FileMetaInformationGroupLength = UID(file.syntax), 0
    alone.file_meta, alone.preamble = meta, b"\0" * 128
    alone.PixelData = full.PixelData
    alone["PixelData"].VR = "OB"
    alone["PixelData"].is_undefined_length = True
    alone.is_little_endian, alone.is_implicit_VR = True, False  # older versions of pydicom ask for these
    pydicom.dcmwrite(target, alone)
