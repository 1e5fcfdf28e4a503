"""The job of segmenting an image: its files read, the head run, the result written whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.formats import DICOM_ENDING
from ..inference.config import InferenceConfig
from ..progress import Monitor
from .path_checks import check_not_an_input, check_readable, check_writable
from .reading import files_of, load_warm_head, read_with_channels
from .specs import SegmentJob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..data.io.volumes import Labelmap, Volume
    from ..encoders import Encoder
    from ..heads.head import Head
    from .sequences import Segmented, SegmentOne


def segment_image(job: SegmentJob, monitor: Monitor) -> dict[str, Any]:
    """Segment the volume or the frames of the job's image, unless its result is there already."""
    images = files_of(job.image, job.channels)
    _check_files(job, images)
    from ..data.io.result_file import refuse_foreign_sidecar
    from ..inference.segment import segment
    from .resuming import head_digest, judged
    from .sequences import frames_of, segment_frames

    there = None if job.overwrite else judged(job)
    if there is not None and there.stays:
        return {"output": job.output, "structures": [], "skipped": there.reason}
    refuse_foreign_sidecar(Path(job.output))
    head = load_warm_head(job.head)
    encoder = _own_encoder(job, head, monitor)

    def one(volume: Volume, monitor: Monitor, certainty: NDArray[np.float32] | None) -> Segmented:
        labelmap = segment(
            volume,
            head,
            config=InferenceConfig.of(job),
            encoder=encoder,
            region=job.bounds,
            monitor=monitor,
            certainty_map=certainty,
        )
        if labelmap.provenance is not None:
            made_by = dataclasses.replace(labelmap.provenance, head_sha256=head_digest(job.head)).of_input(*images)
            labelmap = labelmap.made_by(made_by)
        return labelmap, {"structures": labelmap_facts(labelmap), **labelmap.assessment}

    frames = None if job.channels else frames_of(job.image)
    found = _segment_volume(job, one, monitor) if frames is None else segment_frames(job, frames, one, monitor)
    return {
        "output": job.output,
        **({} if job.probabilities is None else {"probabilities": job.probabilities}),
        "head": head.card.name,
        **found,
        **({"again": there.reason} if there else {}),
    }


def _check_files(job: SegmentJob, images: Sequence[str]) -> None:
    """Raises InputError for what cannot be read or written, or would be overwritten."""
    check_readable(*images, job.head)
    check_writable(job.output)
    check_not_an_input(job.output, *images, job.head)
    if job.probabilities is not None:
        from ..data.io.volumes import ending_of

        check_writable(job.probabilities)
        check_not_an_input(job.probabilities, *images, job.head, job.output)
        ending_of(job.probabilities)


def _segment_volume(job: SegmentJob, segment: SegmentOne, monitor: Monitor) -> dict[str, Any]:
    """Segment a single volume and write it to the job's output. Returns what is told of it."""
    import numpy as np

    from ..data.io.volumes import Volume, write_volume
    from .sequences import require_one_frame

    require_one_frame(job.output)
    volume = read_with_channels(job.image, job.channels, monitor)
    certainty = None if job.probabilities is None else np.zeros(volume.geometry.shape, np.float32)
    labelmap, found = segment(volume, monitor, certainty)
    _write_result(labelmap, job)
    if certainty is not None:
        write_volume(Volume(certainty, volume.geometry, f"{volume.name} certainty"), str(job.probabilities))
    return {**found, "provenance": labelmap.provenance and labelmap.provenance.to_dict()}


def _write_result(labelmap: Labelmap, job: SegmentJob) -> None:
    """Into the format that the output's ending names. Raises InputError, DependencyError without highdicom."""
    if job.output.lower().endswith(DICOM_ENDING):
        from ..data.dicom.seg_writer import write_dicom_segmentation

        provenance = labelmap.provenance and dataclasses.replace(labelmap.provenance, labels_sha256=labelmap.digest())
        write_dicom_segmentation(labelmap, Path(job.image), Path(job.output), provenance)
        return
    from ..data.io.volumes import write_labelmap

    write_labelmap(labelmap, job.output)


def _own_encoder(job: SegmentJob, head: Head, monitor: Monitor) -> Encoder | None:
    """The encoder that the job names; None leaves it to the inference, or the head needs no encoder."""
    from ..inference.stage import load_encoder_for

    if not head.module.needs or job.encoder is None:
        return None
    return load_encoder_for(head, job.encoder, job.device, monitor)


def labelmap_facts(labelmap: Labelmap) -> list[dict[str, Any]]:
    """Each structure with its volume in ml and its confidence (None where it was not found)."""
    volumes_ml = labelmap.volumes_ml()
    return [
        {
            **structure.to_dict(),
            "volume_ml": volumes_ml.get(structure.value, 0.0),
            "confidence": labelmap.confidence.get(structure.value),
        }
        for structure in labelmap.structures
    ]
