"""Files of several frames: what they hold, what is refused, and what is found in them, frame by frame."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from balls import ball_arrays, ball_head
from clithings import *  # noqa: F403  fixtures
from geometries import oblique_grid, turned
from listeners import Listener
from mrmlfixtures import *  # noqa: F403  fixtures
from niftithings import a_header
from test_nifti_kinds import both

import SAMAdaptLib as samadapt
from SAMAdaptLib.cli import main
from SAMAdaptLib.data.formats import split_frame, stem
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume, write_volume
from SAMAdaptLib.data.sequence.frames import frames_in
from SAMAdaptLib.data.sequence.index import FrameIndex
from SAMAdaptLib.data.sequence.writing import write_frames
from SAMAdaptLib.errors import Cancelled, InputError
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import SegmentJob

GRID = oblique_grid()
HEARTBEAT = np.random.default_rng(3).normal(100, 30, (3, *GRID.shape)).astype(np.int16)
TIMES = FrameIndex(("0", "0.04", "0.08"), "time", "s")


def big(oblique: Geometry = GRID) -> Geometry:
    """A grid as large as the ball's, lying obliquely and with flipped axes."""
    return Geometry((48, 40, 8), (1.2, 1.1, 5.0), oblique.origin, oblique.direction)


def beating_ball(path: Path, grid: Geometry | None = None) -> list[np.ndarray]:
    """A 4D file with three balls, each elsewhere; gives the arrays."""
    arrays = [ball_arrays(shift)[0] for shift in range(3)]
    write_frames(path, np.stack(arrays), grid or big(), TIMES)
    return arrays


def header_of(path: Path) -> str:
    return path.read_bytes().split(b"\n\n")[0].decode()


def nrrd(path: Path, array: np.ndarray, *lines: str, sizes: tuple[int, ...], packed: bool = False) -> Path:
    """An NRRD file with these lines and the array's bytes as they are."""
    told = ["NRRD0004", "type: short", f"dimension: {len(sizes)}", f"sizes: {' '.join(map(str, sizes))}"]
    told += [*lines, "endian: little", f"encoding: {'gzip' if packed else 'raw'}"]
    data = array.astype("<i2").tobytes()
    path.write_bytes(("\n".join(told) + "\n\n").encode() + (gzip.compress(data) if packed else data))
    return path


def directions(grid: Geometry) -> list[str]:
    return [f"({','.join(map(repr, column))})" for column in (grid.direction * grid.spacing).T.tolist()]


def placed(grid: Geometry, first: bool) -> tuple[str, ...]:
    told = directions(grid)
    return (
        "space: left-posterior-superior",
        f"space directions: {' '.join(['none', *told] if first else [*told, 'none'])}",
        f"space origin: ({','.join(map(repr, grid.origin))})",
    )


