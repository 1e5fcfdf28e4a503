"""Heads: shapes, sizes, standardisation, and the file that carries them."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from SAMAdaptLib.errors import DependencyError, HeadFileError, InputError
from SAMAdaptLib.heads.card import METADATA_KEY, HeadCard, read_card
from SAMAdaptLib.heads.head import Head, load_head, save_head
from SAMAdaptLib.heads.parts import Quality, ShapeSpec, TrainingRecord
from SAMAdaptLib.networks import HEAD_CLASSES, build_head, head_class
from SAMAdaptLib.networks.base import ChannelNorm
from SAMAdaptLib.networks.ensemble import EnsembleHead
from SAMAdaptLib.training.fit import segmentation_loss
from SAMAdaptLib.utils.segment_anything import import_sam_modeling

CHANNELS = {"neck": 256, "fine": 64}
SHAPES = ShapeSpec(classes=3, distance_mm=5.0)
HYPER = {"channels": {"neck": 256}, "classes": 3}


def a_card(kind: str = "linear", classes: int = 3) -> HeadCard:
    return HeadCard(
        name="ventricles",
        head={"type": kind, "hyper": {"channels": {"neck": 256}, "classes": classes}},
        encoder={"name": "mobile_sam", "sha256": "ab" * 32, "levels": {"neck": [256, 64]}},
        plane={"name": "axial", "acquisition": True},
        intensity={"kind": "percentile", "low": 0.5, "high": 99.5},
        structures=[
            {"value": 3, "name": "Left ventricle", "color": [1.0, 0.0, 0.0], "terminology": ""},
            {"value": 7, "name": "Myocardium", "color": [0.0, 1.0, 0.0], "terminology": ""},
        ],
        quality={"mean_dice": 0.83},
    )


@pytest.mark.parametrize(
    ("training", "shapes", "expected"),
    [
        ({"cases": 1}, True, 0.83 * 0.9),
        ({"cases": 2}, True, 0.83 * 0.9),
        ({"cases": 20}, True, 0.83 * 0.99),
        ({"cases": 1, "scribbles": True}, True, None),
        ({"cases": 1}, False, None),
    ],
    ids=[
        "one case",
        "two times of one patient",
        "many cases",
        "scribbles",
        "no prior",
    ],
)
def test_less_is_expected_on_other_patients_than_on_held_out_slices(training: dict, shapes: bool, expected) -> None:
    card = replace(a_card(), training=TrainingRecord.of(training), shapes=SHAPES if shapes else None)
    assert card.expected_dice == (None if expected is None else pytest.approx(expected))


def test_nothing_is_expected_where_nothing_was_held_out() -> None:
    assert replace(a_card(), quality=Quality(mean_dice=None), shapes=SHAPES).expected_dice is None


def a_head() -> Head:
    torch.manual_seed(0)
    return Head(a_card(), head_class("linear")(CHANNELS, 3))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_head(a_head(), tmp_path / "ventricles.samhead")


def needs_segment_anything() -> None:
    try:
        import_sam_modeling()
    except DependencyError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", sorted(set(HEAD_CLASSES) - {"ensemble"}))
@pytest.mark.parametrize("classes", [2, 14])
def test_every_head_gives_a_logit_map_per_class(kind: str, classes: int) -> None:
    if kind == "autosam":
        needs_segment_anything()
    module = head_class(kind)(CHANNELS, classes).eval()
    features = {"neck": torch.randn(2, 256, 64, 64), "fine": torch.randn(2, 64, 128, 128)}
    with torch.inference_mode():
        logits = module({level: features[level] for level in module.needs}, torch.randn(2, 1, 256, 256))
    assert logits.shape[:2] == (2, classes)
    assert logits.shape[2] == logits.shape[3] >= 64


def test_autosam_starts_from_sams_decoder_and_its_positional_encoding() -> None:
    needs_segment_anything()
    modeling = import_sam_modeling()
    transformer = modeling.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = modeling.MaskDecoder(num_multimask_outputs=3, transformer=transformer, transformer_dim=256)
    encoding = modeling.PromptEncoder(256, (64, 64), (1024, 1024), 16)
    state = {
        **decoder.state_dict(),
        "pe_gaussian": encoding.pe_layer.positional_encoding_gaussian_matrix,
        "no_mask_embed": encoding.no_mask_embed.weight,
    }
    module = head_class("autosam")(CHANNELS, 3)
    module.start_from_sam(state)
    torch.testing.assert_close(module._position(64, 64)[None], encoding.get_dense_pe())
    for key, value in decoder.transformer.state_dict().items():
        torch.testing.assert_close(module.transformer.state_dict()[key], value, rtol=0, atol=0)
    torch.testing.assert_close(module.hypernetworks[2][4].weight, decoder.output_hypernetworks_mlps[2].layers[2].weight)


@pytest.mark.parametrize("kind", sorted(set(HEAD_CLASSES) - {"autosam", "ensemble"}))
def test_a_head_is_rebuilt_from_its_own_hyper_parameters(kind: str) -> None:
    module = head_class(kind)(CHANNELS, 5)
    again = build_head(kind, json.loads(json.dumps(module.hyper())))
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in module.state_dict().items()}


def test_the_linear_head_is_a_true_linear_probe() -> None:
    torch.manual_seed(0)
    module = head_class("linear")(CHANNELS, 4)
    assert sum(parameter.numel() for parameter in module.parameters()) == 257 * 4
    neck, nothing = torch.randn(1, 256, 64, 64), torch.zeros(1, 1, 256, 256)
    logits = module({"neck": neck}, nothing)
    assert (logits < 0).any(), "logits are not cut off at zero"
    torch.testing.assert_close(
        module({"neck": 3 * neck}, nothing) - logits, 2 * (logits - module({"neck": 0 * neck}, nothing))
    )


def test_standardised_channels_have_zero_mean_and_unit_deviation() -> None:
    features = torch.randn(4, 3, 8, 8) * torch.tensor([0.01, 1.0, 50.0])[:, None, None] + 3
    norm = ChannelNorm(3)
    norm.set(features.mean(dim=(0, 2, 3)), features.std(dim=(0, 2, 3)))
    out = norm(features)
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(out.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def an_ensemble() -> EnsembleHead:
    return EnsembleHead.of([head_class("linear")(CHANNELS, 3), head_class("fusion")(CHANNELS, 3)]).eval()


def test_an_ensemble_answers_with_the_mean_of_its_members_probabilities() -> None:
    ensemble = an_ensemble()
    features = {"neck": torch.randn(2, 256, 64, 64), "fine": torch.randn(2, 64, 128, 128)}
    picture = torch.randn(2, 1, 256, 256)
    each = [
        torch.nn.functional.interpolate(part(features, picture), (256, 256), mode="bilinear")
        for part in ensemble.parts()
    ]
    torch.testing.assert_close(
        ensemble(features, picture).softmax(dim=1), (each[0].softmax(dim=1) + each[1].softmax(dim=1)) / 2
    )


def test_an_ensemble_asks_for_the_features_of_all_its_members_and_saves_like_any_head(tmp_path: Path) -> None:
    ensemble = an_ensemble()
    assert ensemble.needs == ("fine", "neck")
    path = save_head(
        Head(replace(a_card(), head={"type": "ensemble", "hyper": ensemble.hyper()}), ensemble), tmp_path / "a.samhead"
    )
    again = load_head(path)
    features = {"neck": torch.randn(1, 256, 64, 64), "fine": torch.randn(1, 64, 128, 128)}
    picture = torch.randn(1, 1, 256, 256)
    torch.testing.assert_close(again.module(features, picture), ensemble(features, picture))


def test_a_perfect_prediction_costs_nearly_nothing_and_a_wrong_one_much() -> None:
    targets = torch.randint(0, 3, (2, 16, 16))
    right = 20.0 * torch.nn.functional.one_hot(targets, 3).permute(0, 3, 1, 2).float()
    assert segmentation_loss(right, targets) < 0.02
    assert segmentation_loss(right.roll(1, dims=1), targets) > 5


def test_pixels_without_annotation_do_not_matter_to_the_loss() -> None:
    targets = torch.randint(0, 3, (1, 16, 16))
    logits = torch.randn(1, 3, 16, 16)
    targets[:, 8:] = 255
    changed = logits.clone()
    changed[:, :, 8:] = 100 * torch.randn(1, 3, 8, 16)
    torch.testing.assert_close(segmentation_loss(logits, targets), segmentation_loss(changed, targets))
    assert segmentation_loss(logits, torch.full((1, 16, 16), 255)) == 0


def test_a_saved_head_gives_the_same_answers(saved: Path) -> None:
    head, again = a_head(), load_head(saved)
    neck = {"neck": torch.randn(1, 256, 64, 64)}
    picture = torch.zeros(1, 1, 256, 256)
    torch.testing.assert_close(again.module(neck, picture), head.module(neck, picture))
    assert again.card == head.card
    assert not again.module.training


def test_saving_changes_neither_the_head_nor_leaves_parts_behind(tmp_path: Path) -> None:
    head = Head(replace(a_card(), name=""), head_class("linear")(CHANNELS, 3))
    before = head.card.to_json()
    save_head(head, tmp_path / "liver.samhead")
    assert head.card.to_json() == before
    assert [path.name for path in tmp_path.iterdir()] == ["liver.samhead"]
    assert read_card(tmp_path / "liver.samhead").name == "liver"


def test_a_head_file_is_plain_safetensors_whose_bytes_can_be_read_by_hand(saved: Path) -> None:
    data = saved.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert json.loads(header["__metadata__"][METADATA_KEY])["structures"][0]["name"] == "Left ventricle"
    assert header["classify.weight"]["dtype"] == "F32"
    assert header["classify.weight"]["shape"] == [3, 256, 1, 1]
    assert len(data) == 8 + length + max(header[key]["data_offsets"][1] for key in header if key != "__metadata__")


@pytest.mark.parametrize("kept", [0, 5, 8, 100, -1])
def test_a_truncated_head_file_is_refused_by_name(saved: Path, kept: int) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[:kept] if kept >= 0 else data[:-1])
    with pytest.raises(HeadFileError, match=r"ventricles\.samhead"):
        load_head(saved)


def test_surplus_bytes_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"more")
    with pytest.raises(HeadFileError, match="bytes where its header announces"):
        read_card(saved)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.samhead"
    path.write_bytes(b"\x80\x04\x95" + b"x" * 100)
    with pytest.raises(HeadFileError, match="not a head file"):
        load_head(path)


def rewritten(path: Path, **changes: object) -> None:
    """The same file with another card."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    card = {**json.loads(header["__metadata__"][METADATA_KEY]), **changes}
    header["__metadata__"][METADATA_KEY] = json.dumps(card)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": 99}, "unknown head schema 99"),
        ({"schema": None}, "unknown head schema None"),
        ({"structures": []}, "structures must be 1 to 254 parts"),
        ({"structures": [{"value": 0, "name": "x"}]}, r"structure.value must be 1 to 65535, not 0"),
        ({"structures": [{"value": 1, "name": "a"}, {"value": 1, "name": "b"}]}, "share a label value"),
        (
            {"structures": [{"value": 1, "name": "a", "ml": [9, 3]}]},
            "The size of a must be the least and the most in ml, not .9.0, 3.0.",
        ),
        ({"structures": [{"value": 1, "name": "a", "ml": [0.0, 3.0]}]}, "structure.ml.0. must be 1e-12 to"),
        ({"structures": [{"value": 1, "name": "a", "ml": "large"}]}, "structure.ml must be a list"),
        ({"encoder": {"name": "mobile_sam"}}, "encoder lacks: sha256, levels"),
        ({"head": {"type": "transformer", "hyper": HYPER}}, "head.type must be one of .*, not 'transformer'"),
        ({"head": {"type": "linear", "hyper": {**HYPER, "depth": 3}}}, "do not fit a 'linear' head"),
        (
            {"head": {"type": "linear", "hyper": {**HYPER, "classes": 9}}},
            "names 2 structures, and its networks tell 9 classes",
        ),
    ],
)
def test_a_card_that_cannot_be_trusted_is_refused_with_the_reason(saved: Path, changes: dict, reason: str) -> None:
    rewritten(saved, **changes)
    with pytest.raises(HeadFileError, match=reason):
        load_head(saved)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    head = a_head()
    with torch.no_grad():
        head.module.classify.weight[0, 0] = float("nan")
    path = save_head(head, tmp_path / "broken.samhead")
    with pytest.raises(HeadFileError, match="not finite: classify.weight"):
        load_head(path)


