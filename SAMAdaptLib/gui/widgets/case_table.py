"""The table of training cases: one row a volume with its segmentation, and what is annotated in it.

Rows live in the parameter node; the table is only their picture. Node selectors in cells are made here, as a .ui
file cannot hold them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..panels.base import alive
from ..parameters import Annotation, TrainingCase
from . import tables

_ROW_HEIGHT = 30
_TYPES = (("vtkMRMLScalarVolumeNode",), ("vtkMRMLSegmentationNode", "vtkMRMLLabelMapVolumeNode"))


class CaseTable:
    """Shows and changes ``parameters.trainingCases``."""

    def __init__(self, table: Any, addButton: Any, removeButton: Any, changed: Callable[[], None]) -> None:
        self._table, self._remove = table, removeButton
        self._changed = changed
        self._parameters: Any = None
        self._selectors: list[tuple[Any, Any]] = []
        self._counts: dict[tuple[str, int, str, int], Any] = {}
        self._filling = self._touched = False
        tables.setUp(table, (_("Volume"), _("Segmentation"), _("Slices")))
        tables.stretch(table, (0, 1))
        table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        addButton.connect("clicked(bool)", self.onAdd)
        removeButton.connect("clicked(bool)", self.onRemove)

    def setParameters(self, parameters: Any) -> None:
        """Another parameter node, or None; a new one starts with one empty row."""
        self._parameters, self._touched = parameters, False
        if parameters is None:
            self._resize(0)
        elif not len(parameters.trainingCases):
            parameters.trainingCases.append(TrainingCase())

    def cases(self) -> list[tuple[Any, Any]]:
        """The complete rows: (volume node, segmentation node), both in the scene."""
        if self._parameters is None:
            return []
        rows = [(alive(case.volume), alive(case.segmentation)) for case in self._parameters.trainingCases]
        return [row for row in rows if None not in row]

    def add(self, volume: Any, segmentation: Any) -> None:
        """A row for these nodes: an empty row is filled, a row of the same volume takes the new segmentation."""
        cases = self._parameters.trainingCases
        for case in cases:
            if alive(case.volume) is volume or alive(case.volume) is None:
                case.volume, case.segmentation = volume, segmentation
                break
        else:
            cases.append(TrainingCase(volume, segmentation))
        self._changed()

    def propose(self, pair: tuple[Any, Any] | None) -> None:
        """Fill the only row with a volume and its segmentation, while it is empty and nobody has chosen anything."""
        cases = self._parameters.trainingCases if self._parameters is not None else ()
        if pair is None or self._touched or len(cases) != 1:
            return
        if cases[0].volume is None and cases[0].segmentation is None:
            with slicer.util.NodeModify(self._parameters.parameterNode):
                cases[0].volume, cases[0].segmentation = pair

    @property
    def unfilled(self) -> bool:
        """Whether ``propose`` would fill the row."""
        cases = self._parameters.trainingCases if self._parameters is not None else ()
        return not self._touched and len(cases) == 1 and cases[0].volume is None and cases[0].segmentation is None

    def leftOpen(self, volume: Any, segmentation: Any) -> Any:
        """Which slices of a case count, for a ``TrainNodeJob``: None for all of them."""
        from ...mrml.live.strokes import empty_planes
        from ...mrml.node_jobs import LeftOpen
        from ...mrml.review import review_of

        chosen = self._parameters.annotation
        review = review_of(segmentation)
        if chosen is Annotation.AUTO and review is not None:
            return LeftOpen(review.axis, review)
        found = self._coverage(volume, segmentation)
        some = chosen is Annotation.SLICES or (chosen is Annotation.AUTO and found is not None and found.gaps)
        if not some:
            return None
        axis, empty = empty_planes(segmentation, volume) or (found.axis if found is not None else 2, ())
        return LeftOpen(axis, None, empty)

    def refresh(self) -> None:
        """Bring the rows up to date."""
        if self._parameters is None:
            return
        cases = list(self._parameters.trainingCases)
        self._filling = True
        try:
            self._resize(len(cases))
            for row, ((volumes, segmentations), case) in enumerate(zip(self._selectors, cases, strict=True)):
                tables.select(volumes, alive(case.volume))
                tables.select(segmentations, alive(case.segmentation))
                self._showCount(row, alive(case.volume), alive(case.segmentation))
        finally:
            self._filling = False
        self._remove.enabled = len(cases) > 1
        ready = _("Take the selected row out. The nodes stay in the scene.")
        self._remove.toolTip = ready if len(cases) > 1 else _("One row always stays.")

    def onAdd(self, _checked: bool = False) -> None:
        """Another empty row."""
        if self._parameters is not None:
            self._parameters.trainingCases.append(TrainingCase())
            self._changed()

    def onRemove(self, _checked: bool = False) -> None:
        """Take out the selected row, else the last."""
        cases = self._parameters.trainingCases if self._parameters is not None else ()
        if len(cases) > 1:
            row = self._table.currentRow()
            del cases[row if 0 <= row < len(cases) else len(cases) - 1]
            self._changed()

    def _resize(self, count: int) -> None:
        def made(row: int) -> tuple[Any, Any]:
            return self._selector(row, 0), self._selector(row, 1)

        tables.resizeSelectors(self._table, self._selectors, count, made)

    def _showCount(self, row: int, volume: Any, segmentation: Any) -> None:
        """How many slices are annotated; counted again when one of the nodes was changed."""
        text, tip = "", ""
        if volume is not None and segmentation is not None:
            text, tip = self._words(volume, segmentation)
        item = self._table.item(row, 2)
        if item is None or item.text() != text:
            self._table.setItem(row, 2, tables.text(text, tip, right=True))

    def _coverage(self, volume: Any, segmentation: Any) -> Any:
        """What is annotated, None when it cannot be told; looked at again when one of the nodes was changed."""
        key = (volume.GetID(), volume.GetMTime(), segmentation.GetID(), changedAt(segmentation))
        if key not in self._counts:
            self._counts = {old: count for old, count in self._counts.items() if old[::2] != key[::2]}
            self._counts[key] = _covered(volume, segmentation)
        return self._counts[key]

    def _words(self, volume: Any, segmentation: Any) -> tuple[str, str]:
        """What a row says of its annotation, and what that means."""
        found = self._coverage(volume, segmentation)
        if found is None:
            return "", ""
        opened = self.leftOpen(volume, segmentation)
        count = _("{annotated} of {total}").format(annotated=found.annotated, total=found.total)
        if opened is None:
            tip = _("No gaps between annotated slices: slices without annotation count as showing no structure.")
            return _("{count}, whole").format(count=count), tip
        if opened.review is not None:
            tip = _("A model made this segmentation: only slices that you edited or ticked in section 3 count.")
            return _("checked slices"), tip
        tip = _("Some slices are annotated, with gaps between them: slices without annotation are left out.")
        return _("{count}, some").format(count=count), tip

    def _selector(self, row: int, column: int) -> Any:
        selector = slicer.qMRMLNodeComboBox()
        selector.nodeTypes = list(_TYPES[column])
        selector.showChildNodeTypes = False
        selector.noneEnabled = True
        selector.noneDisplay = _("Select a segmentation") if column else _("Select a volume")
        selector.addEnabled = selector.removeEnabled = False
        selector.toolTip = _("The volume's segmentation.") if column else _("An annotated volume.")
        selector.setMRMLScene(slicer.mrmlScene)
        selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._onChosen(selector))
        self._table.setCellWidget(row, column, selector)
        return selector

    def _onChosen(self, selector: Any) -> None:
        """The user chose a node, or the chosen node went away."""
        if self._filling or self._parameters is None:
            return
        self._touched = True
        for row, (volumes, segmentations) in enumerate(self._selectors):
            if selector in (volumes, segmentations) and row < len(self._parameters.trainingCases):
                case = self._parameters.trainingCases[row]
                with slicer.util.NodeModify(self._parameters.parameterNode):  # one event, and so one refresh
                    case.volume, case.segmentation = volumes.currentNode(), segmentations.currentNode()
                self._table.setCurrentCell(row, 0)
        self._changed()


def changedAt(segmentation: Any) -> int:
    """When the annotation was last painted on or replaced. Painting touches the layers only, not the node."""
    times = [segmentation.GetMTime()]
    if segmentation.IsA("vtkMRMLSegmentationNode"):
        layers = segmentation.GetSegmentation()
        times.append(layers.GetMTime())
        for number in range(layers.GetNumberOfLayers()):
            times.append(layers.GetLayerDataObject(number).GetMTime())
    return max(int(time) for time in times)


def _covered(volume: Any, segmentation: Any) -> Any:
    """The ``Coverage``, None when it cannot be told; why is said when the training is started."""
    from ...errors import SAMAdaptError
    from ...mrml.annotation.annotated_slices import coverage

    try:
        return coverage(segmentation, volume)
    except (SAMAdaptError, AttributeError):
        return None
