"""`.ui` files: Qt's own loader with the host's widgets, stricter than the original.

Qt only warns of a custom widget that it does not know, of a property that does not exist and of a connection
that cannot be made, and goes on; here each is a fault. Connections are made by the host, because the C++ types
in their signatures are unknown to PySide6.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import faults, signals, widgettable


class Loader(QtUiTools.QUiLoader):
    """QUiLoader that can make CTK's and MRML's widgets."""

    def createWidget(self, className: str, parent: QtWidgets.QWidget | None = None, name: str = "") -> Any:
        cls = widgettable.NATIVE.get(className)
        if cls is None:
            widget = super().createWidget(className, parent, name)
            if widget is None or (className.startswith(("q", "ctk")) and not className.startswith("Q")):
                faults.report(f"QFormBuilder was unable to create a custom widget of the class '{className}'")
            return widget
        widget = cls(parent)
        widget.setObjectName(name)
        if parent is not None:
            parent.__dict__.setdefault("_uiChildren", []).append(widget)
        return widget


def load(device: QtCore.QIODevice) -> Any:
    """The top widget of a .ui file, None if Qt cannot read it."""
    text = bytes(device.readAll().data())
    root = ElementTree.fromstring(text)
    connections = root.find("connections")
    wanted = list(connections) if connections is not None else []
    if connections is not None:
        root.remove(connections)
    flags = _take_flags(root)
    buffer = QtCore.QBuffer()
    buffer.setData(ElementTree.tostring(root))
    buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
    loader = Loader()
    top = loader.load(buffer)
    if top is None:
        faults.report(f"QUiLoader: {loader.errorString()}")
        return None
    for name, item, value in flags:
        _named(top, name).setProperty(item, value)
    _check_properties(root, top)
    for connection in wanted:
        _connect(top, connection)
    return top


def _named(top: Any, name: str) -> Any:
    return top if top.objectName() == name else top.findChild(QtCore.QObject, name)


def _take_flags(root: ElementTree.Element) -> list[tuple[str, str, int]]:
    """Enums and sets of the host's own widgets, whose meta-objects know no enums: widget, property, value."""
    found = []
    for element in root.iter("widget"):
        cls = widgettable.NATIVE.get(element.get("class", ""))
        for item in list(element.findall("property")) if cls is not None else ():
            words = item.find("set") if item.find("set") is not None else item.find("enum")
            names = [word.split("::")[-1] for word in (words.text or "").split("|")] if words is not None else []
            if not names or not all(hasattr(cls, name) for name in names) or not hasattr(cls, "_cpp"):
                continue
            values = [getattr(cls, name) for name in names]
            if all(isinstance(value, int) for value in values):
                element.remove(item)
                found.append((element.get("name", ""), item.get("name", ""), sum({int(value) for value in values})))
    return found


def _check_properties(root: ElementTree.Element, top: Any) -> None:
    """Every property of every widget must exist, unless the file marks it as dynamic."""
    for element in root.iter("widget"):
        widget = _named(top, element.get("name", ""))
        if widget is None:
            faults.report(f"no widget {element.get('name')} came out of the .ui file")
            continue
        meta = widget.metaObject()
        for item in element.findall("property"):
            name = item.get("name", "")
            if item.get("stdset") != "0" and meta.indexOfProperty(name) < 0:
                faults.report(f"{element.get('class')} '{element.get('name')}' has no property '{name}'")


def _connect(top: Any, element: ElementTree.Element) -> None:
    sender, receiver = (_named(top, element.findtext(end, "")) for end in ("sender", "receiver"))
    signal, slot = element.findtext("signal", ""), element.findtext("slot", "")
    if sender is None or receiver is None:
        faults.report(f"connection of unknown widgets: {element.findtext('sender')} -> {element.findtext('receiver')}")
        return
    found = signals.find_signal(sender, signal)
    if found is None:
        faults.report(f"QObject::connect: No such signal {type(sender).__name__}::{signal}")
        return
    signals.connect_slot(sender, found, receiver, slot)
