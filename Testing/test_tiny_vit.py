"""TinyViT on seeded random weights: what it is known by, its sizes, its levels, and what is refused."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinyvits import *  # noqa: E402, F403  fixtures
from tinyvits import STRIDE_OF, canvases, random_checkpoint  # noqa: E402

from SAMAdaptLib.encoders import Encoder, at_size, load_encoder  # noqa: E402
from SAMAdaptLib.encoders.tiny_vit.encoder import TinyViTEncoder  # noqa: E402
from SAMAdaptLib.encoders.tiny_vit.weights import from_checkpoint, from_onnx  # noqa: E402
from SAMAdaptLib.encoders.weights import store as weights  # noqa: E402
from SAMAdaptLib.errors import HeadFileError, InputError, WeightsError  # noqa: E402
from SAMAdaptLib.inference.stage import load_encoder_for  # noqa: E402
from SAMAdaptLib.networks import head_class  # noqa: E402
from SAMAdaptLib.progress import Silent  # noqa: E402

LEVELS = ("neck", "mid", "fine")


@pytest.fixture(autouse=True)
def torch_alone(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMADAPT_RUNTIME", "torch")
    monkeypatch.delenv("SAMADAPT_PRECISION", raising=False)


@pytest.fixture
def lite(checkpoints: dict[str, Path]) -> TinyViTEncoder:
    """The smallest input, which needs no padding of windows."""
    return load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=56)


# ---- what a checkpoint is known by ----


@pytest.mark.parametrize(
    ("name", "size", "rule"),
    [("lite_medsam", 256, "unit"), ("mobile_sam", 1024, "sam")],
    ids=["LiteMedSAM", "MobileSAM"],
)
def test_a_checkpoint_by_path_is_known_by_its_tensors(checkpoints, name: str, size: int, rule: str) -> None:
    found = load_encoder(checkpoints[name], device="cpu")
    assert isinstance(found, TinyViTEncoder) and isinstance(found, Encoder)
    assert (found.name, found.input_size, found.batch) == (name, size, 1)
    assert found.fingerprint == f"{found.sha256}-fp32-{rule}-{size}"
    assert {level: (maps.channels, maps.size) for level, maps in found.levels.items()} == {
        "neck": (256, 64),
        "mid": (128, 128),
        "fine": (64, 128),
    }


def test_an_input_rule_that_is_asked_for_is_kept(checkpoints) -> None:
    found = load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=56, input_rule="sam")
    assert "-sam-" in found.fingerprint


@pytest.mark.parametrize("wrapped", ["bare", "prefixed", "in a training checkpoint", "half"])
def test_the_same_weights_are_read_however_they_are_wrapped(wrapped: str, lite, tmp_path: Path) -> None:
    path, state = tmp_path / "other.pth", random_checkpoint(1, prefix="" if wrapped == "bare" else "image_encoder.")
    if wrapped == "in a training checkpoint":
        state = {"model": {f"module.{name}": value for name, value in state.items()}, "epoch": 7}
    if wrapped == "half":
        state = {name: value.half() for name, value in state.items()}
    torch.save(state, path)
    found = load_encoder(path, device="cpu", input_size=56)
    shown = canvases(1, 56)
    tolerance = 0.05 if wrapped == "half" else 1e-6
    np.testing.assert_allclose(found.encode(shown)["neck"], lite.encode(shown)["neck"], atol=tolerance)


def test_batch_normalisation_is_folded_into_the_convolution_before_it() -> None:
    state = random_checkpoint(4)
    model = from_checkpoint(state, "here")
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    first = {name.rpartition("seq.0.")[2]: value for name, value in state.items() if "patch_embed.seq.0" in name}
    plain = torch.nn.functional.conv2d(picture, first["c.weight"], stride=2, padding=1)
    statistics = (first[f"bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
    expected = torch.nn.functional.batch_norm(plain, *statistics)
    torch.testing.assert_close(model.patch_embed[0](picture), expected, atol=1e-5, rtol=1e-5)


def test_an_encoder_is_frozen(lite) -> None:
    assert not any(weight.requires_grad for weight in lite._model.parameters())


# ---- sizes and levels ----


@pytest.mark.parametrize(("name", "size"), [("lite_medsam", 56), ("lite_medsam", 60), ("lite_medsam", 132)])
def test_every_level_has_the_promised_size(checkpoints, name: str, size: int) -> None:
    """60 needs padded windows; of 132 patches the finest level is averaged."""
    found = load_encoder(checkpoints[name], device="cpu", input_size=size)
    features = found.encode(canvases(1, size, rows=size - 9), LEVELS)
    for level, maps in features.items():
        promised = found.levels[level]
        assert maps.shape == (1, promised.channels, promised.size, promised.size), level
        assert np.isfinite(maps).all() and maps.dtype == np.float32
    assert found.levels["neck"].size == size // STRIDE_OF[name] // 4
    assert found.fingerprint.endswith(f"-{size}")


def test_mobile_sams_cells_are_sixteen_pixels_wide(checkpoints) -> None:
    found = load_encoder(checkpoints["mobile_sam"], device="cpu", input_size=240)
    assert {level: maps.size for level, maps in found.levels.items()} == {"neck": 15, "mid": 30, "fine": 60}
    assert found.encode(canvases(1, 240))["neck"].shape == (1, 256, 15, 15)


@pytest.mark.parametrize(
    ("name", "size"),
    [("lite_medsam", 110), ("lite_medsam", 48), ("lite_medsam", 516), ("lite_medsam", 0), ("mobile_sam", 456)],
)
def test_an_input_size_that_does_not_fit_is_refused_with_those_that_do(checkpoints, name: str, size: int) -> None:
    cell = 4 * STRIDE_OF[name]
    fitting = (
        rf"multiple of {cell} from {14 * cell} to {128 * cell}; {28 * cell}, {42 * cell}, {56 * cell}, {64 * cell}"
    )
    with pytest.raises(
        InputError, match=rf"{name} cannot work on pictures of {size} pixels a side.*{fitting} fit best"
    ):
        load_encoder(checkpoints[name], device="cpu", input_size=size)


def test_levels_come_in_any_combination_and_are_the_same(lite) -> None:
    shown = canvases(1, 56)
    together = lite.encode(shown, LEVELS)
    for level in LEVELS:
        alone = lite.encode(shown, (level,))
        assert list(alone) == [level]
        np.testing.assert_array_equal(alone[level], together[level])


def test_layers_after_the_last_asked_level_are_not_computed(lite) -> None:
    calls = []
    hooks = [
        part.register_forward_hook(lambda *_, name=name: calls.append(name))
        for name, part in (
            ("neck", lite._model.neck),
            ("stage", lite._model.stages[0]),
            ("merge", lite._model.merges[0]),
        )
    ]
    try:
        lite.encode(canvases(1, 56), ("fine",))
        assert calls == []
        lite.encode(canvases(1, 56), ("mid", "fine"))
        assert calls == ["merge"]
    finally:
        for hook in hooks:
            hook.remove()


def test_an_unknown_level_lists_the_levels(lite) -> None:
    with pytest.raises(InputError, match="no feature level deep. It has neck, mid, fine"):
        lite.encode(canvases(1, 56), ("deep",))


# ---- pictures ----


def test_a_picture_has_the_same_features_alone_and_among_others(lite, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = canvases(5, 56, rows=50)
    alone = np.concatenate([lite.encode(picture[None], LEVELS)["neck"] for picture in shown])
    monkeypatch.setattr(lite, "batch", 2)
    np.testing.assert_allclose(lite.encode(shown, LEVELS)["neck"], alone, atol=1e-5)


def test_padding_is_what_the_input_rule_makes_zero(lite) -> None:
    """After stretching to [0, 1] zero is the darkest pixel; nothing else of the padding is seen."""
    shown = canvases(1, 56, rows=40)
    darkest = np.where(np.isnan(shown), np.nanmin(shown), shown)
    np.testing.assert_allclose(lite.encode(shown)["neck"], lite.encode(darkest)["neck"], atol=1e-5)
    assert np.isfinite(lite.encode(np.full((1, 56, 56), np.nan, np.float32))["neck"]).all()


def test_pictures_of_another_size_are_resized(lite) -> None:
    smooth = 100 + 50 * np.sin(np.arange(56) / 9)[:, None] * np.cos(np.arange(56) / 7)[None, :]
    twice = np.kron(smooth, np.ones((2, 2))).astype(np.float32)[None]
    neck = lite.encode(smooth.astype(np.float32)[None])["neck"]
    difference = np.abs(lite.encode(twice)["neck"] - neck).mean()
    assert difference < 0.2 * neck.std()


def test_no_pictures_give_no_features(lite) -> None:
    assert lite.encode(np.zeros((0, 56, 56), np.float32))["neck"].shape == (0, 256, 14, 14)


def test_half_precision_stays_close_and_has_its_own_fingerprint(checkpoints, lite, monkeypatch) -> None:
    monkeypatch.setenv("SAMADAPT_PRECISION", "bf16")
    coarse = load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=56)
    assert "-bf16-" in coarse.fingerprint and coarse.fingerprint != lite.fingerprint
    exact = lite.encode(canvases(1, 56))["neck"]
    assert 0 < np.abs(coarse.encode(canvases(1, 56))["neck"] - exact).mean() < 0.05 * exact.std()


# ---- what is refused ----


def test_a_checkpoint_with_a_missing_tensor_names_it(tmp_path: Path) -> None:
    state = random_checkpoint(1)
    del state["image_encoder.layers.2.blocks.3.attn.qkv.weight"]
    torch.save(state, tmp_path / "hole.pth")
    with pytest.raises(
        WeightsError, match=r"hole\.pth holds no TinyViT image encoder .*layers\.2\.blocks\.3\.attn\.qkv"
    ):
        load_encoder(tmp_path / "hole.pth", device="cpu")


def test_a_checkpoint_of_another_width_is_refused_in_a_sentence(tmp_path: Path) -> None:
    state = random_checkpoint(1)
    state["image_encoder.neck.2.weight"] = torch.zeros(128, 128, 3, 3)
    torch.save(state, tmp_path / "narrow.pth")
    with pytest.raises(WeightsError, match=r"narrow\.pth holds no TinyViT image encoder \(size mismatch for neck\.mix"):
        load_encoder(tmp_path / "narrow.pth", device="cpu")


@pytest.mark.parametrize("size", ["112", 112.0])
def test_a_size_that_is_no_whole_number_is_refused(checkpoints, size: object) -> None:
    with pytest.raises(InputError, match="An input size is a whole number of pixels, not "):
        load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=size)


def test_a_checkpoint_with_weights_that_are_no_numbers_is_refused(tmp_path: Path) -> None:
    state = random_checkpoint(1)
    state["image_encoder.neck.2.weight"][0, 0, 0, 0] = float("nan")
    torch.save(state, tmp_path / "burst.pth")
    with pytest.raises(WeightsError, match=r"burst\.pth holds weights that are not finite numbers"):
        load_encoder(tmp_path / "burst.pth", device="cpu")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "it is empty"), (b"hello", "it is no file of torch"), (b"PK\3\4", "it is cut off")]
)
def test_what_is_no_checkpoint_is_told_in_our_words(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "some.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"some\.pth cannot be read as a checkpoint: {reason}\."):
        load_encoder(path, device="cpu")


def test_a_cut_off_checkpoint_is_refused(checkpoints, tmp_path: Path) -> None:
    path = tmp_path / "half.pth"
    path.write_bytes(checkpoints["lite_medsam"].read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match=r"half\.pth cannot be read as a checkpoint.*Fetch it again"):
        load_encoder(path, device="cpu")


class Command:
    """Stands for code in a pickle."""

    def __reduce__(self):
        return (print, ("this must never run",))


def test_a_checkpoint_that_carries_code_is_refused_and_nothing_runs(tmp_path: Path, capsys) -> None:
    path = tmp_path / "evil.pth"
    torch.save({**random_checkpoint(1), "image_encoder.extra": Command()}, path)
    with pytest.raises(WeightsError, match=r"evil\.pth cannot be read as a checkpoint.*code are refused") as told:
        load_encoder(path, device="cpu")
    assert "weights_only" not in str(told.value)  # Torch's own words say how to run the code all the same.
    assert "must never run" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"\x08\x07 not a graph", b"\x3a\x00"])
def test_a_damaged_onnx_file_of_mobile_sam_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a whole ONNX file"):
        from_onnx(path)


def test_an_onnx_file_by_path_is_refused_with_what_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(b"anything")
    with pytest.raises(InputError, match=r"foreign\.onnx is no kind of encoder file .*\.pth, \.pt, \.ckpt"):
        load_encoder(path)


# ---- the mask decoder ----


def test_the_checkpoints_mask_decoder_starts_the_autosam_head(tmp_path: Path) -> None:
    from reference_sam import randomised

    from SAMAdaptLib.errors import DependencyError
    from SAMAdaptLib.utils.segment_anything import import_sam_modeling

    try:
        classes = import_sam_modeling()
    except DependencyError as error:
        pytest.skip(str(error))
    transformer = classes.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = randomised(classes.MaskDecoder(transformer_dim=256, transformer=transformer))
    prompt = randomised(classes.PromptEncoder(256, (64, 64), (256, 256), 16))
    state = random_checkpoint(1)
    state |= {f"mask_decoder.{name}": value for name, value in decoder.state_dict().items()}
    state |= {f"prompt_encoder.{name}": value for name, value in prompt.state_dict().items()}
    torch.save(state, tmp_path / "whole.pth")
    found = load_encoder(tmp_path / "whole.pth", device="cpu", input_size=56).decoder_state()
    assert set(found) == {*decoder.state_dict(), "pe_gaussian", "no_mask_embed"}
    module = head_class("autosam")({"neck": 256}, 3)
    module.start_from_sam({name: torch.from_numpy(value) for name, value in found.items()})
    theirs = "transformer.layers.1.cross_attn_image_to_token.out_proj.weight"
    torch.testing.assert_close(module.state_dict()[theirs], decoder.state_dict()[theirs])


def test_a_checkpoint_without_a_decoder_says_what_is_missing(lite) -> None:
    with pytest.raises(WeightsError, match="holds no whole SAM mask decoder: .*missing.*another head than autosam"):
        lite.decoder_state()


def test_a_head_is_told_that_an_encoder_is_another_one_before_what_sizes_that_takes(checkpoints, tmp_path) -> None:
    shown = {"sha256": sha256(checkpoints["lite_medsam"].read_bytes()).hexdigest(), "name": "lite_medsam"}
    head = SimpleNamespace(card=SimpleNamespace(name="heart", encoder=SimpleNamespace(**shown), input_size=56))
    assert load_encoder_for(head, str(checkpoints["lite_medsam"]), "cpu", Silent()).input_size == 56
    with pytest.raises(HeadFileError, match=r"'heart' was trained on lite_medsam with weights .* not on mobile_sam"):
        load_encoder_for(head, str(checkpoints["mobile_sam"]), "cpu", Silent())


# ---- the same encoder at another size ----


def test_an_encoder_by_path_is_had_at_another_size_too(checkpoints) -> None:
    first = load_encoder(checkpoints["lite_medsam"], device="cpu", input_size=56, input_rule="sam")
    other = at_size(first, 112, Silent())
    assert other is not None and other is not first
    assert (other.name, other.sha256, other.input_size) == (first.name, first.sha256, 112)
    assert other.fingerprint == first.fingerprint.replace("-56", "-112"), "with the same input rule"
    assert at_size(first, 56, Silent()) is first and at_size(first, 112, Silent()) is other


def test_an_encoder_that_was_built_elsewhere_has_no_other_size_to_give(checkpoints) -> None:
    built = TinyViTEncoder(checkpoints["lite_medsam"], "0" * 64, device="cpu", input_size=56)
    assert at_size(built, 56, Silent()) is built
    assert at_size(built, 112, Silent()) is None


@pytest.mark.parametrize(
    ("name", "size", "hint"),
    [("sam_vit_b", 500, "multiple of 256"), ("mobile_sam", 450, "multiple of 16"), ("medsam_lite", 3, "multiple of 4")],
)
def test_a_size_that_a_named_encoder_cannot_take_is_told_before_anything_is_fetched(
    name: str, size: int, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr(weights, "ensure", fetch)
    with pytest.raises(InputError, match=f"{name} cannot work on pictures of {size} pixels a side.*{hint}"):
        load_encoder(name, device="cpu", input_size=size)
