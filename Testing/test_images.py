"""Structures, volumes and labelmaps as values: each keeps what it is given, and refuses what it cannot be."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import SimpleITK as sitk
from geometries import damaged, geometries, numbered, oblique_grid
from hypothesis import given
from listeners import Listener

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import Labelmap, Structure, Volume, default_structure
from SAMAdaptLib.data.structure import default_color
from SAMAdaptLib.errors import GeometryError, InputError


@pytest.fixture
def volume() -> Volume:
    """A small volume on an oblique, unequal grid; each voxel has another value."""
    return Volume(numbered(oblique_grid()), oblique_grid(), "a volume")


@pytest.fixture
def labelmap() -> Labelmap:
    """Two structures on the same grid."""
    voxels = np.zeros(oblique_grid().shape, np.uint8)
    voxels[1:3, 1:4, 2:6] = 1
    voxels[3, 4, 6] = 3
    ventricle = Structure(1, "ventricle", (0.1, 0.25, 1.0))
    return Labelmap(voxels, oblique_grid(), (ventricle,), {1: 0.9}, "labels")


# --- structures ------------------------------------------------------------------------------------------------------


def test_a_structure_survives_json():
    structure = Structure(7, "left ventricle", (0.1, 0.2, 0.3), "a~b~c")
    assert Structure.from_dict(json.loads(json.dumps(structure.to_dict()))) == structure


def test_a_document_without_colour_takes_the_default_one():
    assert Structure.from_dict({"value": 2, "name": "liver"}) == Structure(2, "liver", default_color(2))


def test_neighbouring_default_colours_differ_visibly():
    colors = np.array([default_color(value) for value in range(1, 60)])
    apart = [np.linalg.norm(one - other) for n, one in enumerate(colors) for other in colors[max(0, n - 4) : n]]
    assert min(apart) > 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, "a", (0, 0, 0)), "from 1 to 65535; it is 0"),
        ((70000, "a", (0, 0, 0)), "it is 70000"),
        ((True, "a", (0, 0, 0)), "it is True"),
        ((1.0, "a", (0, 0, 0)), "whole number"),
        ((1, " ", (0, 0, 0)), "label 1 has no name"),
        ((1, "a\nb", (0, 0, 0)), "name must be one line"),
        ((1, None, (0, 0, 0)), "name must be one line"),
        ((1, "a" * 5000, (0, 0, 0)), "at most 4096 characters"),
        ((1, "a", (0, 0, 2)), "three numbers from 0 to 1; it is .0, 0, 2."),
        ((1, "a", (0, 0)), "three numbers from 0 to 1"),
        ((1, "a", (0, 0, float("nan"))), "three numbers from 0 to 1"),
        ((1, "a", "red"), "three numbers from 0 to 1"),
        ((1, "a", (0, 0, 0), "a\0"), "terminology must be one line"),
    ],
)
def test_what_is_no_structure_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Structure(*arguments)


@pytest.mark.parametrize("document", [{}, {"value": 1}, [1, "a"], None])
def test_a_document_that_is_no_structure_is_refused(document):
    with pytest.raises(InputError, match="needs a value and a name"):
        Structure.from_dict(document)


# --- Volume ----------------------------------------------------------------------------------------------------------


def test_a_volume_cannot_be_changed(volume):
    with pytest.raises(ValueError, match="read-only"):
        volume.voxels[0, 0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        volume.name = "another"


def test_a_volume_does_not_follow_the_array_it_was_made_from():
    array = numbered(oblique_grid())
    volume = Volume(array, oblique_grid())
    array[0, 0, 0] = 99
    assert volume.voxels[0, 0, 0] == 0


def test_with_array_keeps_grid_name_and_modality():
    volume = Volume(numbered(oblique_grid()), oblique_grid(), "scan", "MR")
    doubled = volume.with_array(volume.voxels * 2)
    assert doubled.voxels[-1, -1, -1] == 2 * volume.voxels[-1, -1, -1]
    assert (doubled.geometry, doubled.name, doubled.modality) == (volume.geometry, "scan", "MR")


def test_an_array_of_another_shape_is_refused_with_both_shapes(volume):
    with pytest.raises(GeometryError, match=r"a volume has an array of shape \(7, 5, 4\); its grid needs \(4, 5, 7\)"):
        volume.with_array(volume.voxels.T)


def test_a_volume_with_nan_is_refused_at_birth(volume):
    array = volume.voxels.copy()
    array[0, 0, :2] = np.nan, np.inf
    with pytest.raises(InputError, match="a volume has 2 of 140 voxels that are not finite numbers"):
        volume.with_array(array)


def test_the_content_hash_depends_on_voxels_and_grid_alone(volume):
    changed = volume.voxels.copy()
    changed[3, 4, 6] += 1
    moved = replace(volume.geometry, origin=(0, 0, 0))
    assert Volume(volume.voxels, volume.geometry, "another", "MR").content_hash() == volume.content_hash()
    assert volume.with_array(changed).content_hash() != volume.content_hash()
    assert Volume(volume.voxels, moved).content_hash() != volume.content_hash()


def test_the_content_hash_is_the_same_on_every_machine():
    volume = Volume(np.arange(8).reshape(2, 2, 2), Geometry((2, 2, 2)))
    assert volume.content_hash() == "399eb0cb9759855bf056d3358b01612412c1bb19ab9b01161c0a2e0e10a8ef28"


def test_volumes_and_labelmaps_survive_pickle(volume, labelmap):
    twin, again = pickle.loads(pickle.dumps((volume, labelmap)))
    assert twin.content_hash() == volume.content_hash()
    assert not any(array.flags.writeable for array in (twin.voxels, twin.geometry.direction, again.voxels))
    assert again.structures == labelmap.structures
    np.testing.assert_array_equal(again.voxels, labelmap.voxels)


@given(geometries())
def test_simpleitk_gives_voxels_and_grid_back(grid):
    volume = Volume(numbered(grid) if np.prod(grid.size) > 1 else np.ones(grid.shape), grid)
    again = Volume(sitk.GetArrayFromImage(volume.to_sitk()), Geometry.from_sitk(volume.to_sitk()))
    assert again.content_hash() == volume.content_hash()


def test_a_two_dimensional_image_becomes_one_slice():
    image = sitk.GetImageFromArray(numbered(Geometry((5, 4, 1)))[0])
    image.SetSpacing((0.5, 0.75))
    volume = Volume.from_sitk(image)
    assert volume.geometry.size == (5, 4, 1)
    assert volume.geometry.spacing[:2] == (0.5, 0.75)


def test_whole_numbers_down_to_air_are_taken_for_ct():
    voxels = np.linspace(-1000, 1000, 140).reshape(4, 5, 7).round()
    grid = oblique_grid()
    image = grid.onto_sitk(sitk.GetImageFromArray(voxels))
    fractions = grid.onto_sitk(sitk.GetImageFromArray(voxels + 0.5))
    assert Volume.from_sitk(image).modality == "CT"
    assert Volume.from_sitk(fractions).modality == ""
    assert Volume.from_sitk(image, modality="MR").modality == "MR"
    assert Volume.from_sitk(sitk.Abs(image)).modality == ""


@pytest.mark.parametrize(("value", "repaired"), [(np.nan, 5), (-np.inf, 5), (np.inf, 999), (1e300, 999)])
def test_a_few_broken_voxels_are_repaired_with_a_warning(value, repaired):
    listener = Listener()
    volume = Volume.from_sitk(damaged(5, value), "scan", monitor=listener)
    assert volume.voxels.ravel()[:6].tolist() == [repaired] * 5 + [5]
    assert listener.warnings == [
        "scan has 5 of 1000 voxels that are not finite numbers. They were set to 5 (infinity to 999)."
    ]


def test_many_broken_voxels_are_refused():
    with pytest.raises(InputError, match=r"scan has 11 of 1000 voxels.*up to 1% are repaired"):
        Volume.from_sitk(damaged(11, np.nan), "scan")


def test_broken_voxels_are_refused_with_repair_off():
    with pytest.raises(InputError, match="has 1 of 1000 voxels that are not finite"):
        Volume.from_sitk(damaged(1, np.nan), repair=False)


def test_an_image_of_nan_alone_is_refused():
    with pytest.raises(InputError, match="1000 of 1000"):
        Volume.from_sitk(damaged(1000, np.nan))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (sitk.Image((3, 3, 3, 2), sitk.sitkFloat32), r"scan has 4 dimensions \(3 x 3 x 3 x 2\)"),
        (sitk.Image((3, 3, 3), sitk.sitkVectorUInt8, 3), "scan has 3 numbers a voxel"),
        (sitk.Image((3, 3, 3), sitk.sitkComplexFloat32), "scan has complex voxels"),
        (sitk.Image((3, 3, 3), sitk.sitkInt16) + 7, "scan is constant: all of its 27 voxels are 7"),
        (sitk.Image((0, 3, 3), sitk.sitkInt16), r"scan is empty \(size 0 x 3 x 3\)"),
    ],
)
def test_images_that_are_no_volume_are_refused(image, message):
    with pytest.raises(InputError, match=message):
        Volume.from_sitk(image, "scan")


def test_a_fourth_dimension_of_length_one_is_dropped():
    image = sitk.JoinSeries(Volume(numbered(oblique_grid()), oblique_grid()).to_sitk())
    volume = Volume.from_sitk(image)
    assert volume.geometry == oblique_grid()
    np.testing.assert_array_equal(volume.voxels, numbered(oblique_grid()))


# --- Labelmap --------------------------------------------------------------------------------------------------------


def test_a_labelmap_names_what_was_given_and_what_is_present(labelmap):
    assert labelmap.values() == (1, 3)
    assert [structure.name for structure in labelmap.structures] == ["ventricle", "Structure 3"]
    assert labelmap.confidence == {1: 0.9}


def test_a_labelmap_says_how_large_its_structures_are_in_ml():
    grid = Geometry((4, 1, 2), (2.0, 5.0, 10.0))
    voxels = np.array([[[0, 300, 300, 2]], [[300, 0, 0, 0]]])
    assert Labelmap(voxels, grid).volumes_ml() == pytest.approx({2: 0.1, 300: 0.3})
    assert Labelmap(np.zeros((2, 1, 4)), grid).volumes_ml() == {}


def test_a_labelmap_takes_eight_bits_or_sixteen_where_needed():
    grid = Geometry((2, 1, 1))
    assert Labelmap(np.array([[[0, 255]]]), grid).voxels.dtype == np.uint8
    assert Labelmap(np.array([[[0, 256]]]), grid).voxels.dtype == np.uint16
    assert Labelmap(np.array([[[False, True]]]), grid).values() == (1,)
    assert Labelmap(np.array([[[0.0, 2.0]]]), grid).values() == (2,)


def test_a_labelmap_cannot_be_changed(labelmap):
    with pytest.raises(ValueError, match="read-only"):
        labelmap.voxels[0, 0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        labelmap.structures = ()


def test_a_labelmap_is_renamed_and_rated_by_making_another(labelmap):
    renamed = labelmap.with_structures([Structure(3, "tumour", (1, 0, 0))])
    assert [structure.name for structure in renamed.structures] == ["tumour", "Structure 1"]
    assert labelmap.with_confidence({3: 0.5}).confidence == {3: 0.5}
    assert labelmap.with_array(np.zeros_like(labelmap.voxels)).values() == ()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([0, -1], "labels has label values from -1 to 0; 0 to 65535 are allowed"),
        ([0, 70000], "from 0 to 70000"),
        ([0, 0.5], r"labels has 1 values that are not whole numbers \(the first is 0.5\)"),
        ([0, np.nan], "the first is nan"),
        ([np.inf, 0], "the first is inf"),
        ([0, 1j], "values of type complex128"),
    ],
)
def test_values_that_are_no_labels_are_refused(array, message):
    with pytest.raises(InputError, match=message):
        Labelmap(np.array([[array]]), Geometry((2, 1, 1)), name="labels")


def test_two_structures_of_one_value_are_refused(labelmap):
    with pytest.raises(InputError, match="Two structures have the label value 1"):
        labelmap.with_structures([default_structure(1), default_structure(1)])


def test_labels_of_another_shape_are_refused(labelmap):
    with pytest.raises(GeometryError, match=r"shape \(7, 5, 4\); its grid needs \(4, 5, 7\)"):
        labelmap.with_array(labelmap.voxels.T)


def test_resampling_finds_the_nearest_voxel_and_background_outside(labelmap):
    grid = labelmap.geometry
    shifted = replace(grid, origin=tuple(grid.ijk_to_lps((2.2, 1.1, 0.9))))
    moved = labelmap.on_grid(shifted)
    expected = np.zeros_like(labelmap.voxels)
    expected[:3, :4, :5] = labelmap.voxels[1:, 1:, 2:]
    np.testing.assert_array_equal(moved.voxels, expected)
    assert moved.structures == labelmap.structures
