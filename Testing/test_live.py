"""A live session: strokes in, a preview of all slices out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livethings import GRID, Opened, balls, dice_of, only
from livethings import opened as opened
from scipy import ndimage

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.image import Labelmap, Volume
from SAMAdaptLib.errors import Cancelled, InputError
from SAMAdaptLib.live.annotation import AnnotatedStack, drawn_plane
from SAMAdaptLib.live.interpolation import FAR_MM, ContourInterpolator, signed_distance
from SAMAdaptLib.live.preview import Acceptance, certainty_of, next_slice
from SAMAdaptLib.live.quick_fit import QuickFit
from SAMAdaptLib.live.slice_features import SliceFeatures, outwards
from SAMAdaptLib.preprocessing.slicing import SliceStack
from SAMAdaptLib.progress import Silent
from SAMAdaptLib.training.dataset import Case

OBLIQUE = Geometry(
    (24, 22, 11), (1.0, 1.1, 3.0), (5.0, -7.0, 3.0), np.linalg.qr(np.array([[3, 1, 0.5], [-1, 3, 1], [0.2, -1, 3]]))[0]
)


def three_slices(geometry: Geometry = GRID, plane: str = "axial") -> tuple:
    """The phantom, its labels on three of the slices that show it, and the stack."""
    case = balls(geometry)
    stack = SliceStack(geometry, plane)
    shown = np.flatnonzero(stack.oriented(case.labelmap.voxels).any(axis=(1, 2)))
    chosen = [int(shown[at]) for at in (1, len(shown) // 2, -2)]
    return case, only(case.labelmap.voxels, chosen, stack), stack


def worst(found: Labelmap, case: Case) -> float:
    """The lower Dice of the two balls between the first and the last annotated slice."""
    return min(dice_of(found.voxels[2:9], case.labelmap.voxels[2:9], value) for value in (2, 5))


# What comes out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", [GRID, OBLIQUE], ids=["straight", "oblique"])
def test_slices_between_annotated_ones_are_filled_and_strokes_stay(opened: Opened, geometry: Geometry) -> None:
    case, painted, stack = three_slices(geometry)
    before = painted.copy()
    session = opened(case, painted, plane="axial")
    filled = session.complete()
    assert np.array_equal(painted, before)
    assert filled.geometry is case.volume.geometry
    assert worst(filled, case) > 0.8
    for index in session.annotated:
        assert np.array_equal(stack.slice(filled.voxels, index), stack.slice(painted, index))


def test_the_same_strokes_and_seed_give_the_same_labels_whatever_came_before(opened: Opened) -> None:
    case, painted, stack = three_slices()
    first = opened(case, painted).complete().voxels
    other = opened(case, only(case.labelmap.voxels, (4,), stack))
    assert other.fit(quick=True)
    other.set_annotation(painted)
    assert other.fit(quick=True)
    assert other.fit()
    assert np.array_equal(other.complete().voxels, first)


def test_one_structure_on_one_slice_is_continued(opened: Opened) -> None:
    case, _, stack = three_slices()
    one = np.where(case.labelmap.voxels == 2, 2, 0).astype(np.uint8)
    filled = opened(case, only(one, (5,), stack)).complete()
    assert filled.values() == (2,)
    assert [structure.name for structure in filled.structures] == ["Structure 2"]
    assert dice_of(filled.voxels, one, 2) > 0.5


def test_names_and_colours_of_a_labelmap_are_kept(opened: Opened) -> None:
    case, painted, _ = three_slices()
    filled = opened(case, case.labelmap.with_array(painted)).complete()
    assert filled.structures == case.labelmap.structures


def test_a_volume_of_one_slice_comes_back_as_it_was_painted(opened: Opened) -> None:
    flat = Geometry((24, 22, 1))
    labels = balls().labelmap.voxels[5:6]
    filled = opened(Case(Volume(balls().volume.voxels[5:6], flat), balls().labelmap), labels).complete()
    assert np.array_equal(filled.voxels, labels)


def test_thirty_structures_are_followed_at_once(opened: Opened) -> None:
    labels = np.zeros(GRID.shape, np.uint8)
    for number in range(30):
        row, column = divmod(number, 6)
        labels[:, 1 + 4 * row : 4 + 4 * row, 1 + 4 * column : 4 + 4 * column] = number + 1
    stack = SliceStack(GRID, "axial")
    filled = opened(balls(), only(labels, (1, 5, 9), stack), plane="axial").complete()
    assert filled.values() == tuple(range(1, 31))
    assert np.mean([dice_of(filled.voxels[2:9], labels[2:9], value) for value in range(1, 31)]) > 0.7


def test_labels_on_another_grid_are_put_on_the_volumes(opened: Opened) -> None:
    case, painted, _ = three_slices()
    finer = Geometry((48, 44, 11), (0.5, 0.55, 3.0), (-0.25, -0.275, 0.0))
    there = Labelmap(painted.repeat(2, axis=1).repeat(2, axis=2), finer, case.labelmap.structures)
    session = opened(case, there, plane="axial")
    assert session.annotated == (2, 5, 8)
    assert worst(session.complete(), case) > 0.8


def test_the_preview_begins_at_the_visible_slice_and_goes_outwards(opened: Opened) -> None:
    case, painted, _ = three_slices()
    parts = list(opened(case, painted).preview(start=7))
    assert [part.slice for part in parts] == [7, 6, 8, 5, 9, 4, 10, 3, 2, 1, 0]
    assert {part.source for part in parts} == {"fit", "strokes"}


def test_contours_need_no_encoder(opened: Opened) -> None:
    case, painted, stack = three_slices()
    session = opened(case, painted, encoder="no such encoder")
    part = session.contours(3)
    assert part.source == "contours"
    assert dice_of(part.labels, stack.slice(case.labelmap.voxels, 3), 2) > 0.7
    assert session.contours(5).source == "strokes"


def test_features_are_encoded_once_and_nearest_first(opened: Opened) -> None:
    session = opened()
    assert list(session.features.encode(start=3))[:3] == [3, 2, 4]
    assert session.encode() == 0
    assert outwards(4, 9) == [3, 2, 1, 0]


# What counts as annotated -------------------------------------------------------------------------------------------


def test_nothing_painted_is_a_sentence(opened: Opened) -> None:
    session = opened()
    session.set_annotation(np.zeros(GRID.shape, np.uint8))
    assert session.annotated == ()
    for act in (session.complete, session.fit, lambda: session.contours(2), lambda: next(session.preview())):
        with pytest.raises(InputError, match="Nothing is painted yet"):
            act()


def test_a_slice_marked_empty_is_background_and_stays_so(opened: Opened) -> None:
    case, painted, stack = three_slices()
    session = opened(case)
    session.set_annotation(painted, empty_slices=(3,))
    assert session.annotated == (2, 3, 5, 8)
    assert not stack.slice(session.complete().voxels, 3).any()
    with pytest.raises(InputError, match="Slice 11 cannot be marked"):
        session.set_annotation(painted, empty_slices=(11,))


def test_a_painted_background_makes_scribbles_of_all_strokes(opened: Opened) -> None:
    case, _, stack = three_slices()
    whole = stack.oriented(case.labelmap.voxels)[5]
    strokes = np.zeros_like(whole)
    strokes[::2] = np.where(whole[::2] == 0, 9, whole[::2])
    labels = np.zeros(GRID.shape, np.uint8)
    stack.put(labels, 5, strokes)
    annotation = AnnotatedStack.of(stack, labels, background=9)
    classes = annotation.classes(5, annotation.values)
    assert annotation.values == (2, 5)
    assert set(np.unique(classes)) == {0, 1, 2, 255}
    assert (classes[1::2][:-1] == 255).any()
    session = opened(case)
    session.set_annotation(labels, background=9)
    part = session.predict(5)
    assert part.source == "fit"
    assert np.array_equal(part.labels[::2], np.where(strokes[::2] == 9, 0, strokes[::2]))
    assert 9 not in session.complete().values()


def test_an_ignored_part_is_unknown_and_the_rest_counts(opened: Opened) -> None:
    case, painted, stack = three_slices()
    painted = painted.copy()
    stack.slice(painted, 5)[:6] = 7
    annotation = AnnotatedStack.of(stack, painted, ignore=7)
    classes = annotation.classes(5, annotation.values)
    assert (classes[:6] == 255).all()
    assert set(np.unique(classes[6:])) == {0, 1, 2}
    assert not annotation.is_known(5)
    assert annotation.is_known(2)


def test_a_slice_with_ignored_voxels_alone_is_not_annotated() -> None:
    stack = SliceStack(GRID, "axial")
    labels = np.zeros(GRID.shape, np.uint8)
    labels[4] = 7
    assert AnnotatedStack.of(stack, labels, ignore=7).slices == ()


def test_changed_slices_replace_what_was_there() -> None:
    stack = SliceStack(GRID, "axial")
    annotation = AnnotatedStack.of(stack, only(balls().labelmap.voxels, (2, 5), stack), empty=(9,))
    erased = annotation.with_slices({2: None, 5: np.zeros(stack.shape, np.uint8)}, (9,), stack.shape)
    assert erased.slices == (9,)
    assert annotation.slices == (2, 5, 9)
    painted = erased.with_slices({9: np.ones(stack.shape, np.uint8)}, (9, 1), stack.shape)
    assert (painted.slices, painted.empty) == ((1, 9), frozenset({1}))


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
def test_the_plane_of_the_strokes_is_found_out(opened: Opened, plane: str) -> None:
    cube = Geometry((20, 18, 19))
    case, painted, _ = three_slices(cube, plane)
    assert drawn_plane(cube, painted, "axial") == plane
    assert opened(case, painted).plane == plane


def test_a_ring_on_one_slice_tells_its_plane() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[2:18, 2:18, 7] = 1
    labels[5:15, 5:15, 7] = 0
    assert drawn_plane(Geometry((20, 20, 20)), labels, "axial") == "sagittal"
    line = np.zeros((20, 20, 20), np.uint8)
    line[4, 5, 3:9] = 1
    assert drawn_plane(Geometry((20, 20, 20)), line, "axial") == "axial"


def test_a_whole_annotation_leaves_the_plane_as_it_is() -> None:
    assert drawn_plane(GRID, balls().labelmap.voxels, "coronal") == "coronal"
    assert drawn_plane(GRID, np.zeros(GRID.shape, np.uint8), "sagittal") == "sagittal"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), plane=st.sampled_from(["axial", "sagittal", "coronal"]))
def test_any_grid_and_plane_counts_the_slices_that_show_something(data: st.DataObject, plane: str) -> None:
    size = data.draw(st.tuples(*[st.integers(1, 7)] * 3))
    flips = np.diag(data.draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)))
    order = data.draw(st.permutations(range(3)))
    geometry = Geometry(size, direction=flips[:, list(order)])
    labels = np.zeros(geometry.shape, np.uint8)
    stack = SliceStack(geometry, plane)
    chosen = data.draw(st.sets(st.integers(0, len(stack) - 1)))
    for index in chosen:
        stack.slice(labels, index)[0, 0] = 3
    annotation = AnnotatedStack.of(stack, labels)
    assert annotation.slices == tuple(sorted(chosen))
    assert all(np.array_equal(annotation.shown(index), stack.slice(labels, index)) for index in chosen)


# Stopping -----------------------------------------------------------------------------------------------------------


class _StopsAt(Silent):
    def __init__(self, stage: str) -> None:
        self._stage, self._stopped = stage, False

    def progress(self, stage: str, done: int, total: int) -> None:
        self._stopped = self._stopped or stage == self._stage

    def cancelled(self) -> bool:
        return self._stopped


@pytest.mark.parametrize("stage", ["Encoding slices", "Fitting", "Completing slices"])
def test_work_stops_between_slices_and_steps(opened: Opened, stage: str) -> None:
    case, painted, _ = three_slices()
    session = opened(case, painted, monitor=_StopsAt(stage))
    with pytest.raises(Cancelled):
        session.encode()
        session.complete()


def test_a_fit_that_is_told_to_stop_changes_nothing(opened: Opened) -> None:
    case, painted, _ = three_slices()
    session = opened(case, painted)
    assert not session.fit(go_on=lambda done, total: done < 2)
    assert session._fitted is None


# Certainty and acceptance -------------------------------------------------------------------------------------------


def test_certainty_is_one_where_annotated_and_the_least_sure_slice_is_next(opened: Opened) -> None:
    case, painted, _ = three_slices()
    session = opened(case, painted)
    assert session.next_slice() is None
    session.complete()
    assert [session.certainty[index] for index in session.annotated] == [1.0, 1.0, 1.0]
    assert session.next_slice() not in session.annotated
    assert next_slice([0.9, None, 0.4, 1.0, 0.6], (3,)) == 2
    assert next_slice([1.0, 1.0], (0, 1)) is None


def test_certainty_falls_with_doubt() -> None:
    sure = np.stack([np.eye(6), 1 - np.eye(6)]).astype(np.float32)
    unsure = 0.5 + 0.2 * (sure - 0.5)
    assert certainty_of(sure, 10) == pytest.approx(1.0, abs=1e-3)
    assert certainty_of(unsure, 10) < 0.75


def accept(what: str, index: int | None = None, open_slices: tuple = ()) -> np.ndarray:
    """Strokes on slices 2 and 6 of a stack, a preview of ones, accepted; which value each slice has then."""
    stack = SliceStack(GRID, "axial")
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2, 0, 0] = labels[6, 0, 0] = 3
    acceptance = Acceptance(stack, (2, 6), [True] * 10 + [False], open_slices)
    return acceptance.applied(labels, np.ones(GRID.shape, np.uint8), what, index)


@pytest.mark.parametrize(
    ("what", "index", "filled"),
    [("all", None, {0, 1, 3, 4, 5, 7, 8, 9}), ("between", None, {3, 4, 5}), ("slice", 4, {4}), ("slice", 2, set())],
)
def test_what_is_accepted_leaves_annotated_slices_alone(what: str, index: int | None, filled: set) -> None:
    result = accept(what, index)
    assert {number for number in range(11) if (result[number] == 1).all()} == filled
    assert result[2, 0, 0] == result[6, 0, 0] == 3
    assert (result == 3).sum() == 2


def test_scribbled_slices_are_filled_around_the_strokes() -> None:
    result = accept("slice", 2, open_slices=(2, 6))
    assert result[2, 0, 0] == 3
    assert (result[2] == 1).sum() == result[2].size - 1


@pytest.mark.parametrize(("what", "index"), [("some", None), ("slice", None), ("slice", 11)])
def test_what_cannot_be_accepted_is_said(what: str, index: int | None) -> None:
    with pytest.raises(InputError, match=r"must be one of|does not exist"):
        accept(what, index)


# Size ---------------------------------------------------------------------------------------------------------------


def test_features_in_memory_are_bounded(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("SAMAdaptLib.live.slice_features.MOST_BYTES", 20_000)
    session = opened()
    session.encode()
    assert 0 < sum(array.nbytes for maps in session.features._held.values() for array in maps.values()) <= 20_000
    assert session.features.missing() == []


def test_more_annotated_slices_than_are_learned_from_are_no_problem(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("SAMAdaptLib.live.quick_fit.MOST_SLICES", 3)
    seen: list[int] = []
    material = QuickFit._material
    monkeypatch.setattr(QuickFit, "_material", lambda fit, indices: seen.extend(indices) or material(fit, indices))
    case = balls()
    session = opened(case, only(case.labelmap.voxels, (1, 2, 4, 6, 8), SliceStack(GRID, "axial")), plane="axial")
    assert session.fit()
    assert len(seen) == 3


def test_flat_slices_and_structures_at_the_border_are_no_problem(opened: Opened) -> None:
    voxels = np.array(balls().volume.voxels)
    voxels[:3] = 0
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2, :, :5] = labels[6, :, :5] = 1
    filled = opened(Case(Volume(voxels, GRID), balls().labelmap), labels, plane="axial")
    assert (filled.complete().voxels[4, 4:18, :3] == 1).mean() > 0.9


# Contours -----------------------------------------------------------------------------------------------------------


def test_distances_are_those_of_the_whole_slice_though_only_the_surroundings_are_computed() -> None:
    mask = np.zeros((150, 90), bool)
    mask[20:32, 40:47] = True
    found = signed_distance(mask, (2.0, 1.5))
    inside = ndimage.distance_transform_edt(mask, sampling=(2.0, 1.5)) - 0.75
    outside = 0.75 - ndimage.distance_transform_edt(~mask, sampling=(2.0, 1.5))
    assert np.allclose(found, np.clip(np.where(mask, inside, outside), -FAR_MM, FAR_MM))
    assert (signed_distance(np.zeros((4, 4), bool), (1, 1)) == -FAR_MM).all()
    assert (signed_distance(np.ones((4, 4), bool), (1, 1)) == FAR_MM).all()


def test_a_contour_moves_with_its_structure_and_ends_half_way() -> None:
    first, last = np.zeros((2, 40, 40), np.uint8)
    first[4:12, 4:12] = last[24:32, 24:32] = 1
    first[30:36, 4:10] = 2
    contours = ContourInterpolator({0: first, 8: last}, 2, (1.0, 1.0), 2.0)
    found, off_mm = contours.distances(4)
    assert off_mm == pytest.approx(2.0 * 4 * 4 / 8)
    rows, columns = np.nonzero(found[0] > 0)
    assert (rows.mean(), columns.mean()) == (pytest.approx(17.5, abs=0.6), pytest.approx(17.5, abs=0.6))
    assert (contours.distances(2)[0][1] > 0).any()
    assert not (contours.distances(4)[0][1] > 0).any()


def test_a_slice_that_is_left_out_tells_nothing_of_itself() -> None:
    shown, blank = np.ones((6, 6), np.uint8), np.zeros((6, 6), np.uint8)
    contours = ContourInterpolator({0: blank, 3: shown, 6: blank}, 1, (1.0, 1.0), 1.0)
    assert (contours.distances(3)[0] > 0).all()
    assert not (contours.distances(3, without=3)[0] > 0).any()
    alone = ContourInterpolator({3: shown}, 1, (1.0, 1.0), 1.0)
    assert (alone.distances(3, without=3)[0] == -FAR_MM).all()


# --- how far contours are trusted ------------------------------------------------------------------------------------


def test_near_to_an_annotated_slice_the_contours_count_and_far_from_it_the_network() -> None:
    from SAMAdaptLib.live.quick_fit import Inputs

    case, labels, stack = three_slices()
    source = SliceFeatures(case.volume, "axial")
    told = AnnotatedStack.of(stack, labels)
    classes = {n: told.classes(n, told.values) for n in told.slices}
    inputs = Inputs(source, classes, len(told.values))
    first, second = told.slices[:2]
    shares = [inputs.fine_depth(n)[1] for n in range(first, second + 1)]
    assert shares[0] == shares[-1] == 0
    assert max(shares) == shares[len(shares) // 2] > 0.3
    scribbles = Inputs(source, classes, len(told.values), contours=False)
    assert scribbles.fine_depth(first)[1] == 1


def test_an_outline_of_pieces_that_part_stays_where_it_is() -> None:
    apart, together = np.zeros((2, 40, 40), np.uint8)
    apart[18:24, 4:10] = apart[18:24, 30:36] = 1
    together[18:24, 4:10] = 1
    together[18:24, 29:39] = 1
    found, _ = ContourInterpolator({0: apart, 2: together}, 1, (1.0, 1.0), 1.0).distances(1)
    assert (found[0][20, 5:9] > 0).all()
    assert (found[0][20, 31:36] > 0).all()


def test_a_structure_that_moves_is_followed() -> None:
    here, there = np.zeros((2, 40, 40), np.uint8)
    here[10:18, 4:12] = 1
    there[10:18, 20:28] = 1
    found, _ = ContourInterpolator({0: here, 2: there}, 1, (1.0, 1.0), 1.0).distances(1)
    assert (found[0][12:16, 13:18] > 0).all()
    assert not (found[0] > 0)[:, :11].any()


# --- the same annotation for the full training ------------------------------------------------------------------------


@pytest.mark.parametrize("background", [None, 3], ids=["whole slices", "scribbles"])
@pytest.mark.parametrize("plane", ["axial", "sagittal"])
def test_the_training_learns_from_the_very_pixels_that_the_preview_learned_from(plane: str, background: int | None):
    from SAMAdaptLib.data.review import only_marked
    from SAMAdaptLib.features.sliced_volume import SlicedVolume
    from SAMAdaptLib.preprocessing.intensity import rule_for
    from SAMAdaptLib.training.annotated_slices import annotated_slices

    draw = np.random.default_rng(4)
    shape, ignore, unknown, structures = (7, 8, 9), 4, 4, [1, 2]
    geometry = Geometry(size=shape[::-1], spacing=(1.0, 1.0, 2.0))
    volume = Volume(draw.normal(size=shape).astype(np.float32), geometry)
    stack = SliceStack(geometry, plane)
    labels = np.zeros(shape, np.uint8)
    for n, values in ((1, [0, 0, 1, 2, 3]), (3, [0, 0, 0, 1]), (4, [0, 4]), (5, [0, 2, 3, 4])):
        stack.put(labels, n, draw.choice([v for v in values if v != 3 or background], stack.shape).astype(np.uint8))
    empty = (0, 4)
    told = AnnotatedStack.of(stack, labels, empty, background, ignore)
    at = [stack.ijk_bounds(range(n, n + 1), range(1), range(1))[stack.choice.axis][0] for n in empty]
    marked = only_marked(labels, stack.choice.axis, at, [3] if background else [], unknown)
    sliced = SlicedVolume(volume, plane, rule_for(volume, "auto"))
    learned = annotated_slices(sliced, marked, structures, False, unknown)
    assert [item.content.identity["slice"] for item in learned] == list(told.slices)
    for item in learned:
        theirs = told.classes(item.content.identity["slice"], structures)
        assert np.array_equal(item.classes, theirs)
