"""Labelmaps as DICOM SEG: read by others, on the source's grid, with names, codes and provenance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicomthings import GRID, a_slice, name_of

pytest.importorskip("highdicom", reason="highdicom is not installed")

import pydicom

from SAMAdaptLib.data.dicom.seg_writer import read_dicom_provenance, write_dicom_segmentation
from SAMAdaptLib.data.dicom.segmentation import read_dicom_segmentation
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.data.io.volumes import read_volume
from SAMAdaptLib.data.provenance import Provenance
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.errors import GeometryError, InputError

LIVER = (
    "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure"
    "~SCT^10200004^Liver~^^~Anatomic codes - DICOM master list~^^~^^"
)
STRUCTURES = (Structure(2, "Liver", (0.8, 0.3, 0.2), LIVER), Structure(7, "Lesion", (0.1, 0.6, 0.9)))
MADE_BY = Provenance("Liver head", "ab" * 32, "medsam_lite", "cd" * 32)


def series(folder: Path, grid: Geometry = GRID, voxels: np.ndarray | None = None) -> Path:
    """A whole series, as archives hand it out: with patient, study and frame of reference."""
    folder.mkdir()
    for number in range(grid.size[2]):
        dataset = a_slice(grid, number, None if voxels is None else voxels[number].astype(np.uint16))
        dataset.FrameOfReferenceUID, dataset.StudyDate, dataset.StudyTime = "1.2.3.9", "20260101", "120000"
        dataset.PatientID, dataset.PatientBirthDate, dataset.PatientSex = "P1", "", ""
        dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "1", "", ""
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.7.{number + 1}"
        dataset.save_as(folder / name_of(number), enforce_file_format=True)
    return folder


def labels_on(grid: Geometry) -> Labelmap:
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[1:4, 1:3, 2:5] = 2
    voxels[3, 3:, 5:] = 7
    return Labelmap(voxels, grid, STRUCTURES)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return series(tmp_path / "series")


@pytest.fixture
def written(source: Path, tmp_path: Path) -> Path:
    path = tmp_path / "result.dcm"
    write_dicom_segmentation(labels_on(read_volume(source).geometry), source, path, MADE_BY)
    return path


def test_it_is_read_back_with_the_same_voxels_on_the_same_grid(written: Path, source: Path) -> None:
    image, back = read_volume(source), read_dicom_segmentation(written)
    voxels = labels_on(image.geometry).voxels
    expected = np.where(voxels == 2, 1, np.where(voxels == 7, 2, 0))
    drawn = np.flatnonzero(expected.any(axis=(1, 2)))
    assert np.array_equal(back.voxels, expected[drawn[0] : drawn[-1] + 1])
    assert np.allclose(back.geometry.origin, image.geometry.ijk_to_lps((0, 0, int(drawn[0]))))
    assert np.allclose(back.geometry.spacing, image.geometry.spacing)


def test_oblique_and_flipped_series_keep_their_places(tmp_path: Path) -> None:
    turned = np.linalg.qr(np.array([[0.9, -0.3, 0.1], [0.3, 0.9, -0.2], [0.0, 0.2, 1.0]]))[0]
    turned[:, 2] = np.cross(turned[:, 0], turned[:, 1])
    grid = Geometry((7, 5, 6), (1.5, 1.2, 4.0), (-20.0, -30.0, 10.0), turned)
    source = series(tmp_path / "oblique", grid)
    image = read_volume(source)
    write_dicom_segmentation(labels_on(image.geometry), source, tmp_path / "r.dcm", None)
    back = read_dicom_segmentation(tmp_path / "r.dcm")
    ours = {tuple(np.round(image.geometry.ijk_to_lps((i, j, k)), 3)) for k, j, i in np.argwhere(labels_on(GRID).voxels)}
    theirs = {tuple(np.round(back.geometry.ijk_to_lps((i, j, k)), 3)) for k, j, i in np.argwhere(back.voxels)}
    assert ours == theirs


def test_names_colours_and_codes_survive(written: Path) -> None:
    liver, lesion = read_dicom_segmentation(written).structures
    assert (liver.name, lesion.name) == ("Liver", "Lesion")
    assert "SCT^10200004^Liver" in liver.terminology
    assert np.allclose(liver.color, STRUCTURES[0].color, atol=0.02)


def test_it_belongs_to_the_patient_and_study_and_refers_to_the_slices(written: Path, source: Path) -> None:
    dataset = pydicom.dcmread(written)
    first = pydicom.dcmread(next(source.iterdir()))
    assert dataset.PatientID == first.PatientID
    assert dataset.StudyInstanceUID == first.StudyInstanceUID
    assert dataset.FrameOfReferenceUID == first.FrameOfReferenceUID
    named = {item.ReferencedSOPInstanceUID for item in dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert named <= {pydicom.dcmread(path).SOPInstanceUID for path in source.iterdir()}
    assert dataset.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"


def test_highdicoms_own_reader_takes_it(written: Path) -> None:
    import highdicom

    read = highdicom.seg.segread(written)
    assert [read.get_segment_description(n).segment_label for n in (1, 2)] == ["Liver", "Lesion"]


def test_it_says_what_made_it(written: Path) -> None:
    assert read_dicom_provenance(written) == MADE_BY
    description = pydicom.dcmread(written).ContentDescription
    assert "Liver head" in description and "abababababab" in description and len(description) <= 64


def test_labels_on_another_grid_are_refused_and_nothing_is_left(source: Path, tmp_path: Path) -> None:
    other = replace(read_volume(source).geometry, origin=(0.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="do not lie on the grid"):
        write_dicom_segmentation(labels_on(other), source, tmp_path / "r.dcm", None)
    assert not (tmp_path / "r.dcm").exists()


def test_an_empty_result_is_refused_with_the_way_out(source: Path, tmp_path: Path) -> None:
    grid = read_volume(source).geometry
    empty = Labelmap(np.zeros(grid.shape, np.uint8), grid, STRUCTURES)
    with pytest.raises(InputError, match="No structure was found"):
        write_dicom_segmentation(empty, source, tmp_path / "r.dcm", None)


def test_an_input_that_is_no_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"no DICOM")
    with pytest.raises(InputError, match="is no DICOM image"):
        write_dicom_segmentation(labels_on(GRID), tmp_path / "a.nii", tmp_path / "r.dcm", None)


def test_a_series_without_a_frame_of_reference_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for number in range(GRID.size[2]):
        a_slice(GRID, number).save_as(folder / name_of(number), enforce_file_format=True)
    with pytest.raises(InputError, match="frame of reference"):
        write_dicom_segmentation(labels_on(read_volume(folder).geometry), folder, tmp_path / "r.dcm", None)


def test_a_file_without_our_word_has_no_provenance(source: Path) -> None:
    assert read_dicom_provenance(next(source.iterdir())) is None
