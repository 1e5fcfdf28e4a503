"""Jobs of live segmentation: a partly annotated volume completed, and a session that stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.io.volumes import read_labelmap, read_volume
from ..live.preview import accepted
from ..live.serve import require_line, serve
from ..live.session import LiveSession

if TYPE_CHECKING:
    from ..data.image import Labelmap
    from ..progress import Monitor
    from .specs import CompleteJob, LiveJob


def completed(job: CompleteJob, monitor: Monitor) -> tuple[Labelmap, list[int]]:
    """The labels of all slices, and which of them were annotated. Raises InputError and its kin, Cancelled."""
    volume = read_volume(job.image, monitor=monitor)
    labels = read_labelmap(job.labels, like=volume, resample=job.resample_labels, monitor=monitor)
    session = LiveSession(
        volume,
        labels,
        background=job.background,
        ignore=job.ignore_label,
        seed=job.seed,
        monitor=monitor,
        **_options(job),
    )
    session.annotation.require()
    session.encode()
    found = session.complete()
    annotated = list(session.annotated)
    if job.between:
        known = np.ones(len(session.stack), bool)
        filled = accepted(session.stack, session.drawn(), found.voxels, known, annotated, "between")
        found = found.with_array(filled)
    if found.provenance is not None:
        found = found.made_by(found.provenance.of_input(job.image))
    return found, annotated


def serve_live(job: LiveJob, monitor: Monitor) -> dict[str, Any]:
    """Serve a session until it is cancelled; facts about it. Raises InputError and its kin."""
    line = require_line(monitor)
    volume = read_volume(job.image, monitor=monitor)
    session = LiveSession(volume, seed=job.seed, monitor=monitor, **_options(job))
    return serve(session, line, monitor, job.start)


def _options(job: CompleteJob | LiveJob) -> dict[str, Any]:
    return {
        "plane": job.plane,
        "encoder": job.encoder,
        "input_size": job.input_size,
        "intensity": job.intensity,
        "device": job.device,
    }
