"""SAM's ViT encoders against segment-anything's own forward pass, on seeded random weights in the official format."""

from __future__ import annotations

import copy
import hashlib
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from listeners import Listener

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from methods import change_method  # noqa: E402
from phantoms import two_balls  # noqa: E402
from reference_sam import randomised, reference_sam  # noqa: E402

import SAMAdaptLib as samadapt  # noqa: E402
from SAMAdaptLib.encoders import load_encoder  # noqa: E402
from SAMAdaptLib.encoders.registry import ENTRIES, EncoderEntry  # noqa: E402
from SAMAdaptLib.encoders.sam import fused_attention as attention  # noqa: E402
from SAMAdaptLib.encoders.sam.encoder import SamEncoder, architecture_of  # noqa: E402
from SAMAdaptLib.encoders.weights.checkpoints import read_checkpoint  # noqa: E402
from SAMAdaptLib.errors import DependencyError, HeadFileError, InputError, MemoryExhausted, WeightsError  # noqa: E402
from SAMAdaptLib.heads.head import load_head, save_head  # noqa: E402
from SAMAdaptLib.inference import segment as inference  # noqa: E402
from SAMAdaptLib.training.budget import BUDGETS  # noqa: E402
from SAMAdaptLib.utils.segment_anything import import_sam_modeling  # noqa: E402

TOLERANCE = 1e-4
OFFICIAL = {
    "sam_vit_b": {"embed_dim": 768, "depth": 12, "num_heads": 12, "global_attn_indexes": (2, 5, 8, 11)},
    "sam_vit_l": {"embed_dim": 1024, "depth": 24, "num_heads": 16, "global_attn_indexes": (5, 11, 17, 23)},
    "sam_vit_h": {"embed_dim": 1280, "depth": 32, "num_heads": 16, "global_attn_indexes": (7, 15, 23, 31)},
}
SMALL = {"embed_dim": 64, "depth": 4, "num_heads": 2, "global_attn_indexes": (1, 3)}


def reference(numbers: dict, image_size: int = 1024):
    """segment-anything's model of these numbers, or a skip that says what is missing."""
    try:
        return reference_sam(numbers, image_size)
    except DependencyError as error:
        pytest.skip(str(error))


def slices(side: int, rows: int) -> np.ndarray:
    """Two gray canvases whose lower part is padding."""
    canvases = np.random.default_rng(3).uniform(0, 255, (2, side, side)).astype(np.float32)
    canvases[:, rows:] = np.nan
    return canvases


def reference_neck(sam, canvases: np.ndarray, rows: int) -> np.ndarray:
    """segment-anything's way: the picture without padding, preprocessed by ``Sam`` itself."""
    result = []
    with torch.no_grad():
        for canvas in canvases:
            colours = torch.from_numpy(canvas[:rows]).expand(3, -1, -1)
            result.append(sam.image_encoder(sam.preprocess(colours)[None])[0].numpy())
    return np.stack(result)


@pytest.fixture(scope="module")
def small_sam():
    return randomised(reference(SMALL))


@pytest.fixture(scope="module")
def small_checkpoint(small_sam, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoints") / "small.pth"
    torch.save(small_sam.state_dict(), path)
    return path


@pytest.fixture
def small_encoder(small_checkpoint: Path, empty_home: Path):
    return load_encoder(small_checkpoint, device="cpu")


def test_the_neck_equals_segment_anythings_at_full_input_size(small_sam, small_encoder):
    canvases = slices(1024, rows=700)
    ours = small_encoder.encode(canvases)["neck"]
    assert ours.shape == (2, 256, 64, 64) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, reference_neck(small_sam, canvases, 700), atol=TOLERANCE)


def test_earlier_levels_are_the_outputs_of_the_blocks_at_a_quarter_and_half(small_sam, small_encoder):
    canvas = slices(1024, rows=1024)[:1]
    seen = {}
    hooks = [
        block.register_forward_hook(lambda _m, _i, output, index=index: seen.update({index: output}))
        for index, block in enumerate(small_sam.image_encoder.blocks)
    ]
    reference_neck(small_sam, canvas, 1024)
    for hook in hooks:
        hook.remove()
    ours = small_encoder.encode(canvas, ("fine", "mid"))
    assert set(ours) == {"fine", "mid"}
    np.testing.assert_allclose(ours["fine"][0], seen[0][0].permute(2, 0, 1), atol=TOLERANCE)
    np.testing.assert_allclose(ours["mid"][0], seen[1][0].permute(2, 0, 1), atol=TOLERANCE)


