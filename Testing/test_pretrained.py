"""TinyViT with the two real sets of weights: equal to the networks that they were published for, at every size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinyvits import canvases  # noqa: E402

from SAMAdaptLib.encoders import ENTRIES, load_encoder  # noqa: E402
from SAMAdaptLib.encoders import input as canvas  # noqa: E402
from SAMAdaptLib.encoders.registry import DEFAULT_ENCODER  # noqa: E402
from SAMAdaptLib.encoders.weights import store as weights  # noqa: E402
from SAMAdaptLib.encoders.weights.onnx_graph import read_graph  # noqa: E402
from SAMAdaptLib.errors import DependencyError  # noqa: E402
from SAMAdaptLib.utils.segment_anything import import_sam_modeling  # noqa: E402

TOLERANCE = 1e-4
LEVELS = ("neck", "mid", "fine")
MID, FINE = "/layers.0/downsample/conv3/c/Conv_output_0", "/layers.0/blocks.1/act3/Mul_1_output_0"
"""Tensors of MobileSAM's graph that are our two taps, the second before it is averaged over 2 x 2."""

STORED = Path(__file__).parent / "references" / "lite_medsam_neck.json"


def resized(encoder, size: int):
    """That encoder at another size, by torch in full precision."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SAMADAPT_RUNTIME", "torch")
        environment.setenv("SAMADAPT_PRECISION", "fp32")
        return load_encoder(encoder.name, device="cpu", input_size=size)


def test_the_default_encoder_is_one_of_them() -> None:
    assert DEFAULT_ENCODER in {"medsam_lite", "mobile_sam"}
    assert ENTRIES[DEFAULT_ENCODER].architecture == "tiny_vit"


# ---- MobileSAM ----


def _with_outputs(model: bytes, *names: str) -> bytes:
    """The same ONNX model with these tensors as further outputs: a graph's fields that are appended are added to it."""

    def block(number: int, content: bytes) -> bytes:
        assert len(content) < 1 << 14, "two bytes hold the length"
        length = bytes([len(content)] if len(content) < 128 else [len(content) & 127 | 128, len(content) >> 7])
        return bytes([number << 3 | 2]) + length + content

    tensor = b"\x08\x01" + block(2, block(1, b"") * 4)  # float32, four dimensions of any size
    values = (block(1, name.encode()) + block(2, block(1, tensor)) for name in names)
    return model + block(7, b"".join(block(12, value) for value in values))


def test_mobile_sam_gives_what_its_published_graph_gives(mobile_sam) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = weights.locate(ENTRIES["mobile_sam"])
    model = _with_outputs(path.read_bytes(), MID, FINE)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    shown = canvases(1, 1024, rows=700)
    if session.get_inputs()[0].shape[-1] == 3:  # such a graph normalises inside, and turns the mean colour into 0
        given = np.where(np.isnan(shown[0])[..., None], np.float32(canvas.PIXEL_MEAN), shown[0][..., None])
    else:
        given = canvas.normalise(shown[0], "sam")[None]
    neck, mid, fine = session.run([session.get_outputs()[0].name, MID, FINE], {session.get_inputs()[0].name: given})
    expected = {"neck": neck, "mid": mid, "fine": fine.reshape(1, 64, 128, 2, 128, 2).mean(axis=(3, 5))}
    for level, found in mobile_sam.encode(shown, LEVELS).items():
        np.testing.assert_allclose(found, expected[level], atol=TOLERANCE, err_msg=level)


def test_mobile_sams_decoder_has_every_tensor_of_sams_mask_decoder(mobile_sam) -> None:
    state = {key: torch.from_numpy(array) for key, array in mobile_sam.decoder_state().items()}
    extra = {"pe_gaussian": (2, 128), "no_mask_embed": (1, 256)}
    assert {key: tuple(state.pop(key).shape) for key in extra} == extra
    _mask_decoder().load_state_dict(state)
    assert sum(key.startswith("transformer.") for key in state) == 82


