"""Labelmaps as DICOM segmentations (SEG) of the series that they were made from, by highdicom.

The SEG refers to the frames of its source, takes over patient and study, and lies on its grid voxel for voxel. What
made it is said in short in the content description and in full in a private element.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DependencyError, GeometryError, InputError
from ...utils.files import write_atomically
from ..provenance import LONGEST_JSON, TOOL, Provenance
from .file import DicomFile, read_dicom, reading_dicom
from .series import read_stack
from .stack import Stack

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..image import Labelmap
    from ..structure import Structure

_TISSUE = ("SCT", "85756007", "Tissue")
"""Category and type of a structure about which nothing is known but its name."""

_PRIVATE_GROUP = 0x0099
_PRIVATE_CREATOR = "SAMAdapt"
_PROVENANCE_ELEMENT = 0x01
_LONGEST_DESCRIPTION = 64
_SERIES_NUMBER = 9800
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Must be there, by the standard, and may be empty."""

_NO_VOXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def write_dicom_segmentation(labelmap: Labelmap, source: Path, path: Path, provenance: Provenance | None) -> None:
    """Write ``labelmap`` as a binary DICOM SEG, whole or not at all.

    Args:
        labelmap: voxels (k, j, i) on the grid of ``source``; segments are numbered 1.. in the order of their values.
        source: the DICOM folder or file that was segmented.
        path: what to write, ending in ``.dcm``.
        provenance: what made the labels.

    Raises:
        DependencyError: highdicom is not installed.
        InputError: the source is no DICOM image, the labelmap is empty, or the file cannot be written.
        GeometryError: the labelmap lies on another grid than the source.
    """
    highdicom = _highdicom()
    stack = _stack_of(source)
    if not labelmap.geometry.same_grid(stack.geometry):
        msg = f"The labels do not lie on the grid of {source}: {stack.geometry.difference(labelmap.geometry)}."
        raise GeometryError(msg, "Write them as .seg.nrrd or .nii.gz.")
    shown = [structure for structure in labelmap.structures if structure.value in labelmap.values()]
    if not shown:
        msg = f"No structure was found, and a DICOM segmentation without a segment cannot be written to {path}."
        raise InputError(msg, "Write .seg.nrrd or .nii.gz instead.")
    with reading_dicom(source):
        dataset = _segmentation(highdicom, labelmap, shown, stack, provenance)
    write_atomically(path, dataset.save_as)


def read_dicom_provenance(path: Path) -> Provenance | None:
    """What made the DICOM SEG in a file, None when it does not say. Raises InputError for a file that is no DICOM."""
    with reading_dicom(path):
        data = read_dicom(path).data
        try:
            block = data.private_block(_PRIVATE_GROUP, _PRIVATE_CREATOR)
            return Provenance.from_json(str(block[_PROVENANCE_ELEMENT].value)[: LONGEST_JSON + 1])
        except KeyError:
            return None


def _highdicom() -> Any:
    try:
        import highdicom
    except ImportError as error:
        msg = "DICOM segmentations are written by the Python package highdicom, which is not installed."
        raise DependencyError(msg, "pip install highdicom, or write .seg.nrrd or .nii.gz.") from error
    return highdicom


def _stack_of(source: Path) -> Stack:
    try:
        return read_stack(source)
    except InputError as error:
        msg = f"{source} is no DICOM image, so its segmentation cannot be a DICOM SEG."
        raise InputError(msg, "Write .seg.nrrd or .nii.gz; or segment the DICOM folder itself.") from error