def test_a_changed_bit_in_any_weight_is_refused_in_one_sentence(saved: Path) -> None:
    whole = saved.read_bytes()
    start = 8 + struct.unpack("<Q", whole[:8])[0]
    for at in range(start, len(whole), max((len(whole) - start) // 40, 1)):
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(HeadFileError, match=r"ventricles\.samhead: the head is not as it was saved"):
            load_head(saved)
    saved.write_bytes(whole)
    assert load_head(saved).card == a_head().card


def test_a_changed_word_on_the_card_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes().replace(b"Left ventricle", b"Left ventrical"))
    with pytest.raises(HeadFileError, match="its checksum does not fit"):
        load_head(saved)


def test_a_head_of_an_older_version_has_no_checksum_loads_and_says_so(saved: Path) -> None:
    data = saved.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    card = json.loads(header["__metadata__"][METADATA_KEY])
    assert len(card.pop("sha256")) == 64
    header["__metadata__"][METADATA_KEY] = json.dumps(card)
    text = json.dumps(header).encode()
    saved.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    head = load_head(saved)
    assert head.card == a_head().card
    assert not head.verified and "has no checksum" in head.reservations()[0]
    again = load_head(save_head(head, saved))
    assert again.verified and a_head().verified and again.reservations() == []


def test_another_ending_is_refused_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Use liver\.samhead"):
        save_head(a_head(), tmp_path / "liver.pth")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        save_head(a_head(), tmp_path / "nowhere" / "liver.samhead")


def test_an_unknown_head_type_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="auto, linear, cnn, autosam, fusion"):
        head_class("mlp")
