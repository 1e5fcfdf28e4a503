"""What made a result, in its file: a field of NRRD and MetaImage headers, NAME.json beside NAME.nii.gz.

The JSON file is in the manner of BIDS (``GeneratedBy``), with the provenance under ``SAMAdapt``. One that somebody
else wrote is never touched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...utils.disk.safepaths import spelled_plainly
from ...utils.files import write_content
from ..formats import SEQUENCE_ENDING
from ..provenance import KEY, LONGEST_JSON, TOOL, Provenance
from .nrrd_header import require_short_fields

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..structure import Structure

_SIDECAR_ENDINGS = (".nii.gz", ".nii")
_LONGEST_SIDECAR = 64 * LONGEST_JSON  # names and terminology of many structures


def has_sidecar(path: Path) -> bool:
    """Whether what made such a file is said beside it: NIfTI has no room for it."""
    return path.name.lower().endswith(_SIDECAR_ENDINGS)


def is_dicom_result(path: Path) -> bool:
    """Whether such a file is a DICOM SEG: what made it is said in an element of it."""
    return path.name.lower().endswith(".dcm")


def sidecar_of(path: Path) -> Path:
    """NAME.json of NAME.nii.gz."""
    ending = next(each for each in _SIDECAR_ENDINGS if path.name.lower().endswith(each))
    return path.with_name(path.name[: -len(ending)] + ".json")


def mark(image: sitk.Image, provenance: Provenance | None) -> None:
    """Put what made it into the header of an image that is about to be written."""
    if provenance is not None:
        image.SetMetaData(KEY, provenance.to_json())


def write_sidecar(path: Path, provenance: Provenance, structures: Sequence[Structure]) -> None:
    """Write the JSON file beside a result. Raises InputError where somebody else's lies there."""
    refuse_foreign_sidecar(path)
    document = {
        "GeneratedBy": [{"Name": TOOL, "Version": provenance.version}],
        "Structures": [structure.to_dict() for structure in structures],
        TOOL: provenance.to_dict(),
    }
    text = json.dumps(document, indent=1) + "\n"
    write_content(sidecar_of(path), text)


def forget_sidecar(path: Path) -> None:
    """Take away our JSON file beside ``path``, which speaks of what was there before."""
    if has_sidecar(path) and _read_sidecar(sidecar_of(path)) is not None:
        sidecar_of(path).unlink(missing_ok=True)


def refuse_foreign_sidecar(path: Path) -> None:
    """Raises InputError when what made the result cannot be said beside it."""
    if has_sidecar(path) and sidecar_of(path).exists() and _read_sidecar(sidecar_of(path)) is None:
        msg = f"{sidecar_of(path)} belongs to something else; what made {path.name} would be written there."
        raise InputError(msg, "Choose another name for the result, or the format .seg.nrrd.")


def read_provenance(path: Path) -> Provenance | None:
    """What made the result in a file, None when nothing there says it. Reads headers alone, no voxels.

    Raises InputError for a file that is no image.
    """
    if has_sidecar(path):
        return _read_sidecar(sidecar_of(path))
    if is_dicom_result(path):
        from ..dicom.seg_writer import read_dicom_provenance

        return read_dicom_provenance(path)
    if path.name.lower().endswith(SEQUENCE_ENDING):
        from ..sequence.bundle import read_bundle

        text = read_bundle(path).pairs.get(KEY)
    else:
        text = read_header(path).get(KEY)
    return None if text is None else Provenance.from_json(text)


def read_header(path: Path) -> dict[str, str]:
    """The key-value pairs of an image's header. Raises InputError for a file that is no image."""
    import SimpleITK as sitk

    from .seg_nrrd import header_of_image

    reader = sitk.ImageFileReader()
    try:
        require_short_fields(path)
        with spelled_plainly(path) as plain:
            reader.SetFileName(str(plain))
            reader.ReadImageInformation()
    except (RuntimeError, OSError) as error:
        msg = f"The file {path} cannot be read as an image."
        raise InputError(msg, "Is the file whole?") from error
    return header_of_image(reader)


def _read_sidecar(path: Path) -> Provenance | None:
    """What our JSON file says, None when it is missing or somebody else's."""
    try:
        with path.open("rb") as stream:
            document = json.loads(stream.read(_LONGEST_SIDECAR))
    except (OSError, ValueError, RecursionError):
        return None
    return Provenance.from_dict(document.get(TOOL)) if isinstance(document, dict) else None
