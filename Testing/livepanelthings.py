"""Things that tests of the live preview stand on: a session that knows the phantom, strokes as a person paints them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from modulethings import ScriptedRunner

from SAMAdaptLib.errors import SAMAdaptError
from SAMAdaptLib.live import messages
from SAMAdaptLib.mrml.selftest import COLORS, NAMES, POOL, WALL
from SAMAdaptLib.preprocessing.slicing import SliceStack


class FakeLive:
    """A ``LiveClient`` that finds the phantom's structures by their grey values, a piece of work at each poll."""

    def __init__(self, runner: Any, job: Any, geometry: Any, callbacks: Any, folder: Any = None) -> None:
        from SAMAdaptLib.data.io.volumes import read_volume

        self.job, self.callbacks, self.folder = job, callbacks, folder
        self.stack = SliceStack(geometry, job.plane)
        self.voxels = read_volume(job.image).voxels
        self.state, self.error = "encoding", None
        self.preview = np.zeros(geometry.shape, np.uint8)
        self.certainty: list[float | None] = [None] * len(self.stack)
        self.annotated: tuple[int, ...] = ()
        self.next_slice: int | None = None
        self.generation = self.previewed_generation = 0
        self.focused: list[int] = []
        self.sent: list[dict[str, Any]] = []
        self.encoded = 0
        self.held = self.costless = False
        self._todo: list[int] = []
        self._labels = np.zeros(geometry.shape, np.uint8)
        self.annotated_now: tuple[int, ...] = ()
        runner.lives.append(self)

    # what the effect calls

    def set_slices(
        self, slices: Any, empty_slices: Any = (), background: Any = None, ignore: Any = None, focus: Any = None
    ) -> None:
        told = {"slices": sorted(slices), "empty": tuple(empty_slices), "background": background, "ignore": ignore}
        if self.sent and not slices and told["empty"] == self.sent[-1]["empty"]:
            return
        self.sent.append(told)
        for n, part in slices.items():
            drawn_here = 0 if part is None else messages.unpack(part, self.stack.shape)
            self.stack.oriented(self._labels)[n] = drawn_here
        labels, self.generation = self._labels, self.generation + 1
        drawn = [n for n in range(len(self.stack)) if self.stack.slice(labels, n).any()]
        self.annotated = self.annotated_now = tuple(sorted({*drawn, *empty_slices}))
        self.certainty = [1.0 if n in self.annotated else None for n in range(len(self.stack))]
        self.next_slice = None
        if drawn:
            self.state = "fitting"
            near = focus if focus is not None else drawn[0]
            self._todo = sorted(range(len(self.stack)), key=lambda n: abs(n - near))

    def focus(self, n: int) -> None:
        self.focused.append(n)
        self._todo.sort(key=lambda each: abs(each - n))

    def cancel_preview(self) -> None:
        self._todo, self.preview[...] = [], 0

    def close(self) -> None:
        if not self.closed:
            self.end(None)

    def accepted(self, labels: Any, what: str = "all", index: int | None = None) -> Any:
        out = labels.copy()
        low, high = (min(self.annotated), max(self.annotated)) if self.annotated else (0, -1)
        for n in range(len(self.stack)):
            wanted = {"all": True, "slice": n == index, "between": low < n < high}[what]
            if wanted and n not in self.annotated:
                self.stack.put(out, n, self.stack.slice(self.preview, n))
        return out

    @property
    def closed(self) -> bool:
        return self.state in ("closed", "failed")

    # what the test does

    def step(self) -> None:
        if self.held or self.closed:
            return
        if self.encoded < len(self.stack):
            self.encoded += 1
            self.callbacks.progress(self, "encoding", self.encoded, len(self.stack))
        elif self.state == "fitting":
            self.state = "predicting"
        elif self._todo:
            self._predict(self._todo.pop(0))
        elif self.state == "encoding":
            self.state = "ready"
        elif self.state == "predicting":
            self.state = "ready"
            self.previewed_generation = self.generation
            unsure = [(value, n) for n, value in enumerate(self.certainty) if n not in self.annotated]
            self.next_slice = min(unsure)[1] if unsure else None
            self.callbacks.finished(self)

    def _predict(self, n: int) -> None:
        seen, drawn = self.stack.slice(self.voxels, n), self.stack.slice(self._labels, n)
        if self.costless:  # the worker's part is no part of the panel's time
            self.certainty[n] = 0.5
            self.callbacks.preview(self, [n])
            return
        values = [int(value) for value in np.unique(self._labels) if value]
        found = np.zeros(seen.shape, np.uint8)
        found[seen < 75] = WALL if WALL in values else 0
        found[seen > 140] = POOL if POOL in values else 0
        self.stack.put(self.preview, n, drawn if n in self.annotated else found)
        if n not in self.annotated:
            self.certainty[n] = 0.9 - 0.05 * min(abs(n - each) for each in self.annotated)
        self.callbacks.preview(self, [n])

    def end(self, error: SAMAdaptError | None) -> None:
        """The worker says that the session is over."""
        self.state, self.error = ("failed" if error else "closed"), error
        if self.folder is not None:
            self.folder.remove()
        self.callbacks.closed(self)


