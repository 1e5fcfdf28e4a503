"""From nodes to a job and from its result back to the scene: what the panel and the console both do.

A plan is made on the main thread, where its ``gather()`` then copies voxels from the scene, step by step.
``prepare(folder)`` writes the job's files and ``fetch(result)`` reads its result; both may run in a thread, for they
touch no node. ``show(fetched)`` is for the main thread again.

    plan = SegmentNodeJob.of(volume_node, "heart.samhead")
    for step in plan.gather():                      # or some steps now and then
        pass
    job = plan.prepare(folder)                      # then a runner does the job
    placement = plan.show(plan.fetch(result))
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.geometry import Geometry
from ..data.image import Labelmap
from ..data.io.metaimage import read_labels, write_image
from ..data.matching import Labelling, Matched
from ..data.provenance import Provenance
from ..data.review import Review, only_known, only_marked
from ..data.structure import Structure
from ..errors import InputError
from ..heads.card import read_card, structures_of
from ..inference.config import InferenceConfig
from ..jobs.specs import CaseFiles, SegmentJob, StructureSpec, TrainJob
from ..preprocessing.slicing import SliceStack
from ..progress import Monitor
from ..training.config import TrainingConfig
from ..worker.folder import JobFolder
from .annotation.capture import AnnotationCapture, capture_annotation
from .segmentation import CroppedLabels, Placement, place_labels
from .transforms import is_alive
from .volume import VolumeSnapshot, capture_volume, channel_nodes, region_beyond, region_from_roi
from .voxel_copy import VoxelCopy, gather_now, gathered


@dataclass(frozen=True)
class LeftOpen:
    """What of a case's annotation counts, by slices along ``axis``; nothing is learned from the others.

    ``review``: slices that a person edited or ticked since a model made them; None: slices that show a structure, and
    those in ``empty``, of which somebody said that there is nothing on them.
    """

    axis: int
    review: Review | None = None
    empty: tuple[int, ...] = ()


AnnotatedNodes = tuple[Any, Any, Sequence[str] | None]
"""A volume node (or a list of those of its channels), its segmentation (or label volume) node, and the ids of the
segments to use (None: all)."""


@dataclass(frozen=True, eq=False)
class SegmentNodeJob:
    """Segment ``volume_node`` with a head file; the result goes into ``into``, or into a new segmentation node."""

    volume_node: Any
    head: str
    capture: VolumeSnapshot
    config: InferenceConfig
    into: Any = None
    name: str | None = None
    region: tuple[int, ...] | None = None
    doubt: str = ""

    @classmethod
    def of(
        cls,
        volume_node: Any,
        head: str | Path,
        *,
        into: Any = None,
        roi: Any = None,
        name: str | None = None,
        **options: Any,
    ) -> SegmentNodeJob:
        """Main thread. ``volume_node``: a list of nodes are the channels of the first. ``roi`` is a markups ROI node;
        ``options`` are InferenceConfig's. Raises InputError."""
        if into is not None and not (is_alive(into) and into.IsA("vtkMRMLSegmentationNode")):
            msg = "The result can only go into a segmentation that is in the scene."
            raise InputError(msg, "Choose a segmentation, or none for a new one.")
        capture = capture_volume(volume_node, later=True)
        volume_node = channel_nodes(volume_node)[0]
        region = None if roi is None else region_from_roi(roi, volume_node)
        doubt = "" if roi is None else region_beyond(roi, volume_node)
        return cls(volume_node, str(head), capture, InferenceConfig(**options), into, name, region, doubt)

    def gather(self) -> Iterator[None]:
        """Copy the voxels. Main thread. Raises InputError when somebody changes them meanwhile."""
        return gathered(self.capture.copies)

    def prepare(self, folder: JobFolder, monitor: Monitor | None = None) -> SegmentJob:
        """Write the volume into the folder. Raises InputError for one that cannot be used."""
        if self.doubt and monitor is not None:
            monitor.warning(self.doubt)
        gather_now(self.capture.copies)  # nothing is left to do, if the main thread has done it
        image, output = write_capture(folder, "image", self.capture, monitor), folder.file("labels.mha")
        words = self.capture.words
        return SegmentJob.of(
            self.config, image=image, head=self.head, output=output, region=self.region, channels=words
        )

    def fetch(self, result: Mapping[str, Any]) -> CroppedLabels:
        """Read what the job wrote, on exactly the volume's grid."""
        labels = self.labels(result)
        axis = slice_axis(self.capture.geometry, self.head, self.config.plane)
        return CroppedLabels.of(labels, Review.of(labels.voxels, axis, _names(labels)))

    def labels(self, result: Mapping[str, Any]) -> Labelmap:
        """The labelmap that the job wrote, with what made it."""
        structures = [Structure.from_dict(item) for item in result["structures"]]
        made = Provenance.from_dict(result.get("provenance"))
        labelmap = read_labels(result["output"], self.capture.geometry, structures)
        # The image's file was one of the job's own: only its voxels mean something to others.
        return labelmap.made_by(made and replace(made, file_sha256=""))

    def show(self, ready: CroppedLabels) -> Placement:
        """Put it into the scene. Raises Cancelled when the volume or the target went away meanwhile."""
        return place_labels(ready, self.volume_node, into=self.into, name=self.name)