def test_the_fused_attention_equals_segment_anythings_however_it_is_cut_into_pieces(small_sam, monkeypatch):
    own = small_sam.image_encoder.blocks[1].attn
    tokens = torch.randn(2, 24, 24, 64, generator=torch.Generator().manual_seed(0))
    table = torch.arange(2 * 24 - 1)[:, None] / 47 * torch.ones(1, own.rel_pos_h.shape[1])
    own = copy.deepcopy(own)
    own.rel_pos_h, own.rel_pos_w = torch.nn.Parameter(table), torch.nn.Parameter(-2 * table)
    for bound in (24**3, 5 * 24**3, 24**4, 3 * 24**4, 2**30):
        monkeypatch.setitem(attention._BIAS_VALUES, "cpu", bound)
        fused = attention.FusedAttention(own, 24)
        with torch.no_grad():
            found = fused.proj(fused(fused.qkv(tokens)))
            np.testing.assert_allclose(found, own(tokens), atol=1e-5)


def test_a_smaller_input_gives_what_segment_anything_gives_with_stretched_positions(small_sam, small_checkpoint):
    encoder = load_encoder(small_checkpoint, device="cpu", input_size=512)
    assert encoder.input_size == 512 and encoder.levels["neck"].size == 32 and encoder.fingerprint.endswith("-512")
    model = reference(SMALL, image_size=512)
    state = dict(small_sam.image_encoder.state_dict())
    positions = state["pos_embed"].permute(0, 3, 1, 2)
    positions = torch.nn.functional.interpolate(positions, size=(32, 32), mode="bicubic", align_corners=False)
    state["pos_embed"] = positions.permute(0, 2, 3, 1)
    for name in [name for name in state if "rel_pos" in name and state[name].shape[0] == 127]:
        stretched = torch.nn.functional.interpolate(state[name].T[None], size=63, mode="linear")[0].T
        state[name] = stretched
    model.image_encoder.load_state_dict(state)
    canvases = slices(512, rows=400)
    expected = reference_neck(model, canvases, 400)
    np.testing.assert_allclose(encoder.encode(canvases)["neck"], expected, atol=TOLERANCE)


@pytest.mark.parametrize("size", [500, 128, 0])
def test_an_input_size_that_does_not_fit_is_refused(small_checkpoint: Path, empty_home: Path, size: int):
    with pytest.raises(InputError, match=r"small.pth cannot work on pictures of .*512 or 768"):
        load_encoder(small_checkpoint, device="cpu", input_size=size)


def test_a_vit_by_path_is_known_by_its_tensors(small_encoder):
    assert type(small_encoder) is SamEncoder


def test_blocks_after_the_last_asked_level_are_not_computed(small_encoder):
    calls = []
    hook = small_encoder._model.blocks[-1].register_forward_hook(lambda *_: calls.append(1))
    small_encoder.encode(slices(1024, 1024)[:1], ("mid",))
    hook.remove()
    assert calls == []


def test_the_architecture_is_read_off_the_tensors(small_sam):
    found = architecture_of(small_sam.image_encoder.state_dict(), "small")
    assert {key: getattr(found, key) for key in SMALL} == SMALL
    assert (found.img_size, found.patch_size, found.window_size, found.out_chans) == (1024, 16, 14, 256)


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_the_official_architectures_are_recognised(name: str):
    with torch.device("meta"):
        state = reference(OFFICIAL[name]).image_encoder.state_dict()
    found = architecture_of(state, name)
    assert {key: getattr(found, key) for key in OFFICIAL[name]} == OFFICIAL[name]


def test_the_decoder_comes_under_segment_anythings_names(small_sam, small_encoder):
    state = small_encoder.decoder_state()
    expected = {key: value.numpy() for key, value in small_sam.mask_decoder.state_dict().items()}
    assert set(state) == set(expected) | {"pe_gaussian", "no_mask_embed"}
    assert all(np.array_equal(state[key], value) for key, value in expected.items())
    gaussian = small_sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    assert np.array_equal(state["pe_gaussian"], gaussian.numpy()) and state["no_mask_embed"].shape == (1, 256)


def test_a_file_by_path_is_known_by_its_own_hash(small_checkpoint: Path, small_encoder):
    digest = hashlib.sha256(small_checkpoint.read_bytes()).hexdigest()
    assert small_encoder.name == "small" and small_encoder.sha256 == digest
    assert small_encoder.fingerprint.startswith(digest)


def test_the_same_call_gives_the_same_encoder(small_checkpoint: Path, small_encoder):
    assert load_encoder(str(small_checkpoint), device="cpu") is small_encoder


