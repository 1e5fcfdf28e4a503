"""Which volumes of the scene are the further channels of one: chosen by the user, or found by their names.

What was chosen lives in the parameter node, in lists of ``VolumeChannels``; the widgets are only its picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import slicer
from slicer.i18n import tr as _

from ...data.channels import kinds_of, partners_of
from ...errors import InputError
from ..panels.base import alive
from ..parameters import VolumeChannels
from . import tables

_ROW_HEIGHT = 30


def sceneVolumes() -> list[Any]:
    """The images of the scene that users see in its lists."""
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return [node for node in nodes if not node.IsA("vtkMRMLLabelMapVolumeNode") and not node.GetHideFromEditors()]


def chosenFor(entries: Any, volume: Any) -> tuple[Any, Any]:
    """The second and third channel that were chosen for a volume, None for one that was not."""
    for entry in entries:
        if alive(entry.first) is volume:
            return alive(entry.second), alive(entry.third)
    return None, None


def choose(entries: Any, volume: Any, others: Sequence[Any]) -> None:
    """Remember the further channels of a volume."""
    second, third = (*others, None, None)[:2]
    for entry in entries:
        if alive(entry.first) is volume:
            entry.second, entry.third = second, third
            return
    entries.append(VolumeChannels(volume, second, third))


def partnersInScene(volume: Any, names: Sequence[str]) -> list[Any]:
    """The further channels of a volume by the names of the nodes, None for one that these do not tell."""
    others = [node for node in sceneVolumes() if node is not volume]
    names_there = Counter(node.GetName() for node in others)
    known = {node.GetName(): node for node in others if names_there[node.GetName()] == 1}
    found = partners_of(volume.GetName() or "", names, list(known))
    return [None if name is None else known[name] for name in found]


def withChannels(volume: Any, names: Sequence[str], others: Sequence[Any], hint: str) -> Any:
    """What a job takes of a volume: the node, or a list of it and its channels. Raises InputError for one missing."""
    if len(names) < 2:
        return volume
    missing = [name for name, node in zip(names[1:], others, strict=True) if node is None]
    if missing:
        msg = _("The model looks at {names}; of volume {volume} there is no {missing}.")
        raise InputError(msg.format(names=", ".join(names), volume=volume.GetName(), missing=", ".join(missing)), hint)
    return [volume, *others]


class ChannelSelectors:
    """Below the model: a selector for each further channel that it looks at, hidden when it looks at one image."""

    def __init__(self, ui: Any, changed: Callable[[], None]) -> None:
        self._ui, self._changed = ui, changed
        self._parameters: Any = None
        self._filling = False
        self._rows = (
            (ui.secondChannelLabel, ui.secondChannelSelector),
            (ui.thirdChannelLabel, ui.thirdChannelSelector),
        )
        for _label, selector in self._rows:
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self._onChosen)

    def setParameters(self, parameters: Any) -> None:
        """Another parameter node, or None."""
        self._parameters = parameters

    def of(self, volume: Any, names: Sequence[str]) -> list[Any]:
        """The further channels of a volume for a model that looks at ``names``; None for one that is not known."""
        if len(names) < 2 or self._parameters is None:
            return []
        here = chosenFor(self._parameters.inputChannels, volume)
        trained = chosenFor(self._parameters.trainingChannels, volume)
        guessed = partnersInScene(volume, names)
        return [here[n] or trained[n] or guessed[n] for n in range(len(names) - 1)]

    def firsts(self, volumes: Sequence[Any], names: Sequence[str]) -> list[Any]:
        """Those of the volumes that are no further channel of another one."""
        further: list[Any] = []
        for volume in volumes:
            others = self.of(volume, names)
            further += others if None not in others else ()
        return [volume for volume in volumes if not any(volume is other for other in further)]

    def refresh(self, volume: Any, names: Sequence[str]) -> None:
        """Show what the model needs."""
        found = self.of(volume, names) if volume is not None else [None] * (len(names) - 1)
        self._ui.channelsFrame.visible = len(names) > 1
        if len(names) > 1:
            text = _("This model looks at {names} at once. The volume above is the first, {first}.")
            self._ui.channelsLabel.setText(text.format(names=", ".join(names), first=names[0]))
        self._filling = True
        try:
            for number, (label, selector) in enumerate(self._rows):
                needed = number < len(found)
                label.visible = selector.visible = needed
                label.setText(f"{names[number + 1]}:" if needed else "")
                tables.select(selector, found[number] if needed else None)
        finally:
            self._filling = False

    def _onChosen(self, _node: Any = None) -> None:
        volume = alive(self._parameters.inputVolume) if self._parameters is not None else None
        if not self._filling and volume is not None:
            others = [selector.currentNode() for _label, selector in self._rows]
            choose(self._parameters.inputChannels, volume, others)
            self._changed()


class ChannelTable:
    """The further channels of the volumes to learn from: shows and changes ``parameters.trainingChannels``."""

    def __init__(self, box: Any, table: Any, changed: Callable[[], None]) -> None:
        self._box, self._table, self._changed = box, table, changed
        self._parameters: Any = None
        self._volumes: list[Any] = []
        self._selectors: list[tuple[Any, Any]] = []
        self._filling = False
        tables.setUp(table, (_("Volume"), _("Second channel"), _("Third channel")))
        tables.stretch(table, (1, 2))
        table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)

    def setParameters(self, parameters: Any) -> None:
        """Another parameter node, or None."""
        self._parameters = parameters
        if parameters is None:
            self._resize(0)

    def others(self, volume: Any) -> list[Any]:
        """The further channels of a volume to learn from."""
        found = chosenFor(self._parameters.trainingChannels, volume) if self._parameters is not None else ()
        return [node for node in found if node is not None]

    def nodes(self, volume: Any) -> Any:
        """What a job takes of a volume: the node, or a list of it and its channels."""
        others = self.others(volume)
        return [volume, *others] if others else volume

    def partners(self, volume: Any, like: Any) -> Any:
        """What a job takes of a volume without annotation, whose channels are those of ``like``. Raises InputError."""
        names = self.kinds(like)
        chosen, guessed = self.others(volume), partnersInScene(volume, names) if names else []
        hint = _("Load it under a name like the volume's, or clear the check mark of this one.")
        return withChannels(volume, names, chosen if len(chosen) == len(guessed) else guessed, hint)

    def kinds(self, volume: Any) -> tuple[str, ...]:
        """What the channels of a volume are called, by their names; empty where there is one."""
        nodes = [volume, *self.others(volume)]
        return kinds_of([node.GetName() or "" for node in nodes]) if len(nodes) > 1 else ()

    def take(self, volume: Any, others: Sequence[Any]) -> None:
        """A volume comes to be learned from, with these channels."""
        if others and None not in others and not self.others(volume):
            choose(self._parameters.trainingChannels, volume, others)

    def problem(self, volumes: Sequence[Any]) -> str:
        """Why these volumes cannot be trained on together, "" when they can."""
        counts = {len(self.others(volume)) for volume in volumes}
        return _("Under More channels, each volume needs as many channels as the others.") if len(counts) > 1 else ""

    def refresh(self, volumes: Sequence[Any]) -> None:
        """A row for each volume."""
        self._volumes = list(dict.fromkeys(volumes))
        kinds = self.kinds(self._volumes[0]) if self._volumes else ()
        names = _("More channels: {names}").format(names=", ".join(kinds)) if kinds else _("More channels")
        if self._box.title != names:
            self._box.title = names
        self._filling = True
        try:
            self._resize(len(self._volumes))
            for row, (volume, selectors) in enumerate(zip(self._volumes, self._selectors, strict=True)):
                item = self._table.item(row, 0)
                if item is None or item.text() != volume.GetName():
                    self._table.setItem(row, 0, tables.text(volume.GetName() or ""))
                for selector, node in zip(selectors, (*self.others(volume), None, None), strict=False):
                    tables.select(selector, node)
        finally:
            self._filling = False

    def _resize(self, count: int) -> None:
        def made(row: int) -> tuple[Any, Any]:
            return self._selector(row, 1), self._selector(row, 2)

        tables.resizeSelectors(self._table, self._selectors, count, made)

    def _selector(self, row: int, column: int) -> Any:
        selector = slicer.qMRMLNodeComboBox()
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        selector.showChildNodeTypes = False
        selector.noneEnabled = True
        selector.noneDisplay = _("None")
        selector.addEnabled = selector.removeEnabled = False
        selector.toolTip = _("Another image of the same patient on the same grid.")
        selector.setMRMLScene(slicer.mrmlScene)
        selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda _node: self._onChosen(selector))
        self._table.setCellWidget(row, column, selector)
        return selector

    def _onChosen(self, selector: Any) -> None:
        """The user chose a channel of one volume: those of the others follow where their names tell them."""
        if self._filling or self._parameters is None:
            return
        rows = [row for row, selectors in enumerate(self._selectors) if selector in selectors]
        if not rows:
            return
        volume, nodes = self._volumes[rows[0]], [each.currentNode() for each in self._selectors[rows[0]]]
        with slicer.util.NodeModify(self._parameters.parameterNode):
            choose(self._parameters.trainingChannels, volume, [node for node in nodes if node is not None])
            names = self.kinds(volume)
            for other in self._volumes if names else ():
                if other is not volume and not self.others(other):
                    self.take(other, partnersInScene(other, names))
        self._changed()
