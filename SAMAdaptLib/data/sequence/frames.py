"""The frames of a file with several volumes: how many, what tells them apart, and each of them, one at a time.

    frames = frames_in(Path("cine.nii.gz"))        # None where the file holds a single volume
    image = frames.image(3)                         # the fourth, as if it lay in a file of its own

Frames of what is stored plainly are read from their place in the file. What is compressed is unpacked once, into a
temporary file, so that no more than one frame is in memory.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InputError
from ...utils.disk.safepaths import refuse_special, spelled_plainly
from ...utils.disk.scratch import lasting_array
from ..formats import (
    META_ENDINGS,
    NIFTI_ENDINGS,
    NRRD_ENDINGS,
    SEQUENCE_ENDING,
    ending,
    frame_name,
    split_frame,
    stem,
)
from ..geometry import Geometry
from ..io.image_file import (
    FileImage,
    grid_of_reader,
    place_of,
    read_image,
    require_positive_spacing,
    unknown_type,
)
from ..io.nifti_file import (
    NiftiHeader,
    fill_frames,
    is_compressed,
    read_nifti_header,
    require_whole,
    scaled,
    stored_type,
)
from ..io.raster_header import meta_data, require_room_for
from ..io.volume_folder import is_dicom
from .bundle import read_bundle
from .index import FrameIndex
from .nrrd_axes import NrrdFrames, read_nrrd_frames

_PIECE_VOXELS = 1 << 20
_TIME_UNITS = {8: "s", 16: "ms", 24: "us"}
"""NIfTI's codes for units of time."""

ReadFrame = Callable[[int], NDArray]

_kept: ContextVar[dict[Path, Frames | None] | None] = ContextVar("kept", default=None)


@dataclass(frozen=True, eq=False)
class Frames:
    """``count`` volumes on one grid. ``name`` is that of the file; ``header`` what holds for all of them."""

    path: Path
    count: int
    index: FrameIndex
    read: Callable[[int], FileImage]
    header: Mapping[str, str] = field(default_factory=dict)

    def image(self, number: int) -> FileImage:
        """Frame ``number`` from 0 on. Raises InputError where there is none such, or it is damaged."""
        if not 0 <= number < self.count:
            msg = f"{self.path.name} has no frame {number}: it holds {self.count}, numbered from 0."
            raise InputError(msg, f"Take one of {frame_name(self.path.name, 0)} to @{self.count - 1}.")
        return replace(self.read(number), name=frame_name(stem(self.path), number))

    def called(self, number: int) -> str:
        """The name of the file with the number of a frame: "cine.nii.gz@3"."""
        return frame_name(self.path.name, number)


def frames_in(path: Path) -> Frames | None:
    """The frames of a file, None where it holds a single volume or is of another kind. Voxels are read later.

    Raises InputError for files with frames that are damaged, GeometryError for a grid that is none.
    """
    refuse_special(path)
    name = path.name.lower()
    if not path.is_file():
        return None
    if name.endswith(SEQUENCE_ENDING):
        return _in_bundle(path)
    if is_dicom(path):
        return None
    if name.endswith(NIFTI_ENDINGS):
        header = read_nifti_header(path)
        return _in_nifti(header) if header is not None and header.frames > 1 else None
    if name.endswith(NRRD_ENDINGS):
        listed = read_nrrd_frames(path)
        if listed is not None:
            return _in_nrrd(listed)
    return _in_raster(path) if name.endswith((*NRRD_ENDINGS, *META_ENDINGS)) else None


