"""Every file appears whole or not at all: on full disks, under any umask, whatever interrupts the writing."""

from __future__ import annotations

import ast
import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balls import ball_head, image_of, write_ball
from smalldisk import *  # noqa: F403  fixtures
from smalldisk import NO_ROOM, contents, filled

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.formats import WRITABLE
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.data.io.metaimage import write_image
from SAMAdaptLib.data.io.volumes import write_labelmap, write_volume
from SAMAdaptLib.data.io.written import require_written
from SAMAdaptLib.errors import DiskFullError, InputError
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.utils import files
from SAMAdaptLib.utils import paths as home
from SAMAdaptLib.utils.disk import scratch
from SAMAdaptLib.utils.disk import slice_store as canvases
from SAMAdaptLib.utils.faults import described
from SAMAdaptLib.utils.files import write_atomically, write_content
from SAMAdaptLib.utils.process import child_environment
from SAMAdaptLib.worker.folder import JobFolder

GRID = Geometry((128, 128, 80), (1.0, 1.0, 2.0))
LIBRARY = Path(files.__file__).parents[1]


@pytest.fixture(scope="module")
def noisy() -> Volume:
    """A volume of 5 MB that cannot be compressed much."""
    return Volume(np.random.default_rng(0).normal(0, 100, GRID.shape).astype(np.float32), GRID)


@pytest.fixture(scope="module")
def many_labels() -> Labelmap:
    """Labels that cannot be compressed much either."""
    return Labelmap(np.random.default_rng(0).integers(0, 250, GRID.shape).astype(np.uint8), GRID)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# A full disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [ending for ending in WRITABLE if ending != ".seg.nrrd"])
def test_a_volume_without_room_leaves_the_older_file_and_nothing_else(small_disk: Path, noisy: Volume, ending) -> None:
    path = small_disk / f"image{ending}"
    path.write_bytes(b"older")
    with pytest.raises(DiskFullError, match=r"no room for .*small disk.*: the disk of .* has 1\.0 MB free"):
        write_volume(noisy, path)
    assert contents(small_disk) == {path.name: b"older"}


@pytest.mark.parametrize("ending", WRITABLE)
def test_labels_without_room_leave_the_older_file_and_nothing_else(small_disk: Path, many_labels, ending) -> None:
    path = small_disk / f"labels{ending}"
    path.write_bytes(b"older")
    with pytest.raises(DiskFullError, match="no room for"):
        write_labelmap(many_labels, path)
    assert contents(small_disk) == {path.name: b"older"}


def test_a_file_for_the_worker_without_room_leaves_nothing(small_disk: Path, noisy: Volume) -> None:
    with pytest.raises(DiskFullError, match=r"image\.mha"):
        write_image(small_disk / "image.mha", noisy)
    assert contents(small_disk) == {}


def test_text_and_bytes_without_room_leave_the_older_file(small_disk: Path) -> None:
    write_content(small_disk / "page.html", "älter")
    with pytest.raises(DiskFullError):
        write_content(small_disk / "page.html", "ä" * 10**6)
    assert contents(small_disk) == {"page.html": "älter".encode()}


def test_segmenting_onto_a_full_disk_is_status_2_and_the_older_result_stays(
    small_disk: Path, tmp_path: Path, empty_home: Path, capsys
) -> None:
    save_head(ball_head(), tmp_path / "ball.samhead")
    image, _labels = write_ball(tmp_path, "a")
    for name in ("result.nii", "result.nii.gz", "result.seg.nrrd"):
        (small_disk / name).write_bytes(b"older")
        filled(small_disk)
        command = ["segment", "--head", str(tmp_path / "ball.samhead"), image, "-o", str(small_disk / name)]
        assert main([*command, "--quiet"]) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: There is no room for ") and str(small_disk) in told and "free" in told
        assert told.count("\n") == 1
        assert contents(small_disk).pop(name) == b"older"
        assert len(contents(small_disk)) == 2
        (small_disk / name).unlink()


