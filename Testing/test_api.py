"""The verbs in Python, on whatever a volume is at hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from balls import ball_arrays, ball_head, image_of, write_ball

import SAMAdaptLib as samadapt
from SAMAdaptLib.api import as_labelmap, as_volume
from SAMAdaptLib.data.case import Case
from SAMAdaptLib.data.io.volumes import Labelmap, Volume
from SAMAdaptLib.errors import GeometryError, InputError


@pytest.fixture
def ball(tmp_path: Path, empty_home: Path) -> SimpleNamespace:
    """A ball as paths, images, and the library's own."""
    image, labels = (image_of(array) for array in ball_arrays())
    return SimpleNamespace(
        paths=write_ball(tmp_path, "a"),
        images=(image, labels),
        own=(Volume.from_sitk(image), Labelmap.from_sitk(labels)),
        folder=tmp_path,
    )


class Node:
    """As much of a MRML node as is looked at."""

    def IsA(self, name: str) -> bool:  # noqa: N802
        return name == "vtkMRMLNode"


@pytest.mark.parametrize("form", ["paths", "images", "own"])
def test_a_volume_is_segmented_in_whatever_form(ball: SimpleNamespace, form: str) -> None:
    volume, labels = getattr(ball, form)
    labelmap = samadapt.segment(volume, ball_head())
    assert labelmap.geometry.same_grid(ball.own[0].geometry)
    assert samadapt.evaluate(labelmap, labels).mean_dice > 0.9


def test_a_head_is_taken_by_path_too(ball: SimpleNamespace) -> None:
    path = samadapt.save_head(ball_head(), ball.folder / "ball.samhead")
    assert samadapt.load_head(path).card.name == "ball"
    assert samadapt.segment(ball.own[0], path).values() == (1,)


@pytest.mark.parametrize("wrap", [lambda pair: pair, lambda pair: [pair], lambda pair: [pair, pair]])
def test_cases_are_one_pair_or_several(ball: SimpleNamespace, monkeypatch, wrap) -> None:
    seen: list = []
    monkeypatch.setattr("SAMAdaptLib.training.train.train", lambda cases, **options: seen.append((cases, options)))
    samadapt.train(wrap(ball.paths), budget="fast", unlabeled=[ball.images[0]])
    ((cases, options),) = seen
    assert all(isinstance(case, Case) for case in cases)
    assert len(cases) == (2 if wrap((1, 2)) == [(1, 2), (1, 2)] else 1)
    assert options["budget"] == "fast"
    assert isinstance(options["unlabeled"][0], Volume)


def test_options_are_a_config_or_keywords_which_have_the_last_word(ball: SimpleNamespace, monkeypatch) -> None:
    seen: list = []
    monkeypatch.setattr(
        "SAMAdaptLib.training.train.TrainingContext.of", lambda _cases, config, *_, **__: seen.append(config)
    )
    for options in ({}, {"budget": "best"}):
        with pytest.raises(AttributeError):  # what would be trained is none
            samadapt.train(ball.paths, samadapt.TrainingConfig(budget="fast", seed=3), **options)
    assert [(config.budget, config.seed) for config in seen] == [("fast", 3), ("best", 3)]
    with pytest.raises(TypeError, match="dance"):
        samadapt.train(ball.paths, dance=True)
    with pytest.raises(InputError, match=r"budget must be one of fast, balanced, best, not 'huge'"):
        samadapt.train(ball.paths, budget="huge")


def test_what_is_public_is_loaded_from_where_it_lives() -> None:
    assert samadapt.Case is Case and samadapt.Volume is Volume
    assert samadapt.Labelmap.__name__ == "Labelmap"


def test_two_ready_cases_are_not_taken_for_a_pair(ball: SimpleNamespace, monkeypatch) -> None:
    seen: list = []
    monkeypatch.setattr("SAMAdaptLib.training.train.train", lambda cases, **options: seen.append(cases))
    samadapt.train([Case(*ball.own), Case(*ball.own)])
    assert len(seen[0]) == 2


def test_labels_on_another_grid_are_refused_or_resampled(ball: SimpleNamespace) -> None:
    image, labels = ball.images
    cut = labels[4:44, 4:36, :]
    with pytest.raises(GeometryError):
        samadapt.evaluate(cut, labels)
    assert samadapt.evaluate(cut, labels, resample_labels=True, tolerance_mm=1, values=[1]).mean_dice == 1.0


def test_nodes_go_through_mrml(ball: SimpleNamespace, monkeypatch) -> None:
    import sys

    asked: list = []
    own_volume, own_labelmap = ball.own
    stand_in = SimpleNamespace(
        read_volume_node=lambda node, monitor: asked.append("volume") or own_volume,
        read_labelmap_node=lambda node, like: asked.append(like) or own_labelmap,
    )
    monkeypatch.setitem(sys.modules, "SAMAdaptLib.mrml", stand_in)
    assert as_volume(Node()) is own_volume
    assert as_labelmap(Node(), like=own_volume) is own_labelmap
    assert asked == ["volume", own_volume]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: as_volume(3), "A volume is a path"),
        (lambda: as_labelmap(np.zeros((2, 2, 2))), "A labelmap is a path"),
        (lambda: samadapt.load_head(3), "A head is a Head or the path"),
        (lambda: samadapt.train([("only one",)]), "A case is a pair"),
        (lambda: samadapt.segment("none.nii", ball_head()), "none.nii does not exist"),
    ],
)
def test_what_is_none_of_these_is_refused(call, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()
