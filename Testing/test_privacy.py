"""What is written says nothing of whom it was learned from, is for the user alone, and nothing asks the network."""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from balls import ball_arrays, image_of

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.io.metaimage import write_image
from SAMAdaptLib.data.io.volumes import read_volume
from SAMAdaptLib.jobs.specs import CaseFiles, SegmentJob, TrainJob
from SAMAdaptLib.utils.process import ROOT, child_environment
from SAMAdaptLib.worker.client import JobFolder, WorkerClient

PLANTED = {
    "patient's name": "Quibblewick^Zebediah",
    "patient's number": "PID-7731946",
    "birth date": "19470613",
    "accession number": "ACC5520981",
    "institution": "Saint Oxblood Infirmary",
    "physician": "Dr Vandertromp",
    "study description": "Followup Glimmerfen",
    "series UID": "1.2.840.99999.4471",
    "folder of the patient": "Zebediah_Q_1947",
    "folder of the study": "Oxblood-study-88",
    "file of the image": "quibblewick-ct",
    "file of the labels": "quibblewick-truth",
}
RECIPE = ("--encoder", "tiny", "--head", "linear", "--budget", "fast", "--annotated-slices-only", "--plane", "axial")


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """A patient's folder; the image tells what DICOM converters put into NRRD and NIfTI headers."""
    folder = tmp_path / PLANTED["folder of the patient"] / PLANTED["folder of the study"]
    folder.mkdir(parents=True)
    voxels, mask = ball_arrays()
    mask[[0, 1, 2, 5, 6, 7]] = 0
    image, labels = image_of(voxels), image_of(mask)
    tags = {"0010|0010": "patient's name", "0010|0020": "patient's number", "0010|0030": "birth date"}
    tags |= {"0008|0050": "accession number", "0008|0080": "institution", "0008|0090": "physician"}
    for tag, what in (tags | {"0020|000e": "series UID"}).items():
        image.SetMetaData(tag, PLANTED[what])
        labels.SetMetaData(tag.replace("|", "_"), PLANTED[what])
    sitk.WriteImage(image, str(folder / f"{PLANTED['file of the image']}.nrrd"))
    image.SetMetaData("ITK_FileNotes", PLANTED["study description"])
    image.SetMetaData("aux_file", PLANTED["patient's number"])
    sitk.WriteImage(image, str(folder / f"{PLANTED['file of the image']}.nii.gz"))
    sitk.WriteImage(labels, str(folder / f"{PLANTED['file of the labels']}.nrrd"))
    return folder


def found_in(*places: Path) -> list[str]:
    """Which planted texts the files below these places hold, in their bytes, decompressed too, and in their names."""
    hits = []
    for path in (path for place in places for path in (place, *place.rglob("*"))):
        content = path.name.encode() + (opened(path.read_bytes()) if path.is_file() else b"")
        for what, text in PLANTED.items():
            for encoded in (text.encode(), text.encode("utf-16-le"), text.lower().encode()):
                if encoded in content or encoded in content.lower():
                    hits.append(f"{what} in {path.name}")
    return hits


def opened(content: bytes) -> bytes:
    """The bytes, and what is compressed in them."""
    for start in (content.find(b"\x1f\x8b"), content.find(b"\n\x78")):
        try:
            content += zlib.decompressobj(47).decompress(content[start if content[start] == 0x1F else start + 1 :])
        except (zlib.error, IndexError):
            continue
    return content


def test_the_search_finds_what_is_there(patient: Path) -> None:
    told = {hit.partition(" in ")[0] for hit in found_in(patient.parent)}
    assert told == set(PLANTED)
    assert opened(b"x" + gzip.compress(b"hidden")).endswith(b"hidden")


