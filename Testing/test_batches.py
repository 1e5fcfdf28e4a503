"""What heads learn from in one step: crops of features, pictures and targets that show one and the same place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from SAMAdaptLib.errors import InputError
from SAMAdaptLib.features.extractor import PICTURE, PICTURE_SIZE
from SAMAdaptLib.networks import build_head, head_class
from SAMAdaptLib.networks.base import HeadModule
from SAMAdaptLib.preprocessing.augmentation import IGNORED
from SAMAdaptLib.training import loader as batches_module
from SAMAdaptLib.training.config import FITS
from SAMAdaptLib.training.loader import CROP_CELLS, SampleLoader, invented_batch

CPU = torch.device("cpu")


def ramp(side: int) -> np.ndarray:
    """Row and column of each element as shares of the side: (2, side, side)."""
    middles = (np.arange(side) + 0.5) / side
    return np.stack(np.meshgrid(middles, middles, indexing="ij")).astype(np.float16)


@dataclass
class Places:
    """An embedder whose features say where they come from; ``reads`` counts how often it was asked."""

    neck: int
    fine: int
    reads: int = 0

    def features(self, view: Any) -> dict[str, np.ndarray]:
        self.reads += 1
        picture = (255 * (np.arange(PICTURE_SIZE) + 0.5) / PICTURE_SIZE).astype(np.uint8)
        return {
            "neck": ramp(self.neck),
            "fine": ramp(self.fine),
            PICTURE: np.repeat(picture[:, None], PICTURE_SIZE, axis=1),
        }


def sample(paint: Callable[[int], np.ndarray], key: str = "a view") -> Any:
    return SimpleNamespace(view=SimpleNamespace(key=key), target=paint)


def quadrants(size: int) -> np.ndarray:
    """Class 1 above on the left, then 2, 3 and background."""
    target = np.zeros((size, size), np.uint8)
    target[: size // 2, : size // 2], target[: size // 2, size // 2 :], target[size // 2 :, : size // 2] = 1, 2, 3
    return target


CROPS = FITS["cnn"].crops


def a_head(kind: str = "fusion") -> HeadModule:
    return head_class(kind)({"neck": 2, "fine": 2}, 4)


@settings(max_examples=40, deadline=None)
@given(
    neck=st.sampled_from([16, 28, 32, 42, 48, 56, 64]),
    kind=st.sampled_from(["cnn", "fusion"]),
    seed=st.integers(0, 1000),
)
def test_a_crop_shows_the_same_place_in_features_picture_and_target(neck: int, kind: str, seed: int) -> None:
    """Whatever the number of cells, and though the picture and the target are then not of their usual size."""
    head = a_head(kind)
    reader = SampleLoader(head, Places(neck, 2 * neck), CPU, FITS[kind].crops)  # type: ignore[arg-type]
    wholes, whole_pictures, whole_targets = reader.load([sample(quadrants)])
    picture_side, target_side = whole_pictures.shape[-1], whole_targets.shape[-1]
    assert picture_side % (2 * neck) == 0 and abs(picture_side - PICTURE_SIZE) <= neck
    assert target_side % neck == 0 and abs(target_side - head.loss_size) <= neck / 2
    features, pictures, targets = reader.draw([sample(quadrants)], np.random.default_rng(seed))
    assert len(targets) == FITS[kind].crops
    for crop in range(FITS[kind].crops):
        cells = features["neck"].shape[-1]
        # The ramp says where a cell's middle is: half a cell before is where the crop begins.
        top, left = (round(float(share) * neck - 0.5) for share in features["neck"][crop][:, 0, 0])
        for level, whole in (*((features[name], wholes[name]) for name in wholes), (pictures, whole_pictures)):
            _is_part(level[crop], whole[0], neck, top, left, cells)
        _is_part(targets[crop][None], whole_targets, neck, top, left, cells)
    np.testing.assert_array_equal(whole_targets[0], quadrants(target_side))


def _is_part(part: torch.Tensor, whole: torch.Tensor, units: int, top: int, left: int, cells: int) -> None:
    """``part`` (C, h, w) is what ``cells`` x ``cells`` of ``units`` x ``units`` cells show of ``whole``."""
    step = whole.shape[-1] // units
    rows, columns = slice(top * step, (top + cells) * step), slice(left * step, (left + cells) * step)
    torch.testing.assert_close(part, whole[:, rows, columns], rtol=0, atol=0)


@pytest.mark.parametrize(("neck", "cells"), [(16, 4), (28, 7), (42, 10), (64, CROP_CELLS), (128, 32)])
def test_a_crop_is_a_quarter_of_the_canvas_wide_whatever_its_cells(neck: int, cells: int) -> None:
    reader = SampleLoader(a_head("cnn"), Places(neck, 2 * neck), CPU, CROPS)  # type: ignore[arg-type]
    assert reader.draw([sample(quadrants)], np.random.default_rng(0))[0]["neck"].shape[-1] == cells


@pytest.mark.parametrize("kind", ["linear", "cnn", "fusion", "unet"])
@pytest.mark.parametrize("neck", [28, 42, 64])
def test_the_batch_that_speed_is_measured_with_has_the_shapes_of_a_real_one(kind: str, neck: int) -> None:
    head = a_head(kind)
    real = SampleLoader(head, Places(neck, 2 * neck), CPU, FITS[kind].crops).draw(
        [sample(quadrants)] * FITS[kind].batch, np.random.default_rng(0)
    )  # type: ignore[arg-type]
    made = invented_batch(head, {"neck": neck, "fine": 2 * neck}, CPU, FITS[kind])
    assert {level: maps.shape for level, maps in made[0].items()} == {
        level: maps.shape for level, maps in real[0].items()
    }
    assert (made[1].shape, made[2].shape) == (real[1].shape, real[2].shape)


def test_a_crop_is_sixteen_cells_wide_and_a_step_holds_several_of_each_view() -> None:
    reader = SampleLoader(a_head("cnn"), Places(64, 128), CPU, CROPS)  # type: ignore[arg-type]
    views = [sample(quadrants, "one"), sample(quadrants, "two")]
    features, _, targets = reader.draw(views, np.random.default_rng(0))
    assert features["neck"].shape == (2 * FITS["cnn"].crops, 2, CROP_CELLS, CROP_CELLS)
    assert targets.shape == (len(features["neck"]), 2 * CROP_CELLS, 2 * CROP_CELLS)


def test_a_small_structure_is_seen_as_often_as_a_large_one() -> None:
    def speck(size: int) -> np.ndarray:
        target = np.zeros((size, size), np.uint8)
        target[: size // 2] = 1
        target[-size // 32 :, -size // 32 :] = 2
        return target

    reader, chance = SampleLoader(a_head("cnn"), Places(64, 128), CPU, CROPS), np.random.default_rng(0)  # type: ignore[arg-type]
    shown = [bool((crop == 2).any()) for _ in range(200) for crop in reader.draw([sample(speck)], chance)[2]]
    assert np.mean(shown) > 0.2


def test_crops_lie_where_something_is_known() -> None:
    def corner(size: int) -> np.ndarray:
        target = np.full((size, size), IGNORED, np.uint8)
        target[: size // 8, : size // 8] = 0
        return target

    reader, chance = SampleLoader(a_head("cnn"), Places(64, 128), CPU, CROPS), np.random.default_rng(0)  # type: ignore[arg-type]
    for _ in range(50):
        assert (reader.draw([sample(corner)], chance)[2] != IGNORED).flatten(1).any(dim=1).all()


def test_a_view_of_which_nothing_is_known_gives_crops_too() -> None:
    reader = SampleLoader(a_head("cnn"), Places(64, 128), CPU, CROPS)  # type: ignore[arg-type]
    unknown = sample(lambda size: np.full((size, size), IGNORED, np.uint8))
    assert (reader.draw([unknown], np.random.default_rng(0))[2] == IGNORED).all()


def test_a_head_that_looks_far_sees_whole_canvases() -> None:
    reader = SampleLoader(a_head("linear"), Places(64, 128), CPU)  # type: ignore[arg-type]
    features, pictures, targets = reader.draw([sample(quadrants)], np.random.default_rng(0))
    assert features["neck"].shape[-1] == targets.shape[-1] == 64 and pictures.shape[-1] == PICTURE_SIZE


def test_views_are_read_once_as_far_as_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, reads in ((batches_module.REMEMBERED_BYTES, 1), (0, 3)):
        monkeypatch.setattr(batches_module, "REMEMBERED_BYTES", limit)
        places = Places(64, 128)
        reader = SampleLoader(a_head("cnn"), places, CPU, CROPS)  # type: ignore[arg-type]
        for _ in range(3):
            reader.draw([sample(quadrants)], np.random.default_rng(0))
        assert places.reads == reads


@pytest.mark.parametrize("kind", ["cnn", "fusion"])
def test_within_a_crop_a_head_finds_what_it_finds_on_the_whole_canvas(kind: str) -> None:
    torch.manual_seed(0)
    head = a_head(kind).eval()
    features = {"neck": torch.randn(1, 2, 64, 64), "fine": torch.randn(1, 2, 128, 128)}
    picture = torch.randn(1, 1, 256, 256)
    parts = {"neck": features["neck"][..., 16:48, 16:48], "fine": features["fine"][..., 32:96, 32:96]}
    with torch.inference_mode():
        whole, part = head(features, picture), head(parts, picture[..., 64:192, 64:192])
    cell = whole.shape[-1] // 64
    inner = slice(6 * cell, -6 * cell)
    seen = whole[..., 16 * cell : 48 * cell, 16 * cell : 48 * cell]
    torch.testing.assert_close(part[..., inner, inner], seen[..., inner, inner], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", ["cnn", "fusion"])
def test_a_head_from_before_cells_were_normalised_is_rebuilt_as_it_was(kind: str) -> None:
    hyper = a_head(kind).hyper()
    earlier = build_head(kind, {key: value for key, value in hyper.items() if key != "norm"})
    layers = {type(layer) for layer in earlier.modules()}
    assert torch.nn.GroupNorm in layers and earlier.hyper()["norm"] == "group"
    assert torch.nn.GroupNorm not in {type(layer) for layer in build_head(kind, hyper).modules()}


def test_a_normalisation_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="Unknown normalisation 'batch'; it must be one of cell, group"):
        build_head("cnn", {**a_head("cnn").hyper(), "norm": "batch"})