def test_a_full_home_costs_no_result(small_disk: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(small_disk / "home"))
    save_head(ball_head(), tmp_path / "ball.samhead")
    image, _labels = write_ball(tmp_path, "a")
    filled(small_disk)
    command = ["segment", "--head", str(tmp_path / "ball.samhead"), image, "-o", str(tmp_path / "r.nii.gz")]
    assert main([*command, "--quiet"]) == 0
    assert (tmp_path / "r.nii.gz").stat().st_size > 100
    assert list(contents(small_disk)) == ["filler"]


def test_a_full_home_is_told_where_a_job_needs_a_folder(small_disk: Path, monkeypatch, noisy: Volume) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(small_disk))
    with JobFolder() as folder, pytest.raises(DiskFullError, match="SAMADAPT_HOME"):
        write_image(folder.file("image.mha"), noisy)
    assert contents(small_disk) == {}


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_no_step_of_writing_without_room_harms_the_older_file(tmp_path: Path, monkeypatch, call: str) -> None:
    path = tmp_path / "a.json"
    write_content(path, "older")

    def fails(*_: Any, **__: Any) -> Any:
        raise NO_ROOM

    if call == "write":
        monkeypatch.setattr(files, "write_all", fails)
    elif call == "replace":
        monkeypatch.setattr(Path, "replace", fails)
    else:
        monkeypatch.setattr(os, call, fails)
    with pytest.raises(DiskFullError, match=r"no room for .*a\.json: the disk of .* free"):
        write_content(path, "newer")
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.json": b"older"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_any_such_error_of_the_system_is_told_as_a_full_disk(number: int) -> None:
    told = described(OSError(number, "whatever", "/somewhere/file"))
    assert isinstance(told, DiskFullError)
    assert (told.exit_status, told.code) == (2, "disk_full")
    assert "/somewhere/file" in told.message
    assert isinstance(described(OSError(number, "without a name")), DiskFullError)


def test_a_failing_disk_is_not_called_full(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(InputError, match=r"cannot be written \(Input/output error\)") as caught:
        write_content(tmp_path / "a.json", "text")
    assert not isinstance(caught.value, DiskFullError)
    assert contents(tmp_path) == {}


def test_a_file_system_that_knows_no_flushing_takes_files_nevertheless(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EINVAL, "Invalid argument")))
    write_content(tmp_path / "a.json", "text")
    assert contents(tmp_path) == {"a.json": b"text"}


def test_the_bytes_are_on_the_disk_before_the_name_is_given(tmp_path: Path, monkeypatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("fsync"), fsync(number))[1])
    monkeypatch.setattr(Path, "replace", lambda *names: (done.append("replace"), replace(*names))[1])
    write_content(tmp_path / "a.json", "text")
    assert done[:2] == ["fsync", "replace"]


def test_a_stream_that_takes_fewer_bytes_than_it_was_given_gets_the_rest() -> None:
    class Slow:
        taken = b""

        def write(self, data: memoryview) -> int:
            self.taken += bytes(data[:3])
            return min(3, len(data))

    stream = Slow()
    files.write_all(stream, b"0123456789")  # type: ignore[arg-type]
    assert stream.taken == b"0123456789"


def test_work_does_not_begin_when_there_is_no_room_for_what_comes_of_it(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda _: 1000)
    image, labels = write_ball(tmp_path, "a")
    assert main(["train", "--case", image, labels, "-o", str(tmp_path / "h.samhead"), "--quiet"]) == 2
    assert "h.samhead" in capsys.readouterr().err
    assert not (tmp_path / "h.samhead").exists()


def test_a_file_system_that_does_not_say_its_size_is_not_full(tmp_path: Path, monkeypatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 0))
    files.require_room(tmp_path / "a.nii")
    assert files.free_bytes(tmp_path) > 10**15


