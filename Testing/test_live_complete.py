"""The verb ``complete`` and ``samadapt.LiveSession`` on files: what is written, what is refused, what stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from livethings import GRID, balls, dice_of, only

import SAMAdaptLib as samadapt
from SAMAdaptLib.cli.main import main
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume, write_labelmap, write_volume
from SAMAdaptLib.data.provenance import Provenance
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.preprocessing.slicing import SliceStack

TINY = ("--encoder", "tiny", "--input-size", "64", "--plane", "axial", "--quiet")
TRUTH = balls().labelmap.voxels


@pytest.fixture
def case(tmp_path: Path, empty_home: Path) -> Path:
    """A folder with image.nii.gz and labels.seg.nrrd, three slices annotated."""
    write_volume(balls().volume, tmp_path / "image.nii.gz")
    painted = only(TRUTH, (2, 5, 8), SliceStack(GRID, "axial"))
    write_labelmap(balls().labelmap.with_array(painted), tmp_path / "labels.seg.nrrd")
    return tmp_path


def complete(case: Path, *more: str, output: str = "out.seg.nrrd") -> int:
    """The exit status of the verb."""
    return main(
        ["complete", str(case / "image.nii.gz"), str(case / "labels.seg.nrrd"), "-o", str(case / output), *TINY, *more]
    )


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_blank_slices_are_filled_with_names_colours_and_what_made_them(
    case: Path, capsys: pytest.CaptureFixture
) -> None:
    before = contents(case)
    assert complete(case, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    found = read_labelmap(case / "out.seg.nrrd")
    assert [(item.value, item.name, item.color) for item in found.structures] == [
        (item.value, item.name, pytest.approx(item.color, abs=0.01)) for item in balls().labelmap.structures
    ]
    assert min(dice_of(found.voxels[2:9], TRUTH[2:9], value) for value in (2, 5)) > 0.7
    assert all(np.array_equal(found.voxels[index], TRUTH[index]) for index in (2, 5, 8))
    assert (answer["kind"], answer["annotated_slices"]) == ("complete", [2, 5, 8])
    made_by = Provenance.from_dict(answer["provenance"])
    assert made_by is not None
    assert (made_by.encoder, made_by.options["annotated_slices"], made_by.options["plane"]) == ("tiny", 3, "axial")
    assert made_by.file_sha256
    assert str(case) not in json.dumps(answer["provenance"])
    after = contents(case)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"out.seg.nrrd"}


def test_between_leaves_the_ends_blank(case: Path) -> None:
    assert complete(case, "--between") == 0
    found = read_labelmap(case / "out.seg.nrrd").voxels
    assert not found[:2].any()
    assert not found[9:].any()
    assert all(found[index].any() for index in range(2, 9))


def test_a_nifti_result_has_its_sidecar(case: Path) -> None:
    assert complete(case, output="out.nii.gz") == 0
    assert {"out.nii.gz", "out.json"} <= set(contents(case))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--encoder", "nobody"), "nobody"),
        (("--input-size", "65"), "65"),
        (("--device", "abacus"), "abacus"),
        (("--background", "-3"), "background"),
    ],
)
def test_what_cannot_be_asked_is_said_and_nothing_written(
    case: Path, capsys: pytest.CaptureFixture, more: tuple[str, ...], words: str
) -> None:
    before = contents(case)
    assert complete(case, *more) == 2
    assert words in capsys.readouterr().err
    assert contents(case) == before


def test_labels_without_a_label_are_refused(case: Path, capsys: pytest.CaptureFixture) -> None:
    write_labelmap(balls().labelmap.with_array(np.zeros_like(TRUTH)), case / "labels.seg.nrrd")
    assert complete(case) == 2
    assert "Nothing is painted yet" in capsys.readouterr().err
    assert not (case / "out.seg.nrrd").exists()


@pytest.mark.parametrize("name", ["image.nii.gz", "labels.seg.nrrd"])
def test_inputs_are_never_overwritten(case: Path, name: str) -> None:
    before = contents(case)
    assert complete(case, output=name) == 2
    assert contents(case) == before


def test_labels_on_another_grid_need_a_word(case: Path) -> None:
    moved = Geometry(GRID.size, GRID.spacing, (0.4, 0.0, 0.0))
    painted = read_labelmap(case / "labels.seg.nrrd").voxels
    write_labelmap(Labelmap(painted, moved, balls().labelmap.structures), case / "labels.nrrd")
    arguments = ["complete", str(case / "image.nii.gz"), str(case / "labels.nrrd"), "-o", str(case / "o.nrrd"), *TINY]
    assert main(arguments) == 2
    assert main([*arguments, "--resample-labels"]) == 0


def test_a_result_that_cannot_be_written_leaves_the_older_one(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = case / "out.seg.nrrd"
    target.write_bytes(b"older")

    def fail(*_: object) -> None:
        msg = "disk"
        raise RuntimeError(msg)

    monkeypatch.setattr("SAMAdaptLib.data.io.volumes._write_plainly", fail)
    assert complete(case) == 2
    assert target.read_bytes() == b"older"


def test_a_session_takes_paths_and_finds_the_plane(case: Path) -> None:
    session = samadapt.LiveSession(
        case / "image.nii.gz", case / "labels.seg.nrrd", encoder="tiny", input_size=64, steps=(5, 2)
    )
    assert (session.plane, session.annotated) == ("axial", (2, 5, 8))
    assert [structure.name for structure in session.structures] == ["Bright", "Dark"]
    assert session.complete().geometry.same_grid(read_volume(case / "image.nii.gz").geometry)
    session.set_annotation(case / "labels.seg.nrrd", empty_slices=(0,))
    assert session.annotated == (0, 2, 5, 8)


def test_a_session_of_something_else_is_refused(case: Path) -> None:
    with pytest.raises(InputError, match="A volume is a path"):
        samadapt.LiveSession(3)
    with pytest.raises(InputError, match="A labelmap is a path"):
        samadapt.LiveSession(case / "image.nii.gz", 3, encoder="tiny")
