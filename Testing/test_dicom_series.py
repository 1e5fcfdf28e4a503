"""DICOM folders: one even series is read in its place, everything else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import numbered, oblique_grid

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import read_volume
from SAMAdaptLib.errors import GeometryError, InputError

GRID = oblique_grid()


def tags_of(geometry: Geometry, number: int, uid: str) -> dict[str, str]:
    """What a scanner would write into the header of one slice."""
    position = geometry.ijk_to_lps((0, 0, number))
    return {
        "0008|0060": "MR",
        "0008|103e": f"cine {uid}",
        "0010|0010": "Doe^Jane",
        "0020|000d": "1.2.3",
        "0020|000e": f"1.2.3.{uid}",
        "0020|0013": str(number + 1),
        "0020|0032": "\\".join(f"{value:.10f}" for value in position),
        "0020|0037": "\\".join(f"{value:.10f}" for value in geometry.direction[:, :2].T.ravel()),
    }


def write_series(folder: Path, geometry: Geometry = GRID, uid: str = "7", skipped: tuple[int, ...] = ()) -> Path:
    """A series of one file a slice; file names tell nothing about the order of slices."""
    folder.mkdir(exist_ok=True)
    image = geometry.onto_sitk(sitk.GetImageFromArray(numbered(geometry).astype(np.int16)))
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number in range(geometry.size[2]):
        if number in skipped:
            continue
        plane = image[:, :, number : number + 1]
        for tag, value in tags_of(geometry, number, uid).items():
            plane.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid}-{(number * 7) % 11:02d}.dcm"))
        writer.Execute(plane)
    return folder


def right_handed(geometry: Geometry) -> Geometry:
    """DICOM stores rows and columns only, so the slice direction is their cross product."""
    direction = geometry.direction.copy()
    direction[:, 2] = np.cross(direction[:, 0], direction[:, 1])
    return Geometry(geometry.size, geometry.spacing, geometry.origin, direction)


def test_a_series_is_read_in_its_place_and_order(tmp_path):
    grid = right_handed(GRID)
    volume = read_volume(write_series(tmp_path / "series", grid))
    assert volume.geometry.same_grid(grid, tolerance=1e-4)
    np.testing.assert_array_equal(volume.voxels, numbered(grid))


def test_name_and_modality_come_from_the_series_and_not_from_the_patient(tmp_path):
    volume = read_volume(write_series(tmp_path / "series"))
    assert volume.name == "cine 7"
    assert volume.modality == "MR"


def test_a_folder_of_several_series_is_refused_with_their_names(tmp_path):
    write_series(tmp_path / "series", uid="7")
    write_series(tmp_path / "series", uid="8")
    with pytest.raises(InputError, match=r"holds 2 DICOM series, one is needed: 1\.2\.3\.7") as refusal:
        read_volume(tmp_path / "series")
    assert "(cine 8, 4 files)" in str(refusal.value)
    assert "folder of its own" in refusal.value.hint


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match="holds no DICOM series"):
        read_volume(tmp_path)


def test_a_series_with_a_missing_slice_is_refused(tmp_path):
    grid = Geometry((4, 5, 8), (1, 1, 3))
    write_series(tmp_path / "series", grid, skipped=(4,))
    with pytest.raises(GeometryError, match="of 7 of the DICOM series .* lies .* mm away from its place"):
        read_volume(tmp_path / "series")


def test_a_tilted_series_is_refused(tmp_path):
    folder = tmp_path / "series"
    upright = Geometry((4, 5, 6), (1, 1, 3))
    write_series(folder, upright)
    for file in folder.iterdir():
        image = sitk.ReadImage(str(file))
        x, y, z = (float(part) for part in image.GetMetaData("0020|0032").split("\\"))
        image.SetMetaData("0020|0032", f"{x}\\{y + 0.3 * z}\\{z}")
        image.SetOrigin((x, y + 0.3 * z, z))
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(file))
        writer.Execute(image)
    with pytest.raises(GeometryError, match="missing, repeated or tilted"):
        read_volume(folder)


def test_a_series_of_one_slice_is_a_volume_of_one_slice(tmp_path):
    volume = read_volume(write_series(tmp_path / "series", Geometry((4, 5, 1), (1, 1, 3))))
    assert volume.geometry.size == (4, 5, 1)


def test_a_single_file_of_a_series_is_a_volume_of_one_slice(tmp_path):
    folder = write_series(tmp_path / "series")
    volume = read_volume(next(folder.iterdir()))
    assert volume.geometry.size == (7, 5, 1)