# What a writer does not notice --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", WRITABLE)
@pytest.mark.parametrize("fault", ["cut off", "a byte changed", "empty"])
def test_a_writer_that_keeps_silent_is_found_out(tmp_path: Path, monkeypatch, ending: str, fault: str) -> None:
    import SimpleITK as sitk

    path = tmp_path / f"labels{ending}"
    path.write_bytes(b"older")

    whole = sitk.WriteImage

    def silent(image: sitk.Image, name: str, **options: Any) -> None:
        whole(image, name, **options)
        data = bytearray(Path(name).read_bytes())
        data[-12] ^= 4
        Path(name).write_bytes({"cut off": data[:-1], "a byte changed": data, "empty": b""}[fault])

    monkeypatch.setattr(sitk, "WriteImage", silent)
    labels = Labelmap((np.indices((6, 9, 8)).sum(axis=0) % 3).astype(np.uint8), Geometry((8, 9, 6), (1.0, 1.0, 1.0)))
    with pytest.raises(InputError, match="cannot be written"):
        write_labelmap(labels, path)
    assert contents(tmp_path) == {path.name: b"older"}


def test_what_was_written_is_compared_voxel_by_voxel(tmp_path: Path) -> None:
    import SimpleITK as sitk

    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for ending in WRITABLE:
        for compressed in (False, True):
            path = tmp_path / f"a{ending}"
            sitk.WriteImage(image_of(array), str(path), useCompression=compressed)
            require_written(path, array)
            with pytest.raises(OSError, match="other voxels"):
                require_written(path, array + 1)
            with pytest.raises(OSError, match="only 96 of 192 bytes"):
                require_written(path, array.astype(np.float64))


def test_all_of_the_library_writes_through_one_function() -> None:
    """Calls that write a file, outside the functions that are made for it."""
    allowed = {
        "utils/files.py",
        "utils/disk/scratch.py",
        "data/io/metaimage.py",
        "data/sequence/writing.py",
        "features/cache.py",
        "worker/folder.py",
        "worker/connection.py",
        "worker/server.py",
    }
    found = []
    for path in sorted(LIBRARY.rglob("*.py")):
        place = path.relative_to(LIBRARY).as_posix()
        if place in allowed or place.startswith("encoders/weights/"):  # downloads have a .part file of their own
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                modes = [str(part.value) for part in node.args if isinstance(part, ast.Constant)]
                writes = node.func.attr == "open" and any(set("wax+") & set(text) for text in modes)
                if writes or node.func.attr in {"write_text", "write_bytes", "memmap", "tofile"}:
                    found.append(f"{place}:{node.lineno}")
    assert found == []


# A full temporary folder --------------------------------------------------------------------------------------------


def test_an_array_without_room_in_the_temporary_folder_is_an_error_before_it_is_used(small_disk, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    told = r"temporary file \(2\.1 MB\): the disk of .*1\.0 MB free.*set TMPDIR"
    with pytest.raises(DiskFullError, match=told), scratch.scratch_array((2, 512, 512), np.float32):
        pytest.fail("there is no such room")
    with scratch.scratch_array((4, 4), np.float32) as small:
        assert not small.any()
        small += 1
        assert small.sum() == 16
    assert contents(small_disk) == {}


def test_without_reservation_zeros_take_the_room(small_disk: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(errno.EOPNOTSUPP, "no")))
    with pytest.raises(DiskFullError), scratch.scratch_array((2, 512, 512), np.float32):
        pytest.fail("there is no such room")
    with scratch.scratch_array((3, 5), np.float32) as small:
        assert small.shape == (3, 5)


