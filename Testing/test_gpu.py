"""What a GPU computes: real CUDA or MPS, skipped where there is none. The processor is what it is compared with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from listeners import Listener

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from methods import change_method  # noqa: E402
from phantoms import dice, two_balls  # noqa: E402
from reference_sam import randomised, reference_sam  # noqa: E402

import SAMAdaptLib as samadapt  # noqa: E402
from SAMAdaptLib.cli.main import main  # noqa: E402
from SAMAdaptLib.data.io.volumes import read_labelmap, write_labelmap, write_volume  # noqa: E402
from SAMAdaptLib.encoders import load_encoder  # noqa: E402
from SAMAdaptLib.errors import DependencyError  # noqa: E402
from SAMAdaptLib.heads.head import save_head  # noqa: E402
from SAMAdaptLib.jobs.specs import SegmentJob  # noqa: E402
from SAMAdaptLib.training.budget import BUDGETS  # noqa: E402
from SAMAdaptLib.worker.client import JobState, WorkerClient  # noqa: E402

pytestmark = pytest.mark.gpu

SMALL = {"embed_dim": 64, "depth": 4, "num_heads": 2, "global_attn_indexes": (1, 3)}
HEADS = ("linear", "cnn", "fusion", "autosam", "unet", "auto")


@pytest.fixture(scope="module")
def gpu() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    pytest.skip("no CUDA or MPS device here")


@pytest.fixture
def little_memory(gpu: str) -> Iterator:
    """A function that leaves the process so many further megabytes of the device."""
    if gpu != "cuda":
        pytest.skip("only CUDA lets a process be given less memory")
    whole = torch.cuda.get_device_properties(0).total_memory

    def leave(megabytes: float) -> None:
        torch.cuda.empty_cache()
        held = torch.cuda.memory_reserved()
        torch.cuda.set_per_process_memory_fraction((held + megabytes * 1e6) / whole)

    yield leave
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.fixture(scope="module")
def checkpoint(gpu: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        sam = randomised(reference_sam(SMALL))
    except DependencyError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("checkpoints") / "small.pth"
    torch.save(sam.state_dict(), path)
    return path


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a few steps."""
    change_method(monkeypatch, fits=dict.fromkeys(("linear", "cnn", "fusion", "autosam", "unet"), {"steps": 60}))
    monkeypatch.setitem(
        BUDGETS, "balanced", replace(BUDGETS["balanced"], views=2, shape_steps=20, arrangement_steps=20)
    )


def pictures(count: int) -> np.ndarray:
    """Gray canvases whose lower part is padding."""
    canvases = np.random.default_rng(3).uniform(0, 255, (count, 1024, 1024)).astype(np.float32)
    canvases[:, 700:] = np.nan
    return canvases


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 5e-3), ("bf16", 0.2)])
def test_every_level_of_a_vit_comes_out_as_on_the_processor(
    gpu, checkpoint, empty_home, monkeypatch, precision, tolerance
):
    levels = ("neck", "mid", "fine")
    expected = load_encoder(checkpoint, device="cpu").encode(pictures(6), levels)
    monkeypatch.setenv("SAMADAPT_PRECISION", precision)
    found = load_encoder(checkpoint, device=gpu).encode(pictures(6), levels)
    for level in levels:
        np.testing.assert_allclose(found[level], expected[level], atol=tolerance * np.abs(expected[level]).max())


def test_a_gpu_without_memory_for_a_batch_gets_smaller_ones(gpu, checkpoint, empty_home, little_memory):
    heard = Listener()
    expected = load_encoder(checkpoint, device="cpu").encode(pictures(4))["neck"]
    encoder = load_encoder(checkpoint, device=gpu, monitor=heard)
    encoder.encode(pictures(1))
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    encoder.encode(pictures(1))
    needed = torch.cuda.max_memory_reserved() - torch.cuda.memory_allocated()
    little_memory(1.3 * needed / 1e6)
    np.testing.assert_allclose(encoder.encode(pictures(4))["neck"], expected, atol=5e-3)
    assert encoder.device.startswith("cuda") and encoder.batch in (1, 2)
    assert all("has too little memory for" in text and "slices at once" in text for text in heard.warnings)
    assert heard.warnings


