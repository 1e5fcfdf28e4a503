"""The closer look: where it goes, that it is trained and kept, what it changes and where it is not taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from geometries import turned
from hypothesis import given, settings
from hypothesis import strategies as st
from listeners import Listener
from methods import change_method
from phantoms import dice, two_balls
from test_heads import HYPER, a_card, rewritten

from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.data.io.volumes import write_volume
from SAMAdaptLib.encoders.tiny import TinyEncoder
from SAMAdaptLib.errors import HeadFileError
from SAMAdaptLib.features.cache import FeatureCache
from SAMAdaptLib.features.sliced_volume import slices_for_head
from SAMAdaptLib.heads.head import Head, load_head, save_head
from SAMAdaptLib.inference import cascade as predictor
from SAMAdaptLib.inference.config import CascadeSettings
from SAMAdaptLib.inference.segment import segment
from SAMAdaptLib.jobs.runner import run_job
from SAMAdaptLib.jobs.specs import EmbedJob, SegmentJob
from SAMAdaptLib.networks import head_class
from SAMAdaptLib.preprocessing.roi import STEPS, RegionOfInterest, bounding_roi, roi_side
from SAMAdaptLib.preprocessing.slicing import CanvasGeometry
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.training.budget import BUDGETS, allows_second_stage
from SAMAdaptLib.training.config import METHOD
from SAMAdaptLib.training.train import train
from SAMAdaptLib.utils.disk.slice_store import SliceStore

WIDE = Geometry((110, 100, 8), (1.0, 1.1, 3.0))


def small_balls(geometry: Geometry = WIDE, seed: int = 0) -> Case:
    """Two balls of which a closer look shows more: they lie in a small part of wide slices."""
    middle = two_balls(Geometry((40, 36, geometry.size[2]), geometry.spacing), seed=seed)
    shape = geometry.shape
    chance = np.random.default_rng(seed + 100)
    voxels = (100 + chance.normal(0, 3, shape)).astype(np.float32)
    labels = np.zeros(shape, np.uint8)
    part = (slice(None), slice(40, 76), slice(20, 60))
    voxels[part], labels[part] = middle.volume.voxels, middle.labelmap.voxels
    return Case(Volume(voxels, geometry, name="wide"), Labelmap(labels, geometry, middle.labelmap.structures))


def few_slices_each_way() -> Volume:
    """The two balls with less around them, where all planes are looked at."""
    return two_balls(Geometry((40, 36, WIDE.size[2]), WIDE.spacing), seed=5).volume


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(tmp_path_factory.getbasetemp() / "closer home"))
    few = dict.fromkeys(("cnn", "fusion", "autosam", "student"), {"steps": 20, "batch": 2})
    change_method(monkeypatch, fits=few, priors={"stacks": 40, "stack_batch": 8})
    monkeypatch.setitem(BUDGETS, "best", replace(BUDGETS["best"], views=2, effort=1.0, shape_steps=20))


@pytest.fixture
def head(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Head:
    """A head with a closer look, trained once for this file, and longer than the others."""
    path = tmp_path_factory.getbasetemp() / "closer.samhead"
    if not path.exists():
        with monkeypatch.context() as changed:
            change_method(changed, fits={"cnn": {"steps": 60, "batch": 8}})
            save_head(train([small_balls()], encoder="tiny", budget="best"), path)
    return load_head(path)


class Sure(torch.nn.Module):
    """In place of a head's network: one class everywhere, without doubt."""

    needs: Sequence[str] = ("neck",)

    def __init__(self, chosen: int) -> None:
        super().__init__()
        self.chosen, self.classes = chosen, 3

    def forward(self, features: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(1, self.classes, 64, 64)
        logits[:, self.chosen] = 50
        return logits


class Refusing(Sure):
    """A network that must not be asked."""

    def forward(self, features: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
        raise AssertionError


def with_closer_module(head: Head, module: torch.nn.Module) -> Head:
    assert head.closer is not None
    return replace(head, closer=replace(head.closer, module=module, prior=None))  # type: ignore[arg-type]


# Where it goes ----------------------------------------------------------------------------------------------------


@given(
    st.integers(4, 40), st.integers(4, 40), st.integers(0, 20), st.integers(0, 20), st.floats(0.3, 4), st.floats(0.3, 4)
)
@settings(max_examples=60, deadline=None)
def test_a_window_holds_what_was_found_whatever_the_spacing(
    height: int, width: int, top: int, left: int, row_mm: float, column_mm: float
) -> None:
    mask = np.zeros((64, 70), bool)
    mask[top : top + height, left : left + width] = True
    found = bounding_roi([mask, ~mask & False], (row_mm, column_mm))
    assert found is not None
    window = found.window(
        CanvasGeometry(mask.shape, (row_mm, column_mm), 0.0, 0.0, 500.0), METHOD.roi_margin * found.side_mm
    )
    assert found.side_mm <= max(height * row_mm, width * column_mm) + 1e-6
    for first, count, mm, corner in ((top, height, row_mm, window.top_mm), (left, width, column_mm, window.left_mm)):
        assert corner <= first * mm + 1e-6
        assert corner + window.side_mm >= (first + count) * mm - 1e-6


@given(st.floats(-20, 20), st.floats(-20, 20))
@settings(max_examples=60, deadline=None)
def test_windows_around_places_that_differ_a_little_are_mostly_the_same(row: float, column: float) -> None:
    slices = CanvasGeometry((100, 100), (1.0, 1.0), 0.0, 0.0, 100.0)
    window = RegionOfInterest((50.0 + row, 50.0 + column), 20.0).window(slices, 40.0)
    for corner, middle in ((window.top_mm, 50 + row), (window.left_mm, 50 + column)):
        assert corner % (40 / STEPS) == 0
        assert abs(corner + 20 - middle) <= 40 / STEPS / 2 + 1e-9


def test_a_few_pixels_far_away_do_not_move_the_window() -> None:
    mask = np.zeros((100, 100), bool)
    mask[40:60, 30:50] = True
    alone = bounding_roi([mask], (1.0, 1.0))
    mask[99, 99] = True
    assert bounding_roi([mask], (1.0, 1.0)) == alone == RegionOfInterest((50.0, 40.0), 20.0)


def test_where_nothing_was_found_there_is_no_place_to_look_at() -> None:
    assert bounding_roi([np.zeros((9, 9), bool)] * 3, (1.0, 1.0)) is None


def test_structures_that_fill_the_slice_are_not_looked_at_closer() -> None:
    margin, largest = METHOD.roi_margin, METHOD.largest_roi
    assert roi_side([RegionOfInterest((0, 0), 60.0)], 300.0, margin, largest) == margin * 60
    assert roi_side([RegionOfInterest((0, 0), 60.0), RegionOfInterest((0, 0), 210.0)], 300.0, margin, largest) is None
    assert roi_side([RegionOfInterest((0, 0), largest * 300 / margin)], 300.0, margin, largest) is not None


# In a head --------------------------------------------------------------------------------------------------------


def test_a_head_for_small_structures_looks_closer_and_keeps_that_in_its_file(head: Head) -> None:
    assert head.closer is not None
    assert head.closer.prior is not None
    assert (
        head.card.closer["side_mm"]
        == head.closer.card.plane["side_mm"]
        < METHOD.largest_roi * head.card.plane["side_mm"]
    )
    other = small_balls(seed=3)
    found = segment(other.volume, head)
    assert min(dice(found, other.labelmap, value) for value in (2, 5)) > 0.6


def test_structures_that_fill_the_volume_are_learned_in_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "best", replace(BUDGETS["best"], arrangement_steps=0))
    head = train([two_balls()], encoder="tiny", budget="best")
    assert head.closer is None
    assert head.card.closer is None


def test_without_time_there_is_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUDGETS, "fast", replace(BUDGETS["fast"], views=2, shape_steps=5))
    assert train([small_balls()], encoder="tiny", budget="fast").closer is None