def _segmentation(
    highdicom: Any, labelmap: Labelmap, shown: Sequence[Structure], stack: Stack, provenance: Provenance | None
) -> Dataset:
    """The SEG of the structures that are shown; frames without a voxel are left out."""
    from pydicom.uid import ExplicitVRLittleEndian

    numbers = np.zeros(max(structure.value for structure in labelmap.structures) + 1, np.uint16)
    for number, structure in enumerate(shown, 1):
        numbers[structure.value] = number
    sources = _sources(stack)
    dataset = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=_in_order(numbers[labelmap.voxels], stack, len(sources)),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(highdicom, item, number) for number, item in enumerate(shown, 1)],
        series_instance_uid=highdicom.UID(),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer=TOOL,
        manufacturer_model_name=TOOL,
        software_versions=_version(provenance),
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_description=_in_short(provenance),
        series_description=f"{TOOL} segmentation",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        omit_empty_frames=True,
    )
    if provenance is not None:
        block = dataset.private_block(_PRIVATE_GROUP, _PRIVATE_CREATOR, create=True)
        block.add_new(_PROVENANCE_ELEMENT, "UT", provenance.to_json())
    return dataset


def _sources(stack: Stack) -> list[Dataset]:
    """The headers of the files that the frames are of, in the order of the slices, each once."""
    files = list(dict.fromkeys(frame.file for frame in stack.frames))
    return [_complete(file) for file in files]


def _complete(file: DicomFile) -> Dataset:
    """A header with what every DICOM file must have and some programs leave out, without its voxels."""
    import copy

    data = copy.copy(file.data)
    for keyword in _NO_VOXELS:
        if keyword in data:
            del data[keyword]
    for keyword in _MAY_BE_EMPTY:
        if keyword not in data:
            setattr(data, keyword, "")
    if not data.get("FrameOfReferenceUID"):
        msg = f"{file.path} does not say in which frame of reference it lies, which a DICOM segmentation must repeat."
        raise InputError(msg, "Write .seg.nrrd or .nii.gz.")
    return data


def _in_order(labels: np.ndarray, stack: Stack, files: int) -> np.ndarray:
    """Slices in the order of the frames of their files: a file of many frames has its own order."""
    if files > 1 or len(stack.frames) == 1:
        return labels
    ordered = np.empty_like(labels)
    for slice_, frame in enumerate(stack.frames):
        ordered[frame.number] = labels[slice_]
    return ordered


def _described(highdicom: Any, structure: Structure, number: int) -> Any:
    category, kind, modifier, region = _codes(structure.terminology)
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=structure.name[:_LONGEST_DESCRIPTION],
        segmented_property_category=_coded(highdicom, category or _TISSUE),
        segmented_property_type=_coded(highdicom, kind or _TISSUE),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=TOOL, family=_coded(highdicom, ("DCM", "123109", "Artificial Intelligence")), version=_version(None)
        ),
        anatomic_regions=[_coded(highdicom, region)] if region else None,
        display_color=highdicom.color.CIELabColor.from_rgb(*(round(255 * part) for part in structure.color)),
    )
    if modifier:
        inner = described.SegmentedPropertyTypeCodeSequence[0]
        inner.SegmentedPropertyTypeModifierCodeSequence = [_coded(highdicom, modifier)]
    return described


def _codes(terminology: str) -> list[tuple[str, str, str] | None]:
    """Category, type, modifier and region of Slicer's text (see ``data.structure``)."""
    parts = [*terminology.split("~"), *[""] * 7]
    return [_code(parts[place]) for place in (1, 2, 3, 5)]


def _code(text: str) -> tuple[str, str, str] | None:
    words = text.split("^")
    return (words[0], words[1], words[2]) if len(words) == 3 and all(words) else None


def _coded(highdicom: Any, code: tuple[str, str, str]) -> Any:
    scheme, value, meaning = code
    return highdicom.sr.CodedConcept(value=value, scheme_designator=scheme, meaning=meaning[:_LONGEST_DESCRIPTION])


def _version(provenance: Provenance | None) -> str:
    from ... import __version__

    return __version__ if provenance is None else provenance.version


def _in_short(provenance: Provenance | None) -> str:
    """At most 64 characters: the head's name and the beginning of its hash."""
    if provenance is None:
        return f"made by {TOOL}"
    ending = f" {provenance.head_sha256[:12]}"
    name = "".join(sign for sign in provenance.head if sign.isascii() and sign not in "\\^")
    return f"{TOOL} {provenance.version}: {name}"[: _LONGEST_DESCRIPTION - len(ending)] + ending


__all__ = ["read_dicom_provenance", "write_dicom_segmentation"]
