"""Headers that announce more than their file holds are refused, and no memory is taken for them."""

from __future__ import annotations

import bz2
import gzip
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from niftithings import a_header, write_nifti

from SAMAdaptLib.data.io.announced import inflated_length, require_inflatable
from SAMAdaptLib.data.io.raster_header import require_room_for
from SAMAdaptLib.data.io.volumes import read_labelmap, read_volume
from SAMAdaptLib.errors import InputError

ARRAY = np.arange(210, dtype=np.int16).reshape(6, 5, 7)
RAW = ARRAY.tobytes()
HUGE = 30_000
LITTLE_BYTES = 8 << 20

both_readers = pytest.mark.parametrize("read", [read_volume, read_labelmap], ids=["volume", "labelmap"])


def refused_cheaply(read, path: Path, match: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=match):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < LITTLE_BYTES
    finally:
        tracemalloc.stop()


def nrrd(sizes: tuple[int, ...] = (7, 5, 6), encoding: str = "raw", data: bytes = RAW, extra: str = "") -> bytes:
    header = (
        f"NRRD0004\ntype: short\ndimension: {len(sizes)}\nsizes: {' '.join(map(str, sizes))}\nendian: little\n"
        f"encoding: {encoding}\n{extra}"
    )
    return header.encode() + b"\n" + data


def meta(
    sizes: tuple[int, ...] = (7, 5, 6),
    data: bytes = RAW,
    extra: str = "",
    place: str = "LOCAL",
    kind: str = "MET_SHORT",
) -> bytes:
    header = (
        f"ObjectType = Image\nNDims = {len(sizes)}\nBinaryData = True\nBinaryDataByteOrderMSB = False\n{extra}"
        f"DimSize = {' '.join(map(str, sizes))}\nElementType = {kind}\nElementDataFile = {place}\n"
    )
    return header.encode() + data


def packed_meta(sizes: tuple[int, ...], told: int | None = None) -> bytes:
    data = zlib.compress(RAW)
    extra = f"CompressedData = True\nCompressedDataSize = {len(data) if told is None else told}\n"
    return meta(sizes, data, extra)