def test_a_named_entry_takes_its_checkpoint_from_the_users_folder(small_checkpoint, empty_home, monkeypatch):
    content = small_checkpoint.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    entry = EncoderEntry("sam_vit_s", "Small", "sam_vit", "s.pth", len(content), digest, "test")
    monkeypatch.setitem(ENTRIES, "sam_vit_s", entry)
    monkeypatch.setenv("SAMADAPT_WEIGHTS", str(small_checkpoint.parent))
    encoder = load_encoder("sam_vit_s", device="cpu")
    assert (encoder.name, encoder.sha256, encoder.input_size) == ("sam_vit_s", digest, 1024)


def test_medsams_rule_is_taken_from_the_files_name_and_stretches_to_unit_range(small_sam, small_checkpoint, empty_home):
    path = small_checkpoint.with_name("medsam_vit_b.pth")
    path.write_bytes(small_checkpoint.read_bytes())
    encoder = load_encoder(path, device="cpu")
    canvas = slices(1024, rows=1024)[:1]
    unit = (canvas - canvas.min()) / (canvas.max() - canvas.min())
    with torch.no_grad():
        expected = small_sam.image_encoder(torch.from_numpy(unit)[:, None].expand(1, 3, -1, -1)).numpy()
    np.testing.assert_allclose(encoder.encode(canvas)["neck"], expected, atol=TOLERANCE)
    assert "-unit-" in encoder.fingerprint


def test_training_checkpoints_are_unwrapped(small_sam, tmp_path: Path):
    path = tmp_path / "best.pth"
    torch.save({"model": {f"module.{k}": v for k, v in small_sam.state_dict().items()}, "epoch": 3}, path)
    assert set(read_checkpoint(path)) == set(small_sam.state_dict())


def test_half_precision_checkpoints_are_computed_in_float32(small_sam, tmp_path: Path, empty_home: Path):
    path = tmp_path / "half.pth"
    torch.save({key: value.half() for key, value in small_sam.image_encoder.state_dict().items()}, path)
    encoder = load_encoder(path, device="cpu")
    assert next(encoder._model.parameters()).dtype == torch.float32


class Command:
    """Stands for code in a pickle."""

    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_checkpoint_that_carries_code_is_refused(tmp_path: Path, empty_home: Path, capsys: pytest.CaptureFixture):
    path = tmp_path / "evil.pth"
    torch.save({"image_encoder.pos_embed": Command()}, path)
    with pytest.raises(WeightsError, match=r"evil.pth cannot be read as a checkpoint"):
        load_encoder(path, device="cpu")
    assert "must never run" not in capsys.readouterr().out


def test_a_truncated_checkpoint_is_refused(small_checkpoint: Path, tmp_path: Path, empty_home: Path):
    path = tmp_path / "half.pth"
    path.write_bytes(small_checkpoint.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match=r"half.pth cannot be read as a checkpoint"):
        load_encoder(path, device="cpu")


