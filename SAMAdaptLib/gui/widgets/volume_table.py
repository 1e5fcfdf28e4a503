"""The rows of Many volumes: which volumes there are, where each result goes, and what it can be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from ...data.formats import RESULT_ENDING, stem
from ...data.io.volume_folder import files_by_id, volumes_in
from ...data.matching import Labelling
from ...errors import InputError
from ...evaluation.volume_table import StructureRow
from ...heads.library import usable_name
from .. import formatting as texts
from ..panels.base import alive
from ..panels.segment import RESULT_ATTRIBUTE
from . import tables


class RowStatus(Enum):
    """How far a row is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"

    def label(self) -> str:
        """The words in the table."""
        return {
            RowStatus.WAITING: _("waiting"),
            RowStatus.RUNNING: _("running"),
            RowStatus.DONE: _("done"),
            RowStatus.SKIPPED: _("there already"),
            RowStatus.FAILED: _("failed"),
        }[self]


@dataclass
class VolumeRow:
    """One volume: a node of the scene or a file; ``output`` is None when the result goes to the scene alone.

    ``note`` is the tooltip of its standing; ``warned``: something speaks against its result. ``trained``: the model
    learned from it, so that its Dice says nothing of others. ``structures``, ``warnings``: what the worker said;
    ``diceOf``: by label value.
    """

    name: str
    node: Any = None
    path: Path | None = None
    output: Path | None = None
    reference: Any = None
    standing: RowStatus = RowStatus.WAITING
    note: str = ""
    warned: bool = False
    dice: float | None = None
    diceTip: str = ""
    trained: bool = False
    warnings: tuple[str, ...] = ()
    structures: list[dict[str, Any]] = field(default_factory=list)
    diceOf: dict[int, float | None] = field(default_factory=dict)

    def cells(self) -> list[Any]:
        """Its row in the panel's table."""
        name = _("{volume} (trained on)").format(volume=self.name) if self.trained else self.name
        return [
            tables.text(name, str(self.path or "")),
            tables.text(self.standing.label(), self.note),
            tables.text(texts.dice(self.dice) if self.dice is not None else "", self.diceTip, right=True),
        ]

    def table(self) -> list[StructureRow]:
        """Its rows in a table for a spreadsheet; a volume without a result has one that says why."""
        if not self.structures:
            said = tuple(filter(None, [self.standing.label(), self.note]))
            return [StructureRow(self.name, "", None, None, self.dice, self.trained, said)]
        return [
            StructureRow(
                self.name,
                str(item["name"]),
                item.get("volume_ml"),
                item.get("confidence"),
                self.diceOf.get(item["value"]),
                self.trained,
                self.warnings,
            )
            for item in self.structures
        ]


def sceneRows(nodes: Sequence[Any], output: Path | None) -> list[VolumeRow]:
    """A row for each volume node; two of one name get numbers, as their files must differ."""
    taken: set[str] = set()
    rows = []
    for node in nodes:
        name = node.GetName() or "volume"
        free = _free(usable_name(name, "volume"), taken)
        rows.append(VolumeRow(name, node=node, output=output / (free + RESULT_ENDING) if output else None))
    return rows


def folderRows(source: Path, output: Path, references: Path | None) -> list[VolumeRow]:
    """A row for a folder of DICOM files, else for each of its volumes and subfolders of DICOM. Raises InputError."""
    for what in (source, output, *([references] if references else [])):
        if not what.is_dir():
            msg = _("The folder {path} does not exist.").format(path=what)
            raise InputError(msg, _("Choose another folder."))
    found = volumes_in(source)
    if not found:
        msg = _("There is no volume in {path}.").format(path=source)
        raise InputError(msg, _("NIfTI, NRRD and MetaImage files are taken, and subfolders with DICOM files."))
    known = files_by_id(references, series=False) if references else {}
    taken: set[str] = set()
    rows = []
    for path in found:
        target = output / (_free(stem(path), taken) + RESULT_ENDING)
        rows.append(VolumeRow(path.name, path=path, output=target, reference=known.get(stem(path))))
    return rows


def sceneReference(volume: Any, known: Labelling) -> Any:
    """A segmentation of the scene that was drawn on this volume and has a structure of the head; no head made it."""
    import slicer

    from ...mrml import segments_in, segments_of

    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        drawn = node.GetNodeReference(role) is volume and not node.GetAttribute(RESULT_ATTRIBUTE)
        try:
            if drawn and segments_of(node) and segments_in(node, known):
                return alive(node)
        except InputError:  # of names that contradict the head's: it is no reference for that
            continue
    return None


def markTrained(rows: Sequence[VolumeRow], volumes: Sequence[Any]) -> None:
    """Mark the rows whose volumes are among the nodes that were annotated, or are their files."""
    storages = (node.GetStorageNode() for node in volumes)
    files = {Path(name).resolve() for storage in storages if storage and (name := storage.GetFileName())}
    for row in rows:
        row.trained = any(row.node is node for node in volumes) or (
            row.path is not None and row.path.resolve() in files
        )


def summary(rows: Sequence[VolumeRow]) -> str:
    """How many are done, were there, failed, are to be looked at, and how good they are."""
    count = {standing: sum(row.standing is standing for row in rows) for standing in RowStatus}
    parts = [_("{count} done").format(count=count[RowStatus.DONE])]
    if count[RowStatus.SKIPPED]:
        parts.append(_("{count} there already").format(count=count[RowStatus.SKIPPED]))
    if count[RowStatus.FAILED]:
        parts.append(_("{count} failed (hover over them for the reason)").format(count=count[RowStatus.FAILED]))
    if doubted := sum(row.warned for row in rows):
        parts.append(_("{count} with warnings (hover over them)").format(count=doubted))
    measured = [row.dice for row in rows if row.dice is not None and not row.trained]
    if measured:
        text = _("mean Dice {dice} (volumes: {count})")
        parts.append(text.format(dice=texts.dice(sum(measured) / len(measured)), count=len(measured)))
    if any(row.trained and row.dice is not None for row in rows):
        parts.append(_("without those that the model was trained on"))
    return ", ".join(parts) + "."


def resultFolder(source: Path) -> Path:
    """Where the results of a folder go when nothing else was chosen: beside it. Made. Raises InputError."""
    target = source.resolve().with_name(_("{folder} segmented").format(folder=source.resolve().name))
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        msg = _("The folder {path} cannot be made ({reason}).").format(path=target, reason=error.strerror or error)
        raise InputError(msg, _("Choose a folder for the results.")) from error
    return target


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name} {number}"
    taken.add(candidate.lower())
    return candidate
