"""Labels (or certainties) of all frames into one file: NIfTI with a fourth dimension, a sequence of Slicer as NRRD, or
as a bundle of segmentations.

    write_frames(path, voxels, like, index)        # voxels (t, k, j, i); like: a Labelmap of one frame

NIfTI and NRRD are written frame by frame; the grid is told in the words that a file of one frame has.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InputError
from ...utils.files import write_atomically
from ..formats import SEQUENCE_ENDING, SEQUENCE_ENDINGS
from ..geometry import Geometry
from ..image import Labelmap
from ..io.nifti_file import read_nifti_header
from ..io.result_file import forget_sidecar, has_sidecar, refuse_foreign_sidecar, write_sidecar
from ..io.volumes import write_labelmap
from ..io.written import require_written
from ..provenance import KEY, Provenance
from .bundle import write_bundle
from .index import FrameIndex

_LEVEL = 6
_NRRD_TYPES = {"u1": "unsigned char", "u2": "unsigned short", "f4": "float"}
_UNITS = {"s": 8, "ms": 16, "us": 24}


def require_sequence_ending(path: str | Path, frames: int) -> None:
    """Raises InputError unless the segmentation of so many frames can be written to a file of such a name."""
    if not str(path).lower().endswith(SEQUENCE_ENDINGS) or str(path).lower().endswith(".seg.nrrd"):
        msg = f"{Path(path).name} has room for one frame, but there are {frames}."
        hint = f"End it in {SEQUENCE_ENDING} (a sequence of segmentations for 3D Slicer), .nii.gz, .nii or .nrrd; "
        raise InputError(msg, hint + "or name one frame, such as cine.nii.gz@0.")


def digest_of(frames: Iterable[NDArray[Any]]) -> str:
    """sha256 (hex) of the labels of all frames, whatever type holds them."""
    digest = hashlib.sha256()
    for labels in frames:
        digest.update(repr(labels.shape).encode())
        for plane in labels:
            digest.update(np.ascontiguousarray(plane, dtype="<u2").data)
    return digest.hexdigest()


def write_labels(
    path: Path, voxels: NDArray[Any], likes: list[Labelmap], index: FrameIndex, provenance: Provenance | None
) -> None:
    """Write the labels (t, k, j, i) of all frames; ``likes`` has, for each, a labelmap with its structures, confidence
    and what made it (its voxels do not count). Raises InputError."""
    if str(path).lower().endswith(SEQUENCE_ENDING):
        whole = (_frame(like, labels) for like, labels in zip(likes, voxels, strict=True))
        write_bundle(path, whole, index, provenance, write_labelmap)
        return
    refuse_foreign_sidecar(path)
    write_frames(path, voxels, likes[0].geometry, index, provenance, labels=True)
    forget_sidecar(path)
    if provenance is not None and has_sidecar(path):
        write_sidecar(path, provenance, likes[0].structures)


def _frame(like: Labelmap, labels: NDArray[Any]) -> Labelmap:
    return replace(like, voxels=labels)


def write_frames(
    path: Path,
    voxels: NDArray[Any],
    geometry: Geometry,
    index: FrameIndex,
    provenance: Provenance | None = None,
    labels: bool = False,
) -> None:
    """Write numbers (t, k, j, i), uint8, uint16 or float32, as NIfTI or NRRD. Raises InputError."""
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        head, packed = _nifti_header(voxels, geometry, index), name.endswith(".gz")
    else:
        head, packed = _nrrd_header(voxels, geometry, index, provenance, labels), True

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            if not name.endswith(".nii.gz"):
                file.write(head)
            with gzip.GzipFile("", "wb", _LEVEL, file, 0) if packed else nullcontext(file) as stream:
                _put(stream, head if name.endswith(".nii.gz") else b"", voxels)
        require_written(part, voxels)

    write_atomically(path, fill)


def _put(stream: IO[bytes] | gzip.GzipFile, head: bytes, voxels: NDArray[Any]) -> None:
    stream.write(head)
    for frame in voxels:
        stream.write(np.ascontiguousarray(frame, frame.dtype.newbyteorder("<")).data)


def _nifti_header(voxels: NDArray[Any], geometry: Geometry, index: FrameIndex) -> bytes:
    """The header that one frame has, with a fourth dimension."""
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "frame.nii"
        one = geometry.onto_sitk(sitk.GetImageFromArray(np.zeros(geometry.shape, voxels.dtype)))
        sitk.WriteImage(one, str(alone))
        header = read_nifti_header(alone)
        raw = bytearray(alone.read_bytes()[:352])
    if header is None or len(header.raw) != 348:
        msg = f"Frames of {' x '.join(map(str, geometry.size))} voxels are too large for NIfTI."
        raise InputError(msg, "Write them as .nrrd.")
    struct.pack_into(f"{header.order}8h", raw, 40, 4, *geometry.size, len(voxels), 1, 1, 1)
    step = _step(index)
    struct.pack_into(f"{header.order}f", raw, 92, step or 1.0)
    raw[123] = (raw[123] & 7) | (_UNITS.get(index.unit, 0) if step else 0)
    return bytes(raw)


def _step(index: FrameIndex) -> float:
    """How far apart frames are that lie equally far apart in time; 0 for others."""
    try:
        values = np.array([float(value) for value in index.values])
    except ValueError:
        return 0.0
    steps = np.diff(values)
    same = len(steps) > 0 and steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-3)
    return float(values[-1] - values[0]) / len(steps) if same and index.unit in _UNITS else 0.0


def _nrrd_header(
    voxels: NDArray[Any], geometry: Geometry, index: FrameIndex, provenance: Provenance | None, labels: bool
) -> bytes:
    columns = (geometry.direction * geometry.spacing).T.tolist()
    directions = " ".join(f"({','.join(map(repr, column))})" for column in columns)
    quoted = f'"" "" "" "{_plain(index.name)}"', f'"" "" "" "{_plain(index.unit)}"'
    lines = [
        "NRRD0004",
        f"type: {_NRRD_TYPES[voxels.dtype.str[1:]]}",
        "dimension: 4",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, (*geometry.size, len(voxels))))}",
        f"space directions: {directions} none",
        "kinds: domain domain domain list",
        f"labels: {quoted[0]}",
        *([f"units: {quoted[1]}"] if index.unit else []),
        "endian: little",
        "encoding: gzip",
        f"space origin: ({','.join(map(repr, geometry.origin))})",
        f"DataNodeClassName:={'vtkMRMLLabelMapVolumeNode' if labels else 'vtkMRMLScalarVolumeNode'}",
        f"axis 3 index type:={index.kind}",
        f"axis 3 index values:={index.words()}",
        *([f"{KEY}:={provenance.to_json()}"] if provenance is not None else []),
    ]
    return ("\n".join(lines) + "\n\n").encode()


def _plain(text: str) -> str:
    return text.replace("\\", "").replace('"', "").replace("\n", " ")[:60]
