"""Simulated patients: the same for a seed, shaped as heads differ, their labels where their image is."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.data.structure import Structure
from SAMAdaptLib.demo.samples import simulation
from SAMAdaptLib.demo.samples.deformation import STEP_MM, VELOCITY_MM, Deformation, random_deformation, smooth_noise
from SAMAdaptLib.demo.samples.simulation import Simulated, rotation, simulate
from SAMAdaptLib.errors import InputError

GRID = Geometry((44, 50, 22), (2.0, 2.0, 4.0), (30.0, -20.0, 10.0), np.diag([-1.0, -1.0, 1.0]))
KNOWN = "dbd36e6c72c20da7a2b9e31c90e12229152577b5852c2e7751f7c8d1a7795897"
"""Of seed 1."""

STRUCTURES = (Structure(1, "Shell", (1, 0, 0)), Structure(4, "Core", (0, 0, 1)))


def a_template() -> tuple[Volume, Labelmap]:
    """A bright core in a darker shell, the core off the middle, with nothing around them."""
    k, j, i = np.indices(GRID.shape).astype(float)
    ball = ((k - 10.5) / 8) ** 2 + ((j - 25) / 19) ** 2 + ((i - 22) / 16) ** 2 < 1
    core = ((k - 11) / 4) ** 2 + ((j - 20) / 9) ** 2 + ((i - 25) / 8) ** 2 < 1
    labels = np.where(core, 4, np.where(ball, 1, 0)).astype(np.uint8)
    return Volume(100.0 * ball + 100.0 * core, GRID, "template", "MR"), Labelmap(labels, GRID, STRUCTURES)


@pytest.fixture(scope="module")
def patients() -> dict[int, Simulated]:
    template = a_template()
    return {seed: simulate(*template, seed, f"patient {seed}") for seed in (1, 2)}


def hashed(patient: Simulated) -> str:
    grid = repr(patient.volume.geometry.to_dict()).encode()
    return hashlib.sha256(grid + patient.volume.voxels.tobytes() + patient.labelmap.voxels.tobytes()).hexdigest()


def test_the_same_seed_is_the_same_patient_to_the_byte(patients: dict[int, Simulated]) -> None:
    assert hashed(simulate(*a_template(), 1)) == hashed(patients[1])
    assert hashed(patients[1]) != hashed(patients[2])


def test_a_seed_is_the_same_patient_on_any_computer(patients: dict[int, Simulated]) -> None:
    """Grey values are whole numbers, so that last bits in which processors differ are gone."""
    assert np.array_equal(patients[1].volume.voxels, np.rint(patients[1].volume.voxels))
    assert hashed(patients[1]) == KNOWN


def test_the_template_stays_as_it_is() -> None:
    volume, labelmap = a_template()
    before = volume.content_hash(), labelmap.voxels.tobytes()
    simulate(volume, labelmap, 3)
    assert (volume.content_hash(), labelmap.voxels.tobytes()) == before


def test_labels_lie_where_the_image_shows_the_structures(patients: dict[int, Simulated]) -> None:
    for patient in patients.values():
        core, shell, outside = (patient.volume.voxels[patient.labelmap.voxels == value] for value in (4, 1, 0))
        assert core.mean() > 1.3 * shell.mean() > 3 * outside.mean()
        middle = (np.median(core) + np.median(shell)) / 2
        assert (core > middle).mean() > 0.85
        assert (shell < middle).mean() > 0.85


def to_template(patient: Simulated, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where points (n, 3) of the patient lie in the template, both LPS mm."""
    return patient.deformation(points @ patient.to_template[:3, :3].T + patient.to_template[:3, 3])


def test_a_voxel_has_the_label_that_the_template_has_at_its_point(patients: dict[int, Simulated]) -> None:
    _, template = a_template()
    patient = patients[1]
    places = np.argwhere(patient.labelmap.voxels >= 0)[::37]
    points = to_template(patient, patient.labelmap.geometry.ijk_to_lps(places[:, ::-1]))
    own = np.rint(GRID.lps_to_ijk(points)).astype(int)[:, ::-1]
    within = ((own >= 0) & (own < GRID.shape)).all(axis=1)
    there = np.zeros(len(own), int)
    there[within] = template.voxels[tuple(own[within].T)]
    here = patient.labelmap.voxels[tuple(places.T)]
    assert (here == there).mean() > 0.93, "all but voxels at borders"