def test_the_rebuilt_decoder_gives_the_masks_of_the_onnx_decoder(mobile_sam) -> None:
    """End to end: our tensors in segment-anything's classes against the exported graph on the same embedding."""
    onnxruntime = pytest.importorskip("onnxruntime")
    decoder = _mask_decoder()
    path = weights.ensure(ENTRIES["mobile_sam_decoder"])
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    neck = mobile_sam.encode(canvases(1, 1024))["neck"]
    given = {
        "image_embeddings": neck,
        "point_coords": np.zeros((1, 1, 2), np.float32),
        "point_labels": -np.ones((1, 1), np.float32),
        "mask_input": np.zeros((1, 1, 256, 256), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
        "orig_im_size": np.array([1024, 1024], np.float32),
    }
    expected = session.run(["low_res_masks"], given)[0]
    state = {key: torch.from_numpy(array) for key, array in mobile_sam.decoder_state().items()}
    prompt = import_sam_modeling().PromptEncoder(256, (64, 64), (1024, 1024), 16)
    prompt.pe_layer.positional_encoding_gaussian_matrix.copy_(state.pop("pe_gaussian"))
    no_mask = state.pop("no_mask_embed").reshape(1, 256, 1, 1).expand(1, 256, 64, 64)
    decoder.load_state_dict(state)
    not_a_point = torch.from_numpy(
        read_graph(path.read_bytes()).weight("model.prompt_encoder.not_a_point_embed.weight")
    )
    with torch.no_grad():
        masks, _ = decoder.predict_masks(torch.from_numpy(neck), prompt.get_dense_pe(), not_a_point[None], no_mask)
    found = masks.numpy()
    assert any(np.allclose(found[:, index], expected[:, 0], atol=1e-2) for index in range(4))


# ---- LiteMedSAM ----


def test_lite_medsam_gives_what_its_authors_network_gives(medsam_lite) -> None:
    """Against stored values; how they were made is said in the file."""
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    torch.manual_seed(0)
    with torch.inference_mode():
        (neck,) = medsam_lite._model(torch.rand(1, 3, 256, 256))
    assert neck.shape == (1, 256, 64, 64)
    found = [float(neck[0, channel, row, column]) for channel, row, column in stored["places"]]
    np.testing.assert_allclose(found, stored["values"], atol=TOLERANCE)
    assert float(neck.std()) == pytest.approx(stored["deviation"], abs=TOLERANCE)


def test_lite_medsams_decoder_starts_an_autosam_head(medsam_lite) -> None:
    from SAMAdaptLib.networks import head_class

    state = {key: torch.from_numpy(array) for key, array in medsam_lite.decoder_state().items()}
    _mask_decoder().load_state_dict({key: value for key, value in state.items() if "." in key and key != "pe_gaussian"})
    head = head_class("autosam")({"neck": 256}, 3)
    head.start_from_sam(state)
    torch.testing.assert_close(head.pe_gaussian, state["pe_gaussian"])


# ---- both ----


@pytest.mark.parametrize("size", [112, 168, 224, 256, 120])
def test_lite_medsam_works_at_every_size(medsam_lite, size: int) -> None:
    """Windows of 120 patches are padded."""
    _works_at(medsam_lite, size, patches=size)


@pytest.mark.parametrize("size", [448, 480])
def test_mobile_sam_works_at_smaller_sizes(mobile_sam, size: int) -> None:
    _works_at(mobile_sam, size, patches=size // 4)


def _works_at(encoder, size: int, patches: int) -> None:
    smaller = resized(encoder, size)
    shown = canvases(2, size, rows=size - 31)
    features = smaller.encode(shown, LEVELS)
    fine = patches // 2 if patches > 128 else patches
    assert {level: maps.shape[1:] for level, maps in features.items()} == {
        "neck": (256, patches // 4, patches // 4),
        "mid": (128, patches // 2, patches // 2),
        "fine": (64, fine, fine),
    }
    alone = smaller.encode(shown[1:])["neck"]
    np.testing.assert_allclose(features["neck"][1:], alone, atol=1e-5)
    assert all(np.isfinite(maps).all() for maps in features.values())


def test_openvino_computes_what_torch_computes_with_the_real_weights(medsam_lite, monkeypatch) -> None:
    pytest.importorskip("openvino")
    by_torch = resized(medsam_lite, 112)
    monkeypatch.setenv("SAMADAPT_RUNTIME", "openvino")
    monkeypatch.setenv("SAMADAPT_PRECISION", "fp32")
    by_openvino = load_encoder("medsam_lite", device="cpu", input_size=112)
    shown = canvases(2, 112, rows=90)
    expected = by_torch.encode(shown, LEVELS)
    for level, found in by_openvino.encode(shown, LEVELS).items():
        np.testing.assert_allclose(found, expected[level], atol=TOLERANCE, err_msg=level)


def _mask_decoder() -> torch.nn.Module:
    try:
        classes = import_sam_modeling()
    except DependencyError as error:
        pytest.skip(str(error))
    transformer = classes.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder: torch.nn.Module = classes.MaskDecoder(transformer_dim=256, transformer=transformer)
    return decoder