class LiveRunner(ScriptedRunner):
    """A runner whose live sessions go on at each poll."""

    def __init__(self) -> None:
        super().__init__()
        self.lives: list[FakeLive] = []
        self.quick = 1

    @property
    def live(self) -> FakeLive:
        """The last session."""
        return self.lives[-1]

    def poll(self) -> bool:
        for live in list(self.lives):
            for _piece in range(self.quick):
                live.step()
        return super().poll()


class Painter:
    """A person at the Segment Editor in the panel: chooses nodes, adds segments, paints slices, undoes."""

    def __init__(self, host: Any, editor: Any) -> None:
        from host import values

        self.host, self.editor = host, values.unwrap(editor)
        self.logic = self.editor._logic

    def choose(self, volume: Any, segmentation: Any = None) -> Any:
        """Choose a volume, and a segmentation (a new one by default); returns the segmentation."""
        if segmentation is None:
            segmentation = self.host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Drawn")
        self.editor.setSegmentationNode(segmentation)
        self.editor.setSourceVolumeNode(volume)
        self.host.spin(timeout=0.05)
        return segmentation

    def add_segments(self, *values: int) -> dict[int, str]:
        """Segments named as in the phantom, by label value."""
        segmentation = self.editor.segmentationNode().GetSegmentation()
        return {value: segmentation.AddEmptySegment("", NAMES[value], COLORS[value]) for value in values}

    def paint(self, segment_id: str, mask: np.ndarray, volume: Any, erase: bool = False) -> None:
        """One stroke: a mask (k, j, i) on the volume's grid, through the editor's own logic, with its undo state."""
        import slicer

        from SAMAdaptLib.mrml.live.preview import _cut
        from SAMAdaptLib.mrml.segmentation import oriented_image
        from SAMAdaptLib.mrml.transforms import ijk_to_ras

        stroke = _cut(mask.astype(np.uint8), (0, 0, 0), tuple(reversed(mask.shape)))
        if stroke is None:
            return
        logic = slicer.vtkSlicerSegmentEditorLogic
        mode = logic.ModificationModeRemove if erase else logic.ModificationModeAdd
        self.logic.SaveStateForUndo()
        self.logic.ModifySegmentByLabelmap(
            self.editor.segmentationNode(), segment_id, oriented_image(stroke, ijk_to_ras(volume)), mode, True, True
        )


def painted(segmentation: Any, volume: Any) -> np.ndarray:
    """What is in a segmentation (k, j, i), by the phantom's label values."""
    from SAMAdaptLib.mrml.annotation.capture import capture_annotation

    names = {name: value for value, name in NAMES.items()}
    return capture_annotation(segmentation, volume, values=names).voxels()


def rest(host: Any, until: Callable[[], Any], timeout: float = 10.0) -> None:
    """Let the event loop run until something holds."""
    host.spin(until=until, timeout=timeout)
