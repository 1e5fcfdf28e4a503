"""A stand-in for the Slicer application that loads an unchanged scripted module and its .ui file.

    from host import SlicerHost

    with SlicerHost() as host:                 # fresh scene; loads SAMAdapt/SAMAdapt.py, opens its panel
        volume = host.load(path)               # slicer.util.loadVolume
        host.ui.inputSelector.setCurrentNode(volume)
        host.click("applyButton")
        host.spin(until=lambda: not host.widget.busy, timeout=60)
        host.grab("panel.png")

What is real: MRML, its logics and `slicer.util` (slicer-core), Qt widgets, layouts, events, timers and the loader
of .ui files (PySide6, offscreen). What is written here: PythonQt's face of them (`instances`, `properties`, `signals`,
`calls`, `values`, `qtmodule`), CTK's and MRML's widgets (`ctkwidgets`, `nodeselectors`, `mrmlwidgets`, `views`), the
application object (`application`, `modules`), the base classes (`scripted`), the parameter node wrapper (`parameters`),
`slicer.packaging` and `slicer.i18n`. A name that the application lacks raises AttributeError, as there. What PythonQt
only prints (a fault in a slot, an unknown signal, an unknown widget or property in a .ui file) is kept in `faults` and
raised when the host is left.

Known not to be as in the application: nothing is drawn in the slice and 3D views; terminologies and colour tables are
not loaded (their files are the application's); of CTK's and Slicer's widgets only those in the tables `CLASSES` exist,
with the part of their faces that is written there; the C++ overload that PythonQt would pick is Qt's own choice here,
and its silent conversions (a number for a text) are refused; no developer mode, no translation; pip is never run.
With SLICER_PYTHON set to Base/Python of a Slicer source tree, that tree's own base classes and parameter node wrapper
run on the host in place of `scripted`, `parameters` and `i18n`.

Public face of SlicerHost:
  host.slicer / host.qt / host.ctk      the modules as SAMAdapt.py sees them
  host.module, host.widget, host.logic  its Python objects; host.ui: named widgets of the panel
  host.find(name)                       a wrapped widget by object name; host.click(name) clicks it with the mouse
  host.spin(until, timeout, interval)   runs the event loop; TimeoutError when `until` stays false
  host.watch()                          with host.watch() as pause: ...; pause.longest in seconds (heartbeat timer)
  host.longestPause                     the longest pause of the event loop since the panel was opened
  host.messages, host.answer(kind, v)   dialogs are recorded and answered: kinds are critical, warning, information,
                                        question, getOpenFileName, getSaveFileName, getExistingDirectory, getText, menu
  host.load(path), host.closeScene(), host.reload(), host.quit(), host.grab(path, widget=None)
  host.select(name)                     changes to another module (SegmentEditor is there as a stand-in) and back
  host.faults                           what went wrong where nobody could catch it (host.forgive() takes them)
  host.extensions, host.restarts        the extensions manager's model; how often a restart was asked for
  host.testing(True)                    slicer.app.testingEnabled()
  host.pip                              slicer.packaging's stand-in: asked (what pip got), missing, present, failure
  host.choose(name, text)               chooses an entry of a combo box as a person does; host.type(name, text) types
"""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from .session import SlicerHost

__all__ = ["SlicerHost"]
