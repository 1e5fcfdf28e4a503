"""DICOM images of every kind: what their own tags say is taken, what they do not say is refused or told.

The same fault is tried in the first, a middle and the last slice.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicomthings import (
    CT,
    DOSE,
    FIRST,
    GRID,
    LAST,
    MIDDLE,
    REPORT,
    a_file,
    a_slice,
    enhanced,
    name_of,
    positions_of,
    save,
    segmentation,
    with_pixels,
    write_series,
)
from geometries import numbered
from hypothesis import given, settings
from hypothesis import strategies as st
from listeners import Listener
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from SAMAdaptLib.data.geometry import Geometry
from SAMAdaptLib.data.io.volumes import read_volume
from SAMAdaptLib.errors import GeometryError, InputError

EVERYWHERE = pytest.mark.parametrize("where", [FIRST, MIDDLE, LAST], ids=["first", "middle", "last"])


def read(path: Path) -> tuple[np.ndarray, Geometry, list[str]]:
    listener = Listener()
    volume = read_volume(path, monitor=listener)
    return volume.voxels, volume.geometry, listener.warnings


# --- series of one file a slice --------------------------------------------------------------------------------------


def test_a_whole_series_is_read_without_a_word(tmp_path):
    voxels, geometry, warnings = read(write_series(tmp_path))
    np.testing.assert_array_equal(voxels, numbered(GRID))
    assert geometry.same_grid(GRID, tolerance=1e-6)
    assert not warnings


@pytest.mark.parametrize("missing", [1, 2, 3, 4])
def test_a_gap_is_refused_wherever_it_is(tmp_path, missing):
    with pytest.raises(GeometryError, match="of 5 of the DICOM series .* lies .* mm away .* missing, repeated or tilt"):
        read(write_series(tmp_path, skipped=[missing]))


def test_slices_further_apart_than_their_header_says_are_told(tmp_path):
    def tell(dataset):
        dataset.SpacingBetweenSlices = 4.0

    folder = write_series(tmp_path, skipped=[1, 3, 5], changed=dict.fromkeys(range(6), tell))
    _, geometry, warnings = read(folder)
    assert geometry.spacing[2] == 8
    assert "lie 8 mm apart, which is used; their headers say 4 mm. Are slices missing?" in warnings[0]


@EVERYWHERE
def test_a_slice_that_is_turned_is_refused_by_its_name(tmp_path, where):
    def turn(dataset):
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    with pytest.raises(GeometryError, match=f"have different orientations: {name_of(where)} has"):
        read(write_series(tmp_path, changed={where: turn}))


@EVERYWHERE
def test_a_slice_with_other_pixels_is_refused_by_its_name(tmp_path, where):
    def widen(dataset):
        dataset.PixelSpacing = [1.2, 1.6]

    with pytest.raises(GeometryError, match=f"have different pixel spacings: {name_of(where)} has"):
        read(write_series(tmp_path, changed={where: widen}))


@EVERYWHERE
def test_a_slice_of_another_size_is_refused_by_its_name(tmp_path, where):
    def enlarge(dataset):
        with_pixels(dataset, np.zeros((6, 7), np.uint16))

    with pytest.raises(GeometryError, match=f"have different sizes: {name_of(where)} has"):
        read(write_series(tmp_path, changed={where: enlarge}))


@EVERYWHERE
@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("ImagePositionPatient", "where they lie"),
        ("ImageOrientationPatient", "how they are turned"),
        ("PixelSpacing", "how large their pixels are"),
    ],
)
def test_a_slice_that_does_not_say_its_place_is_refused(tmp_path, where, tag, said):
    with pytest.raises(GeometryError, match=f"1 of 6 slices of .* do not say {said} .*{name_of(where)} is one"):
        read(write_series(tmp_path, changed={where: lambda dataset: delattr(dataset, tag)}))


@EVERYWHERE
@pytest.mark.parametrize("value", [["nan", "0", "0"], ["1", "2"], ["a", "b", "c"]])
def test_a_slice_with_a_damaged_position_is_refused(tmp_path, where, value):
    folder = write_series(tmp_path)
    raw = (folder / name_of(where)).read_bytes()
    position = "\\".join(f"{part:.1f}" for part in GRID.ijk_to_lps((0, 0, where))).encode()
    assert raw.count(position)
    (folder / name_of(where)).write_bytes(raw.replace(position, "\\".join(value).encode().ljust(len(position))))
    with pytest.raises(InputError, match=f"{name_of(where)} has damaged numbers"):
        read(folder)


def test_slices_at_one_place_are_refused(tmp_path):
    def move(dataset):
        dataset.ImagePositionPatient = [0, 0, 0]

    with pytest.raises(GeometryError, match="All 6 slices of .* lie at one place"):
        read(write_series(tmp_path, changed=dict.fromkeys(range(6), move)))


@EVERYWHERE
def test_a_repeated_slice_is_refused(tmp_path, where):
    folder = write_series(tmp_path)
    save(a_slice(GRID, where), folder / "again")
    with pytest.raises(GeometryError, match="missing, repeated or tilted"):
        read(folder)


# --- files that are damaged ------------------------------------------------------------------------------------------


@EVERYWHERE
@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (-30, "is cut off: it holds 40 bytes of voxels of 70"),
        (-1, "is cut off: it holds 69 bytes"),
        (-90, "cut off or damaged: it has no voxels|cannot be read as DICOM|is cut off"),
        (400, "cut off|damaged|cannot be read"),
        (140, "cut off|damaged|cannot be read"),
        (100, "is no DICOM file, but called like the slices"),
        (0, "is empty, but called like the slices"),
    ],
)
def test_a_file_that_lost_its_end_is_refused_by_its_name(tmp_path, where, kept, said):
    folder = write_series(tmp_path)
    file = folder / name_of(where)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match=said) as refusal:
        read(folder)
    assert name_of(where) in str(refusal.value)


@settings(max_examples=60, deadline=None)
@given(kept=st.floats(0, 1, exclude_max=True), where=st.sampled_from([FIRST, MIDDLE, LAST]))
def test_no_file_is_left_out_however_much_of_it_is_lost(tmp_path_factory, kept, where):
    folder = write_series(tmp_path_factory.mktemp("series"))
    file = folder / name_of(where)
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    with pytest.raises(InputError, match=name_of(where)):
        read(folder)


@EVERYWHERE
def test_a_file_of_garbage_is_refused(tmp_path, where):
    folder = write_series(tmp_path)
    (folder / name_of(where)).write_bytes(bytes(range(256)) * 20)
    with pytest.raises(InputError, match=f"{name_of(where)} in the DICOM folder .* is no DICOM file"):
        read(folder)


# --- values ----------------------------------------------------------------------------------------------------------


def rescaled(slope: float, intercept: float):
    def change(dataset):
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept

    return change


@EVERYWHERE
def test_a_slice_that_is_rescaled_otherwise_has_its_own_values(tmp_path, where):
    changed = {number: rescaled(1, -1024) for number in range(6)} | {where: rescaled(1, 0)}
    voxels, _, _ = read(write_series(tmp_path, changed=changed))
    expected = numbered(GRID) - 1024
    expected[where] += 1024
    np.testing.assert_array_equal(voxels, expected)


def test_every_slice_may_have_a_slope_of_its_own_as_in_pet(tmp_path):
    slopes = [0.5, 1.25, 2.0, 0.001, 7.5, 1.0]
    voxels, _, _ = read(write_series(tmp_path, changed={n: rescaled(s, n) for n, s in enumerate(slopes)}))
    expected = numbered(GRID) * np.reshape(slopes, (6, 1, 1)) + np.arange(6).reshape(6, 1, 1)
    np.testing.assert_allclose(voxels, expected, rtol=1e-6)


@EVERYWHERE
def test_a_slope_of_zero_is_refused(tmp_path, where):
    with pytest.raises(InputError, match=f"{name_of(where)} has the rescale slope 0"):
        read(write_series(tmp_path, changed={where: rescaled(0, 0)}))


@EVERYWHERE
def test_slices_of_different_types_keep_their_values(tmp_path, where):
    def signed(dataset):
        with_pixels(dataset, (numbered(GRID)[where] - 500).astype(np.int16))

    voxels, _, _ = read(write_series(tmp_path, changed={where: signed}))
    expected = numbered(GRID).copy()
    expected[where] -= 500
    np.testing.assert_array_equal(voxels, expected)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_beyond_those_that_are_stored_do_not_count(tmp_path, signed):
    values = np.arange(35).reshape(5, 7) - (17 if signed else 0)
    dataset = a_slice(GRID, 0, ((values & 0xFFF) | 0xA000).astype(np.uint16))  # an overlay in the upper four bits
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, int(signed)
    voxels, _, _ = read(save(dataset, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(voxels[0], values)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_pictures_whose_white_is_low_are_turned_over_as_in_slicer(tmp_path, kind):
    dataset = a_slice(GRID, 0, np.arange(35).reshape(5, 7).astype(kind))
    dataset.PhotometricInterpretation, dataset.RescaleSlope, dataset.RescaleIntercept = "MONOCHROME1", 2, -10
    path = save(dataset, tmp_path / "a.dcm")
    np.testing.assert_array_equal(read(path)[0], sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint32, np.int32])
def test_all_whole_types_are_read_as_simpleitk_reads_them(tmp_path, kind):
    values = (np.arange(35).reshape(5, 7) * 3).astype(kind)
    path = save(a_slice(GRID, 0, values), tmp_path / "a.dcm")
    voxels, _, _ = read(path)
    np.testing.assert_array_equal(voxels[0], values)
    np.testing.assert_array_equal(voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_ways_to_store_the_same_are_the_same(tmp_path, syntax):
    def change(dataset):
        dataset.file_meta.TransferSyntaxUID = syntax

    voxels, _, _ = read(write_series(tmp_path, changed=dict.fromkeys(range(6), change)))
    np.testing.assert_array_equal(voxels, numbered(GRID))


def test_files_without_a_preamble_are_dicom_too(tmp_path):
    folder = write_series(tmp_path)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[132:])
    voxels, _, _ = read(folder)
    np.testing.assert_array_equal(voxels, numbered(GRID))


@EVERYWHERE
def test_compressed_slices_are_read_and_those_cut_off_are_refused(tmp_path, where):
    folder = write_series(tmp_path, changed={n: lambda d: d.compress(RLELossless) for n in range(6)})
    voxels, _, _ = read(folder)
    np.testing.assert_array_equal(voxels, numbered(GRID))
    file = folder / name_of(where)
    file.write_bytes(file.read_bytes()[:-12])
    with pytest.raises(InputError, match=f"{name_of(where)} is cut off: its compressed voxels have no end"):
        read(folder)


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000"])
def test_jpeg_slices_are_rescaled_once(tmp_path, compressor):
    image = sitk.GetImageFromArray((np.arange(4096).reshape(1, 64, 64) - 50).astype(np.int16))
    for tag, value in {"0028|1052": "-100", "0028|1053": "2", "0020|0032": "1\\2\\3", "0008|0060": "CT"}.items():
        image.SetMetaData(tag, value)
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "a.dcm"))
    writer.SetCompressor(compressor)
    writer.UseCompressionOn()
    writer.Execute(image)
    dataset = pydicom.dcmread(tmp_path / "a.dcm")
    assert dataset["PixelData"].is_undefined_length
    voxels, _, _ = read(tmp_path / "a.dcm")
    np.testing.assert_array_equal(voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.dcm"))))


@EVERYWHERE
@pytest.mark.parametrize("colour", ["RGB", "PALETTE COLOR"])
def test_colour_slices_are_refused(tmp_path, where, colour):
    def paint(dataset):
        dataset.PhotometricInterpretation = colour

    with pytest.raises(InputError, match=r"one gray value is needed"):
        read(write_series(tmp_path, changed={where: paint}))


# --- many frames in one file -----------------------------------------------------------------------------------------


def test_frames_lie_where_their_own_tags_put_them_in_whatever_order(tmp_path):
    order = [3, 0, 5, 1, 4, 2]
    values = numbered(GRID).astype(np.uint16)[order]
    voxels, geometry, warnings = read(save(enhanced(positions_of(GRID, order), values), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(voxels, numbered(GRID))
    assert geometry.same_grid(GRID, tolerance=1e-6)
    assert not warnings


@pytest.mark.parametrize("missing", [1, 3, 4])
def test_a_gap_between_frames_is_refused_in_a_file_and_in_a_folder(tmp_path, missing):
    kept = [number for number in range(6) if number != missing]
    values = numbered(GRID).astype(np.uint16)[kept]
    save(enhanced(positions_of(GRID, kept), values), tmp_path / "a.dcm")
    for path in (tmp_path, tmp_path / "a.dcm"):
        with pytest.raises(GeometryError, match="of 5 of the DICOM .* missing, repeated or tilted"):
            read(path)


@EVERYWHERE
def test_a_frame_may_be_rescaled_otherwise(tmp_path, where):
    rescales = [(2.0, -10.0)] * 6
    rescales[where] = (1.0, 5.0)
    values = numbered(GRID).astype(np.uint16)
    voxels, _, _ = read(save(enhanced(positions_of(GRID), values, rescales), tmp_path / "a.dcm"))
    expected = numbered(GRID) * 2 - 10
    expected[where] = numbered(GRID)[where] + 5
    np.testing.assert_array_equal(voxels, expected)


def test_compressed_frames_are_rescaled_each_by_its_own(tmp_path):
    rescales = [(number + 1.0, float(number)) for number in range(6)]
    dataset = enhanced(positions_of(GRID), numbered(GRID).astype(np.uint16), rescales)
    dataset.compress(RLELossless)
    voxels, _, _ = read(save(dataset, tmp_path / "a.dcm"))
    slopes = np.arange(1, 7).reshape(6, 1, 1)
    np.testing.assert_array_equal(voxels, numbered(GRID) * slopes + slopes - 1)


@EVERYWHERE
@pytest.mark.parametrize("sequence", ["PlaneOrientationSequence", "PixelMeasuresSequence"])
def test_a_frame_that_is_unlike_the_others_is_refused(tmp_path, where, sequence):
    dataset = enhanced(positions_of(GRID), numbered(GRID).astype(np.uint16))
    other = pydicom.Dataset()
    other.ImageOrientationPatient, other.PixelSpacing = [0, 1, 0, 0, 0, -1], [3, 3]
    setattr(dataset.PerFrameFunctionalGroupsSequence[where], sequence, pydicom.Sequence([other]))
    with pytest.raises(GeometryError, match=f"have different .*: frame {where + 1} of a.dcm has"):
        read(save(dataset, tmp_path / "a.dcm"))


@EVERYWHERE
def test_a_frame_that_does_not_say_where_it_lies_is_refused(tmp_path, where):
    dataset = enhanced(positions_of(GRID), numbered(GRID).astype(np.uint16))
    del dataset.PerFrameFunctionalGroupsSequence[where].PlanePositionSequence
    with pytest.raises(GeometryError, match=f"1 of 6 slices .* frame {where + 1} of a.dcm is one"):
        read(save(dataset, tmp_path / "a.dcm"))


def test_two_time_points_in_one_file_are_refused(tmp_path):
    values = np.concatenate([numbered(GRID)] * 2).astype(np.uint16)
    with pytest.raises(GeometryError, match="missing, repeated or tilted"):
        read(save(enhanced(positions_of(GRID) * 2, values), tmp_path / "a.dcm"))


def test_a_file_that_describes_too_few_of_its_frames_is_refused(tmp_path):
    dataset = enhanced(positions_of(GRID)[:5], numbered(GRID).astype(np.uint16))
    with pytest.raises(InputError, match="describes 5 of its 6 frames"):
        read(save(dataset, tmp_path / "a.dcm"))


def test_a_film_is_refused_as_nothing_says_where_its_frames_lie(tmp_path):
    dataset = with_pixels(a_file("1.2.840.10008.5.1.4.1.1.3.1"), numbered(GRID).astype(np.uint8))
    with pytest.raises(GeometryError, match="has 6 frames and does not say where each of them lies"):
        read(save(dataset, tmp_path / "a.dcm"))


def test_a_dose_lies_where_its_offsets_put_it(tmp_path):
    dataset = with_pixels(a_file(DOSE), numbered(GRID).astype(np.uint32))
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = list(GRID.origin), [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.DoseGridScaling = [1.2, 1.5], 0.5
    dataset.GridFrameOffsetVector = [4.0 * number for number in range(6)]
    voxels, geometry, _ = read(save(dataset, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(voxels, numbered(GRID) * 0.5)
    assert geometry.same_grid(GRID, tolerance=1e-6)


def test_more_frames_than_there_are_voxels_for_are_refused(tmp_path):
    dataset = enhanced(positions_of(GRID), numbered(GRID).astype(np.uint16))
    dataset.NumberOfFrames = 2_000_000_000
    with pytest.raises(InputError, match=r"is cut off: it holds 420 bytes of voxels of 140000000000"):
        read(save(dataset, tmp_path / "a.dcm"))


# --- single slices ---------------------------------------------------------------------------------------------------


def test_a_single_slice_is_as_thick_as_it_says(tmp_path):
    _, geometry, warnings = read(save(a_slice(GRID, 2), tmp_path / "a.dcm"))
    assert geometry.same_grid(Geometry((7, 5, 1), GRID.spacing, (-20, -30, 18)), tolerance=1e-6)
    assert not warnings


def test_what_a_single_slice_does_not_say_is_told(tmp_path):
    dataset = a_slice(GRID, 2)
    for tag in ("ImagePositionPatient", "SliceThickness", "PixelSpacing", "ImageOrientationPatient"):
        delattr(dataset, tag)
    _, _, warnings = read(save(dataset, tmp_path / "a.dcm"))
    for words in ("where it lies", "how it is turned", "how large its pixels are", "how thick it is"):
        assert words in warnings[0]


# --- what else lies in the folder ------------------------------------------------------------------------------------


def test_a_stray_volume_or_result_is_told_and_not_read(tmp_path):
    folder = write_series(tmp_path)
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((2, 3, 4), np.uint8)), str(folder / "again.nii.gz"))
    (folder / "again.seg.nrrd").write_bytes(b"NRRD0005")
    voxels, _, warnings = read(folder)
    np.testing.assert_array_equal(voxels, numbered(GRID))
    assert "again.nii.gz, again.seg.nrrd in it was not looked at" in warnings[0]


def test_reports_and_segmentations_are_left_out_with_a_word(tmp_path):
    folder = write_series(tmp_path)
    save(a_file(REPORT, uid="1.2.3.8"), folder / "report.dcm")
    save(segmentation({1: np.ones(GRID.shape)}), folder / "result.dcm")
    voxels, _, warnings = read(folder)
    np.testing.assert_array_equal(voxels, numbered(GRID))
    assert "without an image of the series, and left out" in warnings[0]
    assert "report.dcm, result.dcm" in warnings[0]


def test_known_other_files_are_left_out_without_a_word_and_unknown_ones_with(tmp_path):
    folder = write_series(tmp_path)
    for name in ("notes.txt", "DICOMDIR", "sidecar.json", ".DS_Store"):
        (folder / name).write_text("x")
    assert not read(folder)[2]
    (folder / "what.xyz").write_text("x")
    assert "No DICOM files, and left out, in " in read(folder)[2][0]


def test_a_folder_with_nothing_but_a_segmentation_is_refused(tmp_path):
    save(segmentation({1: np.ones(GRID.shape)}), tmp_path / "result.dcm")
    with pytest.raises(InputError, match="is a DICOM segmentation, not an image"):
        read(tmp_path)


def test_a_file_without_a_picture_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no picture"):
        read(save(a_file(REPORT), tmp_path / "a.dcm"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.dcm")
    with pytest.raises(InputError, match="is a named pipe"):
        read(tmp_path / "a.dcm")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_header_is_a_fault_of_ours_or_changes_the_place_unnoticed(tmp_path_factory, data):
    """Bytes of the header are changed at will: the file is refused as an input, or read."""
    path = save(a_slice(GRID, 1), tmp_path_factory.mktemp("damaged") / "a.dcm")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(132, len(raw) - 71))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    try:
        volume = read_volume(path)
    except InputError as error:
        assert error.message
    else:
        assert volume.voxels.size <= 35


def test_ct_files_say_that_they_are_ct(tmp_path):
    def as_ct(dataset):
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CT
        dataset.Modality = "CT"

    assert read_volume(write_series(tmp_path, changed=dict.fromkeys(range(6), as_ct))).modality == "CT"
