"""Puts the stand-ins where a module imports them: `qt`, `ctk`, `slicer.*`.

`slicer.util` is the real file, out of slicer-core. With SLICER_PYTHON set to the Base/Python folder of a Slicer
source tree, the application's own ScriptedLoadableModule, i18n and parameterNodeWrapper are used in place of the
stand-ins: the same tests must pass both ways. `slicer.packaging` is always the stand-in: tests install nothing.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path
from typing import Any

import slicer
import slicer.util  # noqa: F401  the real one

from . import application, editoreffects, instances, mrmlwidgets, qtmodule, segmenteditor, values

STANDINS = {
    "i18n": "i18n",
    "ScriptedLoadableModule": "scripted",
    "parameterNodeWrapper": "parameters",
    "packaging": "packaging",
}
"""slicer.NAME -> the room here that stands in for it."""

EFFECT_CLASSES = "qSlicerSegmentationsEditorEffectsPythonQt"

ABSENT = ("qMRMLSliderWidget", "qMRMLSpinBox", "qMRMLRangeWidget")


def install() -> Any:
    """Make everything importable, once a process; returns the native application."""
    if "qt" in sys.modules and hasattr(slicer, "app"):
        return values.unwrap(slicer.app)
    _shield_singletons()
    sys.modules["qt"] = qtmodule.make_qt()
    sys.modules["ctk"] = qtmodule.make_ctk()
    native = application.application()
    slicer.app = values.wrap(native)
    for name in ("modules", "moduleNames"):
        room = types.ModuleType(name)
        sys.modules[f"slicer.{name}"] = room
        setattr(slicer, name, room)
    editor = {**segmenteditor.CLASSES, **editoreffects.CLASSES}
    for name, cls in {**mrmlwidgets.CLASSES, **application.WIDGET_CLASSES, **editor}.items():
        setattr(slicer, name, instances.class_for(cls))
    _editor_modules()
    for name in STANDINS:
        room = _real(name) or importlib.import_module(f"{__package__}.{STANDINS[name]}")
        sys.modules[f"slicer.{name}"] = room
        setattr(slicer, name, room)
    return native


def _editor_modules() -> None:
    """What an effect of the Segment Editor imports."""
    classes = types.ModuleType(EFFECT_CLASSES)
    for name, cls in editoreffects.CLASSES.items():
        setattr(classes, name, instances.class_for(cls))
    sys.modules[EFFECT_CLASSES] = classes
    sys.modules["SegmentEditorEffects"] = importlib.import_module(f"{__package__}.effectbase")


def _shield_singletons() -> None:
    """Give True, False and None references to spare.

    PySide6 6.12 loses some of theirs when signals are emitted and item data are set; before Python 3.12, where these
    three never die, that ends in "deallocating True or False".
    """
    if sys.version_info < (3, 12):
        for value in (True, False, None):
            ctypes.c_ssize_t.from_address(id(value)).value += 1 << 40


def _real(name: str) -> types.ModuleType | None:
    """The application's own file for slicer.NAME, when a source tree is given."""
    folder = os.environ.get("SLICER_PYTHON")
    if not folder or name == "packaging":
        return None
    root = Path(folder) / "slicer"
    path = root / name / "__init__.py" if (root / name).is_dir() else root / f"{name}.py"
    spec = importlib.util.spec_from_file_location(
        f"slicer.{name}", path, submodule_search_locations=[str(root / name)] if (root / name).is_dir() else None
    )
    if spec is None or spec.loader is None or not path.is_file():
        return None
    room = importlib.util.module_from_spec(spec)
    sys.modules[f"slicer.{name}"] = room
    _beside(name)
    spec.loader.exec_module(room)
    return room


def _beside(name: str) -> None:
    """The real guiConnectors name widgets that the host has no use for: empty classes of those names."""
    if name != "parameterNodeWrapper":
        return
    for missing in ABSENT:
        if not hasattr(slicer, missing):
            setattr(slicer, missing, type(missing, (), {}))
    ctk = sys.modules["ctk"]
    for missing in (
        "ctkCheckablePushButton",
        "ctkRangeWidget",
        "ctkDoubleRangeSlider",
        "ctkDoubleSlider",
        "ctkDoubleSpinBox",
        "ctkColorPickerButton",
    ):
        if not hasattr(ctk, missing):
            setattr(ctk, missing, type(missing, (), {}))
