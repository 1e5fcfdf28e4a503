"""Small DICOM files as scanners and other programs write them, and the faults that copies and exports bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from geometries import numbered
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from SAMAdaptLib.data.geometry import Geometry

GRID = Geometry((7, 5, 6), (1.5, 1.2, 4.0), (-20.0, -30.0, 10.0))
MR, CT, ENHANCED_MR = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("4", "2", "4.1"))
SEG, REPORT, DOSE = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("66.4", "88.11", "481.2"))
FIRST, MIDDLE, LAST = 0, 3, 5

Change = Callable[[Dataset], object]


def a_file(kind: str, uid: str = "1.2.3.7", syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """What every file says, whatever it holds."""
    dataset, meta = Dataset(), FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = f"{uid}.1"
    meta.TransferSyntaxUID = syntax
    dataset.file_meta = meta
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", uid
    dataset.Modality, dataset.SeriesDescription, dataset.PatientName = "MR", "axial", "Doe^Jane"
    return dataset


def with_pixels(dataset: Dataset, values: np.ndarray) -> Dataset:
    """With stored values (row, column) or (frame, row, column) of 8, 16 or 32 bits."""
    bits = values.dtype.itemsize * 8
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, int(values.dtype.kind == "i")
    if values.ndim == 3:
        dataset.NumberOfFrames = len(values)
    raw = values.tobytes()
    dataset.PixelData = raw + bytes(len(raw) % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    return dataset


def a_slice(grid: Geometry, number: int, values: np.ndarray | None = None, uid: str = "1.2.3.7") -> Dataset:
    """One slice of a grid as a file of its own; without ``values`` each voxel has another number."""
    own = numbered(grid)[number].astype(np.uint16) if values is None else values
    dataset = with_pixels(a_file(MR, uid), own)
    dataset.PixelSpacing = [grid.spacing[1], grid.spacing[0]]
    dataset.SliceThickness = grid.spacing[2]
    dataset.ImageOrientationPatient = [float(part) for part in grid.direction[:, :2].T.ravel()]
    dataset.ImagePositionPatient = [float(part) for part in grid.ijk_to_lps((0, 0, number))]
    dataset.InstanceNumber = number + 1
    return dataset


def name_of(number: int) -> str:
    """Names tell nothing about the order of slices."""
    return f"IM{(number * 5) % 11:02d}"


def write_series(
    folder: Path,
    grid: Geometry = GRID,
    skipped: Sequence[int] = (),
    changed: dict[int, Change] | None = None,
    uid: str = "1.2.3.7",
) -> Path:
    """A series of one file a slice; ``changed`` says what is done to the slices of some numbers before writing."""
    folder.mkdir(exist_ok=True, parents=True)
    for number in range(grid.size[2]):
        if number in skipped:
            continue
        dataset = a_slice(grid, number, uid=uid)
        if changed and number in changed:
            changed[number](dataset)
        save(dataset, folder / name_of(number))
    return folder


def save(dataset: Dataset, path: Path) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


def item(**elements: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def one(**elements: Any) -> Items:
    """A sequence of one item."""
    return Items([item(**elements)])


def enhanced(
    positions: Sequence[Sequence[float]],
    values: np.ndarray,
    rescales: Sequence[tuple[float, float]] | None = None,
    grid: Geometry = GRID,
    kind: str = ENHANCED_MR,
) -> Dataset:
    """A file of many frames: spacing and orientation are shared, position and (slope, intercept) are each frame's."""
    dataset = with_pixels(a_file(kind), values)
    orientation = [float(part) for part in grid.direction[:, :2].T.ravel()]
    measures = {"PixelSpacing": [grid.spacing[1], grid.spacing[0]], "SliceThickness": grid.spacing[2]}
    shared = item(
        PlaneOrientationSequence=one(ImageOrientationPatient=orientation), PixelMeasuresSequence=one(**measures)
    )
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    groups = []
    for number, position in enumerate(positions):
        group = item(PlanePositionSequence=one(ImagePositionPatient=[float(part) for part in position]))
        if rescales is not None:
            slope, intercept = rescales[number]
            group.PixelValueTransformationSequence = one(RescaleSlope=slope, RescaleIntercept=intercept)
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = Items(groups)
    return dataset


def positions_of(grid: Geometry, numbers: Sequence[int] | None = None) -> list[np.ndarray]:
    return [grid.ijk_to_lps((0, 0, number)) for number in (range(grid.size[2]) if numbers is None else numbers)]


def segmentation(
    masks: dict[int, np.ndarray], grid: Geometry = GRID, names: dict[int, str] | None = None, kind: str = "BINARY"
) -> Dataset:
    """A DICOM SEG with a frame for each slice and segment that has a voxel, as highdicom and dcmqi write it."""
    frames = [(value, number) for value, mask in masks.items() for number in range(len(mask)) if mask[number].any()]
    stack = np.stack([masks[value][number] for value, number in frames]).astype(np.uint8)
    dataset = enhanced(positions_of(grid, [number for _, number in frames]), stack, grid=grid, kind=SEG)
    dataset.Modality, dataset.SegmentationType = "SEG", kind
    for group, (value, _) in zip(dataset.PerFrameFunctionalGroupsSequence, frames, strict=True):
        group.SegmentIdentificationSequence = one(ReferencedSegmentNumber=value)
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = grid.spacing[2]
    names = names or {}
    described = [item(SegmentNumber=value, SegmentLabel=names.get(value, f"S{value}")) for value in masks]
    dataset.SegmentSequence = Items(described)
    if kind == "BINARY":
        dataset.BitsAllocated = dataset.BitsStored = 1
        dataset.HighBit = 0
        packed = np.packbits(stack.ravel(), bitorder="little").tobytes()
        dataset.PixelData = packed + bytes(len(packed) % 2)
    return dataset
