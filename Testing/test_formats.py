"""What a file is by its name, and that every part of the program sees the same volumes in one folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from SAMAdaptLib.cli import places
from SAMAdaptLib.data.formats import READABLE, WRITABLE, ending, is_result, is_volume, stem
from SAMAdaptLib.data.io.volume_folder import volumes_in
from SAMAdaptLib.demo.folder import find_cases
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.jobs.benchmark import Dataset

KINDS = {
    "a.nii.gz": "a", "b.nii": "b", "c.nrrd": "c", "d.nhdr": "d", "e.mha": "e", "f.mhd": "f", "g.hdr": "g", "h.img": "h",
    "i.img.gz": "i", "j.gipl": "j", "k.tif": "k", "l.TIFF": "l", "m.v2.NII.gz": "m.v2",
}  # fmt: skip
NO_VOLUMES = ("g.img", "f.raw", "d.raw.gz", "a.json", "notes.txt", ".hidden.nii", "preview.png")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        for name in (*KINDS, *NO_VOLUMES):
            (tmp_path / folder / name).touch()
    return tmp_path


def test_every_part_sees_the_same_volumes_in_a_folder(data: Path) -> None:
    names = sorted(KINDS)
    assert [path.name for path in volumes_in(data / "images")] == names
    assert [Path(path).name for path in places.expand_images([str(data / "images")])] == names
    dataset = Dataset(data)
    assert {name: path.name for name, path in dataset.images.items()} == {KINDS[name]: name for name in names}
    assert dataset.images.keys() == dataset.labels.keys()
    assert [image.name for _, image, _ in find_cases(data)] == names


def test_results_are_named_as_the_benchmark_names_its_volumes(data: Path) -> None:
    images = [str(path) for path in volumes_in(data / "images")]
    results = places.outputs(images, str(data / "results"), ".nii.gz", many=True)
    assert {Path(path).name.removesuffix(".nii.gz") for path in results} == set(Dataset(data).images)


def test_labels_may_be_segmentations_and_subfolders_are_series_of_images_alone(tmp_path: Path) -> None:
    (tmp_path / "images" / "anna").mkdir(parents=True)
    (tmp_path / "labels" / "anna").mkdir(parents=True)
    (tmp_path / "labels" / "anna.seg.nrrd").touch()
    dataset = Dataset(tmp_path)
    assert dataset.images == {"anna": tmp_path / "images" / "anna"}
    assert dataset.labels == {"anna": tmp_path / "labels" / "anna.seg.nrrd"}


def test_two_volumes_of_one_name_are_refused_by_demo_and_benchmark(data: Path) -> None:
    (data / "images" / "a.mha").touch()
    for look in (Dataset, find_cases):
        with pytest.raises(InputError, match="two volumes of the id a"):
            look(data)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("x/ct.nii.gz", "ct"),
        ("ct.seg.nrrd", "ct"),
        ("ct.seg.nhdr", "ct"),
        ("IM0001.dcm", "IM0001"),
        ("1.2.840.10008", "1.2.840.10008"),
        ("series 1", "series 1"),
        (".nii", ".nii"),
        ("report.v2", "report.v2"),
    ],
)
def test_a_name_loses_its_ending_and_nothing_else(name: str, wanted: str) -> None:
    assert stem(name) == wanted


def test_the_present_folder_is_called_as_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert stem(".") == tmp_path.name


@given(st.from_regex(r"[a-z][a-z0-9_ ]{0,8}", fullmatch=True), st.sampled_from(READABLE), st.booleans())
def test_every_readable_name_is_stem_and_ending(name: str, kind: str, upper: bool) -> None:
    file = name + (kind.upper() if upper else kind)
    assert is_volume(file)
    assert (stem(file), ending(file)) == (name, kind)
    assert is_result(file) == kind.startswith(".seg.")


def test_what_can_be_written_can_be_read() -> None:
    assert set(WRITABLE) <= set(READABLE)
