"""MobileSAM itself: its real weights, its decoder, and reduced precision."""

from __future__ import annotations

import numpy as np
import pytest
from SAMAdaptLib.encoders.ranges import RANGES
from smallonnx import INSTALLED, encoders_of_both_runtimes, picture

from SAMAdaptLib.encoders import ENTRIES, load_encoder, weights
from SAMAdaptLib.encoders.onnx_graph import read_graph


def test_mobile_sam_gives_its_three_levels(mobile_sam):
    shown = picture(1024, rows=700)
    features = mobile_sam.encode(shown, ("neck", "mid", "fine"))
    shapes = {name: array.shape for name, array in features.items()}
    assert shapes == {"neck": (1, 256, 64, 64), "mid": (1, 128, 128, 128), "fine": (1, 64, 128, 128)}
    assert 0.05 < features["neck"].std() < 0.2
    assert all(np.isfinite(array).all() for array in features.values())


def test_mobile_sam_is_the_file_that_the_registry_names(mobile_sam):
    assert mobile_sam.sha256 == ENTRIES["mobile_sam"].sha256 and mobile_sam.name == "mobile_sam"


def test_mobile_sams_decoder_has_every_tensor_of_sams_mask_decoder(mobile_sam):
    torch = pytest.importorskip("torch")
    from SAMAdaptLib.encoders.sam import import_sam_modeling
    from SAMAdaptLib.errors import DependencyError

    try:
        classes = import_sam_modeling()
    except DependencyError as error:
        pytest.skip(str(error))
    transformer = classes.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = classes.MaskDecoder(transformer_dim=256, transformer=transformer)
    state = {key: torch.from_numpy(array) for key, array in mobile_sam.decoder_state().items()}
    extra = {"pe_gaussian": (2, 128), "no_mask_embed": (1, 256)}
    assert {key: tuple(state.pop(key).shape) for key in extra} == extra
    decoder.load_state_dict(state)
    assert sum(key.startswith("transformer.") for key in state) == 82


def test_the_rebuilt_decoder_gives_the_masks_of_the_onnx_decoder(mobile_sam):
    """End to end: our tensors in segment-anything's classes against the exported graph on the same embedding."""
    torch = pytest.importorskip("torch")
    onnxruntime = pytest.importorskip("onnxruntime")
    from SAMAdaptLib.encoders.sam import import_sam_modeling

    classes = import_sam_modeling()
    session = onnxruntime.InferenceSession(str(weights.ensure(ENTRIES["mobile_sam_decoder"])))
    neck = mobile_sam.encode(picture(1024, rows=1024))["neck"]
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
    prompt = classes.PromptEncoder(256, (64, 64), (1024, 1024), 16)
    prompt.pe_layer.positional_encoding_gaussian_matrix.copy_(state.pop("pe_gaussian"))
    no_mask = state.pop("no_mask_embed").reshape(1, 256, 1, 1).expand(1, 256, 64, 64)
    transformer = classes.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = classes.MaskDecoder(transformer_dim=256, transformer=transformer)
    decoder.load_state_dict(state)
    graph = read_graph(weights.ensure(ENTRIES["mobile_sam_decoder"]).read_bytes())
    not_a_point = torch.from_numpy(graph.weight("model.prompt_encoder.not_a_point_embed.weight"))
    with torch.no_grad():
        masks, _ = decoder.predict_masks(torch.from_numpy(neck), prompt.get_dense_pe(), not_a_point[None], no_mask)
    found = masks.numpy()
    assert any(np.allclose(found[:, index], expected[:, 0], atol=1e-2) for index in range(4))


def test_both_runtimes_agree_about_every_level(mobile_sam, monkeypatch: pytest.MonkeyPatch):
    """OpenVINO computes a graph that was rearranged, ONNX Runtime the file as it is."""
    shown, levels = picture(1024, rows=700), ("neck", "mid", "fine")
    first, second = (each.encode(shown, levels) for each in encoders_of_both_runtimes("mobile_sam", monkeypatch))
    for level, found in first.items():
        np.testing.assert_allclose(found, second[level], atol=1e-3 * float(np.abs(found).max()))


@pytest.fixture
def features_in(monkeypatch: pytest.MonkeyPatch):
    """Gives features in a precision that is asked for."""
    if "openvino" not in INSTALLED:
        pytest.skip("OpenVINO is not installed, and ONNX Runtime computes in fp32 on the processor")
    monkeypatch.setenv("SAMADAPT_RUNTIME", "openvino")

    def features(precision: str, shown: np.ndarray) -> tuple[str, np.ndarray]:
        monkeypatch.setenv("SAMADAPT_PRECISION", precision)
        encoder = load_encoder("mobile_sam")
        return encoder.fingerprint, encoder.encode(shown)["neck"]

    return features


def test_bf16_features_stay_close_to_fp32(mobile_sam, features_in):
    shown = picture(1024, rows=700)
    results = {}
    for precision in ("fp32", "bf16"):
        fingerprint, results[precision] = features_in(precision, shown)
        assert f"-{precision}-" in fingerprint
    assert np.abs(results["bf16"] - results["fp32"]).max() < 0.02


def test_int8_features_stay_close_to_fp32(mobile_sam, features_in):
    """A smooth picture, as slices are: of noise alone features are all but nothing, and rounding is more of them."""
    shown = _smooth(1024, rows=700)
    fingerprint, coarse = features_in("int8", shown)
    _, exact = features_in("fp32", shown)
    assert "-int8+" in fingerprint
    assert 0 < np.sqrt(np.mean((coarse - exact) ** 2)) < 0.04 * exact.std()


def test_every_range_is_of_a_product_of_the_file(mobile_sam):
    names = {node.name for node in read_graph(weights.ensure(ENTRIES["mobile_sam"]).read_bytes()).nodes}
    ranges = RANGES[ENTRIES["mobile_sam"].sha256]
    assert len(ranges) > 40 and set(ranges) <= names
    assert all(low < 0 < high for low, high in ranges.values())


def _smooth(side: int, rows: int) -> np.ndarray:
    """A gray canvas of a few bright discs on a dark ground, NaN below ``rows``."""
    row, column = np.mgrid[:side, :side].astype(np.float32)
    canvas = np.full((side, side), 20, np.float32)
    for middle, radius, gray in (((300, 400), 250, 120), ((350, 450), 90, 220), ((500, 700), 60, 180)):
        distance = np.hypot(row - middle[0], column - middle[1])
        canvas += (gray - canvas) * (1 - np.tanh((distance - radius) / 8)) / 2
    canvas[rows:] = np.nan
    return canvas[None]
