"""What speaks against a result: another kind of volume, nothing found, shapes that the head never saw."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from balls import ball_arrays, ball_head, write_ball
from listeners import Listener
from phantoms import two_balls
from test_heads import a_card

from SAMAdaptLib.cli import main
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Volume
from SAMAdaptLib.data.io.volumes import read_volume, write_volume
from SAMAdaptLib.errors import InputError
from SAMAdaptLib.features.sliced_volume import slices_for_head
from SAMAdaptLib.heads.card import HeadCard
from SAMAdaptLib.heads.head import save_head
from SAMAdaptLib.inference.quality_control import (
    LEAST_AGREEMENT,
    TOO_COARSE,
    check_planes,
    coarse_to_learn_in,
    looks_of,
    quality_warnings,
    seen_in,
    unfamiliar,
)
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.networks.shape_prior import CELLS, ShapePrior

BOTH = {3: 0.9, 7: 0.8}


def volume(modality: str = "") -> Volume:
    return replace(two_balls().volume, modality=modality)


def test_an_ordinary_result_raises_no_doubt() -> None:
    assert quality_warnings(a_card(), volume(), BOTH, None) == []
    assert quality_warnings(a_card(), volume("MR"), BOTH, LEAST_AGREEMENT) == []


def test_another_modality_is_named_with_the_trained_one() -> None:
    (reason,) = quality_warnings(replace(a_card(), modality="MR"), volume("CT"), BOTH, 0.9)
    assert reason == "The volume is CT, and the head was trained on MR."
    assert quality_warnings(replace(a_card(), modality="MR"), volume(), BOTH, 0.9) == []


def test_structures_that_were_not_found_are_named_unless_only_a_part_was_looked_at() -> None:
    assert quality_warnings(a_card(), volume(), {7: 0.9}, None) == ["Not found: Left ventricle."]
    assert quality_warnings(a_card(), volume(), {7: 0.9}, None, whole=False) == []


def test_shapes_that_the_prior_takes_apart_are_doubted() -> None:
    (reason,) = quality_warnings(a_card(), volume(), BOTH, LEAST_AGREEMENT - 0.1)
    assert "little of the shapes that it was trained on" in reason


def with_sizes(*span_ml: float) -> HeadCard:
    """The card of a ventricle (3) that had these sizes in the annotations; what the other one (7) had is not known."""
    card = a_card()
    return replace(card, structures=[{**s, "ml": list(span_ml) if s["value"] == 3 else []} for s in card.structures])


@pytest.mark.parametrize(("found_ml", "doubted"), [(11.9, True), (12.1, False), (60, False), (749, False), (751, True)])
def test_a_structure_of_quite_another_size_than_in_the_training_is_doubted(found_ml: float, doubted: bool) -> None:
    reasons = quality_warnings(with_sizes(60, 150), volume(), {3: found_ml, 7: 1000.0}, 0.9)
    words = f"Left ventricle has {found_ml:.3g} ml; in the training it had 60 to 150 ml."
    assert reasons == [words] * doubted
    assert quality_warnings(with_sizes(60, 150), volume(), {3: found_ml, 7: 1000.0}, 0.9, whole=False) == []


def test_one_training_size_is_named_as_one_and_none_says_nothing() -> None:
    (reason,) = quality_warnings(with_sizes(60, 60), volume(), {3: 6.0, 7: 1.0}, None)
    assert reason.endswith("in the training it had 60 ml.")
    assert quality_warnings(with_sizes(), volume(), {3: 6.0, 7: 1.0}, None) == []


def test_what_was_not_found_is_said_once() -> None:
    assert quality_warnings(with_sizes(60, 60), volume(), {7: 1.0}, None) == ["Not found: Left ventricle."]


# What a head has seen nothing like ------------------------------------------------------------------------------------


def looks(*spacing: float, gray: tuple[float, ...] = (0, 2, 8, 40, 90, 150, 190)) -> dict[str, list[float]]:
    return {"spacing_mm": list(spacing), "gray": list(gray)}


def having_seen(*seen: object) -> HeadCard:
    return replace(a_card(), training={"seen": list(seen)})


@pytest.mark.parametrize(
    ("spacing", "words"),
    [
        ((1.4, 1.4, 10.0), ""),
        ((0.5, 0.5, 8.0), ""),
        ((4.9, 4.9, 2.0), ""),
        ((0.4, 0.4, 8.0), "The volume's pixels are 0.4 mm wide; in the training that was 1.4 to 1.7 mm."),
        ((1.4, 5.2, 8.0), "The volume's pixels are 5.2 mm wide; in the training that was 1.4 to 1.7 mm."),
        ((1.4, 1.4, 1.0), "The volume's slices are 1 mm apart; in the training that was 8 mm."),
        ((1.4, 1.4, 8000.0), "The volume's slices are 8e+03 mm apart; in the training that was 8 mm."),
    ],
)
def test_a_spacing_far_from_any_of_the_training_is_doubted(spacing: tuple[float, ...], words: str) -> None:
    card = having_seen(looks(1.4, 1.4, 8.0), looks(1.7, 1.7, 8.0))
    assert quality_warnings(card, volume(), BOTH, 0.9, looks=looks(*spacing)) == ([words] if words else [])


def test_gray_values_far_from_any_of_the_training_are_doubted() -> None:
    here = looks(1.4, 1.4, 8.0, gray=(65, 105, 165, 215, 247, 253, 255))
    card = having_seen(looks(1.4, 1.4, 8.0))
    (reason,) = quality_warnings(card, volume(), BOTH, 0.9, looks=here)
    assert reason.startswith("The volume is bright and dark in quite other parts")
    assert quality_warnings(having_seen(looks(1.4, 1.4, 8.0), here), volume(), BOTH, 0.9, looks=here) == []


def test_a_card_that_does_not_say_what_it_saw_raises_no_doubt() -> None:
    assert quality_warnings(having_seen(), volume(), BOTH, 0.9, looks=looks(9, 9, 99)) == []


@pytest.mark.parametrize(
    "seen",
    [
        ("x",),
        ({},),
        ({"spacing_mm": [1], "gray": []},),
        ({"spacing_mm": ["1"] * 3, "gray": [0] * 7},),
        ({"spacing_mm": [float("nan")] * 3, "gray": [0] * 7},),
        ({"spacing_mm": [1] * 3, "gray": {"a": 1}},),
        (looks(1, 1, 1),) * 65,
    ],
)
def test_a_card_with_looks_that_are_none_is_refused(seen: tuple) -> None:
    with pytest.raises(InputError, match="seen"):
        having_seen(*seen)


def test_a_training_says_what_it_saw_and_doubts_only_what_differs() -> None:
    case = two_balls()
    card = replace(ball_head().card, plane={"name": "axial", "acquisition": True, "side_mm": 60.0})
    card = replace(card, training={"seen": seen_in(card, [case.volume])})
    assert card.training["seen"][0]["spacing_mm"] == [1.1, 1.0, 3.0]
    assert json.loads(card.to_json())["training"]["seen"] == card.training["seen"]

    def reasons(other: Volume) -> list[str]:
        return unfamiliar(card, looks_of(slices_for_head(card, other)))

    assert reasons(two_balls(seed=3, shift=0.1).volume) == []
    coarse = Volume(case.volume.voxels, Geometry(case.volume.geometry.size, (9.0, 9.0, 9.0)))
    assert [words.split(";")[0] for words in reasons(coarse)] == ["The volume's pixels are 9 mm wide"]
    ramp = np.linspace(0, 1, case.volume.voxels.size).reshape(case.volume.voxels.shape) ** 8
    assert len(reasons(case.volume.with_array(ramp.astype(np.float32)))) == 1


def test_real_volumes_of_one_kind_raise_no_doubt_and_of_another_do(shared_data: Path) -> None:
    hearts, hippocampi = (sorted((shared_data / kind / "images").glob("*.nii.gz")) for kind in ("acdc", "hippocampus"))
    if not hearts or not hippocampi:
        pytest.skip("no hearts and hippocampi among the data")
    trained = read_volume(hearts[0])
    card = replace(ball_head().card, plane={"name": "axial", "acquisition": True, "side_mm": 500.0})
    card = replace(card, training={"seen": seen_in(card, [trained])})
    for path in hearts[1 :: max(1, len(hearts) // 6)]:
        other = read_volume(path)
        assert unfamiliar(card, looks_of(slices_for_head(card, other))) == [], path.name
        inverted = other.with_array(other.voxels.max() - other.voxels)
        assert len(unfamiliar(card, looks_of(slices_for_head(card, inverted)))) == 1, path.name
    assert unfamiliar(card, looks_of(slices_for_head(card, read_volume(hippocampi[0]))))


# Regions --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", [((48, 60), (0, 9), (0, 3)), ((0, 9), (-5, 0), (0, 3)), ((0, 9), (0, 9), (8, 9))])
def test_a_region_beside_the_volume_is_refused(ball: Volume, region: tuple) -> None:
    with pytest.raises(InputError, match=r"lies beside the volume: [ijk] .* it has 48 x 40 x 8 voxels"):
        segment(ball, ball_head(), region=region)


def test_a_region_that_reaches_beyond_the_volume_is_cut_and_says_so(ball: Volume) -> None:
    heard, quiet = Listener(), Listener()
    cut = segment(ball, ball_head(), region=((10, 60), (0, 40), (0, 9)), monitor=heard)
    whole = segment(ball, ball_head(), region=((10, 48), (0, 40), (0, 8)), monitor=quiet)
    assert heard.warnings == [
        "The region reaches beyond the volume (i 10 to 60 of 48, k 0 to 9 of 8): only what lies within was looked at."
    ]
    assert quiet.warnings == []
    assert np.array_equal(cut.voxels, whole.voxels)


def test_nothing_in_the_region_is_said(ball: Volume) -> None:
    heard = Listener()
    assert not segment(ball, ball_head(), region=((0, 4), (0, 4), (0, 8)), monitor=heard).voxels.any()
    assert heard.warnings == ["Nothing was found in the region."]


def test_the_command_tells_doubts_in_its_lines_and_its_json(tmp_path: Path, empty_home: Path, capsys) -> None:
    image, _ = write_ball(tmp_path, "a")
    head = ball_head()
    seen = [{"spacing_mm": [0.1, 0.1, 5.0], "gray": [0, 0, 0, 0, 0, 0, 0]}]
    save_head(replace(head, card=replace(head.card, training={"seen": seen})), tmp_path / "h.samhead")
    command = ["segment", "--head", str(tmp_path / "h.samhead"), image, "-o", str(tmp_path / "r.nrrd"), "--json"]
    assert main([*command, "--region", "0:99,0:40,0:8"]) == 0
    told = capsys.readouterr()
    warnings = json.loads(told.out)["warnings"]
    assert [words.split(" (")[0][:32] for words in warnings] == [
        "The region reaches beyond the vo",
        "The volume's pixels are 1.1 mm w",
        "The volume is bright and dark in",
    ]
    assert all(f"warning: {words}" in told.err for words in warnings)
    assert main([*command, "--region", "90:99,0:40,0:8"]) == 2
    assert "lies beside the volume" in capsys.readouterr().err


@pytest.fixture
def ball() -> Volume:
    image, _ = ball_arrays()
    return Volume(image, Geometry((48, 40, 8), (1.1, 1.2, 5.0)))


def test_segmenting_says_what_was_not_found(ball: Volume) -> None:
    heard = Listener()
    head = ball_head()
    module = head.module
    with torch.no_grad():
        module.classify.bias[1] = -1000.0  # type: ignore[union-attr,index,operator]
    assert not segment(ball, head, monitor=heard).voxels.any()
    assert heard.warnings == ["Not found: Ball."]


def test_segmenting_doubts_what_its_prior_would_not_have(ball: Volume) -> None:
    class Elsewhere(ShapePrior):
        """Expects the ball in another corner."""

        def forward(self, occupancies: torch.Tensor) -> torch.Tensor:
            logits = torch.full((len(occupancies), 2, CELLS, CELLS), 0.0)
            logits[:, 0] = 9.0
            logits[:, 1, :6, :6] = 18.0
            return logits

    heard = Listener()
    head = ball_head()
    with torch.no_grad():  # Not so sure that a prior could not change its mind.
        for parameter in head.module.parameters():
            parameter *= 0.3
    head = replace(head, prior=Elsewhere(2), card=replace(head.card, shapes={"classes": 2, "distance_mm": 5.0}))
    segment(ball, head, monitor=heard)
    assert any("agreement 0.0" in words for words in heard.warnings)
    quiet = Listener()
    assert np.any(segment(ball, ball_head(), monitor=quiet).voxels)
    assert quiet.warnings == []


# --- planes that the head did not learn in ----------------------------------------------------------------------------


def thick(factor: float) -> Volume:
    """A volume whose axial slices are ``factor`` times as thick as their pixels are wide."""
    return Volume(ball_arrays()[0], Geometry(ball_arrays()[0].shape[::-1], (1.0, 1.0, factor)), "scan")


@pytest.mark.parametrize(
    "choices", [{"planes": "three"}, {"planes": "three", "tta": True}, {"plane": "sagittal"}], ids=str
)
def test_a_plane_across_thick_slices_is_refused_before_anything_is_computed(
    choices: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("SAMAdaptLib.inference.segment.CascadePredictor", lambda *_: pytest.fail("computed"))
    words = "The pixels of sagittal slices of scan are 1 x 3.1 mm: its own slices are too thick .* learned from axial"
    with pytest.raises(InputError, match=words) as refusal:
        segment(thick(TOO_COARSE + 0.1), ball_head(), **choices)
    assert "Look in one direction" in refusal.value.hint


def test_a_plane_across_thinner_slices_is_looked_at_and_doubted() -> None:
    heard = Listener()
    segment(thick(TOO_COARSE - 0.1), ball_head(), planes="three", monitor=heard)
    assert any("learned from axial slices and looked at sagittal and coronal ones" in text for text in heard.warnings)
    for own in ({}, {"plane": "axial"}):
        heard = Listener()
        segment(thick(TOO_COARSE + 9), ball_head(), **own, monitor=heard)
        assert not any("learned from" in text for text in heard.warnings)


def test_the_command_line_refuses_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    image, head = tmp_path / "scan.nii.gz", save_head(ball_head(), tmp_path / "ball.samhead")
    write_volume(thick(6), image)
    assert (
        main(["segment", "--head", str(head), str(image), "-o", str(tmp_path / "r.nii.gz"), "--planes", "three"]) == 2
    )
    assert "The pixels of sagittal slices of scan are 1 x 6 mm" in capsys.readouterr().err
    assert not (tmp_path / "r.nii.gz").exists()


def test_learning_in_a_plane_across_thick_slices_is_doubted() -> None:
    sagittal, axial = (replace(a_card().plane, name=name, acquisition=False) for name in ("sagittal", "axial"))
    (words,) = coarse_to_learn_in(sagittal, [thick(6), thick(2)])
    assert words.startswith("The pixels of sagittal slices of scan are 1 x 6 mm")
    assert coarse_to_learn_in(axial, [thick(6)]) == []
    own = slices_for_head(a_card(), thick(6))
    assert check_planes(own, [own]) == ""
