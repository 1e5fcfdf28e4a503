"""Volumes and labelmaps in files: what is read, what is written, and what is refused, and why.

``Volume``, ``Labelmap``, ``Structure`` and ``Geometry`` are importable from here; they live in rooms of their own.
Writing goes beside the target first and takes its name when whole, so that a half-written output never exists.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import SimpleITK as sitk

from ...errors import GeometryError, InputError
from ...progress import Monitor, Silent
from ...utils import paths as home
from ...utils.disk.safepaths import printable, spelled_plainly
from ...utils.files import write_atomically
from ..formats import RESULT_ENDING, WRITABLE, ending
from ..geometry import Geometry
from ..image import Labelmap, Volume, require_scalar
from ..label_checks import refuse_image
from ..sequence.frames import frames_in, read_single_image
from ..structure import Structure, default_structure
from .image_file import FileImage, last_line
from .metaimage import VOXELS_FIELD, checksum_of
from .result_file import forget_sidecar, has_sidecar, refuse_foreign_sidecar, write_sidecar
from .result_file import mark as mark_result
from .seg_nrrd import header_of, is_segmentation, placed_on, read_segmentation
from .volume_folder import is_dicom
from .written import require_written

__all__ = [
    "Geometry",
    "Labelmap",
    "Structure",
    "Volume",
    "default_structure",
    "ending_of",
    "on_grid_of",
    "read_labelmap",
    "read_volume",
    "volume_of",
    "voxel_for_voxel",
    "write_labelmap",
    "write_volume",
]


def read_volume(path: str | os.PathLike, repair: bool = True, monitor: Monitor | None = None) -> Volume:
    """The volume in a file that SimpleITK reads, in a DICOM file, or in a DICOM series folder.

    A few non-finite voxels are replaced unless ``repair`` is off; that, and doubts about where the volume lies, are
    told to ``monitor``. Raises InputError for what cannot be read or is no scalar, filled 3-D image, GeometryError
    for a grid that is none.
    """
    return volume_of(read_single_image(Path(path)), repair, monitor or Silent(), Path(path).name)


def volume_of(image: FileImage, repair: bool, monitor: Monitor, called: str) -> Volume:
    """The volume that an image is, of which people are told as ``called``; raises as ``read_volume`` does."""
    if is_segmentation(image.header):
        msg = f"{called} is a segmentation, not an image: its header names segments."
        raise InputError(msg, "Choose the image that was segmented; the segmentation can serve as its labels.")
    for text in image.warnings:
        monitor.warning(text)
    volume = Volume.from_array(image.voxels, image.geometry, printable(image.name), image.modality, repair, monitor)
    return volume if image.other is None else replace(volume, other_geometry=image.other)


class FrameVolumes(Sequence[Volume]):
    """The volumes of a file with several frames, each read when it is asked for; ``frame_index`` tells them
    apart (when each was taken).

    Raises InputError for a file that holds a single volume.
    """

    def __init__(self, path: Path) -> None:
        found = frames_in(path)
        if found is None:
            if not path.exists():
                read_single_image(path)  # says so
            msg = f"{path.name} does not hold several volumes."
            raise InputError(msg, "Give the path itself: it is one volume.")
        self._frames = found
        self.frame_index = found.index

    def __len__(self) -> int:
        return self._frames.count

    @overload
    def __getitem__(self, number: int) -> Volume: ...

    @overload
    def __getitem__(self, number: slice) -> list[Volume]: ...

    def __getitem__(self, number: int | slice) -> Volume | list[Volume]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        at = range(len(self))[number]  # raises IndexError, as sequences do
        return volume_of(self._frames.image(at), True, Silent(), self._frames.called(at))

    def __repr__(self) -> str:
        return f"FrameVolumes({self._frames.path.name!r}, {len(self)} frames)"


def read_labelmap(
    path: str | os.PathLike,
    like: Volume | Labelmap | None = None,
    resample: bool = False,
    required: Sequence[int] = (),
    monitor: Monitor | None = None,
) -> Labelmap:
    """The labelmap in a file; segmentations (.seg.nrrd, DICOM SEG) bring names, colours and terminology along.

    ``like`` is the image that it annotates: the labelmap then lies on exactly that grid. A segmentation that covers
    part of it is padded; with ``resample`` any other grid is resampled, nearest voxel. ``required`` lists label
    values that must occur. Doubts are told to ``monitor``. Raises InputError, also for labels that are an image, or
    GeometryError when the grids differ.
    """
    path, monitor = Path(path), monitor or Silent()
    if path.is_dir():
        msg = f"{path} is a folder; a labelmap is a single file."
        raise InputError(msg, "Choose a .seg.nrrd, NIfTI, NRRD, MHA or DICOM SEG file.")
    labelmap, segmentation = _labelmap_in(path, monitor.warning)
    if like is not None:
        labelmap = on_grid_of(labelmap, like, resample, segmentation, monitor)
    missing = [value for value in required if value not in labelmap.values()]
    if missing:
        present = ", ".join(map(str, labelmap.values())) or "none"
        msg = f"{path.name} lacks the label values {', '.join(map(str, missing))}; it has {present}."
        raise InputError(msg, "Annotate them, or leave them out of the structures that are asked for.")
    return labelmap


def write_volume(volume: Volume, path: str | os.PathLike) -> None:
    """Writes a volume as float32, uncompressed unless the ending is .nii.gz. Raises InputError."""
    path = Path(path)
    if ending_of(path) == RESULT_ENDING:
        msg = f"{path.name} has the ending of a segmentation; a volume is to be written."
        raise InputError(msg, "Use .nrrd, .nii.gz, .nii or .mha.")
    _write_image(volume.to_sitk(), path, compressed=False)


def write_labelmap(labelmap: Labelmap, path: str | os.PathLike) -> None:
    """Writes a labelmap, compressed; .seg.nrrd keeps names, colours, terminology and confidence.

    What made it is written into the header, or beside a NIfTI file as NAME.json. Raises InputError.
    """
    path = Path(path)
    image = labelmap.to_sitk()
    if ending_of(path) == RESULT_ENDING:
        for key, value in header_of(labelmap).items():
            image.SetMetaData(key, printable(value))
    provenance = labelmap.provenance and replace(labelmap.provenance, labels_sha256=labelmap.digest())
    if not has_sidecar(path):
        mark_result(image, provenance)
    elif provenance is not None:
        refuse_foreign_sidecar(path)
    _write_image(image, path, compressed=True)
    forget_sidecar(path)  # the older one would speak of the new file, should the new one not come to be
    if provenance is not None and has_sidecar(path):
        write_sidecar(path, provenance, labelmap.structures)


def ending_of(path: str | os.PathLike) -> str:
    """The ending of a file that can be written, in lower case. Raises InputError for others."""
    found = ending(path)
    if found not in WRITABLE:
        msg = f"The file name {Path(path).name!r} does not end in a format that can be written."
        raise InputError(msg, f"End it in one of {', '.join(WRITABLE)}.")
    return found


def _labelmap_in(path: Path, warn: Callable[[str], object]) -> tuple[Labelmap, bool]:
    """The labelmap in a file, and whether it is a segmentation, which may cover a part of its image."""
    if is_dicom(path):
        from ..dicom.segmentation import read_dicom_segmentation

        return read_dicom_segmentation(path), True
    image = read_single_image(path, scalar=False)
    for text in image.warnings:
        warn(text)
    if is_segmentation(image.header):
        return read_segmentation(image.voxels, image.geometry, image.header, path.name), True
    if image.voxels.ndim != 3:
        require_scalar(3, image.geometry.size, image.voxels.shape[-1], path.name)
    labelmap = Labelmap(image.voxels, image.geometry, name=path.name, other_geometry=image.other)
    refuse_image(labelmap.voxels, path.name, warn)
    return labelmap, False


def voxel_for_voxel(labelmap: Labelmap, like: Volume | Labelmap, monitor: Monitor | None = None) -> Labelmap | None:
    """The labelmap on exactly the grid of ``like`` where a grid that one file tells is one that the other tells.

    NIfTI files may tell two; programs write the one or the other into the labels that they make. None when no two
    are the same; a pair that is not the first of both is told to ``monitor``.
    """
    for own in (labelmap.geometry, labelmap.other_geometry):
        for theirs in (like.geometry, like.other_geometry):
            if own is None or theirs is None or not theirs.same_grid(own):
                continue
            if own is not labelmap.geometry or theirs is not like.geometry:
                (monitor or Silent()).warning(
                    f"{labelmap.name} lies on the second of the two grids that the headers tell; it is taken voxel for "
                    f"voxel as drawn on {like.name or 'the image'}."
                )
            return replace(labelmap, geometry=like.geometry, other_geometry=None)
    return None


def on_grid_of(
    labelmap: Labelmap,
    like: Volume | Labelmap,
    resample: bool = False,
    may_pad: bool = False,
    monitor: Monitor | None = None,
) -> Labelmap:
    """The labelmap on exactly the grid of ``like``; with ``may_pad`` one that covers part of it is padded.

    Raises GeometryError when it needs resampling and ``resample`` is off, when no label would be left, and when a
    file tells two places, so that it is not known whereto; what was resampled is told to ``monitor``.
    """
    grid = like.geometry
    fitting = voxel_for_voxel(labelmap, like, monitor) or (placed_on(labelmap, grid) if may_pad else None)
    if fitting is not None:
        return fitting
    name, image = labelmap.name, like.name or "the image"
    difference = grid.difference(labelmap.geometry)
    if not resample:
        msg = f"{name} does not lie on the grid of {image}: {difference}."
        raise GeometryError(msg, "Choose the image that was annotated, or resample the labels onto it (resample=True).")
    if labelmap.other_geometry is not None or like.other_geometry is not None:
        unsure = name if labelmap.other_geometry is not None else image
        msg = f"{name} cannot be resampled onto {image}: the header of {unsure} tells two places, sform and qform."
        raise GeometryError(msg, "Make the two agree (nibabel's set_sform and set_qform), or save both files again.")
    resampled = labelmap.on_grid(grid)
    if labelmap.values() and not resampled.values():
        msg = f"No label of {name} lies within {image}."
        raise GeometryError(msg, "Choose the image that was annotated.")
    (monitor or Silent()).warning(f"{name} was resampled onto the grid of {image} ({difference}).")
    return resampled


def _write_image(image: sitk.Image, path: Path, compressed: bool) -> None:
    """Writes beside ``path``, then renames; an older file stays whole until then.

    What lies on the disk is compared with the voxels: SimpleITK says nothing of a NIfTI file that a full disk cut off.
    """
    kind = ending_of(path)
    voxels = sitk.GetArrayViewFromImage(image)
    if kind == ".mha" and home.is_private(path):  # elsewhere other programs may change it, and keep the field
        image.SetMetaData(VOXELS_FIELD, checksum_of(voxels))

    def fill(part: Path) -> None:
        _write_plainly(image, part, compressed or kind == ".nii.gz")
        require_written(part, voxels)

    try:
        write_atomically(path, fill)
    except RuntimeError as error:
        msg = f"{path} cannot be written ({last_line(error)})."
        raise InputError(msg, "Check the free space and the permissions of its folder.") from error


def _write_plainly(image: sitk.Image, path: Path, compressed: bool) -> None:
    with spelled_plainly(path, ending_of(path)) as plain:
        sitk.WriteImage(image, str(plain), useCompression=compressed)