@contextmanager
def frames_kept() -> Iterator[None]:
    """Within, a file is looked into and unpacked once, however many of its frames are read one by one."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def _frames_once(path: Path) -> Frames | None:
    kept = _kept.get()
    if kept is None:
        return frames_in(path)
    if path not in kept:
        kept[path] = frames_in(path)
    return kept[path]


def read_single_image(path: Path, scalar: bool = True) -> FileImage:
    """The one image in a file or DICOM folder, or the frame that is named ("cine.nii.gz@3").

    Raises InputError, for several frames of which none is named as well, GeometryError.
    """
    file, number = split_frame(path)
    frames = _frames_once(file)
    if frames is None and number in (None, 0):
        return read_image(file, scalar)
    if frames is None:
        if not file.exists():
            return read_image(file, scalar)  # which says so
        msg = f"{file.name} holds a single volume; there is no frame {number}."
        raise InputError(msg, f"Give {file.name} alone.")
    if number is None and frames.count > 1:
        last = frame_name(file.name, frames.count - 1)
        msg = f"{file.name} holds {frames.count} volumes, one after the other (frames); here one is needed."
        raise InputError(msg, f"Name one of them: {frame_name(file.name, 0)} for the first, {last} for the last.")
    return frames.image(number or 0)


# NIfTI --------------------------------------------------------------------------------------------------------------


def _in_nifti(header: NiftiHeader) -> Frames:
    kind = stored_type(header)
    if kind is None:
        raise unknown_type(header)
    require_whole(header)
    single = header.of_one_frame()
    placed = place_of(single)
    size = single.dims
    count, voxels = header.frames, math.prod(size)
    stored = _Later(lambda: _nifti_store(header, kind, count, voxels))

    def read(number: int) -> FileImage:
        array = scaled(stored.read(number).reshape(size[::-1]), header)
        told = placed.warnings if number == 0 else ()  # once is enough
        return FileImage(array, placed.geometry, "", other=placed.other, warnings=told)

    index = FrameIndex.spaced(count, header.pixdim[4], _TIME_UNITS.get(header.units & 0x38, ""))
    return Frames(header.path, count, index, read)


def _nifti_store(header: NiftiHeader, kind: np.dtype, count: int, voxels: int) -> ReadFrame:
    if not is_compressed(header.data):
        return _plain_file(header.data, header.start, kind, voxels)
    room = lasting_array((count, voxels), kind)
    fill_frames(room, header)
    return lambda number: np.array(room[number])


# NRRD ---------------------------------------------------------------------------------------------------------------


def _in_nrrd(listed: NrrdFrames) -> Frames:
    geometry, shape = listed.geometry(), listed.size[::-1]
    stored = _Later(lambda: _nrrd_store(listed))

    def read(number: int) -> FileImage:
        array = stored.read(number).reshape(shape)
        return FileImage(array.astype(array.dtype.newbyteorder("="), copy=False), geometry, "")

    return Frames(listed.path, listed.count, listed.index, read, listed.pairs)


def _nrrd_store(listed: NrrdFrames) -> ReadFrame:
    data, voxels = listed.data, math.prod(listed.size)
    if data.encoding == "raw" and not listed.first:
        return _plain_file(data.data, data.start, listed.stored, voxels)
    room = lasting_array((listed.count, voxels), listed.stored)
    pieces = _pieces(data.data, data.start, data.encoding == "deflate", listed.stored.itemsize * listed.count)
    done = 0
    for piece in pieces:
        array = np.frombuffer(piece, listed.stored)
        if listed.first:
            part = array.reshape(-1, listed.count).T[:, : voxels - done]
            room[:, done : done + part.shape[1]] = part
            done += part.shape[1]
        else:
            flat = room.reshape(-1)
            part = array[: flat.size - done]
            flat[done : done + part.size] = part
            done += part.size
    if done < (voxels if listed.first else voxels * listed.count):
        msg = f"The file {data.data} ends before its last frame."
        raise InputError(msg, "Copy or download it again.")
    return lambda number: np.array(room[number])


def _pieces(path: Path, start: int, packed: bool, unit: int) -> Iterator[bytes]:
    """The bytes from ``start`` on, unpacked, in pieces that are multiples of ``unit``."""
    length = max(unit, _PIECE_VOXELS // unit * unit)
    with path.open("rb") as file:
        file.seek(start)
        stream: IO[bytes] = gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[assignment]
        try:
            while piece := stream.read(length):
                yield piece[: len(piece) // unit * unit]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            msg = f"The file {path} is damaged or cut off ({error})."
            raise InputError(msg, "Copy or download it again.") from error


# What ITK reads as four-dimensional ---------------------------------------------------------------------------------


def _in_raster(path: Path) -> Frames | None:
    require_room_for(path)
    with spelled_plainly(path, ending(path) or "") as plain:
        reader = _reader(plain)
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            return None  # whoever reads it as a volume says why
        if reader.GetDimension() != 4 or reader.GetNumberOfComponents() != 1 or reader.GetSize()[3] < 2:
            return None
        if "complex" in sitk.GetPixelIDValueAsString(reader.GetPixelID()):
            return None
        require_positive_spacing(reader, path)
        _require_time_apart(reader, path)
        geometry, count, step = grid_of_reader(reader), reader.GetSize()[3], reader.GetSpacing()[3]
    stored = _Later(lambda: _raster_store(path, geometry, count))

    def read(number: int) -> FileImage:
        return FileImage(stored.read(number).reshape(geometry.shape), geometry, "")

    return Frames(path, count, FrameIndex.spaced(count, step, ""), read)


def _require_time_apart(reader: sitk.ImageFileReader, path: Path) -> None:
    direction = np.reshape(reader.GetDirection(), (4, 4))
    if np.abs(direction[3, :3]).max() > 1e-6 or np.abs(direction[:3, 3]).max() > 1e-6:
        msg = f"In {path.name} the axis of the frames and those of space are turned into one another."
        raise InputError(msg, "Save each frame as a volume of its own.")


def _raster_store(path: Path, geometry: Geometry, count: int) -> ReadFrame:
    """Read frame by frame where the file is stored plainly, else unpacked once."""
    data = meta_data(path) if path.name.lower().endswith(META_ENDINGS) else None
    if data is not None and data.encoding == "raw":
        return lambda number: _extracted(path, geometry, number)
    with spelled_plainly(path, ending(path) or "") as plain:
        whole = sitk.ReadImage(str(plain))
    view = sitk.GetArrayViewFromImage(whole).reshape(count, -1)
    room = lasting_array(view.shape, view.dtype)
    room[:] = view
    return lambda number: np.array(room[number])


def _extracted(path: Path, geometry: Geometry, number: int) -> NDArray:
    with spelled_plainly(path, ending(path) or "") as plain:
        reader = _reader(plain)
        reader.SetExtractSize([*geometry.size, 0])
        reader.SetExtractIndex([0, 0, 0, number])
        return np.array(sitk.GetArrayFromImage(reader.Execute()))


def _reader(path: Path) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    return reader


# Slicer's bundles ---------------------------------------------------------------------------------------------------


def _in_bundle(path: Path) -> Frames:
    bundle = read_bundle(path)

    def read(number: int) -> FileImage:
        with bundle.extracted(number) as file:
            return read_image(file, scalar=False)

    return Frames(path, len(bundle.members), bundle.index, read, bundle.pairs)


# All ----------------------------------------------------------------------------------------------------------------


class _Later:
    """Where the frames are read from, found when the first one is asked for: a header alone costs little."""

    def __init__(self, open_store: Callable[[], ReadFrame]) -> None:
        self._open, self._read = open_store, None

    _read: ReadFrame | None

    def read(self, number: int) -> NDArray:
        if self._read is None:
            self._read = self._open()
        return self._read(number)


def _plain_file(path: Path, start: int, kind: np.dtype, voxels: int) -> ReadFrame:
    """Frames that lie one after the other in a file."""

    def read(number: int) -> NDArray:
        with path.open("rb") as file:
            file.seek(start + number * voxels * kind.itemsize)
            array = np.fromfile(file, kind, voxels)
        if array.size < voxels:
            msg = f"The file {path} ends within frame {number}."
            raise InputError(msg, "Copy or download it again.")
        return array

    return read
