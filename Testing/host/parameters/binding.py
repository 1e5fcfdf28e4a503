"""Widgets that show and change a parameter: which widget class takes which type, as in the application."""

from __future__ import annotations

import enum
import pathlib
from collections.abc import Callable
from typing import Any

import ctk
import qt
import slicer

from . import checks

SlicerParameterNamePropertyName = "SlicerParameterName"


def findChildWidgetForParameter(widget: Any, parameter: str) -> Any:
    """The child whose dynamic property names the parameter, None if there is none."""
    children = widget.findChildren(qt.QWidget)
    return next((item for item in children if item.property(SlicerParameterNamePropertyName) == parameter), None)


class Connector:
    """One widget: `read`, `write`, and the signal that says that a person changed it."""

    signal = ""

    def __init__(self, widget: Any, kind: Any) -> None:
        self.widget, self._callback = widget, None
        self.bare, self.notes = checks.take_apart(kind)

    def onChanged(self, callback: Callable[[], None] | None) -> None:
        """Call back on changes; None lets go of the widget."""
        signal = getattr(self.widget, self.signal) if self.signal else None
        if signal is not None and self._callback is not None:
            signal.disconnect(self._changed)
        self._callback = callback
        if signal is not None and callback is not None:
            signal.connect(self._changed)

    def _changed(self) -> None:
        if self._callback is not None:
            self._callback()

    def read(self) -> Any:
        raise NotImplementedError

    def write(self, value: Any) -> None:
        raise NotImplementedError


class Attribute(Connector):
    """A property of the widget is the value."""

    def __init__(self, widget: Any, kind: Any, name: str, signal: str) -> None:
        super().__init__(widget, kind)
        self._name, self.signal = name, signal

    def read(self) -> Any:
        value = getattr(self.widget, self._name)
        return self.bare(value) if self.bare in (pathlib.Path, int) else value

    def write(self, value: Any) -> None:
        setattr(self.widget, self._name, str(value) if isinstance(value, pathlib.PurePath) else value)


class Number(Attribute):
    """A number with its limits and steps."""

    def __init__(self, widget: Any, kind: Any) -> None:
        super().__init__(widget, kind, "value", "valueChanged")
        whole = type(widget) in (qt.QSpinBox, qt.QSlider)
        within = checks.first(self.notes, checks.WithinRange)
        low, high = checks.first(self.notes, checks.Minimum), checks.first(self.notes, checks.Maximum)
        if within is None and (low is None or high is None) and type(widget) in (qt.QSlider, ctk.ctkSliderWidget):
            msg = f"Cannot have a connection to {widget.className()} where the type is unbounded."
            raise RuntimeError(msg)
        for name, note in (("decimals", checks.Decimals), ("singleStep", checks.SingleStep)):
            found = checks.first(self.notes, note)
            if found is not None:
                setattr(widget, name, found.value)
        if self.bare is int and not whole:
            widget.decimals = 0
        far = 2**31 if whole else float("inf")
        widget.minimum = within.minimum if within else (low.minimum if low else -far)
        widget.maximum = within.maximum if within else (high.maximum if high else (far - 1 if whole else far))


class Choices(Connector):
    """A combo box whose entries stand for values."""

    signal = "currentIndexChanged"

    def __init__(self, widget: Any, kind: Any, labels: list[tuple[str, Any]]) -> None:
        super().__init__(widget, kind)
        self._labels = labels
        widget.clear()
        for label, _ in labels:
            widget.addItem(label)

    def read(self) -> Any:
        return self._labels[self.widget.currentIndex][1]

    def write(self, value: Any) -> None:
        values = [item for _, item in self._labels]
        if value not in values:
            msg = f"Unable to find value {value} in choices {values}"
            raise ValueError(msg)
        self.widget.currentIndex = values.index(value)


class Node(Connector):
    """A node selector; it lists the nodes of the parameter's type."""

    signal = "currentNodeChanged"

    def __init__(self, widget: Any, kind: Any) -> None:
        super().__init__(widget, kind)
        widget.nodeTypes = [self.bare().GetClassName()]

    def read(self) -> Any:
        return self.widget.currentNode()

    def write(self, value: Any) -> None:
        self.widget.setCurrentNode(value)


class TextEdit(Connector):
    """Plain text."""

    signal = "textChanged"

    def read(self) -> str:
        return str(self.widget.toPlainText())

    def write(self, value: str) -> None:
        if value != self.read():
            self.widget.setPlainText(value)


def connector_for(widget: Any, kind: Any) -> Connector:
    """As in the application the widget must be of exactly these classes."""
    bare, notes = checks.take_apart(kind)
    cls = type(widget)
    if bare is bool and cls is qt.QCheckBox:
        return Attribute(widget, kind, "checked", "stateChanged")
    if bare is bool and cls is qt.QPushButton:
        widget.checkable = True
        return Attribute(widget, kind, "checked", "toggled")
    if (bare is int and cls in (qt.QSpinBox, qt.QSlider)) or (
        bare in (int, float) and cls in (qt.QDoubleSpinBox, ctk.ctkSliderWidget)
    ):
        return Number(widget, kind)
    if cls in (qt.QComboBox, ctk.ctkComboBox):
        return _combo(widget, kind, bare, notes)
    if bare is str and cls in (qt.QLineEdit, qt.QLabel):
        return Attribute(widget, kind, "text", "textChanged" if cls is qt.QLineEdit else "")
    if bare is str and cls is qt.QTextEdit:
        return TextEdit(widget, kind)
    if bare in (str, pathlib.Path) and cls is ctk.ctkPathLineEdit:
        return Attribute(widget, kind, "currentPath", "currentPathChanged")
    if bare in (str, pathlib.Path) and cls is ctk.ctkDirectoryButton:
        return Attribute(widget, kind, "directory", "directoryChanged")
    if cls is slicer.qMRMLNodeComboBox and isinstance(bare, type) and issubclass(bare, slicer.vtkMRMLNode):
        return Node(widget, kind)
    msg = f"Unable to create GUI connector from datatype '{kind}' to widget type '{cls}'."
    raise RuntimeError(msg)


def _combo(widget: Any, kind: Any, bare: Any, notes: tuple[Any, ...]) -> Connector:
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        label = getattr(bare, "label", lambda item: item.name)
        return Choices(widget, kind, [(label(item), item) for item in bare])
    choice = checks.first(notes, checks.Choice)
    if choice is None:
        msg = "ComboBoxToStringableConnector requires the Choice annotation to be used."
        raise RuntimeError(msg)
    return Choices(widget, kind, [(str(item), item) for item in choice.choices])
