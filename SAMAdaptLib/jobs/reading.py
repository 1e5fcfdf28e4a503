"""What jobs read: heads, volumes with the further channels that lie beside them, annotated cases, labels to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.channels import others_beside, together, without_word
from ..errors import InputError
from .path_checks import check_readable
from .specs import CaseFiles, EvaluateJob, StructureSpec, TrainJob

if TYPE_CHECKING:
    from ..data.case import Case
    from ..data.io.volumes import Labelmap, Volume
    from ..heads.head import Head
    from ..progress import Monitor

_KEPT_HEADS = 4
_heads: dict[tuple[str, int, int], Head] = {}


def files_of(image: str, words: Sequence[str]) -> tuple[str, ...]:
    """The image's own path, and those of its further channels. Raises InputError, see ``others_beside``."""
    return (image, *others_beside(image, words)) if words else (image,)


def read_with_channels(image: str, words: Sequence[str], monitor: Monitor) -> Volume:
    """The volume of an image and of its further channels, of which ``words`` tells the files apart.

    Raises InputError for what cannot be read, GeometryError for channels on another grid.
    """
    from ..data.io.volumes import read_volume

    first, *others = (read_volume(path, monitor=monitor) for path in files_of(image, words))
    if not others:
        return first
    return replace(together(first, others), name=without_word(first.name, words[0]).strip("_-. ") or first.name)


def read_cases(job: TrainJob, monitor: Monitor) -> list[Case]:
    """The job's cases, one label value a structure. ``values`` and ``structures`` speak of the first case's values,
    but settle what the files contradict one another in."""
    from ..training.dataset import under_one_labelling

    def chosen(cases: Sequence[Case], values: tuple[int, ...]) -> list[Case]:
        wanted = (chosen_structures(case.labelmap, values, job.structures, job.ignore_label) for case in cases)
        return [replace(case, labelmap=labels) for case, labels in zip(cases, wanted, strict=True)]

    cases = [_read_case(case, job, monitor) for case in job.cases]
    try:
        cases = under_one_labelling(cases, job.ignore_label)
    except InputError:
        if not job.structures:
            raise
        cases = under_one_labelling(chosen(cases, ()), job.ignore_label)
    return chosen(cases, job.values)


def _read_case(case: CaseFiles, job: TrainJob, monitor: Monitor) -> Case:
    from ..data.case import Case
    from ..data.io.volumes import read_labelmap

    volume = read_with_channels(case.image, job.channels, monitor)
    return Case(volume, read_labelmap(case.labels, like=volume, resample=job.resample_labels, monitor=monitor))


def chosen_structures(
    labelmap: Labelmap, values: tuple[int, ...], specs: tuple[StructureSpec, ...], ignore_label: int | None
) -> Labelmap:
    """The labelmap with other values than ``values`` (empty: none) as background, and ``specs``' names and colours.

    Raises InputError when a value that is asked for does not occur.
    """
    import numpy as np

    from ..data.structure import Structure, default_structure

    kept = set(values) | ({ignore_label} if ignore_label is not None else set())
    if values:
        missing = sorted(set(values) - set(labelmap.values()))
        if missing:
            msg = f"The labels hold no {', '.join(map(str, missing))}; they hold {sorted(labelmap.values())}."
            raise InputError(msg, "Ask for labels that occur.")
        voxels = np.where(np.isin(labelmap.voxels, sorted(kept)), labelmap.voxels, 0).astype(labelmap.voxels.dtype)
        labelmap = labelmap.with_array(voxels)
    known = {item.value: item for item in labelmap.structures if not values or item.value in kept}
    for spec in specs:
        old = known.get(spec.value) or default_structure(spec.value)
        known[spec.value] = Structure(
            spec.value, spec.name, spec.color or old.color, spec.terminology or old.terminology
        )
    return labelmap.with_structures(tuple(known[value] for value in sorted(known)))


def read_on_grid_of(job: EvaluateJob, reference: Labelmap, monitor: Monitor) -> Labelmap:
    """The job's prediction on the reference's grid, as far as the job allows. Raises InputError, GeometryError."""
    from ..data.io.volumes import read_labelmap, voxel_for_voxel

    if job.resample_labels:
        return read_labelmap(job.prediction, like=reference, resample=True, monitor=monitor)
    prediction = read_labelmap(job.prediction, monitor=monitor)
    return voxel_for_voxel(prediction, reference, monitor) or prediction


def load_warm_head(path: str | Path) -> Head:
    """The head of a file, read again only when the file changed."""
    from ..heads.head import load_head

    check_readable(str(path))
    status = Path(path).stat()
    key = (str(Path(path).resolve()), status.st_mtime_ns, status.st_size)
    if key not in _heads:
        while len(_heads) >= _KEPT_HEADS:
            _heads.pop(next(iter(_heads)))
        _heads[key] = load_head(path)
    return _heads[key]
