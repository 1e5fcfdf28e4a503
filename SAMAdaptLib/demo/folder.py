"""The user's own labelled volumes as the demo's problem: learn from one case, segment others."""

from __future__ import annotations

from pathlib import Path

from ..data.case import Case
from ..data.io.volume_folder import files_by_id
from ..data.io.volumes import Labelmap, Volume, read_labelmap, read_volume
from ..errors import InputError
from .problem import Patient, Problem

MOST_OTHERS = 3


def folder_problem(folder: Path) -> Problem:
    """The first case of FOLDER/images and FOLDER/labels to learn from, others to segment: three at most.

    These lie evenly in the list, the last one among them: neighbours are often scans of one person. Raises InputError.
    """
    cases = find_cases(folder)
    (first, *files), following = cases[0], cases[1:]
    count = min(MOST_OTHERS, len(following))
    chosen = [following[len(following) * (place + 1) // count - 1] for place in range(count)]
    training = read_case(*files)
    others = [(name, read_case(*paths)) for name, *paths in chosen]
    names = " and ".join(", ".join(name for name, _ in others).rsplit(", ", 1))
    return Problem(
        title=f"{folder.resolve().name}: one annotated volume, {count} segmented",
        story=(
            f"SAMAdapt learns from {first} with its labels (the first of {len(cases)} cases in the folder) and "
            f"segments {names}. The labels of {names} are used for nothing but the comparison."
        ),
        training=training,
        annotated=Patient(first, training.volume, training.labelmap),
        drawn=tuple(range(training.volume.geometry.shape[0])),
        others=tuple(Patient(name, case.volume, case.labelmap) for name, case in others),
    )


def find_cases(folder: Path) -> list[tuple[str, Path, Path]]:
    """(id, image, labels) of each image in FOLDER/images that has labels of the same name, by id."""
    images, labels = (_volumes(folder / name) for name in ("images", "labels"))
    both = sorted(images.keys() & labels.keys())
    if len(both) < 2:
        msg = (
            f"{folder} has {len(images)} images and {len(labels)} labels, {len(both)} of them with the same name; "
            "two such pairs are needed: one to learn from, one to segment."
        )
        raise InputError(msg, "Name them alike, such as images/anna.nii.gz and labels/anna.nii.gz.")
    return [(name, images[name], labels[name]) for name in both]


def read_case(image: Path, labels: Path) -> Case:
    """An annotated volume from its two files. Raises InputError, GeometryError."""
    volume: Volume = read_volume(image)
    labelmap: Labelmap = read_labelmap(labels, like=volume)
    return Case(volume, labelmap)


def _volumes(folder: Path) -> dict[str, Path]:
    """Volumes by their names without endings."""
    if not folder.is_dir():
        msg = f"There is no folder {folder}."
        raise InputError(msg, "The demo's data folder needs two folders, images and labels.")
    return files_by_id(folder, series=folder.name == "images")