def test_a_gpu_without_memory_for_one_slice_leaves_it_to_the_processor(gpu, checkpoint, empty_home, little_memory):
    heard = Listener()
    encoder = load_encoder(checkpoint, device=gpu, monitor=heard)
    little_memory(1)
    expected = load_encoder(checkpoint, device="cpu").encode(pictures(1))["neck"]
    np.testing.assert_allclose(encoder.encode(pictures(1))["neck"], expected, atol=1e-5)
    assert encoder.device == "cpu" and "goes on on the processor" in heard.warnings[-1]


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_learns_on_a_gpu_and_answers_alike_there_and_on_the_processor(gpu, checkpoint, empty_home, short, kind):
    case = two_balls()
    head = samadapt.train([case], encoder=str(checkpoint), head=kind, budget="balanced", device=gpu)
    found = {
        device: samadapt.segment(case.volume, head, encoder=str(checkpoint), device=device) for device in (gpu, "cpu")
    }
    for value in (2, 5):
        assert dice(found[gpu], found["cpu"], value) > 0.97
        assert kind in ("linear", "autosam") or dice(found[gpu], case.labelmap, value) > 0.6


def test_a_gpu_without_memory_to_train_leaves_it_to_the_processor(gpu, empty_home, short, little_memory):
    heard = Listener()
    torch.zeros(1, device=gpu)
    little_memory(1)
    head = samadapt.train([two_balls()], encoder="tiny", head="unet", budget="fast", device=gpu, monitor=heard)
    assert head.card.mean_dice is not None
    assert "too little memory to train the unet head: the processor does it" in heard.warnings[0]


def test_a_gpu_without_memory_for_a_head_leaves_it_to_the_processor(gpu, empty_home, short, little_memory):
    case = two_balls()
    head = samadapt.train([case], encoder="tiny", head="unet", budget="fast", device="cpu")
    expected = samadapt.segment(case.volume, head, encoder="tiny", device="cpu")
    heard = Listener()
    torch.zeros(1, device=gpu)
    little_memory(3)
    found = samadapt.segment(case.volume, head, encoder="tiny", device=gpu, monitor=heard)
    np.testing.assert_array_equal(found.voxels, expected.voxels)
    assert "too little memory for the head: it goes on on the processor" in heard.warnings[0]


def test_the_command_line_trains_and_segments_on_a_gpu(gpu, checkpoint, empty_home, short, tmp_path, capsys):
    case = two_balls()
    write_volume(case.volume, tmp_path / "case.nii.gz")
    write_labelmap(case.labelmap, tmp_path / "labels.nii.gz")
    head, found = tmp_path / "balls.samhead", tmp_path / "found.nii.gz"
    common = ["--encoder", str(checkpoint), "--device", gpu]
    trained = main(["train", "--case", str(tmp_path / "case.nii.gz"), str(tmp_path / "labels.nii.gz"),
                    "-o", str(head), "--head", "cnn", *common])  # fmt: skip
    assert trained == 0 and head.is_file()
    assert main(["segment", str(tmp_path / "case.nii.gz"), "--head", str(head), "-o", str(found), *common]) == 0
    assert found.is_file()
    capsys.readouterr()
    assert main(["probe", "--json"]) == 0
    devices = [row["device"] for row in json.loads(capsys.readouterr().out)["devices"]]
    assert any(device.startswith(gpu) for device in devices)


def test_a_worker_computes_on_a_gpu(gpu, checkpoint, empty_home, short, tmp_path):
    case = two_balls()
    head = samadapt.train([case], encoder=str(checkpoint), head="cnn", budget="fast", device="cpu")
    paths = {name: str(tmp_path / name) for name in ("balls.samhead", "case.nii.gz", "found.nii.gz")}
    save_head(head, Path(paths["balls.samhead"]))
    write_volume(case.volume, paths["case.nii.gz"])
    job = SegmentJob(
        image=paths["case.nii.gz"], head=paths["balls.samhead"], output=paths["found.nii.gz"],
        encoder=str(checkpoint), device=gpu,
    )  # fmt: skip
    client = WorkerClient()
    try:
        done = client.wait(client.submit(job), timeout=120)
    finally:
        client.close()
    assert done.state is JobState.DONE, done.error
    expected = samadapt.segment(case.volume, head, encoder=str(checkpoint), device="cpu")
    found = read_labelmap(paths["found.nii.gz"])
    for value in (2, 5):
        assert dice(found, expected, value) > 0.97
