"""Which widgets beside Qt's own exist here, by the name that a .ui file and a module use."""

from __future__ import annotations

from . import ctkwidgets, modules, mrmlwidgets, segmenteditor, views

NATIVE: dict[str, type] = {
    **ctkwidgets.CLASSES,
    **mrmlwidgets.CLASSES,
    **views.CLASSES,
    **modules.CLASSES,
    **segmenteditor.CLASSES,
}
"""Class name -> the host's widget."""
