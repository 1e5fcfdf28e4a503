"""A live session: a volume in, strokes in, a preview of all its slices out.

    session = samadapt.LiveSession("mr.nii.gz", "three-slices.seg.nrrd")
    for part in session.preview(start=40):
        show(part.slice, part.labels)
    filled = session.complete()

The encoder is frozen, so its features of the volume are computed once; a light model is fitted on the annotated slices
in seconds, each time that they change. Nothing here runs in the background: who wants that drives a session step by
step, as ``serve`` does in the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..data.image import Labelmap
from ..data.io.volumes import on_grid_of
from ..data.provenance import Provenance
from ..data.structure import default_structure
from ..errors import InputError
from ..progress import Monitor, Silent, raise_if_cancelled
from .annotation import AnnotatedStack, drawn_plane
from .interpolation import ContourInterpolator, Outlines
from .preview import PreviewSlice, certainty_of, next_slice
from .quick_fit import FULL_STEPS, QUICK_STEPS, Inputs, QuickFit, QuickModel, QuickNetwork
from .slice_features import SliceFeatures, outwards
from .work_grid import WorkGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data.image import Volume
    from ..data.structure import Structure
    from ..encoders.base import Encoder
    from ..features.cache import FeatureCache
    from ..preprocessing.slicing import SliceStack

FITTING, PREDICTING, ENCODING = "Fitting", "Completing slices", "Encoding slices"
"""Stages, as monitors hear of them."""


@dataclass(frozen=True)
class _Fitted:
    """A model, the label values of its classes, and the structure pixels of a typical annotated slice."""

    model: QuickModel
    values: tuple[int, ...]
    typical: float


class LiveSession:
    """Annotated slices of one volume, continued on all others.

    ``labels``: a ``Labelmap``, or an array (k, j, i) on the volume's grid; labels on another grid are resampled
    (nearest voxel). ``reader`` makes a labelmap of anything else, as ``samadapt.LiveSession`` has it. ``plane``: of the
    slices that are annotated; "auto" finds it out from the labels. ``steps``: of a whole fit and of a quick one.
    ``input_size`` None is the quickest that serves. ``background`` and ``ignore``: see ``set_annotation``. The same
    ``seed`` and annotation give the same result. Raises InputError, GeometryError, WeightsError.
    """

    def __init__(
        self,
        volume: Volume,
        labels: Any = None,
        *,
        plane: str = "auto",
        encoder: str | Encoder = "medsam_lite",
        input_size: int | None = None,
        intensity: str = "auto",
        device: str = "auto",
        seed: int = 0,
        background: int | None = None,
        ignore: int | None = None,
        monitor: Monitor | None = None,
        store: FeatureCache | None = None,
        reader: Callable[..., Labelmap] | None = None,
        steps: tuple[int, int] = (FULL_STEPS, QUICK_STEPS),
    ) -> None:
        self.monitor = monitor or Silent()
        self.volume, self._reader, self._steps = volume, reader, steps
        self.seed, self._plane = seed, plane
        self._source_options: dict[str, Any] = {
            "encoder": encoder,
            "input_size": input_size,
            "intensity": intensity,
            "device": device,
            "monitor": self.monitor,
            "store": store,
        }
        self._structures: dict[int, Structure] = {}
        self._outlines: dict[WorkGrid, Outlines] = {}
        self._fitted: _Fitted | None = None
        self._network: tuple[tuple[int, ...], QuickNetwork] | None = None
        self.annotation = AnnotatedStack()
        self.features = SliceFeatures(volume, plane, **self._source_options)
        self.certainty: list[float | None] = [None] * len(self.stack)
        if labels is not None:
            self.set_annotation(labels, background=background, ignore=ignore)

    # What is there ----------------------------------------------------------------------------------------------

    @property
    def stack(self) -> SliceStack:
        """The slices, in display orientation."""
        return self.features.sliced.stack

    @property
    def plane(self) -> str:
        """The anatomical plane of the slices."""
        return self.stack.plane

    @property
    def annotated(self) -> tuple[int, ...]:
        """The slices that count as annotated."""
        return self.annotation.slices

    @property
    def structures(self) -> tuple[Structure, ...]:
        """The structures that are painted; those whose labels had no names have default ones."""
        return tuple(self._structures.get(value) or default_structure(value) for value in self.annotation.values)

    # Strokes ----------------------------------------------------------------------------------------------------

    def set_annotation(
        self,
        labels: Any,
        empty_slices: Iterable[int] = (),
        background: int | None = None,
        ignore: int | None = None,
    ) -> None:
        """Take what is painted now; ``labels`` are not changed, and what was taken before is void.

        ``labels``: a ``Labelmap``, or an array (k, j, i) on the volume's grid. A slice counts as annotated when
        something is painted on it or it is in ``empty_slices``. ``background``: the label value that means background;
        once it is painted anywhere, what is not painted is unknown (scribbles). ``ignore``: the value of voxels that
        are unknown. Raises InputError, GeometryError.
        """
        labelmap = self._on_grid(labels)
        self._structures = {structure.value: structure for structure in labelmap.structures}
        if self._plane == "auto":
            self._turn(drawn_plane(self.volume.geometry, labelmap.voxels, self.plane))
        annotation = AnnotatedStack.of(self.stack, labelmap.voxels, empty_slices, background, ignore)
        self.annotate(annotation)

    def annotate(self, annotation: AnnotatedStack) -> None:
        """Take an annotation of the stack's slices."""
        self.annotation = annotation
        self._fitted = None
        self.certainty = [None] * len(self.stack)
        for index in annotation.slices:
            self.certainty[index] = 1.0

    def _on_grid(self, labels: Any) -> Labelmap:
        if isinstance(labels, np.ndarray):
            labels = Labelmap(labels, self.volume.geometry)
        elif self._reader is not None:
            labels = self._reader(labels, like=self.volume, resample=True, monitor=self.monitor)
        if labels.geometry.same_grid(self.volume.geometry):
            return cast("Labelmap", labels)
        return on_grid_of(labels, self.volume, resample=True, may_pad=True, monitor=self.monitor)

    def _turn(self, plane: str) -> None:
        """Look at slices of another plane from now on."""
        if plane != self.plane:
            self.features = SliceFeatures(self.volume, plane, **self._source_options)
            self._outlines, self._network = {}, None

    # The work, in parts -----------------------------------------------------------------------------------------

    def encode(self, start: int | None = None) -> int:
        """Encode what is missing, nearest to ``start`` first; returns how many slices. Raises Cancelled."""
        missing = len(self.features.missing())
        done = 0
        for done, _ in enumerate(self.features.encode(start), 1):
            self.monitor.progress(ENCODING, done, missing)
        return done

    def fit(self, quick: bool = False, go_on: Callable[[int, int], bool] | None = None) -> bool:
        """Fit the model on the annotated slices; False when ``go_on(done, total)`` says no, and nothing changes.

        ``quick``: a quarter of the steps, from the last model where there is one. Raises InputError when nothing is
        painted.
        """
        annotation = self.annotation.require()
        values = annotation.values
        classes = {index: annotation.classes(index, values) for index in annotation.slices}
        inputs = Inputs(self.features, classes, len(values), not annotation.scribbled, self._outlines)
        start = self._network[1] if quick and self._network and self._network[0] == values else None
        fit = QuickFit(inputs, self._steps[quick], self.seed, start)
        model = fit.run(go_on or self._go_on)
        if model is None:
            return False
        shown = [int(((labels > 0) & (labels < 255)).sum()) for labels in classes.values()]
        self._fitted = _Fitted(model, values, float(np.mean([count for count in shown if count] or [1])))
        self._network = (values, model.network)
        return True

    def predict(self, index: int) -> PreviewSlice:
        """A slice as the model has it, fitted first if need be; what is known of an annotated one stays."""
        if self.annotation.is_known(index):
            return PreviewSlice(index, self.annotation.shown(index), 1.0, "strokes")
        if self._fitted is None:
            self.fit()
        fitted = self._fitted
        if fitted is None:
            msg = "The fit was stopped."
            raise InputError(msg)
        found = fitted.model.probabilities(index)
        certainty = certainty_of(found, fitted.typical)
        labels = self._labels(found.argmax(axis=0), fitted.model.inputs.grid, fitted.values)
        if index not in self.annotation.drawn:
            self.certainty[index] = certainty
        return PreviewSlice(index, self.annotation.over(labels, index), certainty)

    def contours(self, index: int) -> PreviewSlice:
        """A slice as the contours between annotated slices have it: at once, with no encoder."""
        annotation = self.annotation.require()
        if annotation.is_known(index):
            return PreviewSlice(index, annotation.shown(index), 1.0, "strokes")
        values = annotation.values
        classes = {at: annotation.classes(at, values) for at in annotation.slices}
        grid = WorkGrid.around(((part > 0) & (part < 255) for part in classes.values()), self.features.frame)
        cut = {at: grid.cut(part) for at, part in classes.items()}
        frame = self.features.frame
        interpolator = ContourInterpolator(cut, len(values), frame.spacing, self.features.thickness_mm)
        depths, _ = interpolator.distances(index)
        found = np.where(depths.max(axis=0) > 0, depths.argmax(axis=0) + 1, 0)
        return PreviewSlice(index, annotation.over(self._labels(found, grid, values), index), 0.0, "contours")

    def _labels(self, classes: NDArray[Any], grid: WorkGrid, values: tuple[int, ...]) -> NDArray[Any]:
        table = np.array([0, *values], np.uint8 if max(values) < 256 else np.uint16)
        labels = np.zeros(self.stack.shape, table.dtype)
        grid.cut(labels)[...] = table[classes]
        return labels

    # The whole --------------------------------------------------------------------------------------------------

    def preview(self, start: int | None = None) -> Iterator[PreviewSlice]:
        """All slices, nearest to ``start`` (default: the middle) first; what is not encoded yet is encoded.

        Raises InputError when nothing is painted, Cancelled.
        """
        self.annotation.require()
        for done, index in enumerate(outwards(len(self.stack), start)):
            raise_if_cancelled(self.monitor)
            self.monitor.progress(PREDICTING, done, len(self.stack))
            yield self.predict(index)
        self.monitor.progress(PREDICTING, len(self.stack), len(self.stack))

    def next_slice(self) -> int | None:
        """The slice that the preview is least sure of; None when nothing is previewed, or all is annotated."""
        return next_slice(self.certainty, self.annotated)

    def complete(self, start: int | None = None) -> Labelmap:
        """The labels of all slices: those that were annotated as they are, the others filled.

        Raises InputError when nothing is painted, Cancelled.
        """
        values = self.annotation.require().values
        labels = np.zeros(self.volume.geometry.shape, np.uint8 if max(values) < 256 else np.uint16)
        for part in self.preview(start):
            self.stack.put(labels, part.slice, part.labels)
        return Labelmap(labels, self.volume.geometry, self.structures, provenance=self.provenance())

    def drawn(self) -> NDArray[Any]:
        """The label values (k, j, i) of what is painted on annotated slices, 0 elsewhere."""
        values = self.annotation.values
        labels = np.zeros(self.volume.geometry.shape, np.uint8 if max(values, default=0) < 256 else np.uint16)
        for index in self.annotated:
            self.stack.put(labels, index, self.annotation.shown(index))
        return labels

    def provenance(self) -> Provenance:
        """What made a completed labelmap."""
        encoder = self.features.encoder
        options = {
            "plane": self.plane,
            "input_size": encoder.input_size,
            "annotated_slices": len(self.annotated),
            "seed": self.seed,
        }
        voxels = self.volume.content_hash()
        return Provenance("live", "", encoder.name, encoder.sha256, options, voxels_sha256=voxels)

    def _go_on(self, done: int, total: int) -> bool:
        raise_if_cancelled(self.monitor)
        self.monitor.progress(FITTING, done, total)
        return True