def test_a_head_asked_for_by_name_looks_once_and_so_does_one_that_has_little_time() -> None:
    assert not allows_second_stage("cnn", BUDGETS["best"])
    assert not allows_second_stage("auto", BUDGETS["fast"])
    assert allows_second_stage("auto", BUDGETS["balanced"])
    assert allows_second_stage("auto", BUDGETS["best"])


def test_training_on_with_corrected_slices_teaches_the_closer_look_as_well(head: Head) -> None:
    cases = [small_balls(), small_balls(seed=9)]
    again = train(cases, encoder="tiny", budget="best", annotated_slices_only=True, start_from=head)
    assert again.closer is not None
    assert head.closer is not None
    assert again.card.closer["side_mm"] == head.card.closer["side_mm"]
    assert again.closer.prior is head.closer.prior
    ours, before = again.closer.module.state_dict(), head.closer.module.state_dict()
    assert any(not torch.equal(ours[name], before[name]) for name in ours)


@pytest.mark.parametrize("stage", ["Encoding closer views", "Training the cnn head"])
def test_cancelling_the_closer_look_keeps_the_first(
    stage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAMADAPT_HOME", str(tmp_path))

    def in_that_stage(heard: Listener) -> bool:
        return "Encoding closer views" in heard.stages and heard.stages[-1] == stage

    head = train([small_balls()], encoder="tiny", budget="best", monitor=Listener(in_that_stage))
    assert head.closer is None
    assert head.card.training["cancelled"]
    assert head.prior is not None


# In a volume ------------------------------------------------------------------------------------------------------


def test_beyond_the_window_is_background(head: Head) -> None:
    oblique = Geometry(WIDE.size, WIDE.spacing, (5, 6, 7), turned((20, -15, 30)))
    found = segment(small_balls(oblique).volume, with_closer_module(head, Sure(1)), largest_component=False)
    side = head.card.closer["side_mm"]
    k, j, i = np.nonzero(found.voxels)
    assert found.geometry == oblique
    assert k.size
    assert np.ptp(i) * 1.0 <= side
    assert np.ptp(j) * 1.1 <= side


def test_where_the_looks_contradict_each_other_the_surer_one_has_its_way(head: Head) -> None:
    volume = small_balls(seed=5).volume
    assert segment(volume, with_closer_module(head, Sure(0))).values() == ()
    assert set(segment(volume, with_closer_module(head, Sure(1))).values()) <= {2, 5}


def test_a_closer_look_that_finds_nothing_of_shape_leaves_the_first_ones_answer(
    head: Head,
) -> None:
    volume = small_balls(seed=5).volume
    once = segment(volume, replace(head, closer=None, card=replace(head.card, closer={})))
    different = segment(volume, head, cascade=CascadeSettings(min_roi_agreement=1.01)).voxels != once.voxels
    assert different.sum() <= 3  # what is kept meanwhile is rounded


def test_nothing_found_is_not_looked_at_closer(head: Head) -> None:
    blind = replace(with_closer_module(head, Refusing(0)), module=Sure(0), prior=None)  # type: ignore[arg-type]
    assert segment(small_balls(seed=5).volume, blind).values() == ()


def test_an_embedded_volume_has_all_that_the_closer_look_needs(
    head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, file = tmp_path / "a.nii.gz", tmp_path / "a.samhead"
    write_volume(small_balls(seed=6).volume, image)
    save_head(head, file)
    run_job(EmbedJob(str(image), head=str(file)))
    monkeypatch.setattr("SAMAdaptLib.encoders.tiny.TinyEncoder.encode", lambda *_: pytest.fail("encoded again"))
    assert run_job(SegmentJob(str(image), str(file), str(tmp_path / "r.nii.gz")))["structures"][0]["volume_ml"] > 0


@pytest.mark.parametrize("choices", [{"plane": "sagittal"}, {"planes": "three"}], ids=str)
def test_other_planes_than_the_heads_own_are_looked_at_once(head: Head, choices: dict) -> None:
    volume = few_slices_each_way()
    assert segment(volume, with_closer_module(head, Refusing(0)), **choices).geometry == volume.geometry


def test_flat_slices_and_a_region_are_left_alone_by_both_looks(head: Head) -> None:
    case = small_balls(seed=5)
    voxels = case.volume.voxels.copy()
    voxels[2] = 100
    region = ((0, 110), (0, 100), (1, 6))
    found = segment(replace(case.volume, voxels=voxels), head, region=region)
    assert not found.voxels[[0, 2, 6, 7]].any()
    assert found.voxels[[3, 4]].any()


def test_however_many_slices_are_encoded_together_the_same_is_found(
    head: Head, monkeypatch: pytest.MonkeyPatch, empty_home: Path
) -> None:
    case = small_balls(seed=5)
    voxels = case.volume.voxels.copy()
    voxels[2] = 100
    volume = replace(case.volume, voxels=voxels)
    one_by_one = segment(volume, head, tta=True, store=FeatureCache(empty_home / "one"))
    assert one_by_one.voxels.any()
    for batch in (2, 3, 50):
        monkeypatch.setattr(TinyEncoder, "batch", batch)
        together = segment(volume, head, tta=True, store=FeatureCache(empty_home / f"{batch} together"))
        np.testing.assert_array_equal(together.voxels, one_by_one.voxels, f"{batch} together")


NEVER_SURE = CascadeSettings(rotate_below_agreement=1.01)


# In a volume that lies otherwise ----------------------------------------------------------------------------------


def lying_otherwise(volume: Volume) -> Volume:
    """The same body a quarter turn further, on a grid of its own."""
    columns, rows, slices = volume.geometry.size
    across, down, apart = volume.geometry.spacing
    return Volume(np.rot90(volume.voxels, axes=(1, 2)), Geometry((rows, columns, slices), (down, across, apart)))


def test_in_slices_that_are_seen_turned_the_same_is_found(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """Balls have no upper side: which turn counts is decided for them here."""
    volume = small_balls(Geometry(WIDE.size, (1.03, 1.1, 3.0)), seed=5).volume
    monkeypatch.setattr(
        "SAMAdaptLib.preprocessing.roi.STEPS", 10_000
    )  # windows begin anywhere: a turn moves where they may
    upright = segment(volume, head)
    monkeypatch.setattr(predictor.CascadeResult, "of_shape", property(lambda seen: seen.frame.turn / 90))
    found = segment(lying_otherwise(volume), head, cascade=CascadeSettings(rotations_deg=(90.0,)))
    assert found.geometry == lying_otherwise(volume).geometry
    expected = np.rot90(upright.voxels, axes=(1, 2))
    for value in upright.values():
        ours, theirs = found.voxels == value, expected == value
        assert 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) > 0.97


def test_a_sure_head_does_not_look_at_slices_turned(head: Head) -> None:
    volume = small_balls(seed=5).volume
    for sure, turned_looks in ((0.0, 0), (1.01, 4)):
        heard = Listener()
        segment(volume, head, monitor=heard, cascade=CascadeSettings(rotate_below_agreement=sure))
        assert sum("turned by" in stage for stage in set(heard.stages)) == turned_looks


def test_a_head_that_knows_no_shapes_cannot_tell_how_a_volume_lies(head: Head) -> None:
    heard = Listener()
    assert head.closer is not None
    shapeless = with_closer_module(head, head.closer.module)
    segment(small_balls(seed=5).volume, shapeless, monitor=heard, cascade=NEVER_SURE)
    assert not any("turned by" in stage for stage in heard.stages)


def test_the_agreement_is_that_of_the_turn_that_counts(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []
    look = predictor.CascadePredictor(head, None, "cpu", Silent(), FeatureCache(), NEVER_SURE)
    seen = look._seen

    def hear(*values: object) -> predictor.CascadeResult:
        heard.append((found := seen(*values)).of_shape)  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(look, "_seen", hear)
    list(look.slices(slices_for_head(head.card, small_balls(seed=5).volume)))
    assert len(heard) == 1 + len(NEVER_SURE.rotations_deg)
    clearly = max(heard) >= heard[0] + NEVER_SURE.rotation_margin
    assert look.agreement == (max(heard) if clearly else heard[0])


@pytest.mark.parametrize("planes", ["one", "three"])
def test_what_has_little_of_shape_is_doubted_however_it_was_looked_at(
    head: Head, planes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("SAMAdaptLib.inference.quality_control.LEAST_AGREEMENT", 1.01)
    heard = Listener()
    segment(few_slices_each_way(), head, planes=planes, monitor=heard)
    assert any("little of the shapes" in text for text in heard.warnings)


def test_kept_canvases_come_back_as_they_were_and_missing_ones_as_none() -> None:
    canvas = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    with SliceStore(4) as kept:
        assert kept.get(0) is None
        kept.keep([None, None, canvas])
        assert (1 in kept, 2 in kept, kept.get(1)) == (False, True, None)
        np.testing.assert_allclose(kept.get(2), canvas, atol=1e-3)


def test_a_card_with_half_a_closer_look_is_refused(tmp_path: Path) -> None:
    whole = {"side_mm": 50.0, "head": {"type": "cnn", "hyper": HYPER}, "shapes": {}}
    path = save_head(Head(a_card(), head_class("linear")({"neck": 256}, 3)), tmp_path / "a.samhead")
    for wrong in ({**whole, "side_mm": 0}, {**whole, "head": {}}, {"side_mm": 50.0, "head": whole["head"]}, [1]):
        rewritten(path, closer=wrong)
        with pytest.raises(HeadFileError, match="a.samhead: .*closer"):
            load_head(path)