@dataclass(frozen=True, eq=False)
class TrainNodeJob:
    """Train on annotated volumes. ``structures`` is what the head will learn: one value a name, over all cases."""

    cases: tuple[tuple[VolumeSnapshot, AnnotationCapture], ...]
    unlabeled: tuple[VolumeSnapshot, ...]
    structures: tuple[Structure, ...]
    output: str
    config: TrainingConfig
    start_from: str | None = None
    left_open: tuple[LeftOpen | None, ...] = ()
    background: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        cases: Sequence[AnnotatedNodes],
        output: str | Path,
        *,
        unlabeled: Sequence[Any] = (),
        ignored_segment: str | None = None,
        background_segments: Collection[str] = (),
        start_from: str | None = None,
        left_open: Sequence[LeftOpen | None] = (),
        **options: Any,
    ) -> TrainNodeJob:
        """Main thread. ``ignored_segment`` is the name of the segment that marks what must not count, such as what
        scribbles leave open; ``background_segments`` are the names of those that mean background (where one is painted,
        what is not painted is unknown); ``start_from`` is a head file to go on from; ``left_open`` says for each case
        which slices count, None for all (empty: all of all); ``options`` are TrainingConfig's. Raises InputError.
        """
        known = _labelling_of_head(start_from)
        captured = []
        for volume_node, annotation_node, segment_ids in cases:
            first = channel_nodes(volume_node)[0]
            annotation = capture_annotation(annotation_node, first, segment_ids, later=True, known=known)
            known = _with_structures(known, annotation, annotation_node)
            captured.append((capture_volume(volume_node, later=True), annotation))
        used = {item.value for _volume, annotation in captured for item in annotation.structures}
        structures = {item.name: item for item in known.structures if item.value in used} if known else {}
        values = {item.name: item.value for item in structures.values()}
        if ignored_segment is not None:
            options["ignore_label"] = _value_of(ignored_segment, values)
            structures.pop(ignored_segment)
        bare = tuple(capture_volume(node, later=True) for node in unlabeled)
        _require_as_many([*(volume for volume, _annotation in captured), *bare])
        background = frozenset(values[name] for name in background_segments if structures.pop(name, None))
        opened = tuple(left_open)
        plain = not background and all(each == LeftOpen(each.axis) for each in opened if each is not None)
        if opened and None not in opened and plain:
            opened, options["annotated_slices_only"] = (), True
        elif any(opened) or background:
            options.setdefault("ignore_label", max(item.value for item in known.structures) + 1 if known else 1)
        config = TrainingConfig(**options)
        shown = tuple(structures.values())
        return cls(tuple(captured), bare, shown, str(output), config, start_from, opened, background)

    def gather(self) -> Iterator[None]:
        """Copy the voxels. Main thread. Raises InputError when somebody changes them meanwhile."""
        return gathered(self._copies())

    def _copies(self) -> list[VoxelCopy]:
        annotations = [copy for _volume, annotation in self.cases for copy in annotation.copies]
        volumes = [*(volume for volume, _annotation in self.cases), *self.unlabeled]
        return [*annotations, *(copy for volume in volumes for copy in volume.copies)]

    def prepare(self, folder: JobFolder, monitor: Monitor | None = None) -> TrainJob:
        """Write the volumes and their labels into the folder.

        Raises InputError for volumes or annotations that cannot be used and for a structure without any voxel.
        """
        gather_now(self._copies())  # nothing is left to do, if the main thread has done it
        absent = {structure.value: structure for structure in self.structures}
        words = self.cases[0][0].words
        files = []
        for number, (volume, annotation) in enumerate(self.cases, 1):
            labels = folder.file(f"labels-{number}.mha")
            labelmap = self._counted(number - 1, annotation.labelmap(monitor))
            write_image(labels, labelmap)
            image = write_capture(folder, f"image-{number}", volume, monitor, words)
            files.append(CaseFiles(image, labels))
            for value in labelmap.values():
                absent.pop(value, None)
        _require_none(list(absent.values()))
        return TrainJob.of(
            self.config,
            cases=tuple(files),
            output=self.output,
            unlabeled=tuple(
                write_capture(folder, f"unlabeled-{number}", volume, monitor, words)
                for number, volume in enumerate(self.unlabeled, 1)
            ),
            structures=tuple(StructureSpec(**structure.to_dict()) for structure in self.structures),
            start_from=self.start_from,
            channels=words,
        )

    def _counted(self, number: int, labelmap: Labelmap) -> Labelmap:
        """A case's labels with what does not count marked as unknown. Raises InputError when nothing counts."""
        opened = self.left_open[number] if self.left_open else None
        unknown = self.config.ignore_label or 0
        if (opened is None or opened.review is None) and (opened is not None or self.background):
            axis, empty = (opened.axis, opened.empty) if opened is not None else (2, ())
            return labelmap.with_array(only_marked(labelmap.voxels, axis, empty, self.background, unknown))
        if opened is None:
            return labelmap
        known = None if opened.review is None else opened.review.looked_at(labelmap.voxels, _names(labelmap))
        if known is not None and not known:
            msg = f"Nobody has looked at the result {labelmap.name!r}: no slice of it was edited or ticked as right."
            raise InputError(msg, "Correct some slices, or tick those that are right.")
        return labelmap.with_array(only_known(labelmap.voxels, opened.axis, known, unknown))

    def fetch(self, result: Mapping[str, Any]) -> None:
        """Nothing is to be read: the head stays in its file."""

    def written_to(self, output: str | Path) -> TrainNodeJob:
        """The same plan with another head file."""
        return replace(self, output=str(output))


