"""A labelmap in 3D, and the picture of several patients with it: what is seen from where, in which colours."""

from __future__ import annotations

import numpy as np
import pytest

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.evaluation.report.surface import Viewpoint, extent_mm, surface_image

RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)
FRONT = Viewpoint(turn=0, raised=0)
PIXELS = 48


def labelmap(voxels: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Labelmap:
    geometry = Geometry(voxels.shape[::-1], spacing)
    return Labelmap(voxels, geometry, (Structure(1, "Shell", RED), Structure(2, "Core", BLUE)))


def a_ball(core: float = 0.0) -> np.ndarray:
    """A ball of radius 12 in the middle of 30 voxels a side, with a core of another structure if asked for."""
    away = np.linalg.norm(np.indices((30, 30, 30)) - 14.5, axis=0)
    return np.where(away < core, 2, away < 12).astype(np.uint8)


def shown(image: np.ndarray) -> np.ndarray:
    return image[..., 3] > 0


def is_blue(image: np.ndarray) -> np.ndarray:
    return shown(image) & (image[..., 2] > image[..., 0])


def test_a_ball_is_a_disc_in_its_colour_lit_from_above_left() -> None:
    image = surface_image(labelmap(a_ball()), PIXELS, FRONT)
    assert shown(image).sum() == pytest.approx(np.pi * (PIXELS / 2 / 1.06) ** 2, rel=0.12)
    assert (image[shown(image)][:, 0] > image[shown(image)][:, 2]).all()
    upper_left, lower_right = image[PIXELS // 3, PIXELS // 3, 0], image[2 * PIXELS // 3, 2 * PIXELS // 3, 0]
    assert upper_left > 1.5 * lower_right


def test_what_is_hidden_is_shown_by_cutting_the_others_open() -> None:
    hidden = labelmap(a_ball(core=7))
    assert not is_blue(surface_image(hidden, PIXELS, FRONT, cut_open=False)).any()
    assert is_blue(surface_image(hidden, PIXELS)).sum() > 20


def test_what_is_not_hidden_is_left_whole() -> None:
    beside = np.zeros((20, 20, 40), np.uint8)
    beside[5:15, 5:15, 5:18], beside[5:15, 5:15, 22:35] = 1, 2
    assert np.array_equal(
        surface_image(labelmap(beside), PIXELS), surface_image(labelmap(beside), PIXELS, cut_open=False)
    )


def test_from_the_front_the_patients_right_is_on_the_left_and_the_head_above() -> None:
    """Of LPS: i goes to the left, k goes up."""
    voxels = np.zeros((40, 20, 40), np.uint8)
    voxels[5:15, 5:15, 5:15] = 1  # right and low
    voxels[25:35, 5:15, 25:35] = 2  # left and high
    image = surface_image(labelmap(voxels), PIXELS, FRONT)
    blue = np.argwhere(is_blue(image)).mean(axis=0)
    red = np.argwhere(shown(image) & ~is_blue(image)).mean(axis=0)
    assert blue[0] < red[0], "higher up"
    assert blue[1] > red[1], "farther to the right of the picture"


def test_sizes_are_those_of_the_patient_whatever_the_voxels_are() -> None:
    thick = labelmap(a_ball()[::3], (1.0, 1.0, 3.0))
    assert extent_mm(thick, FRONT) == pytest.approx(extent_mm(labelmap(a_ball()), FRONT), rel=0.12)
    small = surface_image(thick, PIXELS, FRONT, side_mm=50.0)
    assert shown(small).sum() == pytest.approx(np.pi * (12 * PIXELS / 50) ** 2, rel=0.1)


def test_an_empty_labelmap_is_an_empty_picture() -> None:
    empty = labelmap(np.zeros((5, 5, 5), np.uint8))
    assert not surface_image(empty, 16).any()
    assert extent_mm(empty) == 0


def test_the_picture_of_patients_says_what_was_drawn_found_and_scored() -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    from SAMAdaptLib.evaluation.report.patients import PatientRow, patients_figure

    reference = labelmap(a_ball(core=7))
    volume = Volume(reference.voxels * 50.0 + np.random.default_rng(0).normal(size=(30, 30, 30)), reference.geometry)
    found = reference.with_array(np.roll(reference.voxels, 2, axis=2))
    rows = [
        PatientRow("A: annotated", volume, reference, words=("what was drawn", "")),
        PatientRow(
            "B: nothing annotated",
            volume,
            found,
            found,
            reference,
            words=("what was found", "where it errs"),
            scores=(("SAMAdapt", 0.87), ("annotation laid over", 0.41)),
        ),
    ]
    figure = patients_figure(rows, "Annotate one", "in no time")
    said = " ".join(text.get_text() for text in figure.texts)
    for words in ("A: annotated", "what was drawn", "where it errs", "0.87", "annotation laid over  0.41", "Core"):
        assert words in said
    assert len(figure.axes) == 3 + 4, "image, labels and 3D; the second row has errors, too"
