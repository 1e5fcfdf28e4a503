"""Fixtures of the module's tests: the stand-in application with the unchanged module in it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed (pip install slicer-core)")
pytest.importorskip("PySide6", reason="PySide6 is not installed (pip install PySide6-Essentials)")

from host import SlicerHost  # noqa: E402
from modulethings import ScriptedRunner, write_head  # noqa: E402

if sys.version_info < (3, 12):
    # These are immortal since Python 3.12 (Slicer's). Before, the wrappers of MRML and Qt give back more references to
    # them than they took, which ends a long run of tests with a crash.
    for _each in range(500_000):
        for _constant in (None, True, False):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(_constant))


@pytest.fixture
def a_host(empty_home: Path) -> Iterator[SlicerHost]:
    """The application with the panel open, all packages said to be installed, an empty home and no starter head.

    Reloading the module loads the library anew; afterwards it is again the one that the tests have imported.
    """
    library = {name: module for name, module in sys.modules.items() if _is_library(name)}
    with SlicerHost() as host:
        packages = host.widget.panel.services.packages
        packages.missing = list
        packages.samMissing = lambda: False
        offer_built_in(host)
        yield host
    if any(sys.modules.get(name) is not module for name, module in library.items()):
        for name in [name for name in sys.modules if _is_library(name)]:
            del sys.modules[name]
        sys.modules.update(library)


def offer_built_in(host: SlicerHost, *folders: Path) -> None:
    """Let the panel's library offer the heads of these folders beside the user's own, with none chosen yet."""
    library = host.widget.panel.services.library
    library._built_in, library._places = folders, []
    host.widget._parameterNode.head = ""
    host.widget.panel.refresh()


def _is_library(name: str) -> bool:
    return name == "SAMAdaptLib" or name.startswith("SAMAdaptLib.")


@pytest.fixture
def a_runner(a_host: SlicerHost) -> ScriptedRunner:
    """Whoever does the panel's jobs: nobody but the test."""
    runner = ScriptedRunner()
    a_host.logic._runner = runner
    return runner


@pytest.fixture
def a_head(empty_home: Path) -> Path:
    """A head called Heart in the library."""
    return write_head(empty_home / "heads" / "Heart.samhead")


@pytest.fixture
def a_volume(a_host: SlicerHost) -> Any:
    """A volume node in the scene, chosen in the panel."""
    from SAMAdaptLib.mrml.selftest import addPhantom

    node, _labels = addPhantom("Patient A")
    a_host.widget._parameterNode.inputVolume = node
    return node


@pytest.fixture
def a_case(a_host: SlicerHost) -> tuple[Any, Any]:
    """An annotated volume, in the first row of the training cases."""
    from SAMAdaptLib.mrml.selftest import addAnnotation, addPhantom

    volume, labels = addPhantom("Patient A")
    segmentation = addAnnotation(volume, labels, "A drawn")
    row = a_host.widget._parameterNode.trainingCases[0]
    row.volume, row.segmentation = volume, segmentation
    a_host.ui.trainCollapsibleButton.collapsed = False
    a_host.widget.panel.refresh()
    a_host.spin(timeout=0.2)
    return volume, segmentation
