"""CTK's widgets that a module meets: same properties, signals and methods, plainer looks.

Names come from CTK's headers; helpers begin with an underscore, which `instances` never shows to a module.
`_cpp` marks a class as wrapped, and lists signals whose C++ type Python cannot spell.
"""

from __future__ import annotations

import enum
from typing import Any

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Qt, Signal, Slot

from . import dialogs
from .collapsible import ctkCollapsibleButton, ctkCollapsibleGroupBox


class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text of its own while nothing is chosen."""

    _cpp = ()

    class ScrollEffect(enum.IntEnum):
        NeverScroll = 0
        AlwaysScroll = 1
        ScrollWithFocus = 2
        ScrollWithNoVScrollBar = 3

    NeverScroll, AlwaysScroll, ScrollWithFocus, ScrollWithNoVScrollBar = ScrollEffect

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._text, self._forced, self._scroll = "", False, 1

    def _setDefaultText(self, text: str) -> None:
        self._text = text
        self.setPlaceholderText(text)

    def _force(self, forced: bool) -> None:
        self._forced = forced

    def _setScroll(self, effect: int) -> None:
        self._scroll = effect

    defaultText = Property(str, lambda self: self._text, _setDefaultText)
    forceDefault = Property(bool, lambda self: self._forced, _force)
    scrollWheelEffect = Property(int, lambda self: self._scroll, _setScroll)
    currentUserDataAsString = Property(
        str,
        lambda self: str(self.currentData() or ""),
        lambda self, text: self.setCurrentIndex(self.findData(text)),
    )


class ctkPathLineEdit(QtWidgets.QWidget):
    """A path with a history and a browse button."""

    _cpp = ()
    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)

    class Filter(enum.IntFlag):
        Dirs = 0x001
        Files = 0x002
        Drives = 0x004
        NoSymLinks = 0x008
        AllEntries = 0x007
        Readable = 0x010
        Writable = 0x020
        Executable = 0x040
        Modified = 0x080
        Hidden = 0x100
        System = 0x200
        AllDirs = 0x400
        CaseSensitive = 0x800
        NoDotAndDotDot = 0x1000
        NoDot = 0x2000
        NoDotDot = 0x4000

    Dirs, Files, Drives, Readable, Writable = Filter.Dirs, Filter.Files, Filter.Drives, Filter.Readable, Filter.Writable
    Executable, Hidden, NoDot, NoDotDot = Filter.Executable, Filter.Hidden, Filter.NoDot, Filter.NoDotDot
    NoDotAndDotDot, AllEntries = Filter.NoDotAndDotDot, Filter.AllEntries
    QtCore.QFlag(Filter)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._label, self._names, self._key, self._kinds, self._valid = "", [], "", self.AllEntries, False
        self._box = QtWidgets.QComboBox(self)
        self._box.setEditable(True)
        self._box.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._button = QtWidgets.QToolButton(self)
        self._button.setText("...")
        self._button.clicked.connect(self.browse)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        layout.addWidget(self._button)
        self._box.editTextChanged.connect(self._changed)

    def _changed(self, path: str) -> None:
        """An empty path is no valid one: of it no currentPathChanged tells."""
        before, self._valid = self._valid, bool(path)
        if self._valid:
            self.currentPathChanged.emit(path)
        if self._valid != before:
            self.validInputChanged.emit(self._valid)

    def _getPath(self) -> str:
        return self._box.currentText()

    @Slot(str)
    def setCurrentPath(self, path: str) -> None:
        self._box.setEditText(path)

    @Slot()
    def browse(self) -> None:
        folders = bool(self._kinds & self.Dirs) and not self._kinds & self.Files
        if folders:
            path = dialogs.file_dialog("getExistingDirectory", self._label or "Select a folder")
        else:
            kind = "getSaveFileName" if self._kinds & self.Writable else "getOpenFileName"
            path = dialogs.file_dialog(kind, self._label or "Select a file")
        if path:
            self.setCurrentPath(path)

    @Slot()
    def addCurrentPathToHistory(self) -> None:
        if not self._key or not self._getPath():
            return
        settings = QtCore.QSettings()
        known = settings.value(self._key) or []
        known = [known] if isinstance(known, str) else list(known)
        settings.setValue(self._key, [self._getPath(), *(item for item in known if item != self._getPath())])

    @Slot()
    def retrieveHistory(self) -> None:
        known = QtCore.QSettings().value(self._key) or []
        path = self._getPath()
        self._box.blockSignals(True)
        self._box.clear()
        self._box.addItems([known] if isinstance(known, str) else list(known))
        self._box.setEditText(path)
        self._box.blockSignals(False)

    def comboBox(self) -> QtWidgets.QComboBox:
        return self._box

    def _setLabel(self, label: str) -> None:
        self._label = label

    def _setNameFilters(self, filters: list[str]) -> None:
        self._names = list(filters)

    def _setFilters(self, filters: int) -> None:
        self._kinds = self.Filter(int(filters))

    def _setSettingKey(self, key: str) -> None:
        self._key = key
        self.retrieveHistory()

    def _setShowBrowseButton(self, visible: bool) -> None:
        self._button.setVisible(visible)

    def _setShowHistoryButton(self, visible: bool) -> None:
        self._history = visible

    _history = True
    currentPath = Property(str, _getPath, setCurrentPath, user=True)
    label = Property(str, lambda self: self._label, _setLabel)
    nameFilters = Property("QStringList", lambda self: self._names, _setNameFilters)
    filters = Property(int, lambda self: int(self._kinds), _setFilters)
    settingKey = Property(str, lambda self: self._key, _setSettingKey)
    showBrowseButton = Property(bool, lambda self: self._button.isVisibleTo(self), _setShowBrowseButton)
    showHistoryButton = Property(bool, lambda self: self._history, _setShowHistoryButton)
    minimumContentsLength = Property(
        int,
        lambda self: self._box.minimumContentsLength(),
        lambda self, value: self._box.setMinimumContentsLength(value),
    )


class ctkDirectoryButton(QtWidgets.QWidget):
    """A button that shows a folder and asks for another."""

    _cpp = ()
    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, directory: Any = None, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent if isinstance(directory, str) or directory is None else directory)
        self._directory, self._caption = directory if isinstance(directory, str) else "", ""
        self._button = QtWidgets.QPushButton(self._directory, self)
        self._button.clicked.connect(self.browse)
        QtWidgets.QVBoxLayout(self).addWidget(self._button)

    @Slot()
    def browse(self) -> str:
        path = dialogs.file_dialog("getExistingDirectory", self._caption)
        if path:
            self.directorySelected.emit(path)
            self._setDirectory(path)
        return path

    def _setDirectory(self, path: str) -> None:
        if path != self._directory:
            self._directory = path
            self._button.setText(path)
            self.directoryChanged.emit(path)

    def _setCaption(self, caption: str) -> None:
        self._caption = caption

    directory = Property(str, lambda self: self._directory, _setDirectory, user=True)
    caption = Property(str, lambda self: self._caption, _setCaption)


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider and a spin box for one number."""

    _cpp = ()
    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    decimalsChanged = Signal(int)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(Qt.Orientation.Horizontal, self)
        self._spin = QtWidgets.QDoubleSpinBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spin)
        self._tracking, self._page, self._popup = True, 10.0, False
        self._spin.setRange(0.0, 99.0)
        self._spin.valueChanged.connect(self._changed)
        self._slider.valueChanged.connect(lambda step: self.setValue(self._low() + step * self._spin.singleStep()))

    def _low(self) -> float:
        return self._spin.minimum()

    def _changed(self, value: float) -> None:
        self._slider.blockSignals(True)
        self._slider.setRange(0, round((self._spin.maximum() - self._low()) / self._spin.singleStep()))
        self._slider.setValue(round((value - self._low()) / self._spin.singleStep()))
        self._slider.blockSignals(False)
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    @Slot(float)
    def setValue(self, value: float) -> None:
        self._spin.setValue(value)

    @Slot()
    def reset(self) -> None:
        self.setValue(self._low())

    def _setRange(self, low: float, high: float) -> None:
        self._spin.setRange(low, high)

    def _setMinimum(self, low: float) -> None:
        self._spin.setMinimum(low)

    def _setMaximum(self, high: float) -> None:
        self._spin.setMaximum(high)

    def _setSingleStep(self, step: float) -> None:
        self._spin.setSingleStep(step)

    def _setPageStep(self, step: float) -> None:
        self._page = step

    @Slot(int)
    def setDecimals(self, decimals: int) -> None:
        self._spin.setDecimals(decimals)
        self.decimalsChanged.emit(decimals)

    def _setPrefix(self, text: str) -> None:
        self._spin.setPrefix(text)

    def _setSuffix(self, text: str) -> None:
        self._spin.setSuffix(text)

    def _setTracking(self, tracking: bool) -> None:
        self._tracking = tracking

    @Slot(bool)
    def setSpinBoxVisible(self, visible: bool) -> None:
        self._spin.setVisible(visible)

    value = Property(float, lambda self: self._spin.value(), setValue, user=True)
    minimum = Property(float, lambda self: self._spin.minimum(), _setMinimum)
    maximum = Property(float, lambda self: self._spin.maximum(), _setMaximum)
    singleStep = Property(float, lambda self: self._spin.singleStep(), _setSingleStep)
    pageStep = Property(float, lambda self: self._page, _setPageStep)
    decimals = Property(int, lambda self: self._spin.decimals(), setDecimals)
    prefix = Property(str, lambda self: self._spin.prefix(), _setPrefix)
    suffix = Property(str, lambda self: self._spin.suffix(), _setSuffix)
    tracking = Property(bool, lambda self: self._tracking, _setTracking)
    spinBoxVisible = Property(bool, lambda self: self._spin.isVisibleTo(self), setSpinBoxVisible)


