"""One DICOM file: its header by pydicom, and whether all of its voxels are there."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pydicom.errors
from pydicom.dataset import Dataset

from ...errors import InputError
from ..io.announced import length_of

_AGAIN = "Copy or export it again."
_PIXELS = {b"\xe0\x7f\x10\x00": "<", b"\x7f\xe0\x00\x10": ">"}
_FLOAT_PIXELS = (b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")
_UNDEFINED = 0xFFFFFFFF
_LONG_TYPES = (b"OB", b"OW", b"OF", b"OD", b"UN", b"OL", b"OV")
_IMPLICIT = "1.2.840.10008.1.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = (_IMPLICIT, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", _DEFLATED)
"""How files are written whose voxels are stored plainly."""

_MOST_DEFLATED_BYTES = 64 << 20
FAULTS = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, RecursionError, StopIteration,
    TypeError, ValueError, pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException, struct.error,
    zlib.error,
)  # fmt: skip
"""What pydicom and Python raise over bytes that are not what they should be."""

_MOST_SHRUNK = 10_000
"""No picture is worth keeping whose compression makes it so many times smaller."""

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"
_WITHOUT_PICTURE = (
    "1.2.840.10008.1.3.10",  # DICOMDIR
    "1.2.840.10008.5.1.4.1.1.11.",  # presentation states
    "1.2.840.10008.5.1.4.1.1.66",  # raw data, registrations, fiducials, surfaces
    "1.2.840.10008.5.1.4.1.1.67",
    "1.2.840.10008.5.1.4.1.1.88.",  # structured reports, key objects
    "1.2.840.10008.5.1.4.1.1.9.",  # waveforms
    "1.2.840.10008.5.1.4.1.1.104.",  # documents
    "1.2.840.10008.5.1.4.1.1.481.",  # radiotherapy but for images and doses
)
_WITH_PICTURE = (
    SEGMENTATION,
    LABELMAP_SEGMENTATION,
    "1.2.840.10008.5.1.4.1.1.481.1",
    "1.2.840.10008.5.1.4.1.1.481.2",
)


@dataclass(frozen=True, eq=False)
class DicomFile:
    """A header (``data``: all but the voxels) and where the voxels lie.

    ``start`` is the first byte of the voxels, ``length`` how many bytes they have, None when they are compressed in
    pieces; ``order`` "<" or ">"; ``inflated`` holds the voxels of a file that is compressed as a whole.
    """

    path: Path
    data: Dataset
    syntax: str
    start: int = 0
    length: int | None = None
    order: str = "<"
    inflated: bytes | None = None

    def text(self, keyword: str) -> str:
        """An element as one line of text, "" when it is missing."""
        return " ".join(str(self.data.get(keyword) or "").split())

    def number(self, keyword: str, default: int | None = None) -> int:
        """A whole number. Raises InputError when it is missing (without a default) or damaged."""
        value = self.data.get(keyword)
        value = default if value is None or value == "" else value
        try:
            return int(value)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            msg = f"The DICOM file {self.path} has no usable {keyword}."
            raise InputError(msg, _AGAIN) from error

    @property
    def frames(self) -> int:
        return max(self.number("NumberOfFrames", 1), 1)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns. Raises InputError when they are none."""
        rows, columns = self.number("Rows"), self.number("Columns")
        if rows < 1 or columns < 1:
            msg = f"The DICOM file {self.path} has {rows} rows and {columns} columns."
            raise InputError(msg, _AGAIN)
        return rows, columns

    @property
    def kind(self) -> str:
        """The SOP class, as a UID."""
        return self.text("SOPClassUID") or self.text("MediaStorageSOPClassUID")

    @property
    def is_segmentation(self) -> bool:
        return self.kind in (SEGMENTATION, LABELMAP_SEGMENTATION)

    @property
    def has_no_picture(self) -> bool:
        """Whether files of this kind hold reports, states or plans, and never a picture."""
        return self.kind not in _WITH_PICTURE and self.kind.startswith(_WITHOUT_PICTURE)


@contextmanager
def reading_dicom(path: Path) -> Iterator[None]:
    """Around all that asks pydicom: it reads elements when they are asked for, and strangers' files hold anything.

    What it says of them may hold the patient's name: it is neither shown nor logged. Raises InputError for whatever
    it raises.
    """
    log = logging.getLogger("pydicom")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FAULTS as error:
        msg = f"{path} cannot be read as DICOM ({type(error).__name__}): it is damaged."
        raise InputError(msg, _AGAIN) from error
    finally:
        log.setLevel(before)