def test_neither_head_nor_cache_nor_results_say_who_it_was(
    patient: Path, tmp_path: Path, empty_home: Path, monkeypatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(tmp_path)
    image, again = (str(patient / f"{PLANTED['file of the image']}{ending}") for ending in (".nrrd", ".nii.gz"))
    labels = str(patient / f"{PLANTED['file of the labels']}.nrrd")
    assert main(["train", "--case", image, labels, *RECIPE, "--seed", "1", "-o", "head.samhead", "--quiet"]) == 0
    for name in ("r.seg.nrrd", "r.nii.gz", "r.mha"):
        assert main(["segment", "--head", "head.samhead", again, "-o", name, "--quiet"]) == 0
    written = [tmp_path / name for name in ("head.samhead", "r.seg.nrrd", "r.nii.gz", "r.mha")]
    assert found_in(empty_home, scratch, *written) == []
    assert any((empty_home / "features").rglob("*.npy"))
    assert [path for path in scratch.rglob("*") if path.is_file()] == []


def test_neither_job_folders_nor_logs_say_who_it_was(patient: Path, tmp_path: Path, empty_home: Path) -> None:
    """As the panel works: volumes travel by a private folder; one job fails, which the log tells."""
    image = read_volume(patient / f"{PLANTED['file of the image']}.nrrd")
    named = str(patient / f"{PLANTED['file of the image']}.nii.gz")
    client, folder = WorkerClient(), JobFolder()
    write_image(folder.file("image.mha"), image)
    truth = sitk.ReadImage(str(patient / f"{PLANTED['file of the labels']}.nrrd"))
    sitk.WriteImage(sitk.Cast(truth, sitk.sitkUInt8)[:], folder.file("labels.nii"))
    case = CaseFiles(folder.file("image.mha"), folder.file("labels.nii"))
    head = str(tmp_path / "head.samhead")
    jobs = (
        TrainJob((case,), head, encoder="tiny", head="linear", budget="fast", annotated_slices_only=True),
        SegmentJob(folder.file("image.mha"), head, folder.file("result.mha")),
        SegmentJob(named, str(patient / f"{PLANTED['file of the labels']}.nrrd"), folder.file("no.mha")),
    )
    try:
        handles = [client.wait(client.submit(job), timeout=120) for job in jobs]
    finally:
        client.close()
    assert [handle.error is None for handle in handles] == [True, True, False], handles
    assert PLANTED["file of the labels"] in str(handles[2].error)
    assert found_in(empty_home, tmp_path / "head.samhead") == []
    assert "Traceback" in next((empty_home / "logs").glob("*.log")).read_text(encoding="utf-8")
    assert open_to_others(empty_home / "jobs", empty_home / "logs", empty_home / "features") == []
    folder.remove()
    assert list((empty_home / "jobs").iterdir()) == []


def open_to_others(*places: Path) -> list[str]:
    """What lies there and is not for its owner alone."""
    paths = [path for place in places for path in (place, *place.rglob("*"))]
    assert len(paths) > len(places)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    # Written there by the test itself:
    return [
        f"{path.name}: {mode:o}"
        for path, mode in modes.items()
        if mode != (0o700 if path.is_dir() else 0o600) and path.name != "labels.nii"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
def test_whatever_the_umask_images_and_paths_are_for_the_user_alone(patient: Path, empty_home: Path) -> None:
    image = str(patient / f"{PLANTED['file of the image']}.nii.gz")
    program = (
        "import os, sys; os.umask(0); from pathlib import Path\n"
        "from SAMAdaptLib.encoders.weights.hashes import remember\n"
        "from SAMAdaptLib.cli import main; from SAMAdaptLib.worker.client import JobFolder\n"
        "remember(Path(sys.argv[1]), '0' * 64); JobFolder()\n"
        "sys.path[:0] = [sys.argv[2]]; from balls import ball_head; from SAMAdaptLib.heads.head import save_head\n"
        "save_head(ball_head(), Path('ball.samhead'))\n"
        "sys.exit(main(['segment', '--head', 'ball.samhead', sys.argv[1], '-o', 'r.nii', '--quiet']))\n"
    )
    command = [sys.executable, "-c", program, image, str(Path(__file__).parent)]
    subprocess.run(command, cwd=patient, env=child_environment(), check=True)
    assert open_to_others(empty_home / "features", empty_home / "jobs") == []
    assert stat.S_IMODE((empty_home / "weights" / "verified.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((patient / "r.nii").stat().st_mode) == 0o666


CUT_OFF = """
import socket, sys
sys.path[:0] = [sys.argv[1]]
class Cut(socket.socket):
    def connect(self, address):
        print("asked for", address, file=sys.stderr); raise OSError("no network")
    connect_ex = sendto = connect
def nowhere(*given, **named):
    print("asked for", given, file=sys.stderr); raise OSError("no network")
socket.socket, socket.create_connection, socket.getaddrinfo = Cut, nowhere, nowhere
from SAMAdaptLib.cli import main
case, recipe = sys.argv[2:4], sys.argv[4:]
assert main(["train", "--case", *case, *recipe, "-o", "h.samhead", "--quiet"]) == 0
assert main(["segment", "--head", "h.samhead", case[0], "-o", "r.nii", "--quiet"]) == 0
"""


def test_without_a_network_nothing_changes(patient: Path, tmp_path: Path, empty_home: Path) -> None:
    image = str(patient / f"{PLANTED['file of the image']}.nii.gz")
    labels = str(patient / f"{PLANTED['file of the labels']}.nrrd")
    command = [sys.executable, "-c", CUT_OFF, str(ROOT), image, labels, *RECIPE]
    done = subprocess.run(command, cwd=tmp_path, env=child_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "asked for" not in done.stderr
    with_network = str(tmp_path / "with.nii")
    assert main(["segment", "--head", str(tmp_path / "h.samhead"), image, "-o", with_network, "--quiet"]) == 0
    found, without = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (with_network, tmp_path / "r.nii"))
    assert found.any()
    assert np.array_equal(found, without)


def test_weights_that_are_here_need_no_network(tmp_path: Path, empty_home: Path, monkeypatch) -> None:
    import hashlib
    import socket
    from dataclasses import replace

    from SAMAdaptLib.encoders.registry import find
    from SAMAdaptLib.encoders.weights.store import ensure

    def cut(*_: object, **__: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "socket", cut)
    monkeypatch.setattr(socket, "getaddrinfo", cut)
    content = os.urandom(1000)
    entry = replace(find("mobile_sam"), sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (empty_home / "weights").mkdir(parents=True)
    (empty_home / "weights" / entry.file).write_bytes(content)
    assert ensure(entry).read_bytes() == content
