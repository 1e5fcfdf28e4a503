"""Whether a result that is there already is what a job would make: then it stays. What differs is made again.

What may be somebody's own work stays as well, and is named: a result that was edited since, and a file that does not
say what made it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.formats import frame_name
from ..data.provenance import HEAD_KEY, Provenance, file_digest
from ..errors import InputError, SAMAdaptError
from ..heads.card import provenance_of, read_card
from ..inference.config import InferenceConfig
from .reading import files_of
from .specs import SegmentJob

if TYPE_CHECKING:
    from ..data.sequence.frames import Frames

EQUAL = "it was made in the same way"
EDITED = "it was changed since it was made"
NAMELESS = "it does not say what made it, and may be somebody's own work"
FORMER = "it is of a version that did not say what made it"
DAMAGED = "it was damaged"


@dataclass(frozen=True)
class Found:
    """A result that is there: whether it ``stays``, and why, or why it is made again."""

    stays: bool
    reason: str

    @property
    def doubtful(self) -> bool:
        """Whether it stays although it is not known to be what the job would make."""
        return self.stays and self.reason != EQUAL


def judged(job: SegmentJob) -> Found | None:
    """What is to become of the result of a job that is there already; None when there is none."""
    path = Path(job.output)
    if not path.is_file():
        return None
    made = what_made(path)
    if isinstance(made, Found):
        return made
    try:
        differences = made.differences(_wanted(job))
    except SAMAdaptError:  # of the head or the image: whoever runs the job says it best
        return Found(False, "")
    return Found(False, "; ".join(differences)) if differences else Found(True, EQUAL)


def what_made(path: Path) -> Provenance | Found:
    """What made a result that is as it was written; else what is to become of the file."""
    from ..data.io.result_file import has_sidecar, is_dicom_result, read_header, read_provenance
    from ..data.io.seg_nrrd import is_result_of_before
    from ..data.sequence.frames import frames_in

    try:
        made = read_provenance(path)
        silent = made is not None or has_sidecar(path) or is_dicom_result(path) or path.suffix.lower() == ".mrb"
        header = {} if silent else read_header(path)
    except InputError:
        return Found(True, NAMELESS)
    if made is None and is_result_of_before(header):
        return Found(False, FORMER)
    if made is None:  # a tag that names a head is what is left of it when Slicer has saved the file again
        saved_again = any(f"{HEAD_KEY}:" in text for key, text in header.items() if key.endswith("_Tags"))
        return Found(True, EDITED if saved_again else NAMELESS)
    try:
        frames = frames_in(path)
        # A DICOM SEG numbers its segments anew and leaves empty slices out; no editor writes one in place.
        unchanged = is_dicom_result(path) or _digest(path, frames) == made.labels_sha256
    except (SAMAdaptError, zlib.error):
        return Found(False, DAMAGED)
    return made if unchanged else Found(True, EDITED)


def _digest(path: Path, frames: Frames | None) -> str:
    """The hash of the labels in a result, of one frame or of several."""
    from ..data.io.volumes import read_labelmap
    from ..data.sequence.frames import frames_kept
    from ..data.sequence.writing import digest_of

    if frames is None or frames.count == 1:
        return read_labelmap(path).digest()
    with frames_kept():
        return digest_of(read_labelmap(frame_name(path, number)).voxels for number in range(frames.count))


def _wanted(job: SegmentJob) -> Provenance:
    """What the job would make its result by."""
    card, digest = read_card(job.head), head_digest(job.head)
    options = InferenceConfig.of(job).decisive(job.bounds)
    return provenance_of(card.called_after(Path(job.head)), digest, options).of_input(
        *files_of(job.image, job.channels)
    )


def head_digest(path: str | Path) -> str:
    """The hash of a head file, computed again only when the file changed. Raises InputError."""
    try:
        status = Path(path).stat()
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror or error})."
        raise InputError(msg, "Check the path.") from error
    return _digest_of(str(Path(path).resolve()), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _digest_of(path: str, _changed_ns: int, _size: int) -> str:
    return file_digest(path)
