"""Volumes and labelmaps in files: what is read, what is written, and what is refused, and why.

``Volume``, ``Labelmap``, ``Structure`` and ``Geometry`` are importable from here; they live in rooms of their own.
Writing goes beside the target first and takes its name when whole, so that a half-written output never exists.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import SimpleITK as sitk

from .dicom_series import last_line, read_series
from .errors import GeometryError, InputError
from .files import write_whole
from .geometry import Geometry
from .images import Labelmap, Volume, require_scalar
from .nifti_file import require_whole_nifti
from .nrrd_header import require_short_fields
from .progress import Monitor, Silent
from .segmentation_file import header_of, header_of_image, is_segmentation, placed_on, read_segmentation
from .structure import Structure, default_structure

__all__ = [
    "ENDINGS",
    "Geometry",
    "Labelmap",
    "Structure",
    "Volume",
    "default_structure",
    "ending_of",
    "read_labelmap",
    "read_volume",
    "stem_of",
    "write_labelmap",
    "write_volume",
]

ENDINGS = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha")
"""Endings of files that can be written; longer ones first."""


def read_volume(path: str | os.PathLike, repair: bool = True, monitor: Monitor | None = None) -> Volume:
    """The volume in a file that SimpleITK reads, or in a DICOM series folder.

    A few non-finite voxels are replaced, with a warning to ``monitor``, unless ``repair`` is off. Raises InputError
    for what cannot be read or is no scalar, filled 3-D image, GeometryError for a grid that is none.
    """
    path, monitor = Path(path), monitor or Silent()
    if path.is_dir():
        image, name, modality = read_series(path)
        require_scalar(image.GetDimension(), image.GetSize(), image.GetNumberOfComponentsPerPixel(), str(path))
    else:
        image, name, modality = _read_image(path, scalar=True), stem_of(path), ""
    return Volume.from_sitk(image, name, modality, repair, monitor)


def read_labelmap(
    path: str | os.PathLike,
    like: Volume | Labelmap | None = None,
    resample: bool = False,
    required: Sequence[int] = (),
) -> Labelmap:
    """The labelmap in a file; segmentation files (.seg.nrrd) bring names, colours and terminology along.

    ``like`` is the image that it annotates: the labelmap then lies on exactly that grid. A segmentation that covers
    part of it is padded; with ``resample`` any other grid is resampled, nearest voxel. ``required`` lists label
    values that must occur. Raises InputError, or GeometryError when the grids differ.
    """
    path = Path(path)
    if path.is_dir():
        msg = f"{path} is a folder; a labelmap is a single file."
        raise InputError(msg, "Choose a .seg.nrrd, NIfTI, NRRD or MHA file.")
    image = _read_image(path, scalar=False)
    segmentation = is_segmentation(header_of_image(image))
    labelmap = read_segmentation(image, path.name) if segmentation else Labelmap.from_sitk(image, name=path.name)
    if like is not None:
        labelmap = _on_grid_of(labelmap, like, resample, may_pad=segmentation)
    missing = [value for value in required if value not in labelmap.values()]
    if missing:
        present = ", ".join(map(str, labelmap.values())) or "none"
        msg = f"{path.name} lacks the label values {', '.join(map(str, missing))}; it has {present}."
        raise InputError(msg, "Annotate them, or leave them out of the structures that are asked for.")
    return labelmap


def write_volume(volume: Volume, path: str | os.PathLike) -> None:
    """Writes a volume as float32, uncompressed unless the ending is .nii.gz. Raises InputError."""
    path = Path(path)
    if ending_of(path) == ".seg.nrrd":
        msg = f"{path.name} has the ending of a segmentation; a volume is to be written."
        raise InputError(msg, "Use .nrrd, .nii.gz, .nii or .mha.")
    _write_image(volume.to_sitk(), path, compressed=False)


def write_labelmap(labelmap: Labelmap, path: str | os.PathLike) -> None:
    """Writes a labelmap, compressed; .seg.nrrd keeps names, colours, terminology and confidence. Raises InputError."""
    path = Path(path)
    image = labelmap.to_sitk()
    if ending_of(path) == ".seg.nrrd":
        for key, value in header_of(labelmap).items():
            image.SetMetaData(key, value)
    _write_image(image, path, compressed=True)


def ending_of(path: str | os.PathLike) -> str:
    """The ending of a file that can be written, in lower case. Raises InputError for others."""
    ending = ending_or_none(path)
    if ending is None:
        msg = f"The file name {Path(path).name!r} does not end in a format that can be written."
        raise InputError(msg, f"End it in one of {', '.join(ENDINGS)}.")
    return ending


def ending_or_none(path: str | os.PathLike) -> str | None:
    """Which of ``ENDINGS`` a file has, or None."""
    name = Path(path).name.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), None)


def stem_of(path: str | os.PathLike) -> str:
    """The file's name without its ending ("ct" of "ct.nii.gz")."""
    ending = ending_or_none(path)
    return Path(path).name[: -len(ending)] if ending else Path(path).stem