# What a file holds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".seq.nrrd"])
def test_each_frame_is_what_a_file_of_its_own_would_be(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"cine{ending}"
    write_frames(path, HEARTBEAT.astype(np.uint16), GRID, TIMES)
    frames = samadapt.frames(path)
    assert len(frames) == 3
    assert frames.frame_index == TIMES
    for number, array in enumerate(HEARTBEAT.astype(np.uint16)):
        alone = tmp_path / f"alone{ending.removeprefix('.seq')}"
        write_volume(Volume(array, GRID), alone)
        one = read_volume(alone)
        np.testing.assert_array_equal(frames[number].voxels, one.voxels)
        assert frames[number].geometry.same_grid(one.geometry, tolerance=1e-5)
        assert read_volume(f"{path}@{number}").content_hash() == frames[number].content_hash()
    assert frames[-1].name == "cine@2"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_the_axis_of_frames_of_a_nrrd_may_be_the_last_or_the_first(tmp_path: Path, first: bool, packed: bool) -> None:
    array = np.moveaxis(HEARTBEAT, 0, -1) if first else HEARTBEAT
    kinds = "list domain domain domain" if first else "domain domain domain list"
    sizes = (3, *GRID.size) if first else (*GRID.size, 3)
    words = f"axis {0 if first else 3} index values:=ED mid%20dle ES"
    lines = (*placed(GRID, first), f"kinds: {kinds}", words, f"axis {0 if first else 3} index type:=text")
    path = nrrd(tmp_path / "a.seq.nrrd", array, *lines, sizes=sizes, packed=packed)
    frames = samadapt.frames(path)
    assert frames.frame_index.values == ("ED", "mid dle", "ES")
    assert frames.frame_index.kind == "text"
    for number in (2, 0):
        np.testing.assert_array_equal(frames[number].voxels, HEARTBEAT[number])
        assert frames[number].geometry.same_grid(GRID, tolerance=1e-6)


@pytest.mark.parametrize("ending", [".mha", ".nrrd", ".nii"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_itk_writes_with_four_dimensions_is_read(tmp_path: Path, ending: str, packed: bool) -> None:
    image = sitk.GetImageFromArray(HEARTBEAT, isVector=False)
    image.SetSpacing((*GRID.spacing, 0.5))
    image.SetOrigin((*GRID.origin, 0))
    turned = np.eye(4)
    turned[:3, :3] = GRID.direction
    image.SetDirection(turned.ravel().tolist())
    sitk.WriteImage(image, str(tmp_path / f"a{ending}"), useCompression=packed)
    frames = samadapt.frames(tmp_path / f"a{ending}")
    np.testing.assert_array_equal([each.voxels for each in frames], HEARTBEAT)
    assert frames[1].geometry.same_grid(GRID, tolerance=1e-3)


def test_scaled_numbers_and_the_second_place_of_a_nifti_file_hold_for_each_frame(tmp_path: Path) -> None:
    from dataclasses import replace

    moved = replace(GRID, origin=(30.0, 0.0, 0.0))
    fields = both(GRID, moved) | {"scaling": (0.5, 7.0), "dims": (4, *GRID.size, 3, 1, 1, 1)}
    path = tmp_path / "a.nii"
    path.write_bytes(a_header(HEARTBEAT, **fields) + HEARTBEAT.tobytes())
    volume = read_volume(f"{path}@2")
    np.testing.assert_allclose(volume.voxels, HEARTBEAT[2] * 0.5 + 7)
    assert volume.other_geometry is not None


def test_trailing_dimensions_of_length_one_are_no_frames(tmp_path: Path) -> None:
    dims = (7, *GRID.size, 1, 1, 1, 1)
    path = tmp_path / "a.nii"
    path.write_bytes(a_header(HEARTBEAT[0], dims=dims, **{k: v for k, v in both(GRID, GRID).items() if k != "dims"})
                     + HEARTBEAT[0].tobytes())  # fmt: skip
    assert frames_in(path) is None
    np.testing.assert_array_equal(read_volume(path).voxels, HEARTBEAT[0])
    np.testing.assert_array_equal(read_volume(f"{path}@0").voxels, HEARTBEAT[0])


def test_a_sequence_of_a_single_frame_is_a_volume(tmp_path: Path) -> None:
    lines = (*placed(GRID, first=False), "kinds: domain domain domain list")
    path = nrrd(tmp_path / "one.seq.nrrd", HEARTBEAT[:1], *lines, sizes=(*GRID.size, 1))
    np.testing.assert_array_equal(read_volume(path).voxels, HEARTBEAT[0])


def test_colours_vectors_gradients_and_layers_are_no_frames(tmp_path: Path) -> None:
    for kind in ("vector", "RGB-color", "3-color", "covariant-vector"):
        lines = (*placed(GRID, first=False), f"kinds: domain domain domain {kind}")
        path = nrrd(tmp_path / f"{kind}.nrrd", HEARTBEAT, *lines, sizes=(*GRID.size, 3))
        assert frames_in(path) is None
        with pytest.raises(InputError, match="has 3 numbers a voxel"):
            read_volume(path)
    lines = (*placed(GRID, first=False), "kinds: domain domain domain list", "modality:=DWMRI")
    assert frames_in(nrrd(tmp_path / "d.nrrd", HEARTBEAT, *lines, sizes=(*GRID.size, 3))) is None
    layers = (*placed(GRID, first=True), "kinds: list domain domain domain", "Segment0_Name:=A")
    assert frames_in(nrrd(tmp_path / "l.seg.nrrd", HEARTBEAT, *layers, sizes=(3, *GRID.size))) is None
    intent = bytearray(a_header(HEARTBEAT) + HEARTBEAT.tobytes())
    intent[68:70] = (1007).to_bytes(2, "little")
    (tmp_path / "v.nii").write_bytes(bytes(intent))
    with pytest.raises(InputError, match="v.nii has 4 dimensions"):
        read_volume(tmp_path / "v.nii")


def test_five_dimensions_are_refused(tmp_path: Path) -> None:
    array = HEARTBEAT[None].repeat(2, axis=0)
    (tmp_path / "a.nii").write_bytes(a_header(array) + array.tobytes())
    with pytest.raises(InputError, match="has 5 dimensions"):
        read_volume(tmp_path / "a.nii")


def test_whoever_needs_one_volume_is_told_how_to_name_a_frame(tmp_path: Path) -> None:
    write_frames(tmp_path / "cine.nii.gz", HEARTBEAT.astype(np.uint8), GRID, TIMES)
    with pytest.raises(InputError, match=r"holds 3 volumes.*cine.nii.gz@0 for the first, cine.nii.gz@2 for the last"):
        read_volume(tmp_path / "cine.nii.gz")
    with pytest.raises(InputError, match=r"cine.nii.gz has no frame 3: it holds 3"):
        read_volume(tmp_path / "cine.nii.gz@3")
    write_volume(Volume(HEARTBEAT[0], GRID), tmp_path / "one.nii.gz")
    with pytest.raises(InputError, match="one.nii.gz holds a single volume; there is no frame 1"):
        read_volume(tmp_path / "one.nii.gz@1")
    with pytest.raises(InputError, match="does not hold several volumes"):
        samadapt.frames(tmp_path / "one.nii.gz")
    with pytest.raises(InputError, match=r"none.nii does not exist"):
        read_volume(tmp_path / "none.nii@1")


def test_a_file_that_is_named_like_a_frame_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nii@1"
    assert split_frame(path) == (tmp_path / "a.nii", 1)
    path.write_bytes(b"")
    assert split_frame(path) == (path, None)
    assert (stem("x/cine.seq.nrrd@12"), stem("me@home.nii"), stem("cine.seq.mrb")) == ("cine@12", "me@home", "cine")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".seq.nrrd"])
def test_a_file_that_is_cut_off_is_said_so(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write_frames(path, HEARTBEAT.astype(np.uint16), GRID, TIMES)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match="cut off|damaged|ends"):
        read_volume(f"{path}@2")


def test_a_frame_without_a_grid_is_refused(tmp_path: Path) -> None:
    sheared = ("space: left-posterior-superior", "space directions: (1,0,0) (0.9,1,0) (0,0,1) none")
    path = nrrd(tmp_path / "a.nrrd", HEARTBEAT, *sheared, "kinds: domain domain domain list", sizes=(*GRID.size, 3))
    with pytest.raises(InputError, match="right angles"):
        read_volume(f"{path}@0")


# What is found in it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".seq.mrb"])
def test_each_frame_is_segmented_as_if_it_were_alone(balls: Path, ending: str, capsys) -> None:
    arrays = beating_ball(balls / "cine.nii.gz")
    result = balls / f"r{ending}"
    command = ["segment", "--head", str(balls / "ball.samhead"), str(balls / "cine.nii.gz"), "-o", str(result)]
    assert main([*command, "--json", "--csv", str(balls / "t.csv")]) == 0
    told = capsys.readouterr()
    assert "Frame 2 of 3: Segmenting" in told.err
    answer = json.loads(told.out)
    assert [(frame["frame"], frame["index"]) for frame in answer["frames"]] == [(0, "0"), (1, "0.04"), (2, "0.08")]
    for number, array in enumerate(arrays):
        alone = samadapt.segment(Volume(array, big()), ball_head())
        found = read_labelmap(f"{result}@{number}")
        np.testing.assert_array_equal(found.voxels, alone.voxels)
        assert found.geometry.same_grid(big(), tolerance=1e-4)
        assert answer["frames"][number]["structures"][0]["volume_ml"] == pytest.approx(alone.volumes_ml()[1], rel=1e-4)
    assert answer["structures"][0]["volume_ml"] == pytest.approx(
        np.mean([frame["structures"][0]["volume_ml"] for frame in answer["frames"]])
    )
    rows = list(csv.DictReader((balls / "t.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["volume"], row["structure"]) for row in rows] == [(f"cine.nii.gz@{n}", "Ball") for n in range(3)]
    if ending != ".nii.gz":
        assert frames_in(result).index == TIMES


def test_one_frame_is_segmented_into_a_file_of_its_own(balls: Path, capsys) -> None:
    beating_ball(balls / "cine.nii.gz")
    head, cine = str(balls / "ball.samhead"), str(balls / "cine.nii.gz")
    assert main(["segment", "--head", head, f"{cine}@1", "-o", str(balls / "es.seg.nrrd")]) == 0
    assert main(["segment", "--head", head, f"{cine}@0", f"{cine}@2", "-o", str(balls / "out")]) == 0
    assert sorted(path.name for path in (balls / "out").iterdir()) == ["cine@0.seg.nrrd", "cine@2.seg.nrrd"]
    assert read_labelmap(balls / "es.seg.nrrd").structures[0].name == "Ball"
    assert main(["segment", "--head", head, f"{cine}@1", "-o", cine]) == 2
    assert "would overwrite" in capsys.readouterr().err


def test_results_in_a_folder_are_bundles_where_there_are_frames_and_stay_when_nothing_changed(
    balls: Path, capsys
) -> None:
    beating_ball(balls / "cine.nii.gz")
    images = [str(balls / "a.nii.gz"), str(balls / "cine.nii.gz")]
    command = ["segment", "--head", str(balls / "ball.samhead"), *images, "-o", str(balls / "out"), "--json"]
    assert main(command) == 0
    assert sorted(path.name for path in (balls / "out").iterdir()) == ["a.seg.nrrd", "cine.seq.mrb"]
    assert json.loads(capsys.readouterr().out)["done"] == 2
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == 2
    beating_ball(balls / "cine.nii.gz", Geometry((48, 40, 8), (1.0, 1.0, 5.0)))
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["again"] == 1


@pytest.mark.parametrize("ending", [".seg.nrrd", ".mha"])
def test_a_format_with_room_for_one_frame_is_refused_before_the_work(balls: Path, ending: str, capsys) -> None:
    beating_ball(balls / "cine.nii.gz")
    head, result = str(balls / "ball.samhead"), balls / f"r{ending}"
    assert main(["segment", "--head", head, str(balls / "cine.nii.gz"), "-o", str(result)]) == 2
    assert "has room for one frame, but there are 3. End it in .seq.mrb" in capsys.readouterr().err
    assert main(["segment", "--head", head, str(balls / "a.nii.gz"), "-o", str(balls / "r.seq.mrb")]) == 2
    assert "is for several frames, but the image is a single volume" in capsys.readouterr().err
    assert not result.exists()


@pytest.mark.parametrize("ending", [".nii.gz", ".seq.mrb"])
def test_a_cancel_between_frames_leaves_nothing(balls: Path, ending: str) -> None:
    beating_ball(balls / "cine.nii.gz")
    before = sorted(balls.iterdir())

    impatient = Listener(lambda heard: any(stage.startswith("Frame 2") for stage in heard.stages))
    with pytest.raises(Cancelled):
        run_job(
            SegmentJob(str(balls / "cine.nii.gz"), str(balls / "ball.samhead"), str(balls / f"r{ending}")), impatient
        )
    assert sorted(balls.iterdir()) == before


def test_what_is_doubted_names_the_frame(balls: Path) -> None:
    arrays = [ball_arrays(0)[0], np.random.default_rng(0).normal(100, 1, (8, 40, 48)).astype(np.float32)]
    arrays[1][3, 3, 3] = np.nan
    write_frames(balls / "cine.nii", np.stack(arrays), big(), FrameIndex.counted(2))
    heard = Listener()
    job = SegmentJob(str(balls / "cine.nii"), str(balls / "ball.samhead"), str(balls / "r.nii"))
    answer = run_job(job, heard)
    assert any(text.startswith("cine.nii@1: cine@1 has 1 of") for text in heard.warnings)
    assert not answer["frames"][0]["warnings"]
    assert answer["frames"][1]["warnings"][0].startswith("cine@1 has 1 of")


def test_a_constant_frame_is_named(balls: Path) -> None:
    write_frames(balls / "cine.nii", np.stack([ball_arrays()[0], np.ones((8, 40, 48), np.float32)]), big(), TIMES)
    job = SegmentJob(str(balls / "cine.nii"), str(balls / "ball.samhead"), str(balls / "r.nii"))
    with pytest.raises(InputError, match="cine@1 is constant"):
        run_job(job)
    assert not (balls / "r.nii").exists()


def test_certainties_and_pages_are_written_for_all_frames(balls: Path, capsys) -> None:
    beating_ball(balls / "cine.nii.gz")
    page, sure = balls / "p.html", balls / "p.nii.gz"
    arguments = ["--probabilities", str(sure), "--report", str(page), "-o", str(balls / "r.seq.mrb")]
    assert main(["segment", "--head", str(balls / "ball.samhead"), str(balls / "cine.nii.gz"), *arguments]) == 0
    assert len(samadapt.frames(sure)) == 3
    assert 0.5 < float(samadapt.frames(sure)[2].voxels.max()) <= 1
    assert page.read_text("utf-8").count("data:image/png") == 3


def test_a_list_of_volumes_gives_a_list_of_labelmaps(empty_home: Path) -> None:
    volumes = [Volume(ball_arrays(shift)[0], big()) for shift in range(2)]
    found = samadapt.segment(volumes, ball_head())
    assert isinstance(found, list)
    np.testing.assert_array_equal(found[1].voxels, samadapt.segment(volumes[1], ball_head()).voxels)


def test_training_takes_a_frame_and_refuses_a_whole_sequence(balls: Path, capsys) -> None:
    beating_ball(balls / "cine.nii.gz")
    masks = np.stack([ball_arrays(shift)[1] for shift in range(3)])
    write_frames(balls / "labels.nii.gz", masks, big(), TIMES, labels=True)
    cine, labels = str(balls / "cine.nii.gz"), str(balls / "labels.nii.gz")
    assert main(["train", "--case", cine, labels, "-o", str(balls / "h.samhead")]) == 2
    assert "cine.nii.gz holds 3 volumes" in capsys.readouterr().err
    from SAMAdaptLib.api import as_labelmap, as_volume

    volume = as_volume(f"{cine}@2")
    np.testing.assert_array_equal(as_labelmap(f"{labels}@2", like=volume).voxels, masks[2])


# Slicer reads it ----------------------------------------------------------------------------------------------------


def unpack_into(scene, folder: Path) -> None:
    """Where bundles are unpacked, which the application settles at its start."""
    import slicer

    (folder / ".slicer-cache").touch()  # else Slicer warns that it will not clean up there
    manager, cache = slicer.vtkDataIOManager(), slicer.vtkCacheManager()
    cache.SetRemoteCacheDirectory(str(folder))
    manager.SetCacheManager(cache)
    scene.SetDataIOManager(manager)


def test_slicer_opens_the_bundle_as_a_sequence_of_segmentations(balls: Path, scene) -> None:
    beating_ball(balls / "cine.nii.gz")
    job = SegmentJob(str(balls / "cine.nii.gz"), str(balls / "ball.samhead"), str(balls / "r.seq.mrb"))
    run_job(job)
    unpack_into(scene, balls)
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSequenceStorageNode")
    storage.SetFileName(str(balls / "r.seq.mrb"))
    assert storage.ReadData(sequence) == 1
    assert [sequence.GetNthIndexValue(number) for number in range(3)] == ["0", "0.04", "0.08"]
    assert (sequence.GetIndexName(), sequence.GetIndexUnit()) == ("time", "s")
    for number in range(3):
        node = sequence.GetNthDataNode(number)
        assert node.IsA("vtkMRMLSegmentationNode")
        segment = node.GetSegmentation().GetNthSegment(0)
        assert segment.GetName() == "Ball"
        assert segment.GetColor() == pytest.approx((1.0, 0.5, 0.0), abs=0.01)
    # And what Slicer saves is read here.
    storage.SetFileName(str(balls / "s.seq.mrb"))
    assert storage.WriteData(sequence) == 1
    saved = frames_in(balls / "s.seq.mrb")
    assert (saved.count, saved.index) == (3, TIMES)
    for number in range(3):
        np.testing.assert_array_equal(
            read_labelmap(balls / f"s.seq.mrb@{number}").voxels, read_labelmap(balls / f"r.seq.mrb@{number}").voxels
        )


def test_sequences_of_volumes_pass_between_slicer_and_here(tmp_path: Path, scene) -> None:
    grid = Geometry(GRID.size, GRID.spacing, GRID.origin, turned((20, 25, 35), (2, 0, 1)))  # Slicer turns others over
    write_frames(tmp_path / "a.seq.nrrd", HEARTBEAT.astype(np.uint16), grid, TIMES)
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode")
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeSequenceStorageNode")
    storage.SetFileName(str(tmp_path / "a.seq.nrrd"))
    assert storage.ReadData(sequence) == 1
    assert sequence.GetNthIndexValue(2) == "0.08"
    storage.SetFileName(str(tmp_path / "b.seq.nrrd"))
    assert storage.WriteData(sequence) == 1
    frames = samadapt.frames(tmp_path / "b.seq.nrrd")
    assert frames.frame_index == TIMES
    for number in range(3):
        assert frames[number].geometry.same_grid(grid, tolerance=1e-3)
        np.testing.assert_array_equal(frames[number].voxels, HEARTBEAT[number].astype(np.uint16))


def test_a_bundle_of_something_else_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "a.seq.mrb"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as a bundle"):
        read_labelmap(f"{path}@0")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/x.mrml", '<Sequence id="s" indexValues="vtkMRMLModelNode1:0"></Sequence>')
    with pytest.raises(InputError, match="is not a bundle of a sequence of segmentations"):
        frames_in(path)