def test_another_networks_checkpoint_is_refused_with_what_is_missing(tmp_path: Path, empty_home: Path):
    path = tmp_path / "other.pt"
    torch.save({"image_encoder.layers.0.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"holds no SAM ViT image encoder .*patch_embed.proj.weight.*MobileSAM"):
        load_encoder(path, device="cpu")


def test_a_checkpoint_with_a_missing_tensor_names_it(small_sam, tmp_path: Path, empty_home: Path):
    state = dict(small_sam.state_dict())
    del state["image_encoder.neck.2.weight"]
    path = tmp_path / "hole.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"do not fit a SAM ViT.*neck.2.weight"):
        load_encoder(path, device="cpu")


def test_an_unknown_device_is_refused(small_checkpoint: Path, empty_home: Path):
    with pytest.raises(InputError, match="device"):
        load_encoder(small_checkpoint, device="abacus")


def test_too_little_memory_is_told_with_the_way_out(small_encoder, monkeypatch: pytest.MonkeyPatch):
    def fail(*_arguments):
        msg = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 17179869184 bytes."
        raise RuntimeError(msg)

    monkeypatch.setattr(small_encoder, "_forward", fail)
    with pytest.raises(MemoryExhausted, match=r"batch of 1 slices does not fit .* cpu with small.*smaller encoder"):
        small_encoder.encode(slices(1024, 1024)[:1])


def test_a_gpu_with_too_little_memory_gets_smaller_batches_then_the_processor_goes_on(
    small_checkpoint, small_encoder, monkeypatch
):
    """Only the device is made up: one that never has memory for what is asked of it."""
    heard = Listener()
    encoder = SamEncoder(small_checkpoint, "0" * 64, device="cpu", monitor=heard)
    encoder._device, encoder.device, encoder.batch = torch.device("cuda:0"), "cuda:0", 4
    features = encoder._features

    def full_device(inputs, asked):
        if encoder._device.type == "cuda":
            msg = "A batch does not fit."
            raise MemoryExhausted(msg)
        return features(inputs, asked)

    monkeypatch.setattr(encoder, "_features", full_device)
    canvases = slices(1024, rows=700)
    np.testing.assert_allclose(encoder.encode(canvases)["neck"], small_encoder.encode(canvases)["neck"], atol=1e-5)
    assert encoder.device == "cpu"
    assert heard.warnings == [
        "cuda:0 has too little memory for 2 slices at once: 1 now.",
        "cuda:0 has too little memory for small: it goes on on the processor.",
    ]


def test_segment_anything_itself_is_never_executed(small_encoder):
    assert small_encoder.levels["neck"].channels == 256
    assert "segment_anything" not in sys.modules and "torchvision" not in sys.modules


def test_a_missing_package_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    import_sam_modeling.cache_clear()
    with pytest.raises(DependencyError, match=r"pip install --no-deps segment-anything==1\.0"):
        import_sam_modeling()


def test_bf16_stays_close_and_has_its_own_fingerprint(small_checkpoint, small_encoder, monkeypatch):
    canvas = slices(1024, rows=800)[:1]
    exact = small_encoder.encode(canvas)["neck"]
    monkeypatch.setenv("SAMADAPT_PRECISION", "bf16")
    coarse = load_encoder(small_checkpoint, device="cpu")
    assert coarse.fingerprint != small_encoder.fingerprint
    difference = np.abs(coarse.encode(canvas)["neck"] - exact)
    assert 0 < difference.mean() < 0.02 * exact.std() + 1e-6


def test_an_unknown_precision_is_refused(small_checkpoint, empty_home, monkeypatch):
    monkeypatch.setenv("SAMADAPT_PRECISION", "int8")
    with pytest.raises(InputError, match="SAMADAPT_PRECISION is 'int8'. Set it to fp32 or bf16"):
        load_encoder(small_checkpoint, device="cpu")


@pytest.mark.slow
def test_the_real_vit_b_architecture_equals_segment_anythings(tmp_path: Path, empty_home: Path):
    sam = randomised(reference(OFFICIAL["sam_vit_b"]), seed=7)
    path = tmp_path / "vit_b.pth"
    torch.save(sam.state_dict(), path)
    encoder = SamEncoder(path, "0" * 64, device="cpu")
    canvases = slices(1024, rows=900)[:1]
    ours = encoder.encode(canvases, ("fine", "mid", "neck"))
    assert ours["fine"].shape == ours["mid"].shape == (1, 768, 64, 64)
    np.testing.assert_allclose(ours["neck"], reference_neck(sam, canvases, 900), atol=TOLERANCE)


def test_a_head_is_trained_and_used_at_a_smaller_input_size(small_checkpoint, empty_home, tmp_path, monkeypatch):
    change_method(monkeypatch, fits=dict.fromkeys(("cnn", "fusion"), {"steps": 20}))
    monkeypatch.setitem(
        BUDGETS, "balanced", replace(BUDGETS["balanced"], views=1, least_views=1, shape_steps=20, arrangement_steps=0)
    )
    case = two_balls()
    train = partial(samadapt.train, [case], encoder=str(small_checkpoint), budget="balanced", device="cpu")
    save_head(train(input_size=512), tmp_path / "small.samhead")
    head = load_head(tmp_path / "small.samhead")
    assert head.card.input_size == 512 and head.card.encoder["levels"]["fine"] == [64, 32]
    assert head.card.head_type in ("ensemble", "cnn", "fusion")
    found = samadapt.segment(case.volume, head, encoder=str(small_checkpoint), device="cpu")
    assert found.geometry.same_grid(case.volume.geometry)
    with pytest.raises(HeadFileError, match=r"trained on pictures of 512 pixels a side, and this small sees 1024"):
        inference.segment(case.volume, head, encoder=load_encoder(small_checkpoint, device="cpu"), device="cpu")


def test_a_checkpoint_of_vit_with_weights_that_are_no_numbers_is_refused(tmp_path: Path, empty_home: Path):
    state = randomised(reference(SMALL, 256)).state_dict()
    state["image_encoder.blocks.1.mlp.lin1.weight"][0, 0] = float("inf")
    torch.save(state, tmp_path / "burst.pth")
    with pytest.raises(WeightsError, match=r"burst\.pth holds weights that are not finite numbers"):
        load_encoder(tmp_path / "burst.pth", device="cpu")
