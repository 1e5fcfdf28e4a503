"""Paths that are no files, names that are not UTF-8, endings in upper case: read and written, or refused in a sentence,
and never waited on for ever."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from balls import write_ball

from SAMAdaptLib.data.io.result_file import read_header
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume, write_labelmap, write_volume
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import job_from_dict
from SAMAdaptLib.utils.disk.safepaths import is_plain, printable, refuse_special, spelled_plainly
from SAMAdaptLib.utils.faults import described
from SAMAdaptLib.utils.files import write_atomically
from SAMAdaptLib.utils.process import child_environment

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has neither such files nor such names")
LATIN = os.fsdecode(b"b\xfc")
"""A name in Latin-1: not UTF-8."""


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    return Path(write_ball(tmp_path, "a")[0])


def special(folder: Path, kind: str) -> Path:
    """A pipe, a socket or a device, with the ending of a volume."""
    path = folder / f"{kind}.nii.gz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(os.path.relpath(path))  # the address of a socket must be short
    return path


@POSIX
@pytest.mark.parametrize(("kind", "words"), [("pipe", "a named pipe"), ("device", "a device"), ("socket", "a socket")])
def test_what_is_no_file_is_refused_as_input_and_as_output_and_stays(
    tmp_path: Path, ball: Path, kind: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = special(tmp_path, kind)
    volume = read_volume(ball)
    for use in (
        lambda: read_volume(path),
        lambda: read_labelmap(path),
        lambda: write_volume(volume, path),
        lambda: write_atomically(path, lambda part: part.write_text("new")),
        lambda: run_job(job_from_dict({"kind": "evaluate", "prediction": str(path), "reference": str(ball)})),
        lambda: run_job(job_from_dict({"kind": "embed", "image": str(ball), "head": str(path)})),
    ):
        with pytest.raises(InputError, match=f"is {words}; an ordinary file is needed"):
            use()
    assert not path.is_file()
    assert path.lstat()
    assert not list(tmp_path.glob(".*.part*"))


def test_files_folders_and_what_is_not_there_yet_pass(tmp_path: Path, ball: Path) -> None:
    for path in (ball, tmp_path, tmp_path / "new", tmp_path / ("long" * 200)):
        refuse_special(path)
    assert ball.is_file()


@pytest.mark.parametrize("field", ["image", "head", "output"])
def test_a_nul_in_a_path_is_refused(field: str) -> None:
    spec = {"kind": "segment", "image": "a.nii", "head": "h.samhead", "output": "r.nii"}
    with pytest.raises(InputError, match="must be a path"):
        job_from_dict({**spec, field: "a\0b.nii"})
    with pytest.raises(InputError, match="NUL character"):
        read_volume("a\0b.nii")


def test_a_nul_that_nobody_looked_for_is_no_fault_of_ours() -> None:
    with pytest.raises(ValueError) as caught:
        open("a\0b")  # noqa: SIM115, PTH123
    error = described(caught.value)
    assert (error.exit_status, error.message) == (2, "A path holds a NUL character.")


# Names ------------------------------------------------------------------------------------------------------------


def test_a_plain_name_is_used_as_it_is(ball: Path) -> None:
    with spelled_plainly(ball, ".nii.gz") as path:
        assert path == ball
    assert is_plain("肝臓 ü.nii")


@POSIX
@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".seg.nrrd", ".mha"])
def test_files_and_folders_whose_names_are_not_utf8_are_read_and_written(tmp_path: Path, ending: str) -> None:
    plain = [Path(path) for path in write_ball(tmp_path, "a")]
    folder = tmp_path / LATIN
    folder.mkdir()
    target = folder / (LATIN + ending)
    labelmap = read_labelmap(plain[1])
    write_labelmap(labelmap, target)
    assert [path.name for path in folder.iterdir()] == [target.name]
    np.testing.assert_array_equal(read_labelmap(target).voxels, labelmap.voxels)
    if ending != ".seg.nrrd":  # a segmentation is no image
        assert read_volume(target).name == "b\ufffd"


@pytest.mark.parametrize("ending", [".NII.GZ", ".NII", ".NRRD", ".Nii.gz", ".MHA", ".SEG.NRRD"])
def test_endings_in_upper_case_are_written_and_read_alike(tmp_path: Path, ending: str) -> None:
    labelmap = read_labelmap(write_ball(tmp_path, "a")[1])
    target = tmp_path / f"X{ending}"
    write_labelmap(labelmap, target)
    found = read_labelmap(target)
    np.testing.assert_array_equal(found.voxels, labelmap.voxels)
    assert found.geometry.same_grid(labelmap.geometry)
    lower = tmp_path / f"y{ending.lower()}"
    shutil.copyfile(target, lower)
    np.testing.assert_array_equal(read_labelmap(lower).voxels, labelmap.voxels)


@POSIX
@pytest.mark.parametrize(("header", "voxels"), [("hdr", "img"), ("mhd", "raw"), ("nhdr", "raw")])
def test_volumes_in_two_files_whose_names_are_not_utf8_are_read(
    tmp_path: Path, ball: Path, header: str, voxels: str
) -> None:
    import SimpleITK as sitk

    sitk.WriteImage(sitk.ReadImage(str(ball)), str(tmp_path / f"b.{header}"))
    (tmp_path / f"b.{voxels}").rename(tmp_path / f"{LATIN}.{voxels}")
    text = (tmp_path / f"b.{header}").read_bytes().replace(f"b.{voxels}".encode(), b"b\xfc." + voxels.encode())
    (tmp_path / f"b.{header}").unlink()
    (tmp_path / f"{LATIN}.{header}").write_bytes(text)
    np.testing.assert_array_equal(read_volume(tmp_path / f"{LATIN}.{header}").voxels, read_volume(ball).voxels)


@POSIX
def test_what_made_a_result_is_read_whatever_its_name(tmp_path: Path, ball: Path) -> None:
    path = tmp_path / f"{LATIN}.seg.nrrd"
    write_labelmap(read_labelmap(write_ball(tmp_path, "c")[1]), path)
    assert "Segment0_ID" in read_header(path)
    path.write_text("no image")
    with pytest.raises(InputError) as caught:
        read_header(path)
    assert str(path) in caught.value.message


@POSIX
def test_a_fault_in_a_file_is_told_of_the_file_and_not_of_the_link_to_it(tmp_path: Path) -> None:
    path = tmp_path / f"{LATIN}.nrrd"
    path.write_text("no image")
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert str(path) in caught.value.message
    assert "samadapt-" not in caught.value.message


@POSIX
def test_a_folder_with_odd_names_is_shown_under_plain_ones_and_its_faults_are_told_of_itself(tmp_path: Path) -> None:
    folder = tmp_path / LATIN
    folder.mkdir()
    (folder / f"{LATIN}.dcm").write_text("first")
    (folder / "c.dcm").write_text("second")
    with pytest.raises(InputError, match=r"bad .*b.\.\.\. slice") as caught, spelled_plainly(folder) as plain:
        assert is_plain(plain)
        assert sorted(file.read_text() for file in plain.iterdir()) == ["first", "second"]
        assert all(is_plain(file) for file in plain.iterdir())
        msg = f"bad {plain}... slice"
        raise InputError(msg)
    assert str(folder) in str(caught.value)
    assert not plain.exists()
    with pytest.raises(InputError, match="holds no DICOM series"):
        read_volume(folder)


@POSIX
def test_where_no_link_can_be_made_the_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{LATIN}.mha").write_text("a")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refused)
    with pytest.raises(InputError, match=r"cannot be handed to the reader and writer of images\. Rename it"):
        read_volume(tmp_path / f"{LATIN}.mha")


def test_odd_names_can_be_shown() -> None:
    assert printable("肝臓 ü") == "肝臓 ü"
    printable(LATIN).encode("utf-8")
    assert "b" in printable(LATIN)


@POSIX
def test_names_in_a_locale_that_is_not_utf8_are_read_and_written(tmp_path: Path) -> None:
    write_ball(tmp_path, "a")
    (tmp_path / "a.nii.gz").rename(tmp_path / "ü ö.nii.gz")
    code = """
import sys
from SAMAdaptLib.data.io.volumes import read_volume, write_volume
assert sys.getfilesystemencoding() != "utf-8", sys.getfilesystemencoding()
volume = read_volume(sys.argv[1])
write_volume(volume, sys.argv[2])
print(ascii(volume.name))
"""
    environment = {**child_environment(), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    found = subprocess.run(
        [sys.executable, "-c", code, "ü ö.nii.gz", "é.nrrd"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert found.stdout == f"{ascii('ü ö')}\n"
    np.testing.assert_array_equal(read_volume(tmp_path / "é.nrrd").voxels, read_volume(tmp_path / "ü ö.nii.gz").voxels)
