"""The files in which voxels travel between the panel's process and the worker: uncompressed MetaImage.

Written and read in large plain pieces, during which Python lets other threads have the interpreter. SimpleITK's own
reading and writing would keep it for as long as they take, and with it the user interface. SimpleITK (the worker)
reads these files like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError
from .files import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .geometry import Geometry
    from .images import Labelmap, Volume
    from .structure import Structure

_PIECE_BYTES = 1 << 23
_TYPES = {"float32": "MET_FLOAT", "uint8": "MET_UCHAR", "uint16": "MET_USHORT"}
_ARRAYS = {name: array for array, name in _TYPES.items()}
_LONGEST_HEADER = 4096
_DATA = b"ElementDataFile = LOCAL\n"


def write_image(path: str | Path, image: Volume | Labelmap) -> None:
    """Write voxels and grid of a volume or a labelmap to an .mha file. Raises InputError."""

    def fill(part: Path) -> None:
        with part.open("wb", buffering=0) as stream:
            stream.write(_header(image.voxels, image.geometry))
            raw = memoryview(np.ascontiguousarray(image.voxels).data).cast("B")
            for at in range(0, len(raw), _PIECE_BYTES):
                stream.write(raw[at : at + _PIECE_BYTES])

    write_whole(Path(path), fill)


def read_labels(path: str | Path, geometry: Geometry, structures: Sequence[Structure]) -> Labelmap:
    """The labelmap that SimpleITK or ``write_image`` put into an .mha file, on the grid that it was made for.

    Raises InputError when the file is not of that size. Compressed files are read through SimpleITK.
    """
    from .images import Labelmap

    array = _plain_array(Path(path), geometry)
    if array is None:
        import SimpleITK as sitk

        array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return Labelmap(array, geometry, tuple(structures), name=Path(path).name)


def _header(voxels: NDArray, geometry: Geometry) -> bytes:
    """A MetaImage header. Directions are written axis by axis: i first."""
    kind = _TYPES.get(voxels.dtype.name)
    if kind is None:
        msg = f"Voxels of type {voxels.dtype} cannot be handed over; float32, uint8 and uint16 can."
        raise InputError(msg)
    lines = (
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = False",
        f"TransformMatrix = {_numbers(geometry.direction.T.ravel())}",
        f"Offset = {_numbers(geometry.origin)}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_numbers(geometry.spacing)}",
        f"DimSize = {' '.join(map(str, geometry.size))}",
        f"ElementType = {kind}",
    )
    return "\n".join((*lines, "")).encode() + _DATA


def _numbers(values: Sequence[float] | NDArray) -> str:
    return " ".join(repr(float(value)) for value in values)


def _plain_array(path: Path, geometry: Geometry) -> NDArray | None:
    """The voxels (k, j, i) of an uncompressed file; None when it is compressed or not as expected here."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_LONGEST_HEADER)
            end = head.find(_DATA)
            fields = _fields(head[:end]) if end > 0 else {}
            kind = _ARRAYS.get(fields.get("ElementType", ""))
            if kind is None or fields.get("CompressedData") == "True" or fields.get("BinaryDataByteOrderMSB") == "True":
                return None
            stream.seek(end + len(_DATA))
            return _read(stream, np.dtype(kind).newbyteorder("<"), path, geometry)
    except OSError as error:
        msg = f"The result {path} cannot be read ({error.strerror or error})."
        raise InputError(msg) from error


def _fields(header: bytes) -> dict[str, str]:
    pairs = (line.partition("=") for line in header.decode("latin-1").splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read(stream: object, kind: np.dtype, path: Path, geometry: Geometry) -> NDArray:
    array = np.empty(geometry.shape, kind)
    raw = memoryview(array.data).cast("B")
    done = 0
    while done < len(raw):
        count = stream.readinto(raw[done : done + _PIECE_BYTES])  # type: ignore[attr-defined]
        if not count:
            msg = f"The result {path} ends after {done} of {len(raw)} bytes."
            raise InputError(msg, "Is the disk full?")
        done += count
    return array.astype(kind.newbyteorder("="), copy=False)