def test_canvases_without_room_are_an_error(small_disk: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    with canvases.SliceStore(40) as kept, pytest.raises(DiskFullError, match="TMPDIR"):
        kept.keep(np.ones((2, 128, 128), np.float32) for _ in range(40))


def test_canvases_come_back_as_they_were_kept() -> None:
    given = [None, *(np.full((2, 3, 3), value, np.float32) for value in range(3)), None]
    with canvases.SliceStore(5) as kept:
        kept.keep(given)
        found = list(kept)
        assert 2 in kept and 4 not in kept
    assert [None if each is None else each.tolist() for each in found] == [
        None if each is None else each.tolist() for each in given
    ]


def test_no_temporary_folder_at_all_is_told(monkeypatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: (_ for _ in ()).throw(FileNotFoundError(2, "No usable folder")))
    with pytest.raises(InputError, match=r"No temporary file can be written .*set TMPDIR"):
        canvases.SliceStore(3)


@pytest.mark.parametrize("planes", ["three", "one"])
def test_a_full_temporary_folder_ends_the_command_and_not_the_process(
    small_disk: Path, tmp_path: Path, planes: str
) -> None:
    """In a process of its own, since what was mended killed it."""
    filled(small_disk, left=20_000)
    program = (
        "import sys, tempfile; from pathlib import Path; sys.path[:0] = [sys.argv[3]]\n"
        "import balls; from balls import ball_head, write_ball; from dataclasses import replace\n"
        "balls.SPACING = (1.2, 1.1, 1.2)\n"  # slices thick as pixels: three directions are refused where they are not
        "from SAMAdaptLib.heads.head import save_head; from SAMAdaptLib.cli import main\n"
        "folder = Path(sys.argv[1]); head = ball_head()\n"
        "second = ball_head(); plane = {**head.card.plane, 'side_mm': 30.0}\n"
        "closer = replace(second, card=replace(second.card, plane=plane))\n"
        "card = replace(head.card, closer={'side_mm': 30.0, 'head': head.card.head, 'shapes': {}})\n"
        "save_head(replace(head, card=card, closer=closer), folder / 'ball.samhead')\n"
        "image, _ = write_ball(folder, 'a')\n"
        "tempfile.tempdir = sys.argv[2]\n"
        "command = ['segment', '--head', str(folder / 'ball.samhead'), image, '-o', str(folder / 'r.nii')]\n"
        "sys.exit(main([*command, '--planes', sys.argv[4], '--quiet']))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(small_disk), str(Path(__file__).parent), planes]
    environment = child_environment({"SAMADAPT_HOME": str(tmp_path / "home")})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "There is no room for" in done.stderr and str(small_disk) in done.stderr and "TMPDIR" in done.stderr
    assert not (tmp_path / "r.nii").exists()


# Who may read what --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_results_have_the_rights_that_the_user_asked_for(tmp_path: Path, umask, mask: int) -> None:
    umask(mask)
    write_content(tmp_path / "a.json", "text")
    assert mode(tmp_path / "a.json") == 0o666 & ~mask
    (tmp_path / "a.json").chmod(0o640)
    write_content(tmp_path / "a.json", "again")
    assert mode(tmp_path / "a.json") == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277])
def test_private_files_are_private_from_their_first_byte(tmp_path: Path, umask, mask: int) -> None:
    umask(mask)
    seen: list[int] = []
    write_atomically(tmp_path / "a.npy", lambda part: (seen.append(mode(part)), part.write_bytes(b"x")), private=True)
    assert (seen, mode(tmp_path / "a.npy")) == ([0o600], 0o600)


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
def test_folders_of_the_home_that_hold_images_are_private_and_become_so_again(empty_home: Path, umask) -> None:
    umask(0)
    assert {mode(home.folder(name)) for name in home.PRIVATE} == {0o700}
    assert mode(empty_home) == mode(home.folder("heads")) == 0o755
    (empty_home / "features").chmod(0o777)
    assert mode(home.folder("features")) == 0o700


def test_what_says_paths_or_images_is_private_wherever_it_is_written_from(empty_home: Path) -> None:
    assert home.is_private(empty_home / "jobs" / "job-1" / "labels.mha")
    assert home.is_private(empty_home / "features" / "ab" / "c.npy")
    assert not home.is_private(empty_home / "heads" / "a.samhead")
    assert not home.is_private(Path("r.nii.gz"))


def test_json_of_a_benchmark_appears_whole(tmp_path: Path) -> None:
    from SAMAdaptLib.jobs.benchmark import save
    from SAMAdaptLib.progress import Silent

    save({"name": "Größe"}, tmp_path / "out.json", Silent(), draw=False)
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == {"name": "Größe"}
    assert list(contents(tmp_path)) == ["out.json"]
