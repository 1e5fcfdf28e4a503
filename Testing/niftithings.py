"""Small NIfTI and Analyze files, byte by byte, with headers that no tool would write."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np

from SAMAdaptLib.data.geometry import Geometry

CODES = {"uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int8": 256, "uint16": 512}


def a_header(array: np.ndarray, pair: bool = False, order: str = "<", **fields: Any) -> bytes:
    """348 bytes and, in a single file, 4 more.

    ``fields``: dims, pixdim, start, scaling, codes, quaternion, rows, magic, datatype, bits, units.
    """
    size = array.shape[::-1]
    told = {
        "dims": (len(size), *size, *([1] * (7 - len(size)))),
        "datatype": CODES.get(array.dtype.name, 16),
        "bits": array.dtype.itemsize * 8,
        "pixdim": (1.0, *([1.0] * 7)),
        "start": 0.0 if pair else 352.0,
        "scaling": (1.0, 0.0),
        "units": 2,
        "codes": (0, 0),
        "quaternion": (0.0,) * 6,
        "rows": (0.0,) * 12,
        "magic": b"ni1\0" if pair else b"n+1\0",
    }
    told.update(fields)
    header = bytearray(348)
    struct.pack_into(f"{order}i", header, 0, 348)
    places = (
        ("dims", "8h", 40),
        ("datatype", "h", 70),
        ("bits", "h", 72),
        ("pixdim", "8f", 76),
        ("start", "f", 108),
        ("scaling", "2f", 112),
        ("units", "B", 123),
        ("codes", "2h", 252),
        ("quaternion", "6f", 256),
        ("rows", "12f", 280),
        ("magic", "4s", 344),
    )
    for name, kind, at in places:
        value = told[name]
        struct.pack_into(order + kind, header, at, *(value if isinstance(value, tuple) else (value,)))
    return bytes(header) + (b"" if pair else bytes(4))


def sform_of(grid: Geometry) -> tuple[float, ...]:
    return tuple(float(part) for part in grid.ras_matrix[:3].ravel())


def qform_of(grid: Geometry) -> dict[str, Any]:
    """The fields of a qform. Only of grids along the axes, turned as LPS: half a turn about z, no mirror."""
    x, y, z = grid.ras_matrix[:3, 3]
    return {"quaternion": (0.0, 0.0, 1.0, float(x), float(y), float(z)), "pixdim": (1.0, *grid.spacing, *([1.0] * 4))}


def write_nifti(path: Path, array: np.ndarray, order: str = "<", **fields: Any) -> Path:
    """A .nii or .nii.gz, or a pair for a name that ends in .hdr."""
    pair = path.suffix == ".hdr"
    header = a_header(array, pair, order, **fields)
    raw = array.astype(array.dtype.newbyteorder(order)).tobytes()
    if pair:
        path.write_bytes(header)
        path.with_suffix(".img").write_bytes(raw)
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(header + raw))
    else:
        path.write_bytes(header + raw)
    return path
