"""Jobs of live segmentation: a partly annotated volume completed, and a session that stays open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.io.result_file import refuse_foreign_sidecar
from ..data.io.volumes import read_labelmap, read_volume, write_labelmap
from ..live.preview import Acceptance
from ..live.serve import require_line, serve
from ..live.session import LiveSession
from .path_checks import check_not_an_input, check_readable, check_writable

if TYPE_CHECKING:
    from ..data.image import Labelmap
    from ..progress import Monitor
    from .specs import CompleteJob, LiveJob


def complete(job: CompleteJob, monitor: Monitor) -> tuple[Labelmap, dict[str, Any]]:
    """Write the labels of all slices; they, and facts for the result. Raises InputError and its kin, Cancelled."""
    check_readable(job.image, job.labels)
    check_writable(job.output)
    check_not_an_input(job.output, job.image, job.labels)
    refuse_foreign_sidecar(Path(job.output))
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
        whole = Acceptance(session.stack, annotated, np.ones(len(session.stack), bool), annotated)
        found = found.with_array(whole.applied(session.drawn(), found.voxels, "between"))
    if found.provenance is not None:
        found = found.made_by(found.provenance.of_input(job.image))
    write_labelmap(found, job.output)
    made_by = found.provenance.to_dict() if found.provenance else None
    return found, {"annotated_slices": annotated, "provenance": made_by}


def serve_live(job: LiveJob, monitor: Monitor) -> dict[str, Any]:
    """Serve a session until it is cancelled; facts about it. Raises InputError and its kin."""
    check_readable(job.image)
    line = require_line(monitor)
    return serve(open_live(job, monitor), line, monitor, job.start)


def open_live(job: LiveJob, monitor: Monitor) -> LiveSession:
    """The session that the job asks for. Raises InputError and its kin."""
    volume = read_volume(job.image, monitor=monitor)
    return LiveSession(volume, seed=job.seed, monitor=monitor, **_options(job))


def _options(job: CompleteJob | LiveJob) -> dict[str, Any]:
    return {
        "plane": job.plane,
        "encoder": job.encoder,
        "input_size": job.input_size,
        "intensity": job.intensity,
        "device": job.device,
    }
