"""What the module's logic does: train and segment on MRML nodes, from the Python console or any script. No Qt.

    logic = slicer.util.getModuleLogic("SAMAdapt")
    head = logic.train(volumeNode, segmentationNode, name="heart")
    segmentationNode = logic.segment(otherVolumeNode, head)

Both wait by default and then return the head and the segmentation node. With ``waitForCompletion=False`` they return
a ``Run``, which goes on whenever its ``poll`` is called: by ``schedule`` (a Qt timer, say) or by the caller.
Names are in camelCase, as in Slicer's own Python interface.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.formats import HEAD_ENDING
from ..heads.card import HeadCard, read_card
from ..heads.library import find_head, free_path, usable_name
from ..worker.handle import JobRunner
from .run import Run


@dataclass(frozen=True)
class HeadFile:
    """A head on disk: where it is and what its card says. Usable wherever a path is."""

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def card(self) -> HeadCard:
        """Structures, encoder, quality and history, read without torch. Raises HeadFileError."""
        return read_card(self.path)

    def __str__(self) -> str:
        return f"{self.path.stem}: {self.card.summary()}"


class SlicerLogic:
    """Trains and segments on nodes. ``runner`` does the jobs (default: a worker process, started at the first one).

    ``schedule(poll)`` is given each run that nobody waits for: it must call ``poll()`` again and again, on the main
    thread, until that returns False. Without it the caller of ``train`` or ``segment`` polls.
    """

    def __init__(
        self, runner: JobRunner | None = None, schedule: Callable[[Callable[[], bool]], object] | None = None
    ) -> None:
        self._runner = runner
        self._schedule = schedule
        self._runs: list[Run] = []

    @property
    def runner(self) -> JobRunner:
        """Whoever runs the jobs."""
        if self._runner is None:
            from ..worker.client import WorkerClient

            self._runner = WorkerClient()
        return self._runner

    def train(
        self,
        volumeNode: Any,
        segmentationNode: Any,
        *,
        name: str = "",
        output: str | Path | None = None,
        segmentIDs: Sequence[str] | None = None,
        moreCases: Sequence[tuple[Any, Any]] = (),
        unlabeledVolumes: Sequence[Any] = (),
        ignoredSegment: str | None = None,
        annotatedSlicesOnly: bool = False,
        startFrom: Any = None,
        waitForCompletion: bool = True,
        **options: Any,
    ) -> Any:
        """Train a head on an annotated volume.

        :param volumeNode: scalar volume node.
        :param segmentationNode: segmentation node (or label volume node) that annotates it, on any grid.
        :param name: the head's name in the library (made unique); default: the names of its structures.
        :param output: a ``.samhead`` file to write instead of one in the library.
        :param segmentIDs: segments to learn; default all.
        :param moreCases: further pairs (volume node, segmentation node); structures are matched by name.
        :param unlabeledVolumes: four or more volume nodes without annotation, to learn from as well.
        :param ignoredSegment: name of the segment that marks what must not count (for scribbles).
        :param annotatedSlicesOnly: True if only some slices are annotated.
        :param startFrom: a head to go on from.
        :param options: ``head``, ``encoder``, ``plane``, ``budget``, ``seed``, ``device`` and other fields of
            ``TrainingConfig``.
        :return: ``HeadFile``, or a ``Run`` when ``waitForCompletion`` is False.
        :raises SAMAdaptError: with the reason and a remedy; ``Cancelled`` when cancelled.

            head = logic.train(volumeNode, segmentationNode, name="heart", budget="fast")
            head.card.mean_dice
        """
        from . import TrainNodeJob

        cases = [(volumeNode, segmentationNode, segmentIDs), *((*pair, None) for pair in moreCases)]
        plan = TrainNodeJob.of(
            cases,
            output or "pending" + HEAD_ENDING,
            unlabeled=unlabeledVolumes,
            ignored_segment=ignoredSegment,
            annotated_slices_only=annotatedSlicesOnly,
            start_from=None if startFrom is None else str(find_head(startFrom)),
            **options,
        )
        if output is None:
            names = ", ".join(structure.name for structure in plan.structures)
            plan = plan.written_to(free_path(usable_name(name or names)))
        return self._start(plan, lambda facts, _: HeadFile(Path(facts["head"])), waitForCompletion)

    def segment(
        self,
        volumeNode: Any,
        head: Any,
        segmentationNode: Any = None,
        *,
        roiNode: Any = None,
        name: str | None = None,
        testTimeViews: bool = False,
        largestComponent: bool | None = None,
        allFrames: bool = False,
        waitForCompletion: bool = True,
        **options: Any,
    ) -> Any:
        """Segment a volume with a head.

        :param volumeNode: scalar volume node; it is not changed.
        :param head: ``HeadFile``, path of a ``.samhead`` file, or name of a head in the library.
        :param segmentationNode: where to put the result: segments of the same names are replaced, others stay;
            default: a new segmentation node beside the volume.
        :param roiNode: markups ROI to stay within.
        :param testTimeViews: True averages views at several zooms.
        :param largestComponent: None follows the annotation that the head learned from.
        :param allFrames: segment every frame of the sequence that the volume is played from: the result is a sequence
            in the same browser, and the node that is returned shows the frame that is chosen.
        :param options: ``plane``, ``planes``, ``smoothing`` and ``device``, see ``InferenceConfig``.
        :return: the segmentation node, or a ``Run`` when ``waitForCompletion`` is False.
        :raises SAMAdaptError: with the reason and a remedy; ``Cancelled`` when cancelled or a node was removed.

            segmentationNode = logic.segment(volumeNode, "heart")
        """
        from . import SegmentNodeJob, SequenceNodeJob, check_volume

        check_volume(volumeNode)
        kind: Any = SequenceNodeJob if allFrames else SegmentNodeJob
        plan = kind.of(
            volumeNode,
            find_head(head),
            into=segmentationNode,
            roi=roiNode,
            name=name,
            tta=testTimeViews,
            largest_component=largestComponent,
            **options,
        )
        return self._start(plan, lambda _facts, ready: plan.show(ready).node, waitForCompletion)

    def close(self) -> None:
        """End whatever runs and the worker process. Call it when the module or the application closes."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None
        for run in self._runs:
            run.abandon()
        self._runs.clear()

    def _start(self, plan: Any, deliver: Callable[[dict[str, Any], Any], Any], wait: bool) -> Any:
        for _step in plan.gather():  # at once: a script may change the nodes as soon as this returns
            pass
        run = Run(plan, lambda: self.runner, deliver)
        self._runs = [one for one in self._runs if not one.finished] + [run]
        if wait:
            try:
                return run.wait()
            finally:
                for text in dict.fromkeys([*run.warnings, *(run.facts.get("warnings") or ())]):
                    logging.warning("SAMAdapt: %s", text)
        if self._schedule is not None:
            self._schedule(run.poll)
        return run