class ctkMenuButton(QtWidgets.QPushButton):
    """A push button with a separate arrow for its menu."""

    _cpp = ()


class ctkPushButton(QtWidgets.QPushButton):
    """A push button with a choice of alignment."""

    _cpp = ()


class ctkCheckBox(QtWidgets.QCheckBox):
    """A check box with an icon."""

    _cpp = ()


class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as high as its text."""

    _cpp = ()

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._shut = False
        self.textChanged.connect(self.updateGeometry)

    def _setCollapsed(self, collapsed: bool) -> None:
        self._shut = collapsed

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(200, round(self.document().size().height()) + 6)

    minimumSizeHint = sizeHint
    collapsed = Property(bool, lambda self: self._shut, _setCollapsed)


class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box that can remember its answer."""

    _cpp = ()

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self._key, self._visible = "", False

    def _setDontShowAgainSettingsKey(self, key: str) -> None:
        self._key = key

    def _setDontShowAgainVisible(self, visible: bool) -> None:
        self._visible = visible

    def addDontShowAgainButtonRole(self, role: object) -> None:
        pass

    dontShowAgainSettingsKey = Property(str, lambda self: self._key, _setDontShowAgainSettingsKey)
    dontShowAgainVisible = Property(bool, lambda self: self._visible, _setDontShowAgainVisible)


CLASSES = {
    cls.__name__: cls
    for cls in (
        ctkCheckBox,
        ctkCollapsibleButton,
        ctkCollapsibleGroupBox,
        ctkComboBox,
        ctkDirectoryButton,
        ctkFittedTextBrowser,
        ctkMenuButton,
        ctkMessageBox,
        ctkPathLineEdit,
        ctkPushButton,
        ctkSliderWidget,
    )
}
"""All that `ctk` has here."""
