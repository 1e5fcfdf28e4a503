"""The sample patients: the template that they are made from is fetched and checked, and each is the same everywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.demo.samples import patients, template
from SAMAdaptLib.demo.samples.names import NAMES, title
from SAMAdaptLib.errors import InputError


def test_the_most_likely_tissue_wins_and_the_outside_stays_background() -> None:
    t1 = np.array([[[9, 9, 9, 0]]], np.int16)
    grey = np.array([[[200, 20, 60, 255]]], np.int16)
    white = np.array([[[50, 200, 60, 0]]], np.int16)
    assert template.most_likely_tissue(t1, grey, white).tolist() == [[[1, 2, 0, 0]]]


def brings(*contents: bytes):
    """Stands for the fetching of a wheel: writes these contents for the files that are asked for."""

    def from_wheel(requirement: str, members: dict[str, Path], workspace: Path) -> None:
        assert requirement == template.PACKAGE and workspace.is_dir()
        for target, content in zip(members.values(), contents, strict=True):
            target.write_bytes(content)

    return from_wheel


def test_a_wheel_with_other_bytes_is_not_used(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "from_wheel", brings(b"other", b"bytes", b"inside"))
    with pytest.raises(InputError, match=r"nilearn==.* is not the expected file: its sha256 is"):
        template.fetch_maps()
    assert list((empty_home / "samples").iterdir()) == []


def test_the_maps_are_kept_once_their_bytes_are_known_to_be_right(empty_home: Path, monkeypatch) -> None:
    contents = (b"t1", b"grey", b"white")
    hashes = (hashlib.sha256(content).hexdigest() for content in contents)
    monkeypatch.setattr(template, "MAPS", dict(zip(template.MAPS, hashes, strict=True)))
    monkeypatch.setattr(template, "from_wheel", brings(*contents))
    paths = template.fetch_maps()
    assert [path.read_bytes() for path in paths] == list(contents)
    assert sorted(path.name for path in (empty_home / "samples").iterdir()) == sorted(path.name for path in paths)


def test_pip_without_a_connection_is_told_with_a_way_out(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        InputError, match=r"sample brain could not be fetched\. pip could not fetch it: .*volumes of your own"
    ):
        template.fetch_maps()


def test_maps_that_are_there_are_not_fetched_again(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = empty_home / "samples"
    place.mkdir(parents=True)
    for name in template.MAPS:
        (place / Path(template.MEMBER.format(name)).name).touch()
    monkeypatch.delattr(template, "from_wheel")
    assert all(path.is_file() for path in template.fetch_maps())


@pytest.fixture
def a_small_template(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Volume, Labelmap]:
    """Stands for the template brain: a ball in a ball."""
    geometry = Geometry((30, 34, 28), (3.0, 3.0, 3.0), (40.0, 50.0, -40.0), np.diag([-1.0, -1.0, 1.0]))
    k, j, i = np.indices(geometry.shape)
    away = np.sqrt(((k - 14) / 10) ** 2 + ((j - 17) / 13) ** 2 + ((i - 15) / 11) ** 2)
    labels = np.select([away < 0.5, away < 1], [2, 1], 0).astype(np.uint8)
    volume = Volume(np.array([0.0, 90.0, 160.0])[labels], geometry, "template", "MR")
    found = volume, Labelmap(labels, geometry, template.STRUCTURES[:2])
    monkeypatch.setattr(patients, "template", lambda: found)
    return found


def test_patient_a_is_the_template_in_thicker_slices(a_small_template: tuple[Volume, Labelmap]) -> None:
    volume, labelmap = a_small_template
    sample = patients.load("A")
    assert not sample.simulated
    assert np.array_equal(sample.volume.voxels, volume.voxels[::2])
    assert np.array_equal(sample.labelmap.voxels, labelmap.voxels[::2])
    assert sample.volume.geometry.spacing == (3.0, 3.0, 6.0)
    assert sample.volume.geometry.ijk_to_lps((3, 4, 5)) == pytest.approx(volume.geometry.ijk_to_lps((3, 4, 10)))


def test_the_other_patients_are_simulated_and_say_so(a_small_template: tuple[Volume, Labelmap]) -> None:
    first, second = patients.load("B"), patients.load("C")
    assert first.simulated
    assert first.title == first.volume.name == "Brain B (simulated)"
    assert first.volume.modality == "MR"
    assert [structure.name for structure in first.labelmap.structures] == ["Grey matter", "White matter"]
    assert first.volume.content_hash() != second.volume.content_hash()


def test_a_patient_is_made_once_and_then_read(
    a_small_template: tuple[Volume, Labelmap], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = patients.load("B")
    monkeypatch.delattr(patients, "simulate")
    read = patients.load("B")
    assert read.volume.content_hash() == made.volume.content_hash()
    assert np.array_equal(read.labelmap.voxels, made.labelmap.voxels)
    assert (read.volume.name, read.volume.modality, read.labelmap.structures) == (
        made.volume.name,
        made.volume.modality,
        made.labelmap.structures,
    )


def test_the_files_of_a_patient_are_there_when_they_are_asked_for(
    a_small_template: tuple[Volume, Labelmap], empty_home: Path
) -> None:
    image, labels = patients.files("A")
    assert image.is_file()
    assert labels.name.endswith(".seg.nrrd")
    assert image.parent == labels.parent == empty_home / "samples"


def test_a_patient_is_loaded_in_one_line(a_small_template: tuple[Volume, Labelmap]) -> None:
    from SAMAdaptLib.demo import samples

    assert samples.load("A").title == "Brain A (template)"
    with pytest.raises(AttributeError, match="no attribute 'fetch'"):
        _ = samples.fetch  # type: ignore[attr-defined]


def test_another_name_is_refused_with_the_names_that_there_are(empty_home: Path) -> None:
    with pytest.raises(InputError, match=r"no sample patient 'E'.*A, B, C, D"):
        patients.load("E")


def test_titles_tell_the_template_from_simulated_patients() -> None:
    assert [title(name) for name in NAMES] == [
        "Brain A (template)",
        "Brain B (simulated)",
        "Brain C (simulated)",
        "Brain D (simulated)",
    ]
