"""The files between panel and worker: what is written here SimpleITK reads in the same place, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.metaimage import read_labels, write_image
from SAMAdaptLib.data.io.volumes import Labelmap, Volume, read_labelmap, read_volume, write_labelmap
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.worker.folder import JobFolder

ANGLE = np.deg2rad(25)
OBLIQUE = Geometry(
    size=(5, 4, 3),
    spacing=(0.7, 1.3, 4.0),
    origin=(-31.5, 12.25, 801.125),
    direction=np.array([[np.cos(ANGLE), 0, np.sin(ANGLE)], [0, -1, 0], [-np.sin(ANGLE), 0, np.cos(ANGLE)]]),
)


@pytest.fixture
def a_volume() -> Volume:
    return Volume(np.arange(60, dtype=np.float32).reshape(OBLIQUE.shape) / 7, OBLIQUE)


def labels(value: int) -> Labelmap:
    array = np.zeros(OBLIQUE.shape, np.uint16)
    array[1, 2, 3], array[2, 0, 1] = 1, value
    return Labelmap(array, OBLIQUE, [Structure(1, "Pool", (1, 0, 0)), Structure(value, "Wall", (0, 1, 0))])


def test_simpleitk_finds_every_voxel_where_it_was(a_volume: Volume, tmp_path: Path) -> None:
    write_image(tmp_path / "image.mha", a_volume)
    found = read_volume(tmp_path / "image.mha")
    assert np.array_equal(found.voxels, a_volume.voxels)
    assert found.geometry.same_grid(OBLIQUE, tolerance=1e-9)


@pytest.mark.parametrize("value", [2, 300])
def test_labels_come_back_as_they_were(value: int, tmp_path: Path) -> None:
    labelmap = labels(value)
    write_image(tmp_path / "labels.mha", labelmap)
    found = read_labels(tmp_path / "labels.mha", OBLIQUE, labelmap.structures)
    assert np.array_equal(found.voxels, labelmap.voxels)
    assert found.structures == labelmap.structures


def test_what_the_worker_writes_is_read_compressed_or_not(tmp_path: Path) -> None:
    labelmap = labels(300)
    write_labelmap(labelmap, tmp_path / "compressed.mha")
    sitk.WriteImage(labelmap.to_sitk(), str(tmp_path / "plain.mha"), useCompression=False)
    for name in ("compressed.mha", "plain.mha"):
        found = read_labels(tmp_path / name, OBLIQUE, labelmap.structures)
        assert np.array_equal(found.voxels, labelmap.voxels)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.mha"
    write_image(path, labels(2))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="ends after 51 of 60 bytes"):
        read_labels(path, OBLIQUE, ())


def test_a_damaged_compressed_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.mha"
    write_labelmap(labels(2), path)
    path.write_bytes(path.read_bytes()[:-12] + b"not the end.")
    with pytest.raises(InputError, match="labels.mha cannot be read"):
        read_labels(path, OBLIQUE, ())


def test_a_file_with_more_voxels_than_the_volume_is_refused(tmp_path: Path) -> None:
    write_labelmap(labels(2), tmp_path / "labels.mha")
    smaller = Geometry((5, 4, 2), OBLIQUE.spacing, OBLIQUE.origin, OBLIQUE.direction)
    with pytest.raises(InputError, match="more than the 40 bytes"):
        read_labels(tmp_path / "labels.mha", smaller, ())


def test_what_is_no_file_of_labels_is_refused(a_volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "text.mha").write_text("no image")
    with pytest.raises(InputError, match="not a MetaImage of labels"):
        read_labels(tmp_path / "text.mha", OBLIQUE, ())


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mha cannot be read"):
        read_labels(tmp_path / "none.mha", OBLIQUE, ())


@pytest.mark.parametrize("writer", ["panel", "worker"])
def test_no_changed_byte_of_the_voxels_goes_unnoticed_by_the_panel(empty_home: Path, writer: str) -> None:
    with JobFolder() as folder:
        path = Path(folder.file("labels.mha"))
        write_image(path, labels(2)) if writer == "panel" else write_labelmap(labels(2), path)
        whole = path.read_bytes()
        start = whole.index(b"LOCAL\n") + 6
        for at in range(start, len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            try:
                found = read_labels(path, OBLIQUE, ())
            except InputError:
                continue
            assert np.array_equal(found.voxels, labels(2).voxels), f"byte {at - start} of the voxels"


def test_no_changed_byte_of_a_volume_goes_unnoticed_by_the_worker(a_volume: Volume, empty_home: Path) -> None:
    """Voxels and grid: the header's fields, too."""
    with JobFolder() as folder:
        path = Path(folder.file("image.mha"))
        write_image(path, a_volume)
        whole = path.read_bytes()
        for at in (*range(0, whole.index(b"SAMAdaptHeader"), 3), *range(whole.index(b"LOCAL\n") + 6, len(whole), 5)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(InputError):
                read_volume(path)
        path.write_bytes(whole[:-1])
        with pytest.raises(InputError, match=r"image\.mha (are not those that were written|is cut off)"):
            read_volume(path)
        path.write_bytes(whole)
        assert np.array_equal(read_volume(path).voxels, a_volume.voxels)


def test_what_another_program_did_to_a_users_file_is_no_fault(tmp_path: Path, empty_home: Path) -> None:
    """ITK keeps fields that it does not know, whatever it does to the voxels."""
    write_labelmap(labels(2), tmp_path / "labels.mha")
    image = sitk.ReadImage(str(tmp_path / "labels.mha"))
    image[0, 0, 0] = 2
    sitk.WriteImage(image, str(tmp_path / "labels.mha"))
    assert read_labelmap(tmp_path / "labels.mha").voxels[0, 0, 0] == 2


def test_nothing_is_left_beside_the_file(a_volume: Volume, tmp_path: Path) -> None:
    write_image(tmp_path / "image.mha", a_volume)
    assert [path.name for path in tmp_path.iterdir()] == ["image.mha"]