def test_structures_names_and_modality_are_those_of_the_template(patients: dict[int, Simulated]) -> None:
    patient = patients[1]
    assert patient.labelmap.structures == STRUCTURES
    assert patient.labelmap.values() == (1, 4)
    assert (patient.volume.name, patient.volume.modality) == ("patient 1", "MR")
    assert patient.volume.geometry == patient.labelmap.geometry


def test_a_patient_lies_elsewhere_on_tilted_slices_of_another_size(patients: dict[int, Simulated]) -> None:
    for patient in patients.values():
        geometry = patient.volume.geometry
        tilt = np.degrees(np.arccos(np.clip(geometry.direction[2, 2], -1, 1)))
        assert 0.1 < tilt < 20
        assert geometry.spacing[0] == geometry.spacing[1] != GRID.spacing[0]
        assert simulation.SLICES_MM[0] <= geometry.spacing[2] <= simulation.SLICES_MM[1]
    assert patients[1].volume.geometry.spacing != patients[2].volume.geometry.spacing


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_structures_keep_their_size_within_what_heads_differ_by(seed: int) -> None:
    volume, labelmap = a_template()
    patient = simulate(volume, labelmap, seed)
    for value, ml in labelmap.volumes_ml().items():
        assert 0.55 < patient.labelmap.volumes_ml()[value] / ml < 1.75


def jacobian(deformation: Deformation) -> NDArray[np.float64]:
    """How many times as large a volume becomes, at each point (z, y, x); above 0 where nothing is folded."""
    slopes = [[np.gradient(part, STEP_MM, axis=axis) for axis in (2, 1, 0)] for part in deformation.displacement]
    return np.linalg.det(np.moveaxis(np.array(slopes), (0, 1), (-2, -1)) + np.eye(3))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), node_mm=st.floats(20, 40))
def test_a_deformation_folds_nothing_and_has_the_size_it_was_asked_for(seed: int, node_mm: float) -> None:
    rng = np.random.default_rng(seed)
    deformation = random_deformation(rng, np.zeros(3), np.array([120.0, 100.0, 80.0]), node_mm=node_mm)
    assert jacobian(deformation).min() > 0
    assert 0.5 * VELOCITY_MM < deformation.displacement.std() < 1.5 * VELOCITY_MM


def test_a_deformation_without_velocity_moves_nothing() -> None:
    still = random_deformation(np.random.default_rng(0), np.zeros(3), np.full(3, 60.0), velocity_mm=0)
    points = np.array([[1.0, 2.0, 3.0], [-50.0, 0.0, 200.0]])
    assert np.array_equal(still(points), points)
    assert np.allclose(jacobian(still), 1)


def test_smooth_noise_goes_through_its_nodes_smoothly() -> None:
    noise = smooth_noise(np.random.default_rng(0), 2, (9, 40), 8.0)
    assert noise.shape == (2, 9, 40)
    assert np.abs(np.diff(noise, axis=2)).max() < 0.6 * np.abs(noise).max()
    assert 0.4 < noise.std() < 1.5


@given(degrees=st.tuples(*[st.floats(-180, 180)] * 3))
def test_a_rotation_is_one(degrees: tuple[float, float, float]) -> None:
    matrix = rotation(np.array(degrees))
    assert np.allclose(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_nothing_can_be_simulated_without_labels_or_on_another_grid() -> None:
    volume, labelmap = a_template()
    moved = Labelmap(labelmap.voxels, Geometry(GRID.size, (1.0, 1.0, 1.0)), STRUCTURES)
    for labels in (labelmap.with_array(np.zeros_like(labelmap.voxels)), moved):
        with pytest.raises(InputError, match="with labels on its grid"):
            simulate(volume, labels, 0)
