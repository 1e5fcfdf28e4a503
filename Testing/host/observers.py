"""VTK observers that end with the widget that they serve."""

from __future__ import annotations

import weakref
from typing import Any

import vtk
from PySide6 import QtCore


class Observers:
    """VTK observers that belong to a widget and end with it.

    They hold the widget weakly: a circle through VTK and Qt would be found by the garbage collector when half of it
    is already destroyed.
    """

    def __init__(self, widget: QtCore.QObject) -> None:
        self._tags: list[tuple[Any, int]] = []
        self._widget = weakref.ref(widget)
        tags = self._tags
        widget.destroyed.connect(lambda: _forget(tags))

    def add(self, thing: Any, event: Any, name: str, calldata: bool = False) -> None:
        """Call the widget's method of that name: with the call data (an object), or else with `thing`."""
        widget = self._widget

        def plain(caller: Any, _event: str) -> None:
            if (there := widget()) is not None:
                getattr(there, name)(caller)

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def with_data(_caller: Any, _event: str, data: Any) -> None:
            if (there := widget()) is not None:
                getattr(there, name)(data)

        self._tags.append((thing, thing.AddObserver(event, with_data if calldata else plain)))

    def drop(self, thing: Any) -> None:
        """End those of one object."""
        mine = [item for item in self._tags if item[0] is thing]
        for item in mine:
            self._tags.remove(item)
        _forget(mine)

    def clear(self) -> None:
        """End all."""
        _forget(self._tags)

    def has(self, thing: Any) -> bool:
        """Whether an object is observed."""
        return any(item[0] is thing for item in self._tags)


def _forget(tags: list[tuple[Any, int]]) -> None:
    while tags:
        thing, tag = tags.pop()
        thing.RemoveObserver(tag)
