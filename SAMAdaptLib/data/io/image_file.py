"""One image from a file or a DICOM folder: voxels, grid and header, and what has to be said of them.

Here it is decided who reads what. DICOM is read by its tags, NIfTI voxels as they stand in the file (ITK would make
zeros of NaN), all else by SimpleITK, after a look whether the file can hold what its header announces.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ...errors import InputError
from ...utils import paths as home
from ...utils.disk.safepaths import refuse_special, spelled_plainly
from ...utils.files import write_content
from ..formats import NIFTI_ALONE, NIFTI_ENDINGS, ending, stem
from ..geometry import Geometry
from ..image import as_scalar_3d, require_scalar
from .announced import length_of
from .metaimage import require_unchanged
from .nifti_file import NiftiHeader, nifti_voxels, read_nifti_header, require_whole
from .nifti_grid import Placement, placement
from .nrrd_header import require_short_fields
from .raster_header import require_room_for
from .seg_nrrd import header_of_image
from .volume_folder import is_dicom


@dataclass(frozen=True, eq=False)
class FileImage:
    """``voxels`` (k, j, i) of the file's own type, or (k, j, i, layer) for files with several; ``geometry`` their grid.

    ``other`` is the second grid that a NIfTI file may tell; ``header`` an NRRD file's pairs; ``warnings`` sentences.
    """

    voxels: NDArray
    geometry: Geometry
    name: str
    modality: str = ""
    other: Geometry | None = None
    header: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_image(path: Path, scalar: bool = True) -> FileImage:
    """The image in a file or a DICOM folder; with ``scalar`` its header is checked before any voxel is read.

    Raises InputError for what cannot be read or holds several numbers a voxel, GeometryError for a grid that is none.
    """
    refuse_special(path)
    if not path.exists():
        msg = f"The file {path} does not exist."
        raise InputError(msg, "Check the path.")
    if path.is_dir() or is_dicom(path):
        return _dicom(path)
    length_of(path)  # of a pipe or a device nobody knows it
    try:
        header = read_nifti_header(path) if path.name.lower().endswith(NIFTI_ENDINGS) else None
        if header is not None:
            return _nifti(header)
        if path.name.lower().endswith(NIFTI_ALONE):  # asked for x.nii.gz beside x.nii, ITK silently reads x.nii
            msg = f"The file {path} cannot be read as an image (it is named as NIfTI and holds something else)."
            raise InputError(msg, "Is it whole, and is its name right?")
        return _raster(path, scalar)
    except (RuntimeError, OSError) as error:
        msg = f"The file {path} cannot be read as an image ({last_line(error)})."
        raise InputError(msg, "Use NIfTI, NRRD, MHA or a DICOM series folder; is the file whole?") from error


def last_line(error: Exception) -> str:
    """The last line of an ITK exception: the reason, without the source files and object addresses before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _dicom(path: Path) -> FileImage:
    from ..dicom.series import read_file, read_series  # pydicom takes a sixth of a second: only where there is DICOM

    image = read_series(path) if path.is_dir() else read_file(path)
    return FileImage(image.voxels, image.geometry, image.name, image.modality, warnings=image.warnings)


def _raster(path: Path, scalar: bool) -> FileImage:
    require_short_fields(path)
    require_room_for(path)
    if ending(path) == ".mha" and home.is_private(path):
        require_unchanged(path)
    reader = sitk.ImageFileReader()
    with spelled_plainly(path, ending(path) or "") as plain:
        reader.SetFileName(str(plain))
        reader.ReadImageInformation()
        require_positive_spacing(reader, path)
        if scalar:
            require_scalar(reader.GetDimension(), reader.GetSize(), reader.GetNumberOfComponents(), path.name)
        image = reader.Execute()
    header = header_of_image(image)
    if image.GetNumberOfComponentsPerPixel() == 1 or image.GetDimension() != 3:
        image = as_scalar_3d(image, path.name)
    return FileImage(sitk.GetArrayFromImage(image), Geometry.from_sitk(image), stem(path), header=header)


def require_positive_spacing(reader: sitk.ImageFileReader, path: Path) -> None:
    """Refuse a negative spacing: ITK turns the axis around, other programs drop the sign."""
    if min(reader.GetSpacing()) < 0:
        msg = f"{path.name} has a negative spacing ({' x '.join(f'{mm:g}' for mm in reader.GetSpacing())} mm)."
        raise InputError(msg, "Save it with positive spacings, and directions that say how the axes run.")


def _nifti(header: NiftiHeader) -> FileImage:
    path = header.path
    if not header.is_known:
        raise unknown_type(header)
    require_whole(header)
    placed = place_of(header)
    voxels = nifti_voxels(header)
    if voxels is None:  # complex numbers, numbers of 128 bits
        raise unknown_type(header)
    return FileImage(voxels, placed.geometry, stem(path), other=placed.other, warnings=placed.warnings)


def place_of(header: NiftiHeader) -> Placement:
    """Where the voxels of a header with one number a voxel lie. Raises InputError for others, GeometryError."""
    with _quiet_itk(), _header_alone(header) as lone:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(lone))
        reader.ReadImageInformation()
        require_scalar(reader.GetDimension(), reader.GetSize(), reader.GetNumberOfComponents(), header.path.name)
        return placement(header, grid_of_reader(reader))


def unknown_type(header: NiftiHeader) -> InputError:
    """What to say of voxels that are no real numbers."""
    msg = f"{header.path.name} has voxels of a type (NIfTI's {header.datatype}) that cannot be read."
    return InputError(msg, "Convert it to real numbers of at most 64 bits; or is its header damaged?")


def grid_of_reader(reader: sitk.ImageFileReader) -> Geometry:
    """The three-dimensional grid that ITK read: a missing axis gets one voxel of 1 mm, a fourth one is dropped."""
    dimension = reader.GetDimension()
    size, spacing, origin = [1, 1, 1], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]
    direction, kept = np.eye(3), min(dimension, 3)
    size[:kept], spacing[:kept] = reader.GetSize()[:kept], reader.GetSpacing()[:kept]
    origin[:kept] = reader.GetOrigin()[:kept]
    direction[:kept, :kept] = np.reshape(reader.GetDirection(), (dimension, dimension))[:kept, :kept]
    i, j, k = size
    x, y, z = spacing
    return Geometry((i, j, k), (x, y, z), (origin[0], origin[1], origin[2]), direction)


@contextmanager
def _header_alone(header: NiftiHeader) -> Iterator[Path]:
    """A file with nothing but a NIfTI header, which ITK reads for the grid, and cannot mistake for another file.

    Asked for x.nii.gz beside x.nii, ITK silently takes x.nii. An Analyze file stays where it is.
    """
    if not header.is_nifti:
        with spelled_plainly(header.path) as plain:
            yield plain
        return
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "header.nii"
        write_content(alone, header.as_single_file())
        yield alone


@contextmanager
def _quiet_itk() -> Iterator[None]:
    """ITK's own warnings go to standard error and name its source files; what matters in them is said here."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)