def read_dicom(path: Path) -> DicomFile:
    """A file's header, after a look whether all its voxels are there (which are not read).

    Raises InputError for a file that is empty, cut off, damaged, or no DICOM.
    """
    held = length_of(path)
    if held == 0:
        msg = f"The file {path} is empty."
        raise InputError(msg, _AGAIN)
    with reading_dicom(path):
        return _read(path, held)


def _read(path: Path, held: int) -> DicomFile:
    with path.open("rb") as stream:
        data = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        syntax = str(data.file_meta.get("TransferSyntaxUID", "")) or _IMPLICIT
        if syntax == _DEFLATED:
            return _deflated(path, held)
        at = stream.tell()
        stream.seek(at)
        element = stream.read(12)
    file = DicomFile(path, data, syntax)
    if file.has_no_picture:
        return file
    return _with_pixels(file, element, at, held)


def _deflated(path: Path, held: int) -> DicomFile:
    if held > _MOST_DEFLATED_BYTES:
        msg = f"The file {path} is compressed as a whole and too large for that ({held} bytes)."
        raise InputError(msg, "Export it without compression.")
    data = pydicom.dcmread(path, force=True)
    pixels = bytes(data.get("PixelData") or b"")
    if "PixelData" in data:
        del data.PixelData
    file = DicomFile(path, data, _DEFLATED, 0, len(pixels), "<", pixels)
    if not file.has_no_picture:
        _require_length(file, len(pixels))
    return file


def _with_pixels(file: DicomFile, element: bytes, at: int, held: int) -> DicomFile:
    """The file with the place of its voxels, which begin after the 8 or 12 bytes of their element's head."""
    if element[:4] in _FLOAT_PIXELS:
        msg = f"The DICOM file {file.path} holds decimal numbers (a parametric map)."
        raise InputError(msg, "Open it in 3D Slicer and save it as .nrrd.")
    order = _PIXELS.get(element[:4])
    if order is None or len(element) < 8:
        msg = f"The DICOM file {file.path} is cut off or damaged: it has no voxels."
        raise InputError(msg, _AGAIN)
    byte_order = "little" if order == "<" else "big"
    if element[4:6] in _LONG_TYPES:
        start, length = at + 12, int.from_bytes(element[8:12], byte_order)  # type: ignore[arg-type]
    else:
        start, length = at + 8, int.from_bytes(element[4:8], byte_order)  # type: ignore[arg-type]
    if length == _UNDEFINED:
        _require_pieces(file, start)
        return DicomFile(file.path, file.data, file.syntax, start, None, order)
    _require_length(file, min(length, max(held - start, 0)))
    return DicomFile(file.path, file.data, file.syntax, start, length, order)


def _require_length(file: DicomFile, found: int) -> None:
    rows, columns = file.shape
    bits = file.frames * rows * columns * file.number("SamplesPerPixel", 1) * file.number("BitsAllocated")
    if found < -(-bits // 8):
        msg = f"The DICOM file {file.path} is cut off: it holds {found} bytes of voxels of {-(-bits // 8)}."
        raise InputError(msg, _AGAIN)


def _require_pieces(file: DicomFile, start: int) -> None:
    """Raises InputError unless compressed voxels reach to their end mark, and can be as many as is announced."""
    pieces, at = 0, start
    with file.path.open("rb") as stream:
        while True:
            stream.seek(at)
            head = stream.read(8)
            if len(head) < 8 or head[:2] != b"\xfe\xff":
                msg = f"The DICOM file {file.path} is cut off: its compressed voxels have no end."
                raise InputError(msg, _AGAIN)
            if head[2:4] == b"\xdd\xe0":
                break
            at += 8 + int.from_bytes(head[4:], "little")
            pieces += 1
    rows, columns = file.shape
    needed = file.frames * rows * columns * file.number("BitsAllocated") // 8
    if pieces - 1 < file.frames or needed > (at - start) * _MOST_SHRUNK:
        msg = f"The DICOM file {file.path} is damaged: {pieces - 1} pieces for {file.frames} pictures."
        raise InputError(msg, _AGAIN)