WHOLE = {
    "raw.nrrd": nrrd(),
    "gzip.nrrd": nrrd(encoding="gzip", data=gzip.compress(RAW)),
    "text.nrrd": nrrd(encoding="ascii", data=" ".join(map(str, ARRAY.ravel())).encode()),
    "raw.mha": meta(),
    "zlib.mha": packed_meta((7, 5, 6)),
}
BOMBS = {
    "raw.nrrd": nrrd((HUGE,) * 3),
    "gzip.nrrd": nrrd((HUGE,) * 3, "gzip", gzip.compress(RAW)),
    "bzip2.nrrd": nrrd((HUGE,) * 3, "bzip2", bz2.compress(RAW)),
    "text.nrrd": nrrd((HUGE,) * 3, "ascii", b"1 2 3"),
    "hex.nrrd": nrrd((HUGE,) * 3, "hex", b"00ff"),
    "layers.nrrd": nrrd((100_000_000, 7, 5, 6)),
    "raw.mha": meta((HUGE,) * 3),
    "zlib.mha": packed_meta((HUGE,) * 3),
    "channels.mha": meta(extra="ElementNumberOfChannels = 1000000000\n"),
    "raw.nii": a_header(ARRAY, dims=(3, HUGE, HUGE, HUGE, 1, 1, 1, 1)) + RAW,
    "times.nii": a_header(ARRAY, dims=(7, *([32767] * 7))) + RAW,
    "gzip.nii.gz": gzip.compress(a_header(ARRAY, dims=(3, HUGE, HUGE, HUGE, 1, 1, 1, 1)) + RAW),
    "bits.nii": a_header(ARRAY, dims=(3, HUGE, HUGE, HUGE, 1, 1, 1, 1), bits=0) + RAW,
    "far.nii": a_header(ARRAY, start=1e18) + RAW,
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_pass(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(WHOLE[name])
    np.testing.assert_array_equal(read_volume(path).voxels, ARRAY)


@both_readers
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_memory_is_taken(tmp_path, read, name):
    path = tmp_path / name
    path.write_bytes(BOMBS[name])
    refused_cheaply(read, path, "is cut off|has 7 dimensions")


@both_readers
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("name", ["raw.nrrd", "gzip.nrrd", "raw.mha", "zlib.mha"])
def test_files_that_lost_their_end_are_refused(tmp_path, read, name, kept):
    path, whole = tmp_path / name, WHOLE[name]
    data = len(whole) - whole.index(b"\n\n" if name.endswith("nrrd") else b"LOCAL\n")
    path.write_bytes(whole[: len(whole) - data + 6 + int(kept * (data - 6))])
    with pytest.raises(InputError, match="cut off|cannot be read as an image"):
        read(path)


@pytest.mark.parametrize(
    ("header", "ending", "place"),
    [
        (nrrd(extra="data file: voxels.raw\n", data=b""), ".nhdr", "data file"),
        (meta(place="voxels.raw", data=b""), ".mhd", "ElementDataFile"),
    ],
)
def test_the_length_of_a_data_file_of_its_own_counts(tmp_path, header, ending, place):
    path, data = tmp_path / f"a{ending}", tmp_path / "voxels.raw"
    path.write_bytes(header)
    with pytest.raises(InputError, match="voxels.raw cannot be opened"):
        read_volume(path)
    data.write_bytes(RAW[:-1])
    with pytest.raises(InputError, match="voxels.raw is cut off: it holds 419 bytes of the 420"):
        read_volume(path)
    data.write_bytes(RAW)
    np.testing.assert_array_equal(read_volume(path).voxels, ARRAY)
    assert place.encode() in header


def test_a_compressed_metaimage_that_does_not_say_how_long_it_is_is_refused(tmp_path):
    """Its reader would return whatever is in memory."""
    (tmp_path / "a.mha").write_bytes(meta(data=zlib.compress(RAW), extra="CompressedData = True\n"))
    with pytest.raises(InputError, match="The header of .* is damaged"):
        read_volume(tmp_path / "a.mha")
    (tmp_path / "a.mha").write_bytes(packed_meta((7, 5, 6), told=20))
    with pytest.raises(InputError, match="cut off"):
        read_volume(tmp_path / "a.mha")


@pytest.mark.parametrize("name", ["gzip.nrrd", "zlib.mha"])
def test_a_changed_bit_in_compressed_voxels_is_found(tmp_path, name):
    raw = bytearray(WHOLE[name])
    raw[-20] ^= 4
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match="damaged or cut off"):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("sizes", ["7 5 x", "7 -5 6", "0 5 6", "", "99999999999999999999 1 1"])
def test_sizes_that_cannot_be_are_refused(tmp_path, sizes):
    for name, raw in (("a.nrrd", nrrd()), ("a.mha", meta())):
        path = tmp_path / name
        path.write_bytes(raw.replace(b"7 5 6", sizes.encode()))
        with pytest.raises(InputError, match="damaged"):
            read_volume(path)


def test_volumes_in_several_data_files_are_left_to_their_reader(tmp_path):
    image = sitk.GetImageFromArray(ARRAY)
    for number in range(6):
        (tmp_path / f"s{number}.raw").write_bytes(ARRAY[number].tobytes())
    names = "".join(f"s{number}.raw\n" for number in range(6))
    (tmp_path / "a.nhdr").write_bytes(nrrd(extra=f"data file: LIST\n{names}", data=b"")[:-1])
    assert require_room_for(tmp_path / "a.nhdr") is None
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nhdr").voxels, sitk.GetArrayFromImage(image))


def test_labels_that_compress_a_thousandfold_are_no_bomb(tmp_path):
    array = np.zeros((64, 128, 128), np.uint8)
    array[30, 60, 60] = 1
    for name in ("a.nii.gz", "a.nrrd", "a.mha"):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / name), useCompression=True)
        assert read_labelmap(tmp_path / name).values() == (1,)


