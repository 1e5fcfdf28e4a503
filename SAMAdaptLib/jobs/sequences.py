"""A file of several frames, segmented frame by frame into one result. One frame is in memory at a time.

What is found in a frame is what segmenting it alone finds. The answer has an entry for each frame under ``frames``;
beside it stand the mean volume of each structure, and the gravest verdict, for who knows a single volume only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.formats import SEQUENCE_ENDING, frame_name, split_frame
from ..data.image import Labelmap, Volume
from ..data.io.volumes import ending_of, volume_of
from ..data.sequence.frames import Frames, frames_in, frames_kept
from ..data.sequence.writing import digest_of, require_sequence_ending, write_frames, write_labels
from ..errors import InputError, SAMAdaptError
from ..progress import FRAME, Forwarding, Monitor, raise_if_cancelled
from ..utils.disk.scratch import lasting_array
from .combining import combined, combined_scores
from .specs import EvaluateJob, SegmentJob

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..evaluation.metrics import Evaluation

Segmented = tuple[Labelmap, dict[str, Any]]
"""A labelmap, and what is told of it."""

CompareOne = Callable[[EvaluateJob, Monitor], "tuple[Labelmap, Labelmap, Evaluation]"]
"""The prediction, the reference, and what they have in common."""

SegmentOne = Callable[[Volume, Monitor, "NDArray[np.float32] | None"], Segmented]


class _OneFrame(Forwarding):
    """What is heard of frame ``number`` (from 0): progress is that of all ``count``, and so is the time left."""

    STEPS = 1000

    def __init__(self, monitor: Monitor, number: int, count: int, name: str = "") -> None:
        super().__init__(monitor, FRAME.text(number=number + 1, count=count, stage=""), name)
        self._number, self._count, self._most = number, count, 0

    def progress(self, stage: str, done: int, total: int) -> None:
        """A frame has several stages: the later ones begin where the earlier ended."""
        self._most = max(self._most, self.STEPS * done // max(total, 1))
        super().progress(stage, self._number * self.STEPS + self._most, self._count * self.STEPS)


def frames_of(path: str) -> Frames | None:
    """The frames of an image, None for a single volume. Raises InputError."""
    found = frames_in(Path(path))
    return found if found is not None and found.count > 1 else None


def has_frames(image: str) -> bool:
    """Whether an image holds several frames; False also for what cannot be read, of which whoever reads it tells."""
    try:
        return split_frame(image)[1] is None and frames_of(image) is not None
    except (SAMAdaptError, OSError, RuntimeError):
        return False


def require_one_frame(output: str) -> None:
    """Raises InputError for the name of a file that is for several frames alone."""
    if output.lower().endswith(SEQUENCE_ENDING):
        msg = f"{Path(output).name} is for several frames, but the image is a single volume."
        raise InputError(msg, "End the name in .seg.nrrd.")


def segment_frames(job: SegmentJob, frames: Frames, segment: SegmentOne, monitor: Monitor) -> dict[str, Any]:
    """Segment all frames and write them to the job's output. Raises what ``segment`` raises, InputError."""
    require_sequence_ending(job.output, frames.count)
    if job.probabilities is not None:
        require_sequence_ending(job.probabilities, frames.count)
        ending_of(job.probabilities)
    facts: list[dict[str, Any]] = []
    likes: list[Labelmap] = []
    labels, certainty = np.zeros((0,), np.uint8), None  # until the first frame says how large they are
    for number in range(frames.count):
        raise_if_cancelled(monitor)
        began = time.monotonic()
        hearing = _OneFrame(monitor, number, frames.count, frames.called(number))
        volume = volume_of(frames.image(number), True, hearing, frames.called(number))
        shape = (frames.count, *volume.geometry.shape)
        if job.probabilities is not None and certainty is None:
            certainty = lasting_array(shape, np.float32)
        labelmap, told = segment(volume, hearing, None if certainty is None else certainty[number])
        if not labels.size:
            largest = max((item.value for item in labelmap.structures), default=1)
            labels = lasting_array(shape, np.uint8 if largest < 256 else np.uint16)
        labels[number] = labelmap.voxels
        likes.append(_without_voxels(labelmap))
        seconds = round(time.monotonic() - began, 3)
        about = {"frame": number, "index": frames.index.values[number], "seconds": seconds}
        facts.append({**about, **told, "warnings": hearing.warnings})
    first = likes[0].provenance
    made = first and replace(first, voxels_sha256="", labels_sha256=digest_of(labels))
    write_labels(Path(job.output), labels, likes, frames.index, made)
    if certainty is not None:
        write_frames(Path(str(job.probabilities)), certainty, likes[0].geometry, frames.index)
    return {**combined(facts), "provenance": made and made.to_dict(), "frames": facts}


def frames_to_compare(job: EvaluateJob) -> Frames | None:
    """The frames of a prediction whose reference has as many; None where each is one labelmap.

    Raises InputError where their numbers differ.
    """
    found = [frames_of(path) for path in (job.prediction, job.reference, *filter(None, (job.image,)))]
    prediction, reference = found[:2]
    if prediction is None or reference is None:
        return None  # of one that has frames, reading it tells how to name one
    for other in filter(None, found[1:]):
        if other.count != prediction.count:
            msg = f"{prediction.path.name} holds {prediction.count} frames, {other.path.name} {other.count}."
            raise InputError(msg, f"Name those to compare, such as {other.called(0)}.")
    return prediction


def compare_frames(job: EvaluateJob, frames: Frames, compare: CompareOne, monitor: Monitor) -> dict[str, Any]:
    """Compare frame by frame; means over all stand beside ``frames``. Raises what ``compare`` raises."""
    facts, cases = [], []
    image_frames = job.image is not None and has_frames(job.image)
    with frames_kept():
        for number in range(frames.count):
            raise_if_cancelled(monitor)
            hearing = _OneFrame(monitor, number, frames.count)
            image = frame_name(job.image, number) if job.image is not None and image_frames else job.image
            names = frame_name(job.prediction, number), frame_name(job.reference, number)
            prediction, reference, measured = compare(
                replace(job, prediction=names[0], reference=names[1], image=image), hearing
            )
            facts.append({"frame": number, "index": frames.index.values[number], **measured.to_dict()})
            if job.report is not None:
                from .reporting import compared_case

                cases.append(compared_case(Path(image) if image else None, prediction, reference, measured))
    if job.report is not None:
        from .reporting import report_comparisons

        names = Path(job.prediction).name, Path(job.reference).name
        report_comparisons(Path(job.report), *names, cases)
    return {**combined_scores(facts), "frames": facts}


def _without_voxels(labelmap: Labelmap) -> Labelmap:
    """The same, holding no memory for its voxels: they lie in the file of all frames."""
    return replace(labelmap, voxels=np.broadcast_to(np.uint8(0), labelmap.geometry.shape))