def _read_image(path: Path, scalar: bool) -> sitk.Image:
    """The image in a file; with ``scalar`` the header is checked before any voxel is read."""
    if not path.exists():
        msg = f"The file {path} does not exist."
        raise InputError(msg, "Check the path.")
    reader = sitk.ImageFileReader()
    try:
        if ending_or_none(path) in (".nii", ".nii.gz"):
            require_whole_nifti(path)
        require_short_fields(path)
        with _without_twin(path) as lone:
            reader.SetFileName(str(lone))
            reader.ReadImageInformation()
            if scalar:
                require_scalar(reader.GetDimension(), reader.GetSize(), reader.GetNumberOfComponents(), path.name)
            return reader.Execute()
    except (RuntimeError, OSError) as error:
        msg = f"The file {path} cannot be read as an image ({last_line(error)})."
        raise InputError(msg, "Use NIfTI, NRRD, MHA or a DICOM series folder; is the file whole?") from error


@contextmanager
def _without_twin(path: Path) -> Iterator[Path]:
    """A path whose content ITK cannot mistake: asked for x.nii.gz beside x.nii, ITK silently reads x.nii."""
    if ending_or_none(path) != ".nii.gz" or not path.with_name(stem_of(path) + ".nii").exists():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copyfile(path, Path(folder) / "image.nii.gz"))


def _on_grid_of(labelmap: Labelmap, like: Volume | Labelmap, resample: bool, may_pad: bool) -> Labelmap:
    """The labelmap on exactly the grid of ``like``. Raises GeometryError when that needs resampling and it is off."""
    grid = like.geometry
    if grid.same_grid(labelmap.geometry):
        return Labelmap(labelmap.voxels, grid, labelmap.structures, labelmap.confidence, labelmap.name)
    placed = placed_on(labelmap, grid) if may_pad else None
    if placed is not None:
        return placed
    if not resample:
        difference = grid.difference(labelmap.geometry)
        msg = f"{labelmap.name} does not lie on the grid of {like.name or 'the image'}: {difference}."
        raise GeometryError(msg, "Choose the image that was annotated, or resample the labels onto it (resample=True).")
    resampled = labelmap.on_grid(grid)
    if labelmap.values() and not resampled.values():
        msg = f"No label of {labelmap.name} lies within {like.name or 'the image'}."
        raise GeometryError(msg, "Choose the image that was annotated.")
    return resampled


def _write_image(image: sitk.Image, path: Path, compressed: bool) -> None:
    """Writes beside ``path``, then renames; an older file stays whole until then."""
    compressed = compressed or ending_of(path) == ".nii.gz"
    try:
        write_whole(path, lambda part: sitk.WriteImage(image, str(part), useCompression=compressed))
    except RuntimeError as error:
        msg = f"{path} cannot be written ({last_line(error)})."
        raise InputError(msg, "Check the free space and the permissions of its folder.") from error
