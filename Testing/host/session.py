"""SlicerHost: one run of the stand-in application, as tests use it."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from . import application, dialogs, editoreffects, faults, install, modules, mrmlsession, values, views

ROOT = Path(__file__).resolve().parents[2]
STANDINS = Path(__file__).resolve().parent / "standins"
MODULE = ROOT / "SAMAdapt" / "SAMAdapt.py"


class Pause:
    """The longest time in seconds between two beats of a timer that wants one every few milliseconds."""

    def __init__(self, every: int = 2) -> None:
        self.longest, self._last = 0.0, time.perf_counter()
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._every = every
        self.told: Callable[[], None] | None = None
        """Who else wants to hear each beat."""

    def start(self) -> None:
        """Begin anew."""
        self.longest, self._last = 0.0, time.perf_counter()
        self._timer.start(self._every)

    def stop(self) -> None:
        """The time since the last beat counts too."""
        if self._timer.isActive():
            self._beat()
            self._timer.stop()

    def idle(self) -> None:
        """The event loop is not running now by the test's own doing: that time does not count."""
        self._last = time.perf_counter()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last - self._every / 1000)
        self._last = now
        if self.told is not None:
            self.told()


class SlicerHost:
    """The application with one scripted module in it; a context manager."""

    def __init__(self, path: str | Path = MODULE, *, window: bool = True, enter: bool = True) -> None:
        self.path, self._enter = Path(path), enter
        self.native = install.install()
        self.slicer, self.qt, self.ctk = slicer, sys.modules["qt"], sys.modules["ctk"]
        self.name = self.path.stem
        self._withWindow = window
        self._pause = Pause()
        self.restarts = self.openedExtensionsManager = 0
        self.extensions = application.qSlicerExtensionsManagerModel(self.native)
        self._left = True

    # life

    def __enter__(self) -> SlicerHost:
        dialogs.forget()
        faults.taken()
        self.pip.forget()
        self._left = False
        self._hook, sys.excepthook = sys.excepthook, faults.hook
        self.native._testing = False
        self.native._settings.clear()
        QtCore.QSettings().clear()
        self.native._session = self
        self._mrml = mrmlsession.MrmlSession(self.native._temporary)
        self.applicationLogic = self._mrml.applicationLogic
        self.layoutManager = views.qSlicerLayoutManager(self.native)
        self.layoutManager._open(self.applicationLogic)
        self.moduleManager = modules.qSlicerModuleManager(self.native)
        self.ioManager = application.qSlicerIOManager(self.native)
        for name, logic in self._mrml.logics.items():
            self.moduleManager._add(modules.qSlicerLoadableModule(name, logic))
        self.mainWindow = application.qSlicerMainWindow(self.moduleManager) if self._withWindow else None
        self._scripted(STANDINS / "SegmentEditor.py")
        self._module = self._scripted(self.path)
        self.native.startupCompleted.emit()
        if self.mainWindow is not None:
            self.mainWindow.show()
        if self._enter:
            self.open()
        self._pause.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.quit()
        left = faults.taken()
        if left and kind is None:
            raise AssertionError("the module did wrong where nobody could catch it:\n" + "\n".join(left))

    def _scripted(self, path: Path) -> modules.qSlicerScriptedLoadableModule:
        """Load a scripted module anew, as at the application's start."""
        sys.modules.pop(path.stem, None)
        module = modules.qSlicerScriptedLoadableModule(self.native)
        module._load(str(path))
        self.moduleManager._add(module)
        return module

    def open(self) -> None:
        """Choose the module: its panel is built (setup) and entered."""
        if self.mainWindow is not None:
            self.mainWindow.moduleSelector().selectModule(self.name)
        elif self._module.widgetRepresentation() is not None:
            self._module.widgetRepresentation().enter()
        self.native.processEvents()

    def quit(self) -> None:
        """What the application does when it is left: exit, cleanup, aboutToQuit, then widgets and scene go.

        The application's own slot of aboutToQuit, which unloads the modules, is the first that was connected.
        """
        if self._left:
            return
        self._left = True
        self._pause.stop()
        panel = self._module._widget
        if panel is not None and panel._entered:
            panel.exit()
        for name in self.moduleManager.modulesNames():
            self.moduleManager.moduleAboutToBeUnloaded.emit(name)
        self.native.aboutToQuit.emit()
        if self.mainWindow is not None:
            self.mainWindow.close()
            self.mainWindow.deleteLater()
        if panel is not None:
            panel.deleteLater()
        editoreffects.qSlicerSegmentEditorEffectFactory._forget()
        self._mrml.close()
        for manager in (self.layoutManager, self.moduleManager, self.ioManager, self._module):
            manager.deleteLater()
        for name in [name for name in vars(slicer.modules) if not name.startswith("__")]:
            delattr(slicer.modules, name)
        self.native.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)
        self.native.processEvents()
        gc.collect()
        sys.excepthook = self._hook

    # what is there

    @property
    def module(self) -> Any:
        """The instance of the module's class."""
        return self._module._self

    @property
    def panel(self) -> Any:
        """The native widget that the application owns and the module's widget builds into."""
        return self._module.widgetRepresentation()

    @property
    def widget(self) -> Any:
        """The instance of the module's widget class."""
        return self.panel.self()

    @property
    def logic(self) -> Any:
        """`slicer.util.getModuleLogic(name)`."""
        return slicer.util.getModuleLogic(self.name)

    @property
    def ui(self) -> Any:
        """The named widgets of the panel."""
        return slicer.util.childWidgetVariables(values.wrap(self.panel))

    @property
    def scene(self) -> Any:
        """slicer.mrmlScene."""
        return slicer.mrmlScene

    @property
    def messages(self) -> list[dialogs.Message]:
        """Every dialog so far."""
        return dialogs.messages

    @property
    def faults(self) -> tuple[str, ...]:
        """Faults that nobody has taken."""
        return faults.seen()

    def forgive(self) -> list[str]:
        """Take the faults: they are expected."""
        return faults.taken()

    @property
    def pip(self) -> Any:
        """The stand-in for slicer.packaging: `asked`, `missing`, `present`, `failure`."""
        return sys.modules["slicer.packaging"]

    def answer(self, kind: str, value: Any) -> None:
        """What the next dialog of this kind is answered."""
        dialogs.answer(kind, value)

    def testing(self, on: bool) -> None:
        """Testing mode."""
        self.native._testing = on

    # what a person does

    def find(self, name: str) -> Any:
        """A widget of the panel or of a dialog by its object name, wrapped."""
        return values.wrap(self._find(name))

    def _find(self, name: str) -> Any:
        for top in (self.panel, *QtWidgets.QApplication.topLevelWidgets()):
            found = [item for item in (top, *top.findChildren(QtWidgets.QWidget)) if item.objectName() == name]
            if found:
                # a reload only hides the widgets of before: the last one is the one in use
                return next((item for item in reversed(found) if not item.isHidden()), found[-1])
        msg = f"no widget is called {name}"
        raise LookupError(msg)

    def click(self, name: str | Any) -> None:
        """Press a button with the mouse; a button that cannot be pressed is an error."""
        native = self._find(name) if isinstance(name, str) else values.unwrap(name)
        if not native.isEnabled():
            msg = f"{native.objectName()} is disabled: {native.toolTip() or 'and says not why'}"
            raise AssertionError(msg)
        if native.isHidden():
            msg = f"{native.objectName()} is hidden"
            raise AssertionError(msg)
        self._pause.idle()
        spot = QtCore.QPoint(8, 8) if isinstance(native, QtWidgets.QCheckBox) else native.rect().center()
        if type(native).__name__ == "ctkCollapsibleButton":
            spot = QtCore.QPoint(8, 8)
        QtTest.QTest.mouseClick(native, QtCore.Qt.MouseButton.LeftButton, pos=spot)

    def type(self, name: str, text: str) -> None:
        """Type a text into a line, in place of what is there, key by key, and leave the line."""
        native = self._find(name)
        native.setFocus()
        native.selectAll()
        for key in text:
            QtTest.QTest.keyClick(native, key)
            self.spin(timeout=0.01)
        QtTest.QTest.keyClick(native, QtCore.Qt.Key.Key_Return)

    def choose(self, name: str | Any, text: str) -> None:
        """Choose an entry of a combo box by its text, as a person does (it also activates)."""
        native = self._find(name) if isinstance(name, str) else values.unwrap(name)
        box = native if isinstance(native, QtWidgets.QComboBox) else native.findChild(QtWidgets.QComboBox)
        row = box.findText(text)
        if row < 0:
            msg = f"{name} has {[box.itemText(n) for n in range(box.count())]}, not {text!r}"
            raise LookupError(msg)
        box.setCurrentIndex(row)
        box.activated.emit(row)

    def spin(self, until: Callable[[], Any] | None = None, timeout: float = 10.0, interval: float = 0.002) -> Any:
        """Run the event loop until the condition holds; without one, for `timeout` seconds."""
        end = time.perf_counter() + timeout
        self._pause.idle()
        loop = QtCore.QEventLoop()
        while True:
            value = until() if until is not None else None
            if value:
                return value
            if time.perf_counter() > end:
                if until is None:
                    return None
                msg = f"not within {timeout} s; dialogs so far: {[m.text for m in self.messages]}"
                raise TimeoutError(msg)
            QtCore.QTimer.singleShot(max(1, int(interval * 1000)), loop.quit)
            loop.exec()

    @property
    def longestPause(self) -> float:
        """Seconds: the longest pause of the event loop since the panel was opened or `resetPause`."""
        return self._pause.longest

    def resetPause(self) -> None:
        """Measure `longestPause` from now on."""
        self._pause.start()

    @contextlib.contextmanager
    def watch(self) -> Iterator[Pause]:
        """Measure the longest pause within a block; spin in it."""
        pause = Pause()
        pause.start()
        try:
            yield pause
        finally:
            pause.stop()

    def load(self, path: str | Path, **keywords: Any) -> Any:
        """A volume or a segmentation from a file."""
        loader = slicer.util.loadSegmentation if str(path).endswith(".seg.nrrd") else slicer.util.loadVolume
        return loader(str(path), keywords) if keywords else loader(str(path))

    def closeScene(self) -> None:
        """File / Close scene."""
        slicer.mrmlScene.Clear(0)
        self.native.processEvents()

    def reload(self) -> None:
        """The Reload button of developer mode."""
        self.widget.onReload()
        self.native.processEvents()

    def select(self, name: str) -> None:
        """Change to another module, or back."""
        slicer.util.selectModule(name)
        self.native.processEvents()

    def grab(self, path: str | Path, widget: str | None = None, width: int = 460) -> Path:
        """A picture of the whole panel at the given width (of one widget: as it is)."""
        native = self._find(widget) if widget else self.panel
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._pause.idle()
        if widget is None and self.mainWindow is not None:
            self.mainWindow._fit(width, native.sizeHint().height())
        self.spin(timeout=0.05)
        picture: QtGui.QPixmap = native.grab()
        if widget is None:
            picture = picture.copy(0, 0, picture.width(), min(picture.height(), native.sizeHint().height() + 4))
        if not picture.save(str(target)):
            msg = f"could not write {target}"
            raise OSError(msg)
        return target