def test_where_much_is_announced_it_is_unpacked_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("SAMAdaptLib.data.io.announced._TRUSTED_BYTES", 1000)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(100_000)))
    assert require_inflatable(path, 0, 100_000) is None
    with pytest.raises(InputError, match="is cut off: it holds 100000 bytes"):
        require_inflatable(path, 0, 100_001)


@pytest.mark.parametrize("size", [0, 1, 257, 1 << 20, (1 << 20) + 1, 3_000_001])
def test_the_length_of_what_is_unpacked_is_counted_to_the_byte(tmp_path, size):
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    path = tmp_path / "a.gz"
    for raw in (gzip.compress(data), zlib.compress(data), gzip.compress(data[:7]) + gzip.compress(data[7:]) + bytes(9)):
        path.write_bytes(b"head" + raw)
        assert inflated_length(path, 4, size) == size


# --- random damage ---------------------------------------------------------------------------------------------------


def whole_files(folder: Path) -> dict[str, bytes]:
    nifti = write_nifti(folder / "whole.nii", ARRAY, codes=(1, 1), rows=(1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0))
    return WHOLE | {"a.nii": nifti.read_bytes(), "a.nii.gz": gzip.compress(nifti.read_bytes())}


@pytest.mark.parametrize("name", [*WHOLE, "a.nii", "a.nii.gz"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_header_is_refused_as_an_input_or_read_and_costs_little(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("damaged")
    raw = whole_files(folder)[name]
    packed = name.endswith(".gz")
    header = bytearray(gzip.decompress(raw) if packed else raw)
    length = 352 if ".nii" in name else 120
    for _ in range(data.draw(st.integers(1, 4))):
        header[data.draw(st.integers(0, min(length, len(header)) - 1))] = data.draw(st.integers(0, 255))
    path = folder / f"damaged-{name}"
    path.write_bytes(gzip.compress(bytes(header)) if packed else bytes(header))
    tracemalloc.start()
    try:
        read_volume(path)
    except InputError as error:
        assert error.message
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < LITTLE_BYTES


@settings(max_examples=60, deadline=None)
@given(
    dims=st.tuples(st.integers(-1, 9), *[st.sampled_from([-5, 0, 1, 5, 7, 32767])] * 7),
    start=st.sampled_from([0.0, 352.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e30, 400.5]),
    datatype=st.sampled_from([0, 1, 2, 4, 16, 32, 64, 128, 1536, 1792, 2304, -4, 9999]),
    bits=st.sampled_from([0, -16, 8, 16, 32767]),
)
def test_a_nifti_header_may_say_anything(tmp_path_factory, dims, start, datatype, bits):
    path = tmp_path_factory.mktemp("any") / "a.nii"
    path.write_bytes(a_header(ARRAY, dims=dims, start=start, datatype=datatype, bits=bits) + RAW)
    try:
        volume = read_volume(path)
    except InputError as error:
        assert error.message
    else:
        assert volume.voxels.nbytes < LITTLE_BYTES


def test_a_nifti_2_bomb_is_refused(tmp_path):
    header = bytearray(544)
    struct.pack_into("<i", header, 0, 540)
    header[4:8] = b"n+2\0"
    struct.pack_into("<hh", header, 12, 16, 32)
    struct.pack_into("<8q", header, 16, 3, 1 << 40, 1 << 40, 1 << 40, 1, 1, 1, 1)
    struct.pack_into("<q", header, 168, 544)
    (tmp_path / "a.nii").write_bytes(bytes(header) + RAW)
    refused_cheaply(read_volume, tmp_path / "a.nii", "is cut off")