def slice_axis(grid: Geometry, head: str, plane: str | None) -> int:
    """The axis across the slices in which a head file looks at a grid; ``plane`` None: the head's own."""
    from ..features.sliced_volume import plane_for_volume

    return SliceStack(grid, plane or plane_for_volume(read_card(head).plane, grid)).choice.axis


def write_capture(
    folder: JobFolder, stem: str, capture: VolumeSnapshot, monitor: Monitor | None, words: Sequence[str] = ()
) -> str:
    """Write a volume into a job's folder, of several channels each into a file of its own; the path of the first.

    ``words`` tell the files apart, as a job's ``channels`` must: by default those of ``capture``.
    """
    endings = [f" {word}" for word in words or capture.words] or [""]
    paths = [folder.file(f"{stem}{ending}.mha") for ending in endings]
    for path, channel in zip(paths, capture.volume(monitor).channels, strict=True):
        write_image(path, channel)
    return paths[0]


def _require_as_many(volumes: Sequence[VolumeSnapshot]) -> None:
    """Raises InputError for a volume with more or fewer channels than the first."""
    wanted = 1 + len(volumes[0].more) if volumes else 1
    for volume in volumes:
        if 1 + len(volume.more) != wanted:
            msg = (
                f"Volume {volume.name!r} has {1 + len(volume.more)} of the channels to train on, "
                f"volume {volumes[0].name!r} has {wanted}."
            )
            raise InputError(msg, "Give the same channels of each volume, in the same order.")


def _names(labelmap: Labelmap) -> dict[int, str]:
    return {structure.value: structure.name for structure in labelmap.structures}


def _labelling_of_head(start_from: str | None) -> Labelling | None:
    """The structures of a head to go on from: what is annotated of them gets their label values."""
    if start_from is None or not Path(start_from).is_file():
        return None
    card = read_card(start_from)
    name = card.name or Path(start_from).stem
    return Labelling(f"the head {name!r}", structures_of(card), by_name=True)


def _with_structures(known: Labelling | None, annotation: AnnotationCapture, node: Any) -> Labelling:
    """What is known, and the structures of one more annotation, which were matched with it."""
    drawn = node.IsA("vtkMRMLSegmentationNode")
    here = Labelling(f"{'segmentation' if drawn else 'label volume'} {annotation.name!r}", annotation.structures, drawn)
    if known is None:
        return here
    new = tuple(item for item in annotation.structures if item not in known.structures)
    common = Matched({item.value: item.value for item in annotation.structures}, (*known.structures, *new))
    return known.joined(here, common)


def _value_of(name: str, values: Mapping[str, int]) -> int:
    if name not in values:
        msg = f"No segment is called {name!r}; there are {', '.join(values)}."
        raise InputError(msg, "Name the segment that marks what is to be ignored.")
    return values[name]


def _require_none(absent: Sequence[Structure]) -> None:
    if absent:
        names = ", ".join(repr(structure.name) for structure in absent)
        msg = f"Nothing is painted of {names} in any case."
        raise InputError(msg, "Paint it on some slices, or leave it out.")
